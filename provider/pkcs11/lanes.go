package pkcs11

import (
	"crypto/ecdsa"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/p256lanes"
	"github.com/seed-116355fd/signet/internal/p256verify"
)

// together verifies signatures that come back from several sessions at the same time side by side, where the processor can. The same of RSA
// is not worth it: a token takes many times as long for one as its check does.
func together(v *p256verify.Verifier) *p256verify.Together {
	if !lanes.Available() {
		return p256verify.NewTogether(v, nil)
	}
	return p256verify.NewTogether(v, func(public *ecdsa.PublicKey) p256verify.Group {
		group, err := p256lanes.NewVerifier(public)
		if err != nil {
			return nil
		}
		return group
	})
}
