package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// TokensOptions say how a file of tokens is looked at. The zero value, and nil, works.
type TokensOptions struct {
	// Log is told when the file was read anew or is broken; nil means nobody.
	Log *slog.Logger
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
}

// Tokens is an [Authenticator] of bearer tokens in a file. The file is looked at again when a token is shown, at most once in
// a second: a token that was removed from it is refused a second later. When the file is broken or gone, what was read last
// stays in force, and the log says so until it is mended.
//
// A file that others may write is refused, since everybody who may write it may sign; one that others may read is taken with
// a warning: there is nothing in it that a token could be made from.
type Tokens struct {
	path  string
	log   *slog.Logger
	now   func() time.Time
	state atomic.Pointer[tokenState]

	mu      sync.Mutex // of looking at the file
	looked  atomic.Int64
	said    string
	warned  bool
	lastErr error
}

type tokenState struct {
	byID map[string]*Token
	seen fileSeen
}

// OpenTokens reads a file of tokens. It may be empty.
func OpenTokens(path string, o *TokensOptions) (*Tokens, error) {
	t := &Tokens{path: path, log: slog.New(slog.DiscardHandler), now: time.Now}
	if o != nil {
		if o.Log != nil {
			t.log = o.Log
		}
		if o.Clock != nil {
			t.now = o.Clock
		}
	}
	if err := t.Reload(); err != nil {
		return nil, err
	}
	return t, nil
}

// Authenticate knows a caller by its token.
func (t *Tokens) Authenticate(r *http.Request) (*Principal, error) {
	text, err := Bearer(r)
	if err != nil {
		return nil, err
	}
	id, err := parseToken(text)
	if err != nil {
		return nil, err
	}
	now := t.now()
	t.look(now)
	// The id is no secret, so that finding it may take as long as it takes. The hash of what a stranger sends tells nothing
	// of the one that is stored; it is compared in constant time all the same.
	sum := sha256.Sum256([]byte(text))
	known := t.state.Load().byID[id]
	switch {
	case known == nil || subtle.ConstantTimeCompare(sum[:], known.Hash[:]) != 1:
		return nil, fmt.Errorf("%w: there is no such token, or it was revoked", ErrRefused)
	case known.Expired(now):
		return nil, fmt.Errorf("%w: token %s of %s has expired on %s", ErrRefused, known.ID, known.Name, known.Expires.UTC().Format(time.DateOnly))
	}
	return &Principal{Name: known.Name, Keys: known.Keys, Endpoints: known.Endpoints}, nil
}

// Err is why the file could not be read when it was last looked at: what was read before is in force. Nil when all is well.
func (t *Tokens) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lastErr
}

// look reads the file again when it has changed. One caller looks, the others go on with what there is.
func (t *Tokens) look(now time.Time) {
	last := t.looked.Load()
	if since := now.UnixNano() - last; since >= 0 && since < int64(time.Second) || !t.looked.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if state := t.state.Load(); t.lastErr == nil && state.seen.unchanged(t.path) {
		return
	}
	_ = t.read() // it is in the log
}

// Reload reads the file now.
func (t *Tokens) Reload() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked.Store(t.now().UnixNano())
	return t.read()
}

func (t *Tokens) read() error {
	all, seen, err := readTokens(t.path)
	t.lastErr = err
	if err != nil {
		if err.Error() != t.said && t.state.Load() != nil {
			t.log.Error("file of tokens: what was read last stays in force", "file", t.path, "error", err.Error())
		}
		t.said = err.Error()
		return err
	}
	if seen.mode&0o004 != 0 && !t.warned { // its group may be that of the service, which owns no file that it only reads
		t.warned = true
		t.log.Warn("others may read the file of tokens; chmod 600 it", "file", t.path)
	}
	t.said = ""
	state := &tokenState{byID: make(map[string]*Token, len(all)), seen: seen}
	for i := range all {
		state.byID[all[i].ID] = &all[i]
	}
	t.state.Store(state)
	t.log.Info("tokens read", "file", t.path, "tokens", len(all))
	return nil
}

// fileSeen is what a file was when it was read.
type fileSeen struct {
	info fs.FileInfo
	mode fs.FileMode
	sum  [sha256.Size]byte
	read time.Time // by the clock of the system, as the times of files
}

// grain is how old a file has to be so that a second change would have given it another time.
const grain = 3 * time.Second

// unchanged reports whether the file is what was read.
func (s *fileSeen) unchanged(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !os.SameFile(info, s.info) || info.Size() != s.info.Size() || !info.ModTime().Equal(s.info.ModTime()) || info.Mode() != s.info.Mode() {
		return false
	}
	if age := s.read.Sub(info.ModTime()); age > grain {
		return true
	}
	// It was read so soon after it was written that it may have been written again within the grain of the clock.
	data, err := os.ReadFile(path)
	return err == nil && sha256.Sum256(data) == s.sum
}

var errNotRegular = errors.New("it is no regular file")

// readTokens reads a file, with what it was.
func readTokens(path string) ([]Token, fileSeen, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // opening a pipe would wait, and callers with it
		return nil, fileSeen{}, tokenFileError(path, errNotRegular)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileSeen{}, tokenFileError(path, err)
	}
	defer func() { _ = f.Close() }()
	return readOpenTokens(path, f)
}

func readOpenTokens(path string, f *os.File) ([]Token, fileSeen, error) {
	data, seen, err := readTokenFile(path, f)
	if err != nil {
		return nil, seen, err
	}
	all, err := parseTokens(data)
	if err != nil {
		return nil, seen, tokenFileError(path, err)
	}
	return all, seen, nil
}

func readTokenFile(path string, f *os.File) ([]byte, fileSeen, error) {
	seen := fileSeen{read: time.Now()}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, seen, tokenFileError(path, err)
	case !info.Mode().IsRegular():
		return nil, seen, tokenFileError(path, errNotRegular)
	case runtime.GOOS != "windows" && info.Mode()&0o022 != 0:
		// Whoever may write the file can put in a token of its own.
		return nil, seen, tokenFileError(path, errors.New("others may write it; chmod 600 it"))
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxTokenFile+1))
	if err != nil {
		return nil, seen, tokenFileError(path, err)
	}
	seen.info, seen.mode, seen.sum = info, info.Mode(), sha256.Sum256(data)
	return data, seen, nil
}

func tokenFileError(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("file of tokens %s: %w; signet token new --file makes it", path, err)
	}
	return fmt.Errorf("file of tokens %s: %w", path, err)
}

// ListTokens returns the tokens of a file in its order.
func ListTokens(path string) ([]Token, error) {
	all, _, err := readTokens(path)
	return slices.Clip(all), err
}
