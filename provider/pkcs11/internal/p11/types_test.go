package p11

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestText: fields are filled with blanks, with zeros, or with whatever was there behind the first zero.
func TestText(t *testing.T) {
	for field, want := range map[string]string{
		"label   ": "label", "label\x00\x00\x00": "label", "label\x00old": "label", "label  \x00 x": "label", "": "", "\x00\x00": "",
		"two words  ": "two words", "\xff": "?",
	} {
		require.Equal(t, want, text([]byte(field)), "%q", field)
	}
}

// TestTelling: serial numbers that are numbers and not text are told apart, and text that ends in one way or the other is the same.
func TestTelling(t *testing.T) {
	for field, want := range map[string]string{
		"0123   ": "0123", "0123\x00\x00\x00": "0123", "0123\x00old": "0123", "0123 \x00 x": "0123", "": "", "\x00\x00": "", "    ": "",
		"\x00\x01\x02": "\x00\x01\x02", "\x00\x01\x03\x00": "\x00\x01\x03", "\xfe\xff": "\xfe\xff", "\x12\x00\x34": "\x12\x00\x34", "a\xff\x00\x01": "a\xff\x00\x01",
	} {
		require.Equal(t, want, telling([]byte(field)), "%q", field)
	}
}
