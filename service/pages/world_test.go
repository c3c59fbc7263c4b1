package pages_test

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/service/pages"
	"github.com/seed-116355fd/signet/service/shelf"
	"github.com/seed-116355fd/signet/sign"
)

// world is an engine with its pages.
type world struct {
	t      *testing.T
	pki    *testpki.PKI
	signer *sign.Signer
	shelf  *shelf.Shelf
	engine *confirm.Engine
	server *httptest.Server

	mu   sync.Mutex
	code string
	fail error
}

const operatorToken = "operator-token"

func (w *world) Open(context.Context, string) (*sign.Signer, *cades.Options, func(), error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.signer, &cades.Options{}, func() {}, w.fail
}

func (w *world) Notify(_ context.Context, m *notify.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.code = string(m.Code.Bytes())
	return nil
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, pki: testpki.New(t)}
	id := w.pki.Leaf(testpki.P256)
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(t, err)
	w.signer, err = sign.New(key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { bucket.Close() })
	w.shelf = shelf.New(bucket, nil)
	w.engine, err = confirm.New(t.Context(), confirm.Config{
		Database: filepath.Join(t.TempDir(), "operations.db"), Secret: sign.NewSecret(bytes.Repeat([]byte{1}, 32)), Keys: w, Shelf: w.shelf,
		Notifiers: map[string]notify.Notifier{"sms": w},
	})
	require.NoError(t, err)
	t.Cleanup(func() { w.engine.Close(context.Background()) })
	h, err := pages.New(pages.Config{Engine: w.engine, Auth: auth.Func(func(r *http.Request) (*auth.Principal, error) {
		switch r.Header.Get("Authorization") {
		case "Bearer " + operatorToken:
			return &auth.Principal{Name: "olga", Endpoints: []string{"operations"}}, nil
		case "Bearer all":
			return &auth.Principal{Name: "anna", Keys: []string{"*"}, Endpoints: []string{"*"}}, nil
		case "Bearer other":
			return &auth.Principal{Name: "other", Endpoints: []string{"sign"}}, nil
		case "":
			return nil, auth.ErrNone
		}
		return nil, auth.ErrRefused
	})})
	require.NoError(t, err)
	w.server = httptest.NewServer(h)
	t.Cleanup(w.server.Close)
	return w
}

// begin begins an operation over the shelf and waits until the person is asked.
func (w *world) begin(kind confirm.Kind, names ...string) *confirm.Operation {
	r := confirm.Request{Owner: "anna", Key: "seal", Title: "Contract \u202e17", Method: confirm.Method{Kind: kind, Notifier: "sms", Address: "+79990001234"}}
	for i, name := range names {
		lies := fmt.Sprintf("file-%d", i)
		_, err := w.shelf.Part(w.t.Context(), "anna", lies, 0, true, bytes.NewReader([]byte("content of "+name)))
		require.NoError(w.t, err)
		r.Items = append(r.Items, confirm.Item{Name: name, Shelf: lies})
	}
	op, err := w.engine.Begin(w.t.Context(), r)
	require.NoError(w.t, err)
	return w.wait(op, confirm.Preparing)
}

func (w *world) wait(op *confirm.Operation, while ...confirm.State) *confirm.Operation {
	ctx, cancel := context.WithTimeout(w.t.Context(), 60*time.Second)
	defer cancel()
	op, err := w.engine.Wait(ctx, "anna", op.ID, while...)
	require.NoError(w.t, err)
	require.NotContains(w.t, while, op.State)
	return op
}

func (w *world) sent() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.code
}
