package cryptoapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/gate"
)

// Whatever is sent as a certificate is described, or refused as the caller's fault.
func FuzzReadRaw(f *testing.F) {
	cert := testpki.New(f).Leaf(testpki.P256).Certificate()
	f.Add(cert.Raw)
	f.Add(testpki.CertPEM(cert))
	f.Add([]byte{0x30, 0x80, 0x06})
	f.Fuzz(func(t *testing.T, raw []byte) {
		certs, _, err := readRaw(raw)
		if err != nil {
			e, ok := errors.AsType[*gate.Error](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, http.StatusBadRequest, e.Status)
			return
		}
		require.NotEmpty(t, certs)
		for _, c := range certs {
			d := describe(c, false)
			require.Len(t, d.Thumbprint, 40)
			_, err := json.Marshal(d)
			require.NoError(t, err)
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("HasPrivateKey=true&IncludeRawData=1&x=y")
	f.Add("hasprivatekey&HasPrivateKey=%41;")
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := http.NewRequest(http.MethodGet, "http://x/", nil)
		require.NoError(t, err)
		r.URL.RawQuery = raw
		q, err := query(r)
		if err == nil {
			_, err = q.flag("HasPrivateKey")
		}
		if err != nil {
			_, ok := errors.AsType[*gate.Error](err)
			require.True(t, ok, "%v", err)
		}
	})
}
