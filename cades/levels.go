package cades

import (
	"bytes"
	"context"
	"crypto/x509"
	"time"

	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/tst"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// raise takes one signature to the level, by way of those below it. What is there already is not made again, but for the
// archive time-stamp, which is renewed by another one.
func (e *extension) raise(ctx context.Context, p path, to Level) error {
	var steps []func(context.Context, path) error
	switch to {
	case LevelT:
		steps = append(steps, e.signatureTimestamp)
	case LevelLT:
		steps = append(steps, e.signatureTimestamp, e.validationData)
	case LevelLTA:
		steps = append(steps, e.signatureTimestamp, e.validationData, e.archiveTimestamp)
	case LevelC:
		steps = append(steps, e.signatureTimestamp, e.references)
	case LevelXLong1:
		steps = append(steps, e.signatureTimestamp, e.references, e.referencesTimestamp, e.values)
	case LevelA:
		steps = append(steps, e.signatureTimestamp, e.references, e.referencesTimestamp, e.values, e.lastArchiveValues, e.archiveTimestampV2)
	}
	if e.o.TimestampEvidence {
		steps = e.withEvidence(steps, to)
	}
	for _, step := range steps {
		if err := step(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether the signature has an unsigned attribute of a type.
func (s *Signature) has(id cms.OID) bool { return len(cms.Find(s.in.SI.Unsigned, id)) != 0 }

// signatureTimestamp puts a time-stamp over the signature value into the unsigned attributes (EN 319 122-1 section 5.3)
// unless there is one.
func (e *extension) signatureTimestamp(ctx context.Context, p path) error {
	s := e.at(p)
	if s.has(cms.OIDSignatureTimeStamp) {
		return e.notExpired(s)
	}
	token, err := e.timestamp(ctx, message.Imprint{Head: [][]byte{s.in.SI.SignatureRaw}})
	if err != nil {
		return err
	}
	if e.own == nil {
		e.own = make(map[string]time.Time)
	}
	e.own[p.String()] = token.GenTime
	if err := e.notExpired(s); err != nil {
		return err
	}
	return e.attribute(s, cms.OIDSignatureTimeStamp, token.Raw)
}

// attribute adds an unsigned attribute to a signature.
func (e *extension) attribute(s *Signature, id cms.OID, value []byte) error {
	if err := s.mayChange(true); err != nil {
		return err
	}
	return e.grow(&growth{signer: s.in.SI, unsigned: [][]byte{attribute(id, value)}})
}

// validationData puts what proves the certificates of the signer, of the time-stamps and of the counter-signers into
// SignedData.certificates and .crls (EN 319 122-1 section 5.4). Under an archive time-stamp of an older version the two
// fields are closed, and it goes into the token of the last one (section 5.5.3).
func (e *extension) validationData(ctx context.Context, p path) error {
	s := e.at(p)
	leaves := s.allSigners(e.candidates(), e.registry())
	if last := s.lastArchive(e.candidates(), e.registry()); last != nil && e.archiveHolds(p) {
		// What came before the last archive time-stamp has its values, which are under it. They hold at its time, and
		// nobody may be there to give them anew.
		leaves = last
	}
	return e.addValues(ctx, s, leaves)
}

// lastArchiveValues puts what proves the authority of the last archive time-stamp there, when another one is to come, which is then over
// it: later nobody could prove it. What came before that has its values in a message of form A.
func (e *extension) lastArchiveValues(ctx context.Context, p path) error {
	s := e.at(p)
	last := s.lastArchive(e.candidates(), e.registry())
	if last == nil {
		return nil
	}
	return e.addValues(ctx, s, last)
}

// addValues puts what proves some certificates where the message has room for it.
func (e *extension) addValues(ctx context.Context, s *Signature, leaves []leaf) error {
	collection, err := e.collect(ctx, s, leaves)
	if err != nil {
		return err
	}
	sd := e.m.in.SD
	last := e.m.lastClosed()
	if last != nil {
		sd = last.Token.SD
	}
	g := &growth{}
	for _, c := range collection.Certificates {
		if !holds(sd.Certificates, c.Raw) {
			g.certs = append(g.certs, c.Raw)
		}
	}
	for _, crl := range collection.CRLs {
		if !holds(sd.Revocations, crl) {
			g.values = append(g.values, crl)
		}
	}
	for _, ocsp := range collection.OCSP {
		if choice := ocspChoice(ocsp); !holds(sd.Revocations, choice) {
			g.values = append(g.values, choice)
		}
	}
	if last == nil {
		return e.grow(g)
	}
	token, err := g.into(sd)
	if err != nil {
		return err
	}
	return e.grow(&growth{inside: []cms.Edit{{Parent: last.Set, At: last.Value.Offset(), Remove: len(last.Value.Raw()), Insert: token}}})
}

func holds(members []cms.Value, der []byte) bool {
	for _, m := range members {
		if bytes.Equal(m.Raw(), der) {
			return true
		}
	}
	return false
}

// ocspChoice wraps an OCSPResponse as RevocationInfoChoice (RFC 5940 section 2). A bare BasicOCSPResponse, as older
// signatures carry it, gets the outer part that it was taken out of, which nobody signed.
func ocspChoice(response []byte) []byte {
	b := cms.NewBuilder(nil)
	other := b.Open(cms.ContextConstructed(1))
	b.OID(cms.OIDRIOCSPResponse)
	if v, err := cms.ReadValue(response); err == nil && isBasic(v) {
		outer := b.Open(cms.TagSequence)
		b.Value(cms.TagEnumerated, []byte{0}) // successful
		explicit := b.Open(cms.ContextConstructed(0))
		bytes := b.Open(cms.TagSequence)
		b.OID(cms.OIDOCSPBasic)
		b.Value(cms.TagOctetString, response)
		b.Close(bytes)
		b.Close(explicit)
		b.Close(outer)
	} else {
		b.Raw(response)
	}
	b.Close(other)
	return b.Bytes()
}

// isBasic tells a BasicOCSPResponse, which begins with a SEQUENCE, from an OCSPResponse, which begins with its status.
func isBasic(v cms.Value) bool {
	r := v.Reader()
	first, err := r.Next()
	return err == nil && first.Tag() == cms.TagSequence
}

// lastClosed returns the last archive time-stamp of a message with one over the whole fields of certificates and
// revocation values, or nil: of any version, since one of the third may be over the token of one of the second.
func (m *Message) lastClosed() *message.Timestamp {
	var last *message.Timestamp
	closed := false
	for _, s := range m.signatures {
		for _, t := range s.in.Timestamps() {
			if !t.Kind.Archive() || t.Token == nil {
				continue
			}
			closed = closed || t.Kind != message.ArchiveTimestampV3
			if last == nil || t.Token.GenTime.After(last.Token.GenTime) || t.Token.GenTime.Equal(last.Token.GenTime) && t.Kind > last.Kind {
				last = t
			}
		}
	}
	if !closed {
		return nil
	}
	return last
}

// allSigners returns the certificates whose validity a long-term signature proves: of the signer, of every time-stamp on
// it, and of counter-signers with theirs.
func (s *Signature) allSigners(among *pki.Pool, registry *algorithm.Registry) (leaves []leaf) {
	add := func(c *pki.Certificate, of string) {
		if c == nil {
			return
		}
		leaves = append(leaves, leaf{c.Lenient(), of})
	}
	signer, _ := s.in.FindSigner(among, registry)
	add(signer, "the signer")
	for _, t := range s.in.Timestamps() {
		if t.Token != nil {
			add(t.Token.Signer(among, registry), "the authority of the "+t.Kind.String())
		}
	}
	for _, child := range s.counter {
		leaves = append(leaves, child.allSigners(among, registry)...)
	}
	return leaves
}

// lastArchive returns the certificate of the authority of the last archive time-stamp, or nil when there is none.
func (s *Signature) lastArchive(among *pki.Pool, registry *algorithm.Registry) []leaf {
	var last *tst.Token
	for _, t := range s.in.Timestamps() {
		if t.Kind.Archive() && t.Token != nil && (last == nil || t.Token.GenTime.After(last.GenTime)) {
			last = t.Token
		}
	}
	if last == nil {
		return nil
	}
	if c := last.Signer(among, registry); c != nil {
		return []leaf{{c.Lenient(), "the authority of the last archive time-stamp"}}
	}
	return nil
}

type leaf struct {
	cert *x509.Certificate
	of   string
}

// collect asks for the chains of the certificates and for their state. A certificate that was revoked before there was a
// time-stamp is refused.
func (e *extension) collect(ctx context.Context, s *Signature, leaves []leaf) (*revocation.Collection, error) {
	if len(leaves) == 0 || leaves[0].of != "the signer" && !s.archived() {
		return nil, extendError(sign.ErrInput, "the certificate of signature %s is not there", s.path())
	}
	others := readable(e.candidates())
	for _, t := range s.in.Timestamps() {
		if t.Token != nil {
			others = append(others, readable(t.Token.Certs)...)
		}
	}
	var chains [][]*x509.Certificate
	for _, l := range leaves {
		chain, err := askChain(ctx, e.o.Revocation, l.cert, others)
		if err != nil {
			return nil, &sign.Error{Op: "cades: chain of " + l.of, Place: l.cert.Subject.String(), Err: err}
		}
		chains = append(chains, chain)
	}
	collection, err := askCollection(ctx, e.o.Revocation, chains)
	if err != nil {
		return nil, &sign.Error{Op: "cades: revocation values", Err: err, Temporary: true}
	}
	proof, ok := e.proof(s.path())
	for _, status := range collection.Revoked() {
		if !e.o.Force && (!ok || !proof.Before(status.RevokedAt)) {
			return nil, extendError(sign.ErrRevocation, "%s was revoked on %s (%s), and nothing below trusted roots proves that signature %s is older", status.Certificate.Subject,
				status.RevokedAt.UTC().Format(time.RFC3339), status.Reason, s.path())
		}
	}
	return collection, nil
}

// readable are those of a pool, for a source of chains.
func readable(pool *pki.Pool) (all []*x509.Certificate) {
	for _, c := range pool.Certificates() {
		all = append(all, c.Lenient())
	}
	return all
}

// archived reports whether there is an archive time-stamp.
func (s *Signature) archived() bool {
	for _, t := range s.in.Timestamps() {
		if t.Kind.Archive() {
			return true
		}
	}
	return false
}

// archiveHolds reports whether the last archive time-stamp is one that was judged to be good: what it is over needs no values
// any more. Anybody can put one there that is over nothing, or made by himself.
func (e *extension) archiveHolds(p path) bool {
	r := e.judged[p.String()]
	if r == nil {
		return false
	}
	last := -1
	for i, t := range r.Signature.in.Timestamps() {
		if t.Kind.Archive() && t.Token != nil && (last < 0 || t.Token.GenTime.After(r.Timestamps[last].Time)) {
			last = i
		}
	}
	return last >= 0 && r.Timestamps[last].Indication == validate.TotalPassed && r.Indication == validate.TotalPassed
}

// archiveTimestamp puts an archive-time-stamp-v3 over everything that is there into the unsigned attributes. Its hash index
// goes into those of the token, which the authority did not sign, so that the rest of the token stays as it came.
func (e *extension) archiveTimestamp(ctx context.Context, p path) error {
	s := e.at(p)
	index := message.HashIndex(e.algorithm(), e.hash().New, s.in.Covered())
	token, err := e.timestamp(ctx, s.in.ArchiveImprintV3(index))
	if err != nil {
		return err
	}
	in, err := cms.ParseSignedData(token.Raw)
	if err != nil {
		return err
	}
	indexed, err := (&growth{signer: &in.Signers[0], unsigned: [][]byte{attribute(cms.OIDATSHashIndexV3, index)}}).into(in)
	if err != nil {
		return err
	}
	g := &growth{signer: s.in.SI, unsigned: [][]byte{attribute(cms.OIDArchiveTimeStampV3, indexed)}}
	listed := false
	for _, a := range e.m.in.SD.Digests {
		listed = listed || a.ID == oidOf(e.algorithm())
	}
	if !listed {
		g.digests = [][]byte{e.algorithm()}
	}
	return e.grow(g)
}
