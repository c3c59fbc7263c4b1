// Package totp checks the codes of authenticators: RFC 6238 over RFC 4226, with SHA-1 (which authenticators do when nothing
// is said), SHA-256 or SHA-512, and 6 to 8 digits.
package totp

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238; HMAC does not rest on collisions
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"hash"
	"math"
	"time"
)

// Algorithm is the hash of the codes. The zero value is SHA-1.
type Algorithm int

// Algorithms of RFC 6238.
const (
	SHA1 Algorithm = iota
	SHA256
	SHA512
)

// String is the name that URIs have: "SHA1".
func (a Algorithm) String() string {
	switch a {
	case SHA1:
		return "SHA1"
	case SHA256:
		return "SHA256"
	case SHA512:
		return "SHA512"
	}
	return "unknown"
}

func (a Algorithm) new() func() hash.Hash {
	switch a {
	case SHA1:
		return sha1.New
	case SHA256:
		return sha256.New
	case SHA512:
		return sha512.New
	}
	return nil
}

// Bounds of what is taken.
const (
	minDigits = 6 // RFC 4226, section 5.3
	maxDigits = 8
	maxPeriod = 24 * time.Hour
	// maxSkew bounds the work of a check, and the number of codes that are right at once.
	maxSkew = 10
	// minSecret is 80 bits, which authenticators have always made; RFC 4226, section 4 asks for 128.
	minSecret = 10
)

// Options say how codes are made. Zero fields have their defaults.
type Options struct {
	Algorithm Algorithm
	Digits    int           // 6 to 8; 6
	Period    time.Duration // whole seconds; 30 s
}

func (o Options) withDefaults() Options {
	if o.Digits == 0 {
		o.Digits = 6
	}
	if o.Period == 0 {
		o.Period = 30 * time.Second
	}
	return o
}

// check says what is wrong with options.
func (o Options) check() error {
	switch {
	case o.Algorithm.new() == nil:
		return errors.New("totp: the algorithm is not known; SHA1, SHA256 and SHA512 are")
	case o.Digits < minDigits || o.Digits > maxDigits:
		return errors.New("totp: the number of digits is out of range; 6 to 8 are possible")
	case o.Period < time.Second || o.Period > maxPeriod || o.Period%time.Second != 0:
		return errors.New("totp: the period is out of range; whole seconds, a day at most, are possible")
	}
	return nil
}

// Check is [Options.Check] with the defaults: SHA-1, 6 digits, 30 s.
func Check(secret []byte, code string, now time.Time, skew int, last int64) (step int64, ok bool) {
	return Options{}.Check(secret, code, now, skew, last)
}

// Check reports whether a code is right at now, or up to skew steps (10 at most) before or after, and for which step. Only
// steps behind last are looked at: the caller keeps the step of a code that was right and hands it back as last, so that who
// has seen a code cannot use it again (RFC 6238, section 5.2). Before the first, last is 0.
//
// Blanks in the code, which authenticators show and people type, are ignored. A secret below 80 bits, or options that are
// out of range, make no code right.
func (o Options) Check(secret []byte, code string, now time.Time, skew int, last int64) (step int64, ok bool) {
	o = o.withDefaults()
	if o.check() != nil || len(secret) < minSecret {
		return 0, false
	}
	given, ok := digits(code, o.Digits)
	if !ok {
		return 0, false
	}
	at := o.Step(now)
	skew = min(max(skew, 0), maxSkew)
	// All steps are tried, and none is left early: the time tells nobody which one was close.
	found := 0
	for i := -skew; i <= skew; i++ {
		s := at + int64(i)
		if s < 0 {
			continue
		}
		var want [maxDigits]byte
		o.code(want[:o.Digits], secret, s)
		equal := subtle.ConstantTimeCompare(want[:o.Digits], given[:o.Digits])
		if s <= last {
			equal = 0
		}
		// The earliest step that fits is taken, which leaves the later ones to be used.
		take := equal &^ found
		step = int64(subtle.ConstantTimeSelect(take, i+maxSkew+1, int(step)))
		found |= equal
	}
	if found == 0 {
		return 0, false
	}
	return at + step - maxSkew - 1, true
}

// Step is the number of the period that a time lies in.
func (o Options) Step(t time.Time) int64 {
	return t.Unix() / int64(o.withDefaults().Period/time.Second)
}

// Code is the code of a time, as an authenticator shows it. It is for tests and for programs that take the place of an
// authenticator.
func (o Options) Code(secret []byte, t time.Time) (string, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return "", err
	}
	if len(secret) < minSecret {
		return "", errShort
	}
	if t.Unix() < 0 {
		return "", errors.New("totp: there are no codes before 1970")
	}
	out := make([]byte, o.Digits)
	o.code(out, secret, o.Step(t))
	return string(out), nil
}

// code is RFC 4226, section 5.3.
func (o Options) code(out, secret []byte, step int64) {
	mac := hmac.New(o.Algorithm.new(), secret)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step))
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[from:from+4]) & math.MaxInt32
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = '0' + byte(n%10)
		n /= 10
	}
}

// digits takes blanks out; what is no digit, too short or too long, is no code.
func digits(code string, n int) (out [maxDigits]byte, ok bool) {
	if len(code) > 4*maxDigits {
		return out, false
	}
	at := 0
	for i := range len(code) {
		c := code[i]
		if c == ' ' {
			continue
		}
		if c < '0' || c > '9' || at == n {
			return out, false
		}
		out[at] = c
		at++
	}
	return out, at == n
}
