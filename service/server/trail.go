package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-116355fd/signet/service/audit"
)

// trail is the audit log of a server. It is opened by the first entry, so that a server that is only made and checked does
// not lock or write the log of one that runs.
type trail struct {
	config   Audit
	failures prometheus.Counter
	say      *slog.Logger // nil before Run

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
		before := t.config.tornLines()
		log, err := t.config.open()
		if err != nil {
			t.failed = err
			return nil, err
		}
		for _, name := range t.config.tornLines() {
			if t.say != nil && !slices.Contains(before, name) {
				t.say.Warn("the audit log ended with a torn line, as after a crash; it was set aside, and an entry says so", "file", filepath.Join(filepath.Dir(string(t.config.Path)), name))
			}
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
	log, err := audit.Open(string(a.Path), o)
	if _, gone := os.Stat(filepath.Dir(string(a.Path))); err != nil && errors.Is(gone, os.ErrNotExist) {
		return nil, noFolder(string(a.Path))
	}
	return log, err
}

func noFolder(path string) error {
	return fmt.Errorf("there is no folder %s for %s; make it, owned by the user of the service with mode 0700 (under systemd, StateDirectory= makes it at the first start)", filepath.Dir(path), filepath.Base(path))
}

// tornLines are the files to which torn lines of a log were moved.
func (a *Audit) tornLines() []string {
	folder, err := os.ReadDir(filepath.Dir(string(a.Path)))
	if err != nil {
		return nil // of which opening the log tells
	}
	var all []string
	for _, e := range folder {
		if strings.HasPrefix(e.Name(), "torn."+filepath.Base(string(a.Path))+".") {
			all = append(all, e.Name())
		}
	}
	return all
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
