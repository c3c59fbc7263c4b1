package confirm

import (
	"bytes"
	"context"
	"crypto"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/service/internal/pgtest"
	"github.com/seed-116355fd/signet/sign"
)

var grown = flag.Int("grown", 1_000_000, "with -measure: operations that are there already")

// growth is an engine whose database has many operations.
type growth struct {
	t      *testing.T
	signer *sign.Signer
	engine *Engine
	mu     sync.Mutex
	codes  map[string]string
	ahead  time.Duration
}

func (g *growth) Open(context.Context, string) (*sign.Signer, *cades.Options, func(), error) {
	return g.signer, &cades.Options{}, func() {}, nil
}

func (g *growth) Notify(_ context.Context, m *notify.Message) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.codes[m.To] = string(m.Code.Bytes())
	return nil
}

func (g *growth) code(to string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.codes[to]
}

func newGrowth(t *testing.T, database string) *growth {
	g := &growth{t: t, codes: map[string]string{}}
	id := testpki.New(t).Leaf(testpki.P256)
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(t, err)
	g.signer, err = sign.New(key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	g.engine, err = New(t.Context(), Config{
		Database: database, Secret: sign.NewSecret(bytes.Repeat([]byte{1}, 32)), Keys: g, Migrate: true,
		Notifiers: map[string]notify.Notifier{"sms": g}, Limits: Limits{PerOwner: 1 << 30},
		Clock: func() time.Time {
			g.mu.Lock()
			defer g.mu.Unlock()
			return time.Now().Add(g.ahead)
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { g.engine.Close(context.Background()) })
	return g
}

// fill puts operations into the database that were completed within the last six days.
func (g *growth) fill(n int) {
	e := g.engine
	results := e.sealOutcomes("", []outcome{{signature: make([]byte, 1300)}}) // nobody reads them
	now := time.Now()
	for at := 0; at < n; at += 5000 {
		require.NoError(g.t, e.store.write(g.t.Context(), func(t tx) error {
			for i := at; i < min(at+5000, n); i++ {
				created := now.Add(-time.Duration(i) * 6 * 24 * time.Hour / time.Duration(n))
				id, err := uuid.NewV7()
				if err != nil {
					return err
				}
				h := &header{Owner: fmt.Sprint("owner", i%1000), Key: "seal", Title: "Contract", Method: Method{Kind: Code, Notifier: "sms", Address: "+79990001234"},
					Drafts: make([]byte, 32), Digest: "00", Items: []headerItem{{Name: "agreement.pdf", Size: 10_000, Digest: make([]byte, 32)}}}
				sealed, err := e.seals.sealHeader(id.String(), h)
				if err != nil {
					return err
				}
				if err := t.put(g.t.Context(), `INSERT INTO signet_operation (id, token, owner, state, created, expires, finished, confirmed, header) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
					id.String(), e.seals.tokenKey(e.seals.tokenOf(id.String())), h.Owner, int(Completed), created.UnixMicro(), created.Add(time.Hour).UnixMicro(), created.Add(time.Minute).UnixMicro(), make([]byte, 32), sealed); err != nil {
					return err
				}
				if err := t.put(g.t.Context(), `INSERT INTO signet_blob (id, results) VALUES ($1, $2)`, id.String(), results); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// steps measures one operation.
func (g *growth) steps(n int) (begin, confirm, poll time.Duration) {
	to := fmt.Sprint("to", n)
	start := time.Now()
	op, err := g.engine.Begin(g.t.Context(), Request{Owner: fmt.Sprint("owner", n%1000), Key: "seal", Items: []Item{{Name: "a", Content: sign.Bytes("a", []byte("a"))}},
		Method: Method{Kind: Code, Notifier: "sms", Address: to}})
	begin = time.Since(start)
	require.NoError(g.t, err)
	op, err = g.engine.Wait(g.t.Context(), op.Owner, op.ID, Preparing)
	require.NoError(g.t, err)
	start = time.Now()
	_, err = g.engine.Confirm(g.t.Context(), op.Owner, op.Token, g.code(to))
	confirm = time.Since(start)
	require.NoError(g.t, err)
	op, err = g.engine.Wait(g.t.Context(), op.Owner, op.ID, Signing)
	require.NoError(g.t, err)
	require.Equal(g.t, Completed, op.State)
	start = time.Now()
	for range 10 {
		_, err = g.engine.Get(g.t.Context(), op.Owner, op.ID)
		require.NoError(g.t, err)
	}
	return begin, confirm, time.Since(start) / 10
}

// TestMeasureGrowth compares Begin, Confirm and Get of a database with a million operations with those of an empty one, and
// looks at its size when what is old was wiped and as much came anew.
func TestMeasureGrowth(t *testing.T) {
	if flag.Lookup("measure").Value.String() != "true" {
		t.Skip("a measurement: run it with -measure")
	}
	for _, kind := range []string{"SQLite", "PostgreSQL"} {
		t.Run(kind, func(t *testing.T) {
			empty, full := filepath.Join(t.TempDir(), "empty.db"), filepath.Join(t.TempDir(), "full.db")
			file := full
			if kind == "PostgreSQL" {
				empty, full = pgtest.StartDurable(t).URL, pgtest.StartDurable(t).URL
			}
			a, b := newGrowth(t, empty), newGrowth(t, full)
			start := time.Now()
			b.fill(*grown)
			t.Logf("%d operations were put there in %s", *grown, time.Since(start).Round(time.Second))
			if kind == "PostgreSQL" {
				require.NoError(t, b.engine.store.write(t.Context(), func(x tx) error {
					_, err := x.exec(t.Context(), `ANALYZE`)
					return err
				}))
			}
			var figures [6][]time.Duration
			for n := range 600 {
				for k, g := range []*growth{a, b} {
					x, y, z := g.steps(n)
					figures[3*k] = append(figures[3*k], x)
					figures[3*k+1] = append(figures[3*k+1], y)
					figures[3*k+2] = append(figures[3*k+2], z)
				}
			}
			for i := range figures {
				slices.Sort(figures[i])
			}
			median := func(i int) time.Duration { return figures[i][len(figures[i])/2] }
			for i, name := range []string{"Begin", "Confirm", "Get"} {
				t.Logf("%s: %v with %d operations, %v in an empty one: %.2f", name, median(i+3), *grown, median(i), float64(median(i+3))/float64(median(i)))
			}
			start = time.Now()
			_, err := b.engine.List(t.Context(), Filter{States: []State{Partial, Failed}})
			require.NoError(t, err)
			t.Logf("the list of what failed: %s", time.Since(start))
			if kind != "SQLite" {
				return
			}
			size := func() int64 {
				info, err := os.Stat(file)
				require.NoError(t, err)
				return info.Size() >> 20
			}
			before := size()
			b.mu.Lock()
			b.ahead = 31 * 24 * time.Hour
			b.mu.Unlock()
			start = time.Now()
			require.NoError(t, b.engine.workSweep(t.Context()))
			took := time.Since(start)
			b.mu.Lock()
			b.ahead = 0
			b.mu.Unlock()
			b.fill(*grown)
			t.Logf("%d MiB; wiped in %s; %d MiB after as many new ones", before, took.Round(time.Second), size())
		})
	}
}
