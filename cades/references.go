package cades

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// The older forms of RFC 5126: references to what proves a signature (C), the values themselves with a time-stamp over the
// references (X Long Type 1), and an archive time-stamp over all of it (A). The module of RFC 5126 has EXPLICIT tags.

// proof is what was collected for the signer of a signature.
type proof struct {
	chain    []*x509.Certificate // the signer's first
	statuses []*revocation.Status
}

// signerProof collects for the signer alone: the references of RFC 5126 are to its path.
func (e *extension) signerProof(ctx context.Context, s *Signature) (*proof, error) {
	leaves := s.allSigners(e.candidates(), e.registry())
	if len(leaves) == 0 {
		return nil, extendError(sign.ErrInput, "the certificate of signature %s is not there", s.path())
	}
	collection, err := e.collect(ctx, s, leaves[:1])
	if err != nil {
		return nil, err
	}
	chain, err := askChain(ctx, e.o.Revocation, leaves[0].cert, readable(e.candidates()))
	if err != nil {
		return nil, err
	}
	p := &proof{chain: chain}
	for _, c := range chain {
		p.statuses = append(p.statuses, collection.Status(c))
	}
	return p, nil
}

// references puts complete-certificate-references and complete-revocation-references (RFC 5126 sections 6.2.1 and 6.2.2)
// into the unsigned attributes unless they are there.
func (e *extension) references(ctx context.Context, p path) error {
	s := e.at(p)
	if s.has(cms.OIDCertificateRefs) && s.has(cms.OIDRevocationRefs) {
		return nil
	}
	proof, err := e.proofOf(ctx, s)
	if err != nil {
		return err
	}
	if err := e.attribute(s, cms.OIDCertificateRefs, e.certificateRefs(proof)); err != nil {
		return err
	}
	refs, err := e.revocationRefs(proof)
	if err != nil {
		return err
	}
	return e.attribute(e.at(p), cms.OIDRevocationRefs, refs)
}

// proofOf collects once for all steps of a signature.
func (e *extension) proofOf(ctx context.Context, s *Signature) (*proof, error) {
	key := s.path().String()
	if p, ok := e.proofs[key]; ok {
		return p, nil
	}
	p, err := e.signerProof(ctx, s)
	if err != nil {
		return nil, err
	}
	if e.proofs == nil {
		e.proofs = make(map[string]*proof)
	}
	e.proofs[key] = p
	return p, nil
}

// otherHash encodes OtherHash with an algorithm; the form without one is for SHA-1.
func (e *extension) otherHash(b *cms.Builder, der []byte) {
	h := e.hash().New()
	h.Write(der)
	seq := b.Open(cms.TagSequence)
	b.Raw(e.algorithm())
	b.Value(cms.TagOctetString, h.Sum(nil))
	b.Close(seq)
}

// certificateRefs encodes CompleteCertificateRefs: every certificate of the path but the signer's.
func (e *extension) certificateRefs(p *proof) []byte {
	b := cms.NewBuilder(nil)
	refs := b.Open(cms.TagSequence)
	for _, c := range p.chain[1:] {
		ref := b.Open(cms.TagSequence)
		e.otherHash(&b, c.Raw)
		issuerSerial := b.Open(cms.TagSequence)
		names := b.Open(cms.TagSequence)
		directoryName := b.Open(cms.ContextConstructed(4))
		b.Raw(c.RawIssuer)
		b.Close(directoryName)
		b.Close(names)
		b.Raw(serialNumber(c))
		b.Close(issuerSerial)
		b.Close(ref)
	}
	b.Close(refs)
	return b.Bytes()
}

// revocationRefs encodes CompleteRevocationRefs: one CrlOcspRef for each certificate of the path, the signer's first; that of
// a certificate which nobody is asked about, such as the root, is empty.
func (e *extension) revocationRefs(p *proof) ([]byte, error) {
	b := cms.NewBuilder(nil)
	refs := b.Open(cms.TagSequence)
	for _, status := range p.statuses {
		ref := b.Open(cms.TagSequence)
		switch {
		case status == nil:
		case status.CRL != nil:
			if err := e.crlRef(&b, status.CRL.Raw); err != nil {
				return nil, err
			}
		case status.Response != nil:
			e.ocspRef(&b, status.Response)
		}
		b.Close(ref)
	}
	b.Close(refs)
	return b.Bytes(), nil
}

// crlRef encodes crlids [0] with one CrlValidatedID.
func (e *extension) crlRef(b *cms.Builder, der []byte) error {
	crl, err := x509.ParseRevocationList(der)
	if err != nil {
		return err
	}
	ids := b.Open(cms.ContextConstructed(0))
	list := b.Open(cms.TagSequence)
	crls := b.Open(cms.TagSequence)
	id := b.Open(cms.TagSequence)
	e.otherHash(b, der)
	identifier := b.Open(cms.TagSequence)
	b.Raw(crl.RawIssuer)
	b.Time(crl.ThisUpdate)
	if crl.Number != nil && crl.Number.Sign() >= 0 {
		b.BigInt(crl.Number)
	}
	b.Close(identifier)
	b.Close(id)
	b.Close(crls)
	b.Close(list)
	b.Close(ids)
	return nil
}

// ocspRef encodes ocspids [1] with one OcspResponsesID, whose hash is over the BasicOCSPResponse.
func (e *extension) ocspRef(b *cms.Builder, response *revocation.Response) {
	ids := b.Open(cms.ContextConstructed(1))
	list := b.Open(cms.TagSequence)
	responses := b.Open(cms.TagSequence)
	id := b.Open(cms.TagSequence)
	identifier := b.Open(cms.TagSequence)
	if len(response.ResponderName) != 0 {
		tag := b.Open(cms.ContextConstructed(1))
		b.Raw(response.ResponderName)
		b.Close(tag)
	} else {
		tag := b.Open(cms.ContextConstructed(2))
		b.Value(cms.TagOctetString, response.ResponderKey)
		b.Close(tag)
	}
	b.String(cms.TagGeneralizedTime, response.ProducedAt.UTC().Format("20060102150405Z"))
	b.Close(identifier)
	e.otherHash(b, response.Basic)
	b.Close(id)
	b.Close(responses)
	b.Close(list)
	b.Close(ids)
}

// values puts certificate-values and revocation-values (RFC 5126 sections 6.3.3 and 6.3.4) into the unsigned attributes
// unless they are there: what the references are to, the signer's own certificate, and the same for time-stamps, which a
// verifier needs as well and finds nowhere else.
func (e *extension) values(ctx context.Context, p path) error {
	s := e.at(p)
	if s.has(cms.OIDCertificateValues) && s.has(cms.OIDRevocationValues) {
		return nil
	}
	leaves := s.allSigners(e.candidates(), e.registry())
	if e.o.TimestampEvidence && len(leaves) != 0 { // the others are proved where they stand
		leaves = leaves[:1]
	}
	collection, err := e.collect(ctx, s, leaves)
	if err != nil {
		return err
	}
	if err := e.attribute(s, cms.OIDCertificateValues, certificateValues(collection)); err != nil {
		return err
	}
	return e.attribute(e.at(p), cms.OIDRevocationValues, revocationValues(collection))
}

// certificateValues encodes CertificateValues.
func certificateValues(c *revocation.Collection) []byte {
	b := cms.NewBuilder(nil)
	certs := b.Open(cms.TagSequence)
	for _, c := range c.Certificates {
		b.Raw(c.Raw)
	}
	b.Close(certs)
	return b.Bytes()
}

// revocationValues encodes RevocationValues: crlVals [0] and ocspVals [1], each value once.
func revocationValues(c *revocation.Collection) []byte {
	var responses [][]byte
	for _, status := range c.Statuses {
		if status.Response != nil {
			responses = appendOnce(responses, status.Response.Basic)
		}
	}
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	for number, members := range [][][]byte{c.CRLs, responses} {
		if len(members) != 0 {
			tag := b.Open(cms.ContextConstructed(number))
			list := b.Open(cms.TagSequence)
			b.Raw(members...)
			b.Close(list)
			b.Close(tag)
		}
	}
	b.Close(seq)
	return b.Bytes()
}

func appendOnce(all [][]byte, der []byte) [][]byte {
	for _, other := range all {
		if string(other) == string(der) {
			return all
		}
	}
	return append(all, der)
}

// referencesTimestamp puts a CAdES-C time-stamp (RFC 5126 section 6.3.5) into the unsigned attributes unless there is one.
func (e *extension) referencesTimestamp(ctx context.Context, p path) error {
	s := e.at(p)
	if s.has(cms.OIDCAdESCTimeStamp) {
		return nil
	}
	token, err := e.timestamp(ctx, s.in.Imprints(&message.Timestamp{Kind: message.CTimestamp}, nil)[0])
	if err != nil {
		return err
	}
	return e.attribute(s, cms.OIDCAdESCTimeStamp, token.Raw)
}

// archiveTimestampV2 puts an archive-time-stamp-v2 (RFC 5126 section 6.4.1) into the unsigned attributes.
func (e *extension) archiveTimestampV2(ctx context.Context, p path) error {
	s := e.at(p)
	over := s.in.Imprints(&message.Timestamp{Kind: message.ArchiveTimestampV2}, nil)[0]
	h := e.hash().New()
	if over.Content == message.ContentOctets {
		if e.octets == nil {
			return extendError(sign.ErrInput, "an archive time-stamp of this form is over the content itself; give it")
		}
		clone, err := e.octets.Clone()
		if err != nil {
			return err
		}
		h = clone
	}
	token, err := e.stamp(ctx, over.Sum(h, nil))
	if err != nil {
		return err
	}
	for _, t := range s.in.Timestamps() {
		// Whoever verifies it takes those that are older for what it is over.
		if t.Kind.Archive() && t.Token != nil && !t.Token.GenTime.Before(token.GenTime) {
			return &sign.Error{Op: "cades: extend", Class: sign.ErrAuthority, Temporary: true, Hint: fmt.Sprintf("the new archive time-stamp on signature %s is of %s, and not after the one of %s that it would be over; try again later",
				s.path(), token.GenTime.UTC().Format(time.RFC3339), t.Token.GenTime.UTC().Format(time.RFC3339))}
		}
	}
	return e.grow(&growth{signer: s.in.SI, unsigned: [][]byte{attribute(cms.OIDArchiveTimeStampV2, token.Raw)}})
}
