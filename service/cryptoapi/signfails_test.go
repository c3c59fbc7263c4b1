package cryptoapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/cryptoapi"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// TestSignKeyFails ends a batch whose key is gone, and answers for every content; what is temporary is one content's.
func TestSignKeyFails(t *testing.T) {
	for _, temporary := range []bool{false, true} {
		w := newSignWorld(t, signOptions{fails: func(call int64) error {
			if call == 3 {
				return &sign.Error{Op: "hsm: sign", Class: sign.ErrUnavailable, Temporary: temporary}
			}
			return nil
		}})
		contents := "[" + strings.Join(slices.Repeat([]string{`"` + b64("x") + `"`}, 2000), ",") + "]"
		for _, order := range []string{`{"Thumbprint":%[1]q,"Contents":%[2]s}`, `{"Contents":%[2]s,"Thumbprint":%[1]q}`} {
			results := w.good(fmt.Sprintf(order, w.thumbprint(), contents))
			require.Len(t, results, 2000)
			failed := 0
			for _, r := range results {
				if r.ErrorMessage != nil {
					failed++
					require.Contains(t, *r.ErrorMessage, "the key cannot be used now")
				} else {
					w.requireSigned(r, "x")
				}
			}
			if temporary {
				require.Equal(t, 1, failed)
			} else {
				require.Greater(t, failed, 1000)
			}
			break // the key fails once only
		}
	}
}

// TestSignKeyCannotBeOpened is 503, since the request may well be good.
func TestSignKeyCannotBeOpened(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	set, err := keys.New([]keys.Key{{Name: "seal", Ref: sign.Ref{Certificate: id.Certificate()}, Store: &keys.Store{Name: "hsm", Open: func(context.Context) (sign.Provider, error) {
		return nil, errors.New("PIN 1234 at 10.0.0.7 refused")
	}}}}, nil)
	require.NoError(t, err)
	defer set.Close()
	g, err := gate.New(gate.Config{Auth: auth.Func(func(*http.Request) (*auth.Principal, error) {
		return &auth.Principal{Name: "clerk", Keys: []string{"*"}, Endpoints: []string{"*"}}, nil
	})})
	require.NoError(t, err)
	h, err := cryptoapi.New(cryptoapi.Config{Keys: set, Gate: g})
	require.NoError(t, err)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v2/sign", strings.NewReader(`{"Thumbprint":"`+sign.Thumbprint(id.Certificate())+`","Contents":["YQ=="]}`)))
	require.Equal(t, 503, w.Code, w.Body)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.NotContains(t, w.Body.String(), "10.0.0.7")
	require.NotContains(t, w.Body.String(), "1234")
}

// TestSignAuditFails hands nothing out.
func TestSignAuditFails(t *testing.T) {
	w := newSignWorld(t, signOptions{})
	w.audit.err = errors.New("disk full")
	status, _, e := w.post(strings.NewReader(fmt.Sprintf(`{"Thumbprint":%q,"Contents":["YQ=="]}`, w.thumbprint())))
	require.Equal(t, 503, status)
	require.Contains(t, e.Message, "audit log")
}

// TestSignGone stops the work when the client goes away in the middle, and keeps what was signed on record.
func TestSignGone(t *testing.T) {
	began := make(chan struct{})
	var once sync.Once
	w := newSignWorld(t, signOptions{fails: func(int64) error { once.Do(func() { close(began) }); return nil }})
	body, writer := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/v2/sign", body)
	require.NoError(t, err)
	done := make(chan error)
	go func() {
		_, err := http.DefaultClient.Do(r)
		done <- err
	}()
	_, err = fmt.Fprintf(writer, `{"Thumbprint":%q,"Contents":[%q,%q`, w.thumbprint(), b64("a"), b64("b"))
	require.NoError(t, err)
	<-began // a content is signed before the request has ended
	cancel()
	_ = writer.CloseWithError(context.Canceled) // the transport waits for its body
	require.Error(t, <-done)
	require.Eventually(t, func() bool {
		requests, _, signatures := w.gate.Load()
		return requests+signatures == 0
	}, 10e9, 1e6)
	w.audit.mu.Lock()
	defer w.audit.mu.Unlock()
	for _, r := range w.audit.records { // the signature may have been on its way still
		require.Contains(t, r.Detail, "none of the request was handed out")
	}
}

// TestSignPanics answers with 500, out of whichever goroutine a panic comes.
func TestSignPanics(t *testing.T) {
	w := newSignWorld(t, signOptions{})
	body := io.MultiReader(strings.NewReader(fmt.Sprintf(`{"Thumbprint":%q,"Contents":[%q,`, w.thumbprint(), b64("a"))), panicReader{})
	r := httptest.NewRequest(http.MethodPost, "/v2/sign", body)
	recorded := httptest.NewRecorder()
	h, err := cryptoapi.New(cryptoapi.Config{Keys: w.set(), Gate: w.gate})
	require.NoError(t, err)
	h.ServeHTTP(recorded, r)
	require.Equal(t, 500, recorded.Code)
}

type panicReader struct{}

func (panicReader) Read([]byte) (int, error) { panic("a middleware is broken") }
