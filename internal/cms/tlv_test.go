package cms_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/stretchr/testify/require"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// TestOIDs compares the octets of every constant with the dotted form that stands beside it.
func TestOIDs(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "oids.go", nil, parser.ParseComments)
	require.NoError(t, err)
	seen := map[cms.OID]bool{}
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			c := spec.(*ast.ValueSpec)
			octets, err := strconv.Unquote(c.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			dotted := strings.TrimSpace(c.Comment.Text())
			oid, err := cms.ParseOID(dotted)
			require.NoError(t, err, c.Names[0])
			require.Equal(t, cms.OID(octets), oid, "%s is not %s", c.Names[0], dotted)
			require.Equal(t, dotted, oid.String())
			require.NotEqual(t, dotted, oid.Name(), "%s has no name", c.Names[0])
			require.False(t, seen[oid], "%s stands twice", dotted)
			seen[oid] = true
		}
	}
	require.Greater(t, len(seen), 100)
}

func TestParseOID(t *testing.T) {
	for _, good := range []string{"0.0", "1.39", "2.40", "2.999.3", "2.25.329800735698586629295641978511506172918", "1.2.840.113549"} {
		oid, err := cms.ParseOID(good)
		require.NoError(t, err, good)
		require.Equal(t, good, oid.String())
	}
	for _, bad := range []string{"", "1", "3.1", "1.40", "1..2", "1.2.", ".1.2", "1.-2", "01.2", "1.2.x", " 1.2", "1.2\x00", strings.Repeat("1.", 3000) + "1"} {
		_, err := cms.ParseOID(bad)
		require.Error(t, err, bad)
	}
}

// TestHeaders reads identifier and length octets in all their forms, and writes those of DER as the standard library.
func TestHeaders(t *testing.T) {
	for name, c := range map[string]struct {
		in     string
		number int
		body   string
		bad    string
	}{
		"short":             {in: "0403 010203", number: 4, body: "010203"},
		"long, not minimal": {in: "0484 00000003 010203", number: 4, body: "010203"},
		"nine length bytes": {in: "0489 000000000000000003 010203", number: 4, body: "010203"},
		"high tag number":   {in: "9f8101 01 aa", number: 129, body: "aa"},
		"indefinite":        {in: "3080 0500 0500 0000", number: 16, body: "05000500"},
		"nested indefinite": {in: "3080 3080 0500 0000 0000", number: 16, body: "3080 0500 0000"},
		"empty":             {in: "3000", number: 16, body: ""},
		"nothing":           {in: "", bad: "nothing"},
		"only a tag":        {in: "30", bad: "length is missing"},
		"cut tag":           {in: "9f81", bad: "cut off"},
		"huge tag":          {in: "9fffffffffff01", bad: "too large"},
		"cut length":        {in: "0482 01", bad: "cut off"},
		"too long":          {in: "0404 010203", bad: "ends after what holds it"},
		"huge length":       {in: "0484 7fffffff", bad: "ends after what holds it"},
		"overflow":          {in: "0489 ffffffffffffffffff", bad: "too large"},
		"reserved":          {in: "04ff 00", bad: "reserved"},
		"endless":           {in: "3080 0500", bad: "a value is missing"},
		"primitive endless": {in: "0480 0000", bad: "indefinite"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := cms.ReadValue(unhex(t, c.in))
			if c.bad != "" {
				require.ErrorContains(t, err, c.bad)
				var syntax *cms.SyntaxError
				require.ErrorAs(t, err, &syntax)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.number, v.Tag().Number())
			require.Equal(t, unhex(t, c.body), v.Body())
			require.Equal(t, unhex(t, c.in), v.Raw())
		})
	}
	for _, n := range []int{0, 1, 127, 128, 255, 256, 65535, 65536, 1 << 24} {
		for _, number := range []int{0, 30, 31, 127, 128, 16383, 16384} {
			der, err := asn1.Marshal(asn1.RawValue{Class: 2, Tag: number, Bytes: make([]byte, n)})
			require.NoError(t, err)
			got := cms.AppendHeader(nil, cms.ContextTag(number), n)
			require.Equal(t, der[:len(der)-n], got)
			require.Len(t, got, cms.HeaderLen(cms.ContextTag(number), n))
		}
	}
}

// TestBuilder compares what is built with what the standard library builds.
func TestBuilder(t *testing.T) {
	for _, size := range []int{0, 100, 120, 127, 128, 130, 255, 256, 300, 70000} {
		b := cms.NewBuilder(nil)
		outer := b.Open(cms.TagSequence)
		b.Int(uint64(size))
		inner := b.Open(cms.TagSequence)
		b.Value(cms.TagOctetString, make([]byte, size))
		b.Close(inner)
		b.OID(cms.OIDSHA256)
		b.Close(outer)
		want, err := asn1.Marshal(struct {
			N     int
			Inner struct{ O []byte }
			ID    asn1.ObjectIdentifier
		}{size, struct{ O []byte }{make([]byte, size)}, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}})
		require.NoError(t, err)
		require.Equal(t, want, b.Bytes())
	}
	for _, n := range []uint64{0, 1, 127, 128, 255, 256, 32767, 32768, 1 << 63, 1<<64 - 1} {
		b := cms.NewBuilder(nil)
		b.Int(n)
		want, err := asn1.Marshal(new(big.Int).SetUint64(n))
		require.NoError(t, err)
		require.Equal(t, want, b.Bytes())
	}
}

func TestTime(t *testing.T) {
	for _, at := range []time.Time{
		time.Date(1949, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2049, 12, 31, 23, 59, 59, 999, time.UTC), time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 5*3600)),
	} {
		b := cms.NewBuilder(nil)
		b.Time(at)
		want, err := asn1.Marshal(at.UTC())
		require.NoError(t, err)
		require.Equal(t, want, b.Bytes())
		v, err := cms.ReadValue(b.Bytes())
		require.NoError(t, err)
		got, err := v.Time()
		require.NoError(t, err)
		require.True(t, at.Truncate(time.Second).Equal(got), "%s %s", at, got)
	}
	for in, want := range map[string]string{
		"\x17\x0b2603011200Z":         "2026-03-01T12:00:00Z",
		"\x17\x11260301120000+0100":   "2026-03-01T11:00:00Z",
		"\x18\x1120260301120000.5Z":   "2026-03-01T12:00:00.5Z",
		"\x18\x0e20260301120000":      "2026-03-01T12:00:00Z",
		"\x17\x0d260301120000X":       "",
		"\x17\x0d261301120000Z":       "",
		"\x18\x00":                    "",
		"\x04\x0d260301120000Z":       "",
		"\x17\x80":                    "",
		"\x18\x0f2026030112000\xff0Z": "",
	} {
		v, err := cms.ReadValue([]byte(in))
		if err == nil {
			var at time.Time
			if at, err = v.Time(); err == nil {
				require.Equal(t, want, at.Format(time.RFC3339Nano), "%q", in)
				continue
			}
		}
		require.Empty(t, want, "%q: %v", in, err)
	}
}

func TestOctets(t *testing.T) {
	for in, want := range map[string]string{
		"0403 616263":                           "abc",
		"2480 0401 61 0402 6263 0000":           "abc",
		"2407 0401 61 0402 6263":                "abc",
		"2480 2480 0401 61 0000 0402 6263 0000": "abc",
		"2400":                                  "",
	} {
		v, err := cms.ReadValue(unhex(t, in))
		require.NoError(t, err)
		got, err := v.Octets()
		require.NoError(t, err)
		require.Equal(t, want, string(got))
		der, err := cms.AppendDER(nil, v)
		require.NoError(t, err)
		plain, err := asn1.Marshal([]byte(want))
		require.NoError(t, err)
		require.Equal(t, plain, der)
	}
	v, err := cms.ReadValue(unhex(t, "2404 0202 0001"))
	require.NoError(t, err)
	_, err = v.Octets()
	require.ErrorContains(t, err, "segment")
}

// TestNesting refuses depth and counts that only an attacker has, by reading what comes before the limit and no more.
func TestNesting(t *testing.T) {
	deep := bytes.Repeat([]byte{0x30, 0x80}, 2<<20)
	_, err := cms.ReadValue(deep)
	require.ErrorContains(t, err, "nested deeper")

	inside := bytes.Repeat([]byte{0x30, 0x80}, cms.MaxDepth)
	inside = append(inside, make([]byte, 2*cms.MaxDepth)...)
	_, err = cms.ReadValue(inside)
	require.NoError(t, err)

	many := append([]byte{0x30, 0x80}, bytes.Repeat([]byte{0x30, 0x80, 0, 0}, cms.MaxIndefinite+1)...)
	_, err = cms.ReadValue(many)
	require.ErrorContains(t, err, "indefinite")

	octets := bytes.Repeat([]byte{0x24, 0x80}, 4000)
	_, err = cms.ReadValue(octets)
	require.ErrorContains(t, err, "nested deeper")

	set := cms.AppendSet(nil, cms.TagSet, [][]byte{bytes.Repeat([]byte{5, 0}, cms.MaxElements+1)})
	v, err := cms.ReadValue(set)
	require.NoError(t, err)
	r := v.Reader()
	_, err = r.All()
	require.ErrorContains(t, err, "more than")
}

// TestSplice edits nested values and leaves all others as they are.
func TestSplice(t *testing.T) {
	read := func(s string) cms.Value {
		v, err := cms.ReadValue(unhex(t, s))
		require.NoError(t, err)
		return v
	}
	child := func(v cms.Value, n int) cms.Value {
		r := v.Reader()
		for range n {
			_, err := r.Next()
			require.NoError(t, err)
		}
		v, err := r.Next()
		require.NoError(t, err)
		return v
	}
	insert := unhex(t, "0201 07")

	root := read("300b 0500 3105 8103 aabbcc 0500 ffff")
	inner := child(root, 1)
	at := inner.Offset() + inner.HeaderLen()
	out, err := cms.Splice(root, cms.Edit{Parent: inner, At: at, Insert: insert})
	require.NoError(t, err)
	require.Equal(t, unhex(t, "300e 0500 3108 020107 8103aabbcc 0500"), out)
	out, err = cms.Splice(root, cms.Edit{Parent: inner, At: at + 5, Insert: insert}, cms.Edit{Parent: root, At: root.HeaderLen(), Insert: insert})
	require.NoError(t, err)
	require.Equal(t, unhex(t, "3011 020107 0500 3108 8103aabbcc 020107 0500"), out)
	out, err = cms.Splice(root, cms.Edit{Parent: inner, At: at, Remove: 5})
	require.NoError(t, err)
	require.Equal(t, unhex(t, "3006 0500 3100 0500"), out)
	for _, bad := range []cms.Edit{
		{Parent: inner, At: at + 1, Insert: insert}, {Parent: inner, At: at, Remove: 4}, {Parent: child(inner, 0), At: at + 2, Insert: insert},
	} {
		_, err = cms.Splice(root, bad)
		require.Error(t, err)
	}

	big := read("3080 3003 020101 0000")
	out, err = cms.Splice(big, cms.Edit{Parent: child(big, 0), At: 7, Insert: bytes.Repeat(insert, 50)})
	require.NoError(t, err)
	require.Equal(t, append(append(unhex(t, "3080 308199 020101"), bytes.Repeat(insert, 50)...), 0, 0), out)
	out, err = cms.Splice(big)
	require.NoError(t, err)
	require.Equal(t, big.Raw(), out)

	// What follows the last edit is copied, even when it cannot be read.
	broken := read("3006 3100 0500 047f")
	out, err = cms.Splice(broken, cms.Edit{Parent: child(broken, 0), At: 4, Insert: insert})
	require.NoError(t, err)
	require.Equal(t, unhex(t, "3009 3103 020107 0500 047f"), out)
}

func TestSortSet(t *testing.T) {
	members := [][]byte{{3, 1}, {1}, {2, 2, 2}, {2, 2}, {}}
	cms.SortSet(members)
	require.Equal(t, [][]byte{{}, {1}, {2, 2}, {2, 2, 2}, {3, 1}}, members)
}

// TestConstructedForms: strings have a constructed form in BER, numbers and truth values have none.
func TestConstructedForms(t *testing.T) {
	for _, c := range []struct {
		tag   cms.Tag
		inner []byte
		ok    bool
	}{
		{cms.TagBoolean, []byte{1, 1, 0xff}, false}, {cms.TagInteger, []byte{2, 1, 1}, false}, {cms.TagOID, []byte{6, 1, 0x2a}, false},
		{cms.TagNull, nil, false}, {cms.TagEnumerated, []byte{10, 1, 1}, false}, {cms.TagOctetString, []byte{4, 1, 1}, true},
	} {
		ber := append([]byte{0x30, byte(len(c.inner) + 2), byte(c.tag.Number()) | 0x20, byte(len(c.inner))}, c.inner...)
		v, err := cms.ReadValue(ber)
		require.NoError(t, err)
		r := v.Reader()
		_, ok, err := r.Optional(c.tag)
		require.NoError(t, err)
		require.Equal(t, c.ok, ok, c.tag)
		_, err = r.Want(c.tag, "it")
		require.Error(t, err, "it was read, or it is none")
	}
}

// TestAlgorithmParameters: a NULL is empty, and nothing stands behind the parameters, or two readers see two algorithms.
func TestAlgorithmParameters(t *testing.T) {
	for in, fine := range map[string]bool{
		"30 0b 06 09 608648016503040201": true, "30 0d 06 09 608648016503040201 05 00": true,
		"30 0e 06 09 608648016503040201 05 01 00": false, "30 0f 06 09 608648016503040201 05 00 05 00": false, "30 00": false,
	} {
		v, err := cms.ReadValue(unhex(t, in))
		require.NoError(t, err)
		a, err := cms.ParseAlgorithm(v)
		require.Equal(t, fine, err == nil, in)
		if fine {
			require.Equal(t, cms.OIDSHA256, a.ID)
			require.True(t, a.NoParameters())
		}
	}
}
