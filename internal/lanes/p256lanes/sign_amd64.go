package p256lanes

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"math/bits"
	"unsafe"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// Signer signs by one private key. It is safe for concurrent use.
//
// The nonces of a call are a stream of AES-256 in counter mode, whose key is HMAC-SHA-256 of 32 octets from crypto/rand and all digests of
// the call, under a secret that comes from the private key. A nonce is the next 32 octets of the stream that are a number from 1 to n-1: all
// are equally likely. Without good randomness two calls have the same stream only if they have the same digests in the same places, and
// then they make the same signatures.
type Signer struct {
	key      [5]uint64 // d R modulo n
	secret   [32]byte  // of nonces
	verifier *Verifier
	fault    func(w *work) // a test's
}

// NewSigner makes the signer of a key on P-256. It computes a table of the public key, which takes about as long as ten signatures of
// crypto/ecdsa.
func NewSigner(key *ecdsa.PrivateKey) (*Signer, error) {
	if !lanes.Available() || key.Curve != elliptic.P256() {
		return nil, ErrUnavailable
	}
	d, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	defer clear(d)
	v, err := NewVerifier(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	s := &Signer{verifier: v}
	h := hmac.New(sha256.New, d)
	h.Write([]byte("nonces of P-256 in lanes"))
	h.Sum(s.secret[:0])
	w := newWork(0)
	defer w.done()
	var x [4]lanes.Vector
	defer clear(x[:])
	set(x[:], 0, d)
	a, b := w.common[:5], w.common[8:13]
	for i, v := range digits52([4]uint64{x[0][0], x[1][0], x[2][0], x[3][0]}) {
		fill(&a[i], v)
	}
	for i, v := range digits52(orderSquare) {
		fill(&b[i], v)
	}
	mulOrder(unsafe.Pointer(&a[0]), w.c(), unsafe.Pointer(&b[0]))
	for i := range s.key {
		s.key[i] = a[i][0]
	}
	return s, nil
}

// Sign signs up to [MaxGroup] digests, of which the first 32 octets count and shorter ones are numbers too (FIPS 186-5 section 6.4.1 step 2).
// It writes r and s, 32 octets each, and returns a bit for each digest that has no signature: an exceptional nonce, or a computation that
// went wrong. Such a one is signed by crypto/ecdsa.
func (s *Signer) Sign(signatures [][64]byte, digests [][]byte) (missing uint64) {
	if len(digests) > MaxGroup || len(signatures) < len(digests) {
		panic("p256lanes: more digests than a group or its signatures hold")
	}
	if len(digests) == 0 {
		return 0
	}
	w := newWork(len(digests))
	defer w.done()
	for i, d := range digests {
		w.setDigest(i, d)
	}
	s.nonces(w, digests)
	s.sign(w)
	if s.fault != nil {
		s.fault(w)
	}
	for i := range w.n {
		g := w.group(i)
		// A zero would spoil the inverse that all share. The lane is without a result already.
		for l := range lanes.Width {
			if bad := uint64(mask(&g[groupBad])) >> l & 1; bad != 0 {
				missing |= 1 << (i*lanes.Width + l)
				w.setOne(i, l)
			}
		}
		for l := range lanes.Width {
			if n := i*lanes.Width + l; n < len(digests) {
				get(g[groupR:], l, signatures[n][:32])
				get(g[groupS:], l, signatures[n][32:])
			}
		}
	}
	good, _ := s.verifier.verify(w)
	missing |= ^good
	if n := len(digests); n < 64 {
		missing &= 1<<n - 1
	}
	for i := range digests {
		if missing>>i&1 != 0 {
			signatures[i] = [64]byte{}
		}
	}
	return missing
}

// setOne puts 1 for r and s of a lane.
func (w *work) setOne(group, lane int) {
	g := w.group(group)
	for i := range 4 {
		g[groupR+i][lane], g[groupS+i][lane] = 0, 0
	}
	g[groupR][lane], g[groupS][lane] = 1, 1
}

func (w *work) setDigest(i int, d []byte) {
	var b [32]byte
	if len(d) > len(b) {
		d = d[:len(b)]
	}
	copy(b[len(b)-len(d):], d)
	set(w.group(i / lanes.Width)[groupDigest:], i%lanes.Width, b[:])
}

// nonces fills all lanes, also those that no digest is in.
func (s *Signer) nonces(w *work, digests [][]byte) {
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // it does not fail
	h := hmac.New(sha256.New, s.secret[:])
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
	var b [lanes.Width * 32]byte
	for i := range w.n {
		nonce := w.group(i)[groupNonce:]
		clear(b[:])
		stream.XORKeyStream(b[:], b[:])
		for l := range lanes.Width {
			x := b[32*l:][:32]
			set(nonce, l, x)
			for !inOrder(nonce, l) { // once in 2^32 nonces
				clear(x)
				stream.XORKeyStream(x, x)
				set(nonce, l, x)
			}
		}
	}
	clear(b[:])
	clear(seed[:])
}

// inOrder says whether the number of a lane is from 1 to n-1. How long that takes does not depend on it.
func inOrder(v []lanes.Vector, lane int) bool {
	var borrow, any uint64
	for i, n := range [4]uint64{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000} {
		any |= v[i][lane]
		_, borrow = bits.Sub64(v[i][lane], n, borrow)
	}
	return borrow == 1 && any != 0
}

// sign makes r and s of all lanes, from nonces and digests.
func (s *Signer) sign(w *work) {
	base := baseTable()
	for i, d := range s.key {
		fill(&w.common[commonKey+i], d)
	}
	for i := range w.n {
		g := w.g(i)
		digit := func(j int) unsafe.Pointer { return unsafe.Pointer(&w.group(i)[groupDigits+j]) }
		recode(g, w.c())
		first(g, w.c(), base.window(0), digit(0))
		next(g, w.c(), base.window(1), digit(1))
		for j := 2; j < windows; j++ {
			advance(g, w.c(), base.window(j), digit(j))
		}
		addLast(g, w.c())
		collect(g, w.c())
	}
	invert(w.g(w.n-1), w.c())
	for range rounds {
		invertRound(w.c())
	}
	inverted(w.c())
	for i := w.n - 1; i >= 0; i-- {
		finish(w.g(i), w.c())
	}
}
