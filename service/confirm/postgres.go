package confirm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// postgresStore is a database that several processes share.
type postgresStore struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
	id     string
}

// Times of the sign of life of an engine.
const (
	aliveEvery = 3 * time.Second
	deadAfter  = 15 * time.Second
)

// connectTime is how long a server may take to let this one in, when the address has no connect_timeout.
const connectTime = 10 * time.Second

func openPostgres(ctx context.Context, url, id string) (*postgresStore, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("confirm: the address of the database cannot be read; it is postgres://USER@HOST/NAME") // err may have the password
	}
	if config.MaxConns < 24 {
		config.MaxConns = 24 // a default of pgx is the processors of this machine, and they wait for the disk of another
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTime // pgx waits for ever
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("confirm: the database: %w", err)
	}
	return &postgresStore{pool: pool, id: id}, nil
}

// transient reports whether a transaction may be tried once more: the database says that nothing of it has happened.
func transient(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01") // serialization failure, deadlock
}

func (s *postgresStore) write(ctx context.Context, f func(tx tx) error) error {
	for i := 0; ; i++ {
		err := s.once(ctx, f)
		if i == 3 || !transient(err) {
			return err
		}
	}
}

func (s *postgresStore) once(ctx context.Context, f func(tx tx) error) error {
	t, err := s.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = t.Rollback(context.WithoutCancel(ctx)) }() // nothing after a commit
	w := &postgresTx{db: t, tx: t}
	if err := f(w); err != nil {
		return err
	}
	if len(w.jobs) != 0 {
		if _, err := s.client.InsertManyTx(ctx, t, w.jobs); err != nil {
			return err
		}
	}
	return t.Commit(ctx)
}

func (s *postgresStore) read() tx { return &postgresTx{db: s.pool} }

func (s *postgresStore) news() time.Duration { return 100 * time.Millisecond }

func (s *postgresStore) migrate(ctx context.Context) error {
	// One engine at a time: others wait and find all done.
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("confirm: the database: %w", err)
	}
	defer conn.Release()
	const lock = 0x7369676e6574 // "signet"
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, lock); err != nil {
		return err
	}
	defer func() { _, _ = conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, lock) }()
	m, err := rivermigrate.New(riverpgxv5.New(s.pool), &rivermigrate.Config{Logger: quiet()})
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("confirm: make the tables of jobs: %w", err)
	}
	return s.once(ctx, func(t tx) error { return createTables(ctx, t, "BYTEA") })
}

func (s *postgresStore) start(ctx context.Context, c *river.Config) (err error) {
	c.FetchPollInterval, c.FetchCooldown = time.Second, 5*time.Millisecond
	if s.client, err = river.NewClient(riverpgxv5.New(s.pool), c); err != nil {
		return err
	}
	if err := s.alive(ctx); err != nil {
		return err
	}
	return s.client.Start(ctx)
}

func (s *postgresStore) stop(ctx context.Context) error { return stopClient(ctx, s.client) }

// alive leaves a sign of life, and frees the jobs of engines that left none for a while. The clock is that of the database,
// since those of the machines differ.
func (s *postgresStore) alive(ctx context.Context) error {
	const now = `(extract(epoch FROM clock_timestamp())::bigint)`
	if _, err := s.pool.Exec(ctx, `INSERT INTO signet_engine (id, seen) VALUES ($1, `+now+`) ON CONFLICT (id) DO UPDATE SET seen = EXCLUDED.seen`, s.id); err != nil {
		return err
	}
	dead := int64(deadAfter / time.Second)
	if _, err := s.pool.Exec(ctx, `UPDATE river_job SET state = 'available', scheduled_at = now() WHERE state = 'running'
		AND attempted_at < now() - make_interval(secs => $1)
		AND NOT EXISTS (SELECT 1 FROM signet_engine e WHERE e.id = river_job.attempted_by[array_upper(river_job.attempted_by, 1)] AND e.seen > `+now+` - $1)`, dead); err != nil {
		return err
	}
	_, err := s.pool.Exec(ctx, `DELETE FROM signet_engine WHERE seen < `+now+` - 100 * $1`, dead)
	return err
}

func (s *postgresStore) close() error {
	s.pool.Close()
	return nil
}

type postgresTx struct {
	db interface {
		Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
		Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
		QueryRow(ctx context.Context, query string, args ...any) pgx.Row
	}
	tx   pgx.Tx // nil outside of a transaction
	jobs []river.InsertManyParams
}

func (t *postgresTx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := t.db.Exec(ctx, query, args...)
	return tag.RowsAffected(), postgresError(err)
}

func (t *postgresTx) row(ctx context.Context, query string, args []any, dst ...any) error {
	return postgresError(t.db.QueryRow(ctx, query, args...).Scan(dst...))
}

func (t *postgresTx) rows(ctx context.Context, query string, args []any, each func(scan func(dst ...any) error) error) error {
	rows, err := t.db.Query(ctx, query, args...)
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

func (t *postgresTx) insert(job river.InsertManyParams) { t.jobs = append(t.jobs, job) }

func (t *postgresTx) complete(ctx context.Context, job *rivertype.JobRow) error {
	_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, t.tx, &river.Job[anyArgs]{JobRow: job})
	return err
}

func (t *postgresTx) locked() string { return " FOR UPDATE" }

func (t *postgresTx) shared() string { return " FOR SHARE" }

func postgresError(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return errNoRow
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	if ok && e.Code == "23505" { // unique_violation
		return errTwice
	}
	if ok && e.Code == "42P01" { // undefined_table
		return errNoTable
	}
	return err
}

// stopClient waits for what is under way, and cuts it off when ctx ends.
func stopClient[T any](ctx context.Context, c *river.Client[T]) error {
	if c == nil {
		return nil
	}
	if err := c.Stop(ctx); err == nil {
		return nil
	}
	hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return c.StopAndCancel(hard)
}

// quiet is a log of what only migrations of river say.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
