package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/intake"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
)

type extractFlags struct {
	out          string
	inner, force bool
}

func (a *app) extractCommand() *cobra.Command {
	var f extractFlags
	cmd := &cobra.Command{
		Use:   "extract [flags] SIGNATURE|- ...",
		Short: "Take the content out of signatures",
		Long: `Write the content of each attached SIGNATURE X.p7m to X beside it, or to --out. That of standard input (-) goes to standard
output. With --inner, the content of a signature inside the signature is taken, down to the last one.

Of an ASiC container X.asice, all files go into the folder X, or that of --out. Of a signed mail it is what was signed: its
first part, with its header. Nothing is verified, and a file that is there already is left as it is.`,
		Example: `  signet extract contract.pdf.p7m
  signet extract --out - contract.pdf.p7m | less
  signet extract --inner --out contract.pdf contract.pdf.p7m.p7m`,
		Args: atLeast(1, "give the signatures to take the content out of"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.extractAll(cmd.Context(), &f, args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "out", "o", "", "write the content to `FILE`, or into a folder; - is standard output")
	flags.BoolVarP(&f.inner, "inner", "r", false, "go on when the content is a signature itself, and take what is in the last one")
	flags.BoolVar(&f.force, "force", false, "replace files that are there already")
	flags.SortFlags = false
	return cmd
}

func (a *app) extractAll(ctx context.Context, f *extractFlags, args []string) error {
	folder := false
	if info, err := os.Stat(f.out); f.out != "" && f.out != stdinName && err == nil {
		folder = info.IsDir()
	}
	if len(args) > 1 && f.out != "" && !folder {
		return usage("--out %s is one place, but there are %d signatures; give a folder that exists, or take them one by one", f.out, len(args))
	}
	places, seen := make([]string, len(args)), map[string]string{}
	for i, path := range args {
		var err error
		if path != stdinName && isContainer(path) {
			places[i], err = f.folderOf(path)
		} else {
			places[i], err = f.place(path, folder)
		}
		if err != nil {
			return err
		}
		if other, ok := seen[foldCase(places[i])]; ok {
			return usage("the contents of %s and %s would both become %s", inputName(other), inputName(path), places[i])
		}
		seen[foldCase(places[i])] = path
	}
	failed := 0
	for i, path := range args {
		if ctx.Err() != nil {
			return &failure{ExitFailed, errors.New("interrupted")}
		}
		if err := a.extract(f, path, places[i]); err != nil {
			failed++
			a.screen.say("signet: %s: %s", plain.Text(inputName(path)), sentence(err))
		}
	}
	if failed != 0 {
		return &failure{code: ExitFailed}
	}
	return nil
}

// place is where the content of a signature goes; "-" is standard output.
func (f *extractFlags) place(path string, folder bool) (string, error) {
	name := contentOf(path)
	for inner := name; f.inner && inner != ""; inner = contentOf(inner) { // a.p7m.p7m holds a.p7m, which holds a
		name = inner
	}
	switch {
	case f.out != "" && !folder:
		return f.out, nil
	case path == stdinName && f.out == "":
		return stdinName, nil
	case name == "" || path == stdinName:
		return "", usage("what is the content of %s to be called? Give --out FILE", inputName(path))
	case folder:
		return filepath.Join(f.out, filepath.Base(name)), nil
	}
	return name, nil
}

func (a *app) extract(f *extractFlags, path, place string) error {
	c, err := a.openContainer(path)
	if err != nil {
		return err
	}
	if c != nil {
		defer func() { _ = c.Close() }()
		return a.extractContainer(f, c, path)
	}
	in, err := a.readSignature(path)
	if err != nil {
		return cause(err)
	}
	var opened files
	opened.add(in)
	defer opened.close()
	write, size, err := contentIn(in, f.inner, &opened)
	if err != nil {
		return err
	}
	if place == stdinName {
		if err := write(a.Stdout); err != nil {
			return fmt.Errorf("standard output: %w", plainCause(err))
		}
		return nil
	}
	if err := writeFile(place, f.force, write); err != nil {
		return fmt.Errorf("%s is not written: %w", place, plainCause(err))
	}
	a.note("took %s out of %s: made %s; it was not verified", plain.Plural(size, "octet"), inputName(path), place)
	return nil
}

// maxInner bounds signatures inside of each other.
const maxInner = 32

// files are those that signatures stay in, until their content was taken out.
type files []io.Closer

func (f *files) add(c io.Closer) { *f = append(*f, c) }

func (f *files) close() {
	for _, c := range *f {
		_ = c.Close()
	}
}

// contentIn finds the content in a signature, or that in the last signature inside it, and its size.
func contentIn(in *intake.File, inner bool, opened *files) (write func(io.Writer) error, size int, err error) {
	for depth := 0; ; depth++ {
		if in.Content != nil {
			return bytesWriter(in.Content), len(in.Content), nil
		}
		m, err := messageOf(in)
		switch {
		case err != nil:
			return nil, 0, syntaxCause(err)
		case m.Detached() && len(m.Signatures()) == 0:
			return nil, 0, errors.New("there is no content in it, only certificates or the like")
		case m.Detached():
			return nil, 0, errors.New("the signature is detached: its content is not in it, but a file of its own")
		case depth == maxInner:
			return nil, 0, fmt.Errorf("there are more than %d signatures inside each other", maxInner)
		}
		var count counter
		if err := m.WriteContent(&count); err != nil || !inner {
			return m.WriteContent, int(count), err
		}
		next, err := contentOfMessage(m, int(count))
		if err != nil {
			return nil, 0, err
		}
		if next == nil || next.Kind != intake.Signature {
			return m.WriteContent, int(count), nil
		}
		opened.add(next)
		in = next
	}
}

// contentOfMessage reads the content of a message as a signature; nil when it is none. A large one goes through a temporary file.
func contentOfMessage(m *cades.Message, size int) (*intake.File, error) {
	if size <= intake.InMemory {
		var content bytes.Buffer
		if err := m.WriteContent(&content); err != nil {
			return nil, err
		}
		in, _ := intake.Read(content.Bytes()) // what it is instead does not matter
		return in, nil
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(m.WriteContent(w)) }()
	f, n, err := intake.Spool(r)
	if err != nil {
		_ = r.CloseWithError(err)
		return nil, err
	}
	in, err := intake.Large(f, n, maxSignatureFile)
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, err
	}
	return in, nil
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
