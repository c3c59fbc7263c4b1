package pkcs11

import (
	"crypto/ecdsa"
	"crypto/rsa"
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
}

// hashingNames are those that hash what they sign. Tokens in a FIPS mode may have no others.
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

// ExplainSchemes says which mechanisms are missing that the schemes of such keys take, and which there are that hash what they
// sign, which this library does not use.
func (k *key) ExplainSchemes() string {
	var parts []string
	for _, s := range sign.Schemes(k.public) {
		if why := k.lacks(mechanismOf(k.public, s.Opts)); why != "" && !slices.Contains(parts, why) {
			parts = append(parts, why)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	var others []string
	for id, name := range hashingNames {
		if k.p.mechanisms[id] && k.isOfKind(name) && (k.object.allowed == nil || slices.Contains(k.object.allowed, id)) {
			others = append(others, name)
		}
	}
	if len(others) != 0 {
		slices.Sort(others)
		parts = append(parts, "what there is, "+strings.Join(others, ", ")+", hashes what it signs and is not used here")
	}
	return strings.Join(parts, "; ")
}

func (k *key) isOfKind(name string) bool {
	switch k.public.(type) {
	case *rsa.PublicKey:
		return strings.Contains(name, "_RSA_")
	case *ecdsa.PublicKey:
		return strings.Contains(name, "_ECDSA_")
	}
	return false
}
