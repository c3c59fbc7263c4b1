package intake

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/received"
)

// InMemory is how large a file is read into memory whatever it is.
const InMemory = 4 << 20

// Source is where a large signature stays.
type Source interface {
	io.ReaderAt
	io.Closer
}

// Large reads a large file. Of an attached signature in DER, BER, PEM or base64 the content stays on the disk; all else is read
// into memory as [Read] does, limit octets at most. The file is closed by [File.Close].
func Large(f Source, size, limit int64) (*File, error) {
	in, err := large(f, size)
	if in != nil || err != nil {
		return in, err
	}
	defer func() { _ = f.Close() }()
	if err := hopeless(f, size); err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("it is larger than %d MB", limit>>20)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), data); err != nil {
		return nil, err
	}
	return Read(data)
}

// maxBinary bounds what is read whole to say what it is, when it is in ASN.1 and no attached signature: CRLs have tens of megabytes.
const maxBinary = 256 << 20

// hopeless says by its beginning that a file is nothing that could be read, so that a disk image does not have to fit into memory.
func hopeless(f Source, size int64) error {
	head := make([]byte, 4<<10)
	n, err := f.ReadAt(head, 0)
	if n == 0 {
		return err
	}
	head = head[:n]
	if received.UTF16(head) != nil {
		return nil
	}
	text, err := received.Text(head)
	switch {
	case err != nil || len(text) == 0:
		return err
	case text[0] == received.Sequence && !received.IsHex(text):
		if size > maxBinary {
			return fmt.Errorf("this is not a readable signature, and larger than %d MB", maxBinary>>20)
		}
		return nil
	}
	if err := received.Foreign(text); err != nil {
		return err
	}
	if bytes.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && received.DropSpace(r) >= 0 && r != '\f' && r != '\v' && r != '\x1a'
	}) {
		return received.ErrNothing
	}
	return nil
}

// large finds an attached signature; nil when the file is something else.
func large(f Source, size int64) (*File, error) {
	var first [1]byte
	if _, err := f.ReadAt(first[:], 0); err != nil {
		_ = f.Close()
		return nil, err
	}
	if first[0] == received.Sequence {
		return stays(f, size), nil
	}
	spool, n, err := spoolText(io.NewSectionReader(f, 0, size))
	if spool == nil || err != nil {
		return nil, err
	}
	in := stays(spool, n)
	if in == nil {
		_ = spool.Close()
		return nil, nil
	}
	_ = f.Close()
	return in, nil
}

// stays opens an attached signature; nil when it is none, or one that is better read whole to say what is wrong.
func stays(f Source, size int64) *File {
	octets, err := cms.Open(f, size, cms.DefaultHeld)
	if err != nil || octets.InMemory() {
		return nil
	}
	sd, err := cms.ParseOctets(octets)
	if err != nil || sd.ContentType == cms.OIDTSTInfo {
		return nil
	}
	return &File{Kind: Signature, Octets: octets, Source: f, Size: size}
}

// Close closes the file that a large signature stays in.
func (f *File) Close() error {
	if f == nil || f.Source == nil {
		return nil
	}
	return f.Source.Close()
}

// Temp is a temporary file, which is gone when it is closed.
type Temp struct{ *os.File }

// Spool writes what can be read once into a temporary file, which nobody else can read.
func Spool(r io.Reader) (t *Temp, size int64, err error) {
	f, err := os.CreateTemp("", "signet-*.tmp")
	if err != nil {
		return nil, 0, err
	}
	t = &Temp{f}
	_ = os.Remove(f.Name()) // not everywhere while it is open
	if size, err = io.Copy(f, r); err != nil {
		return nil, 0, errors.Join(err, t.Close())
	}
	return t, size, nil
}

// Close closes and removes the file.
func (t *Temp) Close() error {
	err := t.File.Close()
	_ = os.Remove(t.Name())
	return err
}

// spoolText decodes a text of one block of PEM, or of base64, into a temporary file; nil when it is something else, or spelled
// in a way that is left to [Read].
func spoolText(text io.Reader) (*Temp, int64, error) {
	decoder := received.NewDecoder(text)
	if decoder == nil {
		return nil, 0, nil
	}
	f, size, err := Spool(decoder)
	if err == nil && decoder.Whole() {
		return f, size, nil
	}
	if f != nil {
		_ = f.Close()
	}
	if _, ok := errors.AsType[base64.CorruptInputError](err); ok || err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, 0, nil
	}
	return nil, 0, err
}
