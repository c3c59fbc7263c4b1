package rsalanes

import (
	"crypto/rsa"
	"math/big"

	"filippo.io/bigmod"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// Key signs by one private key. It is safe for concurrent use.
type Key struct {
	verifier  *Verifier
	primes    [2]*modulus // p and q
	both      *modulus    // p in the lower four lanes, q in the upper ones
	twice     []lanes.Vector
	inverse   []lanes.Vector // R / q modulo p
	exponents [2][]byte      // dP and dQ
	watch     func(w *work)  // a test's, after the powers
}

// Takes says whether a key is of the shape that is computed in lanes: 2048, 3072 or 4096 bits, two primes of half as many each,
// the exponent 65537, and with the values of crypto/rsa's Precompute. It does not look at the processor.
func Takes(key *rsa.PrivateKey) bool {
	if key == nil || key.N == nil || key.E != exponent || len(key.Primes) != 2 {
		return false
	}
	size := key.N.BitLen()
	switch size {
	case 2048, 3072, 4096:
	default:
		return false
	}
	// Two primes of one length are less than twice each other, which the recombination relies on.
	for _, p := range key.Primes {
		if p == nil || p.Sign() <= 0 || p.BitLen() != size/2 || p.Bit(0) == 0 {
			return false
		}
	}
	for _, x := range []*big.Int{key.Precomputed.Dp, key.Precomputed.Dq, key.Precomputed.Qinv} {
		if x == nil || x.Sign() <= 0 || x.BitLen() > size/2 {
			return false
		}
	}
	return key.N.Bit(0) == 1 && key.N.Sign() > 0
}

// NewKey takes a key that [Takes] takes. It makes one signature, and returns [ErrKey] if the numbers of the key do not belong
// together. How long it takes does not depend on them.
func NewKey(key *rsa.PrivateKey) (*Key, error) {
	if !lanes.Available() {
		return nil, lanes.ErrUnavailable
	}
	return newKey(kernelsOf, key)
}

func newKey(of lengths, key *rsa.PrivateKey) (*Key, error) {
	if !Takes(key) {
		return nil, ErrKey
	}
	verifier, err := newVerifier(of, &key.PublicKey)
	if err != nil {
		return nil, err
	}
	k := &Key{verifier: verifier}
	octets := func(x *big.Int) []byte { return x.FillBytes(make([]byte, len(verifier.octets)/2)) }
	var p *bigmod.Modulus
	for i := 1; i >= 0; i-- {
		b := octets(key.Primes[i])
		k.primes[i], p, err = modulusOf(of, b)
		clear(b)
		if err != nil {
			return nil, ErrKey
		}
	}
	k.both = halves(k.primes[0], k.primes[1])
	k.exponents = [2][]byte{octets(key.Precomputed.Dp), octets(key.Precomputed.Dq)}
	digits := len(k.both.m)
	k.twice, k.inverse = lanes.Make(digits), lanes.Make(digits)
	for i, d := range k.primes[0].m {
		for l := range d {
			k.twice[i][l] = 2 * d[l] // carries are done with the sum
		}
	}
	b := octets(key.Precomputed.Qinv)
	defer clear(b)
	x, err := bigmod.NewNat().SetBytes(b, p)
	if err != nil { // not below p
		return nil, ErrKey
	}
	x.Mul(k.both.power(p, 1), p)
	fillLanes(k.inverse, x.Bytes(p))
	clear(x.Bits())
	if k.Sign([][]byte{trial(verifier.octets)})[0] == nil {
		return nil, ErrKey
	}
	return k, nil
}

// trial is some number below the modulus.
func trial(n []byte) []byte {
	b := make([]byte, len(n))
	for i := 1; i < len(b); i++ {
		b[i] = byte(i)
	}
	return b
}

// Sign makes the signatures of encoded messages, big-endian numbers of as many octets as the modulus, and below it. A signature
// is nil where the message is none, or where the computation went wrong; the other lanes are not touched by that.
func (k *Key) Sign(encoded [][]byte) [][]byte {
	signatures := make([][]byte, len(encoded))
	for i := 0; i < len(encoded); i += MaxGroup {
		n := min(i+MaxGroup, len(encoded))
		k.group(signatures[i:n], encoded[i:n])
	}
	return signatures
}

func (k *Key) group(signatures, encoded [][]byte) {
	w := newWork()
	defer w.done()
	size := 2 * len(k.both.m)
	var ready byte
	for l, em := range encoded {
		if k.verifier.fits(em) {
			ready |= 1 << l
			setLane(w.message[:size], l, em)
		}
	}
	if len(encoded) <= half {
		k.rootsOfHalf(w)
	} else {
		k.rootsOfAll(w)
	}
	if k.watch != nil {
		k.watch(w)
	}
	k.recombine(w)
	ready &= k.verifier.check(w)
	octets := len(k.verifier.octets)
	all := make([]byte, len(signatures)*octets)
	for l := range signatures {
		if ready>>l&1 == 1 {
			signatures[l] = all[l*octets : (l+1)*octets : (l+1)*octets]
			octetsOf(signatures[l], w.result[:size], l)
		}
	}
}

// rootsOfHalf are of four messages modulo both primes at once.
func (k *Key) rootsOfHalf(w *work) {
	digits := len(k.both.m)
	for i := range w.message[:2*digits] {
		copy(w.message[i][half:], w.message[i][:half])
	}
	k.power(w, w.root[0], k.both, k.exponents)
	for i := range digits {
		copy(w.root[1][i][:half], w.root[0][i][half:])
		clear(w.root[1][i][half:])
	}
}

// rootsOfAll are of eight messages modulo one prime after the other.
func (k *Key) rootsOfAll(w *work) {
	for i, p := range k.primes {
		k.power(w, w.root[i], p, [2][]byte{k.exponents[i], k.exponents[i]})
	}
}

// power is the message to the power of the exponents modulo m, one exponent for either half of the lanes.
func (k *Key) power(w *work, x []lanes.Vector, m *modulus, exponents [2][]byte) {
	digits := len(m.m)
	x, y := x[:digits], w.x[:digits]
	// The message is low + R high; both parts come into Montgomery form by a power of R.
	m.multiply(w, x, w.message[:digits], m.powers[0])
	m.multiply(w, y, w.message[digits:2*digits], m.powers[1])
	clean(x)
	clean(y)
	for i := range x {
		for l := range x[i] {
			x[i][l] += y[i][l]
		}
	}
	carried(x)
	entry := func(i int) []lanes.Vector { return w.table[i*digits : (i+1)*digits] }
	m.multiply(w, entry(0), w.one, m.powers[0])
	copy(entry(1), x)
	for i := 2; i < entries; i += 2 {
		m.squared(w, entry(i), entry(i/2))
		m.multiply(w, entry(i+1), entry(i), x)
	}
	for i := range 2 * len(exponents[0]) {
		for l := range lanes.Width {
			w.index[0][l] = uint64(exponents[l/half][i/2]) >> (4 - i%2*4) & (entries - 1)
		}
		if i == 0 {
			m.Choose(&x[0], &w.index[0], &w.table[0])
			continue
		}
		for range 4 {
			m.squared(w, x, x)
		}
		m.Choose(&y[0], &w.index[0], &w.table[0])
		m.multiply(w, x, x, y)
	}
	m.multiply(w, x, x, w.one)
	canonical(x, m.m, w.room)
}

// recombine makes the root modulo n (RFC 8017 section 5.1.2, step 2 b): with h = (s1 - s2) / q modulo p it is s2 + q h.
func (k *Key) recombine(w *work) {
	p, q := k.primes[0], k.primes[1]
	digits := len(p.m)
	h, s2 := w.root[0][:digits], w.root[1][:digits]
	for i := range h {
		for l := range h[i] {
			h[i][l] += k.twice[i][l] - s2[i][l] // q < 2p, so that it is not negative
		}
	}
	carried(h)
	p.multiply(w, h, h, k.inverse)
	canonical(h, p.m, w.room)
	p.Product(&w.columns[0], &h[0], &q.m[0])
	s := w.result[:2*digits]
	copy(s, w.columns)
	for i := range s2 {
		for l := range s2[i] {
			s[i][l] += s2[i][l]
		}
	}
	carried(s)
}
