package cli

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/server"
)

// stages configures two-stage signing for a service of one key: SQLite in the state folder, codes on the terminal.
func (a *app) stages(f *serveFlags, config *server.Config) error {
	tokens, err := a.tokenFile(f)
	if err != nil {
		return err
	}
	folder := tokens + ".d" // a key has its own operations, as it has its own tokens
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	secret := filepath.Join(folder, "secret")
	if err := makeSecret(secret); err != nil {
		return err
	}
	database := filepath.Join(folder, "operations.db")
	if confirm.Taken(database) {
		a.warn("another service of this key has the operations of two-stage signing, so there are none here; serve a configuration with PostgreSQL for several (see docs/service.md)")
		return nil
	}
	config.Confirm = server.Confirm{
		Database:  server.Path(database),
		Secret:    server.SecretFile(secret),
		Shelf:     server.Place(filepath.Join(folder, "shelf")),
		Notifiers: []server.Notifier{{Name: "terminal", Terminal: true}},
		People:    []server.Person{{Caller: "*", Notifier: "terminal", Address: "this terminal", Hint: "terminal"}},
	}
	return nil
}

// makeSecret makes a file with a random secret, once.
func makeSecret(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var random [48]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	t, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // readable for its owner only
	if err != nil {
		return err
	}
	defer os.Remove(t.Name())
	_, err = t.WriteString(base64.StdEncoding.EncodeToString(random[:]) + "\n")
	if err = errors.Join(err, t.Sync(), t.Close()); err != nil {
		return err
	}
	if err := os.Link(t.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
