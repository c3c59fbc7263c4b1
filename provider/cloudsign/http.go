package cloudsign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/seed-116355fd/signet/sign"
)

// StatusError is what the service said when it refused.
type StatusError struct {
	Status int    // of HTTP
	Code   string // X-Diadoc-ErrorCode, perhaps empty
	Text   string // the beginning of the body, as one line
	Trace  string // X-Kontur-Trace-Id, for the operator of the service
}

// Error is one sentence.
func (e *StatusError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the service answered %d", e.Status)
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	if e.Trace != "" {
		b.WriteString(" [trace " + e.Trace + "]")
	}
	return b.String()
}

// errLost says that the connection broke, so that it is not known whether the service has acted.
var errLost = errors.New("the connection was lost before the answer was there")

// Codes of errors of the service.
const (
	codeWrong   = "CloudCrypt.BadConfirmationCode"
	codeExpired = "CloudCrypt.ExpiredRequest"
	codeDenied  = "User.AccessDenied"
	codeNoCert  = "CloudCertificateNotFound"
)

const (
	resends   = 3 // after a first try whose answer was lost
	longPause = 15 * time.Second
	pause     = time.Second // when the service names none
)

// request is one exchange.
type request struct {
	method, path string
	query        url.Values
	body         []byte
	json         bool          // the body is JSON
	most         int64         // octets of the answer
	hide         []sign.Secret // what the answer may not repeat into an error
}

// reply is an answer: 200 with a body, or 204.
type reply struct {
	status int
	body   []byte
	after  time.Duration // Retry-After of 204, else 0
}

// exchange sends a request once. Its error is a *StatusError, errLost with the cause, an error of the context, or of the token.
func (c *Client) exchange(ctx context.Context, r request) (reply, error) {
	u := *c.base
	u.Path = strings.TrimRight(u.Path, "/") + r.path
	u.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return reply{}, withoutURL(err)
	}
	if len(r.body) == 0 {
		req.Body = http.NoBody // Content-Length: 0
	}
	if r.json {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	} else if len(r.body) != 0 {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	req.Header.Set("Accept", "application/json")
	token := c.config.Token
	if c.config.TokenFunc != nil {
		if token, err = c.config.TokenFunc(ctx); err != nil {
			return reply{}, &sign.Error{Op: "cloudsign: token", Place: c.base.Host, Class: sign.ErrUnavailable, Err: err, Hint: "Config.TokenFunc gave none"}
		}
	}
	r.hide = append(r.hide, token)
	if c.config.ClientID != "" {
		req.Header.Set("Authorization", "DiadocAuth ddauth_api_client_id="+c.config.ClientID+",ddauth_token="+string(token.Bytes()))
	} else {
		req.Header.Set("Authorization", "Bearer "+string(token.Bytes()))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return reply{}, context.Cause(ctx)
		}
		return reply{}, fmt.Errorf("%w: %w", errLost, withoutURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusNoContent:
		return reply{status: resp.StatusCode, after: retryAfter(resp.Header)}, nil
	case http.StatusOK:
	default:
		return reply{}, refused(resp, r.hide)
	}
	if resp.ContentLength > r.most {
		return reply{}, tooLong(r.most)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, r.most+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return reply{}, context.Cause(ctx)
	case err != nil:
		return reply{}, fmt.Errorf("%w: %w", errLost, err)
	case int64(len(body)) > r.most:
		return reply{}, tooLong(r.most)
	}
	return reply{status: resp.StatusCode, body: body}, nil
}

func tooLong(most int64) error {
	return fmt.Errorf("the answer has more than %d octets, which is more than this question can have", most)
}

// withoutURL takes the address out of an error of net/http: token and code are in its query.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// refused reads an answer that is none of 200 and 204. Few octets are read, and none that could be a secret or steer a terminal
// are kept.
func refused(resp *http.Response, hide []sign.Secret) error {
	const most = 400
	body, _ := io.ReadAll(io.LimitReader(resp.Body, most)) // what has come tells enough
	e := &StatusError{Status: resp.StatusCode, Code: resp.Header.Get("X-Diadoc-ErrorCode"), Trace: resp.Header.Get("X-Kontur-Trace-Id")}
	switch text := string(body); {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		e.Text = "it redirects elsewhere, where the token does not go; give the right address"
	case strings.HasPrefix(strings.TrimSpace(text), "<"):
		e.Text = "a page of HTML"
	default:
		e.Text = text
	}
	for _, s := range []*string{&e.Code, &e.Text, &e.Trace} {
		for _, secret := range hide {
			if secret.Len() != 0 {
				*s = strings.ReplaceAll(*s, string(secret.Bytes()), "[redacted]")
			}
		}
		*s = oneLine(*s, most)
	}
	return e
}

func oneLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.TrimSpace(s[:min(len(s), most)])
}

// retryAfter is a whole number of seconds; anything else counts as none.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(h.Get("Retry-After")), 10, 31)
	if err != nil || n == 0 { // 0 would be a loop without a pause
		return pause
	}
	return min(time.Duration(n)*time.Second, longPause)
}

// ask is exchange for what may be sent again when its answer is lost or, for a GET, when the service has too much to do.
func (c *Client) ask(ctx context.Context, r request) (reply, error) {
	for try := 0; ; try++ {
		answer, err := c.exchange(ctx, r)
		if err == nil || try == resends {
			return answer, err
		}
		status, ok := errors.AsType[*StatusError](err)
		again := errors.Is(err, errLost) || ok && r.method == http.MethodGet && overloaded(status.Status)
		if !again {
			return answer, err
		}
		if err := c.sleep(ctx, pause<<try/4); err != nil {
			return reply{}, err
		}
	}
}

func overloaded(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// poll asks for the result of a task until it is there.
func (c *Client) poll(ctx context.Context, path, task string, most int64, v any) error {
	end := c.now().Add(c.config.Wait)
	for {
		answer, err := c.ask(ctx, request{method: http.MethodGet, path: path, query: url.Values{"taskId": {task}}, most: most})
		if err != nil {
			return err
		}
		if answer.status == http.StatusOK {
			return decode(answer.body, v)
		}
		if c.now().After(end) {
			return errSlow
		}
		if err := c.sleep(ctx, answer.after); err != nil {
			return err
		}
	}
}

var errSlow = errors.New("the result was not there in the time of Config.Wait")

// call is exchange with JSON both ways, and never sent again.
func (c *Client) call(ctx context.Context, path string, query url.Values, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := c.exchange(ctx, request{method: http.MethodPost, path: path, query: query, body: body, json: true, most: maxText})
	if err != nil {
		return err
	}
	if answer.status != http.StatusOK {
		return errNoAnswer
	}
	return decode(answer.body, out)
}

var errNoAnswer = errors.New("the service answered 204, without what was asked for")

// fault gives an error its class. The class decides whether a batch goes on: where a person is asked for each group, it does
// only when the next group may fare better without anybody doing something.
func (c *Client) fault(op string, err error, hint string) error {
	if own, ok := errors.AsType[*sign.Error](err); ok {
		return own
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := &sign.Error{Op: op, Place: c.base.Host, Class: sign.ErrUnavailable, Err: err, Hint: hint}
	status, ok := errors.AsType[*StatusError](err)
	if !ok {
		return e
	}
	switch {
	case status.Status == http.StatusUnauthorized:
		e.Class, e.Hint = sign.ErrPIN, "the token is not valid there; get a new one"
	case status.Code == codeDenied, status.Code == codeNoCert:
		e.Class, e.Hint = sign.ErrKeyNotFound, "the caller of this token has no such certificate there; look at its thumbprint"
	case status.Code == codeExpired:
		e.Class, e.Hint = sign.ErrPIN, "the code has expired or was refused too often; begin anew"
	case status.Code == codeWrong:
		e.Class = sign.ErrPIN
	case status.Status == http.StatusBadRequest, status.Status == http.StatusRequestEntityTooLarge:
		e.Class = sign.ErrInput
	}
	return e
}
