package revocation

import (
	"crypto/x509"
	"sync"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// Check finds the state of a certificate in values that are at hand, without the network: those of a signature, or of an
// archive. Among those that hold, one that says "revoked" counts more than any that says "good", and a later one more
// than an earlier. The cause of the error are [sign.Errors], what is wrong with each value, or it is of [CheckSource] when none is
// there that could speak of the certificate.
//
// CRLs are combined: deltas with their base, and those of some reasons until all are covered (RFC 5280 section 6.3.3). Who signed
// a CRL with another key than the issuer's is looked for among Certificates; see [CheckOptions.Anchor].
func (v *Values) Check(cert, issuer *x509.Certificate, o *CheckOptions) (*Status, error) {
	q, err := askedOf(cert, issuer, nil)
	if err != nil {
		return nil, err
	}
	return v.parse().check(q, o, nil)
}

// Checker is values that were read once, for those who ask about many certificates. It is safe for concurrent use. The work of all
// its checks is bounded together, in proportion to the size of the values; see [CheckWork].
type Checker struct {
	p    *parsed
	work *pki.Work
	kept readings
}

// baseSignatures is what the signatures of few values may cost, in the units of [pki.Work]: 25 with P-521.
const baseSignatures = 2000

// NewChecker reads values; nil is none.
func NewChecker(v *Values) *Checker {
	if v == nil {
		v = &Values{}
	}
	return newChecker(v.parse())
}

func newChecker(p *parsed) *Checker {
	return &Checker{p: p, work: pki.NewWorkOf(baseSignatures+p.size/pki.OctetsPerSignature, pki.BaseSteps+p.size*pki.StepsPerOctet)}
}

// With returns a Checker of more values, with a bound of its own, so that what strangers bring does not use up the work that the
// values of this one need. They are not read again.
func (c *Checker) With(more *Values) *Checker {
	if more == nil {
		more = &Values{}
	}
	p, own := more.parse(), c.p
	p.size += own.size
	p.responses = append(own.responses[:len(own.responses):len(own.responses)], p.responses...)
	p.broken = append(own.broken[:len(own.broken):len(own.broken)], p.broken...)
	p.lists += own.lists
	for key, lists := range own.byIssuer {
		p.byIssuer[key] = append(lists[:len(lists):len(lists)], p.byIssuer[key]...)
	}
	p.certificates = &certificates{x: append(own.certificates.x[:len(own.certificates.x):len(own.certificates.x)], more.Certificates...),
		raw: append(own.certificates.raw[:len(own.certificates.raw):len(own.certificates.raw)], more.RawCertificates...)}
	return newChecker(p)
}

// Check is [Values.Check].
func (c *Checker) Check(cert, issuer *x509.Certificate, o *CheckOptions) (*Status, error) {
	q, err := askedOf(cert, issuer, &c.kept)
	if err != nil {
		return nil, err
	}
	return c.p.check(q, o, c.work)
}

// CheckRaw is [Values.Check] for certificates in DER, also such as crypto/x509 refuses. Certificate, Issuer and Responder of the
// status are nil for those; the octets stand beside.
func (c *Checker) CheckRaw(cert, issuer []byte, o *CheckOptions) (*Status, error) {
	q, err := askedRaw(cert, issuer, &c.kept)
	if err != nil {
		return nil, err
	}
	return c.p.check(q, o, c.work)
}

// Speaks reports whether there is a value that by its form is about a certificate in DER: an OCSP response that names it, or a CRL of
// its issuer or of the one that a distribution point of it names. Whether the value counts is what Check says. The
// algorithms know the hashes of names, and may be nil.
func (c *Checker) Speaks(cert, issuer []byte, algorithms *trust.Algorithms) bool {
	if c.Len() == 0 {
		return false
	}
	q, err := askedRaw(cert, issuer, &c.kept)
	if err != nil {
		return false
	}
	registry := algorithms.Registry().(*algorithm.Registry)
	for _, i := range c.p.bySerial()[number(q.cert.Serial)] {
		if c.p.responses[i].single(q, registry) != nil {
			return true
		}
	}
	if len(c.p.byIssuer[q.cert.Issuer.Key()]) != 0 {
		return true
	}
	for _, d := range q.cert.CRLDistributionPoints {
		for _, n := range d.CRLIssuer {
			if n.Kind == pki.DirectoryName && len(c.p.byIssuer[n.Name().Key()]) != 0 {
				return true
			}
		}
	}
	return false
}

// Len is how many values there are.
func (c *Checker) Len() int { return len(c.p.responses) + c.p.lists }

// parsed are values that were read once.
type parsed struct {
	responses    []*Response
	byIssuer     map[string][]*CRL // by [pki.Name.Key]
	lists        int
	certificates *certificates
	broken       []error
	size         int                     // octets of the values and certificates
	bySerial     func() map[string][]int // which responses speak of a serial number
}

func (v *Values) parse() *parsed {
	p := &parsed{certificates: &certificates{x: v.Certificates, raw: v.RawCertificates}, byIssuer: map[string][]*CRL{}}
	p.size = p.certificates.octets()
	for _, der := range v.OCSP {
		p.size += len(der)
		r, err := ParseResponse(der)
		if err != nil {
			p.broken = noted(p.broken, err)
			continue
		}
		p.responses = append(p.responses, r)
	}
	for _, der := range v.CRLs {
		p.size += len(der)
		c, err := ParseCRL(der)
		if err != nil {
			p.broken = noted(p.broken, err)
			continue
		}
		p.add(c)
	}
	p.bySerial = sync.OnceValue(p.serials)
	return p
}

// add puts a list in.
func (p *parsed) add(c *CRL) {
	p.lists++
	key := c.issuer.Key()
	p.byIssuer[key] = append(p.byIssuer[key], c)
}

// serials makes the index of responses, so that each question looks only at those that can answer it.
func (p *parsed) serials() map[string][]int {
	index := map[string][]int{}
	for i, r := range p.responses {
		for j := range r.Singles {
			key := number(r.Singles[j].CertID.Serial)
			if all := index[key]; len(all) == 0 || all[len(all)-1] != i {
				index[key] = append(all, i)
			}
		}
	}
	return index
}

// better reports whether a state counts more than the best one so far. "Revoked" counts more than "good", and is for good (RFC 5280
// section 3.3), but for a certificate that was put on hold: it may come back, so that the newest value counts.
func better(s, best *Status) bool {
	if best == nil {
		return true
	}
	if a, b := weight(s), weight(best); a != b {
		return a > b
	}
	if n := s.ThisUpdate.Compare(best.ThisUpdate); n != 0 {
		return n > 0
	}
	return s.State == Revoked && best.State != Revoked
}

func weight(s *Status) int {
	switch {
	case s.State == Revoked && s.Reason != CertificateHold:
		return 2
	case s.State == Revoked || s.State == Good:
		return 1
	}
	return 0
}

func (p *parsed) check(q *asked, o *CheckOptions, work *pki.Work) (*Status, error) {
	r := newRun(o, work, p.size, p.certificates)
	r.lists = func(name pki.Name) []*CRL { return p.byIssuer[name.Key()] }
	all := p.broken[:len(p.broken):len(p.broken)]
	var best *Status
	for _, i := range p.bySerial()[number(q.cert.Serial)] {
		s, err := p.responses[i].answer(q, r)
		switch {
		case err != nil:
			if !only(err, CheckSubject) { // a response about something else is not a failure of this certificate
				all = noted(all, err)
			}
		case better(s, best):
			best = s
		}
	}
	s, errs := r.byLists(q)
	for _, err := range errs {
		all = noted(all, err)
	}
	if s != nil && better(s, best) {
		best = s
	}
	if best != nil {
		return best, nil
	}
	if len(all) == 0 {
		return nil, failed(CheckSource, "no value speaks of %s", q.cert.Subject)
	}
	return nil, several(sign.ErrRevocation, q.cert.Subject.String(), all)
}
