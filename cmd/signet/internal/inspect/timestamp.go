package inspect

import (
	"strings"

	"github.com/seed-116355fd/signet/internal/cms"
)

// token shows a time-stamp token (RFC 3161 section 2.4.2): a SignedData of its own, over a TSTInfo.
func (s scope) token(p *Node, v cms.Value) {
	sd, err := cms.ParseSignedData(v.Raw())
	if err != nil {
		s.failed(p, v, err)
		return
	}
	n, below := s.at(p, v, "time-stamp token", "")
	inner := below.inside(v, 0)
	if b, err := sd.Content.Octets(); err == nil && sd.ContentType == cms.OIDTSTInfo {
		n.Value = genTime(b)
	}
	inner.signedData(n, sd)
}

// genTime is the time of a token, for its first line.
func genTime(info []byte) string {
	v, err := cms.ReadValue(info)
	if err != nil || !v.Tag().Constructed() {
		return ""
	}
	for r := v.Reader(); !r.Empty(); {
		field, err := r.Next()
		if err != nil {
			return ""
		}
		if field.Tag() == cms.TagGeneralizedTime {
			return moment(field)
		}
	}
	return ""
}

// tstInfo shows TSTInfo.
func (s scope) tstInfo(p *Node, der []byte) {
	v, err := cms.ReadValue(der)
	if err != nil {
		s.add(p, "unreadable", reason(err))
		return
	}
	if v.Tag() != cms.TagSequence {
		s.asn1(p, v, "TSTInfo")
		return
	}
	n, below := s.at(p, v, "TSTInfo", "")
	integers := []string{"version", "serial", "nonce"}
	below.members(n, v, func(_ int, field cms.Value) {
		tag := field.Tag()
		switch {
		case tag == cms.TagInteger && len(integers) > 0:
			value := integer(field.Body())
			if integers[0] == "serial" {
				value = serial(field.Body())
			}
			below.at(n, field, integers[0], value)
			integers = integers[1:]
		case tag == cms.TagOID:
			if id, err := field.OID(); err == nil {
				policy, _ := below.at(n, field, "policy", "")
				policy.oid(id)
			}
		case tag == cms.TagGeneralizedTime:
			below.at(n, field, "time", moment(field))
		case tag == cms.TagSequence:
			below.accuracyOrImprint(n, field)
		case tag == cms.TagBoolean:
			below.at(n, field, "ordering", primitive(field))
		case tag == cms.ContextConstructed(0):
			below.at(n, field, "authority", generalNames(field))
		default:
			below.asn1(n, field, "")
		}
	})
}

// accuracyOrImprint tells the two sequences of TSTInfo apart: an imprint begins with an algorithm.
func (s scope) accuracyOrImprint(p *Node, v cms.Value) {
	r := v.Reader()
	first, err := r.Next()
	if err == nil && first.Tag() == cms.TagSequence {
		n, below := s.at(p, v, "imprint", "")
		below.otherHash(n, v)
		return
	}
	var parts []string
	for r := v.Reader(); !r.Empty(); {
		part, err := r.Next()
		if err != nil {
			s.failed(p, v, err)
			return
		}
		switch part.Tag() {
		case cms.TagInteger:
			parts = append(parts, integer(part.Body())+" s")
		case cms.ContextTag(0):
			parts = append(parts, integer(part.Body())+" ms")
		case cms.ContextTag(1):
			parts = append(parts, integer(part.Body())+" µs")
		}
		if len(parts) > 3 {
			break
		}
	}
	s.at(p, v, "accuracy", strings.Join(parts, " "))
}
