package api_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/gost/streebog"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/api"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/openapitest"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// desk is a server with the keys "seal", which has an authority of time-stamps, and "stamp"; "foreign" is nobody's. Callers
// use those that the header Keys names.
type desk struct {
	*testing.T
	pki    *testpki.PKI
	seal   testpki.Identity
	gost   testpki.Identity
	server *httptest.Server
	client *http.Client
	ledger ledger
	gate   *gate.Gate
	calls  atomic.Int64
	fails  func(call int64) error
}

type deskKey struct {
	crypto.Signer
	d *desk
}

func (k *deskKey) SignContext(_ context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	n := k.d.calls.Add(1)
	if k.d.fails != nil {
		if err := k.d.fails(n); err != nil {
			return nil, err
		}
	}
	return k.Sign(nil, digest, opts)
}

func newDesk(t *testing.T, limits gate.Limits, http2 bool) *desk {
	t.Helper()
	d := &desk{T: t, pki: testpki.New(t)}
	d.seal = d.pki.Leaf(testpki.P256)
	key, err := gost.GenerateNamed("1.2.643.2.2.35.1")
	require.NoError(t, err)
	d.gost = d.pki.LeafOf(key, "GOST")
	store := func(id testpki.Identity) *keys.Store {
		return &keys.Store{Name: id.Certificate().SerialNumber.String(), Open: func(context.Context) (sign.Provider, error) {
			if _, own := id.Key.(sign.Schemer); own {
				return soft.New(id.Key, soft.Config{Certificates: id.Chain})
			}
			return soft.New(&deskKey{id.Key, d}, soft.Config{Certificates: id.Chain})
		}}
	}
	set, err := keys.New([]keys.Key{
		{Name: "seal", Store: store(d.seal), Options: cades.Options{Timestamper: testlevels.Authority(t, d.pki, nil)}},
		{Name: "gost", Store: store(d.gost), Options: cades.Options{Timestamper: testlevels.AuthorityOf(t, d.pki, key, nil)}},
		{Name: "stamp", Store: store(d.pki.Leaf(testpki.Ed25519))},
		{Name: "foreign", Store: store(d.pki.Leaf(testpki.P256))},
	}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, set.Close()) })
	d.gate, err = gate.New(gate.Config{Limits: limits, Audit: &d.ledger, Auth: auth.Func(func(r *http.Request) (*auth.Principal, error) {
		may := []string{"seal"}
		if r.Header.Get("Keys") != "" {
			may = strings.Fields(r.Header.Get("Keys"))
		}
		return &auth.Principal{Name: "clerk", Keys: may, Endpoints: []string{"sign"}}, nil
	})})
	require.NoError(t, err)
	h, err := api.New(api.Config{Keys: set, Gate: d.gate})
	require.NoError(t, err)
	d.server = httptest.NewUnstartedServer(h)
	if http2 {
		d.server.EnableHTTP2 = true
		d.server.StartTLS()
	} else {
		d.server.Start()
	}
	t.Cleanup(func() {
		d.server.Close()
		requests, waiting, signatures := d.gate.Load()
		require.Equal(t, []int{0, 0, 0}, []int{requests, waiting, signatures}, "every place was given back")
	})
	transport := openapitest.New(t, d.server.Client().Transport)
	transport.Loose = true
	d.client = transport.Client()
	return d
}

// signLine is a line of an answer.
type signLine struct {
	Index     *int
	Name      string
	Signature []byte
	Error     string

	Done             *bool
	Contents, Failed int
	Request          string
}

// post sends lines and returns the answer, the last line apart.
func (d *desk) post(query, body string, header ...string) ([]signLine, signLine) {
	d.Helper()
	status, data := d.raw(query, body, header...)
	require.Equal(d, 200, status, string(data))
	return d.parse(bytes.NewReader(data))
}

func (d *desk) raw(query, body string, header ...string) (int, []byte) {
	d.Helper()
	r, err := http.NewRequestWithContext(d.Context(), http.MethodPost, d.server.URL+"/v1/sign"+query, strings.NewReader(body))
	require.NoError(d, err)
	r.Header.Set("Content-Type", "application/x-ndjson")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := d.client.Do(r)
	require.NoError(d, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(d, err)
	return response.StatusCode, data
}

func (d *desk) parse(r io.Reader) (lines []signLine, last signLine) {
	d.Helper()
	decoder := json.NewDecoder(r)
	for decoder.More() {
		require.Nil(d, last.Done, "nothing follows the last line")
		var l signLine
		require.NoError(d, decoder.Decode(&l))
		if l.Done != nil {
			last = l
			continue
		}
		require.Equal(d, len(lines), *l.Index, "in order")
		require.NotEqual(d, l.Signature == nil, l.Error == "", "one of both")
		lines = append(lines, l)
	}
	require.NotNil(d, last.Done, "the answer is whole")
	return lines, last
}

func (d *desk) requireSigned(l signLine, content string) *cades.Message {
	d.Helper()
	require.Empty(d, l.Error)
	m, err := cades.Parse(l.Signature)
	require.NoError(d, err)
	report, err := m.Verify(d.Context(), sign.Bytes("", []byte(content)), nil)
	require.NoError(d, err)
	require.True(d, report.Valid(), "%v", report.Signatures[0].Err())
	return m
}

func item(content string) string {
	return fmt.Sprintf("{\"content\":%q}\n", base64.StdEncoding.EncodeToString([]byte(content)))
}

// TestSignLines makes of each line what it asks for, or says what is wrong with it.
func TestSignLines(t *testing.T) {
	sum := sha256.Sum256([]byte("elsewhere"))
	digest := base64.StdEncoding.EncodeToString(sum[:])
	large := strings.Repeat("0123456789", 200_000)
	for _, http2 := range []bool{false, true} {
		d := newDesk(t, gate.Limits{Content: 3 << 20}, http2)
		check := func(line, content string, level cades.Level, attached bool) func(signLine) {
			return func(l signLine) {
				t.Helper()
				m := d.requireSigned(l, content)
				require.Equal(t, level, m.Signatures()[0].Level(), line)
				require.Equal(t, attached, !m.Detached(), line)
			}
		}
		var body strings.Builder
		var checks []func(signLine)
		good := func(line, content string, level cades.Level, attached bool) {
			body.WriteString(line + "\n")
			checks = append(checks, check(line, content, level, attached))
		}
		bad := func(line, why string) {
			body.WriteString(line + "\n")
			checks = append(checks, func(l signLine) { t.Helper(); require.Contains(t, l.Error, why, line) })
		}
		good(`{"content":"YQ=="}`, "a", cades.LevelBES, false)
		good(`{"content":"YQ==","attached":true}`, "a", cades.LevelBES, true)
		good(`{"attached":true,"content":"YQ==","level":"t"}`, "a", cades.LevelT, true)
		good(`  {"level" : "pkcs7" , "content" : "" , "attached":null}`+"\r", "", cades.LevelPKCS7, false)
		good(`{"digest":"`+digest+`","algorithm":"SHA-256"}`, "elsewhere", cades.LevelBES, false)
		good(`{"algorithm":"sha256","digest":"`+digest+`","level":"t"}`, "elsewhere", cades.LevelT, false)
		good("\n\n"+`{"content":"`+base64.StdEncoding.EncodeToString([]byte(large))+`","level":"t"}`, large, cades.LevelT, false)
		good(`{"attached":true,"content":"`+base64.StdEncoding.EncodeToString([]byte(large))+`"}`, large, cades.LevelBES, true)
		bad(`{"content":"`+base64.StdEncoding.EncodeToString([]byte(large))+`","attached":true}`, "put level and attached before it")
		bad(`{"content":"`+base64.StdEncoding.EncodeToString([]byte(large+large))+`"}`, "too large")
		bad(`{"content":"?"}`, "content: it is not base64")
		bad(`{"content":null}`, "content: it is null")
		bad(`{}`, "neither a content nor a digest")
		bad(`{"content":"YQ==","digest":"`+digest+`","algorithm":"SHA-256"}`, "a content and a digest")
		bad(`{"digest":"`+digest+`"}`, "go together")
		bad(`{"content":"YQ==","algorithm":"SHA-256"}`, "go together")
		bad(`{"digest":"`+digest+`","algorithm":"MD5"}`, "is not known")
		bad(`{"digest":"`+digest+`","algorithm":"SHA-512"}`, "the SHA-512 digest has to be 64 octets")
		bad(`{"digest":"?","algorithm":"SHA-256"}`, "the SHA-256 digest has to be 32 octets")
		bad(`{"digest":"`+digest+`","algorithm":"SHA-256","attached":true}`, "needs the content")
		bad(`{"contents":"YQ=="}`, `there is no member "contents"`)
		bad(`{"content":"YQ==","content":"YQ=="}`, "twice")
		bad(`{"content":"YQ==","level":"x"}`, "choose one of")
		bad(`{"content":"YQ==","level":"lt"}`, "not possible with this key")
		bad(`{"content":"YQ==","level":7}`, "not valid JSON")
		bad(`{"content":"YQ=="`, "the end of the line")
		bad(`{"content":"YQ`, "a control character")
		bad(`{"content":"YQ=="}{"content":"YQ=="}`, "behind the end of the object")
		bad(`hello`, "instead of an object")
		bad(`["YQ=="]`, "instead of an object")
		body.WriteString(`{"content":"Yg==","name":"the last \"one\""}`) // and no line feed
		checks = append(checks, func(l signLine) {
			d.requireSigned(l, "b")
			require.Equal(t, `the last "one"`, l.Name)
		})
		for _, query := range []string{"", "?duplex=true", "?duplex=false", "?key=seal&duplex=1"} {
			lines, last := d.post(query, body.String())
			require.Len(t, lines, len(checks))
			failed := 0
			for i, l := range lines {
				checks[i](l)
				if l.Error != "" {
					failed++
				}
			}
			require.Equal(t, signLine{Done: new(true), Contents: len(checks), Failed: failed}, last)
		}
		items := 0
		forms := map[string]bool{}
		for _, r := range d.ledger.records {
			require.Equal(t, "seal", r.Key)
			for _, i := range r.Items {
				if len(i.Digest) > 0 {
					forms[fmt.Sprint(i.Index, " ", r.Level, " ", r.Attached)] = true
				}
			}
			items += len(r.Items)
			for _, i := range r.Items {
				require.Equal(t, len(i.Digest) == 0, i.Err != "", "%+v", i)
			}
		}
		require.Equal(t, 4*len(checks), items)
		for i, want := range map[int]string{0: "CAdES-BES false", 1: "CAdES-BES true", 2: "CAdES-T true", 3: "PKCS7 false", 5: "CAdES-T false"} {
			require.Contains(t, forms, fmt.Sprint(i, " ", want), "what is on record is what was made")
		}
	}
}

// TestSignWhich is about the key and the other parameters.
func TestSignWhich(t *testing.T) {
	d := newDesk(t, gate.Limits{}, false)
	thumbprint := sign.Thumbprint(d.seal.Certificate())
	for _, c := range []struct {
		query, keys string
		status      int
		text        string
	}{
		{"", "seal", 200, ""},
		{"", "seal stamp", 400, "which key?"},
		{"?key=stamp", "seal stamp", 200, ""},
		{"?thumbprint=" + thumbprint, "seal stamp", 200, ""},
		{"?key=seal&thumbprint=" + thumbprint, "seal stamp", 200, ""},
		{"?key=stamp&thumbprint=" + thumbprint, "seal stamp", 400, "there is no such key"},
		{"?key=foreign", "seal", 400, "there is no such key"},
		{"?key=none", "seal", 400, "there is no such key"},
		{"?thumbprint=12", "seal", 400, "thumbprint"},
		{"?key=seal&key=seal", "seal", 400, "twice"},
		{"?Key=seal", "seal", 400, "no query parameter"},
		{"?duplex=maybe", "seal", 400, "true or false"},
		{"?stopOnError=2", "seal", 400, "true or false"},
	} {
		status, data := d.raw(c.query, item("a"), "Keys", c.keys)
		require.Equal(t, c.status, status, "%s %s: %s", c.query, c.keys, data)
		require.Contains(t, string(data), c.text)
	}
	lines, last := d.post("", "")
	require.Empty(t, lines)
	require.Equal(t, signLine{Done: new(true)}, last)
}

// TestSignStops ends at the first error when asked to, and when the key is gone; the last line says why.
func TestSignStops(t *testing.T) {
	many := strings.Repeat(item("a"), 3000)
	for _, query := range []string{"?stopOnError=true", "?stopOnError=true&duplex=true"} {
		d := newDesk(t, gate.Limits{}, false)
		lines, last := d.post(query, item("a")+"{}\n"+many)
		require.Len(t, lines, 2)
		d.requireSigned(lines[0], "a")
		require.False(t, *last.Done)
		require.Contains(t, last.Error, "stopped at index 1: there is neither")
		require.NotEmpty(t, last.Request)
		lines, last = d.post(query, item("a")+"{}")
		require.Len(t, lines, 2)
		require.False(t, *last.Done, "also when there was nothing behind it")
	}
	for _, query := range []string{"", "?duplex=true"} {
		d := newDesk(t, gate.Limits{}, false)
		d.fails = func(call int64) error {
			if call < 10 {
				return nil
			}
			return &sign.Error{Op: "hsm: sign", Class: sign.ErrUnavailable}
		}
		lines, last := d.post(query, many)
		require.Less(t, len(lines), 1000)
		require.Contains(t, fmt.Sprint(lines[0].Error, lines[len(lines)-1].Error), "the key cannot be used now")
		require.False(t, *last.Done)
		require.Contains(t, last.Error, "the key cannot be used now")
		require.Equal(t, len(lines), last.Contents)
	}
}

// TestSignPanics makes a panic of a key the error of its line.
func TestSignPanics(t *testing.T) {
	d := newDesk(t, gate.Limits{}, false)
	d.fails = func(call int64) error {
		if call == 3 {
			panic("the driver is broken")
		}
		return nil
	}
	lines, last := d.post("", strings.Repeat(item("a"), 20))
	require.Len(t, lines, 20)
	require.Equal(t, signLine{Done: new(true), Contents: 20, Failed: 1}, last)
}

// TestSignKept ends a stream whose client does not take its answers when too many would be kept, and says so.
func TestSignKept(t *testing.T) {
	d := newDesk(t, gate.Limits{Kept: 1 << 20}, false)
	lines, last := d.post("", strings.Repeat(item("a"), 3000))
	require.False(t, *last.Done)
	require.Contains(t, last.Error, "the answers are not taken")
	require.NotEmpty(t, lines)
	d.requireSigned(lines[0], "a")
}

// TestSignNotRecorded hands out nothing that the audit log did not take.
func TestSignNotRecorded(t *testing.T) {
	for _, query := range []string{"", "?duplex=true"} {
		d := newDesk(t, gate.Limits{}, false)
		d.ledger.err = errors.New("disk full")
		status, data := d.raw(query, strings.Repeat(item("a"), 3000))
		require.NotContains(t, string(data), "signature\"")
		require.NotContains(t, string(data), "disk full")
		if query == "" {
			require.Equal(t, 503, status, string(data))
			continue
		}
		require.Equal(t, 200, status, "it was sent before")
		_, last := d.parse(bytes.NewReader(data))
		require.False(t, *last.Done)
		require.Contains(t, last.Error, "audit log")
	}
}

// TestSignStreebog signs digests by the hash of a GOST key, under each of its names, and no others.
func TestSignStreebog(t *testing.T) {
	d := newDesk(t, gate.Limits{}, false)
	sum := streebog.Sum256([]byte("elsewhere"))
	long := streebog.Sum512([]byte("elsewhere"))
	short := sha256.Sum256([]byte("elsewhere"))
	text := base64.StdEncoding.EncodeToString
	var body strings.Builder
	names := []string{"Streebog-256", "streebog256", "STREEBOG_256", "GOST R 34.11-2012 256", "1.2.643.7.1.1.2.2"}
	for i, name := range names {
		value := text(sum[:])
		if i%2 == 1 {
			value = hex.EncodeToString(sum[:])
		}
		fmt.Fprintf(&body, "{\"digest\":%q,\"algorithm\":%q,\"level\":\"t\"}\n", value, name)
	}
	refused := [][3]string{
		{text(sum[:31]), "Streebog-256", "the GOST R 34.11-2012 256 digest has to be 32 octets"},
		{text(sum[:]), "Streebog-512", "the GOST R 34.11-2012 512 digest has to be 64 octets"},
		{text(long[:]), "1.2.643.7.1.1.2.3", "needs one digest of the content by"},
		{text(short[:]), "SHA-256", "needs one digest of the content by"},
		{text(sum[:]), "GOST R 34.11-94", "there are SHA-256, SHA-384, SHA-512, Streebog-256 and Streebog-512"},
	}
	for _, r := range refused {
		fmt.Fprintf(&body, "{\"digest\":%q,\"algorithm\":%q}\n", r[0], r[1])
	}
	lines, last := d.post("?key=gost", body.String(), "Keys", "gost")
	require.Equal(t, len(refused), last.Failed)
	require.Len(t, lines, len(names)+len(refused))
	for i, l := range lines {
		if i >= len(names) {
			require.Contains(t, l.Error, refused[i-len(names)][2])
			continue
		}
		require.Empty(t, l.Error)
		m, err := cades.Parse(l.Signature)
		require.NoError(t, err)
		report, err := m.Verify(t.Context(), sign.Bytes("", []byte("elsewhere")), &cades.VerifyOptions{Schemes: gost.Schemes()})
		require.NoError(t, err)
		require.True(t, report.Valid(), "%v", report.Signatures[0].Err())
		require.Equal(t, "GOST R 34.11-2012 256", m.Signatures()[0].Timestamps()[0].Token.HashName())
	}
	require.Equal(t, "GOST R 34.11-2012 256", d.ledger.records[0].Hash)
	require.Equal(t, sum[:], d.ledger.records[0].Items[0].Digest)
}
