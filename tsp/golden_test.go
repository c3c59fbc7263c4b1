package tsp_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

var update = flag.Bool("update", false, "make the files of testdata again")

// The files: a root, a request, and what authorities below the root answered to it.
const (
	goldenRoot    = "testdata/root.pem"
	goldenRequest = "testdata/request.tsq"
)

func TestUpdate(t *testing.T) {
	if !*update {
		t.Skip("run with -update")
	}
	pki := testpki.New(t)
	q, err := tsp.NewRequest(imprint(), "1.2.3.4.5")
	require.NoError(t, err)
	write(t, ".", goldenRoot, testpki.CertPEM(pki.Root.Certificate()))
	write(t, ".", goldenRequest, q.Raw)
	ours := authority(t, pki, func(o *tsp.AuthorityOptions) {
		o.Policy, o.Ordering, o.Name, o.Accuracy = "1.2.3.4.5", true, true, 1500000000
	})
	write(t, ".", "testdata/signet.tsr", ours.Respond(t.Context(), q.Raw))
	write(t, ".", "testdata/refused.tsr", ours.Respond(t.Context(), nil))
	for name, config := range map[string]string{"testdata/openssl-v1.tsr": "", "testdata/openssl-v2.tsr": "ess_cert_id_alg = sha256\n"} {
		server := opensslAuthority(t, pki.TSA(testpki.RSA2048), config)
		answer, err := http.Post(server.URL, "application/timestamp-query", bytes.NewReader(q.Raw))
		require.NoError(t, err)
		der, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		write(t, ".", name, der)
	}
}

// golden reads the root, the request and the responses.
func golden(t testing.TB) (*trust.Roots, *tsp.Request, map[string][]byte) {
	t.Helper()
	block, _ := pem.Decode(read(t, ".", goldenRoot))
	root, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	roots := trust.New(root)
	q, err := tsp.ParseRequest(read(t, ".", goldenRequest))
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/*.tsr")
	require.NoError(t, err)
	responses := map[string][]byte{}
	for _, name := range files {
		responses[name] = read(t, ".", name)
	}
	return roots, q, responses
}

func TestGolden(t *testing.T) {
	roots, q, responses := golden(t)
	require.Len(t, responses, 4)
	for name, der := range responses {
		t.Run(name, func(t *testing.T) {
			token, err := q.Token(der, &tsp.VerifyOptions{Roots: roots})
			if filepath.Base(name) == "refused.tsr" {
				require.ErrorIs(t, err, tsp.CheckStatus)
				return
			}
			require.NoError(t, err)
			require.Equal(t, imprint().Sum, token.Imprint.Sum)
			require.Equal(t, "1.2.3.4.5", token.Policy)
		})
	}
}

// seeds adds the responses, the tokens in them and, where they are, the files of the corpus.
func seeds(f *testing.F, responses map[string][]byte) {
	for _, der := range responses {
		f.Add(der)
		if len(der) > 1000 {
			f.Add(der[9:]) // SEQUENCE with two octets of length, SEQUENCE { INTEGER 0 }
		}
	}
	for _, name := range testpki.CorpusFiles(f) {
		if !strings.Contains(filepath.Ext(name), ".ts") {
			continue
		}
		if b, err := os.ReadFile(name); err == nil && len(b) < 32<<10 {
			f.Add(b)
		}
	}
}

func FuzzToken(f *testing.F) {
	roots, q, responses := golden(f)
	seeds(f, responses)
	f.Fuzz(func(t *testing.T, in []byte) {
		token, err := tsp.ParseToken(in)
		if err != nil {
			if _, ok := errors.AsType[*sign.Error](err); !ok || token != nil {
				t.Fatalf("%v %v", token, err)
			}
			return
		}
		if !bytes.HasPrefix(in, token.Raw) {
			t.Fatal("the token is not what was given")
		}
		err = token.Verify(q.Imprint, &tsp.VerifyOptions{Roots: roots})
		if _, ok := errors.AsType[*sign.Error](err); err != nil && !ok {
			t.Fatal(err)
		}
		if err == nil && !bytes.Equal(token.Imprint.Sum, q.Imprint.Sum) {
			t.Fatal("a token over something else is good")
		}
		_, _, _, _ = token.Certificate(), token.HashName(), token.NewHash(), token.Certificates()
	})
}

func FuzzResponse(f *testing.F) {
	roots, q, responses := golden(f)
	seeds(f, responses)
	f.Fuzz(func(t *testing.T, in []byte) {
		token, err := q.Token(in, &tsp.VerifyOptions{Roots: roots})
		if _, ok := errors.AsType[*sign.Error](err); err != nil && (!ok || token != nil) {
			t.Fatalf("%v %v", token, err)
		}
		if err == nil && (token.Nonce.Cmp(q.Nonce) != 0 || !bytes.Equal(token.Imprint.Sum, q.Imprint.Sum)) {
			t.Fatal("the answer to another request is good")
		}
	})
}

// FuzzRequest shows requests to an authority, which answers each.
func FuzzRequest(f *testing.F) {
	_, q, _ := golden(f)
	f.Add(q.Raw)
	a := authority(f, testpki.New(f))
	f.Fuzz(func(t *testing.T, in []byte) {
		response := a.Respond(t.Context(), in)
		parsed, err := tsp.ParseRequest(in)
		if err != nil {
			parsed = q
		}
		_, err = parsed.Token(response, &tsp.VerifyOptions{})
		if errors.Is(err, tsp.CheckEncoding) {
			t.Fatalf("the response is malformed: %v", err)
		}
	})
}
