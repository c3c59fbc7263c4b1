package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/gate"
)

// TestSignTalk answers each line before the next one is sent, to those that can read while they write.
func TestSignTalk(t *testing.T) {
	for _, c := range []struct {
		http2 bool
		query string
	}{{true, ""}, {true, "?duplex=true"}, {false, "?duplex=true"}} {
		d := newDesk(t, gate.Limits{}, c.http2)
		body, w := io.Pipe()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.server.URL+"/v1/sign"+c.query, body)
		require.NoError(t, err)
		response, err := d.server.Client().Do(r) // returns before anything is sent
		require.NoError(t, err)
		answers := bufio.NewScanner(response.Body)
		for i := range 60 { // more than is sent unasked
			content := fmt.Sprintf("content %d", i)
			_, err := io.WriteString(w, item(content))
			require.NoError(t, err)
			require.True(t, answers.Scan())
			var l signLine
			require.NoError(t, json.Unmarshal(answers.Bytes(), &l))
			d.requireSigned(l, content)
			require.Equal(t, i, *l.Index)
		}
		require.NoError(t, w.Close())
		require.True(t, answers.Scan())
		require.JSONEq(t, `{"done":true,"contents":60,"failed":0}`, answers.Text())
		require.False(t, answers.Scan())
		require.NoError(t, response.Body.Close())
	}
}

// TestSignDeaf does not hang a client that writes all before it reads, whatever it asked for, though the answers are more
// than all buffers between the two hold.
func TestSignDeaf(t *testing.T) {
	content := strings.Repeat("x", 6000)
	line := `{"attached":true,` + item(content)[1:]
	const n = 2000
	for _, query := range []string{"", "?duplex=true"} {
		d := newDesk(t, gate.Limits{}, false)
		conn, err := net.Dial("tcp", d.server.Listener.Addr().String())
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST /v1/sign%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", query, n*len(line))
		require.NoError(t, err)
		for range n {
			_, err := io.WriteString(conn, line)
			require.NoError(t, err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		lines, last := d.parse(response.Body)
		require.Len(t, lines, n)
		require.True(t, *last.Done)
		d.requireSigned(lines[n-1], content)
		require.NoError(t, conn.Close())
	}
	d := newDesk(t, gate.Limits{}, true)
	body, w := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.server.URL+"/v1/sign", body)
	require.NoError(t, err)
	response, err := d.server.Client().Do(r)
	require.NoError(t, err)
	for range n {
		_, err := io.WriteString(w, line)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	lines, _ := d.parse(response.Body)
	require.Len(t, lines, n)
	require.NoError(t, response.Body.Close())
}

// TestSignExpect is a client that waits for "100 Continue".
func TestSignExpect(t *testing.T) {
	d := newDesk(t, gate.Limits{}, false)
	conn, err := net.Dial("tcp", d.server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	body := item("a")
	_, err = fmt.Fprintf(conn, "POST /v1/sign?duplex=true HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, 100, response.StatusCode)
	_, err = io.WriteString(conn, body)
	require.NoError(t, err)
	response, err = http.ReadResponse(r, nil)
	require.NoError(t, err)
	lines, _ := d.parse(response.Body)
	d.requireSigned(lines[0], "a")
}

// TestSignLost ends the work when the client goes away.
func TestSignLost(t *testing.T) {
	for _, query := range []string{"", "?duplex=true"} {
		d := newDesk(t, gate.Limits{}, false)
		began := make(chan struct{})
		var once sync.Once
		d.fails = func(int64) error { once.Do(func() { close(began) }); return nil }
		conn, err := net.Dial("tcp", d.server.Listener.Addr().String())
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST /v1/sign%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n%s%s", query, item("a"), item("b"))
		require.NoError(t, err)
		<-began
		require.NoError(t, conn.Close())
		require.Eventually(t, func() bool {
			requests, _, signatures := d.gate.Load()
			return requests+signatures == 0
		}, 10e9, 1e6)
	}
}

// TestSignCutShort tells of a request that ended in the middle what was signed of it, and that it is not whole.
func TestSignCutShort(t *testing.T) {
	d := newDesk(t, gate.Limits{}, false)
	conn, err := net.Dial("tcp", d.server.Listener.Addr().String())
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "POST /v1/sign HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n%s%s", item("a"), `{"content":"YQ`)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil { // net/http may find that nobody is there any more
		if response.StatusCode == 200 {
			_, last := d.parse(response.Body)
			require.False(t, *last.Done)
			require.Regexp(t, "ended before it was whole|given up", last.Error)
		}
	}
	require.NoError(t, conn.Close())
}
