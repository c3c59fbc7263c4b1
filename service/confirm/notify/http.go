package notify

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"text/template"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

const (
	maxRequest  = 64 << 10
	maxResponse = 64 << 10
)

// HTTPConfig says how a gateway is asked to send a message. URL is needed.
//
// URL, Body and the values of Headers are templates (text/template) with the fields .To, .Code, .Title, .Text (the whole
// message in one line), .Files, .Digest, .Expires, .Link and .Language ("en" or "ru"), and the functions query, path, form,
// json (with its quotation marks), base64, raw, and secret "name". A field that no function is applied to is escaped for where
// it stands: for the parameters of a URL, for a JSON string or a form by the Content-Type of Headers. So
//
//	URL:     "https://gateway.example/send?phone={{.To}}&text={{.Text}}",
//	Headers: map[string]string{"Authorization": `Bearer {{secret "token"}}`},
//
// and, with Content-Type application/json, the Body `{"phone": "{{.To}}", "text": {{json .Text}}}` are right.
type HTTPConfig struct {
	Method  string // POST when there is a body, else GET
	URL     string
	Headers map[string]string
	Body    string
	Secrets map[string]sign.Secret

	// Status are those of success; none means 200 to 299. Contains and Match have to be in the beginning of the answer (64
	// KiB); empty means that any is right.
	Status   []int
	Contains string
	Match    *regexp.Regexp

	Timeout time.Duration // 15 s
	TLS     *tls.Config
	// Plain allows http:// to another machine: whoever is between reads codes and credentials.
	Plain bool
}

// HTTP is a Notifier over a gateway with an HTTP interface. It follows no redirects, which would hand codes and credentials to
// another host, and sends each request once. Its errors have neither address, code nor credentials.
type HTTP struct {
	c       HTTPConfig
	url     *template.Template
	body    *template.Template
	headers map[string]*template.Template
	base    string // scheme and host, which no message can change
	client  *http.Client
	secrets []sign.Secret
}

// NewHTTP reads the templates, and tries them.
func NewHTTP(c HTTPConfig) (*HTTP, error) {
	h := &HTTP{c: c, headers: make(map[string]*template.Template)}
	if h.c.Timeout <= 0 {
		h.c.Timeout = 15 * time.Second
	}
	if h.c.Method == "" {
		h.c.Method = http.MethodGet
		if c.Body != "" {
			h.c.Method = http.MethodPost
		}
	}
	for _, s := range c.Secrets {
		h.secrets = append(h.secrets, s)
	}
	var err error
	if h.url, err = h.template("URL", c.URL); err != nil {
		return nil, err
	}
	if h.body, err = h.template("body", c.Body); err != nil {
		return nil, err
	}
	for name, value := range c.Headers {
		if h.headers[http.CanonicalHeaderKey(name)], err = h.template("header "+name, value); err != nil {
			return nil, err
		}
	}
	if err := h.try(); err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		DialContext:     (&net.Dialer{}).DialContext,
		TLSClientConfig: c.TLS.Clone(),
		// A connection that is used again and turns out to be closed makes net/http send a request twice: two messages.
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxResponse,
	}
	h.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return h, nil
}

// try expands the templates, so that a mistake is found at the start and not with the first person.
func (h *HTTP) try() error {
	sample := &Message{To: "+10000000000", Code: sign.NewSecret([]byte("000000")), Title: "title", Files: 1, Digest: "00", Expires: time.Unix(0, 0), Link: "https://example.org/"}
	u, err := h.address(sample)
	if err != nil {
		return err
	}
	local := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	switch {
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return errors.New("notify: the URL of the gateway does not begin with https:// and a host")
	case u.Scheme == "http" && !local && !h.c.Plain:
		return errors.New("notify: the URL of the gateway is http://, by which codes and credentials can be read; use https://, or set Plain")
	}
	if err := h.tryJSON(sample); err != nil {
		return err
	}
	h.base = u.Scheme + "://" + u.Host
	req, err := h.request(context.Background(), sample)
	if err != nil {
		return err
	}
	other := &Message{To: "@evil.example/", Title: "@evil.example/", Link: "https://evil.example"}
	if u, err := h.address(other); err != nil || u.Scheme+"://"+u.Host != h.base {
		return errors.New("notify: the host of the gateway depends on the message; only path and parameters may")
	}
	return req.Body.Close()
}

// tryJSON finds a brace or a quotation mark that is missing.
func (h *HTTP) tryJSON(sample *Message) error {
	if h.escaping() != escapeJSON || h.c.Body == "" {
		return nil
	}
	body, err := h.expand(h.body, sample, escapeJSON)
	if err == nil && !json.Valid([]byte(body)) {
		err = errors.New("notify: the body of the gateway is no JSON once a message is in it, as its Content-Type says; look at its braces and quotation marks")
	}
	return err
}

// escaping is that of the body.
func (h *HTTP) escaping() escaping {
	switch kind, _, _ := strings.Cut(strings.ToLower(h.c.contentType()), ";"); strings.TrimSpace(kind) {
	case "application/json":
		return escapeJSON
	case "application/x-www-form-urlencoded":
		return escapeQuery
	}
	return escapeNone
}

func (h *HTTP) address(m *Message) (*url.URL, error) {
	raw, err := h.expand(h.url, m, escapeQuery)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("notify: the URL of the gateway is none once the message is in it; let each field be escaped") // err has it
	}
	return u, nil
}

func (h *HTTP) request(ctx context.Context, m *Message) (*http.Request, error) {
	u, err := h.address(m)
	if err != nil {
		return nil, err
	}
	if h.base != u.Scheme+"://"+u.Host {
		return nil, errors.New("notify: the message would change the host of the gateway")
	}
	body, err := h.expand(h.body, m, h.escaping())
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, h.c.Method, h.base, strings.NewReader(body))
	if err != nil {
		return nil, errors.New("notify: the method of the gateway is none of HTTP")
	}
	if body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	req.GetBody = nil // nothing is sent twice
	req.URL = u
	for name, t := range h.headers {
		value, err := h.expand(t, m, escapeHeader)
		if err != nil {
			return nil, err
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, fmt.Errorf("notify: the header %s of the gateway has control characters", name)
		}
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	return req, nil
}

func (c *HTTPConfig) contentType() string {
	for name, value := range c.Headers {
		if http.CanonicalHeaderKey(name) == "Content-Type" {
			return value
		}
	}
	return ""
}

// Notify asks the gateway to send a message.
func (h *HTTP) Notify(ctx context.Context, m *Message) error {
	ctx, cancel := context.WithTimeout(ctx, h.c.Timeout)
	defer cancel()
	var sent atomic.Bool
	req, err := h.request(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { sent.Store(true) }, // from here on the gateway may have read all
	}), m)
	if err != nil {
		return err
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return fail("ask the gateway", err, sent.Load(), m, h.secrets...)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if !h.success(resp.StatusCode) {
		// A proxy that had no answer from the gateway does not know either.
		unknown := resp.StatusCode == http.StatusBadGateway || resp.StatusCode == http.StatusGatewayTimeout
		return fail(fmt.Sprintf("the gateway answered with status %d", resp.StatusCode), nil, unknown, m)
	}
	found := (h.c.Contains == "" || strings.Contains(string(answer), h.c.Contains)) && (h.c.Match == nil || h.c.Match.Match(answer))
	switch {
	case found:
		return nil
	case err != nil:
		return fail("read the answer of the gateway", err, true, m, h.secrets...)
	}
	return fail(fmt.Sprintf("the gateway answered with status %d, and without what says that it was sent", resp.StatusCode), nil, false, m)
}

func (h *HTTP) success(status int) bool {
	if len(h.c.Status) == 0 {
		return status >= 200 && status <= 299
	}
	for _, s := range h.c.Status {
		if s == status {
			return true
		}
	}
	return false
}
