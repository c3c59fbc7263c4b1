package message

import (
	"hash"
	"io"
	"sync"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/tst"
)

// Kind says what a time-stamp of a signature is over.
type Kind int

// Kinds of time-stamps.
const (
	ContentTimestamp    Kind = iota // the content, made before it was signed
	SignatureTimestamp              // the signature value
	CTimestamp                      // the signature value, its time-stamps and the references (RFC 5126 section 6.3.5)
	ReferencesTimestamp             // the references (RFC 5126 section 6.3.6)
	ArchiveTimestampV1              // everything, as RFC 3126 had it
	ArchiveTimestampV2              // everything (RFC 5126 section 6.4.1)
	ArchiveTimestampV3              // everything that its hash index lists (EN 319 122-1 section 5.5.3)
)

// KindOf finds the kind by the type of the attribute.
func KindOf(id cms.OID) (Kind, bool) {
	switch id {
	case cms.OIDContentTimeStamp:
		return ContentTimestamp, true
	case cms.OIDSignatureTimeStamp:
		return SignatureTimestamp, true
	case cms.OIDCAdESCTimeStamp:
		return CTimestamp, true
	case cms.OIDCertCRLTimeStamp:
		return ReferencesTimestamp, true
	case cms.OIDArchiveTimeStamp:
		return ArchiveTimestampV1, true
	case cms.OIDArchiveTimeStampV2:
		return ArchiveTimestampV2, true
	case cms.OIDArchiveTimeStampV3:
		return ArchiveTimestampV3, true
	}
	return 0, false
}

// String is the name of the attribute.
func (k Kind) String() string {
	if k < ContentTimestamp || k > ArchiveTimestampV3 {
		return "unknown time-stamp"
	}
	return [...]cms.OID{
		cms.OIDContentTimeStamp, cms.OIDSignatureTimeStamp, cms.OIDCAdESCTimeStamp, cms.OIDCertCRLTimeStamp,
		cms.OIDArchiveTimeStamp, cms.OIDArchiveTimeStampV2, cms.OIDArchiveTimeStampV3,
	}[k].Name()
}

// Archive reports whether the time-stamp is over everything that was there.
func (k Kind) Archive() bool { return k >= ArchiveTimestampV1 }

// Timestamp is a time-stamp of a signature.
type Timestamp struct {
	Kind  Kind
	Token *tst.Token // nil when it cannot be read
	Err   error      // why

	Set       cms.Value // the values of the attribute
	Value     cms.Value // this one
	Attribute cms.Attribute
	At        int // of the attribute among those of its kind, signed or unsigned
	Pos       int // of the value in the attribute
	Signed    bool

	indexOnce sync.Once
	index     *ParsedIndex
	indexErr  error
}

// Timestamps returns the time-stamps of the signature, in the order in which they stand there: those on the content
// first, which are signed. They are read once.
func (s *Signature) Timestamps() []*Timestamp {
	s.stampsOnce.Do(func() {
		for k, attributes := range [][]cms.Attribute{s.SI.Signed, s.SI.Unsigned} {
			for i, a := range attributes {
				kind, ok := KindOf(a.Type)
				if !ok {
					continue
				}
				for pos, v := range a.Values {
					if len(s.stamps) == s.stampsAllowed {
						return
					}
					t := &Timestamp{Kind: kind, Set: a.Set, Value: v, Attribute: a, At: i, Pos: pos, Signed: k == 0}
					t.Token, t.Err = tst.Parse(v.Raw(), s.Message.Certificate)
					s.stamps = append(s.stamps, t)
				}
			}
		}
	})
	return s.stamps
}

// ContentUse says in which form an imprint takes the content.
type ContentUse int

const (
	NoContent     ContentUse = iota
	ContentDigest            // its digest by the hash of the imprint
	ContentItself            // the digest of the imprint is that of the content
	ContentOctets            // when it is not in memory, its octets in the midst of other octets
)

// Imprint is what a time-stamp is over: octets, the content in some form, further octets.
type Imprint struct {
	Head    [][]byte
	Content ContentUse
	Tail    [][]byte
}

// Octets is how many [Imprint.Sum] digests.
func (p *Imprint) Octets() (n int) {
	if p.Content != ContentOctets {
		for _, b := range p.Head {
			n += len(b)
		}
	}
	for _, b := range p.Tail {
		n += len(b)
	}
	return n
}

// ContentOf says in which form time-stamps of a kind take the content of this message.
func (s *Signature) ContentOf(k Kind) ContentUse {
	switch {
	case k == ContentTimestamp:
		return ContentItself
	case k == ArchiveTimestampV3:
		return ContentDigest
	case k.Archive() && (s.Message.Detached() || !s.Message.Octets.InMemory()):
		return ContentOctets
	}
	return NoContent
}

// ContentHead is what comes before a content that is not in memory in archive time-stamps of the first two versions: nothing
// when [Message.WriteContentHead] writes it, with the content.
func (m *Message) ContentHead() []byte { return m.SD.EncapContentInfo.Raw() }

// WriteContentHead writes encapContentInfo, wherever the content in it is.
func (m *Message) WriteContentHead(w io.Writer) error { return m.SD.EncapContentInfo.WriteRaw(w) }

// Sum digests the parts. content is the digest of the content; for ContentOctets, h has taken head and content already.
func (p *Imprint) Sum(h hash.Hash, content []byte) []byte {
	switch p.Content {
	case ContentItself:
		return content
	case ContentOctets:
	default:
		for _, b := range p.Head {
			h.Write(b)
		}
		if p.Content == ContentDigest {
			h.Write(content)
		}
	}
	for _, b := range p.Tail {
		h.Write(b)
	}
	return h.Sum(nil)
}

// Imprints returns what a time-stamp may be over: most kinds have one form, the second archive time-stamp has two, since
// the standard was read in two ways.
func (s *Signature) Imprints(t *Timestamp, index *ParsedIndex) []Imprint {
	value := [][]byte{s.SI.SignatureRaw}
	switch t.Kind {
	case ContentTimestamp:
		return []Imprint{{Content: ContentItself}}
	case SignatureTimestamp:
		return []Imprint{{Head: value}}
	case CTimestamp:
		ordered := append(value, s.TypesAndValues(cms.OIDSignatureTimeStamp, cms.OIDCertificateRefs, cms.OIDRevocationRefs)...)
		return []Imprint{{Head: ordered}, {Head: append(value[:1:1], s.typesAndValuesAsStored(cms.OIDSignatureTimeStamp, cms.OIDCertificateRefs, cms.OIDRevocationRefs)...)}}
	case ReferencesTimestamp:
		return []Imprint{{Head: s.TypesAndValues(cms.OIDCertificateRefs, cms.OIDRevocationRefs)}}
	case ArchiveTimestampV3:
		if index == nil {
			return nil
		}
		return []Imprint{s.ArchiveImprintV3(index.Raw)}
	}
	return s.archiveImprintsV2(t)
}

// TypesAndValues returns attrType and attrValues of the unsigned attributes, those of the first type first: RFC 5126
// section 6.3.5 names the order.
func (s *Signature) TypesAndValues(ids ...cms.OID) (parts [][]byte) {
	for _, id := range ids {
		for _, a := range cms.Find(s.SI.Unsigned, id) {
			parts = append(parts, a.TypeValue().Raw(), a.Set.Raw())
		}
	}
	return parts
}

// typesAndValuesAsStored is the same in the order of the message, which some took instead.
func (s *Signature) typesAndValuesAsStored(ids ...cms.OID) (parts [][]byte) {
	for _, a := range s.SI.Unsigned {
		for _, id := range ids {
			if a.Type == id {
				parts = append(parts, a.TypeValue().Raw(), a.Set.Raw())
			}
		}
	}
	return parts
}

// fields are those of the SignerInfo up to the signature, as they stand there: signedAttrs with its tag [0].
func (s *Signature) fields() [][]byte {
	si := s.SI
	return [][]byte{
		si.VersionValue().Raw(), si.SID.Value.Raw(), si.Digest.Raw(), si.SignedAttrs.Raw(), si.Algorithm.Raw(), si.Signature.Raw(),
	}
}

// ArchiveImprintV3 is EN 319 122-1 section 5.5.3: eContentType, the digest of the content, the fields of the SignerInfo, and
// the value of the hash index.
func (s *Signature) ArchiveImprintV3(index []byte) Imprint {
	b := cms.NewBuilder(nil)
	b.OID(s.Message.SD.ContentType)
	return Imprint{Head: [][]byte{b.Bytes()}, Content: ContentDigest, Tail: append(s.fields(), index)}
}

// archiveImprintsV2 is RFC 5126 section 6.4.1: encapContentInfo, a detached content, certificates and crls with their tags,
// the fields of the SignerInfo, and the unsigned attributes that were there, with identifier and length octets of the
// field or without.
func (s *Signature) archiveImprintsV2(t *Timestamp) []Imprint {
	sd := s.Message.SD
	p := Imprint{Head: [][]byte{s.Message.ContentHead()}, Content: s.ContentOf(t.Kind), Tail: [][]byte{sd.CertificateSet.Raw(), sd.RevocationSet.Raw()}}
	p.Tail = append(p.Tail, s.fields()...)
	unsigned, size := s.unsignedBefore(t)
	with, without := p, p
	with.Tail = append(append(p.Tail[:len(p.Tail):len(p.Tail)], cms.AppendHeader(nil, cms.ContextConstructed(1), size)), unsigned...)
	without.Tail = append(p.Tail[:len(p.Tail):len(p.Tail)], unsigned...)
	return []Imprint{with, without}
}

// unsignedBefore returns the unsigned attributes without the archive time-stamp itself and those that came later, and how many
// octets they have.
func (s *Signature) unsignedBefore(t *Timestamp) (before [][]byte, size int) {
	for i, a := range s.SI.Unsigned {
		if s.cameBefore(t, i) {
			before = append(before, a.Value.Raw())
			size += len(a.Value.Raw())
		}
	}
	return before, size
}

// cameBefore reports whether an archive time-stamp of the first two versions is over an unsigned attribute. One that holds archive
// time-stamps itself is left out with all its values by what its first one is: the time-stamp itself, a later one, or none that can
// be read.
func (s *Signature) cameBefore(t *Timestamp, attribute int) bool {
	s.archivesOnce.Do(func() {
		s.archives = map[int]*Timestamp{}
		for _, other := range s.Timestamps() {
			if other.Kind.Archive() && !other.Signed && other.Pos == 0 {
				s.archives[other.At] = other
			}
		}
	})
	first := s.archives[attribute]
	return first == nil || first.Value.Offset() != t.Value.Offset() && first.Token != nil && (t.Token == nil || first.Token.GenTime.Before(t.Token.GenTime))
}

// IsOver reports whether an archive time-stamp of the first two versions is over another one of the signature, which is not signed.
func (s *Signature) IsOver(t, other *Timestamp) bool { return s.cameBefore(t, other.At) }

// Index finds the ats-hash-index, which stands in the unsigned attributes of the token. It is there once.
func (t *Timestamp) Index() (*ParsedIndex, error) {
	t.indexOnce.Do(func() { t.index, t.indexErr = t.findIndex() })
	return t.index, t.indexErr
}

func (t *Timestamp) findIndex() (*ParsedIndex, error) {
	if t.Token == nil || len(t.Token.SD.Signers) == 0 {
		return nil, t.Err
	}
	var found *ParsedIndex
	for _, a := range t.Token.SD.Signers[0].Unsigned {
		switch a.Type {
		case cms.OIDATSHashIndex, cms.OIDATSHashIndexV2, cms.OIDATSHashIndexV3:
			if found != nil || len(a.Values) != 1 {
				return nil, &cms.SyntaxError{Offset: a.Value.Offset(), What: "there is more than one ats-hash-index"}
			}
			index, err := parseHashIndex(a.Type, a.Values[0])
			if err != nil {
				return nil, err
			}
			found = index
		}
	}
	return found, nil
}
