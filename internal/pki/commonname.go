package pki

import (
	"strings"
	"unicode"

	"github.com/seed-116355fd/signet/internal/cms"
)

// maxCommon bounds, in letters, what a person is called in one line.
const maxCommon = 128

// Common is what a person calls whom the name is of: the common name, or else surname and given name, the organization, its unit, or
// the e-mail address; empty when there is none. Letters that are not printed, or that turn the direction of others around, are
// left out: whoever made the certificate is not to write over what stands beside it.
func (n Name) Common() string {
	if n.Malformed() {
		return ""
	}
	first := func(id cms.OID) string {
		for _, rdn := range n.RDNs() {
			for _, a := range rdn {
				if s, ok := decodeString(a.Value); ok && a.Type == id {
					if s = printed(s); s != "" {
						return s
					}
				}
			}
		}
		return ""
	}
	if s := first(cms.OIDCommonName); s != "" {
		return s
	}
	if s := strings.TrimSpace(first(cms.OIDGivenName) + " " + first(cms.OIDSurname)); s != "" {
		return s
	}
	for _, id := range []cms.OID{cms.OIDOrganization, cms.OIDOrganizationalUnit, cms.OIDEmailAddress} {
		if s := first(id); s != "" {
			return s
		}
	}
	return ""
}

// printed keeps the letters that are printed, and single spaces.
func printed(s string) string {
	var b strings.Builder
	n := 0
	for _, word := range strings.Fields(strings.Map(visible, s)) {
		if n > 0 {
			b.WriteByte(' ')
		}
		for _, r := range word {
			if n++; n > maxCommon {
				return b.String() + "…"
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

// visible turns spaces of every kind into one, and drops what is not printed.
func visible(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsPrint(r):
		return r
	}
	return -1
}
