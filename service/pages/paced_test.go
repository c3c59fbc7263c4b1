package pages

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/internal/budget"
)

// slow is a browser whose connection has deadlines.
type slow struct {
	*httptest.ResponseRecorder
	deadlines int
	largest   int
}

func (s *slow) SetWriteDeadline(time.Time) error { s.deadlines++; return nil }

func (s *slow) Write(p []byte) (int, error) {
	s.largest = max(s.largest, len(p))
	return s.ResponseRecorder.Write(p)
}

// TestPaced: an answer has a time for each step, not one for all of it.
func TestPaced(t *testing.T) {
	s := &slow{ResponseRecorder: httptest.NewRecorder()}
	data := bytes.Repeat([]byte("x"), 5*step+1)
	n, err := paced{s}.Write(data)
	require.NoError(t, err)
	require.Equal(t, len(data), n)
	require.Equal(t, data, s.Body.Bytes())
	require.Equal(t, 6, s.deadlines)
	require.Equal(t, step, s.largest)
}

// stuck is a browser that takes nothing until it is let go.
type stuck struct {
	*httptest.ResponseRecorder
	begun, goOn chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	select {
	case <-s.begun:
	default:
		close(s.begun)
	}
	<-s.goOn
	return s.ResponseRecorder.Write(p)
}

// TestPagesThatAreNotTaken: whoever has the link does not get all memory, and answers that are not taken hold up nobody else.
func TestPagesThatAreNotTaken(t *testing.T) {
	p := &pages{answers: budget.New(4*small, 1)}
	var err error
	p.templates, err = p.parse()
	require.NoError(t, err)
	size := 3 * small
	h := p.bounded(func(w http.ResponseWriter, _ *http.Request) {
		download(w, "x.p7s", "application/pkcs7-signature", int64(size))
		_, _ = w.Write(bytes.Repeat([]byte("x"), size))
	})
	ask := func(w http.ResponseWriter, token string) {
		r := httptest.NewRequest("GET", "/confirm/"+token, nil)
		r.SetPathValue("token", token)
		h(w, r)
	}
	first := &stuck{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
	ended := make(chan struct{})
	go func() { defer close(ended); ask(first, "a") }()
	<-first.begun
	second := httptest.NewRecorder()
	ask(second, "a")
	require.Equal(t, http.StatusTooManyRequests, second.Code)
	require.Empty(t, second.Header().Get("Content-Disposition"))
	require.Contains(t, second.Body.String(), "Wait a moment")
	other := httptest.NewRecorder()
	ask(other, "b")
	require.Equal(t, 200, other.Code)
	require.Equal(t, size, other.Body.Len())
	close(first.goOn)
	<-ended
	require.Equal(t, strings.Repeat("x", size), first.Body.String())
	again := httptest.NewRecorder()
	ask(again, "a")
	require.Equal(t, 200, again.Code)
}

// TestSlowForms: a form that comes octet by octet keeps the pages from nobody.
func TestSlowForms(t *testing.T) {
	p := &pages{answers: budget.New(4*small, 1)}
	h := p.bounded(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		_, _ = w.Write([]byte(r.PostForm.Get("action")))
	})
	body, form := io.Pipe()
	ended := make(chan *httptest.ResponseRecorder)
	go func() {
		r := httptest.NewRequest("POST", "/confirm/a", body)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h(w, r)
		ended <- w
	}()
	_, err := form.Write([]byte("action=co")) // which returns when it is read
	require.NoError(t, err)
	other := httptest.NewRecorder()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	h(other, httptest.NewRequest("GET", "/confirm/b", nil).WithContext(ctx))
	require.NoError(t, ctx.Err())
	_, err = form.Write([]byte("de"))
	require.NoError(t, err)
	require.NoError(t, form.Close())
	require.Equal(t, "code", (<-ended).Body.String())
}
