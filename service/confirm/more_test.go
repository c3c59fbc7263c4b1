package confirm_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/confirm/totp"
	"github.com/seed-116355fd/signet/sign"
)

// TestShelf signs what lies on the shelf, beside what came with the request; what is put there later under the same name
// changes nothing.
func TestShelf(t *testing.T) {
	w := newWorld(t)
	put := func(name, content string) {
		missing, err := w.shelf.Part(t.Context(), "anna", name, 0, true, strings.NewReader(content))
		require.NoError(t, err)
		require.Empty(t, missing)
	}
	put("lies", "content of b")
	r := request("a", "b", "c")
	r.Items[1] = confirm.Item{Name: "b", Shelf: "__userId__/lies"}
	op := w.begin(r)
	require.Equal(t, confirm.Awaiting, op.State)
	require.Equal(t, int64(len("content of b")), op.Items[1].Size)
	put("lies", "something else")
	_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	w.verify(w.wait(op, confirm.Signing), ofName)

	r.Items[1].Shelf = "nothing"
	op, err = w.engine.Begin(t.Context(), r)
	require.NoError(t, err)
	op = w.wait(op, confirm.Preparing)
	require.Equal(t, confirm.Failed, op.State)
	require.True(t, op.Missing)

	r.Owner = "boris" // who has no such thing on its shelf
	r.Items[1].Shelf = "lies"
	op, err = w.engine.Begin(t.Context(), r)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	op, err = w.engine.Wait(ctx, "boris", op.ID, confirm.Preparing)
	require.NoError(t, err)
	require.True(t, op.Missing)

	w.mu.Lock()
	w.format = &cades.Options{Attached: true}
	w.mu.Unlock()
	r.Owner = "anna"
	_, err = w.engine.Begin(t.Context(), r)
	require.ErrorIs(t, err, confirm.ErrInput, "what is attached has to be kept")
}

// TestAuthenticator: each code confirms one operation.
func TestAuthenticator(t *testing.T) {
	secret := totp.NewSecret()
	w := newWorld(t, func(c *confirm.Config) {
		c.TOTP = func(_ context.Context, name string) ([]byte, error) {
			if name != "anna's" {
				return nil, errors.New("unknown")
			}
			return secret, nil
		}
	})
	r := request("a")
	r.Method = confirm.Method{Kind: confirm.TOTP, Secret: "anna's"}
	first, second := w.begin(r), w.begin(r)
	require.Equal(t, confirm.Awaiting, first.State)
	code, err := totp.Options{}.Code(secret, w.now())
	require.NoError(t, err)
	_, err = w.engine.Confirm(t.Context(), "anna", first.Token, other(code))
	require.ErrorIs(t, err, confirm.ErrCode)
	_, err = w.engine.Confirm(t.Context(), "anna", first.Token, code)
	require.NoError(t, err)
	_, err = w.engine.Confirm(t.Context(), "anna", first.Token, code)
	require.NoError(t, err, "the same again is the same")
	_, err = w.engine.Confirm(t.Context(), "anna", second.Token, code)
	require.ErrorIs(t, err, confirm.ErrCode, "a code that somebody saw is not good for another operation")
	w.later(time.Minute)
	code, err = totp.Options{}.Code(secret, w.now())
	require.NoError(t, err)
	_, err = w.engine.Confirm(t.Context(), "anna", second.Token, code)
	require.NoError(t, err)
	w.verify(w.wait(second, confirm.Signing), ofName)
	_, err = w.engine.Resend(t.Context(), "anna", second.ID)
	require.ErrorIs(t, err, confirm.ErrState)
}

// TestRuns signs a folder without a person, page by page.
func TestRuns(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "box"), 0o700))
	for _, name := range many(7) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "box", name), ofName(name), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "box", ".half"), nil, 0o600))
	w := newWorld(t, func(c *confirm.Config) {
		c.Sources = map[string]confirm.Source{"receipts": confirm.FolderSource{Folder: folder}}
	})
	r := confirm.RunRequest{Owner: "anna", Source: "receipts", Box: "box", Key: "robot"}
	page := func() *confirm.Run {
		run, err := w.engine.Run(t.Context(), r)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = w.engine.GetRun(ctx, "boris", run.ID)
		require.ErrorIs(t, err, confirm.ErrNotFound)
		run, err = w.engine.GetRun(ctx, "anna", run.ID)
		require.NoError(t, err)
		return run
	}
	first := page()
	require.Equal(t, 5, first.Signed)
	require.Equal(t, confirm.Completed, first.State, first.Reason)
	require.Equal(t, first, page(), "the same batch signs nothing twice")
	require.Equal(t, 5, w.key.signatures())
	r.Batch = first.Next
	second := page()
	require.Equal(t, 2, second.Signed)
	require.Empty(t, second.Next)
	for _, name := range many(7) {
		ber, err := os.ReadFile(filepath.Join(folder, "box", name+".p7s"))
		require.NoError(t, err)
		m, err := cades.Parse(ber)
		require.NoError(t, err)
		report, err := m.Verify(t.Context(), sign.Bytes("", ofName(name)), &cades.VerifyOptions{Roots: w.pki.Roots(), Time: testpki.Now()})
		require.NoError(t, err)
		require.True(t, report.Valid())
	}
	left, err := os.ReadDir(filepath.Join(folder, "box"))
	require.NoError(t, err)
	require.Len(t, left, 15, "no temporary file is left")

	// What has come since is the next batch from the beginning, after a while.
	require.NoError(t, os.WriteFile(filepath.Join(folder, "box", "new"), ofName("new"), 0o600))
	r.Batch = ""
	require.Equal(t, 5, page().Signed, "still the first one")
	w.later(time.Hour)
	require.Equal(t, 1, page().Signed)
	require.Equal(t, 8, w.key.signatures())

	for name, bend := range map[string]func(*confirm.RunRequest){
		"key":    func(r *confirm.RunRequest) { r.Key = "seal" },
		"source": func(r *confirm.RunRequest) { r.Source = "other" },
		"limit":  func(r *confirm.RunRequest) { r.Limit = 1_000_000 },
	} {
		bad := r
		bend(&bad)
		_, err := w.engine.Run(t.Context(), bad)
		require.ErrorIs(t, err, confirm.ErrInput, name)
	}
	for _, box := range []string{"", "..", "../box", "a/b", ".box", "missing"} {
		r.Box = box
		run := page()
		require.Equal(t, confirm.Failed, run.State, box)
	}
}

// stubborn is a source that does not take a signature at first.
type stubborn struct {
	mu    sync.Mutex
	fails int
	given [][]byte
}

func (s *stubborn) Pending(context.Context, string, string, int) ([]confirm.Pending, string, error) {
	return []confirm.Pending{{ID: "one", Content: sign.Bytes("", []byte("content of one"))}}, "", nil
}

func (s *stubborn) Signed(_ context.Context, _, _ string, signature []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given = append(s.given, signature)
	if s.fails--; s.fails >= 0 {
		return errors.New("busy")
	}
	return nil
}

// TestRunSource: a source that fails after it took the signature gets the same one again.
func TestRunSource(t *testing.T) {
	source := &stubborn{fails: 1}
	w := newWorld(t, func(c *confirm.Config) { c.Sources = map[string]confirm.Source{"s": source} })
	run, err := w.engine.Run(t.Context(), confirm.RunRequest{Owner: "anna", Source: "s", Box: "b", Key: "robot"})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run, err = w.engine.GetRun(ctx, "anna", run.ID)
	require.NoError(t, err)
	require.Equal(t, confirm.Completed, run.State)
	require.Len(t, source.given, 2)
	require.Equal(t, source.given[0], source.given[1])
	require.Equal(t, 1, w.key.signatures())
}

func TestConfigs(t *testing.T) {
	w := newWorld(t)
	for name, bend := range map[string]func(*confirm.Config){
		"no database":   func(c *confirm.Config) { c.Database = "" },
		"other kind":    func(c *confirm.Config) { c.Database = "mysql://x" },
		"short secret":  func(c *confirm.Config) { c.Secret = sign.NewSecret(make([]byte, 31)) },
		"no keys":       func(c *confirm.Config) { c.Keys = nil },
		"short code":    func(c *confirm.Config) { c.Limits.Digits = 3 },
		"many signers":  func(c *confirm.Config) { c.Limits.Signers = 20_000 },
		"many attempts": func(c *confirm.Config) { c.Limits.Attempts = 1000 },
		"taken":         func(*confirm.Config) {},
	} {
		c := w.config
		if name != "taken" {
			c.Database = filepath.Join(t.TempDir(), "x.db")
		}
		bend(&c)
		_, err := confirm.New(t.Context(), c)
		require.Error(t, err, name)
	}
	require.True(t, confirm.Taken(w.config.Database))
}

// TestList shows the operator what waits and what failed, page by page.
func TestList(t *testing.T) {
	w := newWorld(t)
	var waiting, failed []string
	for range 3 {
		waiting = append([]string{w.begin(request("a")).ID}, waiting...)
		op := w.begin(request("b"))
		code := w.phone.last("+79990001234")
		w.mu.Lock()
		w.openErr = &sign.Error{Op: "test", Class: sign.ErrPIN}
		w.mu.Unlock()
		_, err := w.engine.Confirm(t.Context(), "anna", op.Token, code)
		require.NoError(t, err)
		require.Equal(t, confirm.Failed, w.wait(op, confirm.Signing).State)
		w.mu.Lock()
		w.openErr = nil
		w.mu.Unlock()
		failed = append([]string{op.ID}, failed...)
	}
	list := func(f confirm.Filter) (ids []string) {
		all, err := w.engine.List(t.Context(), f)
		require.NoError(t, err)
		for _, op := range all {
			ids = append(ids, op.ID)
		}
		return ids
	}
	require.Equal(t, waiting, list(confirm.Filter{States: []confirm.State{confirm.Signing, confirm.Awaiting, confirm.Preparing}}))
	require.Equal(t, failed, list(confirm.Filter{States: []confirm.State{confirm.Failed, confirm.Partial}}))
	require.Equal(t, failed, list(confirm.Filter{States: []confirm.State{confirm.Failed}}))
	require.Empty(t, list(confirm.Filter{States: []confirm.State{confirm.Completed}}))
	require.Len(t, list(confirm.Filter{}), 6)
	first, err := w.engine.List(t.Context(), confirm.Filter{Limit: 2})
	require.NoError(t, err)
	rest := list(confirm.Filter{Before: first[1].Created})
	require.Len(t, rest, 4)
	require.NotContains(t, rest, first[0].ID)
}

// TestOtherFile: a database is not made over a file of something else, nor beside it.
func TestOtherFile(t *testing.T) {
	config := newWorld(t).config
	folder := t.TempDir()
	config.Database = filepath.Join(folder, "key.pem")
	for _, content := range []string{"x", "-----BEGIN PRIVATE KEY-----"} {
		require.NoError(t, os.WriteFile(config.Database, []byte(content), 0o600))
		_, err := confirm.New(t.Context(), config)
		require.ErrorContains(t, err, "none of SQLite")
		require.ErrorContains(t, confirm.Check(t.Context(), config), "none of SQLite")
		after, err := os.ReadFile(config.Database)
		require.NoError(t, err)
		require.Equal(t, content, string(after))
	}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.NoError(t, os.WriteFile(config.Database, nil, 0o600)) // an empty one is new to SQLite, too
	e, err := confirm.New(t.Context(), config)
	require.NoError(t, err)
	require.NoError(t, e.Close(t.Context()))
}

// TestBoxIsConfined: who may write into a box gets nothing signed that is not in it.
func TestBoxIsConfined(t *testing.T) {
	folder := t.TempDir()
	secret := filepath.Join(folder, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("for the service alone"), 0o600))
	box := filepath.Join(folder, "boxes", "box")
	require.NoError(t, os.MkdirAll(box, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(box, "a"), []byte("a"), 0o600))
	source := confirm.FolderSource{Folder: filepath.Dir(box)}
	listed, _, err := source.Pending(t.Context(), "box", "", 5)
	require.NoError(t, err)
	require.Len(t, listed, 1)
	read := func() (string, error) {
		r, err := listed[0].Content.Source().Open()
		if err != nil {
			return "", err
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		return string(data), err
	}
	text, err := read()
	require.NoError(t, err)
	require.Equal(t, "a", text)
	require.NoError(t, os.Remove(filepath.Join(box, "a")))
	require.NoError(t, os.Symlink(secret, filepath.Join(box, "a")))
	text, err = read()
	require.Error(t, err)
	require.Empty(t, text)
}
