package testsign_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestAuthorityFaults has the TSA fail in each way, and be well again afterwards.
func TestAuthorityFaults(t *testing.T) {
	ours := errors.New("no route to host")
	for name, c := range map[string]struct {
		fault testsign.Fault
		check tsp.Check
		text  string
	}{
		"down":    {testsign.Fault{Err: testsign.Down()}, tsp.CheckTransport, "connection refused"},
		"own":     {testsign.Fault{Err: ours}, tsp.CheckTransport, "no route to host"},
		"status":  {testsign.Fault{Status: 503}, tsp.CheckHTTPStatus, "503"},
		"refused": {testsign.Fault{Refused: true}, tsp.CheckStatus, "the test has it refused"},
		"slow":    {testsign.Fault{Delay: time.Hour}, tsp.CheckTransport, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := testsign.New(t)
				w.TSA.Fail(c.fault)
				began := time.Now()
				_, err := cades.Sign(t.Context(), w.Signer(), sign.Bytes("", []byte("x")), w.Options(cades.LevelT))
				require.ErrorIs(t, err, sign.ErrAuthority)
				require.ErrorIs(t, err, c.check)
				require.ErrorContains(t, err, c.text)
				require.LessOrEqual(t, time.Since(began), tsp.DefaultTimeout)
				require.Equal(t, 1, w.TSA.Requests())
				w.TSA.Fail(testsign.Fault{})
				signed(t, w.Signer(), w.Options(cades.LevelT))
			})
		})
	}
	t.Run("nobody rests", func(t *testing.T) { // from authorities that failed: the next request is made, and is well
		w := testsign.New(t)
		for _, e := range []*testsign.Endpoint{w.TSA, w.OCSP, w.CRL} {
			e.Fail(testsign.Fault{Err: testsign.Down(), Times: 5})
		}
		stamper, source := w.Timestamper(), w.Revocation()
		for i := range 6 {
			_, stamped := stamper.Timestamp(t.Context(), sha256Of("x"))
			_, asked := source.Status(t.Context(), w.Signer().Certificate(), w.Signer().Chain()[1], time.Time{})
			require.Equal(t, i == 5, stamped == nil, i)
			require.Equal(t, i == 5, asked == nil, i)
		}
	})
	t.Run("its turn", func(t *testing.T) {
		w := testsign.New(t)
		w.TSA.Fail(testsign.Fault{Status: 503, After: 1, Times: 2})
		var failed []bool
		for range 5 {
			_, err := cades.Sign(t.Context(), w.Signer(), sign.Bytes("", []byte("x")), w.Options(cades.LevelT))
			failed = append(failed, err != nil)
		}
		require.Equal(t, []bool{false, true, true, false, false}, failed)
	})
	t.Run("slow and well", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := testsign.New(t)
			w.TSA.Fail(testsign.Fault{Delay: time.Second})
			began := time.Now()
			signed(t, w.Signer(), w.Options(cades.LevelT))
			require.Equal(t, time.Second, time.Since(began))
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, err := cades.Sign(ctx, w.Signer(), sign.Bytes("", []byte("x")), w.Options(cades.LevelT))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second+time.Millisecond, time.Since(began))
		})
	})
	t.Run("revocation", func(t *testing.T) {
		w := testsign.New(t)
		source := w.Revocation()
		ask := func() (*revocation.Status, error) {
			return source.Status(t.Context(), w.Signer().Certificate(), w.Signer().Chain()[1], time.Time{})
		}
		s, err := ask()
		require.NoError(t, err)
		require.Equal(t, revocation.OCSP, s.Method)
		w.Advance(-time.Hour) // what is from later now is not kept
		s, err = ask()
		require.NoError(t, err)
		require.False(t, s.ThisUpdate.After(w.Now()))
		require.Equal(t, revocation.OCSP, s.Method)
		w.OCSP.Fail(testsign.Fault{Refused: true})
		s, err = ask()
		require.NoError(t, err)
		require.Equal(t, revocation.CRLs, s.Method)
		w.CRL.Fail(testsign.Fault{Refused: true})
		_, err = ask()
		require.ErrorIs(t, err, revocation.CheckStatus)     // of OCSP
		require.ErrorIs(t, err, revocation.CheckHTTPStatus) // of the list
		require.ErrorContains(t, err, "403")
	})
}

// TestProvider passes the suite that every provider does.
func TestProvider(t *testing.T) {
	w := testsign.New(t)
	signers := []*sign.Signer{w.Signer(), w.Issue(testsign.Certificate{Kind: testsign.RSA2048}), w.Issue(testsign.Certificate{Kind: testsign.Ed25519})}
	var keys []providertest.Key
	for _, s := range signers {
		keys = append(keys, providertest.Key{ID: s.Certificate().SubjectKeyId, Label: s.Certificate().Subject.CommonName, Certificate: s.Certificate(), Chain: s.Chain()})
	}
	providertest.Run(t, providertest.Config{Open: func(testing.TB) sign.Provider { return w.Provider(signers...) }, Keys: keys})
}

// TestCounts counts what is asked of a key, and not what it may not be asked.
func TestCounts(t *testing.T) {
	w := testsign.New(t)
	keys := w.Provider()
	key, err := keys.Key(t.Context(), sign.Ref{Label: "TEST signer 1"})
	require.NoError(t, err)
	for range 3 {
		_, err = key.SignContext(t.Context(), make([]byte, 32), crypto.SHA256)
		require.NoError(t, err)
	}
	_, err = key.SignContext(t.Context(), make([]byte, 31), crypto.SHA256)
	require.Error(t, err)
	require.Equal(t, testsign.Counts{Lookups: 1, Signed: 3, MostBusy: 1}, keys.Counts())

	_, err = w.Provider().Chain(t.Context(), key)
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
	require.NoError(t, keys.Close())
	_, err = key.SignContext(t.Context(), make([]byte, 32), crypto.SHA256)
	require.ErrorIs(t, err, sign.ErrUnavailable)
	require.Equal(t, testsign.Counts{Lookups: 1, Signed: 3, MostBusy: 1, Closed: true}, keys.Counts())
}

// TestKeyFaults has batches meet keys that fail.
func TestKeyFaults(t *testing.T) {
	contents := make([]batch.Content, 20)
	for i := range contents {
		contents[i] = sign.Bytes(fmt.Sprint(i), []byte(fmt.Sprint(i)))
	}
	run := func(t *testing.T, f testsign.Fault) (testsign.Counts, int, error) {
		w := testsign.New(t)
		keys := w.Provider()
		s, err := sign.Open(t.Context(), keys, sign.Ref{})
		require.NoError(t, err)
		keys.Fail(f)
		results, err := batch.Sign(t.Context(), s, w.Options(cades.LevelBES), contents, &batch.Options{Workers: 4})
		good := 0
		for _, r := range results {
			if r.Err == nil {
				good++
				require.Equal(t, validate.TotalPassed, judgedOver(t, w, r.Signature, r.Name).Indication)
			}
		}
		return keys.Counts(), good, err
	}
	for name, c := range map[string]struct {
		err   error
		class error
	}{
		"PIN":  {testsign.WrongPIN(), sign.ErrPIN},
		"gone": {testsign.Unavailable(), sign.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			counts, good, err := run(t, testsign.Fault{Err: c.err})
			require.ErrorIs(t, err, c.class)
			require.Zero(t, good)
			require.Equal(t, testsign.Counts{Lookups: 1, Failed: 1, MostBusy: 1}, counts)
		})
	}
	t.Run("busy", func(t *testing.T) {
		counts, good, err := run(t, testsign.Fault{Err: testsign.Busy(), After: 3, Times: 2})
		require.NoError(t, err)
		require.Equal(t, 18, good)
		require.Equal(t, 18, counts.Signed)
		require.Equal(t, 2, counts.Failed)
	})
	t.Run("slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			counts, good, err := run(t, testsign.Fault{Delay: time.Second})
			require.NoError(t, err)
			require.Equal(t, 20, good)
			require.GreaterOrEqual(t, time.Since(began), 2*time.Second)
			require.Greater(t, counts.MostBusy, 1)
		})
	})
}
