package testmessages

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"io"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// Message is a message that is TOTAL-PASSED.
type Message struct {
	Name    string
	DER     []byte
	Content []byte // of a detached one
	Signers [][]byte
	// Time is when it is looked at.
	Time time.Time
	// Values says that it has revocation values; without them, revocation is to be left out.
	Values bool
	Level  cades.Level
	// Donors are messages of the same form by others, by name.
	Donors map[string][]byte
}

// recipe is how a message is made.
type recipe struct {
	name     string
	level    cades.Level
	detached bool
	ocsp     bool
	kind     testpki.Kind
	scheme   sign.Scheme
	second   bool // a parallel signer
	counter  bool // a counter-signature
	rich     bool // further attributes
	renewed  bool // a second archive time-stamp after the certificates of signer and first authority have ended
}

func recipes() []recipe {
	p256, rsa := testpki.Must(sign.ECDSA(crypto.SHA256)), testpki.Must(sign.PKCS1(crypto.SHA256))
	return []recipe{
		{name: "B", kind: testpki.P256, scheme: p256},
		{name: "B detached, RSA", kind: testpki.RSA2048, scheme: rsa, detached: true},
		{name: "B with PSS", kind: testpki.RSA2048, scheme: testpki.Must(sign.PSS(crypto.SHA256))},
		{name: "B with attributes", kind: testpki.P256, scheme: p256, rich: true},
		{name: "B by two", kind: testpki.RSA2048, scheme: rsa, second: true, detached: true},
		{name: "B counter-signed", kind: testpki.P256, scheme: p256, counter: true},
		{name: "T", kind: testpki.P256, scheme: p256, level: cades.LevelT},
		{name: "LT", kind: testpki.RSA2048, scheme: rsa, level: cades.LevelLT},
		{name: "LT detached, OCSP", kind: testpki.P256, scheme: p256, level: cades.LevelLT, ocsp: true, detached: true},
		{name: "LTA", kind: testpki.P256, scheme: p256, level: cades.LevelLTA},
		{name: "LTA detached, OCSP", kind: testpki.RSA2048, scheme: rsa, level: cades.LevelLTA, ocsp: true, detached: true},
		{name: "LTA by two", kind: testpki.P256, scheme: p256, level: cades.LevelLTA, second: true},
		{name: "LTA renewed", kind: testpki.P256, scheme: p256, level: cades.LevelLTA, renewed: true},
	}
}

// cast is who makes a message, and when.
type cast struct {
	by          testpki.Identity
	name        string
	at          time.Time
	content     []byte
	authorities testpki.Identity
}

// Messages makes one of each kind.
func (w *World) Messages() []Message {
	w.t.Helper()
	first := cast{by: w.Signers, authorities: w.Stamps, name: "Signer", at: Signing(), content: []byte("content\n")}
	later, other := first, first
	later.at, later.content, later.name = first.at.Add(20*time.Minute), []byte("another content\n"), "Second signer"
	other.by, other.name = w.Others, "Signer of the other authority"
	stranger := first
	stranger.by, stranger.authorities, stranger.name = w.Strangers, w.Strangers, "Stranger"
	var all []Message
	for _, r := range recipes() {
		m := w.make(r, first)
		m.Donors = map[string][]byte{"another signer and content": w.make(r, later).DER, "another authority": w.make(r, other).DER, "strangers": w.make(r, stranger).DER}
		all = append(all, m)
	}
	return all
}

func (w *World) make(r recipe, c cast) Message {
	t := w.t
	t.Helper()
	now := c.at
	clock := func() time.Time { return now }
	var ends, stampEnds []func(*x509.Certificate)
	m := Message{Name: r.name, Time: c.at.Add(2 * time.Hour), Values: r.level >= cades.LevelLT, Level: r.level}
	if r.renewed {
		ends, stampEnds = append(ends, Until(c.at.AddDate(0, 6, 0))), append(stampEnds, Until(c.at.AddDate(0, 10, 5)))
		m.Time = c.at.AddDate(0, 10, 14)
	}
	signer := w.Signer(c.by, r.kind, c.name, ends...)
	tsa := w.TSA(c.authorities, "Time-stamps for "+c.name, stampEnds...)
	m.Signers = append(m.Signers, signer.Certificate().Raw)
	o := &cades.Options{Attached: !r.detached, SigningTime: c.at, Clock: clock}
	if r.rich {
		o.Policy = &cades.Policy{OID: "1.3.6.1.4.1.99999.2", Hash: crypto.SHA256, Digest: bytes.Repeat([]byte{7}, 32)}
		o.Commitments, o.ClaimedRoles, o.MimeType = []cades.Commitment{cades.ProofOfApproval}, []string{"keeper of seals"}, "text/plain"
		o.Location = &cades.Location{Country: "NO", Locality: "Bergen"}
	}
	der, err := cades.Sign(t.Context(), w.bind(signer, r.scheme), sign.Bytes("", c.content), o)
	testpki.NoError(t, err)
	leaves := []testpki.Identity{signer, tsa}
	if r.second {
		second := w.Signer(w.Others, testpki.P384, "Parallel signer")
		leaves, m.Signers = append(leaves, second), append(m.Signers, second.Certificate().Raw)
		var content io.Reader
		if r.detached {
			content = bytes.NewReader(c.content)
		}
		der, err = w.parse(der).AddSignature(t.Context(), w.bind(second, testpki.Must(sign.ECDSA(crypto.SHA384))), sign.Reader("", content), &cades.Options{SigningTime: c.at, Clock: clock})
		testpki.NoError(t, err)
	}
	if r.counter {
		notary := w.Signer(w.Others, testpki.P256, "Counter-signer")
		der, err = w.parse(der).Signatures()[0].CounterSign(t.Context(), w.bind(notary, testpki.Must(sign.ECDSA(crypto.SHA256))), &cades.Options{SigningTime: c.at.Add(time.Minute), Clock: clock})
		testpki.NoError(t, err)
	}
	content := sign.Bytes("", c.content)
	raise := func(to cades.Level, at time.Time, stamps testpki.Identity, values time.Time) {
		now = at
		x := &cades.ExtendOptions{Timestamper: w.stamper(stamps, at), Revocation: w.source(values, r.ocsp, leaves...), Content: content, Clock: clock}
		der, err = w.parse(der).Extend(t.Context(), to, x)
		testpki.NoError(t, err)
	}
	if r.level >= cades.LevelT {
		raise(cades.LevelT, c.at.Add(10*time.Second), tsa, c.at)
	}
	if r.level >= cades.LevelLT {
		raise(cades.LevelLT, c.at.Add(5*time.Minute), tsa, c.at.Add(4*time.Minute))
	}
	if r.level >= cades.LevelLTA {
		raise(cades.LevelLTA, c.at.Add(10*time.Minute), tsa, c.at.Add(9*time.Minute))
	}
	if r.renewed {
		next := w.TSA(c.authorities, "Later time-stamps for "+c.name)
		leaves = append(leaves, next)
		at := c.at.AddDate(0, 10, 0)
		now = at
		x := &cades.ExtendOptions{Timestamper: w.stamper(next, at), Revocation: w.source(at.Add(-time.Minute), r.ocsp, leaves...), Content: content, Clock: clock, Roots: w.Roots(), TimestampRoots: w.TimestampRoots()}
		if c.by.Certificate() == w.Strangers.Certificate() {
			x.Roots, x.TimestampRoots = w.StrangerRoots(), w.StrangerRoots()
		}
		der, err = w.parse(der).Extend(t.Context(), cades.LevelLTA, x)
		testpki.NoError(t, err)
		// What tells that the newest authority is good, as the next renewal would put in.
		der = w.add(der, w.List(c.authorities, at.AddDate(0, 0, 1)))
	}
	m.DER = der
	if r.detached {
		m.Content = c.content
	}
	return m
}

// add puts a list behind the revocation values of a message.
func (w *World) add(der, list []byte) []byte {
	w.t.Helper()
	sd, err := cms.ParseSignedData(der)
	testpki.NoError(w.t, err)
	last := sd.Revocations[len(sd.Revocations)-1]
	der, err = cms.Splice(sd.ContentInfo, cms.Edit{Parent: sd.RevocationSet, At: last.Offset() + len(last.Raw()), Insert: list})
	testpki.NoError(w.t, err)
	return der
}

func (w *World) parse(der []byte) *cades.Message {
	w.t.Helper()
	m, err := cades.Parse(der)
	testpki.NoError(w.t, err)
	return m
}
