// Package testsign gives the tests of those who write over this module what signatures are made with: a throw-away key with its
// certificates, authorities of time-stamps and of revocation, a clock that the test moves, and ways to have all of that fail as it
// does in life.
//
//	w := testsign.New(t)
//	p7s, err := cades.Sign(ctx, w.Signer(), content, w.Options(cades.LevelLTA))
//	…
//	report, err := message.Verify(ctx, content, w.VerifyOptions())
//
// Nothing goes over the network unless [World.Listen] is called: authorities answer in the process, as servers do, and are asked by
// the clients that a program has ([tsp.Client], [revocation.Client]). So it works in a bubble of testing/synctest, too: make the world
// inside the bubble.
//
// # Time
//
// Everything asks [World.Now]: the time of the machine, or of the bubble, moved by [World.Advance]. A certificate expires, a CRL grows
// old and a time-stamp is dated by it, as long as the code under test asks it as well: give it as Clock wherever there is one.
// [World.Options] and [World.VerifyOptions] do.
//
// # What fails
//
//	w.TSA.Fail(testsign.Fault{Err: testsign.Down()})      // nobody answers
//	w.TSA.Fail(testsign.Fault{Status: 503, Times: 2})     // twice, then all is well
//	w.OCSP.Fail(testsign.Fault{Delay: time.Minute})       // slow; under the context, and on the clock of a bubble
//	keys.Fail(testsign.Fault{Err: testsign.WrongPIN()})   // a key of World.Provider
//	w.Revoke(w.Signer().Certificate())                    // from now on
//	w.Advance(3 * 365 * 24 * time.Hour)                   // the certificate of the signer has expired
//	w.Stranger()                                          // a signer that Roots do not lead to
//
// # Not for real use
//
// Keys are made anew for each world and are never written anywhere. Every certificate says TEST in its subject, and is below a root
// that no other world has.
package testsign

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

// How long certificates are valid, from the moment at which they are made, which lies [before] after their beginning.
const (
	day           = 24 * time.Hour
	year          = 365 * day
	before        = day
	rootYears     = 30 * year
	caYears       = 25 * year
	tsaYears      = 10 * year
	signerYears   = 2 * year
	organization  = "TEST ONLY, NOT FOR REAL USE"
	inProcess     = "http://signet-test.invalid" // RFC 6761 section 6.4: no such name is ever given out
	bytesOfSuffix = 4
)

// World is a root, an authority of certificates below it, one of time-stamps, and who answers for them. It is safe for concurrent use.
type World struct {
	// TSA gives time-stamps (RFC 3161), OCSP answers for certificates (RFC 6960), and CRL hands out lists of revoked ones.
	TSA, OCSP, CRL *Endpoint

	t      testing.TB
	config Config
	suffix string // of this world, in the names of its authorities

	mu      sync.Mutex
	offset  time.Duration
	epoch   int // grows with whatever makes older answers wrong
	made    int // signers
	own     *branch
	foreign *branch // nil until a stranger is asked for
	cas     []*ca
	issued  map[string]*issued // by the DER of the certificate
	signer  *sign.Signer
	tsa     *tsp.Authority
	tsaEnds time.Time
	server  *httptest.Server
}

// issued is a certificate of a signer with its key.
type issued struct{ testpki.Identity }

// New makes a world. What goes wrong inside ends the test. In an Example, which has no test, t is nil: it panics then, and
// [World.Close] is called by hand after [World.Listen].
func New(t testing.TB) *World { return NewOf(t, Config{}) }

// Config says what a world is made of. The zero value is that of [New]: authorities with P-256 keys.
type Config struct {
	// AuthorityKey makes the keys of all authorities: of certificates, lists, answers and time-stamps. Nil makes P-256 keys. One of a
	// kind of its own is a [sign.Schemer] and a [sign.SPKIKey]: an *mldsa.Key. This package has no such keys itself, so that who wants
	// none compiles none.
	AuthorityKey func() crypto.Signer
	// Schemes are those by which the clients and options of this world verify beside the usual ones: mldsa.Schemes().
	Schemes []sign.Scheme
}

// NewOf is New with keys of other kinds.
//
//	w := testsign.NewOf(t, testsign.Config{AuthorityKey: func() crypto.Signer { return newKey() }, Schemes: mldsa.Schemes()})
//	s := w.Issue(testsign.Certificate{Key: newKey()})
func NewOf(t testing.TB, c Config) *World {
	w := &World{t: reporter{TB: t, none: t == nil}, config: c, issued: map[string]*issued{}}
	w.t.Helper()
	random := make([]byte, bytesOfSuffix)
	_, _ = rand.Read(random) // never fails
	w.suffix = hex.EncodeToString(random)
	w.TSA, w.OCSP, w.CRL = &Endpoint{w: w, path: "/tsa"}, &Endpoint{w: w, path: "/ocsp"}, &Endpoint{w: w, path: "/crl"}
	w.TSA.answer, w.OCSP.answer, w.CRL.answer = w.stamp, w.state, w.list
	w.own = w.newBranch("")
	return w
}

// Now is the time in this world, in UTC. It is what a Clock is set to.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now()
}

func (w *World) now() time.Time { return time.Now().Add(w.offset).Round(0).UTC() }

// Advance moves the clock, also backwards. Who is to see that has to ask [World.Now].
func (w *World) Advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset += d
}

// Root returns the trusted certificate.
func (w *World) Root() *x509.Certificate { return w.own.pki.Root.Certificate() }

// Roots returns the root as what a verifier trusts.
func (w *World) Roots() *trust.Roots { return trust.New(w.Root()) }

// RootPEM is the root as a file has it.
func (w *World) RootPEM() []byte { return testpki.CertPEM(w.Root()) }

// Signer returns the signer of this world, the same one each time: that of the zero [Certificate].
func (w *World) Signer() *sign.Signer {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.signer == nil {
		w.signer = w.issue(w.own, Certificate{})
	}
	return w.signer
}

// Issue makes another signer below the root.
func (w *World) Issue(c Certificate) *sign.Signer {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.issue(w.own, c)
}

// Stranger makes a signer whose certificates are in order, and lead to a root that is not in [World.Roots].
func (w *World) Stranger() *sign.Signer {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.foreign == nil {
		w.foreign = w.newBranch("foreign ")
	}
	return w.issue(w.foreign, Certificate{Name: "stranger"})
}

// PEM is the key of a signer of this world and its certificates as a file has them, for code that opens one ([soft.Open]).
func (w *World) PEM(s *sign.Signer) []byte {
	w.t.Helper()
	id := w.identity(s)
	return append(testpki.KeyPEM(w.t, id.Key), testpki.CertPEM(id.Chain...)...)
}

func (w *World) identity(s *sign.Signer) testpki.Identity {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	found := w.issued[string(s.Certificate().Raw)]
	if found == nil {
		w.t.Fatalf("testsign: %s is not a signer of this world", s.Certificate().Subject)
	}
	return found.Identity
}

// Options are those of a signature at a level, with the authorities and the clock of this world.
func (w *World) Options(level cades.Level) *cades.Options {
	return &cades.Options{Level: level, Timestamper: w.Timestamper(), Revocation: w.Revocation(), Clock: w.Now}
}

// ExtendOptions are those of raising a message to a higher level.
func (w *World) ExtendOptions() *cades.ExtendOptions {
	return &cades.ExtendOptions{Timestamper: w.Timestamper(), Revocation: w.Revocation(), Roots: w.Roots(), Clock: w.Now, Schemes: w.config.Schemes}
}

// VerifyOptions trust the root, ask for revocation values that a message does not have, and go by the clock.
func (w *World) VerifyOptions() *cades.VerifyOptions {
	return &cades.VerifyOptions{Roots: w.Roots(), Revocation: w.Revocation(), Clock: w.Now, Schemes: w.config.Schemes}
}

// Kind is a kind of key.
type Kind string

// The kinds of keys. RSA keys are slow to make: from a tenth of a second to a few.
const (
	P256    Kind = "p256"
	P384    Kind = "p384"
	P521    Kind = "p521"
	Ed25519 Kind = "ed25519"
	RSA2048 Kind = "rsa-2048"
	RSA3072 Kind = "rsa-3072"
)

// Certificate says what [World.Issue] makes. The zero value is a P-256 key for signing documents, valid for two years.
type Certificate struct {
	// Name stands in the common name behind "TEST"; empty is "signer" and a number.
	Name string
	Kind Kind // empty is P256
	// Key is the key itself where it is not to be made, of any kind: an *mldsa.Key.
	Key crypto.Signer
	// NotBefore and NotAfter are its validity; zero is from yesterday, and for two years from now.
	NotBefore, NotAfter time.Time
	// Bend changes what it likes of the template: usages, extensions. That it says TEST stays.
	Bend func(*x509.Certificate)
}

func (w *World) issue(b *branch, c Certificate) *sign.Signer {
	w.t.Helper()
	w.made++
	if c.Name == "" {
		c.Name = fmt.Sprintf("signer %d", w.made)
	}
	id := w.leaf(b, c)
	w.issued[string(id.Certificate().Raw)] = &issued{id}
	return w.signerOf(id)
}

// leaf makes a key and its certificate.
func (w *World) leaf(b *branch, c Certificate) testpki.Identity {
	w.t.Helper()
	if c.Kind == "" {
		c.Kind = P256
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = w.now().Add(-before)
	}
	if c.NotAfter.IsZero() {
		c.NotAfter = w.now().Add(signerYears)
	}
	authority := b.authority()
	if c.Key == nil {
		c.Key = testpki.NewKey(w.t, testpki.Kind(c.Kind))
	}
	return b.pki.LeafOf(c.Key, "", func(template *x509.Certificate) {
		template.Subject.CommonName = "TEST " + c.Name
		template.NotBefore, template.NotAfter = c.NotBefore, c.NotAfter
		authority.name(template)
		template.OCSPServer = []string{w.url(w.OCSP.path)}
		if c.Bend != nil {
			c.Bend(template)
		}
		template.RawSubject, template.Subject.Organization = nil, []string{organization}
		if !strings.Contains(template.Subject.CommonName, "TEST") {
			template.Subject.CommonName = "TEST " + template.Subject.CommonName
		}
	})
}

func (w *World) signerOf(id testpki.Identity) *sign.Signer {
	w.t.Helper()
	key, err := soft.NewKey(id.Key, 0)
	testpki.NoError(w.t, err)
	schemes := sign.Schemes(id.Key.Public())
	if k, ok := sign.As[sign.Schemer](key); ok {
		schemes = k.Schemes()
	}
	if len(schemes) == 0 {
		w.t.Fatalf("testsign: no scheme is known for a key of type %T", id.Key)
	}
	signer, err := sign.New(key, id.Chain, schemes[0])
	testpki.NoError(w.t, err)
	return signer
}

// branch is a root and the authority below it, which is made with the first certificate that it issues.
type branch struct {
	w     *World
	which string
	pki   *testpki.PKI
	root  *ca
	ca    *ca
}

// newBranch makes a root, and has the world answer for it. The lock is held, or nobody has the world yet.
func (w *World) newBranch(which string) *branch {
	w.t.Helper()
	b := &branch{w: w, which: which, pki: testpki.NewOf(w.t, w.authorityKey)}
	b.pki.Root = b.pki.SelfSigned(w.authorityKey(), "", b.named("root", rootYears), func(template *x509.Certificate) {
		template.IsCA, template.BasicConstraintsValid = true, true
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	})
	b.root = w.answerFor(b.pki.Root)
	return b
}

// authorityKey makes a key of an authority.
func (w *World) authorityKey() crypto.Signer {
	w.t.Helper()
	if w.config.AuthorityKey == nil {
		return testpki.NewKey(w.t, testpki.P256)
	}
	return w.config.AuthorityKey()
}

// algorithms are those of the clients.
func (w *World) algorithms() *trust.Algorithms { return &trust.Algorithms{Schemes: w.config.Schemes} }

// authority returns who issues. The lock is held.
func (b *branch) authority() *ca {
	b.w.t.Helper()
	if b.ca == nil {
		b.pki.Authority = b.pki.SubAuthority("", b.pki.Root, b.named("authority", caYears), b.root.name)
		b.ca = b.w.answerFor(b.pki.Authority)
	}
	return b.ca
}

// named gives an authority its name and validity.
func (b *branch) named(role string, valid time.Duration) func(*x509.Certificate) {
	return func(template *x509.Certificate) {
		template.Subject = pkix.Name{CommonName: "TEST " + b.which + role + " " + b.w.suffix, Organization: []string{organization}}
		template.NotBefore, template.NotAfter = b.w.now().Add(-before), b.w.now().Add(valid)
	}
}

// reporter ends a test, or panics where there is none.
type reporter struct {
	testing.TB
	none bool
}

func (r reporter) Helper() {
	if !r.none {
		r.TB.Helper()
	}
}

func (r reporter) Logf(format string, args ...any) {
	if !r.none {
		r.TB.Logf(format, args...)
	}
}

func (r reporter) Fatalf(format string, args ...any) {
	if r.none {
		panic(fmt.Sprintf(format, args...))
	}
	r.TB.Helper()
	r.TB.Fatalf(format, args...)
}

func (r reporter) Cleanup(f func()) {
	if !r.none {
		r.TB.Cleanup(f)
	}
}
