package confirm

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Writes that come at the same time share transactions: one COMMIT, one insertion of their jobs, and one message to the database
// for all statements that nobody waits for. What cannot be shared is done alone.
const (
	postgresWriters = 1
	// groupTime is how long a group may take; a database that has vanished must not hold its callers for longer.
	groupTime = 15 * time.Second
)

// errAlone is of a write that has to have a transaction of its own.
var errAlone = errors.New("confirm: to be done alone")

func (s *postgresStore) write(ctx context.Context, f func(tx tx) error) error {
	w := &write{ctx: ctx, f: f, done: make(chan struct{})}
	select {
	case s.queue <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return errClosed
	}
	<-w.done // f must not run any more when this returns
	if errors.Is(w.err, errAlone) {
		return s.lone(ctx, w)
	}
	return w.err
}

// writer does what waits, in groups.
func (s *postgresStore) writer() {
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
		s.together(group)
		for _, w := range group {
			close(w.done)
		}
	}
}

// together does a group in one transaction. When something of it goes wrong and nothing has happened, each does it alone.
func (s *postgresStore) together(group []*write) {
	ctx, cancel := context.WithTimeout(context.Background(), groupTime)
	defer cancel()
	again, err := s.try(ctx, group, true)
	for _, w := range group {
		switch {
		case err == nil: // w.err is its own
		case again: // its own error, too, may be of what another one of the group had done
			w.err = errAlone
		case !w.over:
			w.err = err
		}
	}
}

// try is one attempt at a transaction, common to a group or of one write alone. Again means that nothing of it has happened.
func (s *postgresStore) try(ctx context.Context, group []*write, common bool) (again bool, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return true, err
	}
	defer conn.Release() // which closes one that is in a transaction still
	p := &postgresTx{db: conn, common: common, puts: []put{{`BEGIN`, nil}}}
	if common { // two groups may want the same rows in another order
		p.puts = append(p.puts, put{`SET LOCAL lock_timeout = '100ms'`, nil})
	}
	defer func() {
		if err != nil && !conn.Conn().IsClosed() && conn.Conn().PgConn().TxStatus() != 'I' {
			undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), groupTime)
			_, _ = conn.Exec(undo, `ROLLBACK`)
			cancel()
		}
	}()
	defer func() {
		if p := recover(); p != nil { // of the driver; it must not end the process
			again, err = false, fmt.Errorf("confirm: panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	for _, w := range group {
		w.over, w.err = false, nil
		if common && w.ctx.Err() != nil {
			w.over, w.err = true, w.ctx.Err()
			continue
		}
		p.begin()
		if w.err = guardedWrite(w, p); w.err == nil {
			continue
		}
		if p.dirty {
			return true, w.err
		}
		p.undo()
		w.over = true
	}
	if len(p.jobs) != 0 {
		if _, err := s.client.InsertManyTx(ctx, postgresTxOfRiver{tx: p, conn: conn.Conn()}, p.jobs); err != nil {
			return true, err
		}
	}
	if again, err := p.commit(ctx); err != nil {
		return again, err
	}
	s.bell.ring(p.jobs)
	return false, nil
}

// lone does one write in a transaction of its own.
func (s *postgresStore) lone(ctx context.Context, w *write) error {
	for i := 0; ; i++ {
		_, err := s.try(ctx, []*write{w}, false)
		if err == nil {
			err = w.err
		}
		if i == 3 || !transient(err) {
			return err
		}
	}
}

// transient reports whether a transaction may be tried once more: the database says that nothing of it has happened.
func transient(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01") // serialization failure, deadlock
}

func guardedWrite(w *write, t tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("confirm: panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return w.f(t)
}

// postgresTx is a transaction, or the database outside of one.
type postgresTx struct {
	db interface {
		Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
		Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
		QueryRow(ctx context.Context, query string, args ...any) pgx.Row
		SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	}
	common bool // of many writes
	dirty  bool // the database has got something of the write that runs
	puts   []put
	jobs   []river.InsertManyParams
	done   []int64
	begun  struct{ puts, jobs, done int } // how many there were when the write began
}

// put is a statement that nobody waits for.
type put struct {
	query string
	args  []any
}

// begin is before each write, undo after one that failed and is not dirty.
func (t *postgresTx) begin() {
	t.dirty = false
	t.begun.puts, t.begun.jobs, t.begun.done = len(t.puts), len(t.jobs), len(t.done)
}

func (t *postgresTx) undo() {
	t.puts, t.jobs, t.done = t.puts[:t.begun.puts], t.jobs[:t.begun.jobs], t.done[:t.begun.done]
}

// flush sends the statements that wait, and one more if there is one, in one message, and reads the results of those.
func (t *postgresTx) flush(ctx context.Context, query string, args []any) (pgx.BatchResults, error) {
	b := &pgx.Batch{}
	for _, p := range t.puts {
		b.Queue(p.query, p.args...)
	}
	waiting := t.sent()
	if query != "" {
		b.Queue(query, args...)
	}
	results := t.db.SendBatch(ctx, b)
	for range waiting {
		if _, err := results.Exec(); err != nil {
			t.dirty = true // the transaction is over
			_ = results.Close()
			return nil, postgresError(err)
		}
	}
	return results, nil
}

// flushAll sends the statements that wait.
func (t *postgresTx) flushAll(ctx context.Context) error {
	if len(t.puts) == 0 {
		return nil
	}
	results, err := t.flush(ctx, "", nil)
	if err != nil {
		return err
	}
	return results.Close()
}

// most is how many octets a statement of a group has at most: others do not wait for more.
const most = 256 << 10

func (t *postgresTx) put(_ context.Context, query string, args ...any) error {
	for _, a := range args {
		if data, ok := a.([]byte); ok && t.common && len(data) > most {
			return errAlone
		}
	}
	t.puts = append(t.puts, put{query, args})
	return nil
}

func (t *postgresTx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if len(t.puts) == 0 {
		t.dirty = true
		tag, err := t.db.Exec(ctx, query, args...)
		return tag.RowsAffected(), postgresError(err)
	}
	results, err := t.flush(ctx, query, args)
	if err != nil {
		return 0, err
	}
	t.dirty = true
	tag, err := results.Exec()
	if closed := results.Close(); err == nil {
		err = closed
	}
	return tag.RowsAffected(), postgresError(err)
}

const skipLocked = " FOR UPDATE SKIP LOCKED"

func (t *postgresTx) row(ctx context.Context, sql string, args []any, dst ...any) error {
	if len(t.puts) != 0 {
		q := &query{query: sql, args: args, dst: dst}
		if err := t.ask(ctx, q); err != nil {
			return err
		}
		if q.none {
			return errNoRow
		}
		return nil
	}
	err := postgresError(t.db.QueryRow(ctx, sql, args...).Scan(dst...))
	switch {
	case err == nil:
	case !errors.Is(err, errNoRow):
		t.dirty = true // the transaction is over
	case t.common && strings.HasSuffix(sql, skipLocked):
		return errAlone // somebody has it just now, or it is not there: that is found out alone
	}
	return err
}

func (t *postgresTx) ask(ctx context.Context, queries ...*query) error {
	b := &pgx.Batch{}
	for _, p := range t.puts {
		b.Queue(p.query, p.args...)
	}
	waiting := t.sent()
	for _, q := range queries {
		b.Queue(q.query, q.args...)
	}
	results := t.db.SendBatch(ctx, b)
	var err error
	for range waiting {
		if err == nil {
			_, err = results.Exec()
		}
	}
	for _, q := range queries {
		if err == nil {
			err = results.QueryRow().Scan(q.dst...)
			if q.none = errors.Is(err, pgx.ErrNoRows); q.none {
				err = nil
			}
		}
	}
	if closed := results.Close(); err == nil {
		err = closed
	}
	if err != nil {
		t.dirty = true // the transaction is over
		return postgresError(err)
	}
	for _, q := range queries {
		if q.none && t.common && strings.HasSuffix(q.query, skipLocked) {
			return errAlone
		}
	}
	return nil
}

// sent is called for the statements that wait, when they are sent.
func (t *postgresTx) sent() (waiting int) {
	waiting = len(t.puts)
	t.dirty = t.dirty || waiting > t.begun.puts
	t.puts, t.begun.puts = t.puts[:0], 0
	return waiting
}

func (t *postgresTx) rows(ctx context.Context, query string, args []any, each func(scan func(dst ...any) error) error) error {
	if err := t.flushAll(ctx); err != nil {
		return err
	}
	rows, err := t.db.Query(ctx, query, args...)
	if err == nil {
		for err == nil && rows.Next() {
			err = each(rows.Scan)
		}
		rows.Close()
		if err == nil {
			err = rows.Err()
		}
	}
	t.dirty = t.dirty || err != nil
	return postgresError(err)
}

func (t *postgresTx) insert(job river.InsertManyParams) { t.jobs = append(t.jobs, job) }

func (t *postgresTx) complete(_ context.Context, job *rivertype.JobRow) error {
	t.done = append(t.done, job.ID)
	return nil
}

// commit does what was put off, and ends the transaction. Again means that nothing of it has happened.
func (t *postgresTx) commit(ctx context.Context) (again bool, err error) {
	if len(t.done) != 0 {
		slices.Sort(t.done) // so that two transactions take them in one order
		t.puts = append(t.puts, put{`UPDATE river_job SET state = 'completed', finalized_at = now() WHERE id = ANY($1) AND state = 'running'`, []any{t.done}})
	}
	if len(t.puts) != 0 && t.puts[0].query == `BEGIN` {
		if len(t.puts) == 1 || t.common && len(t.puts) == 2 {
			return false, nil // there was nothing to do
		}
	}
	results, err := t.flush(ctx, `COMMIT`, nil)
	var tag pgconn.CommandTag
	if err == nil {
		tag, err = results.Exec()
		if closed := results.Close(); err == nil {
			err = closed
		}
	}
	if err == nil && tag.String() != `COMMIT` {
		return true, pgx.ErrTxCommitRollback
	}
	// When the database says so itself, it has not happened. Else the answer may have been lost.
	e, known := errors.AsType[*pgconn.PgError](err)
	return known && e.Severity == "ERROR" || errors.Is(err, errTwice) || errors.Is(err, errNoTable), err
}

func (t *postgresTx) alone() error {
	if t.common {
		return errAlone
	}
	return nil
}

func (t *postgresTx) locked() string {
	if t.common {
		return skipLocked
	}
	return " FOR UPDATE"
}

func (t *postgresTx) shared() string { return " FOR SHARE" }
