package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// maxResponderDepth bounds the responders of responders of responders.
const maxResponderDepth = 3

// CollectOptions say what [Client.Collect] wants of the values. The zero value, and nil, ask for the state now.
type CollectOptions struct {
	// At is as in [CheckOptions].
	At time.Time
	// Since is as in [CheckOptions]: the time of the signature time-stamp asks for values that were made after it. Most
	// CRLs are not, on the day of the signature.
	Since time.Time
	// Anchors are trusted without being asked for, beside Config.Roots and every self-signed certificate.
	Anchors []*x509.Certificate
	// Known are values that are at hand, beside Config.Known: those of the signature that is to be raised. What is good
	// among them is not fetched again.
	Known *Values
	// AllowExpired is as in [CheckOptions].
	AllowExpired bool
}

// Collection is what was gathered: each value once.
type Collection struct {
	Values
	// Statuses has the state of each certificate that was asked for, in the order of the chains, then of responders.
	Statuses []*Status
}

// Status returns the state of a certificate, or nil when it was not asked for: self-signed, an anchor, or exempt (see
// [Exempt]).
func (c *Collection) Status(cert *x509.Certificate) *Status {
	for _, s := range c.Statuses {
		if s.Certificate.Equal(cert) {
			return s
		}
	}
	return nil
}

// Revoked returns the states of the certificates that are revoked.
func (c *Collection) Revoked() (all []*Status) {
	for _, s := range c.Statuses {
		if s.State == Revoked {
			all = append(all, s)
		}
	}
	return all
}

// question is a certificate to be asked for.
type question struct{ cert, issuer *x509.Certificate }

// Collect finds the state of every certificate of the chains but their anchors, and of the OCSP responders that answer
// for them, and gathers the values and certificates: what a long-term signature carries. A certificate that stands in
// several chains is asked for once. Values.Certificates has those of the chains, then those of the responders.
//
// That a certificate is revoked is no error; see [Collection.Revoked]. When the state of one cannot be found, the error
// is of class [sign.ErrRevocation] with all of these as [sign.Errors], and the collection holds what was found. A responder's own state is left out when
// its issuer vouches for it or nothing says where to ask.
func (c *Client) Collect(ctx context.Context, chains [][]*x509.Certificate, o *CollectOptions) (*Collection, error) {
	if o == nil {
		o = &CollectOptions{}
	}
	var known *parsed
	if o.Known != nil {
		known = o.Known.parse()
	}
	all := &Collection{}
	var failures sign.Errors
	seen := map[string]bool{}
	for _, a := range o.Anchors {
		seen[string(a.Raw)] = true
	}
	for _, der := range c.o.Roots.Certificates() {
		seen[string(der)] = true
	}
	var round []question
	for _, chain := range chains {
		for i, cert := range chain {
			all.certificate(cert)
			if seen[string(cert.Raw)] {
				continue
			}
			seen[string(cert.Raw)] = true
			if _, exempt := Exempt(cert); exempt || SelfSigned(cert, c.schemes()...) {
				continue
			}
			if i+1 == len(chain) {
				failures = append(failures, failed(CheckChain, "the issuer of %s is not in its chain", cert.Subject))
				continue
			}
			round = append(round, question{cert, chain[i+1]})
		}
	}
	for depth := 0; len(round) != 0; depth++ {
		var next []question
		statuses, errs := c.askAll(ctx, round, &CheckOptions{At: o.At, Since: o.Since, AllowExpired: o.AllowExpired}, known)
		for i, s := range statuses {
			if errs[i] != nil {
				if depth == 0 || !only(errs[i], CheckSource) {
					failures = append(failures, errs[i])
				}
				continue
			}
			all.add(s)
			if !s.Delegated() {
				continue
			}
			if s.Responder == nil { // a signature could not carry it
				failures = append(failures, failed(CheckResponder, "the certificate of who answers for %s is one that cannot be read here", s.Certificate.Subject))
				continue
			}
			all.certificate(s.Responder)
			if s.ResponderIssuer != nil {
				all.certificate(s.ResponderIssuer)
			}
			key := string(s.Responder.Raw)
			if s.NoCheck || seen[key] {
				continue
			}
			seen[key] = true
			if depth == maxResponderDepth {
				failures = append(failures, failed(CheckResponder, "responders answer for responders, more than %d deep", maxResponderDepth))
				continue
			}
			next = append(next, question{s.Responder, s.ResponderIssuer})
		}
		round = next
	}
	if len(failures) != 0 {
		return all, several(sign.ErrRevocation, "", failures)
	}
	return all, nil
}

// askAll asks for several certificates at once; answers are in the order of the questions.
func (c *Client) askAll(ctx context.Context, questions []question, o *CheckOptions, known *parsed) ([]*Status, []error) {
	statuses, errs := make([]*Status, len(questions)), make([]error, len(questions))
	limit := make(chan struct{}, c.o.InFlight)
	var wg sync.WaitGroup
	for i, q := range questions {
		limit <- struct{}{}
		wg.Add(1)
		sign.Go(func() (err error) {
			statuses[i], err = c.statusOf(ctx, q, o, known)
			return err
		}, func(err error) {
			errs[i] = at(q.cert.Subject.String(), err)
			<-limit
			wg.Done()
		})
	}
	wg.Wait()
	return statuses, errs
}

func (c *Client) statusOf(ctx context.Context, q question, o *CheckOptions, known *parsed) (s *Status, err error) {
	defer sign.Recover(&err)
	asked, err := askedOf(q.cert, q.issuer, &c.kept)
	if err != nil {
		return nil, err
	}
	return c.status(ctx, asked, o, known)
}

func (c *Collection) certificate(cert *x509.Certificate) {
	for _, other := range c.Certificates {
		if other.Equal(cert) {
			return
		}
	}
	c.Certificates = append(c.Certificates, cert)
}

// add keeps a state and its value.
func (c *Collection) add(s *Status) {
	c.Statuses = append(c.Statuses, s)
	switch {
	case s.CRL != nil:
		c.CRLs = once(c.CRLs, s.CRL.Raw)
		for _, l := range s.More {
			c.CRLs = once(c.CRLs, l.Raw)
		}
	case s.Response.Raw != nil:
		c.OCSP = once(c.OCSP, s.Response.Raw)
	default:
		c.OCSP = once(c.OCSP, s.Response.Basic)
	}
}

func once(all [][]byte, der []byte) [][]byte {
	for _, other := range all {
		if bytes.Equal(other, der) {
			return all
		}
	}
	return append(all, der)
}
