package revocation_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
)

var (
	oidPoints   = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidFreshest = asn1.ObjectIdentifier{2, 5, 29, 46}
)

// tagged encodes a value of context tags.
func tagged(t testing.TB, tag int, compound bool, contents ...[]byte) []byte {
	t.Helper()
	der, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: compound, Bytes: bytes.Join(contents, nil)})
	require.NoError(t, err)
	return der
}

func sequence(t testing.TB, contents ...[]byte) []byte {
	t.Helper()
	der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: bytes.Join(contents, nil)})
	require.NoError(t, err)
	return der
}

// directory is the GeneralName of the name of a certificate.
func directory(t testing.TB, c *x509.Certificate) []byte { return tagged(t, 4, true, c.RawSubject) }

func address(t testing.TB, url string) []byte { return tagged(t, 6, false, []byte(url)) }

// pointAt is a distribution point of a certificate: at an address, for reasons, of an issuer; each may be left out.
func pointAt(t testing.TB, url string, reasons []byte, issuer *x509.Certificate) []byte {
	t.Helper()
	var parts [][]byte
	if url != "" {
		parts = append(parts, tagged(t, 0, true, tagged(t, 0, true, address(t, url))))
	}
	if reasons != nil {
		parts = append(parts, tagged(t, 1, false, reasons))
	}
	if issuer != nil {
		parts = append(parts, tagged(t, 2, true, directory(t, issuer)))
	}
	return sequence(t, parts...)
}

func points(t testing.TB, id asn1.ObjectIdentifier, all ...[]byte) pkix.Extension {
	return pkix.Extension{Id: id, Value: sequence(t, all...)}
}

// extended puts extensions into a certificate.
func extended(e ...pkix.Extension) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, e...) }
}

// changes makes a list a delta: of a base, with a number of its own and entries.
func changes(t testing.TB, base, number int64, entries ...x509.RevocationListEntry) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.Number, l.RevokedCertificateEntries = big.NewInt(number), entries
		l.ExtraExtensions = append(l.ExtraExtensions, critical(t, oidDelta, base))
	}
}

func critical(t testing.TB, id asn1.ObjectIdentifier, value any) pkix.Extension {
	t.Helper()
	der, err := asn1.Marshal(value)
	require.NoError(t, err)
	return pkix.Extension{Id: id, Critical: true, Value: der}
}

func entryOf(c *x509.Certificate, reason int, more ...pkix.Extension) x509.RevocationListEntry {
	return x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: hour(-3), ReasonCode: reason, ExtraExtensions: more}
}

// of says which issuer an entry is of, and those after it.
func of(t testing.TB, issuer *x509.Certificate) pkix.Extension {
	return pkix.Extension{Id: oidIssuer, Critical: true, Value: sequence(t, directory(t, issuer))}
}

func somePoint(bits byte) func(*testpki.DistributionPoint) {
	return func(p *testpki.DistributionPoint) { p.SomeReasons = asn1.BitString{Bytes: []byte{bits}, BitLength: 8} }
}

// combination is a certificate and values about it.
type combination struct {
	cert, issuer *x509.Certificate
	certificates []*x509.Certificate
	lists        [][]byte
	state        revocation.State // Unknown: check says why
	check        revocation.Check
	openssl      string // where OpenSSL says otherwise, why
}

// combinations are of all that RFC 5280 section 6.3.3 combines.
func combinations(t testing.TB) (*testpki.PKI, map[string]combination) {
	pki := testpki.New(t)
	ca := pki.Authority
	lists := func(name string, usage x509.KeyUsage) testpki.Identity {
		return pki.SubAuthority(name, pki.Root, func(c *x509.Certificate) {
			c.KeyUsage, c.IsCA, c.BasicConstraintsValid, c.SubjectKeyId = usage, false, false, []byte(name)
		})
	}
	lister, lost, mute := lists("issuer of lists", x509.KeyUsageCRLSign), lists("lost issuer of lists", x509.KeyUsageCRLSign), lists("mute issuer of lists", x509.KeyUsageDigitalSignature)
	world := testpki.New(t)
	stranger := world.SubAuthority("issuer of lists", world.Root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign | x509.KeyUsageCertSign })
	namesake := world.SubAuthority(ca.Certificate().Subject.CommonName, world.Root)
	leaf := pki.Leaf(testpki.P256, named, extended(points(t, oidFreshest, pointAt(t, "http://crl.example/changes", nil, nil)))).Certificate()
	by := func(issuer testpki.Identity) *x509.Certificate {
		return pki.Leaf(testpki.P256, extended(points(t, oidPoints, pointAt(t, crlURL, nil, issuer.Certificate())))).Certificate()
	}
	ofLister, ofLost, ofMute := by(lister), by(lost), by(mute)
	split := pki.Leaf(testpki.P256, extended(points(t, oidPoints, pointAt(t, crlURL, []byte{0, 0x60}, nil), pointAt(t, crlURL, []byte{7, 0x1f, 0x80}, nil)))).Certificate()
	// A key for lists, of the authority's own name: its state stands on a list of the other key.
	scoped := "http://crl.example/keys"
	keyFor := pki.SubAuthority(ca.Certificate().Subject.CommonName, ca, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign | x509.KeyUsageCertSign },
		extended(points(t, oidPoints, pointAt(t, scoped, nil, nil))))
	ofKey := point(t, func(p *testpki.DistributionPoint) { p.Name.FullName = []asn1.RawValue{testpki.URI(scoped)} })
	// Issuers of lists that say of themselves where their state is: with themselves, or also elsewhere, or elsewhere.
	asking := func(name string, all ...[]byte) testpki.Identity {
		return pki.SubAuthority(name, pki.Root, func(c *x509.Certificate) {
			c.KeyUsage, c.IsCA, c.BasicConstraintsValid, c.SubjectKeyId = x509.KeyUsageCRLSign, false, false, []byte(name)
		}, extended(points(t, oidPoints, all...)))
	}
	self, also := lists("alone", x509.KeyUsageCRLSign), lists("not alone", x509.KeyUsageCRLSign)
	self, also = asking("alone", pointAt(t, crlURL, nil, self.Certificate())), asking("not alone", pointAt(t, crlURL, nil, also.Certificate()), pointAt(t, crlURL, nil, nil))
	elsewhere := asking("elsewhere", pointAt(t, crlURL, nil, nil))
	ofSelf, ofAlso, ofElsewhere := by(self), by(also), by(elsewhere)
	two := pki.Leaf(testpki.P256, extended(points(t, oidPoints, pointAt(t, crlURL, []byte{0, 0x60}, lister.Certificate()), pointAt(t, crlURL, []byte{7, 0x1f, 0x80}, lost.Certificate())))).Certificate()
	mixed := pki.Leaf(testpki.P256, extended(points(t, oidPoints, pointAt(t, crlURL, []byte{0, 0x60}, nil), pointAt(t, crlURL, []byte{7, 0x1f, 0x80}, lister.Certificate())))).Certificate()
	indirect := func(entries ...x509.RevocationListEntry) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			point(t, func(p *testpki.DistributionPoint) { p.Indirect = true })(l)
			l.RevokedCertificateEntries = entries
		}
	}
	list := func(by testpki.Identity, bend ...func(*x509.RevocationList)) []byte {
		return testpki.RevocationList(t, by, nil, bend...)
	}
	revoked := func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = []x509.RevocationListEntry{entryOf(leaf, 6)}
	}
	stale := func(l *x509.RevocationList) { l.ThisUpdate, l.NextUpdate = hour(-5), hour(-4) }
	rootList := list(pki.Root)
	one := func(c ...*x509.Certificate) []*x509.Certificate { return c }
	caCert, good, gone := ca.Certificate(), revocation.Good, revocation.Revoked
	const unknown = revocation.Unknown
	return pki, map[string]combination{
		"delta that says nothing":   {leaf, caCert, nil, [][]byte{list(ca), list(ca, changes(t, 7, 8))}, good, "", ""},
		"delta revokes":             {leaf, caCert, nil, [][]byte{list(ca), list(ca, changes(t, 7, 8, entryOf(leaf, 1)))}, gone, "", ""},
		"delta of an earlier base":  {leaf, caCert, nil, [][]byte{list(ca), list(ca, changes(t, 3, 8, entryOf(leaf, 1)))}, gone, "", ""},
		"delta takes off":           {leaf, caCert, nil, [][]byte{list(ca, revoked), list(ca, changes(t, 7, 8, entryOf(leaf, 8)))}, good, "", ""},
		"on hold":                   {leaf, caCert, nil, [][]byte{list(ca, revoked), list(ca, changes(t, 7, 8))}, gone, "", ""},
		"latest of two deltas":      {leaf, caCert, nil, [][]byte{list(ca, revoked), list(ca, changes(t, 7, 9, entryOf(leaf, 8))), list(ca, changes(t, 7, 8, entryOf(leaf, 1)))}, good, "", ""},
		"delta with a gap":          {leaf, caCert, nil, [][]byte{list(ca), list(ca, changes(t, 8, 9, entryOf(leaf, 1)))}, good, "", ""},
		"delta older than the list": {leaf, caCert, nil, [][]byte{list(ca), list(ca, changes(t, 5, 6, entryOf(leaf, 1)))}, good, "", ""},
		"delta of the same number":  {leaf, caCert, nil, [][]byte{list(ca, revoked), list(ca, changes(t, 5, 7, entryOf(leaf, 8)))}, gone, "", ""},
		"delta of another scope":    {leaf, caCert, nil, [][]byte{list(ca), list(ca, changes(t, 7, 8, entryOf(leaf, 1)), point(t, func(p *testpki.DistributionPoint) { p.OnlyUsers = true }))}, good, "", ""},
		"delta of a stranger":       {leaf, caCert, nil, [][]byte{list(ca, revoked), list(namesake, changes(t, 7, 8, entryOf(leaf, 8)))}, gone, "", ""},
		"delta without a base":      {leaf, caCert, nil, [][]byte{list(ca, changes(t, 7, 8))}, unknown, revocation.CheckDelta, ""},
		"delta that is not understood": {leaf, caCert, nil, [][]byte{list(ca), list(ca, changes(t, 7, 8), func(l *x509.RevocationList) {
			l.ExtraExtensions = append(l.ExtraExtensions, critical(t, asn1.ObjectIdentifier{1, 2, 3}, 1))
		})}, unknown, revocation.CheckDelta, ""},
		"delta of a list that is due":   {leaf, caCert, nil, [][]byte{list(ca, stale), list(ca, changes(t, 7, 8))}, good, "", ""},
		"both are due":                  {leaf, caCert, nil, [][]byte{list(ca, stale), list(ca, stale, changes(t, 7, 8))}, unknown, revocation.CheckTime, ""},
		"delta is due, the list is not": {leaf, caCert, nil, [][]byte{list(ca), list(ca, changes(t, 7, 8, entryOf(leaf, 1)), func(l *x509.RevocationList) { l.NextUpdate = hour(0).Add(-30 * time.Minute) })}, gone, "", ""},
		"delta from the future":         {leaf, caCert, nil, [][]byte{list(ca, revoked), list(ca, changes(t, 7, 8, entryOf(leaf, 8)), func(l *x509.RevocationList) { l.ThisUpdate, l.NextUpdate = hour(1), hour(2) })}, gone, "", "it fails on the delta and looks no further"},
		"whole list that takes off": {leaf, caCert, nil, [][]byte{list(ca, func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{entryOf(leaf, 8)}
		})}, gone, "", "it takes the reason for what it is in a delta"},

		"some reasons": {leaf, caCert, nil, [][]byte{list(ca, point(t, somePoint(0x60)))}, unknown, revocation.CheckScope, ""},
		"all reasons together": {leaf, caCert, nil, [][]byte{list(ca, point(t, somePoint(0x60))), list(ca, point(t, somePoint(0x1f))), list(ca, point(t, func(p *testpki.DistributionPoint) {
			p.SomeReasons = asn1.BitString{Bytes: []byte{0, 0x80}, BitLength: 9}
		}))}, good, "", ""},
		"all but one": {leaf, caCert, nil, [][]byte{list(ca, point(t, somePoint(0x60))), list(ca, point(t, somePoint(0x1f)))}, unknown, revocation.CheckScope, ""},
		"revoked for one": {leaf, caCert, nil, [][]byte{list(ca, point(t, somePoint(0x60)), func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{entryOf(leaf, 1)}
		})}, gone, "", ""},
		"points of reasons": {split, caCert, nil, [][]byte{list(ca, point(t, func(p *testpki.DistributionPoint) { p.Name.FullName = []asn1.RawValue{testpki.URI(crlURL)} }))}, good, "", "a list counts for the first point only"},
		"points of reasons, one list": {split, caCert, nil, [][]byte{list(ca, point(t, func(p *testpki.DistributionPoint) {
			p.Name.FullName = []asn1.RawValue{testpki.URI(crlURL)}
			somePoint(0x60)(p)
		}))}, unknown, revocation.CheckScope, ""},

		"indirect":                   {ofLister, caCert, one(lister.Certificate()), [][]byte{list(lister, indirect()), rootList}, good, "", ""},
		"indirect, revoked":          {ofLister, caCert, one(lister.Certificate()), [][]byte{list(lister, indirect(entryOf(ofLister, 1, of(t, caCert)))), rootList}, gone, "", ""},
		"indirect, by the one above": {ofLister, caCert, one(lister.Certificate()), [][]byte{list(lister, indirect(entryOf(leaf, 1, of(t, caCert)), entryOf(ofLister, 1))), rootList}, gone, "", ""},
		"indirect, of another":       {ofLister, caCert, one(lister.Certificate()), [][]byte{list(lister, indirect(entryOf(ofLister, 1), entryOf(ofLister, 1, of(t, pki.Root.Certificate())), entryOf(ofLister, 1))), rootList}, good, "", ""},
		"indirect, third of four":    {ofLister, caCert, one(lister.Certificate()), [][]byte{list(lister, indirect(entryOf(ofLister, 1), entryOf(leaf, 1, of(t, caCert)), entryOf(ofLister, 1), entryOf(ofLister, 1, of(t, pki.Root.Certificate())))), rootList}, gone, "", ""},
		"indirect, after two others": {ofLister, caCert, one(lister.Certificate()), [][]byte{list(lister, indirect(entryOf(ofLister, 1, of(t, pki.Root.Certificate())), entryOf(leaf, 1, of(t, caCert)), entryOf(ofLister, 1))), rootList}, gone, "", ""},
		"two issuers, one there":     {two, caCert, one(lister.Certificate()), [][]byte{list(lister, indirect()), rootList}, unknown, revocation.CheckScope, ""},
		"two issuers, both there":    {two, caCert, one(lister.Certificate(), lost.Certificate()), [][]byte{list(lister, indirect()), list(lost, indirect()), rootList}, good, "", ""},
		"own reasons not there":      {mixed, caCert, one(lister.Certificate()), [][]byte{list(lister, indirect()), rootList}, unknown, revocation.CheckScope, ""},
		"issuer only says itself":    {ofSelf, caCert, one(self.Certificate()), [][]byte{list(self, indirect())}, good, "", ""},
		"issuer says it is revoked":  {ofSelf, caCert, one(self.Certificate()), [][]byte{list(self, indirect(entryOf(self.Certificate(), 1, of(t, pki.Root.Certificate()))))}, unknown, revocation.CheckSource, "it asks about the issuer of a CRL with -crl_check_all only"},
		"issuer says itself, others do not": {ofAlso, caCert, one(also.Certificate()), [][]byte{list(also, indirect())},
			unknown, revocation.CheckSource, "it asks about the issuer of a CRL with -crl_check_all only"},
		"issuer's state not there": {ofElsewhere, caCert, one(elsewhere.Certificate()), [][]byte{list(elsewhere, indirect())},
			unknown, revocation.CheckSource, "it asks about the issuer of a CRL with -crl_check_all only"},
		"key for lists":           {leaf, caCert, one(keyFor.Certificate()), [][]byte{list(keyFor), list(ca, ofKey)}, good, "", "it takes a self-issued certificate without authorityKeyIdentifier for a self-signed one"},
		"key for lists, revoked":  {leaf, caCert, one(keyFor.Certificate()), [][]byte{list(keyFor), testpki.RevocationList(t, ca, one(keyFor.Certificate()), ofKey)}, unknown, revocation.CheckIssuer, ""},
		"key for lists, alone":    {leaf, caCert, one(keyFor.Certificate()), [][]byte{list(keyFor)}, unknown, revocation.CheckIssuer, ""},
		"does not say indirect":   {ofLister, caCert, one(lister.Certificate()), [][]byte{list(lister), rootList}, unknown, revocation.CheckIndirect, ""},
		"indirect, not named":     {leaf, caCert, one(lister.Certificate()), [][]byte{list(lister, indirect()), rootList}, unknown, revocation.CheckSource, ""},
		"indirect, nobody there":  {ofLister, caCert, nil, [][]byte{list(lister, indirect())}, unknown, revocation.CheckSource, ""},
		"indirect, of a stranger": {ofLister, caCert, one(stranger.Certificate(), world.Root.Certificate()), [][]byte{list(stranger, indirect()), rootList}, unknown, revocation.CheckSource, ""},
		"indirect, may not":       {ofMute, caCert, one(mute.Certificate()), [][]byte{testpki.RevocationList(t, signsAnyway(mute), nil, indirect()), rootList}, unknown, revocation.CheckKeyUsage, "its program goes on after a wrong purpose on the path of a CRL"},
		"indirect, issuer revoked": {ofLost, caCert, one(lost.Certificate()), [][]byte{list(lost, indirect()), testpki.RevocationList(t, pki.Root, one(lost.Certificate()))},
			unknown, revocation.CheckSource, "it asks about the issuer of a CRL with -crl_check_all only"},
		"own name and another key": {leaf, caCert, one(namesake.Certificate(), world.Root.Certificate()), [][]byte{list(namesake)}, unknown, revocation.CheckIssuer, ""},
	}
}

// signsAnyway is an identity whose certificate seems to allow CRLs, so that the standard library makes one.
func signsAnyway(id testpki.Identity) testpki.Identity {
	bent := *id.Certificate()
	bent.KeyUsage |= x509.KeyUsageCRLSign
	id.Chain = []*x509.Certificate{&bent}
	return id
}

func TestCombinations(t *testing.T) {
	pki, all := combinations(t)
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			for _, lists := range [][][]byte{c.lists, backwards(c.lists)} {
				v := &revocation.Values{Certificates: c.certificates, CRLs: lists}
				o := options(func(o *revocation.CheckOptions) { o.Anchor = pki.Root.Certificate().Raw })
				s, err := v.Check(c.cert, c.issuer, o)
				if c.state == revocation.Unknown {
					require.Nil(t, s)
					require.ErrorIs(t, err, c.check)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, c.state, s.State)
			}
		})
	}
}

func backwards(lists [][]byte) [][]byte {
	all := make([][]byte, len(lists))
	for i, l := range lists {
		all[len(all)-1-i] = l
	}
	return all
}

// TestCombinationsLikeOpenSSL asks OpenSSL about the same values.
func TestCombinationsLikeOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("SKIPPED: no openssl")
	}
	pki, all := combinations(t)
	dir := t.TempDir()
	write(t, dir, "root.pem", testpki.CertPEM(pki.Root.Certificate()))
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			var lists bytes.Buffer
			for _, l := range c.lists {
				require.NoError(t, pem.Encode(&lists, &pem.Block{Type: "X509 CRL", Bytes: l}))
			}
			write(t, dir, "lists.pem", lists.Bytes())
			write(t, dir, "leaf.pem", testpki.CertPEM(c.cert))
			write(t, dir, "others.pem", testpki.CertPEM(append([]*x509.Certificate{pki.Authority.Certificate()}, c.certificates...)...))
			out, err := exec.Command("openssl", "verify", "-attime", fmt.Sprint(testpki.Now().Unix()), "-crl_check", "-extended_crl", "-use_deltas",
				"-CAfile", filepath.Join(dir, "root.pem"), "-untrusted", filepath.Join(dir, "others.pem"), "-CRLfile", filepath.Join(dir, "lists.pem"), filepath.Join(dir, "leaf.pem")).CombinedOutput()
			same := (c.state == revocation.Good) == (err == nil) && (c.state == revocation.Revoked) == bytes.Contains(out, []byte("certificate revoked"))
			require.Equal(t, c.openssl == "", same, "%s: %s", c.openssl, out)
		})
	}
}
