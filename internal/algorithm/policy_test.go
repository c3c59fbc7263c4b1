package algorithm_test

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"hash"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/stretchr/testify/require"
)

func day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 12, 0, 0, 0, time.UTC)
}

var policies = map[string]*algorithm.Policy{"default": algorithm.Default(), "strict": algorithm.Strict(), "lenient": algorithm.Lenient(), "nil": nil, "zero": {}}

// TestHashes judges digests of every use.
func TestHashes(t *testing.T) {
	const allowed, tolerated, forbidden, unknown = algorithm.Allowed, algorithm.Tolerated, algorithm.Forbidden, algorithm.Unknown
	for _, c := range []struct {
		policy string
		use    algorithm.Use
		hash   cms.OID
		at     time.Time
		want   algorithm.Decision
		says   string
	}{
		{"nil", algorithm.UseMessage, cms.OIDSHA256, day(2026, 3, 1), allowed, ""},
		{"nil", algorithm.UseMessage, cms.OIDSHA256, time.Time{}, allowed, ""},
		{"nil", algorithm.UseMessage, cms.OIDSHA1, day(2005, 3, 1), tolerated, "SHA-1 is weak"},
		{"nil", algorithm.UseImprint, cms.OIDSHA1, day(2026, 3, 1), tolerated, "SHA-1 is weak"},
		{"zero", algorithm.UseImprint, cms.OIDSHA1, day(2026, 3, 1), tolerated, "SHA-1 is weak"},
		{"default", algorithm.UseCertificate, cms.OIDSHA1, day(2015, 3, 1), tolerated, "SHA-1 is weak"},
		{"default", algorithm.UseCertificate, cms.OIDSHA1, day(2026, 3, 1), forbidden, "does not count since 2020-01-01"},
		{"default", algorithm.UseCertificate, cms.OIDSHA1, time.Time{}, forbidden, "SHA-1"},
		{"default", algorithm.UseOCSP, cms.OIDSHA1, day(2026, 3, 1), tolerated, "SHA-1"},
		{"strict", algorithm.UseMessage, cms.OIDSHA1, day(2012, 7, 31), tolerated, "SHA-1"},
		{"strict", algorithm.UseMessage, cms.OIDSHA1, day(2012, 8, 1), forbidden, "2012-08-01"},
		{"strict", algorithm.UseImprint, cms.OIDSHA1, time.Time{}, forbidden, "SHA-1"},
		{"strict", algorithm.UseMessage, cms.OIDSHA224, day(2028, 12, 31), allowed, ""},
		{"strict", algorithm.UseMessage, cms.OIDSHA224, day(2029, 1, 1), forbidden, "SHA-224 is not good any more since 2029-01-01"},
		{"default", algorithm.UseMessage, cms.OIDSHA224, day(2029, 1, 1), tolerated, "since 2029-01-01"},
		{"lenient", algorithm.UseMessage, cms.OIDSHA224, day(2060, 1, 1), allowed, ""},
		{"lenient", algorithm.UseImprint, cms.OIDSHA1, day(2060, 1, 1), tolerated, "SHA-1"},
		{"strict", algorithm.UseMessage, cms.OIDSHA512, day(2060, 1, 1), allowed, ""},
		{"nil", algorithm.UseMessage, cms.OIDRIPEMD160, day(2010, 1, 1), unknown, "RIPEMD-160 is not known here"},
		{"strict", algorithm.UseMessage, cms.OIDRIPEMD160, day(2020, 1, 1), forbidden, "RIPEMD-160"},
		{"nil", algorithm.UseMessage, cms.OIDStreebog256, day(2026, 1, 1), unknown, "GOST R 34.11-2012 256"},
		{"nil", algorithm.UseMessage, "\x2a\x03", day(2026, 1, 1), unknown, "1.2.3"},
	} {
		r := &algorithm.Registry{Policy: policies[c.policy]}
		j := r.JudgeHash(c.use, c.hash, c.at)
		require.Equal(t, c.want, j.Decision, "%s %d %s %s: %s", c.policy, c.use, c.hash.Name(), c.at, j.Sentence)
		require.Contains(t, j.Sentence, c.says)
		require.Equal(t, c.want == allowed, j.Sentence == "")
	}
	for name, p := range policies { // never, whatever it is for
		for use := algorithm.UseCertificate; use <= algorithm.UseReference; use++ {
			for _, at := range []time.Time{{}, day(1999, 1, 1), day(2026, 1, 1)} {
				for _, id := range []cms.OID{cms.OIDMD2, cms.OIDMD4, cms.OIDMD5} {
					j := (&algorithm.Registry{Policy: p}).JudgeHash(use, id, at)
					require.Equal(t, forbidden, j.Decision, name)
					require.Contains(t, j.Sentence, id.Name()+" is broken")
				}
				require.Contains(t, []algorithm.Decision{tolerated, forbidden}, (&algorithm.Registry{Policy: p}).JudgeHash(use, cms.OIDSHA1, at).Decision, "SHA-1 is never silent")
			}
		}
	}
	require.Equal(t, unknown, (&algorithm.Registry{Policy: &algorithm.Policy{Rules: []algorithm.Rule{}}}).JudgeHash(algorithm.UseMessage, cms.OIDSHA256, day(2026, 1, 1)).Decision, "a policy without rules allows nothing")
}

// TestKeys judges schemes with keys.
func TestKeys(t *testing.T) {
	const allowed, tolerated, forbidden, unknown = algorithm.Allowed, algorithm.Tolerated, algorithm.Forbidden, algorithm.Unknown
	for _, c := range []struct {
		policy, vector string
		at             time.Time
		want           algorithm.Decision
		says           string
	}{
		{"nil", "rsa-pkcs1-sha256", day(2019, 9, 30), allowed, ""},
		{"nil", "rsa-pkcs1-sha256", day(2026, 1, 1), tolerated, "RSASSA-PKCS1-v1_5 with RSA of 1024 bits is not good any more since 2019-10-01"},
		{"strict", "rsa-pkcs1-sha256", day(2019, 9, 30), allowed, ""},
		{"strict", "rsa-pkcs1-sha256", day(2019, 10, 1), forbidden, "RSA of 1024 bits"},
		{"lenient", "rsa-pkcs1-sha256", day(2060, 10, 1), allowed, ""},
		{"lenient", "rsa-512", day(2005, 1, 1), forbidden, "anybody"},
		{"nil", "rsa-512", day(2005, 1, 1), forbidden, "RSA of 512 bits"},
		{"nil", "rsa-pkcs1-md5", day(2005, 1, 1), forbidden, "MD5"},
		{"lenient", "rsa-pkcs1-md5", day(1999, 1, 1), forbidden, "MD5"},
		{"nil", "rsa-pkcs1-sha1", day(2005, 1, 1), tolerated, "SHA-1"},
		{"nil", "rsa-pkcs1-sha1", day(2026, 1, 1), tolerated, "SHA-1"},
		{"strict", "pss-1024-sha256-mgf-sha1-salt-32", day(2019, 1, 1), allowed, ""},
		{"nil", "pss-1024-sha256-mgf-sha1-salt-32", day(2026, 1, 1), tolerated, "RSASSA-PSS with RSA of 1024 bits"},
		{"nil", "ecdsa-sha256", time.Time{}, allowed, ""},
		{"strict", "ecdsa-sha256", day(2060, 1, 1), allowed, ""},
		{"strict", "secp224r1-named_curve-uncompressed-sha256", day(2021, 9, 30), allowed, ""},
		{"strict", "secp224r1-named_curve-uncompressed-sha256", day(2026, 1, 1), forbidden, "ECDSA on P-224 is not good any more since 2021-10-01"},
		{"nil", "prime192v1-named_curve-uncompressed-sha256", day(2026, 1, 1), tolerated, "P-192"},
		{"strict", "secp256k1-named_curve-uncompressed-sha256", day(2026, 1, 1), forbidden, "secp256k1 is none of the curves"},
		{"strict", "brainpoolP256t1-explicit-uncompressed-sha512", day(2026, 1, 1), forbidden, "brainpoolP256t1 is none"},
		{"strict", "brainpoolP256r1-explicit-compressed-sha512", day(2026, 1, 1), allowed, ""},
		{"nil", "secp256k1-named_curve-uncompressed-sha256", day(2026, 1, 1), allowed, ""},
		{"nil", "specified-prime256v1-sha384", day(2026, 1, 1), allowed, ""},
		{"strict", "dsa-1024-sha1", day(2015, 11, 1), forbidden, "SHA-1"},
		{"strict", "dsa-1024-sha256", day(2015, 11, 1), allowed, ""},
		{"strict", "dsa-1024-sha256", day(2015, 12, 1), forbidden, "DSA of 1024 bits"},
		{"nil", "dsa-2048-sha256", day(2026, 1, 1), allowed, ""},
		{"strict", "ed25519", day(2060, 1, 1), allowed, ""},
		{"nil", "ed448", day(2026, 1, 1), unknown, "Ed448"},
		{"nil", "sect163k1-named", day(2026, 1, 1), unknown, "1.3.132.0.1"},
	} {
		_, v := named(t, c.vector)
		check := v.check(t)
		r := &algorithm.Registry{Policy: policies[c.policy]}
		q := algorithm.Question{Use: algorithm.UseMessage, Algorithm: check.Algorithm, Digest: check.Digest, SPKI: check.SPKI, Time: c.at}
		j := r.Judge(q)
		require.Equal(t, c.want, j.Decision, "%s %s %s: %s", c.policy, c.vector, c.at, j.Sentence)
		require.Contains(t, j.Sentence, c.says)
		require.Equal(t, c.want == allowed, j.Sentence == "", "%s", j.Sentence)
		err := r.Allow(q)
		switch c.want {
		case forbidden:
			require.Equal(t, algorithm.NotAllowed, reason(t, err))
		case unknown:
			require.Equal(t, algorithm.Unsupported, reason(t, err))
		default:
			require.NoError(t, err)
		}
	}
}

// TestDigestBesideSignature judges the digest of the content, whatever the signature itself is made with.
func TestDigestBesideSignature(t *testing.T) {
	_, v := named(t, "ecdsa-sha256")
	check := v.check(t)
	q := algorithm.Question{Use: algorithm.UseMessage, Algorithm: check.Algorithm, SPKI: check.SPKI, Time: day(2026, 1, 1)}
	for id, want := range map[cms.OID]algorithm.Decision{
		cms.OIDMD5: algorithm.Forbidden, cms.OIDSHA1: algorithm.Tolerated, cms.OIDSHA512: algorithm.Allowed, cms.OIDStreebog256: algorithm.Unknown, "": algorithm.Allowed,
	} {
		q.Digest = id
		require.Equal(t, want, (*algorithm.Registry)(nil).Judge(q).Decision, id.Name())
	}
	_, v = named(t, "rsaEncryption-sha256")
	q = algorithm.Question{Use: algorithm.UseCertificate, Algorithm: v.check(t).Algorithm, Time: day(2026, 1, 1)}
	require.Equal(t, algorithm.Unknown, (*algorithm.Registry)(nil).Judge(q).Decision, "nothing names a hash")
	q.Digest = cms.OIDSHA256
	require.Equal(t, algorithm.Allowed, (*algorithm.Registry)(nil).Judge(q).Decision, "a key that is not known yet")
}

// TestSchemesOfTheCaller lets them check what is not known here, and judges them: one that calls itself MD5 or SHA-1 escapes
// nothing.
func TestSchemesOfTheCaller(t *testing.T) {
	const own = "\x30\x04\x06\x02\x2a\x03"
	scheme := func(digest cms.OID) sign.Scheme {
		b := cms.NewBuilder(nil)
		seq := b.Open(cms.TagSequence)
		b.OID(digest)
		b.Close(seq)
		return sign.Scheme{
			Name: "own", NewHash: func() hash.Hash { return sha256.New() }, DigestAlg: b.Bytes(), SignatureAlg: []byte(own),
			Verify: func(spki, digest, signature []byte) error {
				switch {
				case string(spki) == "other":
					return &sign.Error{Class: sign.ErrUnsupported}
				case string(spki) == "mismatch":
					return &sign.Error{Class: sign.ErrKeyMismatch}
				case string(spki) == "malformed":
					return &sign.Error{Class: sign.ErrInput}
				case string(signature) == string(digest):
					return nil
				}
				return errors.New("it does not fit")
			},
		}
	}
	// Schemes are found by their identifier in every form, and not by what only begins like one.
	long := "\x30\x81\x88\x06\x02\x2a\x03\x04\x81\x81" + strings.Repeat("x", 0x81)
	for der, found := range map[string]bool{own: true, long: true, own[:5]: false, "\x30\x04\x06\x04\x2a\x03": false, "\x30\x05\x06\x03\x2a\x03\x04": false, "\x30\x05\x06\x02\x2a\x03": false, "": false} {
		r := &algorithm.Registry{Schemes: []sign.Scheme{{SignatureAlg: slices.Clip([]byte(der)), Verify: func(_, _, _ []byte) error { return nil }}}}
		_, ok := r.Scheme("\x2a\x03")
		require.Equal(t, found, ok, "%x", der)
		_, ok = r.Scheme("")
		require.False(t, ok)
	}
	check := &algorithm.SignatureCheck{Algorithm: parseAlgorithm(t, []byte(own)), SPKI: []byte("key")}
	sum := sha256.Sum256([]byte("message"))
	for id, want := range map[cms.OID]algorithm.Decision{cms.OIDMD5: algorithm.Forbidden, cms.OIDSHA1: algorithm.Tolerated, cms.OIDStreebog256: algorithm.Allowed} {
		r := &algorithm.Registry{Schemes: []sign.Scheme{{Name: "without Verify", SignatureAlg: []byte(own)}, scheme(id)}}
		check.Signature = sum[:]
		_, err := r.Verify(check, []byte("message"), nil)
		require.NoError(t, err)
		_, err = r.Verify(check, nil, sum[:])
		require.NoError(t, err)
		_, err = r.Verify(check, []byte("massage"), nil)
		require.Equal(t, algorithm.WrongSignature, reason(t, err))
		q := algorithm.Question{Use: algorithm.UseMessage, Algorithm: check.Algorithm, SPKI: check.SPKI, Time: day(2026, 1, 1)}
		require.Equal(t, want, r.Judge(q).Decision, id.Name())
		h, ok := r.Hash(id)
		require.True(t, ok)
		require.NotZero(t, h.Size)
		r.Policy = &algorithm.Policy{Rules: append(algorithm.Default().Rules, algorithm.Rule{Algorithm: "own", Allowed: day(2020, 1, 1)})}
		require.Equal(t, algorithm.Forbidden, r.Judge(q).Decision, "a rule by the name of the scheme")
	}
	r := &algorithm.Registry{Schemes: []sign.Scheme{scheme(cms.OIDSHA256)}}
	for key, want := range map[string]algorithm.Reason{"other": algorithm.Unsupported, "mismatch": algorithm.KeyMisused, "malformed": algorithm.Malformed} {
		check.SPKI = []byte(key)
		_, err := r.Verify(check, []byte("message"), nil)
		require.Equal(t, want, reason(t, err), key)
	}

	// Under an identifier that is known here, the rules for that hold as well.
	_, v := named(t, "rsa-pkcs1-md5")
	md5 := scheme(cms.OIDSHA256)
	md5.SignatureAlg = v.check(t).Algorithm.Raw()
	r = &algorithm.Registry{Schemes: []sign.Scheme{md5}}
	j := r.Judge(algorithm.Question{Use: algorithm.UseMessage, Algorithm: v.check(t).Algorithm, Digest: cms.OIDSHA256, SPKI: v.check(t).SPKI, Time: day(2026, 1, 1)})
	require.Equal(t, algorithm.Forbidden, j.Decision)

	whole := scheme(cms.OIDSHA256)
	whole.Whole = true
	r = &algorithm.Registry{Schemes: []sign.Scheme{whole}}
	require.True(t, r.Whole("\x2a\x03"))
	require.True(t, r.Whole(cms.OIDEd25519))
	require.False(t, r.Whole(cms.OIDSHA256WithRSA))
	check = &algorithm.SignatureCheck{Algorithm: check.Algorithm, Signature: []byte("message")}
	_, err := r.Verify(check, []byte("message"), nil)
	require.NoError(t, err)
	_, err = r.Verify(check, nil, sum[:])
	require.Equal(t, algorithm.Unsupported, reason(t, err), "a digest is not enough")
}

// TestKeysOfSchemesOfTheCaller judges the key, too, where the identifier is known here.
func TestKeysOfSchemesOfTheCaller(t *testing.T) {
	_, v := named(t, "rsa-pkcs1-sha256")
	check := v.check(t)
	own := testpki.Must(sign.PKCS1(crypto.SHA256))
	own.Verify = func(_, _, _ []byte) error { return nil }
	r := &algorithm.Registry{Schemes: []sign.Scheme{own}, Policy: algorithm.Strict()}
	q := algorithm.Question{Use: algorithm.UseMessage, Algorithm: check.Algorithm, Digest: check.Digest, SPKI: check.SPKI, Time: day(2026, 1, 1)}
	j := r.Judge(q)
	require.Equal(t, algorithm.Forbidden, j.Decision)
	require.Contains(t, j.Sentence, "RSA of 1024 bits")
	q.Time = day(2015, 1, 1)
	require.Equal(t, algorithm.Allowed, r.Judge(q).Decision)
}

// TestMasks asks of the hash in a mask that it is known and not broken; collisions of it do no harm.
func TestMasks(t *testing.T) {
	for id, want := range map[cms.OID]algorithm.Decision{cms.OIDSHA1: algorithm.Allowed, cms.OIDSHA512: algorithm.Allowed, cms.OIDMD5: algorithm.Forbidden, cms.OIDStreebog256: algorithm.Unknown} {
		alg := parseAlgorithm(t, pss(params(cms.OIDSHA256, id, 32)...))
		for _, name := range []string{"nil", "strict"} {
			j := (&algorithm.Registry{Policy: policies[name]}).Judge(algorithm.Question{Use: algorithm.UseMessage, Algorithm: alg, Time: day(2026, 1, 1)})
			require.Equal(t, want, j.Decision, "%s %s: %s", name, id.Name(), j.Sentence)
		}
	}
}

// TestDigestOfWhatIsSignedWhole cannot check Ed25519 by a digest, and does not say that it is wrong.
func TestDigestOfWhatIsSignedWhole(t *testing.T) {
	message, v := named(t, "ed25519")
	_, err := (*algorithm.Registry)(nil).Verify(v.check(t), nil, make([]byte, 64))
	require.Equal(t, algorithm.Unsupported, reason(t, err))
	_, err = (*algorithm.Registry)(nil).Verify(v.check(t), message, make([]byte, 64))
	require.NoError(t, err)
}
