package pages_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/pages"
)

// The tests of this file each belong to one guard, and fail when it is taken out.

// told is an engine that answers what a test has told it; what it has not is a panic, which fails the test.
type told struct {
	pages.Engine
	op       *confirm.Operation
	results  []confirm.Result
	document io.ReadCloser
	size     int64
	err      error
	approved bool
}

func (e *told) ByToken(context.Context, string) (*confirm.Operation, error) { return e.op, e.err }

func (e *told) ResultsByToken(context.Context, string) ([]confirm.Result, error) {
	return e.results, e.err
}

func (e *told) Document(context.Context, string, int) (io.ReadCloser, int64, error) {
	return e.document, e.size, e.err
}

func (e *told) Approve(context.Context, string) (*confirm.Operation, error) {
	e.approved = true
	return e.op, nil
}

func (e *told) List(context.Context, confirm.Filter) ([]*confirm.Operation, error) {
	if e.err != nil {
		return nil, e.err
	}
	return []*confirm.Operation{e.op}, nil
}

// serve is a world of such an engine.
func (e *told) serve(t *testing.T, who func() (*auth.Principal, error)) *world {
	h, err := pages.New(pages.Config{Engine: e, Auth: auth.Func(func(*http.Request) (*auth.Principal, error) { return who() })})
	require.NoError(t, err)
	w := &world{t: t, server: httptest.NewServer(h)}
	t.Cleanup(w.server.Close)
	return w
}

func nobody() (*auth.Principal, error) { return nil, auth.ErrNone }

const page = "/confirm/00000000-0000-4000-8000-000000000000"

// TestHeadersOfEveryPage: also of those that are errors.
func TestHeadersOfEveryPage(t *testing.T) {
	w := (&told{err: confirm.ErrNotFound}).serve(t, nobody)
	for path, want := range map[string]int{page: 404, page + "/signature/0": 404, page + "/document/0": 404, "/operations": 401, "/elsewhere": 404, "/confirm/style.css": 200} {
		status, _, h := w.do("GET", path, nil)
		require.Equal(t, want, status, path)
		require.Equal(t, "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'", h.Get("Content-Security-Policy"), path)
		require.Equal(t, "same-origin", h.Get("Cross-Origin-Opener-Policy"), path)
		require.Equal(t, "noindex, nofollow", h.Get("X-Robots-Tag"), path)
		require.Equal(t, "no-referrer", h.Get("Referrer-Policy"), path)
	}
}

// TestNoSignature: an item without a signature gives none, not an empty file that looks like one; and there are no items but
// those of the operation.
func TestNoSignature(t *testing.T) {
	w := (&told{results: []confirm.Result{{Name: "a", Signature: []byte("A")}, {Name: "b", Err: "it was not signed"}}}).serve(t, nobody)
	for item, want := range map[string]int{"0": 200, "1": 404, "2": 404, "-1": 404, "x": 404, "99999999999999999999": 404} {
		status, body, _ := w.do("GET", page+"/signature/"+item, nil)
		require.Equal(t, want, status, item)
		require.Equal(t, want == 200, body == "A", item)
	}
	status, body, _ := w.do("GET", page+"/signatures.zip", nil)
	require.Equal(t, 200, status)
	z, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	require.Len(t, z.File, 1)
	require.Equal(t, "a.p7s", z.File[0].Name)
}

// cheat gives as many octets as were announced, and says then that they are other ones.
type cheat struct{ io.Reader }

func (c cheat) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		err = errors.New("it is another content")
	}
	return n, err
}

// TestDocumentIsCut: a document that turns out to be another one does not arrive as a whole, however long it is.
func TestDocumentIsCut(t *testing.T) {
	for _, size := range []int{1, 100_000} {
		e := &told{
			op:       &confirm.Operation{Items: []confirm.ItemState{{Name: "../../c:\\a\u202e.exe"}}},
			document: io.NopCloser(cheat{bytes.NewReader(make([]byte, size))}), size: int64(size),
		}
		w := e.serve(t, nobody)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+page+"/document/0", nil)
		require.NoError(t, err)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			continue // before the head
		}
		_, err = io.ReadAll(a.Body)
		a.Body.Close()
		require.Error(t, err, size)
	}
	e := &told{op: &confirm.Operation{Items: []confirm.ItemState{{Name: "../../c:\\a\u202e.exe"}}}, document: io.NopCloser(strings.NewReader("x")), size: 1}
	_, _, h := e.serve(t, nobody).do("GET", page+"/document/0", nil)
	require.Equal(t, "attachment; filename=a.exe", h.Get("Content-Disposition"), "a name without folders, and without marks")
}

// TestNothingToPress: only an operation that waits for the person has what confirms it.
func TestNothingToPress(t *testing.T) {
	for _, kind := range []confirm.Kind{confirm.Code, confirm.TOTP, confirm.Elsewhere} {
		for state := confirm.Preparing; state <= confirm.Expired; state++ {
			e := &told{op: &confirm.Operation{State: state, Kind: kind}}
			status, body, _ := e.serve(t, nobody).do("GET", page, nil)
			require.Equal(t, 200, status)
			waits := state == confirm.Awaiting
			require.Equal(t, waits && kind == confirm.Elsewhere, strings.Contains(body, `value="approve"`), "%s %s", kind, state)
			require.Equal(t, waits && kind != confirm.Elsewhere, strings.Contains(body, `name="code"`), "%s %s", kind, state)
			require.Equal(t, waits, strings.Contains(body, `value="decline"`), "%s %s", kind, state)
		}
	}
}

// TestActionOfTheAddress: what is to be done is in the form. A link that is sent to a person has it in its address, and must not
// make another form do it.
func TestActionOfTheAddress(t *testing.T) {
	e := &told{op: &confirm.Operation{State: confirm.Awaiting, Kind: confirm.Elsewhere}}
	w := e.serve(t, nobody)
	status, _, _ := w.do("POST", page+"?action=approve", url.Values{"x": {"y"}})
	require.Equal(t, 409, status)
	require.False(t, e.approved)
	status, _, _ = w.do("GET", page+"?action=approve", nil)
	require.Equal(t, 200, status)
	require.False(t, e.approved)
	status, _, _ = w.do("POST", page, url.Values{"action": {"approve"}}, "Origin", "https://evil.example")
	require.Equal(t, 403, status, "a browser that does not send Sec-Fetch-Site")
	require.False(t, e.approved)
	status, _, _ = w.do("POST", page, url.Values{"action": {"approve"}})
	require.Equal(t, 303, status)
	require.True(t, e.approved)
}

// TestFaultsTellNothing: what is wrong within is for the log.
func TestFaultsTellNothing(t *testing.T) {
	w := (&told{err: errors.New("postgres://user:hunter2@db")}).serve(t, func() (*auth.Principal, error) {
		return &auth.Principal{Name: "olga", Endpoints: []string{"operations"}}, nil
	})
	for path, want := range map[string]int{page: 500, page + "/document/0": 404, page + "/signature/0": 409, "/operations": 500} {
		status, body, _ := w.do("GET", path, nil)
		require.Equal(t, want, status, path)
		require.NotContains(t, body, "hunter2", path)
	}
}

// TestWhoIsOperator: an answer that names nobody, and one that there was not, let nobody in.
func TestWhoIsOperator(t *testing.T) {
	e := &told{op: &confirm.Operation{ID: "the-operation", Title: "a\u202eb", Owner: "c\u202ed", Reason: "e\u202ef", State: confirm.Failed}}
	for name, test := range map[string]struct {
		principal *auth.Principal
		err       error
		want      int
	}{
		"nobody, without an error": {nil, nil, 401},
		"none":                     {nil, auth.ErrNone, 401},
		"refused":                  {&auth.Principal{Name: "olga", Endpoints: []string{"operations"}}, auth.ErrRefused, 401},
		"the directory is away":    {&auth.Principal{Name: "olga", Endpoints: []string{"operations"}}, errors.New("ldap://user:hunter2@dir"), 503},
		"operator":                 {&auth.Principal{Name: "olga", Endpoints: []string{"operations"}}, nil, 200},
	} {
		w := e.serve(t, func() (*auth.Principal, error) { return test.principal, test.err })
		status, body, h := w.do("GET", "/operations?show=all", nil)
		require.Equal(t, test.want, status, name)
		require.Equal(t, test.want == 200, strings.Contains(body, e.op.ID), name)
		require.Equal(t, test.want == 401, h.Get("WWW-Authenticate") != "", name)
		require.NotContains(t, body, "hunter2")
		require.NotContains(t, body, "\u202e")
	}
}
