package cades

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// ExtendOptions says with what a message is raised. What a level does not need may be left out.
type ExtendOptions struct {
	// Timestamper gives time-stamps: a tsp.Client, or a tsp.Authority of one's own.
	Timestamper tsp.Timestamper
	// Hash is that of the imprints: SHA-256 (when 0), SHA-384 or SHA-512.
	Hash crypto.Hash
	// Signatures are the indices of those that are raised; nil means all.
	Signatures []int
	// Content is that of a detached message, or its digest by Hash. Archive time-stamps need it.
	Content *sign.Content
	// Certificates are candidates for signers that the message does not hold.
	Certificates []*x509.Certificate
	// Force raises what does not verify, or expired before it was time-stamped. The result proves no more than what
	// was there.
	Force bool
}

// Extend returns the message raised to a level. Every octet that was there stays in place; what is new stands behind it.
//
// A signature that is at the level already is left as it is, but for LTA: each call adds an archive time-stamp. A
// signature that does not verify is refused with an error that says why.
func (m *Message) Extend(ctx context.Context, to Level, o *ExtendOptions) ([]byte, error) {
	if o == nil {
		o = &ExtendOptions{}
	}
	e := &extension{o: o, m: m}
	if err := e.check(ctx, to); err != nil {
		return nil, err
	}
	if err := e.run(ctx, to); err != nil {
		return nil, err
	}
	return e.m.ber, nil
}

// extension is one call of Extend. m becomes the message after each step.
type extension struct {
	o      *ExtendOptions
	m      *Message
	which  []int
	digest []byte // of the content, by the hash of the imprints; nil when it is not needed
	fresh  bool   // the signature was made a moment ago and need not be verified
}

// run raises every signature that was asked for.
func (e *extension) run(ctx context.Context, to Level) error {
	for _, i := range e.which {
		if err := e.raise(ctx, i, to); err != nil {
			return err
		}
	}
	return nil
}

func extendError(class error, format string, args ...any) error {
	return &sign.Error{Op: "cades: extend", Class: class, Hint: fmt.Sprintf(format, args...)}
}

func (e *extension) hash() crypto.Hash {
	if e.o.Hash == 0 {
		return crypto.SHA256
	}
	return e.o.Hash
}

// algorithm is the AlgorithmIdentifier of the hash of the imprints.
func (e *extension) algorithm() []byte { return sign.NewDigest(e.hash(), nil).Algorithm }

// check refuses what cannot be raised, before an authority is asked for anything.
func (e *extension) check(ctx context.Context, to Level) error {
	if to != T && to != LTA {
		return extendError(sign.ErrUnsupported, "a message cannot be raised to %s; raise it to t", to)
	}
	if e.algorithm() == nil {
		return extendError(sign.ErrInput, "the hash of imprints is SHA-256, SHA-384 or SHA-512")
	}
	if e.o.Timestamper == nil {
		return extendError(sign.ErrInput, "level %s needs a Timestamper", to)
	}
	if e.which = e.o.Signatures; e.which == nil {
		for i := range e.m.signatures {
			e.which = append(e.which, i)
		}
	}
	if len(e.which) == 0 {
		return extendError(sign.ErrInput, "the message has no signature")
	}
	for _, i := range e.which {
		if i < 0 || i >= len(e.m.signatures) {
			return extendError(sign.ErrInput, "there is no signature %d; the message has %d, from 0", i, len(e.m.signatures))
		}
		if e.m.signatures[i].Level() == PKCS7 {
			return extendError(sign.ErrInput, "signature %d is plain PKCS #7: it is not bound to its certificate, and that cannot be added later", i)
		}
	}
	if to == LTA {
		if err := e.contentDigest(ctx); err != nil {
			return err
		}
	}
	return e.verify(ctx)
}

// contentDigest takes the digest of the content by the hash of the imprints.
func (e *extension) contentDigest(ctx context.Context) error {
	h := e.hash().New()
	switch c := e.o.Content; {
	case !e.m.Detached() && !e.fresh:
		if err := e.m.WriteContent(h); err != nil {
			return extendError(sign.ErrInput, "the content inside cannot be read: %s", err)
		}
	case c == nil:
		return extendError(sign.ErrInput, "an archive time-stamp is over the content; give it, or its digest by %s", e.hash())
	case c.DigestOnly():
		var ok bool
		if e.digest, ok = c.Digest(e.algorithm()); !ok || len(e.digest) != h.Size() {
			return extendError(sign.ErrInput, "an archive time-stamp needs the digest of the content by %s, too", e.hash())
		}
		return nil
	default:
		if _, _, err := digestContent(ctx, h, *c, false); err != nil {
			return err
		}
	}
	e.digest = h.Sum(nil)
	return nil
}

// verify checks the signatures, and their content where it is at hand.
func (e *extension) verify(ctx context.Context) error {
	if e.o.Force || e.fresh {
		return nil
	}
	v := &VerifyOptions{Certificates: e.o.Certificates}
	report, err := e.m.Verify(ctx, nil, v)
	if err != nil {
		return err
	}
	for _, i := range e.which {
		r := &report.Signatures[i]
		for _, c := range r.Checks {
			absent := c.Status == Unchecked && c.Name == CheckSignature
			if c.Status == Failed || absent {
				return extendError(sign.ErrInput, "signature %d does not verify: %s: %s", i, c.Name, c.Detail)
			}
		}
	}
	return nil
}

// raise takes one signature to the level, by way of those below it.
func (e *extension) raise(ctx context.Context, i int, to Level) error {
	if err := e.signatureTimestamp(ctx, i); err != nil || to == T {
		return err
	}
	return e.archiveTimestamp(ctx, i)
}

// signatureTimestamp puts a time-stamp over the signature value into the unsigned attributes (EN 319 122-1 section 5.3)
// unless there is one.
func (e *extension) signatureTimestamp(ctx context.Context, i int) error {
	s := e.m.signatures[i]
	if len(cms.Find(s.si.Unsigned, cms.OIDSignatureTimeStamp)) != 0 {
		return nil
	}
	token, err := e.timestamp(ctx, imprint{head: [][]byte{s.si.SignatureRaw}})
	if err != nil {
		return err
	}
	if err := e.inTime(s, token); err != nil {
		return err
	}
	return e.grow(&growth{unsigned: map[int][][]byte{i: {attribute(cms.OIDSignatureTimeStamp, token.Raw)}}})
}

// archiveTimestamp puts an archive-time-stamp-v3 over everything that is there into the unsigned attributes. Its hash index
// goes into those of the token, which the authority did not sign, so that the rest of the token stays as it came.
func (e *extension) archiveTimestamp(ctx context.Context, i int) error {
	s := e.m.signatures[i]
	index := hashIndex(e.algorithm(), e.hash().New, s.covered())
	token, err := e.timestamp(ctx, s.archiveImprintV3(index))
	if err != nil {
		return err
	}
	indexed, err := (&growth{unsigned: map[int][][]byte{0: {attribute(cms.OIDATSHashIndexV3, index)}}}).into(token.SignedData())
	if err != nil {
		return err
	}
	g := &growth{unsigned: map[int][][]byte{i: {attribute(cms.OIDArchiveTimeStampV3, indexed)}}}
	listed := false
	for _, a := range e.m.sd.Digests {
		listed = listed || a.ID == oidOf(e.algorithm())
	}
	if !listed {
		g.digests = [][]byte{e.algorithm()}
	}
	return e.grow(g)
}

// inTime refuses a first time-stamp that comes after the certificate of the signer has expired: nothing proves then that
// the signature is older.
func (e *extension) inTime(s *Signature, token *tsp.Token) error {
	if e.o.Force {
		return nil
	}
	cert, _ := s.findSigner(e.candidates())
	if cert == nil || cert.X509 == nil {
		return nil
	}
	if token.GenTime.After(cert.X509.NotAfter) {
		return extendError(sign.ErrInput, "the certificate of signature %d expired on %s, before the time-stamp of %s", s.Index,
			cert.X509.NotAfter.UTC().Format(time.RFC3339), token.GenTime.UTC().Format(time.RFC3339))
	}
	return nil
}

func (e *extension) candidates() *candidates {
	if len(e.o.Certificates) == 0 {
		return e.m.candidates
	}
	return e.m.candidates.with(e.o.Certificates)
}

// timestamp gets a token over the parts.
func (e *extension) timestamp(ctx context.Context, p imprint) (*tsp.Token, error) {
	var h hash.Hash = e.hash().New()
	digest := sign.NewDigest(e.hash(), p.sum(h, e.digest))
	token, err := e.o.Timestamper.Timestamp(ctx, digest)
	if err != nil {
		return nil, err
	}
	if token == nil {
		return nil, errors.New("cades: extend: the Timestamper gave neither a token nor an error")
	}
	return token, nil
}

// grow puts what is new into the message, which is read again.
func (e *extension) grow(g *growth) error {
	ber, err := g.into(e.m.sd)
	if err != nil {
		return err
	}
	e.m, err = Parse(ber)
	return err
}

// attribute encodes an Attribute with one value.
func attribute(id cms.OID, value []byte) []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.OID(id)
	set := b.Open(cms.TagSet)
	b.Raw(value)
	b.Close(set)
	b.Close(seq)
	return b.Bytes()
}
