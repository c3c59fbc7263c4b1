package inspect

import (
	"strings"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/cms"
)

// Name shows the DER of a Name, such as that of the subject of a certificate, fit for a terminal.
func Name(der []byte) string { return nameIn(der) }

// nameIn shows a Name (RFC 5280 section 4.1.2.4) in its order.
func nameIn(der []byte) string {
	v, err := cms.ReadValue(der)
	if err != nil {
		return reason(err)
	}
	return nameOf(v)
}

func nameOf(v cms.Value) string {
	var parts []string
	for r := v.Reader(); !r.Empty(); {
		set, err := r.Next()
		if err != nil || !set.Tag().Constructed() {
			return strings.Join(append(parts, "…"), ", ")
		}
		for members := set.Reader(); !members.Empty(); {
			if len(parts) == maxList {
				return strings.Join(append(parts, "…"), ", ")
			}
			pair, err := members.Next()
			if err != nil {
				return strings.Join(append(parts, "…"), ", ")
			}
			parts = append(parts, typeAndValue(pair))
		}
	}
	if len(parts) == 0 {
		return "(an empty name)"
	}
	return strings.Join(parts, ", ")
}

func typeAndValue(pair cms.Value) string {
	r := pair.Reader()
	first, err := r.Next()
	if err != nil {
		return "…"
	}
	id, err := first.OID()
	if err != nil {
		return "…"
	}
	name := shortName(id)
	value, err := r.Next()
	if err != nil {
		return name + "=…"
	}
	t, ok := stringOf(value)
	if !ok {
		t = primitive(value)
	}
	if len(t) > maxName {
		t = plain.Short(t, maxName)
	}
	if strings.ContainsAny(t, `,=+"`) {
		t = `"` + strings.ReplaceAll(t, `"`, `\"`) + `"`
	}
	return name + "=" + t
}

const maxName = 256 // octets of one part of a name

// shortName is the abbreviation of RFC 4514 and common use, or the full name.
func shortName(id cms.OID) string {
	switch id {
	case cms.OIDCommonName:
		return "CN"
	case cms.OIDSurname:
		return "SN"
	case cms.OIDCountry:
		return "C"
	case cms.OIDLocality:
		return "L"
	case cms.OIDProvince:
		return "ST"
	case cms.OIDOrganization:
		return "O"
	case cms.OIDOrganizationalUnit:
		return "OU"
	case cms.OIDGivenName:
		return "GN"
	case cms.OIDDomainComponent:
		return "DC"
	}
	return id.Name()
}

// generalNames shows GeneralNames (RFC 5280 section 4.2.1.6).
func generalNames(v cms.Value) string {
	var parts []string
	for r := v.Reader(); !r.Empty() && len(parts) < maxList; {
		n, err := r.Next()
		if err != nil {
			return reason(err)
		}
		switch n.Tag() {
		case cms.ContextConstructed(4): // directoryName, a CHOICE, so the tag is explicit
			inner := n.Reader()
			if name, err := inner.Next(); err == nil {
				parts = append(parts, nameOf(name))
			}
		case cms.ContextTag(1), cms.ContextTag(2), cms.ContextTag(6):
			parts = append(parts, plain.Short(string(n.Body()), maxName))
		case cms.TagSequence: // a Name without the tag of its choice
			parts = append(parts, nameOf(n))
		default:
			parts = append(parts, n.Tag().String())
		}
	}
	return strings.Join(parts, ", ")
}
