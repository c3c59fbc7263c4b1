package trust

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/sign"
)

// Presets of [Algorithms], after the dates of ETSI TS 119 312.
const (
	// DefaultAlgorithms lets what has grown weak count and says so. MD5 does not count, nor do keys of RSA and DSA below 1,024 bits,
	// nor SHA-1 on certificates that were not provably there before 2020.
	DefaultAlgorithms = "default"
	// StrictAlgorithms keeps to the dates: what the tables do not have at the time does not count.
	StrictAlgorithms = "strict"
	// LenientAlgorithms lets all count but MD5 and keys of RSA and DSA below 1,024 bits.
	LenientAlgorithms = "lenient"
)

// Algorithms says which algorithms count, and until when: in signatures of messages, certificates, time-stamps, CRLs and OCSP
// responses, and in imprints alike. What a signature is judged by is the time at which it is known to have existed. The zero value,
// and nil, is the default. It is not modified while it is used.
type Algorithms struct {
	// Preset is what the rest changes: one of the constants; empty is [DefaultAlgorithms].
	Preset string
	// MinRSA, MinDSA and MinEC are bits: of a modulus, and of the order of a curve. Shorter keys do not count. Zero leaves it to the
	// preset, and none goes below 1,024 bits for RSA and DSA.
	MinRSA, MinDSA, MinEC int
	// Until says when algorithms stop to count, by their names as reports have them: a hash ("SHA-1"), a curve ("secp256k1"), a
	// scheme ("RSASSA-PKCS1-v1_5", "ML-DSA-65", that of a [sign.Scheme]). For hashes and schemes of the caller it takes the place of what the
	// preset says; other schemes and curves never last longer than there. The zero time is never.
	Until map[string]time.Time
	// Schemes are signature schemes whose mathematics only those have who ask for it (mldsa.Schemes()), found by their SignatureAlg.
	Schemes []sign.Scheme
}

// Err says what is wrong with the values: a preset or an algorithm that is not known, since a rule that is never asked for would
// let pass what it was to stop.
func (a *Algorithms) Err() error {
	_, err := a.registry()
	return err
}

// Registry is what other packages of this module judge by; it is of no use elsewhere. Of values that are wrong, nothing counts.
func (a *Algorithms) Registry() any {
	r, err := a.registry()
	if err != nil {
		return &algorithm.Registry{Policy: &algorithm.Policy{Name: "none", Rules: []algorithm.Rule{}}}
	}
	return r
}

func (a *Algorithms) registry() (*algorithm.Registry, error) {
	if a == nil {
		return &algorithm.Registry{}, nil
	}
	var p *algorithm.Policy
	switch a.Preset {
	case "", DefaultAlgorithms:
		if a.MinRSA == 0 && a.MinDSA == 0 && a.MinEC == 0 && len(a.Until) == 0 {
			return &algorithm.Registry{Schemes: a.Schemes}, nil
		}
		p = algorithm.Default()
	case StrictAlgorithms:
		p = algorithm.Strict()
	case LenientAlgorithms:
		p = algorithm.Lenient()
	default:
		return nil, wrong("algorithms", "there is no preset %q of algorithms; choose one of default, strict, lenient", a.Preset)
	}
	for _, m := range []struct {
		bits  int
		kinds []algorithm.Kind
	}{{a.MinRSA, []algorithm.Kind{algorithm.PKCS1, algorithm.PSS}}, {a.MinDSA, []algorithm.Kind{algorithm.DSA}}, {a.MinEC, []algorithm.Kind{algorithm.ECDSA}}} {
		if m.bits < 0 {
			return nil, wrong("algorithms", "a key cannot have %d bits", m.bits)
		}
		if m.bits == 0 {
			continue
		}
		for _, k := range m.kinds {
			p.Rules = atLeast(p.Rules, k.String(), m.bits)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Until)) {
		rules, err := a.until(p.Rules, name, a.Until[name])
		if err != nil {
			return nil, err
		}
		p.Rules = rules
	}
	return &algorithm.Registry{Schemes: a.Schemes, Policy: p}, nil
}

// atLeast makes keys of less bits count no more.
func atLeast(rules []algorithm.Rule, name string, bits int) []algorithm.Rule {
	var kept []algorithm.Rule
	var from *algorithm.Rule // what holds for keys of exactly so many bits
	for i := range rules {
		r := rules[i]
		switch {
		case r.Algorithm != name || r.Bits > bits:
			kept = append(kept, r)
		case from == nil || r.Bits > from.Bits:
			from = &rules[i]
		}
	}
	if from != nil {
		at := *from
		at.Bits = bits
		kept = append(kept, at)
	}
	return append(kept, algorithm.Rule{Algorithm: name, Why: fmt.Sprintf("the key is shorter than the %d bits that the policy demands", bits)})
}

// until gives an algorithm its end.
func (a *Algorithms) until(rules []algorithm.Rule, name string, end time.Time) ([]algorithm.Rule, error) {
	switch {
	case name == "MD2" || name == "MD4" || name == "MD5":
		return nil, wrong("algorithms", "%s is broken, and counts in no policy", name)
	case a.own(name) || algorithm.IsHash(name):
		kept := slices.DeleteFunc(slices.Clone(rules), func(r algorithm.Rule) bool { return r.Algorithm == name })
		return append(kept, algorithm.Rule{Algorithm: name, Allowed: end}), nil
	case algorithm.IsCurve(name) && !slices.ContainsFunc(rules, func(r algorithm.Rule) bool { return r.Algorithm == name }):
		return append(rules, algorithm.Rule{Algorithm: name, Allowed: end}), nil
	}
	found := false
	for i := range rules {
		r := &rules[i]
		if r.Algorithm != name {
			continue
		}
		found = true
		if end.Before(r.Allowed) {
			r.Allowed = end
		}
		if end.Before(r.Tolerated) {
			r.Tolerated = end
		}
	}
	if !found {
		return nil, wrong("algorithms", "there is no algorithm %q; reports have the names, such as SHA-1, secp256k1 or RSASSA-PKCS1-v1_5", name)
	}
	return rules, nil
}

// own reports whether a name is that of a scheme of the caller, or of its hash.
func (a *Algorithms) own(name string) bool {
	return name != "" && slices.ContainsFunc(a.Schemes, func(s sign.Scheme) bool { return algorithm.IsNameOf(name, &s) || algorithm.DigestName(&s) == name })
}
