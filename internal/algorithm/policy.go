package algorithm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
)

// Use is what an algorithm is used for.
type Use int

// The uses. [UseCertificate] is the number that paths give to theirs.
const (
	UseCertificate Use = 1 + iota // a signature on a certificate
	UseMessage                    // the signature of a message, a counter-signature
	UseCRL
	UseOCSP
	UseTimestamp // the signature of a time-stamp
	UseImprint   // the digest that a time-stamp is over
	UseReference // a digest of a certificate or a revocation value in an attribute
)

// Decision is what a policy says. The zero value is no permission.
type Decision int

// The decisions.
const (
	Unknown   Decision = iota // the algorithm is not known, or the policy says nothing of it
	Allowed                   // nothing to say
	Tolerated                 // counts, and a person is told
	Forbidden                 // does not count
)

// String is a word for programs.
func (d Decision) String() string {
	switch d {
	case Allowed:
		return "allowed"
	case Tolerated:
		return "tolerated"
	case Forbidden:
		return "forbidden"
	}
	return "unknown"
}

// Forever is a time without end in a [Rule].
func Forever() time.Time { return time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC) }

// Rule says until when an algorithm is good. Of those that fit an algorithm, a use and a size, the one with the most bits
// counts, and of several of them the first.
type Rule struct {
	// Algorithm is the name of a hash ("SHA-1"), a scheme ("RSASSA-PSS", "ECDSA", that of a [sign.Scheme]) or a curve
	// ("secp256k1", which then counts beside the rule for ECDSA).
	Algorithm string
	Bits      int   // from so many bits of the key on: of the modulus of RSA and DSA, the order of a curve
	Uses      []Use // nil: all
	// Allowed is when it stops being good; the zero time is never allowed. Tolerated is when it stops to count at all; one
	// before Allowed, such as the zero time, is the same moment.
	Allowed, Tolerated time.Time
	// Why is a sentence about what is wrong with it. Empty: that it is no longer good since the date.
	Why string
}

// Policy says what is thought of algorithms, as plain data. The zero value is [Default].
type Policy struct {
	Name    string // "default", "strict", "lenient", or that of its author
	Version string // where the dates come from
	Rules   []Rule // nil: those of [Default]
}

// Judgement is what a policy says of one use of an algorithm.
type Judgement struct {
	Decision  Decision
	Algorithm string    // what it is about: "SHA-1", "RSASSA-PSS with RSA of 1024 bits"; empty when there is nothing to say
	Since     time.Time // since when it is not allowed; zero: always
	Sentence  string    // why it is not allowed; empty when it is
}

// worse adds what is thought of another part: the worst of both decides, and both are said.
func (j Judgement) worse(other Judgement) Judgement {
	worst, less := j, other
	if rank(other.Decision) > rank(j.Decision) {
		worst, less = other, j
	}
	if less.Sentence != "" && less.Sentence != worst.Sentence {
		worst.Sentence = strings.TrimPrefix(worst.Sentence+"; "+less.Sentence, "; ")
	}
	return worst
}

func rank(d Decision) int { return slices.Index([]Decision{Allowed, Tolerated, Unknown, Forbidden}, d) }

// JudgeHash says what the policy thinks of a digest at a time, which is when it was provably there: the zero time is later
// than every date.
func (r *Registry) JudgeHash(use Use, id cms.OID, at time.Time) Judgement {
	if _, ok := r.Hash(id); !ok {
		if j, ok := r.policy().judge(use, id.Name(), 0, id.Name(), at); ok && j.Decision == Forbidden {
			return j // MD4 is bad whether it can be computed or not
		}
		if old(id) {
			return Judgement{Algorithm: id.Name(), Sentence: fmt.Sprintf("hash %s may not be used in this process (fips140=only)", id.Name())}
		}
		return Judgement{Algorithm: id.Name(), Sentence: fmt.Sprintf("hash %s is not known here", id.Name())}
	}
	if j, ok := r.policy().judge(use, id.Name(), 0, id.Name(), at); ok {
		return j
	}
	if _, ok := StandardHash(id); !ok {
		return Judgement{Decision: Allowed} // the caller brought it
	}
	return r.silent(id.Name())
}

// Question is what is asked about a signature.
type Question struct {
	Use       Use
	Algorithm cms.Algorithm // signatureAlgorithm
	// Digest is the digestAlgorithm of a SignerInfo, which digests the content; else empty, also of one without signed attributes whose
	// signature is over the content itself.
	Digest cms.OID
	SPKI   []byte // the key, where it is known; else nil
	// Time is when the signature was provably there. The zero time is later than every date.
	Time time.Time
}

// Judge says what the policy thinks of a signature: of its scheme, its hashes, and its key.
func (r *Registry) Judge(q Question) Judgement {
	own, isOwn := r.Scheme(q.Algorithm.ID)
	alg, err := ResolveSignature(q.Algorithm)
	name := q.Algorithm.ID.Name()
	switch {
	case isOwn && (err != nil || alg.Kind == UnknownKind):
		alg = Signature{Hash: identifier(own.DigestAlg)}
	case err != nil:
		return Judgement{Algorithm: name, Sentence: err.Error()}
	case alg.Kind == UnknownKind:
		return Judgement{Algorithm: name, Sentence: unknownSignature(q.Algorithm.ID)}
	}
	j := Judgement{Decision: Allowed}
	if isOwn {
		for _, name := range schemeNames(own) {
			if own, ok := r.policy().judge(q.Use, name, 0, name, q.Time); ok {
				j = j.worse(own)
			}
		}
		if kind := gostKind(q.Algorithm.ID); kind != UnknownKind {
			j = j.worse(r.judgeKey(q, kind))
		}
	}
	if alg.Kind != UnknownKind {
		j = j.worse(r.judgeKey(q, alg.Kind))
	}
	if q.Digest == "" && alg.Hash == "" {
		return j.worse(Judgement{Algorithm: name, Sentence: "nothing says which hash the signature is made with"})
	}
	if alg.Hash != "" {
		j = j.worse(r.JudgeHash(q.Use, alg.Hash, q.Time))
	}
	if q.Digest != "" && q.Digest != alg.Hash {
		j = j.worse(r.JudgeHash(q.Use, q.Digest, q.Time))
	}
	if q.Digest != "" {
		j = j.worse(r.judgeDigest(q))
	}
	if alg.Kind == PSS && alg.PSS.MGF1 != alg.Hash {
		// Nothing depends on collisions of the mask, so that a hash with an end does there.
		if mask := r.JudgeHash(q.Use, alg.PSS.MGF1, q.Time); mask.Decision == Unknown || mask.Decision == Forbidden && mask.Since.IsZero() {
			j = j.worse(mask)
		}
	}
	return j
}

// judgeKey says what the policy thinks of a scheme with a key.
func (r *Registry) judgeKey(q Question, kind Kind) Judgement {
	bits, name, curve := 1<<20, kind.String(), ""
	if q.SPKI != nil {
		key, err := r.kindOfKey(q.SPKI)
		if err != nil {
			return Judgement{Algorithm: name, Sentence: err.Error()}
		}
		bits = key.Bits
		switch key.Kind {
		case ECDSA:
			curve = key.Curve.Name()
			name += " on " + curve
		case GOST2012, GOST2001:
			curve = key.Curve.Name()
			name = key.Name()
		case PKCS1, PSS, DSA:
			name = kind.String() + " with " + key.Name()
			if key.Kind == DSA {
				name = key.Name()
			}
		}
		if (key.Kind == PKCS1 || key.Kind == PSS) && bits < MinRSABits || key.Kind == DSA && bits < MinDSABits {
			// Whatever the policy says: such a signature can have been made by anybody.
			return Judgement{Decision: Forbidden, Algorithm: name, Sentence: tooShort(key).Error()}
		}
	}
	j, ok := r.policy().judge(q.Use, kind.String(), bits, name, q.Time)
	if !ok {
		j = r.silent(name)
	}
	if curve != "" {
		if c, ok := r.policy().judge(q.Use, curve, bits, name, q.Time); ok {
			j = j.worse(c)
		}
	}
	return j
}

// Allow is [Registry.Judge] for those who want an error only; see [Judgement.Err].
func (r *Registry) Allow(q Question) error { return r.Judge(q).Err() }

// Err is an error of [NotAllowed] for what is forbidden, and of [Unsupported] for what is unknown; else nil.
func (j Judgement) Err() error {
	switch j.Decision {
	case Allowed, Tolerated:
		return nil
	case Unknown:
		return &Error{Reason: Unsupported, Algorithm: j.Algorithm, What: j.Sentence}
	}
	return &Error{Reason: NotAllowed, Algorithm: j.Algorithm, What: j.Sentence}
}

func (r *Registry) policy() *Policy {
	if r == nil || r.Policy == nil {
		return &Policy{}
	}
	return r.Policy
}

func (r *Registry) silent(name string) Judgement {
	return Judgement{Algorithm: name, Sentence: fmt.Sprintf("the policy says nothing about %s", name)}
}

// judge finds the rule for one name; ok is false when there is none.
func (p *Policy) judge(use Use, algorithm string, bits int, name string, at time.Time) (j Judgement, ok bool) {
	rules := p.Rules
	if rules == nil {
		rules = builtin()
	}
	var found *Rule
	for i := range rules {
		r := &rules[i]
		if r.Algorithm != algorithm || bits < r.Bits || r.Uses != nil && !slices.Contains(r.Uses, use) {
			continue
		}
		if found == nil || r.Bits > found.Bits {
			found = r
		}
	}
	if found == nil {
		return Judgement{}, false
	}
	return found.at(name, at), true
}

func (r *Rule) at(name string, at time.Time) Judgement {
	before := func(end time.Time) bool {
		return end.Equal(Forever()) || !at.IsZero() && !end.IsZero() && at.Before(end)
	}
	if before(r.Allowed) {
		return Judgement{Decision: Allowed}
	}
	j := Judgement{Decision: Forbidden, Algorithm: name, Since: r.Allowed, Sentence: r.Why}
	if before(r.Tolerated) {
		j.Decision = Tolerated
	} else if r.Tolerated.After(r.Allowed) {
		j.Since = r.Tolerated
	}
	switch {
	case j.Sentence == "":
		j.Sentence = fmt.Sprintf("%s is not good any more since %s", name, j.Since.Format(time.DateOnly))
	case j.Decision == Forbidden && !j.Since.IsZero():
		j.Sentence += ", and does not count since " + j.Since.Format(time.DateOnly)
	}
	return j
}
