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

// KeyName tells public keys apart, whatever their SubjectPublicKeyInfo says beside the key: two of the same key have the same name, which is
// no text. An RSA key may stand under rsaEncryption, with or without NULL, and under id-RSASSA-PSS (RFC 4055 section 1.2); a key of GOST
// R 34.10 with any hash and cipher beside its curve, which has several names (RFC 9215 section 4.2 and appendix C). All others are their
// own octets, and so is what cannot be read.
func KeyName(spki []byte) string {
	var info spkiFields
	if rest, err := asn1.Unmarshal(spki, &info); err != nil || len(rest) != 0 {
		return string(spki)
	}
	if isRSA(info.Algorithm.Algorithm) {
		return "rsa " + string(info.PublicKey.Bytes)
	}
	if curve := gostCurve(info.Algorithm); curve != "" {
		return "gost " + info.Algorithm.Algorithm.String() + " " + curve + " " + string(info.PublicKey.Bytes)
	}
	return string(spki)
}

// sameSPKI compares two SubjectPublicKeyInfo.
func sameSPKI(a, b []byte) bool { return bytes.Equal(a, b) || KeyName(a) == KeyName(b) }

// gostCurve is the curve of a key of GOST R 34.10, under one of its names (RFC 9215 section 4.2 and appendix C), or empty. The hash and the
// cipher that may stand beside it say nothing of the key.
func gostCurve(a pkix.AlgorithmIdentifier) string {
	switch a.Algorithm.String() {
	case "1.2.643.7.1.1.1.1", "1.2.643.7.1.1.1.2", "1.2.643.2.2.19":
	default:
		return ""
	}
	var parameters []asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(a.Parameters.FullBytes, &parameters); err != nil || len(rest) != 0 || len(parameters) == 0 {
		return ""
	}
	switch curve := parameters[0].String(); curve {
	case "1.2.643.2.2.35.1", "1.2.643.2.2.36.0":
		return "1.2.643.7.1.2.1.1.2"
	case "1.2.643.2.2.35.2":
		return "1.2.643.7.1.2.1.1.3"
	case "1.2.643.2.2.35.3", "1.2.643.2.2.36.1":
		return "1.2.643.7.1.2.1.1.4"
	default:
		return curve
	}
}

func isRSA(oid asn1.ObjectIdentifier) bool {
	return oid.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}) || isPSS(oid)
}

func isPSS(oid asn1.ObjectIdentifier) bool {
	return oid.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10})
}

// nameOfOwn is the name of a kind of key that only a package beside this one signs with, else empty, and where such keys come from:
// ML-DSA (RFC 9881 section 2) and GOST R 34.10-2012 (RFC 9215 section 4). Nobody has their mathematics who does not import it.
func nameOfOwn(spki []byte) (name, use string) {
	var info spkiFields
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return "", ""
	}
	switch info.Algorithm.Algorithm.String() {
	case "2.16.840.1.101.3.4.3.17":
		name = "ML-DSA-44"
	case "2.16.840.1.101.3.4.3.18":
		name = "ML-DSA-65"
	case "2.16.840.1.101.3.4.3.19":
		name = "ML-DSA-87"
	case "1.2.643.7.1.1.1.1":
		return "GOST R 34.10-2012 256", useGOST
	case "1.2.643.7.1.1.1.2":
		return "GOST R 34.10-2012 512", useGOST
	default:
		return "", ""
	}
	return name, useMLDSA
}

// Where keys of these kinds come from that can sign.
const (
	useMLDSA = "package mldsa has such keys: mldsa.Parse reads them (soft.Config.Parsers), mldsa.NewKey and mldsa.NewDigestKey make them"
	useGOST  = "package gost has such keys: gost.Parse reads them (soft.Config.Parsers), gost.NewKey makes them"
)
