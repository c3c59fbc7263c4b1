package revocation

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/internal/breaker"
	"github.com/seed-116355fd/signet/internal/reach"
	"github.com/seed-116355fd/signet/sign"
)

// maxGET is the length of a URL up to which an OCSP request is sent by GET (RFC 6960 appendix A.1).
const maxGET = 255

// fetch makes one HTTP request, unless the server rests. place is the address in errors.
func (c *Client) fetch(ctx context.Context, place, address string, body []byte, mediaType string, limit int) (octets []byte, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, at(place, because(CheckScheme, "the URL cannot be read", nil))
	}
	if err := c.checkURL(u); err != nil {
		return nil, at(place, err)
	}
	server := c.server(u)
	if err := resting(server, place); err != nil { // whoever waits for a slot waits in vain
		return nil, err
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, at(place, because(CheckTransport, "not asked", ctx.Err()))
	}
	pass, ok := server.Enter(time.Now())
	if !ok {
		return nil, refusal(server, place)
	}
	var outcome breaker.Outcome // void, when the client for HTTP ends the goroutine
	defer func() { server.Done(pass, outcome, err, breaker.Rest(c.o.Rest, c.o.Timeout, outcome), time.Now()) }()
	octets, outcome, err = c.exchange(ctx, place, u, body, mediaType, limit)
	return octets, err
}

// exchange makes the request. The outcome is what it says of the server.
func (c *Client) exchange(caller context.Context, place string, u *url.URL, body []byte, mediaType string, limit int) (octets []byte, outcome breaker.Outcome, err error) {
	defer sign.Recover(&err) // a RoundTripper may be the caller's
	ctx, cancel := context.WithTimeoutCause(caller, c.o.Timeout, fmt.Errorf("no answer within %s", c.o.Timeout))
	defer cancel()
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, breaker.Void, at(place, because(CheckTransport, "", bare(err)))
	}
	if body != nil {
		r.Header.Set("Content-Type", mediaType)
	}
	lost := func(what string, err error) ([]byte, breaker.Outcome, error) {
		if _, guarded := errors.AsType[Check](err); guarded || caller.Err() != nil {
			return nil, breaker.Void, transportError(ctx, place, what, err)
		}
		failed := transportError(ctx, place, what, err)
		return nil, breaker.Of(failed), failed
	}
	client, o := c.http, &c.o.Connect
	if own := c.own[serverName(u)]; own != nil {
		client, o = own.http, &own.Options
		reach.Authorize(o, r)
	}
	answer, err := client.Do(r)
	if err != nil {
		return lost("the server does not answer", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		what := fmt.Sprintf("the server answered HTTP %d", answer.StatusCode)
		if why := reach.Reason(o, answer); why != "" {
			what += fmt.Sprintf(": %q", why)
		}
		outcome = breaker.Answered
		if answer.StatusCode >= http.StatusInternalServerError {
			outcome = breaker.Failed
		}
		failed := because(CheckHTTPStatus, what, nil)
		failed.Place, failed.Temporary = place, outcome == breaker.Failed || answer.StatusCode == http.StatusTooManyRequests
		return nil, outcome, failed
	}
	octets, err = io.ReadAll(io.LimitReader(answer.Body, int64(limit)+1))
	if err != nil {
		return lost("the answer broke off", err)
	}
	if len(octets) > limit {
		return nil, breaker.Answered, at(place, because(CheckSize, fmt.Sprintf("the answer has more than %d octets", limit), nil))
	}
	return octets, breaker.Answered, nil
}

func transportError(ctx context.Context, place, what string, err error) error {
	if _, guarded := errors.AsType[Check](err); guarded {
		if e, ok := errors.AsType[*sign.Error](err); ok {
			return at(place, e)
		}
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("%w (%w)", context.Cause(ctx), ctx.Err())
	}
	e := because(CheckTransport, what, bare(err))
	e.Place, e.Temporary = place, true
	return e
}

// bare takes the URL off an error of net/http.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// placeOf is a URL for errors: without credentials and query, and not longer than a person reads.
func placeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "a malformed URL"
	}
	s := u.Scheme + "://" + u.Host + u.EscapedPath()
	return s[:min(len(s), 200)]
}

// fetchOCSP asks a responder. Without a nonce a short request goes by GET, which caches in between can answer; with one
// that would gain nothing.
func (c *Client) fetchOCSP(ctx context.Context, address string, q *Request) ([]byte, error) {
	if q.Nonce == nil {
		get := strings.TrimSuffix(address, "/") + "/" + url.QueryEscape(base64.StdEncoding.EncodeToString(q.Raw))
		if len(get) <= maxGET && !strings.Contains(address, "?") {
			der, err := c.fetch(ctx, placeOf(address), get, nil, "", c.o.MaxOCSP)
			if !errors.Is(err, CheckHTTPStatus) { // some responders do not know GET
				return der, err
			}
		}
	}
	return c.fetch(ctx, placeOf(address), address, q.Raw, "application/ocsp-request", c.o.MaxOCSP)
}
