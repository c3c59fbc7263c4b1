package pki_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
)

const (
	emailProtection cms.OID = "\x2b\x06\x01\x05\x05\x07\x03\x04"
	anyPurpose      cms.OID = "\x55\x1d\x25\x00"
)

func TestPurposes(t *testing.T) {
	ts, ocsp := cms.OIDTimeStamping, cms.OIDOCSPSigning
	ku := usage
	for name, test := range map[string]struct {
		purpose    pki.Purpose
		extensions []extension
		want       pki.Reason
	}{
		"signer, no usage":               {pki.Signer, nil, 0},
		"signer, digitalSignature":       {pki.Signer, []extension{ku(pki.DigitalSignature)}, 0},
		"signer, nonRepudiation":         {pki.Signer, []extension{ku(pki.NonRepudiation)}, 0},
		"signer, keyEncipherment":        {pki.Signer, []extension{ku(pki.KeyEncipherment)}, pki.WrongKeyUsage},
		"signer, keyCertSign":            {pki.Signer, []extension{ku(pki.KeyCertSign)}, pki.WrongKeyUsage},
		"signer, no bit":                 {pki.Signer, []extension{ku(0)}, pki.WrongKeyUsage},
		"signer, an authority":           {pki.Signer, []extension{isCA(-1), ku(pki.KeyCertSign | pki.CRLSign)}, pki.WrongKeyUsage},
		"signer, an authority that may":  {pki.Signer, []extension{isCA(-1), ku(pki.KeyCertSign | pki.DigitalSignature)}, 0},
		"signer, e-mail":                 {pki.Signer, []extension{purposes(true, emailProtection)}, 0},
		"signer, time-stamps only":       {pki.Signer, []extension{purposes(true, ts)}, pki.WrongExtKeyUsage},
		"signer, OCSP only":              {pki.Signer, []extension{purposes(false, ocsp)}, pki.WrongExtKeyUsage},
		"signer, both only":              {pki.Signer, []extension{purposes(false, ocsp, ts)}, pki.WrongExtKeyUsage},
		"signer, any and time-stamps":    {pki.Signer, []extension{purposes(false, ts, anyPurpose)}, 0},
		"signer, e-mail and time-stamps": {pki.Signer, []extension{purposes(false, ts, emailProtection)}, 0},

		"authority for time":               {pki.TimestampAuthority, []extension{ku(pki.DigitalSignature), purposes(true, ts)}, 0},
		"authority for time, no usage":     {pki.TimestampAuthority, []extension{purposes(true, ts)}, 0},
		"authority for time, not critical": {pki.TimestampAuthority, []extension{purposes(false, ts)}, pki.WrongExtKeyUsage},
		"authority for time, and more":     {pki.TimestampAuthority, []extension{purposes(true, ts, emailProtection)}, pki.WrongExtKeyUsage},
		"authority for time, any":          {pki.TimestampAuthority, []extension{purposes(true, anyPurpose)}, pki.WrongExtKeyUsage},
		"authority for time, no purpose":   {pki.TimestampAuthority, nil, pki.WrongExtKeyUsage},
		"authority for time, wrong usage":  {pki.TimestampAuthority, []extension{ku(pki.KeyCertSign), purposes(true, ts)}, pki.WrongKeyUsage},

		"responder":             {pki.OCSPResponder, []extension{ku(pki.DigitalSignature), purposes(false, ocsp)}, 0},
		"responder, and more":   {pki.OCSPResponder, []extension{purposes(false, emailProtection, ocsp)}, 0},
		"responder, any":        {pki.OCSPResponder, []extension{purposes(false, anyPurpose)}, pki.WrongExtKeyUsage},
		"responder, no purpose": {pki.OCSPResponder, nil, pki.WrongExtKeyUsage},
		"responder, usage":      {pki.OCSPResponder, []extension{ku(pki.CRLSign), purposes(false, ocsp)}, pki.WrongKeyUsage},
		"responder, malformed":  {pki.OCSPResponder, []extension{{cms.OIDExtKeyUsage, false, []byte{5, 0}}}, pki.WrongExtKeyUsage},

		"CRL issuer":                 {pki.CRLIssuer, []extension{ku(pki.CRLSign)}, 0},
		"CRL issuer, no usage":       {pki.CRLIssuer, nil, 0},
		"CRL issuer, keyCertSign":    {pki.CRLIssuer, []extension{ku(pki.KeyCertSign)}, pki.WrongKeyUsage},
		"authority":                  {pki.CertificateIssuer, []extension{isCA(-1), ku(pki.KeyCertSign)}, 0},
		"authority, no usage":        {pki.CertificateIssuer, []extension{isCA(-1)}, 0},
		"authority, CRLs":            {pki.CertificateIssuer, []extension{isCA(-1), ku(pki.CRLSign)}, pki.WrongKeyUsage},
		"authority, no constraints":  {pki.CertificateIssuer, []extension{ku(pki.KeyCertSign)}, pki.NotAnAuthority},
		"anything":                   {pki.AnyUse, []extension{ku(pki.KeyEncipherment), purposes(true, ts)}, 0},
		"a purpose that is none":     {pki.Purpose(99), nil, pki.WrongKeyUsage},
		"a purpose before the first": {pki.Purpose(-1), nil, pki.WrongKeyUsage},
	} {
		t.Run(name, func(t *testing.T) {
			s := leaf(t, "Root")
			s.extensions = test.extensions
			c := s.make(t)
			v := verifier(t)
			v.Purpose = test.purpose
			_, err := v.Path(context.Background(), c)
			require.Equal(t, test.want, reasonOf(t, err), "%v", err)
			require.Equal(t, test.want, reasonOf(t, c.CheckUse(test.purpose, nil)))
			require.NotEmpty(t, test.purpose.String())
		})
	}
}

// TestAuthorityAsResponder answers for its own certificates, but not for those of others, and a namesake does not.
func TestAuthorityAsResponder(t *testing.T) {
	sub := authority(t, "Sub", "Root").make(t)
	namesake := authority(t, "Sub", "Root")
	namesake.key = sharedKey(t, "Stranger")
	renamed := authority(t, "Other", "Root")
	renamed.key = sharedKey(t, "Sub")
	v := verifier(t)
	v.Purpose = pki.OCSPResponder
	for _, test := range []struct {
		authority *pki.Certificate
		ok        bool
	}{{sub, true}, {nil, false}, {namesake.make(t), false}, {renamed.make(t), false}} {
		v.Authority = test.authority
		_, err := v.Path(context.Background(), sub)
		require.Equal(t, test.ok, err == nil)
	}
}

// TestPurposesOfAuthorities limit what lies below, as far as that is decided: see checkNested.
func TestPurposesOfAuthorities(t *testing.T) {
	ts, ocsp := cms.OIDTimeStamping, cms.OIDOCSPSigning
	for name, test := range map[string]struct {
		purpose pki.Purpose
		sub     []cms.OID
		want    pki.Reason
	}{
		"time-stamps below time-stamps": {pki.TimestampAuthority, []cms.OID{ts}, 0},
		"time-stamps below any":         {pki.TimestampAuthority, []cms.OID{anyPurpose}, 0},
		"time-stamps below e-mail":      {pki.TimestampAuthority, []cms.OID{emailProtection}, pki.WrongExtKeyUsage},
		"signer below e-mail":           {pki.Signer, []cms.OID{emailProtection}, 0},
		"signer below time-stamps":      {pki.Signer, []cms.OID{ts}, pki.WrongExtKeyUsage},
		"signer below both":             {pki.Signer, []cms.OID{ts, ocsp}, pki.WrongExtKeyUsage},
		"signer below time-stamps, any": {pki.Signer, []cms.OID{ts, anyPurpose}, 0},
		"OCSP below e-mail":             {pki.OCSPResponder, []cms.OID{emailProtection}, 0},
		"CRLs below e-mail":             {pki.CRLIssuer, []cms.OID{emailProtection}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			end := leaf(t, "Sub")
			switch test.purpose {
			case pki.TimestampAuthority:
				end.extensions = append(end.extensions, purposes(true, ts))
			case pki.OCSPResponder:
				end.extensions = append(end.extensions, purposes(true, ocsp))
			case pki.CRLIssuer:
				end.extensions[0] = usage(pki.CRLSign)
			}
			for _, anchor := range []bool{false, true} {
				sub := authority(t, "Sub", "Root", purposes(false, test.sub...)).make(t)
				v := verifier(t, sub)
				if anchor {
					v.Anchors = pki.Trust(sub)
				}
				v.Purpose = test.purpose
				_, err := v.Path(context.Background(), end.make(t))
				require.Equal(t, test.want, reasonOf(t, err), "%v", err)
			}
		})
	}
}

func TestPathLength(t *testing.T) {
	ctx := context.Background()
	a, b := authority(t, "A", "Root"), authority(t, "B", "A")
	a.extensions[0] = isCA(0)
	v := verifier(t, a.make(t), b.make(t))
	_, err := v.Path(ctx, leaf(t, "B").make(t))
	require.Equal(t, pki.PathTooLong, reasonOf(t, err))

	t.Run("the last one does not count", func(t *testing.T) {
		v := verifier(t, a.make(t))
		v.Purpose = pki.AnyUse
		_, err := v.Path(ctx, b.make(t))
		require.NoError(t, err)
		// But it may not issue.
		v.Purpose = pki.CertificateIssuer
		_, err = v.Path(ctx, b.make(t))
		require.Equal(t, pki.PathTooLong, reasonOf(t, err))
	})
	t.Run("one below", func(t *testing.T) {
		one := a
		one.extensions = append([]extension{isCA(1)}, a.extensions[1:]...)
		v := verifier(t, one.make(t), b.make(t))
		_, err := v.Path(ctx, leaf(t, "B").make(t))
		require.NoError(t, err)
	})
	t.Run("a lower one does not widen it", func(t *testing.T) {
		one, wide, c := a, b, authority(t, "C", "B")
		one.extensions = append([]extension{isCA(1)}, a.extensions[1:]...)
		wide.extensions = append([]extension{isCA(9)}, b.extensions[1:]...)
		v := verifier(t, one.make(t), wide.make(t), c.make(t))
		_, err := v.Path(ctx, leaf(t, "C").make(t))
		require.Equal(t, pki.PathTooLong, reasonOf(t, err))
	})
	t.Run("self-issued ones do not count", func(t *testing.T) {
		own := spec{subject: dn("A"), issuer: dn("A"), key: sharedKey(t, "A new"), signer: sharedKey(t, "A"), extensions: []extension{isCA(-1), usage(pki.KeyCertSign)}}
		end := leaf(t, "A")
		end.signer = sharedKey(t, "A new")
		v := verifier(t, a.make(t), own.make(t))
		path, err := v.Path(ctx, end.make(t))
		require.NoError(t, err)
		require.Len(t, path.Certificates, 3)
	})
	t.Run("the limit of the verifier", func(t *testing.T) {
		pool := []*pki.Certificate{}
		issuer := "Root"
		for _, name := range []string{"1", "2", "3", "4"} {
			pool = append(pool, authority(t, name, issuer).make(t))
			issuer = name
		}
		v := verifier(t, pool...)
		v.MaxDepth = 4
		_, err := v.Path(ctx, leaf(t, "4").make(t))
		require.Equal(t, pki.PathTooLong, reasonOf(t, err))
		v.MaxDepth = 5
		_, err = v.Path(ctx, leaf(t, "4").make(t))
		require.NoError(t, err)
	})
}

func TestAlgorithmRule(t *testing.T) {
	ctx := context.Background()
	sub, end := authority(t, "Sub", "Root").make(t), leaf(t, "Sub").make(t)
	weak := errors.New("it is weak since 2020")
	v := verifier(t, sub)
	var asked [][]byte
	v.Algorithms = func(use pki.Use, alg cms.Algorithm, spki []byte) error {
		require.Equal(t, pki.UseCertificate, use)
		require.Equal(t, cms.OIDECDSAWithSHA256, alg.ID)
		asked = append(asked, spki)
		return nil
	}
	_, err := v.Path(ctx, end)
	require.NoError(t, err)
	require.Contains(t, asked, sub.SPKI)
	require.Contains(t, asked, v.Anchors.All()[0].Certificate.SPKI)

	// What is known about a signature does not get round the rule.
	v.Work = pki.NewWork(0)
	_, err = v.Path(ctx, end)
	require.NoError(t, err)
	v.Algorithms = func(_ pki.Use, _ cms.Algorithm, spki []byte) error {
		if string(spki) == string(sub.SPKI) {
			return weak
		}
		return nil
	}
	_, err = v.Path(ctx, end)
	require.Equal(t, pki.ForbiddenAlgorithm, reasonOf(t, err))
	require.ErrorIs(t, err, weak)
	v.Algorithms = func(pki.Use, cms.Algorithm, []byte) error {
		return &algorithm.Error{Reason: algorithm.Unsupported, What: "unheard of"}
	}
	_, err = v.Path(ctx, end)
	require.Equal(t, pki.UnsupportedAlgorithm, reasonOf(t, err))
}

// TestSchemeOfTheCaller checks signatures that this repository does not know.
func TestSchemeOfTheCaller(t *testing.T) {
	s := leaf(t, "Root")
	s.innerAlgorithm = seq(oids(policy(1)))
	c := s.make(t)
	v := verifier(t)
	_, err := v.Path(context.Background(), c)
	require.Equal(t, pki.UnsupportedAlgorithm, reasonOf(t, err))
	v.Signature = func(check *algorithm.SignatureCheck, message []byte) (string, error) {
		require.Equal(t, policy(1), check.Algorithm.ID)
		require.Equal(t, c.RawTBS, message)
		require.Equal(t, c.Signature, check.Signature)
		return "a scheme of ours", nil
	}
	path, err := v.Path(context.Background(), c)
	require.NoError(t, err)
	require.Equal(t, []string{"the certificate of CN=Leaf,O=Signet tests,C=RU: a scheme of ours"}, path.Tolerated)
	v.Signature = func(*algorithm.SignatureCheck, []byte) (string, error) { return "", algorithm.ErrWrongSignature }
	_, err = v.Path(context.Background(), c)
	require.Equal(t, pki.WrongSignature, reasonOf(t, err))
	require.ErrorIs(t, err, algorithm.ErrWrongSignature)
}

func TestCriticalExtensionsOfTheCaller(t *testing.T) {
	v := verifier(t)
	c := leaf(t, "Root", extension{policy(5), true, nil}).make(t)
	_, err := v.Path(context.Background(), c)
	require.Equal(t, pki.UnknownCriticalExtension, reasonOf(t, err))
	var e *pki.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, policy(5), e.Extension)
	v.Critical = []cms.OID{policy(5)}
	_, err = v.Path(context.Background(), c)
	require.NoError(t, err)
}

// TestOtherKeys verifies paths of the other keys that are in use.
func TestOtherKeys(t *testing.T) {
	world := testpki.New(t)
	for _, kind := range testpki.Kinds() {
		if kind == testpki.RSA4096 || kind == testpki.RSA3072 {
			continue // as RSA-2048, and slow to make
		}
		issuer := testpki.Identity{Key: testpki.NewKey(t, kind)}
		root := world.SelfSigned(issuer.Key, "Root of "+string(kind))
		c, err := pki.FromX509(root.Certificate())
		require.NoError(t, err)
		v := pki.Verifier{Anchors: pki.NewAnchors(pki.Anchor{Name: c.Subject, SPKI: c.SPKI}), Time: testpki.Now()}
		_, err = v.Path(context.Background(), c)
		require.NoError(t, err, kind)
	}
}
