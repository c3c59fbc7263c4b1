// Package xdeclient is a client of the existing signing service, written from what is known of it and from nothing that is
// in this repository: its tests show what a program that was written for that service meets here.
package xdeclient

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Client calls the service. Base is the one thing that is changed to come from there to here.
type Client struct {
	Base  string // without a slash at the end
	Token string
	HTTP  *http.Client // nil means http.DefaultClient
	Style Style
}

// Style is how the serializer of a client writes, and how its HTTP library sends.
type Style struct {
	BOM         bool // Encoding.UTF8 with a preamble
	Chunked     bool // a stream of unknown length
	Expect      bool // Expect: 100-continue, as HttpWebRequest sends
	LineBreaks  bool // Base64FormattingOptions.InsertLineBreaks
	EscapePlus  bool // \u002B, as System.Text.Json writes
	EscapeSlash bool // \/, as DataContractJsonSerializer writes
	CamelCase   bool // JsonNamingPolicy.CamelCase, or CamelCasePropertyNamesContractResolver
	Nulls       bool // fields that are not used are there, as null
}

// SignRequest is the body of POST /v2/sign.
type SignRequest struct {
	Thumbprint         string
	CertificateRawData []byte
	ThrowOnErrors      bool
	Contents           [][]byte // nil elements are null
}

// SignResult is one element of its answer.
type SignResult struct {
	Result       []byte
	ErrorMessage string
}

// Certificate is what is known of the fields of a certificate.
type Certificate struct {
	Thumbprint, ValidFrom, ValidTo, SerialNumber string
	RawData, PublicKeyRawData                    []byte
	HasPrivateKey                                bool
}

// Error is the error object of the service.
type Error struct {
	Status int
	Header http.Header `json:"-"`

	RequestID string `json:"RequestId"`
	Path      string
	Method    string
	Message   string
	Details   string
}

func (e *Error) Error() string { return fmt.Sprintf("%d: %s", e.Status, e.Message) }

// Sign signs a batch.
func (c *Client) Sign(ctx context.Context, r SignRequest) ([]SignResult, error) {
	list := make([]any, len(r.Contents))
	for i, content := range r.Contents {
		if content != nil {
			list[i] = octets(content)
		}
	}
	var answer []SignResult
	_, err := c.post(ctx, "/v2/sign", []member{
		{"Thumbprint", optional(r.Thumbprint)}, {"CertificateRawData", optionalOctets(r.CertificateRawData)},
		{"ThrowOnErrors", r.ThrowOnErrors}, {"Contents", list},
	}, &answer)
	return answer, err
}

// Certificates lists certificates. Booleans go out as .NET writes them.
func (c *Client) Certificates(ctx context.Context, hasKey, raw, throw bool) ([]Certificate, error) {
	word := map[bool]string{true: "True", false: "False"}
	q := url.Values{"HasPrivateKey": {word[hasKey]}, "IncludeRawData": {word[raw]}, "ThrowOnParsingErrors": {word[throw]}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Base+"/v2/certificates?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var answer []Certificate
	_, err = c.do(r, &answer)
	return answer, err
}

// Metadata describes a certificate.
func (c *Client) Metadata(ctx context.Context, raw []byte, thumbprint string) (*Certificate, error) {
	var answer Certificate
	_, err := c.post(ctx, "/certificates/metadata", []member{{"RawData", optionalOctets(raw)}, {"Thumbprint", optional(thumbprint)}}, &answer)
	return &answer, err
}

// ValidateRequest is the body of POST /v3/validate.
type ValidateRequest struct {
	Content, Signature                 []byte
	DefaultOnFail, VerifySignatureOnly bool
}

// Validate validates. Of the answer nothing is known but the status: 204 when the signature is not valid and DefaultOnFail
// is set.
func (c *Client) Validate(ctx context.Context, r ValidateRequest) (status int, body map[string]any, err error) {
	status, err = c.post(ctx, "/v3/validate", []member{
		{"Content", optionalOctets(r.Content)}, {"Signature", optionalOctets(r.Signature)},
		{"DefaultOnFail", r.DefaultOnFail}, {"VerifySignatureOnly", r.VerifySignatureOnly},
	}, &body)
	return status, body, err
}

// member is one field of a body, in the order of a class.
type member struct {
	name  string
	value any
}

// octets are written in base64.
type octets []byte

func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func optionalOctets(b []byte) any {
	if b == nil {
		return nil
	}
	return octets(b)
}

// Body writes a body in the style of the client.
func (c *Client) body(members []member) []byte {
	var buf bytes.Buffer
	if c.Style.BOM {
		buf.WriteString("\xEF\xBB\xBF")
	}
	buf.WriteByte('{')
	comma := ""
	for _, m := range members {
		if m.value == nil && !c.Style.Nulls {
			continue
		}
		name := m.name
		if c.Style.CamelCase {
			name = strings.ToLower(name[:1]) + name[1:]
		}
		fmt.Fprintf(&buf, "%s%q:", comma, name)
		c.value(&buf, m.value)
		comma = ","
	}
	buf.WriteByte('}')
	return buf.Bytes()
}

func (c *Client) value(buf *bytes.Buffer, v any) {
	switch v := v.(type) {
	case []any:
		for i, one := range v {
			buf.WriteByte("[,"[min(i, 1)])
			c.value(buf, one)
		}
		if len(v) == 0 {
			buf.WriteByte('[')
		}
		buf.WriteByte(']')
	case octets:
		text := base64.StdEncoding.EncodeToString(v)
		if c.Style.LineBreaks {
			var lines []string
			for ; len(text) > 76; text = text[76:] {
				lines = append(lines, text[:76])
			}
			text = strings.Join(append(lines, text), "\r\n")
		}
		data, _ := json.Marshal(text)
		text = string(data)
		if c.Style.EscapePlus {
			text = strings.ReplaceAll(text, "+", `\u002B`)
		}
		if c.Style.EscapeSlash {
			text = strings.ReplaceAll(text, "/", `\/`)
		}
		buf.WriteString(text)
	default:
		data, _ := json.Marshal(v)
		buf.Write(data)
	}
}

func (c *Client) post(ctx context.Context, path string, members []member, answer any) (int, error) {
	var body io.Reader = bytes.NewReader(c.body(members))
	if c.Style.Chunked {
		body = struct{ io.Reader }{body} // net/http does not see its length
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Base+path, body)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	if c.Style.Expect {
		r.Header.Set("Expect", "100-continue")
	}
	return c.do(r, answer)
}

func (c *Client) do(r *http.Request, answer any) (int, error) {
	r.Header.Set("Accept", "application/json")
	if c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	h := c.HTTP
	if h == nil {
		h = http.DefaultClient
	}
	resp, err := h.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	switch {
	case resp.StatusCode >= 400:
		e := &Error{Header: resp.Header}
		if err := json.Unmarshal(data, e); err != nil {
			return resp.StatusCode, fmt.Errorf("status %d without the error object: %w", resp.StatusCode, err)
		}
		e.Status = resp.StatusCode
		return resp.StatusCode, e
	case resp.StatusCode == http.StatusNoContent && len(data) == 0:
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.Unmarshal(data, answer)
}
