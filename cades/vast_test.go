package cades_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// vast is a source that computes its octets: parts, each the same octets again and again.
type vast struct {
	parts []vastPart
	size  int64
}

type vastPart struct {
	from, size int64
	octets     []byte
}

func (v *vast) add(octets []byte, size int64) {
	if size > 0 {
		v.parts = append(v.parts, vastPart{v.size, size, octets})
		v.size += size
	}
}

func (v *vast) ReadAt(p []byte, off int64) (n int, err error) {
	i := sort.Search(len(v.parts), func(i int) bool { return v.parts[i].from+v.parts[i].size > off })
	for n < len(p) {
		if i == len(v.parts) {
			return n, io.EOF
		}
		part := v.parts[i]
		at := off + int64(n) - part.from
		if at == part.size {
			i++
			continue
		}
		into := p[n:min(int64(len(p)), int64(n)+part.size-at)]
		n += copy(into, part.octets[at%int64(len(part.octets)):])
	}
	return n, nil
}

// pattern is what the vast contents are made of; 4096 does not divide its length.
func pattern() []byte {
	b := make([]byte, 1<<18+1)
	for i := range b {
		b[i] = byte(i * i >> 7)
	}
	return b
}

// repeated is a content of a size.
func repeated(size int64) *vast {
	v := &vast{}
	v.add(pattern(), size)
	return v
}

// attach puts a content into a detached message of which the signed attributes are over it, in DER.
func attach(t testing.TB, p7s []byte, content *vast) *vast {
	t.Helper()
	sd, err := cms.ParseSignedData(p7s)
	require.NoError(t, err)
	wrap := func(tag cms.Tag, head []byte, rest int64) []byte {
		return append(cms.AppendHeader(nil, tag, len(head)+int(rest)), head...)
	}
	b := cms.NewBuilder(nil)
	b.OID(cms.OIDData)
	data := b.Bytes()
	b = cms.NewBuilder(nil)
	b.OID(cms.OIDSignedData)
	head := wrap(cms.TagOctetString, nil, content.size)
	head = append(data, wrap(cms.ContextConstructed(0), head, content.size)...)
	head = wrap(cms.TagSequence, head, content.size)
	head = append(append([]byte{2, 1, 1}, sd.DigestAlgorithms.Raw()...), head...)
	tail := append(bytes.Clone(sd.CertificateSet.Raw()), sd.SignerInfos.Raw()...)
	rest := content.size + int64(len(tail))
	head = wrap(cms.TagSequence, head, rest)
	head = wrap(cms.ContextConstructed(0), head, rest)
	head = wrap(cms.TagSequence, append(b.Bytes(), head...), rest)
	v := &vast{}
	v.add(head, int64(len(head)))
	for _, p := range content.parts {
		v.add(p.octets, p.size)
	}
	v.add(tail, int64(len(tail)))
	return v
}

// attachInSegments does the same with indefinite lengths and segments of 64 KiB, as one octets of the content is the same.
func attachInSegments(t testing.TB, p7s []byte, content *vast, segment int) *vast {
	t.Helper()
	sd, err := cms.ParseSignedData(p7s)
	require.NoError(t, err)
	b := cms.NewBuilder([]byte("\x30\x80"))
	b.OID(cms.OIDSignedData)
	b.Raw([]byte("\xa0\x80\x30\x80\x02\x01\x01"), sd.DigestAlgorithms.Raw(), []byte("\x30\x80"))
	b.OID(cms.OIDData)
	b.Raw([]byte("\xa0\x80\x24\x80"))
	v := &vast{}
	v.add(b.Bytes(), int64(len(b.Bytes())))
	one := cms.AppendHeader(nil, cms.TagOctetString, segment)
	one = append(one, content.parts[0].octets[:segment]...)
	v.add(one, content.size/int64(segment)*int64(len(one)))
	if left := int(content.size % int64(segment)); left != 0 {
		one = cms.AppendHeader(nil, cms.TagOctetString, left)
		one = append(one, content.parts[0].octets[:left]...)
		v.add(one, int64(len(one)))
	}
	tail := append(make([]byte, 6), sd.CertificateSet.Raw()...)
	tail = append(append(tail, sd.SignerInfos.Raw()...), make([]byte, 6)...)
	v.add(tail, int64(len(tail)))
	return v
}

// allocated is how many octets of memory a function takes, those that were given back included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// fewOctets bounds what a message with a few certificates may take, whatever the size of its content.
const fewOctets = 3 << 20

// TestVastAttached judges, raises and takes the content out of attached messages of 1 GiB in 3 MiB of memory.
func TestVastAttached(t *testing.T) {
	size := int64(1<<30 + 12345)
	if testing.Short() {
		size = 1<<26 + 12345
	}
	pki := testpki.New(t)
	s := p256(t, pki)
	tsa, source := testlevels.Authority(t, pki, fixed), testlevels.NewSource(t, pki)
	verify := &cades.VerifyOptions{Roots: pki.Roots(), Clock: fixed}
	const segment = 4096
	inSegments := &vast{}
	inSegments.add(pattern()[:segment], size)
	for name, content := range map[string]*vast{"DER": repeated(size), "BER": inSegments} {
		t.Run(name, func(t *testing.T) {
			p7s, err := cades.Sign(t.Context(), s, sign.Reader("", io.NewSectionReader(content, 0, size)), &cades.Options{SigningTime: fixed()})
			require.NoError(t, err)
			file := attach(t, p7s, content)
			if name == "BER" {
				file = attachInSegments(t, p7s, content, segment)
			}
			var m *cades.Message
			require.Less(t, allocated(func() {
				m, err = cades.Open(file, file.size, nil)
				require.NoError(t, err)
				report, err := m.Verify(t.Context(), sign.Content{}, verify)
				requireTrusted(t, report, err)
			}), uint64(fewOctets))
			var out counted
			require.Less(t, allocated(func() { require.NoError(t, m.WriteContent(&out)) }), uint64(fewOctets))
			require.Equal(t, size, int64(out))
			if testing.Short() || name == "BER" {
				var raised counted
				require.Less(t, allocated(func() {
					o := &cades.ExtendOptions{Timestamper: tsa, Revocation: source, Clock: fixed, Roots: pki.Roots()}
					extended, err := m.Extended(t.Context(), cades.LevelLTA, o)
					require.NoError(t, err)
					_, err = extended.WriteTo(&raised)
					require.NoError(t, err)
				}), uint64(2*fewOctets))
				require.Greater(t, int64(raised), file.size)
			}
		})
	}
}

type counted int64

func (c *counted) Write(p []byte) (int, error) { *c += counted(len(p)); return len(p), nil }

// TestVastOtherwise has files that are vast in other places than the content: they are refused, and not held.
func TestVastOtherwise(t *testing.T) {
	const size = 1 << 28
	b := cms.NewBuilder(nil)
	b.OID(cms.OIDSignedData)
	oid := b.Bytes()
	in := func(tag cms.Tag, head []byte, rest int64) []byte {
		return append(cms.AppendHeader(nil, tag, len(head)+int(rest)), head...)
	}
	info := func(fields []byte, rest int64) []byte {
		fields = in(cms.ContextConstructed(0), in(cms.TagSequence, fields, rest), rest)
		return in(cms.TagSequence, append(bytes.Clone(oid), fields...), rest)
	}
	file := func(head, again []byte) *vast {
		v := &vast{}
		v.add(head, int64(len(head)))
		v.add(again, size)
		return v
	}
	version := []byte{2, 1, 1}
	null := []byte{5, 0}
	set := in(cms.TagSet, nil, size)
	for name, f := range map[string]*vast{
		"digest algorithms":                        file(info(append(bytes.Clone(version), set...), size), null),
		"digest algorithms, indefinite":            file(info(append(bytes.Clone(version), 0x31, 0x80), size), null),
		"digest algorithms, deep":                  file(info(append(bytes.Clone(version), 0x31, 0x80), size), []byte{0x30, 0x80}),
		"version":                                  file(info(in(cms.TagInteger, nil, size), size), null),
		"certificates":                             file(info(append(append(bytes.Clone(version), 0x31, 0, 0x30, 3, 6, 1, 0x2a), in(cms.ContextConstructed(0), nil, size)...), size), null),
		"another kind of CMS":                      file(info(append(bytes.Clone(version), in(cms.TagSequence, nil, size)...), size), null),
		"no ASN.1":                                 file([]byte("text"), []byte("more text ")),
		"a SEQUENCE of nothing":                    file(in(cms.TagSequence, nil, size), null),
		"indefinite, and never ends":               file([]byte{0x30, 0x80}, null),
		"content in segments that never end":       file(append(append([]byte{0x30, 0x80}, oid...), "\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80\x06\x01\x2a\xa0\x80\x24\x80"...), []byte{4, 2, 1, 2}),
		"content deeper than anybody nests":        file(append(append([]byte{0x30, 0x80}, oid...), "\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80\x06\x01\x2a\xa0\x80\x24\x80"...), []byte{0x24, 0x80}),
		"content of segments of indefinite length": file(append(append([]byte{0x30, 0x80}, oid...), "\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80\x06\x01\x2a\xa0\x80\x24\x80"...), []byte{0x24, 0x80, 0, 0}),
	} {
		t.Run(name, func(t *testing.T) {
			require.Less(t, allocated(func() {
				_, err := cades.Open(f, f.size, nil)
				require.ErrorIs(t, err, sign.ErrInput)
			}), uint64(1<<20))
		})
	}
	// What the limit is can be said.
	crowded, head := &vast{}, info(append(append(bytes.Clone(version), 0x31, 0, 0x30, 3, 6, 1, 0x2a), in(cms.ContextConstructed(0), nil, 1<<20)...), 1<<20)
	crowded.add(head, int64(len(head)))
	crowded.add(null, 1<<20)
	_, err := cades.Open(crowded, crowded.size, &cades.OpenOptions{Held: 1 << 20})
	require.ErrorContains(t, err, "OpenOptions.Held")
	_, err = cades.Open(crowded, crowded.size, &cades.OpenOptions{Held: 2 << 20})
	require.ErrorContains(t, err, "there are more than")
}

// TestVastOpenSSL has OpenSSL make a message of 256 MiB as it streams one, and read what became of it.
func TestVastOpenSSL(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: no files of hundreds of megabytes")
	}
	dir := t.TempDir()
	const size = 256 << 20
	f, err := os.Create(filepath.Join(dir, "content"))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(size-3))
	_, err = f.WriteAt([]byte("end"), size-3)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	testpki.OpenSSL(t, dir, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "cert", "-days", "3650", "-subj", "/CN=Large",
		"-addext", "keyUsage=critical,digitalSignature", "-addext", "basicConstraints=critical,CA:FALSE")
	testpki.OpenSSL(t, dir, "cms", "-sign", "-binary", "-nodetach", "-stream", "-cades", "-md", "sha512", "-in", "content", "-signer", "cert", "-inkey", "key", "-outform", "DER", "-out", "m.p7m")
	pem, err := os.ReadFile(filepath.Join(dir, "cert"))
	require.NoError(t, err)
	roots, refused := trust.Parse(pem)
	require.Empty(t, refused)
	in, err := os.Open(filepath.Join(dir, "m.p7m"))
	require.NoError(t, err)
	defer in.Close()
	info, err := in.Stat()
	require.NoError(t, err)
	out, err := os.Create(filepath.Join(dir, "raised.p7m"))
	require.NoError(t, err)
	defer out.Close()
	require.Less(t, allocated(func() {
		m, err := cades.Open(in, info.Size(), nil)
		require.NoError(t, err)
		report, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: roots})
		requireTrusted(t, report, err)
		raised, err := m.Extended(t.Context(), cades.LevelT, &cades.ExtendOptions{Timestamper: testlevels.Authority(t, testpki.New(t), nil), Roots: roots})
		require.NoError(t, err)
		_, err = raised.WriteTo(out)
		require.NoError(t, err)
	}), uint64(2*fewOctets))
	testpki.OpenSSL(t, dir, "cms", "-verify", "-binary", "-inform", "DER", "-in", "raised.p7m", "-CAfile", "cert", "-purpose", "any", "-out", "taken")
	taken, err := os.Open(filepath.Join(dir, "taken"))
	require.NoError(t, err)
	defer taken.Close()
	whole, err := os.Open(filepath.Join(dir, "content"))
	require.NoError(t, err)
	defer whole.Close()
	require.NoError(t, sameOctets(whole, taken))
}

// sameOctets compares two readers.
func sameOctets(a, b io.Reader) error {
	one, other := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(a, one)
		m, _ := io.ReadFull(b, other)
		if n != m || !bytes.Equal(one[:n], other[:m]) {
			return fmt.Errorf("they differ")
		}
		if err != nil {
			return nil
		}
	}
}
