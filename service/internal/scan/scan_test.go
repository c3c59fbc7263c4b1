package scan_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/internal/scan"
)

// sink keeps what it takes.
type sink struct {
	data  []byte
	room  []byte
	fails error
}

func (s *sink) Room(n int) ([]byte, error) {
	if s.fails != nil {
		return nil, s.fails
	}
	s.room = make([]byte, n)
	return s.room, nil
}

func (s *sink) Took(n int) error {
	s.data = append(s.data, s.room[:n]...)
	return nil
}

// chunks gives a text in pieces of random sizes, so that every token is cut somewhere.
func chunks(seed uint64, text []byte) io.Reader {
	r := rand.New(rand.NewPCG(seed, 1))
	return readerFunc(func(p []byte) (int, error) {
		if len(text) == 0 {
			return 0, io.EOF
		}
		n := copy(p, text[:1+r.IntN(min(len(text), 1+r.IntN(40)))])
		text = text[n:]
		return n, nil
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// one decodes a string that is a whole text.
func one(r io.Reader) (data []byte, bad, err error) {
	s := scan.New(r)
	defer s.Close()
	var out sink
	if bad, err = s.Base64(&out); err == nil {
		err = s.End()
	}
	return out.data, bad, err
}

func TestBase64(t *testing.T) {
	long := make([]byte, 400_001) // more than the buffer
	for i := range long {
		long[i] = byte(rand.Uint32())
	}
	longText := base64.StdEncoding.EncodeToString(long)
	broken := func(text, at string) string { // line breaks as some encoders put them
		var b strings.Builder
		for len(text) > 76 {
			b.WriteString(text[:76] + at)
			text = text[76:]
		}
		return b.String() + text + at
	}
	for name, c := range map[string]struct {
		json string
		want string
		bad  string // part of what is wrong with the value
		err  string // part of what is wrong with the text
	}{
		"empty":                              {json: `""`},
		"one":                                {json: `"YQ=="`, want: "a"},
		"two":                                {json: `"YWI="`, want: "ab"},
		"three":                              {json: `"YWJj"`, want: "abc"},
		"white space before":                 {json: " \r\n\t\"YWJj\" \n", want: "abc"},
		"long":                               {json: `"` + longText + `"`, want: string(long)},
		"long, lines":                        {json: `"` + broken(longText, `\r\n`) + `"`, want: string(long)},
		"long, escaped plus":                 {json: `"` + strings.ReplaceAll(longText, "+", `\u002B`) + `"`, want: string(long)},
		"long, escaped slash":                {json: `"` + strings.ReplaceAll(longText, "/", `\/`) + `"`, want: string(long)},
		"everything escaped":                 {json: `"\u0059\u0057\u004a\u006A"`, want: "abc"},
		"spaces":                             {json: `"YW Jj\t"`, want: "abc"},
		"line feed at the end":               {json: `"YWI=\n"`, want: "ab"},
		"line feeds alone":                   {json: `"\n\n\n\n"`},
		"line feed in the padding":           {json: `"YQ=\n="`, want: "a"},
		"null":                               {json: `null`, bad: "it is null"},
		"number":                             {json: `-1.5e3`, bad: "it is a number"},
		"true":                               {json: `true`, bad: "it is true or false"},
		"object":                             {json: `{"a":[1,{"b":"c"}]}`, bad: "it is an object"},
		"array of octets":                    {json: `[65,66]`, bad: "it is an array"},
		"url alphabet":                       {json: `"-_-_"`, bad: "base64url"},
		"url alphabet, long":                 {json: `"` + strings.NewReplacer("+", "-", "/", "_").Replace(longText) + `"`, bad: "base64url"},
		"no padding":                         {json: `"YQ"`, bad: "multiple of four"},
		"one character":                      {json: `"Y"`, bad: "multiple of four"},
		"half a padding":                     {json: `"YQ="`, bad: "multiple of four"},
		"padding alone":                      {json: `"===="`, bad: "padding"},
		"text behind the padding":            {json: `"YQ==YWJj"`, bad: "padding"},
		"the same, long":                     {json: `"` + longText + "YQ==" + longText + `"`, bad: "padding"},
		"padding in the middle":              {json: `"Y=Jj"`, bad: "padding"},
		"text behind the padding, slowly":    {json: `"\n` + longText[:4094] + `==YWJj"`, bad: "padding"},
		"padding behind the padding, slowly": {json: `"\n` + longText[:4094] + `==="`, bad: "padding"},
		"foreign character":                  {json: `"YWJ*"`, bad: `'*'`},
		"escaped quotation mark":             {json: `"YWJ\""`, bad: `'"'`},
		"escaped zero":                       {json: `"YWJ\u0000"`, bad: `'\x00'`},
		"beyond ASCII":                       {json: `"YWJ` + "\u00e9" + `"`, bad: "not base64"},
		"not UTF-8":                          {json: "\"YWJ\xff\"", bad: "not base64"},
		"raw line feed":                      {json: "\"YWJj\nYWJj\"", err: "control character"},
		"raw line feed, long":                {json: `"` + longText[:1000] + "\n" + longText[1000:] + `"`, err: "control character"},
		"four raw line feeds":                {json: "\"YWJj\n\n\n\n\"", err: "control character"},
		"escape that is none":                {json: `"YWJ\x"`, err: "an escape that is none"},
		"digits that are none":               {json: `"YWJ\u00g0"`, err: "an escape that is none"},
		"surrogate alone":                    {json: `"YWJ\uD800x"`, err: "half of a surrogate pair"},
		"no end":                             {json: `"YWJj`, err: "ends in the middle"},
		"no end, long":                       {json: `"` + longText, err: "ends in the middle"},
		"cut in an escape":                   {json: `"YWJj\u00`, err: "ends in the middle"},
		"two values":                         {json: `"YWJj" "YWJj"`, want: "abc", err: "behind the end"},
		"a word":                             {json: `nul`, err: "null"},
		"nothing":                            {json: ``, err: "ends in the middle"},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"at once":         strings.NewReader(c.json),
				"octet by octet":  iotest.OneByteReader(strings.NewReader(c.json)),
				"in pieces":       chunks(7, []byte(c.json)),
				"data with error": iotest.DataErrReader(strings.NewReader(c.json)),
			} {
				data, bad, err := one(r)
				if c.err != "" {
					require.ErrorContains(t, err, c.err, how)
					var syntax *scan.SyntaxError
					require.ErrorAs(t, err, &syntax, how)
					continue
				}
				require.NoError(t, err, how)
				if c.bad != "" {
					require.ErrorContains(t, bad, c.bad, how)
					continue
				}
				require.NoError(t, bad, how)
				require.Equal(t, []byte(c.want), append([]byte{}, data...), how)
			}
		})
	}
}

// TestSourceFails hands on the error of the source as it is, wherever it comes.
func TestSourceFails(t *testing.T) {
	broken := errors.New("the line is dead")
	for _, text := range []string{``, `"YW`, `"YWJ\`, `"YWJ\u0`, `nul`, `12`, `-`, `[1,`, `{"a`, `{"a":`, "  ", `"\uD800`} {
		_, _, err := one(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)))
		require.ErrorIs(t, err, broken, text)
	}
}

// TestSinkFails is the fault of the value; the text goes on.
func TestSinkFails(t *testing.T) {
	full := errors.New("full")
	for _, text := range []string{"YWJj", strings.Repeat("YWJj", 200_000), strings.Repeat(`YWJj\n`, 200_000)} {
		s := scan.New(strings.NewReader(`["` + text + `","YWJj"]`))
		require.NoError(t, s.Begin('['))
		more, err := s.Next(true, ']')
		require.NoError(t, err)
		require.True(t, more)
		bad, err := s.Base64(&sink{fails: full})
		require.NoError(t, err)
		require.ErrorIs(t, bad, full)
		more, err = s.Next(false, ']')
		require.NoError(t, err)
		require.True(t, more)
		var out sink
		bad, err = s.Base64(&out)
		require.NoError(t, errors.Join(bad, err))
		require.Equal(t, "abc", string(out.data))
		s.Close()
	}
}

// TestSkip agrees with encoding/json about what JSON is.
func TestSkip(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, text := range []string{
		`0`, `-0`, `1.5`, `1e9`, `1E+9`, `1e-9`, `01`, `1.`, `.5`, `+1`, `-`, `1e`, `1e+`, `--1`, `0x1`, `Infinity`, `NaN`, `1 2`,
		`true`, `false`, `null`, `tru`, `truex`, `True`, `""`, `"a\"b"`, `"\u12"`, "\"\x01\"", `"\v"`, `'a'`,
		`[]`, `[1]`, `[1,2]`, `[1,]`, `[,1]`, `[1 2]`, `[`, `]`, `[1`, `[}`, `{}`, `{"a":1}`, `{"a":1,"b":[{}]}`, `{"a":1,}`, `{"a"}`, `{a:1}`, `{"a":}`,
		`{"a" 1}`, `{"a":1 "b":2}`, `{1:2}`, `{`, `}`, `{"a":[}`, deep(scan.MaxDepth), `[[[[1],[2,{"x":[null]}]]]]`, "", " ", "[1]x", "\ufeff1",
	} {
		s := scan.New(chunks(3, []byte(text)))
		err := s.Skip()
		if err == nil {
			err = s.End()
		}
		require.Equal(t, json.Valid([]byte(text)), err == nil, "%s: %v", text, err)
		s.Close()
	}
	for _, text := range []string{deep(scan.MaxDepth + 1), strings.Repeat(`{"a":`, scan.MaxDepth+1), strings.Repeat("[", 1_000_000)} {
		require.ErrorContains(t, skip(text), "levels of nesting")
	}
	require.ErrorContains(t, skip(strings.Repeat("1", scan.MaxNumber+2)), "a number of more than")
	require.ErrorContains(t, skip(`{"`+strings.Repeat("a", scan.MaxString+1)+`":1}`), "more than")
}

func skip(text string) error {
	s := scan.New(strings.NewReader(text))
	defer s.Close()
	return s.Skip()
}

func TestText(t *testing.T) {
	s := scan.New(iotest.OneByteReader(strings.NewReader("\ufeff {\"a\\u00e9\\ud83d\\ude00\" : \"\\b\\f\\n\\r\\t\\/\\\\\\\"\" , \"b\": null, \"c\":true,\"d\":false, \"e\":null}  ")))
	defer s.Close()
	s.BOM()
	require.NoError(t, s.Begin('{'))
	next := func(first bool, name string) {
		more, err := s.Next(first, '}')
		require.NoError(t, err)
		require.True(t, more)
		got, err := s.Name()
		require.NoError(t, err)
		require.Equal(t, name, string(got))
	}
	next(true, "a\u00e9\U0001f600")
	text, ok, err := s.String()
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "\b\f\n\r\t/\\\"", text)
	next(false, "b")
	text, ok, err = s.String()
	require.NoError(t, err)
	require.False(t, ok)
	require.Empty(t, text)
	for i, want := range []bool{true, false} {
		next(false, string(rune('c'+i)))
		value, ok, err := s.Bool()
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, want, value)
	}
	next(false, "e")
	_, ok, err = s.Bool()
	require.NoError(t, err)
	require.False(t, ok)
	more, err := s.Next(false, '}')
	require.NoError(t, err)
	require.False(t, more)
	require.NoError(t, s.End())
}

// TestWrongKinds tells what stands where something else should.
func TestWrongKinds(t *testing.T) {
	for text, call := range map[string]func(*scan.Scanner) error{
		`1`:                 func(s *scan.Scanner) error { _, _, err := s.String(); return err },
		`"a"`:               func(s *scan.Scanner) error { _, _, err := s.Bool(); return err },
		`[`:                 func(s *scan.Scanner) error { return s.Begin('{') },
		`x`:                 func(s *scan.Scanner) error { _, err := s.Name(); return err },
		`"a"x`:              func(s *scan.Scanner) error { _, err := s.Name(); return err },
		"\"\xff\"":          func(s *scan.Scanner) error { _, _, err := s.String(); return err },
		`tomato`:            func(s *scan.Scanner) error { _, _, err := s.Bool(); return err },
		`"a":`[:3] + "\x00": func(s *scan.Scanner) error { _, err := s.Name(); return err },
	} {
		s := scan.New(strings.NewReader(text))
		var syntax *scan.SyntaxError
		require.ErrorAs(t, call(s), &syntax, text)
		s.Close()
	}
}

// TestLines goes on with the next line, whatever is wrong with one.
func TestLines(t *testing.T) {
	text := "\n  \r\n{\"a\":\"YWJj\"}\r\n{\"a\":\"YW\n{\"a\":\"ZGVm\"} x\n\n{\"a\":{\"b\":[1,\n2]}}\n{\"a\":\"Z2hp\"}"
	for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), chunks(9, []byte(text))} {
		s := scan.NewLines(r)
		var got []string
		for first := true; ; first = false {
			more, err := s.NextLine(first)
			require.NoError(t, err)
			if !more {
				break
			}
			got = append(got, readLine(s))
		}
		s.Close()
		require.Equal(t, []string{
			"abc",
			"not valid JSON at octet 27: a control character in a string",
			"not valid JSON at octet 41: 'x' behind the end of the object",
			"not valid JSON at octet 57: the end of the line instead of a value",
			"not valid JSON at octet 58: a number instead of an object",
			"ghi",
		}, got)
	}
}

func readLine(s *scan.Scanner) string {
	if err := s.Begin('{'); err != nil {
		return err.Error()
	}
	if _, err := s.Next(true, '}'); err != nil {
		return err.Error()
	}
	if _, err := s.Name(); err != nil {
		return err.Error()
	}
	var out sink
	if bad, err := s.Base64(&out); err != nil {
		return err.Error()
	} else if bad != nil {
		return bad.Error()
	}
	if _, err := s.Next(false, '}'); err != nil {
		return err.Error()
	}
	if err := s.EndLine(); err != nil {
		return err.Error()
	}
	return string(out.data)
}

// FuzzBase64 compares with encoding/json and encoding/base64, in pieces of all sizes.
func FuzzBase64(f *testing.F) {
	for _, text := range []string{`"YWJj"`, `"YQ=="`, `"YQ\n=="`, `"\u0059Q=="`, `"Y"`, `null`, `[1,{"a":"b"}]`, `"YQ==YQ=="`, "\"a\nb\"", `"\/\/\/\/"`, `-1.5e`, `"====`, `1E999`} {
		f.Add([]byte(text), uint64(1))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		data, bad, err := one(chunks(seed, text))
		whole, bad2, err2 := one(bytes.NewReader(text))
		require.Equal(t, err == nil, err2 == nil)
		require.Equal(t, bad == nil, bad2 == nil)
		if err == nil && bad == nil {
			require.Equal(t, data, whole)
		}
		if !json.Valid(text) {
			require.Error(t, err)
			return
		}
		if err != nil { // stricter in depth, in long names and numbers, and about surrogates and UTF-8
			require.Regexp(t, "levels of nesting|more than|surrogate|UTF-8", err.Error())
			return
		}
		var value any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber() // 1e999 is JSON, and no float64
		require.NoError(t, d.Decode(&value))
		str, ok := value.(string)
		if !ok {
			require.Error(t, bad)
			return
		}
		if !utf8.Valid(text) || strings.ContainsRune(str, utf8.RuneError) {
			require.Error(t, bad)
			return
		}
		want, err := base64.StdEncoding.DecodeString(strings.NewReplacer(" ", "", "\t", "").Replace(str))
		require.Equal(t, err == nil, bad == nil, "%v %v", err, bad)
		if err == nil {
			require.Equal(t, want, append([]byte{}, data...))
		}
	})
}
