package inspect_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// sample is a container with everything in it that can be asked for.
func sample(t testing.TB, o *cades.Options) []byte {
	t.Helper()
	id := testpki.New(t).Leaf(testpki.P256)
	keys, err := soft.New(id.Key, soft.Config{Certificates: id.Chain})
	require.NoError(t, err)
	s, err := sign.Open(context.Background(), keys, sign.Ref{})
	require.NoError(t, err)
	der, err := cades.Sign(context.Background(), s, sign.Bytes("", []byte("content")), o)
	require.NoError(t, err)
	return der
}

func full() *cades.Options {
	return &cades.Options{
		Attached: true, SigningTime: testpki.Now(),
		Location:          &cades.Location{Country: "RU", Locality: "Казань", Postal: []string{"line 1", "\x1b[31mline 2"}},
		ContentHints:      &cades.ContentHints{Description: "a letter", ContentType: "1.2.840.113549.1.7.1"},
		ContentIdentifier: []byte("an identifier"),
		Attributes:        []cades.Attribute{{Type: "1.2.3.4", Values: [][]byte{{0x30, 0x03, 0x02, 0x01, 0x05}}}},
		Policy:            &cades.Policy{Implied: true},
	}
}

func text(n *inspect.Node) string {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	n.WriteText(w)
	_ = w.Flush()
	return b.String()
}

func TestMessage(t *testing.T) {
	der := sample(t, full())
	tree, err := inspect.Message(cms.InMemory(der))
	require.NoError(t, err)
	got := text(tree)
	for _, want := range []string{
		"content: data, 7 octets inside (1.2.840.113549.1.7.1)",
		"signing-time (1.2.840.113549.1.9.5): 2026-03-01 12:00:00 UTC",
		"message-digest (1.2.840.113549.1.9.4): ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73",
		`country: "RU"`, `locality: "Казань"`, `line: "line 1"`, `line: "\x1b[31mline 2"`,
		`description: "a letter"`, "1.2.3.4", "INTEGER: 5", "signature-policy-identifier (1.2.840.113549.1.9.16.2.15): implied",
		`O=Signet tests`, "CN=Signet test p256 0", "key: P-256", "keyUsage (2.5.29.15): ", "thumbprint: ",
	} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, got, "unreadable")
	offsets(t, tree, der)

	encoded, err := json.Marshal(tree)
	require.NoError(t, err)
	var back inspect.Node
	require.NoError(t, json.Unmarshal(encoded, &back))
	require.Equal(t, tree.Children[0].Name, back.Children[0].Name)
}

// offsets checks that what says where it is is there.
func offsets(t testing.TB, n *inspect.Node, der []byte) {
	t.Helper()
	if n.Offset != nil {
		require.GreaterOrEqual(t, *n.Offset, 0, n.Name)
		require.LessOrEqual(t, *n.Offset+n.Length, len(der), n.Name)
	}
	for _, c := range n.Children {
		offsets(t, c, der)
	}
}

func TestNotAMessage(t *testing.T) {
	tree, err := inspect.Message(cms.InMemory([]byte("\x30\x06\x02\x01\x05\x0c\x01x")))
	require.Error(t, err)
	require.Contains(t, text(tree), `UTF8String: "x"`, "it is shown nevertheless")
	tree, err = inspect.Message(cms.InMemory([]byte("Dear all")))
	require.Error(t, err)
	require.Nil(t, tree)
}

// TestLevels shows what is inside time-stamps, references, values, hash indexes and counter-signatures.
func TestLevels(t *testing.T) {
	ctx := context.Background()
	pki := testpki.New(t)
	signer := func() *sign.Signer {
		id := pki.Leaf(testpki.P256)
		keys, err := soft.New(id.Key, soft.Config{Certificates: id.Chain})
		require.NoError(t, err)
		s, err := sign.Open(ctx, keys, sign.Ref{})
		require.NoError(t, err)
		return s
	}
	authority := testlevels.Authority(t, pki, nil)
	source := testlevels.NewSource(t, pki)
	source.OCSP = true
	made := func(to cades.Level) []byte {
		der, err := cades.Sign(ctx, signer(), sign.Bytes("", []byte("content")), &cades.Options{Level: to, Attached: true, Timestamper: authority, Revocation: source})
		require.NoError(t, err)
		return der
	}
	parse := func(ber []byte) *cades.Message {
		m, err := cades.Parse(ber)
		require.NoError(t, err)
		return m
	}
	extend := func(ber []byte) []byte {
		raised, err := parse(ber).Extend(ctx, cades.LevelLTA, &cades.ExtendOptions{Timestamper: authority, Revocation: source})
		require.NoError(t, err)
		return raised
	}
	seen, err := parse(made(cades.LevelT)).Signatures()[0].CounterSign(ctx, signer(), &cades.Options{Level: cades.LevelT, Timestamper: authority})
	require.NoError(t, err)
	common := []string{"time-stamp token: 2", "policy: anyPolicy (2.5.29.32.0)", "nonce: ", "serial: ", "imprint", "certificates: ", "extKeyUsage (2.5.29.37): critical, timeStamping"}
	values := []string{
		"OCSP response 2: of O=Signet tests, CN=Signet test responder", "certificate status: good", "producedAt: 2024-01-01 00:00:00 UTC",
		"nextUpdate: 2049-01-01 00:00:00 UTC", "CRL 1: of O=Signet tests, CN=Signet test root", "cRLNumber (2.5.29.20): 7", "revoked certificates: none",
	}
	index := []string{
		"ats-hash-index-v3 (0.4.0.19122.1.5)", "certificates: 5", " of certificate 5\n", "revocation values: 3", " of CRL 1\n", " of OCSP response 2\n",
		"unsigned attributes: 1", " of signature-time-stamp\n",
	}
	references := []string{
		"complete-certificate-references", "reference 2", "issuerSerial: serial ", "references for certificate 1", "OCSP response: of O=Signet tests, CN=Signet test responder",
		"references for certificate 2", "CRL: of O=Signet tests, CN=Signet test root", "issued: 2024-01-01", "number: 7", "references for certificate 3: none",
	}
	older := slices.Concat(common, references, values, []string{"certificate-values", "revocation-values", "CAdES-C-time-stamp"})
	for name, c := range map[string]struct {
		ber  []byte
		want []string
	}{
		"lta":             {made(cades.LevelLTA), slices.Concat(common, values, index)},
		"lta, renewed":    {extend(made(cades.LevelLTA)), slices.Concat(common, values, index, []string{" of archive-time-stamp-v3\n"})},
		"xlong1":          {made(cades.LevelXLong1), older},
		"a":               {made(cades.LevelA), slices.Concat(older, []string{"archive-time-stamp-v2"})},
		"a, then lta":     {extend(made(cades.LevelA)), slices.Concat(older, []string{" of archive-time-stamp-v2\n", " of revocation-values\n"})},
		"counter-signers": {extend(seen), slices.Concat(common, values, []string{"counter-signer", " of counter-signature\n"})},
	} {
		t.Run(name, func(t *testing.T) {
			tree, err := inspect.Message(cms.InMemory(c.ber))
			require.NoError(t, err)
			got := text(tree)
			for _, want := range c.want {
				require.Contains(t, got, want)
			}
			for _, raw := range []string{"unreadable", "OCTET STRING", "SEQUENCE", "[0]", "[1]", "of nothing"} {
				if at := strings.Index(got, raw); at >= 0 {
					t.Fatalf("%q: %s", raw, got[max(0, at-300):at+60])
				}
			}
			offsets(t, tree, c.ber)
		})
	}
	spoilt := made(cades.LevelLTA)
	end := spoilt[len(spoilt)-4:] // of the last digest in the index
	end[0] ^= 1
	tree, err := inspect.Message(cms.InMemory(spoilt))
	require.NoError(t, err)
	require.Contains(t, text(tree), " of nothing that is there\n")
}

// TestOCSPExtensions shows those of a response and of a single answer.
func TestOCSPExtensions(t *testing.T) {
	pki := testpki.New(t)
	cert := pki.Leaf(testpki.P256).Certificate()
	response := testpki.OCSPResponse(t, cert, pki.Authority, func(o *testpki.OCSP) {
		o.Nonce = []byte{1, 2, 3, 4}
		o.OfSingle = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 6}, Value: []byte("\x18\x0f20200101000000Z")}}
	})
	r, err := revocation.ParseResponse(response)
	require.NoError(t, err)
	v, err := cms.ReadValue(r.Basic)
	require.NoError(t, err)
	values := cms.AppendSet(nil, cms.TagSequence, [][]byte{cms.AppendSet(nil, cms.ContextConstructed(1), [][]byte{cms.AppendSet(nil, cms.TagSequence, [][]byte{v.Raw()})})})
	o := full()
	o.Attributes = []cades.Attribute{{Type: "1.2.840.113549.1.9.16.2.24", Values: [][]byte{values}}}
	tree, err := inspect.Message(cms.InMemory(sample(t, o)))
	require.NoError(t, err)
	got := text(tree)
	require.Contains(t, got, "OCSP response 1: of O=Signet tests, CN=Signet test authority")
	require.Contains(t, got, "ocsp-nonce (1.3.6.1.5.5.7.48.1.2): 01020304")
	require.Contains(t, got, "ocsp-archive-cutoff (1.3.6.1.5.5.7.48.1.6): 2020-01-01 00:00:00 UTC")
}

const maxDepthOfWriter = 60

// TestBounded has messages that would make a huge tree.
func TestBounded(t *testing.T) {
	wrap := func(contents []byte, tag cms.Tag) []byte {
		return append(cms.AppendHeader(nil, tag, len(contents)), contents...)
	}
	many := wrap(bytes.Repeat([]byte{5, 0}, 1<<20), cms.TagSequence)
	deep := []byte{5, 0}
	for range maxDepthOfWriter {
		deep = wrap(deep, cms.TagSequence)
	}
	long := wrap(bytes.Repeat([]byte("\x1b"), 1<<22), cms.TagUTF8String)
	for name, value := range map[string][]byte{"many": many, "deep": deep, "long": long} {
		t.Run(name, func(t *testing.T) {
			o := full()
			o.Attributes = []cades.Attribute{{Type: "1.2.3.4", Values: [][]byte{value}}}
			der := sample(t, o)
			tree, err := inspect.Message(cms.InMemory(der))
			require.NoError(t, err)
			got := text(tree)
			require.Less(t, len(got), 8<<20)
		})
	}
	for range 20_000 {
		deep = wrap(deep, cms.TagSequence)
	}
	tree, err := inspect.Message(cms.InMemory(deep))
	require.Error(t, err)
	require.Contains(t, text(tree), "what is deeper is not shown")
}

// TestCorpus reads signatures of others, where they are at hand.
func TestCorpus(t *testing.T) {
	for _, file := range testpki.Corpus(t) {
		switch ext := filepath.Ext(file); ext {
		case ".md", ".tsv":
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			der, err := os.ReadFile(file)
			require.NoError(t, err)
			tree, err := inspect.Message(cms.InMemory(der))
			if strings.Contains(file, "malformed") {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.NotContains(t, text(tree), "unreadable")
			require.NotContains(t, text(tree), "not shown")
			offsets(t, tree, der)
		})
	}
}

// FuzzMessage: no panic, a bounded tree, no control characters, offsets inside the input.
func FuzzMessage(f *testing.F) {
	f.Add(sample(f, nil))
	f.Add(sample(f, full()))
	f.Add([]byte("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80"))
	f.Fuzz(func(t *testing.T, der []byte) {
		tree, err := inspect.Message(cms.InMemory(der))
		if tree == nil {
			require.Error(t, err)
			return
		}
		got := text(tree)
		require.LessOrEqual(t, len(got), 1<<20+2000*len(der))
		require.True(t, utf8.ValidString(got))
		for _, r := range got {
			if r != '\n' && (r < ' ' || r == 0x7f || r == '\u202e') {
				t.Fatalf("control character %q", r)
			}
		}
		offsets(t, tree, der)
	})
}
