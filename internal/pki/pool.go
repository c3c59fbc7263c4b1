package pki

import "crypto/sha256"

// Pool is certificates that may be needed, whoever they come from: being in a pool says nothing about trust. It is indexed,
// so that looking up does not depend on its size. Adding is not safe beside other uses; looking up is safe for concurrent
// use. The zero Pool is empty and works.
type Pool struct {
	all       []*Certificate
	seen      map[[sha256.Size]byte]*Certificate
	bySubject map[string][]*Certificate
	byKeyID   map[string][]*Certificate
	bySerial  map[string][]*Certificate
}

// NewPool returns a pool of certificates. The first ones are tried first where nothing else tells them apart.
func NewPool(certificates ...*Certificate) *Pool {
	p := new(Pool)
	for _, c := range certificates {
		p.Add(c)
	}
	return p
}

// Add puts a certificate in and returns it, or the same one that was in already.
func (p *Pool) Add(c *Certificate) *Certificate {
	sum := c.hash()
	if known := p.seen[sum]; known != nil {
		return known
	}
	if p.seen == nil {
		p.seen = map[[sha256.Size]byte]*Certificate{}
		p.bySubject, p.byKeyID, p.bySerial = map[string][]*Certificate{}, map[string][]*Certificate{}, map[string][]*Certificate{}
	}
	p.seen[sum] = c
	p.all = append(p.all, c)
	subject, serial := c.Subject.Key(), serialKey(c.Serial)
	p.bySubject[subject] = append(p.bySubject[subject], c)
	p.bySerial[serial] = append(p.bySerial[serial], c)
	if len(c.SubjectKeyID) > 0 {
		p.byKeyID[string(c.SubjectKeyID)] = append(p.byKeyID[string(c.SubjectKeyID)], c)
	}
	return c
}

// has reports whether a certificate is in, octet by octet.
func (p *Pool) has(c *Certificate) bool { return p.seen[c.hash()] != nil }

// Certificates returns all, in the order in which they were added. The slice is the pool's.
func (p *Pool) Certificates() []*Certificate { return p.all }

// BySubject returns those of a subject, names compared by [Name.Equal]. The slice is the pool's.
func (p *Pool) BySubject(name Name) []*Certificate { return p.bySubject[name.Key()] }

// ByKeyID returns those with a subject key identifier. The slice is the pool's.
func (p *Pool) ByKeyID(id []byte) []*Certificate {
	if len(id) == 0 {
		return nil
	}
	return p.byKeyID[string(id)]
}

// ByIssuerSerial returns those of an issuer with a serial number, given as contents octets of an INTEGER. There is one as a
// rule; anybody may have made others.
func (p *Pool) ByIssuerSerial(issuer Name, serial []byte) []*Certificate {
	var found []*Certificate
	for _, c := range p.bySerial[serialKey(serial)] {
		if c.Issuer.Equal(issuer) {
			found = append(found, c)
		}
	}
	return found
}

// Anchor is whom a verifier trusts: a certificate, or a name with a key. A certificate need not be self-signed. It is also
// trusted itself, as the signer's certificate for example; for others it answers when it is that of an authority.
type Anchor struct {
	Certificate *Certificate
	Name        Name   // ignored when there is a certificate
	SPKI        []byte // ignored when there is a certificate
}

func (a Anchor) name() Name {
	if a.Certificate != nil {
		return a.Certificate.Subject
	}
	return a.Name
}

func (a Anchor) spki() []byte {
	if a.Certificate != nil {
		return a.Certificate.SPKI
	}
	return a.SPKI
}

// Anchors is all whom a verifier trusts, indexed. It is safe for concurrent use. Nil trusts nobody.
type Anchors struct {
	all    []Anchor
	byName map[string][]Anchor
	pool   Pool
}

// NewAnchors returns an index of anchors. Those without a certificate, a key or a name are left out.
func NewAnchors(anchors ...Anchor) *Anchors {
	a := &Anchors{byName: map[string][]Anchor{}}
	for _, anchor := range anchors {
		if len(anchor.spki()) == 0 || anchor.name().IsEmpty() && anchor.Certificate == nil {
			continue // nobody may be trusted because of an empty name
		}
		if anchor.Certificate != nil {
			anchor = Anchor{Certificate: a.pool.Add(anchor.Certificate)}
		}
		key := anchor.name().Key()
		a.all = append(a.all, anchor)
		a.byName[key] = append(a.byName[key], anchor)
	}
	return a
}

// Trust returns an index of anchors that are certificates.
func Trust(certificates ...*Certificate) *Anchors {
	var all []Anchor
	for _, c := range certificates {
		all = append(all, Anchor{Certificate: c})
	}
	return NewAnchors(all...)
}

// All returns the anchors. The slice is the index's.
func (a *Anchors) All() []Anchor {
	if a == nil {
		return nil
	}
	return a.all
}

// Contains reports whether a certificate is an anchor itself, octet by octet.
func (a *Anchors) Contains(c *Certificate) bool {
	if a == nil {
		return false
	}
	return a.pool.has(c)
}

// BySubject returns the anchors of a name that have a certificate.
func (a *Anchors) BySubject(name Name) (all []*Certificate) {
	for _, one := range a.named(name) {
		if one.Certificate != nil {
			all = append(all, one.Certificate)
		}
	}
	return all
}

func (a *Anchors) named(n Name) []Anchor {
	if a == nil {
		return nil
	}
	return a.byName[n.Key()]
}

func (a *Anchors) certificates() *Pool {
	if a == nil {
		return nil
	}
	return &a.pool
}
