package cades_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// TestSchemes signs with every scheme in every form and verifies the outcome.
func TestSchemes(t *testing.T) {
	pki := testpki.New(t)
	content := bytes.Repeat([]byte("content "), 40_000)
	roots := &cades.VerifyOptions{Roots: pki.Roots()}
	for _, kind := range []testpki.Kind{testpki.RSA2048, testpki.P256, testpki.P384, testpki.P521, testpki.Ed25519} {
		id := pki.Leaf(kind)
		for _, scheme := range sign.Schemes(id.Key.Public()) {
			t.Run(string(kind)+"/"+scheme.Name, func(t *testing.T) {
				s := signerOf(t, id, scheme)
				detached, err := cades.Sign(t.Context(), s, sign.Bytes("", content), nil)
				require.NoError(t, err)
				requireDER(t, detached)
				m, sd := parse(t, detached)
				require.True(t, m.Detached())
				require.Equal(t, 1, sd.Version)
				require.Equal(t, 1, sd.Signers[0].Version)
				require.Equal(t, "CAdES-BES", m.Signatures()[0].LevelName())
				r, err := m.Verify(t.Context(), sign.Bytes("", content), roots)
				requireTrusted(t, r, err)

				attached, err := cades.Sign(t.Context(), s, sign.Reader("", iotest.HalfReader(bytes.NewReader(content))), &cades.Options{Attached: true})
				require.NoError(t, err)
				requireDER(t, attached)
				m, _ = parse(t, attached)
				r, err = m.Verify(t.Context(), sign.Content{}, roots)
				requireTrusted(t, r, err)
				var inside bytes.Buffer
				require.NoError(t, m.WriteContent(&inside))
				require.Equal(t, content, inside.Bytes())

				var stream bytes.Buffer
				require.NoError(t, cades.SignTo(t.Context(), &stream, s, sign.Reader("", iotest.OneByteReader(bytes.NewReader(content[:3000]))), &cades.Options{Attached: true}))
				m, sd = parse(t, stream.Bytes())
				require.True(t, sd.Content.Tag().Constructed())
				r, err = m.Verify(t.Context(), sign.Bytes("", content[:3000]), roots)
				requireTrusted(t, r, err)
			})
		}
	}
}

// TestFrozen makes the same container twice with a key whose signatures do not depend on chance, and by every way there
// is to give the content.
func TestFrozen(t *testing.T) {
	pki := testpki.New(t)
	s := signerOf(t, pki.Leaf(testpki.Ed25519), sign.Ed25519())
	content := bytes.Repeat([]byte("x"), 300_000)
	path := filepath.Join(t.TempDir(), "content")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	sha512 := crypto.SHA512.New()
	sha512.Write(content)
	for _, attached := range []bool{false, true} {
		o := &cades.Options{Attached: attached, SigningTime: fixed()}
		want, err := cades.Sign(t.Context(), s, sign.Bytes("", content), o)
		require.NoError(t, err)
		contents := map[string]sign.Content{
			"bytes":  sign.Bytes("", content),
			"file":   sign.File(path),
			"reader": sign.Reader("", iotest.DataErrReader(bytes.NewReader(content))),
		}
		if !attached {
			contents["digest"] = sign.Digested("", testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32))), testpki.Must(sign.NewDigest(crypto.SHA512, sha512.Sum(nil))))
		}
		for name, c := range contents {
			t.Run(name, func(t *testing.T) {
				d, err := cades.Prepare(t.Context(), s, c, o)
				require.NoError(t, err)
				require.Equal(t, sha512.Sum(nil), d.ContentDigest())
				signature, err := s.Sign(t.Context(), d.ToBeSigned())
				require.NoError(t, err)
				got, err := d.Finish(t.Context(), signature)
				require.NoError(t, err)
				require.Equal(t, want, got)
				var out bytes.Buffer
				require.NoError(t, d.FinishTo(t.Context(), &out, signature))
				require.Equal(t, want, out.Bytes())

				file, err := d.MarshalBinary()
				require.NoError(t, err)
				elsewhere, err := cades.ParseDraft(file)
				require.NoError(t, err)
				require.Equal(t, d.ToBeSigned(), elsewhere.ToBeSigned())
				got, err = elsewhere.Finish(t.Context(), signature)
				require.NoError(t, err)
				require.Equal(t, want, got)
				again, err := elsewhere.MarshalBinary()
				require.NoError(t, err)
				require.Equal(t, file, again)
			})
		}
		f, err := os.Open(path)
		require.NoError(t, err)
		defer f.Close()
		var out bytes.Buffer
		require.NoError(t, cades.SignTo(t.Context(), &out, s, sign.Reader("", f), o))
		require.Equal(t, want, out.Bytes(), "a file is read twice and gives DER")
	}
}

// TestElsewhere signs with a key that the process does not have.
func TestElsewhere(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	remote, err := sign.New(nil, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	d, err := cades.Prepare(t.Context(), remote, sign.Bytes("", []byte("content")), nil)
	require.NoError(t, err)
	_, err = cades.Sign(t.Context(), remote, sign.Bytes("", []byte("content")), nil)
	require.ErrorIs(t, err, sign.ErrUnavailable)

	digest := sha256.Sum256(d.ToBeSigned())
	signature, err := id.Key.Sign(nil, digest[:], crypto.SHA256)
	require.NoError(t, err)
	p7s, err := d.Finish(t.Context(), signature)
	require.NoError(t, err)
	m, _ := parse(t, p7s)
	r, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &cades.VerifyOptions{Roots: pki.Roots()})
	requireTrusted(t, r, err)

	for name, bad := range map[string][]byte{"nothing": nil, "cut": signature[:len(signature)-1], "another": append([]byte{0x30}, make([]byte, 70)...)} {
		_, err := d.Finish(t.Context(), bad)
		require.ErrorIs(t, err, sign.ErrKeyMismatch, name)
	}
}

// TestDraftFile refuses drafts that were changed.
func TestDraftFile(t *testing.T) {
	pki := testpki.New(t)
	s := p256(t, pki)
	d, err := cades.Prepare(t.Context(), s, sign.Bytes("", []byte("some content")), &cades.Options{Attached: true})
	require.NoError(t, err)
	file, err := d.MarshalBinary()
	require.NoError(t, err)
	at := bytes.Index(file, []byte("some content"))
	require.Positive(t, at)
	for name, bad := range map[string][]byte{
		"nothing":         nil,
		"trailing":        append(bytes.Clone(file), 0),
		"cut":             file[:len(file)-1],
		"another content": bytes.Replace(file, []byte("some content"), []byte("more content"), 1),
		"another digest":  bytes.Replace(file, d.ContentDigest(), make([]byte, 32), 1),
		"another scheme":  bytes.Replace(file, []byte("ecdsa-sha256"), []byte("ecdsa-sha384"), 1),
		"unknown scheme":  bytes.Replace(file, []byte("ecdsa-sha256"), []byte("ecdsa-sha999"), 1),
	} {
		_, err := cades.ParseDraft(bad)
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
}

// TestContentChanges notices a content that is another when it is read for the second time.
func TestContentChanges(t *testing.T) {
	s := p256(t, testpki.New(t))
	for name, second := range map[string]string{"other": "CONTENT", "shorter": "conte", "longer": "content!"} {
		reads := 0
		c := sign.Opener("changing.txt", func() (io.ReadCloser, error) {
			reads++
			if reads == 1 {
				return io.NopCloser(strings.NewReader("content")), nil
			}
			return io.NopCloser(strings.NewReader(second)), nil
		})
		d, err := cades.Prepare(t.Context(), s, c, &cades.Options{Attached: true})
		require.NoError(t, err)
		signature, err := s.Sign(t.Context(), d.ToBeSigned())
		require.NoError(t, err)
		_, err = d.Finish(t.Context(), signature)
		require.ErrorIs(t, err, sign.ErrInput, name)
		require.ErrorContains(t, err, "changing.txt")
	}
}

// TestReadErrors gives the error of the content with its name, and nothing else.
func TestReadErrors(t *testing.T) {
	s := p256(t, testpki.New(t))
	broken := errors.New("the disk is on fire")
	for name, made := range map[string]func() sign.Content{
		"reader": func() sign.Content {
			return sign.Reader("a", io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)))
		},
		"opener": func() sign.Content {
			return sign.Opener("a", func() (io.ReadCloser, error) { return nil, broken })
		},
	} {
		for _, attached := range []bool{false, true} {
			_, err := cades.Prepare(t.Context(), s, made(), &cades.Options{Attached: attached})
			require.ErrorIs(t, err, broken, name)
		}
	}
	_, err := cades.Prepare(t.Context(), s, sign.File(filepath.Join(t.TempDir(), "absent")), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = cades.Prepare(t.Context(), s, sign.Content{}, nil)
	require.ErrorIs(t, err, sign.ErrInput)
	_, err = cades.Prepare(t.Context(), s, sign.Digested("d", testpki.Must(sign.NewDigest(crypto.SHA384, make([]byte, 48)))), nil)
	require.ErrorIs(t, err, sign.ErrInput, "a digest of another hash")
	require.ErrorContains(t, err, "one digest of the content by SHA-256, of 32 octets")
	_, err = cades.Prepare(t.Context(), s, sign.Digested("d", sign.Digest{Algorithm: testpki.Must(sign.DigestAlgorithm(crypto.SHA256)), Sum: make([]byte, 31)}), nil)
	require.ErrorIs(t, err, sign.ErrInput, "a digest of another length")
	_, err = cades.Prepare(t.Context(), s, sign.Digested("d", testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32)))), &cades.Options{Attached: true})
	require.ErrorIs(t, err, sign.ErrInput, "nothing to attach")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = cades.Sign(ctx, s, sign.Reader("", endless{}), nil)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, sign.ErrInput)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestCertificateRules puts the whole chain, the signer only, or nothing into the container, and each certificate once.
func TestCertificateRules(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	id.Chain = append(id.Chain, pki.Root.Certificate(), id.Chain[0])
	s := signerOf(t, id, testpki.Must(sign.ECDSA(crypto.SHA256)))
	for _, c := range []struct {
		o    cades.Options
		want int
	}{
		{cades.Options{}, 3},
		{cades.Options{Certificates: cades.SignerOnly}, 1},
		{cades.Options{Level: cades.LevelPKCS7, Certificates: cades.NoCertificates}, 0},
	} {
		p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), &c.o)
		require.NoError(t, err)
		requireDER(t, p7s)
		m, sd := parse(t, p7s)
		require.Len(t, m.Certificates(), c.want)
		require.Equal(t, c.want == 0, sd.CertificateSet.IsZero())
		r, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &cades.VerifyOptions{Roots: pki.Roots(), Certificates: id.Chain})
		require.NoError(t, err)
		require.True(t, r.Trusted(), "%+v", r.Signatures[0].Checks)
		for i := 1; i < len(sd.Certificates); i++ {
			require.Negative(t, bytes.Compare(sd.Certificates[i-1].Raw(), sd.Certificates[i].Raw()), "the SET is not in the order of DER")
		}
	}
}

// TestContentType makes messages of other content types, whose version is 3.
func TestContentType(t *testing.T) {
	pki := testpki.New(t)
	p7s, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", []byte("content")), &cades.Options{ContentType: "1.2.840.113549.1.9.16.1.4", Attached: true})
	require.NoError(t, err)
	m, sd := parse(t, p7s)
	require.Equal(t, 3, sd.Version)
	require.Equal(t, cms.OIDTSTInfo, sd.ContentType)
	r, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots()})
	requireTrusted(t, r, err)
}

// TestSigningTime takes the claimed time from the options, and the clock only then.
func TestSigningTime(t *testing.T) {
	s := p256(t, testpki.New(t))
	clock := func() time.Time { return fixed().Add(time.Hour) }
	for _, c := range []struct {
		o    cades.Options
		want time.Time
	}{
		{cades.Options{SigningTime: fixed(), Clock: clock}, fixed()},
		{cades.Options{Clock: clock}, clock()},
		{cades.Options{AnyCertificate: true, SigningTime: time.Date(2051, 1, 2, 3, 4, 5, 0, time.UTC)}, time.Date(2051, 1, 2, 3, 4, 5, 0, time.UTC)},
	} {
		p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("")), &c.o)
		require.NoError(t, err)
		m, _ := parse(t, p7s)
		at, ok := m.Signatures()[0].SigningTime()
		require.True(t, ok)
		require.True(t, c.want.Equal(at), at)
	}
}

// TestEmptyContent tells an empty content from an absent one.
func TestEmptyContent(t *testing.T) {
	pki := testpki.New(t)
	for _, attached := range []bool{false, true} {
		p7, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", []byte("")), &cades.Options{Attached: attached})
		require.NoError(t, err)
		m, _ := parse(t, p7)
		require.Equal(t, !attached, m.Detached())
		r, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots()})
		require.NoError(t, err)
		require.Equal(t, attached, r.Valid(), "a detached signature is not valid without its content")
		r, err = m.Verify(t.Context(), sign.Bytes("", []byte("")), &cades.VerifyOptions{Roots: pki.Roots()})
		requireTrusted(t, r, err)
	}
}

// TestUnsuitable: a key whose certificate makes the signature worthless is not touched, unless that is wanted.
func TestUnsuitable(t *testing.T) {
	pki := testpki.New(t)
	for name, c := range map[string]struct {
		bend func(*x509.Certificate)
		says string
	}{
		"expired":          {func(c *x509.Certificate) { c.NotAfter = fixed().Add(-time.Second) }, "expired on 2026-03-01T11:59:59Z"},
		"the last second":  {func(c *x509.Certificate) { c.NotAfter = fixed() }, ""},
		"not yet valid":    {func(c *x509.Certificate) { c.NotBefore = fixed().Add(time.Second) }, "is not valid before 2026-03-01T12:00:01Z"},
		"the first second": {func(c *x509.Certificate) { c.NotBefore = fixed() }, ""},
		"for encryption":   {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, "neither digitalSignature nor nonRepudiation"},
		"an authority":     {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign }, "neither digitalSignature nor nonRepudiation"},
		"nonRepudiation":   {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }, ""},
		"digitalSignature": {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }, ""},
		"any usage":        {func(c *x509.Certificate) { c.KeyUsage = 0 }, ""},
		"time-stamps":      {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping} }, "for time-stamps or OCSP responses alone"},
		"OCSP":             {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} }, "for time-stamps or OCSP responses alone"},
		"OCSP and clients": {func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning, x509.ExtKeyUsageClientAuth}
		}, ""},
		"OCSP and something": {func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
			c.UnknownExtKeyUsage = append(c.UnknownExtKeyUsage, []int{1, 2, 3})
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			id := pki.Leaf(testpki.P256, c.bend)
			inner, err := soft.NewKey(id.Key, 0)
			require.NoError(t, err)
			key := &untouched{Key: inner}
			s, err := sign.New(key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
			require.NoError(t, err)
			for _, level := range []cades.Level{cades.LevelPKCS7, cades.LevelBES} {
				o := &cades.Options{Level: level, Clock: fixed}
				_, err = cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), o)
				_, prepared := cades.Prepare(t.Context(), s, sign.Bytes("", []byte("content")), o)
				if c.says == "" {
					require.NoError(t, err)
					require.NoError(t, prepared)
					continue
				}
				require.ErrorContains(t, err, c.says)
				require.ErrorIs(t, err, sign.ErrUnsupported)
				require.ErrorContains(t, prepared, c.says)
				require.Zero(t, key.signatures)
				o.AnyCertificate = true
				_, err = cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), o)
				require.NoError(t, err)
				require.Equal(t, 1, key.signatures)
				key.signatures = 0
			}
		})
	}
}

// untouched counts what a key signs.
type untouched struct {
	sign.Key
	signatures int
}

func (u *untouched) SignContext(ctx context.Context, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	u.signatures++
	return u.Key.SignContext(ctx, digest, o)
}

// TestReaderTwice: a Content of a reader that was read is refused, instead of an empty content being signed.
func TestReaderTwice(t *testing.T) {
	s := p256(t, testpki.New(t))
	for _, attached := range []bool{false, true} {
		o := &cades.Options{Attached: attached}
		for kind, reader := range map[string]func() io.Reader{
			"forward only": func() io.Reader { return io.MultiReader(strings.NewReader("content")) },
			"seeker":       func() io.Reader { return strings.NewReader("content") },
		} {
			for name, f := range map[string]func(c sign.Content) error{
				"Sign":   func(c sign.Content) error { _, err := cades.Sign(t.Context(), s, c, o); return err },
				"SignTo": func(c sign.Content) error { return cades.SignTo(t.Context(), io.Discard, s, c, o) },
			} {
				c := sign.Reader("its name", reader())
				require.NoError(t, f(c))
				err := f(c)
				require.ErrorIs(t, err, sign.ErrInput, "%s %s %v", name, kind, attached)
				require.ErrorContains(t, err, "its name")
			}
		}
	}
}
