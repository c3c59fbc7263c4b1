package pkcs11

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// mechanismNames are those that this library uses.
var mechanismNames = map[uint]string{
	p11.MechRSAKeyPair: "CKM_RSA_PKCS_KEY_PAIR_GEN", p11.MechRSA: "CKM_RSA_PKCS", p11.MechPSS: "CKM_RSA_PKCS_PSS",
	p11.MechECKeyPair: "CKM_EC_KEY_PAIR_GEN", p11.MechECDSA: "CKM_ECDSA",
	p11.MechEdwardsKeyPair: "CKM_EC_EDWARDS_KEY_PAIR_GEN", p11.MechEdDSA: "CKM_EDDSA",
	p11.MechMLDSAKeyPair: "CKM_ML_DSA_KEY_PAIR_GEN", p11.MechMLDSA: "CKM_ML_DSA",
	p11.MechGOSTKeyPair: "CKM_GOSTR3410_KEY_PAIR_GEN", p11.MechGOST: "CKM_GOSTR3410",
	p11.MechGOST512KeyPair: "CKM_GOSTR3410_512_KEY_PAIR_GEN", p11.MechGOST512: "CKM_GOSTR3410_512",
}

// hashingNames are those that hash what they sign.
var hashingNames = map[uint]string{
	p11.MechSHA256RSA: "CKM_SHA256_RSA_PKCS", p11.MechSHA384RSA: "CKM_SHA384_RSA_PKCS", p11.MechSHA512RSA: "CKM_SHA512_RSA_PKCS",
	p11.MechSHA256PSS: "CKM_SHA256_RSA_PKCS_PSS", p11.MechSHA384PSS: "CKM_SHA384_RSA_PKCS_PSS", p11.MechSHA512PSS: "CKM_SHA512_RSA_PKCS_PSS",
	p11.MechECDSASHA256: "CKM_ECDSA_SHA256", p11.MechECDSASHA384: "CKM_ECDSA_SHA384", p11.MechECDSASHA512: "CKM_ECDSA_SHA512",
}

func mechanismName(id uint) string {
	for _, names := range []map[uint]string{mechanismNames, hashingNames} {
		if name := names[id]; name != "" {
			return name
		}
	}
	return fmt.Sprintf("CKM 0x%X", id)
}

// lacks says why the key cannot be used with a mechanism, or is empty.
func (k *key) lacks(m uint) string {
	switch {
	case k.p.mechanisms != nil && !k.p.mechanisms[m]:
		return "the token does not list " + mechanismName(m)
	case k.object.allowed != nil && !slices.Contains(k.object.allowed, m):
		return "the key may not be used with " + mechanismName(m) + " (CKA_ALLOWED_MECHANISMS)"
	}
	return ""
}

// ExplainSchemes says which mechanisms are missing for the schemes of such keys that this one does not have: those that sign a
// digest, and those that hash what they sign.
func (k *key) ExplainSchemes() string {
	var unlisted, forbidden []string
	for _, s := range k.possible() {
		if slices.ContainsFunc(k.schemes, func(own sign.Scheme) bool { return own.Name == s.Name }) {
			continue
		}
		for _, m := range []uint{mechanismOf(k.public, s.Opts), hashingOf(k.public, s.Opts)} {
			list := &unlisted
			if k.p.mechanisms == nil || k.p.mechanisms[m] {
				list = &forbidden
			}
			if name := mechanismName(m); m != 0 && !slices.Contains(*list, name) {
				*list = append(*list, name)
			}
		}
	}
	var parts []string
	if len(unlisted) != 0 {
		parts = append(parts, "the token does not list "+strings.Join(unlisted, ", "))
	}
	if len(forbidden) != 0 {
		parts = append(parts, "the key may not be used with "+strings.Join(forbidden, ", ")+" (CKA_ALLOWED_MECHANISMS)")
	}
	return strings.Join(parts, "; ")
}
