package interop_test

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// authority is one of time-stamps below the root of the world.
func (w *world) authority() *tsp.Authority {
	w.t.Helper()
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	require.NoError(w.t, err)
	id := w.pki.Leaf(testpki.P256, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: fmt.Sprintf("authority of time-stamps %d", w.count)}
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage})
	})
	s := identity{Identity: id, kind: testpki.P256}.signer(w.t, sign.ECDSA(crypto.SHA256))
	a, err := tsp.NewAuthority(s, nil)
	require.NoError(w.t, err)
	return a
}

// TestDSSValidatesTimestamps raises a message of every scheme step by step; DSS finds every time-stamp intact.
func TestDSSValidatesTimestamps(t *testing.T) {
	dss.need(t)
	w := newWorld(t)
	tsa := w.authority()
	content := sign.Bytes("", w.content)
	for _, s := range schemes() {
		signer := w.identity(s.kind).signer(t, s.Scheme)
		for _, f := range forms() {
			t.Run(s.Name+" "+f.name, func(t *testing.T) {
				message, err := f.make(t.Context(), w, signer, cades.Options{})
				require.NoError(t, err)
				o := &cades.ExtendOptions{Timestamper: tsa}
				if f.detached {
					o.Content = &content
				}
				want := []string{"SIGNATURE_TIMESTAMP"}
				for i, to := range []cades.Level{cades.T, cades.LTA, cades.LTA} {
					m, err := cades.Parse(message)
					require.NoError(t, err)
					message, err = m.Extend(t.Context(), to, o)
					require.NoError(t, err)
					if i > 0 {
						want = append(want, "ARCHIVE_TIMESTAMP")
					}
					answer := validate(t, w, message, f.detached)
					require.Equal(t, "CAdES-BASELINE-T", answer["0.format"], "no revocation values are in it")
					require.Equal(t, strings.Join(want, "|"), answer["0.timestamps"])
				}
			})
		}
	}
}
