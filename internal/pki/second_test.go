package pki_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// crypto/x509 as a second opinion. Where it is known to judge otherwise, random certificates keep away:
//
//   - constraints on hosts in URIs and addresses: it takes host.example for a.host.example as well, RFC 5280 section 4.2.1.10
//     does not;
//   - constraints on directory names: it has none;
//   - self-issued certificates: it counts them in path lengths, section 6.1.4 (l) does not. They are compared, and a path that
//     only it refuses because of its length is explained so.

// randomPKI makes authorities that issue each other at random, with random faults, and a target.
func randomPKI(t *testing.T, r *rand.Rand) (root, target *pki.Certificate, pool []*pki.Certificate) {
	names := []string{"Root", "A", "B", "C", "D"}
	chance := func(percent int) bool { return r.IntN(100) < percent }
	bend := func(s *spec) {
		if chance(5) {
			s.notAfter = testpki.Now().Add(-time.Hour)
		}
		if chance(4) {
			s.notBefore = testpki.Now().Add(time.Hour)
		}
		if chance(4) {
			s.spoil = true
		}
		if chance(4) {
			s.signer = sharedKey(t, names[r.IntN(len(names))])
		}
		if chance(3) {
			s.extensions = append(s.extensions, extension{policy(99), chance(50), nil})
		}
		if chance(40) {
			s.extensions = append(s.extensions, policies(policy(r.IntN(3)), policy(3+r.IntN(3))))
		} else if chance(40) {
			s.extensions = append(s.extensions, policies(cms.OIDAnyPolicy))
		}
		if chance(10) {
			s.extensions = append(s.extensions, policyConstraints(r.IntN(4), r.IntN(3)))
		}
		if chance(8) {
			s.extensions = append(s.extensions, inhibitAny(r.IntN(3)))
		}
	}
	hosts := []string{"a.example", "b.a.example", "example", "b.example", ".a.example"}
	nets := []string{"\x0a\x00\x00\x00\xff\x00\x00\x00", "\x0a\x01\x00\x00\xff\xff\x00\x00", "\x0b\x00\x00\x00\xff\x00\x00\x00"}
	authorityAtRandom := func(subject, issuer string) spec {
		s := authority(t, subject, issuer)
		if subject == issuer && subject != "Root" {
			s.signer = sharedKey(t, issuer+" old")
		} else if subject != "Root" && chance(30) {
			s.key = sharedKey(t, subject+" old") // whose successor may be there
		}
		if chance(20) {
			s.extensions[0] = isCA(r.IntN(3))
		}
		if chance(5) {
			s.extensions[0] = extension{cms.OIDBasicConstraints, true, seq()}
		}
		if chance(5) {
			s.extensions[1] = usage(pki.CRLSign)
		}
		if chance(10) {
			s.extensions = s.extensions[:1]
		}
		if chance(20) {
			base := [][]byte{dns(hosts[r.IntN(len(hosts))]), ip(nets[r.IntN(len(nets))]), mail("anna@a.example")}[:1+r.IntN(3)]
			if chance(50) {
				s.extensions = append(s.extensions, constraints(base, nil))
			} else {
				s.extensions = append(s.extensions, constraints(nil, base))
			}
		}
		if chance(15) {
			s.extensions = append(s.extensions, mappings(policy(r.IntN(3)), policy(3+r.IntN(3))))
		}
		s.serial = []byte{byte(1 + r.IntN(100))}
		return s
	}
	s := authorityAtRandom("Root", "Root")
	root = s.make(t)
	for range 10 {
		s := authorityAtRandom(names[1+r.IntN(len(names)-1)], names[r.IntN(len(names))])
		bend(&s)
		pool = append(pool, s.make(t))
	}
	end := leaf(t, names[r.IntN(len(names))])
	if chance(70) {
		end.extensions = append(end.extensions, altNames([][]byte{dns("a.example"), dns("b.a.example"), dns("c.example"), ip("\x0a\x01\x02\x03"), mail("anna@a.example")}[r.IntN(5)]))
	}
	bend(&end)
	return root, end.make(t), pool
}

func TestSecondOpinion(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	valid, invalid, selfIssued := 0, 0, 0
	for round := range 600 {
		root, target, pool := randomPKI(t, r)
		v := pki.Verifier{Anchors: pki.Trust(root), Pools: []*pki.Pool{pki.NewPool(pool...)}, Time: testpki.Now(), Purpose: pki.AnyUse, Work: pki.NewWorkOf(10_000, 1_000_000)}
		path, err := v.Path(context.Background(), target)
		theirs := secondOpinion(t, root, target, pool)
		if theirs == nil {
			require.NoError(t, err, "round %d", round)
			valid++
			continue
		}
		if err == nil && hasSelfIssued(path) {
			selfIssued++
			continue
		}
		require.Error(t, err, "round %d: %v, the path is %v", round, theirs, path)
		invalid++
	}
	require.Greater(t, valid, 100)
	require.Greater(t, invalid, 100)
	t.Logf("%d valid, %d invalid, %d where only self-issued certificates make a difference", valid, invalid, selfIssued)
}

func hasSelfIssued(p *pki.Path) bool {
	for _, c := range p.Certificates {
		if c.SelfIssued() {
			return true
		}
	}
	return false
}

func secondOpinion(t *testing.T, root, target *pki.Certificate, pool []*pki.Certificate) error {
	t.Helper()
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range append([]*pki.Certificate{root}, pool...) {
		x, err := c.X509()
		require.NoError(t, err)
		if c == root {
			roots.AddCert(x)
		} else {
			others.AddCert(x)
		}
	}
	x, err := target.X509()
	require.NoError(t, err)
	_, err = x.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: testpki.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err
}

// TestNamesOfX509 reads names as the standard library does, where they have its order.
func TestNamesOfX509(t *testing.T) {
	world := testpki.New(t)
	for i := range 3 {
		id := world.Leaf(testpki.P256, func(c *x509.Certificate) {
			c.Subject.Country, c.Subject.Locality = []string{"DE"}, []string{"Köln"}
			c.Subject.OrganizationalUnit = strings.Split(strings.Repeat("Unit, one;", i), ";")[:i]
			c.Subject.CommonName = fmt.Sprintf("Anna #%d \x01", i)
		})
		c, err := pki.FromX509(id.Certificate())
		require.NoError(t, err)
		require.Equal(t, strings.ReplaceAll(id.Certificate().Subject.String(), "\x01", `\01`), c.Subject.String())
		require.True(t, c.Issuer.Equal(pki.NewName(world.Authority.Certificate().RawSubject)))
	}
}
