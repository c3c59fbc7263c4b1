package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	detachedSuffix = ".p7s"
	attachedSuffix = ".p7m"
	stdinName      = "-"
)

// source is one argument of sign.
type source struct {
	path   string // of the file or folder; "-" for standard input
	prefix string // where below --out its outputs are
	folder bool
	once   bool // can be read once only: standard input, a pipe
}

// item is one content to be signed, or one thing that could not be looked at.
type item struct {
	source int
	rel    string // below a folder, else empty
	size   int64  // octets, as far as known
	err    error  // why it cannot be signed
	index  int    // among all inputs, also those that are skipped
}

// inputs is what is to be signed. The names are held in memory, the contents are not.
type inputs struct {
	sources []source
	items   []item
	octets  int64

	out     string // folder; empty is beside the inputs
	suffix  string
	skipped int      // signatures that lie among the inputs
	special []string // sockets, devices and the like
	twice   int      // files that were named more than once

	existing []skipped // what was signed before, in the order of the input
}

// name is the path of an item, as it is given to the user.
func (in *inputs) name(i int) string {
	s := in.sources[in.items[i].source]
	if in.items[i].rel == "" {
		return s.path
	}
	return filepath.Join(s.path, in.items[i].rel)
}

// output is where the container of an item goes: a path below --out, or beside the input; "" for standard output.
func (in *inputs) output(i int) string {
	it := in.items[i]
	s := in.sources[it.source]
	switch {
	case s.path == stdinName && in.out == "":
		return ""
	case s.path == stdinName:
		return "stdin" + in.suffix
	case in.out != "":
		return filepath.Join(s.prefix, it.rel) + in.suffix
	}
	return in.name(i) + in.suffix
}

// collect finds what the arguments name. What cannot be read becomes an item with its error; an error means wrong usage.
func collect(ctx context.Context, args []string, out, suffix string) (*inputs, error) {
	in := &inputs{out: out, suffix: suffix}
	var outInfo fs.FileInfo
	if out != "" {
		info, err := os.Stat(out)
		switch {
		case err == nil && !info.IsDir():
			return nil, usage("--out %s is a file; give a folder", out)
		case err == nil:
			outInfo = info
		case !errors.Is(err, fs.ErrNotExist):
			return nil, usage("--out %s: %w", out, cause(err))
		}
	}
	stdin := false
	for _, arg := range args {
		if arg == stdinName {
			if stdin {
				return nil, usage("standard input (-) can be signed once only")
			}
			stdin = true
			in.add(source{path: stdinName, once: true})
			in.items = append(in.items, item{source: len(in.sources) - 1})
			continue
		}
		if err := in.argument(ctx, arg, outInfo); err != nil {
			return nil, err
		}
	}
	if len(in.items) == 0 {
		if in.skipped != 0 {
			return nil, usage("there is nothing to sign in %s but signatures (.p7s, .p7m), which are left out of folders", strings.Join(args, ", "))
		}
		return nil, usage("there is nothing to sign in %s", strings.Join(args, ", "))
	}
	return in, in.distinct()
}

func (in *inputs) add(s source) { in.sources = append(in.sources, s) }

func (in *inputs) argument(ctx context.Context, arg string, out fs.FileInfo) error {
	path := filepath.Clean(arg)
	info, err := os.Stat(path)
	s := source{path: path, prefix: below(path)}
	if err == nil {
		s.folder = info.IsDir()
		s.once = !s.folder && !info.Mode().IsRegular()
	}
	in.add(s)
	if err != nil || !s.folder {
		it := item{source: len(in.sources) - 1, err: err}
		if err == nil && !s.once {
			it.size = info.Size()
		}
		in.octets += it.size
		in.items = append(in.items, it)
		return nil
	}
	return in.walk(ctx, path, out)
}

// walk takes the files of a folder in the order of their names. Links to files are followed, links to folders are not.
func (in *inputs) walk(ctx context.Context, root string, out fs.FileInfo) error {
	from := len(in.sources) - 1
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rel := filepath.FromSlash(path)
		if rel == "." {
			rel = ""
		}
		if err != nil {
			in.items = append(in.items, item{source: from, rel: rel, err: err})
			return nil
		}
		if d.IsDir() {
			if out != nil && rel != "" {
				if info, err := d.Info(); err == nil && os.SameFile(info, out) {
					return fs.SkipDir
				}
			}
			return nil
		}
		in.entry(from, root, rel, d)
		return nil
	})
	if err != nil {
		return &failure{ExitFailed, errors.New("interrupted")}
	}
	return nil
}

func (in *inputs) entry(from int, root, rel string, d fs.DirEntry) {
	if isSignature(d.Name()) {
		in.skipped++
		return
	}
	if isTemp(d.Name()) {
		return
	}
	info, err := d.Info()
	if err == nil && d.Type()&fs.ModeSymlink != 0 {
		info, err = os.Stat(filepath.Join(root, rel))
		switch {
		case err == nil && info.IsDir():
			return
		case errors.Is(err, fs.ErrNotExist):
			err = errors.New("it is a link to something that does not exist")
		}
	}
	switch {
	case err != nil:
		in.items = append(in.items, item{source: from, rel: rel, err: err})
	case !info.Mode().IsRegular(): // reading from a pipe or a device might never end
		in.special = append(in.special, filepath.Join(root, rel))
	default:
		in.octets += info.Size()
		in.items = append(in.items, item{source: from, rel: rel, size: info.Size()})
	}
}

func isSignature(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return ext == detachedSuffix || ext == attachedSuffix || isContainerName(name)
}

// below says where below --out the outputs of an argument go: at its own path when that stays below the current folder,
// else at what of it comes after the last "..", else, for an absolute path, at its last element.
func below(path string) string {
	switch {
	case path == ".":
		return ""
	case filepath.IsLocal(path):
		return path
	case filepath.IsAbs(path) || filepath.VolumeName(path) != "":
		path = filepath.Base(path)
	default:
		up := ".." + string(filepath.Separator)
		for strings.HasPrefix(path, up) {
			path = path[len(up):]
		}
	}
	if path == ".." || !filepath.IsLocal(path) {
		return ""
	}
	return path
}

// distinct refuses two inputs with one output, and an output in the place of an input, before anything is signed. A file
// that was named twice is signed once.
func (in *inputs) distinct() error {
	if len(in.sources) == 1 {
		return nil
	}
	seen := make(map[string]int, len(in.items))
	kept := in.items[:0]
	for i := range in.items {
		// Items are moved down in place; item i is not overwritten before it was looked at.
		out := foldCase(in.output(i))
		other, there := seen[out]
		switch {
		case !there:
			kept = append(kept, in.items[i])
			seen[out] = len(kept) - 1
		case in.name(other) == in.name(i):
			in.twice++
			in.octets -= in.items[i].size
		default:
			hint := "sign them into different folders with --out"
			if in.out != "" {
				hint = "sign them one by one, or name a folder that holds both"
			}
			return usage("%s and %s would both become %s; %s", in.name(other), in.name(i), filepath.Join(in.out, in.output(i)), hint)
		}
	}
	in.items = kept
	if in.out != "" {
		return nil
	}
	for i := range in.items {
		if name := in.name(i); isSignature(name) {
			if other, there := seen[foldCase(name)]; there {
				return usage("the signature of %s would overwrite %s, which is to be signed as well; give --out DIR", in.name(other), name)
			}
		}
	}
	return nil
}

// foldCase makes names that are one file to the system equal.
func foldCase(path string) string {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return strings.ToLower(path)
	}
	return path
}
