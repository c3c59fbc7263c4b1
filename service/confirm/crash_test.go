package confirm

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/sign"
)

// TestLateEngine: an engine that was cut off from the database comes back with what it has signed of an operation that
// another one has ended meanwhile. The results that there are stay.
func TestLateEngine(t *testing.T) {
	e, err := New(t.Context(), Config{Database: filepath.Join(t.TempDir(), "signet.db"), Secret: sign.NewSecret(bytes.Repeat([]byte{7}, 32)), Keys: KeySet(nil)})
	require.NoError(t, err)
	t.Cleanup(func() { e.Close(context.Background()) })
	const id = "00000000-0000-4000-8000-000000000000"
	first := e.sealOutcomes(id, []outcome{{signature: []byte("first")}, {signature: []byte("second")}})
	stored := func() (results []byte) {
		require.NoError(t, e.store.read().row(t.Context(), `SELECT results FROM signet_blob WHERE id = $1`, []any{id}, &results))
		return results
	}
	set := func(state State, results []byte) {
		require.NoError(t, e.store.write(t.Context(), func(tx tx) error {
			if _, err := tx.exec(t.Context(), `INSERT INTO signet_operation (id, token, owner, state, created, expires, header) VALUES ($1, $1, 'anna', $2, 1, 1, $3)
				ON CONFLICT (id) DO UPDATE SET state = EXCLUDED.state`, id, int(state), []byte("sealed")); err != nil {
				return err
			}
			_, err := tx.exec(t.Context(), `INSERT INTO signet_blob (id, results) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET results = EXCLUDED.results`, id, results)
			return err
		}))
	}
	late := []outcome{{base: []byte("another")}, {}}
	for _, over := range []State{Completed, Partial, Failed, Cancelled, Expired} {
		set(over, first)
		require.NoError(t, e.keep(t.Context(), id, late))
		require.Equal(t, first, stored(), over)
	}
	set(Signing, nil)
	require.NoError(t, e.keep(t.Context(), id, late))
	all, err := e.outcomes(t.Context(), e.store.read(), id)
	require.NoError(t, err)
	require.Equal(t, late[0].base, all[0].base, "while it is signed, what there is is kept")
}
