package cades

import (
	"bytes"
	"hash"
	"slices"
	"sync"
	"time"

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

	plain      []byte // signed attributes of a BES without anything more, in DER
	digestAt   int    // where the digest stands in it
	digestSize int
	timeAt     int // where the UTCTime stands

	hashes sync.Pool // of the scheme
}

type ofSignerKey struct{}

func kept(s *sign.Signer) *ofSigner {
	return s.Kept(ofSignerKey{}, func() any { return newOfSigner(s) }).(*ofSigner)
}

func newOfSigner(s *sign.Signer) *ofSigner {
	cert, scheme := s.Certificate(), s.Scheme()
	k := &ofSigner{serial: serialNumber(cert)}
	k.hashes.New = func() any { return scheme.NewHash() }
	one := func(id cms.OID, value func(b *cms.Builder)) []byte {
		set := attributeSet{b: cms.NewBuilder(nil)}
		a, values := set.open(id)
		value(&set.b)
		set.close(a, values)
		return set.b.Bytes()
	}
	k.contentType = one(cms.OIDContentType, func(b *cms.Builder) { b.OID(cms.OIDData) })
	k.signingCertificate = one(cms.OIDSigningCertificateV2, func(b *cms.Builder) {
		signingCertificateV2(b, *scheme, cert.Raw, cert.RawIssuer, k.serial)
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
	k.leaf = [][]byte{cert.Raw}
	for _, c := range s.Chain() {
		k.chain = append(k.chain, c.Raw)
	}
	cms.SortSet(k.chain)
	k.chain = slices.CompactFunc(k.chain, bytes.Equal)
	k.layOut(scheme.NewHash().Size(), one)
	return k
}

// sum is the digest of a content by the scheme.
func (k *ofSigner) sum(content []byte) []byte {
	h := k.hashes.Get().(hash.Hash)
	h.Reset()
	h.Write(content)
	digest := h.Sum(nil)
	k.hashes.Put(h)
	return digest
}

// layOut makes plain. In what order attributes stand depends on their lengths and object identifiers, and not on the digest and time.
func (k *ofSigner) layOut(digestSize int, one func(cms.OID, func(*cms.Builder)) []byte) {
	digest := one(cms.OIDMessageDigest, func(b *cms.Builder) { b.Value(cms.TagOctetString, make([]byte, digestSize)) })
	at := one(cms.OIDSigningTime, func(b *cms.Builder) { b.Time(time.Unix(0, 0)) })
	members := [][]byte{k.contentType, digest, at, k.signingCertificate, k.protection}
	cms.SortSet(members)
	k.plain = cms.AppendSet(nil, cms.TagSet, members)
	k.digestSize = digestSize
	end := len(k.plain)
	for _, m := range slices.Backward(members) {
		switch &m[0] {
		case &digest[0]:
			k.digestAt = end - digestSize
		case &at[0]:
			k.timeAt = end - utcTime
		}
		end -= len(m)
	}
}

const utcTime = 13 // octets of a UTCTime, YYMMDDhhmmssZ (RFC 5280 section 4.1.2.5.1)

// plainAttributes fills the layout of a BES without anything more, or returns nil when the time takes another type.
func (k *ofSigner) plainAttributes(digest []byte, t time.Time) []byte {
	t = t.UTC()
	if t.Year() < 1950 || t.Year() > 2049 || len(digest) != k.digestSize {
		return nil
	}
	all := make([]byte, len(k.plain))
	copy(all, k.plain)
	copy(all[k.digestAt:], digest)
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	for i, n := range [...]int{year % 100, int(month), day, hour, minute, second} {
		all[k.timeAt+2*i], all[k.timeAt+2*i+1] = byte('0'+n/10), byte('0'+n%10)
	}
	return all
}
