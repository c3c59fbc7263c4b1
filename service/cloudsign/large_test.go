package cloudsign_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/cloudsign"
	"github.com/seed-116355fd/signet/service/confirm"
)

// TestAnswersThatAreNotTaken: whoever polls on many connections and reads from none of them does not get all memory.
func TestAnswersThatAreNotTaken(t *testing.T) {
	h := newHouse(t, func(c *cloudsign.Config) { c.Limits.Answers = 1 << 20 })
	const much = 32 << 20 // more than the buffers between two sockets
	tasks := map[string]string{}
	for _, name := range []string{"anna", "boris"} {
		auth := []string{"Authorization", map[string]string{"anna": annaAuth, "boris": "Bearer boris"}[name], "Content-Type", "application/json"}
		tasks[name] = h.task(h.do("POST", "/CloudSign?certificateThumbprint="+thumbprint(h, 0), []byte(`{"Files":[{"Content":{"Content":""}}]}`), append(auth, "Accept", "application/x-protobuf")...))
		h.engine.set(tasks[name], func(op *operation) {
			op.complete()
			op.results = []confirm.Result{{Name: "a", Signature: make([]byte, much)}}
		})
	}
	path := "/CloudSignConfirmResult?taskId="
	l := h.dial()
	l.send(nil, "GET "+path+tasks["anna"]+" HTTP/1.1", "Host: x", authLine)
	_, err := l.r.ReadByte() // the answer has begun, and is held
	require.NoError(t, err)
	again := h.do("GET", path+tasks["anna"], nil)
	h.refused(again, http.StatusTooManyRequests, "Http.TooManyRequests", "your own answers")
	require.Equal(t, "1", again.Header.Get("Retry-After"))
	h.refused(h.do("GET", "/DssSignResult?taskId="+tasks["anna"], nil), http.StatusTooManyRequests, "Http.TooManyRequests", "your own answers")
	h.refused(h.do("GET", path+tasks["boris"], nil, "Authorization", "Bearer boris"), http.StatusServiceUnavailable, "Http.ServiceUnavailable", "as many answers")
	require.NoError(t, l.Close())
	require.Eventually(t, func() bool {
		return h.do("GET", path+tasks["boris"], nil, "Authorization", "Bearer boris").StatusCode == 200
	}, time.Minute, 10*time.Millisecond)
	require.Greater(t, len(h.do("GET", path+tasks["anna"], nil).body), much)
}
