package cryptoapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/intake"
	"github.com/seed-116355fd/signet/service/internal/spool"
	"github.com/seed-116355fd/signet/sign"
)

// signArriving signs the elements of Contents while they are read.
func (r *signRequest) signArriving() error {
	if err := r.scan.Begin('['); err != nil {
		return err
	}
	in := intake.New(r.Gate(), r.lease.Signer.Scheme())
	defer in.Close()
	count, whole := 0, false
	err := r.run(in, func(ctx context.Context, yield func(sign.Content) bool) error {
		for {
			more, err := r.scan.Next(count == 0, ']')
			if err != nil || !more {
				whole = err == nil
				return err
			}
			in.Begin(r.lease.Options)
			bad, err := r.element(in, count)
			if err != nil {
				return err
			}
			count++
			content, err := in.Content(ctx, "", bad)
			if err != nil {
				return err
			}
			if !yield(content) {
				return nil
			}
		}
	})
	if err == nil {
		err = r.fill(count)
	}
	if err != nil || whole {
		return err
	}
	return r.rest(count)
}

// fill answers for contents that the batch had no result for, since it had stopped.
func (r *signRequest) fill(count int) error {
	for r.answer.count < count {
		if err := r.answer.notSigned(); err != nil {
			return err
		}
	}
	r.Contents, r.Failed = r.answer.count, r.answer.failed
	return nil
}

// rest reads what is left when the batch has stopped: it has to be JSON as well, and the client gets to the answer.
func (r *signRequest) rest(count int) error {
	for {
		more, err := r.scan.Next(count == 0, ']')
		if err != nil || !more {
			return err
		}
		if count++; count > r.Gate().Limits().Contents {
			return r.tooMany()
		}
		if err := r.scan.Skip(); err != nil {
			return err
		}
		if err := r.fill(count); err != nil {
			return err
		}
	}
}

// element decodes one element; bad is what is wrong with it alone.
func (r *signRequest) element(sink scanSink, index int) (bad, err error) {
	if index >= r.Gate().Limits().Contents {
		return nil, r.tooMany()
	}
	bad, err = r.scan.Base64(sink)
	switch {
	case errors.Is(bad, intake.ErrTooLarge):
		return nil, gate.TooLarge("%s: %s", itemName(index), bad)
	case errors.Is(bad, errSpool):
		return nil, &gate.Error{Status: http.StatusServiceUnavailable, RetryAfter: time.Minute, Err: bad, Message: errSpool.Error() + "; the operator has to look at the folder for temporary files"}
	}
	return bad, err
}

func (r *signRequest) tooMany() error {
	return gate.TooLarge("there are more than %d contents; send several requests, or use POST /v1/sign, which has no such limit", r.Gate().Limits().Contents)
}

// run signs what feed gives, and keeps the answers. Feed runs in a goroutine of its own; its error ends the request.
func (r *signRequest) run(in *intake.Intake, feed func(ctx context.Context, yield func(sign.Content) bool) error) error {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	contents := iter.Seq[sign.Content](func(yield func(sign.Content) bool) {
		// This is not the goroutine of the handler, so that a panic would end the process.
		defer func() {
			if p := recover(); p != nil {
				cancel(r.Panicked(p, debug.Stack()))
			}
		}()
		if err := feed(ctx, yield); err != nil {
			cancel(err) // what is under way would be thrown away
		}
	})
	record := r.newRecord()
	for result := range batch.Stream(ctx, r.lease.Signer, r.lease.Options, contents, &batch.Options{StopOnError: r.throw, Observer: r.Observer(r.lease.Name)}) {
		in.Delivered()
		why, err := r.answer.add(&result)
		if record != nil {
			record.Items = append(record.Items, itemOf(&result, why))
			if len(record.Items) == maxItems && ctx.Err() == nil {
				err = cmp.Or(err, r.Record(record))
				record = r.newRecord()
			}
		}
		if err != nil {
			cancel(err)
		}
	}
	r.Contents, r.Failed = r.answer.count, r.answer.failed
	fatal := context.Cause(ctx)
	if record == nil || len(record.Items) == 0 && (fatal == nil || r.answer.count == 0) {
		return fatal
	}
	if fatal != nil {
		record.Detail = "none of the request was handed out: " + fatal.Error()
	}
	if err := r.Record(record); err != nil && fatal == nil {
		return err
	}
	return fatal
}

// maxItems is how many contents one entry of the audit log has.
const maxItems = 4096

// newRecord begins the entry of the audit log, if there is one.
func (r *signRequest) newRecord() *audit.Record {
	if !r.Audited() {
		return nil
	}
	s, o := r.lease.Signer, r.lease.Options
	return &audit.Record{Event: "sign", Key: r.lease.Name, Thumbprint: sign.Thumbprint(s.Certificate()), Level: o.EffectiveLevel().String(), Attached: o.Attached, Hash: intake.HashName(s.Scheme())}
}

func itemOf(result *batch.Result, why string) audit.Item {
	item := audit.Item{Index: result.Index, Err: why}
	if d, ok := result.Draft.(interface{ ContentDigest() []byte }); ok {
		item.Digest = d.ContentDigest()
	}
	return item
}

// spooled are contents whose key was not named when they came. Until it is, nobody knows which digest of them is needed, or
// whether they go into the container.
type spooled struct {
	spool   *spool.Spool
	items   []spooledItem
	scratch []byte
	size    int64
	most    int64
}

type spooledItem struct {
	at, size int64
	bad      error
}

type scanSink interface {
	Room(n int) ([]byte, error)
	Took(n int) error
}

// errSpool is in the error of a disk that takes no more.
var errSpool = errors.New("the contents cannot be kept until the key is named; put Thumbprint before Contents")

// Room is that of scan.Sink.
func (s *spooled) Room(n int) ([]byte, error) {
	if n > cap(s.scratch) {
		s.scratch = make([]byte, n)
	}
	return s.scratch[:n], nil
}

// Took is that of scan.Sink.
func (s *spooled) Took(n int) error {
	if s.size += int64(n); s.size > s.most {
		return fmt.Errorf("%w: a content may have %d octets at most", intake.ErrTooLarge, s.most)
	}
	if _, err := s.spool.Write(s.scratch[:n]); err != nil {
		return fmt.Errorf("%w (%w)", errSpool, err)
	}
	return nil
}

// keep reads Contents whose key is not known yet.
func (r *signRequest) keep() error {
	l := r.Gate().Limits()
	s := &spooled{spool: spool.New("", l.Body), most: l.Content}
	r.spooled = s
	if err := r.scan.Begin('['); err != nil {
		return err
	}
	for {
		more, err := r.scan.Next(len(s.items) == 0, ']')
		if err != nil || !more {
			return err
		}
		s.size = 0
		at := s.spool.Size()
		bad, err := r.element(s, len(s.items))
		if err != nil {
			return err
		}
		s.items = append(s.items, spooledItem{at, s.spool.Size() - at, bad})
	}
}

// signSpooled signs them.
func (r *signRequest) signSpooled() error {
	if err := r.acquire(); err != nil {
		return err
	}
	in := intake.New(r.Gate(), r.lease.Signer.Scheme())
	defer in.Close()
	err := r.run(in, func(ctx context.Context, yield func(sign.Content) bool) error {
		for _, item := range r.spooled.items {
			content, err := in.Kept(ctx, func() (io.ReadCloser, error) {
				return r.spooled.spool.Section(item.at, item.size), nil
			}, item.bad)
			if err != nil {
				return err
			}
			if !yield(content) {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.fill(len(r.spooled.items))
}
