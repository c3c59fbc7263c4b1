package lanes

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
)

// Nonces fills those of all lanes, also of lanes that have no digest. They are a stream of AES-256 in counter mode, whose key is HMAC-SHA-256 of
// 32 octets from crypto/rand and all digests of the call, under a secret that comes from the private key. A nonce is the next 32 octets of the
// stream that are a number from 1 to order-1: all are equally likely. Without good randomness two calls have the same stream only if they
// have the same digests in the same places, and then they make the same signatures.
func (w *Groups) Nonces(secret *[32]byte, order *[4]uint64, digests [][]byte) {
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // it does not fail
	h := hmac.New(sha256.New, secret[:])
	h.Write(seed[:])
	var length [1]byte
	for _, d := range digests { // with their lengths, so that no two lists look alike
		length[0] = byte(min(len(d), 255))
		h.Write(length[:])
		h.Write(d)
	}
	key := h.Sum(seed[:0])
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has 32 octets
	}
	stream := cipher.NewCTR(block, make([]byte, aes.BlockSize))
	var b [Width * 32]byte
	for i := range w.N {
		nonce := w.Group(i)[GroupNonce:]
		clear(b[:])
		stream.XORKeyStream(b[:], b[:])
		for l := range Width {
			x := b[32*l:][:32]
			Set(nonce, l, x)
			for !InOrder(nonce, l, order) { // once in 2^32 nonces
				clear(x)
				stream.XORKeyStream(x, x)
				Set(nonce, l, x)
			}
		}
	}
	clear(b[:])
	clear(seed[:])
}

// nonceSecret is one for a private key and a use that no other has.
func nonceSecret(key []byte, use string) (secret [32]byte) {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(use))
	h.Sum(secret[:0])
	return secret
}
