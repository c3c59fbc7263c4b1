package algorithm

import (
	"crypto"
	"crypto/fips140"
	"crypto/md5"  // old messages are read, and their weakness reported
	"crypto/sha1" // as above
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"hash"

	"github.com/seed-116355fd/signet/internal/cms"
)

// Hash is a hash function that can be computed.
type Hash struct {
	ID     cms.OID
	Crypto crypto.Hash // 0 for one of the caller, and for SHAKE
	New    func() hash.Hash
	Size   int // octets
}

// Sum returns the digest of octets.
func (h Hash) Sum(octets []byte) (sum []byte) {
	unenforced(func() {
		f := h.New()
		f.Write(octets)
		sum = f.Sum(nil)
	})
	return sum
}

// unenforced calls f where GODEBUG=fips140=only does not make hashes of before SHA-2 panic. [StandardHash] hides those then, so
// that what comes here are names (see [NameHash]), which protect nothing.
func unenforced(f func()) {
	if fips140.Enforced() {
		fips140.WithoutEnforcement(f)
		return
	}
	f()
}

// SHA1 is a name: of a certificate, or of a key.
func SHA1(octets []byte) (sum [sha1.Size]byte) {
	unenforced(func() { sum = sha1.Sum(octets) })
	return sum
}

// NameHash is [Registry.Hash] for names: of the certificate of a signer (RFC 5035), of a certificate in OCSP (RFC 6960). They
// may be by hashes that nothing may be signed with, also where those are forbidden. Of what it returns only Sum is called.
func (r *Registry) NameHash(id cms.OID) (Hash, bool) {
	if h, ok := standardHash(id); ok {
		return h, true
	}
	return r.Hash(id)
}

// old reports whether a hash is not approved by FIPS 140-3.
func old(id cms.OID) bool { return id == cms.OIDMD5 || id == cms.OIDSHA1 }

// Hash finds a hash function: one that is known here, or the one that a scheme of the caller names as its digest
// algorithm. That it can be computed does not mean that it is good; see [Registry.JudgeHash].
func (r *Registry) Hash(id cms.OID) (Hash, bool) {
	if h, ok := StandardHash(id); ok {
		return h, true
	}
	if r != nil {
		for i := range r.Schemes {
			if s := &r.Schemes[i]; s.NewHash != nil && names(s.DigestAlg, id) {
				return Hash{ID: id, New: s.NewHash, Size: s.NewHash().Size()}, true
			}
		}
	}
	return Hash{}, false
}

// StandardHash finds a hash function that is known here. With GODEBUG=fips140=only, SHA-1 and MD5 are not.
func StandardHash(id cms.OID) (Hash, bool) {
	if old(id) && fips140.Enforced() {
		return Hash{}, false
	}
	return standardHash(id)
}

func standardHash(id cms.OID) (Hash, bool) {
	switch id {
	case cms.OIDMD5:
		return Hash{id, crypto.MD5, md5.New, md5.Size}, true
	case cms.OIDSHA1:
		return Hash{id, crypto.SHA1, sha1.New, sha1.Size}, true
	case cms.OIDSHA224:
		return Hash{id, crypto.SHA224, sha256.New224, sha256.Size224}, true
	case cms.OIDSHA256:
		return Hash{id, crypto.SHA256, sha256.New, sha256.Size}, true
	case cms.OIDSHA384:
		return Hash{id, crypto.SHA384, sha512.New384, sha512.Size384}, true
	case cms.OIDSHA512:
		return Hash{id, crypto.SHA512, sha512.New, sha512.Size}, true
	case cms.OIDSHA512_224:
		return Hash{id, crypto.SHA512_224, sha512.New512_224, sha512.Size224}, true
	case cms.OIDSHA512_256:
		return Hash{id, crypto.SHA512_256, sha512.New512_256, sha512.Size256}, true
	case cms.OIDSHA3_224:
		return Hash{id, crypto.SHA3_224, func() hash.Hash { return sha3.New224() }, 28}, true
	case cms.OIDSHA3_256:
		return Hash{id, crypto.SHA3_256, func() hash.Hash { return sha3.New256() }, 32}, true
	case cms.OIDSHA3_384:
		return Hash{id, crypto.SHA3_384, func() hash.Hash { return sha3.New384() }, 48}, true
	case cms.OIDSHA3_512:
		return Hash{id, crypto.SHA3_512, func() hash.Hash { return sha3.New512() }, 64}, true
	case cms.OIDSHAKE128: // RFC 8702 section 3.1: 256 bits are taken of it, and 512 of the other
		return Hash{id, 0, func() hash.Hash { return &shakeHash{sha3.NewSHAKE128(), 32} }, 32}, true
	case cms.OIDSHAKE256:
		return Hash{id, 0, func() hash.Hash { return &shakeHash{sha3.NewSHAKE256(), 64} }, 64}, true
	}
	return Hash{}, false
}

func shake(id cms.OID) bool { return id == cms.OIDSHAKE128 || id == cms.OIDSHAKE256 }

// shakeHash is a SHAKE of which a fixed number of octets is taken.
type shakeHash struct {
	*sha3.SHAKE
	size int
}

func (h *shakeHash) Size() int { return h.size }

// Sum leaves the state as it is, so that more can be written.
func (h *shakeHash) Sum(b []byte) []byte {
	own := *h.SHAKE
	sum := make([]byte, h.size)
	_, _ = own.Read(sum)
	return append(b, sum...)
}

// Clone makes it a [hash.Cloner].
func (h *shakeHash) Clone() (hash.Cloner, error) {
	own := *h.SHAKE
	return &shakeHash{&own, h.size}, nil
}

// Strength is that against whoever writes the content, in bits: half the length, or what attacks have left of it. 0 means
// that nothing is known.
func (h Hash) Strength() int {
	switch h.ID {
	case cms.OIDMD5:
		return 18 // Stevens 2009
	case cms.OIDSHA1:
		return 61 // Leurent and Peyrin 2020
	}
	switch {
	case h.ID == cms.OIDGOST94:
		return 105 // Mendel and others 2008
	case h.Crypto == 0 && !shake(h.ID) && h.ID != cms.OIDStreebog256 && h.ID != cms.OIDStreebog512:
		return 0
	}
	return h.Size * 4
}

// names reports whether an AlgorithmIdentifier in DER is of an object identifier. A program may give dozens of schemes, and they are looked
// through several times for each signature: the usual form is compared where it stands.
func names(der []byte, id cms.OID) bool {
	if len(der) < 4 || der[0] != 0x30 || der[1] >= 0x80 || int(der[1]) != len(der)-2 || der[2] != 0x06 || int(der[3]) > len(der)-4 {
		return id != "" && identifier(der) == id
	}
	return id != "" && string(der[4:4+int(der[3])]) == string(id)
}

// identifier returns the object identifier of an AlgorithmIdentifier in DER, or nothing.
func identifier(der []byte) cms.OID {
	v, err := cms.ReadValue(der)
	if err != nil {
		return ""
	}
	a, err := cms.ParseAlgorithm(v)
	if err != nil {
		return ""
	}
	return a.ID
}
