package audit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/audit"
)

var key = []byte(strings.Repeat("k", audit.MinKey))

func moment() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC) }

func open(t testing.TB, path string, o audit.Options) *audit.Log {
	t.Helper()
	if o.Clock == nil {
		o.Clock = moment
	}
	l, err := audit.Open(path, &o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// record is a record of n items.
func record(n int) *audit.Record {
	r := &audit.Record{Event: "sign", RequestID: "0HMLN2KKRM6E3:00000002", Principal: "billing", Remote: "192.0.2.7:4711", Endpoint: "POST /v2/sign",
		Key: "seal", Thumbprint: strings.Repeat("9F", 20), Level: "bes", Hash: "SHA-256"}
	for i := range n {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		r.Items = append(r.Items, audit.Item{Index: i, Name: fmt.Sprint("invoice-", i, ".xml"), Digest: sum[:]})
	}
	return r
}

func write(t testing.TB, l *audit.Log, n int) {
	t.Helper()
	for range n {
		require.NoError(t, l.Record(t.Context(), record(2)))
	}
}

// written makes a log of n records and returns its lines.
func written(t testing.TB, n int, o audit.Options) [][]byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path, o)
	write(t, l, n)
	require.NoError(t, l.Close())
	return lines(t, path)
}

func lines(t testing.TB, path string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	all := bytes.SplitAfter(data, []byte("\n"))
	require.Empty(t, all[len(all)-1], "the file ends with a whole line")
	return all[:len(all)-1]
}

func hashOf(line []byte) string {
	sum := sha256.Sum256(bytes.TrimSuffix(line, []byte("\n")))
	return hex.EncodeToString(sum[:])
}

func TestRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path, audit.Options{})
	r := record(2)
	r.Items[1] = audit.Item{Index: 1, Err: "it is not base64"}
	r.Attached, r.Detail = true, "x"
	require.NoError(t, l.Record(t.Context(), r))
	require.NoError(t, l.Record(t.Context(), &audit.Record{Time: time.Date(2020, 1, 1, 3, 0, 0, 0, time.FixedZone("", 3600)), Event: "start"}))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	all := lines(t, path)
	require.Len(t, all, 2)
	require.Equal(t, `{"seq":1,"prev":"`+strings.Repeat("0", 64)+`","time":"2026-03-01T12:00:00.123456Z","event":"sign","request":"0HMLN2KKRM6E3:00000002",`+
		`"principal":"billing","remote":"192.0.2.7:4711","endpoint":"POST /v2/sign","key":"seal","thumbprint":"`+strings.Repeat("9F", 20)+`","level":"bes","hash":"SHA-256",`+
		`"detail":"x","attached":true,"items":[{"i":0,"name":"invoice-0.xml","digest":"`+fmt.Sprintf("%x", r.Items[0].Digest)+`"},{"i":1,"error":"it is not base64"}]}`+"\n", string(all[0]))
	require.Equal(t, `{"seq":2,"prev":"`+hashOf(all[0])+`","time":"2020-01-01T02:00:00.000000Z","event":"start"}`+"\n", string(all[1]))
	seq, hash := l.Last()
	require.EqualValues(t, 2, seq)
	require.Equal(t, hashOf(all[1]), hash)
	require.True(t, r.Time.IsZero(), "what the caller has is left alone")
	// The file can be checked while it is written.
	s, err := audit.VerifyFiles([]string{path}, nil)
	require.NoError(t, err)
	require.Equal(t, &audit.Summary{Records: 2, First: 1, Last: 2, LastHash: hash}, s)
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	require.Error(t, l.Record(t.Context(), r))
	require.Error(t, l.Err())
}

// TestTextOfStrangers: whatever names are, a line stays one line of valid JSON in which nothing acts on a terminal.
func TestTextOfStrangers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path, audit.Options{Key: key})
	var everything strings.Builder
	for r := rune(0); r < 0x3000; r++ {
		everything.WriteRune(r)
	}
	names := []string{
		"a\nb", `","error":"x`, `\`, "\x00\x1b[2J\x7f\u009b31m", "\xff\xfe\xc0\x80", "\u202egnp.exe\u2066", "\u2028\u2029", "Ünïcödé ✓ 日本 😀", "\U000e0041\U0010ffff",
		strings.Repeat("é", 1000), strings.Repeat("a", 1<<20), strings.Repeat("\xff", 5000), "\ufffd", "a" + strings.Repeat("😀", 500), "\xed\xa0\x80",
	}
	for s := everything.String(); s != ""; {
		n := min(len(s), 400)
		for n < len(s) && !utf8.RuneStart(s[n]) {
			n++
		}
		names, s = append(names, s[:n]), s[n:]
	}
	for _, name := range names {
		r := record(1)
		r.Items[0].Name, r.Items[0].Err, r.Principal, r.RequestID, r.Detail = name, name, name, name, name
		require.NoError(t, l.Record(t.Context(), r))
	}
	all := lines(t, path)
	require.Len(t, all, len(names))
	for i, line := range all {
		var back struct {
			Principal string
			Items     []struct{ Name, Error string }
		}
		require.NoError(t, json.Unmarshal(line, &back))
		require.True(t, utf8.Valid(line))
		for _, r := range string(line[:len(line)-1]) {
			require.False(t, r < ' ' || r >= 0x7F && r < 0xA0 || r >= 0x2028 && r <= 0x202E || r >= 0x2066 && r <= 0x2069, "%q in %q", r, names[i])
		}
		want := strings.ToValidUTF8(names[i], "\ufffd")
		if len(names[i]) <= 512 && utf8.ValidString(names[i]) {
			require.Equal(t, want, back.Items[0].Name)
			require.Equal(t, want, back.Principal)
		} else if len(names[i]) > 512 {
			require.True(t, strings.HasSuffix(back.Items[0].Name, "…"))
			require.Less(t, len(line), 32<<10)
		}
	}
	_, err := audit.VerifyFiles([]string{path}, &audit.VerifyOptions{Key: key})
	require.NoError(t, err)
}

// TestLargeRecord: a request of very many contents is several lines, none too long to be read again.
func TestLargeRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path, audit.Options{})
	r := record(1200)
	for i := range r.Items {
		r.Items[i].Name, r.Items[i].Err = strings.Repeat("\x01", 5000), strings.Repeat("\x02", 5000)
		r.Items[i].Digest = make([]byte, 1<<16)
	}
	require.NoError(t, l.Record(t.Context(), r))
	all := lines(t, path)
	require.Len(t, all, 3)
	for _, line := range all {
		require.LessOrEqual(t, len(line), audit.MaxLine)
	}
	require.NoError(t, l.Close())
	l = open(t, path, audit.Options{})
	write(t, l, 1)
	s, err := audit.VerifyFiles([]string{path}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 4, s.Records)
}

// TestReopened: the chain goes on.
func TestReopened(t *testing.T) {
	for name, o := range map[string]audit.Options{
		"plain": {}, "with a key": {Key: key}, "synced": {Sync: audit.SyncAlways}, "now and then": {Sync: audit.SyncInterval, Interval: time.Millisecond}, "rotated": {MaxSize: 2000}, "rotated and synced": {Key: key, MaxSize: 1, Sync: audit.SyncAlways},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "audit.log")
			for range 4 {
				l := open(t, path, o)
				write(t, l, 5)
				require.NoError(t, l.Close())
			}
			files, err := filepath.Glob(path + "*")
			require.NoError(t, err)
			if o.MaxSize == 0 {
				require.Len(t, files, 1)
			}
			if o.MaxSize == 1 {
				require.Len(t, files, 20)
				require.FileExists(t, path+".000000000019")
			}
			s, err := audit.VerifyFiles(files, &audit.VerifyOptions{Key: o.Key})
			require.NoError(t, err)
			require.EqualValues(t, 20, s.Records)
			require.Equal(t, o.Key != nil, s.MAC)
			for _, f := range files {
				info, err := os.Stat(f)
				require.NoError(t, err)
				require.EqualValues(t, 0o600, info.Mode().Perm())
				if o.MaxSize > 1 {
					require.LessOrEqual(t, info.Size(), o.MaxSize)
				}
			}
		})
	}
}

// TestRotationInterrupted: the old file was renamed, and then the process ended: the new one goes on behind it.
func TestRotationInterrupted(t *testing.T) {
	for _, empty := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "audit.log")
		l := open(t, path, audit.Options{})
		write(t, l, 3)
		require.NoError(t, l.Close())
		require.NoError(t, os.Rename(path, path+".000000000001"))
		if empty {
			require.NoError(t, os.WriteFile(path, nil, 0o600))
		}
		l = open(t, path, audit.Options{MaxSize: 1})
		write(t, l, 2)
		require.NoError(t, l.Close())
		files, err := filepath.Glob(path + "*")
		require.NoError(t, err)
		require.Len(t, files, 3)
		s, err := audit.VerifyFiles(files, nil)
		require.NoError(t, err)
		require.EqualValues(t, 5, s.Records)
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.WriteFile(path+".000000000004", []byte("x"), 0o600))
		_, err = audit.Open(path, nil)
		require.ErrorContains(t, err, ".000000000004")
	}
}

// TestGroupCommit: many who wait at once are all written, in a chain.
func TestGroupCommit(t *testing.T) {
	for _, o := range []audit.Options{{Sync: audit.SyncAlways}, {Sync: audit.SyncAlways, MaxSize: 3000}, {}} {
		path := filepath.Join(t.TempDir(), "audit.log")
		l := open(t, path, o)
		var wait sync.WaitGroup
		errs := make(chan error, 16*20)
		for range 16 {
			wait.Go(func() {
				for range 20 {
					errs <- l.Record(context.Background(), record(3))
				}
			})
		}
		wait.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		require.NoError(t, l.Close())
		files, err := filepath.Glob(path + "*")
		require.NoError(t, err)
		s, err := audit.VerifyFiles(files, nil)
		require.NoError(t, err)
		require.EqualValues(t, 16*20, s.Records)
	}
}

// TestContextEnded: what has happened is recorded, also for a client that went away.
func TestContextEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path, audit.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, l.Record(ctx, record(1)))
	require.Len(t, lines(t, path), 1)
}

func TestOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path, audit.Options{MaxSize: 1})
	write(t, l, 3) // the file is another one than at first
	_, err := audit.Open(path, nil)
	require.ErrorContains(t, err, "another process writes")
	require.NoError(t, l.Close())
	open(t, path, audit.Options{})
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	_, err := audit.Open(filepath.Join(dir, "none", "audit.log"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = audit.Open(filepath.Join(dir, "audit.log"), &audit.Options{Key: []byte("short")})
	require.ErrorContains(t, err, "less than 32 octets")
	_, err = audit.Open(filepath.Join(dir, "audit.log"), &audit.Options{Sync: 7})
	require.Error(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	_, err = audit.Open(filepath.Join(dir, "folder"), nil)
	require.Error(t, err)
	plain, keyed := written(t, 3, audit.Options{}), written(t, 3, audit.Options{Key: key})
	for says, c := range map[string]struct {
		data []byte
		key  []byte
	}{
		"as this log writes it":     {[]byte("hello\n"), nil},
		"was written without the":   {bytes.Join(plain, nil), key},
		"was written with a key":    {bytes.Join(keyed, nil), nil},
		"its mac is wrong":          {bytes.Join(keyed, nil), []byte(strings.Repeat("x", 32))},
		"3 was to come":             {bytes.Join([][]byte{plain[0], plain[1], plain[0]}, nil), nil},
		"does not go with the line": {bytes.Join([][]byte{plain[0], bytes.Replace(plain[1], []byte("billing"), []byte("nobody"), 1), plain[2]}, nil), nil},
		"has no end":                {bytes.Repeat([]byte("a"), 10*audit.MaxLine), nil},
		"not valid JSON":            {append(append([]byte{}, plain[0][:len(plain[0])-3]...), '\n'), nil},
	} {
		path := filepath.Join(t.TempDir(), "audit.log")
		require.NoError(t, os.WriteFile(path, c.data, 0o600))
		_, err := audit.Open(path, &audit.Options{Key: c.key})
		require.ErrorContains(t, err, says)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, c.data, after, "nothing is done to it")
		require.NoError(t, os.Remove(path))
		open(t, path, audit.Options{}) // and the lock was given back
	}
}

// TestTornLine: what a crash has left is kept aside, and a record says so.
func TestTornLine(t *testing.T) {
	whole := written(t, 3, audit.Options{Key: key})
	for _, torn := range [][]byte{whole[2][:len(whole[2])-1], whole[2][:50], []byte("{"), make([]byte, 5000)} {
		path := filepath.Join(t.TempDir(), "audit.log")
		require.NoError(t, os.WriteFile(path, append(bytes.Join(whole[:2], nil), torn...), 0o600))
		_, err := audit.VerifyFiles([]string{path}, nil)
		require.ErrorContains(t, err, "line 3: it has no line end")
		l := open(t, path, audit.Options{Key: key, Sync: audit.SyncAlways})
		write(t, l, 1)
		require.NoError(t, l.Close())
		aside, err := os.ReadFile(filepath.Join(filepath.Dir(path), "torn.audit.log.3"))
		require.NoError(t, err)
		require.Equal(t, torn, aside)
		all := lines(t, path)
		require.Len(t, all, 4)
		require.Contains(t, string(all[2]), `"event":"repair"`)
		require.Contains(t, string(all[2]), fmt.Sprintf("%d octets of a torn line were moved to torn.audit.log.3, SHA-256 %x", len(torn), sha256.Sum256(torn)))
		s, err := audit.VerifyFiles([]string{path}, &audit.VerifyOptions{Key: key})
		require.NoError(t, err)
		require.EqualValues(t, 1, s.Repairs)
	}
	// The very first line, twice: neither hides the other.
	path := filepath.Join(t.TempDir(), "audit.log")
	for i := range 2 {
		require.NoError(t, os.WriteFile(path, []byte("{torn"), 0o600))
		l := open(t, path, audit.Options{})
		require.NoError(t, l.Close())
		require.Len(t, lines(t, path), 1)
		torn, err := filepath.Glob(filepath.Join(filepath.Dir(path), "torn.*"))
		require.NoError(t, err)
		require.Len(t, torn, i+1)
	}
}

func BenchmarkRecord(b *testing.B) {
	for _, n := range []int{1, 100} {
		for name, o := range map[string]audit.Options{"plain": {}, "key": {Key: key}} {
			b.Run(fmt.Sprint(n, "/", name), func(b *testing.B) {
				l, err := audit.Open(filepath.Join(b.TempDir(), "audit.log"), &o)
				require.NoError(b, err)
				defer func() { _ = l.Close() }()
				r := record(n)
				b.ReportAllocs()
				for b.Loop() {
					if err := l.Record(context.Background(), r); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestOpenFolder refuses what cannot be a file, and leaves nothing behind.
func TestOpenFolder(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, path := range []string{"", ".", "..", dir} {
		_, err := audit.Open(path, nil)
		require.ErrorContains(t, err, "is not a file")
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}
