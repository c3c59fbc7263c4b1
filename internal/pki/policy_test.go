package pki_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

func anyPolicy() extension { return policies(cms.OIDAnyPolicy) }

func policyConstraints(explicit, mapping int) extension {
	var value []byte
	for i, n := range []int{explicit, mapping} {
		if n >= 0 {
			value = append(value, tlv(cms.ContextTag(i), []byte{byte(n)})...)
		}
	}
	return extension{oidPolicyConstraints, true, seq(value)}
}

func inhibitAny(n int) extension {
	return extension{oidInhibitAnyPolicy, true, tlv(cms.TagInteger, []byte{byte(n)})}
}

// policyPath makes Root, A0, A1, … and a leaf with these extensions. A number in self makes that authority self-issued.
func policyPath(t testing.TB, wanted pki.Policies, self int, extensions ...[]extension) (*pki.Path, error) {
	t.Helper()
	var pool []*pki.Certificate
	name, key := "Root", "Root"
	for i, e := range extensions[:len(extensions)-1] {
		s := authority(t, fmt.Sprintf("A%d", i), name, e...)
		s.signer = sharedKey(t, key)
		if key = fmt.Sprintf("A%d", i); i == self {
			s.subject = dn(name)
		} else {
			name = key
		}
		pool = append(pool, s.make(t))
	}
	end := leaf(t, name, extensions[len(extensions)-1]...)
	end.signer = sharedKey(t, key)
	v := verifier(t, pool...)
	v.Policies = wanted
	return v.Path(context.Background(), end.make(t))
}

func TestPolicies(t *testing.T) {
	type ext = []extension
	p1, p2, p3 := policy(1), policy(2), policy(3)
	explicit := pki.Policies{Explicit: true}
	want := func(ids ...cms.OID) pki.Policies { return pki.Policies{Initial: ids, Explicit: true} }
	none := -1
	for name, test := range map[string]struct {
		wanted pki.Policies
		self   int
		path   []ext
		valid  []cms.OID // nil: no policy is met
	}{
		"the same":                   {explicit, none, []ext{{policies(p1)}, {policies(p1)}}, []cms.OID{p1}},
		"of several":                 {explicit, none, []ext{{policies(p1, p2)}, {policies(p2, p3)}}, []cms.OID{p2}},
		"another":                    {explicit, none, []ext{{policies(p1)}, {policies(p2)}}, nil},
		"none at the end":            {explicit, none, []ext{{policies(p1)}, {}}, nil},
		"none in between":            {explicit, none, []ext{{policies(p1)}, {}, {policies(p1)}}, nil},
		"wanted":                     {want(p1), none, []ext{{policies(p1, p2)}, {policies(p1, p2)}}, []cms.OID{p1}},
		"not wanted":                 {want(p3), none, []ext{{policies(p1, p2)}, {policies(p1, p2)}}, nil},
		"any in between":             {want(p1), none, []ext{{anyPolicy()}, {policies(p1)}}, []cms.OID{p1}},
		"any at the end":             {want(p1), none, []ext{{policies(p1)}, {anyPolicy()}}, []cms.OID{p1}},
		"any throughout":             {want(p1, p2), none, []ext{{anyPolicy()}, {anyPolicy()}}, []cms.OID{p1, p2}},
		"any throughout, no wish":    {explicit, none, []ext{{anyPolicy()}, {anyPolicy()}}, []cms.OID{cms.OIDAnyPolicy}},
		"any wanted":                 {want(cms.OIDAnyPolicy), none, []ext{{policies(p1)}, {policies(p1)}}, []cms.OID{p1}},
		"any inhibited":              {pki.Policies{Explicit: true, InhibitAny: true}, none, []ext{{anyPolicy()}, {policies(p1)}}, nil},
		"any inhibited by an issuer": {explicit, none, []ext{{policies(p1), inhibitAny(0)}, {anyPolicy()}}, nil},
		"any inhibited later":        {explicit, none, []ext{{policies(p1), inhibitAny(1)}, {anyPolicy()}, {policies(p1)}}, []cms.OID{p1}},
		"any inhibited too late":     {explicit, none, []ext{{policies(p1), inhibitAny(1)}, {policies(p1)}, {anyPolicy()}}, nil},
		"any inhibited, widened":     {explicit, none, []ext{{policies(p1), inhibitAny(0)}, {policies(p1), inhibitAny(9)}, {anyPolicy()}}, nil},
		"any inhibited, self-issued": {explicit, 1, []ext{{policies(p1), inhibitAny(0)}, {anyPolicy()}, {policies(p1)}}, []cms.OID{p1}},

		"mapped":                           {want(p1), none, []ext{{policies(p1), mappings(p1, p2)}, {policies(p2)}}, []cms.OID{p1}},
		"mapped, the other's name":         {want(p2), none, []ext{{policies(p1), mappings(p1, p2)}, {policies(p2)}}, nil},
		"mapped, unmapped used":            {explicit, none, []ext{{policies(p1), mappings(p1, p2)}, {policies(p1)}}, nil},
		"mapped twice":                     {want(p1), none, []ext{{policies(p1), mappings(p1, p2)}, {policies(p2), mappings(p2, p3)}, {policies(p3)}}, []cms.OID{p1}},
		"mapped to two":                    {want(p1), none, []ext{{policies(p1), mappings(p1, p2, p1, p3)}, {policies(p3)}}, []cms.OID{p1}},
		"two mapped to one":                {want(p2), none, []ext{{policies(p1, p2), mappings(p1, p3, p2, p3)}, {policies(p3)}}, []cms.OID{p2}},
		"mapped under any":                 {want(p1), none, []ext{{anyPolicy(), mappings(p1, p2)}, {policies(p2)}}, []cms.OID{p1}},
		"mapped, not there":                {explicit, none, []ext{{policies(p3), mappings(p1, p2)}, {policies(p2)}}, nil},
		"from any":                         {pki.Policies{}, none, []ext{{policies(p1), mappings(cms.OIDAnyPolicy, p2)}, {policies(p2)}}, nil},
		"to any":                           {pki.Policies{}, none, []ext{{policies(p1), mappings(p1, cms.OIDAnyPolicy)}, {policies(p2)}}, nil},
		"mapping inhibited":                {pki.Policies{Explicit: true, InhibitMapping: true}, none, []ext{{policies(p1), mappings(p1, p2)}, {policies(p2)}}, nil},
		"mapping inhibited, kept":          {pki.Policies{Explicit: true, InhibitMapping: true}, none, []ext{{policies(p1, p3), mappings(p1, p2)}, {policies(p3)}}, []cms.OID{p3}},
		"mapping inhibited, unmapped used": {pki.Policies{Explicit: true, InhibitMapping: true}, none, []ext{{policies(p1), mappings(p1, p2)}, {policies(p1)}}, nil},
		"mapping inhibited later":          {explicit, none, []ext{{policies(p1), policyConstraints(-1, 0)}, {policies(p1), mappings(p1, p2)}, {policies(p2)}}, nil},
		"mapping inhibited after one":      {explicit, none, []ext{{policies(p1), policyConstraints(-1, 1)}, {policies(p1), mappings(p1, p2)}, {policies(p2)}}, []cms.OID{p1}},
		"mapping inhibited, self-issued":   {explicit, 1, []ext{{policies(p1), policyConstraints(-1, 1)}, {policies(p1)}, {policies(p1), mappings(p1, p2)}, {policies(p2)}}, []cms.OID{p1}},

		"asked by an issuer":         {pki.Policies{}, none, []ext{{policies(p1), policyConstraints(0, -1)}, {}}, nil},
		"asked by an issuer, later":  {pki.Policies{}, none, []ext{{policies(p1), policyConstraints(3, -1)}, {}}, []cms.OID{}},
		"asked, counted":             {pki.Policies{}, none, []ext{{policyConstraints(2, -1)}, {}, {}}, nil},
		"asked, self-issued":         {pki.Policies{}, 1, []ext{{policyConstraints(2, -1)}, {}, {}}, []cms.OID{}},
		"asked by the target":        {pki.Policies{}, none, []ext{{policies(p1)}, {policyConstraints(0, -1)}}, nil},
		"asked by the target, later": {pki.Policies{}, none, []ext{{policies(p1)}, {policyConstraints(1, -1)}}, []cms.OID{}},
		"asked, wanted":              {pki.Policies{Initial: []cms.OID{p2}}, none, []ext{{policies(p1), policyConstraints(0, -1)}, {policies(p1)}}, nil},
		"nobody asks":                {pki.Policies{Initial: []cms.OID{p2}}, none, []ext{{policies(p1)}, {}}, []cms.OID{}},
	} {
		t.Run(name, func(t *testing.T) {
			path, err := policyPath(t, test.wanted, test.self, test.path...)
			if test.valid == nil {
				require.Equal(t, pki.PolicyNotMet, reasonOf(t, err), "%v", err)
				return
			}
			require.NoError(t, err)
			require.ElementsMatch(t, test.valid, path.Policies)
		})
	}
}

// TestAnyPolicyOfASelfIssuedTarget: the exception for self-issued certificates is for those in between.
func TestAnyPolicyOfASelfIssuedTarget(t *testing.T) {
	sub := authority(t, "Sub", "Root", policies(policy(1)), inhibitAny(0)).make(t)
	own := spec{subject: dn("Sub"), issuer: dn("Sub"), signer: sharedKey(t, "Sub"), extensions: []extension{usage(pki.DigitalSignature), anyPolicy()}}
	v := verifier(t, sub)
	v.Policies = pki.Policies{Explicit: true}
	_, err := v.Path(context.Background(), own.make(t))
	require.Equal(t, pki.PolicyNotMet, reasonOf(t, err))
	own.extensions[1] = policies(policy(1))
	_, err = v.Path(context.Background(), own.make(t))
	require.NoError(t, err)
}

// TestWhoLeavesNoPolicy names the certificate at which the last policy was lost.
func TestWhoLeavesNoPolicy(t *testing.T) {
	_, err := policyPath(t, pki.Policies{Explicit: true}, -1, []extension{policies(policy(1))}, []extension{}, []extension{policies(policy(1))})
	var e *pki.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "CN=A1,O=Signet tests,C=RU", e.Certificate.Subject.String())
}

// TestPoliciesGrowNotExponentially maps n policies to n others on each level, all to all: the tree of RFC 5280 would have n
// to the power of the depth of leaves.
func TestPoliciesGrowNotExponentially(t *testing.T) {
	const n, depth = 30, 10
	all := make([]cms.OID, n)
	var pairs []cms.OID
	for i := range n {
		all[i] = policy(i)
		for j := range n {
			pairs = append(pairs, policy(i), policy(j))
		}
	}
	level := []extension{policies(all...), mappings(pairs...)}
	path := [][]extension{}
	for range depth {
		path = append(path, level)
	}
	work := pki.NewWork(0)
	var pool []*pki.Certificate
	issuer := "Root"
	for i, e := range path {
		name := fmt.Sprintf("A%d", i)
		pool = append(pool, authority(t, name, issuer, e...).make(t))
		issuer = name
	}
	v := verifier(t, pool...)
	v.Work, v.Policies = work, pki.Policies{Explicit: true}
	found, err := v.Path(context.Background(), leaf(t, issuer, policies(all...)).make(t))
	require.NoError(t, err)
	require.Len(t, found.Policies, n)
	_, steps := work.Spent()
	require.Less(t, steps, 6*depth*n*n, "steps are linear in the size of the mappings")
}
