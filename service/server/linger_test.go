package server

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStrangersDoNotLinger: a body that nobody asks for, sent an octet now and then, keeps no connection, wherever it is sent.
func TestStrangersDoNotLinger(t *testing.T) {
	w := newWorld(t)
	r := w.run("limits: {idle: 200ms}\n")
	for _, path := range []string{"/healthz", "/readyz", "/openapi.json", "/docs", "/v2/sign", "/nowhere"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(r.base, "http://"))
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n", path)
			require.NoError(t, err)
			go func() {
				for ticker := time.NewTicker(20 * time.Millisecond); ; <-ticker.C {
					if _, err := conn.Write([]byte("x")); err != nil {
						return
					}
				}
			}()
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(waitLong)))
			_, err = io.Copy(io.Discard, conn)
			if timeout, ok := err.(net.Error); ok {
				require.False(t, timeout.Timeout(), "the connection is kept")
			}
		})
	}
}
