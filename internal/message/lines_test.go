package message_test

import (
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/message"
)

// TestLines changes line ends, however the text comes in.
func TestLines(t *testing.T) {
	for in, want := range map[string][2]string{
		"": {"", ""}, "a": {"a", "a"}, "a\nb\r\nc": {"a\r\nb\r\nc", "a\nb\nc"}, "\r": {"\r", "\r"}, "a\rb\r\r\n": {"a\rb\r\r\n", "a\rb\r\n"},
		"\n\n": {"\r\n\r\n", "\n\n"}, "\r\n": {"\r\n", "\n"},
	} {
		for i, end := range []string{"\r\n", "\n"} {
			for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.DataErrReader(strings.NewReader(in))} {
				got, err := io.ReadAll(message.Lines(r, end))
				require.NoError(t, err)
				require.Equal(t, want[i], string(got), "%q", in)
			}
		}
	}
	_, err := io.ReadAll(message.Lines(iotest.ErrReader(os.ErrClosed), "\n"))
	require.ErrorIs(t, err, os.ErrClosed)
}
