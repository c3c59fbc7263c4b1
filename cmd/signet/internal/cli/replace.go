package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/intake"
)

// writeFile writes a file whole or not at all: under a temporary name beside its place, which is taken at the end, when
// the octets are on the disk. A file that is there already is left as it is unless force is set. The mode is that of the
// file which was there, or 0o644.
func writeFile(path string, force bool, write func(io.Writer) error) error {
	return writeFileMode(path, 0o644, force, write)
}

// writeSecret writes a new file that nobody else reads. One that is there stays.
func writeSecret(path string, write func(io.Writer) error) error {
	return writeFileMode(path, 0o600, false, write)
}

func writeFileMode(path string, mode fs.FileMode, force bool, write func(io.Writer) error) error {
	switch info, err := os.Lstat(path); {
	case err == nil && info.IsDir():
		return errors.New("it is a folder")
	case err == nil && !force:
		return errExists
	case err == nil && info.Mode().IsRegular():
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), tempPrefix+"*"+tempSuffix)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is gone when all went well
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	if force {
		return os.Rename(f.Name(), path)
	}
	// A link, unlike a renaming, never takes the place of a file that somebody has made in the meantime.
	if err := os.Link(f.Name(), path); !errors.Is(err, fs.ErrExist) {
		if err == nil {
			return nil
		}
		// There are file systems without links.
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return errExists
		}
		return os.Rename(f.Name(), path)
	}
	return errExists
}

var errExists = errors.New("it exists already; give --force to replace it, or --out FILE for another place")

// bytesWriter writes octets that are there.
func bytesWriter(b []byte) func(io.Writer) error {
	return func(w io.Writer) error { _, err := w.Write(b); return err }
}

// messageWriter writes a message, and closes the file in which the content of a large one is: its place may be taken then.
func messageWriter(m *cades.Message, in *intake.File) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := m.WriteTo(w)
		return errors.Join(err, in.Close())
	}
}
