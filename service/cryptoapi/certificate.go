package cryptoapi

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// certificate is how a certificate is described. The documentation of the existing service names the fields up to
// SerialNumber, and says that there are more; those are chosen here. Fields that are not known are left out.
type certificate struct {
	Thumbprint       string // SHA-1 of the DER, 40 upper-case hexadecimal digits
	ValidFrom        string // ISO 8601, UTC, milliseconds: 2026-01-31T12:00:00.000Z
	ValidTo          string
	RawData          []byte `json:",omitempty"` // DER
	PublicKeyRawData []byte `json:",omitempty"` // the octets of subjectPublicKey, as X509Certificate2.GetPublicKey has them
	SerialNumber     string // upper-case hexadecimal, two digits an octet, as in .NET

	ThumbprintSHA256     string `json:"ThumbprintSha256"`
	SubjectName          string // RFC 4514: the last RDN first
	IssuerName           string
	CommonName           string   `json:",omitempty"`
	PublicKeyAlgorithm   string   `json:",omitempty"` // RSA, ECDSA, Ed25519
	PublicKeySize        int      `json:",omitempty"` // bits
	SignatureAlgorithm   string   `json:",omitempty"` // by which the issuer signed it
	KeyUsage             []string `json:",omitempty"` // names of RFC 5280
	ExtendedKeyUsage     []string `json:",omitempty"` // dotted object identifiers
	SubjectKeyIdentifier string   `json:",omitempty"` // upper-case hexadecimal
	HasPrivateKey        bool     // the caller can sign with it here

	// SignerThumbprints are those of all signers, in the answer about a signature file.
	SignerThumbprints []string `json:",omitempty"`
}

// describe describes a certificate.
func describe(c *x509.Certificate, hasKey bool) certificate {
	sum := sha256.Sum256(c.Raw)
	d := certificate{
		Thumbprint: sign.Thumbprint(c), ThumbprintSHA256: upperHex(sum[:]),
		ValidFrom: stamp(c.NotBefore), ValidTo: stamp(c.NotAfter),
		RawData: c.Raw, PublicKeyRawData: publicKey(c), SerialNumber: serial(c.SerialNumber),
		SubjectName: c.Subject.String(), IssuerName: c.Issuer.String(), CommonName: c.Subject.CommonName,
		KeyUsage: keyUsage(c.KeyUsage), ExtendedKeyUsage: extendedKeyUsage(c),
		SubjectKeyIdentifier: upperHex(c.SubjectKeyId), HasPrivateKey: hasKey,
	}
	if c.PublicKeyAlgorithm != x509.UnknownPublicKeyAlgorithm {
		d.PublicKeyAlgorithm = c.PublicKeyAlgorithm.String()
	}
	if c.SignatureAlgorithm != x509.UnknownSignatureAlgorithm {
		d.SignatureAlgorithm = c.SignatureAlgorithm.String()
	}
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		d.PublicKeySize = k.N.BitLen()
	case *ecdsa.PublicKey:
		d.PublicKeySize = k.Curve.Params().BitSize
	case ed25519.PublicKey:
		d.PublicKeySize = 8 * len(k)
	}
	return d
}

// stamp is the form of times: a client parses it by a fixed pattern.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

// serial is a serial number as .NET shows it: the octets of the INTEGER.
func serial(n *big.Int) string {
	if n == nil {
		return ""
	}
	text := fmt.Sprintf("%X", n.Bytes())
	if text == "" {
		text = "00"
	}
	if n.Sign() < 0 {
		text = "-" + text
	} else if n.BitLen()%8 == 0 && n.BitLen() > 0 {
		text = "00" + text
	}
	return text
}

func publicKey(c *x509.Certificate) []byte {
	var spki struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &spki); err != nil {
		return nil
	}
	return spki.Key.Bytes
}

func keyUsage(u x509.KeyUsage) []string {
	names := [...]string{"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"}
	var all []string
	for i, name := range names {
		if u&(1<<i) != 0 {
			all = append(all, name)
		}
	}
	return all
}

// extendedKeyUsage reads the extension itself: crypto/x509 has constants instead of identifiers for those that it knows.
func extendedKeyUsage(c *x509.Certificate) []string {
	var all []string
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 37}) {
			continue
		}
		var ids []asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(e.Value, &ids); err == nil {
			for _, id := range ids {
				all = append(all, id.String())
			}
		}
	}
	return all
}
