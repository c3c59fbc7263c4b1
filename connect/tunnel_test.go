package connect_test

import (
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// tunnel is what a proxy does with CONNECT.
func tunnel(t *testing.T, w http.ResponseWriter, r *http.Request) {
	to, err := net.Dial("tcp", r.Host)
	if !assert.NoError(t, err) {
		return
	}
	from, _, err := w.(http.Hijacker).Hijack()
	if !assert.NoError(t, err) {
		return
	}
	_, _ = io.WriteString(from, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		_, _ = io.Copy(to, from)
		_ = to.Close()
	}()
	_, _ = io.Copy(from, to)
	_ = from.Close()
}
