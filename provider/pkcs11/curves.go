package pkcs11

import (
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
)

// curveNames are the curves that keys are known to have and that are not supported, for people: SEC 2, RFC 5639, GB/T 32918.5,
// and those of RFC 8410.
var curveNames = map[string]string{
	"1.2.840.10045.3.1.1": "P-192", "1.3.132.0.33": "P-224", "1.3.132.0.10": "secp256k1",
	"1.3.36.3.3.2.8.1.1.5": "brainpoolP224r1", "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1", "1.3.36.3.3.2.8.1.1.8": "brainpoolP256t1",
	"1.3.36.3.3.2.8.1.1.9": "brainpoolP320r1", "1.3.36.3.3.2.8.1.1.10": "brainpoolP320t1", "1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
	"1.3.36.3.3.2.8.1.1.12": "brainpoolP384t1", "1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1", "1.3.36.3.3.2.8.1.1.14": "brainpoolP512t1",
	"1.2.156.10197.1.301": "SM2", "1.2.250.1.223.101.256.1": "FRP256v1",
	"1.3.101.113": "Ed448", "1.3.101.110": "X25519", "1.3.101.111": "X448", "1.3.6.1.4.1.3029.1.5.1": "X25519",
	// The names of PKCS #11 3.0 section 6.3.5 and 6.3.7.
	"edwards448": "Ed448", "curve25519": "X25519", "curve448": "X448",
}

// curveName says what CKA_EC_PARAMS name: a curve of the list, else its object identifier or name as it stands there.
func curveName(params []byte) string {
	var oid asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(params, &oid); err == nil && len(rest) == 0 {
		if name := curveNames[oid.String()]; name != "" {
			return name
		}
		return oid.String()
	}
	var name string
	if rest, err := asn1.Unmarshal(params, &name); err == nil && len(rest) == 0 {
		if known := curveNames[name]; known != "" {
			return known
		}
		return fmt.Sprintf("%.40q", name)
	}
	return ""
}

// unsupportedCurve is why a key on a curve cannot be used.
func unsupportedCurve(params []byte) error {
	switch name := curveName(params); name {
	case "":
		return errors.New("its curve is given in another way than by its name, which is not supported")
	case "Ed448":
		return errors.New("Ed448 is not supported")
	case "X25519", "X448":
		return keyAgreement(name)
	default:
		return fmt.Errorf("its curve %s is not supported", name)
	}
}

// ErrNotForSigning is in the errors that [Provider.Keys] has for keys of a kind that never signs, X25519 and X448: nothing is
// wrong with them.
var ErrNotForSigning = errors.New("are for key agreement, and cannot sign")

func keyAgreement(name string) error {
	return fmt.Errorf("keys of %s %w", name, ErrNotForSigning)
}

// agrees is why a key that is for key agreement by its kind cannot sign, or nil. Most of them have CKA_SIGN = false as well, which
// does not tell why.
func (o *object) agrees() error {
	name := curveName(o.params)
	switch o.kind {
	case p11.KeyECMontgomery:
		if name != "X448" {
			name = "X25519"
		}
		return keyAgreement(name)
	case p11.KeyECEdwards:
		if name == "X25519" || name == "X448" { // SoftHSM2 takes them for this kind
			return keyAgreement(name)
		}
	}
	return nil
}
