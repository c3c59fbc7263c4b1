package algorithm

import (
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// Of schemes whose mathematics the caller brings, names, sizes and strengths are known here, so that they are judged and named like
// others, and so that a signature by another algorithm with such a key is refused and not left open.

// mldsa is what FIPS 204 tables 1 and 2 say of a parameter set.
type mldsa struct {
	id       cms.OID
	octets   int // of a public key
	strength int // λ, that of collisions of a digest that does not weaken it (RFC 9882 section 3.3)
	cost     int // of a verification, see [Cost]
}

func mldsaOf(id cms.OID) (mldsa, bool) {
	switch id {
	case cms.OIDMLDSA44:
		return mldsa{id, 1312, 128, 5}, true
	case cms.OIDMLDSA65:
		return mldsa{id, 1952, 192, 8}, true
	case cms.OIDMLDSA87:
		return mldsa{id, 2592, 256, 12}, true
	}
	return mldsa{}, false
}

// parseMLDSA reads a key of which only the length is looked at (RFC 9881 section 4).
func (k *Key) parseMLDSA(octets []byte) error {
	set, _ := mldsaOf(k.Algorithm.ID)
	name := k.Algorithm.ID.Name()
	k.Kind, k.Bits = MLDSA, 8*len(octets)
	switch {
	case !k.Algorithm.Parameters.IsZero():
		return malformed(name, "the %s key has parameters, which have to be absent", name)
	case len(octets) != set.octets:
		return malformed(name, "the %s key has %d octets instead of %d", name, len(octets), set.octets)
	}
	return nil
}

// sigAlgs is the arc of NIST for signatures. Those from ML-DSA on have no parameters at all, not even NULL (RFC 9881 section 2, RFC 9814
// section 2).
const sigAlgs = "\x60\x86\x48\x01\x65\x03\x04\x03"

func withoutParameters(id cms.OID) bool {
	return len(id) == len(sigAlgs)+1 && strings.HasPrefix(string(id), sigAlgs) && id[len(sigAlgs)] >= 17
}

// slhdsa reports whether a key or signature is one of SLH-DSA: 20 to 31, and 35 to 46 over a digest (RFC 9909 section 3).
func slhdsa(id cms.OID) bool { return withoutParameters(id) && id[len(sigAlgs)] >= 20 }

// unknownSignature says that an algorithm is not known, and what to do where there is something.
func unknownSignature(id cms.OID) string {
	what := fmt.Sprintf("signature algorithm %s is not known here", id.Name())
	if _, ok := mldsaOf(id); ok {
		what += " until its scheme is given: mldsa.Schemes() among the Schemes of the algorithms that count"
	} else if gostKind(id) != UnknownKind {
		what += " until its scheme is given: gost.Schemes() among the Schemes of the algorithms that count"
	}
	return what
}

// weakerDigest is the name of the rule for digests that are weaker than the signature over them.
const weakerDigest = "weaker digest"

// judgeDigest says what the policy thinks of a digest that is weaker than the signature (RFC 9882 section 3.3: verifiers may reject it).
func (r *Registry) judgeDigest(q Question) Judgement {
	set, ok := mldsaOf(q.Algorithm.ID)
	h, known := r.Hash(q.Digest)
	if !ok || !known || h.Strength() >= set.strength || h.Strength() == 0 {
		return Judgement{Decision: Allowed}
	}
	j, ok := r.policy().judge(q.Use, weakerDigest, 0, q.Digest.Name(), q.Time)
	if !ok || j.Decision == Allowed {
		return Judgement{Decision: Allowed}
	}
	j.Sentence = fmt.Sprintf("%s is weaker than %s, so that the signature is no better than that digest", q.Digest.Name(), q.Algorithm.ID.Name())
	return j
}

// schemeNames are the names by which a policy may judge a scheme of the caller: its own, and that of its algorithm as reports have it.
func schemeNames(s *sign.Scheme) []string {
	names := []string{s.Name}
	for _, algorithm := range [][]byte{s.SignatureAlg, s.CertificateAlg} {
		if id := identifier(algorithm); id != "" && id.Name() != s.Name {
			names = append(names, id.Name())
		}
	}
	return names
}

// IsNameOf reports whether a policy judges a scheme of the caller by a name.
func IsNameOf(name string, s *sign.Scheme) bool {
	for _, own := range schemeNames(s) {
		if own == name {
			return true
		}
	}
	return false
}
