package pki

import (
	"fmt"

	"github.com/seed-116355fd/signet/internal/cms"
)

// NoWeakHashes is a rule for [Verifier.Algorithms]: a certificate that is signed with a hash for which two texts with the same
// digest can be made may be one that its authority never saw.
func NoWeakHashes(_ Use, alg cms.Algorithm, _ []byte) error {
	resolved, err := cms.ResolveSignature(alg)
	if err != nil || resolved.Hash == "" { // unknown ones are refused where they are checked
		return nil
	}
	if h, ok := cms.HashByOID(resolved.Hash); ok && h.Weak {
		return fmt.Errorf("%s is broken: others can make certificates with the same digest", resolved.Hash.Name())
	}
	return nil
}
