package message

import (
	"hash"
	"sync"

	"github.com/seed-116355fd/signet/internal/algorithm"
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
	lists     [3][][]byte     // certificates, revocation values, unsigned attributes
	unsigned  map[string]bool // the third list
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
	index.unsigned = make(map[string]bool, len(index.lists[2]))
	for _, d := range index.lists[2] {
		index.unsigned[string(d)] = true
	}
	return index, nil
}

// Lists reports whether the index has a digest among those of unsigned attributes.
func (x *ParsedIndex) Lists(digest string) bool { return x.unsigned[digest] }

// Entries is how many digests the index has.
func (x *ParsedIndex) Entries() int { return len(x.lists[0]) + len(x.lists[1]) + len(x.lists[2]) }

// Digest is what an index has for a value of an unsigned attribute of the signature: one digest for each value, or, in versions 1
// and 2, one for the whole attribute.
func (x *ParsedIndex) Digest(h algorithm.Hash, s *Signature, attribute, value int) string {
	all := s.unsignedDigests(x.Kind == cms.OIDATSHashIndexV3, h).of[attribute]
	return all[min(value, len(all)-1)]
}

// Has reports whether the index lists the unsigned attribute with its value.
func (x *ParsedIndex) Has(h algorithm.Hash, s *Signature, attribute, value int) bool {
	return x.Lists(x.Digest(h, s, attribute, value))
}

// Missing names the first entry of the index that is the digest of nothing in the message. Parts of the message that no
// entry lists are not covered by the time-stamp, which is no fault: they came later.
func (x *ParsedIndex) Missing(h algorithm.Hash, s *Signature) string {
	members := s.Message.memberDigests(h)
	there := []map[string]bool{members[0].all, members[1].all, s.unsignedDigests(x.Kind == cms.OIDATSHashIndexV3, h).all}
	for i, known := range there {
		for _, d := range x.lists[i] {
			if !known[string(d)] {
				return []string{"a certificate", "a revocation value", "an unsigned attribute"}[i]
			}
		}
	}
	return ""
}

// digests are worked out once by each hash: many time-stamps may have an index of the same parts.
type digests struct {
	mu   sync.Mutex
	sets map[string]*digestSet
}

type digestSet struct {
	all map[string]bool
	of  [][]string // by attribute and value
}

func (d *digests) get(key string, work func() *digestSet) *digestSet {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sets[key] == nil {
		if d.sets == nil {
			d.sets = map[string]*digestSet{}
		}
		d.sets[key] = work()
	}
	return d.sets[key]
}

// memberDigests are those of SignedData.certificates and of SignedData.crls.
func (m *Message) memberDigests(h algorithm.Hash) (sets [2]*digestSet) {
	for i, members := range [][]cms.Value{m.SD.Certificates, m.SD.Revocations} {
		sets[i] = m.digests.get(string(rune('0'+i))+string(h.ID), func() *digestSet {
			set := &digestSet{all: make(map[string]bool, len(members))}
			for _, v := range members {
				set.all[string(h.Sum(v.Raw()))] = true
			}
			return set
		})
	}
	return sets
}

// unsignedDigests are those of the unsigned attributes, by value or as a whole.
func (s *Signature) unsignedDigests(byValue bool, h algorithm.Hash) *digestSet {
	key := "whole" + string(h.ID)
	if byValue {
		key = "value" + string(h.ID)
	}
	return s.digests.get(key, func() *digestSet {
		set := &digestSet{all: map[string]bool{}, of: make([][]string, len(s.SI.Unsigned))}
		for i, a := range s.SI.Unsigned {
			if byValue {
				for _, v := range a.Values {
					f := h.New()
					f.Write(a.TypeValue().Raw())
					f.Write(v.Raw())
					set.of[i] = append(set.of[i], string(f.Sum(nil)))
				}
			} else {
				set.of[i] = []string{string(h.Sum(a.Value.Raw()))}
			}
			for _, d := range set.of[i] {
				set.all[d] = true
			}
		}
		return set
	})
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
