package cades

import (
	"crypto/sha256"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// ofSigner is what all containers of one signer have in common, encoded once: a container with a fast key costs little more than
// the key then.
type ofSigner struct {
	serial             []byte   // INTEGER of the certificate
	contentType        []byte   // Attribute: id-data
	signingCertificate []byte   // Attribute
	protection         []byte   // Attribute
	chain, leaf        [][]byte // certificates in the order of DER, each once
}

type ofSignerKey struct{}

func kept(s *sign.Signer) *ofSigner {
	return s.Kept(ofSignerKey{}, func() any { return newOfSigner(s) }).(*ofSigner)
}

func newOfSigner(s *sign.Signer) *ofSigner {
	cert, scheme := s.Certificate(), s.Scheme()
	k := &ofSigner{serial: serialNumber(cert)}
	var set attributeSet
	one := func(id cms.OID, value func(b *cms.Builder)) []byte {
		set = attributeSet{b: cms.NewBuilder(nil)}
		a, values := set.open(id)
		value(&set.b)
		set.close(a, values)
		return set.b.Bytes()
	}
	k.contentType = one(cms.OIDContentType, func(b *cms.Builder) { b.OID(cms.OIDData) })
	k.signingCertificate = one(cms.OIDSigningCertificateV2, func(b *cms.Builder) {
		signingCertificateV2(b, sha256.Sum256(cert.Raw), cert.RawIssuer, k.serial)
	})
	// RFC 6211 section 2: the algorithms of the SignerInfo, with IMPLICIT tags.
	k.protection = one(cms.OIDAlgorithmProtection, func(b *cms.Builder) {
		seq := b.Open(cms.TagSequence)
		b.Raw(scheme.DigestAlg)
		at := b.Len()
		b.Raw(scheme.SignatureAlg)
		b.Bytes()[at] = 0xa1 // [1] instead of SEQUENCE
		b.Close(seq)
	})
	seen := map[string]bool{}
	for _, c := range s.Chain() {
		if !seen[string(c.Raw)] {
			seen[string(c.Raw)] = true
			k.chain = append(k.chain, c.Raw)
		}
	}
	k.leaf = k.chain[:1:1]
	k.chain = append([][]byte(nil), k.chain...)
	cms.SortSet(k.chain)
	return k
}
