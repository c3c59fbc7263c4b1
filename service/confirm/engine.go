package confirm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/seed-116355fd/signet/service/audit"
)

// Engine runs operations. It is safe for concurrent use, and any number of engines can share a PostgreSQL database.
type Engine struct {
	config Config
	limits Limits
	seals  *seals
	store  store
	log    *slog.Logger
	now    func() time.Time
	id     string
	swept  atomic.Int64 // when the shelf was swept, in seconds

	mu       sync.Mutex
	watchers map[string]*watcher

	cancel context.CancelFunc
	beats  sync.WaitGroup
	closed sync.Once
}

// watcher is woken when an operation changes.
type watcher struct {
	changed chan struct{}
	count   int        // of those who wait
	state   State      // that they saw last; 0 when they have not looked yet
	latest  *Operation // as it is now, when changed is closed; nil when one has to look
}

func (l Limits) withDefaults() Limits {
	l.Items = cmp.Or(l.Items, 10_000)
	l.Drafts = cmp.Or(l.Drafts, 256<<20)
	l.Pending = cmp.Or(l.Pending, max(1<<30, l.Drafts))
	l.Digits = cmp.Or(l.Digits, 6)
	l.Code = cmp.Or(l.Code, 5*time.Minute)
	l.Open = cmp.Or(l.Open, 15*time.Minute)
	l.Attempts = cmp.Or(l.Attempts, 5)
	l.Resends = cmp.Or(l.Resends, 3)
	l.Pause = cmp.Or(l.Pause, 30*time.Second)
	l.PerOwner = cmp.Or(l.PerOwner, 1000)
	l.Window = cmp.Or(l.Window, time.Minute)
	l.Guesses = cmp.Or(l.Guesses, 50)
	l.Keep = cmp.Or(l.Keep, 7*24*time.Hour)
	l.Forget = cmp.Or(l.Forget, 30*24*time.Hour)
	l.Signers = cmp.Or(l.Signers, 64)
	l.Raisers = cmp.Or(l.Raisers, 16)
	return l
}

// maxWorkers is what river takes.
const maxWorkers = river.QueueNumWorkersMax

// check refuses limits under which codes are no protection.
func (l Limits) check() error {
	switch {
	case l.Digits < 4 || l.Digits > 12:
		return fmt.Errorf("confirm: a code of %d digits is too short to protect or too long to type; 4 to 12 are possible", l.Digits)
	case l.Attempts < 1 || l.Attempts > 20:
		return fmt.Errorf("confirm: %d attempts are out of range; 1 to 20 are possible", l.Attempts)
	case l.Forget < l.Keep:
		return errors.New("confirm: operations cannot be forgotten before their results are wiped; let Forget be longer than Keep")
	case l.Signers < 1 || l.Signers > maxWorkers || l.Raisers < 1 || l.Raisers > maxWorkers:
		return fmt.Errorf("confirm: Signers and Raisers are 1 to %d; a few times as many as the key does at once are enough", maxWorkers)
	}
	for _, d := range []time.Duration{l.Code, l.Open, l.Window, l.Keep} {
		if d <= 0 {
			return errors.New("confirm: a time in Limits is below zero")
		}
	}
	return nil
}

// New opens the database and starts to work.
func New(ctx context.Context, c Config) (*Engine, error) {
	e := &Engine{config: c, limits: c.Limits.withDefaults(), log: c.Log, now: c.Clock, watchers: make(map[string]*watcher), id: uuid.NewString()}
	if err := e.limits.check(); err != nil {
		return nil, err
	}
	if c.Keys == nil {
		return nil, errors.New("confirm: Config.Keys is nil; nothing could be signed")
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if e.now == nil {
		e.now = time.Now
	}
	var err error
	if e.seals, err = newSeals(c.Secret.Bytes()); err != nil {
		return nil, err
	}
	if err := e.open(ctx); err != nil {
		return nil, err
	}
	if err := e.work(ctx); err != nil {
		return nil, errors.Join(err, e.store.close())
	}
	return e, nil
}

// Migrate brings the tables of a database up to date.
func Migrate(ctx context.Context, database string) error {
	s, err := openStore(ctx, database, "migration")
	if err != nil {
		return err
	}
	return errors.Join(s.migrate(ctx), s.close())
}

func isPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

func openStore(ctx context.Context, database, id string) (store, error) {
	switch {
	case database == "":
		return nil, errors.New("confirm: Config.Database is empty; give the path of a file, or postgres://…")
	case isPostgres(database):
		return openPostgres(ctx, database, id)
	case strings.Contains(database, "://"):
		return nil, errors.New("confirm: this kind of database is not known; give the path of a file for SQLite, or postgres://…")
	}
	return openSQLite(database)
}

func (e *Engine) open(ctx context.Context) (err error) {
	if e.store, err = openStore(ctx, e.config.Database, e.id); err != nil {
		return err
	}
	if e.config.Migrate || !isPostgres(e.config.Database) {
		err = e.store.migrate(ctx)
	}
	if err == nil {
		err = checkTables(ctx, e.store.read())
	}
	if err != nil {
		return errors.Join(err, e.store.close())
	}
	return nil
}

// work starts the jobs and the sign of life.
func (e *Engine) work(ctx context.Context) error {
	config, err := e.jobs()
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.cancel = cancel
	if err := e.store.start(running, config); err != nil {
		cancel()
		return fmt.Errorf("confirm: start the jobs: %w", err)
	}
	if news := e.store.news(); news > 0 {
		e.beats.Go(func() { e.lookAround(running, news) })
	}
	e.beats.Go(func() {
		tick := time.NewTicker(aliveEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := e.store.alive(running); err != nil && running.Err() == nil {
					e.log.Warn("the database does not take the sign of life", "err", err)
				}
			case <-running.Done():
				return
			}
		}
	})
	return nil
}

// Close ends the work of this engine; what is under way is ended first, or left to others when ctx ends.
func (e *Engine) Close(ctx context.Context) error {
	var err error
	e.closed.Do(func() {
		err = e.store.stop(ctx)
		e.cancel()
		e.beats.Wait()
		err = errors.Join(err, e.store.close())
	})
	return err
}

// Ping reports whether the database answers.
func (e *Engine) Ping(ctx context.Context) error {
	var version int
	return e.store.read().row(ctx, `SELECT version FROM signet_version`, nil, &version)
}

// watch returns a watcher whose channel is closed when the operation changes in this process; done is called once.
func (e *Engine) watch(id string) (w *watcher, done func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w = e.watchers[id]; w == nil {
		w = &watcher{changed: make(chan struct{})}
		e.watchers[id] = w
	}
	w.count++
	return w, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if w.count--; w.count == 0 && e.watchers[id] == w {
			delete(e.watchers, id)
		}
	}
}

// saw remembers the state that one who waits has seen.
func (e *Engine) saw(id string, s State) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.watchers[id]
	if w == nil {
		return
	}
	if w.state != 0 && w.state != s { // one who looked earlier has not seen this, and waits for it
		close(w.changed)
		delete(e.watchers, id)
		return
	}
	w.state = s
}

// lookAround looks at what others have changed: one question for all who wait, however many they are.
func (e *Engine) lookAround(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		seen := map[string]State{}
		var ids []string
		e.mu.Lock()
		for id, w := range e.watchers {
			if w.state != 0 {
				seen[id], ids = w.state, append(ids, id)
			}
		}
		e.mu.Unlock()
		if len(ids) == 0 {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, lookAgain)
		err := e.store.read().rows(asking, `SELECT id, state FROM signet_operation WHERE id = ANY($1) UNION ALL SELECT id, state FROM signet_run WHERE id = ANY($1)`,
			[]any{ids}, func(scan func(dst ...any) error) error {
				var id string
				var state State
				if err := scan(&id, &state); err != nil {
					return err
				}
				if state != seen[id] {
					e.changed(id)
				}
				return nil
			})
		cancel()
		if err != nil && ctx.Err() == nil {
			e.log.Warn("the database does not say what has changed", "err", err)
		}
	}
}

// changed wakes those who wait for an operation.
func (e *Engine) changed(id string) { e.wake(id, nil) }

// changedTo is changed for a record that is what is stored now: who waits for another state need not read it again.
func (e *Engine) changedTo(r *record, h *header) {
	e.mu.Lock()
	waiting := e.watchers[r.id] != nil
	e.mu.Unlock()
	if waiting {
		e.wake(r.id, e.operation(r, h))
	}
}

func (e *Engine) wake(id string, latest *Operation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w := e.watchers[id]; w != nil {
		w.latest = latest
		close(w.changed)
		delete(e.watchers, id)
	}
}

// record puts a step into the audit log.
func (e *Engine) record(ctx context.Context, event string, id string, h *header, detail string, items []audit.Item) error {
	if e.config.Audit == nil {
		return nil
	}
	err := e.config.Audit.Record(ctx, &audit.Record{
		Event: event, RequestID: id, Principal: h.Owner, Endpoint: "operation", Key: h.Key, Thumbprint: h.Thumb, Level: h.Level,
		Detail: detail, Items: items,
	})
	if err != nil {
		return fmt.Errorf("confirm: the audit log does not take the step %q: %w", event, err)
	}
	return nil
}

// mayUnattended reports whether a key may sign without a person.
func (e *Engine) mayUnattended(key string) bool { return slices.Contains(e.config.Unattended, key) }

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n)
}
