package faults

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/sign"
)

// job is one operation as its client sees it.
type job struct {
	d        *driver
	n        int
	dice     *rand.Rand
	op       *confirm.Operation
	accepted bool              // a code was, and an acknowledgement came
	sum      [sha256.Size]byte // of the results that were read first
}

func (j *job) owner() string   { return fmt.Sprintf("owner-%d", j.n%50) }
func (j *job) address() string { return fmt.Sprintf("+7-%08d", j.n) }
func (j *job) content() []byte { return fmt.Appendf(nil, "content of operation %d", j.n) }
func (j *job) question() question {
	return question{Owner: j.owner(), Address: j.address(), Once: fmt.Sprintf("once-%d", j.n), Content: j.content()}
}

func (j *job) ofID() question {
	return question{Owner: j.owner(), ID: j.op.ID, Token: j.op.Token}
}

// run takes the operation from its beginning to its end.
func (j *job) run(ctx context.Context) error {
	begun := j.d.insist(ctx, "/begin", j.question())
	if begun.Error != "" {
		return fmt.Errorf("begin: %s: %s", begun.Error, begun.Text)
	}
	j.op = begun.Op
	if again := j.d.insist(ctx, "/begin", j.question()); again.Error != "" || again.Op.ID != j.op.ID {
		return fmt.Errorf("a repetition began another operation: %+v", again)
	}
	if err := j.awaiting(ctx); err != nil {
		return err
	}
	if j.dice.IntN(5) == 0 {
		if err := j.guess(ctx); err != nil {
			return err
		}
	}
	if j.n%20 == 0 { // nobody confirms this one
		return nil
	}
	if j.dice.IntN(8) == 0 {
		if err := j.replace(ctx); err != nil {
			return err
		}
	}
	if err := j.confirm(ctx); err != nil {
		return err
	}
	for {
		q := j.ofID()
		q.While = []confirm.State{confirm.Signing}
		a := j.d.insist(ctx, "/wait", q)
		switch {
		case ctx.Err() != nil || a.Error != "":
			return fmt.Errorf("wait: %s: %s", a.Error, a.Text)
		case a.Op.State == confirm.Completed:
			return j.read(ctx)
		case a.Op.State != confirm.Signing:
			return fmt.Errorf("a confirmed operation is %s: %s", a.Op.State, a.Op.Reason)
		}
	}
}

// awaiting waits until the code was sent.
func (j *job) awaiting(ctx context.Context) error {
	for {
		q := j.ofID()
		q.While = []confirm.State{confirm.Preparing}
		a := j.d.insist(ctx, "/wait", q)
		switch {
		case ctx.Err() != nil || a.Error != "":
			return fmt.Errorf("wait for the code: %s: %s", a.Error, a.Text)
		case a.Op.State == confirm.Awaiting:
			j.op = a.Op
			return nil
		case a.Op.State != confirm.Preparing:
			return fmt.Errorf("an operation that waits for its code is %s: %s", a.Op.State, a.Op.Reason)
		}
	}
}

// guess gives a code that was never sent.
func (j *job) guess(ctx context.Context) error {
	q := j.ofID()
	q.Code = fmt.Sprintf("x%d", j.dice.Uint32())
	a := j.d.insist(ctx, "/confirm", q)
	if ctx.Err() == nil && a.Error != "code" {
		return fmt.Errorf("a code that was never sent: %q %s", a.Error, a.Text)
	}
	if r, _ := j.d.ask(ctx, "/results", q); r.Results != nil {
		return fmt.Errorf("there are results without an accepted code")
	}
	return nil
}

// replace has the code sent anew, and tries the one before.
func (j *job) replace(ctx context.Context) error {
	before, _ := j.d.sent(j.address())
	expires := j.op.CodeExpires
	a := j.d.insist(ctx, "/resend", j.ofID())
	if a.Error == "limit" { // it is known now, but was not at first; or it was sent a moment ago
		return nil
	}
	if a.Error != "" {
		return fmt.Errorf("resend: %s: %s", a.Error, a.Text)
	}
	for {
		a = j.d.insist(ctx, "/get", j.ofID())
		if a.Error != "" || ctx.Err() != nil {
			return fmt.Errorf("get: %s: %s", a.Error, a.Text)
		}
		if !a.Op.CodeExpires.Equal(expires) {
			break
		}
		_, came := j.d.sent(j.address())
		select {
		case <-came:
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	after, _ := j.d.sent(j.address())
	q := j.ofID()
	q.Code = before[len(before)-1]
	for _, code := range after[len(before):] {
		if code == q.Code {
			return nil // one of a million: both are the same
		}
	}
	if a := j.d.insist(ctx, "/confirm", q); ctx.Err() == nil && a.Error != "code" {
		return fmt.Errorf("a code that was replaced: %q %s", a.Error, a.Text)
	}
	return nil
}

// confirm gives the codes that came, the latest first, until one is accepted.
func (j *job) confirm(ctx context.Context) error {
	tried := map[string]bool{}
	for {
		codes, came := j.d.sent(j.address())
		for i := len(codes) - 1; i >= 0; i-- {
			if tried[codes[i]] {
				continue
			}
			q := j.ofID()
			q.Code = codes[i]
			a := j.d.insist(ctx, "/confirm", q)
			switch {
			case a.Error == "" && a.Op.State < confirm.Signing:
				return fmt.Errorf("an accepted code leaves the operation %s", a.Op.State)
			case a.Error == "":
				j.accepted = true
				if len(codes) > 1 { // each code that is none any more is refused
					q.Code = codes[(i+1)%len(codes)]
					if again := j.d.insist(ctx, "/confirm", q); q.Code != codes[i] && ctx.Err() == nil && again.Error != "code" {
						return fmt.Errorf("two codes were accepted: %q %s", again.Error, again.Text)
					}
				}
				q.Code = codes[i] // and the same again is the same
				if again := j.d.insist(ctx, "/confirm", q); ctx.Err() == nil && again.Error != "" {
					return fmt.Errorf("the code again: %s %s", again.Error, again.Text)
				}
				return nil
			case a.Error == "code":
				tried[codes[i]] = true
			default:
				return fmt.Errorf("confirm: %s: %s", a.Error, a.Text)
			}
		}
		select {
		case <-came:
		case <-time.After(time.Second): // none came, or that of a process that was killed
			if a := j.d.insist(ctx, "/resend", j.ofID()); a.Error != "" && a.Error != "limit" {
				return fmt.Errorf("resend: %s: %s", a.Error, a.Text)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// read reads the results, which are those that were read before, whichever replica is asked.
func (j *job) read(ctx context.Context) error {
	a := j.d.insist(ctx, "/results", j.ofID())
	if a.Error != "" || len(a.Results) != 2 {
		return fmt.Errorf("results: %s: %s", a.Error, a.Text)
	}
	h := sha256.New()
	for i, content := range [][]byte{j.content(), second(j.content())} {
		r := a.Results[i]
		h.Write(r.Signature)
		if j.sum != [sha256.Size]byte{} {
			continue
		}
		m, err := cades.Parse(r.Signature)
		if err != nil {
			return fmt.Errorf("result %d: %w %s", i, err, r.Err)
		}
		report, err := m.Verify(ctx, sign.Bytes("", content), &cades.VerifyOptions{Roots: j.d.pki.Roots(), Time: testpki.Now()})
		if err != nil || !report.Valid() {
			return fmt.Errorf("result %d is no signature of its content: %w", i, err)
		}
	}
	sum := [sha256.Size]byte(h.Sum(nil))
	switch j.sum {
	case sum:
	case [sha256.Size]byte{}:
		j.sum = sum
	default:
		return fmt.Errorf("the results have changed")
	}
	return nil
}
