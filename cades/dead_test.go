package cades_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// dead accepts every request and never answers.
type dead struct{ asked atomic.Int64 }

func (d *dead) RoundTrip(r *http.Request) (*http.Response, error) {
	d.asked.Add(1)
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestDeadAuthority ends a batch of 2,000 within two time-outs of a server that accepts and never answers, and gives each container at
// the level that was reached.
func TestDeadAuthority(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256, func(c *x509.Certificate) {
		c.OCSPServer, c.CRLDistributionPoints = []string{"http://ocsp.example/"}, []string{"http://crl.example/list"}
	})
	const timeout = 30 * time.Second
	contents := make([]batch.Content, 2000)
	for i := range contents {
		contents[i] = sign.Bytes(fmt.Sprint(i), []byte(fmt.Sprint(i)))
	}
	client := func(t *testing.T, d *dead, o tsp.Config, hosts ...string) *tsp.Client {
		for _, h := range hosts {
			o.Endpoints = append(o.Endpoints, tsp.Endpoint{URL: "http://" + h + "/"})
		}
		o.Connect.HTTP = &http.Client{Transport: d}
		c, err := tsp.NewClient(o)
		require.NoError(t, err)
		return c
	}
	for name, c := range map[string]struct {
		level   cades.Level
		reached string
		bend    func(*testing.T, *dead, *cades.Options)
		within  time.Duration
	}{
		"one authority": {cades.LevelT, "CAdES-BES", func(t *testing.T, d *dead, o *cades.Options) {
			o.Timestamper = client(t, d, tsp.Config{}, "tsa")
		}, timeout},
		"one request at a time": {cades.LevelT, "CAdES-BES", func(t *testing.T, d *dead, o *cades.Options) {
			o.Timestamper = client(t, d, tsp.Config{InFlight: 1, Rate: 1}, "tsa")
		}, 2 * timeout},
		"two authorities": {cades.LevelT, "CAdES-BES", func(t *testing.T, d *dead, o *cades.Options) {
			o.Timestamper = client(t, d, tsp.Config{}, "tsa", "other")
		}, 2 * timeout},
		"revocation": {cades.LevelLT, "CAdES-T", func(t *testing.T, d *dead, o *cades.Options) {
			o.Timestamper = testlevels.Authority(t, pki, fixed)
			source, err := revocation.NewClient(revocation.Config{Connect: connect.Options{HTTP: &http.Client{Transport: d}}, Clock: fixed, Known: &revocation.Values{Certificates: []*x509.Certificate{pki.Root.Certificate()}}})
			require.NoError(t, err)
			o.Revocation = source
		}, 2 * timeout}, // one for OCSP, one for CRLs: two servers
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &dead{}
				o := &cades.Options{Level: c.level, Clock: fixed}
				c.bend(t, d, o)
				s := signerOf(t, id, testpki.Must(sign.ECDSA(crypto.SHA256)))
				began := time.Now()
				results, err := batch.Sign(t.Context(), s, o, contents, &batch.Options{KeepLower: true})
				require.NoError(t, err)
				require.LessOrEqual(t, time.Since(began), c.within)
				require.LessOrEqual(t, d.asked.Load(), int64(64))
				for _, r := range results {
					require.ErrorIs(t, r.Err, sign.ErrAuthority)
					require.False(t, sign.IsKeyError(r.Err))
				}
				last := results[len(results)-1]
				if c.level == cades.LevelT { // of revocation, the failure itself is remembered
					require.ErrorContains(t, last.Err, "not asked before")
				}
				m, err := cades.Parse(last.Signature)
				require.NoError(t, err)
				require.Equal(t, c.reached, m.Signatures()[0].LevelName())
				got, ok := cades.Reached(last.Err)
				require.True(t, ok)
				require.Equal(t, c.reached, got.String())
			})
		})
	}
}

// TestStopOnAuthority ends the batch with the first of them.
func TestStopOnAuthority(t *testing.T) {
	pki := testpki.New(t)
	contents := make([]batch.Content, 200)
	for i := range contents {
		contents[i] = sign.Bytes(fmt.Sprint(i), []byte(fmt.Sprint(i)))
	}
	errFull := errors.New("the account has no time-stamps left")
	of := p256(t, pki)
	key := &countingKey{Key: of.Key()}
	s, err := sign.New(key, of.Chain(), testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	o := &cades.Options{Level: cades.LevelT, Clock: fixed, Timestamper: refusing{errFull}}
	results, err := batch.Sign(t.Context(), s, o, contents, &batch.Options{StopOnAuthority: true, Window: 4, Workers: 1})
	require.ErrorIs(t, err, sign.ErrAuthority)
	require.ErrorIs(t, err, errFull)
	require.Len(t, results, 200)
	require.ErrorIs(t, results[199].Err, batch.ErrStopped)
	require.Less(t, key.calls.Load(), int64(100), "the key is not used for what nobody will get")

	results, err = batch.Sign(t.Context(), s, o, contents, nil)
	require.NoError(t, err)
	require.ErrorIs(t, results[199].Err, errFull)
	require.NotErrorIs(t, results[199].Err, batch.ErrStopped)
}

// TestStoppedAbove stops a batch while containers wait for their time-stamps: nobody is asked any more, and with KeepLower each comes as it
// is, with its level.
func TestStoppedAbove(t *testing.T) {
	of := p256(t, testpki.New(t))
	contents := make([]batch.Content, 3)
	for i := range contents {
		contents[i] = sign.Bytes(fmt.Sprint(i), []byte(fmt.Sprint(i)))
	}
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan struct{})
		s, err := sign.New(&breakingKey{Key: of.Key(), after: 2, gone: gone}, of.Chain(), testpki.Must(sign.ECDSA(crypto.SHA256)))
		require.NoError(t, err)
		slow := &slowAuthority{until: gone}
		o := &cades.Options{Level: cades.LevelT, Clock: fixed, Timestamper: slow}
		results, err := batch.Sign(t.Context(), s, o, contents, &batch.Options{KeepLower: true, RaiseLimit: 1, KeyLimit: 1, Workers: 1})
		require.ErrorIs(t, err, sign.ErrPIN)
		require.EqualValues(t, 1, slow.asked.Load())
		made, stopped := 0, 0 // whose turn with the key and the authority comes first is not said
		for _, r := range results {
			if r.Signature == nil {
				require.ErrorIs(t, r.Err, sign.ErrPIN)
				continue
			}
			made++
			m, err := cades.Parse(r.Signature)
			require.NoError(t, err)
			require.Equal(t, cades.LevelBES, m.Signatures()[0].Level())
			requireReached(t, cades.LevelBES, r.Err)
			if errors.Is(r.Err, batch.ErrStopped) {
				stopped++
				require.ErrorIs(t, r.Err, sign.ErrPIN)
			}
		}
		require.Equal(t, 2, made)
		require.Equal(t, 1, stopped, "the other had asked")
	})
}

// breakingKey has a PIN that is not taken any more after some signatures.
type breakingKey struct {
	sign.Key
	after int64
	calls atomic.Int64
	gone  chan struct{}
}

func (k *breakingKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.calls.Add(1) > k.after {
		time.Sleep(time.Second) // the containers before are made
		close(k.gone)
		return nil, &sign.Error{Op: "test: key", Class: sign.ErrPIN}
	}
	return k.Key.SignContext(ctx, digest, opts)
}

// slowAuthority lets everybody wait, and then has nothing.
type slowAuthority struct {
	until chan struct{}
	asked atomic.Int64
}

func (a *slowAuthority) Timestamp(context.Context, sign.Digest) (*tsp.Token, error) {
	a.asked.Add(1)
	<-a.until
	time.Sleep(time.Second) // the batch has stopped
	return nil, errors.New("closed")
}

type refusing struct{ err error }

func (r refusing) Timestamp(context.Context, sign.Digest) (*tsp.Token, error) { return nil, r.err }

type countingKey struct {
	sign.Key
	calls atomic.Int64
}

func (k *countingKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.calls.Add(1)
	return k.Key.SignContext(ctx, digest, opts)
}
