package pades

import (
	"context"
	"crypto"
	"errors"
	"io"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// Report is the outcome of [Section.Verify].
type Report struct {
	// Message is the outcome for the CMS over the octets of the section. Its levels are those of EN 319 142-1.
	Message *cades.Report
	// Behind is how many octets of the file stand behind what is signed. A document with any is not valid by this signature: they are a
	// later revision, which may show something else.
	Behind int64
}

// Whole reports whether the signature is over the whole file but the hole.
func (r *Report) Whole() bool { return r != nil && r.Behind == 0 }

// Valid reports whether the signature is valid and over the whole file.
func (r *Report) Valid() bool { return r.Whole() && r.Message != nil && r.Message.Valid() }

// Trusted is Valid, with a signer under trusted roots.
func (r *Report) Trusted() bool { return r.Whole() && r.Message != nil && r.Message.Trusted() }

// Err is nil only when Trusted. It is otherwise a [*sign.Error] that says why not: that of the message (see [cades.Report.Err]), or of
// class [sign.ErrInput] when the document goes on behind what is signed.
func (r *Report) Err() error {
	switch {
	case r == nil || r.Message == nil || len(r.Message.Signatures) == 0:
		return &sign.Error{Op: "pades: verify", Class: sign.ErrInput, Err: errors.New("there is no signature")}
	case r.Message.Valid() && !r.Whole():
		return &sign.Error{Op: "pades: verify", Class: sign.ErrInput, Hint: "the document was changed behind what is signed; the signature is over an older revision of it"}
	}
	return r.Message.Err()
}

// Verify checks the CMS in the hole over the octets around it. The error is for what kept the checks from being made, such as a
// hole without CMS; what does not hold is in the report. What a /DSS dictionary holds is given as o.Values.
//
// When several signed one after the other, only the last signature is over the whole file. What an earlier one is over is judged
// by opening the file with the size ByteRange[2]+ByteRange[3]: the report is then of that revision, and of nothing that came behind it.
func (s *Section) Verify(ctx context.Context, o *cades.VerifyOptions) (*Report, error) {
	der, err := s.CMS()
	if err != nil {
		return nil, err
	}
	m, err := cades.Parse(der)
	if err != nil {
		return nil, err
	}
	switch {
	case !m.Detached() && m.ContentType() == tstInfo:
		return nil, badInput("/Contents holds a document time-stamp and no signature; see VerifyTimestamp")
	case !m.Detached():
		// It would be verified with what it brings, whatever the document is.
		return nil, badInput("the CMS in /Contents holds a content of its own and is not over the document; the old adbe.pkcs7.sha1 is not read here")
	case len(m.Signatures()) != 1:
		return nil, badInput("the CMS in /Contents has %d signers, and has to have one (ISO 32000-2 section 12.8.3.3.1)", len(m.Signatures()))
	}
	var own cades.VerifyOptions
	if o != nil {
		own = *o
	}
	own.PDF = true
	r := &Report{Behind: s.Behind()}
	if r.Message, err = m.Verify(ctx, s.Content(""), &own); err != nil {
		return nil, err
	}
	return r, nil
}

// tstInfo is the eContentType of a time-stamp (RFC 3161 section 2.4.2).
const tstInfo = "1.2.840.113549.1.9.16.1.4"

// Timestamp has an authority stamp the octets of the section, and returns the token for the hole: of a document time-stamp
// (EN 319 142-1 section 5.4.3). The hash is crypto.SHA256 (when nil), SHA384, SHA512, or one of the caller.
func (s *Section) Timestamp(ctx context.Context, t tsp.Timestamper, hash sign.Hash) (token []byte, err error) {
	defer sign.Recover(&err) // an authority may be of the caller's own making
	if t == nil {
		return nil, badInput("there is nobody to ask for the time-stamp; give a tsp.Client")
	}
	if hash == nil || hash == crypto.Hash(0) {
		hash = crypto.SHA256
	}
	if _, err := sign.DigestAlgorithm(hash); err != nil {
		return nil, badInput("the hash of time-stamps is SHA-256, SHA-384, SHA-512, or one that says its algorithm")
	}
	h := hash.New()
	if err := s.digest(ctx, h); err != nil {
		return nil, err
	}
	imprint, err := sign.NewDigest(hash, h.Sum(nil))
	if err != nil {
		return nil, err
	}
	got, err := t.Timestamp(ctx, imprint)
	if err != nil {
		return nil, err
	}
	if got == nil {
		return nil, &sign.Error{Op: "pades: time-stamp", Class: sign.ErrAuthority, Hint: "the authority gave neither a time-stamp nor an error"}
	}
	return got.Raw, nil
}

// VerifyTimestamp checks the document time-stamp in the hole against the octets around it. The error names the check that failed. Whether it
// is over the whole file is said by Behind.
func (s *Section) VerifyTimestamp(ctx context.Context, o *tsp.VerifyOptions) (*tsp.Token, error) {
	der, err := s.CMS()
	if err != nil {
		return nil, err
	}
	token, err := tsp.ParseToken(der)
	if err != nil {
		return nil, err
	}
	h := token.NewHash()
	if h == nil {
		return nil, badInput("the hash of the document time-stamp, %s, is not known here", token.HashName())
	}
	if err := s.digest(ctx, h); err != nil {
		return nil, err
	}
	if err := token.Verify(sign.Digest{Algorithm: token.Imprint.Algorithm, Sum: h.Sum(nil)}, o); err != nil {
		return nil, err
	}
	return token, nil
}

func (s *Section) digest(ctx context.Context, h io.Writer) error {
	if _, err := message.Copy(ctx, h, s.reader()); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &sign.Error{Op: "pades: read", Class: sign.ErrInput, Err: err}
	}
	return nil
}
