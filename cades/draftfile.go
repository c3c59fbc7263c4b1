package cades

import (
	"bytes"
	"context"
	"crypto"
	"encoding"
	"fmt"
	"slices"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// A draft that waits for its signature in another process is a DER SEQUENCE of a version and two parts. What drafts of one
// batch share is the frame: name of the scheme, its two AlgorithmIdentifiers, certificates, rule for certificates, content
// type, level, and hash of time-stamps: its number, or the AlgorithmIdentifier of one that the schemes bring. The rest is their own: digest of the content, signed attributes, and then the content [0] when
// it is attached, the message [1] that gets a further signer, the place [2] in it of the signature that is
// counter-signed, and what archive time-stamps need of the content: its digest [3] by their hash, and the state [4] of
// that hash behind the encapContentInfo and the content. Several drafts are a frame and a SEQUENCE of parts.
const (
	draftVersion  = 2
	draftsVersion = 3
)

// MarshalBinary encodes the draft, so that it can be finished in another process by [ParseDraft]. An attached content
// goes in, whatever its size. The level is kept; the sources of time-stamps and revocation values are given again by
// [Draft.WithSources]. Nothing in it is secret. Whoever changes it makes a draft of something else: keep it where nobody
// can, or with a MAC.
func (d *Draft) MarshalBinary() ([]byte, error) {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.Int(draftVersion)
	d.appendFrame(&b)
	if err := d.appendParts(&b); err != nil {
		return nil, err
	}
	b.Close(seq)
	return b.Bytes(), nil
}

// MarshalDrafts encodes drafts of one signer, made with the same options, for [ParseDrafts]. It is smaller and read faster
// than the drafts one by one.
func MarshalDrafts(drafts []*Draft) ([]byte, error) {
	if len(drafts) == 0 {
		return nil, &sign.Error{Op: "cades: drafts", Class: sign.ErrInput, Hint: "there are none"}
	}
	for i, d := range drafts {
		if d == nil || d.signer == nil {
			return nil, &sign.Error{Op: "cades: drafts", Class: sign.ErrInput, Hint: fmt.Sprintf("draft %d is none; make it with Prepare", i)}
		}
	}
	frame := cms.NewBuilder(nil)
	drafts[0].appendFrame(&frame)
	size := len(frame.Bytes()) + 64
	for _, d := range drafts {
		size += len(d.tbs) + len(d.digest) + 16
	}
	b := cms.NewBuilder(make([]byte, 0, size))
	seq := b.Open(cms.TagSequence)
	b.Int(draftsVersion)
	b.Raw(frame.Bytes())
	all := b.Open(cms.TagSequence)
	last := drafts[0]
	for i, d := range drafts {
		if !d.sameFrame(last) {
			other := cms.NewBuilder(nil)
			if d.appendFrame(&other); !bytes.Equal(other.Bytes(), frame.Bytes()) {
				return nil, &sign.Error{Op: "cades: drafts", Class: sign.ErrInput, Hint: fmt.Sprintf("draft %d is of another signer or other options; encode it by itself", i)}
			}
		}
		last = d
		one := b.Open(cms.TagSequence)
		if err := d.appendParts(&b); err != nil {
			return nil, err
		}
		b.Close(one)
	}
	b.Close(all)
	b.Close(seq)
	return b.Bytes(), nil
}

// sameFrame reports quickly that two drafts share their frame; false means that it is not known.
func (d *Draft) sameFrame(o *Draft) bool {
	mine, myAlgorithm := d.timestampHash()
	other, otherAlgorithm := o.timestampHash()
	return d.signer == o.signer && d.rule == o.rule && d.contentType == o.contentType && d.Level() == o.Level() && mine == other && myAlgorithm == otherAlgorithm
}

// Level is that of the container which the draft becomes. A draft of a version that did not keep it is at BES.
func (d *Draft) Level() Level { return d.level }

// timestampHash is the number of the hash of time-stamps in a stored draft, and its AlgorithmIdentifier where it is no hash of package
// crypto.
func (d *Draft) timestampHash() (number crypto.Hash, algorithm string) {
	if !d.Raises() || unset(d.raising.o.Hash) {
		return 0, ""
	}
	if h, ok := d.raising.o.Hash.(crypto.Hash); ok {
		return h, ""
	}
	return 0, string(mustAlgorithm(d.raising.o.Hash))
}

// draftLevels are the levels by their numbers in a stored draft, which stay whatever becomes of the constants: a draft that is finished
// by another version must not be at another level.
var draftLevels = [...]Level{LevelPKCS7, LevelBES, LevelT, LevelLT, LevelLTA, LevelC, LevelXLong1, LevelA}

func (d *Draft) appendFrame(b *cms.Builder) {
	scheme := d.signer.Scheme()
	b.String(cms.TagUTF8String, scheme.Name)
	b.Raw(scheme.DigestAlg, scheme.SignatureAlg)
	chain := b.Open(cms.TagSequence)
	for _, c := range d.signer.Chain() {
		b.Raw(c.Raw)
	}
	b.Close(chain)
	b.Int(uint64(d.rule))
	b.OID(d.contentType)
	b.Int(uint64(max(0, slices.Index(draftLevels[:], d.level))))
	if number, algorithm := d.timestampHash(); algorithm != "" {
		b.Raw([]byte(algorithm))
	} else {
		b.Int(uint64(number))
	}
}

func (d *Draft) appendParts(b *cms.Builder) error {
	b.Value(cms.TagOctetString, d.digest)
	b.Raw(d.tbs)
	if d.attached {
		var content bytes.Buffer
		if err := d.copyContent(context.Background(), &content); err != nil {
			return err
		}
		b.Value(cms.ContextTag(0), content.Bytes())
	}
	if d.base != nil {
		ber, err := d.base.in.Octets.Bytes()
		if err != nil {
			return err
		}
		b.Value(cms.ContextTag(1), ber)
	}
	if d.on != nil {
		on := b.Open(cms.ContextConstructed(2))
		for _, i := range d.on {
			b.Int(uint64(i))
		}
		b.Close(on)
	}
	if !d.Raises() {
		return nil
	}
	if len(d.raising.digest) != 0 {
		b.Value(cms.ContextTag(3), d.raising.digest)
	}
	if d.raising.octets != nil {
		m, ok := d.raising.octets.(encoding.BinaryMarshaler)
		if !ok {
			return &sign.Error{Op: "cades: draft", Class: sign.ErrUnsupported, Hint: "the hash of time-stamps cannot be carried to another process"}
		}
		state, err := m.MarshalBinary()
		if err != nil {
			return err
		}
		b.Value(cms.ContextTag(4), state)
	}
	return nil
}

// WithSources returns the draft with sources of time-stamps and revocation values, for one that [ParseDraft] gave: what is
// signed, and the level, stay as they are. Of the options, Timestamper, Revocation and
// TimestampEvidence are used.
func (d *Draft) WithSources(o *Options) (*Draft, error) {
	if !d.Raises() {
		return d, nil
	}
	if o == nil {
		o = &Options{}
	}
	check := Options{Level: d.level, Timestamper: o.Timestamper, Revocation: o.Revocation, TimestampEvidence: o.TimestampEvidence}
	if err := check.checkLevel(); err != nil {
		return nil, err
	}
	with := *d
	raising := *d.raising
	raising.o.Timestamper, raising.o.Revocation, raising.o.TimestampEvidence = o.Timestamper, o.Revocation, o.TimestampEvidence
	with.raising = &raising
	return &with, nil
}

// Fits reports whether a signer may sign the draft: it has the certificate that the signed attributes name, and its scheme.
func (d *Draft) Fits(s *sign.Signer) error {
	if s == d.signer {
		return nil
	}
	mine, scheme := d.signer.Scheme(), s.Scheme()
	if !bytes.Equal(s.Certificate().Raw, d.signer.Certificate().Raw) {
		return &sign.Error{Op: "cades: draft", Class: sign.ErrKeyMismatch, Hint: "it was prepared for another certificate; sign it with the key of that one, or prepare it again"}
	}
	if !bytes.Equal(scheme.DigestAlg, mine.DigestAlg) || !bytes.Equal(scheme.SignatureAlg, mine.SignatureAlg) {
		return &sign.Error{Op: "cades: draft", Class: sign.ErrKeyMismatch, Hint: "it was prepared for scheme " + mine.Name + "; sign it with that one, or prepare it again"}
	}
	return nil
}
