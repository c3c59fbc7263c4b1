package confirm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// postgresStore is a database that several processes share.
type postgresStore struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
	id     string
	bell   bell

	queue   chan *write
	done    chan struct{}
	once    sync.Once
	writers sync.WaitGroup
}

// Times of the sign of life of an engine.
const (
	aliveEvery = 3 * time.Second
	deadAfter  = 15 * time.Second
)

// othersJobs is how often an engine looks for jobs of others, which are too busy for them or dead; its own it knows of.
const othersJobs = 250 * time.Millisecond

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
	s := &postgresStore{pool: pool, id: id, bell: make(bell, 64), queue: make(chan *write), done: make(chan struct{})}
	for range postgresWriters {
		s.writers.Go(s.writer)
	}
	return s, nil
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
	var fresh bool
	if err := conn.QueryRow(ctx, `SELECT to_regclass('river_job') IS NULL`).Scan(&fresh); err != nil {
		return err
	}
	m, err := rivermigrate.New(riverpgxv5.New(s.pool), &rivermigrate.Config{Logger: quiet()})
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("confirm: make the tables of jobs: %w", err)
	}
	if fresh {
		// For searching in arguments of jobs, which nobody does here, and each step of each job would have to keep them. Tables
		// of jobs that others made before, and use, stay as they are.
		if _, err := conn.Exec(ctx, `DROP INDEX IF EXISTS `+strings.Join(unused, ", ")); err != nil {
			return err
		}
	}
	return s.lone(ctx, &write{ctx: ctx, f: func(t tx) error { return createTables(ctx, t, "BYTEA") }})
}

// unused are indexes of river for searching.
var unused = []string{"river_job_args_index", "river_job_metadata_index", "river_job_kind"}

func (s *postgresStore) start(ctx context.Context, c *river.Config) (err error) {
	c.ReindexerIndexNames = slices.DeleteFunc(river.ReindexerIndexNamesDefault(), func(name string) bool { return slices.Contains(unused, name) })
	c.FetchPollInterval, c.FetchCooldown = othersJobs, 5*time.Millisecond
	if s.client, err = river.NewClient(&postgresBell{riverpgxv5.New(s.pool), s.bell}, c); err != nil {
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
		AND kind LIKE 'signet\_%' AND attempted_at < now() - make_interval(secs => $1)
		AND NOT EXISTS (SELECT 1 FROM signet_engine e WHERE e.id = river_job.attempted_by[array_upper(river_job.attempted_by, 1)] AND e.seen > `+now+` - $1)`, dead); err != nil {
		return err
	}
	_, err := s.pool.Exec(ctx, `DELETE FROM signet_engine WHERE seen < `+now+` - 100 * $1`, dead)
	return err
}

func (s *postgresStore) close() error {
	s.once.Do(func() { close(s.done) })
	s.writers.Wait()
	s.pool.Close()
	return nil
}

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
