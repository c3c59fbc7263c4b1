package soft_test

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf16"

	filippo "filippo.io/mldsa"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

func parsers() []soft.Parser { return []soft.Parser{mldsa.Parse} }

// mldsaFiles are a key and its certificate in every form that is read; the password is "sesame".
func mldsaFiles(t *testing.T) (files map[string][]byte, id testpki.Identity) {
	t.Helper()
	key, err := mldsa.GenerateKey(mldsa.MLDSA44)
	require.NoError(t, err)
	der, err := key.MarshalPKCS8()
	require.NoError(t, err)
	id = testpki.New(t).LeafOf(key, "Signet test ML-DSA")
	block := func(label string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
	}
	certs := testpki.CertPEM(id.Chain...)
	encrypted := encryptKey(t, der, "sesame")
	return map[string][]byte{
		"pem":           append(block("PRIVATE KEY", der), certs...),
		"encrypted pem": append(block("ENCRYPTED PRIVATE KEY", encrypted), certs...),
		"der":           der,
		"encrypted der": encrypted,
		"p12":           pfx(t, encrypted, id.Certificate().Raw),
	}, id
}

func marshal(t *testing.T, v any, params ...string) []byte {
	t.Helper()
	der, err := asn1.MarshalWithParams(v, append(params, "")[0])
	require.NoError(t, err)
	return der
}

func tagged(class, tag int, compound bool, body []byte) asn1.RawValue {
	return asn1.RawValue{Class: class, Tag: tag, IsCompound: compound, Bytes: body}
}

// encryptKey is EncryptedPrivateKeyInfo by PBES2 (RFC 8018).
func encryptKey(t *testing.T, der []byte, password string) []byte {
	t.Helper()
	salt, iv := []byte("salt of the test"), []byte("iv of the test..")
	key, err := pbkdf2.Key(sha256.New, password, salt, 2048, 32)
	require.NoError(t, err)
	cipherBlock, err := aes.NewCipher(key)
	require.NoError(t, err)
	pad := 16 - len(der)%16
	padded := append([]byte(nil), der...)
	for range pad {
		padded = append(padded, byte(pad))
	}
	cipher.NewCBCEncrypter(cipherBlock, iv).CryptBlocks(padded, padded)
	oid := func(arcs ...int) asn1.ObjectIdentifier {
		return append(asn1.ObjectIdentifier{1, 2, 840, 113549}, arcs...)
	}
	kdf := marshal(t, struct {
		Salt []byte
		N    int
		PRF  pkix.AlgorithmIdentifier
	}{salt, 2048, pkix.AlgorithmIdentifier{Algorithm: oid(2, 9), Parameters: asn1.NullRawValue}})
	params := marshal(t, struct{ KDF, Enc pkix.AlgorithmIdentifier }{
		pkix.AlgorithmIdentifier{Algorithm: oid(1, 5, 12), Parameters: asn1.RawValue{FullBytes: kdf}},
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, Parameters: asn1.RawValue{FullBytes: marshal(t, iv)}},
	})
	return marshal(t, struct {
		Alg  pkix.AlgorithmIdentifier
		Data []byte
	}{pkix.AlgorithmIdentifier{Algorithm: oid(1, 5, 13), Parameters: asn1.RawValue{FullBytes: params}}, padded})
}

// pfx is a PKCS #12 without a MAC (RFC 7292): the key with a friendlyName, and its certificate by the localKeyId.
func pfx(t *testing.T, encrypted, certificate []byte) []byte {
	t.Helper()
	pkcs := func(arcs ...int) asn1.ObjectIdentifier {
		return append(asn1.ObjectIdentifier{1, 2, 840, 113549, 1}, arcs...)
	}
	explicit := func(der []byte) asn1.RawValue { return tagged(asn1.ClassContextSpecific, 0, true, der) }
	type attribute struct {
		ID     asn1.ObjectIdentifier
		Values []asn1.RawValue `asn1:"set"`
	}
	type bag struct {
		ID         asn1.ObjectIdentifier
		Value      asn1.RawValue
		Attributes []attribute `asn1:"set,optional,omitempty"`
	}
	type content struct {
		ID    asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	var name []byte
	for _, c := range utf16.Encode([]rune("archive")) {
		name = append(name, byte(c>>8), byte(c))
	}
	local := attribute{pkcs(9, 21), []asn1.RawValue{{FullBytes: marshal(t, []byte("id 7"))}}}
	friendly := attribute{pkcs(9, 20), []asn1.RawValue{tagged(asn1.ClassUniversal, asn1.TagBMPString, false, name)}}
	cert := marshal(t, content{pkcs(9, 22, 1), explicit(marshal(t, certificate))})
	safe := marshal(t, []bag{
		{pkcs(12, 10, 1, 2), explicit(encrypted), []attribute{friendly, local}},
		{pkcs(12, 10, 1, 3), explicit(cert), []attribute{local}},
	})
	data := func(der []byte) content { return content{pkcs(7, 1), explicit(marshal(t, der))} }
	return marshal(t, struct {
		Version int
		Auth    content
	}{3, data(marshal(t, []content{data(safe)}))})
}

// TestParsers opens a key of a kind of its own in every form of file, with its certificate, and signs with it.
func TestParsers(t *testing.T) {
	files, id := mldsaFiles(t)
	for name, data := range files {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), data, 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "certificate.pem"), testpki.CertPEM(id.Chain...), 0o600))
			for _, place := range []string{dir, filepath.Join(dir, "key")} {
				c := soft.Config{Parsers: parsers(), Password: password("sesame"), Certificates: id.Chain}
				if place == dir {
					c.Certificates = nil // the one beside it is found
				}
				p, err := soft.Open(t.Context(), place, c)
				require.NoError(t, err)
				all, failures := entries(t, p)
				require.Empty(t, failures)
				require.Len(t, all, 1)
				require.Equal(t, []string{"ml-dsa-44"}, []string{all[0].Schemes[0].Name})
				label := "key"
				if name == "p12" {
					label = "archive"
					require.Equal(t, []byte("id 7"), all[0].ID)
				}
				require.Equal(t, label, all[0].Label)
				signer, err := sign.Open(t.Context(), p, sign.Ref{Label: label})
				require.NoError(t, err)
				require.Equal(t, id.Certificate().Raw, signer.Certificate().Raw)
				require.Equal(t, 0, signer.Limit())
				require.True(t, signer.Key().(sign.TrustedKey).Trusted())
				signature, err := signer.Sign(t.Context(), []byte("message"))
				require.NoError(t, err)
				require.NoError(t, mldsa.MLDSA44.Scheme().Verify(id.Certificate().RawSubjectPublicKeyInfo, []byte("message"), signature))

				require.NoError(t, p.Close())
				_, err = signer.Sign(t.Context(), []byte("message"))
				require.ErrorIs(t, err, sign.ErrUnavailable, "the gate is closed")
				_, err = signer.Key().Sign(nil, []byte("message"), crypto.Hash(0))
				require.ErrorIs(t, err, sign.ErrUnavailable)
			}
			// Without the parser the key is not known, in every version of Go, and what to do is said.
			_, err := soft.Open(t.Context(), filepath.Join(dir, "key"), soft.Config{Password: password("sesame")})
			require.ErrorIs(t, err, sign.ErrUnsupported)
			require.ErrorContains(t, err, "ML-DSA-44")
			require.ErrorContains(t, err, "Config.Parsers")
		})
	}
}

// TestParsersAndOthers: keys of kinds that are known, in all their forms, are read as ever when parsers are there.
func TestParsersAndOthers(t *testing.T) {
	for _, name := range []string{"pkcs1.der", "sec1.der", "pkcs8.der", "bundle-pkcs1.pem", "bundle-sec1.pem", "modern.p12", "pss.pem"} {
		with, err := soft.Open(t.Context(), filepath.Join("testdata", name), soft.Config{Parsers: parsers(), Password: password("sesame")})
		require.NoError(t, err, name)
		without, err := soft.Open(t.Context(), filepath.Join("testdata", name), soft.Config{Password: password("sesame")})
		require.NoError(t, err, name)
		a, _ := entries(t, with)
		b, _ := entries(t, without)
		require.Len(t, a, len(b), name)
	}
}

// ownKey is a key of a parser, parts of which can be taken away.
type ownKey struct {
	sign.Key
	spki    []byte
	schemes []sign.Scheme
	bulk    int
}

func (k *ownKey) SubjectPublicKeyInfo() []byte { return k.spki }
func (k *ownKey) Schemes() []sign.Scheme       { return k.schemes }

type ownBulk struct{ *ownKey }

func (k ownBulk) BulkSize() int { return 8 }
func (k ownBulk) SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []sign.Outcome {
	k.bulk++
	outcomes := make([]sign.Outcome, len(digests))
	for i, d := range digests {
		outcomes[i].Signature, outcomes[i].Err = k.SignContext(ctx, d, opts)
	}
	return outcomes
}

func TestParsersThatFail(t *testing.T) {
	files, _ := mldsaFiles(t)
	key, err := mldsa.GenerateKey(mldsa.MLDSA44)
	require.NoError(t, err)
	whole := &ownKey{Key: key, spki: key.SubjectPublicKeyInfo(), schemes: key.Schemes()}
	gives := func(s crypto.Signer, err error) soft.Parser {
		return func([]byte) (crypto.Signer, error) { return s, err }
	}
	unsupported := gives(nil, &sign.Error{Class: sign.ErrUnsupported})
	for name, c := range map[string]struct {
		parsers []soft.Parser
		class   error
		says    string
	}{
		"an error":        {[]soft.Parser{gives(nil, errors.New("it is broken"))}, sign.ErrInput, "it is broken"},
		"one of a class":  {[]soft.Parser{gives(nil, &sign.Error{Op: "own", Class: sign.ErrInput, Hint: "make another"})}, sign.ErrInput, "make another"},
		"not its kind":    {[]soft.Parser{unsupported, nil}, sign.ErrUnsupported, "ML-DSA-44"},
		"a panic":         {[]soft.Parser{func([]byte) (crypto.Signer, error) { panic("at the disco") }}, sign.ErrInput, "disco"},
		"nothing":         {[]soft.Parser{gives(nil, nil)}, sign.ErrInput, "neither a key nor an error"},
		"a typed nil":     {[]soft.Parser{gives((*mldsa.Key)(nil), nil)}, sign.ErrInput, "does not say how it signs"},
		"a bare signer":   {[]soft.Parser{gives(testpki.NewKey(t, testpki.P256), nil)}, sign.ErrInput, "sign.Schemer"},
		"no schemes":      {[]soft.Parser{gives(&ownKey{Key: key, spki: whole.spki}, nil)}, sign.ErrInput, "sign.Schemer"},
		"no public key":   {[]soft.Parser{gives(&ownKey{Key: key, schemes: whole.schemes}, nil)}, sign.ErrInput, "sign.SPKIKey"},
		"the second does": {[]soft.Parser{unsupported, gives(whole, nil)}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key.der")
			require.NoError(t, os.WriteFile(path, files["der"], 0o600))
			p, err := soft.Open(t.Context(), path, soft.Config{Parsers: c.parsers})
			if c.class == nil {
				require.NoError(t, err)
				require.NoError(t, p.Close())
				return
			}
			require.ErrorIs(t, err, c.class)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// TestParsersInBulk: a key that signs groups does so, and is closed with its provider.
func TestParsersInBulk(t *testing.T) {
	files, _ := mldsaFiles(t)
	path := filepath.Join(t.TempDir(), "key.der")
	require.NoError(t, os.WriteFile(path, files["der"], 0o600))
	key, err := mldsa.GenerateKey(mldsa.MLDSA44)
	require.NoError(t, err)
	own := &ownKey{Key: key, spki: key.SubjectPublicKeyInfo(), schemes: key.Schemes()}
	p, err := soft.Open(t.Context(), path, soft.Config{Parsers: []soft.Parser{func([]byte) (crypto.Signer, error) { return ownBulk{own}, nil }}})
	require.NoError(t, err)
	found, err := p.Key(t.Context(), sign.Ref{})
	require.NoError(t, err)
	bulk, ok := found.(sign.BulkKey)
	require.True(t, ok)
	require.Equal(t, 8, bulk.BulkSize())
	require.False(t, bulk.(sign.BulkComputer).Computes(), "what it does not say it does not")
	for _, o := range bulk.SignBulk(t.Context(), [][]byte{{1}, {2}}, crypto.Hash(0)) {
		require.NoError(t, o.Err)
	}
	require.Equal(t, 1, own.bulk)
	trusted, ok := found.(sign.TrustedKey)
	require.True(t, ok && !trusted.Trusted(), "the key did not say so")
	require.NoError(t, p.Close())
	for _, o := range bulk.SignBulk(t.Context(), [][]byte{{1}, {2}}, crypto.Hash(0)) {
		require.ErrorIs(t, o.Err, sign.ErrUnavailable)
	}
	require.Equal(t, 1, own.bulk)
}

// TestNewOfMLDSA: a key of package mldsa is used as it is, and one of the module below says what to make of it.
func TestNewOfMLDSA(t *testing.T) {
	key, err := mldsa.GenerateKey(mldsa.MLDSA65)
	require.NoError(t, err)
	id := testpki.New(t).LeafOf(key, "Signet test ML-DSA")
	p, err := soft.New(key, soft.Config{Certificates: id.Chain, Label: "archive"})
	require.NoError(t, err)
	require.Equal(t, 0, p.Limit())
	signer, err := sign.Open(t.Context(), p, sign.Ref{Label: "archive"})
	require.NoError(t, err)
	require.True(t, signer.Key().(sign.TrustedKey).Trusted())
	signature, err := signer.Sign(t.Context(), []byte("message"))
	require.NoError(t, err)
	require.NoError(t, signer.Verify([]byte("message"), signature))
	require.NoError(t, p.Close())
	_, err = signer.Sign(t.Context(), []byte("message"))
	require.ErrorIs(t, err, sign.ErrUnavailable)

	private, err := filippo.GenerateKey(filippo.MLDSA44())
	require.NoError(t, err)
	_, err = soft.New(private, soft.Config{})
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.ErrorContains(t, err, "mldsa.NewKey")
	_, err = soft.New((*mldsa.Key)(nil), soft.Config{})
	require.Error(t, err)

	// One elsewhere takes the representative only; its signatures are verified.
	far := &farKey{PrivateKey: private}
	digestKey, err := mldsa.NewDigestKey(far)
	require.NoError(t, err)
	id = testpki.New(t).LeafOf(digestKey, "Signet test ML-DSA elsewhere")
	p, err = soft.New(digestKey, soft.Config{Certificates: id.Chain})
	require.NoError(t, err)
	require.Equal(t, soft.DefaultLimit, p.Limit())
	signer, err = sign.Open(t.Context(), p, sign.Ref{})
	require.NoError(t, err)
	_, err = signer.Sign(t.Context(), []byte("message"))
	require.NoError(t, err)
	far.spoil = true
	_, err = signer.Sign(t.Context(), []byte("message"))
	require.Error(t, err)
}

type farKey struct {
	*filippo.PrivateKey
	spoil bool
}

func (f *farKey) Sign(random io.Reader, mu []byte, opts crypto.SignerOpts) ([]byte, error) {
	signature, err := f.PrivateKey.Sign(random, mu, opts)
	if err == nil && f.spoil {
		signature[7] ^= 1
	}
	return signature, err
}

// TestMLDSACertificate: with a key that cannot sign, and a certificate of ML-DSA, what is missing is said by name in every version of Go.
func TestMLDSACertificate(t *testing.T) {
	key, err := mldsa.GenerateKey(mldsa.MLDSA87)
	require.NoError(t, err)
	id := testpki.New(t).LeafOf(key, "Signet test ML-DSA")
	private, err := filippo.GenerateKey(filippo.MLDSA87())
	require.NoError(t, err)
	ecdsa, err := soft.NewKey(testpki.NewKey(t, testpki.P256), 0)
	require.NoError(t, err)
	_, err = sign.New(nil, []*x509.Certificate{id.Certificate()}, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.ErrorContains(t, err, "the key is ML-DSA-87 and cannot sign with ecdsa-sha256")
	_, err = sign.New(ecdsa, []*x509.Certificate{id.Certificate()}, mldsa.MLDSA87.Scheme())
	require.ErrorIs(t, err, sign.ErrKeyMismatch)
	_, err = sign.Open(t.Context(), bareProvider{bareKey{private}}, sign.Ref{Certificate: id.Certificate()})
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.ErrorContains(t, err, "ML-DSA-87")
	require.ErrorContains(t, err, "mldsa.NewKey")
}

// bareProvider has one key, which says nothing of its schemes.
type bareProvider struct{ key sign.Key }

func (b bareProvider) Key(context.Context, sign.Ref) (sign.Key, error) { return b.key, nil }
func (b bareProvider) Close() error                                    { return nil }

type bareKey struct{ crypto.Signer }

func (b bareKey) SignContext(_ context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return b.Sign(nil, digest, opts)
}
