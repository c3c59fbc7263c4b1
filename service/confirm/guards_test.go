package confirm_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/service/confirm/totp"
	"github.com/seed-116355fd/signet/sign"
)

// The tests of this file each belong to one guard, and fail when it is taken out.

// authenticator is a method by codes of one secret, and what shows them.
func authenticator(t *testing.T) (bend func(*confirm.Config), code func(at time.Time) string) {
	secret := totp.NewSecret()
	return func(c *confirm.Config) {
			c.TOTP = func(context.Context, string) ([]byte, error) { return secret, nil }
		}, func(at time.Time) string {
			code, err := totp.Options{}.Code(secret, at)
			require.NoError(t, err)
			return code
		}
}

func byAuthenticator(names ...string) confirm.Request {
	r := request(names...)
	r.Method = confirm.Method{Kind: confirm.TOTP, Secret: "anna's", Notifier: "phone", Address: "+79990001234"}
	return r
}

func elsewhere(names ...string) confirm.Request {
	r := request(names...)
	r.Method.Kind = confirm.Elsewhere
	return r
}

// TestCodesAreRandom: who has seen codes knows nothing of the next one.
func TestCodesAreRandom(t *testing.T) {
	w := newWorld(t, func(c *confirm.Config) { c.Limits.Digits = 12 })
	seen := map[string]bool{}
	for range 5 {
		w.begin(request("a"))
		code := w.phone.last("+79990001234")
		require.Regexp(t, `^\d{12}$`, code)
		require.False(t, seen[code])
		seen[code] = true
	}
}

// TestColumnsOfTheDatabase: who can write the database cannot put an operation behind the token that a person has of another
// one, nor give it to another owner.
func TestColumnsOfTheDatabase(t *testing.T) {
	w := newWorld(t)
	shown, hidden := w.begin(elsewhere("shown")), w.begin(elsewhere("hidden"))
	db, err := sql.Open("sqlite", "file:"+w.config.Database+"?_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	defer db.Close()
	var key string
	require.NoError(t, db.QueryRow(`SELECT token FROM signet_operation WHERE id = ?1`, shown.ID).Scan(&key))
	w.sql(`UPDATE signet_operation SET token = '00000000-0000-4000-8000-000000000000' WHERE id = ?1`, shown.ID)
	w.sql(`UPDATE signet_operation SET token = ?1 WHERE id = ?2`, key, hidden.ID)
	_, err = w.engine.Approve(t.Context(), shown.Token)
	require.Error(t, err)
	require.NotErrorIs(t, err, confirm.ErrNotFound, "the operator has to see that somebody changed it")
	require.Zero(t, w.key.signatures())

	op := w.begin(request("a"))
	w.sql(`UPDATE signet_operation SET owner = 'eve' WHERE id = ?1`, op.ID)
	for _, owner := range []string{"anna", "eve"} {
		_, err := w.engine.Get(t.Context(), owner, op.ID)
		require.Error(t, err, owner)
	}
	_, err = w.engine.ByToken(t.Context(), op.Token)
	require.Error(t, err)
}

// TestReaderOfTheDatabase: who can read the database, or a copy of it, confirms nothing: neither code nor token is there.
func TestReaderOfTheDatabase(t *testing.T) {
	w := newWorld(t)
	byCode, byPage := w.begin(request("a")), w.begin(elsewhere("b"))
	db, err := sql.Open("sqlite", "file:"+w.config.Database+"?_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(`PRAGMA wal_checkpoint(FULL)`)
	require.NoError(t, err)
	for _, file := range []string{w.config.Database, w.config.Database + "-wal"} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, op := range []*confirm.Operation{byCode, byPage} {
			require.NotContains(t, string(data), op.Token)
			require.NotContains(t, string(data), strings.ReplaceAll(op.Token, "-", ""))
		}
	}
	var key string
	require.NoError(t, db.QueryRow(`SELECT token FROM signet_operation WHERE id = ?1`, byPage.ID).Scan(&key))
	for _, token := range []string{key, key[:36], byPage.ID} {
		_, err = w.engine.Approve(t.Context(), token)
		require.ErrorIs(t, err, confirm.ErrNotFound)
	}
	op, err := w.engine.Approve(t.Context(), byPage.Token)
	require.NoError(t, err)
	require.Equal(t, confirm.Completed, w.wait(op, confirm.Signing).State)
}

// TestNotAskedYet: nothing is confirmed before it is frozen and the person was asked, however right the code is.
func TestNotAskedYet(t *testing.T) {
	bend, show := authenticator(t)
	w := newWorld(t, bend)
	byCode, byTOTP, byPage := w.begin(request("a")), w.begin(byAuthenticator("b")), w.begin(elsewhere("c"))
	code := w.phone.last("+79990001234")
	w.sql(`UPDATE signet_operation SET state = 1`)
	for range 6 { // and no attempt is counted
		_, err := w.engine.Confirm(t.Context(), "anna", byCode.Token, code)
		require.ErrorIs(t, err, confirm.ErrState)
		_, err = w.engine.Confirm(t.Context(), "anna", byTOTP.Token, show(w.now()))
		require.ErrorIs(t, err, confirm.ErrState)
		_, err = w.engine.Approve(t.Context(), byPage.Token)
		require.ErrorIs(t, err, confirm.ErrState)
	}
	require.Zero(t, w.key.signatures())
}

// TestLateConfirmations: after its time an operation is over at once, not when the sweep has come by.
func TestLateConfirmations(t *testing.T) {
	bend, show := authenticator(t)
	w := newWorld(t, bend)
	byTOTP, byPage := w.begin(byAuthenticator("b")), w.begin(elsewhere("c"))
	w.later(16 * time.Minute)
	_, err := w.engine.Confirm(t.Context(), "anna", byTOTP.Token, show(w.now()))
	require.ErrorIs(t, err, confirm.ErrExpired)
	_, err = w.engine.Approve(t.Context(), byPage.Token)
	require.ErrorIs(t, err, confirm.ErrExpired)
	require.Zero(t, w.key.signatures())
}

// TestGuessesAtAuthenticators: wrong codes of authenticators count like others, and bar the right one, too.
func TestGuessesAtAuthenticators(t *testing.T) {
	bend, show := authenticator(t)
	w := newWorld(t, bend, func(c *confirm.Config) { c.Limits.Guesses, c.Limits.Open = 1, 3*time.Hour })
	first, second := w.begin(byAuthenticator("a")), w.begin(byAuthenticator("b"))
	_, err := w.engine.Confirm(t.Context(), "anna", first.Token, "no code")
	require.ErrorIs(t, err, confirm.ErrCode)
	code := show(w.now())
	_, err = w.engine.Confirm(t.Context(), "anna", second.Token, code)
	require.ErrorIs(t, err, confirm.ErrLimit)
	require.Zero(t, w.key.signatures())
	w.later(time.Hour)
	_, err = w.engine.Confirm(t.Context(), "anna", second.Token, show(w.now()))
	require.NoError(t, err, "an hour later")
}

// TestNothingToSendAgain: where there is no message, or nobody waits for it, none is sent.
func TestNothingToSendAgain(t *testing.T) {
	bend, _ := authenticator(t)
	w := newWorld(t, bend)
	silent := elsewhere("b")
	silent.Method.Notifier = ""
	gone := w.begin(request("c"))
	_, err := w.engine.Cancel(t.Context(), "anna", gone.ID)
	require.NoError(t, err)
	ops := []*confirm.Operation{w.begin(byAuthenticator("a")), w.begin(silent), gone}
	w.later(time.Minute)
	for _, op := range ops {
		_, err := w.engine.Resend(t.Context(), "anna", op.ID)
		require.ErrorIs(t, err, confirm.ErrState)
		_, err = w.engine.ResendByToken(t.Context(), op.Token)
		require.ErrorIs(t, err, confirm.ErrState)
	}
	require.Equal(t, 1, w.phone.count("+79990001234"))
}

// TestNothingToTryAgain: only what failed after it was confirmed is tried again, and while there is something to try.
func TestNothingToTryAgain(t *testing.T) {
	w := newWorld(t)
	refused := func(op *confirm.Operation, why string) {
		t.Helper()
		_, err := w.engine.Retry(t.Context(), op.ID)
		require.ErrorIs(t, err, confirm.ErrState, why)
	}
	waits := w.begin(request("a"))
	refused(waits, "nobody has confirmed it")
	w.sql(`UPDATE signet_operation SET state = 6, mark = 3, finished = 1 WHERE id = ?1`, waits.ID)
	refused(waits, "still nobody has, whatever the database says")

	done := w.begin(request("a"))
	_, err := w.engine.Confirm(t.Context(), "anna", done.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	w.wait(done, confirm.Signing)
	refused(done, "it is signed")

	failed := w.begin(request("a"))
	w.key.mu.Lock()
	w.key.fail = &sign.Error{Op: "test", Class: sign.ErrPIN}
	w.key.mu.Unlock()
	_, err = w.engine.Confirm(t.Context(), "anna", failed.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	require.Equal(t, confirm.Failed, w.wait(failed, confirm.Signing).State)
	w.sql(`UPDATE signet_operation SET wiped = 1 WHERE id = ?1`, failed.ID)
	refused(failed, "what was to be signed is wiped")
	w.sql(`UPDATE signet_operation SET wiped = 0 WHERE id = ?1`, failed.ID)
	_, err = w.engine.Retry(t.Context(), failed.ID)
	require.NoError(t, err)
}

// TestConfirmedStays: what the person has confirmed is signed, whoever wants to cancel it then, or is told so.
func TestConfirmedStays(t *testing.T) {
	w := newWorld(t)
	w.key.gate = make(chan struct{})
	op := w.begin(request("a"))
	_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	for name, cancel := range map[string]func() (*confirm.Operation, error){
		"owner":    func() (*confirm.Operation, error) { return w.engine.Cancel(t.Context(), "anna", op.ID) },
		"person":   func() (*confirm.Operation, error) { return w.engine.Decline(t.Context(), op.Token) },
		"operator": func() (*confirm.Operation, error) { return w.engine.CancelAny(t.Context(), op.ID) },
	} {
		_, err := cancel()
		require.ErrorIs(t, err, confirm.ErrState, name)
	}
	close(w.key.gate)
	w.verify(w.wait(op, confirm.Signing), ofName)
}

// TestCancelledWhileSent: an operation that is cancelled while its message goes out stays so, and its code confirms nothing.
func TestCancelledWhileSent(t *testing.T) {
	w := newWorld(t)
	begun, sent := make(chan *confirm.Operation), make(chan error)
	w.phone.fail = func(*notify.Message) error {
		op := <-begun
		_, err := w.engine.Cancel(w.t.Context(), "anna", op.ID)
		sent <- err
		return nil
	}
	op, err := w.engine.Begin(t.Context(), request("a"))
	require.NoError(t, err)
	begun <- op
	require.NoError(t, <-sent)
	require.Eventually(t, func() bool { return w.finished("signet_notify") }, 30*time.Second, time.Millisecond)
	got := w.wait(op)
	require.Equal(t, confirm.Cancelled, got.State)
	_, err = w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
	require.ErrorIs(t, err, confirm.ErrExpired)
}

// finished reports whether no job of a kind is left.
func (w *world) finished(kind string) bool {
	db, err := sql.Open("sqlite", "file:"+w.config.Database+"?_pragma=busy_timeout(10000)")
	require.NoError(w.t, err)
	defer db.Close()
	var n int
	require.NoError(w.t, db.QueryRow(`SELECT count(*) FROM river_job WHERE kind = ?1 AND state NOT IN ('completed', 'discarded')`, kind).Scan(&n))
	return n == 0
}

// TestMessageJobAgain: a job of a message that is taken up once more, or late, sends nothing.
func TestMessageJobAgain(t *testing.T) {
	w := newWorld(t, func(c *confirm.Config) { c.Limits.Open = time.Hour })
	op := w.begin(request("a"))
	again := func(serial int) {
		t.Helper()
		w.sql(`INSERT INTO river_job (args, kind, max_attempts, queue, state, metadata) VALUES (jsonb(?1), 'signet_notify', 6, 'signet_notify', 'available', jsonb('{}'))`,
			fmt.Sprintf(`{"id":%q,"serial":%d}`, op.ID, serial))
		require.Eventually(t, func() bool { return w.finished("signet_notify") }, 30*time.Second, time.Millisecond)
	}
	again(0)
	require.Equal(t, 1, w.phone.count("+79990001234"), "it was sent already")
	w.sql(`UPDATE signet_operation SET resends = 2, serial = 1 WHERE id = ?1`, op.ID)
	again(1)
	require.Equal(t, 1, w.phone.count("+79990001234"), "a later one was asked for")
	w.later(2 * time.Hour)
	again(2)
	require.Equal(t, 1, w.phone.count("+79990001234"), "it is over")
}

// TestCodeEndsWithItsOperation: no code lives longer than what it confirms.
func TestCodeEndsWithItsOperation(t *testing.T) {
	w := newWorld(t, func(c *confirm.Config) { c.Limits.Open = 2 * time.Minute })
	op := w.begin(request("a"))
	require.Equal(t, op.Expires, op.CodeExpires)
}

// TestBounds: what a request may have is bounded, for it is stored, shown and sent.
func TestBounds(t *testing.T) {
	w := newWorld(t, func(c *confirm.Config) { c.Limits.Items, c.Limits.Drafts = 2, 4096 })
	long := func(n int) string { return strings.Repeat("x", n) }
	onShelf := func(name string) func(r *confirm.Request) {
		return func(r *confirm.Request) { r.Items = []confirm.Item{{Name: "a", Shelf: name}} }
	}
	for name, bend := range map[string]func(r *confirm.Request){
		"files": func(r *confirm.Request) { r.Items = request("a", "b", "c").Items },
		"title": func(r *confirm.Request) { r.Title = long(4097) }, "owner": func(r *confirm.Request) { r.Owner = long(1025) },
		"once": func(r *confirm.Request) { r.Once = long(1025) }, "name": func(r *confirm.Request) { r.Items[0].Name = long(1025) },
		"zero in a name": func(r *confirm.Request) { r.Items[0].Name = "a\x00b" },
		"shelf":          onShelf(long(1025)), "shelf that is not UTF-8": onShelf("\xff"),
	} {
		r := request("a")
		bend(&r)
		_, err := w.engine.Begin(t.Context(), r)
		require.ErrorIs(t, err, confirm.ErrInput, name)
	}
	w.format.Attached = true
	r := request("a")
	r.Items[0].Content = sign.Bytes("a", make([]byte, 4096))
	_, err := w.engine.Begin(t.Context(), r)
	require.ErrorIs(t, err, confirm.ErrInput, "drafts")
	w.begin(request("a"))

	bare := newWorld(t, func(c *confirm.Config) { c.Shelf = nil })
	r = request("a")
	onShelf("a")(&r)
	_, err = bare.engine.Begin(t.Context(), r)
	require.ErrorIs(t, err, confirm.ErrInput, "no shelf")
}

// TestShelfOfAnother: what another owner has on the shelf is not there.
func TestShelfOfAnother(t *testing.T) {
	w := newWorld(t)
	_, err := w.shelf.Part(t.Context(), "anna", "hers", 0, true, strings.NewReader("content of hers"))
	require.NoError(t, err)
	for name, owner := range map[string]string{"hers": "boris", "..": "anna"} {
		r := request()
		r.Owner, r.Items = owner, []confirm.Item{{Name: "hers", Shelf: name}}
		op := w.begin(r)
		require.Equal(t, confirm.Failed, op.State, name)
		require.True(t, op.Missing, name)
	}
	r := request()
	r.Items = []confirm.Item{{Name: "hers", Shelf: "__userId__/hers"}}
	require.Equal(t, confirm.Awaiting, w.begin(r).State)
	require.Zero(t, w.phone.count("boris"))
}

// TestRoomIsOfOneOwner: who has begun too many keeps nobody else from it.
func TestRoomIsOfOneOwner(t *testing.T) {
	w := newWorld(t, func(c *confirm.Config) { c.Limits.PerOwner = 1 })
	w.begin(request("a"))
	_, err := w.engine.Begin(t.Context(), request("a"))
	require.ErrorIs(t, err, confirm.ErrLimit)
	r := request("a")
	r.Owner = "boris"
	w.begin(r)
}

// TestNamesOfBoxes: neither a caller nor one who may write into a box leads the source out of it, or over a signature.
func TestNamesOfBoxes(t *testing.T) {
	folder := t.TempDir()
	source := confirm.FolderSource{Folder: filepath.Join(folder, "boxes")}
	box := filepath.Join(source.Folder, "box")
	for _, made := range []string{box, filepath.Join(source.Folder, ".hidden"), filepath.Join(source.Folder, `a\b`), filepath.Join(source.Folder, "a:b"), filepath.Join(box, "inner")} {
		require.NoError(t, os.MkdirAll(made, 0o700))
	}
	for _, name := range []string{"", ".", "..", "../boxes/box", ".hidden", `a\b`, "a:b", "box/inner", "box\x00"} {
		_, _, err := source.Pending(t.Context(), name, "", 5)
		require.ErrorIs(t, err, sign.ErrInput, "%q", name)
		require.ErrorIs(t, source.Signed(t.Context(), name, "a", nil), sign.ErrInput, "%q", name)
	}
	for _, id := range []string{"", ".", "..", "../a", ".a", "inner/a", `a\b`, "a\x00"} {
		require.ErrorIs(t, source.Signed(t.Context(), "box", id, []byte("x")), sign.ErrInput, "%q", id)
	}
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, os.WriteFile(filepath.Join(box, name), nil, 0o600))
	}
	require.NoError(t, os.Symlink(filepath.Join(box, "a"), filepath.Join(box, "link")))
	names := func(resume string, limit int) (all []string) {
		pending, _, err := source.Pending(t.Context(), "box", resume, limit)
		require.NoError(t, err)
		for _, p := range pending {
			all = append(all, p.ID)
		}
		return all
	}
	require.Equal(t, []string{"a", "b", "c"}, names("", 5), "no folders and no links")
	require.Equal(t, []string{"b"}, names("a", 1), "behind the resume key")
	require.NoError(t, source.Signed(t.Context(), "box", "a", []byte("first")))
	require.NoError(t, source.Signed(t.Context(), "box", "a", []byte("second")))
	got, err := os.ReadFile(filepath.Join(box, "a.p7s"))
	require.NoError(t, err)
	require.Equal(t, "first", string(got))
	require.Equal(t, []string{"b", "c"}, names("", 5))
}

// TestLimitsThatProtectNothing: limits under which codes are no protection are refused.
func TestLimitsThatProtectNothing(t *testing.T) {
	for name, l := range map[string]confirm.Limits{
		"no attempts": {Attempts: -1}, "attempts": {Attempts: 21}, "short": {Digits: 3}, "long": {Digits: 13}, "no digits": {Digits: -1},
		"forgotten before it is wiped": {Keep: 2 * time.Hour, Forget: time.Hour},
		"life of a code":               {Code: -1}, "time to confirm": {Open: -1}, "window": {Window: -1}, "keep": {Keep: -1},
	} {
		require.Error(t, confirm.Check(t.Context(), confirm.Config{Database: filepath.Join(t.TempDir(), "x.db"), Secret: sign.NewSecret(make([]byte, 32)), Limits: l}), name)
	}
}

// TestDocumentOfAnother: only what was frozen is shown, and only of the operation whose token it is.
func TestDocumentOfAnother(t *testing.T) {
	w := newWorld(t)
	_, err := w.shelf.Part(t.Context(), "anna", "hers", 0, true, strings.NewReader("content of hers"))
	require.NoError(t, err)
	r := request()
	r.Items = []confirm.Item{{Name: "hers", Shelf: "hers"}}
	op := w.begin(r)
	read := func(token string, item int) (string, error) {
		content, _, err := w.engine.Document(t.Context(), token, item)
		if err != nil {
			return "", err
		}
		defer content.Close()
		data, err := io.ReadAll(content)
		return string(data), err
	}
	text, err := read(op.Token, 0)
	require.NoError(t, err)
	require.Equal(t, "content of hers", text)
	for _, item := range []int{-1, 1} {
		_, err = read(op.Token, item)
		require.ErrorIs(t, err, confirm.ErrNotFound)
	}
	_, err = read(op.ID, 0)
	require.ErrorIs(t, err, confirm.ErrNotFound, "the ID is no token")
	// Of another owner, who has a file of the same name.
	_, err = w.shelf.Part(t.Context(), "boris", "hers", 0, true, strings.NewReader("of boris"))
	require.NoError(t, err)
	r.Owner = "boris"
	text, err = read(w.begin(r).Token, 0)
	require.NoError(t, err)
	require.Equal(t, "of boris", text)
	for _, other := range []string{"CONTENT OF HERS", "content of hers, and more"} { // of the same size, and of another one
		_, err = w.shelf.Part(t.Context(), "anna", "hers", 0, true, strings.NewReader(other))
		require.NoError(t, err)
		_, err = read(op.Token, 0)
		require.ErrorIs(t, err, confirm.ErrShelf)
	}
}
