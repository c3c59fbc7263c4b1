package cades

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding"
	"errors"
	"hash"
	"strings"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

// ParseDraft reads what [Draft.MarshalBinary] wrote. Schemes that are not of package sign are given. The draft has no
// key: take ToBeSigned to it, and the signature to Finish. Above BES it needs [Draft.WithSources] before that.
func ParseDraft(data []byte, schemes ...sign.Scheme) (*Draft, error) {
	r, version, err := draftReader(data)
	var d *Draft
	if err == nil {
		if version != 1 && version != draftVersion {
			err = errors.New("it is of a version that is not known here")
		} else if d, err = parseFrame(&r, schemes, version > 1); err == nil {
			err = d.readOwn(&r)
		}
	}
	if err != nil {
		return nil, draftError("cades: parse draft", "MarshalBinary", err)
	}
	return d, nil
}

// ParseDrafts reads what [MarshalDrafts] wrote, like [ParseDraft].
func ParseDrafts(data []byte, schemes ...sign.Scheme) ([]*Draft, error) {
	drafts, err := parseDrafts(data, schemes)
	if err != nil {
		return nil, draftError("cades: parse drafts", "MarshalDrafts", err)
	}
	return drafts, nil
}

func draftError(op, from string, err error) error {
	return &sign.Error{Op: op, Class: sign.ErrInput, Err: err, Hint: "give the bytes of " + from + " unchanged"}
}

func parseDrafts(data []byte, schemes []sign.Scheme) ([]*Draft, error) {
	r, version, err := draftReader(data)
	if err != nil {
		return nil, err
	}
	if version != draftsVersion {
		return nil, errors.New("it is of a version that is not known here")
	}
	frame, err := parseFrame(&r, schemes, true)
	if err != nil {
		return nil, err
	}
	all, err := r.Want(cms.TagSequence, "drafts")
	if err != nil {
		return nil, err
	}
	if !r.Empty() {
		return nil, errors.New("it holds more than drafts")
	}
	within := all.Reader()
	members, err := within.All()
	if err != nil {
		return nil, err
	}
	made := make([]Draft, len(members))
	drafts := make([]*Draft, len(members))
	for i, m := range members {
		if m.Tag() != cms.TagSequence {
			return nil, errors.New("a draft is no SEQUENCE")
		}
		d := &made[i]
		*d = *frame
		if frame.raising != nil {
			raising := *frame.raising
			d.raising = &raising
		}
		own := m.Reader()
		if err := d.readOwn(&own); err != nil {
			return nil, err
		}
		drafts[i] = d
	}
	return drafts, nil
}

// draftReader returns what stands behind the version.
func draftReader(data []byte) (r cms.Reader, version int, err error) {
	v, err := cms.ReadValue(data)
	if err != nil {
		return r, 0, err
	}
	if len(v.Raw()) != len(data) || v.Tag() != cms.TagSequence {
		return r, 0, errors.New("it is not one SEQUENCE")
	}
	r = v.Reader()
	n, err := r.Want(cms.TagInteger, "version")
	if err != nil {
		return r, 0, err
	}
	version, err = n.Int()
	return r, version, err
}

func parseFrame(r *cms.Reader, schemes []sign.Scheme, leveled bool) (*Draft, error) {
	var fields [7]cms.Value
	tags := []cms.Tag{
		cms.TagUTF8String, cms.TagSequence, cms.TagSequence, cms.TagSequence, // scheme, its algorithms, certificates
		cms.TagInteger, cms.TagOID, cms.TagInteger, // rule, content type, level
	}
	if !leveled {
		tags = tags[:6]
	}
	var err error
	for i, tag := range tags {
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
		level:  LevelBES, // what does not say its level is at BES
		signer: signer, common: kept(signer), rule: CertificateRule(rule), contentType: cms.OID(fields[5].Body()),
	}
	if !leveled {
		return d, nil
	}
	level, err := fields[6].Int()
	if err != nil || level < 0 || level >= len(draftLevels) {
		return nil, errors.New("the level is not known here")
	}
	d.level = draftLevels[level]
	h, err := parseHash(r, append([]sign.Scheme{scheme}, schemes...))
	if err != nil {
		return nil, err
	}
	if d.level > LevelBES {
		d.raising = &raising{to: d.level, o: ExtendOptions{Hash: h}}
		if ownHash(scheme) {
			d.raising.o.Schemes = []sign.Scheme{scheme}
		}
	}
	return d, nil
}

// parseHash reads the hash of time-stamps: a number of package crypto, or the algorithm of one that a scheme brings.
func parseHash(r *cms.Reader, schemes []sign.Scheme) (sign.Hash, error) {
	unknown := errors.New("the hash of time-stamps is not known here")
	v, err := r.Next()
	if err != nil {
		return nil, err
	}
	if v.Tag() == cms.TagSequence {
		for _, s := range schemes {
			if s.NewHash != nil && bytes.Equal(s.DigestAlg, v.Raw()) {
				return hashFor(s), nil
			}
		}
		return nil, unknown
	}
	n, err := v.Int()
	switch {
	case v.Tag() != cms.TagInteger || err != nil || n != 0 && !digests(crypto.Hash(n)):
		return nil, unknown
	case n == 0:
		return nil, nil
	}
	return crypto.Hash(n), nil
}

// readOwn reads what a draft does not share.
func (d *Draft) readOwn(r *cms.Reader) error {
	digest, err := r.Want(cms.TagOctetString, "digest")
	if err != nil {
		return err
	}
	attributes, err := r.Want(cms.TagSet, "signed attributes")
	if err != nil {
		return err
	}
	d.digest, d.tbs = digest.Body(), attributes.Raw()
	if err := d.readParts(r); err != nil {
		return err
	}
	return d.checkDigest(attributes)
}

// readParts reads the optional fields.
func (d *Draft) readParts(r *cms.Reader) error {
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
	if err := d.readRaising(r); err != nil {
		return err
	}
	if !r.Empty() || d.attached && d.base != nil {
		return errors.New("it holds more than a draft has")
	}
	return nil
}

// readRaising reads what archive time-stamps need of the content.
func (d *Draft) readRaising(r *cms.Reader) error {
	digest, ok, err := r.Optional(cms.ContextTag(3))
	if err != nil {
		return err
	}
	state, hasState, err := r.Optional(cms.ContextTag(4))
	if err != nil {
		return err
	}
	if !ok && !hasState && !d.raising.needsContent() {
		return nil
	}
	if !d.raising.needsContent() {
		return errors.New("its level has no archive time-stamp")
	}
	h := d.raising.contentHash()
	if d.raising.digest = digest.Body(); len(d.raising.digest) != h.Size() {
		return errors.New("the digest for archive time-stamps is missing, or not one of their hash")
	}
	if wanted := d.raising.to == LevelA && !d.attached; wanted != hasState {
		return errors.New("the state for archive time-stamps is missing, or there without need")
	}
	if !hasState {
		return nil
	}
	octets := h.New()
	u, isState := octets.(encoding.BinaryUnmarshaler)
	cloner, clones := octets.(hash.Cloner)
	if !isState || !clones || u.UnmarshalBinary(state.Body()) != nil {
		return errors.New("the state for archive time-stamps is not one of their hash")
	}
	d.raising.octets = cloner
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
		c, err := pki.ParseCertificate(m.Raw())
		if err != nil {
			return nil, err
		}
		chain[i] = c.Lenient()
	}
	return chain, nil
}
