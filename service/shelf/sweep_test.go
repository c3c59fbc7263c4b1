package shelf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
)

func TestExpiry(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		c := newClock()
		s := New(b, &Options{Keep: 24 * time.Hour, Clock: c.now})
		part(t, s, "x", 0, true, "one")
		part(t, s, "never", 0, false, "part")
		_, err := s.Part(t.Context(), "anna", "large", 0, true, strings.NewReader(string(pattern(small+10, 0))))
		require.NoError(t, err)
		require.NoError(t, b.WriteAll(t.Context(), "somebody/elses", []byte("x"), nil))
		c.turn(12 * time.Hour)
		part(t, s, "young", 0, true, "two")
		c.turn(12*time.Hour - time.Second)
		require.NoError(t, s.Sweep(t.Context()))
		require.Equal(t, "one", content(t, s, "x"))
		c.turn(2 * time.Second) // stamps are some microseconds ahead of a clock that stands
		absent(t, s, "x")       // before it is swept
		require.NoError(t, s.Sweep(t.Context()))
		require.Equal(t, "two", content(t, s, "young"))
		require.Len(t, keys(t, b), 3, "one item of two objects, and what is not of the shelf")
		// The name can be used again, and old parts do not count.
		require.Equal(t, []int{0}, part(t, s, "never", 1, true, "x"))
		c.turn(25 * time.Hour)
		require.NoError(t, s.Sweep(t.Context()))
		require.Equal(t, []string{"somebody/elses"}, keys(t, b))
	})
}

// TestExpiredUnderway: an item that expires while it is uploaded anew does not take the new parts with it.
func TestExpiredUnderway(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		c := newClock()
		s := New(b, &Options{Keep: 24 * time.Hour, Clock: c.now})
		part(t, s, "x", 0, false, "old0")
		part(t, s, "x", 1, true, "old1")
		c.turn(23 * time.Hour)
		part(t, s, "x", 0, false, "new0")
		c.turn(2 * time.Hour)
		absent(t, s, "x")
		require.NoError(t, s.Sweep(t.Context()))
		require.Equal(t, []int{}, part(t, s, "x", 1, true, "old1"))
		require.Equal(t, "new0old1", content(t, s, "x"))
		c.turn(2 * time.Hour)
		require.NoError(t, s.Sweep(t.Context()))
		require.Equal(t, "new0old1", content(t, s, "x"))
		require.Len(t, keys(t, b), 3)
	})
}

// TestReplacedIsSwept: what was replaced stays an hour for its readers, not more.
func TestReplacedIsSwept(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		c := newClock()
		s := New(b, &Options{Clock: c.now})
		for i := range 5 {
			part(t, s, "x", 0, false, fmt.Sprint("a", i))
			part(t, s, "x", 1, true, fmt.Sprint("b", i))
		}
		r, _, err := s.Open(t.Context(), "anna", "x")
		require.NoError(t, err)
		part(t, s, "x", 0, true, "z")
		c.turn(grace - time.Second)
		require.NoError(t, s.Sweep(t.Context()))
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "a4b4", string(got))
		c.turn(2 * time.Second)
		require.NoError(t, s.Sweep(t.Context()))
		require.Len(t, keys(t, b), 2)
		require.Equal(t, "z", content(t, s, "x"))
		require.NoError(t, s.Delete(t.Context(), "anna", "x"))
		c.turn(underway + time.Second)
		require.NoError(t, s.Sweep(t.Context()))
		require.Empty(t, keys(t, b))
	})
}

// TestStubborn: an object that cannot be deleted does not stop the rest, and is told of.
func TestStubborn(t *testing.T) {
	buckets(t, func(t *testing.T, inner *blob.Bucket) {
		c := newClock()
		f, b := newFaulty(inner)
		s := New(b, &Options{Keep: time.Hour, Clock: c.now})
		for i := range 20 {
			part(t, s, fmt.Sprint("x", i), 0, true, "content")
		}
		c.turn(time.Hour + time.Second)
		stubborn := keys(t, inner)[13]
		f.set(func(op, key string) error {
			if op == "delete" && key == stubborn {
				return errors.New("it is write-protected")
			}
			return nil
		}, nil)
		require.ErrorContains(t, s.Sweep(t.Context()), "write-protected")
		require.Equal(t, []string{stubborn}, keys(t, inner))
		f.set(nil, nil)
		require.NoError(t, s.Sweep(t.Context()))
		require.Empty(t, keys(t, inner))
	})
}

// TestDeleteWithoutDeleting: an item that was deleted is gone, also when none of its objects could be deleted; and stays so
// whatever of it is deleted later, in whatever order.
func TestDeleteWithoutDeleting(t *testing.T) {
	c := newClock()
	inner := memblob.OpenBucket(nil)
	defer inner.Close()
	f, b := newFaulty(inner)
	s := New(b, &Options{Clock: c.now})
	for i := range 3 {
		part(t, s, "x", 0, false, fmt.Sprint("a", i))
		part(t, s, "x", 1, true, "b")
	}
	budget := 0
	f.set(func(op, _ string) error {
		if op != "delete" {
			return nil
		}
		if budget--; budget < 0 {
			return errors.New("no")
		}
		return nil
	}, nil)
	require.NoError(t, s.Delete(t.Context(), "anna", "x"))
	for n := 0; ; n++ {
		absent(t, s, "x")
		if len(keys(t, inner)) == 0 {
			break
		}
		require.Less(t, n, 50)
		budget = 1
		_ = s.Sweep(t.Context())
		c.turn(time.Hour)
	}
	f.set(nil, nil)
	require.Equal(t, []int{0}, part(t, s, "x", 1, true, "b"))
}

func TestFolder(t *testing.T) {
	c := newClock()
	root := filepath.Join(t.TempDir(), "state", "shelf")
	b, err := OpenBucket(t.Context(), "file://"+filepath.ToSlash(root))
	require.NoError(t, err)
	defer b.Close()
	s := New(b, &Options{Keep: time.Hour, Clock: c.now})
	part(t, s, "x", 0, true, "content")
	require.Equal(t, root, folderOf(t, s))
	// Nobody else can read it, and no temporary file is left.
	files := 0
	require.NoError(t, filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
		require.False(t, strings.HasSuffix(path, ".tmp"), path)
		if !info.IsDir() {
			files++
		}
		return nil
	}))
	require.Equal(t, 2, files)
	// What a killed process leaves is no item, no part, and goes after a day.
	at := place("anna", "killed")
	temp := filepath.Join(root, filepath.FromSlash(at), "p.0.0.l.1.4."+strings.Repeat("a", 64)+"."+random(8)+".18f0.tmp")
	require.NoError(t, os.MkdirAll(filepath.Dir(temp), 0o700))
	require.NoError(t, os.WriteFile(temp, []byte("half"), 0o600))
	require.NoError(t, os.Chtimes(temp, c.now(), c.now()))
	require.Equal(t, []int{0}, part(t, s, "killed", 1, true, "x"))
	c.turn(underway - time.Second)
	require.NoError(t, s.Sweep(t.Context()))
	require.FileExists(t, temp)
	c.turn(time.Second)
	// A shelf that has written nothing yet sweeps folders too.
	require.NoError(t, New(b, &Options{Keep: time.Hour, Clock: c.now}).Sweep(t.Context()))
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no empty folders are left")
	require.Equal(t, "sweep", entries[0].Name())
}

func TestOpenBucket(t *testing.T) {
	for _, bad := range []string{"", "relative", "file://host/x", "file:///", "file:///x?metadata=skip", "ftp://x", "s3://", "s3:///x", "%zz", "mem2://"} {
		_, err := OpenBucket(t.Context(), bad)
		require.Error(t, err, bad)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	require.NoError(t, os.WriteFile(plain, nil, 0o600))
	_, err := OpenBucket(t.Context(), "file://"+filepath.ToSlash(plain))
	require.Error(t, err)
	b, err := OpenBucket(t.Context(), "mem://")
	require.NoError(t, err)
	require.NoError(t, b.Close())
}

// TestSlowUpload: parts that are older than items are kept stay as long as the item that they are of.
func TestSlowUpload(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		c := newClock()
		s := New(b, &Options{Keep: 24 * time.Hour, Clock: c.now})
		large := string(pattern(small+10, 0))
		part(t, s, "x", 0, false, large)
		part(t, s, "x", 1, false, "small")
		c.turn(20 * time.Hour)
		require.NoError(t, s.Sweep(t.Context()))
		part(t, s, "x", 2, true, "last")
		c.turn(20 * time.Hour)
		require.NoError(t, s.Sweep(t.Context()))
		require.True(t, large+"smalllast" == content(t, s, "x"))
		c.turn(5 * time.Hour)
		require.NoError(t, s.Sweep(t.Context()))
		require.Empty(t, keys(t, b))
	})
}
