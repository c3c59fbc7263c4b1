package algorithm

import (
	"sync"
	"time"
)

// source is where the dates come from: the tables of recommended and legacy mechanisms, with those of the historical
// TS 102 176-1 for what they do not name any more.
const source = "ETSI TS 119 312 V1.5.1 (2024-12)"

// limit is a date of the tables.
type limit struct {
	algorithm string
	bits      int
	until     time.Time
}

const (
	broken = "%s is broken: another content with the same digest is easy to make"
	weak   = "%s is weak: whoever wrote the content could have made two with the same digest"
)

func limits() []limit {
	date := func(year int, month time.Month) time.Time { return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC) }
	forever := Forever()
	return []limit{
		{algorithm: "SHA-224", until: date(2029, time.January)},
		{algorithm: "SHA-512/224", until: date(2029, time.January)},
		{algorithm: "SHA3-224", until: date(2029, time.January)},
		{algorithm: "SHA-256", until: forever},
		{algorithm: "SHA-384", until: forever},
		{algorithm: "SHA-512", until: forever},
		{algorithm: "SHA-512/256", until: forever},
		{algorithm: "SHA3-256", until: forever},
		{algorithm: "SHA3-384", until: forever},
		{algorithm: "SHA3-512", until: forever},
		// The tables do not name them; FIPS 202 and RFC 8702 put them beside SHA3-256 and SHA3-512.
		{algorithm: "SHAKE128", until: forever},
		{algorithm: "SHAKE256", until: forever},
		{algorithm: "RIPEMD-160", until: date(2014, time.August)},
		{algorithm: "Whirlpool", until: date(2020, time.December)},

		{algorithm: PKCS1.String(), until: date(2010, time.August)},
		{algorithm: PKCS1.String(), bits: 1024, until: date(2019, time.October)},
		{algorithm: PKCS1.String(), bits: 1900, until: date(2029, time.January)},
		{algorithm: PSS.String(), until: date(2010, time.August)},
		{algorithm: PSS.String(), bits: 1024, until: date(2019, time.October)},
		{algorithm: PSS.String(), bits: 1900, until: date(2029, time.January)},
		{algorithm: PSS.String(), bits: 3000, until: forever},
		{algorithm: DSA.String(), bits: 1024, until: date(2015, time.December)},
		{algorithm: DSA.String(), bits: 1900, until: date(2029, time.January)},
		{algorithm: DSA.String(), bits: 3000, until: forever},
		{algorithm: ECDSA.String(), until: date(2012, time.August)},
		{algorithm: ECDSA.String(), bits: 224, until: date(2021, time.October)},
		{algorithm: ECDSA.String(), bits: 256, until: forever},
		// The tables do not name it; FIPS 186-5 and RFC 8032 put it beside P-256.
		{algorithm: Ed25519.String(), until: forever},
		// Nor these; FIPS 204 puts them in the categories 2, 3 and 5.
		{algorithm: "ML-DSA-44", until: forever},
		{algorithm: "ML-DSA-65", until: forever},
		{algorithm: "ML-DSA-87", until: forever},
		// Nor these. Signatures by GOST R 34.10-2001 with GOST R 34.11-94 were to be made until 31 December 2018 (notice of the FSB
		// 149/7/1/3-58 of 31 January 2014), and then until 31 December 2019 (its letter 149/7/6-363 of 7 September 2018).
		{algorithm: GOST2012.String(), until: forever},
		{algorithm: "GOST R 34.11-2012 256", until: forever},
		{algorithm: "GOST R 34.11-2012 512", until: forever},
		{algorithm: GOST2001.String(), until: date(2020, time.January)},
		{algorithm: "GOST R 34.11-94", until: date(2020, time.January)},
	}
}

// never are the rules that all presets have.
func never() []Rule {
	var all []Rule
	for _, name := range []string{"MD2", "MD4", "MD5"} {
		all = append(all, Rule{Algorithm: name, Why: sentence(broken, name)})
	}
	return all
}

func sentence(format, name string) string {
	return name + format[len("%s"):]
}

// Default lets what has grown weak count and says so: SHA-1 always, the rest from the date on from which the tables have it
// no more. MD5 does not count, nor do keys of RSA and DSA below 1,024 bits, nor SHA-1 in certificates that were not provably
// there before 2020. It is what a nil policy is.
func Default() *Policy { return &Policy{Name: "default", Version: source, Rules: defaultRules()} }

// builtin are the rules of a policy that brings none; nobody gets hold of the slice.
var builtin = sync.OnceValue(defaultRules)

func defaultRules() []Rule {
	all := append(never(),
		// Since chosen-prefix collisions (Leurent and Peyrin 2020), a certificate may be one that its authority never saw.
		Rule{Algorithm: "SHA-1", Uses: []Use{UseCertificate}, Tolerated: time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC), Why: "SHA-1 is weak: others can make certificates with the same digest"},
		Rule{Algorithm: "SHA-1", Tolerated: Forever(), Why: sentence(weak, "SHA-1")})
	for _, l := range limits() {
		all = append(all, Rule{Algorithm: l.algorithm, Bits: l.bits, Allowed: l.until, Tolerated: Forever()})
	}
	return append(all, Rule{Algorithm: weakerDigest, Tolerated: Forever()})
}

// Strict keeps to the dates: what the tables do not have at the time does not count. SHA-1 is said even before its end, and
// curves that the tables do not name never count.
func Strict() *Policy {
	all := append(never(), Rule{Algorithm: "SHA-1", Tolerated: time.Date(2012, time.August, 1, 0, 0, 0, 0, time.UTC), Why: sentence(weak, "SHA-1")})
	for _, l := range limits() {
		all = append(all, Rule{Algorithm: l.algorithm, Bits: l.bits, Allowed: l.until})
	}
	all = append(all, Rule{Algorithm: weakerDigest})
	for _, id := range namedCurves() {
		if name := id.Name(); unlisted(name) {
			all = append(all, Rule{Algorithm: name, Why: name + " is none of the curves of " + source})
		}
	}
	return &Policy{Name: "strict", Version: source, Rules: all}
}

// unlisted are the curves that are known here and not in the tables: secp256k1 and the twisted twins of brainpool.
func unlisted(name string) bool {
	return name == "secp256k1" || len(name) > 2 && name[len(name)-2:] == "t1"
}

// Lenient says nothing but of SHA-1, and lets all count but MD5 and keys of RSA and DSA below 1,024 bits: for archives whose
// age is proved by other means.
func Lenient() *Policy {
	all := append(never(), Rule{Algorithm: "SHA-1", Tolerated: Forever(), Why: sentence(weak, "SHA-1")})
	for _, l := range limits() {
		all = append(all, Rule{Algorithm: l.algorithm, Bits: l.bits, Allowed: Forever()})
	}
	all = append(all, Rule{Algorithm: weakerDigest, Tolerated: Forever()})
	return &Policy{Name: "lenient", Version: source, Rules: all}
}
