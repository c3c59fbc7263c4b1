package cloudsign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/gate"
)

func attemptsLeft(n int) string {
	if n == 1 {
		return " (1 attempt is left)"
	}
	return fmt.Sprintf(" (%d attempts are left)", n)
}

// The version of a UUID is the first digit of its third group, and never above 8. A task whose signatures are returned by
// reference has that digit with its highest bit turned.
const versionAt = 14

// confirmTask is the task of an operation that was confirmed. It stays a UUID: clients may parse it.
func confirmTask(id string, reference bool) string {
	if !reference || len(id) <= versionAt {
		return id
	}
	return turn(id)
}

func turn(id string) string {
	const digits = "0123456789abcdef"
	b := []byte(id)
	for i := range len(digits) {
		if b[versionAt] == digits[i] {
			b[versionAt] = digits[i^8]
			return string(b)
		}
	}
	return id
}

// operationOf is the operation of a task, and how its signatures are returned.
func operationOf(task string) (id string, reference bool) {
	if len(task) > versionAt && (task[versionAt] == '8' || task[versionAt] == '9' || task[versionAt] >= 'a' && task[versionAt] <= 'f') {
		return turn(task), true
	}
	return task, false
}

// wait asks for an operation, and is held open while it is in one of these states.
func (a *api) wait(c *gate.Call, id string, hold time.Duration, while ...confirm.State) (*confirm.Operation, error) {
	ctx, end := a.keep(c, hold)
	defer end()
	owner := c.Principal.Name
	if ctx != nil {
		op, err := a.Engine.Wait(ctx, owner, id, while...)
		if err == nil || ctx.Err() == nil || errors.Is(err, confirm.ErrNotFound) {
			return op, engineError(err)
		}
	}
	op, err := a.Engine.Get(c.Context(), owner, id)
	return op, engineError(err)
}

// keep gives the context of a question that is held open, or nil when it is to be answered at once: there are as many as
// there may be, or the server is shut down.
func (a *api) keep(c *gate.Call, most time.Duration) (ctx context.Context, end func()) {
	most = min(most, a.Hold)
	select {
	case <-a.Quit:
		most = 0
	default:
	}
	if most <= 0 {
		return nil, func() {}
	}
	if a.held.Add(1) > int64(a.Limits.Holds) {
		a.held.Add(-1)
		return nil, func() {}
	}
	ctx, cancel := context.WithTimeout(c.Context(), most)
	if a.Quit != nil {
		go func() {
			select {
			case <-a.Quit:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { cancel(); a.held.Add(-1) }
}
