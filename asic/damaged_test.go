package asic_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/asic"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestDamaged: each change that somebody could make without the key is seen.
func TestDamaged(t *testing.T) {
	w := newWorld(t)
	stranger := newWorld(t)
	simple := unzip(t, w.make(t, asic.S, files("a")...))
	extended := unzip(t, w.make(t, asic.E, files("a", "b")...))
	other := unzip(t, w.make(t, asic.E, files("b", "c")...))
	foreign := unzip(t, stranger.make(t, asic.E, files("c")...))
	with := func(entries []entry, i int, data []byte) []entry {
		changed := append([]entry(nil), entries...)
		changed[i].data = data
		return changed
	}
	attached, err := cades.Sign(t.Context(), w.signer, sign.Bytes("", []byte("content of a")), &cades.Options{Attached: true, Clock: testpki.Now})
	require.NoError(t, err)
	manifest := string(extended[3].data)
	for name, entries := range map[string][]entry{
		"another content":                 with(simple, 1, []byte("content of b")),
		"another manifest":                with(extended, 3, other[3].data),
		"another file under the manifest": with(extended, 2, []byte("x")),
		"a file left out":                 append(append([]entry{}, extended[:2]...), extended[3:]...),
		"a file that nobody signed":       append(append([]entry{}, extended...), entry{"c", []byte("c")}),
		"a file that a stranger signed": append(append([]entry{}, extended...), foreign[1],
			entry{"META-INF/ASiCManifest002.xml", []byte(strings.Replace(string(foreign[2].data), "signature001", "signature002", 1))},
			entry{"META-INF/signature002.p7s", foreign[3].data}),
		"a signature that is another's": with(extended, 4, other[4].data),
		"no signature":                  extended[:4],
		"no manifest":                   append(append([]entry{}, extended[:3]...), extended[4]),
		"no META-INF":                   extended[:3],
		"a signature that is none":      with(extended, 4, []byte("x")),
		"a signature with its content":  with(simple, 2, attached),
		"a manifest of half the files":  with(extended, 3, []byte(strings.Replace(manifest, "URI=\"b\"", "URI=\"c\"", 1))),
		"a manifest without files":      with(extended, 3, []byte(`<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#"><asic:SigReference URI="META-INF/signature001.p7s"/></asic:ASiCManifest>`)),
		"a manifest that is none":       with(extended, 3, []byte("<x/>")),
		"a signature twice":             append(append([]entry{}, extended...), entry{"META-INF/signature009.p7s", extended[4].data}),
	} {
		t.Run(name, func(t *testing.T) {
			r := w.report(t, rezip(t, entries...))
			require.False(t, r.Valid() || r.Trusted(), "%+v", r)
		})
	}
	require.True(t, w.report(t, rezip(t, extended...)).Trusted(), "only packed anew")
	require.True(t, w.report(t, rezip(t, extended[1:]...)).Trusted(), "without mimetype")
	require.True(t, w.report(t, rezip(t, simple[1:]...)).Trusted(), "without mimetype")
	moved := []entry{simple[0], {"other.txt", simple[1].data}, simple[2]}
	require.True(t, w.report(t, rezip(t, moved...)).Trusted(), "an ASiC-S does not sign the name")
}

// TestNotAContainer: what could be read in two ways, or would do harm when it is unpacked, is refused as a whole.
func TestNotAContainer(t *testing.T) {
	w := newWorld(t)
	good := unzip(t, w.make(t, asic.S, files("a")...))
	plus := func(name string) []byte {
		return rezip(t, append(append([]entry{}, good...), entry{name, []byte("x")})...)
	}
	for name, data := range map[string][]byte{
		"no ZIP file":            []byte("PK\x03\x04 and so on"),
		"empty":                  nil,
		"a file twice":           plus("a"),
		"the signature twice":    plus("META-INF/signature.p7s"),
		"mimetype twice":         plus("mimetype"),
		"two files of an ASiC-S": plus("b"),
		"a path that climbs":     plus("../b"),
		"an absolute path":       plus("/etc/b"),
		"a backslash":            plus(`x\b`),
		"meta-inf":               plus("meta-inf/b"),
		"no file":                rezip(t, good[0], good[2]),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := asic.Open(bytes.NewReader(data), int64(len(data)), nil)
			require.ErrorIs(t, err, sign.ErrInput)
		})
	}
	data := w.make(t, asic.E, files("a", "b", "c")...)
	_, err := asic.Open(nil, 0, nil)
	require.ErrorIs(t, err, sign.ErrInput)
	_, err = asic.Open(bytes.NewReader(data), int64(len(data)), &asic.OpenOptions{MaxFiles: 3})
	require.ErrorContains(t, err, "3 are the most")
	_, err = asic.Open(bytes.NewReader(data), int64(len(data)), &asic.OpenOptions{MaxSize: 100})
	require.ErrorContains(t, err, "100 octets")
}

// TestLargerThanItSays: a file that unpacks to more than the folder has is not read to its end.
func TestLargerThanItSays(t *testing.T) {
	w := newWorld(t)
	data := w.make(t, asic.E, sign.Bytes("a", make([]byte, 1<<20)))
	at := bytes.LastIndex(data, []byte("PK\x01\x02")) // the last of the folder is the signature
	for ; at >= 0 && !bytes.HasPrefix(data[at+46:], []byte("a")); at = bytes.LastIndex(data[:at], []byte("PK\x01\x02")) {
	}
	require.GreaterOrEqual(t, at, 0)
	copy(data[at+24:], []byte{10, 0, 0, 0}) // the size
	c := open(t, data)
	_, err := c.Verify(t.Context(), w.verify)
	require.ErrorContains(t, err, "a: ")
	r, err := c.File("a")
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, r)
	require.Error(t, err)
	require.LessOrEqual(t, n, int64(10))
}

// TestBounded: a small container cannot make much work: signatures that many manifests name, manifests that unpack to much, a file
// that is read for each of many signatures.
func TestBounded(t *testing.T) {
	w := newWorld(t)
	extended := unzip(t, w.make(t, asic.E, files("a")...))
	again := append(append([]entry{}, extended...), entry{"META-INF/ASiCManifest002.xml", extended[2].data})
	c := open(t, rezip(t, again...))
	require.Len(t, c.Signatures(), 2)
	require.ErrorContains(t, c.Signatures()[1].Err, "two manifests")
	require.False(t, w.report(t, rezip(t, again...)).Valid())

	large := bomb(t, extended, 3, 7<<20)
	c = open(t, large)
	all := c.Signatures()
	require.ErrorContains(t, all[len(all)-1].Err, "together")
	require.False(t, w.report(t, large).Valid())

	simple := unzip(t, w.make(t, asic.S, files("a")...))
	for i := range 200 {
		simple = append(simple, entry{fmt.Sprintf("META-INF/signature%d.p7s", i), simple[2].data})
	}
	c = open(t, rezip(t, simple...))
	require.Len(t, c.Signatures(), 101)
	require.ErrorContains(t, c.Signatures()[100].Err, "more than 100")
	require.False(t, w.report(t, rezip(t, simple...)).Valid())
}

// bomb adds manifests that unpack to a size each.
func bomb(t *testing.T, entries []entry, n int, size uint64) []byte {
	t.Helper()
	var packed, out bytes.Buffer
	f, err := flate.NewWriter(&packed, flate.BestSpeed)
	require.NoError(t, err)
	sum := crc32.NewIEEE()
	block := make([]byte, 1<<20)
	for range size / uint64(len(block)) {
		_, _ = sum.Write(block)
		_, err = f.Write(block)
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	z := zip.NewWriter(&out)
	for _, e := range entries {
		w, err := z.Create(e.name)
		require.NoError(t, err)
		_, err = w.Write(e.data)
		require.NoError(t, err)
	}
	for i := range n {
		w, err := z.CreateRaw(&zip.FileHeader{Name: fmt.Sprintf("META-INF/ASiCManifest1%02d.xml", i), Method: zip.Deflate, CRC32: sum.Sum32(),
			CompressedSize64: uint64(packed.Len()), UncompressedSize64: size})
		require.NoError(t, err)
		_, err = w.Write(packed.Bytes())
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return out.Bytes()
}

// TestPanics: what a caller brings takes nothing down.
func TestPanics(t *testing.T) {
	w := newWorld(t)
	content := sign.Opener("a", func() (io.ReadCloser, error) { panic("no") })
	for _, kind := range []asic.Kind{asic.S, asic.E} {
		err := asic.Sign(t.Context(), io.Discard, w.signer, []sign.Content{content}, &asic.Options{Kind: kind})
		require.ErrorContains(t, err, "panic: no")
		d, err := (&asic.Options{Kind: kind}).Prepare(t.Context(), w.signer, content)
		require.ErrorContains(t, err, "panic: no")
		require.Nil(t, d)
		_, err = (&asic.Options{Kind: kind}).Prepare(t.Context(), w.signer, sign.Digested("a"))
		require.ErrorIs(t, err, sign.ErrInput)
	}
}
