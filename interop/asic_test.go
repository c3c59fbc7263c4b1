package interop_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/asic"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// judge asks DSS about a container. Without revocation values the verdict on the path is open; everything else is not.
func judgeContainer(t *testing.T, w *world, data []byte) map[string]string {
	t.Helper()
	answer := asics.must(t, "validate", w.message(data), w.path("root.pem"))
	require.NotEqual(t, "0", answer["signatures"], answer)
	for i := range strings.Repeat("x", len(answer["signatures"])) {
		at := string(rune('0'+i)) + "."
		require.Equal(t, "true", answer[at+"intact"], answer)
		require.Equal(t, "true", answer[at+"chain"], answer)
		require.Equal(t, "CAdES-BASELINE-B", answer[at+"format"], answer)
		require.Equal(t, "INDETERMINATE", answer[at+"indication"], answer)
		require.Contains(t, answer[at+"errors"], "No revocation data found", answer)
	}
	return answer
}

var containerFiles = []string{"a.txt", "b c.txt", "ä & ö.txt"}

func (w *world) contents() (contents []sign.Content, paths []string) {
	for _, name := range containerFiles {
		paths = append(paths, w.write(name, []byte("content of "+name)))
		contents = append(contents, sign.Bytes(name, []byte("content of "+name)))
	}
	return contents, paths
}

// TestDSSReadsContainers lets DSS validate containers that were made here, with one signature and with two.
func TestDSSReadsContainers(t *testing.T) {
	asics.need(t)
	w := newWorld(t)
	contents, _ := w.contents()
	p256 := schemes()[6]
	signer, second := w.identity(p256.kind).signer(t, p256.Scheme), w.identity(testpki.RSA2048).signer(t, schemes()[0].Scheme)
	for _, c := range []struct {
		kind  asic.Kind
		files []sign.Content
	}{{asic.S, contents[2:]}, {asic.E, contents}, {asic.E, contents[:1]}} {
		var b, two bytes.Buffer
		require.NoError(t, asic.Sign(t.Context(), &b, signer, c.files, &asic.Options{Kind: c.kind}))
		answer := judgeContainer(t, w, b.Bytes())
		require.Equal(t, c.kind.String(), answer["type"])
		require.Equal(t, c.kind.MediaType(), answer["mimetype"])
		require.Equal(t, "1", answer["signatures"])
		for _, f := range c.files {
			require.Contains(t, answer["files"], f.Name)
			require.Contains(t, answer["0.scopes"], f.Name)
		}
		container, err := asic.Open(bytes.NewReader(b.Bytes()), int64(b.Len()), nil)
		require.NoError(t, err)
		require.NoError(t, container.AddSignature(t.Context(), &two, second, nil))
		require.Equal(t, "2", judgeContainer(t, w, two.Bytes())["signatures"])
	}
}

// TestContainersOfDSS reads containers that DSS made.
func TestContainersOfDSS(t *testing.T) {
	asics.need(t)
	w := newWorld(t)
	_, paths := w.contents()
	id := w.identity(testpki.P256)
	signer := id.signer(t, schemes()[6].Scheme)
	var chain []string
	for i, c := range signer.Chain() {
		chain = append(chain, w.write("chain"+string(rune('0'+i))+".der", c.Raw))
	}
	for kind, files := range map[string][]string{"S": paths[2:], "E": paths} {
		answer := asics.must(t, append(append(append([]string{"prepare", kind}, chain...), ""), files...)...)
		tbs, err := hex.DecodeString(answer["tbs"])
		require.NoError(t, err)
		signature, err := signer.Sign(t.Context(), tbs)
		require.NoError(t, err)
		out := w.out()
		asics.must(t, "finish", hex.EncodeToString(signature), out)
		f, err := os.Open(out)
		require.NoError(t, err)
		defer func() { _ = f.Close() }()
		info, err := f.Stat()
		require.NoError(t, err)
		c, err := asic.Open(f, info.Size(), nil)
		require.NoError(t, err)
		require.Equal(t, "ASiC-"+kind, c.Kind().String())
		require.Len(t, c.Files(), len(files))
		r, err := c.Verify(t.Context(), &cades.VerifyOptions{Roots: w.pki.Roots(), NoRevocation: true})
		require.NoError(t, err)
		require.True(t, r.Trusted(), "%+v", r)
		require.Len(t, r.Signatures, 1)
		require.Len(t, r.Signatures[0].Files, len(files))
	}
}
