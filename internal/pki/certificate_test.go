package pki_test

import (
	"bytes"
	"math/big"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
)

func TestCertificateFields(t *testing.T) {
	key := sharedKey(t, "leaf")
	c := leaf(t, "Root", subjectKeyID([]byte("me")), authorityKeyID([]byte("it")), purposes(true, cms.OIDTimeStamping),
		policies(policy(1), policy(2)), mappings(policy(1), policy(3)),
		extension{oidPolicyConstraints, true, seq(tlv(cms.ContextTag(0), []byte{2}), tlv(cms.ContextTag(1), []byte{0}))},
		extension{oidInhibitAnyPolicy, true, tlv(cms.TagInteger, []byte{1})},
		altNames(general(1, "a@b.example"), general(2, "b.example"), directory(dn("D")), general(6, "https://b.example/"),
			general(7, "\x7f\x00\x00\x01"), general(8, "\x2a\x03"),
			tlv(cms.ContextConstructed(0), oids(policy(9)), tlv(cms.ContextConstructed(0), tlv(cms.TagUTF8String, []byte("upn"))))),
		constraints([][]byte{general(2, "b.example")}, [][]byte{general(1, ".c.example")}),
		extension{cms.OIDCRLDistributionPoints, false, seq(
			seq(tlv(cms.ContextConstructed(0), tlv(cms.ContextConstructed(0), general(6, "http://c.example/crl"))), tlv(cms.ContextTag(1), []byte{5, 0x60})),
			seq(tlv(cms.ContextConstructed(0), tlv(cms.ContextConstructed(1), rdn(cms.OIDCommonName, cms.TagUTF8String, "crl 1")[2:]))),
			seq(tlv(cms.ContextConstructed(0), tlv(cms.ContextConstructed(1), rdn(cms.OIDCommonName, cms.TagUTF8String, "crl 2")[2:])), tlv(cms.ContextConstructed(2), directory(dn("Other")))))},
		extension{oidFreshestCRL, false, seq(seq(tlv(cms.ContextConstructed(2), directory(dn("Delta")))))},
		extension{cms.OIDAuthorityInfoAccess, false, seq(seq(oids(cms.OIDOCSPBasic), general(6, "http://o.example")))},
		extension{cms.OIDOCSPNoCheck, false, tlv(cms.TagNull)},
		extension{cms.OIDQCStatements, false, seq(seq(oids(policy(7))))},
		extension{policy(8), false, []byte("anything")},
	).make(t)
	require.Empty(t, c.Problems)
	require.Equal(t, 3, c.Version)
	require.Equal(t, []byte{1}, c.Serial)
	require.Equal(t, cms.OIDECDSAWithSHA256, c.SignatureAlgorithm.ID)
	require.Equal(t, cms.OIDECPublicKey, c.KeyAlgorithm.ID)
	require.Equal(t, spkiOf(t, key), c.SPKI)
	require.Equal(t, testpki.NotBefore(), c.NotBefore)
	require.Equal(t, testpki.NotAfter(), c.NotAfter)
	require.True(t, c.Issuer.Equal(pki.NewName(dn("Root"))))
	require.True(t, c.Subject.Equal(pki.NewName(dn("Leaf"))))
	require.False(t, c.SelfIssued())
	require.Len(t, c.Extensions, 16)
	require.Equal(t, pki.DigitalSignature, *c.KeyUsage)
	require.Nil(t, c.BasicConstraints)
	require.Equal(t, []byte("me"), c.SubjectKeyID)
	require.Equal(t, []byte("it"), c.AuthorityKeyID.KeyID)
	require.Equal(t, []cms.OID{cms.OIDTimeStamping}, c.ExtKeyUsage)
	require.Equal(t, []cms.OID{policy(1), policy(2)}, c.Policies)
	require.Equal(t, []pki.PolicyMapping{{IssuerDomain: policy(1), SubjectDomain: policy(3)}}, c.PolicyMappings)
	require.Equal(t, pki.PolicyConstraints{RequireExplicitPolicy: 2}, *c.PolicyConstraint)
	require.Equal(t, 1, *c.InhibitAnyPolicy)
	require.True(t, c.OCSPNoCheck)
	require.Equal(t, seq(seq(oids(policy(7)))), c.QCStatements)
	require.Equal(t, "http://o.example", string(c.AuthorityInfoAccess[0].Location.Value))

	var names []string
	for _, g := range c.SubjectAltName {
		names = append(names, g.String())
	}
	require.Equal(t, []string{"rfc822Name a@b.example", "dNSName b.example", "directoryName CN=D,O=Signet tests,C=RU",
		"uniformResourceIdentifier https://b.example/", "iPAddress 127.0.0.1", "registeredID 1.2.3", "otherName 1.3.6.1.4.1.99999.9 upn"}, names)
	require.Equal(t, "dNSName b.example", c.NameConstraints.Permitted[0].String())
	require.Equal(t, "rfc822Name .c.example", c.NameConstraints.Excluded[0].String())

	points := c.CRLDistributionPoints
	require.Equal(t, uint16(1<<1|1<<2), points[0].Reasons) // keyCompromise, cACompromise
	require.True(t, points[0].HasReasons)
	require.Equal(t, "uniformResourceIdentifier http://c.example/crl", points[0].Names(c.Issuer)[0].String())
	require.Equal(t, "directoryName CN=crl 1,CN=Root,O=Signet tests,C=RU", points[1].Names(c.Issuer)[0].String())
	require.Equal(t, "directoryName CN=crl 2,CN=Other,O=Signet tests,C=RU", points[2].Names(c.Issuer)[0].String())
	require.Equal(t, "directoryName CN=Delta,O=Signet tests,C=RU", c.FreshestCRL[0].CRLIssuer[0].String())
}

// TestCertificatesThatX509Refuses reads what the world has and crypto/x509 does not take.
func TestCertificatesThatX509Refuses(t *testing.T) {
	unknownCurve := seq(seq(oids(cms.OIDECPublicKey, cms.OIDBrainpoolP256r1)), tlv(cms.TagBitString, []byte{0, 4}, make([]byte, 64)))
	relative := extension{cms.OIDCRLDistributionPoints, false, seq(seq(tlv(cms.ContextConstructed(0),
		tlv(cms.ContextConstructed(1), rdn(cms.OIDCommonName, cms.TagUTF8String, "crl")[2:]))))}
	for name, s := range map[string]spec{
		"negative serial":     {serial: []byte{0xff, 0x01}},
		"policy twice":        {extensions: []extension{policies(policy(1), policy(1))}},
		"@ in Printable":      {subject: seq(rdn(cms.OIDCommonName, cms.TagPrintableString, "a@b"))},
		"Latin-1 in it":       {subject: seq(rdn(cms.OIDCommonName, cms.TagPrintableString, "M\xfcller"))},
		"UTF-8 in rfc822Name": {extensions: []extension{altNames(general(1, "müller@b.example"))}},
		"relative CRL name":   {extensions: []extension{relative}},
		"UniversalString":     {subject: seq(rdn(cms.OIDCommonName, cms.TagUniversalString, "\x00\x00\x00A"))},
		"unknown curve":       {spki: unknownCurve},
		"serial of zeros":     {serial: []byte{0, 0, 1}},
		"extensions in v1":    {version: -1, extensions: []extension{usage(pki.DigitalSignature)}},
		"empty issuer":        {issuer: seq()},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.make(t)
			for _, p := range c.Problems {
				require.False(t, p.Fatal, p.What)
			}
			require.NotEmpty(t, c.Subject.String())
		})
	}
	refused, err := spec{serial: []byte{0xff, 0x01}}.make(t).X509()
	require.Nil(t, refused)
	require.ErrorContains(t, err, "negative serial")
	require.Equal(t, "-ff", spec{serial: []byte{0xff, 0x01}}.make(t).SerialText())
}

func TestCertificateInBER(t *testing.T) {
	der := spec{extensions: []extension{usage(pki.DigitalSignature)}}.der(t)
	v, err := cms.ReadValue(der)
	require.NoError(t, err)
	c, err := pki.ParseCertificate(append(append([]byte{0x30, 0x80}, v.Body()...), 0, 0))
	require.NoError(t, err)
	require.Empty(t, c.Problems)
	require.Equal(t, pki.DigitalSignature, *c.KeyUsage)

	// TRUE may be any octet but 0, and a string may be in pieces.
	value := seq(tlv(cms.TagBoolean, []byte{1}))
	pieces := tlv(cms.ConstructedOctetString, tlv(cms.TagOctetString, value[:2]), tlv(cms.TagOctetString, value[2:]))
	list := tlv(cms.ContextConstructed(3), seq(seq(oids(cms.OIDBasicConstraints), tlv(cms.TagBoolean, []byte{7}), pieces)))
	c = spec{after: list}.make(t)
	require.Empty(t, c.Problems)
	require.Equal(t, pki.BasicConstraints{CA: true, PathLen: -1}, *c.BasicConstraints)
	require.True(t, c.Extensions[0].Critical)
}

// TestFatalProblems are those that no path may have.
func TestFatalProblems(t *testing.T) {
	ku := usage(pki.DigitalSignature)
	for want, s := range map[string]spec{
		"has the extension keyUsage twice": {extensions: []extension{ku, usage(pki.KeyCertSign)}},
		"names ecdsa-with-SHA256 as its signature algorithm inside and ecdsa-with-SHA512 outside": {outerAlgorithm: seq(oids(cms.OIDECDSAWithSHA512))},
		"has octets behind its signature":     {trailer: tlv(cms.TagNull)},
		"has fields behind its extensions":    {extensions: []extension{ku}, after: tlv(cms.TagNull)},
		"is of a version that does not exist": {version: 5},
		"has an empty serial number":          {serial: []byte{}},
		"has an extension that is malformed":  {after: tlv(cms.ContextConstructed(3), seq(tlv(cms.TagNull)))},
		"has fields behind its public key that are malformed (cms: at offset 258: the extensions should be SEQUENCE and is NULL)": {after: tlv(cms.ContextConstructed(3), tlv(cms.TagNull))},
		"has more than 256 extensions": {extensions: many(257)},
	} {
		t.Run(want, func(t *testing.T) {
			c := s.make(t)
			require.Len(t, c.Problems, 1, "%v", c.Problems)
			require.True(t, c.Problems[0].Fatal)
			require.Equal(t, want, c.Problems[0].What)
		})
	}
	der := spec{}.der(t)
	v, err := cms.ReadValue(der)
	require.NoError(t, err)
	r := v.Reader()
	for range 2 {
		_, err = r.Next()
		require.NoError(t, err)
	}
	bits, err := r.Next()
	require.NoError(t, err)
	for _, unused := range []byte{1, 8} {
		der[bits.Offset()+bits.HeaderLen()] = unused
		c, err := pki.ParseCertificate(der)
		require.NoError(t, err)
		require.Equal(t, []pki.Problem{{Fatal: true, What: "has a signature value that is malformed"}}, c.Problems)
	}
	// The first one counts, for what is shown.
	c := spec{extensions: []extension{ku, usage(pki.KeyCertSign)}}.make(t)
	require.Equal(t, pki.DigitalSignature, *c.KeyUsage)
}

func many(n int) (all []extension) {
	for i := range n {
		all = append(all, extension{policy(i), false, nil})
	}
	return all
}

// TestMalformedExtensions do not hide the certificate, and leave their field empty.
func TestMalformedExtensions(t *testing.T) {
	integer := func(b ...byte) []byte { return tlv(cms.TagInteger, b) }
	names := make([][]byte, 4097)
	for i := range names {
		names[i] = general(2, "a")
	}
	for id, values := range map[cms.OID][][]byte{
		cms.OIDBasicConstraints: {nil, {5, 0}, {0x30, 0, 0}, seq(integer(0xff)), seq(tlv(cms.TagBoolean)), seq(tlv(cms.TagBoolean, []byte{1}), integer()), seq(integer(1), integer(1))},
		cms.OIDKeyUsage:         {{5, 0}, {3, 0}, {3, 1, 1}, {3, 2, 8, 0}, {3, 2, 0}},
		cms.OIDExtKeyUsage:      {seq(), {5, 0}, seq(integer(1)), seq(oids("\x80"))},
		cms.OIDSubjectKeyID:     {seq()},
		cms.OIDAuthorityKeyID:   {{5, 0}, seq(integer(1)), seq(tlv(cms.ContextConstructed(1)))},
		cms.OIDSubjectAltName: {seq(), {5, 0}, seq(integer(1)), seq(tlv(cms.ContextTag(9))), seq(tlv(cms.ContextTag(4))), seq(names...),
			seq(tlv(cms.ContextConstructed(4), seq(), seq())), seq(tlv(cms.ContextTag(0), []byte("x")))},
		oidNameConstraints: {seq(), {5, 0}, seq(tlv(cms.ContextConstructed(0))), seq(tlv(cms.ContextConstructed(2), seq(general(2, "a")))),
			seq(tlv(cms.ContextConstructed(0), seq(general(2, "a"), tlv(cms.ContextTag(0), []byte{1})))),
			seq(tlv(cms.ContextConstructed(0), seq(general(2, "a"), tlv(cms.ContextTag(1), []byte{0})))),
			seq(tlv(cms.ContextConstructed(1), seq(general(2, "a"))), tlv(cms.ContextConstructed(0), seq(general(2, "a"))))},
		cms.OIDCertificatePolicies: {seq(), {5, 0}, seq(oids(policy(1))), seq(seq())},
		oidPolicyMappings:          {seq(), {5, 0}, seq(seq(oids(policy(1)))), seq(seq(oids(policy(1), policy(2), policy(3))))},
		oidPolicyConstraints:       {seq(), {5, 0}, seq(tlv(cms.ContextTag(2), []byte{1})), seq(tlv(cms.ContextTag(0), []byte{0xff})), seq(tlv(cms.ContextTag(0), []byte{1}), tlv(cms.ContextTag(0), []byte{1}))},
		oidInhibitAnyPolicy:        {seq(), integer(), integer(0x80)},
		cms.OIDCRLDistributionPoints: {seq(), {5, 0}, seq(seq(tlv(cms.ContextTag(3)))), seq(seq(tlv(cms.ContextConstructed(0)))),
			seq(seq(tlv(cms.ContextConstructed(0), tlv(cms.ContextConstructed(1))))), seq(seq(tlv(cms.ContextTag(1))))},
		cms.OIDAuthorityInfoAccess: {{5, 0}, seq(seq()), seq(seq(oids(policy(1)), integer(1)))},
		cms.OIDQCStatements:        {{5, 0}},
	} {
		for i, value := range values {
			c := spec{extensions: []extension{{id, true, value}}}.make(t)
			p, ok := c.Problem(id)
			require.True(t, ok, "%s %d", id.Name(), i)
			require.True(t, p.Critical)
			require.False(t, p.Fatal)
			require.Nil(t, c.BasicConstraints)
			require.Nil(t, c.KeyUsage)
			require.Nil(t, c.NameConstraints)
			require.Nil(t, c.PolicyConstraint)
			require.Nil(t, c.InhibitAnyPolicy)
			require.Empty(t, c.ExtKeyUsage)
			require.Empty(t, c.SubjectAltName)
			require.Empty(t, c.Policies)
			require.Empty(t, c.PolicyMappings)
			require.Empty(t, c.CRLDistributionPoints)
			require.Empty(t, c.AuthorityInfoAccess)
		}
	}
}

func TestKeyUsageBits(t *testing.T) {
	for want, value := range map[pki.KeyUsage][]byte{
		0:                                        {3, 1, 0},
		pki.DigitalSignature:                     {3, 2, 7, 0x80},
		pki.KeyCertSign | pki.CRLSign:            {3, 2, 1, 0x06},
		pki.DecipherOnly:                         {3, 3, 7, 0, 0x80},
		pki.NonRepudiation | pki.KeyEncipherment: {3, 2, 5, 0x7f}, // bits that are declared unused
		pki.EncipherOnly:                         {3, 9, 0, 0x01, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		c := spec{extensions: []extension{{cms.OIDKeyUsage, true, value}}}.make(t)
		require.Empty(t, c.Problems)
		require.Equal(t, want, *c.KeyUsage)
	}
}

func TestNoCertificates(t *testing.T) {
	der := spec{extensions: []extension{usage(pki.DigitalSignature)}}.der(t)
	for name, octets := range map[string][]byte{
		"nothing": nil, "a NULL": {5, 0}, "an empty SEQUENCE": {0x30, 0}, "a number": {2, 1, 1},
		"octets behind it": append(bytes.Clone(der), 0),
	} {
		_, err := pki.ParseCertificate(octets)
		require.Error(t, err, name)
	}
	for n := range der {
		_, err := pki.ParseCertificate(der[:n])
		require.Error(t, err)
	}
}

func TestSerialNumbers(t *testing.T) {
	c := spec{serial: []byte{0, 0x80}}.make(t)
	require.True(t, c.HasSerial([]byte{0, 0x80}))
	require.True(t, c.HasSerial([]byte{0, 0, 0x80}))
	require.False(t, c.HasSerial([]byte{0x80}))
	require.Equal(t, "80", c.SerialText())
	require.True(t, spec{serial: []byte{0xff, 0xff, 0x80}}.make(t).HasSerial([]byte{0x80}))
	long := new(big.Int).Lsh(big.NewInt(1), 4000).Bytes()
	require.Less(t, len(spec{serial: long}.make(t).SerialText()), 200)
}

func TestCertificateIsSafeForConcurrentUse(t *testing.T) {
	c := leaf(t, "Root").make(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			x, err := c.X509()
			if err != nil || x.Subject.String() != c.Subject.String() || c.Issuer.Key() == c.Subject.Key() {
				t.Error("readers disagree")
			}
		})
	}
	all.Wait()
}

func TestFromX509(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	c, err := pki.FromX509(id.Certificate())
	require.NoError(t, err)
	require.Equal(t, id.Certificate().Raw, c.Raw)
	require.True(t, c.ValidAt(testpki.Now()))
	require.True(t, c.ValidAt(c.NotBefore))
	require.True(t, c.ValidAt(c.NotAfter))
	require.False(t, c.ValidAt(c.NotBefore.Add(-1)))
	require.False(t, c.ValidAt(c.NotAfter.Add(1)))
}
