package cloudsign

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

const (
	rightCode = "003450"
	theToken  = "caller-token-1"
)

// fake is the service, written from what is known of it, and the ways in which it, or the way to it, can be at fault.
type fake struct {
	*testing.T
	signer *sign.Signer
	chain  []*x509.Certificate
	server *httptest.Server

	mu       sync.Mutex
	requests []string // "POST /CloudSign?query"
	shelf    map[string]map[int][]byte
	whole    map[string][]byte
	tasks    map[string]*fakeTask
	codes    []string
	attempts int

	// Faults.
	before   func(w http.ResponseWriter, r *http.Request) bool // answers instead of the service
	after    func(w http.ResponseWriter, r *http.Request, status int, body []byte) bool
	level    cades.Options
	bend     func(signatures [][]byte) [][]byte
	running  int         // 204 answers of each poll
	losePart map[int]int // index of a part: how many times it is lost
	dss      []string    // states before the last one
	dssFiles string      // status of files
}

type fakeTask struct {
	files     [][]byte
	names     []string
	thumb     string
	token     string
	wrong     int
	confirmed string
	polls     int
	reference bool
}

func newFake(t *testing.T) *fake {
	t.Helper()
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	signer := softSigner(t, id)
	f := &fake{T: t, signer: signer, chain: signer.Chain(), shelf: map[string]map[int][]byte{}, whole: map[string][]byte{}, tasks: map[string]*fakeTask{}, attempts: 5, losePart: map[int]int{}, dssFiles: "SigningCompleted"}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

func softSigner(t testing.TB, id testpki.Identity) *sign.Signer {
	t.Helper()
	keys, err := soft.New(id.Key, soft.Config{Certificates: id.Chain})
	require.NoError(t, err)
	signer, err := sign.Open(t.Context(), keys, sign.Ref{})
	require.NoError(t, err)
	return signer
}

// container makes what the service answers of a content.
func (f *fake) container(data []byte) []byte {
	level := f.level
	level.AnyCertificate = true // the clock of a bubble of synctest begins in 2000
	out, err := cades.Sign(context.Background(), f.signer, sign.Bytes("", []byte(string(data))), &level)
	if err != nil {
		panic(err)
	}
	return out
}

// config is one that works.
func (f *fake) config() Config {
	return Config{
		URL: f.server.URL, Token: sign.NewSecret([]byte(theToken)), Chain: f.chain,
		Code: func(context.Context, Challenge) (sign.Secret, error) { return sign.NewSecret([]byte(rightCode)), nil },
	}
}

// client is one that does not wait.
func (f *fake) client(c Config) *Client {
	client, err := NewClient(c)
	require.NoError(f, err)
	client.sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return client
}

func (f *fake) provider(c Config) *Provider {
	p, err := New(c)
	require.NoError(f, err)
	p.client.sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	f.Cleanup(func() { _ = p.Close() })
	return p
}

// count is how many requests there were to a path.
func (f *fake) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		_, rest, _ := strings.Cut(r, " ")
		if p, _, _ := strings.Cut(rest, "?"); p == path {
			n++
		}
	}
	return n
}

// recorder holds an answer until it is known whether it goes out.
type recorder struct {
	*httptest.ResponseRecorder
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
	before, after := f.before, f.after
	f.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	rec := recorder{httptest.NewRecorder()}
	f.serve(rec, r)
	body := rec.Body.Bytes()
	if after != nil && after(w, r, rec.Code, body) {
		return
	}
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body)
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("X-Diadoc-ErrorCode", code)
	w.Header().Set("X-Kontur-Trace-Id", "trace-1")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+" ErrorCode: ("+code+")")
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(v)
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	auth := r.Header.Get("Authorization")
	if auth != "Bearer "+theToken && auth != "DiadocAuth ddauth_api_client_id=app,ddauth_token="+theToken {
		refuse(w, 401, "Http.Unauthorized", "who calls? not "+auth)
		return
	}
	q := r.URL.Query()
	body, _ := io.ReadAll(r.Body)
	switch r.Method + " " + r.URL.Path {
	case "POST /CloudSign", "POST /DssSign":
		f.begin(w, r, body)
	case "GET /CloudSignResult":
		if t := f.task(w, q.Get("taskId")); t != nil {
			answer(w, map[string]string{"Token": t.token})
		}
	case "POST /CloudSignConfirm":
		f.confirm(w, r)
	case "GET /CloudSignConfirmResult":
		f.result(w, q.Get("taskId"))
	case "GET /DssSignResult":
		f.dssResult(w, q.Get("taskId"))
	case "POST /ShelfUpload":
		f.part(w, strings.TrimPrefix(q.Get("nameOnShelf"), "__userId__/"), q.Get("partIndex"), q.Get("isLastPart") == "1", body)
	case "POST /ShelfUploadPartInit":
		name := fmt.Sprintf("shelf-%d%s", len(f.shelf), q.Get("fileExtension"))
		f.shelf[name] = map[int][]byte{0: body}
		if q.Get("isLastPart") == "true" {
			f.complete(name, 0)
		}
		if f.losePart[0] > 0 {
			f.losePart[0]--
			delete(f.shelf[name], 0)
		}
		_, _ = io.WriteString(w, name)
	case "POST /ShelfUploadPart":
		f.part(w, q.Get("fileName"), q.Get("partIndex"), q.Get("isLastPart") == "true", body)
	case "GET /V2/ShelfDownload", "GET /ShelfDownload":
		name := strings.TrimPrefix(q.Get("fileName")+q.Get("nameOnShelf"), "__userId__/")
		data, ok := f.whole[name]
		if !ok {
			refuse(w, 404, "Http.NotFound", "not on the shelf")
			return
		}
		_, _ = w.Write(data)
	default:
		refuse(w, 404, "Http.NotFound", "no such method")
	}
}

func (f *fake) begin(w http.ResponseWriter, r *http.Request, body []byte) {
	var request struct {
		Files []struct {
			FileName string
			Content  struct {
				Content     *string
				NameOnShelf *string
			}
		}
	}
	if err := json.Unmarshal(body, &request); err != nil || len(request.Files) == 0 || r.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		refuse(w, 400, "Http.BadRequest", "no files")
		return
	}
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", len(f.tasks))
	t := &fakeTask{token: "token-" + id, thumb: r.URL.Query().Get("certificateThumbprint")}
	if t.thumb != "" && t.thumb != sign.Thumbprint(f.chain[0]) {
		refuse(w, 403, "User.AccessDenied", "this certificate is not yours")
		return
	}
	for _, file := range request.Files {
		var data []byte
		switch c := file.Content; {
		case c.Content != nil:
			var err error
			if data, err = base64.StdEncoding.DecodeString(*c.Content); err != nil {
				refuse(w, 400, "Http.BadRequest", "base64")
				return
			}
		case c.NameOnShelf != nil:
			name := *c.NameOnShelf
			if strings.HasPrefix(name, "__userId__/") != (r.URL.Path == "/DssSign" && strings.HasPrefix(name[strings.Index(name, "/")+1:], "signet-")) {
				refuse(w, 409, "Http.Conflict", "prefix of the shelf")
				return
			}
			var ok bool
			if data, ok = f.whole[strings.TrimPrefix(name, "__userId__/")]; !ok {
				refuse(w, 409, "Http.Conflict", "not on the shelf")
				return
			}
		}
		t.files, t.names = append(t.files, data), append(t.names, file.FileName)
	}
	if r.URL.Path == "/DssSign" {
		t.confirmed = id
	}
	f.tasks[id] = t
	answer(w, map[string]string{"TaskId": id})
}

func (f *fake) task(w http.ResponseWriter, id string) *fakeTask {
	t := f.tasks[id]
	if t == nil {
		refuse(w, 404, "Http.NotFound", "no such task")
		return nil
	}
	if t.polls < f.running {
		t.polls++
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return t
}

func (f *fake) confirm(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f.codes = append(f.codes, q.Get("confirmationCode"))
	for id, t := range f.tasks {
		if t.token != q.Get("token") {
			continue
		}
		switch {
		case t.wrong >= f.attempts:
			refuse(w, 409, "CloudCrypt.ExpiredRequest", "too many wrong codes")
		case q.Get("confirmationCode") != rightCode:
			t.wrong++
			refuse(w, 409, "CloudCrypt.BadConfirmationCode", "wrong: "+q.Get("confirmationCode")+" for "+t.token)
		default:
			t.reference = strings.EqualFold(q.Get("return"), "Reference")
			t.confirmed = "c" + id
			f.tasks["c"+id] = t
			t.polls = 0
			answer(w, map[string]string{"TaskId": "c" + id})
		}
		return
	}
	refuse(w, 409, "CloudCrypt.ExpiredRequest", "no such token")
}

func (f *fake) signatures(t *fakeTask) [][]byte {
	out := make([][]byte, len(t.files))
	for i, data := range t.files {
		out[i] = f.container(data)
	}
	if f.bend != nil {
		out = f.bend(out)
	}
	return out
}

func (f *fake) result(w http.ResponseWriter, id string) {
	t := f.task(w, id)
	if t == nil {
		return
	}
	list := []map[string]any{}
	for i, s := range f.signatures(t) {
		if t.reference {
			name := fmt.Sprintf("%s-%d.sig", id, i)
			f.whole[name] = s
			list = append(list, map[string]any{"NameOnShelf": name})
			continue
		}
		list = append(list, map[string]any{"Content": s})
	}
	answer(w, map[string]any{"Signatures": list})
}

func (f *fake) dssResult(w http.ResponseWriter, id string) {
	t := f.tasks[id]
	if t == nil {
		refuse(w, 404, "Http.NotFound", "no such task")
		return
	}
	status := "Completed"
	if t.polls < len(f.dss) {
		status = f.dss[t.polls]
		t.polls++
	}
	m := map[string]any{"OperationStatus": status, "ConfirmType": "Sms", "PhoneLastNumbers": "1234", "FileSigningResults": []any{}}
	if status == "Completed" {
		list := []any{}
		for i, s := range f.signatures(t) {
			one := map[string]any{"FileSigningStatus": f.dssFiles, "Signature": s}
			if i > 0 {
				one["FileSigningStatus"] = "SigningCompleted"
			}
			list = append(list, one)
		}
		m["FileSigningResults"] = list
	}
	answer(w, m)
}

func (f *fake) part(w http.ResponseWriter, name, index string, last bool, body []byte) {
	i, _ := strconv.Atoi(index)
	if f.shelf[name] == nil {
		f.shelf[name] = map[int][]byte{}
	}
	if f.losePart[i] > 0 && !last {
		f.losePart[i]--
		refuse(w, 500, "Http.InternalServerError", "lost")
		return
	}
	f.shelf[name][i] = slices.Clone(body)
	if !last {
		return
	}
	missing := []int{}
	for j := range i {
		if _, ok := f.shelf[name][j]; !ok {
			missing = append(missing, j)
		}
	}
	if len(missing) == 0 {
		f.complete(name, i)
	}
	answer(w, missing)
}

func (f *fake) complete(name string, last int) {
	var data []byte
	for j := 0; j <= last; j++ {
		data = append(data, f.shelf[name][j]...)
	}
	f.whole[name] = data
}

// verified checks that a container is one of a content, by package cades.
func (f *fake) verified(container, data []byte) {
	f.Helper()
	require.NotEmpty(f, container)
	_, err := check(Item{Digests: digestsOf(f, data)}, container, want{der: f.chain[0].Raw})
	require.NoError(f, err)
}

func digestsOf(t testing.TB, data []byte) map[string][]byte {
	t.Helper()
	c := &Client{}
	file, err := c.prepare(context.Background(), sign.Bytes("x", data))
	require.NoError(t, err)
	return file.Digests
}
