package shelf

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkPart uploads items of one part of 10 KB into a folder, each synced, of an owner that has more and more of them.
func BenchmarkPart(b *testing.B) {
	bucket, err := OpenBucket(b.Context(), "file://"+filepath.ToSlash(filepath.Join(b.TempDir(), "shelf")))
	require.NoError(b, err)
	defer bucket.Close()
	s := New(bucket, &Options{Items: 1 << 30})
	body := pattern(10_000, 0)
	for i := 0; b.Loop(); i++ {
		_, err := s.Part(b.Context(), "anna", fmt.Sprint(i), 0, true, bytes.NewReader(body))
		require.NoError(b, err)
	}
}
