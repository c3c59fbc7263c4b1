package validate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
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
	if r.held() {
		return fmt.Sprintf("%s was put on hold on %s, and may come back; try again later", r.who, r.at.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%s was revoked on %s (%s)", r.who, r.at.UTC().Format(time.RFC3339), r.reason)
}

// held reports whether it may come back (EN 319 102-1 section 5.2.6.4).
func (r *revoked) held() bool { return r.reason == revocation.CertificateHold }

// states is what is known of the revocation of the certificates of a path.
type states struct {
	lines []string // what was found
	open  string   // what had to be known and is not, with the sentence that says how to go on
}

func (s *states) text() string { return strings.Join(s.lines, "; ") }

// pathOf is what a path was looked for.
type pathOf struct {
	roots *trust.Roots
	cert  *pki.Certificate
	at    time.Time
	use   pki.Purpose
}

type pathFound struct {
	path *pki.Path
	last *states
	err  error
}

// judge finds a path for a certificate that was good at a time: valid, and not revoked before. One that is asked for again is not
// looked for again.
func (v *verifier) judge(ctx context.Context, roots *trust.Roots, target *pki.Certificate, at time.Time, use pki.Purpose, work *pki.Work) (*pki.Path, *states, error) {
	key := pathOf{roots, target, at, use}
	if found := v.paths[key]; found != nil {
		return found.path, found.last, found.err
	}
	v.prepare()
	found := &pathFound{}
	rules := &certificateRules{registry: v.registry(), at: at}
	find := pki.Verifier{
		Anchors: roots.Index().(*pki.Anchors), Pools: v.pools, Time: at, Purpose: use, Algorithms: rules.allows, Signature: rules.verify, Remark: rules.remark, Work: work, Remember: rules.everybodys,
		Policies: v.rules.certificatePolicies(use),
		Accept: func(ctx context.Context, path *pki.Path) (err error) {
			found.last, err = v.revocations(ctx, path, at, use, work)
			return err
		},
	}
	found.path, found.err = find.Path(ctx, target)
	if found.err == nil && found.last == nil {
		found.last = &states{}
	}
	if reason, ok := errors.AsType[*pki.Error](found.err); !ok || reason.Reason != pki.OutOfBudget {
		v.paths[key] = found // others may have more to spend
	}
	return found.path, found.last, found.err
}

// prepare reads the certificates and values of the message, once.
func (v *verifier) prepare() {
	if v.pools != nil {
		return
	}
	v.pools = []*pki.Pool{message.With(pki.NewPool(), v.o.Certificates, v.o.RawCertificates...), pki.NewPool()}
	v.brought = revocation.NewChecker(v.o.Values)
	values := &revocation.Values{}
	certificates := v.gather(v.m.SD, values)
	for _, s := range v.m.Signatures {
		certificates = v.gatherSignature(s, values, certificates)
	}
	for _, der := range certificates {
		if p, err := v.m.Certificate(der); err == nil {
			v.pools[1].Add(p)
		}
	}
	for _, pool := range v.pools { // responders and issuers of CRLs are looked for among them
		for _, p := range pool.Certificates() {
			values.RawCertificates = append(values.RawCertificates, p.Raw)
		}
	}
	v.values = v.brought.With(values)
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
		if err != nil || r.Tag() != cms.ContextConstructed(1) || cms.OID(id.Body()) != cms.OIDRIOCSPResponse && cms.OID(id.Body()) != cms.OIDOCSPBasic {
			continue
		}
		if response, err := fields.Next(); err == nil {
			values.OCSP = append(values.OCSP, response.Raw())
		}
	}
	return certificates
}

// gatherSignature takes those in the unsigned attributes of a signature, and in its time-stamps with theirs.
func (v *verifier) gatherSignature(s *message.Signature, values *revocation.Values, certificates [][]byte) [][]byte {
	certificates = append(certificates, v.gatherUnsigned(s.SI, values)...)
	for _, t := range v.stamps(s) {
		if t.Token != nil {
			certificates = append(certificates, v.gather(t.Token.SD, values)...)
			for i := range t.Token.SD.Signers {
				certificates = append(certificates, v.gatherUnsigned(&t.Token.SD.Signers[i], values)...)
			}
		}
	}
	for _, child := range s.Counter {
		certificates = v.gatherSignature(child, values, certificates)
	}
	return certificates
}

// gatherUnsigned takes those in the unsigned attributes of a SignerInfo.
func (v *verifier) gatherUnsigned(si *cms.SignerInfo, values *revocation.Values) (certificates [][]byte) {
	own := cms.ValuesOf(si.Unsigned)
	for _, c := range own.Certificates {
		certificates = append(certificates, c.Raw())
	}
	for _, c := range own.CRLs {
		values.CRLs = append(values.CRLs, c.Raw())
	}
	for _, r := range own.OCSP {
		values.OCSP = append(values.OCSP, r.Raw())
	}
	return certificates
}

// revocations finds whether a certificate of a path was revoked before a time. The error is a *revoked.
func (v *verifier) revocations(ctx context.Context, path *pki.Path, at time.Time, use pki.Purpose, work *pki.Work) (*states, error) {
	s := &states{}
	if v.o.NoRevocation {
		s.lines = append(s.lines, "whether certificates were revoked was not looked at, as asked for")
		return s, nil
	}
	chain := path.Chain()
	for i := range chain[:len(chain)-1] {
		if !work.SpendSteps(stepsPerSignature) { // others may have more to spend, so that this is no answer for them
			return s, &pki.Error{Reason: pki.OutOfBudget, Certificate: path.Certificates[0], Text: "was not judged to the end: " + tooMuchWork}
		}
		line, open, err := v.revocation(ctx, path, i, at, v.rules.since(at, use))
		if err != nil {
			return s, err
		}
		// What nobody had the time to read may say that it was revoked.
		if open != "" && open != tooMuchWork && !v.rules.Revocation.demands(i) {
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

// revocation finds whether certificate i of a path was revoked before a time.
func (v *verifier) revocation(ctx context.Context, path *pki.Path, i int, at, since time.Time) (line, open string, err error) {
	chain := path.Chain()
	c, by, anchor := chain[i], chain[i+1], chain[len(chain)-1]
	asked := namesPlace(c)
	if !asked && v.values.Len() == 0 && v.o.Revocation == nil {
		return v.placeless(c)
	}
	if why, ok := c.NeverRevoked(); ok {
		return fmt.Sprintf("%s: %s", c.Subject, why), "", nil
	}
	o := &revocation.CheckOptions{At: at, Now: v.now(), Anchor: anchor.Raw, Algorithms: &v.rules.Algorithms}
	status, err := v.atHand(c, by, o)
	// A value that is in force and not enough, whoever brought it, does not keep from asking for a newer one.
	if v.o.Revocation != nil && (err != nil || status.State == revocation.Good && v.rules.stale(status, at, since) != "" || held(status)) {
		fetched, failed := v.fetch(ctx, c, by, at)
		if failed == nil {
			fetched, failed = v.again(fetched, c, by, o)
			if err != nil || failed == nil && (fetched.ThisUpdate.After(status.ThisUpdate) || fetched.State == revocation.Revoked && !held(fetched)) {
				status, err = fetched, failed
			}
		} else if err != nil && (asked || !nobodySpeaks(err)) {
			return "", fmt.Sprintf("whether %s was revoked cannot be found: %s", c.Subject, strings.TrimPrefix(failed.Error(), "revocation: ")), nil
		}
	}
	switch {
	case err == nil && status.State == revocation.Revoked && !status.RevokedAt.After(at):
		return "", "", &revoked{c.Subject.String(), status.RevokedAt, status.Reason}
	case err == nil && status.State == revocation.Revoked:
		return fmt.Sprintf("%s was revoked on %s, after that", c.Subject, status.RevokedAt.UTC().Format(time.RFC3339)), "", nil
	case err == nil && status.State == revocation.Good && v.rules.stale(status, at, since) != "":
		return "", fmt.Sprintf("whether %s was revoked is not known well enough: %s", c.Subject, v.rules.stale(status, at, since)), nil
	case err == nil && status.State == revocation.Good:
		return fmt.Sprintf("%s is not revoked, by %s of %s", c.Subject, status.Method, status.ThisUpdate.UTC().Format(time.RFC3339)), "", nil
	case err == nil:
		return "", fmt.Sprintf("its issuer does not know %s", c.Subject), nil
	case errors.Is(err, revocation.CheckWork):
		return "", tooMuchWork, nil
	case !asked && nobodySpeaks(err):
		return v.placeless(c)
	case nobodySpeaks(err) && v.o.Revocation != nil:
		return "", fmt.Sprintf("whether %s was revoked is not known: nothing that counts says so%s", c.Subject, refusedAlgorithm(err)), nil
	case nobodySpeaks(err):
		return "", fmt.Sprintf("whether %s was revoked is not known: nothing at hand says so, and nobody was asked; allow it to be fetched, or give its CRL%s", c.Subject, refusedAlgorithm(err)), nil
	}
	return "", fmt.Sprintf("whether %s was revoked is not known: %s", c.Subject, strings.TrimPrefix(err.Error(), "revocation: ")), nil
}

// atHand asks the values that were given, and those of the message with them: those come last, and what is known of signatures on the
// given ones is not paid again.
func (v *verifier) atHand(c, by *pki.Certificate, o *revocation.CheckOptions) (*revocation.Status, error) {
	status, err := v.brought.CheckRaw(c.Raw, by.Raw, o)
	if err == nil && status.State == revocation.Revoked && !held(status) {
		return status, nil
	}
	return v.values.CheckRaw(c.Raw, by.Raw, o)
}

// held reports whether a value says that the certificate is on hold.
func held(s *revocation.Status) bool {
	return s.State == revocation.Revoked && s.Reason == revocation.CertificateHold
}

// namesPlace reports whether a certificate says where one could ask about it: a directory name is no place.
func namesPlace(c *pki.Certificate) bool {
	for _, d := range c.CRLDistributionPoints {
		for _, name := range d.FullName {
			if name.Kind == pki.URI {
				return true
			}
		}
	}
	for _, a := range c.AuthorityInfoAccess {
		if a.Method == oidOCSP && a.Location.Kind == pki.URI {
			return true
		}
	}
	return false
}

// rawSource is a [StatusSource] that takes certificates that crypto/x509 refuses: [revocation.Client.StatusRaw].
type rawSource interface {
	StatusRaw(ctx context.Context, cert, issuer []byte, at time.Time) (*revocation.Status, error)
}

// fetch asks the source of the caller.
func (v *verifier) fetch(ctx context.Context, c, by *pki.Certificate, at time.Time) (status *revocation.Status, err error) {
	defer sign.Recover(&err)
	defer func() {
		if err == nil && status == nil {
			err = errors.New("the source gave neither a state nor an error")
		}
	}()
	if raw, ok := v.o.Revocation.(rawSource); ok {
		return raw.StatusRaw(ctx, c.Raw, by.Raw, at)
	}
	cert, err := c.X509()
	if err != nil {
		return nil, err
	}
	issuer, err := by.X509()
	if err != nil {
		return nil, err
	}
	return v.o.Revocation.Status(ctx, cert, issuer, at)
}

// nobodySpeaks reports whether no value at hand is one of the issuer about the certificate: none is there, or only such as anybody
// can append to a message.
func nobodySpeaks(err error) bool {
	all := []error{err}
	if several, ok := errors.AsType[sign.Errors](err); ok {
		all = several
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
