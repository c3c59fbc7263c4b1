package audit_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/audit"
)

// TestTampering: each way to change a log is noticed, at the line where it was done.
func TestTampering(t *testing.T) {
	const n = 10
	for name, o := range map[string]audit.Options{"plain": {}, "with a key": {Key: key}} {
		t.Run(name, func(t *testing.T) {
			v := &audit.VerifyOptions{Key: o.Key}
			whole := written(t, n, o)
			s, err := audit.Verify(bytes.NewReader(bytes.Join(whole, nil)), v)
			require.NoError(t, err)
			require.EqualValues(t, n, s.Records)
			require.Equal(t, hashOf(whole[n-1]), s.LastHash)
			// Another log with other content, so that its lines differ.
			path := filepath.Join(t.TempDir(), "other.log")
			l := open(t, path, o)
			for range n {
				r := record(1)
				r.Principal = "somebody else"
				require.NoError(t, l.Record(t.Context(), r))
			}
			other := lines(t, path)
			change := func(i int, old, by string) [][]byte {
				all := slices.Clone(whole)
				all[i] = bytes.Replace(all[i], []byte(old), []byte(by), 1)
				require.NotEqual(t, whole[i], all[i])
				return all
			}
			// The line at which a change of line i shows when there is no key: the next one, since only that has its hash.
			after := func(line int) int {
				if o.Key != nil {
					return line
				}
				return line + 1
			}
			for name, c := range map[string]struct {
				lines [][]byte
				line  int
			}{
				"changed principal":           {change(4, "billing", "nobody!"), after(5)},
				"changed digest":              {change(4, `"digest":"`, `"digest":"00`), after(5)},
				"changed time":                {change(4, `2026`, `2025`), after(5)},
				"changed number":              {change(4, `"seq":5`, `"seq":6`), 5},
				"changed hash":                {change(4, `"prev":"`, `"prev":"0`), 5},
				"number with a zero":          {change(4, `"seq":5`, `"seq":05`), 5},
				"number with a plus":          {change(4, `"seq":5`, `"seq":+5`), 5},
				"number too large":            {change(4, `"seq":5`, `"seq":55555555555555555555555`), 5},
				"no number":                   {change(4, `"seq":5`, `"seq":`), 5},
				"no JSON":                     {change(4, `}`, ``), 5},
				"a space":                     {change(4, `{"seq"`, `{ "seq"`), 5},
				"removed first":               {slices.Delete(slices.Clone(whole), 0, 0+1), 0},
				"removed":                     {slices.Delete(slices.Clone(whole), 4, 5), 5},
				"removed several":             {slices.Delete(slices.Clone(whole), 4, 8), 5},
				"swapped":                     {swap(whole, 4, 5), 5},
				"put in twice":                {slices.Insert(slices.Clone(whole), 4, whole[3]), 5},
				"put in, of another log":      {slices.Insert(slices.Clone(whole), 4, other[4]), 5},
				"empty line":                  {slices.Insert(slices.Clone(whole), 4, []byte("\n")), 5},
				"two files mixed":             {slices.Concat(whole[:4], other[4:]), 5},
				"begun anew":                  {slices.Concat(whole, whole), n + 1},
				"line feed lost":              {[][]byte{bytes.Join(whole, nil)[:len(bytes.Join(whole, nil))-1]}, n},
				"two lines are one":           {change(4, "\n", " "), 5},
				"carriage return":             {change(4, "\n", "\r\n"), after(5)},
				"octets behind":               {append(slices.Clone(whole), []byte("x")), n + 1},
				"first of all has one before": {change(0, `"prev":"00`, `"prev":"11`), 1},
			} {
				s, err := audit.Verify(bytes.NewReader(bytes.Join(c.lines, nil)), v)
				if c.line == 0 { // the log of a later file: its beginning is not known, and the summary says so
					require.NoError(t, err, name)
					require.EqualValues(t, 2, s.First)
					continue
				}
				require.Nil(t, s, name)
				fault, ok := errors.AsType[*audit.Fault](err)
				require.True(t, ok, "%s: %v", name, err)
				require.Equal(t, c.line, fault.Line, "%s: %s", name, fault.Reason)
				require.NotEmpty(t, fault.Reason)
			}
		})
	}
}

func swap(all [][]byte, i, j int) [][]byte {
	all = slices.Clone(all)
	all[i], all[j] = all[j], all[i]
	return all
}

// TestWrittenAnew: who can write the file can write a chain that is right; only the key finds it out.
func TestWrittenAnew(t *testing.T) {
	forged := bytes.Join(written(t, 5, audit.Options{}), nil)
	_, err := audit.Verify(bytes.NewReader(forged), nil)
	require.NoError(t, err)
	_, err = audit.Verify(bytes.NewReader(forged), &audit.VerifyOptions{Key: key})
	require.ErrorContains(t, err, "line 1: it has no mac")
	forged = bytes.Join(written(t, 5, audit.Options{Key: []byte(strings.Repeat("g", 32))}), nil)
	_, err = audit.Verify(bytes.NewReader(forged), &audit.VerifyOptions{Key: key})
	require.ErrorContains(t, err, "line 1: its mac is wrong")
	// A line that was changed, with the chain behind it made anew and the macs as they were.
	whole := written(t, 3, audit.Options{Key: key})
	whole[1] = bytes.Replace(whole[1], []byte("billing"), []byte("nobody!"), 1)
	whole[2] = bytes.Replace(whole[2], whole[2][len(`{"seq":3,"prev":"`):][:64], []byte(hashOf(whole[1])), 1)
	_, err = audit.Verify(bytes.NewReader(bytes.Join(whole, nil)), nil)
	require.NoError(t, err)
	_, err = audit.Verify(bytes.NewReader(bytes.Join(whole, nil)), &audit.VerifyOptions{Key: key})
	require.ErrorContains(t, err, "line 2: its mac is wrong")
	// The digits of the last mac in upper case: what they are over is as it was, and the record would have another hash.
	whole = written(t, 2, audit.Options{Key: key})
	at := len(whole[1]) - len("\"}\n") - 64
	for _, at := range []int{at, len(`{"seq":2,"prev":"`)} {
		changed := slices.Clone(whole[1])
		copy(changed[at:], bytes.ToUpper(changed[at:at+64]))
		require.NotEqual(t, whole[1], changed)
		_, err = audit.Verify(bytes.NewReader(slices.Concat(whole[0], changed)), &audit.VerifyOptions{Key: key})
		require.ErrorContains(t, err, "line 2: its")
		require.ErrorContains(t, err, "in lower case")
	}
	// The mac does not go to another field.
	moved := bytes.Replace(whole[0], []byte(`,"mac":"`), []byte(`,"Mac":"`), 1)
	_, err = audit.Verify(bytes.NewReader(moved), &audit.VerifyOptions{Key: key})
	require.ErrorContains(t, err, "line 1: it has no mac")
}

// TestCutOff: a log without its end is whole, unless the last hash is known.
func TestCutOff(t *testing.T) {
	whole := written(t, 6, audit.Options{})
	cut := bytes.Join(whole[:4], nil)
	s, err := audit.Verify(bytes.NewReader(cut), nil)
	require.NoError(t, err)
	require.EqualValues(t, 4, s.Records)
	for i, line := range whole {
		o := &audit.VerifyOptions{ExpectLast: strings.ToUpper(hashOf(line))}
		s, err := audit.Verify(bytes.NewReader(bytes.Join(whole, nil)), o)
		require.NoError(t, err)
		require.EqualValues(t, 5-i, s.Behind)
		_, err = audit.Verify(bytes.NewReader(cut), o)
		if i < 4 {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "cut off")
		}
	}
	_, err = audit.Verify(bytes.NewReader(cut), &audit.VerifyOptions{ExpectLast: "12"})
	require.ErrorIs(t, err, audit.ErrInput)
	s, err = audit.Verify(strings.NewReader(""), nil)
	require.NoError(t, err)
	require.Zero(t, s.Records)
	_, err = audit.Verify(strings.NewReader(""), &audit.VerifyOptions{ExpectLast: strings.Repeat("0", 64)})
	require.Error(t, err, "an empty log has not what was expected")
}

// TestRotatedTampering: files that are missing, changed or of another log.
func TestRotatedTampering(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path, audit.Options{Key: key, MaxSize: 2000})
	write(t, l, 20)
	require.NoError(t, l.Close())
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Greater(t, len(files), 3)
	o := &audit.VerifyOptions{Key: key}
	_, last := l.Last()
	s, err := audit.VerifyFiles(files, o)
	require.NoError(t, err)
	require.Equal(t, last, s.LastHash)
	slices.Reverse(files)
	again, err := audit.VerifyFiles(files, o)
	require.NoError(t, err)
	require.Equal(t, s, again, "in any order")
	slices.Sort(files) // audit.log itself, then the first

	_, err = audit.VerifyFiles(slices.Delete(slices.Clone(files), 2, 3), o)
	fault, ok := errors.AsType[*audit.Fault](err)
	require.True(t, ok)
	require.Equal(t, files[3], fault.File, "where one is missing")
	require.Equal(t, 1, fault.Line)
	s, err = audit.VerifyFiles(slices.Delete(slices.Clone(files), 1, 2), o)
	require.NoError(t, err)
	require.Greater(t, s.First, uint64(1), "older ones were put away")
	_, err = audit.VerifyFiles(files[1:], &audit.VerifyOptions{Key: key, ExpectLast: last})
	require.ErrorContains(t, err, "cut off", "the newest one is missing")
	_, err = audit.VerifyFiles(append(slices.Clone(files), files[2]), o)
	require.Error(t, err, "one is given twice")
	data, err := os.ReadFile(files[2])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[2], data[:bytes.LastIndexByte(data[:len(data)-1], '\n')+1], 0o600))
	_, err = audit.VerifyFiles(files, o)
	fault, _ = errors.AsType[*audit.Fault](err)
	require.Equal(t, files[3], fault.File, "its end was cut off")
	require.NoError(t, os.WriteFile(files[2], []byte("no log"), 0o600))
	_, err = audit.VerifyFiles(files, o)
	require.ErrorContains(t, err, files[2]+" line 1")
	_, err = audit.VerifyFiles([]string{filepath.Dir(path)}, o)
	require.Error(t, err)
	_, err = audit.VerifyFiles([]string{path + ".none"}, o)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestLongLine: memory is bound by the longest line that there may be.
func TestLongLine(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(`{"seq":1,"prev":"`), io.LimitReader(zeros{}, 1<<40))
	_, err := audit.Verify(endless, nil)
	require.ErrorContains(t, err, "line 1: it has more than")
	broken := errors.New("the disk is gone")
	_, err = audit.Verify(io.MultiReader(bytes.NewReader(written(t, 1, audit.Options{})[0]), failing{broken}), nil)
	require.ErrorIs(t, err, broken)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	for _, end := range []string{"", "\n", "\r\n"} {
		require.NoError(t, os.WriteFile(path, append(slices.Clone(key), end...), 0o600))
		got, err := audit.KeyFile(path)
		require.NoError(t, err)
		require.Equal(t, key, got)
	}
	require.NoError(t, os.WriteFile(path, []byte("short\n"), 0o600))
	_, err := audit.KeyFile(path)
	require.ErrorContains(t, err, "less than 32")
	require.NotContains(t, err.Error(), "short")
	_, err = audit.KeyFile(path + "x")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzVerify(f *testing.F) {
	whole := written(f, 4, audit.Options{Key: key})
	f.Add(bytes.Join(whole, nil), true)
	f.Add(bytes.Join(written(f, 3, audit.Options{}), nil), false)
	f.Add([]byte(`{"seq":1,"prev":"`+strings.Repeat("0", 64)+`","time":"`+"\"}\n"), false)
	f.Fuzz(func(t *testing.T, data []byte, keyed bool) {
		o := &audit.VerifyOptions{}
		if keyed {
			o.Key = key
		}
		s, err := audit.Verify(bytes.NewReader(data), o)
		if err != nil {
			require.Nil(t, s)
			return
		}
		all := bytes.SplitAfter(data, []byte("\n"))
		require.EqualValues(t, len(all)-1, s.Records)
		require.Empty(t, all[len(all)-1])
		if s.Records > 0 {
			require.Equal(t, hashOf(all[s.Records-1]), s.LastHash)
			require.Equal(t, s.Last-s.First+1, s.Records)
		}
		if keyed && s.Records > 0 && s.First == 1 {
			require.True(t, bytes.HasPrefix(bytes.Join(whole, nil), data), "nobody without the key makes others")
		}
	})
}

// FuzzOpen opens what a crash or somebody has left: what can be opened can be gone on with, and is whole then if it was.
func FuzzOpen(f *testing.F) {
	whole := bytes.Join(written(f, 3, audit.Options{}), nil)
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add(append([]byte{}, whole[10:]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "audit.log")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		end := bytes.LastIndexByte(data, '\n') + 1
		before, wrong := audit.Verify(bytes.NewReader(data[:end]), nil)
		l, err := audit.Open(path, nil)
		if err != nil {
			return
		}
		require.NoError(t, l.Record(t.Context(), record(1)))
		require.NoError(t, l.Close())
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(after, data[:end]), "nothing that was whole is touched")
		if wrong != nil {
			return
		}
		s, err := audit.VerifyFiles([]string{path}, nil)
		require.NoError(t, err)
		torn := uint64(min(1, len(data)-end))
		require.Equal(t, before.Records+1+torn, s.Records)
		require.Equal(t, before.Repairs+torn, s.Repairs)
	})
}
