package soft

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/binary"

	"github.com/seed-116355fd/signet/internal/lanes/rsalanes"
	"github.com/seed-116355fd/signet/internal/rsaverify"
	"github.com/seed-116355fd/signet/sign"
)

// rsaLanes signs with RSA, by RSASSA-PKCS1-v1_5 and RSASSA-PSS. The keys have 2048, 3072 or 4096 bits.
type rsaLanes struct {
	// key makes the signatures of encoded messages, nil where it has none.
	key interface {
		Sign(encoded [][]byte) [][]byte
	}
	size int // octets of the modulus
}

func rsaSeveral(key *rsa.PrivateKey) several {
	k, err := rsalanes.NewKey(key)
	if err != nil {
		return nil
	}
	return &rsaLanes{k, key.Size()}
}

func (k *rsaLanes) sign(outcomes []sign.Outcome, digests [][]byte, opts crypto.SignerOpts) {
	_, isPSS := opts.(*rsa.PSSOptions)
	encoded := make([][]byte, len(digests))
	all := make([]byte, len(digests)*k.size)
	for i, d := range digests {
		encoded[i] = all[i*k.size : (i+1)*k.size]
		if isPSS {
			encodePSS(encoded[i], opts.HashFunc(), d)
		} else if !rsaverify.Encode(encoded[i], opts.HashFunc(), d) {
			return
		}
	}
	for i, s := range k.key.Sign(encoded) {
		outcomes[i].Signature = s
	}
}

// encodePSS fills em with EMSA-PSS of a digest (RFC 8017 section 9.1.1), with a random salt as long as the digest and the same
// hash in MGF1. The modulus has eight bits for each octet of em, so that em has one bit more than the encoding.
func encodePSS(em []byte, hash crypto.Hash, digest []byte) {
	size := len(digest)
	db := em[:len(em)-size-1] // zeros, 1, salt; masked in the end
	sum := em[len(db) : len(em)-1]
	salt := db[len(db)-size:]
	clear(db)
	db[len(db)-size-1] = 1
	_, _ = rand.Read(salt) // it does not fail
	h := hash.New()
	var zeros [8]byte
	h.Write(zeros[:])
	h.Write(digest)
	h.Write(salt)
	h.Sum(sum[:0])
	var counter [4]byte
	var mask [64]byte
	for i := 0; i < len(db); i += size { // MGF1 (RFC 8017 appendix B.2.1)
		binary.BigEndian.PutUint32(counter[:], uint32(i/size))
		h.Reset()
		h.Write(sum)
		h.Write(counter[:])
		part := db[i:min(i+size, len(db))]
		subtle.XORBytes(part, part, h.Sum(mask[:0]))
	}
	db[0] &= 0x7f
	em[len(em)-1] = 0xbc
}
