// Package gost has the signatures of GOST R 34.10-2012 with the hashes of GOST R 34.11-2012 (Streebog), as [sign.Scheme] values and
// [sign.Key]s: in CMS as R 1323565.1.025-2019 has them, in certificates as RFC 9215.
//
// Who verifies says that the schemes count:
//
//	algorithms := trust.Algorithms{Schemes: gost.Schemes()}
//
// Only programs that import this package have its code in them. It is no certified cryptographic tool (СКЗИ): where law demands one,
// the key stays in a token or a service that is certified, and what this module does is to make containers and to check them.
package gost

import (
	"crypto"
	"hash"

	"github.com/seed-116355fd/signet/gost/streebog"
	"github.com/seed-116355fd/signet/sign"
)

// The object identifiers of this package as complete TLVs (RFC 9215 sections 2 to 4). All of them are below 1.2.643.7.1.1.
const (
	oidKey256       = "\x06\x08\x2a\x85\x03\x07\x01\x01\x01\x01"
	oidKey512       = "\x06\x08\x2a\x85\x03\x07\x01\x01\x01\x02"
	oidStreebog256  = "\x06\x08\x2a\x85\x03\x07\x01\x01\x02\x02"
	oidStreebog512  = "\x06\x08\x2a\x85\x03\x07\x01\x01\x02\x03"
	oidSignature256 = "\x06\x08\x2a\x85\x03\x07\x01\x01\x03\x02"
	oidSignature512 = "\x06\x08\x2a\x85\x03\x07\x01\x01\x03\x03"
)

// Hash is Streebog (RFC 6986) of one of its two sizes, for imprints and references: it is a [sign.HashAlgorithm]. The zero value is
// neither of them, and none of its methods may be called.
type Hash int

// The hashes.
const (
	Streebog256 Hash = 256
	Streebog512 Hash = 512
)

var (
	_ sign.HashAlgorithm = Hash(0)
	_ crypto.SignerOpts  = Hash(0)
)

// New makes a hash.
func (h Hash) New() hash.Hash {
	if h == Streebog512 {
		return streebog.New512()
	}
	return streebog.New256()
}

// Size is that of a digest in octets.
func (h Hash) Size() int { return int(h) / 8 }

// String is the name by which reports and policies have it.
func (h Hash) String() string {
	switch h {
	case Streebog256:
		return "GOST R 34.11-2012 256"
	case Streebog512:
		return "GOST R 34.11-2012 512"
	}
	return "no hash of GOST R 34.11-2012"
}

// Algorithm is the AlgorithmIdentifier in DER, whose parameters are absent (RFC 9215 section 2).
func (h Hash) Algorithm() []byte {
	switch h {
	case Streebog256:
		return algorithm(oidStreebog256)
	case Streebog512:
		return algorithm(oidStreebog512)
	}
	return nil
}

// HashFunc is 0, since package crypto does not know the hash: as options of a signature it says that a digest by this hash is signed.
func (h Hash) HashFunc() crypto.Hash { return 0 }

func (h Hash) known() bool { return h == Streebog256 || h == Streebog512 }

// algorithm is an AlgorithmIdentifier without parameters.
func algorithm(oid string) []byte { return append([]byte{0x30, byte(len(oid))}, oid...) }
