package shelf

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
)

// TestDamagedIsNotWhole: of a part that is damaged, shorter or longer in the store, not all octets are handed out: who was told
// its length, and does not see the error, would take it for the whole.
func TestDamagedIsNotWhole(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		for name, stored := range map[string]string{"": "", "x": "y", "x ": "", "second": "sec0nd", "seconds": "second", "secon": "second", strings.Repeat("x", 100_000): strings.Repeat("x", 99_999) + "y"} {
			s := New(b, nil)
			item := "item" + string(rune('a'+len(name)%26))
			part(t, s, item, 0, false, "first")
			part(t, s, item, 1, true, name)
			require.Equal(t, "first"+name, content(t, s, item))
			if name == stored {
				continue
			}
			it, err := s.list(t.Context(), place("anna", item))
			require.NoError(t, err)
			for _, p := range it.parts {
				if p.index == 1 {
					require.NoError(t, b.WriteAll(t.Context(), p.object(), []byte(stored), nil))
				}
			}
			r, info, err := s.Open(t.Context(), "anna", item)
			require.NoError(t, err)
			data, err := io.ReadAll(r)
			require.ErrorContains(t, err, "damaged")
			require.Less(t, int64(len(data)), info.Size)
			require.NoError(t, r.Close())
		}
	})
}

// TestManifestsThatDoNotFit: a list of parts says what its key says, and nothing of another item.
func TestManifestsThatDoNotFit(t *testing.T) {
	at := place("anna", "x")
	rest := func(index int, size int64) string {
		p := &partKey{at: at, index: index, stamp: 1, size: size, digest: strings.Repeat("a", 64), id: strings.Repeat("b", 16)}
		return strings.TrimPrefix(p.String(), at)
	}
	k := &manifestKey{at: at, seq: 1, stamp: 1, count: 2, size: 3, id: strings.Repeat("c", 16)}
	good := manifest{Parts: []string{rest(0, 1), rest(1, 2)}}
	_, err := good.partKeys(k)
	require.NoError(t, err)
	for name, parts := range map[string][]string{
		"exchanged": {rest(1, 2), rest(0, 1)}, "twice": {rest(0, 1), rest(0, 2)}, "fewer": {rest(0, 3)}, "more": {rest(0, 1), rest(1, 2), rest(2, 0)},
		"another size": {rest(0, 1), rest(1, 3)}, "elsewhere": {rest(0, 1), "../" + rest(1, 2)},
	} {
		_, err := (&manifest{Parts: parts}).partKeys(k)
		require.ErrorIs(t, err, errManifest, name)
	}
	require.NotNil(t, parseKey(k.String()))
	require.Nil(t, parseKey(strings.Replace(k.String(), "/m.1.", "/m.01.", 1)), "of two keys that mean the same, one is of us")
}

// TestManifestOfAnother: a list of parts whose digest is not in its key is not read, however good it is.
func TestManifestOfAnother(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		s := New(b, nil)
		part(t, s, "x", 0, true, "first")
		for _, k := range keys(t, b) {
			if _, ok := parseKey(k).(*manifestKey); ok {
				raw, err := b.ReadAll(t.Context(), k)
				require.NoError(t, err)
				require.NoError(t, b.WriteAll(t.Context(), k, append(raw, ' '), nil))
			}
		}
		_, _, err := s.Open(t.Context(), "anna", "x")
		require.ErrorIs(t, err, errManifest)
	})
}
