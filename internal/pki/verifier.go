package pki

import (
	"context"
	"errors"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
)

// Limits of paths.
const (
	// DefaultMaxDepth is how many certificates a path may have below its anchor. Real ones have up to five.
	DefaultMaxDepth = 16
	maxDepthLimit   = 64
	// maxRefused bounds how many paths are offered to Accept, which may ask the network about each.
	maxRefused = 32
)

// Use is what a signature is on, for the rule about algorithms.
type Use int

// UseCertificate is a signature on a certificate. Rules for others begin at other numbers.
const UseCertificate Use = 1

// Verifier finds paths from certificates to anchors. It is a plain value: copy it and change what differs. The zero Verifier
// trusts nobody. It is not modified, and safe for concurrent use if its functions are.
type Verifier struct {
	Anchors *Anchors
	// Pools are tried in order: those of the caller before those that came with a message, which anybody may have filled.
	Pools   []*Pool
	Time    time.Time
	Purpose Purpose
	// Authority is in whose name an [OCSPResponder] answers; see there.
	Authority *Certificate

	Policies            Policies
	Permitted, Excluded []GeneralName // initial subtrees (RFC 5280 section 6.1.1 (h), (i))

	// Algorithms says whether a signature may be made like this with this key; its error is the reason. Nil allows all.
	Algorithms func(use Use, alg cms.Algorithm, spki []byte) error
	// Remark is what there is to say of a signature that is weak and counts; empty when there is nothing. Nil says nothing.
	Remark func(alg cms.Algorithm, spki []byte) string
	// Signature checks a signature over a message as [algorithm.Registry.Verify] does, which is what nil means, with the same
	// errors.
	Signature func(check *algorithm.SignatureCheck, message []byte) (note string, err error)
	// Accept looks at a path that is valid, and refuses it by an error, because a certificate on it is revoked for example.
	// Then another path is tried, 32 of them at most. It gets no path for which it would not matter.
	Accept func(ctx context.Context, path *Path) error

	Critical             []cms.OID // critical extensions that the caller takes care of
	IgnoreAnchorValidity bool      // of an anchor above others, which RFC 5280 leaves out; by default it counts
	MaxDepth             int       // certificates below the anchor; 0 is DefaultMaxDepth
	// Remember lets Anchors keep which signatures hold on the certificates of paths that were found and accepted, for the next
	// messages: it saves most of the work where many are of the same signers. It reports for which algorithms Signature does the
	// mathematics that everybody does, and no other. Nil is none.
	Remember func(alg cms.Algorithm) bool
	// Work is the budget of the message. Nil is one of its own, for each path anew.
	Work *Work
}

// Policies is what the user wants of policies (RFC 5280 section 6.1.1 (c), (e) to (g)). The zero value wants nothing.
type Policies struct {
	Initial        []cms.OID // user-initial-policy-set; empty is any policy
	Explicit       bool      // initial-explicit-policy
	InhibitMapping bool      // initial-policy-mapping-inhibit
	InhibitAny     bool      // initial-any-policy-inhibit
}

// Path is a valid path.
type Path struct {
	Certificates []*Certificate // the target first, the one that the anchor issued last
	Anchor       Anchor         // above it, or the target itself when Direct
	Direct       bool           // the target is an anchor
	Policies     []cms.OID      // of the initial ones, or any, valid for the path; anyPolicy alone is no limit
	Tolerated    []string       // sentences on what is wrong with certificates and does not matter
}

// Issuer returns who issued certificate i of the path: its name, its key, and its certificate, which is nil for an anchor
// that has none. Of a target that is an anchor it is the target.
func (p *Path) Issuer(i int) (name Name, spki []byte, c *Certificate) {
	if i+1 < len(p.Certificates) {
		c = p.Certificates[i+1]
		return c.Subject, c.SPKI, c
	}
	return p.Anchor.name(), p.Anchor.spki(), p.Anchor.Certificate
}

// Chain returns the certificates of the path, that of the anchor last if it has one.
func (p *Path) Chain() []*Certificate {
	chain := append([]*Certificate(nil), p.Certificates...)
	if p.Anchor.Certificate != nil && !p.Direct {
		chain = append(chain, p.Anchor.Certificate)
	}
	return chain
}

// Path finds a valid path for a certificate. The error is an [*Error], that of the path that came furthest, or that of the
// context.
func (v *Verifier) Path(ctx context.Context, target *Certificate) (*Path, error) {
	s := newSearch(ctx, v, target)
	path, err := s.run()
	return path, plain(ctx, err)
}

// ValidatePath judges one path as it is given: certificates from the target upwards, the last one issued by the anchor, or
// one certificate that is the anchor's. Nothing else is tried.
func (v *Verifier) ValidatePath(ctx context.Context, certificates []*Certificate, anchor Anchor) (*Path, error) {
	if len(certificates) == 0 {
		return nil, errors.New("pki: a path has one certificate at least")
	}
	s := newSearch(ctx, v, certificates[0])
	s.direct = len(certificates) == 1 && anchor.Certificate != nil && anchor.Certificate.Equal(certificates[0])
	path, err := s.walk(anchor, certificates)
	return path, plain(ctx, err)
}

// plain turns the error of a search into that of a caller: nil stays nil, and a context that is over comes first.
func plain(ctx context.Context, err *Error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}
