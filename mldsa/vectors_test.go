package mldsa_test

import (
	"crypto"
	"crypto/sha3"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	filippo "filippo.io/mldsa"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-116355fd/signet/internal/wycheproof"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/sign"
)

type vector struct {
	wycheproof.Test
	Context *wycheproof.Hex `json:"ctx"`
	// Mu is there instead of a message in some.
	Mu wycheproof.Hex
}

// plain reports whether a vector is one of what containers have: a message, and no context.
func (v *vector) plain() bool { return (v.Context == nil || len(*v.Context) == 0) && len(v.Mu) == 0 }

// spki is the SubjectPublicKeyInfo of a public key.
func spki(set mldsa.Set, public []byte) []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(set.Scheme().SignatureAlg)
		b.AddASN1BitString(public)
	})
	return b.BytesOrPanic()
}

// TestWycheproofVerify: signatures with a context do not count here, whatever they are there.
func TestWycheproofVerify(t *testing.T) {
	for _, set := range mldsa.Sets() {
		file := wycheproof.GroupsOf[struct {
			Key  wycheproof.Hex `json:"publicKey"`
			Rows []vector       `json:"tests"`
		}](t, fmt.Sprintf("mldsa_%d_verify_test", set))
		n, valid := 0, 0
		for _, g := range file.Groups {
			for _, v := range g.Rows {
				n++
				err := set.Scheme().Verify(spki(set, g.Key), v.Message, v.Sig)
				if v.Result == "valid" && v.plain() {
					valid++
					require.NoError(t, err, "%s %d: %s", set, v.ID, v.Comment)
				} else {
					require.Error(t, err, "%s %d: %s", set, v.ID, v.Comment)
				}
			}
		}
		require.Equal(t, file.Tests, n)
		require.Greater(t, valid, 5)
	}
}

// TestWycheproofSign: the signatures there are the deterministic ones; those of the key here are others each time, so that both are
// verified with the public key of the private key that was read.
func TestWycheproofSign(t *testing.T) {
	for _, set := range mldsa.Sets() {
		for _, form := range []string{"seed", "noseed"} {
			file := wycheproof.GroupsOf[struct {
				Seed    wycheproof.Hex `json:"privateSeed"`
				Private wycheproof.Hex `json:"privateKey"`
				Rows    []vector       `json:"tests"`
			}](t, fmt.Sprintf("mldsa_%d_sign_%s_test", set, form))
			n, signed, refused := 0, 0, 0
			for _, g := range file.Groups {
				private := choice(g.Seed, nil)
				if form == "noseed" {
					private = choice(nil, g.Private)
				}
				key, err := mldsa.ParsePKCS8(container(set, 0, private))
				for _, v := range g.Rows {
					n++
					if slices.Contains(v.Flags, "InvalidPrivateKey") || slices.Contains(v.Flags, "IncorrectPrivateKeyLength") {
						refused++
						require.ErrorIs(t, err, sign.ErrInput, "%s %d: %s", set, v.ID, v.Comment)
						continue
					}
					require.NoError(t, err, "%s %s %d: %s", set, form, v.ID, v.Comment)
					if v.Result != "valid" || !v.plain() {
						continue
					}
					signed++
					require.NoError(t, set.Scheme().Verify(key.SubjectPublicKeyInfo(), v.Message, v.Sig), "%s %s %d: %s", set, form, v.ID, v.Comment)
					own, err := key.Sign(nil, v.Message, crypto.Hash(0))
					require.NoError(t, err)
					require.NoError(t, set.Scheme().Verify(key.SubjectPublicKeyInfo(), v.Message, own))
				}
			}
			require.Equal(t, file.Tests, n)
			require.Greater(t, signed, 5)
			require.Equal(t, form == "noseed", refused > 0)
		}
	}
}

// TestAccumulated makes 100 keys and signatures of each set from one stream of SHAKE128 and compares the digest of all of them with
// that of other implementations (C2SP, CCTV/ML-DSA). The signatures are the deterministic ones of the module below; what this package
// adds is verified with them: the encoding of the keys, and the verification.
func TestAccumulated(t *testing.T) {
	for set, want := range map[mldsa.Set]string{
		mldsa.MLDSA44: "d51148e1f9f4fa1a723a6cf42e25f2a99eb5c1b378b3d2dbbd561b1203beeae4",
		mldsa.MLDSA65: "8358a1843220194417cadbc2651295cd8fc65125b5a5c1a239a16dc8b57ca199",
		mldsa.MLDSA87: "8c3ad714777622b8f21ce31bb35f71394f23bc0fcf3c78ace5d608990f3b061b",
	} {
		t.Run(set.String(), func(t *testing.T) {
			parameters := map[mldsa.Set]filippo.Parameters{mldsa.MLDSA44: filippo.MLDSA44(), mldsa.MLDSA65: filippo.MLDSA65(), mldsa.MLDSA87: filippo.MLDSA87()}[set]
			source, sink := sha3.NewSHAKE128(), sha3.NewSHAKE128()
			seed := make([]byte, 32)
			for i := range 100 {
				_, _ = source.Read(seed)
				private, err := filippo.NewPrivateKey(parameters, seed)
				require.NoError(t, err)
				own, err := mldsa.NewKey(private)
				require.NoError(t, err)
				public := own.SubjectPublicKeyInfo()[len(own.SubjectPublicKeyInfo())-parameters.PublicKeySize():]
				_, _ = sink.Write(public)
				signature, err := private.SignDeterministic(nil, nil)
				require.NoError(t, err)
				_, _ = sink.Write(signature)
				require.NoError(t, set.Scheme().Verify(own.SubjectPublicKeyInfo(), nil, signature))
				if i%20 == 0 { // the expanded key of the same seed, by the other module
					expanded, err := mldsa.ParsePKCS8(container(set, 0, choice(nil, mldsa.Expand(set, seed))))
					require.NoError(t, err)
					require.Equal(t, own.SubjectPublicKeyInfo(), expanded.SubjectPublicKeyInfo())
				}
			}
			sum := make([]byte, 32)
			_, _ = sink.Read(sum)
			require.Equal(t, want, hex.EncodeToString(sum))
		})
	}
}
