// Package audit keeps a record of who signed what with which key: digests, never contents.
//
// A [Log] is a file of records, one a line, each with the hash of the one before it, so that a line that was changed,
// removed or put in is noticed by [Verify].
package audit

import (
	"context"
	"time"
)

// Record is one entry: what one request, or a part of a long one, did with one key.
type Record struct {
	Time      time.Time // set by the log when zero
	Event     string    // "sign", "extend", "start", "stop", "reload"
	RequestID string
	Principal string
	Remote    string // address of the caller
	Endpoint  string // "POST /v2/sign"

	Key        string // its name
	Thumbprint string // of its certificate
	Level      string
	Attached   bool
	Hash       string // of the digests: "SHA-256"
	Items      []Item
	Detail     string
}

// Item is one content of a request.
type Item struct {
	Index  int
	Name   string // as the caller gave it; may be empty
	Digest []byte // of the content; empty when it failed before that
	Err    string // why there is no signature; empty when there is one
}

// Recorder keeps records. When Record returns nil, the record is kept; a signature is handed out only then. It is safe
// for concurrent use.
type Recorder interface {
	Record(ctx context.Context, r *Record) error
}
