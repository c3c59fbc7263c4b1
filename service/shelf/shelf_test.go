package shelf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
)

func TestParts(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		s := New(b, nil)
		// As an SDK repairs an upload: part 1 was lost.
		require.Nil(t, part(t, s, "__userId__/api-1", 0, false, "aaa"))
		require.Equal(t, []int{1, 2}, part(t, s, "__userId__/api-1", 3, true, "d"))
		absent(t, s, "api-1")
		require.Equal(t, []int{2}, part(t, s, "__userId__/api-1", 1, false, "bbb"), "from the last part on, what is missing is told")
		require.Equal(t, []int{}, part(t, s, "api-1", 2, false, "ccc"))
		require.Equal(t, "aaabbbcccd", content(t, s, "api-1"))
		n := len(keys(t, b))
		// The last one arrives twice, and others again.
		for range 3 {
			require.Equal(t, []int{}, part(t, s, "api-1", 3, true, "d"))
			require.Equal(t, []int{}, part(t, s, "api-1", 0, false, "aaa"))
		}
		require.LessOrEqual(t, len(keys(t, b)), n+2, "a repetition is not stored each time")
		require.Equal(t, "aaabbbcccd", content(t, s, "__userId__/api-1"))
		info, err := s.Stat(t.Context(), "anna", "__userId__/api-1")
		require.NoError(t, err)
		require.Equal(t, "api-1", info.Name)
		require.Equal(t, 7*24*time.Hour, info.Expires.Sub(info.Created))
		// Another owner sees nothing of it.
		_, _, err = s.Open(t.Context(), "berta", "api-1")
		require.ErrorIs(t, err, ErrNotFound)
		require.NoError(t, s.Delete(t.Context(), "berta", "api-1"))
		require.Equal(t, "aaabbbcccd", content(t, s, "api-1"))
		for range 2 {
			require.NoError(t, s.Delete(t.Context(), "anna", "__userId__/api-1"))
			absent(t, s, "api-1")
		}
	})
}

func TestAnyOrder(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		s := New(b, nil)
		r := rand.New(rand.NewPCG(1, 2))
		for round := range 20 {
			n := 1 + r.IntN(6)
			want := ""
			bodies := make([]string, n)
			for i := range bodies {
				bodies[i] = strings.Repeat(fmt.Sprintf("%d.%d ", round, i), 1+r.IntN(4))
				want += bodies[i]
			}
			// The same name in all rounds: each upload replaces the one before it.
			order := r.Perm(n)
			for at, i := range order {
				missing := part(t, s, "x", i, i == n-1, bodies[i])
				if at == n-1 {
					require.Equal(t, []int{}, missing)
				} else if i == n-1 {
					require.Len(t, missing, n-1-at)
				}
			}
			require.Equal(t, want, content(t, s, "x"))
		}
	})
}

func TestEmpty(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		s := New(b, nil)
		require.Equal(t, []int{}, part(t, s, "empty", 0, true, ""))
		require.Equal(t, "", content(t, s, "empty"))
		require.Equal(t, []int{}, part(t, s, "empty", 0, true, ""))
		require.Nil(t, part(t, s, "parts", 0, false, ""))
		require.Equal(t, []int{}, part(t, s, "parts", 1, true, ""))
		require.Equal(t, "", content(t, s, "parts"))
		absent(t, s, "never")
	})
}

// TestReplaced: an item is replaced as a whole, and who reads it reads it to its end.
func TestReplaced(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		s := New(b, nil)
		part(t, s, "x", 0, false, "old0")
		part(t, s, "x", 1, false, "old1")
		part(t, s, "x", 2, true, "old2")
		open, _, err := s.Open(t.Context(), "anna", "x")
		require.NoError(t, err)
		first := make([]byte, 4)
		_, err = io.ReadFull(open, first)
		require.NoError(t, err)

		require.Nil(t, part(t, s, "x", 1, false, "new1"))
		require.Equal(t, "old0old1old2", content(t, s, "x"), "until the new one is complete, the old one is there")
		require.Equal(t, []int{0}, part(t, s, "x", 2, true, "old2"), "parts of the two are not mixed")
		require.Equal(t, "old0old1old2", content(t, s, "x"))
		require.Equal(t, []int{}, part(t, s, "x", 0, false, "new0"))
		require.Equal(t, "new0new1old2", content(t, s, "x"))
		require.NoError(t, s.Sweep(t.Context()))

		rest, err := io.ReadAll(open)
		require.NoError(t, err)
		require.Equal(t, "old0old1old2", string(first)+string(rest))
		require.NoError(t, open.Close())
		_, err = open.Read(first)
		require.Error(t, err)

		// Shorter and longer than before.
		require.Equal(t, []int{}, part(t, s, "x", 0, true, "short"))
		require.Equal(t, "short", content(t, s, "x"))
		require.Equal(t, []int{0}, part(t, s, "x", 1, true, "er"))
		require.Equal(t, "short", content(t, s, "x"))
		require.Equal(t, []int{}, part(t, s, "x", 0, false, "short"))
		require.Equal(t, "shorter", content(t, s, "x"))
		// The same one again, as a whole.
		require.Equal(t, []int{}, part(t, s, "x", 0, false, "short"))
		require.Equal(t, []int{}, part(t, s, "x", 1, true, "er"))
		require.Equal(t, "shorter", content(t, s, "x"))
	})
}

func TestStreamed(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		s := New(b, nil)
		one, two := pattern(3<<20+5, 1), pattern(small+1, 2)
		put := func(index int, last bool, body []byte) []int {
			missing, err := s.Part(t.Context(), "anna", "big", index, last, iotest.HalfReader(bytes.NewReader(body)))
			require.NoError(t, err)
			return missing
		}
		require.Equal(t, []int{0}, put(1, true, two))
		require.Equal(t, []int{}, put(0, false, one))
		require.True(t, string(one)+string(two) == content(t, s, "big"))
		n := len(keys(t, b))
		require.Equal(t, []int{}, put(1, true, two))
		require.Equal(t, []int{}, put(1, true, two))
		require.LessOrEqual(t, len(keys(t, b)), n+2)
		require.True(t, string(one)+string(two) == content(t, s, "big"))
		require.NoError(t, s.Delete(t.Context(), "anna", "big"))
		require.Len(t, keys(t, b), 1, "of a deleted item the grave is left")
	})
}

// TestCut: of a part whose client goes away, nothing is stored.
func TestCut(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		s := New(b, nil)
		gone := errors.New("connection reset by peer")
		for _, n := range []int{0, 1, 1000, small, small + 1, 3 << 20} {
			r := io.MultiReader(bytes.NewReader(pattern(n, 0)), iotest.ErrReader(gone))
			_, err := s.Part(t.Context(), "anna", "x", 0, true, r)
			require.ErrorIs(t, err, gone)
			require.Empty(t, keys(t, b), "%d octets", n)
			absent(t, s, "x")
		}
		ctx, cancel := cleanup()
		cancel()
		_, err := s.Part(ctx, "anna", "x", 0, true, bytes.NewReader(pattern(3<<20, 0)))
		require.Error(t, err)
		require.Empty(t, keys(t, b))
		a := s.account("anna")
		require.Zero(t, a.flight)
		require.Empty(t, a.items)
	})
}

func TestDamaged(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		s := New(b, nil)
		part(t, s, "x", 0, false, "first")
		part(t, s, "x", 1, true, "second")
		for _, k := range keys(t, b) {
			if p, ok := parseKey(k).(*partKey); ok && p.index == 1 {
				require.NoError(t, b.WriteAll(t.Context(), k, []byte("sec0nd"), nil))
			}
		}
		r, _, err := s.Open(t.Context(), "anna", "x")
		require.NoError(t, err)
		_, err = io.ReadAll(r)
		require.ErrorContains(t, err, "damaged")
		require.NoError(t, r.Close())
		for _, k := range keys(t, b) {
			if _, ok := parseKey(k).(*manifestKey); ok {
				require.NoError(t, b.WriteAll(t.Context(), k, []byte(`{"name":"x","parts":["../../etc/passwd","x"]}`), nil))
			}
		}
		_, _, err = s.Open(t.Context(), "anna", "x")
		require.ErrorIs(t, err, errManifest)
		// Uploading it again repairs it.
		part(t, s, "x", 0, false, "first")
		part(t, s, "x", 1, true, "second")
		require.Equal(t, "firstsecond", content(t, s, "x"))
	})
}

func TestNames(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		s := New(b, nil)
		owners := []string{"", "/", "..", "../../etc", "a/b", "a", "A", strings.Repeat("x", 5000), "a\x00b", "\xff", "__userId__"}
		for i, owner := range owners {
			missing, err := s.Part(t.Context(), owner, "name", 0, true, strings.NewReader(fmt.Sprint(i)))
			require.NoError(t, err)
			require.Equal(t, []int{}, missing)
		}
		for i, owner := range owners {
			r, _, err := s.Open(t.Context(), owner, "name")
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(i), string(got))
			require.NoError(t, r.Close())
		}
		for _, k := range keys(t, b) {
			_, _, ok := splitKey(k)
			require.True(t, ok, k)
		}
	})
	s := New(nil, nil)
	for _, name := range []string{
		"__userId__/api-0F8FAD5B-D9CB-469F-A165-70867728950E", "java_api-0f8fad5bd9cb469fa16570867728950e", "agreement1.docx",
		"Договор № 17 (копия).docx", "__USERID__/a", "a..b", ".hidden", "...", strings.Repeat("x", maxName), "name+with%2F=&?#",
	} {
		bare, err := checked(name)
		require.NoError(t, err, name)
		require.Equal(t, Bare(name), bare)
		require.NotContains(t, bare, "/")
	}
	for _, name := range []string{
		"", "__userId__/", ".", "..", "a/b", "/a", "__userId__/../x", "__userId__/__userId__/x", `a\b`, "a\nb", "a\x00", "\xff\xfe", "a\u202eb", "\ufeffa", "a\u2028", strings.Repeat("x", maxName+1), strings.Repeat("ы", 300),
	} {
		_, err := s.Part(t.Context(), "anna", name, 0, true, strings.NewReader(""))
		require.ErrorIs(t, err, ErrName, "%q", name)
		_, _, err = s.Open(t.Context(), "anna", name)
		require.ErrorIs(t, err, ErrName, "%q", name)
		_, err = s.Stat(t.Context(), "anna", name)
		require.ErrorIs(t, err, ErrName, "%q", name)
		require.ErrorIs(t, s.Delete(t.Context(), "anna", name), ErrName, "%q", name)
	}
	for _, index := range []int{-1, MaxParts, 1 << 40} {
		_, err := s.Part(t.Context(), "anna", "x", index, true, strings.NewReader(""))
		require.ErrorIs(t, err, ErrPart)
	}
}

func TestCreate(t *testing.T) {
	s := New(nil, nil)
	seen := map[string]bool{}
	for _, e := range []string{"", ".pdf", ".tar.gz", ".докум"} {
		name, err := s.Create(t.Context(), "anna", e)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(name, e))
		require.Len(t, name, 32+len(e))
		require.False(t, seen[name[:32]])
		seen[name[:32]] = true
		_, err = checked(name)
		require.NoError(t, err)
	}
	for _, e := range []string{"pdf", "./x", ".a/b", ".a b", "." + strings.Repeat("x", 40), ".\n", ".\xff"} {
		_, err := s.Create(t.Context(), "anna", e)
		require.ErrorIs(t, err, ErrName, "%q", e)
	}
}

func FuzzKeys(f *testing.F) {
	p := &partKey{at: place("anna", "x"), gen: 1, index: 2, last: true, stamp: 3, size: 4, digest: strings.Repeat("a", 64), id: random(8), data: ".5." + random(8)}
	f.Add(p.String())
	f.Add((&manifestKey{at: p.at, seq: 1, stamp: 2, count: 3, size: 4, id: random(8)}).String())
	f.Add(p.object())
	f.Fuzz(func(t *testing.T, key string) {
		switch k := parseKey(key).(type) {
		case *partKey:
			require.Equal(t, k, parseKey(k.String()))
			require.NotNil(t, parseKey(k.object()))
		case *manifestKey:
			require.Equal(t, k, parseKey(k.String()))
		case *dataKey:
			require.Equal(t, key, k.String())
		}
	})
}

func FuzzName(f *testing.F) {
	f.Add("__userId__/a")
	f.Fuzz(func(t *testing.T, name string) {
		bare, err := checked(name)
		if err != nil {
			require.ErrorIs(t, err, ErrName)
			return
		}
		again, err := checked(bare)
		require.NoError(t, err)
		require.Equal(t, bare, again)
		require.Equal(t, place("a", bare), place("a", Bare("__userId__/"+bare)))
	})
}
