// Package pades makes and checks what stands in the /Contents of a signed PDF: the CMS of PAdES (EN 319 142-1), and document
// time-stamps. It knows octets and not PDF: a library for PDF writes the document with a hole where the signature will be, and says
// where the hole is (/ByteRange, ISO 32000-2 section 12.8).
//
//	room, err := pades.Estimate(signer, o)                 // how large the hole has to be
//	…                                                     // the library writes the document, with /Contents <0000…>
//	s, err := pades.Open(file, size, pades.ByteRange{0, 840, 16842, 512})
//	cms, err := s.Sign(ctx, signer, o)
//	err = s.Fill(file, cms)                               // or s.Hex(cms), where the library wants to write it
//
//	report, err := s.Verify(ctx, &cades.VerifyOptions{Roots: roots})
//	if report.Trusted() { … }
//
// The module examples/pades does this with github.com/pdfcpu/pdfcpu. Many documents are a batch, with an *[Options] as its format and
// [Section.Content] as contents.
//
// # What is here, and what is not
//
// Levels B-B and B-T are made and checked here. B-LT and B-LTA are made of what stands beside the signature in the document: a /DSS
// dictionary and document time-stamps. [Collect] gives the certificates, CRLs and OCSP responses for a /DSS, [Section.Timestamp] the
// token of a document time-stamp; the dictionaries are written by the library for PDF. Whether the objects of a document say what a person
// sees, or what a later revision changed, is nothing that octets tell.
package pades

import (
	"context"
	"fmt"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
)

// What a signature dictionary says as /SubFilter.
const (
	SubFilter          = "ETSI.CAdES.detached" // of a signature (EN 319 142-1 section 6.3 (l))
	TimestampSubFilter = "ETSI.RFC3161"        // of a document time-stamp (section 5.4.3)
)

// Options says what a signature is to be. The zero value, and nil, is B-B. Options are a [sign.Format]. They are not modified.
type Options struct {
	// Signature says the level, BES (B-B) or T (B-T), and signed attributes; nil is BES. What a PDF has places of its own for, or
	// EN 319 142-1 forbids, is refused: Attached, ContentType, MimeType, ContentHints, ContentIdentifier and Location. SigningTime is not
	// written; it says whether the certificate is valid then, and /M of the document should say the same. With a policy or
	// commitments the document may have no /Reason (section 6.3 (m)).
	Signature *cades.Options
	// TimestampRoom is what [Estimate] reserves for a time-stamp: octets, 0 is [DefaultTimestampRoom].
	TimestampRoom int
}

// DefaultTimestampRoom is larger than what most authorities send: three certificates of 2 KiB, a signature by RSA-4096, and more.
const DefaultTimestampRoom = 10 << 10

// options are those for package cades.
func (o *Options) options() (*cades.Options, error) {
	own := cades.Options{}
	if o != nil && o.Signature != nil {
		own = *o.Signature
	}
	if level := own.EffectiveLevel(); level != cades.LevelBES && level != cades.LevelT {
		return nil, badInput("in a PDF a CMS is at B-B or B-T (cades.LevelBES, cades.LevelT), and not at %s: what makes B-LT and B-LTA stands in the document, see Collect and Timestamp", level)
	}
	for _, c := range []struct {
		set  bool
		name string
	}{
		{own.Attached, "Attached"}, {own.ContentType != "", "ContentType"}, {own.MimeType != "", "MimeType"}, {own.ContentHints != nil, "ContentHints"},
		{len(own.ContentIdentifier) != 0, "ContentIdentifier"}, {own.Location != nil, "Location"},
	} {
		if c.set {
			return nil, badInput("%s has no place in the CMS of a PDF; leave it out", c.name)
		}
	}
	own.NoSigningTime = true
	return &own, nil
}

func badInput(format string, args ...any) error {
	return &sign.Error{Op: "pades", Class: sign.ErrInput, Hint: fmt.Sprintf(format, args...)}
}

// Prepare makes *Options a [sign.Format]: of the octets of [Section.Content], or of their digest.
func (o *Options) Prepare(ctx context.Context, s *sign.Signer, c sign.Content) (sign.Draft, error) {
	own, err := o.options()
	if err != nil {
		return nil, err
	}
	return own.Prepare(ctx, s, c)
}

var _ sign.Format = (*Options)(nil)

// Sign returns the CMS for the hole. When the signature was made and its time-stamp was not given, the CMS comes at B-B beside the error;
// see [cades.Reached].
func (s *Section) Sign(ctx context.Context, signer *sign.Signer, o *Options) ([]byte, error) {
	own, err := o.options()
	if err != nil {
		return nil, err
	}
	return cades.Sign(ctx, signer, s.Content(""), own)
}
