// Package batch signs many contents, in parallel, in order, one result each.
//
//	contents := []batch.Content{sign.File("a.pdf"), sign.File("b.pdf")}
//	results, err := batch.Sign(ctx, signer, &cades.Options{}, contents, nil)
//	// err is of the key or the context; each result has the Signature of its content, or its own Err.
//
// Each content goes through three steps: prepare (read, digest, freeze what is signed), key (the signature) and finish
// (the container). Levels with time-stamps have a fourth one, raise, which waits for others. Contents are prepared and
// finished on all processors while the key works on others and others are waited for; results come in the order of the
// contents; at most a window of them is in memory.
//
// # Errors
//
// An error that belongs to a content is the Err of its [Result], and the rest goes on, unless [Options.StopOnError] is
// set. An error that belongs to the key (see [sign.IsKeyError]: wrong PIN, key gone) stops the batch at once. The first
// content goes to the key alone, so that a wrong password is tried once and not once per worker; when the signer has made a
// signature before ([sign.Signer.Worked]), none has to wait for it.
package batch

import (
	"context"
	"io"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// Content is what is to be signed: sign.Bytes, sign.File, sign.Opener, sign.Reader or sign.Digested.
type Content = sign.Content

// Result answers one content.
type Result struct {
	Index     int    // of the content, from 0
	Name      string // of the content
	Signature []byte // the container; nil when it went to Options.Output, and when Err is set but for Options.KeepLower
	// Draft is what was signed, for those who keep a record of it: a *cades.Draft knows the digest of the content. Only
	// Stream gives it, since it may hold the content; it is nil when the content could not be prepared.
	Draft sign.Draft
	Err   error
}

// Options says how a batch runs. The zero value, and nil, means all processors and no stop on errors.
type Options struct {
	// StopOnError ends the batch at the first error. Sign then returns no results and the error of the lowest failing
	// index; Stream ends with the result that failed.
	StopOnError bool
	// Workers is how many contents are prepared and finished at once; 0 means runtime.GOMAXPROCS.
	Workers int
	// KeyLimit is how many signatures are asked of the key at once; 0 means the key's own limit (sign.Limiter), with Workers
	// more when the key has a queue for them (sign.Queuer), or Workers when it has none.
	KeyLimit int
	// Window is how many contents may be between the first that is not delivered yet and the last that was taken up;
	// 0 means a few per worker.
	Window int
	// BulkWait is how long a group for a sign.BulkKey waits for more contents before it goes to the key without being
	// full; 0 means the key's own (sign.BulkWaiter), or 2 ms when it has none.
	BulkWait time.Duration
	// RaiseLimit is how many containers at once get time-stamps and the like from others; 0 means 32. A tsp.Client bounds its
	// requests by itself.
	RaiseLimit int
	// StopOnAuthority ends the batch, as an error of the key does, when an authority does not give what a level needs (sign.ErrAuthority).
	// Without it the other contents are signed, and each of them has that error: with KeepLower beside the container at the level below.
	StopOnAuthority bool
	// KeepLower returns, beside the error, the container at the level that was reached when others failed: sign.Error.Reached of the
	// error, which cades.Reached reads. Without it the container is lost.
	KeepLower bool
	// Output takes containers instead of Result.Signature; nil keeps them in memory. It is called from many goroutines.
	Output func(ctx context.Context, index int, c *Content) (Output, error)
	// Progress is called after each result, in order and never twice at once.
	Progress func(Progress)
	// Observer is told of each step, from many goroutines.
	Observer Observer
}

// Output takes one container. After a write that failed, or any other error, Abort is called, else Commit; each once.
type Output interface {
	io.Writer
	Commit() error
	Abort()
}

// Progress is how far a batch has come.
type Progress struct {
	Done   int // results delivered, failed ones included
	Failed int
	Total  int // contents; -1 when it is not known yet
}

// Step is one of the steps of a content.
type Step int

// Steps.
const (
	StepPrepare Step = iota
	StepKey
	StepFinish
	StepRaise // only for levels that get something from others
)

// String names the step.
func (s Step) String() string {
	if s < StepPrepare || s > StepRaise {
		return "unknown step"
	}
	return [...]string{"prepare", "key", "finish", "raise"}[s]
}

// Observation is one step that ended. The durations of the key step include waiting for the key; for a sign.BulkKey it
// is one observation a group, with the index of its first content.
type Observation struct {
	Step  Step
	Index int    // of the content; of the first one of a group
	Name  string // of that content
	Count int    // contents: 1, or the size of a group
	Start time.Time
	Took  time.Duration
	Err   error
}

// Observer is a hook for metrics and traces. Observe is called when a step has ended, with the context that the batch was given, in
// which a trace finds its parent. It must be quick and safe for concurrent use.
type Observer interface {
	Observe(ctx context.Context, o Observation)
}
