package cades

import (
	"context"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/sign"
)

// CounterSign returns the message with a counter-signature on this signature, or on this counter-signature (RFC 5652
// section 11.4). It is over the signature value, so that the content is not needed. Options of the content (Attached,
// ContentType, MimeType, ContentHints) are not for a counter-signature; the level is T at most, since the rest of the
// levels is that of the signature below.
func (s *Signature) CounterSign(ctx context.Context, signer *sign.Signer, o *Options) ([]byte, error) {
	d, err := s.PrepareCounterSignature(ctx, signer, o)
	if err != nil {
		return nil, err
	}
	signature, err := signer.Sign(ctx, d.tbs)
	if err != nil {
		return nil, err
	}
	return d.FinishTrusted(ctx, signature)
}

// PrepareCounterSignature freezes what a counter-signer signs, for keys that are elsewhere; see [Signature.CounterSign].
func (s *Signature) PrepareCounterSignature(ctx context.Context, signer *sign.Signer, o *Options) (draft *Draft, err error) {
	defer sign.Recover(&err)
	if signer == nil {
		return nil, noSigner()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o == nil {
		o = &Options{}
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.Attached || o.ContentType != "" || o.MimeType != "" || o.ContentHints != nil || len(o.ContentTimestampers) != 0 {
		return nil, addError("a counter-signature is over a signature and says nothing of the content")
	}
	if len(s.path()) > message.MaxCounterDepth {
		return nil, addError("counter-signatures are nested %d deep already", message.MaxCounterDepth)
	}
	if o.Level > LevelT {
		return nil, addError("a counter-signature takes level t at most")
	}
	d := newDraft(signer, o)
	d.base, d.on = s.message, s.path()
	if err := s.mayChange(true); err != nil {
		return nil, err
	}
	if err := s.message.mayGrow(d); err != nil {
		return nil, err
	}
	h := signer.Scheme().NewHash()
	h.Write(s.in.SI.SignatureRaw)
	d.digest = h.Sum(nil)
	if err := d.freeze(ctx, o); err != nil {
		return nil, err
	}
	return d, nil
}

// mayChange refuses what would change octets under an archive time-stamp: a new unsigned attribute is not under one of
// the third version, but is under the older ones; what is inside a counter-signature is under all that came after it.
func (s *Signature) mayChange(adds bool) error {
	var child *Signature
	for at := s; at != nil; child, at = at, at.parent {
		for _, t := range at.in.Timestamps() {
			switch {
			case !t.Kind.Archive():
			case child == nil && adds && t.Kind != message.ArchiveTimestampV3:
				return addError("it has an archive time-stamp over its unsigned attributes, which the addition would break")
			case child != nil && covers(t, child):
				return addError("the counter-signature is under an archive time-stamp, which the addition would break")
			}
		}
	}
	return nil
}

// covers reports whether a counter-signature is under an archive time-stamp of the signature that it is on; one that came
// later is not, which the hash index of the third version tells. When it cannot be told, it is.
func covers(t *message.Timestamp, counter *Signature) bool {
	if t.Kind != message.ArchiveTimestampV3 {
		return true
	}
	index, err := t.Index()
	if err != nil || index == nil {
		return true
	}
	h, ok := (*algorithm.Registry)(nil).Hash(index.Algorithm)
	if !ok {
		return true
	}
	for at, a := range counter.parent.in.SI.Unsigned {
		if a.Type != cms.OIDCounterSignature {
			continue
		}
		for i, v := range a.Values {
			if v.Offset() == counter.in.SI.Value.Offset() {
				return index.Has(h, counter.parent.in, at, i)
			}
		}
	}
	return true
}

// counterSignature puts the SignerInfo of the draft on the signature that it counter-signs.
func (d *Draft) counterSignature(info []byte) *growth {
	s := d.base.at(d.on)
	return &growth{signer: s.in.SI, unsigned: [][]byte{attribute(cms.OIDCounterSignature, info)}}
}
