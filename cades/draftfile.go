package cades

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// A draft that waits for its signature in another process is a DER SEQUENCE: version, name of the scheme, its two
// AlgorithmIdentifiers, certificates, rule for certificates, content type, digest of the content, signed attributes, and
// then the content [0] when it is attached, the message [1] that gets a further signer, and
// the place [2] in it of the signature that is counter-signed.
const draftVersion = 1

// MarshalBinary encodes the draft, so that it can be finished in another process by [ParseDraft]. An attached content
// goes in, whatever its size; what makes levels above BES does not, so that [Message.Extend] takes the finished container
// there. Nothing in it is secret; whoever changes it makes a draft that cannot be finished with the
// signature.
func (d *Draft) MarshalBinary() ([]byte, error) {
	scheme := d.signer.Scheme()
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.Int(draftVersion)
	b.String(cms.TagUTF8String, scheme.Name)
	b.Raw(scheme.DigestAlg, scheme.SignatureAlg)
	chain := b.Open(cms.TagSequence)
	for _, c := range d.signer.Chain() {
		b.Raw(c.Raw)
	}
	b.Close(chain)
	b.Int(uint64(d.rule))
	b.OID(d.contentType)
	b.Value(cms.TagOctetString, d.digest)
	b.Raw(d.tbs)
	if d.attached {
		var content bytes.Buffer
		if err := d.copyContent(context.Background(), &content); err != nil {
			return nil, err
		}
		b.Value(cms.ContextTag(0), content.Bytes())
	}
	if d.base != nil {
		b.Value(cms.ContextTag(1), d.base.ber)
	}
	if d.on != nil {
		on := b.Open(cms.ContextConstructed(2))
		for _, i := range d.on {
			b.Int(uint64(i))
		}
		b.Close(on)
	}
	b.Close(seq)
	return b.Bytes(), nil
}

// ParseDraft reads what [Draft.MarshalBinary] wrote. Schemes that are not of package sign are given. The draft has no
// key: take ToBeSigned to it, and the signature to Finish.
func ParseDraft(data []byte, schemes ...sign.Scheme) (*Draft, error) {
	d, err := parseDraft(data, schemes)
	if err != nil {
		return nil, &sign.Error{Op: "cades: parse draft", Class: sign.ErrInput, Err: err, Hint: "give the bytes of MarshalBinary unchanged"}
	}
	return d, nil
}

func parseDraft(data []byte, schemes []sign.Scheme) (*Draft, error) {
	v, err := cms.ReadValue(data)
	if err != nil {
		return nil, err
	}
	if len(v.Raw()) != len(data) || v.Tag() != cms.TagSequence {
		return nil, errors.New("it is not one SEQUENCE")
	}
	r := v.Reader()
	version, err := r.Want(cms.TagInteger, "version")
	if err != nil {
		return nil, err
	}
	if n, err := version.Int(); err != nil || n != draftVersion {
		return nil, errors.New("it is of a version that is not known here")
	}
	var fields [8]cms.Value
	for i, tag := range []cms.Tag{
		cms.TagUTF8String, cms.TagSequence, cms.TagSequence, cms.TagSequence, // scheme, its algorithms, certificates
		cms.TagInteger, cms.TagOID, cms.TagOctetString, cms.TagSet, // rule, content type, digest, attributes
	} {
		if fields[i], err = r.Want(tag, "a field of the draft"); err != nil {
			return nil, err
		}
	}
	scheme, err := findScheme(string(fields[0].Body()), schemes)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(scheme.DigestAlg, fields[1].Raw()) || !bytes.Equal(scheme.SignatureAlg, fields[2].Raw()) {
		return nil, errors.New("the scheme has other algorithms here")
	}
	chain, err := parseChain(fields[3])
	if err != nil {
		return nil, err
	}
	signer, err := sign.New(nil, chain, scheme)
	if err != nil {
		return nil, err
	}
	rule, err := fields[4].Int()
	if err != nil || rule < int(WholeChain) || rule > int(NoCertificates) {
		return nil, errors.New("the rule for certificates is not known here")
	}
	d := &Draft{
		signer: signer, rule: CertificateRule(rule), contentType: cms.OID(fields[5].Body()),
		digest: fields[6].Body(), tbs: fields[7].Raw(), serial: serialNumber(signer.Certificate()),
	}
	if err := d.readParts(r); err != nil {
		return nil, err
	}
	return d, d.checkDigest(fields[7])
}

// readParts reads the optional fields.
func (d *Draft) readParts(r cms.Reader) error {
	content, ok, err := r.Optional(cms.ContextTag(0))
	if err != nil {
		return err
	}
	if ok {
		d.attached, d.content, d.size = true, sign.Bytes("", content.Body()), int64(len(content.Body()))
		h := d.signer.Scheme().NewHash()
		h.Write(content.Body())
		if !bytes.Equal(h.Sum(nil), d.digest) {
			return errors.New("the content is not the one of the digest")
		}
	}
	base, ok, err := r.Optional(cms.ContextTag(1))
	if err != nil {
		return err
	}
	if ok {
		if d.base, err = Parse(base.Body()); err != nil {
			return err
		}
	}
	on, ok, err := r.Optional(cms.ContextConstructed(2))
	if err != nil {
		return err
	}
	if ok {
		if d.on, err = d.readPath(on); err != nil {
			return err
		}
	}
	if !r.Empty() || d.attached && d.base != nil {
		return errors.New("it holds more than a draft has")
	}
	return nil
}

// readPath reads the place of a signature and makes sure that there is one.
func (d *Draft) readPath(v cms.Value) (path, error) {
	if d.base == nil {
		return nil, errors.New("there is no message to counter-sign")
	}
	r := v.Reader()
	members, err := r.All()
	if err != nil {
		return nil, err
	}
	among := d.base.signatures
	var p path
	for _, m := range members {
		i, err := m.Int()
		if err != nil || i < 0 || i >= len(among) {
			return nil, errors.New("there is no such signature to counter-sign")
		}
		p, among = append(p, i), among[i].counter
	}
	if len(p) == 0 {
		return nil, errors.New("there is no signature to counter-sign")
	}
	return p, nil
}

// checkDigest compares the digest with the one in the attributes: a content that was exchanged would be noticed only by
// those who verify.
func (d *Draft) checkDigest(set cms.Value) error {
	r := set.Reader()
	members, err := r.All()
	if err != nil {
		return err
	}
	attributes := make([]cms.Attribute, len(members))
	for i, v := range members {
		attributes[i] = cms.ParseAttribute(v)
	}
	value, problem := cms.Single(attributes, cms.OIDMessageDigest)
	if problem != "" || value.IsZero() || !bytes.Equal(value.Body(), d.digest) {
		return errors.New("the digest is not the one in the signed attributes")
	}
	return nil
}

func findScheme(name string, schemes []sign.Scheme) (sign.Scheme, error) {
	for _, s := range schemes {
		if strings.EqualFold(s.Name, name) {
			return s, nil
		}
	}
	return sign.SchemeByName(name)
}

func parseChain(v cms.Value) ([]*x509.Certificate, error) {
	r := v.Reader()
	members, err := r.All()
	if err != nil {
		return nil, err
	}
	chain := make([]*x509.Certificate, len(members))
	for i, m := range members {
		if chain[i], err = x509.ParseCertificate(m.Raw()); err != nil {
			return nil, err
		}
	}
	return chain, nil
}
