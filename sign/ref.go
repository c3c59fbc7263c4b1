package sign

import (
	"bytes"
	"crypto/fips140"
	"crypto/sha1" // a thumbprint is a name that people paste, not a protection
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
)

// Ref names a key by what is set; what is set must all match. The zero Ref names the only key there is.
type Ref struct {
	ID          []byte            // CKA_ID or localKeyId
	Label       string            // CKA_LABEL, friendlyName or file name
	Certificate *x509.Certificate // the key that belongs to this certificate
	Thumbprint  string            // SHA-1 or SHA-256 of the certificate's DER in hexadecimal; case, colons and spaces do not matter
}

// IsZero reports whether nothing is set.
func (r Ref) IsZero() bool {
	return len(r.ID) == 0 && r.Label == "" && r.Certificate == nil && r.Thumbprint == ""
}

// String names the reference for people.
func (r Ref) String() string {
	var parts []string
	if len(r.ID) != 0 {
		parts = append(parts, "id "+hex.EncodeToString(r.ID))
	}
	if r.Label != "" {
		parts = append(parts, fmt.Sprintf("label %q", r.Label))
	}
	if r.Certificate != nil {
		parts = append(parts, "certificate "+Thumbprint(r.Certificate))
	}
	if r.Thumbprint != "" {
		parts = append(parts, "thumbprint "+strings.TrimSpace(r.Thumbprint))
	}
	if len(parts) == 0 {
		return "the only key"
	}
	return strings.Join(parts, ", ")
}

// Check reports a reference that can match nothing, such as a thumbprint that is neither 40 nor 64 hexadecimal digits.
func (r Ref) Check() error {
	if r.Thumbprint == "" {
		return nil
	}
	_, err := ParseThumbprint(r.Thumbprint)
	return err
}

// Matches reports whether an entry is meant. A certificate is compared as bytes first and by its public key second, so
// that a renewed certificate finds the same key.
func (r Ref) Matches(e Entry) bool {
	if len(r.ID) != 0 && !bytes.Equal(r.ID, e.ID) {
		return false
	}
	if r.Label != "" && r.Label != e.Label {
		return false
	}
	if r.Certificate != nil && !certificateOf(e, r.Certificate) {
		return false
	}
	if r.Thumbprint != "" {
		want, err := ParseThumbprint(r.Thumbprint)
		if err != nil || len(e.Chain) == 0 || !HasThumbprint(e.Chain[0], want) {
			return false
		}
	}
	return true
}

func certificateOf(e Entry, c *x509.Certificate) bool {
	if len(e.Chain) != 0 {
		return bytes.Equal(e.Chain[0].Raw, c.Raw) || sameSPKI(e.Chain[0].RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo)
	}
	spki, err := MarshalPublicKey(e.Public)
	return err == nil && sameSPKI(spki, c.RawSubjectPublicKeyInfo)
}

func thumbprint(c *x509.Certificate) (sum [sha1.Size]byte) {
	if fips140.Enforced() { // which is about what protects something
		fips140.WithoutEnforcement(func() { sum = sha1.Sum(c.Raw) })
		return sum
	}
	return sha1.Sum(c.Raw)
}

// Thumbprint returns the SHA-1 of a certificate's DER in upper-case hexadecimal.
func Thumbprint(c *x509.Certificate) string {
	sum := thumbprint(c)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// ThumbprintSHA256 returns the SHA-256 of a certificate's DER in upper-case hexadecimal.
func ThumbprintSHA256(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// HasThumbprint reports whether a sum, as [ParseThumbprint] gives it, is the SHA-1 or the SHA-256 of a certificate's DER.
func HasThumbprint(c *x509.Certificate, sum []byte) bool {
	switch len(sum) {
	case sha1.Size:
		own := thumbprint(c)
		return bytes.Equal(own[:], sum)
	case sha256.Size:
		own := sha256.Sum256(c.Raw)
		return bytes.Equal(own[:], sum)
	}
	return false
}

// ParseThumbprint reads a thumbprint as people paste it: any case, with colons, spaces, tabs, dashes, and the invisible left-to-right
// mark that the Windows certificate dialog puts in front. It is a SHA-1 of 20 octets or a SHA-256 of 32; anything else is an error of
// class [ErrInput].
func ParseThumbprint(s string) ([]byte, error) {
	clean := strings.Map(func(r rune) rune {
		switch r {
		case ':', ' ', '\t', '\n', '\r', '-', '\u00a0', '\u200e', '\u200f', '\ufeff':
			return -1
		}
		return r
	}, s)
	sum, err := hex.DecodeString(clean)
	if err != nil || len(sum) != sha1.Size && len(sum) != sha256.Size {
		return nil, &Error{
			Op: "sign: thumbprint", Place: fmt.Sprintf("%.80q", s), Class: ErrInput,
			Hint: "give the SHA-1 of the certificate as 40 hexadecimal digits, or its SHA-256 as 64",
		}
	}
	return sum, nil
}
