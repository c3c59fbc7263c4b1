package api

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/intake"
	"github.com/seed-116355fd/signet/service/internal/reason"
	"github.com/seed-116355fd/signet/service/internal/scan"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// signStream is POST /v1/sign while it runs: lines of NDJSON in, lines of NDJSON out, in the same order.
//
//	{"content":"aGVsbG8=","name":"a.txt"}                        {"index":0,"name":"a.txt","signature":"MII…"}
//	{"digest":"LPJNul…","algorithm":"SHA-256","level":"t"}   →   {"index":1,"signature":"MII…"}
//	{"content":"?"}                                              {"index":2,"error":"content: it is not base64: …"}
//	                                                             {"done":true,"contents":3,"failed":1}
//
// A line that is not as it should be is the error of this line. The last line tells a whole answer from one that was cut:
// without it, or with "done":false and an "error", there may be contents that were not looked at.
//
// Query parameters: key (a name) or thumbprint, which may both be left out by a caller who may use one key only;
// stopOnError=true ends at the first error; duplex=true has the answer come while the request still does. Otherwise it
// begins when the request has ended, since a client that writes all before it reads would wait for ever. Over HTTP/2 it
// comes early unasked, as far as that cannot hold such a client up: the first 60 kB, and more whenever the client pauses
// with everything answered; duplex=false keeps it from that. Answers that the client does not take are kept aside.
type signStream struct {
	*gate.Call
	lease *keys.Lease
	scan  *scan.Scanner
	in    *intake.Intake
	stop  bool

	variants map[variant]*cades.Options
	mu       sync.Mutex
	formats  []*cades.Options // of the contents under way, in order
	count    int              // lines read
	lines    atomic.Int64     // the same, for the sender
}

// variant is what a line may change of the format of its key.
type variant struct {
	level    cades.Level
	attached bool
}

// sign is POST /v1/sign.
func (h *handler) sign(c *gate.Call) error {
	q, err := signQuery(c)
	if err != nil {
		return err
	}
	if q.key == "" && q.thumbprint == "" {
		names := h.Keys.Names(c.Principal.MayUse)
		if len(names) != 1 {
			return gate.Bad("which key? Give key=NAME or thumbprint=…; GET /v1/keys lists those that you may use")
		}
		q.key = names[0]
	}
	lease, err := h.Keys.Acquire(c.Context(), keys.Query{Name: q.key, Thumbprint: q.thumbprint, Allowed: c.Principal.MayUse})
	if err != nil {
		return gate.KeyError(err)
	}
	defer lease.Release()
	s := &signStream{Call: c, lease: lease, scan: scan.NewLines(c.Body()), stop: q.stop, variants: map[variant]*cades.Options{
		{lease.Options.Level, lease.Options.Attached}: lease.Options,
	}}
	defer s.scan.Close()
	s.in = intake.New(c.Gate(), lease.Signer.Scheme())
	defer s.in.Close()
	if q.duplex {
		if err := c.FullDuplex(); err != nil {
			if q.asked {
				return gate.Bad("duplex=true is not possible over this connection; leave it out")
			}
			q.duplex = false
		}
	}
	c.Header().Set("Content-Type", "application/x-ndjson")
	return s.run(q.duplex, q.asked)
}

type signParameters struct {
	key, thumbprint string
	stop, duplex    bool
	asked           bool // for duplex
}

func signQuery(c *gate.Call) (signParameters, error) {
	q := signParameters{duplex: c.Request.ProtoMajor >= 2}
	for name, values := range c.Request.URL.Query() {
		if len(values) != 1 {
			return q, gate.Bad("the query parameter %.40q is there twice", name)
		}
		var err error
		switch name {
		case "key":
			q.key = values[0]
		case "thumbprint":
			q.thumbprint = values[0]
		case "stopOnError":
			q.stop, err = truth(name, values[0])
		case "duplex":
			q.duplex, err = truth(name, values[0])
			q.asked = q.duplex
		default:
			err = gate.Bad("there is no query parameter %.40q; there are key, thumbprint, stopOnError and duplex", name)
		}
		if err != nil {
			return q, err
		}
	}
	return q, nil
}

func truth(name, value string) (bool, error) {
	switch value {
	case "true", "1", "":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, gate.Bad("the query parameter %s is true or false", name)
}

// run signs, and hands the answers to the sender.
func (s *signStream) run(duplex, asked bool) error {
	ctx, cancel := context.WithCancelCause(s.Context())
	defer cancel(nil)
	out := newSender(ctx, s, cancel, duplex, duplex && !asked)
	defer out.close()
	if duplex {
		out.start(s.Request.Header.Get("Expect") == "")
	}
	contents := iter.Seq[sign.Content](func(yield func(sign.Content) bool) {
		// This is not the goroutine of the handler, so that a panic would end the process.
		defer func() {
			if p := recover(); p != nil {
				cancel(s.Panicked(p, debug.Stack()))
			}
		}()
		if err := s.read(ctx, yield); err != nil {
			cancel(err)
		}
	})
	stopped, last := false, ""
	for result := range batch.Stream(ctx, s.lease.Signer, s.lease.Options, contents, &batch.Options{StopOnError: s.stop, Observer: s.Observer(s.lease.Name)}) {
		s.in.Delivered()
		s.Contents++
		why := ""
		if result.Err != nil {
			why = whyNot(result.Err)
			s.Failed++
			if s.stop || last == "" && sign.IsKeyError(result.Err) {
				last = fmt.Sprintf("stopped at index %d: %s", result.Index, why)
			}
			stopped = stopped || s.stop || errors.Is(result.Err, batch.ErrStopped)
		}
		out.add(&result, why, s.delivered())
	}
	err := context.Cause(ctx)
	if stopped = stopped || s.Contents < s.count; err == nil && stopped {
		err = gate.Told(errors.New(last))
		if !duplex {
			s.Drain()
		}
	}
	err = out.finish(err, duplex)
	if duplex && stopped {
		s.Drain() // now that the client knows: a connection that is closed with something unread takes the answer with it
	}
	return err
}

func whyNot(err error) string {
	if fault, ok := errors.AsType[*intake.Fault](err); ok {
		return fault.Error()
	}
	return reason.Text(err)
}

// read takes in one line after the other. Its error ends the request.
func (s *signStream) read(ctx context.Context, yield func(sign.Content) bool) error {
	s.scan.BOM()
	for ; ; s.count++ {
		more, err := s.scan.NextLine(s.count == 0)
		if err != nil || !more {
			return err
		}
		l := line{stream: s, options: s.lease.Options}
		bad, err := l.read()
		if err != nil {
			return err
		}
		s.lines.Add(1)
		content, err := l.content(ctx, bad)
		if err != nil {
			return err
		}
		if content.Format = l.options; l.options == s.lease.Options {
			content.Format = nil
		}
		s.mu.Lock()
		s.formats = append(s.formats, l.options)
		s.mu.Unlock()
		if !yield(content) {
			s.count++
			return nil
		}
	}
}

// delivered returns the options of the oldest content under way, which is no longer.
func (s *signStream) delivered() *cades.Options {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.formats[0]
	s.formats = s.formats[1:]
	return o
}

// options are those of a variant.
func (s *signStream) options(v variant) (*cades.Options, error) {
	if o, ok := s.variants[v]; ok {
		return o, nil
	}
	o := *s.lease.Options
	o.Level, o.Attached = v.level, v.attached
	if err := o.Check(); err != nil {
		return nil, fmt.Errorf("level %s is not possible with this key: %w", v.level, err)
	}
	s.variants[v] = &o
	return &o, nil
}
