package pki_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// verifier trusts the root and knows what else there is.
func verifier(t testing.TB, others ...*pki.Certificate) pki.Verifier {
	t.Helper()
	return pki.Verifier{
		Anchors: pki.Trust(authority(t, "Root", "Root").make(t)),
		Pools:   []*pki.Pool{pki.NewPool(others...)},
		Time:    testpki.Now(),
	}
}

// reasonOf is 0 for a path that was found.
func reasonOf(t testing.TB, err error) pki.Reason {
	t.Helper()
	if err == nil {
		return 0
	}
	var e *pki.Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Text)
	require.NotNil(t, e.Certificate)
	return e.Reason
}

func TestPath(t *testing.T) {
	sub, end := authority(t, "Sub", "Root").make(t), leaf(t, "Sub").make(t)
	v := verifier(t, sub)
	path, err := v.Path(context.Background(), end)
	require.NoError(t, err)
	require.Equal(t, []*pki.Certificate{end, sub}, path.Certificates)
	require.Equal(t, "CN=Root,O=Signet tests,C=RU", path.Anchor.Certificate.Subject.String())
	require.Len(t, path.Chain(), 3)
	require.False(t, path.Direct)
	require.Empty(t, path.Tolerated)
	require.Empty(t, path.Policies)

	name, spki, c := path.Issuer(0)
	require.Equal(t, sub, c)
	require.Equal(t, sub.SPKI, spki)
	require.True(t, name.Equal(sub.Subject))
	name, spki, c = path.Issuer(1)
	require.Equal(t, path.Anchor.Certificate, c)
	require.Equal(t, spkiOf(t, sharedKey(t, "Root")), spki)
	require.True(t, name.Equal(sub.Issuer))
}

func TestAnchors(t *testing.T) {
	ctx := context.Background()
	root, sub, end := authority(t, "Root", "Root").make(t), authority(t, "Sub", "Root").make(t), leaf(t, "Sub").make(t)
	find := func(anchors *pki.Anchors, target *pki.Certificate, pool ...*pki.Certificate) (*pki.Path, error) {
		v := pki.Verifier{Anchors: anchors, Pools: []*pki.Pool{nil, pki.NewPool(pool...)}, Time: testpki.Now(), Purpose: pki.AnyUse}
		return v.Path(ctx, target)
	}
	t.Run("a name with a key", func(t *testing.T) {
		path, err := find(pki.NewAnchors(pki.Anchor{Name: root.Subject, SPKI: root.SPKI}), end, sub)
		require.NoError(t, err)
		require.Len(t, path.Chain(), 2)
		_, spki, c := path.Issuer(1)
		require.Nil(t, c)
		require.Equal(t, root.SPKI, spki)
	})
	t.Run("not self-signed", func(t *testing.T) {
		path, err := find(pki.Trust(sub), end)
		require.NoError(t, err)
		require.Equal(t, sub, path.Anchor.Certificate)
	})
	t.Run("the target itself", func(t *testing.T) {
		path, err := find(pki.Trust(end), end)
		require.NoError(t, err)
		require.True(t, path.Direct)
		require.Equal(t, []*pki.Certificate{end}, path.Chain())
	})
	t.Run("the target itself, expired", func(t *testing.T) {
		s := leaf(t, "Sub")
		s.notAfter = testpki.Now().Add(-time.Second)
		c := s.make(t)
		_, err := find(pki.Trust(c), c)
		require.Equal(t, pki.Expired, reasonOf(t, err))
	})
	t.Run("the target itself, for another purpose", func(t *testing.T) {
		c := leaf(t, "Sub", purposes(true, cms.OIDTimeStamping)).make(t)
		v := pki.Verifier{Anchors: pki.Trust(c), Time: testpki.Now()}
		_, err := v.Path(ctx, c)
		require.Equal(t, pki.WrongExtKeyUsage, reasonOf(t, err))
	})
	t.Run("the target itself, under constraints of the caller", func(t *testing.T) {
		v := pki.Verifier{Anchors: pki.Trust(end), Time: testpki.Now(), Excluded: []pki.GeneralName{{Kind: pki.DirectoryName, Value: dn("leaf")}}}
		_, err := v.Path(ctx, end)
		require.Equal(t, pki.OutsideNameConstraints, reasonOf(t, err))
	})
	t.Run("a person is no authority", func(t *testing.T) {
		person := spec{subject: dn("Person"), issuer: dn("Root"), key: sharedKey(t, "Person"), signer: sharedKey(t, "Root"), extensions: []extension{usage(pki.DigitalSignature)}}.make(t)
		_, err := find(pki.Trust(person), leaf(t, "Person").make(t))
		require.Equal(t, pki.NotAnAuthority, reasonOf(t, err))
	})
	t.Run("a person without extensions is none either", func(t *testing.T) {
		s := authority(t, "Person", "Person")
		s.extensions = nil
		_, err := find(pki.Trust(s.make(t)), leaf(t, "Person").make(t))
		require.Equal(t, pki.NotAnAuthority, reasonOf(t, err))
	})
	t.Run("a root of version 1", func(t *testing.T) {
		s := authority(t, "Root", "Root")
		s.version, s.extensions = -1, nil
		_, err := find(pki.Trust(s.make(t)), end, sub)
		require.NoError(t, err)
	})
	t.Run("an authority of version 1 that is no anchor", func(t *testing.T) {
		s := authority(t, "Sub", "Root")
		s.version, s.extensions = -1, nil
		_, err := find(pki.Trust(root), end, s.make(t))
		require.Equal(t, pki.NotAnAuthority, reasonOf(t, err))
	})
	t.Run("expired", func(t *testing.T) {
		s := authority(t, "Root", "Root")
		s.notAfter = testpki.Now().Add(-time.Second)
		v := pki.Verifier{Anchors: pki.Trust(s.make(t)), Pools: []*pki.Pool{pki.NewPool(sub)}, Time: testpki.Now()}
		_, err := v.Path(ctx, end)
		require.Equal(t, pki.Expired, reasonOf(t, err))
		v.IgnoreAnchorValidity = true
		_, err = v.Path(ctx, end)
		require.NoError(t, err)
	})
	t.Run("its path length holds", func(t *testing.T) {
		s := authority(t, "Root", "Root")
		s.extensions[0] = isCA(0)
		_, err := find(pki.Trust(s.make(t)), end, sub)
		require.Equal(t, pki.PathTooLong, reasonOf(t, err))
	})
	t.Run("its name constraints hold", func(t *testing.T) {
		_, err := find(pki.Trust(authority(t, "Root", "Root", constraints(nil, [][]byte{directory(dn("Leaf"))})).make(t)), end, sub)
		require.Equal(t, pki.OutsideNameConstraints, reasonOf(t, err))
	})
	t.Run("its usage holds", func(t *testing.T) {
		s := authority(t, "Root", "Root")
		s.extensions[1] = usage(pki.CRLSign)
		_, err := find(pki.Trust(s.make(t)), end, sub)
		require.Equal(t, pki.WrongKeyUsage, reasonOf(t, err))
	})
	t.Run("nobody", func(t *testing.T) {
		for _, anchors := range []*pki.Anchors{nil, pki.Trust(), pki.NewAnchors(pki.Anchor{}, pki.Anchor{Name: root.Subject}, pki.Anchor{SPKI: root.SPKI})} {
			require.Empty(t, anchors.All())
			_, err := find(anchors, end, sub, root)
			require.Equal(t, pki.NotTrusted, reasonOf(t, err))
			_, err = find(anchors, end, sub)
			require.Equal(t, pki.NoIssuer, reasonOf(t, err))
			_, err = find(anchors, root)
			require.Equal(t, pki.NotTrusted, reasonOf(t, err))
		}
	})
	t.Run("the zero Verifier", func(t *testing.T) {
		_, err := (&pki.Verifier{}).Path(ctx, end)
		require.Error(t, err)
	})
}

// TestReasons has one fault each, and what a program and a person read of it.
func TestReasons(t *testing.T) {
	day := 24 * time.Hour
	now := testpki.Now()
	good := func() (sub, end spec) { return authority(t, "Sub", "Root"), leaf(t, "Sub") }
	for name, test := range map[string]struct {
		bend func(sub, end *spec)
		want pki.Reason
		text string
		leaf bool // whose fault it is
	}{
		"none":               {func(_, _ *spec) {}, 0, "", false},
		"signature of leaf":  {func(_, end *spec) { end.spoil = true }, pki.WrongSignature, "not signed", true},
		"signature of sub":   {func(sub, _ *spec) { sub.spoil = true }, pki.WrongSignature, "not signed", false},
		"key of another":     {func(_, end *spec) { end.signer = sharedKey(t, "Stranger") }, pki.WrongSignature, "not signed", true},
		"leaf expired":       {func(_, end *spec) { end.notAfter = now.Add(-day) }, pki.Expired, "expired on 2026-02-28 12:00:00 UTC", true},
		"sub expired":        {func(sub, _ *spec) { sub.notAfter = now.Add(-day) }, pki.Expired, "expired on", false},
		"leaf not yet valid": {func(_, end *spec) { end.notBefore = now.Add(day) }, pki.NotYetValid, "valid from 2026-03-02", true},
		"sub not yet valid":  {func(sub, _ *spec) { sub.notBefore = now.Add(day) }, pki.NotYetValid, "valid from", false},
		"no constraints":     {func(sub, _ *spec) { sub.extensions = sub.extensions[1:] }, pki.NotAnAuthority, "basicConstraints", false},
		"cA false":           {func(sub, _ *spec) { sub.extensions[0].value = seq() }, pki.NotAnAuthority, "basicConstraints", false},
		"no keyCertSign":     {func(sub, _ *spec) { sub.extensions[1] = usage(pki.DigitalSignature) }, pki.WrongKeyUsage, "keyCertSign", false},
		"leaf's usage":       {func(_, end *spec) { end.extensions[0] = usage(pki.KeyEncipherment) }, pki.WrongKeyUsage, "digitalSignature or nonRepudiation", true},
		"critical extension": {func(_, end *spec) { end.extensions = append(end.extensions, extension{policy(5), true, nil}) }, pki.UnknownCriticalExtension, "1.3.6.1.4.1.99999.5", true},
		"critical in sub":    {func(sub, _ *spec) { sub.extensions = append(sub.extensions, extension{policy(5), true, nil}) }, pki.UnknownCriticalExtension, "1.3.6.1.4.1.99999.5", false},
		"not critical":       {func(_, end *spec) { end.extensions = append(end.extensions, extension{policy(5), false, nil}) }, 0, "", false},
		"extension twice":    {func(_, end *spec) { end.extensions = append(end.extensions, end.extensions[0]) }, pki.Malformed, "keyUsage twice", true},
		"algorithms differ":  {func(_, end *spec) { end.outerAlgorithm = seq(oids(cms.OIDECDSAWithSHA384)) }, pki.Malformed, "inside", true},
		"octets behind":      {func(_, end *spec) { end.trailer = tlv(cms.TagNull) }, pki.Malformed, "behind its signature", true},
		"unknown algorithm":  {func(_, end *spec) { end.innerAlgorithm = seq(oids(policy(1))) }, pki.UnsupportedAlgorithm, "cannot be checked", true},
		"unknown key of sub": {func(sub, _ *spec) { sub.spki = seq(seq(oids(policy(1))), tlv(cms.TagBitString, []byte{0, 1})) }, pki.UnsupportedAlgorithm, "cannot be checked", true},
		"a key of a megabyte": {func(sub, _ *spec) {
			sub.spki = seq(seq(oids(cms.OIDRSAEncryption), tlv(cms.TagNull)), tlv(cms.TagBitString, make([]byte, 1<<20)))
		}, pki.UnsupportedAlgorithm, "larger", true},
		"issuer unknown": {func(_, end *spec) { end.issuer = dn("Nobody") }, pki.NoIssuer, "CN=Nobody", true},
		"issuer of sub":  {func(sub, _ *spec) { sub.issuer = dn("Nobody") }, pki.NoIssuer, "CN=Nobody", false},
		"other name, same key": {func(sub, end *spec) {
			sub.extensions = append(sub.extensions, subjectKeyID([]byte("id")))
			end.extensions = append(end.extensions, authorityKeyID([]byte("id")))
			end.issuer = dn("Sup")
		}, pki.NamesDoNotChain, "CN=Sub", true},
		"sub may have none below": {func(sub, end *spec) {
			*end = authority(t, "Leaf", "Sub")
			end.extensions[1] = usage(pki.DigitalSignature)
			sub.extensions[0] = isCA(0)
		}, 0, "", false},

		// What is malformed never means that nothing is restricted.
		"basicConstraints": {func(sub, _ *spec) { sub.extensions[0] = extension{cms.OIDBasicConstraints, false, []byte{5, 0}} }, pki.Malformed, "basicConstraints", false},
		"keyUsage of sub":  {func(sub, _ *spec) { sub.extensions[1] = extension{cms.OIDKeyUsage, false, []byte{5, 0}} }, pki.Malformed, "keyUsage", false},
		"keyUsage of leaf": {func(_, end *spec) { end.extensions[0] = extension{cms.OIDKeyUsage, false, []byte{5, 0}} }, pki.Malformed, "keyUsage", true},
		"extKeyUsage": {func(_, end *spec) {
			end.extensions = append(end.extensions, extension{cms.OIDExtKeyUsage, false, []byte{5, 0}})
		}, pki.Malformed, "extKeyUsage", true},
		"extKeyUsage of sub": {func(sub, _ *spec) {
			sub.extensions = append(sub.extensions, extension{cms.OIDExtKeyUsage, false, []byte{5, 0}})
		}, pki.Malformed, "extKeyUsage", false},
		"nameConstraints": {func(sub, _ *spec) {
			sub.extensions = append(sub.extensions, extension{oidNameConstraints, false, []byte{5, 0}})
		}, pki.Malformed, "nameConstraints", false},
		"policyMappings": {func(sub, _ *spec) {
			sub.extensions = append(sub.extensions, extension{oidPolicyMappings, false, []byte{5, 0}})
		}, pki.Malformed, "policyMappings", false},
		"policyConstraints": {func(_, end *spec) {
			end.extensions = append(end.extensions, extension{oidPolicyConstraints, false, []byte{5, 0}})
		}, pki.Malformed, "policyConstraints", true},
		"inhibitAnyPolicy": {func(sub, _ *spec) {
			sub.extensions = append(sub.extensions, extension{oidInhibitAnyPolicy, false, []byte{5, 0}})
		}, pki.Malformed, "inhibitAnyPolicy", false},
		"critical and malformed": {func(_, end *spec) {
			end.extensions = append(end.extensions, extension{cms.OIDCRLDistributionPoints, true, []byte{5, 0}})
		}, pki.Malformed, "cRLDistributionPoints", true},
		"subjectAltName under constraints": {func(sub, end *spec) {
			sub.extensions = append(sub.extensions, constraints([][]byte{general(2, "a.example")}, nil))
			end.extensions = append(end.extensions, extension{cms.OIDSubjectAltName, false, []byte{5, 0}})
		}, pki.Malformed, "constraints", true},
		// What is malformed and not needed is tolerated.
		"subjectAltName alone": {func(_, end *spec) {
			end.extensions = append(end.extensions, extension{cms.OIDSubjectAltName, false, []byte{5, 0}})
		}, 0, "", false},
		"nameConstraints of leaf": {func(_, end *spec) {
			end.extensions = append(end.extensions, extension{oidNameConstraints, false, []byte{5, 0}})
		}, 0, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			subSpec, endSpec := good()
			test.bend(&subSpec, &endSpec)
			sub, end := subSpec.make(t), endSpec.make(t)
			v := verifier(t, sub)
			_, err := v.Path(context.Background(), end)
			require.Equal(t, test.want, reasonOf(t, err), "%v", err)
			if test.want == 0 {
				return
			}
			var e *pki.Error
			require.ErrorAs(t, err, &e)
			require.ErrorContains(t, err, test.text)
			want := sub
			if test.leaf {
				want = end
			}
			require.Same(t, want, e.Certificate)
			require.ErrorContains(t, err, want.Subject.String())
			require.NotEmpty(t, e.Path)
			require.Same(t, end, e.Path[0])
			// Who hands in the path as it is hears the same, except where there is no issuer to speak of.
			_, err = v.ValidatePath(context.Background(), []*pki.Certificate{end, sub}, v.Anchors.All()[0])
			if test.want != pki.NoIssuer {
				require.Equal(t, test.want, reasonOf(t, err))
			} else {
				require.Equal(t, pki.NamesDoNotChain, reasonOf(t, err))
			}
		})
	}
}

// TestWhatX509RefusesIsVerified is the seven certificates of the world that crypto/x509 does not take, and names that are
// the same by RFC 5280 section 7.1.
func TestWhatX509RefusesIsVerified(t *testing.T) {
	relative := extension{cms.OIDCRLDistributionPoints, false, seq(seq(tlv(cms.ContextConstructed(0),
		tlv(cms.ContextConstructed(1), rdn(cms.OIDCommonName, cms.TagUTF8String, "crl")[2:]))))}
	for name, test := range map[string]struct {
		bend      func(*spec)
		tolerated string
	}{
		"negative serial":     {func(s *spec) { s.serial = []byte{0xff, 1} }, "serial"},
		"policy twice":        {func(s *spec) { s.extensions = append(s.extensions, policies(policy(1), policy(1))) }, "twice"},
		"@ in Printable":      {func(s *spec) { s.subject = seq(rdn(cms.OIDCommonName, cms.TagPrintableString, "a@b")) }, ""},
		"Latin-1 in it":       {func(s *spec) { s.subject = seq(rdn(cms.OIDCommonName, cms.TagPrintableString, "M\xfcller")) }, ""},
		"UTF-8 in rfc822Name": {func(s *spec) { s.extensions = append(s.extensions, altNames(general(1, "müller@b.example"))) }, ""},
		"relative CRL name":   {func(s *spec) { s.extensions = append(s.extensions, relative) }, ""},
		"UniversalString":     {func(s *spec) { s.subject = seq(rdn(cms.OIDCommonName, cms.TagUniversalString, "\x00\x00\x00A")) }, ""},
		"issuer in Printable": {func(s *spec) {
			s.issuer = seq(rdn(cms.OIDCountry, cms.TagPrintableString, "ru"), rdn(cms.OIDOrganization, cms.TagPrintableString, "SIGNET  TESTS"), rdn(cms.OIDCommonName, cms.TagPrintableString, " root "))
		}, ""},
		"critical subjectAltName of a directoryName": {func(s *spec) {
			n := altNames(directory(dn("D")))
			n.critical = true
			s.extensions = append(s.extensions, n)
		}, ""},
		"critical subjectAltName of an otherName": {func(s *spec) {
			n := altNames(tlv(cms.ContextConstructed(0), oids(policy(9)), tlv(cms.ContextConstructed(0), tlv(cms.TagUTF8String, []byte("upn")))))
			n.critical = true
			s.extensions = append(s.extensions, n)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := leaf(t, "Root")
			test.bend(&s)
			v := verifier(t)
			path, err := v.Path(context.Background(), s.make(t))
			require.NoError(t, err)
			switch test.tolerated {
			case "":
				require.Empty(t, path.Tolerated)
			case "twice":
				require.Contains(t, path.Tolerated[0], "names the policy 1.3.6.1.4.1.99999.1 twice")
			default:
				require.Equal(t, []string{"the certificate of CN=Leaf,O=Signet tests,C=RU has a negative serial number"}, path.Tolerated)
			}
		})
	}
}

func TestSignedInDERStoredOtherwise(t *testing.T) {
	der := leaf(t, "Root").der(t)
	v, err := cms.ReadValue(der)
	require.NoError(t, err)
	r := v.Reader()
	tbs, err := r.Next()
	require.NoError(t, err)
	ber := seq(append(append([]byte{0x30, 0x80}, tbs.Body()...), 0, 0), der[tbs.Next():])
	c, err := pki.ParseCertificate(ber)
	require.NoError(t, err)
	ver := verifier(t)
	path, err := ver.Path(context.Background(), c)
	require.NoError(t, err)
	require.Len(t, path.Tolerated, 1)
	require.Contains(t, path.Tolerated[0], "another form than DER")
}

func TestValidatePathChecksNamesAndDirectTrust(t *testing.T) {
	v := verifier(t)
	root := v.Anchors.All()[0]
	end := leaf(t, "Root").make(t)
	_, err := v.ValidatePath(context.Background(), nil, root)
	require.Error(t, err)
	_, err = v.ValidatePath(context.Background(), []*pki.Certificate{end}, root)
	require.NoError(t, err)
	path, err := v.ValidatePath(context.Background(), []*pki.Certificate{end}, pki.Anchor{Certificate: end})
	require.NoError(t, err)
	require.True(t, path.Direct)
	// The right key under another name is not the issuer.
	_, err = v.ValidatePath(context.Background(), []*pki.Certificate{end}, pki.Anchor{Name: pki.NewName(dn("Other")), SPKI: root.Certificate.SPKI})
	require.Equal(t, pki.NamesDoNotChain, reasonOf(t, err))
}

func TestContextEndsTheSearch(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	v := verifier(t, authority(t, "Sub", "Root").make(t))
	v.Accept = func(context.Context, *pki.Path) error {
		cancel()
		return errors.New("no")
	}
	_, err := v.Path(ctx, leaf(t, "Sub").make(t))
	require.ErrorIs(t, err, context.Canceled)
}
