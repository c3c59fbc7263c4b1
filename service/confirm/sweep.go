package confirm

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// sweepEvery is how often what has expired is looked for.
const sweepEvery = 15 * time.Second

// sweepShelf is how often an engine looks for what has expired on the shelf, for which all of it is listed.
const sweepShelf = time.Hour

// sweepMost is how many rows one transaction of a sweep changes, so that others do not wait long.
const sweepMost = 500

// workSweep expires operations that nobody confirmed, and wipes what was kept for long enough.
func (e *Engine) workSweep(ctx context.Context) error {
	now := e.now()
	err := errors.Join(
		e.expire(ctx, now),
		e.wipe(ctx, now),
		e.sweep(ctx, `DELETE FROM signet_operation WHERE id IN (SELECT id FROM signet_operation WHERE finished > 0 AND finished < $1 LIMIT %d)`, now.Add(-e.limits.Forget).UnixMicro()),
		e.sweep(ctx, `DELETE FROM signet_run WHERE id IN (SELECT id FROM signet_run WHERE finished > 0 AND finished < $1 LIMIT %d)`, now.Add(-e.limits.Forget).UnixMicro()),
		e.sweep(ctx, `DELETE FROM signet_count WHERE period > 0 AND period < $1`, now.Unix()/3600-1),
	)
	if last := e.swept.Load(); e.config.Shelf != nil && now.Unix()-last >= int64(sweepShelf/time.Second) && e.swept.CompareAndSwap(last, now.Unix()) {
		err = errors.Join(err, e.config.Shelf.Sweep(ctx))
	}
	return err
}

// wipe deletes what was signed, and the results, of operations that ended long ago.
func (e *Engine) wipe(ctx context.Context, now time.Time) error {
	for {
		var ids []string
		err := e.store.write(ctx, func(t tx) error {
			ids = ids[:0]
			if err := t.alone(); err != nil {
				return err
			}
			err := t.rows(ctx, `SELECT id FROM signet_operation WHERE finished > 0 AND wiped = 0 AND finished < $1 LIMIT $2`+t.locked(),
				[]any{now.Add(-e.limits.Keep).UnixMicro(), sweepMost}, func(scan func(dst ...any) error) error {
					var id string
					err := scan(&id)
					ids = append(ids, id)
					return err
				})
			if err != nil {
				return err
			}
			for _, id := range ids {
				if err := t.put(ctx, `DELETE FROM signet_blob WHERE id = $1`, id); err != nil {
					return err
				}
				if err := t.put(ctx, `UPDATE signet_operation SET wiped = $1 WHERE id = $2`, now.UnixMicro(), id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(ids) < sweepMost {
			return err
		}
	}
}

// sweep repeats a statement of a few rows until there are none left.
func (e *Engine) sweep(ctx context.Context, query string, args ...any) error {
	bounded := false
	if i := len(query); i > 2 && query[i-3:] == "%d)" {
		query, bounded = fmt.Sprintf(query, sweepMost), true
	}
	for {
		var n int64
		err := e.store.write(ctx, func(t tx) (err error) {
			if err := t.alone(); err != nil {
				return err
			}
			n, err = t.exec(ctx, query, args...)
			return err
		})
		if err != nil || !bounded || n < sweepMost {
			return err
		}
	}
}

// expire ends operations that nobody confirmed in time, each with an entry in the log.
func (e *Engine) expire(ctx context.Context, now time.Time) error {
	for {
		var over []*record
		err := e.store.write(ctx, func(t tx) error {
			over = over[:0]
			if err := t.alone(); err != nil {
				return err
			}
			err := t.rows(ctx, `SELECT `+columns+` FROM signet_operation WHERE state <= 2 AND expires < $1 LIMIT $2`+t.locked(), []any{now.UnixMicro(), sweepMost},
				func(scan func(dst ...any) error) error {
					r := &record{}
					over = append(over, r)
					return scan(r.fields()...)
				})
			if err != nil {
				return err
			}
			for _, r := range over {
				if err := t.put(ctx, `UPDATE signet_operation SET state = $1, finished = $2, code = NULL WHERE id = $3`, int(Expired), now.UnixMicro(), r.id); err != nil {
					return err
				}
				if err := dropDrafts(ctx, t, r.id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, r := range over {
			e.changed(r.id)
			if h, err := e.header(r); err == nil {
				if err := e.record(ctx, "expire", r.id, h, "", nil); err != nil {
					return err
				}
			}
		}
		if len(over) < sweepMost {
			return nil
		}
	}
}
