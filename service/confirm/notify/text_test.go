package notify

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/sign"
)

func sample() *Message {
	return &Message{
		To: "+79990000000", Code: sign.NewSecret([]byte("003450")), Title: "Contract 17", Files: 3, Digest: "9F86D081884C7D65",
		Expires: time.Date(2026, 11, 27, 14, 5, 0, 0, time.UTC),
	}
}

func TestText(t *testing.T) {
	m := sample()
	require.Equal(t, `Code 003450 to sign "Contract 17", 3 files, digest 9f86d081, until 14:05 UTC.`, m.Text())
	m.Language = "ru"
	m.Title = "Договор № 17"
	require.Equal(t, `Код 003450, подпись «Договор № 17», 3 файла, отпечаток 9f86d081, до 14:05 UTC.`, m.Text())
	m.Code = sign.Secret{}
	m.Link = "https://sign.example/confirm/1"
	require.Equal(t, `Подтвердите подпись «Договор № 17», 3 файла, отпечаток 9f86d081, до 14:05 UTC. https://sign.example/confirm/1`, m.Text())
	m.Language = ""
	require.Equal(t, `Please confirm, to sign "Договор № 17", 3 files, digest 9f86d081, until 14:05 UTC. https://sign.example/confirm/1`, m.Text())
	require.Equal(t, "Please confirm, to sign: 0 files.", (&Message{}).Text())
	require.Equal(t, "Подтвердите подпись: 0 файлов.", (&Message{Language: "ru"}).Text())
}

func TestFiles(t *testing.T) {
	for n, want := range map[int]string{
		-1: "0 файлов", 0: "0 файлов", 1: "1 файл", 2: "2 файла", 4: "4 файла", 5: "5 файлов", 10: "10 файлов", 11: "11 файлов", 12: "12 файлов", 14: "14 файлов",
		20: "20 файлов", 21: "21 файл", 22: "22 файла", 25: "25 файлов", 101: "101 файл", 111: "111 файлов", 112: "112 файлов", 1000: "1000 файлов", 1001: "1001 файл", 10003: "10003 файла",
	} {
		require.Equal(t, want, (&Message{Files: n, Language: "ru"}).files())
	}
	require.Equal(t, "1 file", (&Message{Files: 1}).files())
	require.Equal(t, "2 files", (&Message{Files: 2}).files())
}

func TestHostileTitle(t *testing.T) {
	for title, want := range map[string]string{
		"a\nCode 999999":             "a Code 999999",
		"a\r\n\r\n\tb":               "a b",
		"a\u2028b\u2029c\u0085d":     "a b c d",
		"\u202e000999 edoC\u202c":    "000999 edoC",
		"x\u200b\u200f\ufeffy\u00ad": "xy",
		`", 1 file. Code 1`:          "', 1 file. Code 1",
		"» и «":                      "' и '",
		"  a  ":                      "a",
		"\x1b[2Ja\x00\x7f":           "[2Ja",
		"a\u3164\u3164\u2800b":       "a b",
		"e\u0301\u0301\u0301\u0301":  "e\u0301\u0301",
		"\U000e0041x\ufe0f":          "x",
		"\xff\xfea":                  "a",
		strings.Repeat("я", 100):     strings.Repeat("я", maxTitle-3) + "...",
		strings.Repeat("x", 40):      strings.Repeat("x", 40),
	} {
		require.Equal(t, want, (&Message{Title: title}).title(), "%q", title)
	}
	m := sample()
	m.Title = "a\nCode 999999\u202e"
	m.Digest = "\nCode 1"
	m.Link = "https://x/\nCode 1"
	require.Equal(t, `Code 003450 to sign "a Code 999999", 3 files, until 14:05 UTC.`, m.Text())
}

func FuzzText(f *testing.F) {
	f.Add("Contract", "00ff", "https://x/", "ru")
	f.Fuzz(func(t *testing.T, title, digest, link, language string) {
		m := sample()
		m.Title, m.Digest, m.Link, m.Language = title, digest, link, language
		text := m.Text()
		require.True(t, utf8.ValidString(text))
		require.Less(t, utf8.RuneCountInString(text), 160+3*maxTitle+maxLink)
		require.True(t, strings.HasPrefix(text, "Code 003450 ") || strings.HasPrefix(text, "Код 003450, "))
		for _, r := range text {
			require.True(t, r == ' ' || !unicode.IsControl(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r), "%q", text)
		}
		quotes := strings.Count(text, `"`) + strings.Count(text, "«") + strings.Count(text, "»") - strings.Count(m.link(), `"`)
		require.Contains(t, []int{0, 2}, quotes, "%q", text)
	})
}

func TestTerminal(t *testing.T) {
	var b bytes.Buffer
	n := NewTerminal(&b)
	m := sample()
	m.To = "anna\x1b]0;x\n"
	require.NoError(t, n.Notify(t.Context(), m))
	require.Equal(t, "anna ]0;x: "+m.Text()+"\n", b.String())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, n.Notify(ctx, m), context.Canceled)
	b.Reset()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { _ = n.Notify(t.Context(), m) })
	}
	all.Wait()
	for line := range strings.Lines(b.String()) {
		require.Equal(t, "anna ]0;x: "+m.Text()+"\n", line)
	}
	require.Equal(t, 20, strings.Count(b.String(), "\n"))
}
