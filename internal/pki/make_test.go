package pki_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// What crypto/x509 refuses it does not make either, so certificates are made here octet by octet.

type extension struct {
	id       cms.OID
	critical bool
	value    []byte
}

// spec is a certificate to be made. Zero fields have useful values: a certificate of P-256, version 3, valid now.
type spec struct {
	version             int // as people count; -1: the field is absent
	serial              []byte
	issuer, subject     []byte
	notBefore, notAfter time.Time
	key                 crypto.Signer // whose certificate it is
	spki                []byte
	extensions          []extension
	after               []byte // octets behind the extensions
	outerAlgorithm      []byte
	innerAlgorithm      []byte
	trailer             []byte // octets behind the signature
	spoil               bool   // the signature
	signer              crypto.Signer
}

var ecdsaWithSHA256 = seq(tlv(cms.TagOID, []byte(cms.OIDECDSAWithSHA256)))

// der makes the certificate.
func (s spec) der(t testing.TB) []byte {
	t.Helper()
	if s.serial == nil {
		s.serial = []byte{1}
	}
	if s.notBefore.IsZero() {
		s.notBefore = testpki.NotBefore()
	}
	if s.notAfter.IsZero() {
		s.notAfter = testpki.NotAfter()
	}
	if s.key == nil {
		s.key = sharedKey(t, "leaf")
	}
	if s.spki == nil {
		s.spki = spkiOf(t, s.key)
	}
	if s.signer == nil {
		s.signer = s.key
	}
	if s.innerAlgorithm == nil {
		s.innerAlgorithm = ecdsaWithSHA256
	}
	if s.outerAlgorithm == nil {
		s.outerAlgorithm = s.innerAlgorithm
	}
	if s.issuer == nil {
		s.issuer = dn("Root")
	}
	if s.subject == nil {
		s.subject = dn("Leaf")
	}
	b := cms.NewBuilder(nil)
	tbs := b.Open(cms.TagSequence)
	if s.version >= 0 {
		v := b.Open(cms.ContextConstructed(0))
		if s.version == 0 {
			s.version = 3
		}
		b.Int(uint64(s.version - 1))
		b.Close(v)
	}
	b.Value(cms.TagInteger, s.serial)
	b.Raw(s.innerAlgorithm, s.issuer)
	validity := b.Open(cms.TagSequence)
	b.Time(s.notBefore)
	b.Time(s.notAfter)
	b.Close(validity)
	b.Raw(s.subject, s.spki)
	if s.extensions != nil {
		outer, list := b.Open(cms.ContextConstructed(3)), b.Open(cms.TagSequence)
		for _, e := range s.extensions {
			one := b.Open(cms.TagSequence)
			b.OID(e.id)
			if e.critical {
				b.Value(cms.TagBoolean, []byte{0xff})
			}
			b.Value(cms.TagOctetString, e.value)
			b.Close(one)
		}
		b.Close(list)
		b.Close(outer)
	}
	b.Raw(s.after)
	b.Close(tbs)
	signed := b.Bytes()
	sum := sha256.Sum256(signed)
	signature, err := s.signer.Sign(rand.Reader, sum[:], crypto.SHA256)
	require.NoError(t, err)
	if s.spoil {
		signature[len(signature)-1] ^= 1
	}
	return seq(signed, s.outerAlgorithm, tlv(cms.TagBitString, append([]byte{0}, signature...)), s.trailer)
}

func (s spec) make(t testing.TB) *pki.Certificate {
	t.Helper()
	c, err := pki.ParseCertificate(s.der(t))
	require.NoError(t, err)
	return c
}

func tlv(tag cms.Tag, parts ...[]byte) []byte {
	b := cms.NewBuilder(nil)
	mark := b.Open(tag)
	b.Raw(parts...)
	b.Close(mark)
	return b.Bytes()
}

func seq(parts ...[]byte) []byte { return tlv(cms.TagSequence, parts...) }

// rdn is a relative name of one attribute.
func rdn(id cms.OID, tag cms.Tag, value string) []byte {
	return tlv(cms.TagSet, seq(tlv(cms.TagOID, []byte(id)), tlv(tag, []byte(value))))
}

// dn is a name with a country, an organisation and a common name.
func dn(cn string) []byte {
	return seq(rdn(cms.OIDCountry, cms.TagPrintableString, "RU"), rdn(cms.OIDOrganization, cms.TagUTF8String, "Signet tests"),
		rdn(cms.OIDCommonName, cms.TagUTF8String, cn))
}

var keys = map[string]crypto.Signer{}

// sharedKey is a key that tests have together, since what they test is not the key. Tests of this package do not run at the
// same time.
func sharedKey(t testing.TB, name string) crypto.Signer {
	t.Helper()
	if keys[name] == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		keys[name] = key
	}
	return keys[name]
}

func spkiOf(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	return spki
}

func keyIDOf(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	v, err := cms.ReadValue(spkiOf(t, key))
	require.NoError(t, err)
	r := v.Reader()
	_, err = r.Next()
	require.NoError(t, err)
	bits, err := r.Next()
	require.NoError(t, err)
	sum := sha1.Sum(bits.Body()[1:])
	return sum[:]
}

// Extensions.

const (
	oidNameConstraints   cms.OID = "\x55\x1d\x1e"
	oidPolicyMappings    cms.OID = "\x55\x1d\x21"
	oidPolicyConstraints cms.OID = "\x55\x1d\x24"
	oidFreshestCRL       cms.OID = "\x55\x1d\x2e"
	oidInhibitAnyPolicy  cms.OID = "\x55\x1d\x36"
)

func isCA(pathLen int) extension {
	value := tlv(cms.TagBoolean, []byte{0xff})
	if pathLen >= 0 {
		value = append(value, tlv(cms.TagInteger, []byte{byte(pathLen)})...)
	}
	return extension{cms.OIDBasicConstraints, true, seq(value)}
}

func usage(u pki.KeyUsage) extension {
	var b [2]byte
	for bit := range 9 {
		if u&(1<<bit) != 0 {
			b[bit/8] |= 0x80 >> (bit % 8)
		}
	}
	return extension{cms.OIDKeyUsage, true, tlv(cms.TagBitString, []byte{0}, b[:])}
}

func purposes(critical bool, ids ...cms.OID) extension {
	return extension{cms.OIDExtKeyUsage, critical, seq(oids(ids...))}
}

func oids(ids ...cms.OID) (all []byte) {
	for _, id := range ids {
		all = append(all, tlv(cms.TagOID, []byte(id))...)
	}
	return all
}

func policies(ids ...cms.OID) extension {
	var all []byte
	for _, id := range ids {
		all = append(all, seq(oids(id))...)
	}
	return extension{cms.OIDCertificatePolicies, false, seq(all)}
}

func mappings(pairs ...cms.OID) extension {
	var all []byte
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, seq(oids(pairs[i], pairs[i+1]))...)
	}
	return extension{oidPolicyMappings, true, seq(all)}
}

func altNames(names ...[]byte) extension {
	return extension{cms.OIDSubjectAltName, false, seq(names...)}
}

func general(kind int, value string) []byte { return tlv(cms.ContextTag(kind), []byte(value)) }

func directory(name []byte) []byte { return tlv(cms.ContextConstructed(4), name) }

func constraints(permitted, excluded [][]byte) extension {
	var value []byte
	for i, list := range [][][]byte{permitted, excluded} {
		if list == nil {
			continue
		}
		var all []byte
		for _, base := range list {
			all = append(all, seq(base)...)
		}
		value = append(value, tlv(cms.ContextConstructed(i), all)...)
	}
	return extension{oidNameConstraints, true, seq(value)}
}

func subjectKeyID(id []byte) extension {
	return extension{cms.OIDSubjectKeyID, false, tlv(cms.TagOctetString, id)}
}

func authorityKeyID(id []byte) extension {
	return extension{cms.OIDAuthorityKeyID, false, seq(tlv(cms.ContextTag(0), id))}
}

// authority is the certificate of an authority with a key of its own name.
func authority(t testing.TB, name, issuer string, extensions ...extension) spec {
	t.Helper()
	return spec{subject: dn(name), issuer: dn(issuer), key: sharedKey(t, name), signer: sharedKey(t, issuer),
		extensions: append([]extension{isCA(-1), usage(pki.KeyCertSign | pki.CRLSign)}, extensions...)}
}

// leaf is a certificate for signing of an issuer.
func leaf(t testing.TB, issuer string, extensions ...extension) spec {
	t.Helper()
	return spec{issuer: dn(issuer), signer: sharedKey(t, issuer),
		extensions: append([]extension{usage(pki.DigitalSignature)}, extensions...)}
}

func policy(n int) cms.OID {
	id, err := cms.ParseOID(fmt.Sprintf("1.3.6.1.4.1.99999.%d", n))
	if err != nil {
		panic(err)
	}
	return id
}
