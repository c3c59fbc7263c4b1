package soft_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

// What stands for the libraries of cloud key services in the examples: their types, with the names and the fields that are used of
// them, and services behind them that take nothing but such requests.

// service is a key of a fake service. What fails is what it was told to.
type service struct {
	key crypto.Signer
	err error
}

func newService(kind testsign.Kind) (*service, []*x509.Certificate) {
	s := testsign.New(nil).Issue(testsign.Certificate{Kind: kind, Name: string(kind)})
	return &service{key: s.Key()}, s.Chain()
}

// sign makes a signature by the name of a scheme: "ECDSA", "PKCS1" or "PSS", and the bits of the hash.
func (s *service) sign(scheme string, bits int, digest []byte) ([]byte, error) {
	hash := map[int]crypto.Hash{256: crypto.SHA256, 384: crypto.SHA384, 512: crypto.SHA512}[bits]
	if hash == 0 || len(digest) != hash.Size() {
		return nil, fmt.Errorf("a digest of %d octets and %d bits", len(digest), bits)
	}
	switch k := s.key.Public().(type) {
	case *ecdsa.PublicKey:
		if scheme != "ECDSA" || k.Curve.Params().BitSize != bits {
			return nil, fmt.Errorf("%s with %d bits by a key of %s", scheme, bits, k.Curve.Params().Name)
		}
		return s.key.Sign(rand.Reader, digest, hash)
	default:
		switch scheme {
		case "PSS":
			return s.key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash})
		case "PKCS1":
			return s.key.Sign(rand.Reader, digest, hash)
		}
		return nil, fmt.Errorf("%s by an RSA key", scheme)
	}
}

// AWS SDK for Go v2: service/kms, service/kms/types, smithy-go.
type (
	awsClient interface {
		Sign(ctx context.Context, in *awsSignInput, options ...func(*awsOptions)) (*awsSignOutput, error)
	}
	awsSignInput struct {
		KeyId            *string
		Message          []byte
		SigningAlgorithm awsSpec
		MessageType      awsMessageType
	}
	awsSignOutput  struct{ Signature []byte }
	awsOptions     struct{}
	awsSpec        string
	awsMessageType string
	awsError       interface {
		error
		ErrorCode() string
	}
	awsCode string
	fakeAWS struct{ *service }
)

func (c awsCode) Error() string     { return "api error " + string(c) }
func (c awsCode) ErrorCode() string { return string(c) }

func awsDemo(kind testsign.Kind) (awsClient, []*x509.Certificate) {
	s, chain := newService(kind)
	return fakeAWS{s}, chain
}

func (f fakeAWS) Sign(_ context.Context, in *awsSignInput, _ ...func(*awsOptions)) (*awsSignOutput, error) {
	if f.err != nil {
		return nil, fmt.Errorf("operation error KMS: Sign, https response error StatusCode: 400: %w", f.err)
	}
	if in.KeyId == nil || !strings.HasPrefix(*in.KeyId, "arn:aws:kms:") || in.MessageType != "DIGEST" {
		return nil, awsCode("ValidationException")
	}
	name, bits, _ := strings.Cut(string(in.SigningAlgorithm), "_SHA_")
	scheme := map[string]string{"ECDSA": "ECDSA", "RSASSA_PKCS1_V1_5": "PKCS1", "RSASSA_PSS": "PSS"}[name]
	signature, err := f.sign(scheme, number(bits), in.Message)
	return &awsSignOutput{signature}, err
}

func number(text string) int {
	var n int
	_, _ = fmt.Sscan(text, &n)
	return n
}

// Google Cloud: kms/apiv1, kms/apiv1/kmspb, and of google.golang.org wrapperspb, codes and status.
type (
	googleClient interface {
		AsymmetricSign(ctx context.Context, r *googleSignRequest, options ...googleOption) (*googleSignResponse, error)
	}
	googleOption      interface{}
	googleSignRequest struct {
		Name         string
		Digest       *googleDigest
		DigestCrc32C *googleInt64Value
	}
	googleDigest       struct{ Digest any }
	googleSHA256       struct{ Sha256 []byte }
	googleInt64Value   struct{ Value int64 }
	googleSignResponse struct {
		Signature            []byte
		SignatureCrc32C      *googleInt64Value
		VerifiedDigestCrc32C bool
		Name                 string
	}
	googleCodes  uint32
	googleStatus struct{ code googleCodes }
	fakeGoogle   struct {
		*service
		damage func(*googleSignResponse)
	}
)

const (
	googleUnknown           googleCodes = 2
	googlePermissionDenied  googleCodes = 7
	googleResourceExhausted googleCodes = 8
	googleUnavailable       googleCodes = 14
)

func googleInt64(v int64) *googleInt64Value { return &googleInt64Value{v} }
func (v *googleInt64Value) GetValue() int64 { return v.Value }
func (s *googleStatus) Error() string       { return fmt.Sprintf("rpc error: code = %d", s.code) }
func googleCode(err error) (code googleCodes) {
	if s, ok := errors.AsType[*googleStatus](err); ok {
		return s.code
	}
	return googleUnknown
}

func googleDemo(kind testsign.Kind) (googleClient, []*x509.Certificate) {
	s, chain := newService(kind)
	return &fakeGoogle{service: s}, chain
}

func (f *fakeGoogle) AsymmetricSign(_ context.Context, r *googleSignRequest, _ ...googleOption) (*googleSignResponse, error) {
	if f.err != nil {
		return nil, f.err
	}
	digest, ok := r.Digest.Digest.(*googleSHA256)
	if !ok || !strings.Contains(r.Name, "/cryptoKeyVersions/") || r.DigestCrc32C.GetValue() != crc32c(digest.Sha256) {
		return nil, &googleStatus{3}
	}
	scheme := "PKCS1"
	if _, ok := f.key.Public().(*ecdsa.PublicKey); ok {
		scheme = "ECDSA"
	}
	signature, err := f.sign(scheme, 256, digest.Sha256)
	answer := &googleSignResponse{signature, googleInt64(crc32c(signature)), true, r.Name}
	if f.damage != nil {
		f.damage(answer)
	}
	return answer, err
}

// Azure SDK for Go: security/keyvault/azkeys, azcore.
type (
	azureClient interface {
		Sign(ctx context.Context, name, version string, p azureSignParameters, o *azureSignOptions) (azureSignResponse, error)
	}
	azureSignParameters struct {
		Algorithm *azureAlgorithm
		Value     []byte
	}
	azureAlgorithm       string
	azureSignOptions     struct{}
	azureSignResponse    struct{ azureOperationResult }
	azureOperationResult struct {
		Result []byte
	}
	azureError struct {
		ErrorCode  string
		StatusCode int
	}
	fakeAzure struct{ *service }
)

func (e *azureError) Error() string { return e.ErrorCode }

func azureDemo(kind testsign.Kind) (azureClient, []*x509.Certificate) {
	s, chain := newService(kind)
	return fakeAzure{s}, chain
}

func (f fakeAzure) Sign(_ context.Context, name, version string, p azureSignParameters, _ *azureSignOptions) (r azureSignResponse, err error) {
	if f.err != nil {
		return r, f.err
	}
	if name == "" || version == "" || p.Algorithm == nil || len(*p.Algorithm) != 5 {
		return r, &azureError{"BadParameter", http.StatusBadRequest}
	}
	kind, bits := (*p.Algorithm)[:2], number(string((*p.Algorithm)[2:]))
	scheme := map[azureAlgorithm]string{"ES": "ECDSA", "RS": "PKCS1", "PS": "PSS"}[kind]
	if r.Result, err = f.sign(scheme, bits, p.Value); err != nil || scheme != "ECDSA" {
		return r, err
	}
	var value struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(r.Result, &value); err != nil {
		return r, err
	}
	size := (f.key.Public().(*ecdsa.PublicKey).Curve.Params().BitSize + 7) / 8
	r.Result = append(value.R.FillBytes(make([]byte, size)), value.S.FillBytes(make([]byte, size))...)
	return r, nil
}

// fakeVault is the server of HashiCorp Vault.
type fakeVault struct {
	*service
	status int
}

func vaultDemo(kind testsign.Kind) (*httptest.Server, []*x509.Certificate) {
	s, chain := newService(kind)
	return httptest.NewServer(&fakeVault{service: s}), chain
}

func (f *fakeVault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Input      []byte
		Prehashed  bool
		Version    int    `json:"key_version"`
		Hash       string `json:"hash_algorithm"`
		Marshaling string `json:"marshaling_algorithm"`
		Algorithm  string `json:"signature_algorithm"`
		Salt       string `json:"salt_length"`
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(&q)
	refuse := func(status int, text string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string][]string{"errors": {text}})
	}
	scheme := map[string]string{"pkcs1v15": "PKCS1", "pss": "PSS"}[q.Algorithm]
	if _, ok := f.key.Public().(*ecdsa.PublicKey); ok {
		scheme = "ECDSA"
	}
	switch {
	case f.status != 0:
		refuse(f.status, "as the test has it")
	case r.Header.Get("X-Vault-Token") != "s.token":
		refuse(http.StatusForbidden, "permission denied")
	case err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/transit/sign/seal" || !q.Prehashed || q.Marshaling != "asn1" || (scheme == "PSS") != (q.Salt == "hash"):
		refuse(http.StatusBadRequest, fmt.Sprintf("%v %+v", err, q))
	default:
		signature, err := f.sign(scheme, number(strings.TrimPrefix(q.Hash, "sha2-")), q.Input)
		if err != nil {
			refuse(http.StatusBadRequest, err.Error())
			return
		}
		text := fmt.Sprintf("vault:v%d:%s", max(q.Version, 1), base64.StdEncoding.EncodeToString(signature))
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"signature": text, "key_version": max(q.Version, 1)}})
	}
}

// cloudKeys makes the signers of the examples over one service each.
func cloudKeys(t *testing.T, s *service, public crypto.PublicKey) map[string]crypto.Signer {
	t.Helper()
	server := httptest.NewServer(&fakeVault{service: s})
	t.Cleanup(server.Close)
	return map[string]crypto.Signer{
		"aws":    &awsKey{fakeAWS{s}, "arn:aws:kms:x", public},
		"google": &googleKey{&fakeGoogle{service: s}, "k/cryptoKeyVersions/1", public},
		"azure":  &azureKey{fakeAzure{s}, "seal", "1", public},
		"vault":  &vaultKey{client: server.Client(), base: server.URL, token: "s.token", name: "seal", version: "1", public: public},
	}
}

// TestCloudKeys passes the suite of providers with the signers of the examples.
func TestCloudKeys(t *testing.T) {
	for _, kind := range []testsign.Kind{testsign.P256, testsign.P384, testsign.RSA2048} {
		s, chain := newService(kind)
		for name, key := range cloudKeys(t, s, chain[0].PublicKey) {
			schemes := sign.Schemes(chain[0].PublicKey)
			if name == "google" || kind != testsign.RSA2048 { // a key of Google is for one scheme, and elsewhere a curve is for one hash
				schemes = schemes[:1]
			}
			if name == "google" && schemes[0].Opts.HashFunc() != crypto.SHA256 {
				continue
			}
			t.Run(name+" "+string(kind), func(t *testing.T) {
				providertest.Run(t, providertest.Config{
					Open: func(t testing.TB) sign.Provider {
						keys, err := soft.New(key, soft.Config{Certificates: chain})
						require.NoError(t, err)
						return keys
					},
					Keys:    []providertest.Key{{Certificate: chain[0], Chain: chain, Schemes: schemes}},
					Workers: 2, Rounds: 1,
				})
			})
		}
	}
}

// TestCloudErrors stops a batch at what stays, and gives what is over in a moment to the content that met it.
func TestCloudErrors(t *testing.T) {
	s, chain := newService(testsign.P256)
	contents := []batch.Content{sign.Bytes("a", nil), sign.Bytes("b", nil)}
	answers := map[string]struct{ stays, passes []error }{
		"aws":    {[]error{awsCode("AccessDeniedException"), errors.New("no credentials")}, []error{awsCode("ThrottlingException"), awsCode("KMSInternalException")}},
		"google": {[]error{&googleStatus{googlePermissionDenied}, errors.New("no credentials")}, []error{&googleStatus{googleResourceExhausted}, &googleStatus{googleUnavailable}}},
		"azure":  {[]error{&azureError{"Forbidden", 403}, errors.New("no credentials")}, []error{&azureError{"Throttled", 429}, &azureError{"InternalServerError", 500}}},
	}
	check := func(t *testing.T, key crypto.Signer, passes bool) {
		keys, err := soft.New(key, soft.Config{Certificates: chain})
		require.NoError(t, err)
		signer, err := sign.Open(t.Context(), keys, sign.Ref{})
		require.NoError(t, err)
		results, err := batch.Sign(t.Context(), signer, &cades.Options{}, contents, nil)
		if !passes {
			require.ErrorIs(t, err, sign.ErrUnavailable)
			return
		}
		require.NoError(t, err)
		for _, r := range results {
			require.True(t, sign.IsTemporary(r.Err))
		}
	}
	for name, key := range cloudKeys(t, s, chain[0].PublicKey) {
		for _, err := range answers[name].stays {
			s.err = err
			check(t, key, false)
		}
		for _, err := range answers[name].passes {
			s.err = err
			check(t, key, true)
		}
	}
	for status, passes := range map[int]bool{403: false, 400: false, 404: false, 429: true, 503: true} {
		server := httptest.NewServer(&fakeVault{s, status})
		check(t, &vaultKey{client: server.Client(), base: server.URL, token: "s.token", name: "seal", version: "1", public: chain[0].PublicKey}, passes)
		server.Close()
	}
	s.err = nil
	check(t, &googleKey{&fakeGoogle{s, func(r *googleSignResponse) { r.Signature = bytes.Repeat([]byte{1}, 70) }}, "k/cryptoKeyVersions/1", chain[0].PublicKey}, true)
	check(t, &googleKey{&fakeGoogle{s, func(r *googleSignResponse) { r.VerifiedDigestCrc32C = false }}, "k/cryptoKeyVersions/1", chain[0].PublicKey}, true)
}

// TestCRC32C has the check value of CRC-32C (RFC 3720 names its polynomial): the fake service would take any other sum of the example.
func TestCRC32C(t *testing.T) {
	require.EqualValues(t, uint32(0xe3069283), crc32c([]byte("123456789")))
}
