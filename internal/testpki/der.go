package testpki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// PSSLeaf makes an RSA key whose certificate allows it to be used with RSASSA-PSS only: its SubjectPublicKeyInfo is
// id-RSASSA-PSS without parameters (RFC 4055 section 3.1), which the standard library can neither write nor read, so
// that the PublicKey of the certificate is nil.
func (p *PKI) PSSLeaf(kind Kind, bend ...func(*x509.Certificate)) Identity {
	p.t.Helper()
	return p.PSSLeafFor(kind, nil, bend...)
}

// PSSLeafFor is PSSLeaf with RSASSA-PSS-params in DER, which bind the key to one hash.
func (p *PKI) PSSLeafFor(kind Kind, params []byte, bend ...func(*x509.Certificate)) Identity {
	p.t.Helper()
	id := p.Leaf(kind, bend...)
	old := id.Certificate().RawSubjectPublicKeyInfo
	id.Chain[0] = p.BendDER(id.Certificate(), func(fields []asn1.RawValue) {
		for i := range fields {
			if string(fields[i].FullBytes) == string(old) {
				fields[i] = asn1.RawValue{FullBytes: pssSPKI(p.t, old, params)}
			}
		}
	})
	return id
}

func pssSPKI(t testing.TB, spki, params []byte) []byte {
	t.Helper()
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	unmarshal(t, spki, &info)
	info.Algorithm = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}}
	if params != nil {
		info.Algorithm.Parameters = asn1.RawValue{FullBytes: params}
	}
	return marshal(t, info)
}

// BendDER signs a certificate of [PKI.Authority] again after its TBSCertificate was changed, field by field, in ways
// that a template does not allow.
func (p *PKI) BendDER(c *x509.Certificate, bend func(fields []asn1.RawValue)) *x509.Certificate {
	p.t.Helper()
	var fields []asn1.RawValue
	unmarshal(p.t, c.RawTBSCertificate, &fields)
	bend(fields)
	tbs := marshal(p.t, fields)
	signature, algorithm, err := signTBS(tbs, p.Authority.Key)
	if err != nil {
		p.t.Fatalf("testpki: %v", err)
	}
	return parse(p.t, marshal(p.t, struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{
		asn1.RawValue{FullBytes: tbs},
		rawAlgorithm(algorithm),
		asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	}))
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatalf("testpki: %v", err)
	}
	return der
}

func unmarshal(t testing.TB, der []byte, v any) {
	t.Helper()
	if rest, err := asn1.Unmarshal(der, v); err != nil || len(rest) != 0 {
		t.Fatalf("testpki: %v, %d octets left over", err, len(rest))
	}
}
