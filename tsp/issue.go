package tsp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/tst"
)

// serialOctets makes serial numbers of 159 bits, the most that every client takes (RFC 3161 section 2.4.2): drawn at
// random they differ without a file that counts.
const serialOctets = 20

// issue makes the token that answers a request, or says why it is refused.
func (a *Authority) issue(ctx context.Context, q *Request) (token []byte, r *refusal, err error) {
	policy := a.policy
	if q.Policy != "" {
		asked, err := cms.ParseOID(q.Policy)
		if err != nil || !a.accept[asked] {
			return nil, &refusal{failUnacceptedPolicy, "the policy is not one of this authority"}, nil
		}
		policy = asked
	}
	id := tst.HashOf(q.Imprint)
	size, accepted := a.hashes[id]
	if !accepted {
		return nil, &refusal{failBadAlg, "the hash of the imprint is not accepted: " + id.Name()}, nil
	}
	if size != len(q.Imprint.Sum) {
		return nil, &refusal{failBadDataFormat, "the digest is not as long as its hash makes it"}, nil
	}
	if q.extended {
		return nil, &refusal{failUnacceptedExtension, "no extension is known to this authority"}, nil
	}
	now := a.now()
	if cert := a.s.Certificate(); now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return nil, &refusal{failTimeNotAvailable, "the certificate of the authority is not valid now"}, nil
	}
	info, err := a.info(q, policy, now)
	if err != nil {
		return nil, &refusal{failBadDataFormat, "the imprint cannot be read"}, nil
	}
	if token, err = a.token(ctx, info, now, q.Certificates); err != nil {
		return nil, nil, err
	}
	return token, nil, nil
}

// info encodes a TSTInfo (RFC 3161 section 2.4.2) in DER.
func (a *Authority) info(q *Request, policy cms.OID, now time.Time) ([]byte, error) {
	imprint := q.Imprint
	alg, err := cms.ReadValue(imprint.Algorithm) // the client compares it with what it sent
	if err != nil {
		return nil, err
	}
	if imprint.Algorithm, err = cms.AppendDER(nil, alg); err != nil {
		return nil, err
	}
	serial := make([]byte, serialOctets)
	_, _ = rand.Read(serial) // never fails
	serial[0] = serial[0]&0x7f | 0x40
	b := cms.NewBuilder(make([]byte, 0, 256))
	seq := b.Open(cms.TagSequence)
	b.Int(1)
	b.OID(policy)
	writeImprint(&b, imprint)
	b.Value(cms.TagInteger, serial)
	b.String(cms.TagGeneralizedTime, generalizedTime(now))
	if a.o.Accuracy != 0 {
		writeAccuracy(&b, a.o.Accuracy)
	}
	if a.o.Ordering {
		b.Value(cms.TagBoolean, []byte{0xff})
	}
	if q.Nonce != nil {
		octets := q.Nonce.Bytes()
		if q.Nonce.Sign() < 0 {
			return nil, failed(CheckNonce, "the nonce is negative")
		}
		if len(octets) == 0 || octets[0]&0x80 != 0 {
			octets = append([]byte{0}, octets...)
		}
		b.Value(cms.TagInteger, octets)
	}
	if a.o.Name {
		tsa := b.Open(cms.ContextConstructed(0))
		directoryName := b.Open(cms.ContextConstructed(4))
		b.Raw(a.s.Certificate().RawSubject)
		b.Close(directoryName)
		b.Close(tsa)
	}
	b.Close(seq)
	return b.Bytes(), nil
}

// generalizedTime writes fractions of a second without zeros at their end, as RFC 3161 section 2.4.2 has DER.
func generalizedTime(t time.Time) string {
	s := t.UTC().Format("20060102150405")
	if fraction := t.Nanosecond() / 1000; fraction != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%06d", fraction), "0")
	}
	return s + "Z"
}

// writeAccuracy encodes seconds, millis and micros, without those that are 0.
func writeAccuracy(b *cms.Builder, d time.Duration) {
	seq := b.Open(cms.TagSequence)
	if n := d / time.Second; n != 0 {
		b.Int(uint64(n))
	}
	for i, unit := range []time.Duration{time.Millisecond, time.Microsecond} {
		if n := d / unit % 1000; n != 0 {
			inner := cms.NewBuilder(nil)
			inner.Int(uint64(n))
			b.Value(cms.ContextTag(i), inner.Bytes()[2:])
		}
	}
	b.Close(seq)
}

// token signs a TSTInfo: a SignedData of version 3 with one signer (RFC 3161 section 2.4.2).
func (a *Authority) token(ctx context.Context, info []byte, now time.Time, certificates bool) ([]byte, error) {
	scheme := a.s.Scheme()
	h := scheme.NewHash()
	h.Write(info)
	attributes := a.attributes(h.Sum(nil), now)
	signature, err := a.s.Sign(ctx, cms.AppendSet(nil, cms.TagSet, attributes))
	if err != nil {
		return nil, err
	}
	b := cms.NewBuilder(make([]byte, 0, 4096))
	contentInfo := b.Open(cms.TagSequence)
	b.OID(cms.OIDSignedData)
	explicit := b.Open(cms.ContextConstructed(0))
	sd := b.Open(cms.TagSequence)
	b.Int(3)
	digests := b.Open(cms.TagSet)
	b.Raw(scheme.DigestAlg)
	b.Close(digests)
	encap := b.Open(cms.TagSequence)
	b.OID(cms.OIDTSTInfo)
	eContent := b.Open(cms.ContextConstructed(0))
	b.Value(cms.TagOctetString, info)
	b.Close(eContent)
	b.Close(encap)
	if certificates {
		var set [][]byte
		for _, c := range a.s.Chain() {
			set = append(set, c.Raw)
		}
		cms.SortSet(set)
		b.Raw(cms.AppendSet(nil, cms.ContextConstructed(0), set))
	}
	signers := b.Open(cms.TagSet)
	si := b.Open(cms.TagSequence)
	b.Int(1)
	sid := b.Open(cms.TagSequence)
	b.Raw(a.cert.Issuer.Raw)
	b.Value(cms.TagInteger, a.cert.Serial)
	b.Close(sid)
	b.Raw(scheme.DigestAlg)
	b.Raw(cms.AppendSet(nil, cms.ContextConstructed(0), attributes))
	b.Raw(scheme.SignatureAlg)
	b.Value(cms.TagOctetString, signature)
	b.Close(si)
	b.Close(signers)
	b.Close(sd)
	b.Close(explicit)
	b.Close(contentInfo)
	return b.Bytes(), nil
}

// attributes encodes the signed attributes in the order of DER.
func (a *Authority) attributes(sum []byte, now time.Time) [][]byte {
	scheme := a.s.Scheme()
	newHash := sha256.New
	if ownHash(scheme) {
		newHash = scheme.NewHash
	}
	h := newHash()
	h.Write(a.s.Certificate().Raw)
	all := [][]byte{
		attribute(cms.OIDContentType, func(b *cms.Builder) { b.OID(cms.OIDTSTInfo) }),
		attribute(cms.OIDSigningTime, func(b *cms.Builder) { b.Time(now) }),
		attribute(cms.OIDMessageDigest, func(b *cms.Builder) { b.Value(cms.TagOctetString, sum) }),
		// RFC 5816 section 2.2.1: SHA-256 is the DEFAULT, and issuerSerial may be left out. A hash of the scheme's own is named.
		attribute(cms.OIDSigningCertificateV2, func(b *cms.Builder) {
			for range 3 { // SigningCertificateV2, certs, ESSCertIDv2
				defer b.Close(b.Open(cms.TagSequence))
			}
			if ownHash(scheme) {
				b.Raw(scheme.DigestAlg)
			}
			b.Value(cms.TagOctetString, h.Sum(nil))
		}),
	}
	cms.SortSet(all)
	return all
}

func attribute(id cms.OID, value func(*cms.Builder)) []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.OID(id)
	set := b.Open(cms.TagSet)
	value(&b)
	b.Close(set)
	b.Close(seq)
	return b.Bytes()
}
