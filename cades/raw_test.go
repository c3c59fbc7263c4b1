package cades_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// rawSigner makes messages that no honest signer makes: the attributes are given, signed as they are, in the order given.
type rawSigner struct {
	id         testpki.Identity
	attributes [][]byte
	digest     cms.OID // digestAlgorithm
	hash       crypto.Hash
	algorithm  []byte // signatureAlgorithm; nil is ecdsa-with-SHA256
	sorted     bool   // sign the sorted form of unsorted attributes
	sign       func(digest []byte) []byte
	unsigned   []byte
	certs      [][]byte // nil: the signer's
	sid        []byte
	version    uint64
	content    cms.OID // eContentType; empty is data
	detached   bool
}

func (r rawSigner) message(t *testing.T, content []byte) []byte {
	t.Helper()
	set := cms.AppendSet(nil, cms.TagSet, r.attributes)
	signed := set
	if r.sorted {
		members := slices.Clone(r.attributes)
		cms.SortSet(members)
		signed = cms.AppendSet(nil, cms.TagSet, members)
	}
	if r.attributes == nil {
		signed = content
	}
	if r.hash == 0 {
		r.hash = crypto.SHA256
	}
	if r.digest == "" {
		r.digest = cms.OIDSHA256
	}
	if r.algorithm == nil {
		r.algorithm = testpki.Must(sign.ECDSA(crypto.SHA256)).SignatureAlg
	}
	h := r.hash.New()
	h.Write(signed)
	digest := h.Sum(nil)
	if r.sign == nil {
		r.sign = func(digest []byte) []byte {
			s, err := r.id.Key.Sign(rand.Reader, digest, r.hash)
			require.NoError(t, err)
			return s
		}
	}
	b := cms.NewBuilder(nil)
	info := b.Open(cms.TagSequence)
	b.OID(cms.OIDSignedData)
	explicit := b.Open(cms.ContextConstructed(0))
	sd := b.Open(cms.TagSequence)
	b.Int(max(r.version, 1))
	digests := b.Open(cms.TagSet)
	writeAlgorithm(&b, r.digest)
	b.Close(digests)
	encap := b.Open(cms.TagSequence)
	if r.content == "" {
		r.content = cms.OIDData
	}
	b.OID(r.content)
	if !r.detached {
		inner := b.Open(cms.ContextConstructed(0))
		b.Value(cms.TagOctetString, content)
		b.Close(inner)
	}
	b.Close(encap)
	certs := b.Open(cms.ContextConstructed(0))
	if r.certs == nil {
		r.certs = [][]byte{r.id.Certificate().Raw}
	}
	b.Raw(r.certs...)
	b.Close(certs)
	infos := b.Open(cms.TagSet)
	si := b.Open(cms.TagSequence)
	b.Int(max(r.version, 1))
	if r.sid != nil {
		b.Raw(r.sid)
	} else {
		sid := b.Open(cms.TagSequence)
		b.Raw(r.id.Certificate().RawIssuer)
		b.Raw(marshal(t, r.id.Certificate().SerialNumber))
		b.Close(sid)
	}
	writeAlgorithm(&b, r.digest)
	if r.attributes != nil {
		at := b.Len()
		b.Raw(set)
		b.Bytes()[at] = 0xa0
	}
	b.Raw(r.algorithm)
	b.Value(cms.TagOctetString, r.sign(digest))
	b.Raw(r.unsigned)
	b.Close(si)
	b.Close(infos)
	b.Close(sd)
	b.Close(explicit)
	b.Close(info)
	return b.Bytes()
}

func writeAlgorithm(b *cms.Builder, id cms.OID) {
	seq := b.Open(cms.TagSequence)
	b.OID(id)
	b.Close(seq)
}

// attr encodes an Attribute with values as they are.
func attr(id cms.OID, values ...[]byte) []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.OID(id)
	set := b.Open(cms.TagSet)
	b.Raw(values...)
	b.Close(set)
	b.Close(seq)
	return b.Bytes()
}

func octets(v []byte) []byte {
	b := cms.NewBuilder(nil)
	b.Value(cms.TagOctetString, v)
	return b.Bytes()
}

func oid(id cms.OID) []byte {
	b := cms.NewBuilder(nil)
	b.OID(id)
	return b.Bytes()
}

// ess is a signing-certificate-v2 value with the parts given.
func ess(t *testing.T, cert *x509.Certificate, algorithm []byte, issuerSerial bool) []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	certs := b.Open(cms.TagSequence)
	id := b.Open(cms.TagSequence)
	b.Raw(algorithm)
	sum := sha256.Sum256(cert.Raw)
	b.Value(cms.TagOctetString, sum[:])
	if issuerSerial {
		is := b.Open(cms.TagSequence)
		names := b.Open(cms.TagSequence)
		directory := b.Open(cms.ContextConstructed(4))
		b.Raw(cert.RawSubject) // of another: tests give the wrong one here
		b.Close(directory)
		b.Close(names)
		b.Raw(marshal(t, cert.SerialNumber))
		b.Close(is)
	}
	b.Close(id)
	b.Close(certs)
	b.Close(seq)
	return b.Bytes()
}
