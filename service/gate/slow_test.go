package gate_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/gate"
)

// TestSlow gives up clients that send an octet now and then, and waits for those that send enough.
func TestSlow(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: service\r\nCaller: boss\r\nContent-Length: 1000000\r\n\r\n"
	for name, c := range map[string]struct {
		piece  int
		every  time.Duration
		status int
	}{
		"silent":     {1, time.Hour, 408},
		"slow loris": {1, 9 * time.Second, 408},
		"too slow":   {900, time.Second, 408},
		"slow":       {1100, time.Second, 200},
		"in bursts":  {100_000, 9 * time.Second, 200},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, gate.Config{Limits: gate.Limits{Idle: 10 * time.Second, Rate: 1000}}, echo)
				conn := w.dial()
				stop := make(chan struct{})
				defer close(stop)
				go func() {
					_, _ = io.WriteString(conn, head)
					for sent := 0; sent < 1_000_000; sent += c.piece {
						select {
						case <-time.After(c.every):
						case <-stop:
							return
						}
						if _, err := conn.Write(make([]byte, min(c.piece, 1_000_000-sent))); err != nil {
							return
						}
					}
				}()
				start := time.Now()
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				require.NoError(t, err)
				a := w.read(response)
				require.Equal(t, c.status, a.StatusCode, a.body)
				if c.status == 408 {
					require.Less(t, time.Since(start), 2*time.Minute)
					require.True(t, response.Close)
				}
				_ = conn.Close()
				synctest.Wait()
			})
		})
	}
}

// TestServiceIsSlow does not blame the client for the time that the service takes.
func TestServiceIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, gate.Config{Limits: gate.Limits{Idle: 10 * time.Second, Rate: 1000}}, func(c *gate.Call) error {
			buf := make([]byte, 1000)
			for {
				_, err := io.ReadFull(c.Body(), buf)
				if err != nil {
					break
				}
				time.Sleep(time.Minute)
			}
			return c.JSON(200, c.Context().Err() == nil)
		})
		a := w.do(request("boss", bytes.NewReader(make([]byte, 10_000))))
		require.Equal(t, 200, a.StatusCode, a.body)
		require.Equal(t, "true\n", a.body)
	})
}

// TestReaderIsSlow gives up clients that do not take their answer.
func TestReaderIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, gate.Config{Limits: gate.Limits{Idle: 10 * time.Second, Rate: 1000}}, func(c *gate.Call) error {
			_, err := c.Write(make([]byte, 10<<20))
			return err
		})
		conn := w.dial()
		_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: service\r\nCaller: boss\r\nContent-Length: 0\r\n\r\n")
		require.NoError(t, err)
		time.Sleep(10 * time.Minute) // of the bubble
		synctest.Wait()
		requests, _, _ := w.gate.Load()
		require.Zero(t, requests)
		require.Contains(t, w.log.String(), "timeout")
	})
}
