package batch_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

// signature is a batch.Output that is there whole or not at all.
type signature struct {
	*os.File
	path string
}

func (s *signature) Commit() error {
	if err := errors.Join(s.Sync(), s.Close()); err != nil {
		return errors.Join(err, os.Remove(s.Name()))
	}
	return os.Rename(s.Name(), s.path)
}

func (s *signature) Abort() {
	_ = s.Close()
	_ = os.Remove(s.Name())
}

// unsigned are the files of a folder that have no signature beside them; why the folder could not be walked is told at the end.
func unsigned(folder string, failed *error) func(func(batch.Content) bool) {
	return func(yield func(batch.Content) bool) {
		*failed = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, ".p7s") || strings.HasSuffix(path, ".part") {
				return err
			}
			if _, err := os.Stat(path + ".p7s"); err == nil {
				return nil // of a run that was stopped
			}
			if !yield(sign.File(path)) {
				return fs.SkipAll
			}
			return nil
		})
	}
}

// Every file of a folder, of any size and number, with a signature beside each. A run that was killed goes on where it was.
//
// The mistakes to avoid: a signature that is written in its place is half there after a crash, and taken for done; and a walk that fails
// looks like a folder without files, unless somebody asks.
func ExampleStream() {
	folder, err := os.MkdirTemp("", "signet-example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	for _, name := range []string{"a.txt", "b.txt", "c.txt"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(name), 0o600); err != nil {
			log.Fatal(err)
		}
	}
	signer := testsign.New(nil).Signer() // sign.Open in a program

	options := &batch.Options{Output: func(_ context.Context, _ int, c *batch.Content) (batch.Output, error) {
		f, err := os.CreateTemp(folder, "*.part")
		if err != nil {
			return nil, err
		}
		return &signature{f, c.Name + ".p7s"}, nil
	}}
	for range 2 {
		var failed error
		for r := range batch.Stream(context.Background(), signer, &cades.Options{}, unsigned(folder, &failed), options) {
			fmt.Println(filepath.Base(r.Name), r.Err)
		}
		if failed != nil {
			log.Fatal(failed)
		}
		if err := os.Remove(filepath.Join(folder, "b.txt.p7s")); err != nil { // as if the run had ended before it
			log.Fatal(err)
		}
	}
	// Output:
	// a.txt <nil>
	// b.txt <nil>
	// c.txt <nil>
	// b.txt <nil>
}
