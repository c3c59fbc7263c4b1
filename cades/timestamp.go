package cades

import (
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/tsp"
)

// TimestampKind says what a time-stamp of a signature is over.
type TimestampKind int

// Kinds of time-stamps.
const (
	ContentTimestamp    = TimestampKind(message.ContentTimestamp)    // the content, made before it was signed
	SignatureTimestamp  = TimestampKind(message.SignatureTimestamp)  // the signature value
	CTimestamp          = TimestampKind(message.CTimestamp)          // the signature value, its time-stamps and the references (RFC 5126 section 6.3.5)
	ReferencesTimestamp = TimestampKind(message.ReferencesTimestamp) // the references (RFC 5126 section 6.3.6)
	ArchiveTimestampV1  = TimestampKind(message.ArchiveTimestampV1)  // everything, as RFC 3126 had it
	ArchiveTimestampV2  = TimestampKind(message.ArchiveTimestampV2)  // everything (RFC 5126 section 6.4.1)
	ArchiveTimestampV3  = TimestampKind(message.ArchiveTimestampV3)  // everything that its hash index lists (EN 319 122-1 section 5.5.3)
)

// String is the name of the attribute.
func (k TimestampKind) String() string { return message.Kind(k).String() }

// Timestamp is a time-stamp of a signature.
type Timestamp struct {
	Kind  TimestampKind
	Token *tsp.Token // nil when it cannot be read
	Err   error      // why
}

// Timestamps returns the time-stamps of the signature, in the order in which they stand there: those on the content
// first, which are signed.
func (s *Signature) Timestamps() []Timestamp {
	var all []Timestamp
	for _, t := range s.in.Timestamps() {
		one := Timestamp{Kind: TimestampKind(t.Kind)}
		one.Token, one.Err = tsp.ParseToken(t.Value.Raw())
		all = append(all, one)
	}
	return all
}
