package confirm_test

import (
	"bytes"
	"context"
	"crypto"
	"database/sql"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/internal/pgtest"
	"github.com/seed-116355fd/signet/sign"
)

var (
	measure = flag.Bool("measure", false, "run the measurements, which take minutes")
	turns   = flag.Int("turns", 8, "turns of each; medians and quartiles are printed")
	each    = flag.Int("each", 1500, "operations of a turn")
)

func needsMeasure(t *testing.T) {
	if !*measure {
		t.Skip("a measurement: run it with -measure")
	}
}

// ratios prints medians and the quartiles of the ratios of pairs.
func ratios(t *testing.T, what string, ours, theirs []time.Duration) {
	r := make([]float64, len(ours))
	for i := range ours {
		r[i] = float64(theirs[i]) / float64(ours[i])
	}
	slices.Sort(r)
	slices.Sort(ours)
	slices.Sort(theirs)
	t.Logf("%s: %v against %v, ratio %.2f [%.2f-%.2f]", what, ours[len(ours)/2], theirs[len(theirs)/2], r[len(r)/2], r[len(r)/4], r[3*len(r)/4])
}

const measureClients = 64

// through takes n operations through the engines, by many clients of many owners.
func (w *world) through(engines []*confirm.Engine, n int) time.Duration {
	var next atomic.Int64
	var wg sync.WaitGroup
	run := time.Now().UnixNano()
	start := time.Now()
	for k := range measureClients {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i > n {
					return
				}
				e := engines[i%len(engines)]
				r := request("a")
				r.Owner, r.Method.Address = fmt.Sprint("owner", k), fmt.Sprintf("%d-%d", run, i)
				op, err := e.Begin(w.t.Context(), r)
				if err == nil {
					op, err = e.Wait(w.t.Context(), r.Owner, op.ID, confirm.Preparing)
				}
				if err == nil {
					_, err = e.Confirm(w.t.Context(), r.Owner, op.Token, w.phone.last(r.Method.Address))
				}
				if err == nil {
					op, err = e.Wait(w.t.Context(), r.Owner, op.ID, confirm.Signing)
				}
				if err == nil {
					_, err = e.Results(w.t.Context(), r.Owner, op.ID)
				}
				if err != nil {
					w.t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start) / time.Duration(n)
}

// The rows of one operation of one file, in octets.
var rowSizes = []int{900, 1500, 1400}

// TestMeasureSQLite compares whole operations with bare durable commits of the same rows, three an operation.
func TestMeasureSQLite(t *testing.T) {
	needsMeasure(t)
	w := newWorld(t, func(c *confirm.Config) { c.Limits.PerOwner, c.Audit = 1<<30, nil })
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "bare.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`CREATE TABLE bare (id TEXT PRIMARY KEY, data BLOB)`)
	require.NoError(t, err)
	insert, err := db.Prepare(`INSERT INTO bare (id, data) VALUES (?1, ?2)`)
	require.NoError(t, err)
	n := 0
	bare := func() time.Duration {
		start := time.Now()
		for range *each {
			for _, size := range rowSizes {
				n++
				_, err := insert.Exec(fmt.Sprintf("%036d", n), make([]byte, size))
				require.NoError(t, err)
			}
		}
		return time.Since(start) / time.Duration(*each)
	}
	engines := []*confirm.Engine{w.engine}
	w.through(engines, *each)
	var ours, theirs []time.Duration
	for range *turns {
		before := bare()
		ours = append(ours, w.through(engines, *each))
		theirs = append(theirs, (before+bare())/2)
	}
	ratios(t, "SQLite, one operation", ours, theirs)
}

// TestMeasurePostgres is the same with three engines. The bare commits are made on one connection, as those of SQLite are, on
// three, as there are replicas, and on as many as there are clients, which share the wait for the disk.
func TestMeasurePostgres(t *testing.T) {
	needsMeasure(t)
	pg := pgtest.StartDurable(t)
	w := newWorld(t, func(c *confirm.Config) { c.Database, c.Migrate, c.Limits.PerOwner, c.Audit = pg.URL, true, 1<<30, nil })
	engines := []*confirm.Engine{w.engine}
	for range 2 {
		e, err := confirm.New(t.Context(), w.config)
		require.NoError(t, err)
		t.Cleanup(func() { e.Close(context.Background()) })
		engines = append(engines, e)
	}
	config, err := pgxpool.ParseConfig(pg.URL)
	require.NoError(t, err)
	config.MaxConns = 72
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer pool.Close()
	_, err = pool.Exec(t.Context(), `CREATE TABLE bare (id TEXT PRIMARY KEY, data BYTEA)`)
	require.NoError(t, err)
	var n atomic.Int64
	bare := func(connections int) time.Duration {
		var left atomic.Int64
		var wg sync.WaitGroup
		start := time.Now()
		for range connections {
			wg.Go(func() {
				for left.Add(1) <= int64(*each) {
					for _, size := range rowSizes {
						if _, err := pool.Exec(t.Context(), `INSERT INTO bare (id, data) VALUES ($1, $2)`, fmt.Sprintf("%036d", n.Add(1)), make([]byte, size)); err != nil {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		wg.Wait()
		return time.Since(start) / time.Duration(*each)
	}
	w.through(engines, *each)
	var ours []time.Duration
	connections := []int{1, 3, measureClients}
	theirs := make([][]time.Duration, len(connections))
	for range *turns {
		ours = append(ours, w.through(engines, *each))
		for i, n := range connections {
			theirs[i] = append(theirs[i], bare(n))
		}
	}
	for i, n := range connections {
		ratios(t, fmt.Sprintf("PostgreSQL and three engines, one operation, against %d connections", n), slices.Clone(ours), theirs[i])
	}
}

// TestMeasureFiles compares an operation of 1,000 files of 10 KB with batch.Sign of them.
func TestMeasureFiles(t *testing.T) {
	needsMeasure(t)
	for _, kind := range []testpki.Kind{testpki.P256, testpki.RSA2048} {
		w := newWorld(t, func(c *confirm.Config) { c.Limits.PerOwner, c.Audit = 1<<30, nil })
		id := w.pki.Leaf(kind)
		key, err := soft.NewKey(id.Key, 0)
		require.NoError(t, err)
		scheme := testpki.Must(sign.ECDSA(crypto.SHA256))
		if kind == testpki.RSA2048 {
			scheme = testpki.Must(sign.PKCS1(crypto.SHA256))
		}
		s, err := sign.New(key, id.Chain, scheme)
		require.NoError(t, err)
		w.mu.Lock()
		w.signer = s
		w.mu.Unlock()
		var contents []batch.Content
		r := request("a")
		r.Items = nil
		for i := range 1000 {
			data := bytes.Repeat([]byte{byte(i)}, 10_000)
			contents = append(contents, sign.Bytes(fmt.Sprint(i), data))
			r.Items = append(r.Items, confirm.Item{Name: fmt.Sprint(i), Content: contents[i]})
		}
		bare := func() time.Duration {
			start := time.Now()
			results, err := batch.Sign(t.Context(), s, &cades.Options{}, contents, nil)
			require.NoError(t, err)
			require.NoError(t, results[999].Err)
			return time.Since(start)
		}
		var n atomic.Int64
		whole := func(atOnce int) time.Duration {
			var wg sync.WaitGroup
			start := time.Now()
			for range atOnce {
				wg.Go(func() {
					r := r
					r.Method.Address = fmt.Sprint(kind, n.Add(1))
					op, err := w.engine.Begin(t.Context(), r)
					if err == nil {
						op, err = w.engine.Wait(t.Context(), "anna", op.ID, confirm.Preparing)
					}
					if err == nil {
						_, err = w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last(r.Method.Address))
					}
					if err == nil {
						op, err = w.engine.Wait(t.Context(), "anna", op.ID, confirm.Signing)
					}
					if err != nil || op.State != confirm.Completed {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			return time.Since(start) / time.Duration(atOnce)
		}
		whole(1)
		bare()
		for _, atOnce := range []int{1, 4} {
			var ours, theirs []time.Duration
			for range 3 * *turns {
				before := bare()
				ours = append(ours, whole(atOnce))
				theirs = append(theirs, (before+bare())/2)
			}
			ratios(t, fmt.Sprintf("1,000 files of 10 KB, %v, %d operations at once, each", kind, atOnce), ours, theirs)
		}
	}
}
