package confirm

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"
)

func TestOutcomes(t *testing.T) {
	all := []outcome{{signature: []byte("s")}, {err: "failed"}, {base: bytes.Repeat([]byte("b"), 300)}, {}}
	data := appendOutcomes(nil, all)
	again, err := parseOutcomes(data)
	require.NoError(t, err)
	require.Equal(t, all, again)
	for i := range data {
		_, err := parseOutcomes(data[:i])
		require.ErrorIs(t, err, errOutcomes, "cut at %d", i)
	}
	_, err = parseOutcomes(append(data, 0))
	require.ErrorIs(t, err, errOutcomes)
}

// FuzzOutcomes reads any octets as results; what is read is written as it was, but for lengths with needless octets.
func FuzzOutcomes(f *testing.F) {
	f.Add(appendOutcomes(nil, []outcome{{signature: []byte("s")}, {err: "failed"}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, in []byte) {
		all, err := parseOutcomes(in)
		if err != nil {
			return
		}
		again, err := parseOutcomes(appendOutcomes(nil, all))
		require.NoError(t, err)
		require.Equal(t, all, again)
	})
}

func TestHeader(t *testing.T) {
	s, err := newSeals(bytes.Repeat([]byte{1}, 32))
	require.NoError(t, err)
	h := &header{Owner: "o", Key: "k", Title: "Contract", Method: Method{Kind: Code, Address: "+7"}, Raises: true, Items: []headerItem{
		{Name: "a.pdf", Size: 1 << 40, Digest: []byte("digest")}, {}, {Name: "\"", Size: -1, Shelf: "b"}}}
	sealed, err := s.sealHeader("id", h)
	require.NoError(t, err)
	again, err := s.openHeader("id", sealed)
	require.NoError(t, err)
	require.Equal(t, h, again)
	data, err := s.open("header", "id", sealed)
	require.NoError(t, err)
	for i := range data {
		_, err := parseHeader(data[:i])
		require.ErrorIs(t, err, errHeader, "cut at %d", i)
	}
	_, err = parseHeader(append(bytes.Clone(data), 0))
	require.ErrorIs(t, err, errHeader)
}

// FuzzHeader reads any octets as a header; what is read is written and read as it was.
func FuzzHeader(f *testing.F) {
	s, err := newSeals(bytes.Repeat([]byte{1}, 32))
	require.NoError(f, err)
	sealed, err := s.sealHeader("id", &header{Owner: "o", Items: []headerItem{{Name: "a", Size: -1, Digest: []byte{1}}, {Shelf: "f"}}})
	require.NoError(f, err)
	f.Add(sealed[32:])
	f.Add([]byte{2, '{', '}', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := parseHeader(in)
		if err != nil {
			return
		}
		sealed, err := s.sealHeader("id", h)
		require.NoError(t, err)
		again, err := s.openHeader("id", sealed)
		require.NoError(t, err)
		require.Equal(t, len(h.Items), len(again.Items))
		for i := range h.Items {
			require.Equal(t, h.Items[i], again.Items[i])
		}
	})
}

// TestSeals: what was sealed for one thing is good for nothing else.
func TestSeals(t *testing.T) {
	_, err := newSeals(make([]byte, 31))
	require.Error(t, err)
	s, err := newSeals(bytes.Repeat([]byte{1}, 32))
	require.NoError(t, err)
	o, err := newSeals(bytes.Repeat([]byte{2}, 32))
	require.NoError(t, err)
	sealed := s.seal("header", "id", []byte("data"))
	data, err := s.open("header", "id", sealed)
	require.NoError(t, err)
	require.Equal(t, "data", string(data))
	for name, f := range map[string]func() ([]byte, error){
		"another kind":   func() ([]byte, error) { return s.open("results", "id", sealed) },
		"another id":     func() ([]byte, error) { return s.open("header", "i", sealed) },
		"moved boundary": func() ([]byte, error) { return s.open("headeri", "d", sealed) },
		"another secret": func() ([]byte, error) { return o.open("header", "id", sealed) },
		"changed":        func() ([]byte, error) { return s.open("header", "id", append(bytes.Clone(sealed), 'x')) },
		"cut":            func() ([]byte, error) { return s.open("header", "id", sealed[:31]) },
		"empty":          func() ([]byte, error) { return s.open("header", "id", nil) },
	} {
		_, err := f()
		require.ErrorIs(t, err, errSeal, name)
	}
	require.NotEqual(t, s.codeOf("id", 1, 2, "3"), s.codeOf("id", 12, 3, ""))
	require.NotEqual(t, s.confirmation("id", sealed), s.of("header", "id", sealed[:32])[:32])
	for range 100 {
		code, err := newCode(4)
		require.NoError(t, err)
		require.Regexp(t, `^\d{4}$`, code)
	}
	require.Equal(t, "123456", plainCode(" 123-4 56\u00a0"))
}

// TestOvertaken: an engine that was stopped for a while, and comes when the operator has had the rest tried again, changes no
// signature that was handed out.
func TestOvertaken(t *testing.T) {
	g := newGrowth(t, filepath.Join(t.TempDir(), "x.db"))
	e, id := g.engine, "01a21ce1-847a-76e5-9ae7-06467e14878c"
	there := []outcome{{signature: []byte("first")}, {err: "failed"}}
	require.NoError(t, e.store.write(t.Context(), func(x tx) error {
		err := x.put(t.Context(), `INSERT INTO signet_operation (id, token, owner, state, created, expires, header) VALUES ($1, $2, 'o', 3, 1, 2, $3)`, id, id, []byte("h"))
		if err == nil {
			err = x.put(t.Context(), `INSERT INTO signet_blob (id, results) VALUES ($1, $2)`, id, e.sealOutcomes(id, there))
		}
		return err
	}))
	open := false
	check := func(all ...outcome) (err error) {
		require.NoError(t, e.store.write(t.Context(), func(x tx) error {
			open, err = e.stillSigning(t.Context(), x, id, all)
			return nil
		}))
		return err
	}
	require.NoError(t, check(outcome{signature: []byte("first")}, outcome{signature: []byte("second")}))
	require.ErrorIs(t, check(outcome{signature: []byte("other")}, outcome{signature: []byte("second")}), errOvertaken)
	require.ErrorIs(t, check(outcome{err: "failed"}, outcome{}), errOvertaken)
	require.True(t, open)
	require.NoError(t, e.store.write(t.Context(), func(x tx) error {
		return x.put(t.Context(), `UPDATE signet_operation SET state = 4 WHERE id = $1`, id)
	}))
	require.NoError(t, check(outcome{signature: []byte("other")}, outcome{}))
	require.False(t, open, "it is over: nothing is written")
}

// TestPatience: a job of what is confirmed goes on when the operation would have failed, had the database taken that.
func TestPatience(t *testing.T) {
	for _, j := range []job{signArgs{}, raiseArgs{}, runArgs{}, handArgs{}} {
		row := &rivertype.JobRow{Attempt: patience, MaxAttempts: insertion(j).InsertOpts.MaxAttempts}
		require.True(t, last(row))
		require.Greater(t, row.MaxAttempts, 1000*patience/2)
		require.Less(t, row.MaxAttempts, 1<<15, "the column is a smallint")
		row.Attempt--
		require.False(t, last(row))
	}
	require.True(t, last(&rivertype.JobRow{Attempt: 6, MaxAttempts: insertion(notifyArgs{}).InsertOpts.MaxAttempts}))
}
