package algorithm_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
)

func gostKeyOn(t *testing.T, c *gost3410.Curve) *gost.Key {
	t.Helper()
	key, err := gost.GenerateKey(c)
	require.NoError(t, err)
	return key
}

// TestGOSTKeys: every curve that package gost has is known here by the same name.
func TestGOSTKeys(t *testing.T) {
	for _, c := range gost3410.Curves() {
		spki := gostKeyOn(t, c).SubjectPublicKeyInfo()
		k, err := algorithm.ParseKey(spki)
		require.NoError(t, err, c.Name())
		require.Equal(t, "GOST R 34.10-2012 on "+c.Name(), k.Name())
		require.Equal(t, algorithm.GOST2012, k.Kind)
		require.Equal(t, 4*c.Size(), k.Strength())
		require.True(t, algorithm.IsCurve(c.Name()))
		require.Greater(t, algorithm.Cost(spki), 1)
		for _, dotted := range c.OIDs() {
			id, err := cms.ParseOID(dotted)
			require.NoError(t, err)
			require.NotEqual(t, dotted, id.Name(), "it has a name")
		}

		key, other := cms.OIDGOST256, cms.OIDGOST512
		if c.Size() == 64 {
			key, other = other, key
		}
		for name, bad := range map[string][]byte{
			"of the other size": bytes.Replace(spki, []byte(key), []byte(other), 1),
			"no OCTET STRING":   bytes.Replace(spki, []byte{0, 4}, []byte{0, 2}, 1),
		} {
			require.NotEqual(t, spki, bad)
			_, err := algorithm.ParseKey(bad)
			require.ErrorContains(t, err, "is no point of", "%s: %s", c.Name(), name)
		}
	}
	short := gostKeyOn(t, gost3410.Curves()[0]).SubjectPublicKeyInfo()
	short = bytes.Clone(short[:len(short)-1]) // an octet less at each level
	short[1]--
	at := bytes.LastIndex(short, []byte{0x03, 0x43, 0x00, 0x04, 0x40})
	require.Positive(t, at)
	short[at+1], short[at+4] = 0x42, 0x3f
	_, err := algorithm.ParseKey(short)
	require.ErrorContains(t, err, "is no point of")
}

// TestGOSTHash: the hash is a part of the algorithm, whatever digestAlgorithm says, and is judged.
func TestGOSTHash(t *testing.T) {
	r := &algorithm.Registry{Schemes: gost.Schemes()}
	for alg, hash := range map[cms.OID]cms.OID{
		cms.OIDGOST256: cms.OIDStreebog256, cms.OIDGOST256Signature: cms.OIDStreebog256, cms.OIDGOST512: cms.OIDStreebog512, cms.OIDGOST512Signature: cms.OIDStreebog512,
	} {
		require.Equal(t, hash, r.HashOf(cms.Algorithm{ID: alg}))
		require.Empty(t, (*algorithm.Registry)(nil).HashOf(cms.Algorithm{ID: alg}))
		h, ok := r.Hash(hash)
		require.True(t, ok)
		require.Equal(t, 4*h.Size, h.Strength())
		require.Equal(t, algorithm.Allowed, r.JudgeHash(algorithm.UseMessage, hash, time.Now()).Decision)
		require.Equal(t, algorithm.Unknown, (*algorithm.Registry)(nil).JudgeHash(algorithm.UseMessage, hash, time.Now()).Decision)
	}
}

// TestGOSTEnd: GOST R 34.10-2001 and GOST R 34.11-94 count until the last second of 2019, and what came after them stays.
func TestGOSTEnd(t *testing.T) {
	file, err := os.ReadFile("../../gost/testdata/rfc4491.crt")
	require.NoError(t, err)
	block, _ := pem.Decode(file)
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	last := time.Date(2019, 12, 31, 23, 59, 59, 0, time.UTC)
	first := last.Add(time.Second)
	for _, policy := range []struct {
		*algorithm.Policy
		after algorithm.Decision
	}{{nil, algorithm.Tolerated}, {algorithm.Default(), algorithm.Tolerated}, {algorithm.Strict(), algorithm.Forbidden}, {algorithm.Lenient(), algorithm.Allowed}} {
		r := &algorithm.Registry{Schemes: gost.Schemes(), Policy: policy.Policy}
		old := algorithm.Question{Use: algorithm.UseMessage, Algorithm: cms.Algorithm{ID: cms.OIDGOST2001}, Digest: cms.OIDGOST94, SPKI: c.RawSubjectPublicKeyInfo}
		for at, want := range map[time.Time]algorithm.Decision{last: algorithm.Allowed, first: policy.after} {
			old.Time = at
			require.Equal(t, want, r.Judge(old).Decision, "%s", at)
			require.Equal(t, want, r.JudgeHash(algorithm.UseMessage, cms.OIDGOST94, at).Decision, "%s", at)
			for _, hash := range []cms.OID{cms.OIDStreebog256, cms.OIDStreebog512} {
				require.Equal(t, algorithm.Allowed, r.JudgeHash(algorithm.UseMessage, hash, at).Decision)
			}
		}
	}
}
