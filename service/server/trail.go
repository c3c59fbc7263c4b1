package server

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-116355fd/signet/service/audit"
)

// trail is the audit log of a server. It is opened by the first entry, so that a server that is only made and checked does
// not lock or write the log of one that runs.
type trail struct {
	config   Audit
	failures prometheus.Counter

	mu     sync.Mutex
	log    *audit.Log
	failed error // of the last entry
	closed bool
}

func (t *trail) open() (*audit.Log, error) {
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

// health is why entries cannot be made. After one that failed it tries another: without, a service that gets no requests
// since it is not ready would never be ready again.
func (t *trail) health(ctx context.Context) error {
	t.mu.Lock()
	failed := t.failed
	t.mu.Unlock()
	if failed == nil {
		return nil
	}
	return t.Record(ctx, &audit.Record{Event: "check", Detail: "after an entry that could not be made"})
}

// reopen opens a log anew that takes no more entries, when the operator says that it was mended.
func (t *trail) reopen() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.log != nil && t.log.Err() != nil {
		_ = t.log.Close()
		t.log = nil
	}
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

// open opens the log of a configuration.
func (a *Audit) open() (*audit.Log, error) {
	o := &audit.Options{Sync: map[string]audit.Sync{"none": audit.SyncNone, "": audit.SyncInterval, "interval": audit.SyncInterval, "always": audit.SyncAlways}[a.Sync],
		Interval: a.Interval, MaxSize: int64(a.MaxSize)}
	if !a.Key.IsZero() {
		key, err := a.key()
		if err != nil {
			return nil, err
		}
		o.Key = key
	}
	return audit.Open(string(a.Path), o)
}

func (a *Audit) key() ([]byte, error) {
	secret, err := a.Key.Read()
	if err != nil {
		return nil, fmt.Errorf("audit.key: %w", err)
	}
	if secret.Len() < audit.MinKey {
		return nil, fmt.Errorf("audit.key: a key has %d octets at least; openssl rand -base64 48 makes one", audit.MinKey)
	}
	return secret.Bytes(), nil
}
