package pki

import (
	"bytes"
	"sync"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
)

// Pool is certificates that may be needed, whoever they come from: being in a pool says nothing about trust. It is indexed,
// so that looking up does not depend on its size. Adding is not safe beside other uses; looking up is safe for concurrent
// use. The zero Pool is empty and works.
type Pool struct {
	all   []*Certificate
	index *index // nil as long as looking at all costs less

	mu     sync.Mutex
	hashed map[cms.OID]map[string]*Certificate
}

// index finds certificates in large pools.
type index struct {
	seen      map[string]*Certificate // by octets
	bySubject map[string][]*Certificate
	byKeyID   map[string][]*Certificate
	bySerial  map[string][]*Certificate // by issuer and serial number
}

// smallPool is how many certificates a pool has without an index: those of most messages.
const smallPool = 8

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
	if known := p.same(c.Raw); known != nil {
		return known
	}
	p.all = append(p.all, c)
	p.hashed = nil
	switch {
	case p.index != nil:
		p.index.add(c)
	case len(p.all) > smallPool:
		p.index = &index{map[string]*Certificate{}, map[string][]*Certificate{}, map[string][]*Certificate{}, map[string][]*Certificate{}}
		for _, c := range p.all {
			p.index.add(c)
		}
	}
	return c
}

func (x *index) add(c *Certificate) {
	x.seen[string(c.Raw)] = c
	subject, serial := c.Subject.Key(), c.Issuer.Key()+"\x00"+serialKey(c.Serial)
	x.bySubject[subject] = append(x.bySubject[subject], c)
	x.bySerial[serial] = append(x.bySerial[serial], c)
	if len(c.SubjectKeyID) > 0 {
		x.byKeyID[string(c.SubjectKeyID)] = append(x.byKeyID[string(c.SubjectKeyID)], c)
	}
}

// same returns the certificate of these octets, or nil.
func (p *Pool) same(raw []byte) *Certificate {
	if p.index != nil {
		return p.index.seen[string(raw)]
	}
	for _, c := range p.all {
		if bytes.Equal(c.Raw, raw) {
			return c
		}
	}
	return nil
}

// has reports whether a certificate is in, octet by octet.
func (p *Pool) has(c *Certificate) bool { return p.same(c.Raw) != nil }

// Read returns the certificate of these octets that is in, or reads them and puts it in: those who meet the same certificate in
// many places read it once.
func (p *Pool) Read(ber []byte) (*Certificate, error) {
	if c := p.same(ber); c != nil {
		return c, nil
	}
	c, err := ParseCertificate(ber)
	if err != nil {
		return nil, err
	}
	return p.Add(c), nil
}

// Certificates returns all, in the order in which they were added. The slice is the pool's. Nil has none.
func (p *Pool) Certificates() []*Certificate {
	if p == nil {
		return nil
	}
	return p.all
}

// those returns what an index has, or looks at all.
func (p *Pool) those(indexed func(*index) []*Certificate, is func(*Certificate) bool) (found []*Certificate) {
	if p == nil {
		return nil
	}
	if p.index != nil {
		return indexed(p.index)
	}
	for _, c := range p.all {
		if is(c) {
			found = append(found, c)
		}
	}
	return found
}

// BySubject returns those of a subject, names compared by [Name.Equal]. The slice is the pool's.
func (p *Pool) BySubject(name Name) []*Certificate {
	return p.those(func(x *index) []*Certificate { return x.bySubject[name.Key()] }, func(c *Certificate) bool { return c.Subject.Equal(name) })
}

// ByKeyID returns those with a subject key identifier. The slice is the pool's.
func (p *Pool) ByKeyID(id []byte) []*Certificate {
	if len(id) == 0 {
		return nil
	}
	return p.those(func(x *index) []*Certificate { return x.byKeyID[string(id)] }, func(c *Certificate) bool { return bytes.Equal(c.SubjectKeyID, id) })
}

// ByIssuerSerial returns those of an issuer with a serial number, given as contents octets of an INTEGER. There is one as a
// rule; anybody may have made others.
func (p *Pool) ByIssuerSerial(issuer Name, serial []byte) []*Certificate {
	key := serialKey(serial)
	return p.those(func(x *index) []*Certificate { return x.bySerial[issuer.Key()+"\x00"+key] },
		func(c *Certificate) bool { return serialKey(c.Serial) == key && c.Issuer.Equal(issuer) })
}

// Identified returns the first certificate that a signer identifier (RFC 5652 section 5.3) names, or nil.
func (p *Pool) Identified(sid cms.SignerID) *Certificate {
	found := p.AllIdentified(sid)
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// AllIdentified returns all certificates that a signer identifier names. The slice is the pool's.
func (p *Pool) AllIdentified(sid cms.SignerID) []*Certificate {
	switch {
	case len(sid.SubjectKeyID) != 0:
		return p.ByKeyID(sid.SubjectKeyID)
	case len(sid.Issuer) != 0:
		return p.ByIssuerSerial(NewName(sid.Issuer), sid.Serial)
	}
	return nil
}

// Hashed returns the certificate with a digest, or nil. All are digested once by each hash.
func (p *Pool) Hashed(h algorithm.Hash, sum []byte) *Certificate {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	sums, ok := p.hashed[h.ID]
	if !ok {
		sums = make(map[string]*Certificate, len(p.all))
		for _, c := range p.all {
			if key := string(h.Sum(c.Raw)); sums[key] == nil {
				sums[key] = c
			}
		}
		if p.hashed == nil {
			p.hashed = map[cms.OID]map[string]*Certificate{}
		}
		p.hashed[h.ID] = sums
	}
	return sums[string(sum)]
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
	known  remembered

	checkers algorithm.Checkers
}

// Checkers are those of all who judge by these anchors.
func (a *Anchors) Checkers() *algorithm.Checkers {
	if a == nil {
		return nil
	}
	return &a.checkers
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
