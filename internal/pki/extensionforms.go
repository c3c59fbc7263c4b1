package pki

import (
	"errors"
	"fmt"

	"github.com/seed-116355fd/signet/internal/cms"
)

// AuthorityKeyID is RFC 5280 section 4.2.1.1. It says which issuer to try first, and never that another one is wrong.
type AuthorityKeyID struct {
	KeyID  []byte
	Issuer []GeneralName
	Serial []byte
}

func (c *Certificate) readAuthorityKeyID(v cms.Value) error {
	if err := want(v, cms.TagSequence); err != nil {
		return err
	}
	id := new(AuthorityKeyID)
	for r := v.Reader(); !r.Empty(); {
		field, err := r.Next()
		if err != nil {
			return err
		}
		switch field.Tag() {
		case cms.ContextTag(0):
			id.KeyID = field.Body()
		case cms.ContextConstructed(1):
			if id.Issuer, err = parseGeneralNames(field); err != nil {
				return err
			}
		case cms.ContextTag(2):
			id.Serial = field.Body()
		default:
			return fmt.Errorf("%s has no place in it", field.Tag())
		}
	}
	c.AuthorityKeyID = id
	return nil
}

// NameConstraints is RFC 5280 section 4.2.1.10.
type NameConstraints struct {
	Permitted, Excluded []GeneralName // bases of subtrees
}

func parseNameConstraints(v cms.Value) (*NameConstraints, error) {
	if err := want(v, cms.TagSequence); err != nil {
		return nil, err
	}
	nc := new(NameConstraints)
	for r := v.Reader(); !r.Empty(); {
		field, err := r.Next()
		if err != nil {
			return nil, err
		}
		list := &nc.Permitted
		switch {
		case field.Tag() == cms.ContextConstructed(0) && nc.Permitted == nil && nc.Excluded == nil:
		case field.Tag() == cms.ContextConstructed(1) && nc.Excluded == nil:
			list = &nc.Excluded
		default:
			return nil, fmt.Errorf("%s is out of place in it", field.Tag())
		}
		if *list, err = parseSubtrees(field); err != nil {
			return nil, err
		}
	}
	if nc.Permitted == nil && nc.Excluded == nil {
		return nil, errors.New("it is empty")
	}
	return nc, nil
}

func parseSubtrees(v cms.Value) ([]GeneralName, error) {
	var bases []GeneralName
	for r := v.Reader(); !r.Empty(); {
		subtree, err := r.Want(cms.TagSequence, "a subtree")
		if err != nil {
			return nil, err
		}
		fields := subtree.Reader()
		first, err := fields.Next()
		if err != nil {
			return nil, err
		}
		base, err := parseGeneralName(first)
		if err != nil {
			return nil, err
		}
		for !fields.Empty() {
			// minimum is 0 and maximum absent, or the authority means something that nobody does (section 4.2.1.10).
			field, err := fields.Next()
			if err != nil {
				return nil, err
			}
			if b := field.Body(); field.Tag() != cms.ContextTag(0) || len(b) != 1 || b[0] != 0 || !fields.Empty() {
				return nil, errors.New("a subtree has a minimum or a maximum")
			}
		}
		if len(bases) == maxGeneralNames {
			return nil, fmt.Errorf("it has more than %d subtrees", maxGeneralNames)
		}
		bases = append(bases, base)
	}
	if len(bases) == 0 {
		return nil, errors.New("a list of subtrees is empty")
	}
	return bases, nil
}

// readPolicies reads the identifiers. A policy that is there twice counts once, and qualifiers are for people.
func (c *Certificate) readPolicies(v cms.Value) error {
	if err := want(v, cms.TagSequence); err != nil {
		return err
	}
	var policies []cms.OID
	seen := map[cms.OID]bool{}
	twice := cms.OID("")
	for r := v.Reader(); !r.Empty(); {
		info, err := r.Want(cms.TagSequence, "a policy")
		if err != nil {
			return err
		}
		fields := info.Reader()
		first, err := fields.Next()
		if err != nil {
			return err
		}
		id, err := first.OID()
		if err != nil {
			return err
		}
		if !seen[id] {
			policies = append(policies, id)
		} else if twice == "" {
			twice = id
			c.problem(false, "names the policy %s twice", id.Name())
		}
		if seen[id] = true; len(policies) > maxGeneralNames {
			return fmt.Errorf("it has more than %d policies", maxGeneralNames)
		}
	}
	if len(policies) == 0 {
		return errors.New("it is empty")
	}
	c.Policies = policies
	return nil
}

// PolicyMapping is a pair of RFC 5280 section 4.2.1.5.
type PolicyMapping struct{ IssuerDomain, SubjectDomain cms.OID }

func (c *Certificate) readPolicyMappings(v cms.Value) error {
	if err := want(v, cms.TagSequence); err != nil {
		return err
	}
	var mappings []PolicyMapping
	for r := v.Reader(); !r.Empty(); {
		pair, err := r.Next()
		if err != nil {
			return err
		}
		ids, err := oidList(pair)
		if err != nil {
			return err
		}
		if len(ids) != 2 {
			return errors.New("a mapping is of two policies")
		}
		if len(mappings) == maxGeneralNames {
			return fmt.Errorf("it has more than %d mappings", maxGeneralNames)
		}
		mappings = append(mappings, PolicyMapping{ids[0], ids[1]})
	}
	if len(mappings) == 0 {
		return errors.New("it is empty")
	}
	c.PolicyMappings = mappings
	return nil
}

// PolicyConstraints is RFC 5280 section 4.2.1.11: after how many certificates something begins to hold; -1 for never.
type PolicyConstraints struct{ RequireExplicitPolicy, InhibitPolicyMapping int }

func (c *Certificate) readPolicyConstraints(v cms.Value) error {
	if err := want(v, cms.TagSequence); err != nil {
		return err
	}
	pc := &PolicyConstraints{-1, -1}
	for r := v.Reader(); !r.Empty(); {
		field, err := r.Next()
		if err != nil {
			return err
		}
		number := &pc.RequireExplicitPolicy
		if field.Tag() == cms.ContextTag(1) {
			number = &pc.InhibitPolicyMapping
		}
		if field.Tag() != cms.ContextTag(0) && field.Tag() != cms.ContextTag(1) || *number != -1 {
			return fmt.Errorf("%s is out of place in it", field.Tag())
		}
		if *number, err = skipCerts(field, field.Tag()); err != nil {
			return err
		}
	}
	if pc.RequireExplicitPolicy == -1 && pc.InhibitPolicyMapping == -1 {
		return errors.New("it is empty")
	}
	c.PolicyConstraint = pc
	return nil
}

// DistributionPoint is RFC 5280 section 4.2.1.13.
type DistributionPoint struct {
	FullName []GeneralName
	Relative []byte // the attributes of nameRelativeToCRLIssuer, without the tag
	// Reasons are the bits of ReasonFlags, keyCompromise being 1<<1; 0 with HasReasons false means all.
	Reasons    uint16
	HasReasons bool
	CRLIssuer  []GeneralName
}

// Names returns the full names of the point; a relative one is completed with the first directory name of CRLIssuer or else
// with the issuer of the certificate.
func (p DistributionPoint) Names(issuer Name) []GeneralName {
	if len(p.Relative) == 0 {
		return p.FullName
	}
	for _, g := range p.CRLIssuer {
		if g.Kind == DirectoryName {
			issuer = g.Name()
			break
		}
	}
	return []GeneralName{{DirectoryName, issuer.Child(p.Relative).Raw}}
}

func parseDistributionPoints(v cms.Value) ([]DistributionPoint, error) {
	if err := want(v, cms.TagSequence); err != nil {
		return nil, err
	}
	var points []DistributionPoint
	for r := v.Reader(); !r.Empty(); {
		seq, err := r.Want(cms.TagSequence, "a distribution point")
		if err != nil {
			return nil, err
		}
		p, err := parseDistributionPoint(seq)
		if err != nil {
			return nil, err
		}
		if len(points) == maxGeneralNames {
			return nil, fmt.Errorf("it has more than %d points", maxGeneralNames)
		}
		points = append(points, p)
	}
	if len(points) == 0 {
		return nil, errors.New("it is empty")
	}
	return points, nil
}

func parseDistributionPoint(seq cms.Value) (p DistributionPoint, err error) {
	for r := seq.Reader(); !r.Empty(); {
		field, err := r.Next()
		if err != nil {
			return p, err
		}
		switch field.Tag() {
		case cms.ContextConstructed(0):
			inner := field.Reader()
			name, err := inner.Next()
			if err != nil || !inner.Empty() {
				return p, errors.New("the name of a distribution point is malformed")
			}
			if p.FullName, p.Relative, err = ParseDistributionPointName(name); err != nil {
				return p, err
			}
		case cms.ContextTag(1):
			if p.Reasons, err = namedBits(field); err != nil {
				return p, err
			}
			p.HasReasons = true
		case cms.ContextConstructed(2):
			if p.CRLIssuer, err = parseGeneralNames(field); err != nil {
				return p, err
			}
		default:
			return p, fmt.Errorf("%s has no place in a distribution point", field.Tag())
		}
	}
	return p, nil
}

// ParseDistributionPointName reads the choice of RFC 5280 section 4.2.1.13, which issuing distribution points of CRLs have,
// too: full names, or the attributes of a relative one.
func ParseDistributionPointName(v cms.Value) (full []GeneralName, relative []byte, err error) {
	switch v.Tag() {
	case cms.ContextConstructed(0):
		full, err = parseGeneralNames(v)
		return full, nil, err
	case cms.ContextConstructed(1):
		if readRDN(nil, v) == nil {
			return nil, nil, errors.New("a relative name is malformed")
		}
		return nil, v.Body(), nil
	}
	return nil, nil, fmt.Errorf("%s is no name of a distribution point", v.Tag())
}

// ParseGeneralNames reads a GeneralNames under any tag, which the caller has checked.
func ParseGeneralNames(v cms.Value) ([]GeneralName, error) { return parseGeneralNames(v) }

// AccessDescription is RFC 5280 section 4.2.2.1.
type AccessDescription struct {
	Method   cms.OID
	Location GeneralName
}

func (c *Certificate) readAuthorityInfoAccess(v cms.Value) error {
	if err := want(v, cms.TagSequence); err != nil {
		return err
	}
	var places []AccessDescription
	for r := v.Reader(); !r.Empty(); {
		seq, err := r.Want(cms.TagSequence, "an access description")
		if err != nil {
			return err
		}
		fields := seq.Reader()
		method, err := fields.Next()
		if err != nil {
			return err
		}
		id, err := method.OID()
		if err != nil {
			return err
		}
		location, err := fields.Next()
		if err != nil {
			return err
		}
		g, err := parseGeneralName(location)
		if err != nil {
			return err
		}
		if len(places) == maxGeneralNames {
			return fmt.Errorf("it has more than %d places", maxGeneralNames)
		}
		places = append(places, AccessDescription{id, g})
	}
	c.AuthorityInfoAccess = places
	return nil
}
