package pages_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/sign"
)

func keyGone() error { return &sign.Error{Op: "test", Class: sign.ErrPIN, Hint: "the PIN was refused"} }

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func (w *world) do(method, path string, form url.Values, header ...string) (int, string, http.Header) {
	w.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, body)
	require.NoError(w.t, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	a, err := client.Do(r)
	require.NoError(w.t, err)
	defer a.Body.Close()
	data, err := io.ReadAll(a.Body)
	require.NoError(w.t, err)
	return a.StatusCode, string(data), a.Header
}

func TestPerson(t *testing.T) {
	w := newWorld(t)
	op := w.begin(confirm.Code, "a.txt", "<script>alert(1)</script>\u202egpj.exe")
	page := "/confirm/" + op.Token
	status, body, h := w.do("GET", page, nil)
	require.Equal(t, 200, status)
	require.NotContains(t, body, "<script>")
	require.NotContains(t, body, "\u202e", "a mark that turns the order of letters around")
	require.Contains(t, body, "gpj.exe")
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		"Referrer-Policy":         "no-referrer", "X-Frame-Options": "DENY", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		require.Equal(t, want, h.Get(name), name)
	}
	require.Contains(t, body, "The code was sent to …1234")
	require.NotContains(t, body, w.sent(), "the code is not on the page")
	status, body, h = w.do("GET", page+"/document/0", nil)
	require.Equal(t, 200, status)
	require.Equal(t, "content of a.txt", body)
	require.Equal(t, `attachment; filename=a.txt`, h.Get("Content-Disposition"))
	require.Contains(t, h.Get("Content-Security-Policy"), "sandbox")

	// An upload of the same name that came later is not what is signed, and not shown.
	_, err := w.shelf.Part(t.Context(), "anna", "file-0", 0, true, strings.NewReader("another text!!!!"))
	require.NoError(t, err)
	status, body, _ = w.do("GET", page+"/document/0", nil)
	require.Equal(t, 404, status)
	require.NotContains(t, body, "another")

	for _, path := range []string{"/confirm/", "/confirm/x", "/confirm/00000000-0000-4000-8000-000000000000", page + "/document/7", page + "/document/x", page + "/document/-1"} {
		status, _, _ := w.do("GET", path, nil)
		require.Equal(t, 404, status, path)
	}
	_, body, _ = w.do("GET", "/confirm/", nil)
	require.Contains(t, body, "The address is mistyped", "also where the end of the link was lost")
	status, _, _ = w.do("GET", page+"/signature/0", nil)
	require.Equal(t, 409, status, "nothing is signed yet")

	// A form of another site.
	status, _, _ = w.do("POST", page, url.Values{"action": {"code"}, "code": {w.sent()}}, "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 403, status)
	status, _, _ = w.do("POST", page, url.Values{"action": {"approve"}})
	require.Equal(t, 409, status, "what asks for a code is not approved without")
	status, _, _ = w.do("POST", page, url.Values{"action": {"code"}, "code": {strings.Repeat("1", 10_000)}})
	require.Equal(t, 404, status, "too long")
	status, body, _ = w.do("POST", page, url.Values{"action": {"code"}, "code": {"x"}})
	require.Equal(t, 422, status)
	require.Contains(t, body, "The code is wrong")
	status, _, _ = w.do("POST", page, url.Values{"action": {"resend"}})
	require.Equal(t, 429, status)
	status, _, h = w.do("POST", page+"?lang=ru", url.Values{"action": {"code"}, "code": {w.sent()}})
	require.Equal(t, http.StatusSeeOther, status)
	require.Equal(t, page+"?lang=ru", h.Get("Location"))
	w.wait(op, confirm.Signing)
	status, body, h = w.do("GET", page+"/signature/0", nil)
	require.Equal(t, 200, status)
	require.Equal(t, "application/pkcs7-signature", h.Get("Content-Type"))
	m, err := cades.Parse([]byte(body))
	require.NoError(t, err)
	report, err := m.Verify(t.Context(), sign.Bytes("", []byte("content of a.txt")), &cades.VerifyOptions{Roots: w.pki.Roots(), Time: testpki.Now()})
	require.NoError(t, err)
	require.True(t, report.Valid())
	status, body, _ = w.do("GET", page+"/signatures.zip", nil)
	require.Equal(t, 200, status)
	z, err := zip.NewReader(bytes.NewReader([]byte(body)), int64(len(body)))
	require.NoError(t, err)
	require.Len(t, z.File, 2)
	for _, f := range z.File {
		require.NotContains(t, f.Name, "/")
		require.WithinDuration(t, time.Now(), f.Modified, time.Hour)
	}
}

// TestArchiveNames: no two signatures of an archive have one name, whatever the documents are called.
func TestArchiveNames(t *testing.T) {
	w := newWorld(t)
	op := w.begin(confirm.Code, "3-a", "a", "a", "../a", `c:\a`)
	status, _, _ := w.do("POST", "/confirm/"+op.Token, url.Values{"action": {"code"}, "code": {w.sent()}})
	require.Equal(t, http.StatusSeeOther, status)
	w.wait(op, confirm.Signing)
	_, body, _ := w.do("GET", "/confirm/"+op.Token+"/signatures.zip", nil)
	z, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, f := range z.File {
		require.False(t, seen[f.Name], f.Name)
		require.NotContains(t, f.Name, "/")
		seen[f.Name] = true
	}
	require.Len(t, seen, 5)
}

func TestDecline(t *testing.T) {
	w := newWorld(t)
	op := w.begin(confirm.Code, "a")
	status, _, _ := w.do("POST", "/confirm/"+op.Token, url.Values{"action": {"decline"}})
	require.Equal(t, http.StatusSeeOther, status)
	_, body, _ := w.do("GET", "/confirm/"+op.Token, nil, "Accept-Language", "ru")
	require.Contains(t, body, "Операция отменена")
	require.NotContains(t, body, `name="code"`)
	status, body, _ = w.do("POST", "/confirm/"+op.Token, url.Values{"action": {"code"}, "code": {w.sent()}})
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, body, "not possible any more")
	require.NotContains(t, body, "Have a new one sent", "there is none to be had")
}

func TestOperator(t *testing.T) {
	w := newWorld(t)
	op := w.begin(confirm.Code, "a")
	for header, want := range map[string]int{"": 401, basic("x", "wrong"): 401, "Bearer other": 403, "Bearer all": 403, "Bearer " + operatorToken: 200, basic("", operatorToken): 200} {
		var headers []string
		if header != "" {
			headers = []string{"Authorization", header}
		}
		status, body, _ := w.do("GET", "/operations", nil, headers...)
		require.Equal(t, want, status, header)
		require.Equal(t, want == 200, strings.Contains(body, op.ID))
		if want != 200 {
			status, _, _ = w.do("POST", "/operations/"+op.ID, url.Values{"action": {"cancel"}}, headers...)
			require.Equal(t, want, status)
		}
	}
	_, body, _ := w.do("GET", "/operations", nil, "Authorization", basic("", operatorToken))
	require.NotContains(t, body, "\u202e")
	require.NotContains(t, body, op.Token, "the operator does not confirm for the person")
	status, _, _ := w.do("POST", "/operations/"+op.ID, url.Values{"action": {"cancel"}}, "Authorization", basic("", operatorToken), "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 403, status)
	status, _, _ = w.do("POST", "/operations/"+op.ID, url.Values{"action": {"retry"}}, "Authorization", basic("", operatorToken))
	require.Equal(t, 409, status)
	status, _, _ = w.do("POST", "/operations/"+op.ID, url.Values{"action": {"cancel"}}, "Authorization", basic("", operatorToken))
	require.Equal(t, 200, status)
	require.Equal(t, confirm.Cancelled, w.wait(op).State)
}
