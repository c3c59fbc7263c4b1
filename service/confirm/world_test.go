package confirm_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/service/shelf"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// phone is a notifier that remembers what it was told.
type phone struct {
	mu   sync.Mutex
	sent map[string][]*notify.Message // by address
	fail func(m *notify.Message) error
}

func (p *phone) Notify(_ context.Context, m *notify.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		if err := p.fail(m); err != nil {
			return err
		}
	}
	if p.sent == nil {
		p.sent = map[string][]*notify.Message{}
	}
	p.sent[m.To] = append(p.sent[m.To], m)
	return nil
}

func (p *phone) last(address string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.sent[address]
	if len(all) == 0 {
		return ""
	}
	return string(all[len(all)-1].Code.Bytes())
}

func (p *phone) count(address string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sent[address])
}

// counted is a key that counts its signatures, and fails when told so.
type counted struct {
	sign.Key
	mu   sync.Mutex
	n    int
	fail error
	gate chan struct{} // when set, a signature waits for a value
}

func (k *counted) SignContext(ctx context.Context, digest []byte, opts cryptoOpts) ([]byte, error) {
	k.mu.Lock()
	err, gate := k.fail, k.gate
	k.n++
	k.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err != nil {
		return nil, err
	}
	return k.Key.SignContext(ctx, digest, opts)
}

func (k *counted) signatures() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.n
}

// world is one engine and what is around it.
type world struct {
	t       *testing.T
	pki     *testpki.PKI
	phone   *phone
	key     *counted
	signer  *sign.Signer
	format  *cades.Options
	shelf   *shelf.Shelf
	log     *recorder
	config  confirm.Config
	engine  *confirm.Engine
	mu      sync.Mutex
	ahead   time.Duration
	openErr error
}

type recorder struct {
	mu  sync.Mutex
	all []audit.Record
	err error
}

func (r *recorder) Record(_ context.Context, a *audit.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, *a)
	return r.err
}

func (r *recorder) events(id string) (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.all {
		if a.RequestID == id {
			all = append(all, a.Event)
		}
	}
	return all
}

func (w *world) Open(context.Context, string) (*sign.Signer, *cades.Options, func(), error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.signer, w.format, func() {}, w.openErr
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

// later lets time pass.
func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

func newWorld(t *testing.T, bend ...func(*confirm.Config)) *world {
	w := &world{t: t, pki: testpki.New(t), phone: &phone{}, format: &cades.Options{}, log: &recorder{}}
	id := w.pki.Leaf(testpki.P256)
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(t, err)
	w.key = &counted{Key: key}
	w.signer, err = sign.New(w.key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { bucket.Close() })
	w.shelf = shelf.New(bucket, nil)
	w.config = confirm.Config{
		Database: filepath.Join(t.TempDir(), "signet.db"), Secret: sign.NewSecret(bytes.Repeat([]byte{7}, 32)), Keys: w, Shelf: w.shelf,
		Notifiers: map[string]notify.Notifier{"phone": w.phone}, Audit: w.log, Clock: w.now, Unattended: []string{"robot"},
	}
	for _, b := range bend {
		b(&w.config)
	}
	w.start()
	return w
}

func (w *world) start() {
	var err error
	w.engine, err = confirm.New(w.t.Context(), w.config)
	require.NoError(w.t, err)
	engine := w.engine
	w.t.Cleanup(func() { engine.Close(context.Background()) })
}

func (w *world) restart() {
	require.NoError(w.t, w.engine.Close(context.Background()))
	w.start()
}

func request(names ...string) confirm.Request {
	r := confirm.Request{Owner: "anna", Key: "seal", Title: "Contract 17", Method: confirm.Method{Kind: confirm.Code, Notifier: "phone", Address: "+79990001234"}}
	for _, name := range names {
		r.Items = append(r.Items, confirm.Item{Name: name, Content: sign.Bytes(name, []byte("content of "+name))})
	}
	return r
}

// begin begins an operation and waits for its code.
func (w *world) begin(r confirm.Request) *confirm.Operation {
	op, err := w.engine.Begin(w.t.Context(), r)
	require.NoError(w.t, err)
	return w.wait(op, confirm.Preparing)
}

// wait waits as long as the operation is in one of these states.
func (w *world) wait(op *confirm.Operation, while ...confirm.State) *confirm.Operation {
	ctx, cancel := context.WithTimeout(w.t.Context(), 60*time.Second)
	defer cancel()
	op, err := w.engine.Wait(ctx, op.Owner, op.ID, while...)
	require.NoError(w.t, err)
	require.NotContains(w.t, while, op.State, "it took too long")
	return op
}

// verify checks that each result is a good signature of its content.
func (w *world) verify(op *confirm.Operation, content func(name string) []byte) {
	results, err := w.engine.Results(w.t.Context(), op.Owner, op.ID)
	require.NoError(w.t, err)
	require.Len(w.t, results, len(op.Items))
	for i, r := range results {
		require.Equal(w.t, op.Items[i].Name, r.Name)
		require.Empty(w.t, r.Err)
		m, err := cades.Parse(r.Signature)
		require.NoError(w.t, err)
		report, err := m.Verify(w.t.Context(), sign.Bytes("", content(r.Name)), &cades.VerifyOptions{Roots: w.pki.Roots(), Time: testpki.Now()})
		require.NoError(w.t, err)
		require.True(w.t, report.Valid(), "%s: %+v", r.Name, report)
	}
}

func ofName(name string) []byte { return []byte("content of " + name) }

var errDown = errors.New("the token is gone")

func down() error {
	return &sign.Error{Op: "test", Class: sign.ErrUnavailable, Err: errDown, Temporary: true}
}

func other(code string) string {
	if code[0] == '1' {
		return "2" + code[1:]
	}
	return "1" + code[1:]
}

func many(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("file-%04d", i))
	}
	return names
}

// flaky is an authority of time-stamps that is away at first.
type flaky struct {
	tsp.Timestamper
	mu   sync.Mutex
	away int // calls that fail
}

func (f *flaky) Timestamp(ctx context.Context, imprint sign.Digest) (*tsp.Token, error) {
	f.mu.Lock()
	f.away--
	away := f.away >= 0
	f.mu.Unlock()
	if away {
		return nil, errors.New("the authority is away")
	}
	return f.Timestamper.Timestamp(ctx, imprint)
}

// levelT is a format with a time-stamp.
func levelT(t *testing.T, pki *testpki.PKI) *cades.Options {
	id := pki.TSA(testpki.P256)
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(t, err)
	s, err := sign.New(key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	authority, err := tsp.NewAuthority(s, nil)
	require.NoError(t, err)
	return &cades.Options{Level: cades.LevelT, Timestamper: &flaky{Timestamper: authority, away: 1}}
}
