package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/pades"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

func TestMain(m *testing.M) {
	api.DisableConfigDir()
	os.Exit(m.Run())
}

// blank is a document of one page, with more entries in its catalog and its page.
func blank(catalog, page string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	text := "BT /F1 24 Tf 72 700 Td (An order of ten chairs) Tj ET"
	var at []int
	for i, o := range []string{
		"<< /Type /Catalog /Pages 2 0 R " + catalog + " >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> " + page + " >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(text), text),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
		"[ 7 0 R ]",
		"<< /Type /Annot /Subtype /Text /Rect [10 10 30 30] /Contents (a note) >>",
		"<< /Fields [] /DA (/Helv 0 Tf 0 g) >>",
	} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, offset := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R /ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>] >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, xref)
	return b.Bytes()
}

// samples are documents of several shapes.
func samples(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{
		"plain":    blank("", ""),
		"form":     blank("/AcroForm 8 0 R", ""),
		"direct":   blank("/AcroForm << /Fields [] >>", "/Annots [7 0 R]"),
		"indirect": blank("", "/Annots 6 0 R"),
		"no-line":  bytes.TrimSpace(blank("", "")),
	}
	var compressed bytes.Buffer // cross references and objects in streams
	require.NoError(t, api.Optimize(bytes.NewReader(all["indirect"]), &compressed, model.NewDefaultConfiguration()))
	require.Contains(t, compressed.String(), "/ObjStm")
	all["streams"] = compressed.Bytes()
	return all
}

type world struct {
	dir       string
	signer    *sign.Signer
	authority *tsp.Authority
	roots     *trust.Roots
}

func newWorld(t *testing.T) *world {
	t.Helper()
	signer, err := open(t.Context(), seal)
	require.NoError(t, err)
	key, err := open(t.Context(), tsa)
	require.NoError(t, err)
	authority, err := tsp.NewAuthority(key, nil)
	require.NoError(t, err)
	root, err := os.ReadFile("demo/root.pem")
	require.NoError(t, err)
	roots, problems := trust.Parse(root)
	require.Empty(t, problems)
	return &world{t.TempDir(), signer, authority, roots}
}

func (w *world) options(level cades.Level) *pades.Options {
	return &pades.Options{Signature: &cades.Options{Level: level, Timestamper: w.authority}}
}

func (w *world) write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(w.dir, name+".pdf")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// ranges finds the /ByteRange entries of a document in its order, as one who reads PDF would have them.
func ranges(t *testing.T, document []byte) (all []pades.ByteRange) {
	t.Helper()
	for _, part := range strings.Split(string(document), "/ByteRange[")[1:] {
		text, _, ok := strings.Cut(part, "]")
		require.True(t, ok)
		var r pades.ByteRange
		for i, n := range strings.Fields(text) {
			v, err := strconv.ParseInt(n, 10, 64)
			require.NoError(t, err)
			r[i] = v
		}
		all = append(all, r)
	}
	return all
}

// last opens the last signature of a document.
func last(t *testing.T, document []byte) *pades.Section {
	t.Helper()
	all := ranges(t, document)
	s, err := pades.Open(bytes.NewReader(document), int64(len(document)), all[len(all)-1])
	require.NoError(t, err)
	return s
}

// TestSigned signs documents of several shapes at both levels, some of them twice and with a document time-stamp, and has them judged
// by everybody who is there.
func TestSigned(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	all := samples(t)
	var paths []string
	want := map[string]string{} // by name, the level
	for level, name := range map[cades.Level]string{cades.LevelBES: "B", cades.LevelT: "T"} {
		var names []string
		var documents [][]byte
		for shape, data := range all {
			names, documents = append(names, shape+"-"+name), append(documents, data)
		}
		signed, errs := signAll(ctx, w.signer, w.options(level), "I agree (ä)", documents)
		for i, document := range signed {
			require.NoError(t, errs[i], names[i])
			require.True(t, bytes.HasPrefix(document, documents[i]), names[i])
			r, err := last(t, document).Verify(ctx, &cades.VerifyOptions{Roots: w.roots, NoRevocation: true})
			require.NoError(t, err)
			require.True(t, r.Trusted(), "%s: %v", names[i], r.Err())
			require.Equal(t, "B-"+name, r.Message.Signatures[0].Level)
			paths = append(paths, w.write(t, names[i], document))
			want[names[i]] = name
		}
	}
	// A second signature, and a document time-stamp over both.
	for _, name := range []string{"plain-B", "streams-T"} {
		document, err := os.ReadFile(filepath.Join(w.dir, name+".pdf"))
		require.NoError(t, err)
		twice, errs := signAll(ctx, w.signer, w.options(cades.LevelBES), "", [][]byte{document})
		require.NoError(t, errs[0])
		stamped, err := stamp(ctx, w.authority, twice[0])
		require.NoError(t, err)
		_, err = last(t, stamped).VerifyTimestamp(ctx, &tsp.VerifyOptions{Roots: w.roots})
		require.NoError(t, err)
		require.Zero(t, last(t, stamped).Behind())
		first, err := pades.Open(bytes.NewReader(stamped), int64(len(stamped)), ranges(t, stamped)[0])
		require.NoError(t, err)
		r, err := first.Verify(ctx, &cades.VerifyOptions{Roots: w.roots, NoRevocation: true})
		require.NoError(t, err)
		require.True(t, r.Message.Trusted())
		require.False(t, r.Valid())
		paths = append(paths, w.write(t, name+"-twice", stamped))
	}
	t.Run("pyHanko", func(t *testing.T) { w.pyHanko(t, paths, want) })
	t.Run("DSS", func(t *testing.T) { w.dss(t, paths, want) })
	t.Run("pdfsig", func(t *testing.T) { w.pdfsig(t, paths) })
	t.Run("OpenSSL", func(t *testing.T) { w.openSSL(t, paths) })
}

// TestTampered: the judges of TestSigned do not say yes to everything.
func TestTampered(t *testing.T) {
	w := newWorld(t)
	signed, errs := signAll(t.Context(), w.signer, w.options(cades.LevelBES), "", [][]byte{blank("", "")})
	require.NoError(t, errs[0])
	changed := bytes.Replace(signed[0], []byte("ten chairs"), []byte("two chairs"), 1)
	r, err := last(t, changed).Verify(t.Context(), &cades.VerifyOptions{Roots: w.roots, NoRevocation: true})
	require.NoError(t, err)
	require.False(t, r.Valid())
	path := w.write(t, "changed", changed)
	t.Run("pyHanko", func(t *testing.T) {
		require.Contains(t, pyHanko(t, path), "changed.pdf signature /ETSI.CAdES.detached bottom_line=False intact=False")
	})
	t.Run("DSS", func(t *testing.T) { require.Contains(t, dss(t, path), "intact=false") })
	t.Run("pdfsig", func(t *testing.T) { require.Contains(t, pdfsig(t, path), "Digest Mismatch") })
}

// TestCommand runs the program.
func TestCommand(t *testing.T) {
	dir := t.TempDir()
	var args []string
	for i := range 3 {
		path := filepath.Join(dir, fmt.Sprintf("%d.pdf", i))
		require.NoError(t, os.WriteFile(path, blank("", ""), 0o600))
		args = append(args, path)
	}
	out := filepath.Join(dir, "signed")
	require.NoError(t, run(context.Background(), append([]string{"-out", out, "-level", "b-t", "-reason", "I agree"}, args...)))
	for i := range 3 {
		document, err := os.ReadFile(filepath.Join(out, fmt.Sprintf("%d.pdf", i)))
		require.NoError(t, err)
		require.Contains(t, string(document), "/Reason")
		r, err := last(t, document).Verify(t.Context(), &cades.VerifyOptions{NoRevocation: true})
		require.NoError(t, err)
		require.True(t, r.Valid(), "%v", r.Err())
		require.Equal(t, "B-T", r.Message.Signatures[0].Level)
	}
	// One that is no PDF fails by itself.
	bad := filepath.Join(dir, "bad.pdf")
	require.NoError(t, os.WriteFile(bad, []byte("no PDF"), 0o600))
	require.NoError(t, os.RemoveAll(out))
	require.ErrorContains(t, run(context.Background(), []string{"-out", out, bad, args[0]}), "bad.pdf")
	require.FileExists(t, filepath.Join(out, "0.pdf"))
	require.NoFileExists(t, filepath.Join(out, "bad.pdf"))
	require.Error(t, run(context.Background(), nil))
	require.ErrorContains(t, run(context.Background(), []string{"-out", out, "-level", "lta", args[0]}), "Collect")
}
