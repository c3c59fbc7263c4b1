package intake_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/intake"
	"github.com/seed-116355fd/signet/sign"
)

func newGate(t *testing.T, l gate.Limits) *gate.Gate {
	t.Helper()
	g, err := gate.New(gate.Config{Limits: l, Auth: auth.Func(func(*http.Request) (*auth.Principal, error) { return nil, auth.ErrNone })})
	require.NoError(t, err)
	return g
}

func put(t *testing.T, in *intake.Intake, data []byte) error {
	t.Helper()
	for len(data) > 0 {
		n := min(len(data), 50_000)
		room, err := in.Room(n + 2) // padding may make it fewer
		if err != nil {
			return err
		}
		require.GreaterOrEqual(t, len(room), n)
		copy(room, data[:n])
		if err := in.Took(n); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

var scheme = testpki.Must(sign.ECDSA(crypto.SHA256))

func take(t *testing.T, in *intake.Intake, o *cades.Options, data []byte) sign.Content {
	t.Helper()
	in.Begin(o)
	require.NoError(t, put(t, in, data))
	c, err := in.Content(t.Context(), "name", nil)
	require.NoError(t, err)
	require.Equal(t, "name", c.Name)
	return c
}

// TestHeldOrDigested holds small contents, and large ones that the container needs.
func TestHeldOrDigested(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB
	sum := sha256.Sum256(large)
	for name, c := range map[string]struct {
		o        cades.Options
		data     []byte
		digested bool
		also     bool // by the hash of time-stamps
	}{
		"empty":                         {cades.Options{}, nil, false, false},
		"small":                         {cades.Options{}, large[:1000], false, false},
		"one MiB":                       {cades.Options{}, large[:1<<20-2], false, false},
		"large":                         {cades.Options{}, large, true, false},
		"large, attached":               {cades.Options{Attached: true}, large, false, false},
		"large, T":                      {cades.Options{Level: cades.LevelT}, large, true, false},
		"large, LTA":                    {cades.Options{Level: cades.LevelLTA}, large, true, false},
		"large, LTA with another hash":  {cades.Options{Level: cades.LevelLTA, TimestampHash: crypto.SHA512}, large, true, true},
		"large, A is over the octets":   {cades.Options{Level: cades.LevelA}, large, false, false},
		"large, T with another hash":    {cades.Options{Level: cades.LevelT, TimestampHash: crypto.SHA512}, large, true, false},
		"large, X Long Type 1":          {cades.Options{Level: cades.LevelXLong1}, large, true, false},
		"large, PKCS7 and not attached": {cades.Options{Level: cades.LevelPKCS7}, large, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := intake.New(newGate(t, gate.Limits{}), &scheme)
			defer in.Close()
			for range 2 { // the second in the buffer of the first
				content := take(t, in, &c.o, c.data)
				require.Equal(t, c.digested, content.Source().DigestOnly())
				if !c.digested {
					got, ok := content.Source().InMemory()
					require.True(t, ok)
					require.True(t, bytes.Equal(c.data, got))
				} else {
					got, ok := content.Source().Digest(scheme.DigestAlg)
					require.True(t, ok)
					require.Equal(t, sum[:], got)
					_, ok = content.Source().Digest(testpki.Must(sign.DigestAlgorithm(crypto.SHA512)))
					require.Equal(t, c.also, ok)
				}
				in.Delivered()
			}
		})
	}
}

// TestChange is about a line whose level stands behind its content.
func TestChange(t *testing.T) {
	large := make([]byte, 2<<20)
	for name, c := range map[string]struct {
		size     int
		from, to cades.Options
		good     bool
	}{
		"small, into the container": {1000, cades.Options{}, cades.Options{Attached: true}, true},
		"large, into the container": {len(large), cades.Options{}, cades.Options{Attached: true}, false},
		"large, T":                  {len(large), cades.Options{}, cades.Options{Level: cades.LevelT}, true},
		"large, A":                  {len(large), cades.Options{}, cades.Options{Level: cades.LevelA}, false},
		"large, LTA":                {len(large), cades.Options{}, cades.Options{Level: cades.LevelLTA}, false},
		"large, out of it":          {len(large), cades.Options{Attached: true}, cades.Options{}, true},
	} {
		in := intake.New(newGate(t, gate.Limits{}), &scheme)
		in.Begin(&c.from)
		require.NoError(t, put(t, in, large[:c.size]))
		require.Equal(t, c.good, in.Change(&c.to) == nil, name)
		in.Close()
	}
}

func TestTooLarge(t *testing.T) {
	for _, o := range []cades.Options{{}, {Attached: true}} {
		in := intake.New(newGate(t, gate.Limits{Content: 3 << 20}), &scheme)
		in.Begin(&o)
		require.NoError(t, put(t, in, make([]byte, 3<<20)))
		require.ErrorIs(t, put(t, in, []byte{1}), intake.ErrTooLarge)
		in.Begin(&o)
		require.NoError(t, put(t, in, []byte{1}), "the next one is as large as it is")
		in.Begin(&o)
		require.NoError(t, put(t, in, make([]byte, 3<<20-2)))
		require.ErrorIs(t, put(t, in, make([]byte, 3)), intake.ErrTooLarge, "it might have been padding")
		in.Close()
	}
}

// TestBad is a content that cannot be read, for the reason that it did not arrive.
func TestBad(t *testing.T) {
	in := intake.New(newGate(t, gate.Limits{}), &scheme)
	defer in.Close()
	why := errors.New("it is not base64")
	in.Begin(&cades.Options{})
	c, err := in.Content(t.Context(), "", why)
	require.NoError(t, err)
	_, err = c.Source().Open()
	var fault *intake.Fault
	require.ErrorAs(t, err, &fault)
	require.ErrorIs(t, err, why)
}

// TestHeldBound makes the reader of contents wait until there is room, and lets one pass however large it is.
func TestHeldBound(t *testing.T) {
	g := newGate(t, gate.Limits{Held: 1 << 20})
	synctest.Test(t, func(t *testing.T) {
		in := intake.New(g, &scheme)
		o := &cades.Options{Attached: true}
		taken := 0
		finished := make(chan struct{})
		go func() {
			defer close(finished)
			for _, size := range []int{5 << 20, 400_000, 400_000, 400_000, 5 << 20} {
				take(t, in, o, make([]byte, size))
				taken++
			}
		}()
		for _, want := range []int{1, 3, 4, 4, 5} {
			synctest.Wait()
			require.Equal(t, want, taken)
			if taken == 5 {
				break
			}
			in.Delivered()
		}
		in.Delivered()
		<-finished
		in.Close()
		_, _, signatures := g.Load()
		require.Zero(t, signatures)
	})
}

// TestGivenUp ends the wait for room.
func TestGivenUp(t *testing.T) {
	g := newGate(t, gate.Limits{Signatures: 1})
	in := intake.New(g, &scheme)
	in.Begin(&cades.Options{})
	_, err := in.Content(t.Context(), "", nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the client has gone")
	cancel(why)
	_, err = in.Content(ctx, "", nil)
	require.ErrorIs(t, err, why)
	_, err = in.Kept(ctx, func() (io.ReadCloser, error) { return nil, nil }, nil)
	require.ErrorIs(t, err, why)
	in.Close()
	_, _, signatures := g.Load()
	require.Zero(t, signatures, "everything was given back")
}
