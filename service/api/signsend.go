package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	vector "github.com/segmentio/asm/base64"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/intake"
	"github.com/seed-116355fd/signet/service/internal/spool"
	"github.com/seed-116355fd/signet/sign"
)

const (
	// maxBlock bounds the answers that wait for the audit log.
	maxBlock = 1 << 20
	sendSize = 64 << 10
	// unasked is how much of an answer is sent over HTTP/2 before the request has ended to a client that did not ask for it:
	// less than the smallest flow-control window (RFC 9113 section 6.9.2). One that writes all before it reads would be stuck
	// for ever behind a full window: net/http queues the permission to send more behind the answer of the same stream.
	unasked = 60_000
	// quiet is how long such a client has sent nothing, with nothing of it under way, when it is taken to wait for answers.
	quiet = 100 * time.Millisecond
)

// sender takes the results of a stream to the client: through the audit log, which takes as many at a time as have come
// since the last time, and then through a queue, so that a client that does not read holds nothing up.
type sender struct {
	s      *signStream
	ctx    context.Context
	cancel context.CancelCauseFunc
	queue  *spool.Queue

	mu      sync.Mutex
	changed sync.Cond
	lines   []byte
	records []*audit.Record
	added   int
	ended   bool

	early   bool // answers are sent while the request comes
	careful bool // the client did not ask for that

	recorded, sent sync.WaitGroup
	finished       chan struct{} // closed when nothing will be added
	ending         sync.Once
}

// blocks are buffers for a block of answers that is sent or recorded at once.
var blocks = sync.Pool{New: func() any { b := make([]byte, 0, 2*sendSize); return &b }}

func newSender(ctx context.Context, s *signStream, cancel context.CancelCauseFunc, early, careful bool) *sender {
	q := &sender{s: s, early: early, careful: careful, ctx: ctx, cancel: cancel, queue: spool.NewQueue("", s.Gate().Limits().Kept), finished: make(chan struct{})}
	q.changed.L = &q.mu
	q.lines = (*blocks.Get().(*[]byte))[:0]
	q.recorded.Go(q.record)
	return q
}

// start sends the answer while the request comes.
func (q *sender) start(now bool) {
	if now { // not when the client waits for "100 Continue", which cannot come behind a status
		q.s.WriteHeader(http.StatusOK)
		_ = q.s.Flush()
	}
	q.sent.Go(func() {
		if err := q.send(q.ctx); err != nil {
			q.cancel(err)
		}
	})
}

// send sends what is in the queue until it has ended.
func (q *sender) send(ctx context.Context) error {
	pooled := blocks.Get().(*[]byte)
	defer blocks.Put(pooled)
	buf := (*pooled)[:sendSize]
	for sent := 0; ; {
		part := buf
		if q.careful {
			if sent >= unasked {
				q.awaitQuiet(ctx)
			} else {
				part = buf[:min(len(buf), unasked-sent)]
			}
		}
		n, err := q.queue.Next(ctx, part)
		sent += n
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := q.s.Write(buf[:n]); err != nil {
			return err
		}
		if q.queue.Empty() {
			if err := q.s.Flush(); err != nil {
				return err
			}
		}
	}
}

// awaitQuiet waits until the request has ended, or its client has paused with everything answered, as one does that waits
// for answers before it goes on.
func (q *sender) awaitQuiet(ctx context.Context) {
	ticker := time.NewTicker(quiet)
	defer ticker.Stop()
	for before := int64(-1); ; {
		q.mu.Lock()
		added, ended := int64(q.added), q.ended
		q.mu.Unlock()
		if now := q.s.lines.Load(); ended || now == before && now == added && !q.queue.Empty() {
			return
		} else {
			before = now
		}
		select {
		case <-ticker.C:
		case <-q.finished:
			return
		case <-ctx.Done():
			return
		}
	}
}

// add appends the line of a result.
func (q *sender) add(result *batch.Result, why string, o *cades.Options) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.lines) > maxBlock && !q.ended {
		q.changed.Wait()
	}
	b := append(q.lines, `{"index":`...)
	b = strconv.AppendInt(b, int64(result.Index), 10)
	if result.Name != "" {
		b = appendText(append(b, `,"name":`...), result.Name)
	}
	if why != "" {
		b = appendText(append(b, `,"error":`...), why)
	} else {
		b = append(b, `,"signature":"`...)
		n := len(b)
		size := base64.StdEncoding.EncodedLen(len(result.Signature))
		b = slices.Grow(b, size)[:n+size]
		vector.StdEncoding.Encode(b[n:], result.Signature)
		b = append(b, '"')
	}
	q.lines = append(b, "}\n"...)
	q.added++
	if q.s.Audited() {
		item := audit.Item{Index: result.Index, Name: result.Name, Err: why}
		if d, ok := result.Draft.(interface{ ContentDigest() []byte }); ok {
			item.Digest = d.ContentDigest()
		}
		r := q.recordOf(o)
		r.Items = append(r.Items, item)
	}
	if q.due() {
		q.changed.Broadcast()
	}
}

// due reports whether lines go on now. When they are sent at the end only, nobody is woken up for each.
func (q *sender) due() bool {
	return q.early && len(q.lines) > 0 || len(q.lines) >= sendSize || q.ended
}

func appendText(b []byte, text string) []byte {
	encoded, _ := json.Marshal(text) // a string always can
	return append(b, encoded...)
}

// record takes lines through the audit log to the queue.
func (q *sender) record() {
	lines := (*blocks.Get().(*[]byte))[:0]
	defer func() { blocks.Put(&lines) }()
	for {
		q.mu.Lock()
		for !q.due() {
			q.changed.Wait()
		}
		lines, q.lines = q.lines, lines[:0]
		records := q.records
		q.records = nil
		q.changed.Broadcast()
		q.mu.Unlock()
		if len(lines) == 0 {
			return
		}
		if err := q.keep(lines, records); err != nil {
			q.cancel(err)
			q.mu.Lock()
			q.ended = true // nobody waits for room any more
			q.changed.Broadcast()
			q.mu.Unlock()
			return
		}
	}
}

func (q *sender) keep(lines []byte, records []*audit.Record) error {
	for _, r := range records {
		if err := q.s.Record(r); err != nil {
			return err
		}
	}
	_, err := q.queue.Write(lines)
	return kept(err)
}

// kept tells of answers that cannot be kept: too many of them, or a disk that takes no more.
func kept(err error) error {
	if err == nil {
		return nil
	}
	if _, full := errors.AsType[*spool.ErrFull](err); full {
		return &gate.Error{Status: http.StatusRequestEntityTooLarge, Err: err, Message: "the answers are not taken, and there are more than are kept; read them while you write, with duplex=true, or send smaller requests"}
	}
	return &gate.Error{Status: http.StatusServiceUnavailable, RetryAfter: time.Minute, Err: err, Message: "the answers cannot be kept until you take them; the operator has to look at the folder for temporary files"}
}

// recordOf returns the entry that the next content belongs to: the last one, or a new one when that is about containers of
// another level or form.
func (q *sender) recordOf(o *cades.Options) *audit.Record {
	if n := len(q.records); n > 0 && q.records[n-1].Level == o.EffectiveLevel().String() && q.records[n-1].Attached == o.Attached {
		return q.records[n-1]
	}
	signer := q.s.lease.Signer
	r := &audit.Record{Event: "sign", Key: q.s.lease.Name, Thumbprint: sign.Thumbprint(signer.Certificate()), Level: o.EffectiveLevel().String(),
		Attached: o.Attached, Hash: intake.HashName(signer.Scheme())}
	q.records = append(q.records, r)
	return r
}

// end waits until everything is in the queue.
func (q *sender) end() {
	q.mu.Lock()
	q.ended = true
	q.changed.Broadcast()
	q.mu.Unlock()
	q.ending.Do(func() { close(q.finished) })
	q.recorded.Wait()
}

// finish writes the last line and sends what was not sent yet. The error is that of the request, which the last line tells
// when something was answered already.
func (q *sender) finish(err error, duplex bool) error {
	q.end()
	if late := context.Cause(q.ctx); err == nil && late != nil {
		err = late
	}
	if err != nil && !duplex && q.queue.Empty() {
		return err // nothing is handed out: the status says it all
	}
	last := struct {
		Done     bool   `json:"done"`
		Contents int    `json:"contents"`
		Failed   int    `json:"failed"`
		Error    string `json:"error,omitempty"`
		Request  string `json:"request,omitempty"`
	}{Done: err == nil, Contents: q.s.Contents, Failed: q.s.Failed}
	if err != nil {
		last.Error, last.Request = gate.Message(err), q.s.ID
		err = gate.Told(err)
	}
	text, _ := json.Marshal(last)
	if failed := q.queue.Last(append(text, '\n')); failed != nil {
		return kept(failed)
	}
	if duplex {
		q.sent.Wait()
	}
	// What a sender that was told to stop has left, and everything when there was none.
	if failed := q.send(q.s.Context()); failed != nil {
		return failed
	}
	return err
}

func (q *sender) close() {
	q.end()
	q.queue.End()
	q.cancel(nil)
	q.sent.Wait()
	_ = q.queue.Close()
	if lines := q.lines; lines != nil {
		q.lines = nil
		blocks.Put(&lines)
	}
}
