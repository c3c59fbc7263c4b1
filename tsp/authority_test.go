package tsp_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestAuthority serves tokens of every kind of key to the client.
func TestAuthority(t *testing.T) {
	pki := testpki.New(t)
	for _, kind := range []testpki.Kind{testpki.RSA2048, testpki.P256, testpki.P521, testpki.Ed25519} {
		id := pki.TSA(kind)
		for _, scheme := range sign.Schemes(id.Key.Public()) {
			t.Run(scheme.Name, func(t *testing.T) {
				a, err := tsp.NewAuthority(signerOf(t, id, scheme), &tsp.AuthorityOptions{Policy: "1.2.3", Policies: []string{"1.2.4"}, Accuracy: 1500 * time.Millisecond, Name: true})
				require.NoError(t, err)
				server := httptest.NewServer(a)
				defer server.Close()
				c, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: server.URL, Policy: "1.2.4"}}, Roots: pki.Roots(), Tolerance: time.Minute})
				require.NoError(t, err)
				token, err := c.Timestamp(t.Context(), imprint())
				require.NoError(t, err)
				require.Equal(t, "1.2.4", token.Policy)
				require.Equal(t, 1500*time.Millisecond, token.Accuracy)
				require.False(t, token.Ordering)
				require.LessOrEqual(t, token.SerialNumber.BitLen(), 159)
				require.GreaterOrEqual(t, token.SerialNumber.BitLen(), 64)
				require.Equal(t, id.Certificate().RawSubject, unwrap(t, token.TSA))
				requireNow(t, token.GenTime)
				requireDER(t, token)

				direct, err := a.Timestamp(t.Context(), imprint())
				require.NoError(t, err)
				require.Equal(t, "1.2.3", direct.Policy)
				require.NoError(t, direct.Verify(imprint(), &tsp.VerifyOptions{Roots: pki.Roots(), Policy: "1.2.3"}))
				require.NotEqual(t, token.SerialNumber, direct.SerialNumber)
			})
		}
	}
}

// TestPSSAuthority has a certificate whose key the standard library cannot read.
func TestPSSAuthority(t *testing.T) {
	pki := testpki.New(t)
	id := pki.PSSLeaf(testpki.RSA2048, testpki.Usages(true, testpki.TimeStamping))
	a, err := tsp.NewAuthority(signerOf(t, id, testpki.Must(sign.PSS(crypto.SHA256))), nil)
	require.NoError(t, err)
	token, err := a.Timestamp(t.Context(), imprint())
	require.NoError(t, err)
	require.NoError(t, token.Verify(imprint(), &tsp.VerifyOptions{Roots: pki.Roots()}))
}

// unwrap takes the Name out of a GeneralName of type directoryName.
func unwrap(t testing.TB, name []byte) []byte {
	t.Helper()
	var v asn1.RawValue
	_, err := asn1.Unmarshal(name, &v)
	require.NoError(t, err)
	require.Equal(t, 4, v.Tag)
	return v.Bytes
}

// requireDER fails unless the token is its own DER and has the versions of RFC 5652.
func requireDER(t testing.TB, token *tsp.Token) {
	t.Helper()
	sd := structure(t, token)
	der, err := cms.AppendDER(nil, sd.ContentInfo)
	require.NoError(t, err)
	require.Equal(t, token.Raw, der)
	require.Equal(t, 3, sd.Version)
	require.Equal(t, 3, sd.ExpectedVersion())
	require.Equal(t, 1, sd.Signers[0].Version)
	_, sorted, err := sd.Signers[0].VerifyAttributes(func(set []byte) (string, error) {
		again, err := sd.Signers[0].AttributesInDER()
		if err == nil && !bytes.Equal(again, set) {
			err = errors.New("not sorted")
		}
		return "", err
	})
	require.NoError(t, err)
	require.False(t, sorted)
}

func TestAuthorityRefusesCertificates(t *testing.T) {
	pki := testpki.New(t)
	for name, bend := range map[string]func(*x509.Certificate){
		"no usage": func(*x509.Certificate) {}, "not critical": testpki.Usages(false, testpki.TimeStamping),
		"another": testpki.Usages(true, testpki.CodeSigning), "two": testpki.Usages(true, testpki.TimeStamping, testpki.CodeSigning),
	} {
		_, err := tsp.NewAuthority(signerOf(t, pki.Leaf(testpki.P256, bend), testpki.Must(sign.ECDSA(crypto.SHA256))), nil)
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
	signer := signerOf(t, pki.TSA(testpki.P256), testpki.Must(sign.ECDSA(crypto.SHA256)))
	for name, o := range map[string]*tsp.AuthorityOptions{
		"policy": {Policy: "one"}, "policies": {Policies: []string{""}}, "hash": {Hashes: []sign.Hash{crypto.MD5}}, "accuracy": {Accuracy: -1},
	} {
		_, err := tsp.NewAuthority(signer, o)
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
	_, err := tsp.NewAuthority(nil, nil)
	require.ErrorIs(t, err, sign.ErrInput)
}

// request encodes a TimeStampReq with encoding/asn1.
func request(t testing.TB, version int, hash asn1.ObjectIdentifier, sum []byte, policy asn1.ObjectIdentifier, nonce *big.Int, more ...asn1.RawValue) []byte {
	t.Helper()
	type imprint struct {
		Hash struct{ Algorithm asn1.ObjectIdentifier }
		Sum  []byte
	}
	q := struct {
		Version int
		Imprint imprint
		Policy  asn1.ObjectIdentifier `asn1:"optional"`
		Nonce   *big.Int              `asn1:"optional"`
		More    asn1.RawValue         `asn1:"optional"`
	}{Version: version, Policy: policy, Nonce: nonce}
	q.Imprint.Hash.Algorithm, q.Imprint.Sum = hash, sum
	if len(more) != 0 {
		q.More = more[0]
	}
	der, err := asn1.Marshal(q)
	require.NoError(t, err)
	return der
}

func TestAuthorityRefuses(t *testing.T) {
	pki := testpki.New(t)
	a := authority(t, pki)
	sha256 := asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	sum := make([]byte, 32)
	old := sha1.Sum(nil)
	for name, c := range map[string]struct {
		request []byte
		says    string
	}{
		"garbage":       {[]byte("garbage"), "badRequest"},
		"nothing":       {nil, "badRequest"},
		"trailing":      {append(request(t, 1, sha256, sum, nil, nil), 0), "badRequest"},
		"version 2":     {request(t, 2, sha256, sum, nil, nil), "badRequest"},
		"too long":      {make([]byte, 5000), "badDataFormat"},
		"SHA-1":         {request(t, 1, asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, old[:], nil, nil), "badAlg"},
		"unknown hash":  {request(t, 1, asn1.ObjectIdentifier{1, 2, 3}, sum, nil, nil), "badAlg"},
		"wrong length":  {request(t, 1, sha256, sum[:31], nil, nil), "badDataFormat"},
		"another's":     {request(t, 1, sha256, sum, asn1.ObjectIdentifier{1, 2, 3}, nil), "unacceptedPolicy"},
		"extension":     {request(t, 1, sha256, sum, nil, nil, asn1.RawValue{Class: 2, Tag: 0, IsCompound: true}), "unacceptedExtension"},
		"negative":      {request(t, 1, sha256, sum, nil, big.NewInt(-1)), "badDataFormat"},
		"unknown field": {request(t, 1, sha256, sum, nil, nil, asn1.RawValue{Tag: asn1.TagUTF8String}), "badRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			a.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(c.request)))
			require.Equal(t, http.StatusOK, w.Code)
			require.Equal(t, "application/timestamp-reply", w.Header().Get("Content-Type"))
			_, err := tsp.NewRequest(imprint(), "")
			require.NoError(t, err)
			q := &tsp.Request{Imprint: imprint()}
			_, err = q.Token(w.Body.Bytes(), nil)
			require.ErrorIs(t, err, tsp.CheckStatus)
			require.ErrorContains(t, err, c.says)
		})
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)

	_, err := a.Timestamp(t.Context(), sign.Digest{Algorithm: []byte("\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a"), Sum: old[:]})
	require.ErrorIs(t, err, tsp.CheckStatus)
}

func TestAuthorityAnswersAsAsked(t *testing.T) {
	a := authority(t, testpki.New(t))
	sum := imprint().Sum
	q := request(t, 1, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, sum, nil, nil)
	parsed, err := tsp.ParseRequest(q)
	require.NoError(t, err)
	require.False(t, parsed.Certificates)
	_, err = parsed.Token(a.Respond(t.Context(), q), nil)
	require.ErrorIs(t, err, tsp.CheckCertificate, "none is in the token that was not asked for")

	big159, _ := new(big.Int).SetString("7fffffffffffffffffffffffffffffffffffffff", 16)
	for _, nonce := range []*big.Int{big.NewInt(0), big.NewInt(127), big.NewInt(128), big159} {
		q := request(t, 1, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, sum, nil, nonce)
		parsed, err := tsp.ParseRequest(q)
		require.NoError(t, err)
		token, err := parsed.Token(a.Respond(t.Context(), q), &tsp.VerifyOptions{Certificates: certificates(t, a)})
		require.NoError(t, err)
		require.Zero(t, nonce.Cmp(token.Nonce))
	}
}

// certificates are those that an authority puts into its tokens.
func certificates(t testing.TB, a *tsp.Authority) []*x509.Certificate {
	t.Helper()
	token, err := a.Timestamp(t.Context(), imprint())
	require.NoError(t, err)
	return token.Certificates()
}

func TestAuthorityTimes(t *testing.T) {
	pki := testpki.New(t)
	now := testpki.Now().Add(123456789 * time.Nanosecond)
	clock := func() time.Time { return now }
	stamp := func(a *tsp.Authority) *tsp.Token {
		token, err := a.Timestamp(t.Context(), imprint())
		require.NoError(t, err)
		return token
	}
	require.Equal(t, testpki.Now(), stamp(authority(t, pki, func(o *tsp.AuthorityOptions) { o.Clock = clock })).GenTime)
	token := stamp(authority(t, pki, func(o *tsp.AuthorityOptions) {
		o.Clock, o.Accuracy = clock, 2*time.Second+3*time.Millisecond+4*time.Microsecond
	}))
	require.Equal(t, testpki.Now().Add(123*time.Millisecond), token.GenTime)
	require.Equal(t, 2003004*time.Microsecond, token.Accuracy)
	ordered := authority(t, pki, func(o *tsp.AuthorityOptions) { o.Clock, o.Ordering = clock, true })
	first, second := stamp(ordered), stamp(ordered)
	require.True(t, first.Ordering)
	require.Equal(t, time.Microsecond, second.GenTime.Sub(first.GenTime))

	late := authority(t, pki, func(o *tsp.AuthorityOptions) {
		o.Clock = func() time.Time { return testpki.NotAfter().Add(time.Second) }
	})
	_, err := late.Timestamp(t.Context(), imprint())
	require.ErrorContains(t, err, "timeNotAvailable")
}

// gone is a key that fails.
type gone struct{ crypto.Signer }

func (gone) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("slot 5 of /dev/hsm0")
}
func (g gone) SignContext(context.Context, []byte, crypto.SignerOpts) ([]byte, error) {
	return g.Sign(nil, nil, nil)
}

func TestAuthorityKeepsItsTroubles(t *testing.T) {
	id := testpki.New(t).TSA(testpki.P256)
	signer, err := sign.New(gone{id.Key}, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	var told error
	a, err := tsp.NewAuthority(signer, &tsp.AuthorityOptions{OnError: func(err error) { told = err }})
	require.NoError(t, err)
	q, err := tsp.NewRequest(imprint(), "")
	require.NoError(t, err)
	response := a.Respond(t.Context(), q.Raw)
	require.ErrorContains(t, told, "slot 5")
	require.NotContains(t, string(response), "slot 5")
	_, err = q.Token(response, nil)
	require.ErrorContains(t, err, "systemFailure")
	e, ok := errors.AsType[*sign.Error](err)
	require.True(t, ok && e.Temporary)
	_, err = a.Timestamp(t.Context(), imprint())
	require.ErrorContains(t, err, "slot 5", "the owner of the authority is told")
	require.True(t, strings.HasPrefix(err.Error(), "slot"))
}
