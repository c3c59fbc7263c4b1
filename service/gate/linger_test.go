package gate_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/gate"
)

// TestNobodyLingers: behind the answer, or before the one to a stranger, net/http reads what is left of a body that is not
// large. A client that sends it an octet now and then has its connection closed all the same.
func TestNobodyLingers(t *testing.T) {
	for caller, status := range map[string]int{"boss": 408, "thief": 401, "clerk": 403} {
		t.Run(caller, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, gate.Config{Limits: gate.Limits{Idle: 10 * time.Second, Rate: 1000}}, echo)
				conn := w.dial()
				closed := make(chan time.Time, 1)
				start := time.Now()
				go func() {
					_, _ = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: service\r\nCaller: %s\r\nContent-Length: 100000\r\n\r\n", caller)
					for range 3600 {
						if _, err := io.WriteString(conn, "x"); err != nil {
							break
						}
						time.Sleep(time.Second)
					}
					closed <- time.Now()
				}()
				r := bufio.NewReader(conn)
				response, err := http.ReadResponse(r, nil)
				require.NoError(t, err)
				require.Equal(t, status, w.read(response).StatusCode)
				_, err = io.Copy(io.Discard, r)
				require.NoError(t, err)
				require.Less(t, (<-closed).Sub(start), time.Minute, "the connection is kept")
			})
		})
	}
}

// TestAnswerIsNotTaken: the end of an answer, which net/http sends when the handler has returned, waits for nobody for ever.
func TestAnswerIsNotTaken(t *testing.T) {
	for _, caller := range []string{"boss", "thief"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, gate.Config{Limits: gate.Limits{Idle: 10 * time.Second}}, func(c *gate.Call) error { return c.JSON(200, "short") })
			conn := w.dial()
			_, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: service\r\nCaller: %s\r\nContent-Length: 0\r\n\r\n", caller)
			require.NoError(t, err)
			time.Sleep(time.Minute) // of the bubble
			_, err = conn.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF, "the connection of %s is kept", caller)
		})
	}
}
