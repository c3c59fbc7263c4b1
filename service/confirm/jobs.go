package confirm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Queues. Each has workers of its own, so that slow authorities of time-stamps, or a slow gateway, starve nobody's confirmation.
const (
	queuePrepare = "signet_prepare"
	queueNotify  = "signet_notify"
	queueSign    = "signet_sign"
	queueRaise   = "signet_raise"
	queueRun     = "signet_run"
	queueSweep   = "signet_sweep"
)

// job is the arguments of one.
type job interface {
	river.JobArgs
	queue() string
	attempts() int
}

type prepareArgs struct {
	ID string `json:"id"`
}

// notifyArgs sends the challenge; Serial tells resends apart.
type notifyArgs struct {
	ID     string `json:"id"`
	Serial int    `json:"serial"`
}

type signArgs struct {
	ID string `json:"id"`
}

type raiseArgs struct {
	ID string `json:"id"`
}

type runArgs struct {
	ID string `json:"id"`
}

type handArgs struct {
	ID string `json:"id"`
}

type sweepArgs struct{}

func (prepareArgs) Kind() string { return "signet_prepare" }
func (notifyArgs) Kind() string  { return "signet_notify" }
func (signArgs) Kind() string    { return "signet_sign" }
func (raiseArgs) Kind() string   { return "signet_raise" }
func (runArgs) Kind() string     { return "signet_run" }
func (handArgs) Kind() string    { return "signet_hand" }
func (sweepArgs) Kind() string   { return "signet_sweep" }

func (prepareArgs) queue() string { return queuePrepare }
func (notifyArgs) queue() string  { return queueNotify }
func (signArgs) queue() string    { return queueSign }
func (raiseArgs) queue() string   { return queueRaise }
func (runArgs) queue() string     { return queueRun }
func (handArgs) queue() string    { return queueRun }
func (sweepArgs) queue() string   { return queueSweep }

// patience is how often a key, an authority or a source is asked before an operation fails: with the pauses of retries, half
// an hour, within which a token or an authority comes back.
const patience = 40

// always is for jobs of what is confirmed: while the database or the audit log is away, nobody can be told that it failed, so it
// is tried for weeks, once a minute. What is not confirmed yet expires by itself.
const always = 30_000

func (prepareArgs) attempts() int { return 10 }
func (notifyArgs) attempts() int  { return 6 }
func (signArgs) attempts() int    { return always }
func (raiseArgs) attempts() int   { return always }
func (runArgs) attempts() int     { return always }
func (handArgs) attempts() int    { return always }
func (sweepArgs) attempts() int   { return 1 }

func insertion(j job) river.InsertManyParams {
	return river.InsertManyParams{Args: j, InsertOpts: &river.InsertOpts{Queue: j.queue(), MaxAttempts: j.attempts()}}
}

// signJob is the job that an operation waits for when it is confirmed.
func (e *Engine) signJob(id string, _ *header) job { return signArgs{id} }

// pauses is the retry policy: one second, then twice as long each time, at most a minute.
type pauses struct{}

func (pauses) NextRetry(j *rivertype.JobRow) time.Time {
	return time.Now().Add(min(time.Second<<min(max(len(j.Errors), 0), 6), time.Minute))
}

// worker adapts a method of the engine.
type worker[A river.JobArgs] struct {
	river.WorkerDefaults[A]
	work func(ctx context.Context, j *river.Job[A]) error
}

func (w *worker[A]) Work(ctx context.Context, j *river.Job[A]) error { return w.work(ctx, j) }

// Timeout is none: signing a large operation takes its time, and each step has bounds of its own.
func (*worker[A]) Timeout(*river.Job[A]) time.Duration { return -1 }

func add[A river.JobArgs](w *river.Workers, work func(ctx context.Context, j *river.Job[A]) error) error {
	return river.AddWorkerSafely(w, &worker[A]{work: work})
}

// jobs is the configuration of river.
func (e *Engine) jobs() (*river.Config, error) {
	w := river.NewWorkers()
	err := errors.Join(
		add(w, func(ctx context.Context, j *river.Job[prepareArgs]) error {
			return e.workPrepare(ctx, j.JobRow, j.Args.ID)
		}),
		add(w, func(ctx context.Context, j *river.Job[notifyArgs]) error { return e.workNotify(ctx, j.JobRow, j.Args) }),
		add(w, func(ctx context.Context, j *river.Job[signArgs]) error {
			return e.untilTheEnd(ctx, j.JobRow, j.Args.ID, e.workSign, e.giveUp)
		}),
		add(w, func(ctx context.Context, j *river.Job[raiseArgs]) error {
			return e.untilTheEnd(ctx, j.JobRow, j.Args.ID, e.workRaise, e.giveUp)
		}),
		add(w, func(ctx context.Context, j *river.Job[runArgs]) error {
			return e.untilTheEnd(ctx, j.JobRow, j.Args.ID, e.workRun, e.giveUpRun)
		}),
		add(w, func(ctx context.Context, j *river.Job[handArgs]) error {
			return e.untilTheEnd(ctx, j.JobRow, j.Args.ID, e.workHand, e.giveUpRun)
		}),
		add(w, func(ctx context.Context, j *river.Job[sweepArgs]) error { return e.workSweep(ctx) }),
	)
	if err != nil {
		return nil, err
	}
	sweep := river.NewPeriodicJob(river.PeriodicInterval(sweepEvery), func() (river.JobArgs, *river.InsertOpts) {
		return sweepArgs{}, &river.InsertOpts{Queue: queueSweep, MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByQueue: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled}}}
	}, &river.PeriodicJobOpts{RunOnStart: true})
	slow := river.QueueConfig{MaxWorkers: 8, FetchPollInterval: time.Second}
	return &river.Config{
		ID: e.id, Logger: slog.New(warnings{e.log.Handler()}), Workers: w, RetryPolicy: pauses{}, JobTimeout: -1,
		// A job whose engine died is taken over by its missing sign of life; a long one must not be taken for a stuck one.
		RescueStuckJobsAfter:        24 * time.Hour,
		CompletedJobRetentionPeriod: time.Minute, CancelledJobRetentionPeriod: time.Hour, DiscardedJobRetentionPeriod: 24 * time.Hour,
		ErrorHandler: jobErrors{e},
		PeriodicJobs: []*river.PeriodicJob{sweep},
		Queues: map[string]river.QueueConfig{
			queuePrepare: {MaxWorkers: 8}, queueNotify: {MaxWorkers: 64}, queueSign: {MaxWorkers: e.limits.Signers},
			queueRaise: {MaxWorkers: e.limits.Raisers}, queueRun: {MaxWorkers: 4}, queueSweep: slow,
		},
	}, nil
}

// warnings is a log without what river says of its everyday.
type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

func (w warnings) WithAttrs(a []slog.Attr) slog.Handler { return warnings{w.Handler.WithAttrs(a)} }

func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// jobErrors logs what went wrong with jobs.
type jobErrors struct{ e *Engine }

func (h jobErrors) HandleError(_ context.Context, j *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	h.e.log.Warn("a step of an operation failed", "step", j.Kind, "args", string(j.EncodedArgs), "attempt", j.Attempt, "of", j.MaxAttempts, "err", err)
	return nil
}

func (h jobErrors) HandlePanic(_ context.Context, j *rivertype.JobRow, p any, trace string) *river.ErrorHandlerResult {
	h.e.log.Error("panic in a step of an operation", "step", j.Kind, "args", string(j.EncodedArgs), "panic", fmt.Sprint(p), "stack", trace)
	return nil
}

// plainText is a text of others as every database takes it: PostgreSQL refuses what is not UTF-8 or has a zero, and an operation
// could not even fail. It is bounded, since people are shown it.
func plainText(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\ufffd")
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "") + "…"
	}
	return s
}

func sha256Sum(data []byte) [sha256.Size]byte { return sha256.Sum256(data) }

// last reports whether what a job works on fails with this error.
func last(j *rivertype.JobRow) bool { return j.Attempt >= min(j.MaxAttempts, patience) }

// untilTheEnd does one attempt of a job of what is confirmed. Nobody tries it after the last one, so that what it works on ends
// with it, instead of being signed for ever.
func (e *Engine) untilTheEnd(ctx context.Context, j *rivertype.JobRow, id string, work func(context.Context, *rivertype.JobRow, string) error,
	giveUp func(context.Context, *rivertype.JobRow, string, error) error) error {
	err := e.guarded(func() error { return work(ctx, j, id) })
	if err == nil || j.Attempt < j.MaxAttempts {
		return err
	}
	return giveUp(context.WithoutCancel(ctx), j, id, err)
}

func (e *Engine) giveUp(ctx context.Context, j *rivertype.JobRow, id string, cause error) error {
	return e.fail(ctx, j, id, nil, markRetry, []State{Signing}, cause)
}

func (e *Engine) giveUpRun(ctx context.Context, j *rivertype.JobRow, id string, cause error) error {
	return e.failRun(ctx, j, id, nil, cause)
}

// guarded is f; a panic in it, of a key or a notifier, is its error.
func (e *Engine) guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("panic in a step of an operation", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("confirm: panic: %v", p)
		}
	}()
	return f()
}

// loadOpen loads the operation of a job; nil when there is nothing to do any more.
func (e *Engine) loadOpen(ctx context.Context, id string, in ...State) (*record, *header, error) {
	r, err := load(ctx, e.store.read(), "id = $1", id, false)
	if errors.Is(err, ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil || !contains(in, r.state) {
		return nil, nil, err
	}
	h, err := e.header(r)
	if err != nil {
		return r, nil, err
	}
	return r, h, nil
}

// fail ends an operation that cannot go on, with its job, when it is in one of the states given: a message that could not be
// sent ends none that the person has confirmed meanwhile with an earlier code.
func (e *Engine) fail(ctx context.Context, j *rivertype.JobRow, id string, h *header, mark int, while []State, cause error) error {
	reason := plainText(cause.Error())
	var n int64
	err := e.store.write(ctx, func(t tx) (err error) {
		n, err = t.exec(ctx, `UPDATE signet_operation SET state = $1, finished = $2, reason = $3, mark = $4, code = NULL WHERE id = $5 AND state BETWEEN $6 AND $7`,
			int(Failed), e.now().UnixMicro(), reason, mark, id, int(slices.Min(while)), int(slices.Max(while)))
		if err == nil && n != 0 && mark != markRetry {
			err = dropDrafts(ctx, t, id)
		}
		if err != nil {
			return err
		}
		return t.complete(ctx, j)
	})
	if err != nil || n == 0 {
		return err
	}
	e.changed(id)
	level := slog.LevelError
	if mark == markMissing || errors.Is(cause, ErrInput) || errors.Is(cause, ErrLimit) { // of the caller
		level = slog.LevelWarn
	}
	e.log.Log(ctx, level, "an operation failed", "operation", id, "err", cause)
	if h != nil {
		return e.record(ctx, "fail", id, h, reason, nil)
	}
	return nil
}

// dropDrafts forgets what was to be signed of an operation that nobody can confirm or try again: results are kept for a while,
// and this would be too, for nothing.
func dropDrafts(ctx context.Context, t tx, id string) error {
	return t.put(ctx, `UPDATE signet_blob SET drafts = NULL WHERE id = $1`, id)
}

// workPrepare digests what lies on the shelf.
func (e *Engine) workPrepare(ctx context.Context, j *rivertype.JobRow, id string) error {
	r, h, err := e.loadOpen(ctx, id, Preparing)
	if errors.Is(err, errSeal) {
		return e.fail(ctx, j, id, nil, 0, []State{Preparing}, err)
	}
	if err != nil || r == nil || len(h.Drafts) != 0 {
		return err
	}
	var drafts []byte
	var next job
	err = e.guarded(func() error {
		drafts, next, err = e.prepare(ctx, r, h)
		return err
	})
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return err
	case errors.Is(err, ErrShelf):
		return e.fail(ctx, j, id, h, markMissing, []State{Preparing}, err)
	case last(j) || errors.Is(err, ErrInput) || errors.Is(err, ErrLimit):
		return e.fail(ctx, j, id, h, 0, []State{Preparing}, err)
	default:
		return err
	}
	if err := e.record(ctx, "begin", id, h, fmt.Sprintf("%d files, common digest %s, to be confirmed by %s", len(h.Items), h.Digest, h.Method.Kind), nil); err != nil {
		return err
	}
	err = e.store.write(ctx, func(t tx) error {
		n, err := t.exec(ctx, `UPDATE signet_operation SET state = $1, header = $2, confirmed = $3 WHERE id = $4 AND state = 1`, int(r.state), r.header, r.confirmed, id)
		if err != nil {
			return err
		}
		if n == 1 {
			if err := t.put(ctx, `UPDATE signet_blob SET drafts = $1 WHERE id = $2`, drafts, id); err != nil {
				return err
			}
			if next != nil {
				t.insert(insertion(next))
			}
		}
		return t.complete(ctx, j)
	})
	if err == nil {
		e.changed(id)
	}
	return err
}
