package confirm_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/sign"
)

// sql changes the database behind the back of the engine.
func (w *world) sql(query string, args ...any) {
	db, err := sql.Open("sqlite", "file:"+w.config.Database+"?_pragma=busy_timeout(10000)")
	require.NoError(w.t, err)
	defer db.Close()
	_, err = db.Exec(query, args...)
	require.NoError(w.t, err)
}

// TestWriterOfTheDatabase plays one who can write the database, and wants something else signed, or something that was not
// confirmed.
func TestWriterOfTheDatabase(t *testing.T) {
	w := newWorld(t)
	n := 0
	begin := func() (*confirm.Operation, string) {
		n++
		op := w.begin(request("a", fmt.Sprint("b", n)))
		return op, w.phone.last("+79990001234")
	}
	good, code := begin()
	require.NotEmpty(t, code)

	t.Run("other drafts", func(t *testing.T) {
		op, code := begin()
		w.sql(`UPDATE signet_blob SET drafts = (SELECT drafts FROM signet_blob WHERE id = ?1) WHERE id = ?2`, good.ID, op.ID)
		_, err := w.engine.Confirm(t.Context(), "anna", op.Token, code)
		require.NoError(t, err)
		got := w.wait(op, confirm.Signing)
		require.Equal(t, confirm.Failed, got.State)
	})
	t.Run("one octet of a draft", func(t *testing.T) {
		op, code := begin()
		w.sql(`UPDATE signet_blob SET drafts = CAST(substr(drafts, 1, length(drafts) - 1) || x'00' AS BLOB) WHERE id = ?1`, op.ID)
		_, err := w.engine.Confirm(t.Context(), "anna", op.Token, code)
		require.NoError(t, err)
		require.Equal(t, confirm.Failed, w.wait(op, confirm.Signing).State)
	})
	t.Run("header of another operation", func(t *testing.T) {
		op, code := begin()
		w.sql(`UPDATE signet_operation SET header = (SELECT header FROM signet_operation WHERE id = ?1) WHERE id = ?2`, good.ID, op.ID)
		_, err := w.engine.Confirm(t.Context(), "anna", op.Token, code)
		require.Error(t, err)
		require.NotErrorIs(t, err, confirm.ErrNotFound)
	})
	t.Run("state without a confirmation", func(t *testing.T) {
		op, _ := begin()
		w.sql(`UPDATE signet_operation SET state = 3 WHERE id = ?1`, op.ID)
		w.sql(`INSERT INTO river_job (args, kind, max_attempts, queue, state, metadata) VALUES (jsonb(?1), 'signet_sign', 40, 'signet_sign', 'available', jsonb('{}'))`, fmt.Sprintf(`{"id":%q}`, op.ID))
		require.Equal(t, confirm.Failed, w.wait(op, confirm.Awaiting, confirm.Signing).State)
	})
	t.Run("confirmation of another operation", func(t *testing.T) {
		other, code := begin()
		_, err := w.engine.Confirm(t.Context(), "anna", other.Token, code)
		require.NoError(t, err)
		w.wait(other, confirm.Signing)
		before := w.key.signatures()
		op, _ := begin()
		w.sql(`UPDATE signet_operation SET state = 3, confirmed = (SELECT confirmed FROM signet_operation WHERE id = ?1) WHERE id = ?2`, other.ID, op.ID)
		w.sql(`INSERT INTO river_job (args, kind, max_attempts, queue, state, metadata) VALUES (jsonb(?1), 'signet_sign', 40, 'signet_sign', 'available', jsonb('{}'))`, fmt.Sprintf(`{"id":%q}`, op.ID))
		require.Equal(t, confirm.Failed, w.wait(op, confirm.Awaiting, confirm.Signing).State)
		require.Equal(t, before, w.key.signatures())
	})
	t.Run("code of another operation", func(t *testing.T) {
		known, knownCode := begin()
		op, _ := begin()
		w.sql(`UPDATE signet_operation SET code = k.code, serial = k.serial, code_expires = k.code_expires FROM (SELECT * FROM signet_operation WHERE id = ?1) AS k WHERE signet_operation.id = ?2`, known.ID, op.ID)
		_, err := w.engine.Confirm(t.Context(), "anna", op.Token, knownCode)
		require.ErrorIs(t, err, confirm.ErrCode)
	})
	t.Run("longer life of a code", func(t *testing.T) {
		op, code := begin()
		w.later(6 * time.Minute)
		w.sql(`UPDATE signet_operation SET code_expires = code_expires + 3600000000 WHERE id = ?1`, op.ID)
		_, err := w.engine.Confirm(t.Context(), "anna", op.Token, code)
		require.ErrorIs(t, err, confirm.ErrCode)
	})
	t.Run("owner", func(t *testing.T) {
		op, _ := begin()
		w.sql(`UPDATE signet_operation SET owner = 'eve' WHERE id = ?1`, op.ID)
		_, err := w.engine.Get(t.Context(), "eve", op.ID)
		require.Error(t, err)
	})
	t.Run("results", func(t *testing.T) {
		op, code := begin()
		_, err := w.engine.Confirm(t.Context(), "anna", op.Token, code)
		require.NoError(t, err)
		w.wait(op, confirm.Signing)
		w.sql(`UPDATE signet_blob SET results = CAST(substr(results, 1, length(results) - 1) || x'ff' AS BLOB) WHERE id = ?1`, op.ID)
		_, err = w.engine.Results(t.Context(), "anna", op.ID)
		require.Error(t, err)
	})
}

// TestNoCodeInTheDatabase looks for codes in all that is on the disk.
func TestNoCodeInTheDatabase(t *testing.T) {
	w := newWorld(t, func(c *confirm.Config) { c.Limits.Digits = 12 })
	w.begin(request("a"))
	code := w.phone.last("+79990001234")
	require.Len(t, code, 12)
	require.NoError(t, w.engine.Close(context.Background()))
	files, err := filepath.Glob(w.config.Database + "*")
	require.NoError(t, err)
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		require.NotContains(t, string(data), code, f)
	}
}

// TestKeyGoesAway: an operation that is confirmed survives a token that is pulled out, and a process that ends.
func TestKeyGoesAway(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request(many(3)...))
	w.key.mu.Lock()
	w.key.fail = down()
	w.key.mu.Unlock()
	_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return w.key.signatures() > 0 }, 30*time.Second, time.Millisecond)
	require.Equal(t, confirm.Signing, w.wait(op).State)
	w.restart()
	require.Equal(t, confirm.Signing, w.wait(op).State)
	w.key.mu.Lock()
	w.key.fail = nil
	w.key.mu.Unlock()
	done := w.wait(op, confirm.Signing)
	require.Equal(t, confirm.Completed, done.State)
	w.verify(done, ofName)
}

// TestPINRefused: what only the operator can mend is not tried again by the engine, but by the operator.
func TestPINRefused(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request("a"))
	w.key.fail = &sign.Error{Op: "test", Class: sign.ErrPIN}
	_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	got := w.wait(op, confirm.Signing)
	require.Equal(t, confirm.Failed, got.State)
	require.NotEmpty(t, got.Reason)
	require.Equal(t, 1, w.key.signatures(), "a PIN that was refused is not tried again")
	w.key.fail = nil
	_, err = w.engine.Retry(t.Context(), op.ID)
	require.NoError(t, err)
	done := w.wait(op, confirm.Signing)
	require.Equal(t, confirm.Completed, done.State)
	w.verify(done, ofName)
	_, err = w.engine.Retry(t.Context(), op.ID)
	require.ErrorIs(t, err, confirm.ErrState)
}

// TestOtherCertificate: the key was replaced between the beginning and the confirmation.
func TestOtherCertificate(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request("a"))
	another := newWorld(t)
	w.mu.Lock()
	w.signer = another.signer
	w.mu.Unlock()
	_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	got := w.wait(op, confirm.Signing)
	require.Equal(t, confirm.Failed, got.State)
	require.Contains(t, got.Reason, "another certificate")
}

func TestNotifierFails(t *testing.T) {
	for name, c := range map[string]struct {
		fail  func(n int) error
		sent  int
		state confirm.State
	}{
		"once, and did nothing": {func(n int) error {
			if n == 1 {
				return errors.New("busy")
			}
			return nil
		}, 2, confirm.Awaiting},
		"not known whether it did": {func(int) error { return fmt.Errorf("time-out: %w", notify.ErrUnknown) }, 1, confirm.Awaiting},
		"panics once": {func(n int) error {
			if n == 1 {
				panic("no gateway")
			}
			return nil
		}, 2, confirm.Awaiting},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			n := 0
			w.phone.fail = func(*notify.Message) error { n++; return c.fail(n) }
			op := w.begin(request("a"))
			require.Equal(t, c.state, op.State)
			require.Equal(t, c.sent, n)
		})
	}
}

// TestAuditFails: what the log does not take is not handed out.
func TestAuditFails(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request("a"))
	w.log.mu.Lock()
	w.log.err = errors.New("disk full")
	w.log.mu.Unlock()
	_, err := w.engine.Begin(t.Context(), request("b"))
	require.ErrorContains(t, err, "disk full")
	_, err = w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Count(fmt.Sprint(w.log.events(op.ID)), "sign") > 0 }, 30*time.Second, time.Millisecond)
	require.Equal(t, confirm.Signing, w.wait(op).State)
	w.log.mu.Lock()
	w.log.err = nil
	w.log.mu.Unlock()
	w.verify(w.wait(op, confirm.Signing), ofName)
}

// TestAtOnce confirms one operation from many sides at the same time.
func TestAtOnce(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request(many(20)...))
	code := w.phone.last("+79990001234")
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if i%8 == 0 {
				_, _ = w.engine.Confirm(t.Context(), "anna", op.Token, other(code))
				return
			}
			_, err := w.engine.Confirm(t.Context(), "anna", op.Token, code)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	done := w.wait(op, confirm.Signing)
	w.verify(done, ofName)
	require.Equal(t, 20, w.key.signatures())
}

// TestGuessesAtOnce: guesses that come at the same time are counted one by one.
func TestGuessesAtOnce(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request("a"))
	code := w.phone.last("+79990001234")
	var wg sync.WaitGroup
	var mu sync.Mutex
	wrong, locked := 0, 0
	for i := range 64 {
		guess := fmt.Sprintf("%06d", i)
		if guess == code {
			continue
		}
		wg.Go(func() {
			_, err := w.engine.Confirm(t.Context(), "anna", op.Token, guess)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, confirm.ErrLocked):
				locked++
			case errors.Is(err, confirm.ErrCode):
				wrong++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 4, wrong)
	require.GreaterOrEqual(t, locked, 59)
}

// TestLevels raises what was confirmed to LT, with an authority that is away at first: the key signs once.
func TestLevels(t *testing.T) {
	w := newWorld(t)
	w.format = levelT(t, w.pki)
	op := w.begin(request("a", "b"))
	_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	done := w.wait(op, confirm.Signing)
	require.Equal(t, confirm.Completed, done.State, done.Reason)
	require.Equal(t, 2, w.key.signatures())
	results, err := w.engine.Results(t.Context(), "anna", op.ID)
	require.NoError(t, err)
	for _, r := range results {
		m, err := cades.Parse(r.Signature)
		require.NoError(t, err)
		require.Equal(t, cades.LevelT, m.Signatures()[0].Level())
	}
}

func TestWiping(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request("a"))
	_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	w.wait(op, confirm.Signing)
	w.later(8 * 24 * time.Hour)
	w.restart() // which sweeps
	require.Eventually(t, func() bool {
		_, err := w.engine.Results(t.Context(), "anna", op.ID)
		return errors.Is(err, confirm.ErrGone)
	}, 60*time.Second, 10*time.Millisecond)
	got, err := w.engine.Get(t.Context(), "anna", op.ID)
	require.NoError(t, err)
	require.Equal(t, confirm.Completed, got.State)
	w.later(31 * 24 * time.Hour)
	w.restart()
	require.Eventually(t, func() bool {
		_, err := w.engine.Get(t.Context(), "anna", op.ID)
		return errors.Is(err, confirm.ErrNotFound)
	}, 60*time.Second, 10*time.Millisecond)
}

// TestExpiredMeanwhile: what can never be raised ends the operation at once, with the reason.
func TestExpiredMeanwhile(t *testing.T) {
	w := newWorld(t)
	id := w.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.NotAfter = testpki.Now().Add(time.Hour) })
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(t, err)
	w.key = &counted{Key: key}
	w.signer, err = sign.New(w.key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	asked := &flaky{Timestamper: testlevels.Authority(t, w.pki, func() time.Time { return testpki.NotAfter().Add(-time.Hour) })}
	w.format = &cades.Options{Level: cades.LevelT, Timestamper: asked, Clock: testpki.Now}
	op := w.begin(request("a"))
	_, err = w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	done := w.wait(op, confirm.Signing)
	require.Contains(t, done.Items[0].Err, "expired")
	require.Equal(t, -1, asked.away, "the authority is asked once")
}
