package mldsa

// Expand is the expanded key of a seed.
func Expand(set Set, seed []byte) []byte {
	expanded, err := set.expand((*[32]byte)(seed))
	if err != nil {
		panic(err)
	}
	return expanded
}
