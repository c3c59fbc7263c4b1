package pades_test

import (
	"bytes"
	"crypto"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/pades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// document is octets with a hole, as a library for PDF would write them.
type document struct {
	data  []byte
	where pades.ByteRange
}

func newDocument(room int) *document {
	head := "%PDF-1.7\n1 0 obj\n<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /Contents "
	tail := " /M (D:20260301120000Z) >>\nendobj\n%%EOF\n"
	hole := "<" + strings.Repeat("0", 2*room) + ">"
	return &document{[]byte(head + hole + tail), pades.ByteRange{0, int64(len(head)), int64(len(head) + len(hole)), int64(len(tail))}}
}

func (d *document) open(t testing.TB) *pades.Section {
	t.Helper()
	s, err := pades.Open(bytes.NewReader(d.data), int64(len(d.data)), d.where)
	require.NoError(t, err)
	return s
}

// WriteAt makes it an io.WriterAt.
func (d *document) WriteAt(p []byte, at int64) (int, error) { return copy(d.data[at:], p), nil }

func (d *document) signed() []byte {
	return append(bytes.Clone(d.data[:d.where[1]]), d.data[d.where[2]:]...)
}

type world struct {
	pki    *testpki.PKI
	signer *sign.Signer
	stamps *tsp.Authority
	verify *cades.VerifyOptions
}

func signerOf(t testing.TB, id testpki.Identity, s sign.Scheme) *sign.Signer {
	t.Helper()
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(t, err)
	signer, err := sign.New(key, id.Chain, s)
	require.NoError(t, err)
	return signer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	pki := testpki.New(t)
	return &world{pki, signerOf(t, pki.Leaf(testpki.P256), testpki.Must(sign.ECDSA(crypto.SHA256))), testlevels.Authority(t, pki, testpki.Now),
		&cades.VerifyOptions{Roots: pki.Roots(), Clock: testpki.Now, NoRevocation: true}}
}

func (w *world) options(level cades.Level) *pades.Options {
	return &pades.Options{Signature: &cades.Options{Level: level, Clock: testpki.Now, Timestamper: w.stamps}}
}

// make signs a document.
func (w *world) make(t testing.TB, o *pades.Options) *document {
	t.Helper()
	room, err := pades.Estimate(w.signer, o)
	require.NoError(t, err)
	d := newDocument(room)
	message, err := d.open(t).Sign(t.Context(), w.signer, o)
	require.NoError(t, err)
	require.NoError(t, d.open(t).Fill(d, message))
	return d
}

const oidSigningTime = "1.2.840.113549.1.9.5"

// TestSign makes B-B and B-T with keys of every kind: the attributes are those that EN 319 142-1 has, OpenSSL takes the CMS over the
// octets around it, and Estimate is never too small.
func TestSign(t *testing.T) {
	w := newWorld(t)
	schemes := map[testpki.Kind]sign.Scheme{testpki.RSA2048: testpki.Must(sign.PKCS1(crypto.SHA256)), testpki.RSA4096: testpki.Must(sign.PSS(crypto.SHA512)), testpki.P256: testpki.Must(sign.ECDSA(crypto.SHA256)),
		testpki.P521: testpki.Must(sign.ECDSA(crypto.SHA512)), testpki.Ed25519: sign.Ed25519()}
	for kind, scheme := range schemes {
		for level, name := range map[cades.Level]string{cades.LevelBES: "B-B", cades.LevelT: "B-T"} {
			t.Run(fmt.Sprint(scheme.Name, name), func(t *testing.T) {
				w := *w
				w.signer = signerOf(t, w.pki.Leaf(kind), scheme)
				o := w.options(level)
				d := w.make(t, o)
				s := d.open(t)
				der, err := s.CMS()
				require.NoError(t, err)
				if level == cades.LevelBES {
					require.LessOrEqual(t, s.Room()-len(der), 8) // two or so for r and s, two more for each length that is shorter then
				}
				m, err := cades.Parse(der)
				require.NoError(t, err)
				require.True(t, m.Detached())
				require.Equal(t, "1.2.840.113549.1.7.1", m.ContentType())
				var types []string
				for _, a := range m.Signatures()[0].SignedAttributes() {
					types = append(types, a.Type)
				}
				require.ElementsMatch(t, []string{"1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.16.2.47", "1.2.840.113549.1.9.52"}, types)
				require.Len(t, m.Signatures()[0].UnsignedAttributes(), int(level-cades.LevelBES))

				r, err := s.Verify(t.Context(), w.verify)
				require.NoError(t, err)
				require.NoError(t, r.Err())
				require.True(t, r.Trusted())
				require.Equal(t, name, r.Message.Signatures[0].Level)
				require.Len(t, r.Message.Signatures[0].Levels, 2)
				require.Equal(t, cades.Passed, r.Message.Signatures[0].Status(cades.CheckSigningTime))

				dir := t.TempDir()
				for file, data := range map[string][]byte{"cms": der, "content": d.signed(), "root": testpki.CertPEM(w.pki.Root.Certificate())} {
					require.NoError(t, os.WriteFile(filepath.Join(dir, file), data, 0o600))
				}
				if kind != testpki.Ed25519 { // OpenSSL 3.0 cannot
					testpki.OpenSSL(t, dir, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "cms", "-content", "content", "-CAfile", "root", "-purpose", "any", "-out", "out",
						"-attime", fmt.Sprint(testpki.Now().Unix()))
				}
			})
		}
	}
}

// TestEstimate: of many signatures of a key whose signatures differ in length none is longer, and attributes and time-stamps count.
func TestEstimate(t *testing.T) {
	w := newWorld(t)
	o := w.options(cades.LevelBES)
	room, err := pades.Estimate(w.signer, o)
	require.NoError(t, err)
	longest := 0
	for range 200 {
		d := newDocument(room)
		message, err := d.open(t).Sign(t.Context(), w.signer, o)
		require.NoError(t, err)
		longest = max(longest, len(message))
	}
	require.LessOrEqual(t, longest, room)
	require.Greater(t, longest, room-3)

	o = w.options(cades.LevelT)
	stamped, err := pades.Estimate(w.signer, o)
	require.NoError(t, err)
	o.TimestampRoom = 1000
	less, err := pades.Estimate(w.signer, o)
	require.NoError(t, err)
	require.Equal(t, pades.DefaultTimestampRoom-1000, stamped-less)
	o.Signature.ContentTimestampers = []tsp.Timestamper{w.stamps, w.stamps}
	two, err := pades.Estimate(w.signer, o)
	require.NoError(t, err)
	require.Greater(t, two, less+2000)

	o = w.options(cades.LevelBES)
	o.Signature.Attributes = []cades.Attribute{{Type: "1.2.840.113583.1.1.8", Values: [][]byte{append([]byte{4, 0x82, 4, 0}, make([]byte, 1024)...)}}}
	more, err := pades.Estimate(w.signer, o)
	require.NoError(t, err)
	require.Greater(t, more, room+1024)
	_, err = pades.Estimate(nil, nil)
	require.ErrorIs(t, err, sign.ErrInput)
}

// TestTooLarge: a CMS that does not fit is an error that says how much is missing.
func TestTooLarge(t *testing.T) {
	d := newDocument(100)
	before := bytes.Clone(d.data)
	err := d.open(t).Fill(d, make([]byte, 123))
	require.ErrorIs(t, err, sign.ErrInput)
	require.ErrorContains(t, err, "the CMS has 123 octets, and /Contents has room for 100: 23 are missing")
	require.Equal(t, before, d.data)
	require.NoError(t, d.open(t).Fill(d, bytes.Repeat([]byte{0xab}, 100)))
	require.Contains(t, string(d.data), "<"+strings.Repeat("ab", 100)+">")
}

// TestVerifyDocument: whatever is changed, it is not valid.
func TestVerifyDocument(t *testing.T) {
	w := newWorld(t)
	good := w.make(t, w.options(cades.LevelT))
	verify := func(data []byte, size int64) (*pades.Report, error) {
		s, err := pades.Open(bytes.NewReader(data), size, good.where)
		if err != nil {
			return nil, err
		}
		return s.Verify(t.Context(), w.verify)
	}
	size := int64(len(good.data))
	for _, at := range []int64{0, 10, good.where[1] - 40, good.where[2] + 1, size - 1} {
		data := bytes.Clone(good.data)
		data[at] ^= 1
		r, err := verify(data, size)
		require.NoError(t, err)
		require.False(t, r.Valid())
		require.ErrorContains(t, r.Err(), "message-digest")
	}
	later := append(bytes.Clone(good.data), "2 0 obj\n…"...)
	r, err := verify(later, int64(len(later)))
	require.NoError(t, err)
	require.EqualValues(t, len(later)-len(good.data), r.Behind)
	require.False(t, r.Whole())
	require.False(t, r.Valid())
	require.False(t, r.Trusted())
	require.True(t, r.Message.Trusted())
	require.ErrorContains(t, r.Err(), "older revision")
	r, err = verify(later, size) // the revision that was signed
	require.NoError(t, err)
	require.True(t, r.Trusted())

	var none *pades.Report
	require.False(t, none.Valid())
	require.False(t, (&pades.Report{}).Valid())
	require.False(t, (&pades.Report{}).Trusted())
	require.Error(t, none.Err())
	require.Error(t, (&pades.Report{}).Err())

	strict := *w.verify
	strict.Policy = &validate.Policy{Level: "B-LT"}
	r, err = good.open(t).Verify(t.Context(), &strict)
	require.NoError(t, err)
	require.False(t, r.Trusted())
}

// TestTimestamp makes document time-stamps and checks them.
func TestTimestamp(t *testing.T) {
	w := newWorld(t)
	d := newDocument(pades.DefaultTimestampRoom)
	for _, h := range []crypto.Hash{0, crypto.SHA512} {
		token, err := d.open(t).Timestamp(t.Context(), w.stamps, h)
		require.NoError(t, err)
		require.NoError(t, d.open(t).Fill(d, token))
		got, err := d.open(t).VerifyTimestamp(t.Context(), &tsp.VerifyOptions{Roots: w.pki.Roots()})
		require.NoError(t, err)
		require.Equal(t, testpki.Now(), got.GenTime)
	}
	d.data[len(d.data)-1]++
	_, err := d.open(t).VerifyTimestamp(t.Context(), &tsp.VerifyOptions{Roots: w.pki.Roots()})
	require.ErrorIs(t, err, tsp.CheckImprint)
	_, err = w.make(t, w.options(cades.LevelBES)).open(t).VerifyTimestamp(t.Context(), nil)
	require.ErrorIs(t, err, tsp.CheckContentType)
	_, err = d.open(t).Timestamp(t.Context(), nil, nil)
	require.ErrorIs(t, err, sign.ErrInput)
	_, err = d.open(t).Timestamp(t.Context(), w.stamps, crypto.SHA1)
	require.ErrorIs(t, err, sign.ErrInput)
}

// TestCollect gathers what a /DSS holds; with it the path is known to be good.
func TestCollect(t *testing.T) {
	w := newWorld(t)
	source := testlevels.NewSource(t, w.pki)
	d := w.make(t, w.options(cades.LevelT))
	der, err := d.open(t).CMS()
	require.NoError(t, err)
	values, err := pades.Collect(t.Context(), source, der)
	require.NoError(t, err)
	require.Len(t, values.Certificates, 4) // signer, authority of time-stamps, both their authorities
	require.Len(t, values.CRLs, 2)
	o := &cades.VerifyOptions{Roots: w.pki.Roots(), Clock: testpki.Now, Policy: validate.Strict()}
	r, err := d.open(t).Verify(t.Context(), o)
	require.NoError(t, err)
	require.False(t, r.Trusted())
	o.Values = &values.Values
	r, err = d.open(t).Verify(t.Context(), o)
	require.NoError(t, err)
	require.True(t, r.Trusted(), "%+v", r.Message.Signatures[0])
	for _, messages := range [][][]byte{nil, {{1}}} {
		_, err = pades.Collect(t.Context(), source, messages...)
		require.Error(t, err)
	}
	_, err = pades.Collect(t.Context(), nil, der)
	require.ErrorIs(t, err, sign.ErrInput)
}

// TestOptions refuses what has no place in the CMS of a PDF.
func TestOptions(t *testing.T) {
	w := newWorld(t)
	for _, o := range []cades.Options{
		{Level: cades.LevelPKCS7}, {Level: cades.LevelLT}, {Level: cades.LevelLTA}, {Attached: true}, {ContentType: "1.2.3"}, {MimeType: "application/pdf"},
		{ContentHints: &cades.ContentHints{}}, {ContentIdentifier: []byte{1}}, {Location: &cades.Location{Country: "NO"}},
		{Attributes: []cades.Attribute{{Type: oidSigningTime, Values: [][]byte{{5, 0}}}}},
	} {
		o.Clock = testpki.Now
		d := newDocument(100)
		_, err := d.open(t).Sign(t.Context(), w.signer, &pades.Options{Signature: &o})
		require.ErrorIs(t, err, sign.ErrInput)
		_, err = pades.Estimate(w.signer, &pades.Options{Signature: &o})
		require.ErrorIs(t, err, sign.ErrInput)
		require.False(t, o.NoSigningTime)
	}
}

// TestBatch signs many documents with one key.
func TestBatch(t *testing.T) {
	w := newWorld(t)
	o := w.options(cades.LevelT)
	room, err := pades.Estimate(w.signer, o)
	require.NoError(t, err)
	var documents []*document
	var contents []sign.Content
	for i := range 20 {
		d := newDocument(room)
		d.data[9] = byte('0' + i)
		documents = append(documents, d)
		contents = append(contents, d.open(t).Content(fmt.Sprint(i)))
	}
	results, err := batch.Sign(t.Context(), w.signer, o, contents, nil)
	require.NoError(t, err)
	for i, r := range results {
		require.NoError(t, r.Err)
		d := documents[i]
		require.NoError(t, d.open(t).Fill(d, r.Signature))
		report, err := d.open(t).Verify(t.Context(), w.verify)
		require.NoError(t, err)
		require.True(t, report.Trusted())
	}
}
