// Package stmtcache is a database/sql driver in front of another one that keeps prepared statements. SQLite parses a
// statement each time it is given as text, which for those of a job queue takes longer than to run them.
package stmtcache

import (
	"context"
	"database/sql/driver"
	"io"
)

// Connector opens connections of a driver that keep at most this many statements each. The connections of the driver have
// to be those of modernc.org/sqlite, or to implement the same optional interfaces.
func Connector(d driver.Driver, dsn string, most int) driver.Connector {
	return connector{d, dsn, most}
}

type connector struct {
	driver driver.Driver
	dsn    string
	most   int
}

func (c connector) Driver() driver.Driver { return c.driver }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	inner, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	full, ok := inner.(innerConn)
	if !ok {
		return inner, nil // works, but keeps nothing
	}
	return &conn{innerConn: full, most: c.most, kept: map[string]*stmt{}}, nil
}

// innerConn is what connections of modernc.org/sqlite can do.
type innerConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// innerStmt is what its statements can do.
type innerStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// conn is used by one goroutine at a time, as database/sql promises.
type conn struct {
	innerConn
	most int
	kept map[string]*stmt
}

type stmt struct {
	innerStmt
	busy bool // its rows are being read
}

func (c *conn) Close() error {
	for _, s := range c.kept {
		_ = s.Close()
	}
	clear(c.kept)
	return c.innerConn.Close()
}

// statement returns a kept statement that is free, or nil.
func (c *conn) statement(ctx context.Context, query string) *stmt {
	if s := c.kept[query]; s != nil {
		if s.busy {
			return nil
		}
		return s
	}
	if len(c.kept) >= c.most {
		return nil
	}
	prepared, err := c.innerConn.PrepareContext(ctx, query)
	if err != nil {
		return nil // the caller gets the error when it is run as text
	}
	inner, ok := prepared.(innerStmt)
	if !ok {
		_ = prepared.Close()
		return nil
	}
	s := &stmt{innerStmt: inner}
	c.kept[query] = s
	return s
}

// ExecContext runs a statement.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if s := c.statement(ctx, query); s != nil {
		return s.innerStmt.ExecContext(ctx, args)
	}
	return c.innerConn.ExecContext(ctx, query, args)
}

// QueryContext runs a statement whose rows are read.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s := c.statement(ctx, query)
	if s == nil {
		return c.innerConn.QueryContext(ctx, query, args)
	}
	r, err := s.innerStmt.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return &rows{r, s}, nil
}

// rows make their statement free again when they are closed.
type rows struct {
	inner driver.Rows
	of    *stmt
}

func (r *rows) Columns() []string { return r.inner.Columns() }

func (r *rows) Close() error {
	r.of.busy = false
	return r.inner.Close()
}

func (r *rows) Next(dst []driver.Value) error { return r.inner.Next(dst) }

// ColumnTypeDatabaseTypeName is that of the driver: by it, times are told from texts.
func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	if t, ok := r.inner.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return t.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

// HasNextResultSet reports whether there are more rows behind these; NextResultSet goes there.
func (r *rows) HasNextResultSet() bool {
	n, ok := r.inner.(driver.RowsNextResultSet)
	return ok && n.HasNextResultSet()
}

// NextResultSet goes on to the next rows; io.EOF when there are none.
func (r *rows) NextResultSet() error {
	if n, ok := r.inner.(driver.RowsNextResultSet); ok {
		return n.NextResultSet()
	}
	return io.EOF
}
