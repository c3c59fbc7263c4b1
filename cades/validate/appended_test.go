package validate_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// bare is a signature without attributes, with values beside it that strangers appended.
func bare(w *world, id testpki.Identity, values ...[]byte) []byte {
	sum := sha256.Sum256(content)
	value, err := id.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	require.NoError(w, err)
	i := info{sid: issuerAndSerial(id), digest: algorithmOf(cms.OIDSHA256), algorithm: algorithmOf(cms.OIDECDSAWithSHA256), value: value}
	var certs [][]byte
	for _, c := range id.Chain {
		certs = append(certs, c.Raw)
	}
	return parts{[][]byte{i.digest}, certs, values, [][]byte{i.der()}, content, ""}.der()
}

// unsignedResponses name the issuer of a certificate, and are signed by nobody.
func unsignedResponses(w *world, cert *x509.Certificate, issuer testpki.Identity, n int) (all [][]byte) {
	b := cms.NewBuilder(nil)
	choice := b.Open(cms.ContextConstructed(1))
	b.OID(cms.OIDRIOCSPResponse)
	b.Raw(testpki.OCSPResponse(w, cert, issuer))
	b.Close(choice)
	one := b.Bytes()
	for i := range n {
		all = append(all, flipped(one, len(one)-1-i%8, byte(i/8+1)))
	}
	return all
}

// TestAppendedValuesAndGivenOnes has responses of nobody in the message, more than there is time to check: they neither take away what
// the values that were given say, nor let a certificate pass that those say was revoked.
func TestAppendedValuesAndGivenOnes(t *testing.T) {
	w := newWorld(t)
	authority := w.pki.Issue(w.pki.Root, testpki.NewKey(t, testpki.P384), w.pki.SubAuthority("Costly", w.pki.Root).Certificate())
	leaf := w.pki.Issue(authority, testpki.NewKey(t, testpki.P256), w.pki.Leaf(testpki.P256).Certificate())
	der := bare(w, leaf, unsignedResponses(w, leaf.Certificate(), authority, 400)...)
	for name, p := range map[string]*validate.Policy{"default": nil, "lenient": validate.Lenient(), "all": {Revocation: validate.RevocationAll}} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.now}
			judge := func(given *revocation.Values) *cades.SignatureReport {
				return w.verify(der, func(o *validate.Options) { o.Values, o.Policy = given, p })
			}
			given := func(revoked ...*x509.Certificate) *revocation.Values {
				return &revocation.Values{CRLs: [][]byte{testpki.RevocationList(t, w.pki.Root, nil), testpki.RevocationList(t, authority, revoked)}}
			}
			w.want(judge(given()), validate.TotalPassed, "", "")
			w.want(judge(given(leaf.Certificate())), validate.Indeterminate, validate.Revoked, "was revoked on")
			// With none given, what nobody had the time to read may say that it was revoked, whatever the policy demands.
			w.want(judge(nil), validate.Indeterminate, validate.TryLater, "more work than its size allows")
		})
	}
}

// TestAppendedValuesOfOneKind has given values behind which more of their kind stand than there is time for.
func TestAppendedValuesOfOneKind(t *testing.T) {
	w := newWorld(t)
	authority := w.pki.Issue(w.pki.Root, testpki.NewKey(t, testpki.P384), w.pki.SubAuthority("Costly", w.pki.Root).Certificate())
	leaf := w.pki.Issue(authority, testpki.NewKey(t, testpki.P256), w.pki.Leaf(testpki.P256).Certificate())
	known := []byte(testpki.RevocationList(t, w.pki.Root, nil))
	t.Run("responses", func(t *testing.T) {
		w := &world{t, w.pki, w.now}
		given := &revocation.Values{CRLs: [][]byte{known}, OCSP: [][]byte{testpki.OCSPResponse(t, leaf.Certificate(), authority)}}
		der := bare(w, leaf, unsignedResponses(w, leaf.Certificate(), authority, 400)...)
		w.want(w.verify(der, func(o *validate.Options) { o.Values = given }), validate.TotalPassed, "", "")
	})
	t.Run("lists", func(t *testing.T) {
		w := &world{t, w.pki, w.now}
		id := w.pki.Leaf(testpki.P256)
		list := testpki.RevocationList(t, w.pki.Authority, nil)
		var all [][]byte
		for range 1500 { // each is compared with all of them
			all = append(all, list)
		}
		w.want(w.verify(bare(w, id, all...)), validate.TotalPassed, "", "")
	})
}

// TestRevokedByAnOldValue: "revoked" is for good (RFC 5280 section 3.3), also in a value that is too old to say who is not.
func TestRevokedByAnOldValue(t *testing.T) {
	leafOf := func(w *world) testpki.Identity { return w.pki.Leaf(testpki.P256) }
	for name, values := range map[string]func(w *world, leaf *x509.Certificate, reason int) *revocation.Values{
		"list": func(w *world, leaf *x509.Certificate, reason int) *revocation.Values {
			return &revocation.Values{CRLs: [][]byte{testpki.RevocationList(t, w.pki.Authority, nil, func(l *x509.RevocationList) {
				l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: leaf.SerialNumber, RevocationTime: testpki.Now().AddDate(0, 0, -1), ReasonCode: reason}}
			})}}
		},
		"response": func(w *world, leaf *x509.Certificate, reason int) *revocation.Values {
			return &revocation.Values{OCSP: [][]byte{testpki.OCSPResponse(t, leaf, w.pki.Authority, func(o *testpki.OCSP) {
				o.State, o.Reason, o.RevokedAt = 1, reason, testpki.Now().AddDate(0, 0, -1)
			})}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			leaf := leafOf(w)
			der := bare(w, leaf)
			for _, p := range []*validate.Policy{nil, validate.Lenient(), {Revocation: validate.RevocationSigner}} {
				judge := func(reason int, at time.Time) *cades.SignatureReport {
					return w.verify(der, func(o *validate.Options) {
						o.Values, o.Policy, o.Time = values(w, leaf.Certificate(), reason), p, at
					})
				}
				later := testpki.Now().AddDate(0, 2, 0)
				w.want(judge(1, later), validate.Indeterminate, validate.Revoked, "was revoked on")
				// One that is on hold may have come back, and what is from the future was not said yet.
				require.NotEqual(t, validate.Revoked, judge(6, later).SubIndication)
				require.NotEqual(t, validate.Revoked, judge(1, testpki.Now().AddDate(0, 0, -2)).SubIndication)
			}
		})
	}
}

// TestNewerValuesAreFetched: a value in the message that is in force, but too old for the policy, or that has the certificate on hold,
// does not keep from asking.
func TestNewerValuesAreFetched(t *testing.T) {
	w := newWorld(t)
	leaf := w.pki.Leaf(testpki.P256)
	at := w.now
	list := func(number int64, made time.Time, reason int, on ...*x509.Certificate) []byte {
		return testpki.RevocationList(t, w.pki.Authority, nil, func(l *x509.RevocationList) {
			l.Number, l.ThisUpdate, l.NextUpdate = big.NewInt(number), made, at.AddDate(0, 1, 0)
			for _, c := range on {
				l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: at.AddDate(0, 0, -9), ReasonCode: reason})
			}
		})
	}
	source := func(lists ...[]byte) *revocation.Client {
		c, err := revocation.NewClient(revocation.Config{Known: &revocation.Values{CRLs: append(lists, testpki.RevocationList(t, w.pki.Root, nil)), Certificates: []*x509.Certificate{w.pki.Authority.Certificate(), w.pki.Root.Certificate()}}, Clock: w.clock})
		require.NoError(t, err)
		return c
	}
	old, held := list(1, at.AddDate(0, 0, -5), 0), list(1, at.AddDate(0, 0, -5), 6, leaf.Certificate())
	newer, gone := list(2, at.Add(-time.Hour), 0), list(2, at.Add(-time.Hour), 1, leaf.Certificate())
	daily := &validate.Policy{MaxAge: 24 * time.Hour}
	judge := func(inside []byte, c *revocation.Client, p *validate.Policy) *cades.SignatureReport {
		return w.verify(bare(w, leaf, inside), func(o *validate.Options) {
			o.Policy = p
			if c != nil {
				o.Revocation = c
			}
		})
	}
	w.want(judge(old, nil, daily), validate.Indeterminate, validate.TryLater, "older than")
	w.want(judge(old, source(newer), daily), validate.TotalPassed, "", "")
	w.want(judge(old, source(gone), daily), validate.Indeterminate, validate.Revoked, "was revoked on")
	w.want(judge(old, source(), daily), validate.Indeterminate, validate.TryLater, "older than")
	w.want(judge(held, nil, nil), validate.Indeterminate, validate.TryLater, "on hold")
	w.want(judge(held, source(newer), nil), validate.TotalPassed, "", "")
	w.want(judge(held, source(gone), nil), validate.Indeterminate, validate.Revoked, "was revoked on")
	w.want(judge(held, source(), nil), validate.Indeterminate, validate.TryLater, "on hold")
	w.want(judge(newer, source(held), nil), validate.TotalPassed, "", "") // an older one takes nothing back
}

// over makes a time-stamp over a signature value.
func over(w *world, id testpki.Identity, value []byte, bend ...func(*testpki.Timestamp)) []byte {
	sum := sha256.Sum256(value)
	request, err := tsp.NewRequest(testpki.Must(sign.NewDigest(crypto.SHA256, sum[:])), "")
	require.NoError(w, err)
	response, err := cms.ReadValue(testpki.TimestampResponse(w, id, request.Raw, bend...))
	require.NoError(w, err)
	fields := response.Reader()
	_, err = fields.Next()
	require.NoError(w, err)
	token, err := fields.Next()
	require.NoError(w, err)
	return token.Raw()
}

// TestAppendedTokens has a signature whose certificate has ended, and a good time-stamp behind others that cost more than there is
// budget for.
func TestAppendedTokens(t *testing.T) {
	w := newWorld(t)
	leaf := w.pki.Leaf(testpki.P256, until(w.now.AddDate(1, 0, 0)))
	sum := sha256.Sum256(content)
	value, err := leaf.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	require.NoError(t, err)
	good := over(w, w.pki.TSA(testpki.P256), value)
	stranger := testpki.New(t)
	elsewhere := stranger.SubAuthority("Elsewhere", stranger.Root)
	template := *stranger.TSA(testpki.P521).Certificate()
	template.ExtraExtensions, template.ExtKeyUsage, template.UnknownExtKeyUsage = nil, nil, nil
	costly := stranger.Issue(elsewhere, testpki.NewKey(t, testpki.P521), &template, testpki.Usages(true, testpki.TimeStamping))
	one := info{sid: issuerAndSerial(leaf), digest: algorithmOf(cms.OIDSHA256), algorithm: algorithmOf(cms.OIDECDSAWithSHA256), value: value}
	message := func(certs [][]byte, signers ...[]byte) []byte {
		certs = append(certs, leaf.Chain[0].Raw, leaf.Chain[1].Raw, costly.Chain[0].Raw)
		return parts{[][]byte{one.digest}, certs, nil, signers, content, ""}.der()
	}
	with := func(unsigned ...[]byte) []byte {
		i := one
		i.unsigned = unsigned
		return i.der()
	}
	w.later(2, 0)
	first := func(der []byte) *cades.SignatureReport {
		m, err := cades.Parse(der)
		require.NoError(t, err)
		r, err := m.Verify(t.Context(), sign.Content{}, &validate.Options{Roots: w.pki.Roots(), Clock: w.clock})
		require.NoError(t, err)
		return &r.Signatures[len(r.Signatures)-1]
	}
	w.want(first(message(nil, with(attr(cms.OIDSignatureTimeStamp, good)))), validate.TotalPassed, "", "")
	t.Run("tokens", func(t *testing.T) {
		w := &world{t, w.pki, w.now}
		junk := over(w, costly, value, func(ts *testpki.Timestamp) { ts.Certificates, ts.SpoilSignature = nil, true })
		tokens := many(80_000, func(i int) []byte { return flipped(junk, len(junk)-1-i%8, byte(i/8)) })
		r := first(message(nil, with(attr(cms.OIDSignatureTimeStamp, append(tokens, good)...))))
		w.want(r, validate.TotalPassed, "", "")
	})
	t.Run("counter-signatures of another signature", func(t *testing.T) {
		w := &world{t, w.pki, w.now}
		child := one
		child.sid = issuerAndSerial(costly)
		children := attr(cms.OIDCounterSignature, many(80_000, func(int) []byte { return child.der() })...)
		r := first(message(nil, with(children), with(attr(cms.OIDSignatureTimeStamp, good))))
		w.want(r, validate.TotalPassed, "", "")
	})
	t.Run("signatures", func(t *testing.T) {
		w := &world{t, w.pki, w.now}
		other := one
		other.sid = issuerAndSerial(costly)
		others := many(60_000, func(int) []byte { return other.der() })
		r := first(message(nil, append(others, with(attr(cms.OIDSignatureTimeStamp, good)))...))
		w.want(r, validate.TotalPassed, "", "")
	})
	t.Run("ways of an authority to nowhere", func(t *testing.T) {
		w := &world{t, w.pki, w.now}
		var certs [][]byte
		for i := range 30 { // of one name and key, under authorities of costly keys
			by := stranger.Issue(stranger.Root, testpki.NewKey(t, testpki.P521), stranger.SubAuthority("By", stranger.Root).Certificate())
			template := *elsewhere.Certificate()
			template.SerialNumber, template.AuthorityKeyId, template.ExtraExtensions = big.NewInt(int64(i+1000)), nil, nil
			certs = append(certs, by.Certificate().Raw, stranger.Issue(by, elsewhere.Key, &template).Certificate().Raw)
		}
		token := over(w, costly, value, func(ts *testpki.Timestamp) { ts.Certificates, ts.GenTime = nil, w.now })
		r := first(message(certs, with(attr(cms.OIDSignatureTimeStamp, token, good))))
		require.Equal(t, validate.CauseNotChecked, r.Timestamps[0].Cause, r.Timestamps[0].Reason)
		w.want(r, validate.TotalPassed, "", "")
	})
}
