package gost_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/internal/certify"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// TestCertificateOfKey: a key finds its certificate in which another name stands for its curve, or no hash beside it, and not one of
// another curve.
func TestCertificateOfKey(t *testing.T) {
	key, err := gost.GenerateNamed("1.2.643.2.2.35.1")
	require.NoError(t, err)
	public := key.Public().(*gost3410.PublicKey)
	der, err := key.MarshalPKCS8()
	require.NoError(t, err)
	for name, c := range map[string]struct {
		parameters []asn1.ObjectIdentifier
		fits       bool
	}{
		"the same":            {[]asn1.ObjectIdentifier{oid(2, 2, 35, 1), oid(7, 1, 1, 2, 2)}, true},
		"of exchange":         {[]asn1.ObjectIdentifier{oid(2, 2, 36, 0), oid(7, 1, 1, 2, 2)}, true},
		"of TC 26":            {[]asn1.ObjectIdentifier{oid(7, 1, 2, 1, 1, 2)}, true},
		"no hash":             {[]asn1.ObjectIdentifier{oid(2, 2, 35, 1)}, true},
		"a cipher":            {[]asn1.ObjectIdentifier{oid(2, 2, 35, 1), oid(7, 1, 1, 2, 2), oid(2, 2, 31, 1)}, true},
		"another curve":       {[]asn1.ObjectIdentifier{oid(2, 2, 35, 2), oid(7, 1, 1, 2, 2)}, false},
		"another of exchange": {[]asn1.ObjectIdentifier{oid(2, 2, 36, 1), oid(7, 1, 1, 2, 2)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			octets, err := asn1.Marshal(public.Bytes())
			require.NoError(t, err)
			spki, err := asn1.Marshal(struct {
				Algorithm algorithm
				Public    asn1.BitString
			}{algorithm{oid(7, 1, 1, 1, 1), c.parameters}, asn1.BitString{Bytes: octets, BitLength: 8 * len(octets)}})
			require.NoError(t, err)
			raw, err := certify.Certificate(t.Context(), &x509.Certificate{
				SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Seal"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			}, spki, nil, key, key.Schemes()[0])
			require.NoError(t, err)
			cert, err := trust.ParseCertificate(raw)
			require.NoError(t, err)
			// RFC 9215 section 3: signature and hash together, inside and outside.
			require.Equal(t, 2, bytes.Count(raw, []byte("\x30\x0a\x06\x08\x2a\x85\x03\x07\x01\x01\x03\x02")))

			_, err = sign.New(key, []*x509.Certificate{cert}, key.Schemes()[0])
			config := config("")
			config.Certificates = []*x509.Certificate{cert}
			p, errParse := soft.Parse(t.Context(), "k", der, config)
			require.NoError(t, errParse)
			_, errOpen := sign.Open(t.Context(), p, sign.Ref{})
			if c.fits {
				require.NoError(t, err)
				require.NoError(t, errOpen)
				return
			}
			require.ErrorIs(t, err, sign.ErrKeyMismatch)
			require.Error(t, errOpen)
			for e, err := range p.Keys(t.Context()) {
				require.NoError(t, err)
				require.Empty(t, e.Chain, "it is not taken for the certificate of the key")
			}
		})
	}
}
