package validate_test

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

func with(p validate.Policy) func(*validate.Options) {
	return func(o *validate.Options) { o.Policy = &p }
}

func without(digest string) validate.Policy {
	return validate.Policy{Algorithms: trust.Algorithms{Until: map[string]time.Time{digest: {}}}}
}

// place is a certificate that names where to ask whether it was revoked.
func place(c *x509.Certificate) { c.CRLDistributionPoints = []string{"http://crl.example/crl"} }

// TestPolicyAlgorithms: what a policy thinks of algorithms reaches messages, certificates, time-stamps, CRLs and OCSP responses.
func TestPolicyAlgorithms(t *testing.T) {
	w := newWorld(t)
	s := w.signer(place)
	der := w.sign(s, &cades.Options{})
	values := func(o *validate.Options) { o.Values = w.values() }
	w.want(w.verify(der, values), validate.TotalPassed, "", "")
	w.want(w.verify(der, values, with(without("SHA-512"))), validate.TotalPassed, "", "")
	w.want(w.verify(der, values, with(without("SHA-256"))), validate.Indeterminate, validate.WeakAlgorithm, "SHA-256")

	// A message of its own hash below certificates of SHA-256.
	id := w.pki.Leaf(testpki.P384, place)
	other := w.signerOf(id, testpki.Must(sign.ECDSA(crypto.SHA384)))
	der = w.sign(other, &cades.Options{})
	r := w.verify(der, values, with(without("SHA-256")))
	require.Equal(t, cades.Passed, r.Status(cades.CheckAlgorithms))
	w.want(r, validate.Indeterminate, validate.WeakAlgorithm, "SHA-256")
	r = w.verify(der, values, with(validate.Policy{Algorithms: trust.Algorithms{MinEC: 384}}))
	require.Equal(t, cades.Passed, r.Status(cades.CheckAlgorithms))
	w.want(r, validate.Indeterminate, validate.WeakAlgorithm, "shorter than the 384 bits")

	// A time-stamp of SHA-256 over such a signature: with the hash gone it proves nothing.
	stamped := w.extend(w.sign(w.signerOf(w.pki.Leaf(testpki.P384, until(w.now.AddDate(0, 0, 10))), testpki.Must(sign.ECDSA(crypto.SHA384))), &cades.Options{}), cades.LevelT,
		&cades.ExtendOptions{Timestamper: w.tsa(10)})
	require.Equal(t, validate.TotalPassed, w.verify(stamped).Timestamps[0].Indication)
	stamp := w.verify(stamped, with(without("SHA-256"))).Timestamps[0]
	require.Equal(t, validate.Indeterminate, stamp.Indication)
	require.Equal(t, validate.WeakAlgorithm, stamp.Sub)
	require.Equal(t, validate.CauseWeakAlgorithm, stamp.Cause)
}

// TestPolicyOfValues: a CRL or an OCSP response by an algorithm that does not count is not heard, also one that was fetched.
func TestPolicyOfValues(t *testing.T) {
	w := newWorld(t)
	isCA := func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	}
	root := w.pki.SelfSigned(testpki.NewKey(t, testpki.RSA2048), "Root of RSA", isCA)
	id := w.pki.Issue(root, testpki.NewKey(t, testpki.P384), &x509.Certificate{
		SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: "Signer"}, NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter(), KeyUsage: x509.KeyUsageDigitalSignature,
	}, place)
	der := w.sign(w.signerOf(id, testpki.Must(sign.ECDSA(crypto.SHA384))), &cades.Options{})
	responder := w.pki.Responder(root) // P-256
	times := func(o *testpki.OCSP) {
		o.Key, o.Responder, o.Certificates = responder.Key, responder.Certificate(), responder.Chain[:1]
		o.ThisUpdate, o.NextUpdate, o.ProducedAt = w.now.Add(-time.Hour), w.now.Add(time.Hour), w.now.Add(-time.Hour)
	}
	response := testpki.OCSPResponse(t, id.Certificate(), root, times)
	list := testpki.RevocationList(t, root, nil, func(l *x509.RevocationList) {
		l.ThisUpdate, l.NextUpdate, l.SignatureAlgorithm = w.now.Add(-time.Hour), w.now.Add(time.Hour), x509.SHA1WithRSA
	})
	for name, c := range map[string]struct {
		values *revocation.Values
		rule   validate.Policy
		says   string
	}{
		"OCSP": {&revocation.Values{OCSP: [][]byte{response}}, validate.Policy{Algorithms: trust.Algorithms{MinEC: 384}}, "384 bits"},
		"CRL":  {&revocation.Values{CRLs: [][]byte{list}}, without("SHA-1"), "SHA-1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.now}
			below := func(o *validate.Options) { o.Roots = trust.New(root.Certificate()) }
			given := func(o *validate.Options) { o.Values = c.values }
			w.want(w.verify(der, below, given), validate.TotalPassed, "", "")
			w.want(w.verify(der, below, given, with(c.rule)), validate.Indeterminate, validate.TryLater, c.says)

			client, err := revocation.NewClient(revocation.Config{Known: c.values, Clock: w.clock})
			require.NoError(t, err)
			asked := func(o *validate.Options) { o.Revocation = client }
			w.want(w.verify(der, below, asked), validate.TotalPassed, "", "")
			w.want(w.verify(der, below, asked, with(validate.Policy{Name: "like the default"})), validate.TotalPassed, "", "")
			w.want(w.verify(der, below, asked, with(c.rule)), validate.Indeterminate, validate.TryLater, c.says)
			w.want(w.verify(der, below, asked), validate.TotalPassed, "", "") // what one policy thought is not remembered for another

			// Nor is it in a list that is kept.
			checker := revocation.NewChecker(c.values)
			for _, o := range []*revocation.CheckOptions{{Now: w.now}, {Now: w.now, Algorithms: &c.rule.Algorithms}, {Now: w.now}} {
				_, err := checker.Check(id.Certificate(), root.Certificate(), o)
				require.Equal(t, o.Algorithms == nil, err == nil, "%v", err)
			}

			strict, err := revocation.NewClient(revocation.Config{Known: c.values, Clock: w.clock, Algorithms: &c.rule.Algorithms})
			require.NoError(t, err)
			_, err = strict.Status(t.Context(), id.Certificate(), root.Certificate(), w.now)
			require.Error(t, err)
			_, err = client.Status(t.Context(), id.Certificate(), root.Certificate(), w.now)
			require.NoError(t, err)
		})
	}
}

func TestPolicyBinding(t *testing.T) {
	w := newWorld(t)
	bound, unbound := w.sign(w.signer(), &cades.Options{}), w.sign(w.signer(), &cades.Options{Level: cades.LevelPKCS7})
	demand := with(validate.Policy{RequireBinding: true})
	w.want(w.verify(unbound), validate.TotalPassed, "", "")
	w.want(w.verify(bound, demand), validate.TotalPassed, "", "")
	w.want(w.verify(unbound, demand), validate.Indeterminate, validate.Constraints, "name the certificate")
}

// TestPolicyRevocation: of whom it has to be known, and that one who was revoked never counts.
func TestPolicyRevocation(t *testing.T) {
	w := newWorld(t)
	authority := w.pki.SubAuthority("Named", w.pki.Root, place)
	named := func(bend ...func(*x509.Certificate)) []byte {
		return w.sign(w.signerOf(w.pki.Issue(authority, testpki.NewKey(t, testpki.P256), w.pki.Leaf(testpki.P256).Certificate(), bend...), testpki.Must(sign.ECDSA(crypto.SHA256))), &cades.Options{})
	}
	above, below := named(), named(place) // only the authority names a place; both do
	nowhere := w.sign(w.signer(), &cades.Options{})
	cover := func(c validate.Coverage) func(*validate.Options) { return with(validate.Policy{Revocation: c}) }
	for _, c := range []struct {
		coverage              validate.Coverage
		nowhere, above, below bool
	}{
		{validate.RevocationNamed, true, false, false},
		{validate.RevocationSigner, true, true, false},
		{validate.RevocationAll, false, false, false},
		{validate.RevocationNone, true, true, true},
	} {
		t.Run(c.coverage.String(), func(t *testing.T) {
			w := &world{t, w.pki, w.now}
			for der, passes := range map[string]bool{string(nowhere): c.nowhere, string(above): c.above, string(below): c.below} {
				if r := w.verify([]byte(der), cover(c.coverage)); passes {
					w.want(r, validate.TotalPassed, "", "")
				} else {
					w.want(r, validate.Indeterminate, validate.TryLater, "revoked")
				}
			}
		})
	}
	s := w.signer(place)
	der := w.sign(s, &cades.Options{})
	gone := func(o *validate.Options) {
		o.Values = w.values(x509.RevocationListEntry{SerialNumber: s.Certificate().SerialNumber, RevocationTime: w.now.AddDate(0, 0, -1)})
	}
	for c := validate.RevocationNamed; c <= validate.RevocationNone; c++ {
		w.want(w.verify(der, gone, cover(c)), validate.Indeterminate, validate.Revoked, "was revoked")
	}
}

// TestPolicyFreshness: values that are too old, or from before the end of the grace period, do not say "not revoked"; what they say
// of a revocation counts.
func TestPolicyFreshness(t *testing.T) {
	w := newWorld(t)
	s := w.signer(place)
	der := w.sign(s, &cades.Options{})
	hourOld := func(o *validate.Options) { o.Values = w.values() }
	age := func(d time.Duration) func(*validate.Options) { return with(validate.Policy{MaxAge: d}) }
	w.want(w.verify(der, hourOld, age(time.Hour)), validate.TotalPassed, "", "")
	w.want(w.verify(der, hourOld, age(time.Hour-time.Second)), validate.Indeterminate, validate.TryLater, "older than 59m59s")
	asked := func(o *validate.Options) { o.Revocation = w.source() }
	w.want(w.verify(der, asked, age(time.Hour)), validate.TotalPassed, "", "")
	w.want(w.verify(der, asked, age(time.Minute)), validate.Indeterminate, validate.TryLater, "older than 1m0s")
	gone := func(o *validate.Options) {
		o.Values = w.values(x509.RevocationListEntry{SerialNumber: s.Certificate().SerialNumber, RevocationTime: w.now.AddDate(0, 0, -1)})
	}
	w.want(w.verify(der, gone, age(time.Minute)), validate.Indeterminate, validate.Revoked, "")

	grace := with(validate.Policy{Grace: 24 * time.Hour})
	stamped := w.extend(der, cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10)})
	w.want(w.verify(stamped, hourOld), validate.TotalPassed, "", "")
	w.want(w.verify(stamped, hourOld, grace), validate.Indeterminate, validate.TryLater, "the policy waits until 2026-03-02")
	w.now = w.now.Add(24*time.Hour + 59*time.Minute) // values are made an hour before
	w.want(w.verify(stamped, hourOld, grace), validate.Indeterminate, validate.TryLater, "")
	w.now = w.now.Add(time.Minute)
	w.want(w.verify(stamped, hourOld, grace), validate.TotalPassed, "", "")
	w.want(w.verify(der, hourOld, grace), validate.Indeterminate, validate.TryLater, "") // nothing proves that it is older than now
}

func TestPolicyTimestamps(t *testing.T) {
	w := newWorld(t)
	plain := w.sign(w.signer(), &cades.Options{})
	stamped := w.extend(plain, cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10)})
	foreign := w.extend(plain, cades.LevelT, &cades.ExtendOptions{Timestamper: newWorld(t).tsa(10)})
	demand := with(validate.Policy{RequireTimestamp: true})
	w.want(w.verify(plain), validate.TotalPassed, "", "")
	w.want(w.verify(plain, demand), validate.Indeterminate, validate.Constraints, "a trusted time-stamp")
	w.want(w.verify(foreign, demand), validate.Indeterminate, validate.Constraints, "a trusted time-stamp")
	w.want(w.verify(stamped, demand), validate.TotalPassed, "", "")

	of := "2.5.29.32.0"
	r := w.verify(stamped, with(validate.Policy{RequireTimestamp: true, TimestampPolicies: []string{"1.2.3", of}}))
	w.want(r, validate.TotalPassed, "", "")
	r = w.verify(stamped, with(validate.Policy{RequireTimestamp: true, TimestampPolicies: []string{"1.2.3"}}))
	w.want(r, validate.Indeterminate, validate.Constraints, "")
	require.Equal(t, validate.Indeterminate, r.Timestamps[0].Indication)
	require.Equal(t, validate.Constraints, r.Timestamps[0].Sub)
	require.Contains(t, r.Timestamps[0].Reason, of)
}

func TestPolicyLevel(t *testing.T) {
	w := newWorld(t)
	plain := w.sign(w.signer(), &cades.Options{})
	stamped := w.extend(plain, cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10)})
	w.want(w.verify(plain, with(validate.Policy{Level: "B-B"})), validate.TotalPassed, "", "")
	w.want(w.verify(plain, with(validate.Policy{Level: "B-T"})), validate.Indeterminate, validate.Constraints, "there is no time-stamp over the signature")
	w.want(w.verify(stamped, with(validate.Policy{Level: "B-T"})), validate.TotalPassed, "", "")
	w.want(w.verify(stamped, with(validate.Policy{Level: "B-LTA"})), validate.Indeterminate, validate.Constraints, "archive time-stamp")
}

func TestPolicyOfCertificates(t *testing.T) {
	w := newWorld(t)
	ours := func(c *x509.Certificate) {
		oid, err := x509.OIDFromInts([]uint64{1, 2, 3, 4})
		require.NoError(t, err)
		c.Policies = append(c.Policies, oid)
	}
	anyPolicy := func(c *x509.Certificate) {
		oid, err := x509.OIDFromInts([]uint64{2, 5, 29, 32, 0})
		require.NoError(t, err)
		c.Policies = append(c.Policies, oid)
	}
	authority := w.pki.SubAuthority("Of policies", w.pki.Root, anyPolicy)
	id := w.pki.Issue(authority, testpki.NewKey(t, testpki.P256), w.pki.Leaf(testpki.P256).Certificate(), ours)
	der := w.sign(w.signerOf(id, testpki.Must(sign.ECDSA(crypto.SHA256))), &cades.Options{})
	demand := with(validate.Policy{CertificatePolicies: []string{"1.2.3.4", "1.2.3.5"}})
	w.want(w.verify(der, demand), validate.TotalPassed, "", "")
	w.want(w.verify(der, with(validate.Policy{CertificatePolicies: []string{"1.2.3.5"}})), validate.Indeterminate, validate.ChainConstraints, "polic")
	w.want(w.verify(w.sign(w.signer(), &cades.Options{}), demand), validate.Indeterminate, validate.ChainConstraints, "polic")
	// The authorities of time-stamps have policies of their own.
	stamped := w.extend(der, cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10)})
	require.Equal(t, validate.TotalPassed, w.verify(stamped, demand).Timestamps[0].Indication)
}

func TestPolicyOddities(t *testing.T) {
	w := newWorld(t)
	der := w.sign(w.signer(), &cades.Options{})
	odd := append(append([]byte{}, der...), 0, 0)
	refuse := with(validate.Policy{RefuseOddities: true})
	w.want(w.verify(der, refuse), validate.TotalPassed, "", "")
	w.want(w.verify(odd), validate.TotalPassed, "", "")
	w.want(w.verify(odd, refuse), validate.Indeterminate, validate.Constraints, "2 octets follow")
}

// TestPresets: what is strict refuses what is lenient, and the default lies between.
func TestPresets(t *testing.T) {
	w := newWorld(t)
	named := w.sign(w.signer(place), &cades.Options{})
	nowhere := w.sign(w.signer(), &cades.Options{})
	preset := func(p *validate.Policy) func(*validate.Options) { return func(o *validate.Options) { o.Policy = p } }
	w.want(w.verify(named, preset(validate.Lenient())), validate.TotalPassed, "", "")
	w.want(w.verify(named, preset(&validate.Policy{})), validate.Indeterminate, validate.TryLater, "")
	w.want(w.verify(nowhere, preset(&validate.Policy{})), validate.TotalPassed, "", "")
	w.want(w.verify(nowhere, preset(validate.Strict())), validate.Indeterminate, validate.TryLater, "every certificate")
	w.want(w.verify(nowhere, preset(validate.Strict()), func(o *validate.Options) { o.Values = w.values() }), validate.TotalPassed, "", "")
}

// TestPolicySlips: a demand that is not understood is an error, and no verdict.
func TestPolicySlips(t *testing.T) {
	w := newWorld(t)
	m, err := cades.Parse(w.sign(w.signer(), &cades.Options{}))
	require.NoError(t, err)
	for says, p := range map[string]validate.Policy{
		"preset":       {Algorithms: trust.Algorithms{Preset: "severe"}},
		"coverage":     {Revocation: 9},
		"negative":     {Grace: -1},
		"B-X":          {Level: "B-X"},
		"dotted":       {CertificatePolicies: []string{"ours"}},
		"qualified":    {TimestampPolicies: []string{"qualified"}},
		"algorithm \"": {Algorithms: trust.Algorithms{Until: map[string]time.Time{"SHA": {}}}},
	} {
		report, err := m.Verify(t.Context(), sign.Content{}, &validate.Options{Policy: &p})
		require.ErrorContains(t, err, says)
		require.True(t, errors.Is(err, sign.ErrInput))
		require.Nil(t, report)
	}
	require.NoError(t, (*validate.Policy)(nil).Err())
}
