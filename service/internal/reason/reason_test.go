package reason

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestText(t *testing.T) {
	require.Equal(t, "no", Text(errors.New("no")))
	for _, long := range []string{strings.Repeat("x", 1<<20), "x" + strings.Repeat("ä", 1<<20)} {
		text := Text(errors.New(long))
		require.True(t, utf8.ValidString(text))
		require.Less(t, len(text), most+10)
		require.True(t, strings.HasPrefix(long, strings.TrimSuffix(text, " […]")))
	}
}
