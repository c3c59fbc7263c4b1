package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/cmd/signet/internal/intake"
	"github.com/seed-116355fd/signet/internal/pki"
)

// cause takes operation and path out of an error of package os, which the message around it says already.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &renamed{"there is no such file", err}
	case errors.Is(err, fs.ErrPermission):
		return &renamed{"no permission to read it", err}
	}
	return err
}

// renamed is an error with other words.
type renamed struct {
	text string
	err  error
}

func (e *renamed) Error() string { return e.text }
func (e *renamed) Unwrap() error { return e.err }

// readSmall reads a file that should not be large.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a folder")
	case info.Size() > limit:
		return nil, fmt.Errorf("it is larger than %d MB", limit>>20)
	}
	return readLimited(f, info.Size(), limit)
}

func readLimited(r io.Reader, expect, limit int64) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, expect+bytes.MinRead))
	if _, err := buf.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
		return nil, err
	}
	if int64(buf.Len()) > limit {
		return nil, fmt.Errorf("it is larger than %d MB", limit>>20)
	}
	return buf.Bytes(), nil
}

// readIntake reads a file with a signature, in whatever spelling. The caller closes it when the signature is done with: a
// large one stays in its file, or in a temporary one when it came from a pipe or as text.
func (a *app) readIntake(path string) (*intake.File, error) {
	if path == stdinName {
		return a.readStream(a.Stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = errors.New("it is a folder")
	case info.Mode().IsRegular() && info.Size() > intake.InMemory:
		return intake.Large(f, info.Size(), maxSignatureFile)
	default:
		defer func() { _ = f.Close() }()
		return a.readStream(f)
	}
	_ = f.Close()
	return nil, err
}

// readStream reads what may be a pipe.
func (a *app) readStream(r io.Reader) (*intake.File, error) {
	var data bytes.Buffer
	if _, err := io.CopyN(&data, r, intake.InMemory+1); err != nil {
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
		return intake.Read(data.Bytes())
	}
	f, size, err := intake.Spool(io.MultiReader(&data, r))
	if err != nil {
		return nil, err
	}
	return intake.Large(f, size, maxSignatureFile)
}

// messageOf reads the message in a file.
func messageOf(in *intake.File) (*cades.Message, error) {
	if in.Source != nil {
		return cades.Open(in.Source, in.Size, nil)
	}
	return cades.Parse(in.DER)
}

// readSignature reads a file that has to hold a signature over a content. What the reader of messages understands better,
// such as a file that was cut, is left to it.
func (a *app) readSignature(path string) (*intake.File, error) {
	f, err := a.readIntake(path)
	switch {
	case err != nil:
		return nil, err
	case f.Kind == intake.Signature, f.Kind == intake.Unknown:
		return f, nil
	case f.Kind.Signed():
		return nil, fmt.Errorf("this is %s and not the signature of a document; signet verify and signet inspect read it", f.Kind.Name())
	}
	return nil, notSigned(f)
}

// notSigned says what a file is that is no signature, and what to do with it.
func notSigned(f *intake.File) error {
	what := f.Kind.Name()
	if f.Kind == intake.Certificate {
		if c, err := pki.ParseCertificate(f.DER); err == nil {
			what += " of " + inspect.Name(c.Subject.Raw)
		}
	}
	return fmt.Errorf("this is %s and not a signature; %s", what, f.Kind.Hint())
}

// plainCause takes operation and path out of an error of package os.
func plainCause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
