package pki

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-116355fd/signet/internal/cms"
)

// GeneralNameKind is the alternative of a GeneralName (RFC 5280 section 4.2.1.6): its tag number.
type GeneralNameKind uint8

// The alternatives.
const (
	OtherName GeneralNameKind = iota
	RFC822Name
	DNSName
	X400Address
	DirectoryName
	EDIPartyName
	URI
	IPAddress
	RegisteredID
)

// String is the name of the alternative in the standard.
func (k GeneralNameKind) String() string {
	names := []string{"otherName", "rfc822Name", "dNSName", "x400Address", "directoryName", "ediPartyName",
		"uniformResourceIdentifier", "iPAddress", "registeredID"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("name of kind %d", k)
}

// GeneralName is a name of any kind, as received.
type GeneralName struct {
	Kind GeneralNameKind
	// Value is the contents octets: text, address octets, the octets of an OID, and for a directoryName the whole Name.
	Value []byte
}

// maxGeneralNames bounds one list of names, points or policies of an extension. The longest in use, the name constraints of
// authorities for companies, have some hundred.
const maxGeneralNames = 1 << 12

// parseGeneralName reads one alternative.
func parseGeneralName(v cms.Value) (GeneralName, error) {
	n := v.Tag().Number()
	if v.Tag().Class() != 2 || n > int(RegisteredID) {
		return GeneralName{}, fmt.Errorf("%s is no GeneralName", v.Tag())
	}
	g := GeneralName{Kind: GeneralNameKind(n)}
	switch g.Kind {
	case DirectoryName:
		if !v.Tag().Constructed() {
			return g, fmt.Errorf("a directoryName is malformed")
		}
		inner := v.Reader()
		name, err := inner.Want(cms.TagSequence, "a directoryName")
		if err != nil || !inner.Empty() {
			return g, fmt.Errorf("a directoryName is malformed")
		}
		g.Value = name.Raw()
	case OtherName, X400Address, EDIPartyName:
		if !v.Tag().Constructed() {
			return g, fmt.Errorf("the %s is malformed", g.Kind)
		}
		g.Value = v.Body()
	default:
		octets, err := v.Octets()
		if err != nil {
			return g, err
		}
		g.Value = octets
	}
	return g, nil
}

// parseGeneralNames reads a GeneralNames, which has one member at least, whatever its own tag.
func parseGeneralNames(v cms.Value) ([]GeneralName, error) {
	var names []GeneralName
	for r := v.Reader(); !r.Empty(); {
		member, err := r.Next()
		if err != nil {
			return nil, err
		}
		g, err := parseGeneralName(member)
		if err != nil {
			return nil, err
		}
		if len(names) == maxGeneralNames {
			return nil, fmt.Errorf("there are more than %d names", maxGeneralNames)
		}
		names = append(names, g)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("a list of names is empty")
	}
	return names, nil
}

// Name returns the name that a directoryName is, and an empty one for other kinds.
func (g GeneralName) Name() Name {
	if g.Kind != DirectoryName {
		return Name{}
	}
	return NewName(g.Value)
}

// Other returns the type and the value, with its header, of an otherName.
func (g GeneralName) Other() (id cms.OID, value cms.Value, ok bool) {
	if g.Kind != OtherName || len(g.Value) == 0 {
		return "", cms.Value{}, false
	}
	first, err := cms.ReadValue(g.Value)
	if err != nil {
		return "", cms.Value{}, false
	}
	if id, err = first.OID(); err != nil || first.Next() >= len(g.Value) {
		return "", cms.Value{}, false
	}
	second, err := cms.ReadValue(g.Value[first.Next():])
	if err != nil || second.Tag() != cms.ContextConstructed(0) {
		return "", cms.Value{}, false
	}
	inner := second.Reader()
	value, err = inner.Next()
	return id, value, err == nil && inner.Empty()
}

// String is the name for people, with its kind before it.
func (g GeneralName) String() string {
	switch g.Kind {
	case DirectoryName:
		return "directoryName " + g.Name().String()
	case IPAddress:
		if a, ok := netip.AddrFromSlice(g.Value); ok {
			return "iPAddress " + a.String()
		}
	case RFC822Name, DNSName, URI:
		return g.Kind.String() + " " + printable(string(g.Value))
	case RegisteredID:
		return "registeredID " + cms.OID(g.Value).String()
	case OtherName:
		if id, value, ok := g.Other(); ok {
			if s, ok := decodeString(value); ok {
				return "otherName " + id.Name() + " " + printable(s)
			}
			return "otherName " + id.Name()
		}
	}
	return g.Kind.String()
}

// printable shows text of strangers: what is no letter, sign or space is left out as \XX, and a long text is cut.
func printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r != utf8.RuneError && unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			for _, c := range []byte(s[i : i+n]) {
				fmt.Fprintf(&b, `\%02X`, c)
			}
		}
		if i += n; b.Len() > maxNameText {
			return b.String() + "…"
		}
	}
	return b.String()
}
