package pki

import (
	"maps"
	"slices"

	"github.com/seed-116355fd/signet/internal/cms"
)

// Policies after RFC 5280 section 6.1 with the graph of RFC 9618 in the place of the tree, which grows exponentially. A level
// has one node for each policy at most. Levels are not modified once the next certificate is looked at, so that paths that
// begin alike share them.

// policyNode is a policy that is valid up to a certificate.
type policyNode struct {
	policy   cms.OID
	expected []cms.OID // in the next certificate
	parents  []*policyNode
}

// policyLevel is the nodes of one depth, by their policy. An empty level is the NULL graph of the standard.
type policyLevel map[cms.OID]*policyNode

// policyState is the variables of section 6.1.2 (a), (d) to (f) that concern policies.
type policyState struct {
	level      policyLevel
	explicit   int // explicit_policy
	inhibitAny int // inhibit_anyPolicy
	mapping    int // policy_mapping
}

func newPolicyState(p Policies) policyState {
	forever := maxDepthLimit + 1
	at := func(now bool) int {
		if now {
			return 0
		}
		return forever
	}
	return policyState{
		level:      policyLevel{cms.OIDAnyPolicy: {policy: cms.OIDAnyPolicy, expected: []cms.OID{cms.OIDAnyPolicy}}},
		explicit:   at(p.Explicit),
		inhibitAny: at(p.InhibitAny),
		mapping:    at(p.InhibitMapping),
	}
}

// process is section 6.1.3 (d) to (f).
func (s *policyState) process(c *Certificate, final bool, spend func(int) *Error) *Error {
	switch {
	case len(c.Policies) == 0:
		s.level = nil
	case len(s.level) > 0:
		next, err := s.next(c, final, spend)
		if err != nil {
			return err
		}
		s.level = next
	}
	if s.explicit == 0 && len(s.level) == 0 {
		return fail(PolicyNotMet, c, "leaves no policy that is valid for the path, and one has to be")
	}
	return nil
}

// next makes the nodes of the next depth.
func (s *policyState) next(c *Certificate, final bool, spend func(int) *Error) (policyLevel, *Error) {
	expecting := map[cms.OID][]*policyNode{}
	size := len(c.Policies)
	for _, n := range s.level {
		for _, p := range n.expected {
			expecting[p] = append(expecting[p], n)
		}
		size += 1 + len(n.expected)
	}
	if err := spend(size); err != nil {
		return nil, err
	}
	next := policyLevel{}
	add := func(p cms.OID, parents []*policyNode) {
		next[p] = &policyNode{p, []cms.OID{p}, parents}
	}
	any := false
	for _, p := range c.Policies {
		if p == cms.OIDAnyPolicy {
			any = true
			continue
		}
		if parents := expecting[p]; parents != nil {
			add(p, parents) // (d)(1)(i)
		} else if n := s.level[cms.OIDAnyPolicy]; n != nil {
			add(p, []*policyNode{n}) // (d)(1)(ii)
		}
	}
	if any && (s.inhibitAny > 0 || !final && c.SelfIssued()) { // (d)(2)
		for p, parents := range expecting {
			if next[p] == nil {
				add(p, parents)
			}
		}
	}
	return next, nil
}

// prepare is section 6.1.4 (a), (b) and (h) to (j).
func (s *policyState) prepare(c *Certificate, spend func(int) *Error) *Error {
	if err := s.applyMappings(c, spend); err != nil {
		return err
	}
	if !c.SelfIssued() {
		for _, counter := range []*int{&s.explicit, &s.mapping, &s.inhibitAny} {
			*counter = max(0, *counter-1)
		}
	}
	if pc := c.PolicyConstraint; pc != nil {
		lower(&s.explicit, pc.RequireExplicitPolicy)
		lower(&s.mapping, pc.InhibitPolicyMapping)
	}
	if c.InhibitAnyPolicy != nil {
		lower(&s.inhibitAny, *c.InhibitAnyPolicy)
	}
	return nil
}

func lower(counter *int, to int) {
	if to >= 0 {
		*counter = min(*counter, to)
	}
}

func (s *policyState) applyMappings(c *Certificate, spend func(int) *Error) *Error {
	if len(c.PolicyMappings) == 0 {
		return nil
	}
	if err := spend(len(c.PolicyMappings)); err != nil {
		return err
	}
	to := map[cms.OID][]cms.OID{}
	seen := map[PolicyMapping]bool{}
	var order []cms.OID
	for _, m := range c.PolicyMappings {
		if m.IssuerDomain == cms.OIDAnyPolicy || m.SubjectDomain == cms.OIDAnyPolicy {
			return fail(PolicyNotMet, c, "maps anyPolicy, which is not allowed").about(oidPolicyMappings)
		}
		if seen[m] {
			continue
		}
		seen[m] = true
		if to[m.IssuerDomain] == nil {
			order = append(order, m.IssuerDomain)
		}
		to[m.IssuerDomain] = append(to[m.IssuerDomain], m.SubjectDomain)
	}
	if len(s.level) == 0 {
		return nil
	}
	// The level was made for this certificate on this path by next, so that nobody else has it yet.
	level := s.level
	for _, p := range order {
		node, any := level[p], level[cms.OIDAnyPolicy]
		switch {
		case s.mapping == 0:
			delete(level, p)
		case node != nil:
			level[p] = &policyNode{p, to[p], node.parents}
		case any != nil:
			level[p] = &policyNode{p, to[p], any.parents}
		}
	}
	return nil
}

// finish is section 6.1.5 (a), (b) and (g) for the last certificate, and returns the policies of the user that are valid for
// the path: anyPolicy alone when there is no limit.
func (s *policyState) finish(c *Certificate, p Policies, spend func(int) *Error) ([]cms.OID, *Error) {
	s.explicit = max(0, s.explicit-1)
	if pc := c.PolicyConstraint; pc != nil && pc.RequireExplicitPolicy == 0 {
		s.explicit = 0
	}
	granted, err := s.granted(spend)
	if err != nil {
		return nil, err
	}
	valid := intersectPolicies(granted, p.Initial)
	if s.explicit == 0 && len(valid) == 0 {
		return nil, fail(PolicyNotMet, c, "is under no policy that is wanted, and one has to be")
	}
	return valid, nil
}

// granted walks up from the last level to the nodes below anyPolicy, whose policies are those of the anchor's domain
// (RFC 9618 section 5.3).
func (s *policyState) granted(spend func(int) *Error) ([]cms.OID, *Error) {
	found := map[cms.OID]bool{}
	seen := map[*policyNode]bool{}
	var open []*policyNode
	for _, n := range s.level {
		if n.policy == cms.OIDAnyPolicy {
			return []cms.OID{cms.OIDAnyPolicy}, nil
		}
		seen[n] = true
		open = append(open, n)
	}
	for len(open) > 0 {
		n := open[len(open)-1]
		open = open[:len(open)-1]
		if err := spend(1 + len(n.parents)); err != nil {
			return nil, err
		}
		for _, parent := range n.parents {
			if parent.policy == cms.OIDAnyPolicy {
				found[n.policy] = true
			} else if !seen[parent] {
				seen[parent] = true
				open = append(open, parent)
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// intersectPolicies returns what the user wants of what was granted. No wish is any policy.
func intersectPolicies(granted, wanted []cms.OID) []cms.OID {
	if len(wanted) == 0 || slices.Contains(wanted, cms.OIDAnyPolicy) {
		return granted
	}
	if slices.Contains(granted, cms.OIDAnyPolicy) {
		return slices.Clone(wanted)
	}
	has := map[cms.OID]bool{}
	for _, p := range granted {
		has[p] = true
	}
	var both []cms.OID
	for _, p := range wanted {
		if has[p] {
			both = append(both, p)
		}
	}
	return both
}
