package revocation

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/x509"
	"slices"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

// asked is a certificate that is asked about, and its issuer. Both are read by internal/pki, which refuses less than crypto/x509.
type asked struct{ cert, issuer *pki.Certificate }

// askedOf reads what was asked by certificates of crypto/x509. kept may be nil.
func askedOf(cert, issuer *x509.Certificate, kept *readings) (*asked, error) {
	if kept == nil {
		kept = &readings{}
	}
	if cert == nil || issuer == nil {
		return nil, failed(CheckChain, "the certificate and its issuer are both needed")
	}
	q := &asked{}
	var err error
	if q.cert, err = kept.get(cert.Raw, func() (*pki.Certificate, error) { return pki.FromX509(cert) }); err == nil {
		q.issuer, err = kept.get(issuer.Raw, func() (*pki.Certificate, error) { return pki.FromX509(issuer) })
	}
	if err != nil {
		return nil, because(CheckEncoding, "a certificate cannot be read", err)
	}
	return q, nil
}

// askedRaw reads what was asked by certificates in DER.
func askedRaw(cert, issuer []byte, kept *readings) (*asked, error) {
	q := &asked{}
	var err error
	if q.cert, err = kept.get(cert, func() (*pki.Certificate, error) { return pki.ParseCertificate(cert) }); err != nil {
		return nil, because(CheckEncoding, "the certificate cannot be read", err)
	}
	if q.issuer, err = kept.get(issuer, func() (*pki.Certificate, error) { return pki.ParseCertificate(issuer) }); err != nil {
		return nil, because(CheckEncoding, "the certificate of the issuer cannot be read", err)
	}
	return q, nil
}

// readings are certificates that were read, for those who ask about many of one issuer.
type readings struct {
	mu   sync.Mutex
	read map[string]*pki.Certificate // by DER
}

// maxReadings bounds them.
const maxReadings = 256

func (r *readings) get(der []byte, read func() (*pki.Certificate, error)) (*pki.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.read[string(der)]; c != nil {
		return c, nil
	}
	c, err := read()
	if err != nil {
		return nil, err
	}
	if r.read == nil || len(r.read) >= maxReadings {
		r.read = map[string]*pki.Certificate{}
	}
	r.read[string(c.Raw)] = c
	return c, nil
}

// readable returns a certificate for those who know crypto/x509.
func readable(c *pki.Certificate) *x509.Certificate {
	if c == nil {
		return nil
	}
	return c.Lenient()
}

// status begins the answer to a question.
func (q *asked) status(m Method, responder *pki.Certificate) *Status {
	return &Status{
		Certificate: readable(q.cert), Issuer: readable(q.issuer), RawCertificate: q.cert.Raw, RawIssuer: q.issuer.Raw,
		Method: m, Responder: readable(responder), RawResponder: responder.Raw,
	}
}

// certificates are such as issuers of CRLs and responders are looked for among, whoever they come from. They are read when the
// first one is looked for, which most checks never do.
type certificates struct {
	x     []*x509.Certificate
	raw   [][]byte
	once  sync.Once
	all   *pki.Pool
	byKey map[[sha1.Size]byte][]*pki.Certificate
}

func (c *certificates) pool() *pki.Pool {
	c.once.Do(func() {
		c.all, c.byKey = pki.NewPool(), map[[sha1.Size]byte][]*pki.Certificate{}
		add := func(p *pki.Certificate, err error) {
			if err != nil {
				return
			}
			before := len(c.all.Certificates())
			if p = c.all.Add(p); len(c.all.Certificates()) == before {
				return
			}
			if key := keyBits(p.SPKI); key != nil {
				sum := algorithm.SHA1(key)
				c.byKey[sum] = append(c.byKey[sum], p)
			}
		}
		for _, x := range c.x {
			if x != nil {
				add(pki.FromX509(x))
			}
		}
		for _, der := range c.raw {
			add(pki.ParseCertificate(der))
		}
	})
	return c.all
}

// octets is about how much was given.
func (c *certificates) octets() (n int) {
	for _, x := range c.x {
		if x != nil {
			n += len(x.Raw)
		}
	}
	for _, der := range c.raw {
		n += len(der)
	}
	return n
}

// named returns those of a responder (RFC 6960 section 4.2.1, ResponderID): its name, or the SHA-1 of its key.
func (c *certificates) named(name pki.Name, key []byte) []*pki.Certificate {
	pool := c.pool()
	switch {
	case key == nil:
		return pool.BySubject(name)
	case len(key) == sha1.Size:
		return c.byKey[[sha1.Size]byte(key)]
	}
	return nil
}

// run answers one question, and those about the issuers of the CRLs that answer it.
type run struct {
	ctx   context.Context
	o     *CheckOptions
	lists func(pki.Name) []*CRL // those of an issuer that are at hand
	find  []*certificates       // where issuers of CRLs and responders are looked for
	work  *pki.Work
	open  []*CRL // whose issuers are being looked into: a list does not vouch for who signed it

	registry *algorithm.Registry
}

// allows is the rule for the certificates of who signed a value, at its time.
func (r *run) allows(at time.Time) func(pki.Use, cms.Algorithm, []byte) error {
	return func(use pki.Use, alg cms.Algorithm, spki []byte) error {
		return r.registry.Allow(algorithm.Question{Use: algorithm.Use(use), Algorithm: alg, SPKI: spki, Time: at})
	}
}

// verify checks signatures on those certificates, whose work is in the budget of the path.
func (r *run) verify(check *algorithm.SignatureCheck, octets []byte) (string, error) {
	return r.registry.Verify(check, octets, nil)
}

// newRun is a run without any list. work is the budget, and nil one of its own for values of this size.
func newRun(o *CheckOptions, work *pki.Work, size int, find ...*certificates) *run {
	if o == nil {
		o = &CheckOptions{}
	}
	all := slices.DeleteFunc(append([]*certificates{{x: o.Certificates}}, slices.Concat(o.find, find)...), func(c *certificates) bool {
		return c == nil || len(c.x)+len(c.raw) == 0
	})
	if work == nil {
		for _, c := range all {
			size += c.octets()
		}
		work = pki.NewWork(size)
	}
	return &run{
		ctx: context.Background(), o: o, find: all, work: work, lists: func(pki.Name) []*CRL { return nil },
		registry: o.Algorithms.Registry().(*algorithm.Registry),
	}
}

// spend takes the work of checking a signature with a key over so many octets.
func (r *run) spend(spki []byte, size int) error {
	if !r.work.SpendSignature(spki) || !r.work.SpendOctets(size) {
		return failed(CheckWork, "the values ask for more work than their size allows")
	}
	return nil
}

// counts checks that an algorithm still counts at the time for which a value is used: its own time is what whoever made it says.
func (r *run) counts(use algorithm.Use, signed *cms.Signed, spki []byte, made time.Time) error {
	at := r.o.at()
	if !at.After(made) {
		return nil
	}
	return r.registry.Allow(algorithm.Question{Use: use, Algorithm: signed.Algorithm, SPKI: spki, Time: at})
}

// same reports whether two certificates are the same octets.
func same(a, b *pki.Certificate) bool { return a != nil && b != nil && bytes.Equal(a.Raw, b.Raw) }
