package interop_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/mldsa"
)

// TestMLDSAOursReadByBouncyCastle has it check message and path.
func TestMLDSAOursReadByBouncyCastle(t *testing.T) {
	bc.need(t)
	for _, set := range mldsa.Sets() {
		q := newQuantum(t, set)
		id, _ := q.leaf()
		signer := id.signer(t)
		for _, f := range forms() {
			for _, level := range []cades.Level{cades.LevelBES, cades.LevelPKCS7} {
				t.Run(set.String()+" "+f.name+" "+level.String(), func(t *testing.T) {
					message, err := f.make(t.Context(), q.world, signer, cades.Options{Level: level})
					require.NoError(t, err)
					bouncyVerify(t, q.world, message, f.detached)
					if f.detached {
						_, err := bc.ask(t, "verify", q.message(message), q.path("root.pem"), q.path("root.pem"))
						require.Error(t, err, "another content")
					}
				})
			}
		}
	}
}

// TestMLDSABouncyCastleReadByUs reads what it makes, which has the digest that it takes by default.
func TestMLDSABouncyCastleReadByUs(t *testing.T) {
	bc.need(t)
	for _, set := range mldsa.Sets() {
		q := newQuantum(t, set)
		_, id := q.leaf()
		for _, f := range []struct {
			flags    string
			detached bool
		}{
			{"bes", true}, {"bes,attached", false}, {"bes,attached,ber", false}, {"bes,ber", true}, {"bes,ski", true}, {"epes", true}, {"plain", true}, {"bare", true}, {"bare,attached", false},
		} {
			t.Run(set.String()+" "+f.flags, func(t *testing.T) {
				out := q.out()
				bc.must(t, "sign", out, id.key, id.chain, q.path("content"), set.String(), f.flags)
				report := q.judge(t, read(t, out), f.detached)
				require.True(t, report.Trusted(), "%+v", report.Signatures[0].Checks)
				require.Equal(t, "SHA-512", report.Signatures[0].Signature.DigestAlgorithm())
			})
		}
	}
}
