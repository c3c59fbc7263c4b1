package server

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBothFamilies: an address of one family leaves the port to the other, as docs/signet.yaml wants it.
func TestBothFamilies(t *testing.T) {
	six, err := Address("[::]:0").listen(t.Context(), "")
	if err != nil {
		t.Skip("SKIPPED: there is no IPv6 here")
	}
	port := six.Addr().(*net.TCPAddr).Port
	four, err := Address(fmt.Sprintf("0.0.0.0:%d", port)).listen(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, four.Close())
	require.NoError(t, six.Close())
	both, err := Address(fmt.Sprintf(":%d", port)).listen(t.Context(), "")
	require.NoError(t, err)
	_, err = Address(fmt.Sprintf("0.0.0.0:%d", port)).listen(t.Context(), "")
	require.ErrorContains(t, err, "is taken by another program")
	require.NoError(t, both.Close())
}

func TestTakes(t *testing.T) {
	for _, c := range []struct {
		a, b  Address
		takes bool
	}{
		{"0.0.0.0:8443", "[::]:8443", false},
		{"0.0.0.0:8443", ":8443", true},
		{"[::]:8443", ":8443", true},
		{"[::1]:80", "[0:0:0:0:0:0:0:1]:80", true},
		{"127.0.0.1:80", "0.0.0.0:080", true},
		{"127.0.0.1:80", "[::]:80", false},
		{"[::ffff:127.0.0.1]:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.1:81", false},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{":0", "0.0.0.0:0", false},
		{"unix:/a", "unix:/b", false},
		{"unix:/a", "unix:/a", true},
		{"unix:/a", ":80", false},
		{"Localhost:80", "localhost:80", true},
		{"localhost:80", "a.example:80", false},
	} {
		require.Equal(t, c.takes, c.a.takes(c.b), "%s and %s", c.a, c.b)
		require.Equal(t, c.takes, c.b.takes(c.a), "%s and %s", c.b, c.a)
	}
}
