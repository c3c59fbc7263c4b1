package pki

import (
	"errors"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
)

// NoWeakHashes is a rule for [Verifier.Algorithms]: a certificate that is signed with a hash for which two texts with the same
// digest can be made may be one that its authority never saw.
func NoWeakHashes(_ Use, alg cms.Algorithm, _ []byte) error {
	resolved, err := algorithm.ResolveSignature(alg)
	if err != nil || resolved.Hash == "" { // unknown ones are refused where they are checked
		return nil
	}
	if j := (*algorithm.Registry)(nil).JudgeHash(algorithm.UseCertificate, resolved.Hash, time.Time{}); j.Decision == algorithm.Forbidden {
		return errors.New(j.Sentence)
	}
	return nil
}
