package cades

import (
	"crypto"
	"hash"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// The hashes of imprints and references. Who does not choose one gets SHA-256, or that of the scheme where it is one that the caller
// brought: who signs with GOST has time-stamps with GOST.

// unset reports whether a hash is left to this package.
func unset(h sign.Hash) bool { return h == nil || h == crypto.Hash(0) }

// digests reports whether a hash is one of those that containers are made with.
func digests(h sign.Hash) bool {
	_, err := sign.DigestAlgorithm(h)
	return err == nil
}

// mustAlgorithm is the AlgorithmIdentifier of a hash that the options were checked for.
func mustAlgorithm(h sign.Hash) []byte {
	algorithm, _ := sign.DigestAlgorithm(h)
	return algorithm
}

// ownHash reports whether the hash of a scheme is one that only the scheme knows.
func ownHash(s sign.Scheme) bool {
	id := oidOf(s.DigestAlg)
	_, standard := algorithm.StandardHash(id)
	return id != "" && !standard
}

// hashFor is the hash that a scheme leads to.
func hashFor(s sign.Scheme) sign.Hash {
	if ownHash(s) {
		return foundHash{oidOf(s.DigestAlg), s.DigestAlg, s.NewHash}
	}
	return crypto.SHA256
}

// hash is that of the imprints and references of what is raised.
func (e *extension) hash() sign.Hash {
	if !unset(e.o.Hash) {
		return e.o.Hash
	}
	if len(e.which) != 0 { // all of one message by one hash: the content is digested once
		id := e.at(e.which[0]).in.SI.Digest.ID
		for _, s := range e.o.Schemes {
			if s.NewHash != nil && s.Opts != nil && oidOf(s.DigestAlg) == id { // one that only checks has a hash of the past
				return hashFor(s)
			}
		}
	}
	return crypto.SHA256
}

// algorithm is the AlgorithmIdentifier of the hash of the imprints.
func (e *extension) algorithm() []byte { return mustAlgorithm(e.hash()) }

// foundHash is a hash that was found by its object identifier.
type foundHash struct {
	id        cms.OID
	algorithm []byte
	newHash   func() hash.Hash
}

func (h foundHash) New() hash.Hash    { return h.newHash() }
func (h foundHash) Size() int         { return h.newHash().Size() }
func (h foundHash) String() string    { return h.id.Name() }
func (h foundHash) Algorithm() []byte { return h.algorithm }
