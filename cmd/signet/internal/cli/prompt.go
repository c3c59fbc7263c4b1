package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/term"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/sign"
)

// terminal is where a password is asked for: the controlling terminal, so that standard input is free for content.
type terminal struct {
	in, out *os.File
	opened  bool
}

// terminal finds one to ask on. Tests and services have none.
func (a *app) terminal() (*terminal, bool) {
	stdin, ok := a.Stdin.(*os.File)
	if !ok {
		return nil, false
	}
	in, out := "/dev/tty", "/dev/tty"
	if runtime.GOOS == "windows" {
		in, out = "CONIN$", "CONOUT$"
	}
	if f, err := os.OpenFile(in, os.O_RDWR, 0); err == nil {
		if term.IsTerminal(int(f.Fd())) {
			t := &terminal{in: f, out: f, opened: true}
			if out != in {
				if t.out, err = os.OpenFile(out, os.O_RDWR, 0); err != nil {
					t.out = os.Stderr
				}
			}
			return t, true
		}
		_ = f.Close()
	}
	stderr, ok := a.Stderr.(*os.File)
	if ok && term.IsTerminal(int(stdin.Fd())) && term.IsTerminal(int(stderr.Fd())) {
		return &terminal{in: stdin, out: stderr}, true
	}
	return nil, false
}

// ask asks for the password or PIN, as kind says, of a file or token, without echo. An interrupt ends it and leaves the
// terminal as it was.
func (t *terminal) ask(ctx context.Context, what string) (sign.Secret, error) {
	fd := int(t.in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return sign.Secret{}, fmt.Errorf("no password can be asked for on this terminal: %w", err)
	}
	_, _ = fmt.Fprintf(t.out, "%s: ", plain.Text(what))
	type answer struct {
		password []byte
		err      error
	}
	answers := make(chan answer, 1)
	go func() { // reading from a terminal cannot be cancelled; the program ends soon after an interrupt
		password, err := term.ReadPassword(fd)
		answers <- answer{password, err}
	}()
	select {
	case got := <-answers:
		_, _ = fmt.Fprintln(t.out)
		if got.err != nil {
			return sign.Secret{}, errors.New("none was given")
		}
		return sign.NewSecret(got.password), nil
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		_, _ = fmt.Fprintln(t.out)
		return sign.Secret{}, ctx.Err()
	}
}
