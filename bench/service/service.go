// Package service measures the HTTP service against batch.Sign in process, and against the handler that a team has without
// it: encoding/json and go.mozilla.org/pkcs7 in thirty lines.
package service

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"go.mozilla.org/pkcs7"
)

// Naive is what teams write: the request is read whole, and each content signed by go.mozilla.org/pkcs7.
func Naive(cert *x509.Certificate, key crypto.Signer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Contents [][]byte }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		type item struct {
			Result       []byte
			ErrorMessage *string
		}
		out := make([]item, len(in.Contents))
		for i, content := range in.Contents {
			signed, err := pkcs7.NewSignedData(content)
			if err == nil {
				signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
				err = signed.AddSigner(cert, key, pkcs7.SignerInfoConfig{})
			}
			if err == nil {
				signed.Detach()
				out[i].Result, err = signed.Finish()
			}
			if err != nil {
				text := err.Error()
				out[i].ErrorMessage = &text
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out)
	})
}

// JSON is the body of POST /v2/sign.
func JSON(thumbprint string, contents [][]byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"Thumbprint":%q,"ThrowOnErrors":false,"Contents":[`, thumbprint)
	for i, c := range contents {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(base64.StdEncoding.EncodeToString(c))
		b.WriteByte('"')
	}
	b.WriteString("]}")
	return b.Bytes()
}

// Lines is the body of POST /v1/sign.
func Lines(contents [][]byte) []byte {
	var b bytes.Buffer
	for _, c := range contents {
		fmt.Fprintf(&b, "{\"content\":%q}\n", base64.StdEncoding.EncodeToString(c))
	}
	return b.Bytes()
}

// Request is a request as it goes over the wire.
func Request(path, kind string, body []byte) []byte {
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer bench\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", path, kind, len(body))
	return append([]byte(head), body...)
}

// Client is a client that costs as little as one can: it shares the processors with the server.
type Client struct {
	conn net.Conn
	r    *bufio.Reader
	buf  []byte
}

// Dial connects.
func Dial(addr string) (*Client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, r: bufio.NewReaderSize(conn, 64<<10), buf: make([]byte, 64<<10)}, nil
}

// Close disconnects.
func (c *Client) Close() error { return c.conn.Close() }

// Do sends a request and reads its answer, to w when it is not nil.
func (c *Client) Do(request []byte, w io.Writer) error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	length, status := int64(-1), ""
	for first := true; ; first = false {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if first {
			status = string(line)
		}
		if name, value, ok := bytes.Cut(line, []byte(": ")); ok && bytes.EqualFold(name, []byte("content-length")) {
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return err
			}
		}
	}
	if length < 0 { // chunked
		return c.chunks(status, w)
	}
	if w == nil {
		w = io.Discard
	}
	if _, err := io.CopyN(w, c.r, length); err != nil {
		return err
	}
	if status != "HTTP/1.1 200 OK" {
		return fmt.Errorf("the server answered %s", status)
	}
	return nil
}

func (c *Client) chunks(status string, w io.Writer) error {
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(line[:len(line)-2], 16, 64)
		if err != nil {
			return err
		}
		if w == nil {
			w = io.Discard
		}
		if _, err := io.CopyN(w, c.r, n); err != nil {
			return err
		}
		if _, err := c.r.Discard(2); err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	if status != "HTTP/1.1 200 OK" {
		return fmt.Errorf("the server answered %s", status)
	}
	return nil
}
