package totp

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestShortSecret: a secret that can be tried out makes no code right, also not its own.
func TestShortSecret(t *testing.T) {
	o := Options{}.withDefaults()
	for n, want := range map[int]bool{0: false, 1: false, minSecret - 1: false, minSecret: true} {
		secret := make([]byte, n)
		code := make([]byte, o.Digits)
		o.code(code, secret, 100)
		_, ok := Check(secret, string(code), at(100), 0, 0)
		require.Equal(t, want, ok, "%d octets", n)
	}
}

// TestBeforeTime: there are no steps before 1970, whatever was used last.
func TestBeforeTime(t *testing.T) {
	o := Options{}.withDefaults()
	secret := []byte("12345678901234567890") // a chosen one, so that the steps after it do not have this code by chance
	code := make([]byte, o.Digits)
	o.code(code, secret, -1)
	_, ok := Check(secret, string(code), at(0), 1, -5)
	require.False(t, ok)
}

// TestPartOfASecond: a period that is no whole number of seconds would be another one than authenticators have.
func TestPartOfASecond(t *testing.T) {
	o := Options{Period: 1500 * time.Millisecond}
	_, err := o.Code(NewSecret(), at(100))
	require.Error(t, err)
}

// TestLongURI: what is bounded is the whole text, also when the parameters that are known are short.
func TestLongURI(t *testing.T) {
	const uri = "otpauth://totp/anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&image="
	_, err := ParseURI(uri + strings.Repeat("x", maxURI-len(uri)))
	require.NoError(t, err)
	_, err = ParseURI(uri + strings.Repeat("x", maxURI-len(uri)+1))
	require.Error(t, err)
}
