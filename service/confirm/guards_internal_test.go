package confirm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/sign"
)

// The tests of this file each belong to a few guards of jobs, and fail when one is taken out.

// jobless is a database in which any job can be ended.
type jobless struct{ store }

func (s jobless) write(ctx context.Context, f func(tx) error) error {
	return s.store.write(ctx, func(t tx) error { return f(joblessTx{t}) })
}

type joblessTx struct{ tx }

func (joblessTx) complete(context.Context, *rivertype.JobRow) error { return nil }

// steps is a log.
type steps struct {
	all []string
	err error
}

func (s *steps) Record(_ context.Context, r *audit.Record) error {
	s.all = append(s.all, r.Event+" "+r.RequestID)
	return s.err
}

// bare is an engine whose jobs are done by the test, and the one that has the database.
func bare(t *testing.T, c Config) *Engine {
	c.Database, c.Secret, c.Keys = filepath.Join(t.TempDir(), "signet.db"), sign.NewSecret(bytes.Repeat([]byte{7}, 32)), KeySet(nil)
	// Its sweeps find nothing, since they are of long ago.
	owner, err := New(t.Context(), Config{Database: c.Database, Secret: c.Secret, Keys: c.Keys, Clock: func() time.Time { return time.Unix(0, 0) }})
	require.NoError(t, err)
	t.Cleanup(func() { owner.Close(context.Background()) })
	now := time.Now()
	return &Engine{
		config: c, limits: Limits{}.withDefaults(), seals: owner.seals, store: jobless{owner.store}, log: owner.log,
		now: func() time.Time { return now }, watchers: map[string]*watcher{},
	}
}

func (e *Engine) do(t *testing.T, query string, args ...any) {
	t.Helper()
	require.NoError(t, e.store.write(t.Context(), func(tx tx) error {
		_, err := tx.exec(t.Context(), query, args...)
		return err
	}))
}

func (e *Engine) has(t *testing.T, query string, args ...any) bool {
	t.Helper()
	var n int
	require.NoError(t, e.store.read().row(t.Context(), `SELECT count(*) FROM `+query, args, &n))
	return n != 0
}

var (
	firstJob = &rivertype.JobRow{ID: 1 << 40, Attempt: 1, MaxAttempts: always}
	lastJob  = &rivertype.JobRow{ID: 1 << 40, Attempt: patience, MaxAttempts: always}
)

// TestSweepLeavesTheRest: what is swept is over, and long enough; nothing that waits is.
func TestSweepLeavesTheRest(t *testing.T) {
	log := &steps{}
	e := bare(t, Config{Audit: log})
	day := 24 * time.Hour
	ago := func(d time.Duration) int64 { return e.now().Add(-d).UnixMicro() }
	for id, op := range map[string]struct {
		state             State
		expires, finished int64
	}{
		"waits":     {Awaiting, ago(-time.Minute), 0},
		"late":      {Awaiting, ago(time.Minute), 0},
		"preparing": {Preparing, ago(time.Minute), 0},
		"signing":   {Signing, ago(40 * day), 0}, // confirmed, and tried for as long as it takes
		"fresh":     {Completed, ago(6 * day), ago(6 * day)},
		"old":       {Completed, ago(8 * day), ago(8 * day)},
		"forgotten": {Completed, ago(31 * day), ago(31 * day)},
	} {
		h, err := e.seals.sealHeader(id, &header{Owner: "anna"})
		require.NoError(t, err)
		e.do(t, `INSERT INTO signet_operation (id, token, owner, state, created, expires, finished, code, header) VALUES ($1, $7, 'anna', $2, 1, $3, $4, $5, $6)`,
			id, int(op.state), op.expires, op.finished, []byte("code"), h, e.seals.tokenKey(e.seals.tokenOf(id)))
		e.do(t, `INSERT INTO signet_blob (id, drafts) VALUES ($1, $2)`, id, []byte("drafts"))
	}
	for id, finished := range map[string]int64{"runs": 0, "ran": ago(29 * day), "ran long ago": ago(31 * day)} {
		e.do(t, `INSERT INTO signet_run (id, owner, place, state, created, finished, header) VALUES ($1, 'anna', $1, 3, 1, $2, $3)`, id, finished, []byte("x"))
	}
	hour := e.now().Unix() / 3600
	for name, period := range map[string]int64{"authenticator": 0, "this hour": hour, "the last hour": hour - 1, "before": hour - 2} {
		e.do(t, `INSERT INTO signet_count (name, period, n) VALUES ($1, $2, 1)`, name, period)
	}
	for range 2 {
		require.NoError(t, e.workSweep(t.Context()))
		for id, want := range map[string]struct {
			state        State
			wiped, coded bool
		}{
			"waits": {Awaiting, false, true}, "late": {Expired, false, false}, "preparing": {Expired, false, false}, "signing": {Signing, false, true},
			"fresh": {Completed, false, true}, "old": {Completed, true, true},
		} {
			require.True(t, e.has(t, `signet_operation WHERE id = $1 AND state = $2`, id, int(want.state)), id)
			require.Equal(t, want.wiped, e.has(t, `signet_operation WHERE id = $1 AND wiped > 0`, id), id)
			require.Equal(t, want.wiped, !e.has(t, `signet_blob WHERE id = $1`, id), id)
			require.Equal(t, want.coded, e.has(t, `signet_operation WHERE id = $1 AND code IS NOT NULL`, id), id)
		}
		require.False(t, e.has(t, `signet_operation WHERE id = 'forgotten'`))
		require.True(t, e.has(t, `signet_run WHERE id = 'runs'`))
		require.True(t, e.has(t, `signet_run WHERE id = 'ran'`))
		require.False(t, e.has(t, `signet_run WHERE id = 'ran long ago'`))
		require.True(t, e.has(t, `signet_count WHERE name = 'authenticator'`), "without it, a code could be used again")
		require.True(t, e.has(t, `signet_count WHERE name = 'this hour'`), "without it, there would be more guesses")
		require.False(t, e.has(t, `signet_count WHERE name = 'before'`))
	}
	require.ElementsMatch(t, []string{"expire late", "expire preparing"}, log.all)
}

// TestFinishesOnce: an engine that comes late with its results changes nothing of an operation that is over, and no signature
// that there is.
func TestFinishesOnce(t *testing.T) {
	e := bare(t, Config{})
	const id = "00000000-0000-4000-8000-000000000000"
	first := e.sealOutcomes(id, []outcome{{signature: []byte("first")}})
	late := func() []outcome { return []outcome{{signature: []byte("another")}} }
	r, h := &record{id: id}, &header{Owner: "anna", Items: make([]headerItem, 1)}
	e.do(t, `INSERT INTO signet_operation (id, token, owner, state, created, expires, header) VALUES ($1, $1, 'anna', 3, 1, 1, $2)`, id, []byte("x"))
	e.do(t, `INSERT INTO signet_blob (id, results) VALUES ($1, $2)`, id, first)
	stays := func(state State) {
		t.Helper()
		require.True(t, e.has(t, `signet_operation WHERE id = $1 AND state = $2`, id, int(state)), state)
		require.True(t, e.has(t, `signet_blob WHERE id = $1 AND results = $2`, id, first), state)
	}
	for _, state := range []State{Awaiting, Completed, Partial, Failed, Cancelled, Expired} {
		e.do(t, `UPDATE signet_operation SET state = $1 WHERE id = $2`, int(state), id)
		require.NoError(t, e.finish(t.Context(), firstJob, r, h, late()))
		stays(state)
		e.do(t, `UPDATE signet_blob SET results = NULL WHERE id = $1`, id)
		require.NoError(t, e.finish(t.Context(), firstJob, r, h, late()))
		require.True(t, e.has(t, `signet_blob WHERE id = $1 AND results IS NULL`, id), state)
		e.do(t, `UPDATE signet_blob SET results = $1 WHERE id = $2`, first, id)
	}
	e.do(t, `UPDATE signet_operation SET state = 3 WHERE id = $1`, id)
	require.ErrorIs(t, e.finish(t.Context(), firstJob, r, h, late()), errOvertaken)
	stays(Signing)
	require.NoError(t, e.fail(t.Context(), firstJob, id, h, 0, []State{Preparing, Awaiting}, errSeal))
	stays(Signing)
	require.NoError(t, e.finish(t.Context(), firstJob, r, h, []outcome{{signature: []byte("first")}}))
	require.True(t, e.has(t, `signet_operation WHERE id = $1 AND state = $2`, id, int(Completed)))
}

// asked is a source.
type asked struct {
	asked  int
	more   []Pending
	during func()
	signed []string
}

func (s *asked) Pending(context.Context, string, string, int) ([]Pending, string, error) {
	s.asked++
	if s.during != nil {
		s.during()
	}
	return s.more, "next", nil
}

func (s *asked) Signed(_ context.Context, _, id string, _ []byte) error {
	s.signed = append(s.signed, id)
	return nil
}

// TestRunGuards: a run is done once, as it was asked for, by a key that may, and told of before its signatures are handed out.
func TestRunGuards(t *testing.T) {
	const id = "00000000-0000-4000-8000-000000000000"
	asks := []byte(`{"owner":"anna","source":"s","key":"robot","limit":1}`)
	world := func(t *testing.T) (*Engine, *asked, *steps) {
		source, log := &asked{}, &steps{}
		e := bare(t, Config{Sources: map[string]Source{"s": source}, Unattended: []string{"robot"}, Audit: log})
		e.do(t, `INSERT INTO signet_run (id, owner, place, state, created, header) VALUES ($1, 'anna', 'x', 3, 1, $2)`, id, e.seals.seal("run", id, asks))
		return e, source, log
	}
	is := func(t *testing.T, e *Engine, state State) {
		t.Helper()
		require.True(t, e.has(t, `signet_run WHERE id = $1 AND state = $2`, id, int(state)), state)
	}
	results := func(e *Engine, text string) []byte { return e.seals.seal("run results", id, []byte(text)) }
	const items = `{"next":"","items":[{"id":"good","signature":"AA=="},{"id":"bad","err":"it was not signed"}]}`

	t.Run("once", func(t *testing.T) {
		e, source, _ := world(t)
		first := results(e, items)
		source.during = func() { e.do(t, `UPDATE signet_run SET results = $1 WHERE id = $2`, first, id) }
		require.NoError(t, e.workRun(t.Context(), firstJob, id))
		require.True(t, e.has(t, `signet_run WHERE id = $1 AND results = $2`, id, first))
	})
	t.Run("over meanwhile", func(t *testing.T) {
		e, source, _ := world(t)
		source.during = func() { e.do(t, `UPDATE signet_run SET state = 6 WHERE id = $1`, id) }
		require.NoError(t, e.workRun(t.Context(), firstJob, id))
		require.True(t, e.has(t, `signet_run WHERE id = $1 AND results IS NULL`, id))
		require.NoError(t, e.endRun(t.Context(), firstJob, id, Completed, ""))
		is(t, e, Failed)
		require.NoError(t, e.workRun(t.Context(), firstJob, id))
		require.Equal(t, 1, source.asked)
	})
	t.Run("key that may not any more", func(t *testing.T) {
		e, source, _ := world(t)
		e.config.Unattended = nil
		require.NoError(t, e.workRun(t.Context(), firstJob, id))
		is(t, e, Failed)
		require.Zero(t, source.asked)
	})
	t.Run("log that takes nothing", func(t *testing.T) {
		e, _, log := world(t)
		log.err = errors.New("disk full")
		require.ErrorIs(t, e.workRun(t.Context(), firstJob, id), log.err)
		require.True(t, e.has(t, `signet_run WHERE id = $1 AND results IS NULL`, id))
		require.Equal(t, []string{"sign " + id}, log.all)
	})
	t.Run("more than was asked for", func(t *testing.T) {
		e, source, _ := world(t)
		source.more = []Pending{{ID: "a"}, {ID: "b"}}
		require.NoError(t, e.workRun(t.Context(), lastJob, id))
		is(t, e, Failed)
		require.True(t, e.has(t, `signet_run WHERE reason LIKE '%gave 2 contents where 1%'`))
	})
	t.Run("changed in the database", func(t *testing.T) {
		e, source, _ := world(t)
		e.do(t, `UPDATE signet_run SET header = $1 WHERE id = $2`, append(make([]byte, 32), asks...), id)
		require.NoError(t, e.workRun(t.Context(), firstJob, id))
		is(t, e, Failed)
		require.Zero(t, source.asked)
		_, err := e.GetRun(t.Context(), "anna", id)
		require.Error(t, err)
	})
	t.Run("results changed in the database", func(t *testing.T) {
		e, source, _ := world(t)
		e.do(t, `UPDATE signet_run SET results = $1 WHERE id = $2`, append(make([]byte, 32), items...), id)
		require.NoError(t, e.workHand(t.Context(), firstJob, id))
		is(t, e, Failed)
		require.Empty(t, source.signed)
	})
	t.Run("handed out", func(t *testing.T) {
		e, source, _ := world(t)
		e.do(t, `UPDATE signet_run SET results = $1 WHERE id = $2`, results(e, items), id)
		require.NoError(t, e.workHand(t.Context(), firstJob, id))
		is(t, e, Partial)
		require.NoError(t, e.workHand(t.Context(), firstJob, id), "again, when it is over")
		require.Equal(t, []string{"good"}, source.signed)
	})
}

// TestCheckedReader: what is uploaded anew between the check and the reading is not shown as what is signed.
func TestCheckedReader(t *testing.T) {
	frozen := sha256Sum([]byte("frozen"))
	for text, want := range map[string]error{"frozen": nil, "FROZEN": ErrShelf, "froze": ErrShelf, "": ErrShelf} {
		r := &checkedReader{ReadCloser: io.NopCloser(strings.NewReader(text)), sum: sha256.New(), digest: frozen[:]}
		_, err := io.ReadAll(r)
		require.ErrorIs(t, err, want, text)
	}
}
