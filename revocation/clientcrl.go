package revocation

import (
	"context"
	"errors"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

// byCRLs fetches the lists of the distribution points until they say what has become of the certificate, and the deltas that are
// fresher.
func (c *Client) byCRLs(ctx context.Context, q *asked, o *CheckOptions) (*Status, []error) {
	lists := &fetched{places: map[*CRL]string{}}
	r := newRun(o, nil, 0)
	r.ctx, r.lists = ctx, lists.of
	var errs, why []error
	for _, address := range addressesOf(q.cert.CRLDistributionPoints) {
		l, cached, err := c.list(ctx, address, q, o, false)
		if err == nil && cached && errors.Is(o.times(l.ThisUpdate, l.NextUpdate, l.ThisUpdate), CheckTime) {
			l, _, err = c.list(ctx, address, q, o, true) // it was kept and is too old for this caller
		}
		if err != nil {
			if errs = append(errs, at(placeOf(address), err)); ctx.Err() != nil {
				return nil, errs
			}
			continue
		}
		lists.add(l, placeOf(address))
		var s *Status
		if s, why = r.again(len(l.Raw)).byLists(q); s == nil {
			for i, err := range why {
				why[i] = at(placeOf(address), err)
			}
			if len(why) == 1 && only(why[0], CheckScope) {
				continue // the list of another point may cover the rest
			}
			errs, why = append(errs, why...), nil
			continue
		}
		if fresher := c.deltas(ctx, q, s.CRL, o); len(fresher) != 0 {
			for _, d := range fresher {
				lists.add(d, placeOf(address))
			}
			if both, _ := r.again(len(l.Raw)).byLists(q); both != nil {
				s = both
			}
		}
		s.Place = lists.places[s.CRL]
		return s, nil
	}
	return nil, append(errs, why...)
}

// fetched are lists of one question.
type fetched struct {
	all    []*CRL
	places map[*CRL]string
}

func (f *fetched) add(l *CRL, place string) {
	f.all = append(f.all, l)
	f.places[l] = place
}

func (f *fetched) of(name pki.Name) (all []*CRL) {
	for _, l := range f.all {
		if l.issuer.Equal(name) {
			all = append(all, l)
		}
	}
	return all
}

// again is the run with a budget of its own, since another list has come.
func (r *run) again(size int) *run {
	copied := *r
	copied.work = pki.NewWork(size)
	return &copied
}

// addressesOf are the places that distribution points name.
func addressesOf(points []pki.DistributionPoint) (all []string) {
	for _, d := range points {
		for _, n := range d.FullName {
			if n.Kind == pki.URI && len(all) < maxURLs {
				all = append(all, string(n.Value))
			}
		}
	}
	return all
}

// deltas fetches what the certificate or the list names as fresher (RFC 5280 sections 4.2.1.15, 5.2.6). That one cannot be had is no
// failure: the list holds until the next one is due.
func (c *Client) deltas(ctx context.Context, q *asked, of *CRL, o *CheckOptions) (all []*CRL) {
	points := q.cert.FreshestCRL
	if e, ok := find(of.extensions, oidFreshest); ok {
		if v, err := cms.ReadValue(e.value); err == nil && v.Tag() == cms.TagSequence {
			points = append(points[:len(points):len(points)], readPoints(v)...)
		}
	}
	seen := map[string]bool{}
	for _, address := range addressesOf(points) {
		if seen[address] {
			continue
		}
		seen[address] = true
		if l, _, err := c.list(ctx, address, q, o, false); err == nil && l.delta {
			all = append(all, l)
		}
	}
	return all
}

// readPoints reads the full names of CRLDistributionPoints.
func readPoints(v cms.Value) (points []pki.DistributionPoint) {
	for r := v.Reader(); !r.Empty() && len(points) < maxURLs; {
		point, err := r.Next()
		if err != nil {
			return points
		}
		fields := point.Reader()
		name, ok, err := fields.Optional(cms.ContextConstructed(0))
		if err != nil || !ok {
			continue
		}
		inner := name.Reader()
		choice, err := inner.Next()
		if err != nil {
			continue
		}
		if full, _, err := pki.ParseDistributionPointName(choice); err == nil {
			points = append(points, pki.DistributionPoint{FullName: full})
		}
	}
	return points
}

// list gets the list of an address: kept, or fetched, which again demands.
func (c *Client) list(ctx context.Context, address string, q *asked, o *CheckOptions, again bool) (*CRL, bool, error) {
	v, cached, err := c.cache.get(ctx, c.crlItem(address, q, o), again)
	if err != nil {
		return nil, false, err
	}
	return v.(*CRL), cached, nil
}

func (c *Client) crlItem(address string, q *asked, o *CheckOptions) item {
	return item{
		kind: "crl", key: keyOf("crl", address, q.issuer, nil), limit: c.o.MaxCRL,
		fetch: func(ctx context.Context) ([]byte, error) {
			return c.fetch(ctx, placeOf(address), address, nil, "", c.o.MaxCRL)
		},
		read: func(raw []byte, _ time.Time) (any, time.Time, error) {
			l, err := ParseCRL(raw)
			if err != nil {
				return nil, time.Time{}, err
			}
			// What nobody signed who could be asked here is not kept, whoever put it there.
			if err := l.signedByAny(q, newRun(o, nil, len(raw))); err != nil {
				return nil, time.Time{}, err
			}
			if err := c.options(CheckOptions{}).times(l.ThisUpdate, l.NextUpdate, l.ThisUpdate); err != nil {
				return nil, time.Time{}, err
			}
			return l, c.until(l.NextUpdate), nil
		},
	}
}

// signedByAny checks that the issuer of the certificate signed the list, or another certificate at hand of the list's name. Whether
// that one may is found out with each certificate; see [CRL.signer].
func (c *CRL) signedByAny(q *asked, r *run) error {
	var refused error = failed(CheckIssuer, "the CRL is of %s, whose certificate is not at hand", c.issuer)
	if c.issuer.Equal(q.issuer.Subject) {
		if refused = c.signedBy(q.issuer, r); refused == nil {
			return nil
		}
	}
	for _, f := range r.find {
		for _, by := range f.pool().BySubject(c.issuer) {
			if c.signedBy(by, r) == nil {
				return nil
			}
		}
	}
	return refused
}
