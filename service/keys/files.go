package keys

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// fingerprint is what files were when somebody looked: the zero value is of nobody having looked.
type fingerprint [sha256.Size]byte

// fingerprintOf looks at what is in files and folders. When they were written does not count: a file that is written again
// with the same content is the same, and one whose content changed within the grain of the clock is another.
func fingerprintOf(files []string) fingerprint {
	h := sha256.New()
	for _, name := range files {
		_, _ = fmt.Fprintf(h, "%q\n", name)
		addFile(h, name, true)
	}
	return fingerprint(h.Sum(nil))
}

// addFile adds a file, or what is directly in a folder.
func addFile(w io.Writer, name string, folders bool) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		_, _ = fmt.Fprintln(w, "not there")
	case info.Mode().IsRegular():
		addContent(w, name)
	case info.IsDir() && folders:
		all, err := os.ReadDir(name)
		if err != nil {
			_, _ = fmt.Fprintln(w, "cannot be read")
		}
		for _, one := range all {
			_, _ = fmt.Fprintf(w, "%q\n", one.Name())
			addFile(w, filepath.Join(name, one.Name()), false)
		}
	default: // reading a pipe or a device would wait, or take what somebody else is to read
		_, _ = fmt.Fprintln(w, info.Mode()&fs.ModeType)
	}
}

func addContent(w io.Writer, name string) {
	f, err := os.Open(name)
	if err != nil {
		_, _ = fmt.Fprintln(w, "cannot be read")
		return
	}
	defer func() { _ = f.Close() }()
	// A digest of its own has a fixed length: no content can be taken for the begin of the next file.
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		_, _ = fmt.Fprintln(w, "cannot be read")
		return
	}
	_, _ = fmt.Fprintf(w, "%x\n", h.Sum(nil))
}
