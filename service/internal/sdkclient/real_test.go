package sdkclient_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	cloudclient "github.com/seed-116355fd/signet/provider/cloudsign"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/cloudsign"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/service/internal/sdkclient"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/service/shelf"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

const receipts = 7

// real is the service itself, on SQLite.
type real struct {
	*testing.T
	engine *confirm.Engine
	base   string
	chain  []*x509.Certificate
	roots  *trust.Roots
	folder string
	ahead  atomic.Int64 // of the clock of the engine

	mu    sync.Mutex
	codes map[string]string // by token; empty when none is passed back
	sent  *sync.Cond
}

func newReal(t *testing.T) *real {
	t.Helper()
	r := &real{T: t, codes: map[string]string{}, folder: t.TempDir()}
	r.sent = sync.NewCond(&r.mu)
	pki := testpki.New(t)
	r.roots = pki.Roots()
	var all []keys.Key
	for _, name := range []string{"seal", "second"} {
		id := pki.Leaf(testpki.P256)
		if r.chain == nil {
			r.chain = id.Chain
		}
		der, err := x509.MarshalPKCS8PrivateKey(id.Key)
		require.NoError(t, err)
		text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), testpki.CertPEM(id.Chain...)...)
		all = append(all, keys.Key{Name: name, Store: &keys.Store{Name: name, Open: func(ctx context.Context) (sign.Provider, error) {
			return soft.Parse(ctx, name, text, soft.Config{})
		}}})
	}
	set, err := keys.New(all, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, set.Close()) })
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = bucket.Close() })
	items := shelf.New(bucket, nil)

	box := filepath.Join(r.folder, "b")
	require.NoError(t, os.Mkdir(box, 0o700))
	for i := range receipts {
		require.NoError(t, os.WriteFile(filepath.Join(box, fmt.Sprintf("r%d", i)), fmt.Appendf(nil, "receipt %d", i), 0o600))
	}
	const link = "https://sign.example/confirm/"
	r.engine, err = confirm.New(t.Context(), confirm.Config{
		Database: filepath.Join(t.TempDir(), "signet.db"), Secret: sign.NewSecret(bytes.Repeat([]byte{7}, 32)), Keys: confirm.KeySet(set), Shelf: items, Link: link,
		Notifiers: map[string]notify.Notifier{"sms": notify.Func(func(_ context.Context, m *notify.Message) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.codes[strings.TrimPrefix(m.Link, link)] = string(m.Code.Bytes())
			r.sent.Broadcast()
			return nil
		})},
		Sources: map[string]confirm.Source{"folder": confirm.FolderSource{Folder: r.folder}}, Unattended: []string{"seal"},
		Limits: confirm.Limits{Guesses: 100_000, PerOwner: 100_000},
		Clock:  func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.engine.Close(context.WithoutCancel(t.Context()))) })
	handler, err := cloudsign.New(cloudsign.Config{
		Engine: r.engine, Shelf: items, Keys: set,
		Auth: auth.Func(func(req *http.Request) (*auth.Principal, error) {
			token, err := auth.Bearer(req)
			if err != nil {
				return nil, err
			}
			switch token {
			case "token-anna":
				return &auth.Principal{Name: "anna", Keys: []string{"seal"}, Endpoints: []string{"*"}}, nil
			case "token-boris":
				return &auth.Principal{Name: "boris", Keys: []string{"second"}, Endpoints: []string{"*"}}, nil
			}
			return nil, auth.ErrRefused
		}),
		Caller: func(context.Context, string) (cloudsign.Profile, error) {
			return cloudsign.Profile{Method: confirm.Method{Kind: confirm.Code, Notifier: "sms", Address: "+79001234567", Hint: "+7900***4567"}}, nil
		},
		Box: func(_ context.Context, owner, box string) (string, error) {
			if owner != "anna" || box != "b" {
				return "", cloudsign.ErrUnknown
			}
			return "folder", nil
		},
	})
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	r.base = server.URL
	return r
}

// token is that of the operation of a task of the first caller, once the message is there.
func (r *real) token(task string) (token, code string) {
	op, err := r.engine.Get(r.Context(), "anna", task)
	if err != nil {
		return "", "" // of a case that fails for another reason
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if code, ok := r.codes[op.Token]; ok {
			return op.Token, code
		}
		r.sent.Wait()
	}
}

func (r *real) check(container, content []byte) error {
	m, err := cades.Parse(container)
	if err != nil {
		return err
	}
	report, err := m.Verify(context.Background(), sign.Bytes("", content), &cades.VerifyOptions{Roots: r.roots})
	if err != nil {
		return err
	}
	if !report.Trusted() {
		return fmt.Errorf("the signature is not valid: %+v", report.Signatures)
	}
	return nil
}

// TestRealServer has the service pass the battery.
func TestRealServer(t *testing.T) {
	r := newReal(t)
	sdkclient.Battery(t, sdkclient.World{
		Base: r.base, Tokens: [2]string{"token-anna", "token-boris"}, App: "app", Thumbprint: sign.Thumbprint(r.chain[0]), Attempts: 5, Check: r.check,
		Code:   func(task string) string { _, code := r.token(task); return code },
		Expire: func() { r.ahead.Add(int64(6 * time.Minute)) },
		Approve: func(task string) {
			token, _ := r.token(task)
			_, err := r.engine.Approve(t.Context(), token)
			require.NoError(t, err)
		},
		Decline: func(task string) {
			token, _ := r.token(task)
			_, err := r.engine.Decline(t.Context(), token)
			require.NoError(t, err)
		},
		Box: "b", Receipts: receipts,
		Signed: func() int {
			all, err := filepath.Glob(filepath.Join(r.folder, "b", "*.p7s"))
			require.NoError(t, err)
			return len(all)
		},
	})
}

// TestProviderOfTheLibrary has provider/cloudsign sign with the service.
func TestProviderOfTheLibrary(t *testing.T) {
	r := newReal(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	for name, bend := range map[string]func(c *cloudclient.Config){
		"content": func(*cloudclient.Config) {}, "reference": func(c *cloudclient.Config) { c.Reference = true },
		"shelf":            func(c *cloudclient.Config) { c.Inline = -1 },
		"old shelf":        func(c *cloudclient.Config) { c.Inline, c.OldShelf, c.Reference = 100, true, true },
		"phone":            func(c *cloudclient.Config) { c.OnPhone = true },
		"phone, old shelf": func(c *cloudclient.Config) { c.OnPhone, c.OldShelf, c.Inline = true, true, -1 },
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			c := cloudclient.Config{
				URL: r.base, Token: sign.NewSecret([]byte("token-anna")), ClientID: "app", Chain: r.chain,
				Code: func(_ context.Context, ch cloudclient.Challenge) (sign.Secret, error) {
					op, err := r.engine.Get(t.Context(), "anna", ch.TaskID)
					require.NoError(t, err)
					require.Equal(t, op.Digest, ch.Digest, "the person sees the same digest here and in the message")
					_, code := r.token(ch.TaskID)
					if asked++; asked == 1 {
						code = code[:5] + string('0'+(code[5]-'0'+1)%10)
					}
					return sign.NewSecret([]byte(code)), nil
				},
				Save: func(_ context.Context, s cloudclient.State) error {
					if s.OnPhone {
						token, _ := r.token(s.TaskID)
						_, err := r.engine.Approve(t.Context(), token)
						return err
					}
					return nil
				},
			}
			bend(&c)
			keys, err := cloudclient.New(c)
			require.NoError(t, err)
			defer func() { require.NoError(t, keys.Close()) }()
			signer, err := sign.Open(t.Context(), keys, sign.Ref{})
			require.NoError(t, err)
			contents := [][]byte{[]byte("one"), big, {}, []byte("two")}
			if c.Inline < 0 {
				contents[2] = []byte("three") // an empty content goes inline all the same
			}
			var list []sign.Content
			for i, data := range contents {
				list = append(list, sign.Bytes(fmt.Sprint("file ", i), data))
			}
			results, err := batch.Sign(t.Context(), signer, keys.Format(), list, nil)
			require.NoError(t, err)
			for i, result := range results {
				require.NoError(t, result.Err)
				require.NoError(t, r.check(result.Signature, contents[i]))
			}
			if !c.OnPhone {
				require.Equal(t, 2, asked, "once more after the wrong code")
			}
		})
	}
}
