package tsp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// The media types of RFC 3161 section 3.4.
const (
	mediaQuery = "application/timestamp-query"
	mediaReply = "application/timestamp-reply"
)

// drained is how much of the body of an error is read so that the connection can be used again.
const drained = 16 << 10

// exchange posts a request and reads the response. The media type of the answer decides nothing, since what matters is
// whether it can be read; it is named when it cannot.
func (c *Client) exchange(ctx context.Context, e *endpoint, request []byte) (response []byte, media string, fail *Error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.Timeout, fmt.Errorf("no answer within %s", e.Timeout))
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(request))
	if err != nil {
		return nil, "", &Error{Check: CheckTransport, Err: bare(err)}
	}
	for name, values := range e.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	r.Header.Set("Content-Type", mediaQuery)
	r.Header.Set("Accept", mediaReply)
	if e.User != "" {
		r.SetBasicAuth(e.User, string(e.Password.Bytes()))
	}
	answer, err := c.o.HTTP.Do(r)
	if err != nil {
		return nil, "", transportError(ctx, "the authority does not answer", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, answer.Body, drained)
		fail = failed(CheckHTTPStatus, "the authority answered HTTP %d", answer.StatusCode)
		fail.Temporary = answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests
		return nil, "", fail
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, int64(c.o.MaxResponse)+1))
	if err != nil {
		return nil, "", transportError(ctx, "the answer broke off", err)
	}
	if len(body) > c.o.MaxResponse {
		return nil, "", failed(CheckSize, "the answer has more than %d octets", c.o.MaxResponse)
	}
	return body, answer.Header.Get("Content-Type"), nil
}

func transportError(ctx context.Context, what string, err error) *Error {
	if ctx.Err() != nil {
		err = fmt.Errorf("%w (%w)", context.Cause(ctx), ctx.Err())
	}
	return &Error{Check: CheckTransport, What: what, Err: bare(err), Temporary: true}
}

// bare takes the URL, which may hold a secret in its query, off an error of net/http.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
