package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-116355fd/signet/asic"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/intake"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/sign"
)

// folderOf is where the files of a container go: --out, or a folder with its name but for the ending.
func (f *extractFlags) folderOf(path string) (string, error) {
	switch {
	case f.out != "":
		return f.out, nil
	case path == stdinName:
		return "", usage("where are the files of the container to go? Give --out DIR")
	}
	name := strings.TrimSuffix(path, filepath.Ext(path))
	if name == path {
		name += ".files"
	}
	return name, nil
}

// extractContainer writes the files of a container below a folder, or its only file to standard output.
func (a *app) extractContainer(f *extractFlags, c *container, path string) error {
	to, err := f.folderOf(path)
	if err != nil {
		return err
	}
	names := c.Files()
	if to == stdinName {
		if len(names) != 1 {
			return fmt.Errorf("it holds %s, which have no place in standard output together; give --out DIR", plain.Plural(len(names), "file"))
		}
		if err := copyPart(a.Stdout, c, names[0]); err != nil {
			return fmt.Errorf("standard output: %w", plainCause(err))
		}
		return nil
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return fmt.Errorf("the folder %s cannot be made: %w", to, plainCause(err))
	}
	root, err := os.OpenRoot(to) // no link leads out of it
	if err != nil {
		return fmt.Errorf("%s: %w", to, plainCause(err))
	}
	defer func() { _ = root.Close() }()
	if !f.force { // all of them or none
		for _, name := range names {
			if _, err := root.Lstat(filepath.FromSlash(name)); err == nil {
				return fmt.Errorf("%s is not written: %w", filepath.Join(to, name), errExists)
			}
		}
	}
	for _, name := range names {
		if err := putPart(root, c, name, f.force); err != nil {
			return fmt.Errorf("%s is not written: %w", filepath.Join(to, name), plainCause(err))
		}
	}
	a.note("took %s out of %s: they are in %s; nothing was verified", plain.Plural(len(names), "file"), inputName(path), to)
	return nil
}

func copyPart(w io.Writer, c *container, name string) error {
	r, err := c.File(name)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	_, err = io.Copy(w, r)
	return err
}

// putPart writes one file, whole or not at all.
func putPart(root *os.Root, c *container, name string, force bool) (err error) {
	name = filepath.FromSlash(name)
	dir := filepath.Dir(name)
	if err := root.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	temp := filepath.Join(dir, tempPrefix+rand.Text()+tempSuffix)
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() { _ = root.Remove(temp) }() // it is gone when all went well
	if err := errors.Join(copyPart(f, c, filepath.ToSlash(name)), f.Close()); err != nil {
		return err
	}
	if force {
		return root.Rename(temp, name)
	}
	// A link never takes the place of a file that somebody has made in the meantime; there are file systems without.
	if err := root.Link(temp, name); err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return root.Rename(temp, name)
}

// raiseContainer has each message of a container raised, and writes the new container.
func (a *app) raiseContainer(ctx context.Context, f *raiseFlags, c *container, file signatureFile, raise raiser) (output, level string, err error) {
	if file.explicit {
		return "", "", errors.New("a container holds what is signed; leave --content out")
	}
	// Through a temporary file, so that the container may take its own place.
	r, w := io.Pipe()
	reached := make(chan string, 1)
	go func() {
		first := ""
		w.CloseWithError(c.Update(w, func(m *cades.Message, content sign.Content) (*cades.Message, error) {
			raised, err := raise(ctx, m, content)
			if err == nil && first == "" {
				first = raised.Signatures()[0].LevelName()
			}
			return raised, err
		}))
		reached <- first
	}()
	temp, size, err := intake.Spool(r)
	_ = r.CloseWithError(err)
	level = <-reached // nobody reads the container any more
	if err != nil {
		return "", "", err
	}
	defer func() { _ = temp.Close() }()
	_ = c.Close()
	output = f.place(file)
	err = writeFile(output, true, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(temp, 0, size))
		return err
	})
	if err != nil {
		return "", "", fmt.Errorf("write %s: %w", output, plainCause(err))
	}
	return output, level, nil
}

// isContainer reports whether a file is a ZIP file.
func isContainer(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 4)
	_, err = f.ReadAt(head, 0)
	return err == nil && isZIP(head)
}

// Endings of containers.
const (
	simpleSuffix   = ".asics"
	extendedSuffix = ".asice"
)

// isContainerName knows the endings of containers: those of EN 319 162-1 annex A and what products write.
func isContainerName(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case simpleSuffix, extendedSuffix, ".scs", ".sce", ".asic":
		return true
	}
	return false
}

// containerKind reads --asic.
func (f *signFlags) containerKind() (kind asic.Kind, ok bool, err error) {
	switch strings.TrimPrefix(strings.ToLower(f.asic), "asic-") {
	case "":
		return 0, false, nil
	case "s":
		kind = asic.S
	case "e":
		kind = asic.E
	default:
		return 0, false, usage("--asic %s: choose s (each file in a container of its own) or e (all files in one)", f.asic)
	}
	if f.attached {
		return 0, false, usage("--attached puts the content into the signature, and --asic puts both into a container; give one of them")
	}
	switch {
	case len(f.signers.all) > 1:
		return 0, false, usage("--asic makes a container with one signature, and --key is there %d times; give one --key", len(f.signers.all))
	case f.armor:
		return 0, false, usage("--armor writes PEM, and a container of --asic is a ZIP archive; give one of them")
	case f.skip:
		return 0, false, usage("--skip-existing knows signatures and no containers of --asic; give one of them")
	}
	return kind, true, nil
}

// refuseOnce refuses what can be read once: a container takes its files twice, to sign and to hold them.
func (in *inputs) refuseOnce() error {
	for _, s := range in.sources {
		if s.once {
			return usage("%s can be read once, and a container takes its files twice; put it into a file first", inputName(s.path))
		}
	}
	return nil
}

// inContainers makes a container around each file (ASiC-S). Its name there is without folders.
type inContainers struct{ o *asic.Options }

func (f inContainers) Prepare(ctx context.Context, s *sign.Signer, c sign.Content) (sign.Draft, error) {
	c.Name = filepath.Base(c.Name)
	return f.o.Prepare(ctx, s, c)
}

// bundlePlace is where the one container of all files goes.
func (f *signFlags) bundlePlace(args []string) (string, error) {
	name := ""
	if len(args) == 1 && args[0] != "." {
		name = filepath.Clean(args[0]) + extendedSuffix
	}
	info, err := os.Stat(f.out)
	folder := f.out != "" && (err == nil && info.IsDir() || os.IsPathSeparator(f.out[len(f.out)-1]))
	switch {
	case f.out == "" && name == "", folder && name == "":
		return "", usage("what is the container of all these files to be called? Give --out FILE%s", extendedSuffix)
	case f.out == "":
		return name, nil
	case folder:
		return filepath.Join(f.out, filepath.Base(name)), nil
	}
	return f.out, nil
}

// bundle signs all files into one container (ASiC-E).
func (r *signing) bundle(ctx context.Context, signer *sign.Signer, options *cades.Options, place string) error {
	var contents []sign.Content
	for i := range r.in.items {
		it := r.in.items[i]
		c := r.content(i)
		if it.err != nil {
			r.progress.end()
			return &failure{ExitFailed, fmt.Errorf("%s: %w", c.Name, cause(it.err))}
		}
		c.Name = filepath.Join(r.in.sources[it.source].prefix, it.rel)
		contents = append(contents, c)
	}
	line := signed{Name: place, Output: place}
	err := os.MkdirAll(filepath.Dir(place), 0o777)
	if err == nil {
		err = writeFile(place, true, func(w io.Writer) error {
			return asic.Sign(ctx, w, signer, contents, &asic.Options{Kind: asic.E, Signature: options})
		})
	}
	r.progress.end()
	switch {
	case ctx.Err() != nil:
		return &failure{ExitFailed, errors.New("interrupted")}
	case sign.IsKeyError(err):
		return keyFailure(err)
	case err != nil:
		line.Output, line.Error = "", sentence(plainCause(err))
		r.screen.say("signet: %s: %s", place, line.Error)
	default:
		line.OK = true
		r.note("signed %s: made %s", plain.Plural(len(contents), "file"), place)
	}
	if r.flags.json {
		if err := r.printJSON(line); err != nil {
			return err
		}
	}
	if !line.OK {
		return &failure{code: ExitFailed}
	}
	return nil
}
