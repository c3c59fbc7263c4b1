package server

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-116355fd/signet/service/audit"
)

// log is what a trail needs of an audit log.
type auditLog interface {
	audit.Recorder
	Close() error
}

// trail is the audit log of a server. It is opened by the first entry, so that a server that is only made and checked does
// not lock or write the log of one that runs.
type trail struct {
	config   Audit
	failures prometheus.Counter

	mu     sync.Mutex
	log    auditLog
	failed error // of the last entry
	closed bool
}

func (t *trail) open() (auditLog, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errors.New("the service is being stopped")
	}
	if t.log == nil {
		log, err := t.config.open()
		if err != nil {
			t.failed = err
			return nil, err
		}
		t.log = log
	}
	return t.log, nil
}

// Record makes an entry.
func (t *trail) Record(ctx context.Context, r *audit.Record) error {
	log, err := t.open()
	if err == nil {
		err = log.Record(ctx, r)
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err // the caller went away: that says nothing about the log
	}
	t.mu.Lock()
	t.failed = err
	t.mu.Unlock()
	if err != nil {
		t.failures.Inc()
	}
	return err
}

// event enters what happened to the service itself.
func (t *trail) event(ctx context.Context, event, detail string) error {
	if t.config.Path == "" {
		return nil
	}
	if err := t.Record(ctx, &audit.Record{Event: event, Detail: detail}); err != nil {
		return fmt.Errorf("the audit log: %w", err)
	}
	return nil
}

// health is the error of the last entry.
func (t *trail) health() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

func (t *trail) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.log == nil {
		return nil
	}
	return t.log.Close()
}

func (a *Audit) open() (auditLog, error) { return nil, errors.New("there is no audit log") }
