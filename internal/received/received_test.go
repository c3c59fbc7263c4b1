package received

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// value is a SEQUENCE of an INTEGER: of no kind.
var value = []byte{0x30, 3, 2, 1, 7}

// signed is as much of a SignedData as KindOf looks at: a ContentInfo over an empty SEQUENCE.
func signed(last byte) []byte {
	return append([]byte("\x30\x10\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x03\x02\x01"), last)
}

func block(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

func TestUnwrap(t *testing.T) {
	a, b := signed(1), signed(2)
	for text, want := range map[string][]byte{
		string(a): a, " \n" + string(a): a, block("X", a): a, hex.EncodeToString(a): a, base64.StdEncoding.EncodeToString(a): a,
		block("CERTIFICATE", value) + block("CMS", a):            a,
		block("CMS", a) + block("CERTIFICATE", value):            a,
		block("CMS", a) + block("CMS", a):                        a,
		block("A", value):                                        value,
		base64.StdEncoding.EncodeToString([]byte(block("A", a))): a,
	} {
		got, err := Unwrap([]byte(text), nil)
		require.NoError(t, err, "%q", text)
		require.Equal(t, want, got, "%q", text)
	}
	_, err := Unwrap([]byte(block("CMS", a)+block("CMS", b)), nil)
	require.ErrorContains(t, err, "more than one")
	binary := append(a, 1, 2, 3)
	got, err := Unwrap(binary, nil)
	require.NoError(t, err)
	require.Same(t, &binary[0], &got[0], "binary octets are not copied, and what follows stays")
}

// TestMail: a mail is asked for once a text is met, and what is in it is unwrapped as all else is.
func TestMail(t *testing.T) {
	a := signed(1)
	mail := func(text []byte) ([]byte, bool, error) {
		switch {
		case bytes.Equal(text, []byte("good")):
			return []byte(base64.StdEncoding.EncodeToString(a)), true, nil
		case bytes.Equal(text, []byte("bad")):
			return nil, true, errors.New("a bad mail")
		}
		return nil, false, nil
	}
	got, err := Unwrap([]byte("good"), mail)
	require.NoError(t, err)
	require.Equal(t, a, got)
	_, err = Unwrap([]byte("bad"), mail)
	require.ErrorContains(t, err, "a bad mail")
	got, err = Unwrap([]byte(block("X", a)), mail)
	require.NoError(t, err)
	require.Equal(t, a, got)
	_, err = Unwrap([]byte("x"), func([]byte) ([]byte, bool, error) { return []byte("x"), true, nil })
	require.ErrorContains(t, err, "wrapped too often")
}

// TestForeign names each kind of file that lies beside signatures, and takes no text of ASN.1 for one.
func TestForeign(t *testing.T) {
	for text, says := range map[string]string{
		"%PDF-1.7": "PDF", "PK\x03\x04": "ZIP", "\x1f\x8b": "gzip", "\xd0\xcf\x11\xe0": "Outlook", "MZ\x90\x00": "Authenticode",
		"-----BEGIN PGP MESSAGE-----": "OpenPGP", "-----BEGIN SSH SIGNATURE-----": "OpenSSH", "-----BEGIN OPENSSH PRIVATE KEY-----": "private key of OpenSSH",
		"untrusted comment: x":                                 "minisign",
		"<a xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>": "XAdES", "<!DOCTYPE html>": "HTML", "<HTML>": "HTML", "<a/>": "this is XML and not CMS",
		`{"payload":"","signatures":[{"signature":""}]}`: "JWS", `{"protected":"","signature":""}`: "JWS", `{"signature":"MIIB"}`: "this is JSON",
		"eyJhbGciOiJub25lIn0.e30.\n": "JWS", "eyJh.e30._-A": "JWS", "eyJh.a.b.c.d": "JWS",
	} {
		_, err := Unwrap([]byte(text), nil)
		require.ErrorContains(t, err, says, text)
	}
	for _, text := range []string{"ey", "eyJh.e30", "eyJh.e 30.a", "eyJh.a.b.c", "MZ", "x<", "hello"} {
		require.NoError(t, Foreign([]byte(text)), text)
	}
}

// TestDecoderAgrees: what is decoded while it is read is what is decoded whole.
func TestDecoderAgrees(t *testing.T) {
	long := append([]byte{0x30, 0x83, 1, 0, 0}, bytes.Repeat([]byte{5}, 1<<16)...)
	for _, text := range []string{block("CMS", long), " \n" + block("A", value), base64.StdEncoding.EncodeToString(long), "MAMCAQc=\n"} {
		d := NewDecoder(strings.NewReader(text))
		require.NotNil(t, d)
		got, err := io.ReadAll(d)
		require.NoError(t, err)
		require.True(t, d.Whole())
		want, err := Unwrap([]byte(text), nil)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
	}
	for _, text := range []string{"", " ", "hello", "%PDF-1.7", "-----BEGIN A", "-----BEGIN A\n-----\nMAMCAQc=", hex.EncodeToString(value)} {
		require.Nil(t, NewDecoder(strings.NewReader(text)), text)
	}
	for _, text := range []string{block("A", value) + block("B", value), "-----BEGIN A-----\nMAMCAQc=\n", "-----BEGIN A-----\nMAMCAQc=\n-----"} {
		d := NewDecoder(strings.NewReader(text))
		require.NotNil(t, d)
		_, _ = io.ReadAll(d)
		require.False(t, d.Whole(), text)
	}
}

// TestMemory: the memory that is taken is in proportion to what was received.
func TestMemory(t *testing.T) {
	const size = 1 << 20
	nested := "MII="
	for len(nested) < size/2 {
		nested = base64.StdEncoding.EncodeToString([]byte(nested))
	}
	for name, text := range map[string]string{
		"base64 upon base64": nested, "dashes": strings.Repeat("-----BEGIN ", size/11), "blocks": strings.Repeat(block("A", value), size/60),
		"signatures": strings.Repeat(block("A", signed(1)), size/80), "UTF-16": "\xff\xfe" + strings.Repeat("-\x00", size/2),
		"XML": strings.Repeat("<a", size/2), "JWS": "ey" + strings.Repeat("a", size), "open": strings.Repeat("\x30\x80", size/2),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = Unwrap([]byte(text), nil)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16*size), name)
	}
}

// FuzzUnwrap lets nothing of strangers break the reader, whole or in a stream, and has both agree.
func FuzzUnwrap(f *testing.F) {
	a := signed(1)
	for _, seed := range []string{
		string(a), block("CMS", a), block("CERTIFICATE", value) + block("CMS", a), base64.RawURLEncoding.EncodeToString(a), hex.EncodeToString(a),
		"\xff\xfeM\x00A\x00M\x00C\x00", "data:application/pkcs7-signature;base64,MAMCAQc=", "eyJh.e30.A", "<a/>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		der, err := Unwrap(data, nil)
		if err == nil && len(der) == 0 {
			t.Fatal("nothing was found, and no error")
		}
		_ = KindOf(der).Name()
		if d := NewDecoder(bytes.NewReader(data)); d != nil {
			streamed, broken := io.ReadAll(d)
			if broken == nil && d.Whole() && (err != nil || !bytes.Equal(der, streamed)) {
				t.Fatalf("%x in a stream, %x and %v whole", streamed, der, err)
			}
		}
	})
}
