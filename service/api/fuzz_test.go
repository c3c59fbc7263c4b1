package api

import (
	"bytes"
	"errors"
	"mime/multipart"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/spool"
)

// Whatever is sent, the answer is a request or an error that is the caller's.
func FuzzParts(f *testing.F) {
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"signature\"\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name=\"digest\"\r\n\r\nSHA-256:00\r\n--b--\r\n"), "b")
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"signatureOnly\"\r\n\r\ntrue\r\n--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nseal"), "b")
	f.Fuzz(func(t *testing.T, data []byte, boundary string) {
		q := &request{content: spool.New("", 1<<20), limits: gate.Limits{Content: 1 << 10}}
		defer q.close()
		err := q.readParts(multipart.NewReader(bytes.NewReader(data), boundary), texts{"key": &q.key}, flags{"signatureOnly": &q.signatureOnly})
		if err != nil {
			e, ok := errors.AsType[*gate.Error](err)
			require.True(t, ok, "%v", err)
			require.Contains(t, []int{400, 413}, e.Status)
		}
		require.LessOrEqual(t, q.content.Size(), int64(1<<10+1))
		require.LessOrEqual(t, len(q.key), maxText)
	})
}
