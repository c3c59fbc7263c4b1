package confirm

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// postgresTxOfRiver lets river insert jobs within a transaction of ours.
type postgresTxOfRiver struct {
	pgx.Tx // none: river begins no further ones
	tx     *postgresTx
	conn   *pgx.Conn
}

func (t postgresTxOfRiver) Conn() *pgx.Conn { return t.conn }

func (t postgresTxOfRiver) Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	if err := t.tx.flushAll(ctx); err != nil {
		return pgconn.CommandTag{}, err
	}
	return t.tx.db.Exec(ctx, query, args...)
}

func (t postgresTxOfRiver) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	if err := t.tx.flushAll(ctx); err != nil {
		return failedRow{err}
	}
	return t.tx.db.QueryRow(ctx, query, args...)
}

func (t postgresTxOfRiver) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	if len(t.tx.puts) == 0 {
		return t.tx.db.Query(ctx, query, args...)
	}
	results, err := t.tx.flush(ctx, query, args)
	if err != nil {
		return nil, err
	}
	rows, err := results.Query()
	return &rowsOfBatch{rows, results}, err
}

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

// rowsOfBatch are the last rows of a message of several statements.
type rowsOfBatch struct {
	pgx.Rows
	results pgx.BatchResults
}

func (r *rowsOfBatch) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *rowsOfBatch) Close() {
	r.Rows.Close()
	_ = r.results.Close() // its error is that of the rows, or of the next statement
}

// postgresBell is the driver of river with the bell for its notifications: those of PostgreSQL make commits wait for each other,
// and wake all engines for a job of one.
type postgresBell struct {
	*riverpgxv5.Driver
	bell bell
}

func (d *postgresBell) GetListener(*riverdriver.GetListenenerParams) riverdriver.Listener {
	return &bellListener{d.bell}
}

func (d *postgresBell) SupportsListenNotify() bool { return false }
