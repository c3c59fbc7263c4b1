package plain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		"plain text, 100 %":     "plain text, 100 %",
		"Казань 東京 é":           "Казань 東京 é",
		"a\nb\tc\r":             `a\nb\tc\x0d`,
		"\x1b[2J\x07\x7f\x00":   `\x1b[2J\x07\x7f\x00`,
		"x\u202egnp\u200b":      `x\u202egnp\u200b`,
		"bad \xff\xc3 utf8":     `bad \xff\xc3 utf8`,
		"csi \u009b31m":         `csi \u009b31m`,
		"tag \U000e0041":        `tag \U000e0041`,
		`C:\dir`:                `C:\dir`,
		"replacement \ufffd ok": "replacement \ufffd ok",
	} {
		require.Equal(t, want, plain.Text(in))
	}
	require.Equal(t, "äää…", plain.Short("ääääää", 7), "not cut within a character")
	require.Equal(t, "ab", plain.Short("ab", 2))
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		require.Equal(t, want, plain.Count(n))
	}
	require.Equal(t, "1 file", plain.Plural(1, "file"))
	require.Equal(t, "2,000 files", plain.Plural(2000, "file"))
	require.Equal(t, "12,346/s", plain.Rate(12345.6))
	require.Equal(t, "1.5/s", plain.Rate(1.52))
	require.Equal(t, "1.5 GB", plain.Size(1.5e9))
	require.Equal(t, "12 B", plain.Size(12))
	for d, want := range map[time.Duration]string{
		20 * time.Millisecond: "0.02 s", 1500 * time.Millisecond: "1.5 s", 12 * time.Second: "12 s", 150 * time.Second: "2 min 30 s",
		3 * time.Hour: "3 h 00 min",
	} {
		require.Equal(t, want, plain.Duration(d))
	}
}
