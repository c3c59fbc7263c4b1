// Package testlevels gives tests what levels above BES take from others: an authority of time-stamps, and chains and
// revocation values, from the authorities of package testpki and without a network.
package testlevels

import (
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

// Authority makes an authority of time-stamps below the root of the tests. A nil clock is that of the machine.
func Authority(t testing.TB, pki *testpki.PKI, clock func() time.Time, bend ...func(*x509.Certificate)) *tsp.Authority {
	t.Helper()
	return AuthorityOf(t, pki, testpki.NewKey(t, testpki.P256), clock, bend...)
}

// AuthorityOf is Authority with a key of any kind, see [testpki.OwnKey].
func AuthorityOf(t testing.TB, pki *testpki.PKI, key crypto.Signer, clock func() time.Time, bend ...func(*x509.Certificate)) *tsp.Authority {
	t.Helper()
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		t.Fatal(err)
	}
	id := pki.LeafOf(key, "Signet test time-stamps", func(c *x509.Certificate) {
		c.NotBefore = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC) // old messages are raised in their own time
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage})
		for _, b := range bend {
			b(c)
		}
	})
	a, err := tsp.NewAuthority(Signer(t, id), &tsp.AuthorityOptions{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Signer makes a signer of a key of any kind and its best scheme.
func Signer(t testing.TB, id testpki.Identity) *sign.Signer {
	t.Helper()
	key, err := soft.NewKey(id.Key, 0)
	if err != nil {
		t.Fatal(err)
	}
	schemes := sign.Schemes(key.Public())
	if k, ok := sign.As[sign.Schemer](key); ok {
		schemes = k.Schemes()
	}
	signer, err := sign.New(key, id.Chain, schemes[0])
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// Source is a revocation.Source that knows the two authorities of a testpki.PKI and their CRLs, one of each, or asks a
// responder of the lower one by OCSP.
type Source struct {
	OCSP       bool // leaves, and not by the CRL
	Revoked    []x509.RevocationListEntry
	ThisUpdate time.Time // of the CRLs; zero is testpki.NotBefore
	Algorithms *trust.Algorithms

	t    testing.TB
	pki  *testpki.PKI
	mu   sync.Mutex
	crls []*revocation.CRL

	responder testpki.Identity
	responses map[string]*revocation.Response
}

var _ revocation.Source = (*Source)(nil)

// NewSource makes one.
func NewSource(t testing.TB, pki *testpki.PKI) *Source { return &Source{t: t, pki: pki} }

// Chain returns the leaf and its authorities.
func (s *Source) Chain(_ context.Context, leaf *x509.Certificate, _ []*x509.Certificate) ([]*x509.Certificate, error) {
	return []*x509.Certificate{leaf, s.pki.Authority.Certificate(), s.pki.Root.Certificate()}, nil
}

// Collect returns the CRLs, and what they say.
func (s *Source) Collect(_ context.Context, chains [][]*x509.Certificate, _ *revocation.CollectOptions) (*revocation.Collection, error) {
	crls, err := s.lists()
	if err != nil {
		return nil, err
	}
	all := &revocation.Collection{}
	for i, crl := range crls {
		if !s.OCSP || i != 0 {
			all.CRLs = append(all.CRLs, crl.Raw)
		}
	}
	seen := map[string]bool{}
	for _, chain := range chains {
		for i, c := range chain {
			if seen[string(c.Raw)] {
				continue
			}
			seen[string(c.Raw)] = true
			all.Certificates = append(all.Certificates, c)
			if i+1 == len(chain) {
				continue
			}
			check := &revocation.CheckOptions{At: s.thisUpdate().Add(time.Minute), Algorithms: s.Algorithms}
			if s.OCSP && i == 0 {
				response, err := s.response(c)
				if err != nil {
					return nil, err
				}
				status, err := response.Check(c, chain[i+1], check)
				if err != nil {
					return nil, err
				}
				all.OCSP = append(all.OCSP, response.Raw)
				all.Statuses = append(all.Statuses, status)
				if !seen[string(status.Responder.Raw)] {
					seen[string(status.Responder.Raw)] = true
					all.Certificates = append(all.Certificates, status.Responder)
				}
				continue
			}
			status, err := crls[i].Check(c, chain[i+1], check)
			if err != nil {
				return nil, err
			}
			all.Statuses = append(all.Statuses, status)
		}
	}
	return all, nil
}

// response makes the answer about a leaf once.
func (s *Source) response(c *x509.Certificate) (*revocation.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.responses == nil {
		s.responses = map[string]*revocation.Response{}
		s.responder = s.pki.Responder(s.pki.Authority, testpki.NoCheck)
	}
	if r, ok := s.responses[string(c.Raw)]; ok {
		return r, nil
	}
	r, err := revocation.ParseResponse(testpki.OCSPResponse(s.t, c, s.pki.Authority, func(o *testpki.OCSP) {
		o.ThisUpdate, o.ProducedAt, o.NextUpdate = s.thisUpdate(), s.thisUpdate(), s.thisUpdate().AddDate(25, 0, 0)
		o.Key, o.Responder = s.responder.Key, s.responder.Certificate()
		o.Certificates = []*x509.Certificate{s.responder.Certificate()}
	}))
	if err != nil {
		return nil, err
	}
	s.responses[string(c.Raw)] = r
	return r, nil
}

func (s *Source) thisUpdate() time.Time {
	if s.ThisUpdate.IsZero() {
		return testpki.NotBefore()
	}
	return s.ThisUpdate
}

// lists makes the CRLs once: of the authority, which issues leaves, and of the root.
func (s *Source) lists() ([]*revocation.CRL, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.crls) < 2 {
		id := []testpki.Identity{s.pki.Authority, s.pki.Root}[len(s.crls)]
		der, err := testpki.CreateRevocationList(&x509.RevocationList{
			Number: big.NewInt(7), ThisUpdate: s.thisUpdate(), NextUpdate: s.thisUpdate().AddDate(25, 0, 0), RevokedCertificateEntries: s.Revoked,
		}, id.Certificate(), id.Key)
		if err != nil {
			return nil, err
		}
		crl, err := revocation.ParseCRL(der)
		if err != nil {
			return nil, err
		}
		s.crls = append(s.crls, crl)
	}
	return s.crls, nil
}
