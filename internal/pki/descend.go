package pki

import (
	"bytes"
	"cmp"
	"slices"
)

// descend walks all ways from the anchors that were met to the target, nearest first.
func (s *search) descend() (*Path, *Error) {
	for _, n := range s.nodes {
		slices.SortStableFunc(n.below, func(a, b *node) int { return cmp.Compare(a.level, b.level) })
	}
	for _, t := range s.tops {
		st, err := s.start(t.anchor)
		if err != nil {
			if s.fatal(err) {
				return nil, err
			}
			continue
		}
		if path, err := s.down(st, t.node); path != nil || s.fatal(err) {
			return path, err
		}
	}
	return nil, nil
}

// down goes on with one certificate.
func (s *search) down(before *state, n *node) (*Path, *Error) {
	if err := s.spend(1); err != nil {
		return nil, err
	}
	final := n.cert == s.target
	if len(before.path) >= s.depth || !final && slices.ContainsFunc(before.path, n.sameAuthority) {
		return nil, nil
	}
	st, err := s.step(before, n.cert, final)
	if err != nil {
		return nil, err
	}
	if final {
		return s.offer(st)
	}
	for _, below := range n.below {
		if path, err := s.down(st, below); path != nil || s.fatal(err) {
			return path, err
		}
	}
	return nil, nil
}

// sameAuthority reports whether a certificate is of the same name and key. A way through an authority and back to it holds no better
// than the one that leaves it at once, and there are too many of them (RFC 4158 section 2.4.2).
func (n *node) sameAuthority(c *Certificate) bool {
	return c == n.cert || bytes.Equal(c.SPKI, n.cert.SPKI) && c.Subject.Equal(n.cert.Subject)
}

// diagnose says why no anchor was reached, about the certificate that came furthest.
func (s *search) diagnose() *Error {
	var best *Error
	level := -1
	weight := map[Reason]int{NotTrusted: 5, ForbiddenAlgorithm: 4, UnsupportedAlgorithm: 3, WrongSignature: 2, NamesDoNotChain: 1, PathTooLong: 1}
	for _, n := range s.nodes {
		if n.issued {
			continue
		}
		err := s.dead(n)
		if n.level > level || n.level == level && weight[err.Reason] > weight[best.Reason] {
			best, level = err, n.level
			for m := n; m != nil; m = m.via {
				best.Path = append(best.Path, m.cert)
			}
			slices.Reverse(best.Path)
		}
	}
	if best == nil {
		// Everybody was issued by somebody: a circle.
		best = fail(NoIssuer, s.target, "has issuers who vouch for each other only, and none of them is trusted")
	}
	return best
}

// dead says why a certificate has no issuer.
func (s *search) dead(n *node) *Error {
	c := n.cert
	switch {
	case n.selfSigned:
		return fail(NotTrusted, c, "is self-signed, and not among those that are trusted")
	case n.level+1 >= s.depth:
		return fail(PathTooLong, c, "is the last of a path of %d certificates, and longer ones are not followed", s.depth)
	case n.failure != nil:
		return n.failure
	}
	if c.AuthorityKeyID != nil {
		for _, pool := range append([]*Pool{s.v.Anchors.certificates()}, s.v.Pools...) {
			if pool == nil {
				continue
			}
			for _, other := range pool.ByKeyID(c.AuthorityKeyID.KeyID) {
				if !other.Equal(c) && !other.Subject.Equal(c.Issuer) {
					return fail(NamesDoNotChain, c, "names %s as its issuer, and the certificate with the key that it names is of %s", c.Issuer, other.Subject)
				}
			}
		}
	}
	return fail(NoIssuer, c, "was issued by %s, of whom no certificate is known", c.Issuer)
}
