package trust_test

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/trust"
)

func block(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}) }

func TestRoots(t *testing.T) {
	pki, other := testpki.New(t), testpki.New(t)
	var none *trust.Roots
	require.Zero(t, none.Len())
	require.Empty(t, none.Certificates())
	require.NotPanics(t, func() { none.Index() })
	r := trust.New(pki.Root.Certificate(), nil, pki.Root.Certificate())
	require.Equal(t, 1, r.Len())
	before := r.Index()
	require.Same(t, before, r.Index(), "it is made once")
	require.NoError(t, r.AddDER(other.Root.Certificate().Raw))
	require.NotSame(t, before, r.Index())
	require.Equal(t, [][]byte{pki.Root.Certificate().Raw, other.Root.Certificate().Raw}, r.Certificates())
	require.Error(t, r.AddDER([]byte("no certificate")))
	require.Equal(t, 2, r.Len())
}

// TestParse: one that cannot be read does not take the others away.
func TestParse(t *testing.T) {
	pki := testpki.New(t)
	der := pki.Root.Certificate().Raw
	for name, c := range map[string]struct {
		data   []byte
		n, bad int
	}{
		"DER":            {der, 1, 0},
		"PEM":            {append([]byte("text\n"), block(der)...), 1, 0},
		"one is broken":  {bytes.Join([][]byte{block([]byte("broken")), block(der), block(der[:50])}, nil), 1, 2},
		"another object": {bytes.Replace(block(der), []byte("CERTIFICATE"), []byte("PUBLIC KEY"), 2), 0, 1},
		"nothing":        {nil, 0, 1},
		"text":           {[]byte("text"), 0, 1},
	} {
		r, problems := trust.Parse(c.data)
		require.Equal(t, c.n, r.Len(), name)
		require.Len(t, problems, c.bad, name)
	}
}

func TestSystem(t *testing.T) {
	pki, other := testpki.New(t), testpki.New(t)
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "roots.pem"), filepath.Join(dir, "folder")
	require.NoError(t, os.WriteFile(file, block(pki.Root.Certificate().Raw), 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "inner"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "a.0"), block(other.Root.Certificate().Raw), 0o600))
	t.Setenv("SSL_CERT_FILE", file)
	t.Setenv("SSL_CERT_DIR", "")
	r, err := trust.System()
	require.NoError(t, err)
	require.Equal(t, [][]byte{pki.Root.Certificate().Raw}, r.Certificates())
	t.Setenv("SSL_CERT_DIR", folder)
	r, err = trust.System()
	require.NoError(t, err)
	require.Equal(t, 2, r.Len())
	t.Setenv("SSL_CERT_FILE", "")
	r, err = trust.System()
	require.NoError(t, err)
	require.Equal(t, [][]byte{other.Root.Certificate().Raw}, r.Certificates())
	t.Setenv("SSL_CERT_DIR", filepath.Join(dir, "none"))
	_, err = trust.System()
	require.ErrorContains(t, err, "no roots of the system were found in")
}
