package cades_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// TestStrange checks the outcome for messages that differ from good ones in one thing.
func TestStrange(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	other := pki.Leaf(testpki.P256)
	content := []byte("content")
	sum := sha256.Sum256(content)
	cert := id.Certificate()

	contentType, digest := attr(cms.OIDContentType, oid(cms.OIDData)), attr(cms.OIDMessageDigest, octets(sum[:]))
	essAttr := attr(cms.OIDSigningCertificateV2, ess(t, cert, nil, false))
	good := [][]byte{contentType, digest, essAttr}
	cms.SortSet(good)
	with := func(extra ...[]byte) [][]byte {
		all := append(slices.Clone(good), extra...)
		cms.SortSet(all)
		return all
	}
	without := func(drop []byte, extra ...[]byte) [][]byte {
		all := slices.DeleteFunc(with(extra...), func(a []byte) bool { return bytes.Equal(a, drop) })
		return all
	}
	reversed := slices.Clone(good)
	slices.Reverse(reversed)
	protection := func(digest cms.OID, signature []byte) []byte {
		b := cms.NewBuilder(nil)
		seq := b.Open(cms.TagSequence)
		writeAlgorithm(&b, digest)
		at := b.Len()
		b.Raw(signature)
		b.Bytes()[at] = 0xa1
		b.Close(seq)
		return attr(cms.OIDAlgorithmProtection, b.Bytes())
	}
	ecdsa256 := testpki.Must(sign.ECDSA(crypto.SHA256)).SignatureAlg
	null := []byte{0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00}
	broken := append([]byte{0x30, 0x82, 0x01, 0x00}, make([]byte, 256)...)

	for name, c := range map[string]struct {
		r     rawSigner
		check string
		want  cades.Status
		valid bool
	}{
		"good":                       {rawSigner{attributes: good}, cades.CheckSignature, cades.Passed, true},
		"no signing-time":            {rawSigner{attributes: good}, cades.CheckSigningTime, cades.Unchecked, true},
		"no content-type":            {rawSigner{attributes: without(contentType)}, cades.CheckContentType, cades.Failed, false},
		"other content-type":         {rawSigner{attributes: without(contentType, attr(cms.OIDContentType, oid(cms.OIDTSTInfo)))}, cades.CheckContentType, cades.Failed, false},
		"content-type twice":         {rawSigner{attributes: with(contentType)}, cades.CheckContentType, cades.Failed, false},
		"content-type, two values":   {rawSigner{attributes: without(contentType, attr(cms.OIDContentType, oid(cms.OIDData), oid(cms.OIDData)))}, cades.CheckContentType, cades.Failed, false},
		"no message-digest":          {rawSigner{attributes: without(digest)}, cades.CheckMessageDigest, cades.Failed, false},
		"message-digest twice":       {rawSigner{attributes: with(digest)}, cades.CheckMessageDigest, cades.Failed, false},
		"other message-digest":       {rawSigner{attributes: without(digest, attr(cms.OIDMessageDigest, octets(make([]byte, 32))))}, cades.CheckMessageDigest, cades.Failed, false},
		"message-digest of no type":  {rawSigner{attributes: without(digest, attr(cms.OIDMessageDigest, oid(cms.OIDData)))}, cades.CheckMessageDigest, cades.Failed, false},
		"no ESS":                     {rawSigner{attributes: without(essAttr)}, cades.CheckSigningCertificate, cades.Unchecked, true},
		"ESS twice":                  {rawSigner{attributes: with(essAttr)}, cades.CheckSigningCertificate, cades.Failed, false},
		"ESS of another":             {rawSigner{attributes: without(essAttr, attr(cms.OIDSigningCertificateV2, ess(t, other.Certificate(), nil, false)))}, cades.CheckSigningCertificate, cades.Failed, false},
		"ESS, default written":       {rawSigner{attributes: without(essAttr, attr(cms.OIDSigningCertificateV2, ess(t, cert, testpki.Must(sign.ECDSA(crypto.SHA256)).DigestAlg, false)))}, cades.CheckSigningCertificate, cades.Passed, true},
		"ESS, default and NULL":      {rawSigner{attributes: without(essAttr, attr(cms.OIDSigningCertificateV2, ess(t, cert, null, false)))}, cades.CheckSigningCertificate, cades.Passed, true},
		"ESS, wrong issuer":          {rawSigner{attributes: without(essAttr, attr(cms.OIDSigningCertificateV2, ess(t, cert, nil, true)))}, cades.CheckSigningCertificate, cades.Tolerated, true},
		"ESS malformed":              {rawSigner{attributes: without(essAttr, attr(cms.OIDSigningCertificateV2, []byte{5, 0}))}, cades.CheckSigningCertificate, cades.Failed, false},
		"ESS empty":                  {rawSigner{attributes: without(essAttr, attr(cms.OIDSigningCertificateV2, []byte{0x30, 2, 0x30, 0}))}, cades.CheckSigningCertificate, cades.Failed, false},
		"found by ESS hash":          {rawSigner{attributes: good, sid: sidOf(t, other)}, cades.CheckSigningCertificate, cades.Tolerated, true},
		"unsorted, signed so":        {rawSigner{attributes: reversed}, cades.CheckAttributeOrder, cades.Tolerated, true},
		"unsorted, signed sorted":    {rawSigner{attributes: reversed, sorted: true}, cades.CheckAttributeOrder, cades.Tolerated, true},
		"protected":                  {rawSigner{attributes: with(protection(cms.OIDSHA256, ecdsa256))}, cades.CheckAlgorithmProtection, cades.Passed, true},
		"protected, other digest":    {rawSigner{attributes: with(protection(cms.OIDSHA384, ecdsa256))}, cades.CheckAlgorithmProtection, cades.Failed, false},
		"protected, other signature": {rawSigner{attributes: with(protection(cms.OIDSHA256, testpki.Must(sign.PKCS1(crypto.SHA256)).SignatureAlg))}, cades.CheckAlgorithmProtection, cades.Failed, false},
		"protection malformed":       {rawSigner{attributes: with(attr(cms.OIDAlgorithmProtection, []byte{5, 0}))}, cades.CheckAlgorithmProtection, cades.Failed, false},
		"signing-time of no type":    {rawSigner{attributes: with(attr(cms.OIDSigningTime, []byte{5, 0}))}, cades.CheckSigningTime, cades.Failed, false},
		"signing-time, wrong type":   {rawSigner{attributes: with(attr(cms.OIDSigningTime, append([]byte{24, 15}, "20260301120000Z"...)))}, cades.CheckSigningTime, cades.Tolerated, true},
		"no attributes":              {rawSigner{}, cades.CheckSignature, cades.Passed, true},
		"wrong signature":            {rawSigner{attributes: good, sign: func([]byte) []byte { return make([]byte, 70) }}, cades.CheckSignature, cades.Failed, false},
		"key of another":             {rawSigner{attributes: good, sign: func(d []byte) []byte { s, _ := other.Key.Sign(rand.Reader, d, crypto.SHA256); return s }}, cades.CheckSignature, cades.Failed, false},
		"algorithm of another key":   {rawSigner{attributes: good, algorithm: testpki.Must(sign.PKCS1(crypto.SHA256)).SignatureAlg}, cades.CheckSignature, cades.Failed, false},
		"unknown algorithm":          {rawSigner{attributes: good, algorithm: []byte{0x30, 4, 6, 2, 0x2a, 3}}, cades.CheckSignature, cades.Unchecked, false},
		"unknown hash":               {rawSigner{attributes: good, digest: cms.OIDStreebog256}, cades.CheckMessageDigest, cades.Unchecked, false},
		"no certificate":             {rawSigner{attributes: good, certs: [][]byte{}}, cades.CheckSigner, cades.Failed, false},
		"one broken certificate":     {rawSigner{attributes: good, certs: [][]byte{broken, cert.Raw}}, cades.CheckSigner, cades.Passed, true},
		"attribute certificate":      {rawSigner{attributes: good, certs: [][]byte{{0xa2, 2, 5, 0}, cert.Raw}}, cades.CheckStructure, cades.Tolerated, true},
		"other certificate":          {rawSigner{attributes: good, certs: [][]byte{cert.Raw, {0xa3, 2, 5, 0}}}, cades.CheckStructure, cades.Tolerated, true},
		"wrong versions":             {rawSigner{attributes: good, version: 2}, cades.CheckStructure, cades.Tolerated, true},
		"unknown attribute":          {rawSigner{attributes: with(attr("\x2a\x03", []byte{5, 0}))}, cades.CheckSignature, cades.Passed, true},
		"unknown unsigned":           {rawSigner{attributes: good, unsigned: cms.AppendSet(nil, cms.ContextConstructed(1), [][]byte{attr("\x2a\x03", []byte{5, 0})})}, cades.CheckUnsigned, cades.Unchecked, true},
		"policy malformed":           {rawSigner{attributes: with(attr(cms.OIDSignaturePolicy, []byte{4, 0}))}, cades.CheckPolicy, cades.Failed, false},
		"plain ECDSA": {rawSigner{attributes: good, algorithm: cms.AppendSet(nil, cms.TagSequence, [][]byte{oid(cms.OIDPlainECDSAWithSHA256)}), sign: func(d []byte) []byte {
			der, _ := id.Key.Sign(rand.Reader, d, crypto.SHA256)
			var rs struct{ R, S *big.Int }
			_, err := asn1.Unmarshal(der, &rs)
			require.NoError(t, err)
			return append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...)
		}}, cades.CheckSignature, cades.Passed, true},
	} {
		t.Run(name, func(t *testing.T) {
			c.r.id = id
			m, err := cades.Parse(c.r.message(t, content))
			require.NoError(t, err)
			r, err := m.Verify(t.Context(), sign.Content{}, nil)
			require.NoError(t, err)
			require.Equal(t, c.want, r.Signatures[0].Status(c.check), "%+v", r.Signatures[0].Checks)
			require.Equal(t, c.valid, r.Valid(), "%+v", r.Signatures[0].Checks)
			require.Error(t, r.Signatures[0].Err(), "nobody is trusted here")
		})
	}
}

func sidOf(t *testing.T, id testpki.Identity) []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.Raw(id.Certificate().RawIssuer)
	b.Raw(marshal(t, id.Certificate().SerialNumber))
	b.Close(seq)
	return b.Bytes()
}

// TestSubjectKeyID finds a signer by its key identifier.
func TestSubjectKeyID(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.SubjectKeyId = []byte{1, 2, 3, 4} })
	b := cms.NewBuilder(nil)
	b.Value(cms.ContextTag(0), id.Certificate().SubjectKeyId)
	m, err := cades.Parse(rawSigner{id: id, sid: b.Bytes(), version: 3, certs: [][]byte{id.Chain[0].Raw, id.Chain[1].Raw}}.message(t, []byte("content")))
	require.NoError(t, err)
	r, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots()})
	requireTrusted(t, r, err)
	require.Equal(t, id.Certificate(), m.Signatures()[0].SignerCertificate())
}

// TestBareDigestInfo accepts RSA signatures without the NULL by option only.
func TestBareDigestInfo(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.RSA2048)
	key := id.Key.(*rsa.PrivateKey)
	bare := func(digest []byte) []byte {
		info := append([]byte{0x30, 0x2f, 0x30, 0x0b, 6, 9}, cms.OIDSHA256...)
		info = append(append(info, 4, 32), digest...)
		block := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, key.Size()-3-len(info))...)
		block = append(append(block, 0), info...)
		return new(big.Int).Exp(new(big.Int).SetBytes(block), key.D, key.N).FillBytes(make([]byte, key.Size()))
	}
	message := rawSigner{id: id, algorithm: testpki.Must(sign.PKCS1(crypto.SHA256)).SignatureAlg, sign: bare}.message(t, []byte("content"))
	m, err := cades.Parse(message)
	require.NoError(t, err)
	r, err := m.Verify(t.Context(), sign.Content{}, nil)
	require.NoError(t, err)
	require.Equal(t, cades.Failed, r.Signatures[0].Status(cades.CheckSignature))
	r, err = m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{AllowBareDigestInfo: true})
	require.NoError(t, err)
	require.Equal(t, cades.Tolerated, r.Signatures[0].Status(cades.CheckSignature))
	require.True(t, r.Valid())

	wrong := rawSigner{id: id, algorithm: testpki.Must(sign.PKCS1(crypto.SHA256)).SignatureAlg, sign: func(d []byte) []byte { d[0] ^= 1; return bare(d) }}
	m, err = cades.Parse(wrong.message(t, []byte("content")))
	require.NoError(t, err)
	r, err = m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{AllowBareDigestInfo: true})
	require.NoError(t, err)
	require.False(t, r.Valid())
}

// TestPSSOnlyKey verifies with a certificate whose key crypto/x509 does not load.
func TestPSSOnlyKey(t *testing.T) {
	pki := testpki.New(t)
	id := pki.PSSLeaf(testpki.RSA2048)
	require.Nil(t, id.Certificate().PublicKey)
	p7s, err := cades.Sign(t.Context(), signerOf(t, id, testpki.Must(sign.PSS(crypto.SHA256))), sign.Bytes("", []byte("content")), nil)
	require.NoError(t, err)
	m, _ := parse(t, p7s)
	r, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &cades.VerifyOptions{Roots: pki.Roots()})
	requireTrusted(t, r, err)
}

// TestContentGiven checks contents that are given against those inside, and digests that stand for them.
func TestContentGiven(t *testing.T) {
	s := p256(t, testpki.New(t))
	detached, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), nil)
	require.NoError(t, err)
	attached, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), &cades.Options{Attached: true})
	require.NoError(t, err)
	sum := sha256.Sum256([]byte("content"))
	text := func(s string) sign.Content { return sign.Bytes("", []byte(s)) }
	digests := sign.Digested("", testpki.Must(sign.NewDigest(crypto.SHA256, sum[:])))
	path := filepath.Join(t.TempDir(), "content")
	require.NoError(t, os.WriteFile(path, []byte("content"), 0o600))
	draft, err := cades.Prepare(t.Context(), s, text("content"), nil)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		message []byte
		content sign.Content
		want    cades.Status
	}{
		"detached":               {detached, text("content"), cades.Passed},
		"detached, other":        {detached, text("context"), cades.Failed},
		"detached, none":         {detached, sign.Content{}, cades.Unchecked},
		"detached, digest":       {detached, digests, cades.Passed},
		"detached, other digest": {detached, sign.Digested("", testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32)))), cades.Failed},
		"detached, other hash":   {detached, sign.Digested("", testpki.Must(sign.NewDigest(crypto.SHA512, make([]byte, 64)))), cades.Unchecked},
		"attached":               {attached, sign.Content{}, cades.Passed},
		"attached, same":         {attached, text("content"), cades.Passed},
		"attached, other":        {attached, text("context"), cades.Failed},
		"attached, digest":       {attached, digests, cades.Passed},
		"attached, other digest": {attached, sign.Digested("", testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32)))), cades.Failed},
		"detached, no digest":    {detached, sign.Digested(""), cades.Unchecked},
		"detached, empty":        {detached, text(""), cades.Failed},
		"detached, file":         {detached, sign.File(path), cades.Passed},
		"detached, read once":    {detached, sign.Reader("", iotest.OneByteReader(strings.NewReader("content"))), cades.Passed},
		"detached, nil reader":   {detached, sign.Reader("", nil), cades.Unchecked},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := parse(t, c.message)
			r, err := m.Verify(t.Context(), c.content, nil)
			require.NoError(t, err)
			require.Equal(t, c.want, r.Signatures[0].Status(cades.CheckMessageDigest), "%+v", r.Signatures[0].Checks)
			require.Equal(t, c.want == cades.Passed, r.Valid())
			require.False(t, r.Trusted(), "no roots were given")
		})
	}
	m, _ := parse(t, detached)
	inside, _ := parse(t, attached)
	sha512Of := func(s string) sign.Digest {
		sum := sha512.Sum512([]byte(s))
		return testpki.Must(sign.NewDigest(crypto.SHA512, sum[:]))
	}
	// The signature asks for SHA-256, and what is given by another hash is compared all the same.
	r, err := inside.Verify(t.Context(), sign.Digested("", sha512Of("content")), nil)
	require.NoError(t, err)
	require.True(t, r.Valid())
	for _, given := range []sign.Content{
		sign.Digested("", sha512Of("context")),
		sign.Digested("", testpki.Must(sign.NewDigest(crypto.SHA256, sum[:])), sha512Of("context")),
	} {
		r, err = inside.Verify(t.Context(), given, nil)
		require.NoError(t, err)
		require.False(t, r.Valid())
		require.ErrorIs(t, r.Err(), validate.CauseContentChanged)
	}
	algorithm := testpki.Must(sign.DigestAlgorithm(crypto.SHA256))
	for name, given := range map[string][]sign.Digest{
		"without octets":      {{Algorithm: algorithm}},
		"empty":               {{Algorithm: algorithm, Sum: []byte{}}},
		"too long":            {{Algorithm: algorithm, Sum: make([]byte, 33)}},
		"without algorithm":   {{Sum: sum[:]}},
		"contradicting":       {{Algorithm: algorithm, Sum: make([]byte, 32)}, {Algorithm: algorithm, Sum: sum[:]}},
		"contradicting, last": {{Algorithm: algorithm, Sum: sum[:]}, {Algorithm: algorithm, Sum: make([]byte, 32)}},
	} {
		r, err := inside.Verify(t.Context(), sign.Digested("its name", given...), nil)
		require.ErrorIs(t, err, sign.ErrInput, name)
		require.ErrorContains(t, err, "its name", name)
		require.Nil(t, r)
		_, err = m.Verify(t.Context(), sign.Digested("", given...), nil)
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
	for _, given := range [][]sign.Digest{{}, {{Algorithm: []byte{0x30, 0x04, 0x06, 0x02, 0x2a, 0x03}, Sum: make([]byte, 32)}}} { // none, and of an unknown hash
		for _, m := range []*cades.Message{inside, m} {
			r, err := m.Verify(t.Context(), sign.Digested("", given...), nil)
			require.NoError(t, err)
			require.False(t, r.Valid())
			require.ErrorIs(t, r.Err(), validate.CauseContentMissing)
		}
	}
	_, err = m.Verify(t.Context(), sign.Reader("", iotest.ErrReader(errors.New("cannot read"))), nil)
	require.ErrorContains(t, err, "cannot read")
	_, err = m.Verify(t.Context(), sign.File(path+"2"), nil)
	require.ErrorContains(t, err, path+"2")
	_, err = m.Verify(t.Context(), sign.Prepared("its draft", draft), nil)
	require.ErrorIs(t, err, sign.ErrInput)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = m.Verify(ctx, sign.Bytes("", []byte("content")), nil)
	require.ErrorIs(t, err, context.Canceled)
}

// TestChain checks the path to the roots at a time.
func TestChain(t *testing.T) {
	pki := testpki.New(t)
	p7s, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", []byte("content")), nil)
	require.NoError(t, err)
	m, _ := parse(t, p7s)
	for name, c := range map[string]struct {
		o    cades.VerifyOptions
		want cades.Status
	}{
		"now":          {cades.VerifyOptions{Roots: pki.Roots(), Clock: fixed}, cades.Passed},
		"before":       {cades.VerifyOptions{Roots: pki.Roots(), Time: testpki.NotBefore().AddDate(-1, 0, 0)}, cades.Failed},
		"after":        {cades.VerifyOptions{Roots: pki.Roots(), Time: testpki.NotAfter().AddDate(1, 0, 0)}, cades.Failed},
		"other root":   {cades.VerifyOptions{Roots: testpki.New(t).Roots()}, cades.Failed},
		"no root":      {cades.VerifyOptions{Roots: trust.New()}, cades.Failed},
		"not asked of": {cades.VerifyOptions{}, cades.Unchecked},
	} {
		r, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &c.o)
		require.NoError(t, err)
		require.Equal(t, c.want, r.Signatures[0].Status(cades.CheckChain), name)
		require.Equal(t, c.want == cades.Passed, r.Trusted(), name)
	}
}

// TestCounterSignature verifies a counter-signature, which is over the value of the signature above it.
func TestCounterSignature(t *testing.T) {
	pki := testpki.New(t)
	p7s, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", []byte("content")), &cades.Options{Attached: true})
	require.NoError(t, err)
	_, sd := parse(t, p7s)
	counter := pki.Leaf(testpki.P256)
	over := func(value []byte) *cades.Message {
		sum := sha256.Sum256(value)
		attributes := [][]byte{attr(cms.OIDMessageDigest, octets(sum[:])), attr(cms.OIDSigningCertificateV2, ess(t, counter.Certificate(), nil, false))}
		cms.SortSet(attributes)
		message := rawSigner{id: counter, attributes: attributes}.message(t, nil)
		inner, err := cms.ParseSignedData(message)
		require.NoError(t, err)
		set := cms.AppendSet(nil, cms.ContextConstructed(1), [][]byte{attr(cms.OIDCounterSignature, inner.Signers[0].Value.Raw())})
		si := sd.Signers[0].Value
		out, err := cms.Splice(sd.ContentInfo, cms.Edit{Parent: si, At: si.Offset() + len(si.Raw()), Insert: set},
			cms.Edit{Parent: sd.CertificateSet, At: sd.CertificateSet.Offset() + len(sd.CertificateSet.Raw()), Insert: counter.Certificate().Raw})
		require.NoError(t, err)
		m, _ := parse(t, out)
		return m
	}
	m := over(sd.Signers[0].SignatureRaw)
	require.Len(t, m.Signatures()[0].CounterSignatures(), 1)
	require.Equal(t, counter.Certificate(), m.Signatures()[0].CounterSignatures()[0].SignerCertificate())
	r, err := m.Verify(t.Context(), sign.Content{}, nil)
	require.NoError(t, err)
	require.True(t, r.Valid(), "%+v", r.Signatures[0].CounterSignatures[0].Checks)

	r, err = over([]byte("another value")).Verify(t.Context(), sign.Content{}, nil)
	require.NoError(t, err)
	require.True(t, r.Valid(), "what others append does not sink it")
	require.False(t, r.Signatures[0].CounterSignatures[0].Valid())
	require.Equal(t, validate.TotalFailed, r.Signatures[0].CounterSignatures[0].Indication)
	require.Equal(t, validate.HashFailure, r.Signatures[0].CounterSignatures[0].SubIndication)
}

// TestEveryBit changes each octet of a message: none of the changes gives a message that is valid with another content,
// other attributes or another signature.
func TestEveryBit(t *testing.T) {
	pki := testpki.New(t)
	p7m, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", []byte("content")), &cades.Options{Attached: true})
	require.NoError(t, err)
	_, sd := parse(t, p7m)
	for i := range p7m {
		changed := bytes.Clone(p7m)
		changed[i] ^= 0x11
		m, err := cades.Parse(changed)
		if err != nil {
			continue
		}
		r, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots()})
		if err != nil || !r.Trusted() {
			continue
		}
		now, err := cms.ParseSignedData(changed)
		require.NoError(t, err)
		require.Equal(t, sd.Content.Body(), now.Content.Body(), "offset %d", i)
		require.Equal(t, sd.Signers[0].SignedAttrs.Body(), now.Signers[0].SignedAttrs.Body(), "offset %d", i)
		require.Equal(t, sd.Signers[0].SignatureRaw, now.Signers[0].SignatureRaw, "offset %d", i)
	}
}

// TestVerifyDigested gives digests in the place of the content: what none of them is of has not passed, also when the content is inside.
func TestVerifyDigested(t *testing.T) {
	pki := testpki.New(t)
	data := []byte("content")
	digest := func(data string, h crypto.Hash) sign.Digest {
		hash := h.New()
		hash.Write([]byte(data))
		return testpki.Must(sign.NewDigest(h, hash.Sum(nil)))
	}
	right, wrong := digest("content", crypto.SHA256), digest("another", crypto.SHA256)
	right512, wrong512 := digest("content", crypto.SHA512), digest("another", crypto.SHA512)
	for _, attached := range []bool{false, true} {
		der, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", data), &cades.Options{Attached: attached, SigningTime: testpki.Now()})
		require.NoError(t, err)
		m, _ := parse(t, der)
		for name, c := range map[string]struct {
			digests          []sign.Digest
			detached, inside validate.Cause
		}{
			"right":         {[]sign.Digest{right}, validate.CausePassed, validate.CausePassed},
			"and another":   {[]sign.Digest{wrong512, right}, validate.CausePassed, validate.CauseContentChanged}, // no signature asks for it
			"twice":         {[]sign.Digest{right, right}, validate.CausePassed, validate.CausePassed},
			"wrong":         {[]sign.Digest{wrong}, validate.CauseContentChanged, validate.CauseContentChanged},
			"another hash":  {[]sign.Digest{right512}, validate.CauseContentMissing, validate.CausePassed},
			"wrong of that": {[]sign.Digest{wrong512}, validate.CauseContentMissing, validate.CauseContentChanged},
			"none":          {nil, validate.CauseContentMissing, validate.CauseContentMissing},
		} {
			cause := c.detached
			if attached {
				cause = c.inside
			}
			r, err := m.Verify(t.Context(), sign.Digested("", c.digests...), &cades.VerifyOptions{Roots: pki.Roots(), Time: testpki.Now()})
			require.NoError(t, err, name)
			require.Equal(t, cause, r.Signatures[0].Cause, "%s, attached %v", name, attached)
			require.Equal(t, cause == validate.CausePassed, r.Trusted(), name)
		}
		for _, both := range [][]sign.Digest{{right, wrong}, {wrong, right}} {
			r, err := m.Verify(t.Context(), sign.Digested("", both...), &cades.VerifyOptions{Roots: pki.Roots(), Time: testpki.Now()})
			require.ErrorIs(t, err, sign.ErrInput)
			require.ErrorContains(t, err, "two digests of the content by SHA-256")
			require.False(t, r.Trusted() || r.Valid(), "no report is none that trusts")
			require.Nil(t, r.Outcome())
			require.Error(t, r.Err())
			require.False(t, r.Outcome().Trusted() || r.Outcome().Valid())
			if !attached {
				_, err = cades.Sign(t.Context(), p256(t, pki), sign.Digested("", both...), nil)
				require.ErrorIs(t, err, sign.ErrInput)
			}
		}
	}
}
