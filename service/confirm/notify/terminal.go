package notify

import (
	"context"
	"fmt"
	"io"
	"sync"
)

// Terminal writes messages to a terminal, a line each: for trying the service out, and for a machine whose operator is the
// person. What it writes has the code in it; it is no log.
type Terminal struct {
	mu sync.Mutex
	w  io.Writer
}

// NewTerminal writes to w, to which nobody else should write at the same time.
func NewTerminal(w io.Writer) *Terminal { return &Terminal{w: w} }

// Notify writes one line.
func (t *Terminal) Notify(ctx context.Context, m *Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	to := clean(m.To, 100)
	if to != "" {
		to += ": "
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// One Write: lines of others do not get between.
	if _, err := t.w.Write([]byte(to + m.Text() + "\n")); err != nil {
		return fmt.Errorf("notify: write to the terminal: %w", err)
	}
	return nil
}
