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
