package testmessages

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"time"

	"github.com/seed-116355fd/signet/internal/damage"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// Spares are values of the same world that could stand in the place of those of a message: certificates of others, lists and
// answers of other times and authorities, time-stamps over something else. Signers of messages have serial numbers up from
// that of the first one.
func (w *World) Spares() []damage.Spare {
	at := Signing()
	spare := w.Signer(w.Signers, testpki.P256, "Spare signer")
	var all []damage.Spare
	add := func(role damage.Role, name string, der []byte) {
		all = append(all, damage.Spare{Name: name, Role: role, DER: der})
	}

	add(damage.Certificate, "a spare signer", spare.Certificate().Raw)
	add(damage.Certificate, "the root of signers", w.SignerRoot.Certificate().Raw)
	add(damage.Certificate, "the authority of strangers", w.Strangers.Certificate().Raw)
	double := w.template("Authority of signers")
	authority(double)
	add(damage.Certificate, "one of the authority's name by strangers", w.issue(w.StrangerRoot, testpki.NewKey(w.t, testpki.P256), double).Certificate().Raw)

	everybody := func(when time.Time) (entries []x509.RevocationListEntry) {
		for n := int64(5000); n < 5400; n++ {
			c := w.template("")
			w.serial--
			c.SerialNumber.SetInt64(n)
			entries = append(entries, Entry(c, when))
		}
		return entries
	}
	for _, a := range []struct {
		name string
		by   testpki.Identity
	}{{"signers", w.Signers}, {"time-stamps", w.Stamps}, {"the root of signers", w.SignerRoot}, {"strangers", w.Strangers}} {
		add(damage.CRL, "an old list of "+a.name, w.List(a.by, at.AddDate(-1, 0, 0)))
		add(damage.CRL, "a list of "+a.name+" before signing", w.List(a.by, at.Add(-time.Hour)))
		add(damage.CRL, "a later list of "+a.name, w.List(a.by, at.Add(90*time.Minute)))
		add(damage.CRL, "a list of "+a.name+" from the future", w.List(a.by, at.AddDate(0, 0, 400)))
		add(damage.CRL, "a list of "+a.name+" with all revoked before", w.List(a.by, at.Add(time.Minute), everybody(at.AddDate(0, 0, -1))...))
		add(damage.CRL, "a list of "+a.name+" with all revoked after", w.List(a.by, at.Add(90*time.Minute), everybody(at.Add(time.Hour))...))
	}
	forged := testpki.RevocationList(w.t, testpki.Identity{Key: w.Strangers.Key, Chain: w.impostor(w.Signers)}, nil, func(l *x509.RevocationList) {
		l.ThisUpdate, l.NextUpdate = at.Add(time.Minute), at.AddDate(0, 1, 0)
	})
	add(damage.CRL, "a list of signers that strangers signed", forged)

	for state, name := range []string{"good", "revoked", "unknown"} {
		add(damage.OCSP, "an answer about another, "+name, w.OCSPValue(w.Answer(spare.Certificate(), w.Signers, at.Add(time.Minute), func(o *testpki.OCSP) {
			o.State, o.RevokedAt = state, at.AddDate(0, 0, -1)
		})))
	}
	add(damage.OCSP, "an answer of strangers", w.OCSPValue(w.Answer(spare.Certificate(), w.Strangers, at.Add(time.Minute))))
	add(damage.OCSP, "a refusal", w.OCSPValue(testpki.OCSPResponse(w.t, spare.Certificate(), w.Signers, func(o *testpki.OCSP) { o.Status = 3 })))

	sum := sha256.Sum256([]byte("another signature"))
	imprint := sign.Digest{Algorithm: testpki.Must(sign.ECDSA(crypto.SHA256)).DigestAlg, Sum: sum[:]}
	tsa := w.TSA(w.Stamps, "Spare time-stamps")
	token, err := w.stamper(tsa, at.Add(time.Minute)).Timestamp(w.t.Context(), imprint)
	testpki.NoError(w.t, err)
	add(damage.Token, "one over something else", token.Raw)
	return all
}

// impostor is a chain in which a certificate has the names of another, and a key of its own.
func (w *World) impostor(of testpki.Identity) []*x509.Certificate {
	c := w.template(of.Certificate().Subject.CommonName)
	authority(c)
	return w.issue(w.StrangerRoot, w.Strangers.Key, c).Chain
}
