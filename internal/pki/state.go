package pki

import (
	"slices"

	"github.com/seed-116355fd/signet/internal/cms"
)

// state is the variables of RFC 5280 section 6.1.2 while a path is walked from the anchor to the target. Each step makes a
// new one, so that paths that begin alike share the beginning.
type state struct {
	anchor   Anchor
	path     []*Certificate // walked so far, below the anchor
	name     Name           // working_issuer_name
	spki     []byte         // working_public_key
	pathLen  int            // max_path_length
	subtrees []*subtrees
	policies policyState
	valid    []cms.OID // after the last certificate
	notes    []string
}

// start is section 6.1.2. Constraints in the certificate of an anchor hold as well (RFC 5937), as crypto/x509 and OpenSSL have
// it: names, path length, usage; its validity by option.
func (s *search) start(a Anchor) (*state, *Error) {
	st := &state{
		anchor:   a,
		name:     a.name(),
		spki:     a.spki(),
		pathLen:  maxDepthLimit,
		policies: newPolicyState(s.v.Policies),
	}
	if len(s.v.Permitted)+len(s.v.Excluded) > 0 {
		st.subtrees = append(st.subtrees, newSubtrees(&NameConstraints{s.v.Permitted, s.v.Excluded}, "the verifier"))
	}
	c := a.Certificate
	if c == nil || s.direct {
		return st, nil // the target is looked at as such
	}
	if err := s.anchorDefect(c); err != nil {
		return nil, err
	}
	if c.BasicConstraints != nil && c.BasicConstraints.PathLen >= 0 {
		st.pathLen = min(st.pathLen, c.BasicConstraints.PathLen)
	}
	return st, s.constrain(st, c)
}

// constrain is section 6.1.4 (g): the issuer's name constraints hold from now on.
func (s *search) constrain(st *state, c *Certificate) *Error {
	if _, bad := c.Problem(oidNameConstraints); bad {
		return malformed(c, oidNameConstraints)
	}
	if c.NameConstraints == nil {
		return nil
	}
	if err := s.spend(len(c.NameConstraints.Permitted) + len(c.NameConstraints.Excluded)); err != nil {
		return err
	}
	own := s.subtrees[c]
	if own == nil {
		own = newSubtrees(c.NameConstraints, c.Subject.String())
		s.subtrees[c] = own
	}
	st.subtrees = append(slices.Clip(st.subtrees), own)
	return nil
}

// step is sections 6.1.3 and, unless the certificate is the target, 6.1.4.
func (s *search) step(before *state, c *Certificate, final bool) (*state, *Error) {
	if err := s.spend(1); err != nil {
		return nil, err
	}
	st := new(state)
	*st = *before
	st.notes = slices.Clip(st.notes)
	st.path = append(slices.Clip(st.path), c)
	if err := checkExtensions(c, s.v.Critical); err != nil {
		return nil, err
	}
	if err := s.timeDefect(c); err != nil {
		return nil, err
	}
	if !s.direct {
		if !c.Issuer.Equal(st.name) {
			return nil, fail(NamesDoNotChain, c, "names %s as its issuer, and the one above it is %s", c.Issuer, st.name)
		}
		sig := s.signature(c, st.spki)
		if sig.reason != 0 {
			return nil, s.signatureError(c, sig)
		}
		if sig.note != "" {
			st.notes = append(st.notes, c.who()+": "+sig.note)
		}
	}
	for _, p := range c.Problems {
		st.notes = append(st.notes, c.who()+" "+p.What)
	}
	if err := s.checkNames(st, c, final); err != nil {
		return nil, err
	}
	if err := s.checkPolicies(st, c, final); err != nil {
		return nil, err
	}
	if final {
		return st, s.finish(st, c)
	}
	return st, s.prepare(st, c)
}

// checkNames is section 6.1.3 (b) and (c).
func (s *search) checkNames(st *state, c *Certificate, final bool) *Error {
	if len(st.subtrees) == 0 || !final && c.SelfIssued() {
		return nil
	}
	if where, bad := namesUnreadable(c); bad {
		return fail(Malformed, c, "has names that cannot be read and so not be compared with the constraints of its issuers").about(where)
	}
	for _, trees := range st.subtrees {
		if err := trees.checkNames(c, s.spend); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) checkPolicies(st *state, c *Certificate, final bool) *Error {
	// Malformed policies are no policies; what limits policies has to be understood.
	for _, id := range []cms.OID{oidPolicyConstraints, oidInhibitAnyPolicy, oidPolicyMappings} {
		if _, bad := c.Problem(id); bad && (!final || id == oidPolicyConstraints) {
			return malformed(c, id)
		}
	}
	return st.policies.process(c, final, s.spend)
}

// prepare is section 6.1.4.
func (s *search) prepare(st *state, c *Certificate) *Error {
	if err := st.policies.prepare(c, s.spend); err != nil {
		return err
	}
	st.name, st.spki = c.Subject, c.SPKI
	if err := s.constrain(st, c); err != nil {
		return err
	}
	if err := checkAuthority(c); err != nil {
		return err
	}
	if err := checkNested(c, s.v.Purpose); err != nil {
		return err
	}
	if !c.SelfIssued() {
		if st.pathLen <= 0 {
			return fail(PathTooLong, c, "is that of an authority below one that may have no authorities below it")
		}
		st.pathLen--
	}
	if c.BasicConstraints.PathLen >= 0 {
		st.pathLen = min(st.pathLen, c.BasicConstraints.PathLen)
	}
	return nil
}

// finish is section 6.1.5, and what the target is used for.
func (s *search) finish(st *state, c *Certificate) *Error {
	if err := checkUse(c, s.v.Purpose, s.v.Authority); err != nil {
		return err
	}
	if s.v.Purpose == CertificateIssuer && !c.SelfIssued() && st.pathLen <= 0 {
		return fail(PathTooLong, c, "is that of an authority below one that may have no authorities below it")
	}
	var err *Error
	st.valid, err = st.policies.finish(c, s.v.Policies, s.spend)
	return err
}

// timeDefect is section 6.1.3 (a) (2).
func (s *search) timeDefect(c *Certificate) *Error {
	switch at := s.v.Time; {
	case at.Before(c.NotBefore):
		return fail(NotYetValid, c, "is valid from %s only, and the time is %s", c.NotBefore.Format(timeLayout), at.UTC().Format(timeLayout))
	case at.After(c.NotAfter):
		return fail(Expired, c, "expired on %s, and the time is %s", c.NotAfter.Format(timeLayout), at.UTC().Format(timeLayout))
	}
	return nil
}

const timeLayout = "2006-01-02 15:04:05 UTC"

// anchorDefect says why an anchor does not answer for other certificates. Who trusts the certificate of a person does not
// trust whatever that person's key signs. Old roots are of version 1, which has no extensions.
func (s *search) anchorDefect(c *Certificate) *Error {
	if err := checkExtensions(c, s.v.Critical); err != nil {
		return err
	}
	if !s.v.IgnoreAnchorValidity {
		if err := s.timeDefect(c); err != nil {
			return err
		}
	}
	if c.Version < 3 && len(c.Extensions) == 0 {
		return nil
	}
	if err := checkAuthority(c); err != nil {
		return err
	}
	return checkNested(c, s.v.Purpose)
}

// issuerDefect says why a certificate cannot be an issuer on any path, as far as that shows without a signature.
func (s *search) issuerDefect(c *Certificate) *Error {
	if err := checkExtensions(c, s.v.Critical); err != nil {
		return err
	}
	if err := s.timeDefect(c); err != nil {
		return err
	}
	return checkAuthority(c)
}

// result makes a Path of a state that reached the target.
func (s *search) result(st *state) *Path {
	p := &Path{Anchor: st.anchor, Policies: st.valid, Direct: s.direct}
	for i := len(st.path) - 1; i >= 0; i-- {
		p.Certificates = append(p.Certificates, st.path[i])
	}
	for i := len(st.notes) - 1; i >= 0; i-- {
		if note := st.notes[i]; !slices.Contains(p.Tolerated, note) {
			p.Tolerated = append(p.Tolerated, note)
		}
	}
	return p
}
