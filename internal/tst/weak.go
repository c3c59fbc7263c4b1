package tst

import "github.com/seed-116355fd/signet/internal/algorithm"

// Weakness says what is wrong with the algorithms of a token that counts all the same, such as SHA-1: who wrote what is
// stamped could have made two with the same imprint. It is empty when there is nothing to say. What does not count, such as
// MD5, is among the [Token.Problems].
func (t *Token) Weakness(registry *algorithm.Registry) string {
	if j := registry.JudgeHash(algorithm.UseImprint, t.Hash, t.GenTime); j.Decision == algorithm.Tolerated {
		return "its imprint: " + j.Sentence
	}
	for i := range t.SD.Signers[:min(len(t.SD.Signers), 1)] { // one with more does not count
		si := &t.SD.Signers[i]
		j := registry.Judge(algorithm.Question{Use: algorithm.UseTimestamp, Algorithm: si.Algorithm, Digest: si.Digest.ID, Time: t.GenTime})
		if j.Decision == algorithm.Tolerated {
			return "its signature: " + j.Sentence
		}
	}
	return ""
}
