package sign

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
)

// This package imports the standard library only, so the few structures it needs are put together here.

// tlv encodes a value of less than 256 octets.
func tlv(tag byte, value []byte) []byte {
	if len(value) < 0x80 {
		return append([]byte{tag, byte(len(value))}, value...)
	}
	return append([]byte{tag, 0x81, byte(len(value))}, value...)
}

func sequence(parts ...string) []byte {
	var value []byte
	for _, p := range parts {
		value = append(value, p...)
	}
	return tlv(0x30, value)
}

// sameAlgorithm compares the object identifiers of two AlgorithmIdentifiers: parameters that are absent and parameters
// that are NULL mean the same for a hash (RFC 5754 section 2).
func sameAlgorithm(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(a, &x); err != nil {
		return false
	}
	if _, err := asn1.Unmarshal(b, &y); err != nil {
		return false
	}
	return x.Algorithm.Equal(y.Algorithm)
}

type spkiFields struct {
	Algorithm pkix.AlgorithmIdentifier
	PublicKey asn1.BitString
}

// sameSPKI compares two SubjectPublicKeyInfo. The same RSA key may stand under rsaEncryption, with or without NULL, and
// under id-RSASSA-PSS (RFC 4055 section 1.2).
func sameSPKI(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y spkiFields
	if rest, err := asn1.Unmarshal(a, &x); err != nil || len(rest) != 0 {
		return false
	}
	if rest, err := asn1.Unmarshal(b, &y); err != nil || len(rest) != 0 {
		return false
	}
	return isRSA(x.Algorithm.Algorithm) && isRSA(y.Algorithm.Algorithm) && bytes.Equal(x.PublicKey.Bytes, y.PublicKey.Bytes)
}

func isRSA(oid asn1.ObjectIdentifier) bool {
	return oid.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}) || isPSS(oid)
}

func isPSS(oid asn1.ObjectIdentifier) bool {
	return oid.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10})
}

// nameOfMLDSA is the name of a parameter set of ML-DSA (RFC 9881 section 2) when the key is one of it, else empty. The mathematics is in
// package mldsa, which nobody has who does not import it.
func nameOfMLDSA(spki []byte) string {
	var info spkiFields
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return ""
	}
	for last, name := range map[int]string{17: "ML-DSA-44", 18: "ML-DSA-65", 19: "ML-DSA-87"} {
		if info.Algorithm.Algorithm.Equal(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, last}) {
			return name
		}
	}
	return ""
}

// useMLDSA says where keys of ML-DSA come from that can sign.
const useMLDSA = "package mldsa has such keys: mldsa.Parse reads them (soft.Config.Parsers), mldsa.NewKey and mldsa.NewDigestKey make them"
