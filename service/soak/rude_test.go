//go:build cgo && unix

package soak

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// rude are callers who do what they should not. Nothing of what they get is looked at; that nothing is left of them is.
type rude struct {
	w    *world
	dice *rand.Rand
	from *client
}

func (w *world) newRude(seed uint64) *rude {
	return &rude{w, rand.New(rand.NewPCG(seed, 2)), w.newCaller(seed, true)}
}

func (r *rude) run(ctx context.Context) {
	for ctx.Err() == nil {
		kinds := []struct {
			name string
			do   func(context.Context)
		}{
			{"vanished in the middle of a request", r.halfRequest},
			{"vanished in the middle of a request over HTTP/2", r.halfStream},
			{"vanished when all was sent", func(ctx context.Context) { r.halfAnswer(ctx, 0) }},
			{"vanished in the middle of an answer", func(ctx context.Context) { r.halfAnswer(ctx, 1+r.dice.IntN(4000)) }},
			{"vanished in the middle of an answer over HTTP/2", r.halfAnswerStream},
			{"sent an octet now and then", r.slowWriter},
			{"took an octet now and then", r.slowReader},
			{"connected and said nothing", r.silent},
			{"spoke no TLS", r.gibberish},
		}
		k := kinds[r.dice.IntN(len(kinds))]
		k.do(ctx)
		r.w.judge.count("rude clients that "+k.name, 1)
	}
}

// body is a request with many contents.
func (r *rude) body(n int) []byte {
	a := r.w.judge.ask(r.from.key())
	possible := a.certificates()
	contents := make([]string, n)
	for i := range contents {
		contents[i] = `"` + base64.StdEncoding.EncodeToString(r.from.content().data) + `"`
	}
	return fmt.Appendf(nil, `{"Thumbprint":"%s","Contents":[%s]}`, sign.Thumbprint(possible[len(possible)-1]), strings.Join(contents, ","))
}

// connect opens a connection that speaks HTTP/1.1.
func (r *rude) connect() *tls.Conn {
	raw, err := net.DialTimeout("tcp", r.w.address, patience)
	if err != nil {
		r.w.judge.fault("a connection is refused: %v", err)
		return nil
	}
	_ = raw.SetDeadline(time.Now().Add(patience))
	if r.dice.IntN(2) == 0 {
		_ = raw.(*net.TCPConn).SetLinger(0) // a reset instead of an end
	}
	return tls.Client(raw, r.w.tls())
}

func (r *rude) header(length int) string {
	return fmt.Sprintf("POST /v2/sign HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", r.w.token, length)
}

// drop closes a connection without the farewell of TLS.
func drop(c *tls.Conn) { _ = c.NetConn().Close() }

func (r *rude) halfRequest(context.Context) {
	c := r.connect()
	if c == nil {
		return
	}
	defer drop(c)
	body := r.body(50)
	_, _ = io.WriteString(c, r.header(len(body)))
	_, _ = c.Write(body[:r.dice.IntN(len(body))])
}

func (r *rude) halfAnswer(_ context.Context, read int) {
	c := r.connect()
	if c == nil {
		return
	}
	defer drop(c)
	body := r.body(50)
	_, _ = io.WriteString(c, r.header(len(body)))
	_, _ = c.Write(body)
	_, _ = io.CopyN(io.Discard, c, int64(read))
}

func (r *rude) request(ctx context.Context, path string, body io.Reader) (*http.Response, func(), error) {
	client := r.w.newClient(true)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.w.base+path, body)
	if err != nil {
		return nil, client.CloseIdleConnections, err
	}
	req.Header.Set("Authorization", "Bearer "+r.w.token)
	resp, err := client.Do(req)
	return resp, client.CloseIdleConnections, err
}

func (r *rude) halfStream(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body := r.body(50)
	pipe, w := io.Pipe()
	go func() {
		_, _ = w.Write(body[:r.dice.IntN(len(body))])
		cancel()
		_ = w.CloseWithError(context.Canceled)
	}()
	resp, end, err := r.request(ctx, "/v2/sign", pipe)
	defer end()
	_ = pipe.Close()
	if err == nil {
		_ = resp.Body.Close()
	}
}

func (r *rude) halfAnswerStream(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, end, err := r.request(ctx, "/v2/sign", bytes.NewReader(r.body(50)))
	defer end()
	if err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, resp.Body, int64(r.dice.IntN(4000)))
	cancel()
	_ = resp.Body.Close()
}

// slowWriter goes on until the service ends it.
func (r *rude) slowWriter(ctx context.Context) {
	c := r.connect()
	if c == nil {
		return
	}
	defer drop(c)
	body := r.body(5)
	_, _ = io.WriteString(c, r.header(len(body)))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, c)
	}()
	start := time.Now()
	for i := range body {
		if _, err := c.Write(body[i : i+1]); err != nil {
			break
		}
		select {
		case <-ended:
			return
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
		if time.Since(start) > 30*time.Second {
			r.w.judge.fault("a client that sends ten octets in a second was kept for %s", time.Since(start))
			return
		}
	}
}

func (r *rude) slowReader(ctx context.Context) {
	c := r.connect()
	if c == nil {
		return
	}
	defer drop(c)
	body := r.body(200)
	_, _ = io.WriteString(c, r.header(len(body)))
	_, _ = c.Write(body)
	one := make([]byte, 1)
	for range 40 {
		if _, err := c.Read(one); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// silent waits until the service has enough.
func (r *rude) silent(ctx context.Context) {
	c := r.connect()
	if c == nil {
		return
	}
	defer drop(c)
	var wait net.Conn = c.NetConn()
	if r.dice.IntN(2) == 0 {
		if c.HandshakeContext(ctx) != nil {
			return
		}
		wait = c
	}
	start := time.Now()
	_ = wait.SetReadDeadline(start.Add(30 * time.Second))
	stop := context.AfterFunc(ctx, func() { drop(c) })
	defer stop()
	_, _ = io.Copy(io.Discard, wait)
	if time.Since(start) > 25*time.Second {
		r.w.judge.fault("a connection without a request was kept for %s", time.Since(start))
	}
}

func (r *rude) gibberish(context.Context) {
	c := r.connect()
	if c == nil {
		return
	}
	defer drop(c)
	_, _ = c.NetConn().Write(r.body(1)[:16])
	_, _ = io.Copy(io.Discard, c.NetConn())
}
