package intake

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/received"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

func signature(t testing.TB) []byte {
	t.Helper()
	id := testpki.New(t).Leaf(testpki.P256)
	der, err := cades.Sign(context.Background(), signer(t, id), sign.Bytes("", []byte("content")), &cades.Options{Attached: true})
	require.NoError(t, err)
	return der
}

func signer(t testing.TB, id testpki.Identity) *sign.Signer {
	t.Helper()
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(t, err)
	s, err := sign.New(key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	return s
}

func pemOf(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

func toUTF16(text string, first, second int) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(text)) {
		both := [2]byte{byte(u), byte(u >> 8)}
		out = append(out, both[first], both[second])
	}
	return out
}

func wrapped(text string, columns int) string {
	var b strings.Builder
	for len(text) > columns {
		b.WriteString(text[:columns] + "\r\n")
		text = text[columns:]
	}
	return b.String() + text
}

// TestTexts reads one signature in every spelling that it is met in.
func TestTexts(t *testing.T) {
	der := signature(t)
	b64 := base64.StdEncoding.EncodeToString(der)
	cms := pemOf("CMS", der)
	unpadded := strings.ReplaceAll(cms, "=", "")
	for name, text := range map[string]string{
		"binary":                    string(der),
		"binary after blank lines":  "\r\n\n " + string(der),
		"base64":                    b64,
		"base64 in lines":           wrapped(b64, 76),
		"base64 without padding":    base64.RawStdEncoding.EncodeToString(der),
		"base64 of URLs":            base64.URLEncoding.EncodeToString(der),
		"base64 of URLs, unpadded":  base64.RawURLEncoding.EncodeToString(der),
		"base64 twice":              wrapped(base64.StdEncoding.EncodeToString([]byte(wrapped(b64, 64))), 76),
		"base64 of PEM":             base64.StdEncoding.EncodeToString([]byte(cms)),
		"base64 of JSON":            `"` + b64 + `"`,
		"a data URI":                "data:application/pkcs7-signature;base64," + b64,
		"hexadecimal":               strings.ToUpper(hex.EncodeToString(der)),
		"hexadecimal in lines":      wrapped(hex.EncodeToString(der), 40),
		"PEM":                       cms,
		"PEM of gpgsm":              pemOf("SIGNED MESSAGE", der),
		"PEM of certutil":           pemOf("CERTIFICATE", der),
		"PEM without an end":        strings.Split(cms, "-----END")[0],
		"PEM without padding":       unpadded,
		"PEM after words":           "Dear all,\n\n" + cms + "\nRegards\n",
		"PEM with headers":          strings.Replace(cms, "-----\n", "-----\nProc-Type: 4,CLEAR\n\n", 1),
		"PEM with CR LF":            strings.ReplaceAll(cms, "\n", "\r\n"),
		"PEM after a certificate":   pemOf("CERTIFICATE", testpki.New(t).Root.Certificate().Raw) + cms,
		"PEM after a broken block":  "-----BEGIN CMS-----\n%%\n-----END CMS-----\n" + cms,
		"PEM after one cut":         "-----BEGIN CMS-----\nMIIF\n" + cms,
		"UTF-8 with a mark":         "\ufeff" + cms,
		"UTF-16, little":            "\xff\xfe" + string(toUTF16(cms, 0, 1)),
		"UTF-16, big":               "\xfe\xff" + string(toUTF16(cms, 1, 0)),
		"UTF-16 without mark":       string(toUTF16(cms, 0, 1)),
		"UTF-16, big, without mark": string(toUTF16(b64, 1, 0)),
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Read([]byte(text))
			require.NoError(t, err)
			require.True(t, bytes.Equal(der, f.DER))
			require.Equal(t, Signature, f.Kind)
			require.Nil(t, f.Content)
		})
	}
}

// TestForeign names what is something else.
func TestForeign(t *testing.T) {
	deep := "MIIx"
	for range 10 {
		deep = base64.StdEncoding.EncodeToString([]byte(deep))
	}
	for text, says := range map[string]string{
		"": "empty", " \n": "empty", "\ufeff": "empty",
		"%PDF-1.7 ...": "PDF", "PK\x03\x04...": "ZIP", "<?xml": "XML", `{"a":1}`: "JSON", "\x1f\x8b...": "gzip",
		"-----BEGIN PGP SIGNATURE-----": "OpenPGP", "-----BEGIN SSH SIGNATURE-----": "OpenSSH",
		"Dear all,\n": "neither DER, nor PEM",
		"-----BEGIN CMS-----\n%%\n-----END CMS-----": "no block of it can be read",
		"-----BEGIN CMS": "no block of it can be read",
		deep:             "wrapped too often",
		"\xff\xfeM":      "neither",
		"\xff\xfeM\x00I": "midst of a character",
		"Subject: x\nContent-Type: text/plain\n\nhi":                                                                     "nothing in it is signed",
		"Content-Type: multipart/signed; boundary=b\n":                                                                   "is cut",
		"Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\n%":                                   "base64 is damaged",
		"Content-Type: application/pkcs7-mime\n\n":                                                                       "is empty",
		"Content-Type: multipart/signed; boundary=b\n\n--b\nx\n--b\nContent-Type: application/pgp-signature\n\nx\n--b--": "OpenPGP",
		"Content-Type: multipart/signed; boundary=b\n\n--b\nx\n--b\nContent-Type: text/plain\n\nx\n--b--":                "not known here",
	} {
		_, err := Read([]byte(text))
		require.ErrorContains(t, err, says, "%q", text)
	}
}

// TestKinds tells values apart, as OpenSSL and this module make them.
func TestKinds(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.RSA2048)
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		return name
	}
	key, cert, content := file("key.pem", testpki.KeyPEM(t, id.Key)), file("cert.pem", testpki.CertPEM(id.Certificate())), file("c", []byte("content"))
	request, err := tsp.NewRequest(testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32))), "")
	require.NoError(t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, id.Key)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(id.Key)
	require.NoError(t, err)
	stamper := pki.Leaf(testpki.P256, testpki.Usages(true, testpki.TimeStamping))
	response := testpki.TimestampResponse(t, stamper, request.Raw)
	authority, err := tsp.NewAuthority(signer(t, stamper), nil)
	require.NoError(t, err)
	token, err := authority.Timestamp(context.Background(), testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32))))
	require.NoError(t, err)
	made := map[string][]byte{}
	for name, args := range map[string][]string{
		"enveloped": {"cms", "-encrypt", "-in", content, "-outform", "DER", "-out", "enveloped", cert},
		"encrypted": {"cms", "-EncryptedData_encrypt", "-in", content, "-secretkey", "000102030405060708090a0b0c0d0e0f", "-aes128", "-outform", "DER", "-out", "encrypted"},
		"digested":  {"cms", "-digest_create", "-in", content, "-outform", "DER", "-out", "digested"},
		"pkcs12":    {"pkcs12", "-export", "-in", cert, "-inkey", key, "-passout", "pass:x", "-out", "pkcs12"},
		"pkcs1":     {"rsa", "-traditional", "-in", key, "-outform", "DER", "-out", "pkcs1"},
		"locked":    {"pkcs8", "-topk8", "-in", key, "-passout", "pass:x", "-outform", "DER", "-out", "locked"},
		"bare":      {"x509", "-in", cert, "-outform", "DER", "-out", "bare"},
		"named csr": {"req", "-new", "-subj", "/CN=x", "-key", key, "-outform", "DER", "-out", "named csr"},
		"certs":     {"crl2pkcs7", "-nocrl", "-certfile", cert, "-outform", "DER", "-out", "certs"},
	} {
		testpki.OpenSSL(t, dir, args...)
		made[name], err = os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
	}
	leaf := pki.Leaf(testpki.P256).Certificate()
	for name, c := range map[string]struct {
		der  []byte
		kind Kind
	}{
		"signature": {signature(t), Signature}, "certificates only": {made["certs"], Signature},
		"token": {token.Raw, Token}, "response": {response, Response}, "refusal": {authority.Respond(t.Context(), []byte("x")), Response},
		"request": {request.Raw, Request}, "certificate": {made["bare"], Certificate}, "csr": {csr, CertificateRequest}, "named csr": {made["named csr"], CertificateRequest},
		"CRL": {testpki.RevocationList(t, pki.Authority, nil), RevocationList}, "OCSP": {testpki.OCSPResponse(t, leaf, pki.Authority), OCSPResponse},
		"PKCS #12": {made["pkcs12"], PKCS12}, "PKCS #8": {pkcs8, PrivateKey}, "PKCS #1": {made["pkcs1"], PrivateKey}, "locked": {made["locked"], EncryptedKey},
		"enveloped": {made["enveloped"], Enveloped}, "encrypted": {made["encrypted"], Encrypted}, "digested": {made["digested"], OtherContent},
		"nothing": {[]byte{0x30, 0}, Unknown}, "cut": {made["bare"][:100], Unknown}, "text": {[]byte("0123"), Unknown}, "a number": {[]byte{0x30, 3, 2, 1, 1}, Unknown},
	} {
		require.Equal(t, c.kind.Name(), KindOf(c.der).Name(), name)
		require.Equal(t, c.kind.Signed(), c.kind != Unknown && c.kind.Hint() == "", name)
	}
}

// TestMail reads what OpenSSL writes as S/MIME, also with bare line feeds, inside of other mails, and forwarded.
func TestMail(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.RSA2048)
	dir := t.TempDir()
	for name, data := range map[string][]byte{"key": testpki.KeyPEM(t, id.Key), "cert": testpki.CertPEM(id.Certificate()), "c": []byte("line one\nline two\n")} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(data)
	}
	for _, attached := range []bool{true, false} {
		args := []string{"cms", "-sign", "-in", "c", "-signer", "cert", "-inkey", "key", "-out", "mail"}
		if attached {
			args = append(args, "-nodetach")
		}
		testpki.OpenSSL(t, dir, args...)
		text := read("mail")
		crlf := strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
		forms := map[string]string{
			"as it is": text, "CR LF": crlf, "mbox": "From a@example Mon Jan  1 00:00:00 2026\n" + text,
			"with more fields": "Received: from a\n\tby b\nContent-Language: en\n" + text,
			"in a list":        "Content-Type: multipart/mixed;\n boundary=\"list\"\n\npreamble\n--list\n" + text + "\n--list\nContent-Type: text/plain\n\nfooter\n--list--\n",
			"forwarded":        "Content-Type: message/rfc822\n\n" + text,
		}
		for name, text := range forms {
			f, err := Read([]byte(text))
			require.NoError(t, err, name)
			require.True(t, f.Mail)
			m, err := cades.Parse(f.DER)
			require.NoError(t, err, name)
			var content io.Reader
			if require.Equal(t, !attached, m.Detached()); !attached {
				require.Equal(t, "line one\r\nline two\r\n", string(f.Content), name)
				content = bytes.NewReader(f.Content)
			}
			report, err := m.Verify(t.Context(), sign.Reader("", content), nil)
			require.NoError(t, err)
			require.Equal(t, cades.Passed, report.Signatures[0].Status(cades.CheckMessageDigest), name)
		}
	}
}

// TestBase64 decodes as encoding/base64 does, in all lengths.
func TestBase64(t *testing.T) {
	for n := 1; n < 100; n++ {
		octets := make([]byte, n)
		_, _ = rand.Read(octets)
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			got, ok := received.Decode([]byte("!" + e.EncodeToString(octets))[1:])
			require.True(t, ok)
			require.Equal(t, octets, got)
		}
	}
	for _, text := range []string{"", "=", "M", "MIIBM", "MI=IB", "MII*", "\xff"} {
		_, ok := received.Decode([]byte(text))
		require.False(t, ok, text)
	}
}

// TestBombs reads files that are made to keep a reader busy: it takes memory in proportion to them.
func TestBombs(t *testing.T) {
	const size = 1 << 20
	fill := func(head, unit, tail string) []byte {
		return []byte(head + strings.Repeat(unit, (size-len(head)-len(tail))/len(unit)) + tail)
	}
	nested := "MII="
	for len(nested) < size/3 {
		nested = base64.StdEncoding.EncodeToString([]byte(nested))
	}
	for name, data := range map[string][]byte{
		"beginnings of PEM":    fill("", "-----BEGIN ", ""),
		"blocks without end":   fill("", "-----BEGIN A-----\n", ""),
		"blocks":               fill("", "-----BEGIN A-----\nMAA=\n-----END A-----\n", ""),
		"ends of PEM":          fill("-----BEGIN A-----\n", "-----END ", ""),
		"certificates":         fill("", "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n", ""),
		"values":               fill("", "\x30\x00", ""),
		"base64 upon base64":   []byte(nested),
		"a long field":         fill("Content-Type: multipart/mixed; boundary=b\n", " x\n", "\n"),
		"fields":               fill("Content-Type: multipart/mixed; boundary=b\n", "Content-Type: a\n", "\n"),
		"parts":                fill("Content-Type: multipart/mixed; boundary=b\n\n", "--b\nA: b\n\n", ""),
		"parts of one content": fill("Content-Type: multipart/mixed; boundary=b\n\n", "--b\nContent-Type: multipart/mixed; boundary=b\n\n", ""),
		"mails in mails":       fill("", "Content-Type: message/rfc822\n\n", ""),
		"line feeds":           fill("Content-Type: multipart/signed; boundary=b\n\n--b\n", "\n", "\n--b\nContent-Type: application/pkcs7-signature\n\nMAA=\n--b--"),
		"UTF-16":               fill("\xff\xfe", "-\x00", ""),
		"open values":          fill("", "\x30\x80", ""),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = Read(data)
		_, _ = Certificates(data)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), name)
	}
}

// TestDeepMail looks only so deep into mails inside of mails.
func TestDeepMail(t *testing.T) {
	text := "Content-Type: application/pkcs7-mime\n\n" + string(signature(t))
	for depth := range 2 * maxMail {
		f, err := Read([]byte(text))
		if depth < maxMail {
			require.NoError(t, err, depth)
			require.Equal(t, Signature, f.Kind)
		} else {
			require.ErrorContains(t, err, "nothing in it is signed")
		}
		text = "Content-Type: message/rfc822\n\n" + text
	}
}

// TestCertificates reads collections of certificates, and leaves broken ones to be named.
func TestCertificates(t *testing.T) {
	pki := testpki.New(t)
	a, b := pki.Root.Certificate().Raw, pki.Authority.Certificate().Raw
	both := pemOf("CERTIFICATE", a) + pemOf("X509 CERTIFICATE", b)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "both"), []byte(both), 0o600))
	testpki.OpenSSL(t, dir, "crl2pkcs7", "-nocrl", "-certfile", "both", "-outform", "DER", "-out", "p7b")
	testpki.OpenSSL(t, dir, "x509", "-in", "both", "-addtrust", "emailProtection", "-out", "trusted")
	p7b, err := os.ReadFile(filepath.Join(dir, "p7b"))
	require.NoError(t, err)
	trusted, err := os.ReadFile(filepath.Join(dir, "trusted"))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		data string
		want [][]byte
	}{
		"DER": {string(a), [][]byte{a}}, "two of DER": {string(a) + string(b), [][]byte{a, b}}, "PEM": {both, [][]byte{a, b}},
		"p7b": {string(p7b), [][]byte{a, b}}, "p7b in PEM": {pemOf("PKCS7", p7b), [][]byte{a, b}}, "base64": {base64.StdEncoding.EncodeToString(a), [][]byte{a}},
		"trusted": {string(trusted), [][]byte{a}}, "UTF-16": {"\xff\xfe" + string(toUTF16(both, 0, 1)), [][]byte{a, b}},
		"broken": {pemOf("CERTIFICATE", []byte("broken")) + both, [][]byte{[]byte("broken"), a, b}},
		"none":   {"words", nil}, "empty": {"", nil}, "a key": {string(testpki.KeyPEM(t, pki.Root.Key)), nil},
	} {
		got, what := Certificates([]byte(c.data))
		require.Equal(t, c.want, got, name)
		require.NotEmpty(t, what)
	}
}

// FuzzRead lets nothing of strangers break the reader.
func FuzzRead(f *testing.F) {
	der := signature(f)
	cms := pemOf("CMS", der)
	for _, seed := range []string{
		string(der), cms, base64.RawURLEncoding.EncodeToString(der), hex.EncodeToString(der), "\xff\xfe" + string(toUTF16(cms, 0, 1)),
		"Content-Type: multipart/signed; boundary=b\n\n--b\nx\n--b\nContent-Type: application/pkcs7-signature\nContent-Transfer-Encoding: base64\n\n" +
			base64.StdEncoding.EncodeToString(der) + "\n--b--\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Read(data)
		if err == nil && len(file.DER) == 0 {
			t.Fatal("nothing was found, and no error")
		}
		certificates, what := Certificates(data)
		if len(certificates) == 0 && what == "" {
			t.Fatal("neither certificates nor what it is")
		}
	})
}

// FuzzParts splits multipart entities of strangers: parts stand in the entity in their order, each between two lines with the boundary and
// without such a line in it.
func FuzzParts(f *testing.F) {
	for _, body := range []string{"--b\nx\n--b--\n", "p\r\n--b \r\nx\r\n\r\n--b\r\n--b--", "--b\n--b\n--bb\n--b-\n--b--x\n", "--b", "", "\n--b\n\n--b--"} {
		f.Add([]byte(body), "b")
	}
	f.Fuzz(func(t *testing.T, body []byte, boundary string) {
		if strings.ContainsAny(boundary, "\r\n") || strings.TrimRight(boundary, " \t") != boundary {
			return // no parameter of a header
		}
		is := func(line []byte) bool {
			after, ok := bytes.CutPrefix(line, []byte("--"+boundary))
			after = bytes.TrimRight(after, " \t\r\n")
			return ok && (len(after) == 0 || string(after) == "--")
		}
		all := parts(body, boundary)
		if boundary == "" {
			require.Empty(t, all)
			return
		}
		at := 0
		for _, part := range all {
			i := cap(body) - cap(part) // a part is a piece of the body
			require.GreaterOrEqual(t, i, at)
			require.True(t, bytes.Equal(part, body[i:i+len(part)]))
			before := bytes.TrimSuffix(body[:i], []byte("\n"))
			require.True(t, is(before[bytes.LastIndexByte(before, '\n')+1:]), "no boundary before")
			behind := bytes.TrimPrefix(bytes.TrimPrefix(body[i+len(part):], []byte("\r")), []byte("\n"))
			line, _, _ := bytes.Cut(behind, []byte("\n"))
			require.True(t, is(line), "no boundary behind")
			for line := range bytes.Lines(part) {
				require.False(t, is(line), "a boundary inside")
			}
			at = i + len(part)
		}
	})
}

// TestMailForms reads mails in the forms that gateways and other programs make of them.
func TestMailForms(t *testing.T) {
	der := base64.StdEncoding.EncodeToString(signature(t))
	signed := func(content, more string) string {
		return "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=\"a b\"\n\n--a b\n" + content +
			"\n--a b\nContent-Type: application/pkcs7-signature\nContent-Transfer-Encoding: base64\n\n" + der + "\n" + more + "--a b--\n"
	}
	inner := "Content-Type: multipart/mixed; boundary=\"a\"\n\n--a\n\ntext\n--a\nContent-Type: text/plain\n\nmore\n--a--\n"
	for name, c := range map[string]struct {
		text, content string
		received      bool // differs from content
		part          bool
	}{
		"nested":                     {signed(inner, ""), strings.ReplaceAll(inner, "\n", "\r\n"), true, false},
		"CR LF already":              {strings.ReplaceAll(signed(inner, ""), "\n", "\r\n"), strings.ReplaceAll(inner, "\n", "\r\n"), false, false},
		"a part more":                {signed("x", "--a b\n\nnot signed\n"), "x", false, true},
		"in a list":                  {"Content-Type: multipart/mixed; boundary=l\n\n--l\n" + signed("x", "") + "\n--l\n\nfooter\n--l--\n", "x", false, true},
		"alone in a list":            {"Content-Type: multipart/mixed; boundary=l\n\n--l\n" + signed("x", "") + "\n--l--\n", "x", false, false},
		"forwarded":                  {"Content-Type: message/rfc822\n\n" + signed("x", ""), "x", false, false},
		"no kind, by name":           {"Content-Type: application/octet-stream; name=\"SMIME.P7M\"\nContent-Transfer-Encoding: base64\n\n" + der + "\n", "", false, false},
		"no kind, by the file's":     {"Content-Type: application/octet-stream\nContent-Disposition: attachment;\n filename=smime.p7m\nContent-Transfer-Encoding: base64\n\n" + der + "\n", "", false, false},
		"a parameter in many pieces": {"Content-Type: application/octet-stream; name*0=smi; name*1=\"me.p7m\"\nContent-Transfer-Encoding: base64\n\n" + der + "\n", "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Read([]byte(c.text))
			require.NoError(t, err)
			require.True(t, f.Mail)
			require.Equal(t, Signature, f.Kind)
			require.Equal(t, c.content, string(f.Content))
			require.Equal(t, c.received, f.Received != nil)
			require.Equal(t, c.part, f.Part)
			if c.received {
				require.Equal(t, strings.ReplaceAll(c.content, "\r\n", "\n"), string(f.Received))
			}
		})
	}
	_, err := Read([]byte("Content-Type: application/octet-stream; name=a.bin\n\nx"))
	require.ErrorContains(t, err, "nothing in it is signed")
}
