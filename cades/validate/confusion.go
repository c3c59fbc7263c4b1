package validate

import (
	"fmt"
	"slices"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
)

// A signature with signed attributes is one over their encoding, a SET OF Attribute; one without is over the content. The
// value itself does not say which it is. So whoever has a message with signed attributes could present their encoding as the
// content of a message without, signed by the same signer, who never saw it (draft-ietf-lamps-cms-euf-cma-signeddata). A
// recipient keeps the two apart: without signed attributes, the content type has to be data, as RFC 5652 section 5.3 has it,
// and the content must not be such an encoding.

// attributesForm finds out whether octets that pass by are in the form of signed attributes. It keeps their beginning only.
type attributesForm struct {
	head []byte
	size int64

	keep  bool   // whole has the octets, as long as there are not too many
	whole []byte //
}

// formHead is where the set of values of the first attribute begins at the latest: identifier and length octets of the set,
// the attribute, its type, which takes up most, and the set of values.
const formHead = 10 + 10 + 10 + 255 + 1

func (f *attributesForm) Write(p []byte) (int, error) {
	f.size += int64(len(p))
	if n := formHead - len(f.head); n > 0 {
		f.head = append(f.head, p[:min(n, len(p))]...)
	}
	if f.keep {
		if f.size > maxWhole {
			f.whole = nil
		} else {
			f.whole = append(f.whole, p...)
		}
	}
	return len(p), nil
}

// maxWhole bounds the content that is kept for signatures that are over it, and not over a digest of it.
const maxWhole = 16 << 20

// overWhole reports whether a signature is over the content itself: one by Ed25519 or ML-DSA without signed attributes.
func (v *verifier) overWhole() bool {
	return slices.ContainsFunc(v.m.Signatures, v.overContent)
}

// overContent reports whether a signature is over the content itself, so that nothing is digested for it.
func (v *verifier) overContent(s *message.Signature) bool {
	return s.SI.SignedAttrs.IsZero() && v.registry().Whole(s.SI.Algorithm.ID)
}

// anyHash is a hash in the place of one that is not known, where it does not matter which one it is.
func (v *verifier) anyHash(id cms.OID) cms.OID {
	if _, known := v.hashOf(id); known {
		return id
	}
	return cms.OIDSHA512
}

// wholeContent returns the octets of the content for such a signature.
func (v *verifier) wholeContent() (whole []byte, problem string) {
	switch f := v.givenForm; {
	case !v.m.Detached() && !v.m.Octets.InMemory() && v.insideForm.size > maxWhole:
		return nil, fmt.Sprintf("which is not kept when it has more than %d MiB", maxWhole>>20)
	case !v.m.Detached():
		whole = []byte{}
		err := v.m.SD.ContentSegments(func(b []byte) error { whole = append(whole, b...); return nil })
		if err != nil {
			return nil, "which cannot be read"
		}
		return whole, ""
	case f == nil:
		return nil, "which is detached: give the content itself; a digest of it is not enough"
	case f.size > 0 && f.whole == nil:
		return nil, fmt.Sprintf("which is not kept when it has more than %d MiB", maxWhole>>20)
	case f.whole == nil:
		return []byte{}, ""
	}
	return v.givenForm.whole, ""
}

// is reports whether it is SET OF SEQUENCE { OBJECT IDENTIFIER, SET …}, as far as that can be told from the first member and
// the lengths. Lengths that are not as DER has them are taken: some sign what they have stored.
func (f *attributesForm) is() bool {
	body, length, ok := formField(f.head, byte(cms.TagSet.Number())|0x20)
	if !ok || length >= 0 && int64(len(f.head)-len(body))+length != f.size {
		return false
	}
	if body, _, ok = formField(body, byte(cms.TagSequence.Number())|0x20); !ok {
		return false
	}
	value, length, ok := formField(body, byte(cms.TagOID.Number()))
	if !ok || length < 1 || length >= int64(len(value)) {
		return false
	}
	return value[length] == byte(cms.TagSet.Number())|0x20
}

// formField reads identifier and length octets. The length is -1 when it is indefinite.
func formField(b []byte, tag byte) (body []byte, length int64, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, 0, false
	}
	n, b := b[1], b[2:]
	switch {
	case n == 0x80:
		return b, -1, true
	case n < 0x80:
		return b, int64(n), true
	case n > 0x88 || len(b) < int(n&0x7f):
		return nil, 0, false
	}
	for _, octet := range b[:n&0x7f] {
		if length > 1<<47 {
			return nil, 0, false
		}
		length = length<<8 | int64(octet)
	}
	return b[n&0x7f:], length, true
}

// withoutAttributes checks what a signature without signed attributes must not be.
func (v *verifier) withoutAttributes(r *SignatureReport, s *message.Signature) {
	if !s.SI.SignedAttrs.IsZero() {
		return
	}
	const looks = "the content has the form of signed attributes: a signature over those of another message could be passed off as one over this content"
	if s.Parent != nil {
		f := &attributesForm{}
		_, _ = f.Write(s.Parent.SI.SignatureRaw)
		if f.is() {
			r.add(CheckStructure, Failed, "there are no signed attributes, and %s", looks)
		}
		return
	}
	if id := v.m.SD.ContentType; id != cms.OIDData {
		r.add(CheckContentType, Failed, "there are no signed attributes, which RFC 5652 section 5.3 demands of any content but data, and this is %s", id.Name())
	}
	switch {
	case v.insideForm != nil && v.insideForm.is(), v.givenForm != nil && v.givenForm.is():
		r.add(CheckStructure, Failed, "there are no signed attributes, and %s", looks)
	case v.insideForm == nil && v.givenForm == nil && v.given != nil:
		r.add(CheckMessageDigest, Unchecked, "without signed attributes the content itself is needed, and not only its digest: it could be the signed attributes of another message")
	}
}

// attributes checks the structure of signed attributes: one that cannot be read, or has no value, does not go by unnoticed.
func (v *verifier) attributes(r *SignatureReport, s *message.Signature) {
	for i, a := range s.SI.Signed {
		switch {
		case a.Type == "":
			r.add(CheckStructure, Failed, "signed attribute %d is malformed", i+1)
		case len(a.Values) == 0:
			r.add(CheckStructure, Failed, "signed attribute %s has no value", a.Type.Name())
		}
	}
	if !s.SI.SignedAttrs.IsZero() && len(s.SI.Signed) == 0 {
		r.add(CheckStructure, Failed, "the set of signed attributes is empty")
	}
}

// trailing says what stands behind the fields of a structure that are known.
func trailing(fields *cms.Reader) error {
	if fields.Empty() {
		return nil
	}
	return fmt.Errorf("something follows its fields at offset %d", fields.Offset())
}
