package cades

import (
	"bytes"
	"context"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// AddSignature returns the message with a further signer on the same content, beside those that are there (a parallel
// signature). Every byte of the message stays; lengths around the new parts grow. The content of a detached message is
// given, and refused when others signed another one by the hash of this signer; that of an attached one is inside and the zero [sign.Content]
// stands for it. Options.Attached and ContentType are those of the message.
func (m *Message) AddSignature(ctx context.Context, s *sign.Signer, content sign.Content, o *Options) ([]byte, error) {
	d, err := m.PrepareSignature(ctx, s, content, o)
	if err != nil {
		return nil, err
	}
	signature, err := s.Sign(ctx, d.tbs)
	if err != nil {
		return nil, err
	}
	return d.FinishTrusted(ctx, signature)
}

// PrepareSignature freezes what a further signer signs, for keys that are elsewhere; see [Message.AddSignature]. The
// content is the zero one for an attached message.
func (m *Message) PrepareSignature(ctx context.Context, s *sign.Signer, content sign.Content, o *Options) (draft *Draft, err error) {
	defer sign.Recover(&err)
	if s == nil {
		return nil, noSigner()
	}
	if o == nil {
		o = &Options{}
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.ContentType != "" && oidOr(o.ContentType, "") != m.in.SD.ContentType {
		return nil, addError("its content type is %s", m.in.SD.ContentType.Name())
	}
	d := newDraft(s, o)
	d.contentType, d.base = m.in.SD.ContentType, m
	switch {
	case m.Detached() && content.IsZero():
		return nil, addError("it is detached; give the content")
	case !m.Detached() && !content.IsZero():
		return nil, addError("its content is inside; give none, so that both signers sign the same")
	case !m.Detached():
		h := d.raising.beside(d)
		if err := m.WriteContent(h); err != nil {
			return nil, err
		}
		d.digest = h.Sum(nil)
		d.raising.read()
	default:
		if err := d.read(ctx, content); err != nil {
			return nil, err
		}
		if err := m.sameContent(d); err != nil {
			return nil, err
		}
	}
	if err := m.mayGrow(d); err != nil {
		return nil, err
	}
	if err := d.freeze(ctx, o); err != nil {
		return nil, err
	}
	return d, nil
}

func addError(format string, args ...any) error {
	err := inputError(sign.ErrInput, format, args...).(*sign.Error) // made on this line
	err.Op = "cades: add a signature to the message"
	return err
}

// sameContent refuses a content that those who have signed by the hash of this signer did not sign: the message would hold for no content.
// One of them who did is enough, since the others may be anybody's.
func (m *Message) sameContent(d *Draft) error {
	hash := oidOf(d.signer.Scheme().DigestAlg)
	differs := false
	for i := range m.in.SD.Signers {
		s := &m.in.SD.Signers[i]
		value, problem := cms.Single(s.Signed, cms.OIDMessageDigest)
		if s.Digest.ID != hash || problem != "" || value.IsZero() {
			continue
		}
		signed, err := value.Octets()
		if err == nil && bytes.Equal(signed, d.digest) {
			return nil
		}
		differs = true
	}
	if differs {
		return addError("the content is not the one that was signed before, by its %s", hash.Name())
	}
	return nil
}

// mayGrow refuses to add what would break a proof that is there: an evidence record is over the whole message, and
// archive time-stamps before the third version are over the whole certificates field (EN 319 122-1 section 5.5.3).
func (m *Message) mayGrow(d *Draft) error {
	grows := len(m.missingCertificates(d)) != 0
	for i := range m.in.SD.Signers {
		for _, a := range m.in.SD.Signers[i].Unsigned {
			switch a.Type {
			case cms.OIDEvidenceRecordInternal, cms.OIDEvidenceRecordExternal:
				return addError("it has an evidence record, which a further signature would break")
			case cms.OIDArchiveTimeStamp, cms.OIDArchiveTimeStampV2, cms.OIDLongTermValidation:
				if grows {
					return addError("it has an archive time-stamp over its certificates, which the certificates of a further signer would break")
				}
			}
		}
	}
	return nil
}

// missingCertificates returns those of the signer that the message lacks.
func (m *Message) missingCertificates(d *Draft) (missing [][]byte) {
next:
	for _, raw := range d.certificates() {
		for _, there := range m.in.SD.Certificates {
			if bytes.Equal(raw, there.Raw()) {
				continue next
			}
		}
		missing = append(missing, raw)
	}
	return missing
}

// splice puts a signer into a message: its digest algorithm and certificates where they are missing, its SignerInfo at
// the end. The order of what is there is not that of DER any more then, which RFC 5652 does not ask of a SignedData, and
// time-stamps over the old order do. The version stays: what comes in is of version 1.
func (m *Message) splice(d *Draft, signature []byte) (cms.Octets, error) {
	b := cms.NewBuilder(nil)
	d.appendSignerInfo(&b, d.signerInfoLen(signature), signature)
	if d.on != nil {
		g := d.counterSignature(b.Bytes())
		g.certs = m.missingCertificates(d)
		return g.octets(m.in.SD)
	}
	g := &growth{certs: m.missingCertificates(d), signers: [][]byte{b.Bytes()}}
	listed := false
	for _, a := range m.in.SD.Digests {
		listed = listed || a.ID == oidOf(d.signer.Scheme().DigestAlg)
	}
	if !listed {
		g.digests = [][]byte{d.signer.Scheme().DigestAlg}
	}
	return g.octets(m.in.SD)
}
