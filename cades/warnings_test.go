package cades_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestWarnings warns when the certificate outlives what the catalogue says of the key, and nothing proves the time.
func TestWarnings(t *testing.T) {
	pki := testpki.New(t)
	until := func(year int) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotAfter = time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC) }
	}
	rsa := func(year int) *sign.Signer {
		return signerOf(t, pki.Leaf(testpki.RSA2048, until(year)), testpki.Must(sign.PKCS1(crypto.SHA256)))
	}
	for name, c := range map[string]struct {
		signer *sign.Signer
		o      *cades.Options
		says   []string
	}{
		"ends before":       {rsa(2027), &cades.Options{Clock: fixed}, nil},
		"outlives":          {rsa(2040), &cades.Options{Clock: fixed}, []string{"valid until 2040-06-01", "RSA of 2048 bits", "level t", "CAdES-BES"}},
		"plain":             {rsa(2040), &cades.Options{Clock: fixed, Level: cades.LevelPKCS7}, []string{"PKCS7"}},
		"with a time-stamp": {rsa(2040), &cades.Options{Clock: fixed, Level: cades.LevelT}, nil},
		"too late already":  {rsa(2040), &cades.Options{SigningTime: time.Date(2039, 1, 1, 0, 0, 0, 0, time.UTC), Level: cades.LevelT}, []string{"counts no more since", "RSA of 2048 bits"}},
		"without end":       {signerOf(t, pki.Leaf(testpki.P256, until(2027)), testpki.Must(sign.ECDSA(crypto.SHA256))), &cades.Options{Clock: fixed}, nil},
		"nil options":       {rsa(2027), nil, nil},
		"no signer":         {nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			warnings := c.o.Warnings(c.signer)
			if c.says == nil {
				require.Empty(t, warnings)
				return
			}
			require.Len(t, warnings, 1)
			for _, part := range c.says {
				require.Contains(t, warnings[0], part)
			}
		})
	}
}

// untouchable fails when it is asked for anything.
type untouchable struct {
	sign.Key
	t *testing.T
}

func (k untouchable) SignContext(context.Context, []byte, crypto.SignerOpts) ([]byte, error) {
	k.t.Error("the key was touched")
	return nil, nil
}

func (k untouchable) Timestamp(context.Context, sign.Digest) (*tsp.Token, error) {
	k.t.Error("an authority was asked")
	return nil, nil
}

func (k untouchable) Write([]byte) (int, error) {
	k.t.Error("something was written")
	return 0, nil
}

// TestRefusedBeforeTheKey touches neither the key nor an authority, and writes nothing, when nobody would take the signature.
func TestRefusedBeforeTheKey(t *testing.T) {
	pki := testpki.New(t)
	for name, bend := range map[string]func(*x509.Certificate){
		"expired": func(c *x509.Certificate) { c.NotAfter = fixed().Add(-time.Hour) },
		"not yet": func(c *x509.Certificate) { c.NotBefore = fixed().Add(time.Hour) },
		"usage":   func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment },
	} {
		t.Run(name, func(t *testing.T) {
			id := pki.Leaf(testpki.P256, bend)
			k := untouchable{signerOf(t, id, testpki.Must(sign.ECDSA(crypto.SHA256))).Key(), t}
			s, err := sign.New(k, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
			require.NoError(t, err)
			o := &cades.Options{Clock: fixed, ContentTimestampers: []tsp.Timestamper{k}}
			_, err = cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), o)
			require.ErrorIs(t, err, sign.ErrUnsupported)
			require.ErrorContains(t, err, "nobody would take the signature")
			err = cades.SignTo(t.Context(), k, s, sign.Reader("", io.MultiReader(bytes.NewReader([]byte("content")))), &cades.Options{Clock: fixed, Attached: true})
			require.ErrorIs(t, err, sign.ErrUnsupported)
		})
	}
	_, err := sign.New(untouchable{signerOf(t, pki.Leaf(testpki.P256), testpki.Must(sign.ECDSA(crypto.SHA256))).Key(), t}, pki.Leaf(testpki.P256).Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.ErrorIs(t, err, sign.ErrKeyMismatch)
}
