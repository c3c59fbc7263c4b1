package faults

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/internal/pgtest"
)

var (
	operations = flag.Int("operations", 150, "how many operations go through")
	clients    = flag.Int("clients", 24, "how many are under way at once")
	each       = flag.Int("each", 25, "how many operations are done between two faults")
	seed       = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the dice")
	patience   = flag.Duration("patience", 3*time.Minute, "how long one operation may take")
)

// generous are limits that clients of this test do not meet.
func generous() confirm.Limits {
	return confirm.Limits{Attempts: 20, Guesses: 1 << 30, PerOwner: 1 << 30, Resends: 1000, Pause: time.Millisecond, Digits: 8, Open: time.Hour, Code: 30 * time.Minute}
}

// TestPostgres loads three replicas that share a PostgreSQL, while they are killed, the database is stopped in order and by
// force, and connections are cut. Nothing that was confirmed is lost, nothing is signed that was not, and results never
// change.
func TestPostgres(t *testing.T) {
	db := pgtest.Start(t)
	d := newDriver(t, db.URL, 3, generous())
	cut := func() {
		conn, err := sql.Open("pgx", db.URL)
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres'`)
		require.NoError(t, err)
	}
	kill := func() {
		p := d.replicas[rand.IntN(3)]
		d.kills++
		d.kill(p)
		d.start(p)
	}
	d.load([]func(){
		kill, cut, kill,
		func() { db.Stop(); db.Run() },
		kill, cut,
		func() { db.Kill(); db.Run() },
	})
	d.count("pgx", db.URL)
}

// TestSQLite is the same with one process and a file.
func TestSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signet.db")
	d := newDriver(t, path, 1, generous())
	d.load([]func(){func() {
		d.kills++
		d.kill(d.replicas[0])
		d.start(d.replicas[0])
	}})
	d.kill(d.replicas[0])
	d.count("sqlite", "file:"+path)
}

// load has clients take all operations through, with a fault after each few of them.
func (d *driver) load(faults []func()) {
	t := d.t
	start := time.Now()
	jobs := make([]*job, *operations)
	var finished atomic.Int64
	progress := make(chan struct{}, 1)
	next := make(chan *job)
	var mu sync.Mutex
	var read []*job // all that were
	var wg sync.WaitGroup
	for range *clients {
		wg.Go(func() {
			for j := range next {
				ctx, cancel := context.WithTimeout(t.Context(), *patience)
				if err := j.run(ctx); err != nil {
					t.Errorf("operation %d (%s): %v", j.n, j.address(), err)
				}
				// One that was read before is read again, in the midst of it all.
				mu.Lock()
				if j.accepted && j.sum != [sha256.Size]byte{} {
					read = append(read, j)
				}
				var again *job
				if len(read) > 0 {
					again = read[j.dice.IntN(len(read))]
				}
				mu.Unlock()
				if again != nil {
					if err := again.read(ctx); err != nil {
						t.Errorf("operation %d, read again: %v", again.n, err)
					}
				}
				cancel()
				finished.Add(1)
				select {
				case progress <- struct{}{}:
				default:
				}
			}
		})
	}
	for i := range jobs {
		jobs[i] = &job{d: d, n: i, dice: rand.New(rand.NewPCG(*seed, uint64(i)))}
	}
	go func() {
		for _, j := range jobs {
			next <- j
		}
		close(next)
	}()
	done, faultsDone := 0, 0
	for done < *operations {
		<-progress
		done = int(finished.Load())
		if done/(*each) > faultsDone && done < *operations && !t.Failed() {
			faults[faultsDone%len(faults)]()
			faultsDone++
		}
	}
	wg.Wait()
	took := time.Since(start)

	// All is read once more, from each replica.
	confirmed := 0
	for _, j := range jobs {
		if j.op == nil {
			continue
		}
		if !j.accepted {
			a := d.insist(t.Context(), "/get", j.ofID())
			if a.Op == nil || a.Op.State != confirm.Awaiting {
				t.Errorf("operation %d, that nobody confirmed: %+v", j.n, a)
			}
			if a := d.insist(t.Context(), "/results", j.ofID()); a.Error != "state" {
				t.Errorf("operation %d has results without an accepted code: %+v", j.n, a)
			}
			continue
		}
		confirmed++
		for _, p := range d.replicas {
			a, known := d.askOne(t.Context(), p, "/get", j.ofID())
			if !known || a.Op == nil || a.Op.State != confirm.Completed {
				t.Errorf("operation %d was confirmed, and is lost: %+v", j.n, a)
			}
		}
		for range len(d.replicas) {
			if err := j.read(t.Context()); err != nil {
				t.Errorf("operation %d: %v", j.n, err)
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	messages := 0
	for _, all := range d.codes {
		messages += len(all)
	}
	for id, events := range d.events {
		if events["confirm"] > 1 {
			t.Errorf("operation %s was confirmed %d times", id, events["confirm"])
		}
	}
	fmt.Printf("%s: %d operations in %s (%.0f a second), %d confirmed, %d faults (%d kills), %d replies not known, %d messages\n",
		t.Name(), *operations, took.Round(time.Millisecond), float64(*operations)/took.Seconds(), confirmed, faultsDone, d.kills, d.unknown.Load(), messages)
	require.NotZero(t, faultsDone)
}

// count looks into the database: as many operations as were begun, and as many that are confirmed as codes were accepted.
func (d *driver) count(name, dsn string) {
	db, err := sql.Open(name, dsn)
	require.NoError(d.t, err)
	defer db.Close()
	var all, confirmed, results int
	require.NoError(d.t, db.QueryRow(`SELECT count(*), count(confirmed) FROM signet_operation`).Scan(&all, &confirmed))
	require.NoError(d.t, db.QueryRow(`SELECT count(results) FROM signet_blob`).Scan(&results))
	require.Equal(d.t, *operations, all, "operations were begun twice, or lost")
	expected := *operations - (*operations+19)/20
	require.Equal(d.t, expected, confirmed)
	require.Equal(d.t, expected, results)
}
