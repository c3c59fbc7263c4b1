package cli

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/seed-116355fd/signet/batch"
)

// folder is where outputs are made: an *os.Root, out of which no path leads, or the file system as it is.
type folder interface {
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	MkdirAll(name string, perm fs.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
	Close() error
}

type anywhere struct{}

func (anywhere) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}
func (anywhere) MkdirAll(name string, perm fs.FileMode) error { return os.MkdirAll(name, perm) }
func (anywhere) Rename(from, to string) error                 { return os.Rename(from, to) }
func (anywhere) Remove(name string) error                     { return os.Remove(name) }
func (anywhere) Close() error                                 { return nil }

// outputs makes the output files: each is written under a temporary name beside its place, and renamed when its result
// is reported. So a file that exists is complete, and after a stop there are exactly those that were reported.
type outputs struct {
	in     *inputs
	dir    folder
	stdout io.Writer
	armor  bool // PEM

	mu    sync.Mutex
	ready map[int]*output // written, not published; at most a window of the batch
}

func newOutputs(in *inputs, stdout io.Writer) (*outputs, error) {
	o := &outputs{in: in, dir: anywhere{}, stdout: stdout, ready: map[int]*output{}}
	if in.out == "" {
		return o, nil
	}
	if err := os.MkdirAll(in.out, 0o777); err != nil {
		return nil, usage("--out %s cannot be made: %w", in.out, plainCause(err))
	}
	root, err := os.OpenRoot(in.out)
	if err != nil {
		return nil, usage("--out %s: %w", in.out, plainCause(err))
	}
	o.dir = root
	return o, nil
}

// open begins the output of an item; it is called by many goroutines.
func (o *outputs) open(index int) (batch.Output, error) {
	name := o.in.output(index)
	if name == "" {
		return o.output(&output{index: index, memory: new(bytes.Buffer)}), nil
	}
	dir := filepath.Dir(name)
	if o.in.out != "" && dir != "." {
		if err := o.dir.MkdirAll(dir, 0o777); err != nil {
			return nil, o.failed(name, err)
		}
	}
	for {
		temp := filepath.Join(dir, tempPrefix+rand.Text()+tempSuffix)
		f, err := o.dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, o.failed(name, err)
		}
		return o.output(&output{index: index, file: f, temp: temp, name: name}), nil
	}
}

func (o *outputs) output(out *output) *output {
	out.all = o
	if o.armor {
		out.pem = newArmor(plainOutput{out})
	}
	return out
}

func (o *outputs) failed(name string, err error) error {
	return fmt.Errorf("write %s: %w", o.path(name), plainCause(err))
}

// path is the place of an output as the user knows it.
func (o *outputs) path(name string) string { return filepath.Join(o.in.out, name) }

// publish gives a finished output its name, and returns it: "" for standard output.
func (o *outputs) publish(index int) (string, error) {
	o.mu.Lock()
	out := o.ready[index]
	delete(o.ready, index)
	o.mu.Unlock()
	if out == nil {
		return "", errors.New("the container was not written")
	}
	if out.memory != nil {
		if _, err := out.memory.WriteTo(o.stdout); err != nil {
			return "", fmt.Errorf("standard output: %w", err)
		}
		return "", nil
	}
	if err := o.dir.Rename(out.temp, out.name); err != nil {
		_ = o.dir.Remove(out.temp)
		return "", o.failed(out.name, err)
	}
	return o.path(out.name), nil
}

// close removes what was written and not published.
func (o *outputs) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, out := range o.ready {
		if out.memory == nil {
			_ = o.dir.Remove(out.temp)
		}
	}
	clear(o.ready)
	_ = o.dir.Close()
}

const (
	tempPrefix = ".signet-"
	tempSuffix = ".tmp"
)

func isTemp(name string) bool {
	return strings.HasPrefix(name, tempPrefix) && strings.HasSuffix(name, tempSuffix)
}

// output is one container on its way.
type output struct {
	all        *outputs
	index      int
	file       *os.File
	temp, name string
	memory     *bytes.Buffer // for standard output
	pem        *armor        // or nil
}

// plainOutput takes the octets of the file itself.
type plainOutput struct{ *output }

func (w plainOutput) Write(p []byte) (int, error) { return w.write(p) }

var _ batch.Output = (*output)(nil)

func (w *output) Write(p []byte) (int, error) {
	if w.pem != nil {
		return w.pem.Write(p)
	}
	return w.write(p)
}

func (w *output) write(p []byte) (int, error) {
	if w.memory != nil {
		return w.memory.Write(p)
	}
	n, err := w.file.Write(p)
	if err != nil {
		err = w.all.failed(w.name, err)
	}
	return n, err
}

// Commit leaves the finished file for publish.
func (w *output) Commit() error {
	if w.pem != nil {
		if err := w.pem.Close(); err != nil {
			w.Abort()
			return err
		}
	}
	if w.file != nil {
		if err := w.file.Close(); err != nil {
			_ = w.all.dir.Remove(w.temp)
			return w.all.failed(w.name, err)
		}
	}
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	w.all.ready[w.index] = w
	return nil
}

// Abort removes the unfinished file.
func (w *output) Abort() {
	if w.file != nil {
		_ = w.file.Close()
		_ = w.all.dir.Remove(w.temp)
	}
}
