package inspect

import (
	"strings"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/cms"
)

// russian says in words what stands in the extensions of Russian qualified certificates (RFC 9215 section 5, order of the FSB of 27 December
// 2011, No. 795); empty for any other extension, and for one that is not as it should be.
func russian(id cms.OID, v cms.Value) string {
	switch id.String() {
	case "1.2.643.100.111": // subjectSignTool
		if v.Tag() == cms.TagUTF8String {
			return "the key is in " + plain.Short(string(v.Body()), maxName)
		}
	case "1.2.643.100.112": // issuerSignTool
		if v.Tag() != cms.TagSequence {
			return ""
		}
		var parts []string
		names := []string{"signed with ", "by the authority ", "conformity of the tool ", "conformity of the authority "}
		for r := v.Reader(); !r.Empty(); {
			member, err := r.Next()
			if err != nil || member.Tag() != cms.TagUTF8String || len(parts) == len(names) {
				return ""
			}
			parts = append(parts, names[len(parts)]+plain.Short(string(member.Body()), maxName))
		}
		return strings.Join(parts, ", ")
	case "1.2.643.100.114": // identificationKind
		kind, err := v.Int()
		ways := []string{"in person", "by a qualified signature", "by a passport with a chip", "by the unified biometric system"}
		if err == nil && kind >= 0 && int(kind) < len(ways) {
			return "the owner was identified " + ways[kind]
		}
	}
	return ""
}
