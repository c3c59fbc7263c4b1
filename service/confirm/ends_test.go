package confirm_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/service/confirm/totp"
	"github.com/seed-116355fd/signet/service/internal/pgtest"
	"github.com/seed-116355fd/signet/sign"
)

// These tests are of the ends of jobs: each leads to an end of its operation, and takes none that was confirmed with it.

// lastAttempt lets the next attempt of a job be its last, when one has failed.
func (w *world) lastAttempt(kind string) {
	db, err := sql.Open("sqlite", "file:"+w.config.Database+"?_pragma=busy_timeout(10000)")
	require.NoError(w.t, err)
	defer db.Close()
	require.Eventually(w.t, func() bool {
		r, err := db.Exec(`UPDATE river_job SET max_attempts = attempt + 1 WHERE kind = ?1 AND state IN ('available', 'retryable') AND attempt > 0`, kind)
		if err != nil {
			return false
		}
		n, err := r.RowsAffected()
		return err == nil && n == 1
	}, 30*time.Second, 5*time.Millisecond)
}

// ended waits until no job of a kind is left to be done.
func (w *world) ended(kind string) {
	db, err := sql.Open("sqlite", "file:"+w.config.Database+"?_pragma=busy_timeout(10000)")
	require.NoError(w.t, err)
	defer db.Close()
	require.Eventually(w.t, func() bool {
		var n int
		err := db.QueryRow(`SELECT count(*) FROM river_job WHERE kind = ?1 AND state NOT IN ('completed', 'discarded', 'cancelled')`, kind).Scan(&n)
		return err == nil && n == 0
	}, 30*time.Second, 5*time.Millisecond)
}

// TestResendFails: the person has a code, and that stays good when the gateway takes no second message.
func TestResendFails(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request("a"))
	code := w.phone.last("+79990001234")
	w.later(time.Minute)
	w.phone.mu.Lock()
	w.phone.fail = func(*notify.Message) error { return errors.New("busy") }
	w.phone.mu.Unlock()
	_, err := w.engine.Resend(t.Context(), "anna", op.ID)
	require.NoError(t, err)
	w.lastAttempt("signet_notify")
	w.ended("signet_notify")
	require.Equal(t, confirm.Awaiting, w.wait(op).State)
	_, err = w.engine.Confirm(t.Context(), "anna", op.Token, code)
	require.NoError(t, err)
	w.verify(w.wait(op, confirm.Signing), ofName)
}

// TestFirstMessageFails: nobody was asked, and nobody waits for ever.
func TestFirstMessageFails(t *testing.T) {
	w := newWorld(t)
	w.phone.fail = func(*notify.Message) error { return errors.New("busy") }
	op, err := w.engine.Begin(t.Context(), request("a"))
	require.NoError(t, err)
	w.lastAttempt("signet_notify")
	op = w.wait(op, confirm.Preparing)
	require.Equal(t, confirm.Failed, op.State)
	require.Contains(t, op.Reason, "busy")
	_, err = w.engine.Retry(t.Context(), op.ID)
	require.ErrorIs(t, err, confirm.ErrState, "it was not confirmed")
}

// TestMessageFailsLate: the person confirms with the first code while the gateway thinks about the second one.
func TestMessageFailsLate(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request("a"))
	code := w.phone.last("+79990001234")
	w.later(time.Minute)
	asked, answer := make(chan struct{}, 8), make(chan struct{})
	w.phone.mu.Lock()
	w.phone.fail = func(*notify.Message) error { asked <- struct{}{}; <-answer; return errors.New("busy") }
	w.phone.mu.Unlock()
	_, err := w.engine.Resend(t.Context(), "anna", op.ID)
	require.NoError(t, err)
	<-asked
	answer <- struct{}{}
	w.lastAttempt("signet_notify")
	<-asked
	w.key.mu.Lock()
	w.key.gate = make(chan struct{})
	w.key.mu.Unlock()
	_, err = w.engine.Confirm(t.Context(), "anna", op.Token, code)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return w.key.signatures() == 1 }, 30*time.Second, time.Millisecond)
	answer <- struct{}{}
	w.ended("signet_notify")
	require.Equal(t, confirm.Signing, w.wait(op).State)
	close(w.key.gate)
	w.verify(w.wait(op, confirm.Signing), ofName)
}

// TestLastAttempt: a job that is tried no more leaves an operation that the operator can have tried again.
func TestLastAttempt(t *testing.T) {
	t.Run("of signing", func(t *testing.T) {
		w := newWorld(t)
		op := w.begin(request("a"))
		w.log.mu.Lock()
		w.log.err = errors.New("disk full")
		w.log.mu.Unlock()
		_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
		require.NoError(t, err)
		w.lastAttempt("signet_sign")
		failed := w.wait(op, confirm.Signing)
		require.Equal(t, confirm.Failed, failed.State)
		require.Contains(t, failed.Reason, "disk full")
		_, err = w.engine.Results(t.Context(), "anna", op.ID)
		require.ErrorIs(t, err, confirm.ErrState)
		w.log.mu.Lock()
		w.log.err = nil
		w.log.mu.Unlock()
		_, err = w.engine.Retry(t.Context(), op.ID)
		require.NoError(t, err)
		w.verify(w.wait(op, confirm.Signing), ofName)
	})
	t.Run("of levels, with a panic", func(t *testing.T) {
		k := &panicking{}
		w := newWorld(t, func(c *confirm.Config) { k.Keys, c.Keys = c.Keys, k })
		w.format = levelT(t, w.pki)
		w.format.Timestamper.(*flaky).away = 1 << 20
		op := w.begin(request("a"))
		_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			f := w.format.Timestamper.(*flaky)
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.away < 1<<20
		}, 30*time.Second, time.Millisecond)
		w.mu.Lock()
		w.openErr = errPanic
		w.mu.Unlock()
		w.lastAttempt("signet_raise")
		failed := w.wait(op, confirm.Signing)
		require.Equal(t, confirm.Failed, failed.State)
		require.Contains(t, failed.Reason, "panic")
		w.mu.Lock()
		w.openErr = nil
		w.mu.Unlock()
		w.format.Timestamper.(*flaky).mu.Lock()
		w.format.Timestamper.(*flaky).away = 0
		w.format.Timestamper.(*flaky).mu.Unlock()
		_, err = w.engine.Retry(t.Context(), op.ID)
		require.NoError(t, err)
		w.verify(w.wait(op, confirm.Signing), ofName)
		require.Equal(t, 1, w.key.signatures(), "the key signs once")
	})
}

var errPanic = errors.New("panics")

// panicking are keys that panic in place of errPanic.
type panicking struct{ confirm.Keys }

func (p *panicking) Open(ctx context.Context, name string) (*sign.Signer, *cades.Options, func(), error) {
	s, o, release, err := p.Keys.Open(ctx, name)
	if errors.Is(err, errPanic) {
		panic("no token")
	}
	return s, o, release, err
}

// TestChangedWhileSigned: what somebody else wrote into the results of an operation that is still signed ends it.
func TestChangedWhileSigned(t *testing.T) {
	change := map[string]string{
		"results":            `UPDATE signet_blob SET results = CAST(substr(results, 1, length(results) - 1) || x'ff' AS BLOB) WHERE id = ?1`,
		"results taken away": `UPDATE signet_blob SET results = NULL WHERE id = ?1`,
		"all taken away":     `DELETE FROM signet_blob WHERE id = ?1`,
		"confirmation":       `UPDATE signet_operation SET confirmed = zeroblob(32) WHERE id = ?1`,
		"header":             `UPDATE signet_operation SET header = CAST(substr(header, 1, length(header) - 1) || x'ff' AS BLOB) WHERE id = ?1`,
		"drafts":             `UPDATE signet_blob SET drafts = CAST(substr(drafts, 1, length(drafts) - 1) || x'ff' AS BLOB) WHERE id = ?1`,
	}
	for name, query := range change {
		t.Run("levels, "+name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.format = levelT(t, w.pki)
			w.format.Timestamper.(*flaky).away = 1 << 20
			op := w.begin(request("a"))
			_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
			require.NoError(t, err)
			require.Eventually(t, func() bool {
				f := w.format.Timestamper.(*flaky)
				f.mu.Lock()
				defer f.mu.Unlock()
				return f.away < 1<<20
			}, 30*time.Second, time.Millisecond)
			require.Eventually(t, func() bool { // what there is may just be written once more
				w.sql(query, op.ID)
				return w.hasFailed(op, name == "header")
			}, 30*time.Second, 20*time.Millisecond)
			w.failed(op, name == "header")
		})
		if name == "results taken away" {
			continue // then there is nothing to begin with
		}
		t.Run("signing, "+name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			op := w.begin(request("a"))
			w.key.fail = down()
			_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
			require.NoError(t, err)
			require.Eventually(t, func() bool { return w.key.signatures() > 0 }, 30*time.Second, time.Millisecond)
			w.sql(`UPDATE signet_blob SET results = zeroblob(40) WHERE id = ?1`, op.ID)
			w.sql(query, op.ID)
			w.failed(op, name == "header")
		})
	}
}

// failed waits until an operation has failed; what cannot be read is asked of the operator's list.
func (w *world) failed(op *confirm.Operation, unreadable bool) {
	require.Eventually(w.t, func() bool { return w.hasFailed(op, unreadable) }, 30*time.Second, 5*time.Millisecond)
	_, err := w.engine.Retry(w.t.Context(), op.ID)
	require.Error(w.t, err)
}

func (w *world) hasFailed(op *confirm.Operation, unreadable bool) bool {
	if !unreadable {
		got, err := w.engine.Get(w.t.Context(), "anna", op.ID)
		return err == nil && got.State == confirm.Failed
	}
	all, err := w.engine.List(w.t.Context(), confirm.Filter{States: []confirm.State{confirm.Failed}})
	return err == nil && len(all) == 1
}

// TestOneAuthenticator: two names for one authenticator are one: a code of it confirms one operation.
func TestOneAuthenticator(t *testing.T) {
	secret := totp.NewSecret()
	w := newWorld(t, func(c *confirm.Config) {
		c.TOTP = func(context.Context, string) ([]byte, error) { return secret, nil }
	})
	r := request("a")
	r.Method = confirm.Method{Kind: confirm.TOTP, Secret: "anna"}
	anna := w.begin(r)
	r.Owner, r.Method.Secret = "eve", "eve"
	eve := w.begin(r)
	code, err := totp.Options{}.Code(secret, w.now())
	require.NoError(t, err)
	_, err = w.engine.Confirm(t.Context(), "anna", anna.Token, code)
	require.NoError(t, err)
	_, err = w.engine.Confirm(t.Context(), "eve", eve.Token, code)
	require.ErrorIs(t, err, confirm.ErrCode, "eve has seen the code that anna typed")
}

// TestReaderPanics: what callers hand in may panic, and takes no other operation with it.
func TestReaderPanics(t *testing.T) {
	w := newWorld(t)
	r := request("a")
	r.Items[0].Content = sign.Opener("a", func() (io.ReadCloser, error) { panic("no file") })
	_, err := w.engine.Begin(t.Context(), r)
	require.ErrorContains(t, err, "panic")
}

// TestHostileReason: PostgreSQL takes no text that is not UTF-8, or has a zero. What a key says is not always.
func TestHostileReason(t *testing.T) {
	db := pgtest.Start(t)
	w := newWorld(t, func(c *confirm.Config) { c.Database, c.Migrate = db.URL, true })
	op := w.begin(request("a"))
	w.key.fail = &sign.Error{Op: "test", Class: sign.ErrPIN, Hint: "token \x00\xff\xfe said no"}
	_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	got := w.wait(op, confirm.Signing)
	require.Equal(t, confirm.Failed, got.State)
	require.Contains(t, got.Reason, "said no")
}

// TestDraftsGo: what nobody can confirm or try again any more is not kept, though results would be; what can be tried again is.
func TestDraftsGo(t *testing.T) {
	for name, c := range map[string]struct {
		end   func(w *world, op *confirm.Operation)
		state confirm.State
		kept  bool
	}{
		"cancelled": {func(w *world, op *confirm.Operation) {
			_, err := w.engine.Cancel(t.Context(), "anna", op.ID)
			require.NoError(t, err)
		}, confirm.Cancelled, false},
		"declined": {func(w *world, op *confirm.Operation) {
			_, err := w.engine.Decline(t.Context(), op.Token)
			require.NoError(t, err)
		}, confirm.Cancelled, false},
		"locked": {func(w *world, op *confirm.Operation) {
			for i := range 5 {
				_, err := w.engine.Confirm(t.Context(), "anna", op.Token, strconv.Itoa(1000+i))
				require.Error(t, err)
			}
		}, confirm.Failed, false},
		"expired": {func(w *world, op *confirm.Operation) {
			w.later(16 * time.Minute)
			w.restart() // sweeps
		}, confirm.Expired, false},
		"key is gone": {func(w *world, op *confirm.Operation) {
			w.mu.Lock()
			w.openErr = sign.ErrKeyNotFound
			w.mu.Unlock()
			_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
			require.NoError(t, err)
			w.wait(op, confirm.Signing)
		}, confirm.Failed, true},
		"completed": {func(w *world, op *confirm.Operation) {
			_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
			require.NoError(t, err)
			w.wait(op, confirm.Signing)
		}, confirm.Completed, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			op := w.begin(request("a"))
			require.True(t, w.hasDrafts(op.ID))
			c.end(w, op)
			require.Eventually(t, func() bool {
				got, err := w.engine.Get(t.Context(), "anna", op.ID)
				return err == nil && got.State == c.state && w.hasDrafts(op.ID) == c.kept
			}, 30*time.Second, 5*time.Millisecond)
		})
	}
}

func (w *world) hasDrafts(id string) (there bool) {
	db, err := sql.Open("sqlite", "file:"+w.config.Database+"?_pragma=busy_timeout(10000)")
	require.NoError(w.t, err)
	defer db.Close()
	require.NoError(w.t, db.QueryRow(`SELECT drafts IS NOT NULL FROM signet_blob WHERE id = ?1`, id).Scan(&there))
	return there
}

// TestPending: an owner fills the database with what waits to a bound, and has room again when some of it is over.
func TestPending(t *testing.T) {
	w := newWorld(t, func(c *confirm.Config) { c.Limits.Pending = 300 << 10 })
	w.format.Attached = true
	big := func(owner string, size int) (*confirm.Operation, error) {
		r := request("a")
		r.Owner = owner
		r.Items[0].Content = sign.Bytes("a", make([]byte, size))
		return w.engine.Begin(t.Context(), r)
	}
	first, err := big("anna", 200<<10)
	require.NoError(t, err)
	_, err = big("anna", 101<<10)
	require.ErrorIs(t, err, confirm.ErrLimit)
	require.ErrorContains(t, err, "cancel some first")
	_, err = big("anna", 1<<10)
	require.NoError(t, err, "small ones are bounded by their number")
	_, err = big("boris", 200<<10)
	require.NoError(t, err)
	_, err = w.engine.Cancel(t.Context(), "anna", first.ID)
	require.NoError(t, err)
	_, err = big("anna", 101<<10)
	require.NoError(t, err)
}

// TestDatabaseOfOthers: a file with tables of something else stays as it is.
func TestDatabaseOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "theirs.db")
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	_, err = db.Exec(`CREATE TABLE invoices (id TEXT)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.ErrorContains(t, confirm.Migrate(t.Context(), path), `tables of something else, such as "invoices"`)
	db, err = sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	defer db.Close()
	var n int
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM sqlite_master`).Scan(&n))
	require.Equal(t, 1, n)
}
