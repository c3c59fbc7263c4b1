package confirm

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/sign"
)

// TestLateEngine: an engine that was cut off from the database comes back with what it has signed of an operation that
// another one has ended meanwhile. The results that there are stay.
func TestLateEngine(t *testing.T) {
	e, err := New(t.Context(), Config{Database: filepath.Join(t.TempDir(), "signet.db"), Secret: sign.NewSecret(bytes.Repeat([]byte{7}, 32)), Keys: KeySet(nil)})
	require.NoError(t, err)
	t.Cleanup(func() { e.Close(context.Background()) })
	const id = "00000000-0000-4000-8000-000000000000"
	first := e.sealOutcomes(id, []outcome{{signature: []byte("first")}, {signature: []byte("second")}})
	stored := func() (results []byte) {
		require.NoError(t, e.store.read().row(t.Context(), `SELECT results FROM signet_blob WHERE id = $1`, []any{id}, &results))
		return results
	}
	set := func(state State, results []byte) {
		require.NoError(t, e.store.write(t.Context(), func(tx tx) error {
			if _, err := tx.exec(t.Context(), `INSERT INTO signet_operation (id, token, owner, state, created, expires, header) VALUES ($1, $1, 'anna', $2, 1, 1, $3)
				ON CONFLICT (id) DO UPDATE SET state = EXCLUDED.state`, id, int(state), []byte("sealed")); err != nil {
				return err
			}
			_, err := tx.exec(t.Context(), `INSERT INTO signet_blob (id, results) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET results = EXCLUDED.results`, id, results)
			return err
		}))
	}
	late := []outcome{{base: []byte("another")}, {}}
	for _, over := range []State{Completed, Partial, Failed, Cancelled, Expired} {
		set(over, first)
		require.NoError(t, e.keep(t.Context(), id, late))
		require.Equal(t, first, stored(), over)
	}
	set(Signing, nil)
	require.NoError(t, e.keep(t.Context(), id, late))
	all, err := e.outcomes(t.Context(), e.store.read(), id)
	require.NoError(t, err)
	require.Equal(t, late[0].base, all[0].base, "while it is signed, what there is is kept")
	// The first results were handed out in part, and the operator has the rest tried again.
	set(Signing, first)
	require.ErrorIs(t, e.keep(t.Context(), id, late), errOvertaken)
	require.Equal(t, first, stored())
	require.NoError(t, e.keep(t.Context(), id, []outcome{{signature: []byte("first")}, {signature: []byte("second")}}))
}

// broken is a database whose reads fail.
type broken struct{ store }

func (b broken) read() tx { return brokenTx{b.store.read()} }

type brokenTx struct{ tx }

var errAway = errors.New("the connection was cut")

func (brokenTx) row(context.Context, string, []any, ...any) error { return errAway }

// TestRunSurvives: a connection that is cut for a moment ends no run.
func TestRunSurvives(t *testing.T) {
	e, err := New(t.Context(), Config{Database: filepath.Join(t.TempDir(), "signet.db"), Secret: sign.NewSecret(bytes.Repeat([]byte{7}, 32)), Keys: KeySet(nil)})
	require.NoError(t, err)
	t.Cleanup(func() { e.Close(context.Background()) })
	const id = "00000000-0000-4000-8000-000000000000"
	require.NoError(t, e.store.write(t.Context(), func(tx tx) error {
		_, err := tx.exec(t.Context(), `INSERT INTO signet_run (id, owner, place, state, created, header) VALUES ($1, 'anna', 'x', 3, 1, $2)`,
			id, e.seals.seal("run", id, []byte(`{"owner":"anna","source":"gone"}`)))
		return err
	}))
	late := &Engine{config: e.config, limits: e.limits, seals: e.seals, store: broken{e.store}, log: e.log, now: e.now, watchers: map[string]*watcher{}}
	row := &rivertype.JobRow{ID: 1 << 40, Attempt: 1, MaxAttempts: 2}
	require.ErrorIs(t, late.workRun(t.Context(), row, id), errAway)
	require.ErrorIs(t, late.workHand(t.Context(), row, id), errAway)
	run, _, err := e.run(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, Signing, run.State)
}

// TestLookers: one who waits since before is woken when another one sees that the state is another one by now.
func TestLookers(t *testing.T) {
	e := &Engine{watchers: map[string]*watcher{}}
	first, done := e.watch("a")
	e.saw("a", Preparing)
	second, done2 := e.watch("a")
	e.saw("a", Preparing)
	select {
	case <-first.changed:
		t.Fatal("nothing has changed")
	default:
	}
	e.saw("a", Awaiting)
	<-first.changed
	<-second.changed
	done()
	done2()
	require.Empty(t, e.watchers)
	e.saw("a", Awaiting) // nobody waits
	require.Empty(t, e.watchers)
}

func TestPlainText(t *testing.T) {
	for text, want := range map[string]string{"": "", "the key is gone": "the key is gone", "a\x00b\xffc\u00e9": "ab\ufffdc\u00e9",
		strings.Repeat("x", maxReason-1) + "\u00e9": strings.Repeat("x", maxReason-1) + "…"} {
		require.Equal(t, want, plainText(text))
	}
}
