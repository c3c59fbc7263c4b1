package pki_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// Cases of building like those of BetterTLS: there is one good path among others that look as good. Each is tried in every
// order of the pool that a few shuffles give.

func TestBuilding(t *testing.T) {
	now := testpki.Now()
	expired := func(s spec) spec { s.notAfter = now.Add(-time.Hour); return s }
	with := func(s spec, e ...extension) spec {
		s.extensions = append(s.extensions[:len(s.extensions):len(s.extensions)], e...)
		return s
	}
	replaced := func(s spec, i int, e extension) spec {
		s.extensions = append([]extension(nil), s.extensions...)
		s.extensions[i] = e
		return s
	}
	key := func(s spec, name string) spec { s.key = sharedKey(t, name); return s }
	sub := func(issuer string) spec { return authority(t, "Sub", issuer) }
	stranger := authority(t, "Stranger", "Stranger")
	for name, test := range map[string]struct {
		pool []spec
		want pki.Reason
	}{
		"one":                                        {[]spec{sub("Root")}, 0},
		"an expired one beside it":                   {[]spec{sub("Root"), expired(sub("Root"))}, 0},
		"an expired cross-certificate":               {[]spec{sub("Root"), expired(sub("Bridge")), authority(t, "Bridge", "Root")}, 0},
		"a good cross-certificate":                   {[]spec{expired(sub("Root")), sub("Bridge"), authority(t, "Bridge", "Root")}, 0},
		"another key of the same name":               {[]spec{sub("Root"), key(sub("Root"), "Stranger")}, 0},
		"another key that claims the identifier":     {[]spec{sub("Root"), with(key(sub("Root"), "Stranger"), subjectKeyID(keyIDOf(t, sharedKey(t, "Sub"))))}, 0},
		"a cross-certificate to a stranger's root":   {[]spec{sub("Stranger"), stranger, sub("Root")}, 0},
		"a stranger's root only":                     {[]spec{sub("Stranger"), stranger}, pki.NotTrusted},
		"a root of the same name, self-signed":       {[]spec{sub("Root"), key(spec{subject: dn("Root"), issuer: dn("Root"), signer: sharedKey(t, "Stranger"), extensions: stranger.extensions}, "Stranger")}, 0},
		"a loop":                                     {[]spec{sub("Bridge"), authority(t, "Bridge", "Sub"), sub("Root")}, 0},
		"a loop without an exit":                     {[]spec{sub("Bridge"), authority(t, "Bridge", "Sub")}, pki.NoIssuer},
		"its own issuer":                             {[]spec{sub("Sub"), sub("Root")}, 0},
		"a longer way, because the short one is not": {[]spec{replaced(sub("Root"), 0, extension{cms.OIDBasicConstraints, true, seq()}), sub("Bridge"), authority(t, "Bridge", "Root")}, 0},
		"names may not be given on the short way":    {[]spec{with(sub("Root"), constraints(nil, [][]byte{directory(dn("Leaf"))})), sub("Bridge"), authority(t, "Bridge", "Root")}, 0},
		"names may not be given on any way":          {[]spec{with(sub("Root"), constraints(nil, [][]byte{directory(dn("Leaf"))})), sub("Bridge"), with(authority(t, "Bridge", "Root"), constraints(nil, [][]byte{directory(dn("Leaf"))}))}, pki.OutsideNameConstraints},
		"the short way is too short":                 {[]spec{sub("Bridge"), replaced(authority(t, "Bridge", "Root"), 0, isCA(0)), authority(t, "Bridge", "Hub"), authority(t, "Hub", "Root")}, 0},
		"a critical extension on one way":            {[]spec{with(sub("Root"), extension{policy(5), true, nil}), sub("Bridge"), authority(t, "Bridge", "Root")}, 0},
		"not for certificates on one way":            {[]spec{replaced(sub("Root"), 1, usage(pki.CRLSign)), sub("Bridge"), authority(t, "Bridge", "Root")}, 0},
		"only for time-stamps on one way":            {[]spec{with(sub("Root"), purposes(false, cms.OIDTimeStamping)), sub("Bridge"), authority(t, "Bridge", "Root")}, 0},
		"a signature that does not hold on one way":  {[]spec{{subject: dn("Sub"), issuer: dn("Root"), key: sharedKey(t, "Sub"), signer: sharedKey(t, "Stranger"), extensions: stranger.extensions}, sub("Bridge"), authority(t, "Bridge", "Root")}, 0},
		// A way with other constraints through certificates that were met on a shorter one already.
		"back up through one that was met": {[]spec{with(sub("Root"), constraints(nil, [][]byte{directory(dn("Leaf"))})), sub("Bridge"), authority(t, "Bridge", "Hub"), authority(t, "Hub", "Root")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			end := leaf(t, "Sub", authorityKeyID(keyIDOf(t, sharedKey(t, "Sub")))).make(t)
			pool := []*pki.Certificate{}
			for _, s := range test.pool {
				pool = append(pool, s.make(t))
			}
			for seed := range uint64(8) {
				rand.New(rand.NewPCG(seed, 1)).Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
				v := verifier(t, pool...)
				path, err := v.Path(context.Background(), end)
				require.Equal(t, test.want, reasonOf(t, err), "%v", err)
				if err == nil {
					require.Equal(t, "CN=Root,O=Signet tests,C=RU", path.Anchor.Certificate.Subject.String())
				}
			}
		})
	}
}

// TestMostTellingError: of certificates that came equally far, the one that was really issued counts.
func TestMostTellingError(t *testing.T) {
	left := authority(t, "Sub", "Left").make(t)
	right := authority(t, "Sub", "Right").make(t)
	fake := authority(t, "Left", "Left")
	fake.key, fake.signer = sharedKey(t, "Stranger"), sharedKey(t, "Stranger")
	own := authority(t, "Right", "Right").make(t)
	for _, pool := range [][]*pki.Certificate{{left, right, fake.make(t)}, {right, left, fake.make(t)}} {
		v := verifier(t, pool...)
		_, err := v.Path(context.Background(), leaf(t, "Sub").make(t))
		require.Equal(t, pki.WrongSignature, reasonOf(t, err), "and not that nobody is known")
		v = verifier(t, append(pool, own)...)
		_, err = v.Path(context.Background(), leaf(t, "Sub").make(t))
		require.Equal(t, pki.NotTrusted, reasonOf(t, err))
	}
}

// TestDetourThatLooksLikelier leads to the same authority by a longer way, which does not make the short one too long.
func TestDetourThatLooksLikelier(t *testing.T) {
	likelier := authority(t, "Sub", "Detour")
	likelier.notBefore = testpki.NotBefore().AddDate(1, 0, 0)
	v := verifier(t, likelier.make(t), authority(t, "Detour", "Mid").make(t), authority(t, "Sub", "Mid").make(t), authority(t, "Mid", "Top").make(t), authority(t, "Top", "Root").make(t))
	v.MaxDepth = 4
	path, err := v.Path(context.Background(), leaf(t, "Sub").make(t))
	require.NoError(t, err)
	require.Len(t, path.Certificates, 4)
}

// TestSeveralRoots finds the one that is trusted, also when another one of its name came first.
func TestSeveralRoots(t *testing.T) {
	root := authority(t, "Root", "Root").make(t)
	old := authority(t, "Root", "Root")
	old.key, old.signer = sharedKey(t, "Root old"), sharedKey(t, "Root old")
	other := authority(t, "Other", "Other").make(t)
	cross := authority(t, "Root", "Other").make(t)
	end := leaf(t, "Root").make(t)
	for name, test := range map[string]struct {
		anchors []*pki.Certificate
		pool    []*pki.Certificate
		length  int
	}{
		"two of one name":          {[]*pki.Certificate{old.make(t), root}, nil, 2},
		"the cross-certificate":    {[]*pki.Certificate{other}, []*pki.Certificate{root, cross}, 3},
		"both, the near one":       {[]*pki.Certificate{other, root}, []*pki.Certificate{cross}, 2},
		"a cross-certificate only": {[]*pki.Certificate{cross}, []*pki.Certificate{root, other}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			v := pki.Verifier{Anchors: pki.Trust(test.anchors...), Pools: []*pki.Pool{pki.NewPool(test.pool...)}, Time: testpki.Now()}
			path, err := v.Path(context.Background(), end)
			require.NoError(t, err)
			require.Len(t, path.Chain(), test.length)
		})
	}
}

// TestAcceptRefusesPaths: a revoked intermediate makes the builder try another way.
func TestAcceptRefusesPaths(t *testing.T) {
	revoked := authority(t, "Sub", "Root").make(t)
	other := authority(t, "Sub", "Root")
	other.serial = []byte{2}
	v := verifier(t, revoked, other.make(t))
	seen := 0
	cause := errors.New("revoked")
	v.Accept = func(_ context.Context, p *pki.Path) error {
		seen++
		if p.Certificates[1] == revoked {
			return cause
		}
		return nil
	}
	path, err := v.Path(context.Background(), leaf(t, "Sub").make(t))
	require.NoError(t, err)
	require.Equal(t, []byte{2}, path.Certificates[1].Serial)
	require.Equal(t, 2, seen)

	seen = 0
	v.Accept = func(context.Context, *pki.Path) error { seen++; return cause }
	_, err = v.Path(context.Background(), leaf(t, "Sub").make(t))
	require.Equal(t, pki.Refused, reasonOf(t, err))
	require.ErrorIs(t, err, cause)
	require.Equal(t, 2, seen, "no path is offered twice")

	// A path that is wrong is not offered, and a fault of another path does not hide the refusal.
	bad := authority(t, "Sub", "Root")
	bad.notAfter = testpki.Now().Add(-time.Hour)
	v = verifier(t, bad.make(t))
	v.Accept = func(context.Context, *pki.Path) error { t.Error("offered"); return nil }
	_, err = v.Path(context.Background(), leaf(t, "Sub").make(t))
	require.Equal(t, pki.Expired, reasonOf(t, err))
	v = verifier(t, authority(t, "Sub", "Root", constraints(nil, [][]byte{directory(dn("Leaf"))})).make(t), revoked)
	v.Accept = func(context.Context, *pki.Path) error { return cause }
	_, err = v.Path(context.Background(), leaf(t, "Sub").make(t))
	require.Equal(t, pki.Refused, reasonOf(t, err))
}

// TestPathsOfferedHaveNoLoops, and certificates that are in two pools make no second path.
func TestPathsOfferedHaveNoLoops(t *testing.T) {
	pool := []*pki.Certificate{authority(t, "Sub", "Root").make(t), authority(t, "Sub", "Bridge").make(t), authority(t, "Bridge", "Sub").make(t), authority(t, "Bridge", "Root").make(t)}
	var copies []*pki.Certificate
	for _, c := range pool {
		again, err := pki.ParseCertificate(append([]byte(nil), c.Raw...))
		require.NoError(t, err)
		copies = append(copies, again)
	}
	v := verifier(t)
	v.Pools = []*pki.Pool{pki.NewPool(pool...), pki.NewPool(copies...)}
	seen := map[string]bool{}
	v.Accept = func(_ context.Context, p *pki.Path) error {
		on, whole := map[string]bool{}, ""
		for _, c := range p.Certificates {
			require.False(t, on[string(c.SPKI)], "an authority is there twice")
			on[string(c.SPKI)] = true
			whole += string(c.Raw)
		}
		require.False(t, seen[whole], "a path is offered twice")
		seen[whole] = true
		return errors.New("no")
	}
	_, err := v.Path(context.Background(), leaf(t, "Sub").make(t))
	require.Equal(t, pki.Refused, reasonOf(t, err))
	// Sub from Root; Sub from Bridge from Root. A way that comes back to Sub holds nothing better.
	require.Len(t, seen, 2)
}

// TestAnchorThatIsRefusedItself may have a path to another anchor, which is judged like any other.
func TestAnchorThatIsRefusedItself(t *testing.T) {
	end := leaf(t, "Sub").make(t)
	v := verifier(t, authority(t, "Sub", "Root").make(t))
	v.Anchors = pki.Trust(end, v.Anchors.All()[0].Certificate)
	path, err := v.Path(context.Background(), end)
	require.NoError(t, err)
	require.True(t, path.Direct)
	v.Accept = func(_ context.Context, p *pki.Path) error {
		if p.Direct {
			return errors.New("no")
		}
		return nil
	}
	path, err = v.Path(context.Background(), end)
	require.NoError(t, err)
	require.Len(t, path.Chain(), 3)
}

// TestNoSignatureIsCheckedInVain with the key of a certificate that could not be an issuer anyway.
func TestNoSignatureIsCheckedInVain(t *testing.T) {
	person := spec{subject: dn("Sub"), issuer: dn("Root"), key: sharedKey(t, "Stranger"), signer: sharedKey(t, "Root"), extensions: []extension{usage(pki.DigitalSignature)}}.make(t)
	v := verifier(t, person, authority(t, "Sub", "Root").make(t))
	checked := 0
	v.Signature = func(check *algorithm.SignatureCheck, message []byte) (string, error) {
		checked++
		return (*algorithm.Registry)(nil).Verify(check, message, nil)
	}
	_, err := v.Path(context.Background(), leaf(t, "Sub").make(t))
	require.NoError(t, err)
	require.Equal(t, 2, checked)
}

// TestAcceptIsAskedABoundedNumberOfTimes, since it may ask the network.
func TestAcceptIsAskedABoundedNumberOfTimes(t *testing.T) {
	var pool []*pki.Certificate
	for i := range 100 {
		s := authority(t, "Sub", "Root")
		s.serial = []byte{1, byte(i)}
		pool = append(pool, s.make(t))
	}
	v := verifier(t, pool...)
	asked := 0
	v.Accept = func(context.Context, *pki.Path) error { asked++; return errors.New("no") }
	_, err := v.Path(context.Background(), leaf(t, "Sub").make(t))
	require.Equal(t, pki.Refused, reasonOf(t, err))
	require.Equal(t, 32, asked)
}

// TestFirstPoolFirst tries certificates of the caller before those that came with a message.
func TestFirstPoolFirst(t *testing.T) {
	mine := authority(t, "Sub", "Root")
	theirs := mine
	theirs.serial = []byte{9}
	a, b := mine.make(t), theirs.make(t)
	for _, pools := range [][]*pki.Pool{{pki.NewPool(a), pki.NewPool(b)}, {pki.NewPool(b, a), pki.NewPool(a)}} {
		v := verifier(t)
		v.Pools = pools
		path, err := v.Path(context.Background(), leaf(t, "Sub").make(t))
		require.NoError(t, err)
		require.Same(t, pools[0].Certificates()[0], path.Certificates[1])
	}
}

func TestPool(t *testing.T) {
	a, again := authority(t, "A", "Root", subjectKeyID([]byte("a"))).make(t), []byte(nil)
	again = append(again, a.Raw...)
	copied, err := pki.ParseCertificate(again)
	require.NoError(t, err)
	p := pki.NewPool(a)
	require.Same(t, a, p.Add(copied))
	require.Len(t, p.Certificates(), 1)
	require.Equal(t, []*pki.Certificate{a}, p.BySubject(pki.NewName(dn("a"))))
	require.Equal(t, []*pki.Certificate{a}, p.ByKeyID([]byte("a")))
	require.Equal(t, []*pki.Certificate{a}, p.ByIssuerSerial(pki.NewName(dn("ROOT")), []byte{0, 1}))
	require.Empty(t, p.ByIssuerSerial(pki.NewName(dn("Toor")), []byte{1}))
	require.Empty(t, p.ByIssuerSerial(pki.NewName(dn("Root")), []byte{2}))
	require.Empty(t, p.ByKeyID(nil))
	require.Empty(t, new(pki.Pool).BySubject(a.Subject))
	require.True(t, pki.Trust(a).Contains(copied))
	require.False(t, pki.Trust().Contains(copied))
}

func TestReasonsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for r := pki.NoIssuer; r <= pki.OutOfBudget; r++ {
		require.NotContains(t, r.String(), "reason")
		require.False(t, seen[r.String()])
		seen[r.String()] = true
	}
	require.Equal(t, "reason 0", pki.Reason(0).String())
	require.Equal(t, fmt.Sprintf("reason %d", pki.OutOfBudget+1), (pki.OutOfBudget + 1).String())
}
