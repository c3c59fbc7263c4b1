package revocation

import "crypto/x509"

// Check finds the state of a certificate in values that are at hand, without the network: those of a signature, or of an
// archive. Among those that hold, one that says "revoked" counts more than any that says "good", and a later one more
// than an earlier. The error is a [*Failure] that says what is wrong with each value, or of [CheckSource] when none is
// there that could speak of the certificate.
func (v *Values) Check(cert, issuer *x509.Certificate, o *CheckOptions) (*Status, error) {
	return v.parse().check(cert, issuer, o)
}

// Checker is values that were read once, for those who ask about many certificates. It is safe for concurrent use.
type Checker struct{ p *parsed }

// NewChecker reads values; nil is none.
func NewChecker(v *Values) *Checker {
	if v == nil {
		v = &Values{}
	}
	return &Checker{v.parse()}
}

// Check is [Values.Check].
func (c *Checker) Check(cert, issuer *x509.Certificate, o *CheckOptions) (*Status, error) {
	return c.p.check(cert, issuer, o)
}

// Len is how many values there are.
func (c *Checker) Len() int { return len(c.p.responses) + len(c.p.lists) }

// parsed are values that were read once.
type parsed struct {
	responses    []*Response
	lists        []*CRL
	certificates []*x509.Certificate
	broken       []error
}

func (v *Values) parse() *parsed {
	p := &parsed{certificates: v.Certificates}
	for _, der := range v.OCSP {
		r, err := ParseResponse(der)
		if err != nil {
			p.broken = append(p.broken, err)
			continue
		}
		p.responses = append(p.responses, r)
	}
	for _, der := range v.CRLs {
		c, err := ParseCRL(der)
		if err != nil {
			p.broken = append(p.broken, err)
			continue
		}
		p.lists = append(p.lists, c)
	}
	return p
}

func (p *parsed) check(cert, issuer *x509.Certificate, o *CheckOptions) (*Status, error) {
	var with CheckOptions
	if o != nil {
		with = *o
	}
	with.Certificates = append(with.Certificates[:len(with.Certificates):len(with.Certificates)], p.certificates...)
	failure := &Failure{What: cert.Subject.String(), Errs: p.broken[:len(p.broken):len(p.broken)]}
	var best *Status
	consider := func(s *Status, err error) {
		switch {
		case err != nil:
			// A value about something else is not a failure of this certificate.
			if !only(err, CheckSubject) && !only(err, CheckIssuer) {
				failure.Errs = append(failure.Errs, err)
			}
		case best == nil, s.State == Revoked && best.State != Revoked,
			s.State == best.State && s.ThisUpdate.After(best.ThisUpdate):
			best = s
		}
	}
	for _, r := range p.responses {
		consider(r.Check(cert, issuer, &with))
	}
	for _, c := range p.lists {
		consider(c.Check(cert, issuer, &with))
	}
	if best != nil {
		return best, nil
	}
	if len(failure.Errs) == 0 {
		return nil, failed(CheckSource, "no value speaks of %s", cert.Subject)
	}
	return nil, failure
}
