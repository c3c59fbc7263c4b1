package algorithm

import (
	"slices"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// IsHash reports whether a name is that of a hash that can be computed here.
func IsHash(name string) bool {
	return slices.ContainsFunc([]cms.OID{
		cms.OIDMD5, cms.OIDSHA1, cms.OIDSHA224, cms.OIDSHA256, cms.OIDSHA384, cms.OIDSHA512, cms.OIDSHA512_224, cms.OIDSHA512_256,
		cms.OIDSHA3_224, cms.OIDSHA3_256, cms.OIDSHA3_384, cms.OIDSHA3_512, cms.OIDSHAKE128, cms.OIDSHAKE256,
	}, func(id cms.OID) bool { return id.Name() == name })
}

// IsCurve reports whether a name is that of a curve that is known here.
func IsCurve(name string) bool {
	return slices.ContainsFunc(append(namedCurves(), gostCurves()...), func(id cms.OID) bool { return id.Name() == name })
}

// DigestName is the name of the hash of a scheme of the caller, by which policies judge it; empty when there is none.
func DigestName(s *sign.Scheme) string {
	if id := identifier(s.DigestAlg); id != "" {
		return id.Name()
	}
	return ""
}
