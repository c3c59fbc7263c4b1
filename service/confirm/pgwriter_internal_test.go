package confirm

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/internal/pgtest"
)

// groupWorld is a table of its own beside those of an engine.
type groupWorld struct {
	t     *testing.T
	store *postgresStore
	pool  *pgxpool.Pool
}

func newGroupWorld(t *testing.T) *groupWorld {
	url := pgtest.Start(t).URL
	g := newGrowth(t, url)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w := &groupWorld{t, g.engine.store.(*postgresStore), pool}
	w.do(`CREATE TABLE thing (id TEXT PRIMARY KEY, n INTEGER)`)
	w.do(`INSERT INTO thing VALUES ('there', 0)`)
	return w
}

func (w *groupWorld) do(query string) {
	w.t.Helper()
	_, err := w.pool.Exec(w.t.Context(), query)
	require.NoError(w.t, err)
}

// n is what is committed of a thing, -1 for none.
func (w *groupWorld) n(id string) int {
	n := -1
	err := w.pool.QueryRow(w.t.Context(), `SELECT n FROM thing WHERE id = $1`, id).Scan(&n)
	if !errors.Is(err, pgx.ErrNoRows) {
		require.NoError(w.t, err)
	}
	return n
}

func (w *groupWorld) put(id string) func(tx) error {
	return func(t tx) error { return t.put(w.t.Context(), `INSERT INTO thing VALUES ($1, 1)`, id) }
}

// group does writes in one transaction, and alone what could not be done so, as [postgresStore.write] does.
func (w *groupWorld) group(fs ...func(tx) error) (together int, errs []error) {
	var all []*write
	for _, f := range fs {
		all = append(all, &write{ctx: w.t.Context(), f: f})
	}
	w.store.together(all)
	for _, one := range all {
		if errors.Is(one.err, errAlone) {
			one.err = w.store.lone(w.t.Context(), one)
		} else {
			together++
		}
		errs = append(errs, one.err)
	}
	return together, errs
}

// TestGroup: writes that share a transaction are done, or are not, each by itself.
func TestGroup(t *testing.T) {
	w := newGroupWorld(t)
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		f        func(tx) error
		together int // of three
		err      string
		done     bool
	}{
		"good":              {f: w.put("good"), together: 3, done: true},
		"fails at once":     {f: func(tx) error { return broken }, together: 3, err: "broken"},
		"fails before sent": {f: func(x tx) error { return errors.Join(w.put("fails before sent")(x), broken) }, together: 3, err: "broken"},
		"fails when sent": {f: func(x tx) error {
			_, err := x.exec(t.Context(), `INSERT INTO thing VALUES ('fails when sent', 1)`)
			return errors.Join(err, broken)
		}, err: "broken"},
		"fails after a question": {f: func(x tx) error {
			var n int
			err := w.put("fails after a question")(x)
			return errors.Join(err, x.row(t.Context(), `SELECT n FROM thing WHERE id = 'there'`, nil, &n), broken)
		}, err: "broken"},
		"is refused":        {f: w.put("there"), err: errTwice.Error()},
		"is refused midway": {f: func(x tx) error { _, err := x.exec(t.Context(), `INSERT INTO thing VALUES ('there', 2)`); return err }, err: errTwice.Error()},
		"panics":            {f: func(tx) error { panic("broken") }, together: 3, err: "panic"},
		"asks what is not there": {f: func(x tx) error {
			var n int
			return x.row(t.Context(), `SELECT n FROM thing WHERE id = 'nothing'`, nil, &n)
		}, together: 3, err: errNoRow.Error()},
		"locks what is not there": {f: func(x tx) error {
			var n int
			return x.row(t.Context(), `SELECT n FROM thing WHERE id = 'nothing'`+x.locked(), nil, &n)
		}, together: 2, err: errNoRow.Error()},
		"wants to be alone": {f: func(x tx) error {
			if err := x.alone(); err != nil {
				return err
			}
			return w.put("wants to be alone")(x)
		}, together: 2, done: true},
		"is big": {f: func(x tx) error {
			return errors.Join(w.put("is big")(x), x.put(t.Context(), `UPDATE thing SET n = length($1::bytea) WHERE id = 'is big'`, make([]byte, most+1)))
		}, together: 2, done: true},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := name+", before", name+", after"
			together, errs := w.group(w.put(before), c.f, w.put(after))
			require.Equal(t, c.together, together)
			require.NoError(t, errs[0])
			require.NoError(t, errs[2])
			require.Equal(t, 1, w.n(before))
			require.Equal(t, 1, w.n(after))
			if c.err == "" {
				require.NoError(t, errs[1])
			} else {
				require.ErrorContains(t, errs[1], c.err)
			}
			require.Equal(t, c.done, w.n(name) > 0)
			require.Zero(t, w.n("there"))
		})
	}
}

// TestGroupSees: a write sees what those before it in its group have put, and its error does not outlive theirs.
func TestGroupSees(t *testing.T) {
	w := newGroupWorld(t)
	seen := 0
	see := func(x tx) error {
		return x.row(t.Context(), `SELECT n FROM thing WHERE id = 'first'`+x.locked(), nil, &seen)
	}
	together, errs := w.group(w.put("first"), see)
	require.Equal(t, 2, together)
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, 1, seen)
	// The one that refuses because of what the first one did is asked again when that did not happen.
	refuse := func(x tx) error {
		var n int
		if err := x.row(t.Context(), `SELECT n FROM thing WHERE id = 'second'`, nil, &n); err == nil {
			return errors.New("it is there")
		}
		return w.put("third")(x)
	}
	_, errs = w.group(w.put("second"), refuse, w.put("there"))
	require.NoError(t, errs[0])
	require.ErrorContains(t, errs[1], "it is there")
	_, errs = w.group(func(x tx) error {
		return errors.Join(w.put("fourth")(x), x.put(t.Context(), `INSERT INTO thing VALUES ('there', 1)`))
	}, func(x tx) error {
		var n int
		if err := x.row(t.Context(), `SELECT n FROM thing WHERE id = 'fourth'`, nil, &n); err == nil {
			return errors.New("it is there")
		}
		return w.put("fifth")(x)
	})
	require.ErrorIs(t, errs[0], errTwice)
	require.NoError(t, errs[1])
	require.Equal(t, 1, w.n("fifth"))
}

// TestGroupWaitsForNobody: a row that somebody has locked holds only who wants it.
func TestGroupWaitsForNobody(t *testing.T) {
	w := newGroupWorld(t)
	for name, f := range map[string]func(tx) error{
		"asks": func(x tx) error {
			var n int
			if err := x.row(t.Context(), `SELECT n FROM thing WHERE id = 'there'`+x.locked(), nil, &n); err != nil {
				return err
			}
			return x.put(t.Context(), `UPDATE thing SET n = n + 1 WHERE id = 'there'`)
		},
		"writes": func(x tx) error { return x.put(t.Context(), `UPDATE thing SET n = n + 1 WHERE id = 'there'`) },
	} {
		t.Run(name, func(t *testing.T) {
			before := w.n("there")
			other, err := w.pool.Begin(t.Context())
			require.NoError(t, err)
			_, err = other.Exec(t.Context(), `UPDATE thing SET n = n + 10 WHERE id = 'there'`)
			require.NoError(t, err)
			blocked, free := &write{ctx: t.Context(), f: f}, &write{ctx: t.Context(), f: w.put(name)}
			w.store.together([]*write{free, blocked})
			require.ErrorIs(t, blocked.err, errAlone)
			if free.err != nil {
				require.ErrorIs(t, free.err, errAlone)
				require.NoError(t, w.store.lone(t.Context(), free))
			}
			require.Equal(t, 1, w.n(name), "it does not wait")
			done := make(chan error)
			go func() { done <- w.store.lone(t.Context(), blocked) }()
			require.Eventually(t, func() bool {
				var waiting int
				err := w.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted`).Scan(&waiting)
				return err == nil && waiting > 0
			}, 10*time.Second, time.Millisecond)
			require.NoError(t, other.Commit(t.Context()))
			require.NoError(t, <-done)
			require.Equal(t, before+11, w.n("there"))
		})
	}
}

// TestGroupEnds: what a caller has given up is not done, and nobody waits for a store that is closed.
func TestGroupEnds(t *testing.T) {
	w := newGroupWorld(t)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	gone, stays := &write{ctx: over, f: w.put("gone")}, &write{ctx: t.Context(), f: w.put("stays")}
	w.store.together([]*write{gone, stays})
	require.ErrorIs(t, gone.err, context.Canceled)
	require.NoError(t, stays.err)
	require.Equal(t, -1, w.n("gone"))
	require.Equal(t, 1, w.n("stays"))
	w.store.once.Do(func() { close(w.store.done) })
	w.store.writers.Wait()
	require.ErrorIs(t, w.store.write(t.Context(), w.put("late")), errClosed)
}

// TestTablesOfOthers: somebody has jobs of river in the same database. They are not ours, and their tables stay as they are.
func TestTablesOfOthers(t *testing.T) {
	url := pgtest.Start(t).URL
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	defer pool.Close()
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: quiet()})
	require.NoError(t, err)
	_, err = m.Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(t, err)
	for i, kind := range []string{"mail", "signetXmail", "signet_sweep"} {
		_, err = pool.Exec(t.Context(), `INSERT INTO river_job (args, kind, queue, max_attempts, state, attempt, attempted_at, attempted_by, scheduled_at)
			VALUES ('{}', $1, 'theirs', 5, 'running', 1, now() - interval '1 hour', '{them}', now())`, kind)
		require.NoError(t, err, i)
	}
	newGrowth(t, url)
	var running []string
	rows, err := pool.Query(t.Context(), `SELECT kind FROM river_job WHERE state = 'running' AND queue = 'theirs' ORDER BY kind`)
	require.NoError(t, err)
	running, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"mail", "signetXmail"}, running, "the last one is ours, of an engine that is dead")
	var indexes int
	const count = `SELECT count(*) FROM pg_indexes WHERE indexname IN ('river_job_args_index', 'river_job_metadata_index', 'river_job_kind')`
	require.NoError(t, pool.QueryRow(t.Context(), count).Scan(&indexes))
	require.Equal(t, 3, indexes)
	ours, err := pgxpool.New(t.Context(), pgtest.Start(t).URL)
	require.NoError(t, err)
	defer ours.Close()
	newGrowth(t, ours.Config().ConnString())
	require.NoError(t, ours.QueryRow(t.Context(), count).Scan(&indexes))
	require.Zero(t, indexes)
}

// TestJobsOfAGroup: jobs are there when their writes are, and not else.
func TestJobsOfAGroup(t *testing.T) {
	w := newGroupWorld(t)
	with := func(name string, f func(tx) error) func(tx) error {
		return func(x tx) error {
			x.insert(insertion(notifyArgs{ID: name}))
			return f(x)
		}
	}
	_, errs := w.group(with("a", w.put("a")), with("b", func(tx) error { return errors.New("broken") }), with("c", w.put("c")))
	require.NoError(t, errs[0])
	require.Error(t, errs[1])
	require.NoError(t, errs[2])
	_, errs = w.group(with("d", w.put("d")), with("e", w.put("there")))
	require.NoError(t, errs[0])
	require.Error(t, errs[1])
	for name, n := range map[string]int{"a": 1, "b": 0, "c": 1, "d": 1, "e": 0} {
		var got int
		require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE args->>'id' = $1`, name).Scan(&got))
		require.Equal(t, n, got, fmt.Sprint("jobs of ", name))
	}
}
