package tsp

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/breaker"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/reach"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// Defaults of a [Config].
const (
	// DefaultTimeout bounds one request to one authority.
	DefaultTimeout = 30 * time.Second
	// DefaultInFlight is how many requests are under way at once.
	DefaultInFlight = 16
	// DefaultMaxResponse bounds the octets of a response. Tokens with whole chains have about 10 KiB.
	DefaultMaxResponse = 256 << 10
	// DefaultRest is how long an authority that could not be reached is asked last.
	DefaultRest = 30 * time.Second
)

// Endpoint is an authority as a client sees it.
type Endpoint struct {
	URL string // http or https
	// Policy is asked for, dotted, instead of Config.Policy.
	Policy string
	// Timeout bounds a request to this authority, from dialing to the last octet; 0 means Config.Timeout.
	Timeout time.Duration
	// Connect says how this authority is reached, and as whom: what it sets takes the place of what Config.Connect does. It is sent to
	// no other server, whatever redirects say.
	Connect connect.Options
}

// Config says which authorities a [Client] asks, and how. Only Endpoints is needed.
type Config struct {
	// Endpoints are asked in this order until one gives a good token. One that could not be reached is asked after the
	// others for a while (Rest), so that a batch does not wait for it time and again.
	Endpoints []Endpoint
	// Policy is asked for, dotted; empty leaves it to the authority.
	Policy string
	// Timeout bounds a request to one authority; 0 means [DefaultTimeout].
	Timeout time.Duration
	// InFlight bounds how many requests are under way at once, to all authorities; 0 means [DefaultInFlight].
	InFlight int
	// Rate bounds how many requests are begun in a second, as some authorities ask; 0 means no bound.
	Rate float64
	// MaxResponse bounds the octets of a response; 0 means [DefaultMaxResponse].
	MaxResponse int
	// Rest is how long an authority that could not be reached is asked last, and how long one that is out of order is not asked at
	// all: one of which a request had no answer within its time-out, or three in a row could not be made. Then one request is made,
	// and others follow when that was answered. 0 means [DefaultRest]; less than 0 asks always. After a time-out, an authority is
	// left alone four times as long as that at least.
	Rest time.Duration

	// Roots, Certificates and Tolerance are as in [VerifyOptions].
	Roots        *trust.Roots
	Certificates []*x509.Certificate
	Tolerance    time.Duration
	// Algorithms says which algorithms count in tokens; nil is the default. Schemes that only who asks for them has (mldsa.Schemes())
	// are among them.
	Algorithms *trust.Algorithms
	// Clock tells the time that Tolerance is about; nil means time.Now.
	Clock func() time.Time

	// Events is told when an authority rests and when it has answered again, and when tokens come from another authority than before. See
	// [sign.InOrder] for how it is called; nil means nobody is told.
	Events func(sign.Event)

	// Connect says how authorities are reached. Without anything, by a client for HTTP of its own, with as many idle connections as
	// InFlight, that uses the proxy of the environment. A redirect from https to http, and one of a request with credentials, headers
	// or certificates to another server, is not followed, whatever Connect.HTTP.CheckRedirect says.
	Connect connect.Options
}

// Client asks authorities for time-stamps. It is safe for concurrent use, and a batch shares one.
type Client struct {
	o         Config
	endpoints []*endpoint
	slots     chan struct{}

	mu   sync.Mutex
	next time.Time // when the next request may begin, when there is a Rate

	tell  func(sign.Event)
	from  int       // the endpoint that gave the last token; guarded by mu
	turns int       // how often it was another one than before
	left  time.Time // when the first one was left
}

type endpoint struct {
	Endpoint
	number int
	place  string // for errors: the URL without credentials and query
	http   *http.Client

	breaker breaker.Breaker
	mu      sync.Mutex
	until   time.Time // it is asked last before that
}

// NewClient makes a client. Nothing is sent yet. Errors are of class [sign.ErrInput].
func NewClient(o Config) (*Client, error) {
	if len(o.Endpoints) == 0 {
		return nil, input("client", "give the URL of a time-stamping authority")
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.InFlight <= 0 {
		o.InFlight = DefaultInFlight
	}
	if o.MaxResponse <= 0 {
		o.MaxResponse = DefaultMaxResponse
	}
	if o.Rest == 0 {
		o.Rest = DefaultRest
	}
	if o.Rate < 0 {
		return nil, input("client", "the rate is negative")
	}
	c := &Client{o: o, slots: make(chan struct{}, o.InFlight), tell: sign.InOrder(o.Events)}
	common := httpClient(&o.Connect, o.InFlight)
	for _, e := range o.Endpoints {
		u, err := url.Parse(e.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, input("client", "the address of an authority is an http or https URL")
		}
		if e.Policy == "" {
			e.Policy = o.Policy
		}
		if e.Policy != "" {
			if _, err := cms.ParseOID(e.Policy); err != nil {
				return nil, input("client", "the policy %.40q is not a dotted object identifier", e.Policy)
			}
		}
		if e.Timeout <= 0 {
			e.Timeout = o.Timeout
		}
		own := e.Connect // before they are completed
		e.Connect = reach.Over(o.Connect, own)
		if wrong := reach.Problem(&own, &o.Connect, &e.Connect); wrong != "" {
			return nil, input("client", "%s: %s", place(u), wrong)
		}
		client := common
		if own.HTTP != nil || own.Proxy != nil || own.Roots != nil || len(own.Certificates) != 0 {
			client = httpClient(&e.Connect, o.InFlight)
		}
		added := &endpoint{Endpoint: e, number: len(c.endpoints), place: place(u), http: client}
		added.breaker.Changed = breaker.Tell(added.place, c.tell)
		c.endpoints = append(c.endpoints, added)
	}
	return c, nil
}

// place is a URL for errors, without credentials and query.
func place(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// httpClient makes the client for HTTP.
func httpClient(o *connect.Options, inFlight int) *http.Client {
	guarded := &http.Client{}
	if o.HTTP != nil {
		*guarded = *o.HTTP // the caller's stays as it is
	} else {
		transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: inFlight, IdleConnTimeout: 90 * time.Second}
		reach.Transport(o, transport)
		guarded.Transport = transport
	}
	guarded.CheckRedirect = redirects(guarded.CheckRedirect)
	return guarded
}

// Timestamp asks the authorities for a token over a digest, and returns the first that passes every check. When there is
// none, the error is of class [sign.ErrAuthority], and its cause are the [sign.Errors] of each authority in the order in which they were
// asked, which are of a [Check]. It is temporary when one of them is. When ctx ends it says so at once.
func (c *Client) Timestamp(ctx context.Context, imprint sign.Digest) (token *Token, err error) {
	defer sign.Recover(&err)
	if err := checkImprint(imprint); err != nil {
		return nil, err
	}
	why := make([]error, len(c.endpoints))
	c.mu.Lock()
	turns := c.turns
	c.mu.Unlock()
	var all sign.Errors
	for _, e := range c.inOrder() {
		t, err := c.ask(ctx, e, imprint)
		if err == nil {
			c.gave(e, why, turns)
			return t, nil
		}
		why[e.number] = err
		all = append(all, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, &sign.Error{Op: "tsp: time-stamp", Class: sign.ErrAuthority, Err: all, Temporary: sign.IsTemporary(all)}
}

// gave notes which authority gave a token, and tells when it is another one than before. why is what others said in the same call, and
// turns what the client had when it began: a call that was under way while another one found an authority back is no news.
func (c *Client) gave(e *endpoint, why []error, turns int) {
	if len(c.endpoints) == 1 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.from == e.number || c.turns != turns {
		return
	}
	before := c.endpoints[c.from]
	event := sign.Event{Kind: sign.EventFailover, Place: before.place, To: e.place}
	if e.number < c.from {
		event.Kind, event.Place, event.To, event.Took = sign.EventFailback, e.place, before.place, time.Since(c.left)
	} else {
		event.Err = why[c.from]
	}
	if c.from == 0 {
		c.left = time.Now()
	}
	c.from = e.number
	c.turns++
	c.tell(event)
}

// inOrder returns the authorities as they were given, those that rest behind the others.
func (c *Client) inOrder() []*endpoint {
	var ready, resting []*endpoint
	now := time.Now()
	for _, e := range c.endpoints {
		e.mu.Lock()
		if now.Before(e.until) {
			resting = append(resting, e)
		} else {
			ready = append(ready, e)
		}
		e.mu.Unlock()
	}
	return append(ready, resting...)
}

// ask makes one request to one authority.
func (c *Client) ask(ctx context.Context, e *endpoint, imprint sign.Digest) (*Token, error) {
	q, err := NewRequest(imprint, e.Policy)
	if err != nil {
		return nil, err
	}
	if err := e.resting(); err != nil { // whoever waits for a slot or the rate waits in vain
		return nil, err
	}
	if err := c.turn(ctx, e); err != nil {
		if resting, ok := err.(*sign.Error); ok {
			return nil, resting
		}
		return nil, e.at(because(CheckTransport, "not asked", err))
	}
	pass, ok := e.breaker.Enter(time.Now())
	if !ok {
		<-c.slots
		return nil, e.refusal()
	}
	response, media, fail := c.request(ctx, e, pass, q.Raw)
	if fail == nil {
		e.rest(0)
		t, err := q.Token(response, &VerifyOptions{Certificates: c.o.Certificates, Roots: c.o.Roots, Tolerance: c.o.Tolerance, Algorithms: c.o.Algorithms, Clock: c.o.Clock})
		if err == nil {
			return t, nil
		}
		fail = err.(*sign.Error)
		if fail.Class == CheckEncoding && media != "" && media != mediaReply {
			fail.Hint = fmt.Sprintf("the answer came as %.60q", media)
		}
	} else if fail.Temporary && ctx.Err() == nil {
		e.rest(c.o.Rest)
	}
	return nil, e.at(fail)
}

// at says where an error happened. One that says so already is left alone: the breaker has it, and events that tell of it.
func (e *endpoint) at(err *sign.Error) *sign.Error {
	if err.Place == "" {
		err.Place = e.place
	}
	return err
}

// request is exchange that tells the breaker how it ended, also when the client for HTTP ends the goroutine.
func (c *Client) request(ctx context.Context, e *endpoint, pass breaker.Pass, raw []byte) (response []byte, media string, fail *sign.Error) {
	o := breaker.Void
	defer func() { e.breaker.Done(pass, o, orNil(fail), breaker.Rest(c.o.Rest, e.Timeout, o), time.Now()) }()
	response, media, fail = c.exchange(ctx, e, raw)
	if fail != nil {
		e.at(fail) // now, since others may look at it from here on
	}
	o = outcome(ctx, fail)
	return response, media, fail
}

// outcome is what a request says of the authority. "Too many requests" says that it is there.
func outcome(ctx context.Context, fail *sign.Error) breaker.Outcome {
	var status httpStatus
	switch {
	case fail == nil || !fail.Temporary || errors.As(fail.Err, &status) && status == http.StatusTooManyRequests:
		return breaker.Answered
	case ctx.Err() != nil:
		return breaker.Void
	}
	return breaker.Of(fail)
}

func orNil(fail *sign.Error) error {
	if fail == nil {
		return nil
	}
	return fail
}

// resting is the error of an authority that is not asked now.
func (e *endpoint) resting() error {
	if !e.breaker.Open(time.Now()) {
		return nil
	}
	return e.refusal()
}

// refusal is that error.
func (e *endpoint) refusal() error {
	s := e.breaker.State()
	return e.at(unreached("not asked before "+s.Until.UTC().Format(time.RFC3339)+", since it did not answer", causeOf(s.Err)))
}

// causeOf is the last failure in short.
func causeOf(err error) error {
	if e, ok := errors.AsType[*sign.Error](err); ok && e.Err != nil {
		return e.Err
	}
	return err
}

// Authorities tells the state of each endpoint, in their order.
func (c *Client) Authorities() []sign.AuthorityState {
	all := make([]sign.AuthorityState, len(c.endpoints))
	for i, e := range c.endpoints {
		s := e.breaker.State()
		all[i] = sign.AuthorityState{Place: e.place, Resting: !s.Until.IsZero(), Until: s.Until, Failures: s.Failures, Err: s.Err}
	}
	return all
}

func (e *endpoint) rest(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.until = time.Time{}
	if d > 0 {
		e.until = time.Now().Add(d)
	}
}

// turn waits for a slot, which the caller gives back, and for the rate. An authority that rests by then costs no turn.
func (c *Client) turn(ctx context.Context, e *endpoint) error {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := e.resting(); err != nil {
		<-c.slots
		return err
	}
	if err := c.pace(ctx); err != nil {
		<-c.slots
		return err
	}
	return nil
}

func (c *Client) pace(ctx context.Context) error {
	if c.o.Rate == 0 {
		return nil
	}
	c.mu.Lock()
	now := time.Now()
	if c.next.Before(now) {
		c.next = now
	}
	wait := c.next.Sub(now)
	c.next = c.next.Add(time.Duration(float64(time.Second) / c.o.Rate))
	c.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
