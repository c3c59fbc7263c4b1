package keys_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// TestReloadWhileOpening reloads while openings begin all the time: each holds the lock of its place and takes that of the
// set, and a reload that did it the other way round would stop the whole service.
func TestReloadWhileOpening(t *testing.T) {
	store := func(name string) *keys.Store {
		return &keys.Store{Name: name, Identity: name, Open: func(context.Context) (sign.Provider, error) { return nil, errors.New("not there") }}
	}
	all := func() []keys.Key {
		return []keys.Key{{Name: "a", Store: store("a")}, {Name: "b", Store: store("b")}, {Name: "c", Store: store("c")}}
	}
	s, err := keys.New(all(), &keys.Options{Rest: time.Nanosecond})
	require.NoError(t, err)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = s.Status(context.Background())
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			_ = s.Reload(context.Background(), all())
		}
	}()
	select {
	case <-done:
	case <-time.After(time.Minute): // a thousand take a fraction of a second
		t.Fatal("a reload and an opening wait for each other")
	}
	close(stop)
	wg.Wait()
	require.NoError(t, s.Close())
}
