//go:build cgo && unix

package soak

import (
	"bytes"
	"compress/gzip"
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// client is one polite caller, in a goroutine and with connections of its own.
type client struct {
	w    *world
	http *http.Client
	two  bool
	dice *rand.Rand
	fill *rand.ChaCha8
}

func (w *world) newCaller(seed uint64, two bool) *client {
	var key [32]byte
	_, _ = crand.Read(key[:]) // contents are never those of another client
	return &client{w, w.newClient(two), two, rand.New(rand.NewPCG(seed, 1)), rand.NewChaCha8(key)}
}

var keyNames = []string{"file", "whole", "single", "group", "group"}

func (c *client) key() string { return keyNames[c.dice.IntN(len(keyNames))] }

func (c *client) chance(oneIn int) bool { return c.dice.IntN(oneIn) == 0 }

// run does one thing after the other until ctx ends.
func (c *client) run(ctx context.Context, what ...func()) {
	defer c.http.CloseIdleConnections()
	for ctx.Err() == nil {
		what[c.dice.IntN(len(what))]()
	}
}

// content is of any size from some octets to a megabyte, small ones most often.
func (c *client) content() *content {
	size := 16
	switch n := c.dice.IntN(1000); {
	case n < 600:
		size += c.dice.IntN(2000)
	case n < 950:
		size += c.dice.IntN(20_000)
	case n < 998:
		size += c.dice.IntN(200_000)
	default:
		size += c.dice.IntN(1 << 20)
	}
	data := make([]byte, size)
	_, _ = c.fill.Read(data)
	return &content{data: data}
}

// post sends a body and reads the answer whole.
func (c *client) post(path, kind string, body []byte, zip bool) (int, []byte, error) {
	var reader io.Reader = bytes.NewReader(body)
	if zip {
		var b bytes.Buffer
		g := gzip.NewWriter(&b)
		_, _ = g.Write(body)
		_ = g.Close()
		reader = bytes.NewReader(b.Bytes())
	}
	return c.send(path, kind, reader, zip)
}

func (c *client) send(path, kind string, body io.Reader, zip bool) (int, []byte, error) {
	req, err := http.NewRequest(http.MethodPost, c.w.base+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.w.token)
	req.Header.Set("Content-Type", kind)
	if zip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if c.two != (resp.ProtoMajor == 2) {
		c.w.judge.fault("%s %s", path, resp.Proto)
	}
	data, err := io.ReadAll(resp.Body)
	c.w.judge.count(fmt.Sprintf("answers to POST %s over %s, status %d", strings.Split(path, "?")[0], resp.Proto, resp.StatusCode), 1)
	return resp.StatusCode, data, err
}

// failed decides whether an answer without signatures is as it should be.
func (a *asked) failed(status int, data []byte, err error) {
	switch {
	case err != nil:
		a.j.fault("%s: no answer: %v", a.key, err)
	case (status == http.StatusServiceUnavailable || status == http.StatusBadRequest) && a.excused():
		a.j.count("requests refused while the only token of the key, or both of the group, were out", 1)
	case status == http.StatusBadRequest && bytes.Contains(data, []byte("there is no such key")) && a.replaced():
		a.j.count("requests refused since the certificate had just been replaced", 1)
	default:
		a.j.fault("%s: %d %.300s", a.key, status, data)
	}
}

var badContents = []string{`"***"`, `null`, `"YWJ"`, `17`, `"YW\u0020J"`}

// batch is POST /v2/sign.
func (c *client) batch() {
	a := c.w.judge.ask(c.key())
	n := 1 + c.dice.IntN(30)
	if c.chance(20) {
		n = 200
	}
	all, bad := make([]*content, n), 0
	encoded := make([]string, n)
	spoil := c.chance(6)
	for i := range all {
		all[i] = c.content()
		all[i].attached = a.key == "whole"
		encoded[i] = `"` + base64.StdEncoding.EncodeToString(all[i].data) + `"`
		if spoil && c.chance(5) {
			all[i].bad = badContents[c.dice.IntN(len(badContents))]
			encoded[i] = all[i].bad
			bad++
		}
	}
	possible := a.certificates()
	certificate := possible[c.dice.IntN(len(possible))]
	by := `"Thumbprint":"` + sign.Thumbprint(certificate) + `"`
	if c.chance(3) {
		by = `"CertificateRawData":"` + base64.StdEncoding.EncodeToString(certificate.Raw) + `"`
	}
	throw := c.chance(2)
	parts := []string{by, fmt.Sprintf(`"ThrowOnErrors":%t`, throw), `"Contents":[` + strings.Join(encoded, ",") + `]`}
	if c.chance(8) { // the service has to keep the contents until it knows the key
		parts[0], parts[2] = parts[2], parts[0]
	}
	status, data, err := c.post("/v2/sign", "application/json", []byte("{"+strings.Join(parts, ",")+"}"), c.chance(10))
	if err != nil || status != http.StatusOK {
		if err == nil && status == http.StatusBadRequest && throw && bad > 0 && bytes.Contains(data, []byte("asks for all or nothing")) {
			return
		}
		a.failed(status, data, err)
		return
	}
	var results []struct{ Result, ErrorMessage *string }
	if err := json.Unmarshal(data, &results); err != nil || len(results) != n {
		a.j.fault("%s: %d results of %d: %v", a.key, len(results), n, err)
		return
	}
	if throw && bad > 0 {
		a.j.fault("%s: with ThrowOnErrors, %d bad contents are answered by 200", a.key, bad)
	}
	for i, r := range results {
		c.result(a, all[i], r.Result, r.ErrorMessage, certificate)
	}
}

// stream is POST /v1/sign.
func (c *client) stream() {
	a := c.w.judge.ask(c.key())
	n := 1 + c.dice.IntN(60)
	duplex := c.chance(2)
	path := "/v1/sign?key=" + a.key
	if duplex {
		path += "&duplex=true"
	}
	all := make([]*content, n)
	var lines [][]byte
	for i := range all {
		x := c.content()
		x.name, x.attached = fmt.Sprint("content ", i), a.key == "whole"
		line := map[string]any{"name": x.name}
		switch c.dice.IntN(12) {
		case 0:
			x.bad = "?"
			line["content"] = "*"
		case 1, 2:
			if !x.attached {
				line["digest"], line["algorithm"] = base64.StdEncoding.EncodeToString(sum(x.data)), "SHA-256"
				break
			}
			fallthrough
		case 3:
			x.attached = !x.attached
			line["attached"] = x.attached
			fallthrough
		default:
			line["content"] = base64.StdEncoding.EncodeToString(x.data)
		}
		text, _ := json.Marshal(line)
		all[i], lines = x, append(lines, append(text, '\n'))
	}
	var status int
	var data []byte
	var err error
	if duplex { // lines come one by one, and answers meanwhile
		r, w := io.Pipe()
		go func() {
			for _, line := range lines {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
			_ = w.Close()
		}()
		status, data, err = c.send(path, "application/x-ndjson", r, false)
		_ = r.Close()
	} else {
		status, data, err = c.post(path, "application/x-ndjson", bytes.Join(lines, nil), c.chance(10))
	}
	if err != nil || status != http.StatusOK {
		a.failed(status, data, err)
		return
	}
	c.lines(a, all, data)
}

type streamLine struct {
	Index     int     `json:"index"`
	Name      string  `json:"name"`
	Signature *string `json:"signature"`
	Error     *string `json:"error"`
	Done      *bool   `json:"done"`
	Contents  int     `json:"contents"`
	Failed    int     `json:"failed"`
}

func (c *client) lines(a *asked, all []*content, data []byte) {
	certificates := a.certificates()
	d := json.NewDecoder(bytes.NewReader(data))
	for i := 0; ; i++ {
		var l streamLine
		if err := d.Decode(&l); err != nil {
			a.j.fault("%s: the answer ends without a last line, behind %d of %d: %v", a.key, i, len(all), err)
			return
		}
		if l.Done != nil {
			switch {
			case *l.Done && i == len(all) && l.Contents == i && !d.More():
			case !*l.Done && a.excused():
				a.j.count("streams that ended early while tokens were out", 1)
			default:
				a.j.fault("%s: the last line is %+v, %v, behind %d of %d: %s", a.key, l, *l.Done, i, len(all), deref(l.Error))
			}
			return
		}
		if i >= len(all) || l.Index != i || l.Name != all[i].name {
			a.j.fault("%s: line %d of %d is of index %d, %q", a.key, i, len(all), l.Index, l.Name)
			return
		}
		c.result(a, all[i], l.Signature, l.Error, certificates...)
	}
}

// result looks at what there is for one content.
func (c *client) result(a *asked, x *content, signature, message *string, certificates ...*x509.Certificate) {
	switch {
	case (signature == nil) == (message == nil):
		a.j.fault("%s: neither a signature nor an error, or both", a.key)
	case x.bad != "" && message != nil:
		a.j.count("bad contents, each with its error", 1)
	case x.bad != "":
		a.j.fault("%s: %s was signed", a.key, x.bad)
	case message != nil && a.excused():
		a.j.count("contents not signed while the only token of the key, or both of the group, were out", 1)
	case message != nil:
		a.j.fault("%s: a content was not signed: %s", a.key, *message)
	default:
		der, err := base64.StdEncoding.DecodeString(*signature)
		if err != nil {
			a.j.fault("%s: %v", a.key, err)
			return
		}
		if a.check(der, x, certificates...) && !x.attached && c.chance(100) {
			c.verify(a, der, x)
		}
	}
}

// verify is POST /v1/verify and POST /v3/validate.
func (c *client) verify(a *asked, der []byte, x *content) {
	body, _ := json.Marshal(map[string]string{"signature": base64.StdEncoding.EncodeToString(der), "content": base64.StdEncoding.EncodeToString(x.data)})
	status, data, err := c.post("/v1/verify", "application/json", body, false)
	var report struct{ Verdict string }
	if err != nil || status != http.StatusOK || json.Unmarshal(data, &report) != nil || report.Verdict == "" || report.Verdict == "invalid" {
		a.j.fault("POST /v1/verify: %d %.300s %v", status, data, err)
	}
	a.j.count("verdicts: "+report.Verdict, 1)
}

// look is one of the GET endpoints.
func (c *client) look() {
	paths := map[string]string{"/v1/keys": `"name":"group"`, "/v2/certificates": `[`, "/healthz": `"ok"`, "/openapi.json": `"3.1`, "/readyz": `"keys"`, "/docs": "<"}
	for path, has := range paths {
		req, err := http.NewRequest(http.MethodGet, c.w.base+path, nil)
		if err != nil {
			return
		}
		req.Header.Set("Authorization", "Bearer "+c.w.token)
		resp, err := c.http.Do(req)
		if err != nil {
			c.w.judge.fault("GET %s: %v", path, err)
			continue
		}
		data, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || !strings.Contains(string(data), has) || resp.StatusCode != http.StatusOK && path != "/readyz" {
			c.w.judge.fault("GET %s: %d %.300s %v", path, resp.StatusCode, data, err)
		}
		c.w.judge.count(fmt.Sprintf("answers to GET %s, status %d", path, resp.StatusCode), 1)
	}
	time.Sleep(100 * time.Millisecond)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func sum(data []byte) []byte {
	s := sha256.Sum256(data)
	return s[:]
}
