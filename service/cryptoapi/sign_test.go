package cryptoapi_test

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/cryptoapi"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/openapitest"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// signWorld is a server with two keys: "seal", which the caller may use, and "other", which it may not.
type signWorld struct {
	*testing.T
	identity testpki.Identity
	other    testpki.Identity
	url      string
	client   *http.Client
	audit    recorder
	gate     *gate.Gate
	key      *failingKey // when signOptions.fails is set
}

type recorder struct {
	mu      sync.Mutex
	records []audit.Record
	err     error
}

func (r *recorder) Record(_ context.Context, record *audit.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, *record)
	return r.err
}

type signOptions struct {
	options cades.Options
	limits  gate.Limits
	fails   func(call int64) error // of the key
}

// failingKey is the key of a service that fails at some calls.
type failingKey struct {
	crypto.Signer
	calls atomic.Int64
	fails func(call int64) error
}

func (k *failingKey) SignContext(_ context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := k.fails(k.calls.Add(1)); err != nil {
		return nil, err
	}
	return k.Sign(nil, digest, opts)
}

func newSignWorld(t *testing.T, o signOptions) *signWorld {
	t.Helper()
	pki := testpki.New(t)
	w := &signWorld{T: t, identity: pki.Leaf(testpki.P256), other: pki.Leaf(testpki.P256)}
	store := func(id testpki.Identity, signer crypto.Signer) *keys.Store {
		return &keys.Store{Name: id.Certificate().SerialNumber.String(), Open: func(context.Context) (sign.Provider, error) {
			return soft.New(signer, soft.Config{Certificates: id.Chain})
		}}
	}
	var key crypto.Signer = w.identity.Key
	if o.fails != nil {
		w.key = &failingKey{Signer: key, fails: o.fails}
		key = w.key
	}
	set, err := keys.New([]keys.Key{
		{Name: "seal", Store: store(w.identity, key), Options: o.options},
		{Name: "other", Store: store(w.other, w.other.Key)},
	}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, set.Close()) })
	w.gate, err = gate.New(gate.Config{Limits: o.limits, Audit: &w.audit, Auth: auth.Func(func(*http.Request) (*auth.Principal, error) {
		return &auth.Principal{Name: "clerk", Keys: []string{"seal"}, Endpoints: []string{"sign"}}, nil
	})})
	require.NoError(t, err)
	h, err := cryptoapi.New(cryptoapi.Config{Keys: set, Gate: w.gate})
	require.NoError(t, err)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	w.url = server.URL
	transport := openapitest.New(t, server.Client().Transport)
	transport.Loose = true
	w.client = transport.Client()
	t.Cleanup(func() {
		requests, waiting, signatures := w.gate.Load()
		require.Equal(t, []int{0, 0, 0}, []int{requests, waiting, signatures}, "every place was given back")
	})
	return w
}

type signResult struct {
	Result       []byte
	ErrorMessage *string
}

type apiError struct{ RequestId, Path, Method, Message, Details string }

// post sends a request and reads its answer, one of both.
func (w *signWorld) post(body io.Reader) (int, []signResult, *apiError) {
	w.Helper()
	response, err := w.client.Post(w.url+"/v2/sign", "application/json", body)
	require.NoError(w, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(w, err)
	if response.StatusCode != http.StatusOK {
		var e apiError
		require.NoError(w, json.Unmarshal(data, &e), string(data))
		return response.StatusCode, nil, &e
	}
	var results []signResult
	require.NoError(w, json.Unmarshal(data, &results), string(data))
	for _, r := range results {
		require.NotEqual(w, r.Result == nil, r.ErrorMessage == nil, "one of both")
	}
	return response.StatusCode, results, nil
}

func (w *signWorld) good(body string) []signResult {
	w.Helper()
	status, results, e := w.post(strings.NewReader(body))
	require.Equal(w, 200, status, "%v", e)
	return results
}

func (w *signWorld) thumbprint() string { return sign.Thumbprint(w.identity.Certificate()) }

// requireSigned checks a signature with package cades; programs of others do in other tests.
func (w *signWorld) requireSigned(r signResult, content string) {
	w.Helper()
	require.Nil(w, r.ErrorMessage)
	m, err := cades.Parse(r.Result)
	require.NoError(w, err)
	report, err := m.Verify(w.Context(), sign.Bytes("", []byte(content)), nil)
	require.NoError(w, err)
	require.True(w, report.Valid(), "%v", report.Signatures[0].Err())
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// TestSignItems gives each content its signature or its error, in order.
func TestSignItems(t *testing.T) {
	w := newSignWorld(t, signOptions{})
	results := w.good(fmt.Sprintf(`{"Thumbprint":%q,"ThrowOnErrors":false,"Contents":[%q,"",null,"?",17,"YQ\r\n==",%q,"-_-_"]}`, w.thumbprint(), b64("first"), b64("last")))
	require.Len(t, results, 8)
	for i, content := range []string{"first", "", "\x00", "\x00", "\x00", "a", "last", "\x00"} {
		if content != "\x00" {
			w.requireSigned(results[i], content)
			continue
		}
		require.Contains(t, *results[i].ErrorMessage, fmt.Sprintf("Contents[%d]: it is ", i))
	}
	require.Len(t, w.audit.records, 1)
	record := w.audit.records[0]
	require.Equal(t, "seal", record.Key)
	require.Equal(t, w.thumbprint(), record.Thumbprint)
	require.Equal(t, "SHA-256", record.Hash)
	require.Len(t, record.Items, 8)
	sum := crypto.SHA256.New()
	sum.Write([]byte("first"))
	require.Equal(t, sum.Sum(nil), record.Items[0].Digest)
	require.Empty(t, record.Items[2].Digest)
	require.Equal(t, *results[2].ErrorMessage, record.Items[2].Err)
	require.Empty(t, record.Detail)
}

// TestSignFields takes the fields in any order and case, and refuses what could mean two things.
func TestSignFields(t *testing.T) {
	w := newSignWorld(t, signOptions{})
	thumbprint, certificate := w.thumbprint(), base64.StdEncoding.EncodeToString(w.identity.Certificate().Raw)
	asPEM := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.identity.Certificate().Raw}))
	other, stranger := sign.Thumbprint(w.other.Certificate()), strings.Repeat("00", 20)
	content := fmt.Sprintf(`[%q]`, b64("x"))
	for body, want := range map[string]int{
		`{"Thumbprint":"` + thumbprint + `","Contents":` + content + `}`:                                            200,
		`{"Contents":` + content + `,"Thumbprint":"` + thumbprint + `"}`:                                            200,
		`{"contents":` + content + `,"THUMBPRINT":"` + strings.ToLower(thumbprint) + `","throwOnErrors":null}`:      200,
		"\ufeff" + `{"Thumbprint":"` + thumbprint + `","Contents":` + content + `}` + "\r\n":                        200,
		`{"CertificateRawData":"` + certificate + `","Contents":` + content + `}`:                                   200,
		`{"CertificateRawData":"` + asPEM + `","Contents":` + content + `}`:                                         200,
		`{"Thumbprint":"","CertificateRawData":"` + certificate + `","Contents":` + content + `}`:                   200,
		`{"Thumbprint":"` + thumbprint + `","CertificateRawData":"` + certificate + `","Contents":` + content + `}`: 200,
		`{"Thumbprint":"` + thumbprint + `","Contents":` + content + `,"CertificateRawData":"` + certificate + `"}`: 200,
		`{"Thumbprint":"` + thumbprint + `","Contents":` + content + `,"Unknown":{"a":[1,null]}}`:                   200,
		`{"Thumbprint":"` + thumbprint + `","Contents":[]}`:                                                         200,
		`{"Thumbprint":"` + other + `","CertificateRawData":"` + certificate + `","Contents":` + content + `}`:      400,
		`{"Thumbprint":"` + thumbprint + `","Contents":` + content + `,"CertificateRawData":"` + b64("x") + `"}`:    400,
		`{"Thumbprint":"` + other + `","Contents":` + content + `}`:                                                 400,
		`{"Thumbprint":"` + stranger + `","Contents":` + content + `}`:                                              400,
		`{"Thumbprint":"` + stranger + `","Contents":[]}`:                                                           400,
		`{"Contents":[],"Thumbprint":"` + stranger + `"}`:                                                           400,
		`{"Thumbprint":"12","Contents":` + content + `}`:                                                            400,
		`{"THUMBPRİNT":"` + thumbprint + `","Contents":` + content + `}`:                                            400,
		`{"Contents":` + content + `}`:                                                                              400,
		`{"Thumbprint":"` + thumbprint + `"}`:                                                                       400,
		`{"Thumbprint":"` + thumbprint + `","Contents":null}`:                                                       400,
		`{"Thumbprint":"` + thumbprint + `","Contents":"` + b64("x") + `"}`:                                         400,
		`{"Thumbprint":"` + thumbprint + `","thumbprint":"` + thumbprint + `","Contents":` + content + `}`:          400,
		`{"Thumbprint":"` + thumbprint + `","Contents":` + content + `,"Contents":` + content + `}`:                 400,
		`{"Thumbprint":7,"Contents":` + content + `}`:                                                               400,
		`{"Thumbprint":"` + thumbprint + `","ThrowOnErrors":"true","Contents":` + content + `}`:                     400,
		`{"CertificateRawData":"?","Contents":` + content + `}`:                                                     400,
		`{"Thumbprint":"` + thumbprint + `","Contents":` + content + `} x`:                                          400,
		`{"Thumbprint":"` + thumbprint + `","Contents":` + content:                                                  400,
		`{"Thumbprint":"` + thumbprint + `","Contents":[` + strings.Repeat("[", 100_000):                            400,
		`{"Thumbprint":"` + thumbprint + `","Contents":[{"a":"b"` + "\x00" + `}]}`:                                  400,
		`[]`:   400,
		`null`: 400,
		``:     400,
		`{}`:   400,
	} {
		status, results, e := w.post(strings.NewReader(body))
		name := body[:min(len(body), 300)]
		require.Equal(t, want, status, "%s: %v", name, e)
		switch {
		case want == 400:
			require.NotEmpty(t, e.RequestId)
			require.Equal(t, "/v2/sign", e.Path)
			require.True(t, strings.HasPrefix(e.Details, "Api."), e.Details)
		case strings.Contains(body, `"Contents":[]`):
			require.Equal(t, []signResult{}, results, name)
		default:
			require.Len(t, results, 1, name)
			w.requireSigned(results[0], "x")
		}
	}
	_, _, unknown := w.post(strings.NewReader(`{"Thumbprint":"` + stranger + `","Contents":[]}`))
	_, _, forbidden := w.post(strings.NewReader(`{"Thumbprint":"` + other + `","Contents":[]}`))
	require.Equal(t, unknown.Message, forbidden.Message, "a key that is not allowed is as one that is not there")
	require.Equal(t, unknown.Details, forbidden.Details)
}

// TestSignThrow is all or nothing, wherever the field stands.
func TestSignThrow(t *testing.T) {
	for _, order := range []string{`"ThrowOnErrors":true,"Thumbprint":%[1]q,"Contents":%[2]s`, `"Thumbprint":%[1]q,"Contents":%[2]s,"ThrowOnErrors":true`, `"Contents":%[2]s,"ThrowOnErrors":true,"Thumbprint":%[1]q`} {
		w := newSignWorld(t, signOptions{fails: func(int64) error { return nil }})
		body := func(contents string) io.Reader {
			return strings.NewReader("{" + fmt.Sprintf(order, w.thumbprint(), contents) + "}")
		}
		status, _, e := w.post(body(fmt.Sprintf(`[%q,"?",null,%q]`, b64("a"), b64("b"))))
		require.Equal(t, 400, status)
		require.Contains(t, e.Message, "Contents[1]: it is not base64")
		require.Contains(t, e.Details, "ThrowOnErrors")
		status, results, _ := w.post(body(fmt.Sprintf(`[%q,%q]`, b64("a"), b64("b"))))
		require.Equal(t, 200, status)
		require.Len(t, results, 2)
		if strings.HasPrefix(order, `"Throw`) { // known before the contents
			before := w.key.calls.Load()
			status, _, _ = w.post(body(`["?"` + strings.Repeat(`,"YQ=="`, 3000) + `]`))
			require.Equal(t, 400, status)
			require.Less(t, w.key.calls.Load()-before, int64(2000), "it does not go on for nothing")
		}
		status, _, e = w.post(body(`["?" "?"]`))
		require.Equal(t, 400, status)
		require.Contains(t, e.Message, "not valid JSON", "what is left is still read")
	}
}

// TestSignMany keeps order, whatever pieces the request comes in and the answers lie in.
func TestSignMany(t *testing.T) {
	for name, o := range map[string]signOptions{
		"detached": {}, "attached": {options: cades.Options{Attached: true}}, "little room": {limits: gate.Limits{Held: 4 << 10, Signatures: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSignWorld(t, o)
			var contents, encoded []string
			for i := range 1500 {
				contents = append(contents, strings.Repeat(fmt.Sprintf("content %d ", i), i%97))
				encoded = append(encoded, `"`+b64(contents[i])+`"`)
			}
			body := fmt.Sprintf(`{"Thumbprint":%q,"Contents":[%s]}`, w.thumbprint(), strings.Join(encoded, ","))
			for _, r := range []io.Reader{strings.NewReader(body), iotest.HalfReader(strings.NewReader(body))} {
				status, results, _ := w.post(r)
				require.Equal(t, 200, status)
				require.Len(t, results, len(contents))
				for i, r := range results {
					w.requireSigned(r, contents[i])
				}
			}
		})
	}
}

// TestSignLarge digests what need not be held, and spools what comes before its key.
func TestSignLarge(t *testing.T) {
	large := strings.Repeat("0123456789", 500_000)
	for _, attached := range []bool{false, true} {
		w := newSignWorld(t, signOptions{options: cades.Options{Attached: attached}})
		contents := fmt.Sprintf(`[%q,"?",%q,"%s"]`, b64(large), b64("small"), strings.ReplaceAll(b64(large+"x"), "M", `\u004D`))
		for _, body := range []string{`{"Thumbprint":"` + w.thumbprint() + `","Contents":` + contents + `}`, `{"Contents":` + contents + `,"Thumbprint":"` + w.thumbprint() + `"}`} {
			results := w.good(body)
			w.requireSigned(results[0], large)
			require.Contains(t, *results[1].ErrorMessage, "Contents[1]: it is not base64")
			w.requireSigned(results[2], "small")
			w.requireSigned(results[3], large+"x")
		}
	}
}

// TestSignAside keeps an answer that is large in a file, and its entries in several records.
func TestSignAside(t *testing.T) {
	w := newSignWorld(t, signOptions{})
	const n = 10_000
	results := w.good(`{"Thumbprint":"` + w.thumbprint() + `","Contents":[null` + strings.Repeat(`,"YQ=="`, n-1) + `]}`)
	require.Len(t, results, n)
	require.NotNil(t, results[0].ErrorMessage)
	for _, i := range []int{1, n / 2, n - 1} {
		w.requireSigned(results[i], "a")
	}
	next := 0
	for _, r := range w.audit.records {
		require.Empty(t, r.Detail)
		for _, i := range r.Items {
			require.Equal(t, next, i.Index)
			next++
		}
	}
	require.Equal(t, n, next)
	require.Len(t, w.audit.records, 3)
}

// TestSignLimits refuses what is too much, by its own sentence, and never answers in part.
func TestSignLimits(t *testing.T) {
	limits := gate.Limits{Contents: 3, Content: 1000, Body: 100_000, Answer: 4000}
	w := newSignWorld(t, signOptions{limits: limits})
	list := func(n, size int) string {
		return "[" + strings.Join(slices.Repeat([]string{`"` + b64(strings.Repeat("x", size)) + `"`}, n), ",") + "]"
	}
	for _, order := range []string{`{"Thumbprint":%[1]q,"Contents":%[2]s}`, `{"Contents":%[2]s,"Thumbprint":%[1]q}`, `{"ThrowOnErrors":true,"Thumbprint":%[1]q,"Contents":%[2]s}`} {
		for contents, want := range map[string]string{
			list(2, 1000):     "",
			list(1, 1001):     `Contents\[0\]: it is too large: a content may have 1000 octets at most`,
			list(3, 10):       "the signatures have more than 0 MiB together",
			list(4, 10):       "more than 3 contents",
			list(100, 800):    "more than 3 contents|larger than 0 MiB",
			`["?","?","?",1]`: "more than 3 contents",
		} {
			status, _, e := w.post(strings.NewReader(fmt.Sprintf(order, w.thumbprint(), contents)))
			if want == "" {
				require.Equal(t, 200, status, "%v", e)
				continue
			}
			require.Equal(t, 413, status, "%s %v", contents[:10], e)
			require.Regexp(t, want, e.Message)
		}
	}
}

func (w *signWorld) set() *keys.Set {
	set, err := keys.New([]keys.Key{{Name: "seal", Store: &keys.Store{Name: "memory", Open: func(context.Context) (sign.Provider, error) {
		return soft.New(w.identity.Key, soft.Config{Certificates: w.identity.Chain})
	}}}}, nil)
	require.NoError(w, err)
	w.Cleanup(func() { _ = set.Close() })
	return set
}
