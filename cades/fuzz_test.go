package cades_test

import (
	"bytes"
	"crypto"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// FuzzParse reads and verifies any octets: no panic, a declared error, and the message keeps the octets. A message that
// can be given a further signer holds both afterwards.
func FuzzParse(f *testing.F) {
	pki := testpki.New(f)
	s := p256(f, pki)
	for _, o := range []cades.Options{{}, {Attached: true}, {Level: cades.LevelPKCS7}, {Policy: &cades.Policy{Implied: true}, MimeType: "text/plain"}} {
		var b bytes.Buffer
		if err := cades.SignTo(f.Context(), &b, s, sign.Reader("", bytes.NewBufferString("content")), &o); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	for _, name := range testpki.CorpusFiles(f) {
		if b, err := os.ReadFile(name); err == nil && len(b) < 16<<10 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := cades.Parse(in)
		if err != nil {
			var e *sign.Error
			if !errors.As(err, &e) || e.Class != sign.ErrInput || m != nil {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(m.Bytes(), in) {
			t.Fatal("octets were lost")
		}
		r, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &cades.VerifyOptions{Roots: pki.Roots(), AllowBareDigestInfo: true})
		if err != nil {
			return
		}
		_, _ = r.Valid(), r.Trusted()
		for _, s := range m.Signatures() {
			_, _ = s.SigningTime()
			_, _, _ = s.LevelName(), s.SignedAttributes(), s.UnsignedAttributes()
			_, _, _ = s.SignerCertificate(), s.DigestAlgorithm(), s.SignatureAlgorithm()
		}
		content := strings.NewReader("content")
		var out []byte
		if m.Detached() {
			out, err = m.AddSignature(t.Context(), s, sign.Reader("", content), nil)
		} else {
			out, err = m.AddSignature(t.Context(), s, sign.Content{}, nil)
		}
		if err != nil {
			return
		}
		more, err := cades.Parse(out)
		if err != nil || len(more.Signatures()) != len(m.Signatures())+1 {
			t.Fatalf("adding a signature broke the message: %v", err)
		}
	})
}

// FuzzParseDraft reads any octets as a draft; one that is read encodes to the same octets.
func FuzzParseDraft(f *testing.F) {
	s := signerOf(f, testpki.New(f).Leaf(testpki.Ed25519), sign.Ed25519())
	for _, attached := range []bool{false, true} {
		d, err := cades.Prepare(f.Context(), s, sign.Bytes("", []byte("content")), &cades.Options{Attached: attached})
		if err != nil {
			f.Fatal(err)
		}
		b, err := d.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		d, err := cades.ParseDraft(in, testpki.Must(sign.PKCS1(crypto.SHA256)))
		if err != nil {
			if !errors.Is(err, sign.ErrInput) {
				t.Fatal(err)
			}
			return
		}
		out, err := d.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		again, err := cades.ParseDraft(out)
		if err != nil || !bytes.Equal(again.ToBeSigned(), d.ToBeSigned()) {
			t.Fatalf("a draft does not survive being written: %v", err)
		}
	})
}
