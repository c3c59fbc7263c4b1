package stmtcache_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/seed-116355fd/signet/service/internal/stmtcache"
)

func TestCache(t *testing.T) {
	db := sql.OpenDB(stmtcache.Connector(&sqlite.Driver{}, "file:"+filepath.Join(t.TempDir(), "x.db"), 4))
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err := db.Exec(`CREATE TABLE t (n INTEGER); CREATE TABLE u (n INTEGER)`) // two statements in one text
	require.NoError(t, err)
	_, err = db.Exec(`SELECT * FROM nowhere`)
	require.ErrorContains(t, err, "nowhere")
	tx, err := db.Begin()
	require.NoError(t, err)
	for i := range 10 {
		_, err := tx.Exec(`INSERT INTO t (n) VALUES (?1)`, i)
		require.NoError(t, err)
	}
	// The same statement within its own rows.
	const query = `SELECT n FROM t WHERE n >= ?1 ORDER BY n`
	outer, err := tx.Query(query, 5)
	require.NoError(t, err)
	var sums []int
	for outer.Next() {
		var n, sum int
		require.NoError(t, outer.Scan(&n))
		inner, err := tx.Query(query, n)
		require.NoError(t, err)
		for inner.Next() {
			var m int
			require.NoError(t, inner.Scan(&m))
			sum += m
		}
		require.NoError(t, inner.Err())
		sums = append(sums, sum)
	}
	require.NoError(t, outer.Err())
	require.Equal(t, []int{35, 30, 24, 17, 9}, sums)
	require.NoError(t, tx.Commit())
	// More statements than are kept, and a table that changes under one that is.
	for _, q := range []string{`SELECT 1`, `SELECT 2`, `SELECT 3`, `SELECT 4`, `SELECT 5`, `SELECT 1`} {
		var n int
		require.NoError(t, db.QueryRow(q).Scan(&n))
	}
	_, err = db.Exec(`ALTER TABLE t ADD COLUMN m INTEGER DEFAULT 7`)
	require.NoError(t, err)
	_, err = db.Exec(`INSERT INTO t (n) VALUES (?1)`, 77)
	require.NoError(t, err)
	var m int
	require.NoError(t, db.QueryRow(`SELECT m FROM t WHERE n = 77`).Scan(&m))
	require.Equal(t, 7, m)
	// A statement that fails is used again.
	_, err = db.Exec(`CREATE UNIQUE INDEX u_n ON u (n)`)
	require.NoError(t, err)
	for i := range 3 {
		_, err := db.Exec(`INSERT INTO u (n) VALUES (?1)`, 1)
		require.Equal(t, i > 0, err != nil)
	}
}
