// Package sdkclient talks to a cloud signature service as its SDKs do, octet by octet: the headers that they send and their
// order, their spelling of queries, one keep-alive connection, and what their HTTP layers repeat by themselves. It is
// written from what was observed of the SDKs, and from nothing that is in this repository: with [Cases], it shows what
// programs that were written for that service meet here.
package sdkclient

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Flavor is which program a client is.
type Flavor int

// Flavors. Java and CSharp speak protobuf.
const (
	Java   Flavor = iota
	CSharp        // on mono
	JSON          // a program without an SDK
)

// flavorNames are for String.
var flavorNames = [...]string{"Java", "CSharp", "JSON"}

// String names the flavor.
func (f Flavor) String() string { return flavorNames[f] }

// Cut is where a connection is cut by a client, or by what stands between.
type Cut int

// Cuts.
const (
	Whole      Cut = iota
	InRequest      // half of the request is sent
	BeforeByte     // the request is sent, nothing of the answer is read: what is repeated is repeated
	InReply        // one octet of the answer is read, so that nothing is repeated
	AfterReply     // the answer is read, the connection is closed
)

// ErrLost is the error of a call whose connection was cut.
var ErrLost = errors.New("sdkclient: the connection was lost")

const (
	repeats  = 3 // of an SDK's HTTP layer, after the first try
	longest  = 60 * time.Second
	maxReply = 64 << 20
)

// Client is one program with one connection. It is not safe for concurrent use.
type Client struct {
	Base   string // http://127.0.0.1:8080
	Flavor Flavor
	Token  string
	App    string // ddauth_api_client_id; empty means Authorization: Bearer
	// Cut says where the connection of a try is cut, from the first on; after the last one no more.
	Cut []Cut

	conn net.Conn
	r    *bufio.Reader
	// Sent is how many times the last call was sent.
	Sent int
}

// Reply is an answer as it came.
type Reply struct {
	Status   int
	Reason   string
	Header   http.Header
	Body     []byte
	Length   bool // there was Content-Length or chunked
	Continue bool // 100 Continue came before it
	Closes   bool // Connection: close
}

// Close ends the connection.
func (c *Client) Close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// parameter is one of a query, in order.
type parameter struct{ name, value string }

// query spells a query as the SDK does.
func (c *Client) query(list []parameter) string {
	var b strings.Builder
	for i, p := range list {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(p.name)
		if p.value == "" && c.Flavor == CSharp {
			continue // a bare key
		}
		b.WriteByte('=')
		switch value := url.QueryEscape(p.value); c.Flavor {
		case CSharp:
			value = strings.ReplaceAll(value, "+", "%20")
			if p.name == "nameOnShelf" || p.name == "fileName" {
				value = strings.ReplaceAll(value, "%2F", "/")
			}
			b.WriteString(value)
		default:
			b.WriteString(value)
		}
	}
	return b.String()
}

// flag is a Boolean as the SDK writes it.
func (c *Client) flag(v bool) string {
	s := strconv.FormatBool(v)
	if c.Flavor == CSharp {
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}

// head is the head of a request.
func (c *Client) head(method, target, host string, body []byte, isMessage bool) string {
	auth := "Bearer " + c.Token
	if c.App != "" {
		auth = "DiadocAuth ddauth_api_client_id=" + c.App + ",ddauth_token=" + c.Token
	}
	lines := []string{method + " " + target + " HTTP/1.1"}
	add := func(name, value string) { lines = append(lines, name+": "+value) }
	length := strconv.Itoa(len(body))
	switch c.Flavor {
	case Java:
		if method == http.MethodPost {
			add("Content-Length", length)
		}
		add("Host", host)
		add("Connection", "Keep-Alive")
		add("User-Agent", "Diadoc SDK for Java v5.12.0;JRE=17.0.15;Vendor=Debian;OS=Linux v6.1;Arch=amd64")
		add("Accept-Encoding", "gzip,deflate")
		if method == http.MethodGet {
			add("Content-Length", length)
		}
		add("Authorization", auth)
	case CSharp:
		add("Authorization", auth)
		if len(body) == 0 {
			add("User-Agent", "Diadoc C# SDK=2.8.0;OS=Unix 6.1;NETFX=4.0.30319")
		}
		add("Content-Length", length)
		if len(body) != 0 {
			add("Expect", "100-continue")
		}
		add("Host", host)
		add("Accept-Encoding", "gzip, deflate")
	case JSON:
		add("Host", host)
		add("User-Agent", "curl/7.88.1")
		add("Authorization", auth)
		add("Accept", "application/json")
		if len(body) != 0 && isMessage {
			add("Content-Type", "application/json; charset=utf-8")
		}
		if method == http.MethodPost {
			add("Content-Length", length)
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// call makes a call, with the repeats of the SDK's HTTP layer: Java repeats what has no entity, when not one octet of the
// answer came.
func (c *Client) call(method, path string, query []parameter, body []byte, isMessage bool) (*Reply, error) {
	c.Sent = 0
	for try := 0; ; try++ {
		cut := Whole
		if len(c.Cut) != 0 {
			cut, c.Cut = c.Cut[0], c.Cut[1:]
		}
		c.Sent++
		reply, again, err := c.once(method, path+c.query(query), body, isMessage, cut)
		if err == nil {
			return reply, nil
		}
		c.Close()
		if !again || c.Flavor != Java || len(body) != 0 || try == repeats {
			return nil, err
		}
	}
}

// once sends a request once. again says that nothing of an answer came.
func (c *Client) once(method, target string, body []byte, isMessage bool, cut Cut) (reply *Reply, again bool, err error) {
	base, err := url.Parse(c.Base)
	if err != nil {
		return nil, false, err
	}
	if c.conn == nil {
		if c.conn, err = net.DialTimeout("tcp", base.Host, longest); err != nil {
			return nil, false, err
		}
		c.r = bufio.NewReader(c.conn)
	}
	if err := c.conn.SetDeadline(time.Now().Add(longest)); err != nil {
		return nil, false, err
	}
	head := c.head(method, target, base.Host, body, isMessage)
	if cut == InRequest {
		_, _ = io.WriteString(c.conn, (head + string(body))[:len(head)/2+len(body)/2])
		return nil, true, ErrLost
	}
	if _, err := io.WriteString(c.conn, head); err != nil {
		return nil, true, fmt.Errorf("%w: %w", ErrLost, err)
	}
	reply = &Reply{}
	if strings.Contains(head, "\r\nExpect:") {
		early, err := c.read(method)
		if err != nil {
			return nil, false, fmt.Errorf("no answer to Expect: %w", err)
		}
		if early.Status != http.StatusContinue {
			c.Close() // the body was not sent
			return early, false, nil
		}
		reply.Continue = true
	}
	if _, err := c.conn.Write(body); err != nil {
		return nil, true, fmt.Errorf("%w: %w", ErrLost, err)
	}
	switch cut {
	case BeforeByte:
		return nil, true, ErrLost
	case InReply:
		_, err := c.r.ReadByte()
		return nil, false, errors.Join(ErrLost, err)
	}
	continued := reply.Continue
	if reply, err = c.read(method); err != nil {
		return nil, false, err
	}
	reply.Continue = continued
	if cut == AfterReply || reply.Closes {
		c.Close()
	}
	return reply, false, nil
}

// read reads one answer.
func (c *Client) read(method string) (*Reply, error) {
	if _, err := c.r.Peek(1); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLost, err)
	}
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	_, reason, _ := strings.Cut(resp.Status, " ")
	reply := &Reply{Status: resp.StatusCode, Reason: reason, Header: resp.Header, Closes: resp.Close}
	reply.Length = resp.ContentLength >= 0 || len(resp.TransferEncoding) != 0
	if resp.StatusCode == http.StatusContinue {
		return reply, nil
	}
	defer func() { _ = resp.Body.Close() }()
	reply.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxReply))
	return reply, err
}

// Code is X-Diadoc-ErrorCode.
func (r *Reply) Code() string { return r.Header.Get("X-Diadoc-ErrorCode") }

// Problems says in what an answer is not one that all SDKs take.
func (r *Reply) Problems() []string {
	var all []string
	problem := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if r.Header.Get("Content-Encoding") != "" {
		problem("the answer is compressed, which C# does not read")
	}
	for _, name := range []string{"NEL", "Report-To", "Reporting-Endpoints"} {
		if r.Header.Get(name) != "" {
			problem("the header %s has C# tell the address, with the code in it, to others", name)
		}
	}
	if want := http.StatusText(r.Status); r.Reason != want {
		problem("the reason phrase, which Java shows, is %q", r.Reason)
	}
	after := r.Header.Get("Retry-After")
	switch {
	case r.Status == http.StatusOK:
		if after != "" {
			problem("200 has Retry-After, which C++ takes for a task that runs")
		}
		if !r.Length {
			problem("200 has neither Content-Length nor chunked, of which C# reads nothing")
		}
	case r.Status == http.StatusNoContent:
		if n, err := strconv.Atoi(after); err != nil || n < 1 {
			problem("204 has Retry-After %q, which has to be a whole number from 1 on", after)
		}
		if len(r.Body) != 0 {
			problem("204 has a body")
		}
	case r.Status >= 400:
		code := r.Code()
		if code == "" || r.Header.Get("X-Kontur-Trace-Id") == "" {
			problem("an error without X-Diadoc-ErrorCode or X-Kontur-Trace-Id")
		}
		if !bytes.Contains(r.Body, []byte(code)) || len(r.Body) == 0 {
			problem("the body of an error does not say the code, and Java reads the body only")
		}
		if after != "" {
			if _, err := strconv.Atoi(after); err != nil {
				problem("Retry-After %q is no whole number", after)
			}
		}
		if r.Status == http.StatusUnauthorized && r.Header.Get("WWW-Authenticate") == "" {
			problem("401 has no WWW-Authenticate")
		}
	default:
		problem("no SDK takes status %d", r.Status)
	}
	return all
}
