package keys_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// TestThumbprintsOfBothHashes: a key that is configured by the thumbprint of one hash is found by that of the other one, and by no
// thumbprint and no certificate of another key, open or not.
func TestThumbprintsOfBothHashes(t *testing.T) {
	pki := testpki.New(t)
	a, b := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	one, other := a.Certificate(), b.Certificate()
	for name, ref := range map[string]sign.Ref{
		"SHA-1":       {Thumbprint: sign.Thumbprint(one)},
		"SHA-256":     {Thumbprint: hex256(one)},
		"certificate": {Certificate: one},
		"none":        {},
	} {
		set := func() (*holder, *keys.Set) {
			h, otherStore := newHolder("a", a), newHolder("b", b)
			return h, newSet(t, nil, keys.Key{Name: "a", Store: h.Store, Ref: ref}, keys.Key{Name: "b", Store: otherStore.Store})
		}
		for what, q := range map[string]keys.Query{
			"SHA-1": {Thumbprint: sign.Thumbprint(one)}, "SHA-256": {Thumbprint: hex256(one)}, "DER": {Certificate: one.Raw},
			"DER and SHA-256": {Certificate: one.Raw, Thumbprint: hex256(one)},
		} {
			_, s := set()
			for range 2 { // not open yet, and open
				l := acquire(t, s, q)
				require.Equal(t, "a", l.Name, "%s by %s", name, what)
				require.True(t, l.Signer.Certificate().Equal(one))
				is, err := l.Is(q)
				require.NoError(t, err)
				require.True(t, is)
			}
		}
		for what, q := range map[string]keys.Query{
			"SHA-1": {Thumbprint: sign.Thumbprint(other)}, "SHA-256": {Thumbprint: hex256(other)}, "DER": {Certificate: other.Raw},
			"DER and SHA-1":               {Certificate: one.Raw, Thumbprint: sign.Thumbprint(other)},
			"DER and SHA-256":             {Certificate: one.Raw, Thumbprint: hex256(other)},
			"another DER and SHA-256":     {Certificate: other.Raw, Thumbprint: hex256(one)},
			"name and SHA-256 of another": {Name: "a", Thumbprint: hex256(other)},
		} {
			h, s := set()
			q.Allowed = only("a")
			for range 2 {
				_, err := s.Acquire(t.Context(), q)
				require.ErrorIs(t, err, sign.ErrKeyNotFound, "%s by %s", name, what)
				if name == "certificate" || name == what || what == "DER" && name != "none" {
					require.Zero(t, h.opened.Load(), "%s by %s: what is configured says that it is not meant", name, what)
				}
				l := acquire(t, s, keys.Query{Name: "a"})
				is, err := l.Is(q)
				require.NoError(t, err)
				require.False(t, is, "%s by %s", name, what)
				h.opened.Store(0)
			}
		}
	}
}
