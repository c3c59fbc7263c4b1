package asic_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/asic"
	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// world is an authority and a signer.
type world struct {
	pki    *testpki.PKI
	id     testpki.Identity
	signer *sign.Signer
	verify *cades.VerifyOptions
}

func newWorld(t testing.TB) *world {
	t.Helper()
	pki := testpki.New(t)
	w := &world{pki: pki, id: pki.Leaf(testpki.P256)}
	w.signer = w.signs(t, w.id)
	w.verify = &cades.VerifyOptions{Roots: pki.Roots(), Clock: testpki.Now, NoRevocation: true}
	return w
}

func (w *world) signs(t testing.TB, id testpki.Identity) *sign.Signer {
	t.Helper()
	p, err := soft.New(id.Key, soft.Config{Certificates: id.Chain})
	require.NoError(t, err)
	s, err := sign.Open(t.Context(), p, sign.Ref{})
	require.NoError(t, err)
	return s
}

func signature() *cades.Options { return &cades.Options{Clock: testpki.Now} }

func files(names ...string) []sign.Content {
	var all []sign.Content
	for _, name := range names {
		all = append(all, sign.Bytes(name, []byte("content of "+name)))
	}
	return all
}

func (w *world) make(t testing.TB, kind asic.Kind, contents ...sign.Content) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, asic.Sign(t.Context(), &b, w.signer, contents, &asic.Options{Kind: kind, Signature: signature()}))
	return b.Bytes()
}

func open(t testing.TB, data []byte) *asic.Container {
	t.Helper()
	c, err := asic.Open(bytes.NewReader(data), int64(len(data)), nil)
	require.NoError(t, err)
	return c
}

func (w *world) report(t testing.TB, data []byte) *asic.Report {
	t.Helper()
	r, err := open(t, data).Verify(t.Context(), w.verify)
	require.NoError(t, err)
	require.Equal(t, r.Trusted(), r.Err() == nil, "%v", r.Err())
	for i := range r.Signatures {
		require.Equal(t, r.Signatures[i].Trusted(), r.Signatures[i].Err() == nil, "%v", r.Signatures[i].Err())
	}
	return r
}

// entry is a file of a ZIP file.
type entry struct {
	name string
	data []byte
}

// unzip and rezip are for changes that a container suffers.
func unzip(t testing.TB, data []byte) []entry {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	var all []entry
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		all = append(all, entry{f.Name, content})
	}
	return all
}

func rezip(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.Create(e.name)
		require.NoError(t, err)
		_, err = w.Write(e.data)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

func TestSimple(t *testing.T) {
	w := newWorld(t)
	data := w.make(t, asic.S, files("invoice.xml")...)
	require.Equal(t, "mimetypeapplication/vnd.etsi.asic-s+zip", string(data[30:30+39]), "for programs that look at octet 38")
	c := open(t, data)
	require.Equal(t, asic.S, c.Kind())
	require.Equal(t, []string{"invoice.xml"}, c.Files())
	require.Len(t, c.Signatures(), 1)
	require.Equal(t, "META-INF/signature.p7s", c.Signatures()[0].Name)
	r, err := c.File("invoice.xml")
	require.NoError(t, err)
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "content of invoice.xml", string(content))
	report := w.report(t, data)
	bare := report.Signatures[0]
	bare.Files = nil
	require.False(t, bare.Trusted())
	require.ErrorIs(t, bare.Err(), sign.ErrInput, "a signature over no file says nothing")
	require.True(t, report.Valid() && report.Trusted())
	require.Equal(t, []asic.FileReport{{Name: "invoice.xml"}}, report.Signatures[0].Files)

	report, err = c.Verify(t.Context(), nil)
	require.NoError(t, err)
	require.True(t, report.Valid())
	require.False(t, report.Trusted())

	again := w.make(t, asic.S, files("invoice.xml")...)
	a, b := unzip(t, data), unzip(t, again)
	require.Equal(t, a[:2], b[:2])
}

func TestExtended(t *testing.T) {
	w := newWorld(t)
	names := []string{"a.txt", "folder/b c.txt", "ä & <ö>.txt", "with:colon", "100%.txt", "quote\"'.txt"}
	data := w.make(t, asic.E, files(names...)...)
	c := open(t, data)
	require.Equal(t, asic.E, c.Kind())
	require.Equal(t, names, c.Files())
	require.Equal(t, names, c.Signatures()[0].Files())
	report := w.report(t, data)
	require.True(t, report.Valid() && report.Trusted(), "%+v", report)
	require.Len(t, report.Signatures[0].Files, len(names))

	none := w.make(t, asic.E, files("one")...)
	require.True(t, w.report(t, none).Trusted())
}

// TestFiles signs files of a disk, with the part of their path that stays below the folder.
func TestFiles(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.pdf"), bytes.Repeat([]byte("pdf"), 100_000), 0o600))
	t.Chdir(dir)
	require.NoError(t, os.MkdirAll("sub", 0o700))
	require.NoError(t, os.WriteFile("sub/b.pdf", nil, 0o600))
	data := w.make(t, asic.E, sign.File(filepath.Join(dir, "a.pdf")), sign.File("./sub/b.pdf"))
	require.Less(t, len(data), 20_000, "compressed")
	require.Equal(t, []string{"a.pdf", "sub/b.pdf"}, open(t, data).Files())
	require.True(t, w.report(t, data).Trusted())
}

// TestBatch makes a container of each content.
func TestBatch(t *testing.T) {
	w := newWorld(t)
	contents := files("a", "b", "c", "d")
	contents = append(contents, sign.Reader("once", strings.NewReader("x")), sign.Bytes("META-INF/x", nil), sign.Bytes("mimetype", nil))
	for _, kind := range []asic.Kind{asic.S, asic.E} {
		results, err := batch.Sign(t.Context(), w.signer, &asic.Options{Kind: kind, Signature: signature()}, contents, nil)
		require.NoError(t, err)
		for i, r := range results {
			if i >= 4 {
				require.ErrorIs(t, r.Err, sign.ErrInput, r.Name)
				continue
			}
			require.NoError(t, r.Err)
			require.Equal(t, []string{r.Name}, open(t, r.Signature).Files())
			require.True(t, w.report(t, r.Signature).Trusted())
		}
	}
}

// TestRefused: what cannot become a container, before the key is used.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		o     *asic.Options
		files []sign.Content
		says  string
	}{
		"nothing":      {nil, nil, "no file"},
		"two files":    {nil, files("a", "b"), "asic.E"},
		"twins":        {&asic.Options{Kind: asic.E}, files("x/../a", "a"), "two files"},
		"attached":     {&asic.Options{Signature: &cades.Options{Attached: true}}, files("a"), "detached"},
		"kind":         {&asic.Options{Kind: 7}, files("a"), "kind"},
		"a drive":      {nil, files("C:/a"), "leads elsewhere"},
		"a backslash":  {nil, files(`..\a`), "leads elsewhere"},
		"no name":      {nil, files(""), "name"},
		"digests only": {nil, []sign.Content{sign.Digested("a")}, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			err := asic.Sign(t.Context(), &b, w.signer, c.files, c.o)
			require.ErrorIs(t, err, sign.ErrInput)
			require.ErrorContains(t, err, c.says)
			require.Zero(t, b.Len())
		})
	}
}

// TestChangedWhileSigned: what is in the container is what was signed, or there is none.
func TestChangedWhileSigned(t *testing.T) {
	w := newWorld(t)
	n := 0
	content := sign.Opener("a", func() (io.ReadCloser, error) {
		n++
		return io.NopCloser(strings.NewReader(fmt.Sprint("content ", n))), nil
	})
	for _, kind := range []asic.Kind{asic.S, asic.E} {
		err := asic.Sign(t.Context(), io.Discard, w.signer, []sign.Content{content}, &asic.Options{Kind: kind, Signature: signature()})
		require.ErrorIs(t, err, sign.ErrInput)
	}
}

func TestCancelled(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, asic.Sign(ctx, io.Discard, w.signer, files("a"), nil), context.Canceled)
	_, err := open(t, w.make(t, asic.E, files("a")...)).Verify(ctx, w.verify)
	require.ErrorIs(t, err, context.Canceled)
}

// TestFurtherSignatures: a second signer of an ASiC-S is one of its message, of an ASiC-E one with a manifest of his own.
func TestFurtherSignatures(t *testing.T) {
	w := newWorld(t)
	second := w.signs(t, w.pki.Leaf(testpki.RSA2048))
	for _, kind := range []asic.Kind{asic.S, asic.E} {
		var b bytes.Buffer
		require.NoError(t, open(t, w.make(t, kind, files("a")...)).AddSignature(t.Context(), &b, second, signature()))
		r := w.report(t, b.Bytes())
		require.True(t, r.Trusted(), "%+v", r)
		signers := 0
		for _, s := range r.Signatures {
			signers += len(s.Message.Signatures)
		}
		require.Equal(t, 2, signers)
		var c bytes.Buffer
		require.NoError(t, open(t, b.Bytes()).AddSignature(t.Context(), &c, second, signature()))
		require.True(t, w.report(t, c.Bytes()).Trusted())
	}
}

func FuzzOpen(f *testing.F) {
	w := newWorld(f)
	f.Add(w.make(f, asic.S, files("a")...))
	f.Add(w.make(f, asic.E, files("a", "b")...))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := asic.Open(bytes.NewReader(data), int64(len(data)), &asic.OpenOptions{MaxSize: 1 << 20})
		if err != nil {
			require.ErrorIs(t, err, sign.ErrInput)
			return
		}
		r, err := c.Verify(t.Context(), w.verify)
		if err == nil && r.Trusted() {
			for _, name := range c.Files() {
				file, err := c.File(name)
				require.NoError(t, err)
				content, err := io.ReadAll(file)
				require.NoError(t, err)
				require.Contains(t, []string{"content of a", "content of b"}, string(content))
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	w := newWorld(f)
	whole := unzip(f, w.make(f, asic.E, files("a", "b")...))
	f.Add(whole[3].data)
	f.Fuzz(func(t *testing.T, manifest []byte) {
		entries := append([]entry(nil), whole...)
		entries[3].data = manifest
		data := rezip(t, entries...)
		c, err := asic.Open(bytes.NewReader(data), int64(len(data)), nil)
		require.NoError(t, err)
		r, err := c.Verify(t.Context(), w.verify)
		require.NoError(t, err)
		require.Equal(t, bytes.Equal(manifest, whole[3].data), r.Valid())
	})
}
