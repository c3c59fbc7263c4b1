package cms

import (
	"encoding/asn1"
	"errors"
	"math/big"
	"strconv"
	"strings"
)

// OID is an object identifier as its content octets (X.690 section 8.19), so that it is comparable, constant and free
// to write.
type OID string

// String is the dotted form, or the octets in hexadecimal when they are not an object identifier.
func (o OID) String() string {
	if s, ok := o.short(); ok {
		return s
	}
	arcs, ok := o.arcs()
	if !ok {
		return "invalid OID " + strconv.QuoteToASCII(string(o))
	}
	var b strings.Builder
	for i, a := range arcs {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(a.String())
	}
	return b.String()
}

// short is the dotted form of one whose arcs are small.
func (o OID) short() (string, bool) {
	if !o.valid() {
		return "", false
	}
	var room [64]byte
	b, arc := room[:0], uint64(0)
	for i := range len(o) {
		if arc >= 1<<56 {
			return "", false
		}
		if arc = arc<<7 | uint64(o[i]&0x7f); o[i]&0x80 != 0 {
			continue
		}
		if len(b) == 0 {
			first := min(arc/40, 2)
			b, arc = append(b, '0'+byte(first)), arc-40*first
		}
		b, arc = strconv.AppendUint(append(b, '.'), arc, 10), 0
	}
	return string(b), true
}

// ASN1 converts to the type of the standard library; ok is false when an arc does not fit.
func (o OID) ASN1() (oid asn1.ObjectIdentifier, ok bool) {
	arcs, ok := o.arcs()
	if !ok {
		return nil, false
	}
	for _, a := range arcs {
		if !a.IsInt64() || int64(int(a.Int64())) != a.Int64() {
			return nil, false
		}
		oid = append(oid, int(a.Int64()))
	}
	return oid, true
}

// maxOIDLength bounds the octets of an object identifier; the longest in use have about 30.
const maxOIDLength = 128

// valid reports whether the octets are those of an object identifier: each arc ends, and none begins with zeros.
func (o OID) valid() bool {
	if len(o) == 0 || len(o) > maxOIDLength || o[len(o)-1]&0x80 != 0 {
		return false
	}
	start := true
	for i := range len(o) {
		if start && o[i] == 0x80 {
			return false
		}
		start = o[i]&0x80 == 0
	}
	return true
}

func (o OID) arcs() ([]*big.Int, bool) {
	if !o.valid() {
		return nil, false
	}
	var arcs []*big.Int
	arc := new(big.Int)
	for i := range len(o) {
		arc.Lsh(arc, 7).Or(arc, big.NewInt(int64(o[i]&0x7f)))
		if o[i]&0x80 != 0 {
			continue
		}
		if len(arcs) == 0 {
			first := int64(2)
			if arc.Cmp(big.NewInt(80)) < 0 {
				first = arc.Int64() / 40
			}
			arcs = append(arcs, big.NewInt(first), arc.Sub(arc, big.NewInt(40*first)))
		} else {
			arcs = append(arcs, arc)
		}
		arc = new(big.Int)
	}
	return arcs, true
}

// ParseOID reads the dotted form.
func ParseOID(dotted string) (OID, error) {
	bad := errors.New("cms: " + strconv.QuoteToASCII(dotted) + " is not an object identifier; write it as 1.2.840.113549")
	if len(dotted) > 4*maxOIDLength {
		return "", errors.New("cms: an object identifier is too long")
	}
	var arcs []*big.Int
	for part := range strings.SplitSeq(dotted, ".") {
		arc, ok := new(big.Int).SetString(part, 10)
		if !ok || arc.Sign() < 0 || part != arc.String() {
			return "", bad
		}
		arcs = append(arcs, arc)
	}
	if len(arcs) < 2 || arcs[0].Cmp(big.NewInt(2)) > 0 || arcs[0].Cmp(big.NewInt(2)) < 0 && arcs[1].Cmp(big.NewInt(39)) > 0 {
		return "", bad
	}
	arcs[1].Add(arcs[1], new(big.Int).Mul(arcs[0], big.NewInt(40)))
	var octets []byte
	for _, arc := range arcs[1:] {
		n := max(1, (arc.BitLen()+6)/7)
		for i := n - 1; i >= 0; i-- {
			c := byte(new(big.Int).Rsh(arc, uint(7*i)).Uint64()) & 0x7f
			if i > 0 {
				c |= 0x80
			}
			octets = append(octets, c)
		}
	}
	if len(octets) > maxOIDLength {
		return "", errors.New("cms: an object identifier is too long")
	}
	return OID(octets), nil
}
