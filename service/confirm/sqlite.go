package confirm

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/seed-116355fd/signet/service/internal/filelock"
	"github.com/seed-116355fd/signet/service/internal/stmtcache"
)

// sqliteStore is a file of one process. All writes go through one goroutine, which does those that wait in one transaction:
// they share the wait for the disk.
type sqliteStore struct {
	db      *sql.DB // one connection, for writing
	readers *sql.DB
	lock    *os.File
	client  *river.Client[*sql.Tx]
	bell    bell

	queue chan *write
	done  chan struct{}
	once  sync.Once
	over  chan struct{}
}

// write is one that waits.
type write struct {
	ctx  context.Context
	f    func(tx tx) error
	err  error
	jobs []river.InsertManyParams
	over bool // err is its own, whatever happens to others
	done chan struct{}
}

// maxStatements bounds the prepared statements of a connection: ours and those of river are fewer.
const maxStatements = 256

// maxGroup is how many writes share a transaction.
const maxGroup = 128

func openSQLite(path string) (*sqliteStore, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("confirm: the folder of the database: %w", err)
	}
	if f, err := os.Open(path); err == nil {
		if err := errors.Join(checkFile(f), f.Close()); err != nil {
			return nil, fmt.Errorf("confirm: the database %s: %w", path, err)
		}
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("confirm: the database %s is for one process; use PostgreSQL for several: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite would make it readable to others
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("confirm: the database: %w", err), lock.Close())
	}
	s := &sqliteStore{lock: lock, queue: make(chan *write, maxGroup), done: make(chan struct{}), over: make(chan struct{}), bell: make(bell, 64)}
	// FULL: what was committed is on the disk. A confirmation that was acknowledged must not go with the current.
	dsn := func(more string) string {
		return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(10000)&_pragma=auto_vacuum(INCREMENTAL)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" + more
	}
	s.db = sql.OpenDB(stmtcache.Connector(&sqlite.Driver{}, dsn("&_txlock=immediate"), maxStatements))
	s.db.SetMaxOpenConns(1)
	s.db.SetMaxIdleConns(1)
	s.readers = sql.OpenDB(stmtcache.Connector(&sqlite.Driver{}, dsn("&_pragma=query_only(1)"), maxStatements))
	s.readers.SetMaxOpenConns(4)
	s.readers.SetMaxIdleConns(4)
	go s.writer()
	return s, nil
}

// checkFile refuses a file of something else, before anything is written beside it.
func checkFile(f *os.File) error {
	const magic = "SQLite format 3\x00"
	begins := make([]byte, len(magic))
	n, err := io.ReadFull(f, begins)
	switch {
	case err == io.EOF: // a new one
		return nil
	case err != nil && err != io.ErrUnexpectedEOF:
		return err
	case string(begins[:n]) != magic:
		return errors.New("the file is none of SQLite; give the path of one, or one that is not there yet")
	}
	return nil
}

// lockFile keeps other processes away as long as this one lives.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := filelock.TryLock(f); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Taken reports whether another engine has a SQLite database now.
func Taken(path string) bool {
	f, err := lockFile(path + ".lock")
	if err != nil {
		return errors.Is(err, filelock.ErrLocked)
	}
	_ = f.Close()
	return false
}

func (s *sqliteStore) write(ctx context.Context, f func(tx tx) error) error {
	w := &write{ctx: ctx, f: f, done: make(chan struct{})}
	select {
	case s.queue <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return errClosed
	}
	// It is not known whether a write that was taken up happens, so it is waited for.
	select {
	case <-w.done:
		return w.err
	case <-s.over:
		select {
		case <-w.done:
			return w.err
		default:
			return errClosed
		}
	}
}

var errClosed = errors.New("confirm: the engine is closed")

// writer does what waits, in groups.
func (s *sqliteStore) writer() {
	defer close(s.over)
	for {
		var group []*write
		select {
		case w := <-s.queue:
			group = append(group, w)
		case <-s.done:
			return
		}
	more:
		for len(group) < maxGroup {
			select {
			case w := <-s.queue:
				group = append(group, w)
			default:
				break more
			}
		}
		if err := s.commit(group); err != nil {
			for _, w := range group {
				if w.err == nil {
					w.err = err
				}
			}
		}
		for _, w := range group {
			close(w.done)
		}
	}
}

// commit does a group in one transaction; a write that fails is taken back by itself.
func (s *sqliteStore) commit(group []*write) (err error) {
	// The contexts of the writes do not end the transaction: database/sql would roll back those of others.
	ctx := context.Background()
	t, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = t.Rollback()
		}
	}()
	var jobs []river.InsertManyParams
	for _, w := range group {
		if w.err = w.ctx.Err(); w.err != nil {
			continue
		}
		if _, err := t.ExecContext(ctx, `SAVEPOINT w`); err != nil {
			return err
		}
		if w.err = s.try(w, t); w.err == nil {
			jobs = append(jobs, w.jobs...)
		} else if _, err := t.ExecContext(ctx, `ROLLBACK TO w`); err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, `RELEASE w`); err != nil {
			return err
		}
	}
	if len(jobs) != 0 {
		if _, err := s.client.InsertManyTx(ctx, t, jobs); err != nil {
			return err
		}
	}
	if err := t.Commit(); err != nil {
		return err
	}
	s.bell.ring(jobs)
	return nil
}

func (s *sqliteStore) try(w *write, t *sql.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("confirm: panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return w.f(&sqliteTx{t, s, w})
}

func (s *sqliteStore) read() tx { return &sqliteTx{s.readers, s, nil} }

func (s *sqliteStore) news() time.Duration { return 0 }

func (s *sqliteStore) migrate(ctx context.Context) error {
	var other string
	err := s.read().row(ctx, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite|_%' ESCAPE '|'
		AND name NOT LIKE 'signet|_%' ESCAPE '|' AND name NOT LIKE 'river|_%' ESCAPE '|' LIMIT 1`, nil, &other)
	if err == nil {
		return fmt.Errorf("confirm: the database has tables of something else, such as %.40q; give a file of its own", other)
	}
	if !errors.Is(err, errNoRow) {
		return err
	}
	m, err := rivermigrate.New(riversqlite.New(s.db), &rivermigrate.Config{Logger: quiet()})
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("confirm: make the tables of jobs: %w", err)
	}
	return s.write(ctx, func(t tx) error { return createTables(ctx, t, "BLOB") })
}

func (s *sqliteStore) start(ctx context.Context, c *river.Config) (err error) {
	c.FetchPollInterval, c.FetchCooldown = time.Second, 2*time.Millisecond
	if s.client, err = river.NewClient(&bellDriver{riversqlite.New(s.db), s.bell}, c); err != nil {
		return err
	}
	// Nobody but this process works on jobs, so what is under way was left by one that is dead.
	if _, err := s.db.ExecContext(ctx, `UPDATE river_job SET state = 'available' WHERE state = 'running'`); err != nil {
		return err
	}
	return s.client.Start(ctx)
}

func (s *sqliteStore) stop(ctx context.Context) error { return stopClient(ctx, s.client) }

func (s *sqliteStore) alive(context.Context) error { return nil }

func (s *sqliteStore) close() error {
	s.once.Do(func() { close(s.done) })
	<-s.over
	return errors.Join(s.readers.Close(), s.db.Close(), s.lock.Close())
}

// sqliteTx is a transaction when it has a write.
type sqliteTx struct {
	db interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
	store *sqliteStore
	write *write
}

// context is one that does not end within a transaction, since an interrupted statement may leave it in halves.
func (t *sqliteTx) context(ctx context.Context) context.Context {
	if t.write != nil {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func (t *sqliteTx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	r, err := t.db.ExecContext(t.context(ctx), numbered(query), args...)
	if err != nil {
		return 0, sqliteError(err)
	}
	return r.RowsAffected()
}

func (t *sqliteTx) put(ctx context.Context, query string, args ...any) error {
	_, err := t.exec(ctx, query, args...)
	return err
}

func (t *sqliteTx) row(ctx context.Context, query string, args []any, dst ...any) error {
	return sqliteError(t.db.QueryRowContext(t.context(ctx), numbered(query), args...).Scan(dst...))
}

func (t *sqliteTx) ask(ctx context.Context, queries ...*query) error {
	return askInTurn(ctx, t, queries)
}

func (t *sqliteTx) rows(ctx context.Context, query string, args []any, each func(scan func(dst ...any) error) error) error {
	rows, err := t.db.QueryContext(t.context(ctx), numbered(query), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (t *sqliteTx) insert(job river.InsertManyParams) { t.write.jobs = append(t.write.jobs, job) }

func (t *sqliteTx) complete(ctx context.Context, job *rivertype.JobRow) error {
	_, err := river.JobCompleteTx[*riversqlite.Driver](t.context(ctx), t.db.(*sql.Tx), &river.Job[anyArgs]{JobRow: job})
	return err
}

// alone needs nothing: a write is taken back by itself, and there are no locks.
func (t *sqliteTx) alone() error { return nil }

func (t *sqliteTx) locked() string { return "" }

func (t *sqliteTx) shared() string { return "" }

// numbered writes placeholders as SQLite numbers them: its $1 is a name.
func numbered(query string) string { return strings.ReplaceAll(query, "$", "?") }

func sqliteError(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errNoRow
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY) {
		return errTwice
	}
	return err
}
