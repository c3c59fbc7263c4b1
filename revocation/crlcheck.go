package revocation

import (
	"bytes"
	"crypto/x509"
	"slices"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

// Check finds what the list says of a certificate, and checks that it may say so. A revoked certificate is no error. A list that has
// to be combined with others is for [Values.Check].
func (c *CRL) Check(cert, issuer *x509.Certificate, o *CheckOptions) (*Status, error) {
	q, err := askedOf(cert, issuer, nil)
	if err != nil {
		return nil, err
	}
	r := newRun(o, nil, len(c.Raw))
	if c.delta {
		return nil, failed(CheckDelta, "this is a delta CRL, which says only what changed")
	}
	p, err := c.say(q, r, nil)
	if err != nil {
		return nil, err
	}
	if p.State == Good && p.reasons != allReasons {
		return nil, failed(CheckScope, "the CRL covers some reasons only")
	}
	return p.Status, nil
}

// part is what one list, with its delta, says.
type part struct {
	*Status
	reasons uint16 // for which it says so
}

// byLists finds what all lists together say (RFC 5280 section 6.3.3): one that says "revoked" counts more than any that says "good", and
// "good" counts when all reasons are covered. The status is nil when they do not say it; the errors are why.
func (r *run) byLists(q *asked) (best *Status, errs []error) {
	var some []part
	for _, c := range r.candidates(q) {
		if !r.work.SpendSteps(1 + len(q.cert.CRLDistributionPoints)) {
			return best, append(errs, failed(CheckWork, "the values ask for more work than their size allows")) // others can append any number
		}
		if c.delta {
			continue
		}
		p, err := c.say(q, r, r.lists(c.issuer))
		switch {
		case err != nil:
			if !only(err, CheckIssuer) || c.issuer.Equal(q.cert.Issuer) { // of somebody else: it need not count
				errs = noted(errs, err)
			}
		case p.State == Revoked || p.reasons == allReasons:
			if better(p.Status, best) {
				best = p.Status
			}
		default:
			some = append(some, p)
		}
	}
	if len(some) != 0 && best == nil {
		if best = together(some); best == nil {
			errs = append(errs, failed(CheckScope, "the CRLs at hand cover some reasons only"))
		}
	}
	if best == nil && len(errs) == 0 {
		for _, c := range r.candidates(q) {
			if c.delta {
				errs = append(errs, failed(CheckDelta, "a delta CRL is at hand, which says only what changed, and not the CRL that it changes"))
				break
			}
		}
	}
	return best, errs
}

// candidates are the lists that could speak of a certificate: those of its issuer, and of who its distribution points name.
func (r *run) candidates(q *asked) []*CRL {
	all := r.lists(q.cert.Issuer)
	seen := map[string]bool{q.cert.Issuer.Key(): true}
	for _, d := range q.cert.CRLDistributionPoints {
		for _, n := range d.CRLIssuer {
			if n.Kind != pki.DirectoryName {
				continue
			}
			if name := n.Name(); !seen[name.Key()] {
				seen[name.Key()] = true
				all = append(all[:len(all):len(all)], r.lists(name)...)
			}
		}
	}
	return all
}

// together combines lists of some reasons, the latest first. It is nil when they do not cover all.
func together(some []part) *Status {
	slices.SortStableFunc(some, func(a, b part) int { return b.ThisUpdate.Compare(a.ThisUpdate) })
	var all *Status
	var covered uint16
	for _, p := range some {
		if p.reasons&^covered == 0 {
			continue
		}
		covered |= p.reasons
		if all == nil {
			copied := *p.Status
			all = &copied
			continue
		}
		all.More = append(append(all.More[:len(all.More):len(all.More)], p.CRL), p.More...)
		all.ThisUpdate = p.ThisUpdate // what is known of all reasons is as old as the oldest
		if all.NextUpdate.IsZero() || !p.NextUpdate.IsZero() && p.NextUpdate.Before(all.NextUpdate) {
			all.NextUpdate = p.NextUpdate
		}
	}
	if covered != allReasons {
		return nil
	}
	return all
}

// say finds what a whole list says of a certificate, with the delta among others that fits to it.
func (c *CRL) say(q *asked, r *run, others []*CRL) (part, error) {
	reasons, err := c.reasonsFor(q.cert)
	if err == nil {
		err = c.readable()
	}
	if err == nil {
		err = c.point.covers(q.cert)
	}
	if err != nil {
		return part{}, err
	}
	signer, err := c.signer(q, r)
	if err != nil {
		return part{}, err
	}
	s := q.status(CRLs, signer)
	s.State, s.CRL, s.ThisUpdate, s.NextUpdate, s.NoCheck = Good, c, c.ThisUpdate, c.NextUpdate, true
	stale := r.o.times(c.ThisUpdate, c.NextUpdate, c.ThisUpdate)
	delta, err := c.deltaAmong(others, signer, r)
	if err != nil {
		return part{}, err
	}
	if delta != nil {
		s.More = []*CRL{delta}
		s.ThisUpdate = delta.ThisUpdate
		early := c.ThisUpdate.After(r.o.now().Add(r.o.skew())) // which no delta makes any better
		if err := r.o.times(delta.ThisUpdate, delta.NextUpdate, delta.ThisUpdate); (err == nil || stale != nil) && !early {
			// The two together are as new as the delta (section 5.2.4), also when the next whole list is due.
			s.NextUpdate, stale = delta.NextUpdate, err
		}
	}
	if stale == nil && !same(signer, q.issuer) {
		stale = r.o.ended(signer)
	}
	entry, state, err := c.find(q, delta)
	switch {
	case stale != nil && (err != nil || !r.o.known(state, entry.Reason, s.ThisUpdate, s.NextUpdate, c.ThisUpdate)):
		return part{}, stale
	case err != nil:
		return part{}, err
	}
	if state == Revoked {
		s.State, s.RevokedAt, s.Reason = Revoked, entry.RevokedAt, entry.Reason
		return part{s, reasons}, nil
	}
	if !r.o.AllowExpired && s.ThisUpdate.After(q.cert.NotAfter) {
		if since, ok := cutoffOf(c.extensions, oidExpiredOnCRL); !ok || since.After(q.cert.NotAfter) {
			return part{}, failed(CheckExpired, "the CRL was made after the certificate expired, when the issuer may have taken it off the list")
		}
	}
	return part{s, reasons}, nil
}

// find looks a certificate up: in the delta, where there is one, then in the list (section 6.3.3 (i) to (k)).
func (c *CRL) find(q *asked, delta *CRL) (Entry, State, error) {
	if len(trimmed(q.cert.Serial)) == 0 {
		return Entry{}, Unknown, failed(CheckSubject, "the serial number of the certificate cannot be read")
	}
	if delta != nil {
		entry, ok, err := delta.lookup(q.cert.Serial, q.cert.Issuer)
		switch {
		case err != nil:
			return Entry{}, Unknown, err
		case ok && entry.Reason == removeFromCRL:
			return Entry{}, Good, nil
		case ok:
			return entry, Revoked, nil
		}
	}
	// Only a delta takes anything off a list: an entry of a whole one revokes, whatever its reason.
	entry, ok, err := c.lookup(q.cert.Serial, q.cert.Issuer)
	switch {
	case err != nil:
		return Entry{}, Unknown, err
	case ok:
		return entry, Revoked, nil
	}
	return Entry{}, Good, nil
}

// removeFromCRL is the reason of what a delta takes off the list (section 5.3.1).
const removeFromCRL Reason = 8

// deltaAmong finds the latest delta that changes the list (section 6.3.3 (c), (h); 5.2.4): of the same issuer, key and scope, based on this
// list or an earlier one, and later than it. Lists that others appended are left out; one of the issuer that cannot be used is an
// error, since it may say that the certificate is revoked.
func (c *CRL) deltaAmong(others []*CRL, signer *pki.Certificate, r *run) (found *CRL, err error) {
	for _, d := range others {
		if !r.work.SpendSteps(1) {
			return nil, failed(CheckWork, "the values ask for more work than their size allows")
		}
		if !d.delta || !d.issuer.Equal(c.issuer) || (c.point.raw == nil) != (d.point.raw == nil) || !bytes.Equal(c.point.raw, d.point.raw) {
			continue
		}
		switch {
		case c.number == nil || d.number == nil || d.base == nil:
			continue
		case compareNumbers(c.number, d.base) < 0: // changes happened before it begins that neither has
			continue
		case compareNumbers(d.number, c.number) <= 0, found != nil && compareNumbers(d.number, found.number) <= 0:
			continue
		}
		if d.ThisUpdate.After(r.o.now().Add(r.o.skew())) {
			continue
		}
		if err := d.verifiedBy(signer.SPKI, r); err != nil {
			if only(err, CheckWork) {
				return nil, err
			}
			continue
		}
		if err := d.readable(); err != nil {
			return nil, because(CheckDelta, "the delta CRL of the issuer cannot be used", err)
		}
		found = d
	}
	return found, nil
}

// readable refuses lists with critical extensions that are not known (RFC 5280 section 5.2).
func (c *CRL) readable() error {
	if id, ok := unknownCritical(c.extensions, oidDistributionPoint, oidDelta, oidCRLNumber, oidFreshest, cms.OIDAuthorityKeyID, oidExpiredOnCRL); ok {
		return failed(CheckExtensions, "the CRL has an unknown critical extension %s", id)
	}
	return c.pointErr
}
