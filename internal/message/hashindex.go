package message

import (
	"bytes"
	"hash"

	"github.com/seed-116355fd/signet/internal/cms"
)

// The archive-time-stamp-v3 and its ats-hash-index (EN 319 122-1 sections 5.5.2 and 5.5.3). The index lists digests of
// what the time-stamp covers beside the signature itself: every certificate and revocation value as it stands in
// SignedData, and every value of every unsigned attribute that is there when the time-stamp is made.

// Covered are the parts that a hash index lists, as they stand in the message.
type Covered struct {
	Certs    [][]byte
	Values   [][]byte
	Unsigned []cms.Attribute
}

// HashIndex encodes ATSHashIndexV3: the algorithm, which is mandatory in this version, and three lists of digests.
func HashIndex(algorithm []byte, newHash func() hash.Hash, c *Covered) []byte {
	h := newHash()
	sum := func(parts ...[]byte) []byte {
		h.Reset()
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	b := cms.NewBuilder(nil)
	index := b.Open(cms.TagSequence)
	b.Raw(algorithm)
	for _, parts := range [][][]byte{c.Certs, c.Values} {
		list := b.Open(cms.TagSequence)
		for _, p := range parts {
			b.Value(cms.TagOctetString, sum(p))
		}
		b.Close(list)
	}
	list := b.Open(cms.TagSequence)
	for _, a := range c.Unsigned {
		for _, v := range a.Values {
			// One entry a value: attrType with identifier and length octets, then the value.
			b.Value(cms.TagOctetString, sum(a.TypeValue().Raw(), v.Raw()))
		}
	}
	b.Close(list)
	b.Close(index)
	return b.Bytes()
}

// ParsedIndex is an ats-hash-index of any version, read.
type ParsedIndex struct {
	Kind      cms.OID
	Raw       []byte // the value of the attribute
	Algorithm cms.OID
	lists     [3][][]byte // certificates, revocation values, unsigned attributes
	unsigned  map[string]bool
}

// parseHashIndex reads ATSHashIndex: in version 1 and 2 the algorithm is DEFAULT SHA-256.
func parseHashIndex(kind cms.OID, v cms.Value) (*ParsedIndex, error) {
	index := &ParsedIndex{Kind: kind, Raw: v.Raw(), Algorithm: cms.OIDSHA256}
	r := v.Reader()
	members, err := r.All()
	if err != nil {
		return nil, err
	}
	if len(members) == 4 {
		algorithm, err := cms.ParseAlgorithm(members[0])
		if err != nil {
			return nil, err
		}
		index.Algorithm, members = algorithm.ID, members[1:]
	}
	if v.Tag() != cms.TagSequence || len(members) != 3 {
		return nil, &cms.SyntaxError{Offset: v.Offset(), What: "the ats-hash-index is malformed"}
	}
	for i, list := range members {
		r := list.Reader()
		digests, err := r.All()
		if err != nil {
			return nil, err
		}
		for _, d := range digests {
			index.lists[i] = append(index.lists[i], d.Body())
		}
	}
	return index, nil
}

// unsignedOf returns the digests that stand for an unsigned attribute: one for each value, or, in versions 1 and 2, one for
// the whole attribute.
func (x *ParsedIndex) unsignedOf(h cms.Hash, a cms.Attribute) [][]byte {
	if x.Kind != cms.OIDATSHashIndexV3 {
		return [][]byte{h.Sum(a.Value.Raw())}
	}
	var sums [][]byte
	for _, v := range a.Values {
		sums = append(sums, h.Sum(bytes.Join([][]byte{a.TypeValue().Raw(), v.Raw()}, nil)))
	}
	return sums
}

// Digest is what the index has for the value i of an unsigned attribute.
func (x *ParsedIndex) Digest(h cms.Hash, a cms.Attribute, i int) []byte {
	if x.Kind != cms.OIDATSHashIndexV3 {
		return h.Sum(a.Value.Raw())
	}
	return h.Sum(bytes.Join([][]byte{a.TypeValue().Raw(), a.Values[i].Raw()}, nil))
}

// Lists reports whether the index has a digest among those of unsigned attributes.
func (x *ParsedIndex) Lists(digest string) bool {
	if x.unsigned == nil {
		x.unsigned = make(map[string]bool, len(x.lists[2]))
		for _, d := range x.lists[2] {
			x.unsigned[string(d)] = true
		}
	}
	return x.unsigned[digest]
}

// Has reports whether the index lists the unsigned attribute with its value i.
func (x *ParsedIndex) Has(h cms.Hash, a cms.Attribute, i int) bool {
	return x.Lists(string(x.Digest(h, a, i)))
}

// Missing names the first entry of the index that is the digest of nothing in the message. Parts of the message that no
// entry lists are not covered by the time-stamp, which is no fault: they came later.
func (x *ParsedIndex) Missing(h cms.Hash, c *Covered) string {
	digests := func(parts [][]byte) [][]byte {
		var sums [][]byte
		for _, p := range parts {
			sums = append(sums, h.Sum(p))
		}
		return sums
	}
	var unsigned [][]byte
	for _, a := range c.Unsigned {
		unsigned = append(unsigned, x.unsignedOf(h, a)...)
	}
	for i, there := range [][][]byte{digests(c.Certs), digests(c.Values), unsigned} {
		known := make(map[string]bool, len(there))
		for _, d := range there {
			known[string(d)] = true
		}
		for _, d := range x.lists[i] {
			if !known[string(d)] {
				return []string{"a certificate", "a revocation value", "an unsigned attribute"}[i]
			}
		}
	}
	return ""
}

// Covered are the parts of the message that an archive time-stamp made now would list.
func (s *Signature) Covered() *Covered {
	c := &Covered{Unsigned: s.SI.Unsigned}
	for _, v := range s.Message.SD.Certificates {
		c.Certs = append(c.Certs, v.Raw())
	}
	for _, v := range s.Message.SD.Revocations {
		c.Values = append(c.Values, v.Raw())
	}
	return c
}
