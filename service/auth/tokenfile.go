package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-116355fd/signet/service/internal/filelock"
	"github.com/seed-116355fd/signet/sign"
)

// AddToken makes a token after a description and adds it to a file, which is made with mode 0600 when it is not there. The
// text is to be shown to one person, once.
func AddToken(path string, t Token) (text sign.Secret, stored Token, err error) {
	text, stored, err = NewToken(t)
	if err != nil {
		return sign.Secret{}, Token{}, err
	}
	err = changeTokens(path, true, func(data []byte) ([]byte, error) {
		if len(data) != 0 && data[len(data)-1] != '\n' {
			data = append(data, '\n')
		}
		return stored.appendLine(data), nil
	})
	if err != nil {
		text.Wipe()
		return sign.Secret{}, Token{}, err
	}
	return text, stored, nil
}

// ErrNoToken is of a token that is not in the file.
var ErrNoToken = errors.New("there is no such token in the file")

// RevokeToken removes the token with this id, or the only one with this name, from a file, and returns what it was.
func RevokeToken(path, idOrName string) (Token, error) {
	var gone Token
	err := changeTokens(path, false, func(data []byte) ([]byte, error) {
		all, _ := parseTokens(data) // they were parsed before
		var found []Token
		for _, t := range all {
			if t.ID == idOrName {
				found = []Token{t}
				break
			}
			if t.Name == idOrName {
				found = append(found, t)
			}
		}
		switch len(found) {
		case 0:
			return nil, fmt.Errorf("%w: %.60q; signet token list shows what there is", ErrNoToken, idOrName)
		case 1:
			gone = found[0]
		default:
			var ids []string
			for _, t := range found {
				ids = append(ids, t.ID)
			}
			return nil, fmt.Errorf("%d tokens have the name %.60q; give the id of one: %s", len(found), idOrName, strings.Join(ids, ", "))
		}
		var kept []byte
		for text := range bytes.Lines(data) {
			if t, err := parseLine(bytes.TrimSpace(text)); err == nil && t.ID == gone.ID {
				continue
			}
			kept = append(kept, text...)
		}
		return kept, nil
	})
	return gone, err
}

// changeTokens replaces a file by what change makes of it. Others who change it wait; who reads it sees either the old or
// the new one. Nothing is written into a file that is broken.
func changeTokens(path string, create bool, change func(data []byte) ([]byte, error)) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // the file is replaced, not the link to it
	}
	f, err := openLocked(path, create)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	data, seen, err := readTokenFile(path, f)
	if err != nil {
		return err
	}
	if _, err := parseTokens(data); err != nil {
		return tokenFileError(path, err)
	}
	data, err = change(data)
	if err != nil {
		return err
	}
	if _, err := parseTokens(data); err != nil { // too large
		return tokenFileError(path, err)
	}
	if err := replace(path, data, seen.info); err != nil {
		return tokenFileError(path, err)
	}
	return nil
}

// openLocked opens the file that has the name now, and locks it. While it waited for the lock, another one may have taken
// its place.
func openLocked(path string, create bool) (*os.File, error) {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	for {
		f, err := os.OpenFile(path, flags, 0o600)
		if err != nil {
			return nil, tokenFileError(path, err)
		}
		if err := filelock.Lock(f); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			_ = f.Close()
			return nil, tokenFileError(path, err)
		}
		mine, err1 := f.Stat()
		named, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, named) {
			return f, nil
		}
		_ = f.Close()
		if err := errors.Join(err1, err2); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, tokenFileError(path, err)
		}
	}
}

// replace writes a file beside the old one and puts it into its place. It keeps the mode and the owner of the old one, so that
// a service that runs as another user can read it as before.
func replace(path string, data []byte, old fs.FileInfo) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := keepOwner(f, old); err != nil {
		return fmt.Errorf("the owner of the file cannot be kept: %w; run this as its owner", err)
	}
	if err := f.Chmod(old.Mode().Perm()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil { // so that a revoked token stays revoked when the power fails
		_ = dir.Sync() // not every file system can
		_ = dir.Close()
	}
	return nil
}
