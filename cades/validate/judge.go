package validate

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

// oidOCSP is id-ad-ocsp (RFC 5280 section 4.2.2.1).
const oidOCSP cms.OID = "\x2b\x06\x01\x05\x05\x07\x30\x01"

// revoked is of a certificate that was revoked before the time at which it is judged.
type revoked struct {
	who    string
	at     time.Time
	reason revocation.Reason
}

func (r *revoked) Error() string {
	return fmt.Sprintf("%s was revoked on %s (%s)", r.who, r.at.UTC().Format(time.RFC3339), r.reason)
}

// states is what is known of the revocation of the certificates of a path.
type states struct {
	lines []string // what was found
	open  string   // what had to be known and is not, with the sentence that says how to go on
}

func (s *states) text() string { return strings.Join(s.lines, "; ") }

// judge finds a path for a certificate that was good at a time: valid, and not revoked before.
func (v *verifier) judge(ctx context.Context, roots *trust.Roots, der []byte, token *tsp.Token, at time.Time, use pki.Purpose) (*pki.Path, *states, error) {
	target, err := pki.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	v.prepare()
	pools := v.pools
	if token != nil {
		inside := pki.NewPool()
		for _, c := range token.Certificates() {
			if p, err := pki.FromX509(c); err == nil {
				inside.Add(p)
			}
		}
		pools = append(pools[:len(pools):len(pools)], inside)
	}
	var last *states
	find := pki.Verifier{
		Anchors: roots.Index().(*pki.Anchors), Pools: pools, Time: at, Purpose: use, Algorithms: v.allows(at), Signature: v.certificates(at), Work: v.work,
		Policies: v.policy.certificatePolicies(use),
		Accept: func(ctx context.Context, path *pki.Path) (err error) {
			last, err = v.revocations(ctx, path, at, use)
			return err
		},
	}
	path, err := find.Path(ctx, target)
	if err == nil && last == nil {
		last = &states{}
	}
	return path, last, err
}

// prepare reads the certificates and values of the message, once.
func (v *verifier) prepare() {
	if v.work != nil {
		return
	}
	v.work = pki.NewWork(len(v.m.BER))
	v.check = v.registry().Checker(pki.BaseSignatures + len(v.m.BER)/pki.OctetsPerSignature)
	v.pools = []*pki.Pool{pki.NewPool(), pki.NewPool()}
	for _, c := range v.o.Certificates {
		if p, err := pki.FromX509(c); err == nil {
			v.pools[0].Add(p)
		}
	}
	values := &revocation.Values{}
	if v.o.Values != nil {
		values.OCSP, values.CRLs = append(values.OCSP, v.o.Values.OCSP...), append(values.CRLs, v.o.Values.CRLs...)
		values.Certificates = append(values.Certificates, v.o.Values.Certificates...)
	}
	certificates := v.gather(v.m.SD, values)
	for _, s := range v.m.Signatures {
		certificates = v.gatherSignature(s, values, certificates)
	}
	for _, der := range certificates {
		if p, err := pki.ParseCertificate(der); err == nil {
			v.pools[1].Add(p)
			if len(values.OCSP) == 0 {
				continue
			}
			if x, err := p.X509(); err == nil { // responders are looked for among them
				values.Certificates = append(values.Certificates, x)
			}
		}
	}
	v.values = revocation.NewChecker(values)
}

// gather takes the certificates and values of a SignedData.
func (v *verifier) gather(sd *cms.SignedData, values *revocation.Values) (certificates [][]byte) {
	for _, c := range sd.Certificates {
		certificates = append(certificates, c.Raw())
	}
	for _, r := range sd.Revocations {
		if r.Tag() == cms.TagSequence {
			values.CRLs = append(values.CRLs, r.Raw())
			continue
		}
		fields := r.Reader() // RFC 5940: OtherRevocationInfoFormat, [1] IMPLICIT
		id, err := fields.Want(cms.TagOID, "otherRevInfoFormat")
		if err != nil || r.Tag() != cms.ContextConstructed(1) || cms.OID(id.Body()) != cms.OIDRIOCSPResponse {
			continue
		}
		if response, err := fields.Next(); err == nil {
			values.OCSP = append(values.OCSP, response.Raw())
		}
	}
	return certificates
}

// gatherSignature takes those in the unsigned attributes of a signature, and in its time-stamps.
func (v *verifier) gatherSignature(s *message.Signature, values *revocation.Values, certificates [][]byte) [][]byte {
	for _, a := range s.SI.Unsigned {
		for _, value := range a.Values {
			switch a.Type {
			case cms.OIDCertificateValues:
				r := value.Reader()
				all, _ := r.All()
				for _, c := range all {
					certificates = append(certificates, c.Raw())
				}
			case cms.OIDRevocationValues:
				r := value.Reader()
				fields, _ := r.All()
				for _, f := range fields { // crlVals [0], ocspVals [1] (RFC 5126 section 6.3.4), EXPLICIT
					inner := f.Reader()
					list, err := inner.Want(cms.TagSequence, "values")
					if err != nil {
						continue
					}
					members := list.Reader()
					all, _ := members.All()
					for _, m := range all {
						switch f.Tag() {
						case cms.ContextConstructed(0):
							values.CRLs = append(values.CRLs, m.Raw())
						case cms.ContextConstructed(1):
							values.OCSP = append(values.OCSP, m.Raw())
						}
					}
				}
			}
		}
	}
	for _, t := range v.stamps(s) {
		if t.Token != nil {
			certificates = append(certificates, v.gather(t.Token.SignedData(), values)...)
		}
	}
	for _, child := range s.Counter {
		certificates = v.gatherSignature(child, values, certificates)
	}
	return certificates
}

// revocations finds whether a certificate of a path was revoked before a time. The error is a *revoked.
func (v *verifier) revocations(ctx context.Context, path *pki.Path, at time.Time, use pki.Purpose) (*states, error) {
	s := &states{}
	if v.o.NoRevocation {
		s.lines = append(s.lines, "whether certificates were revoked was not looked at, as asked for")
		return s, nil
	}
	chain := path.Chain()
	for i, c := range chain[:len(chain)-1] {
		line, open, err := v.revocation(ctx, c, chain[i+1], at, v.policy.since(at, use))
		if err != nil {
			return s, err
		}
		if open != "" && !v.policy.Revocation.demands(i) {
			line, open = open+", and the policy does not demand it", ""
		}
		if line != "" {
			s.lines = append(s.lines, line)
		}
		if open != "" && s.open == "" {
			s.open = open
		}
	}
	return s, nil
}

// revocation finds whether one certificate was revoked before a time.
func (v *verifier) revocation(ctx context.Context, c, by *pki.Certificate, at, since time.Time) (line, open string, err error) {
	places := 0 // where one could ask: a directory name is none
	for _, d := range c.CRLDistributionPoints {
		for _, name := range d.FullName {
			if name.Kind == pki.URI {
				places++
			}
		}
	}
	for _, a := range c.AuthorityInfoAccess {
		if a.Method == oidOCSP && a.Location.Kind == pki.URI {
			places++
		}
	}
	unasked := v.values.Len() == 0 && v.o.Revocation == nil
	if places == 0 && unasked {
		return v.placeless(c)
	}
	cert, err := c.X509()
	var issuer *x509.Certificate
	if err == nil {
		issuer, err = by.X509()
	}
	if err != nil { // perhaps one of the values at hand says that it was
		return "", fmt.Sprintf("whether %s was revoked cannot be found here: %s", c.Subject, err), nil
	}
	if why, ok := revocation.Exempt(cert); ok {
		return fmt.Sprintf("%s: %s", c.Subject, why), "", nil
	}
	if !v.work.SpendSteps(v.values.Len()) {
		return "", "the message asks for more work than its size allows", nil
	}
	o := &revocation.CheckOptions{At: at, Now: v.now(), Algorithms: &v.policy.Algorithms}
	status, err := v.values.Check(cert, issuer, o)
	if err != nil && v.o.Revocation != nil {
		if fetched, failed := v.o.Revocation.Status(ctx, cert, issuer, at); failed == nil {
			status, err = v.again(fetched, cert, issuer, o)
		} else if places != 0 || !nobodySpeaks(err) {
			return "", fmt.Sprintf("whether %s was revoked cannot be found: %s", c.Subject, failed), nil
		}
	}
	switch {
	case err == nil && status.State == revocation.Revoked && !status.RevokedAt.After(at):
		return "", "", &revoked{c.Subject.String(), status.RevokedAt, status.Reason}
	case err == nil && status.State == revocation.Revoked:
		return fmt.Sprintf("%s was revoked on %s, after that", c.Subject, status.RevokedAt.UTC().Format(time.RFC3339)), "", nil
	case err == nil && status.State == revocation.Good && v.policy.stale(status, at, since) != "":
		return "", fmt.Sprintf("whether %s was revoked is not known well enough: %s", c.Subject, v.policy.stale(status, at, since)), nil
	case err == nil && status.State == revocation.Good:
		return fmt.Sprintf("%s is not revoked, by %s of %s", c.Subject, status.Method, status.ThisUpdate.UTC().Format(time.RFC3339)), "", nil
	case err == nil:
		return "", fmt.Sprintf("its issuer does not know %s", c.Subject), nil
	case places == 0 && nobodySpeaks(err):
		return v.placeless(c)
	case nobodySpeaks(err) && v.o.Revocation != nil:
		return "", fmt.Sprintf("whether %s was revoked is not known: nothing that counts says so%s", c.Subject, refusedAlgorithm(err)), nil
	case nobodySpeaks(err):
		return "", fmt.Sprintf("whether %s was revoked is not known: nothing at hand says so, and nobody was asked; allow it to be fetched, or give its CRL%s", c.Subject, refusedAlgorithm(err)), nil
	}
	return "", fmt.Sprintf("whether %s was revoked is not known: %s", c.Subject, err), nil
}

// nobodySpeaks reports whether no value at hand is one of the issuer about the certificate: none is there, or only such as anybody
// can append to a message.
func nobodySpeaks(err error) bool {
	all := []error{err}
	if f, ok := errors.AsType[*revocation.Failure](err); ok {
		all = f.Errs
	}
	for _, one := range all {
		known := false
		for _, check := range []revocation.Check{revocation.CheckSource, revocation.CheckEncoding, revocation.CheckStatus, revocation.CheckSubject, revocation.CheckIssuer,
			revocation.CheckResponder, revocation.CheckKeyUsage, revocation.CheckSignature} {
			known = known || errors.Is(one, check)
		}
		if !known {
			return false
		}
	}
	return true
}
