package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/internal/reason"
)

// Call is one request that was let in.
type Call struct {
	Request   *http.Request
	ID        string // of the request, in the answer and in the log
	Endpoint  string
	Principal *auth.Principal
	Log       *slog.Logger // has the request id

	// Contents and Failed are how many contents the request had, and how many got no signature: for the log.
	Contents, Failed int

	gate    *Gate
	w       http.ResponseWriter
	control *http.ResponseController
	body    *body
	status  int
	out     int64
	cut     bool // the answer ends in the middle
	duplex  bool // over HTTP/1.1
	// hangUp closes the connection behind the answer. The body is read by another goroutine than the one that writes, so it
	// does not touch the headers.
	hangUp atomic.Bool
}

// Context is that of the request; it ends when the client goes away.
func (c *Call) Context() context.Context { return c.Request.Context() }

// Gate returns the gate.
func (c *Call) Gate() *Gate { return c.gate }

// Body is the body of the request, decompressed. Reading it fails with an *Error when it is too large or too slow.
func (c *Call) Body() io.Reader { return c.body }

// Drain reads what is left of the body, within bounds, so that a client that writes all before it reads gets to the answer.
func (c *Call) Drain() { c.body.drain() }

// Header is that of the answer.
func (c *Call) Header() http.Header { return c.w.Header() }

// WriteHeader begins the answer.
func (c *Call) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
		if c.hangUp.Load() {
			c.Header().Set("Connection", "close")
		}
		c.w.WriteHeader(status)
	}
}

// Begun reports whether the answer has begun, so that its status cannot be changed any more.
func (c *Call) Begun() bool { return c.status != 0 }

// Write writes a part of the answer, with a bound on how slowly it may be taken.
func (c *Call) Write(p []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	const most = 64 << 10
	written := 0
	for {
		part := p[written:min(len(p), written+most)]
		l := &c.gate.limits
		_ = c.control.SetWriteDeadline(time.Now().Add(l.Idle + time.Duration(int64(len(part))/l.Rate)*time.Second)) // not everywhere
		n, err := c.w.Write(part)
		written += n
		c.out += int64(n)
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// Flush sends what was written. Where a middleware hides how, it is sent when the server thinks fit.
func (c *Call) Flush() error {
	if err := c.control.Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// flushes reports whether an answer can be sent before it has ended: a middleware may hide http.Flusher.
func (c *Call) flushes() bool {
	for w := c.w; ; {
		switch t := w.(type) {
		case interface{ FlushError() error }, http.Flusher:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}

// FullDuplex lets the answer begin before the request has ended. HTTP/2 does so anyhow.
func (c *Call) FullDuplex() error {
	if !c.flushes() {
		return http.ErrNotSupported
	}
	if c.Request.ProtoMajor >= 2 {
		return nil
	}
	err := c.control.EnableFullDuplex()
	c.duplex = err == nil
	return err
}

// JSON answers with a value.
func (c *Call) JSON(status int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.Header().Set("Content-Length", strconv.Itoa(len(data)+1))
	c.WriteHeader(status)
	_, err = c.Write(append(data, '\n'))
	return err
}

// Record puts an entry into the audit log, with who calls. A signature is handed out after that only.
func (c *Call) Record(r *audit.Record) error {
	if c.gate.audit == nil {
		return nil
	}
	r.RequestID, r.Principal, r.Remote = c.ID, c.Principal.Name, c.Request.RemoteAddr
	r.Endpoint = c.Request.Method + " " + c.Request.URL.Path
	if err := c.gate.audit.Record(c.Context(), r); err != nil {
		return &Error{Status: http.StatusServiceUnavailable, RetryAfter: 10 * time.Second, Err: err,
			Message: "the signatures are not handed out, since they could not be entered into the audit log; the operator has to look at it"}
	}
	return nil
}

// Audited reports whether there is an audit log.
func (c *Call) Audited() bool { return c.gate.audit != nil }

// Observer is for batch.Options: it hands the steps of a key on, and is nil when nobody is told.
func (c *Call) Observer(key string) batch.Observer {
	if c.gate.observer == nil {
		return nil
	}
	return observer{c.gate.observer, key}
}

type observer struct {
	Observer
	key string
}

func (o observer) Observe(ctx context.Context, step batch.Observation) { o.Step(ctx, o.key, step) }

// Handle makes a handler of f for those who may call the endpoint. An error of f is told to the caller when the answer has
// not begun; else the connection is cut, so that nobody takes a half for the whole.
func (g *Gate) Handle(endpoint string, f func(*Call) error) http.Handler {
	return g.handle(endpoint, f, g.limits.Body)
}

// HandleStream is Handle for requests without end: only what f holds of them is bounded, not their size.
func (g *Gate) HandleStream(endpoint string, f func(*Call) error) http.Handler {
	return g.handle(endpoint, f, math.MaxInt64)
}

func (g *Gate) newCall(w http.ResponseWriter, r *http.Request, endpoint string, most int64) *Call {
	c := &Call{Request: r, ID: g.requestID(), Endpoint: endpoint, gate: g, w: w, control: http.NewResponseController(w)}
	c.Log = g.log.With("request", c.ID)
	c.body = newBody(c, most)
	w.Header().Set("X-Request-Id", c.ID)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return c
}

func (g *Gate) handle(endpoint string, f func(*Call) error, most int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		c := g.newCall(w, r, endpoint, most)
		err := g.serve(c, f, start)
		c.log(time.Since(start), err)
		if c.duplex && !c.body.wire.ended {
			// net/http would begin to read the next request twice.
			if c.body.drain(); !c.body.wire.ended {
				_ = c.Flush()
				c.cut = true
			}
		}
		if c.cut {
			panic(http.ErrAbortHandler) // net/http closes the connection; HTTP/2 resets the stream
		}
		c.leave()
	})
}

// lingerTime is how long a connection that is given up is read from behind the answer: one that is closed with something
// unread takes the answer with it.
const lingerTime = time.Second

// leave bounds what net/http does when the handler has returned: it sends the end of the answer and reads what is left of
// the body, before it sets bounds of its own. Without, a client that stops reading, or sends an octet now and then, would
// keep its connection for ever. One that was too slow already is not waited for once more.
func (c *Call) leave() {
	idle := c.gate.limits.Idle
	linger := idle
	if c.hangUp.Load() {
		linger = min(idle, lingerTime)
	}
	_ = c.control.SetReadDeadline(time.Now().Add(linger))
	_ = c.control.SetWriteDeadline(time.Now().Add(linger + idle)) // the answer to a stranger waits for the reading
}

// serve lets the request in and calls f. The error was told to the caller already where it could be.
func (g *Gate) serve(c *Call, f func(*Call) error, start time.Time) (err error) {
	principal, err := g.auth.Authenticate(c.Request)
	if err == nil && principal == nil {
		err = auth.ErrNone
	}
	if err != nil {
		return c.fail(unauthenticated(err))
	}
	c.Principal = principal
	c.body.trusted = true
	if !principal.MayCall(c.Endpoint) {
		return c.fail(&Error{Status: http.StatusForbidden, Message: fmt.Sprintf("%s may not call this endpoint; the operator can allow %q", principal.Name, c.Endpoint)})
	}
	if err := g.admit(c.Context(), principal.Name); err != nil {
		return c.fail(err)
	}
	defer g.leave(principal.Name)
	if g.observer != nil {
		ctx, end := g.observer.Begin(c.Request, c.Endpoint)
		c.Request = c.Request.WithContext(ctx)
		defer func() {
			end(Outcome{Endpoint: c.Endpoint, Principal: principal.Name, Status: c.status, In: c.body.read, Out: c.out, Contents: c.Contents, Failed: c.Failed, Took: time.Since(start), Err: err})
		}()
	}
	if err := c.body.open(); err != nil {
		return c.fail(err)
	}
	if err := c.run(f); err != nil {
		if _, ok := errors.AsType[told](err); ok {
			return err
		}
		return c.fail(err)
	}
	c.WriteHeader(http.StatusOK)
	return nil
}

// run calls f; a panic is its error, with the stack in the log.
func (c *Call) run(f func(*Call) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			err = c.Panicked(p, debug.Stack())
		}
	}()
	return f(c)
}

// Panicked makes an error of what was recovered, with the stack in the log: for goroutines that read the body.
func (c *Call) Panicked(p any, stack []byte) error {
	c.Log.Error("panic", "panic", fmt.Sprint(p), "stack", string(stack))
	c.body.wire.done = true // perhaps it was the body that panicked
	c.hangUp.Store(true)
	return fmt.Errorf("panic: %v", p)
}

func unauthenticated(err error) *Error {
	e := &Error{Status: http.StatusUnauthorized, Err: err}
	switch {
	case errors.Is(err, auth.ErrNone):
		e.Message = "who calls? Send Authorization: Bearer with a token, or whatever else this server takes"
	case errors.Is(err, auth.ErrRefused):
		e.Message = "the credentials were refused: a token that is wrong or has expired, an Authorization that is not Bearer and a token, or a client certificate that is not known here; get new ones"
	default:
		e.Status, e.RetryAfter = http.StatusServiceUnavailable, 5*time.Second
		e.Message = "it cannot be found out now who calls; try again in a moment"
	}
	return e
}

// fail tells the caller an error, unless the answer has begun.
func (c *Call) fail(err error) error {
	if c.Begun() {
		c.cut = true
		return err
	}
	e := toError(err)
	// The rest of the body is read, so that a client that writes all before it reads gets to the answer.
	c.body.drain()
	h := c.Header()
	for _, name := range []string{"Content-Encoding", "Content-Disposition", "ETag", "Trailer"} {
		h.Del(name)
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if e.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="signet"`)
	}
	status := e.Status
	if status == 499 {
		status = http.StatusBadRequest // nobody is there to read it
	}
	if c.gate.failure != nil {
		shown := *e
		shown.Status = status
		c.gate.failure(c, &shown)
		c.status = e.Status
		return err
	}
	details := kindOf(e.Status) + ": " + e.Message
	if e.Details != "" {
		details = e.Details
	}
	_ = c.JSON(status, object{c.ID, c.Request.URL.Path, c.Request.Method, e.Message, details})
	c.status = e.Status
	return err
}

// log writes the one line of the request.
func (c *Call) log(took time.Duration, err error) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("method", c.Request.Method), slog.String("path", c.Request.URL.Path), slog.String("endpoint", c.Endpoint),
		slog.String("remote", c.Request.RemoteAddr), slog.Int("status", c.status), slog.Float64("seconds", took.Seconds()),
		slog.Int64("in", c.body.read), slog.Int64("out", c.out),
	}
	if c.Principal != nil {
		attrs = append(attrs, slog.String("principal", c.Principal.Name))
	}
	if c.Contents > 0 {
		attrs = append(attrs, slog.Int("contents", c.Contents), slog.Int("failed", c.Failed))
	}
	if err != nil {
		level = slog.LevelWarn
		if c.status >= 500 && c.status != http.StatusServiceUnavailable {
			level = slog.LevelError
		}
		attrs = append(attrs, slog.String("error", reason.Text(err)))
	}
	c.Log.LogAttrs(context.WithoutCancel(c.Context()), level, "request", attrs...)
}
