// Package gate is what stands before every endpoint of the service: who calls and whether they may, how much at once,
// under which request id, how long a slow client is waited for, and in which form an error is told.
//
//	g, err := gate.New(gate.Config{Auth: tokens})
//	mux.Handle("POST /v2/sign", g.Handle("sign", func(c *gate.Call) error { … }))
package gate

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/auth"
)

// Config says who may pass, and how much at once. Only Auth is needed.
type Config struct {
	// Auth finds out who calls. A program whose own server has done that already gives an auth.Func that takes the
	// caller from the context of the request.
	Auth   auth.Authenticator
	Limits Limits
	// Log is told of each request, in one line; nil means nobody.
	Log *slog.Logger
	// Audit keeps who signed what; nil means nobody.
	Audit audit.Recorder
	// Observer is told of requests and steps, for metrics and traces; nil means nobody.
	Observer Observer
	// Fail writes the answer to a request that is refused, for APIs whose errors have another form than the object; nil means
	// the object. The headers Retry-After and WWW-Authenticate are set already, and it may set others in their place.
	Fail func(c *Call, e *Error)
}

// Limits bound what callers can take. A field that is 0 has its default.
type Limits struct {
	Body       int64         // octets of a request, after decompression; DefaultBody
	Content    int64         // octets of one content; DefaultContent
	Contents   int           // contents of a request that is answered as a whole; DefaultContents
	Answer     int64         // octets of an answer that is held back until the request has ended; DefaultAnswer
	Kept       int64         // octets of the answers of a stream that its client does not take, most of them in a file; DefaultKept
	Requests   int           // requests under way; DefaultRequests
	Waiting    int           // requests that wait for a place; more are refused; DefaultWaiting
	Wait       time.Duration // how long they wait; DefaultWait
	PerCaller  int           // requests of one principal, under way or waiting; DefaultPerCaller
	Signatures int           // contents between their decoding and their answer, of all requests; DefaultSignatures
	Held       int64         // octets of contents of one request in memory at once; one content more is always taken; DefaultHeld
	// Idle is how long a client may send nothing, or take nothing, and Rate how many octets in a second it has to send or
	// take beyond that, on average; DefaultIdle, DefaultRate.
	Idle time.Duration
	Rate int64
}

// Defaults of Limits.
const (
	DefaultBody       = 1 << 30
	DefaultContent    = 128 << 20
	DefaultContents   = 100_000
	DefaultAnswer     = 256 << 20
	DefaultKept       = 4 << 30
	DefaultRequests   = 64
	DefaultWaiting    = 256
	DefaultWait       = 10 * time.Second
	DefaultPerCaller  = 48 // not all of them: one caller leaves places to others
	DefaultSignatures = 1024
	DefaultHeld       = 8 << 20
	DefaultIdle       = 30 * time.Second
	DefaultRate       = 1 << 10
)

func (l Limits) withDefaults() Limits {
	l.Body = or(l.Body, DefaultBody)
	l.Content = or(l.Content, DefaultContent)
	l.Contents = or(l.Contents, DefaultContents)
	l.Answer = or(l.Answer, DefaultAnswer)
	l.Kept = or(l.Kept, DefaultKept)
	l.Requests = or(l.Requests, DefaultRequests)
	l.Waiting = or(l.Waiting, DefaultWaiting)
	l.Wait = or(l.Wait, DefaultWait)
	l.PerCaller = or(l.PerCaller, DefaultPerCaller)
	l.Signatures = or(l.Signatures, DefaultSignatures)
	l.Held = or(l.Held, DefaultHeld)
	l.Idle = or(l.Idle, DefaultIdle)
	l.Rate = or(l.Rate, DefaultRate)
	return l
}

func or[T int | int64 | time.Duration](value, otherwise T) T {
	if value <= 0 {
		return otherwise
	}
	return value
}

// Observer is told what goes on. Its methods are quick and safe for concurrent use.
type Observer interface {
	// Begin is called for each request that was let in; the request goes on with the context that it returns. End is
	// called once, when the request is over.
	Begin(r *http.Request, endpoint string) (ctx context.Context, end func(Outcome))
	// Step is told of each step of a content that is signed with the key of this name.
	Step(ctx context.Context, key string, step batch.Observation)
}

// Outcome is how a request ended.
type Outcome struct {
	Endpoint  string
	Principal string
	Status    int
	In, Out   int64 // octets of the body, after decompression, and of the answer
	Contents  int
	Failed    int // contents without a signature
	Took      time.Duration
	Err       error // nil when all went well
}

// Gate lets requests in. It is safe for concurrent use; handlers that share it share its limits.
type Gate struct {
	auth     auth.Authenticator
	limits   Limits
	log      *slog.Logger
	audit    audit.Recorder
	observer Observer
	failure  func(*Call, *Error)

	prefix  string // of request ids, of this process
	counter atomic.Uint64

	places     chan struct{} // requests under way
	signatures chan struct{} // contents under way
	waiting    atomic.Int64
	mu         sync.Mutex
	callers    map[string]int
}

// New makes a gate.
func New(c Config) (*Gate, error) {
	if c.Auth == nil {
		return nil, errors.New("gate: nobody could call: Config.Auth is nil; give tokens, OIDC, client certificates, or an auth.Func where callers are known already")
	}
	g := &Gate{auth: c.Auth, limits: c.Limits.withDefaults(), log: c.Log, audit: c.Audit, observer: c.Observer, failure: c.Fail, callers: make(map[string]int)}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	g.places = make(chan struct{}, g.limits.Requests)
	g.signatures = make(chan struct{}, g.limits.Signatures)
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	g.prefix = base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(random[:])
	return g, nil
}

// Limits returns the limits, with their defaults.
func (g *Gate) Limits() Limits { return g.limits }

// Load reports how many requests are under way, how many wait, and how many contents are being signed.
func (g *Gate) Load() (requests, waiting, signatures int) {
	return len(g.places), int(g.waiting.Load()), len(g.signatures)
}

// requestID has the form that clients of the existing service know: thirteen characters, a colon, eight digits.
func (g *Gate) requestID() string { return fmt.Sprintf("%s:%08X", g.prefix, uint32(g.counter.Add(1))) }

// admit waits for a place among the requests under way.
func (g *Gate) admit(ctx context.Context, caller string) error {
	g.mu.Lock()
	if g.callers[caller] >= g.limits.PerCaller {
		g.mu.Unlock()
		return &Error{Status: http.StatusTooManyRequests, RetryAfter: time.Second,
			Message: fmt.Sprintf("you have %d requests under way; wait for one of them to end", g.limits.PerCaller)}
	}
	g.callers[caller]++
	g.mu.Unlock()
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	err := g.wait(ctx)
	if err != nil {
		g.forget(caller)
	}
	return err
}

func (g *Gate) wait(ctx context.Context) error {
	busy := &Error{Status: http.StatusServiceUnavailable, RetryAfter: 2 * time.Second, Message: "the service has as many requests under way as it may; try again in a moment"}
	if g.waiting.Add(1) > int64(g.limits.Waiting) {
		g.waiting.Add(-1)
		return busy
	}
	defer g.waiting.Add(-1)
	timer := time.NewTimer(g.limits.Wait)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
		return nil
	case <-timer.C:
		return busy
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *Gate) forget(caller string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.callers[caller]--; g.callers[caller] <= 0 {
		delete(g.callers, caller)
	}
}

func (g *Gate) leave(caller string) {
	<-g.places
	g.forget(caller)
}

// Enter waits until one more content may be under way, among those of all requests. Leave has to be called for it.
func (g *Gate) Enter(ctx context.Context) error {
	select {
	case g.signatures <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Leave is the end of n contents that were let in by Enter.
func (g *Gate) Leave(n int) {
	for range n {
		<-g.signatures
	}
}
