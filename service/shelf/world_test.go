package shelf

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"
)

// clock is a clock that tests turn.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// buckets runs a test over memory, and over a folder.
func buckets(t *testing.T, f func(t *testing.T, b *blob.Bucket)) {
	t.Run("mem", func(t *testing.T) {
		b := memblob.OpenBucket(nil)
		defer b.Close()
		f(t, b)
	})
	t.Run("file", func(t *testing.T) {
		b, err := OpenBucket(t.Context(), "file://"+filepath.ToSlash(filepath.Join(t.TempDir(), "a", "shelf")))
		require.NoError(t, err)
		defer b.Close()
		f(t, b)
	})
}

func part(t *testing.T, s *Shelf, name string, index int, last bool, body string) []int {
	t.Helper()
	missing, err := s.Part(t.Context(), "anna", name, index, last, strings.NewReader(body))
	require.NoError(t, err)
	return missing
}

func content(t *testing.T, s *Shelf, name string) string {
	t.Helper()
	r, info, err := s.Open(t.Context(), "anna", name)
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.EqualValues(t, len(b), info.Size)
	return string(b)
}

func absent(t *testing.T, s *Shelf, name string) {
	t.Helper()
	_, _, err := s.Open(t.Context(), "anna", name)
	require.ErrorIs(t, err, ErrNotFound)
	_, err = s.Stat(t.Context(), "anna", name)
	require.ErrorIs(t, err, ErrNotFound)
}

func keys(t *testing.T, b *blob.Bucket) []string {
	t.Helper()
	var all []string
	for i := b.List(nil); ; {
		o, err := i.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		if o.Key != sweepKey {
			all = append(all, o.Key)
		}
	}
}

// faulty is a bucket over another one, in which operations fail.
type faulty struct {
	driver.Bucket
	b    *blob.Bucket
	mu   sync.Mutex
	fail func(op, key string) error // before the operation
	lost func(op, key string) error // after it: it was done, and the answer is lost
}

func newFaulty(b *blob.Bucket) (*faulty, *blob.Bucket) {
	f := &faulty{b: b}
	return f, blob.NewBucket(f)
}

func (f *faulty) set(fail, lost func(op, key string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail, f.lost = fail, lost
}

func (f *faulty) before(op, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail == nil {
		return nil
	}
	return f.fail(op, key)
}

func (f *faulty) after(op, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lost == nil {
		return nil
	}
	return f.lost(op, key)
}

func (f *faulty) ErrorCode(err error) gcerrors.ErrorCode { return gcerrors.Code(err) }
func (f *faulty) As(i any) bool                          { return f.b.As(i) }
func (f *faulty) ErrorAs(err error, i any) bool          { return f.b.ErrorAs(err, i) }
func (f *faulty) Close() error                           { return nil }

func (f *faulty) ListPaged(ctx context.Context, o *driver.ListOptions) (*driver.ListPage, error) {
	if err := f.before("list", o.Prefix); err != nil {
		return nil, err
	}
	token := o.PageToken
	if len(token) == 0 {
		token = blob.FirstPageToken
	}
	objects, next, err := f.b.ListPage(ctx, token, max(o.PageSize, 1), &blob.ListOptions{Prefix: o.Prefix, Delimiter: o.Delimiter})
	if err != nil {
		return nil, err
	}
	page := &driver.ListPage{NextPageToken: next}
	for _, l := range objects {
		page.Objects = append(page.Objects, &driver.ListObject{Key: l.Key, ModTime: l.ModTime, Size: l.Size, MD5: l.MD5, IsDir: l.IsDir, AsFunc: func(any) bool { return false }})
	}
	return page, f.after("list", o.Prefix)
}

type faultyReader struct{ *blob.Reader }

func (r faultyReader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{ContentType: r.ContentType(), ModTime: r.ModTime(), Size: r.Size()}
}

func (f *faulty) NewRangeReader(ctx context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	if err := f.before("read", key); err != nil {
		return nil, err
	}
	r, err := f.b.NewRangeReader(ctx, key, offset, length, nil)
	if err != nil {
		return nil, err
	}
	return faultyReader{r}, nil
}

type faultyWriter struct {
	*blob.Writer
	f   *faulty
	key string
	end context.CancelFunc
}

func (w *faultyWriter) Write(b []byte) (int, error) {
	if err := w.f.before("write", w.key); err != nil {
		return 0, err
	}
	return w.Writer.Write(b)
}

func (w *faultyWriter) Close() error {
	defer w.end()
	if err := w.f.before("commit", w.key); err != nil {
		w.end()
		_ = w.Writer.Close()
		return err
	}
	if err := w.Writer.Close(); err != nil {
		return err
	}
	return w.f.after("commit", w.key)
}

func (f *faulty) NewTypedWriter(ctx context.Context, key, contentType string, o *driver.WriterOptions) (driver.Writer, error) {
	if err := f.before("create", key); err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(ctx)
	w, err := f.b.NewWriter(ctx, key, &blob.WriterOptions{ContentType: contentType, BeforeWrite: o.BeforeWrite})
	if err != nil {
		end()
		return nil, err
	}
	return &faultyWriter{w, f, key, end}, nil
}

func (f *faulty) Delete(ctx context.Context, key string, _ *driver.DeleteOptions) error {
	if err := f.before("delete", key); err != nil {
		return err
	}
	if err := f.b.Delete(ctx, key); err != nil {
		return err
	}
	return f.after("delete", key)
}

// folderOf is where a bucket of files lies.
func folderOf(t *testing.T, s *Shelf) string {
	t.Helper()
	s.folder.mu.Lock()
	defer s.folder.mu.Unlock()
	require.NotEmpty(t, s.folder.root)
	_, err := os.Stat(s.folder.root)
	require.NoError(t, err)
	return s.folder.root
}

// pattern is content that is different at each place.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>16) ^ byte(i>>8)*3 ^ byte(i)*7 ^ seed
	}
	return b
}
