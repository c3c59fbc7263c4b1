package cades_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

var errBroken = errors.New("the driver is broken")

// panicky panics, whatever it is asked; mute says nothing.
type panicky struct{}

func (panicky) Timestamp(context.Context, sign.Digest) (*tsp.Token, error) { panic(errBroken) }
func (panicky) Chain(context.Context, *x509.Certificate, []*x509.Certificate) ([]*x509.Certificate, error) {
	panic(errBroken)
}

func (panicky) Collect(context.Context, [][]*x509.Certificate, *revocation.CollectOptions) (*revocation.Collection, error) {
	panic(errBroken)
}

func (panicky) Status(context.Context, *x509.Certificate, *x509.Certificate, time.Time) (*revocation.Status, error) {
	panic(errBroken)
}
func (panicky) Read([]byte) (int, error)  { panic(errBroken) }
func (panicky) Write([]byte) (int, error) { panic(errBroken) }

type mute struct{}

func (mute) Timestamp(context.Context, sign.Digest) (*tsp.Token, error) { return nil, nil }
func (mute) Chain(context.Context, *x509.Certificate, []*x509.Certificate) ([]*x509.Certificate, error) {
	return nil, nil
}

func (mute) Collect(context.Context, [][]*x509.Certificate, *revocation.CollectOptions) (*revocation.Collection, error) {
	return nil, nil
}

func (mute) Status(context.Context, *x509.Certificate, *x509.Certificate, time.Time) (*revocation.Status, error) {
	return nil, nil
}

// TestOthersPanic makes errors of panics in what the caller brings, and of answers that are none.
func TestOthersPanic(t *testing.T) {
	pki := testpki.New(t)
	s := p256(t, pki)
	tsa := testlevels.Authority(t, pki, fixed)
	base := cades.Options{Clock: fixed}
	signed := func(bend func(*cades.Options)) func() error {
		return func() error {
			o := base
			bend(&o)
			_, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), &o)
			return err
		}
	}
	for name, call := range map[string]func() error{
		"clock":         signed(func(o *cades.Options) { o.Clock = func() time.Time { panic(errBroken) } }),
		"time-stamp":    signed(func(o *cades.Options) { o.Level, o.Timestamper = cades.LevelT, panicky{} }),
		"content stamp": signed(func(o *cades.Options) { o.ContentTimestampers = []tsp.Timestamper{panicky{}} }),
		"revocation":    signed(func(o *cades.Options) { o.Level, o.Timestamper, o.Revocation = cades.LevelLT, tsa, panicky{} }),
		"reader":        func() error { _, err := cades.Sign(t.Context(), s, sign.Reader("", panicky{}), &base); return err },
		"reader, streamed": func() error {
			return cades.SignTo(t.Context(), io.Discard, s, sign.Reader("", panicky{}), &cades.Options{Attached: true})
		},
		"writer": func() error {
			return cades.SignTo(t.Context(), panicky{}, s, sign.Bytes("", []byte("content")), &base)
		},
		"writer, attached": func() error {
			return cades.SignTo(t.Context(), panicky{}, s, sign.Bytes("", []byte("content")), &cades.Options{Attached: true})
		},
		"verified content": func() error {
			p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), &base)
			require.NoError(t, err)
			m, err := cades.Parse(p7s)
			require.NoError(t, err)
			report, err := m.Verify(t.Context(), sign.Reader("", panicky{}), nil)
			require.Nil(t, report)
			return err
		},
		"verification's clock": func() error {
			p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), &base)
			require.NoError(t, err)
			m, err := cades.Parse(p7s)
			require.NoError(t, err)
			report, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &cades.VerifyOptions{Roots: pki.Roots(), Clock: func() time.Time { panic(errBroken) }})
			require.Nil(t, report, "there is no verdict")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := call()
			require.ErrorIs(t, err, errBroken)
			require.ErrorContains(t, err, "panic: the driver is broken")
		})
	}
	for name, call := range map[string]func() error{
		"time-stamp": signed(func(o *cades.Options) { o.Level, o.Timestamper = cades.LevelT, mute{} }),
		"revocation": signed(func(o *cades.Options) { o.Level, o.Timestamper, o.Revocation = cades.LevelLT, tsa, mute{} }),
	} {
		t.Run("no "+name, func(t *testing.T) { require.ErrorContains(t, call(), "neither an answer nor an error") })
	}
	for name, call := range map[string]func() error{
		"signer":           func() error { _, err := cades.Sign(t.Context(), nil, sign.Bytes("", nil), nil); return err },
		"signer, streamed": func() error { return cades.SignTo(t.Context(), io.Discard, nil, sign.Bytes("", nil), nil) },
		"content":          func() error { _, err := cades.Sign(t.Context(), s, sign.Content{}, nil); return err },
		"content, streamed": func() error {
			return cades.SignTo(t.Context(), io.Discard, s, sign.Content{}, &cades.Options{Attached: true})
		},
		"clock": func() error { _, err := cades.Sign(t.Context(), s, sign.Content{}, &cades.Options{}); return err },
	} {
		t.Run("nil "+name, func(t *testing.T) { require.ErrorIs(t, call(), sign.ErrInput) })
	}
}

// TestRevocationSourcePanics leaves a verdict of a signature open when the caller's source panics or says nothing.
func TestRevocationSourcePanics(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.OCSPServer = []string{"http://ocsp.example/"} })
	s := signerOf(t, id, testpki.Must(sign.ECDSA(crypto.SHA256)))
	p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), &cades.Options{Clock: fixed})
	require.NoError(t, err)
	m, err := cades.Parse(p7s)
	require.NoError(t, err)
	for _, source := range []interface {
		Status(context.Context, *x509.Certificate, *x509.Certificate, time.Time) (*revocation.Status, error)
	}{panicky{}, mute{}} {
		report, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &cades.VerifyOptions{Roots: pki.Roots(), Clock: fixed, Revocation: source})
		require.NoError(t, err)
		require.Equal(t, validate.Indeterminate, report.Signatures[0].Indication)
		require.False(t, report.Trusted())
	}
}
