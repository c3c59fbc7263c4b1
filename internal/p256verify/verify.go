// Package p256verify verifies many ECDSA signatures (FIPS 186-5 section 6.4.2) by one key on P-256, about four times as fast as
// crypto/ecdsa: it has tables of multiples of the public key and of the base point.
//
// How long it takes, and which memory it touches, depends on all numbers. That is right for public keys, signatures and digests
// that others may know, and wrong for anything else: nothing here may be used to sign, to make keys or to agree on them. So only
// verification is exported.
//
// The fast way has one answer that counts, which is yes. All else is asked of crypto/ecdsa: signatures that it takes for wrong
// ones, encodings other than the usual one, and sums of points that its formulas are not for, which whoever makes a signature
// can bring about.
package p256verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"sync/atomic"
)

// startAt is the number of verifications with a key after which its table is made. Making it takes as long as six of crypto/ecdsa
// and saves three quarters of each one to come, so that a key pays at most twice what it needs, however often it is used.
const startAt = 8

// Verifier verifies signatures by one key. It is safe for concurrent use.
type Verifier struct {
	public *ecdsa.PublicKey
	point  affine
	tables *Tables
	fast   bool
	calls  atomic.Uint32
	table  atomic.Pointer[table]
	group  atomic.Pointer[Group] // of Together
}

// New makes a verifier for a key, of which it takes a copy: the table is that of a key that does not change. It costs little; the
// table is made when some signatures have been verified, and goes with the verifier. Keys on other curves, and keys that are no
// point of the curve, are left to crypto/ecdsa; so are all keys in the FIPS 140-3 mode of Go, whose users want the mathematics of the
// validated module.
//
// Verifiers that are given the same tables have a limited number of them; nil means no limit.
func New(public *ecdsa.PublicKey, tables *Tables) *Verifier {
	v := &Verifier{public: public, tables: tables}
	b, err := public.Bytes()
	if err != nil {
		return v
	}
	// This checks that it is a point of the curve, and not infinity.
	own, err := ecdsa.ParseUncompressedPublicKey(public.Curve, b)
	if err != nil {
		return v
	}
	v.public = own
	if public.Curve == elliptic.P256() && !fips140.Enabled() {
		v.fast = true
		v.point = affine{fromOctets((*[32]byte)(b[1:33])), fromOctets((*[32]byte)(b[33:65]))}
	}
	return v
}

// Verify reports whether crypto/ecdsa.VerifyASN1 accepts a signature, an ECDSA-Sig-Value (RFC 3279 section 2.2.3) in DER. Of a
// digest longer than 32 octets the first 32 count.
func (v *Verifier) Verify(digest, signature []byte) bool {
	return v.certain(digest, signature) || ecdsa.VerifyASN1(v.public, digest, signature)
}

// certain reports whether the fast way accepts a signature.
func (v *Verifier) certain(digest, signature []byte) bool {
	if !v.fast {
		return false
	}
	t := v.table.Load()
	if t == nil {
		t = v.start()
	}
	if t == nil {
		return false
	}
	r, s, ok := parse(signature)
	return ok && verify(baseTable(), t, digest, &r, &s)
}

// start counts, and makes the table when it is time. One caller makes it, and the others do not wait.
func (v *Verifier) start() *table {
	if v.calls.Add(1) != startAt {
		return nil
	}
	t := newTable(&v.point)
	if t == nil {
		return nil
	}
	v.table.Store(t)
	v.tables.add(v)
	return t
}

// stop drops the table, and that of groups. It is made again when the key is used as much as before.
func (v *Verifier) stop() {
	v.table.Store(nil)
	v.group.Store(nil)
	v.calls.Store(0)
}

// parse reads r and s from DER of the length that they need: numbers of 256 bits, without zeros in front but for the one that keeps
// a number positive. What it refuses is not wrong for that.
func parse(der []byte) (r, s [4]uint64, ok bool) {
	if len(der) < 2 || der[0] != 0x30 || der[1] >= 0x80 || int(der[1]) != len(der)-2 {
		return r, s, false
	}
	r, rest, ok := number(der[2:])
	if !ok {
		return r, s, false
	}
	s, rest, ok = number(rest)
	return r, s, ok && len(rest) == 0
}

// number reads an INTEGER from 0 to 2^256-1.
func number(der []byte) (x [4]uint64, rest []byte, ok bool) {
	if len(der) < 3 || der[0] != 0x02 || der[1] == 0 || int(der[1]) > min(33, len(der)-2) {
		return x, nil, false
	}
	value, rest := der[2:2+der[1]], der[2+der[1]:]
	switch {
	case value[0] >= 0x80: // negative
		return x, nil, false
	case value[0] == 0 && len(value) > 1:
		if value = value[1:]; value[0] < 0x80 { // a zero too many
			return x, nil, false
		}
	}
	if len(value) > 32 {
		return x, nil, false
	}
	var b [32]byte
	copy(b[32-len(value):], value)
	return words(&b), rest, true
}

// hashed makes a number less than n of a digest (FIPS 186-5 section 6.4.2, step 2).
func hashed(digest []byte) [4]uint64 {
	digest = digest[:min(len(digest), 32)]
	var b [32]byte
	copy(b[32-len(digest):], digest)
	return reduce(words(&b))
}

// verify reports whether (r, s) is a signature of a digest by the key whose table is given. No says that it is not, or that
// crypto/ecdsa has to be asked.
func verify(base, key *table, digest []byte, r, s *[4]uint64) bool {
	if *r == [4]uint64{} || *s == [4]uint64{} || !less(r, &order) || !less(s, &order) {
		return false
	}
	e := hashed(digest)
	u1, u2, ok := scalars(&e, r, s)
	if !ok {
		return false
	}
	var sum extended
	if !combine(&sum, base, key, &u1, &u2) {
		return false
	}
	if sum.hasAbscissa(*r) {
		return true
	}
	// The abscissa is compared modulo n, and may be r + n when that is less than p.
	return less(r, &gap) && sum.hasAbscissa(plus(r, &order))
}

// combine sets sum = u1 G + u2 Q, and reports whether that worked. It does not when a sum on the way is of a point and the same one
// or its opposite.
func combine(sum *extended, base, key *table, u1, u2 *[4]uint64) bool {
	d1, sign1 := digits(u1)
	d2, sign2 := digits(u2)
	started := false
	for phase := stride - 1; phase >= 0; phase-- {
		if started {
			for range 8 {
				sum.double()
			}
		}
		for i := range windows {
			j := stride*i + phase
			a, sign := key.entry(i, d2[j])
			sign ^= sign2
			if !started {
				sum.set(a)
				sum.y.negateIf(&sum.y, sign)
				started = true
			} else if !sum.add(a, sign) {
				return false
			}
			a, sign = base.entry(i, d1[j])
			if !sum.add(a, sign^sign1) {
				return false
			}
		}
	}
	return true
}
