package service_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// mostForHostile is what a server may take in memory whatever it is sent, in MiB; it has 10 when it does nothing.
const mostForHostile = 192

// TestHostile sends what nobody should, and more of it than there is memory: each is refused by its own sentence, and the
// server stays small. With -measure it takes half a minute, and has those that get to the limit of the body.
func TestHostile(t *testing.T) {
	p := start(t, "v2")
	named := fmt.Sprintf(`{"Thumbprint":%q,"Contents":[`, p.thumbprint)
	const endless = 10 << 30
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := io.WriteString(z, `{"a":"`)
	check(t, err)
	_, err = io.CopyN(z, &repeated{strings.Repeat("A", 1<<16), 2 << 30, 0}, 1<<30)
	check(t, err)
	check(t, z.Close())
	for _, c := range []struct {
		name, path, begin, again, header string
		length                           int64 // 0: chunked
		status                           int
		text                             string
	}{
		{"10 GB, announced", "/v2/sign", named + `"`, "AAAA", "", endless, 413, "larger than 1024 MiB"},
		{"one content of 10 GB", "/v2/sign", named + `"`, "AAAA", "", 0, 413, "too large"},
		{"10 GB of spaces", "/v2/sign", named, strings.Repeat(" ", 64), "", 0, 413, "larger than 1024 MiB"},
		{"a field of 10 GB that nobody knows", "/v2/sign", `{"a":"`, "AAAA", "", 0, 413, "larger than 1024 MiB"},
		{"a name of 10 GB", "/v2/sign", `{"`, "AAAA", "", 0, 400, "more than 65536 octets"},
		{"a number of 10 GB", "/v2/sign", `{"a":1`, "1111", "", 0, 400, "more than 1024 digits"},
		{"brackets", "/v2/sign", named, "[", "", 0, 400, "levels of nesting"},
		{"contents without end", "/v2/sign", named + `""`, `,"QQ=="`, "", 0, 413, "more than 100000 contents"},
		{"contents that are none, without end", "/v2/sign", named + `1`, `,null`, "", 0, 413, "more than 100000 contents"},
		{"contents without end before their key", "/v2/sign", `{"Contents":[""`, `,"QQ=="`, "", 0, 413, "more than 100000 contents"},
		{"bad base64 of 10 GB", "/v2/sign", named + `"`, `?`, "", 0, 413, "larger than 1024 MiB"},
		{"escapes of 10 GB", "/v2/sign", named + `"`, `\u0041\u0041\u0041\u0041`, "", 0, 413, "larger"},
		{"a line of 10 GB", "/v1/sign", `{"content":"`, "AAAA", "", 0, 200, ""},
		{"a gzip bomb", "/v2/sign", bomb.String(), "", "Content-Encoding: gzip\r\n", int64(bomb.Len()), 413, "100-fold"},
		{"a signature of 10 GB", "/v3/validate", `{"Signature":"`, "AAAA", "", 0, 413, "larger than"},
		{"a content of 10 GB", "/v3/validate", `{"Content":"`, "AAAA", "", 0, 413, "larger than"},
	} {
		if !*measure && (c.status == 200 || c.length == 0 && strings.Contains(c.text, "larger")) && c.path != "/v3/validate" {
			continue // they take seconds each, to get to the limit of the body
		}
		begun := time.Now()
		status, body := hostile(t, p.addr, c.path, c.header, c.begin, c.again, c.length)
		t.Logf("%s: %s", c.name, time.Since(begun).Round(time.Millisecond))
		if c.status != status || !strings.Contains(body, c.text) {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
		if peak := p.peak(t); peak > mostForHostile {
			t.Fatalf("%s: the server has %.0f MiB", c.name, peak)
		}
	}
}

// hostile sends begin, and then again time and again until the server answers or 2 GiB were sent.
func hostile(t *testing.T, addr, path, header, begin, again string, length int64) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	check(t, err)
	defer conn.Close()
	w := bufio.NewWriterSize(conn, 256<<10)
	how := "Transfer-Encoding: chunked\r\n"
	if length > 0 {
		how = fmt.Sprintf("Content-Length: %d\r\n", length)
	}
	fmt.Fprintf(w, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n%s%s\r\n", path, how, header)
	go func() {
		piece := strings.Repeat(again, 1+(64<<10)/max(len(again), 1))
		send := func(text string) {
			if length == 0 {
				fmt.Fprintf(w, "%x\r\n%s\r\n", len(text), text)
			} else {
				_, _ = w.WriteString(text)
			}
		}
		send(begin)
		for sent := 0; again != "" && sent < 2<<30; sent += len(piece) {
			if _, err := w.Write(nil); err != nil {
				return // the server has closed the connection
			}
			send(piece)
		}
		if length == 0 {
			_, _ = w.WriteString("0\r\n\r\n")
		}
		_ = w.Flush()
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return 0, ""
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, string(body)
}
