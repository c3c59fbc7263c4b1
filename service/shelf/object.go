package shelf

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// cleanup is a context for what is done after an error, when that of the caller may be over.
func cleanup() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

const patience = 30 * time.Second

// object is one that is written. It is there after commit, as a whole, or not at all.
type object struct {
	s      *Shelf
	key    string
	w      *blob.Writer
	cancel context.CancelFunc
	file   *os.File // of package fileblob
}

func (s *Shelf) create(ctx context.Context, key string) (*object, error) {
	ctx, cancel := context.WithCancel(ctx)
	return s.open(ctx, cancel, key)
}

// createStream makes an object that is larger than a store takes at once. Its upload does not end with ctx but some time
// later, so that discard can end it in order.
func (s *Shelf) createStream(ctx context.Context, key string) (*object, error) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(patience, cancel) })
	return s.open(own, func() { stop(); cancel() }, key)
}

func (s *Shelf) open(ctx context.Context, cancel context.CancelFunc, key string) (*object, error) {
	o := &object{s: s, key: key, cancel: cancel}
	for attempt := 0; ; attempt++ {
		w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{
			ContentType: "application/octet-stream",
			BeforeWrite: func(as func(any) bool) error {
				if as(&o.file) && runtime.GOOS != "windows" {
					return o.file.Chmod(0o600)
				}
				return nil
			},
		})
		switch {
		case err == nil:
			o.w = w
			return o, nil
		case gcerrors.Code(err) == gcerrors.NotFound && attempt < 20:
			// Sweep removed the folder between its making and that of the file.
		default:
			cancel()
			return nil, fmt.Errorf("shelf: write to the store: %w", err)
		}
	}
}

func (o *object) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	if err != nil {
		return n, fmt.Errorf("shelf: write to the store: %w", err)
	}
	return n, nil
}

func (o *object) abort() {
	o.cancel()
	_ = o.w.Close()
}

// discard gives up an object of createStream. S3 keeps what came of an upload that is cancelled, where no listing shows it and no
// quota counts it: clients that cut their connections could fill the store. So the upload is ended there, and the object is
// deleted; nothing names it.
func (o *object) discard() {
	if o.file != nil {
		o.abort()
		return
	}
	late := time.AfterFunc(patience, o.cancel)
	defer late.Stop()
	defer o.cancel()
	_ = o.w.Close()
	ctx, cancel := cleanup()
	defer cancel()
	_ = o.s.delete(ctx, o.key) // what is left, Sweep finds
}

// commit makes the object durable. Package fileblob renames, but does not sync: without that, what was acknowledged could be
// an empty file after a crash of the machine.
func (o *object) commit() error {
	defer o.cancel()
	if o.file != nil {
		if err := o.file.Sync(); err != nil {
			o.abort()
			return fmt.Errorf("shelf: sync a file: %w", err)
		}
	}
	if err := o.w.Close(); err != nil {
		return fmt.Errorf("shelf: write to the store: %w", err)
	}
	if o.file == nil || runtime.GOOS == "windows" { // which has no sync of folders
		return nil
	}
	dir := filepath.Dir(o.file.Name())
	at := filepath.FromSlash(o.key[:strings.LastIndexByte(o.key, '/')]) // all our keys have one
	root, here := strings.CutSuffix(dir, string(filepath.Separator)+at)
	if !here {
		return nil // the bucket has its temporary files elsewhere, and does not say where the others are
	}
	o.s.folder.learn(root)
	// The folders of the owner and of the item may be new.
	for ; ; dir = filepath.Dir(dir) {
		if err := syncDir(dir); err != nil {
			return fmt.Errorf("shelf: sync a folder: %w", err)
		}
		if dir == root {
			return nil
		}
	}
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

// write writes a small object. Those that count for the quota of an owner have its account, from which their octets were
// taken.
func (s *Shelf) write(ctx context.Context, key string, body []byte, a *account) (err error) {
	settled := false
	defer func() {
		if a != nil && !settled {
			a.give(int64(len(body)))
		}
	}()
	o, err := s.create(ctx, key)
	if err != nil {
		return err
	}
	if len(body) > 0 {
		if _, err := o.Write(body); err != nil {
			o.abort()
			return err
		}
	}
	if a == nil {
		return o.commit()
	}
	settled = true
	return a.settle(int64(len(body)), o.commit)
}

// delete removes an object; one that is not there is no error.
func (s *Shelf) delete(ctx context.Context, key string) error {
	if err := s.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("shelf: delete from the store: %w", err)
	}
	return nil
}

// folder is where a bucket of files lies, once it is known. Package fileblob leaves empty folders behind, and no bucket says
// where it is; a file that is written does.
type folder struct {
	mu   sync.Mutex
	root string
}

func (f *folder) learn(root string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.root = root
}

// prune removes empty folders. One that is not empty stays: os.Remove does not remove it.
func (f *folder) prune(ctx context.Context) {
	f.mu.Lock()
	root := f.root
	f.mu.Unlock()
	if root == "" {
		return
	}
	owners, _ := os.ReadDir(root)
	for _, owner := range owners {
		if len(owner.Name()) != 40 || !owner.IsDir() || ctx.Err() != nil {
			continue
		}
		items, _ := os.ReadDir(filepath.Join(root, owner.Name()))
		for _, it := range items {
			if it.IsDir() && placePattern.MatchString(owner.Name()+"/"+it.Name()+"/") {
				_ = os.Remove(filepath.Join(root, owner.Name(), it.Name()))
			}
		}
		_ = os.Remove(filepath.Join(root, owner.Name()))
	}
}
