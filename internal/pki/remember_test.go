package pki_test

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// TestRemember: what was checked on the way to an anchor is not checked again, and nothing else is taken from that.
func TestRemember(t *testing.T) {
	p := testpki.New(t)
	id := p.Leaf(testpki.P256, func(c *x509.Certificate) { c.NotAfter = testpki.Now().AddDate(1, 0, 0) })
	read := func(c *x509.Certificate) *pki.Certificate {
		one, err := pki.FromX509(c)
		require.NoError(t, err)
		return one
	}
	checked := 0
	fresh := func() pki.Verifier {
		return pki.Verifier{
			Anchors: pki.Trust(read(p.Root.Certificate())), Pools: []*pki.Pool{pki.NewPool(read(p.Authority.Certificate()))}, Time: testpki.Now(), Remember: func(cms.Algorithm) bool { return true },
			Signature: func(check *algorithm.SignatureCheck, message []byte) (string, error) {
				checked++
				return (*algorithm.Registry)(nil).Verify(check, message, nil)
			},
		}
	}
	look := func(v pki.Verifier, target *x509.Certificate) error {
		checked = 0
		_, err := v.Path(context.Background(), read(target))
		return err
	}
	v := fresh()
	require.NoError(t, look(v, id.Certificate()))
	require.Equal(t, 2, checked)
	require.NoError(t, look(v, id.Certificate()))
	require.Zero(t, checked, "both are known")
	require.NoError(t, look(v, p.Leaf(testpki.P256).Certificate()))
	require.Equal(t, 1, checked, "the authority is known")

	late := v
	late.Time = testpki.Now().AddDate(2, 0, 0)
	require.ErrorContains(t, look(late, id.Certificate()), "expired")
	purpose := v
	purpose.Purpose = pki.TimestampAuthority
	require.Error(t, look(purpose, id.Certificate()))
	forbidden := v
	forbidden.Algorithms = func(pki.Use, cms.Algorithm, []byte) error { return errors.New("not this one") }
	require.Error(t, look(forbidden, id.Certificate()))
	refused := v
	refused.Accept = func(context.Context, *pki.Path) error { return errors.New("revoked") }
	require.ErrorContains(t, look(refused, id.Certificate()), "revoked")

	other := *id.Certificate()
	other.Raw = append([]byte(nil), other.Raw...)
	other.Raw[len(other.Raw)-1] ^= 1 // the same certificate with another signature
	require.Error(t, look(v, &other))
	require.NotZero(t, checked)

	// An authority of the same name, made by the same root, did not sign it.
	namesake := p.SubAuthority(p.Authority.Certificate().Subject.CommonName, p.Root)
	impostor := v
	impostor.Pools = []*pki.Pool{pki.NewPool(read(namesake.Certificate()))}
	require.Error(t, look(impostor, id.Certificate()))

	v = fresh()
	v.Accept = refused.Accept
	require.Error(t, look(v, id.Certificate()))
	v.Accept = nil
	require.NoError(t, look(v, id.Certificate()))
	require.Equal(t, 2, checked, "a path that was refused taught nothing")
	v.Remember = nil
	require.NoError(t, look(v, id.Certificate()))
	require.Equal(t, 2, checked)

	v = fresh()
	require.NoError(t, look(v, id.Certificate()))
	own := 0
	v.Remember = func(cms.Algorithm) bool { own++; return false }
	require.NoError(t, look(v, id.Certificate()))
	require.Equal(t, 2, checked, "what a scheme of the caller checks is checked each time, whatever others found")
	require.NotZero(t, own)

	v = fresh()
	require.NoError(t, look(v, id.Certificate()))
	v.Remark = func(cms.Algorithm, []byte) string { return "weak by now" }
	path, err := v.Path(context.Background(), read(id.Certificate()))
	require.NoError(t, err)
	require.Contains(t, strings.Join(path.Tolerated, "; "), "weak by now", "what is remembered is remarked on all the same")

	v = fresh()
	v.Signature = func(check *algorithm.SignatureCheck, message []byte) (string, error) {
		checked++
		return "with a remark", nil
	}
	require.NoError(t, look(v, id.Certificate()))
	require.NoError(t, look(v, id.Certificate()))
	require.Equal(t, 2, checked, "remarks are made each time")
}

// TestRememberBounded: more signers than are remembered are found all the same.
func TestRememberBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 5,000 certificates")
	}
	p := testpki.New(t)
	root, err := pki.FromX509(p.Root.Certificate())
	require.NoError(t, err)
	authority, err := pki.FromX509(p.Authority.Certificate())
	require.NoError(t, err)
	v := pki.Verifier{Anchors: pki.Trust(root), Pools: []*pki.Pool{pki.NewPool(authority)}, Time: testpki.Now().Add(time.Hour), Remember: func(cms.Algorithm) bool { return true },
		Signature: func(*algorithm.SignatureCheck, []byte) (string, error) { return "", nil }}
	key := testpki.NewKey(t, testpki.P256)
	for range 5000 {
		c, err := pki.FromX509(p.LeafOf(key, "one of many").Certificate())
		require.NoError(t, err)
		_, err = v.Path(context.Background(), c)
		require.NoError(t, err)
	}
	require.LessOrEqual(t, v.Anchors.Remembered(), 4096)
	require.Greater(t, v.Anchors.Remembered(), 4000)
}
