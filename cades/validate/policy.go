package validate

import (
	"slices"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/trust"
)

// Policy is what a verdict demands beside the mathematics (the constraints of EN 319 102-1 section 5.1.4). The zero value is
// the sensible default: [Strict] and [Lenient] are others, and [ParsePolicy] reads one from a file. It is not modified while it
// is used.
type Policy struct {
	// Name is said in reports.
	Name string
	// Algorithms says which algorithms count, and until when. Options.Schemes are added to its own.
	Algorithms trust.Algorithms
	// RequireBinding demands that the signed attributes name the certificate (signing-certificate, RFC 5035), which plain PKCS #7
	// does not.
	RequireBinding bool
	// Revocation says of which certificates it has to be known that they were not revoked.
	Revocation Coverage
	// MaxAge is how old the newest value that says "not revoked" may be at the time for which it is asked (the freshness of EN
	// 319 102-1 section 5.2.5). Zero takes any that is in force by its own nextUpdate.
	MaxAge time.Duration
	// Grace is how long after the signature is known to have existed a value about the signer's path has to be made to count
	// for "not revoked": what is reported lost takes its time to reach the lists. Without a time-stamp the signature is known to exist
	// since now, and no value comes after that. Zero takes values from before as well.
	Grace time.Duration
	// Level is the level that has to be reached: "B-B", "B-T", "B-LT", "B-LTA". Empty is any.
	Level string
	// RequireTimestamp demands that a trusted time-stamp proves when the signature existed.
	RequireTimestamp bool
	// TimestampPolicies are those under which time-stamps may be issued, dotted. A time-stamp under another one proves nothing.
	// Empty is any.
	TimestampPolicies []string
	// CertificatePolicies are those under which the certificate of the signer may be issued, dotted, for one of which its path has to
	// be valid (RFC 5280 section 6.1). Empty is any.
	CertificatePolicies []string
	// RefuseOddities refuses what is otherwise tolerated and said: wrong version numbers, trailing octets, attributes out of the
	// order of DER, identifiers that disagree, certificates with flaws. Some of that anybody can append.
	RefuseOddities bool
}

// Coverage says of which certificates of a path it has to be known that they were not revoked. Whatever it says, one that was
// revoked does not count.
type Coverage int

// Coverages.
const (
	// RevocationNamed demands it of every certificate that names a place to ask, or of which a value at hand speaks. One that
	// names none is passed with a line that says so.
	RevocationNamed  Coverage = iota
	RevocationSigner          // as Named, of the certificate of the signer, or of the authority of a time-stamp, alone
	RevocationAll             // of every one, also of those that name no place, unless a standard exempts it (RFC 9608)
	RevocationNone            // of none; what is not known is said
)

func coverageWords() [4]string { return [...]string{"named", "signer", "all", "none"} }

// String is one word.
func (c Coverage) String() string {
	if c < RevocationNamed || c > RevocationNone {
		return "unknown"
	}
	return coverageWords()[c]
}

// Strict is for those who would rather refuse a good signature than take a doubtful one: algorithms by the dates of ETSI TS
// 119 312, certificates bound to signatures, revocation known of every certificate, nothing odd.
func Strict() *Policy {
	return &Policy{
		Name: "strict", Algorithms: trust.Algorithms{Preset: trust.StrictAlgorithms}, RequireBinding: true, Revocation: RevocationAll, RefuseOddities: true,
	}
}

// Lenient is for archives whose age is proved by other means: old algorithms count, and that a certificate was not revoked need
// not be known. One that is known to be revoked still does not count, nor does one that has expired.
func Lenient() *Policy {
	return &Policy{Name: "lenient", Algorithms: trust.Algorithms{Preset: trust.LenientAlgorithms}, Revocation: RevocationNone}
}

// Err says what is wrong with the policy, since a demand that is not understood would be none.
func (p *Policy) Err() error {
	if p == nil {
		return nil
	}
	if err := p.Algorithms.Err(); err != nil {
		return err
	}
	switch {
	case p.Revocation < RevocationNamed || p.Revocation > RevocationNone:
		return wrong("policy", "revocation has no coverage %d", p.Revocation)
	case p.MaxAge < 0 || p.Grace < 0:
		return wrong("policy", "the maximal age and the grace period cannot be negative")
	case p.Level != "" && baselineRank(p.Level) == 0:
		return wrong("policy", "there is no level %q to demand; choose one of B-B, B-T, B-LT, B-LTA", p.Level)
	}
	for _, list := range [][]string{p.TimestampPolicies, p.CertificatePolicies} {
		for _, id := range list {
			if _, err := cms.ParseOID(id); err != nil {
				return wrong("policy", "the policy %q is not a dotted object identifier", id)
			}
		}
	}
	return nil
}

// policy is that of the options, complete.
func (o *Options) policy() *Policy {
	p := Policy{}
	if o.Policy != nil {
		p = *o.Policy
	}
	if len(p.Algorithms.Schemes) == 0 {
		p.Algorithms.Schemes = o.Schemes
	} else {
		p.Algorithms.Schemes = slices.Concat(o.Schemes, p.Algorithms.Schemes)
	}
	if p.Name == "" {
		p.Name = "default"
		if o.Policy != nil {
			p.Name = "custom"
		}
	}
	return &p
}

// certificatePolicies is what is asked of the path of a signer.
func (p *Policy) certificatePolicies(use pki.Purpose) (wanted pki.Policies) {
	if use != pki.Signer || len(p.CertificatePolicies) == 0 {
		return wanted
	}
	for _, id := range p.CertificatePolicies {
		if oid, err := cms.ParseOID(id); err == nil {
			wanted.Initial = append(wanted.Initial, oid)
		}
	}
	wanted.Explicit = true
	return wanted
}
