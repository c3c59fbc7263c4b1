package pki_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// Graphs of authorities that certify each other, as in the BetterTLS suite: of each certificate there is a faulty one, and of some
// also a good one, in any order. A path is found if and only if there is one. The judge of that is an exhaustive search that knows the
// faults, and looks at no certificate; crypto/x509 has the second opinion.

// fault is what is wrong with a certificate.
type fault int

const (
	none fault = iota
	expired
	notYetValid
	wronglySigned
	noAuthority
	noKeyCertSign
	noPathLength  // pathLenConstraint 0
	otherNames    // permits other hosts than the leaf's
	excludedNames // excludes the leaf's
	unknownCritical
	onlyStamps   // extKeyUsage timeStamping, as an authority has it that is for evidence and not for signers
	otherPurpose // an extKeyUsage of neither, which binds only the certificate that it is in (RFC 5280 section 4.2.1.12)
	faults
)

func (f fault) String() string {
	return [...]string{"none", "expired", "not yet valid", "wrongly signed", "no authority", "no keyCertSign", "path length 0", "other names", "excluded names", "unknown critical extension", "for time-stamps only", "another purpose"}[f]
}

// edge is a certificate of a subject by an issuer.
type edge struct{ subject, issuer string }

// link is an edge with its fault and the certificate.
type link struct {
	edge
	fault fault
	cert  *pki.Certificate
}

// graphs are edges of authorities; the leaf is always by A, and Root is trusted.
func graphs() map[string][]edge {
	return map[string][]edge{
		"line":         {{"A", "B"}, {"B", "Root"}},
		"two ways":     {{"A", "B"}, {"A", "C"}, {"B", "Root"}, {"C", "Root"}},
		"two roots":    {{"A", "Root"}, {"A", "Stranger"}, {"Stranger", "Root"}},
		"figure eight": {{"A", "B"}, {"A", "C"}, {"B", "D"}, {"C", "D"}, {"D", "E"}, {"D", "F"}, {"E", "Root"}, {"F", "Root"}},
		"bridge":       {{"A", "Bridge"}, {"Bridge", "A"}, {"Bridge", "B"}, {"B", "Bridge"}, {"B", "Root"}, {"A", "Stranger"}},
		"complete":     {{"A", "B"}, {"A", "C"}, {"B", "A"}, {"B", "C"}, {"C", "A"}, {"C", "B"}, {"B", "Root"}, {"C", "Root"}},
	}
}

// foundry makes each certificate once.
type foundry struct {
	t    *testing.T
	made map[link]*pki.Certificate
}

func (f *foundry) link(e edge, fault fault) link {
	l := link{edge: e, fault: fault}
	if f.made[l] == nil {
		s := authority(f.t, e.subject, e.issuer)
		s.serial = []byte{1, byte(len(f.made))}
		switch fault {
		case expired:
			s.notAfter = testpki.Now().Add(-time.Hour)
		case notYetValid:
			s.notBefore = testpki.Now().Add(time.Hour)
		case wronglySigned:
			s.spoil = true
		case noAuthority:
			s.extensions[0] = extension{cms.OIDBasicConstraints, true, seq()}
		case noKeyCertSign:
			s.extensions[1] = usage(pki.CRLSign)
		case noPathLength:
			s.extensions[0] = isCA(0)
		case otherNames:
			s.extensions = append(s.extensions, constraints([][]byte{dns("elsewhere.example")}, nil))
		case excludedNames:
			s.extensions = append(s.extensions, constraints(nil, [][]byte{dns("leaf.example")}))
		case unknownCritical:
			s.extensions = append(s.extensions, extension{policy(77), true, []byte{5, 0}})
		case onlyStamps:
			s.extensions = append(s.extensions, purposes(false, cms.OIDTimeStamping))
		case otherPurpose:
			s.extensions = append(s.extensions, purposes(false, policy(5)))
		}
		f.made[l] = s.make(f.t)
	}
	l.cert = f.made[link{edge: e, fault: fault}]
	return l
}

// exists searches for a path upwards from an authority. below are those that it has been through, from the leaf's issuer on.
func exists(links []link, at string, below []link) bool {
	if at == "Root" {
		return good(below)
	}
	for _, l := range links {
		// An authority is in a path once: what is above its second certificate would do above the first as well.
		if l.subject == at && !slices.ContainsFunc(below, func(b link) bool { return b.subject == l.issuer }) {
			if exists(links, l.issuer, append(below[:len(below):len(below)], l)) {
				return true
			}
		}
	}
	return false
}

// good reports whether a path has no fault that matters.
func good(path []link) bool {
	for i, l := range path { // i authorities are below it
		if l.fault != none && l.fault != otherPurpose && (l.fault != noPathLength || i != 0) {
			return false
		}
	}
	return true
}

func (f *foundry) check(root, target *pki.Certificate, links []link, name string, x509Too bool) bool {
	t := f.t
	var pool []*pki.Certificate
	for _, l := range links {
		pool = append(pool, l.cert)
	}
	v := pki.Verifier{Anchors: pki.Trust(root), Pools: []*pki.Pool{pki.NewPool(pool...)}, Time: testpki.Now(), Work: pki.NewWork(0)}
	path, err := v.Path(t.Context(), target)
	want := exists(links, "A", nil)
	describe := func() string {
		s := name + ":"
		for _, l := range links {
			s += fmt.Sprintf(" %s by %s (%s)", l.subject, l.issuer, l.fault)
		}
		return s
	}
	if want != (err == nil) {
		t.Fatalf("%s: there is a path: %t, and the outcome is %v", describe(), want, err)
	}
	if err == nil {
		var taken []link
		for _, c := range path.Certificates[1:] {
			i := slices.IndexFunc(links, func(l link) bool { return l.cert == c })
			if i < 0 {
				t.Fatalf("%s: a certificate from elsewhere", describe())
			}
			taken = append(taken, links[i])
		}
		if !good(taken) {
			t.Fatalf("%s: the path has a fault: %v", describe(), taken)
		}
	}
	// It is asked for any purpose, since it knows none of documents.
	if x509Too && !slices.ContainsFunc(links, func(l link) bool { return l.fault == onlyStamps }) {
		// It gives up after a hundred signatures, which larger graphs take.
		if theirs := secondOpinion(t, root, target, pool); theirs == nil && !want || theirs != nil && want && len(links) < 9 {
			t.Fatalf("%s: there is a path: %t, and crypto/x509 says %v", describe(), want, theirs)
		}
	}
	return want
}

// TestGraphs: faulty certificates of one kind everywhere, and good ones beside them on each subset of the edges, or on many of them.
func TestGraphs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	f := &foundry{t, map[link]*pki.Certificate{}}
	root := authority(t, "Root", "Root").make(t)
	end := leaf(t, "A", altNames(dns("leaf.example")))
	target := end.make(t)
	found, missing := 0, 0
	for _, name := range []string{"line", "two ways", "two roots", "figure eight", "bridge", "complete"} {
		edges := graphs()[name]
		for kind := expired; kind < faults; kind++ {
			subsets := 1 << len(edges)
			for n := range min(subsets, 64) {
				if subsets > 64 {
					n = r.IntN(subsets)
				}
				var links []link
				for i, e := range edges {
					links = append(links, f.link(e, kind))
					if n&(1<<i) != 0 {
						links = append(links, f.link(e, none))
					}
				}
				for order := range 4 {
					switch order {
					case 1:
						slices.Reverse(links)
					case 2, 3:
						r.Shuffle(len(links), func(i, j int) { links[i], links[j] = links[j], links[i] })
					}
					if f.check(root, target, links, name, order == 0) {
						found++
					} else {
						missing++
					}
				}
			}
		}
	}
	t.Logf("a path in %d, none in %d", found, missing)
	require.Greater(t, found, 1000)
	require.Greater(t, missing, 1000)
}

// TestGraphsOfAllFaults: each edge has certificates with faults of any kinds.
func TestGraphsOfAllFaults(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	f := &foundry{t, map[link]*pki.Certificate{}}
	root := authority(t, "Root", "Root").make(t)
	target := leaf(t, "A", altNames(dns("leaf.example"))).make(t)
	found := map[bool]int{}
	for _, name := range []string{"two ways", "figure eight", "bridge", "complete"} {
		edges := graphs()[name]
		for range 150 {
			var links []link
			for _, e := range edges {
				for _, kind := range r.Perm(int(faults))[:1+r.IntN(4)] {
					links = append(links, f.link(e, fault(kind)))
				}
				if r.IntN(3) == 0 {
					links = append(links, f.link(e, none))
				}
			}
			r.Shuffle(len(links), func(i, j int) { links[i], links[j] = links[j], links[i] })
			links = slices.CompactFunc(links, func(a, b link) bool { return a.cert == b.cert })
			found[f.check(root, target, links, name, true)]++
		}
	}
	t.Logf("a path in %d, none in %d", found[true], found[false])
	require.Greater(t, found[true], 100)
	require.Greater(t, found[false], 100)
}

// TestGraphsOfLeaf: a leaf for another purpose has no path, whatever the graph.
func TestGraphsOfLeaf(t *testing.T) {
	f := &foundry{t, map[link]*pki.Certificate{}}
	root := authority(t, "Root", "Root").make(t)
	for name, edges := range graphs() {
		var links []link
		for _, e := range edges {
			links = append(links, f.link(e, none))
		}
		for _, bad := range []extension{purposes(false, cms.OIDOCSPSigning), purposes(true, cms.OIDTimeStamping)} {
			target := leaf(t, "A", bad).make(t)
			var pool []*pki.Certificate
			for _, l := range links {
				pool = append(pool, l.cert)
			}
			v := pki.Verifier{Anchors: pki.Trust(root), Pools: []*pki.Pool{pki.NewPool(pool...)}, Time: testpki.Now()}
			_, err := v.Path(t.Context(), target)
			require.Error(t, err, name)
		}
		require.True(t, f.check(root, leaf(t, "A", purposes(false, cms.OIDTimeStamping, policy(5))).make(t), links, name, true))
	}
}
