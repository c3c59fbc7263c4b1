package tsp

import (
	"github.com/seed-116355fd/signet/internal/algorithm"
)

// Weakness says what is wrong with the algorithms of a token that counts all the same, such as SHA-1: who wrote what is
// stamped could have made two with the same imprint. It is empty when there is nothing to say. What does not count, such as
// MD5, is among the [Token.Problems].
func (t *Token) Weakness() string {
	var registry *algorithm.Registry
	if j := registry.JudgeHash(algorithm.UseImprint, imprintOID(t.Imprint), t.GenTime); j.Decision == algorithm.Tolerated {
		return "its imprint: " + j.Sentence
	}
	for i := range t.sd.Signers {
		si := &t.sd.Signers[i]
		j := registry.Judge(algorithm.Question{Use: algorithm.UseTimestamp, Algorithm: si.Algorithm, Digest: si.Digest.ID, Time: t.GenTime})
		if j.Decision == algorithm.Tolerated {
			return "its signature: " + j.Sentence
		}
	}
	return ""
}
