package inspect_test

import (
	"bufio"
	"bytes"
	"crypto"
	"encoding/asn1"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

func shown(t testing.TB, tree *inspect.Node) string {
	t.Helper()
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	tree.WriteText(w)
	require.NoError(t, w.Flush())
	return out.String()
}

// TestAlone shows files that are no signatures: requests, answers, certificates.
func TestAlone(t *testing.T) {
	pki := testpki.New(t)
	request, err := tsp.NewRequest(testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32))), "1.2.3.4")
	require.NoError(t, err)
	granted := testpki.TimestampResponse(t, pki.TSA(testpki.P256), request.Raw)
	refused := testpki.TimestampResponse(t, pki.TSA(testpki.P256), request.Raw, func(o *testpki.Timestamp) {
		o.Status, o.Text, o.NoToken, o.Failure = 2, []string{"not\x1b[2J today"}, true, asn1.BitString{Bytes: []byte{0x20, 0, 0, 0x40}, BitLength: 26}
	})
	for name, c := range map[string]struct {
		show func([]byte) (*inspect.Node, error)
		der  []byte
		says []string
	}{
		"request":     {inspect.Request, request.Raw, []string{"request for a time-stamp", "version: 1", "SHA-256", "policy: 1.2.3.4", "nonce: 0x", "certificates wanted: TRUE"}},
		"granted":     {inspect.Response, granted, []string{"status: granted", "time-stamp token", "TSTInfo"}},
		"refused":     {inspect.Response, refused, []string{"status: rejection", `text: "not\x1b[2J today"`, "failure: badRequest, systemFailure"}},
		"certificate": {inspect.Certificate, pki.Root.Certificate().Raw, []string{"certificate 1: O=Signet tests, CN=Signet test root", "thumbprint: "}},
		"trailing":    {inspect.Certificate, append(bytes.Clone(pki.Root.Certificate().Raw), 1, 2), []string{"after the end: 0102"}},
		"other":       {inspect.Response, []byte{0x30, 3, 2, 1, 5}, []string{"INTEGER"}},
	} {
		tree, err := c.show(c.der)
		require.NoError(t, err, name)
		text := shown(t, tree)
		for _, says := range c.says {
			require.Contains(t, text, says, name)
		}
	}
	for _, show := range []func([]byte) (*inspect.Node, error){inspect.Request, inspect.Response, inspect.Certificate} {
		_, err := show([]byte{0x30, 0x82})
		require.Error(t, err)
	}
}

// FuzzAlone lets nothing of strangers break a tree, or a terminal.
func FuzzAlone(f *testing.F) {
	pki := testpki.New(f)
	request, err := tsp.NewRequest(testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32))), "1.2.3.4")
	require.NoError(f, err)
	f.Add(request.Raw)
	f.Add(testpki.TimestampResponse(f, pki.TSA(testpki.P256), request.Raw))
	f.Add(pki.Root.Certificate().Raw)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, show := range []func([]byte) (*inspect.Node, error){inspect.Request, inspect.Response, inspect.Certificate} {
			tree, err := show(data)
			if err != nil {
				continue
			}
			for _, r := range shown(t, tree) {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Fatalf("%q would reach the terminal", r)
				}
			}
		}
	})
}
