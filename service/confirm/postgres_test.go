package confirm_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/internal/pgtest"
)

// TestPostgres lets three engines share a database: what one begins, another confirms, and a third one polls.
func TestPostgres(t *testing.T) {
	db := pgtest.Start(t)
	w := newWorld(t, func(c *confirm.Config) { c.Database, c.Migrate = db.URL, true })
	engines := []*confirm.Engine{w.engine}
	for range 2 {
		e, err := confirm.New(t.Context(), w.config)
		require.NoError(t, err)
		t.Cleanup(func() { e.Close(context.Background()) })
		engines = append(engines, e)
	}
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			r := request("a", "b")
			r.Method.Address = "+7999000" + string(rune('A'+i))
			op, err := engines[i%3].Begin(t.Context(), r)
			if err != nil {
				t.Error(err)
				return
			}
			op, err = engines[(i+1)%3].Wait(t.Context(), "anna", op.ID, confirm.Preparing)
			if err != nil || op.State != confirm.Awaiting {
				t.Error(op, err)
				return
			}
			code := w.phone.last(r.Method.Address)
			for k := range 3 {
				if _, err := engines[(i+k)%3].Confirm(t.Context(), "anna", op.Token, code); err != nil {
					t.Error(err)
					return
				}
			}
			op, err = engines[(i+2)%3].Wait(t.Context(), "anna", op.ID, confirm.Signing)
			if err != nil || op.State != confirm.Completed {
				t.Error(op, err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 60, w.key.signatures())
	require.NoError(t, w.engine.Ping(t.Context()))
}

// TestTables: a database without tables, or with those of another version, says so.
func TestTables(t *testing.T) {
	db := pgtest.Start(t)
	w := &world{}
	config := newWorld(t).config
	config.Database, config.Keys = db.URL, w
	_, err := confirm.New(t.Context(), config)
	require.ErrorContains(t, err, "--migrate")
	require.NoError(t, confirm.Migrate(t.Context(), db.URL))
	require.NoError(t, confirm.Migrate(t.Context(), db.URL), "twice")
	e, err := confirm.New(t.Context(), config)
	require.NoError(t, err)
	require.NoError(t, e.Close(t.Context()))
}
