package confirm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// store is the database: SQLite for one process, PostgreSQL for several.
type store interface {
	// write runs f in a transaction, which it may share with others. What f returns an error for did not happen. f does
	// nothing but with the transaction, since others wait for it, and it may be run again when what it did was taken back.
	write(ctx context.Context, f func(tx tx) error) error
	// read runs queries outside of a transaction.
	read() tx
	// start begins to work on jobs.
	start(ctx context.Context, c *river.Config) error
	stop(ctx context.Context) error
	// migrate brings the tables up to date.
	migrate(ctx context.Context) error
	// alive says that this engine lives, and takes jobs from those that do not.
	alive(ctx context.Context) error
	// news is how often this process looks at what others have changed: 0 when there are no others.
	news() time.Duration
	close() error
}

// tx is a transaction, or the database outside of one. Placeholders are $1, $2, …, in this order.
type tx interface {
	exec(ctx context.Context, query string, args ...any) (rows int64, err error)
	// put is exec for a statement whose rows nobody counts. It may be done only with the next one, or at the end, and its
	// error is then that of the transaction.
	put(ctx context.Context, query string, args ...any) error
	// row scans the first row into dst; errNoRow when there is none.
	row(ctx context.Context, query string, args []any, dst ...any) error
	// ask runs queries one after another, in one message where the database takes several, and scans the first row of each.
	ask(ctx context.Context, queries ...*query) error
	rows(ctx context.Context, query string, args []any, each func(scan func(dst ...any) error) error) error
	// insert puts a job there, for when the transaction is over.
	insert(job river.InsertManyParams)
	// complete ends the job that is worked on, with the transaction.
	complete(ctx context.Context, job *rivertype.JobRow) error
	// alone returns an error that f has to return, when the transaction is shared. It is run again in one of its own: for what
	// others may wait for longer, or has to be undone by itself.
	alone() error
	// locked is put behind a query for rows that will be changed.
	locked() string
	// shared is put behind a query for rows that others must not change before this transaction is over.
	shared() string
}

// query asks for one row. There is none when none is true.
type query struct {
	query string
	args  []any
	dst   []any
	none  bool
}

// askInTurn is ask for a database that takes one query at a time.
func askInTurn(ctx context.Context, t tx, queries []*query) error {
	for _, q := range queries {
		err := t.row(ctx, q.query, q.args, q.dst...)
		if q.none = errors.Is(err, errNoRow); err != nil && !q.none {
			return err
		}
	}
	return nil
}

var (
	errNoRow = errors.New("confirm: no such row")
	errTwice = errors.New("confirm: there is such a row")
	// errNoTable is of a database that is not made yet.
	errNoTable = errors.New("confirm: there is no such table")
)

// anyArgs stands for the arguments of any job.
type anyArgs struct{}

func (anyArgs) Kind() string { return "any" }

// tables are made in this order, each once; a change of them is a further entry. BLOB, and the type of times, differ.
var tables = []string{
	`CREATE TABLE signet_operation (
		id TEXT PRIMARY KEY,
		token TEXT NOT NULL UNIQUE, -- a keyed hash of it
		owner TEXT NOT NULL,
		once TEXT,
		state INTEGER NOT NULL,
		created BIGINT NOT NULL,
		expires BIGINT NOT NULL,
		finished BIGINT NOT NULL DEFAULT 0,
		wiped BIGINT NOT NULL DEFAULT 0,
		reason TEXT NOT NULL DEFAULT '',
		mark INTEGER NOT NULL DEFAULT 0,
		attempts INTEGER NOT NULL DEFAULT 0,
		resends INTEGER NOT NULL DEFAULT 0,
		serial INTEGER NOT NULL DEFAULT 0,
		sent BIGINT NOT NULL DEFAULT 0,
		code BLOB,
		code_expires BIGINT NOT NULL DEFAULT 0,
		wrong BLOB,
		wrong_at BIGINT NOT NULL DEFAULT 0,
		confirmed BLOB,
		header BLOB NOT NULL,
		outcome BLOB
	)`,
	`CREATE UNIQUE INDEX signet_operation_once ON signet_operation (owner, once) WHERE once IS NOT NULL`,
	`CREATE INDEX signet_operation_owner ON signet_operation (owner, created)`,
	`CREATE INDEX signet_operation_open ON signet_operation (expires) WHERE state <= 2`,
	`CREATE INDEX signet_operation_finished ON signet_operation (finished) WHERE finished > 0`,
	`CREATE INDEX signet_operation_kept ON signet_operation (finished) WHERE finished > 0 AND wiped = 0`,
	`CREATE INDEX signet_operation_created ON signet_operation (created)`,
	`CREATE INDEX signet_operation_waiting ON signet_operation (created) WHERE state <= 3`,
	`CREATE INDEX signet_operation_failed ON signet_operation (created) WHERE state IN (5, 6)`,
	`CREATE TABLE signet_blob (
		id TEXT PRIMARY KEY,
		drafts BLOB,
		results BLOB
	)`,
	`CREATE TABLE signet_count (
		name TEXT NOT NULL,
		period BIGINT NOT NULL,
		n INTEGER NOT NULL,
		PRIMARY KEY (name, period)
	)`,
	`CREATE TABLE signet_run (
		id TEXT PRIMARY KEY,
		owner TEXT NOT NULL,
		place TEXT NOT NULL,
		state INTEGER NOT NULL,
		created BIGINT NOT NULL,
		finished BIGINT NOT NULL DEFAULT 0,
		reason TEXT NOT NULL DEFAULT '',
		header BLOB NOT NULL,
		results BLOB,
		UNIQUE (owner, place)
	)`,
	`CREATE INDEX signet_run_finished ON signet_run (finished) WHERE finished > 0`,
	`CREATE TABLE signet_engine (
		id TEXT PRIMARY KEY,
		seen BIGINT NOT NULL
	)`,
}

// createTables makes what is missing, in a transaction.
func createTables(ctx context.Context, t tx, blob string) error {
	if _, err := t.exec(ctx, `CREATE TABLE IF NOT EXISTS signet_version (version INTEGER NOT NULL)`); err != nil {
		return err
	}
	version, err := tableVersion(ctx, t)
	if err != nil || version >= len(tables) {
		return err
	}
	for _, table := range tables[version:] {
		if _, err := t.exec(ctx, strings.ReplaceAll(table, "BLOB", blob)); err != nil {
			return fmt.Errorf("confirm: make the tables: %w", err)
		}
	}
	if _, err := t.exec(ctx, `DELETE FROM signet_version`); err != nil {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO signet_version (version) VALUES ($1)`, len(tables))
	return err
}

// tableVersion is how many entries of tables were made.
func tableVersion(ctx context.Context, t tx) (version int, err error) {
	err = t.row(ctx, `SELECT version FROM signet_version`, nil, &version)
	if errors.Is(err, errNoRow) {
		return 0, nil
	}
	return version, err
}

// checkTables makes sure that the tables are those that this program knows.
func checkTables(ctx context.Context, t tx) error {
	version, err := tableVersion(ctx, t)
	switch {
	case errors.Is(err, errNoTable):
		return errors.New("confirm: the database has no tables of this service: run it once with --migrate")
	case err != nil:
		return fmt.Errorf("confirm: the database does not answer: %w", err)
	case version < len(tables):
		return errors.New("confirm: the tables of the database are of an older version: run this one once with --migrate")
	case version > len(tables):
		return errors.New("confirm: the tables of the database are of a newer version: run that one")
	}
	return nil
}
