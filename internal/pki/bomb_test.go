package pki_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// Messages that are made to keep a verifier busy. Their work is counted, not timed.

// count runs a search with the budget of a message of this size, and checks that signatures stay within it and the outcome
// is one of those allowed.
func count(t *testing.T, v pki.Verifier, target *pki.Certificate, size int, allowed ...pki.Reason) (checked, steps int) {
	t.Helper()
	v.Work = pki.NewWork(size)
	v.Signature = func(check *algorithm.SignatureCheck, message []byte) (string, error) {
		checked++
		return (*algorithm.Registry)(nil).Verify(check, message, nil)
	}
	_, err := v.Path(context.Background(), target)
	require.Contains(t, allowed, reasonOf(t, err), "%v", err)
	units, steps := v.Work.Spent()
	require.LessOrEqual(t, units, pki.BaseSignatures+size/pki.OctetsPerSignature)
	require.LessOrEqual(t, checked, pki.BaseSignatures+size/pki.OctetsPerSignature)
	require.LessOrEqual(t, steps, pki.BaseSteps+size*pki.StepsPerOctet)
	return checked, steps
}

func size(all ...*pki.Certificate) (n int) {
	for _, c := range all {
		n += len(c.Raw)
	}
	return n
}

func freshKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// TestAllOfOneName is a megabyte of certificates of one name and one key identifier, each with a key of its own, none of
// which issued any other. The real one is among them, last.
func TestAllOfOneName(t *testing.T) {
	id := []byte("one identifier for all")
	var pool []*pki.Certificate
	total := 0
	for i := 0; total < 1<<20; i++ {
		c := spec{serial: []byte{1, byte(i >> 8), byte(i)}, subject: dn("Sub"), issuer: dn("Sub"), key: freshKey(t), signer: sharedKey(t, "Stranger"),
			extensions: []extension{isCA(-1), subjectKeyID(id), authorityKeyID(id)}}.make(t)
		pool = append(pool, c)
		total += len(c.Raw)
	}
	end := leaf(t, "Sub", authorityKeyID(id)).make(t)
	v := verifier(t, pool...)
	checked, _ := count(t, v, end, total, pki.WrongSignature, pki.OutOfBudget)
	require.LessOrEqual(t, checked, len(pool)+1, "each is tried once")

	t.Run("the real one is found by the hash of its key", func(t *testing.T) {
		hash := keyIDOf(t, sharedKey(t, "Sub"))
		for i := range pool {
			// All claim the identifier of the real one now; its key alone has the hash.
			pool[i] = spec{serial: []byte{1, byte(i >> 8), byte(i)}, subject: dn("Sub"), issuer: dn("Sub"), spki: pool[i].SPKI, signer: sharedKey(t, "Stranger"),
				extensions: []extension{isCA(-1), subjectKeyID(hash)}}.make(t)
			if i == 300 {
				break
			}
		}
		real := authority(t, "Sub", "Root").make(t)
		v := verifier(t, append(pool[:300:300], real)...)
		checked, _ := count(t, v, leaf(t, "Sub", authorityKeyID(hash)).make(t), 0, 0)
		require.Equal(t, 2, checked)
	})
}

// TestCostlyKeysComeLast: keys of strangers that take long to try do not keep the real one waiting.
func TestCostlyKeysComeLast(t *testing.T) {
	large, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	var pool []*pki.Certificate
	for i := range 50 {
		fake := spec{serial: []byte{1, byte(i)}, subject: dn("Sub"), issuer: dn("Root"), key: large, signer: sharedKey(t, "Stranger"), notBefore: testpki.NotBefore().AddDate(1, 0, 0), extensions: []extension{isCA(-1)}}
		pool = append(pool, fake.make(t))
	}
	pool = append(pool, authority(t, "Sub", "Root").make(t))
	checked, _ := count(t, verifier(t, pool...), leaf(t, "Sub").make(t), 0, 0)
	require.Equal(t, 2, checked)
}

// TestAllOfOneKey is many certificates of one name and key, signed by that key: each issued each.
func TestAllOfOneKey(t *testing.T) {
	var pool []*pki.Certificate
	for i := range 1000 {
		s := authority(t, "Sub", "Sub")
		s.serial = []byte{1, byte(i >> 8), byte(i)}
		pool = append(pool, s.make(t))
	}
	end := leaf(t, "Sub").make(t)
	checked, _ := count(t, verifier(t, pool...), end, size(pool...), pki.NotTrusted, pki.OutOfBudget)
	require.LessOrEqual(t, checked, len(pool)+1, "one signature of each")
	pool = append(pool, authority(t, "Sub", "Root").make(t))
	count(t, verifier(t, pool...), end, size(pool...), 0)
}

// TestMutualCrossCertification ties n authorities all to all. There are n! ways through them.
func TestMutualCrossCertification(t *testing.T) {
	const n = 24
	var pool []*pki.Certificate
	for i := range n {
		for j := range n {
			if i != j {
				pool = append(pool, authority(t, fmt.Sprintf("M%d", i), fmt.Sprintf("M%d", j)).make(t))
			}
		}
	}
	end := leaf(t, "M0").make(t)
	total := size(pool...)
	checked, steps := count(t, verifier(t, pool...), end, total, pki.NoIssuer)
	require.LessOrEqual(t, checked, n*n+1, "each signature once")
	require.Less(t, steps, 20*n*n*n, "no way is walked")

	t.Run("with a way out", func(t *testing.T) {
		out := authority(t, fmt.Sprintf("M%d", n-1), "Root").make(t)
		checked, _ := count(t, verifier(t, append(pool, out)...), end, total, 0)
		require.LessOrEqual(t, checked, n*n+2)
	})
	t.Run("with a way out that is not allowed", func(t *testing.T) {
		out := authority(t, fmt.Sprintf("M%d", n-1), "Root", constraints(nil, [][]byte{directory(dn("Leaf"))})).make(t)
		count(t, verifier(t, append(pool, out)...), end, total, pki.OutsideNameConstraints, pki.OutOfBudget)
	})
	t.Run("with ways that the caller refuses", func(t *testing.T) {
		out := authority(t, fmt.Sprintf("M%d", n-1), "Root").make(t)
		v := verifier(t, append(pool, out)...)
		v.Accept = func(context.Context, *pki.Path) error { return context.DeadlineExceeded }
		count(t, v, end, total, pki.Refused, pki.OutOfBudget)
	})
}

// TestManyNamesUnderManyConstraints multiplies two long lists.
func TestManyNamesUnderManyConstraints(t *testing.T) {
	var names, bases [][]byte
	for i := range 4000 {
		names = append(names, dns(fmt.Sprintf("n%d.example", i)))
		bases = append(bases, dns(fmt.Sprintf("b%d.example", i)))
	}
	sub := authority(t, "Sub", "Root", constraints(nil, bases)).make(t)
	end := leaf(t, "Sub", altNames(names...)).make(t)
	count(t, verifier(t, sub), end, size(sub, end), pki.OutOfBudget)
	// A long list of either is no trouble.
	few := authority(t, "Sub", "Root", constraints(nil, bases[:10])).make(t)
	count(t, verifier(t, few), end, size(few, end), 0)
	count(t, verifier(t, sub), leaf(t, "Sub", altNames(names[:10]...)).make(t), size(sub), 0)
}

// TestNamesOfThousandsOfParts are compared as fast as others.
func TestNamesOfThousandsOfParts(t *testing.T) {
	var parts []byte
	for i := range 20_000 {
		parts = append(parts, rdn(cms.OIDOrganizationalUnit, cms.TagUTF8String, fmt.Sprintf("part %d", i))...)
	}
	name := seq(parts)
	s := authority(t, "Sub", "Root", constraints([][]byte{directory(name)}, nil))
	s.subject = name
	end := leaf(t, "Sub")
	end.issuer, end.subject = name, append([]byte(nil), name...)
	sub, c := s.make(t), end.make(t)
	_, steps := count(t, verifier(t, sub), c, size(sub, c), 0)
	require.Less(t, steps, 50_000)

	// One part with thousands of attributes.
	var set []byte
	for i := range 20_000 {
		set = append(set, seq(oids(cms.OIDCommonName), tlv(cms.TagUTF8String, []byte(fmt.Sprint(i))))...)
	}
	wide := pki.NewName(seq(tlv(cms.TagSet, set)))
	require.False(t, wide.Malformed())
	require.Less(t, len(wide.Key()), 2*len(wide.Raw))
	require.Less(t, len(wide.String()), 4096)
}

// TestProblemsAreFew, however many faults a certificate has.
func TestProblemsAreFew(t *testing.T) {
	for name, s := range map[string]spec{
		"malformed extensions": {after: tlv(cms.ContextConstructed(3), seq(bytes.Repeat([]byte{5, 0}, 1<<18)))},
		"extensions twice":     {after: tlv(cms.ContextConstructed(3), seq(bytes.Repeat(seq(oids(policy(1)), tlv(cms.TagOctetString)), 1<<15)))},
		"policies twice":       {extensions: []extension{{cms.OIDCertificatePolicies, false, seq(bytes.Repeat(seq(oids(policy(1))), 1<<15))}}},
	} {
		c := s.make(t)
		require.NotEmpty(t, c.Problems, name)
		require.LessOrEqual(t, len(c.Problems), 257, name)
	}
}

// TestErrorsAreShort, whatever strangers put into names.
func TestErrorsAreShort(t *testing.T) {
	s := leaf(t, "Nobody")
	s.subject = seq(rdn(cms.OIDCommonName, cms.TagUTF8String, strings.Repeat("\u202e", 100_000)))
	s.issuer = s.subject
	s.extensions = append(s.extensions, altNames(dns(strings.Repeat("a", 100_000))))
	v := verifier(t)
	_, err := v.Path(context.Background(), s.make(t))
	require.Error(t, err)
	require.Less(t, len(err.Error()), 16_384)
	require.NotContains(t, err.Error(), "\u202e")

	sub := authority(t, "Sub", "Root", constraints([][]byte{dns("b.example")}, nil)).make(t)
	end := leaf(t, "Sub", altNames(dns(strings.Repeat("\x1b", 100_000)))).make(t)
	v = verifier(t, sub)
	_, err = v.Path(context.Background(), end)
	require.Equal(t, pki.OutsideNameConstraints, reasonOf(t, err))
	require.Less(t, len(err.Error()), 16_384)
	require.NotContains(t, err.Error(), "\x1b")
}

// TestWorkIsShared by the paths of one message: what was found out once costs nothing the second time, and what is used up
// stays used up.
func TestWorkIsShared(t *testing.T) {
	sub, end := authority(t, "Sub", "Root").make(t), leaf(t, "Sub").make(t)
	v := verifier(t, sub)
	v.Work = pki.NewWorkOf(100, 1000)
	for range 3 {
		_, err := v.Path(context.Background(), end)
		require.NoError(t, err)
		signatures, _ := v.Work.Spent()
		require.Equal(t, 4, signatures) // two of P-256, two units each
	}
	// Another reading of the same octets is known as well.
	again, err := pki.ParseCertificate(append([]byte(nil), end.Raw...))
	require.NoError(t, err)
	_, err = v.Path(context.Background(), again)
	require.NoError(t, err)
	signatures, _ := v.Work.Spent()
	require.Equal(t, 4, signatures)

	for _, work := range []*pki.Work{pki.NewWorkOf(3, 1000), pki.NewWorkOf(100, 5), pki.NewWorkOf(0, 0)} {
		v.Work = work
		for range 2 {
			_, err := v.Path(context.Background(), end)
			require.Equal(t, pki.OutOfBudget, reasonOf(t, err))
		}
	}
}

// TestConcurrentSearches share certificates, anchors and the budget.
func TestConcurrentSearches(t *testing.T) {
	sub, end := authority(t, "Sub", "Root", constraints([][]byte{directory(dn("Leaf"))}, nil)).make(t), leaf(t, "Sub").make(t)
	v := verifier(t, sub)
	v.Work = pki.NewWork(1 << 20)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if _, err := v.Path(context.Background(), end); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestWorkOfOthers(t *testing.T) {
	w := pki.NewWorkOf(10, 10)
	spki := spkiOf(t, sharedKey(t, "leaf"))
	require.True(t, w.SpendSignature(spki))
	require.True(t, w.SpendSteps(10))
	require.False(t, w.SpendSteps(1))
	signatures, steps := w.Spent()
	require.Equal(t, 2, signatures)
	require.Equal(t, 10, steps)
	// Large keys cost more.
	require.False(t, w.SpendSignature(make([]byte, 2082)))
	require.False(t, w.SpendSignature(spki), "and what is used up stays so")
}
