package shelf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
)

var errDown = errors.New("the store is down")

// TestCrashPoints kills an upload at each operation on the store, before it and after it: what was acknowledged is there,
// what was there before is there as a whole, and the upload can be ended.
func TestCrashPoints(t *testing.T) {
	bodies := []string{"first", string(pattern(small+100, 3)), "third"}
	want := strings.Join(bodies, "")
	buckets(t, func(t *testing.T, inner *blob.Bucket) {
		for _, answered := range []bool{false, true} {
			for point := 1; ; point++ {
				name := fmt.Sprintf("x %v %d", answered, point)
				f, b := newFaulty(inner)
				s := New(b, nil)
				part(t, s, name, 0, true, "before")
				n := 0
				down := func(op, _ string) error {
					if n++; n >= point { // and all that follows: the process is dead
						return errDown
					}
					return nil
				}
				if answered {
					f.set(nil, down)
				} else {
					f.set(down, nil)
				}
				failed := false
				acknowledged := false
				for i, body := range bodies {
					missing, err := s.Part(t.Context(), "anna", name, i, i == 2, strings.NewReader(body))
					if err != nil {
						require.ErrorIs(t, err, errDown)
						failed = true
						break
					}
					acknowledged = i == 2 && len(missing) == 0
				}
				other := New(inner, nil) // another process
				got := content(t, other, name)
				if acknowledged {
					require.True(t, got == want)
				} else {
					require.True(t, got == want && answered || got == "before", "%s", name)
				}
				// The sweep of another process meanwhile harms nothing.
				require.NoError(t, other.Sweep(t.Context()))
				for i, body := range bodies {
					part(t, other, name, i, i == 2, body)
				}
				require.True(t, content(t, other, name) == want)
				if !failed {
					break
				}
				require.Less(t, point, 100)
			}
		}
		// When their time has come, all that the dead have left goes.
		c := newClock()
		c.t = time.Now().Add(8 * 24 * time.Hour)
		require.NoError(t, New(inner, &Options{Clock: c.now}).Sweep(t.Context()))
		require.Empty(t, keys(t, inner))
	})
}

// TestSweepCrashPoints kills a sweep at each operation.
func TestSweepCrashPoints(t *testing.T) {
	buckets(t, func(t *testing.T, inner *blob.Bucket) {
		c := newClock()
		f, b := newFaulty(inner)
		s := New(b, &Options{Clock: c.now})
		for point := 1; ; point++ {
			for i := range 3 {
				part(t, s, "x", 0, false, fmt.Sprint("a", point, i))
				part(t, s, "x", 1, true, fmt.Sprint("b", point, i))
			}
			part(t, s, "gone", 0, true, fmt.Sprint(point))
			require.NoError(t, s.Delete(t.Context(), "anna", "gone"))
			c.turn(2 * time.Hour)
			n := 0
			f.set(func(op, _ string) error {
				if n++; n >= point {
					return errDown
				}
				return nil
			}, nil)
			err := s.Sweep(t.Context())
			f.set(nil, nil)
			require.Equal(t, fmt.Sprint("a", point, 2, "b", point, 2), content(t, s, "x"))
			absent(t, s, "gone")
			if err == nil {
				break
			}
			require.Less(t, point, 100)
		}
	})
}

// TestProcesses: several processes upload the same name at once. Each upload that was complete was one of them as a whole,
// and one of them is there at the end.
func TestProcesses(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		const processes, rounds = 4, 10
		var all sync.WaitGroup
		for p := range processes {
			all.Go(func() {
				s := New(b, nil)
				for i := range rounds {
					missing, err := s.Part(t.Context(), "anna", "one", 0, true, strings.NewReader(fmt.Sprint("upload ", p, " ", i)))
					if err != nil || len(missing) != 0 {
						t.Error(err, missing)
					}
					r, info, err := s.Open(t.Context(), "anna", "one")
					if err != nil {
						t.Error(err)
						continue
					}
					got, err := io.ReadAll(r)
					if err != nil || int64(len(got)) != info.Size || !bytes.HasPrefix(got, []byte("upload ")) {
						t.Errorf("%q %v", got, err)
					}
					_ = r.Close()
					// The same content in parts, by all of them.
					for j := range 3 {
						if _, err := s.Part(t.Context(), "anna", fmt.Sprint("same ", i), j, j == 2, strings.NewReader(fmt.Sprint("part ", j, ";"))); err != nil {
							t.Error(err)
						}
					}
					if err := s.Sweep(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		s := New(b, nil)
		require.Contains(t, content(t, s, "one"), "upload ")
		for i := range rounds {
			require.Equal(t, "part 0;part 1;part 2;", content(t, s, fmt.Sprint("same ", i)))
		}
	})
}

// TestLastHole: the last part and the one that fills the last hole arrive at once, at two processes; one of them completes.
func TestLastHole(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		for i := range 30 {
			name := fmt.Sprint("x", i)
			var all sync.WaitGroup
			var done [2][]int
			for p := range 2 {
				all.Go(func() {
					missing, err := New(b, nil).Part(t.Context(), "anna", name, p, p == 1, strings.NewReader(fmt.Sprint(p)))
					if err != nil {
						t.Error(err)
					}
					done[p] = missing
				})
			}
			all.Wait()
			require.True(t, done[0] != nil && len(done[0]) == 0 || done[1] != nil && len(done[1]) == 0)
			require.Equal(t, "01", content(t, New(b, nil), name))
		}
	})
}

// TestOvertaken: while a part comes in, another process completes the item. The part is of the next upload, and not lost.
func TestOvertaken(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		for _, large := range []bool{false, true} {
			name := fmt.Sprint("x ", large)
			body := "late"
			if large {
				body = string(pattern(small+100, 9))
			}
			other := New(b, nil)
			slow := io.MultiReader(strings.NewReader(body), readerFunc(func([]byte) (int, error) {
				part(t, other, name, 0, true, "early")
				return 0, io.EOF
			}))
			s := New(b, nil)
			missing, err := s.Part(t.Context(), "anna", name, 0, true, slow)
			require.NoError(t, err)
			require.Equal(t, []int{}, missing)
			require.True(t, body == content(t, s, name))

			slow = io.MultiReader(strings.NewReader("after"), readerFunc(func([]byte) (int, error) {
				require.NoError(t, other.Delete(t.Context(), "anna", name))
				return 0, io.EOF
			}))
			_, err = s.Part(t.Context(), "anna", name, 0, true, slow)
			require.NoError(t, err)
			require.Equal(t, "after", content(t, s, name))
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// TestClocks: the clock of one process is hours behind; what it stores later is newer all the same.
func TestClocks(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		ahead, behind := newClock(), newClock()
		ahead.turn(3 * time.Hour)
		s1, s2 := New(b, &Options{Clock: ahead.now}), New(b, &Options{Clock: behind.now})
		part(t, s1, "x", 0, false, "old")
		part(t, s2, "x", 0, false, "new")
		part(t, s2, "x", 1, true, "!")
		require.Equal(t, "new!", content(t, s1, "x"))
		part(t, s2, "x", 0, true, "newest")
		require.Equal(t, "newest", content(t, s1, "x"))
		require.NoError(t, s2.Delete(t.Context(), "anna", "x"))
		absent(t, s1, "x")
	})
}
