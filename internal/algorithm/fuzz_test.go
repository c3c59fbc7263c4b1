package algorithm_test

import (
	"testing"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/stretchr/testify/require"
)

// FuzzVerify reads keys, algorithms and values of strangers: whatever they are, the outcome is one of the reasons, and a value
// that holds for one message holds for no other.
func FuzzVerify(f *testing.F) {
	message, all := vectors(f)
	for _, v := range all {
		f.Add(unhex(f, v.SPKI), unhex(f, v.Algorithm), unhex(f, v.Digest), unhex(f, v.Signature))
	}
	var r algorithm.Registry
	f.Fuzz(func(t *testing.T, spki, alg, digest, signature []byte) {
		cost := algorithm.Cost(spki)
		v, err := cms.ReadValue(alg)
		if err != nil {
			return
		}
		a, err := cms.ParseAlgorithm(v)
		if err != nil || cost > 500 {
			return
		}
		check := &algorithm.SignatureCheck{Algorithm: a, Digest: cms.OID(digest), Signature: signature, SPKI: spki, AllowBareDigestInfo: true}
		_, err = r.Verify(check, message, nil)
		if err == nil {
			_, err = r.Verify(check, append([]byte("!"), message...), nil)
			require.Error(t, err)
		}
		if err != nil {
			require.NotZero(t, reason(t, err))
		}
		j := r.Judge(algorithm.Question{Use: algorithm.UseMessage, Algorithm: a, Digest: cms.OID(digest), SPKI: spki, Time: time.Unix(1e9, 0)})
		require.Equal(t, j.Decision == algorithm.Allowed, j.Sentence == "")
	})
}

// TestErrors tells what is wrong from what is not known here.
func TestErrors(t *testing.T) {
	message, v := named(t, "ed448")
	_, err := (*algorithm.Registry)(nil).Verify(v.check(t), message, nil)
	require.Equal(t, algorithm.Unsupported, reason(t, err))
	require.ErrorContains(t, err, "Ed448")
	require.NotErrorIs(t, err, algorithm.ErrWrongSignature)
	_, v = named(t, "ecdsa-sha256")
	_, err = (*algorithm.Registry)(nil).Verify(v.check(t), nil, nil)
	require.ErrorIs(t, err, algorithm.ErrWrongSignature)
	require.Equal(t, algorithm.WrongSignature, reason(t, err))
	words := map[string]bool{}
	for reason := algorithm.WrongSignature; reason <= algorithm.NotAllowed; reason++ {
		words[reason.String()] = true
	}
	require.Len(t, words, 6)
	require.False(t, words[algorithm.Reason(0).String()], "the zero value is none of them")
}
