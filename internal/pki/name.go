package pki

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"github.com/seed-116355fd/signet/internal/cms"
)

// Name is a distinguished name (RFC 5280 section 4.1.2.4) as it was received. The zero Name has no RDNs and equals an empty
// SEQUENCE. It is safe for concurrent use, and copies share what was worked out.
type Name struct {
	Raw []byte // with identifier and length octets
	n   *preparedName
}

// preparedName is worked out when it is first asked for: most names of a message are compared by their octets only.
type preparedName struct {
	once sync.Once
	rdns []RDN
	keys []string // of each RDN
	key  string   // of the whole
	bad  bool

	textOnce sync.Once
	text     string // for people: a long name may be in many sentences
}

// RDN is a relative distinguished name: a set of attributes, which has one member as a rule.
type RDN []NameAttribute

// NameAttribute is an attribute of a name. Its value is kept as received.
type NameAttribute struct {
	Type  cms.OID
	Value cms.Value
}

// NewName returns the name that these octets are, with identifier and length octets. Octets that are none are a name that
// equals itself only; see [Name.Malformed].
func NewName(raw []byte) Name { return Name{Raw: raw, n: new(preparedName)} }

// IsEmpty reports whether the name has no RDNs.
func (n Name) IsEmpty() bool {
	return len(n.Raw) == 0 || len(n.Raw) == 2 && n.Raw[0] == 0x30 && n.Raw[1] == 0 || !n.Malformed() && len(n.prepared().rdns) == 0
}

// Malformed reports whether the octets are no Name.
func (n Name) Malformed() bool { return n.prepared().bad }

// RDNs returns the relative names, the root first as they stand, or nil when the name is malformed.
func (n Name) RDNs() []RDN { return n.prepared().rdns }

// Equal compares as RFC 5280 section 7.1 has it: string types, case and runs of spaces do not count, the order in a
// multi-valued RDN does not either. Values of types that are not known here, and of types that are no strings, are compared
// by their octets.
func (n Name) Equal(other Name) bool {
	return bytes.Equal(n.Raw, other.Raw) || n.Key() == other.Key()
}

// Key is the same text for names that are equal, for use in maps. It is not for people.
func (n Name) Key() string { return n.prepared().key }

// Within reports whether the name begins with all RDNs of the other one: whether it lies in that subtree (RFC 5280 section
// 4.2.1.10). A malformed name lies in none.
func (n Name) Within(base Name) bool {
	p, b := n.prepared(), base.prepared()
	return !p.bad && !b.bad && len(b.keys) <= len(p.keys) && slices.Equal(p.keys[:len(b.keys)], b.keys)
}

// Child returns the name with one more RDN, given as its SET OF attributes without tag: what nameRelativeToCRLIssuer means
// (RFC 5280 section 4.2.1.13).
func (n Name) Child(attributes []byte) Name {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	if v, err := cms.ReadValue(n.Raw); err == nil {
		b.Raw(v.Body())
	}
	b.Value(cms.TagSet, attributes)
	b.Close(seq)
	return NewName(b.Bytes())
}

// Emails returns the values of the attributes of type emailAddress.
func (n Name) Emails() []string {
	var all []string
	for _, rdn := range n.RDNs() {
		for _, a := range rdn {
			if a.Type == cms.OIDEmailAddress {
				s, _ := decodeString(a.Value)
				all = append(all, s)
			}
		}
	}
	return all
}

func (n Name) prepared() *preparedName {
	p := n.n
	if p == nil {
		if len(n.Raw) == 0 {
			return &preparedName{key: "n"}
		}
		p = new(preparedName) // a literal of somebody else: right, and worked out each time
	}
	p.once.Do(func() { p.prepare(n.Raw) })
	return p
}

func (p *preparedName) prepare(raw []byte) {
	if len(raw) > 0 {
		if p.rdns = readRDNs(raw); p.rdns == nil {
			p.bad = true
			// The first octet keeps keys of malformed names apart from those of others.
			p.key = "x" + string(raw)
			return
		}
	}
	// Each key is a part of that of the whole.
	var room [256]byte
	b := append(room[:0], 'n')
	ends := make([]int, 0, 8)
	for _, rdn := range p.rdns {
		b = rdn.appendKey(b)
		ends = append(ends, len(b))
	}
	p.key = string(b)
	p.keys = make([]string, len(p.rdns))
	begin := 1
	for i, end := range ends {
		p.keys[i], begin = p.key[begin:end], end
	}
}

// readRDNs returns nil for octets that are no Name, and an empty slice for one without RDNs.
func readRDNs(raw []byte) []RDN {
	v, err := cms.ReadValue(raw)
	if err != nil || v.Tag() != cms.TagSequence || v.Next() != len(raw) {
		return nil
	}
	rdns := make([]RDN, 0, 6)
	all := make([]NameAttribute, 0, 6)
	for r := v.Reader(); !r.Empty(); {
		set, err := r.Want(cms.TagSet, "an RDN")
		if err != nil {
			return nil
		}
		begin := len(all)
		if all = readRDN(all, set); len(all) <= begin {
			return nil
		}
		rdns = append(rdns, RDN(all[begin:len(all):len(all)]))
	}
	return rdns
}

// readRDN appends the attributes of an RDN. Of one that is malformed it returns nil.
func readRDN(all []NameAttribute, set cms.Value) []NameAttribute {
	for r := set.Reader(); !r.Empty(); {
		seq, err := r.Want(cms.TagSequence, "an attribute of a name")
		if err != nil {
			return nil
		}
		a := seq.Reader()
		id, err := a.Want(cms.TagOID, "the type of an attribute")
		if err != nil {
			return nil
		}
		oid, err := id.OID()
		if err != nil {
			return nil
		}
		value, err := a.Next()
		if err != nil || !a.Empty() {
			return nil
		}
		all = append(all, NameAttribute{oid, value})
	}
	return all
}

// appendKey is unambiguous: every part has its length before it.
func (r RDN) appendKey(dst []byte) []byte {
	var room [128]byte
	if len(r) == 1 {
		return appendPart(dst, r[0].appendKey(room[:0]))
	}
	parts := make([]string, len(r))
	for i, a := range r {
		parts[i] = string(a.appendKey(room[:0]))
	}
	slices.Sort(parts)
	return appendPart(dst, strings.Join(parts, ""))
}

func (a NameAttribute) appendKey(dst []byte) []byte {
	dst = appendPart(dst, a.Type)
	if comparedAsString(a.Type) {
		var room [64]byte
		if b, ok := appendPrepared(room[:0], a.Value); ok {
			return appendPart(append(dst, 's'), b)
		}
		if s, ok := decodeString(a.Value); ok {
			return appendPart(append(dst, 's'), prepareString(s))
		}
	}
	return appendPart(append(dst, 'o'), a.Value.Raw())
}

func appendPart[S ~string | ~[]byte](dst []byte, s S) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// comparedAsString reports whether an attribute of a name has one of the string types of X.520 and its relatives, whose
// matching rule ignores case. RFC 5280 section 7.1 allows others to be compared by octets.
func comparedAsString(id cms.OID) bool {
	for _, arc := range []string{
		"\x55\x04",                                 // 2.5.4, X.520
		"\x09\x92\x26\x89\x93\xf2\x2c\x64",         // 0.9.2342.19200300.100, domainComponent, userid
		"\x2a\x86\x48\x86\xf7\x0d\x01\x09",         // 1.2.840.113549.1.9, PKCS #9
		"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01", // 1.3.6.1.4.1.311.60.2.1, jurisdiction
		"\x2a\x85\x03\x64",                         // 1.2.643.100, OGRN, SNILS
		"\x2a\x85\x03\x03\x81\x03\x01",             // 1.2.643.3.131.1, INN
	} {
		if strings.HasPrefix(string(id), arc) {
			return true
		}
	}
	return false
}
