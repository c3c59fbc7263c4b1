package keys_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestStatus(t *testing.T) {
	pki := testpki.New(t)
	now := testpki.Now()
	until := func(end time.Time) func(*x509.Certificate) { return func(c *x509.Certificate) { c.NotAfter = end } }
	ids := map[string]testpki.Identity{
		"valid":   pki.Leaf(testpki.P256, until(now.Add(31*24*time.Hour))),
		"soon":    pki.Leaf(testpki.P256, until(now.Add(29*24*time.Hour))),
		"expired": pki.Leaf(testpki.P256, until(now.Add(-time.Second))),
		"future":  pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }),
	}
	order := []string{"valid", "soon", "expired", "future"}
	var list []keys.Key
	for _, name := range order {
		list = append(list, keys.Key{Name: name, Store: newHolder(name, ids[name]).Store, Options: cades.Options{Level: cades.LevelBES, Attached: name == "soon"}})
	}
	gone := newHolder("gone", ids["valid"])
	gone.ping = func(context.Context) error { return errors.New("the token is not there") }
	shut := newHolder("shut")
	shut.fail(&sign.Error{Op: "x", Class: sign.ErrPIN})
	list = append(list, keys.Key{Name: "gone", Store: gone.Store}, keys.Key{Name: "shut", Store: shut.Store})
	s := newSet(t, &keys.Options{Clock: testpki.Now}, list...)
	all := s.Status(t.Context())
	require.Len(t, all, 6)
	for i, v := range []keys.Validity{keys.Valid, keys.ExpiresSoon, keys.Expired, keys.NotYetValid} {
		st := all[i]
		require.Equal(t, order[i], st.Name)
		require.Equal(t, order[i], st.Store)
		require.NoError(t, st.Err)
		require.Equal(t, v, st.Validity, st.Name)
		require.True(t, st.Certificate.Equal(ids[st.Name].Certificate()))
		require.Len(t, st.Chain, 2)
		require.Equal(t, "ecdsa-sha256", st.Scheme)
		require.Equal(t, i == 1, st.Attached)
		require.Equal(t, cades.LevelBES, st.Level)
	}
	require.ErrorContains(t, all[4].Err, "the token is not there")
	require.ErrorIs(t, all[4].Err, sign.ErrUnavailable)
	require.NotNil(t, all[4].Certificate, "it is known all the same")
	require.ErrorIs(t, all[5].Err, sign.ErrPIN)
	require.Nil(t, all[5].Certificate)
	require.Equal(t, keys.ValidityUnknown, all[5].Validity)
	listed := s.List(t.Context(), only("gone", "soon"))
	require.Len(t, listed, 2)
	require.NoError(t, listed[1].Err, "it is not asked")
	require.EqualValues(t, 1, gone.pinged.Load())
	require.NoError(t, s.Close())
	require.Empty(t, s.Status(t.Context()))
}

// TestPingsSideBySide: stores that hang take no longer together than one, and are not asked again while they do.
func TestPingsSideBySide(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var list []keys.Key
		var holders []*holder
		for _, name := range []string{"a", "b", "c"} {
			h := newHolder(name, id)
			h.ping = func(context.Context) error { <-release; return nil } // whatever its context says
			holders = append(holders, h)
			list = append(list, keys.Key{Name: name, Store: h.Store}, keys.Key{Name: name + "2", Store: h.Store})
		}
		s := newSet(t, nil, list...)
		for range 3 {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			for _, st := range s.Status(ctx) {
				require.ErrorIs(t, st.Err, context.DeadlineExceeded)
			}
			cancel()
			require.Equal(t, time.Second, time.Since(start))
		}
		for _, h := range holders {
			require.EqualValues(t, 1, h.pinged.Load())
		}
		close(release)
		synctest.Wait()
		for _, st := range s.Status(t.Context()) {
			require.NoError(t, st.Err)
		}
	})
}
