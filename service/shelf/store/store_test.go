package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/shelf/store"
)

func TestOpen(t *testing.T) {
	for _, bad := range []string{"", "s3://", "ftp://x", "s3://bucket?unknown=1", "%zz"} {
		_, err := store.Open(t.Context(), bad)
		require.Error(t, err, bad)
	}
	for _, good := range []string{"mem://", "s3://bucket?region=us-east-1", "file://" + t.TempDir()} {
		b, err := store.Open(t.Context(), good)
		require.NoError(t, err, good)
		require.NoError(t, b.Close())
	}
}
