package trust_test

import (
	"crypto"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

func day(year int) time.Time { return time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC) }

func hashAt(a *trust.Algorithms, id cms.OID, at time.Time) algorithm.Decision {
	return a.Registry().(*algorithm.Registry).JudgeHash(algorithm.UseMessage, id, at).Decision
}

// TestAlgorithmDates: a date ends a hash, or lets it go on; before it, it counts.
func TestAlgorithmDates(t *testing.T) {
	var none *trust.Algorithms
	require.Equal(t, algorithm.Tolerated, hashAt(none, cms.OIDSHA1, day(2026)))
	require.Equal(t, algorithm.Tolerated, hashAt(&trust.Algorithms{}, cms.OIDSHA1, day(2026)))
	require.Equal(t, algorithm.Forbidden, hashAt(&trust.Algorithms{Preset: trust.StrictAlgorithms}, cms.OIDSHA1, day(2026)))
	require.Equal(t, algorithm.Tolerated, hashAt(&trust.Algorithms{Preset: trust.LenientAlgorithms}, cms.OIDSHA1, day(2026)))

	a := &trust.Algorithms{Until: map[string]time.Time{"SHA-1": day(2015), "SHA-256": {}}}
	require.NoError(t, a.Err())
	require.Equal(t, algorithm.Allowed, hashAt(a, cms.OIDSHA1, day(2014)))
	require.Equal(t, algorithm.Forbidden, hashAt(a, cms.OIDSHA1, day(2015)))
	require.Equal(t, algorithm.Forbidden, hashAt(a, cms.OIDSHA256, day(1990)))
	require.Equal(t, algorithm.Allowed, hashAt(a, cms.OIDSHA512, day(2026)), "the others stay as they are")
	require.Equal(t, algorithm.Forbidden, hashAt(&trust.Algorithms{Preset: trust.LenientAlgorithms}, cms.OIDMD5, day(1995)))

	longer := &trust.Algorithms{Preset: trust.StrictAlgorithms, Until: map[string]time.Time{"SHA-1": day(2030)}}
	require.Equal(t, algorithm.Allowed, hashAt(longer, cms.OIDSHA1, day(2026)))
}

func TestAlgorithmSizes(t *testing.T) {
	p := testpki.New(t)
	rsa, ec := p.Leaf(testpki.RSA2048).Certificate().RawSubjectPublicKeyInfo, p.Leaf(testpki.P256).Certificate().RawSubjectPublicKeyInfo
	decide := func(a *trust.Algorithms, scheme sign.Scheme, spki []byte, at time.Time) algorithm.Decision {
		v, err := cms.ReadValue(scheme.SignatureAlg)
		require.NoError(t, err)
		alg, err := cms.ParseAlgorithm(v)
		require.NoError(t, err)
		return a.Registry().(*algorithm.Registry).Judge(algorithm.Question{Use: algorithm.UseMessage, Algorithm: alg, SPKI: spki, Time: at}).Decision
	}
	pkcs1, pss, ecdsa := testpki.Must(sign.PKCS1(crypto.SHA256)), testpki.Must(sign.PSS(crypto.SHA256)), testpki.Must(sign.ECDSA(crypto.SHA256))
	for _, s := range []sign.Scheme{pkcs1, pss} {
		require.Equal(t, algorithm.Allowed, decide(&trust.Algorithms{MinRSA: 2048}, s, rsa, day(2026)))
		require.Equal(t, algorithm.Forbidden, decide(&trust.Algorithms{MinRSA: 2049}, s, rsa, day(2026)))
		require.Equal(t, algorithm.Forbidden, decide(&trust.Algorithms{Preset: trust.LenientAlgorithms, MinRSA: 3000}, s, rsa, day(2026)))
		require.Equal(t, algorithm.Allowed, decide(&trust.Algorithms{MinEC: 512, MinDSA: 9000}, s, rsa, day(2026)), "of others")
	}
	require.Equal(t, algorithm.Tolerated, decide(&trust.Algorithms{MinRSA: 2048}, pkcs1, rsa, day(2040)), "the dates of the preset stay")
	require.Equal(t, algorithm.Forbidden, decide(&trust.Algorithms{Preset: trust.StrictAlgorithms, MinRSA: 2048}, pkcs1, rsa, day(2040)))
	require.Equal(t, algorithm.Allowed, decide(&trust.Algorithms{MinEC: 256}, ecdsa, ec, day(2026)))
	require.Equal(t, algorithm.Forbidden, decide(&trust.Algorithms{MinEC: 257}, ecdsa, ec, day(2026)))

	ended := &trust.Algorithms{Until: map[string]time.Time{"RSASSA-PKCS1-v1_5": day(2020)}}
	require.Equal(t, algorithm.Allowed, decide(ended, pkcs1, rsa, day(2019)))
	require.Equal(t, algorithm.Forbidden, decide(ended, pkcs1, rsa, day(2026)))
	require.Equal(t, algorithm.Allowed, decide(ended, pss, rsa, day(2026)))
	never := &trust.Algorithms{Until: map[string]time.Time{"P-256": {}}}
	require.NoError(t, never.Err())
	require.Equal(t, algorithm.Forbidden, decide(never, ecdsa, ec, day(2026)))
	// A scheme lasts no longer than in the preset: that would let its short keys in.
	longer := &trust.Algorithms{Preset: trust.StrictAlgorithms, Until: map[string]time.Time{"RSASSA-PKCS1-v1_5": day(2060)}}
	require.Equal(t, algorithm.Forbidden, decide(longer, pkcs1, rsa, day(2040)))
}

// TestAlgorithmSlips: a rule that is never asked for would let pass what it was to stop, so nothing counts then.
func TestAlgorithmSlips(t *testing.T) {
	for says, a := range map[string]*trust.Algorithms{
		"no preset":     {Preset: "Strict"},
		"no algorithm":  {Until: map[string]time.Time{"SHA1": {}}},
		"MD5 is broken": {Until: map[string]time.Time{"MD5": day(2040)}},
		"-1 bits":       {MinRSA: -1},
	} {
		require.ErrorContains(t, a.Err(), says)
		require.NotContains(t, []algorithm.Decision{algorithm.Allowed, algorithm.Tolerated}, hashAt(a, cms.OIDSHA256, day(2026)))
	}
}

func TestAlgorithmsOfTheCaller(t *testing.T) {
	own := testpki.Must(sign.ECDSA(crypto.SHA256))
	own.Name = "Ours"
	own.Verify = func([]byte, []byte, []byte) error { return nil }
	a := &trust.Algorithms{Schemes: []sign.Scheme{own}, Until: map[string]time.Time{"Ours": day(2020)}}
	require.NoError(t, a.Err())
	v, err := cms.ReadValue(own.SignatureAlg)
	require.NoError(t, err)
	alg, err := cms.ParseAlgorithm(v)
	require.NoError(t, err)
	r := a.Registry().(*algorithm.Registry)
	require.Equal(t, algorithm.Allowed, r.Judge(algorithm.Question{Use: algorithm.UseCRL, Algorithm: alg, Time: day(2019)}).Decision)
	require.Equal(t, algorithm.Forbidden, r.Judge(algorithm.Question{Use: algorithm.UseCRL, Algorithm: alg, Time: day(2021)}).Decision)
	require.Error(t, (&trust.Algorithms{Until: a.Until}).Err(), "without the scheme nobody knows the name")
}
