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

// Unknown says that the signed attributes name the certificate of the authority also by a hash that is not known here, which was not
// compared: some have GOST R 34.11-94 beside SHA-1. It is empty when there is nothing to say.
func (t *Token) Unknown(registry *algorithm.Registry) string {
	for i := range t.SD.Signers[:min(len(t.SD.Signers), 1)] {
		ids, _ := t.SD.Signers[i].ESSCertIDs()
		for k := range ids {
			if _, known := registry.NameHash(ids[k].Hash); !known {
				return "it names the certificate of its authority also by its hash " + ids[k].Hash.Name() + ", which is not known here"
			}
		}
	}
	return ""
}
