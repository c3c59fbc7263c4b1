package budget

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHold(t *testing.T) {
	b := New(100, 1)
	hold := func(owner string, octets int64, want error) func() {
		release, err := b.Hold(owner, octets)
		require.ErrorIs(t, err, want)
		return release
	}
	first := hold("anna", 40, nil)
	hold("anna", 11, ErrOwn)
	second := hold("anna", 10, nil)
	boris := hold("boris", 60, nil) // one of any size, beyond the whole
	hold("boris", 1, ErrOwn)
	hold("clara", 1, ErrFull)
	boris()
	boris() // counts once
	clara := hold("clara", 25, nil)
	hold("dora", 25, nil)()
	dora := hold("dora", 24, nil)
	hold("dora", 27, ErrOwn)
	hold("dora", 2, ErrFull)
	for _, release := range []func(){first, second, clara, dora} {
		release()
	}
	hold("anna", 1000, nil)()
	require.Zero(t, b.held)
	require.Empty(t, b.owners)
}

func TestMake(t *testing.T) {
	b := New(1, 1)
	done, err := b.Make(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.Make(ctx)
	require.ErrorIs(t, err, context.Canceled)
	done()
	done()
	again, err := b.Make(t.Context())
	require.NoError(t, err)
	defer again()
	_, err = b.Make(ctx)
	require.ErrorIs(t, err, context.Canceled, "the second call of done has given nothing back")
}
