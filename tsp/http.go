package tsp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/seed-116355fd/signet/internal/reach"
	"github.com/seed-116355fd/signet/sign"
)

// The media types of RFC 3161 section 3.4.
const (
	mediaQuery = "application/timestamp-query"
	mediaReply = "application/timestamp-reply"
)

// maxRedirects bounds how often an authority sends a request elsewhere.
const maxRedirects = 4

// credentials marks the context of a request that carries what is for one server only.
type credentials struct{}

// redirects is a http.Client.CheckRedirect. The one who answers for an authority, or who sits in between, must not have the
// credentials of the account sent to a server of his choice, nor in the clear: net/http takes off the Authorization header for
// another domain, but not for another port or scheme, and no header that it does not know, such as one with a key of an API.
func redirects(further func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(r *http.Request, via []*http.Request) error {
		from := via[0].URL
		switch {
		case len(via) > maxRedirects:
			return fmt.Errorf("it redirects more than %d times", maxRedirects)
		case r.URL.Scheme != "https" && via[len(via)-1].URL.Scheme == "https":
			return errors.New("it redirects from https to http, where everybody reads along; if it has moved, configure its new address")
		case r.Context().Value(credentials{}) != nil && !reach.SameServer(from, r.URL):
			return reach.Elsewhere(r.URL)
		case further != nil:
			return further(r, via)
		}
		return nil
	}
}

// exchange posts a request, reads the response and gives the slot back. The media type of the answer decides nothing, since what matters is
// whether it can be read; it is named when it cannot.
func (c *Client) exchange(ctx context.Context, e *endpoint, request []byte) (response []byte, media string, fail *sign.Error) {
	defer func() { <-c.slots }()
	var panicked error
	defer func() {
		if panicked != nil {
			response, media, fail = nil, "", because(CheckTransport, "the client for HTTP failed", panicked)
		}
	}()
	defer sign.Recover(&panicked) // a RoundTripper may be the caller's
	ctx, cancel := context.WithTimeoutCause(ctx, e.Timeout, fmt.Errorf("no answer within %s", e.Timeout))
	defer cancel()
	carried := ctx
	if u, err := url.Parse(e.URL); reach.Secret(&e.Connect) || err == nil && (u.User != nil || u.RawQuery != "") {
		carried = context.WithValue(ctx, credentials{}, true)
	}
	r, err := http.NewRequestWithContext(carried, http.MethodPost, e.URL, bytes.NewReader(request))
	if err != nil {
		return nil, "", because(CheckTransport, "", bare(err))
	}
	reach.Authorize(&e.Connect, r)
	r.Header.Set("Content-Type", mediaQuery)
	r.Header.Set("Accept", mediaReply)
	answer, err := e.http.Do(r)
	if err != nil {
		return nil, "", transportError(ctx, "the authority does not answer", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		fail = failed(CheckHTTPStatus, "the authority answered %w", httpStatus(answer.StatusCode))
		if why := reach.Reason(&e.Connect, answer); why != "" {
			fail.Err = fmt.Errorf("%w: %q", fail.Err, why)
		}
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

// httpStatus is the status of an answer that is none.
type httpStatus int

func (s httpStatus) Error() string { return fmt.Sprintf("HTTP %d", int(s)) }

func transportError(ctx context.Context, what string, err error) *sign.Error {
	if ctx.Err() != nil {
		err = fmt.Errorf("%w (%w)", context.Cause(ctx), ctx.Err())
	}
	return unreached(what, bare(err))
}

// bare takes the URL, which may hold a secret in its query, off an error of net/http.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
