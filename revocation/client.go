package revocation

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/breaker"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// Defaults of a [Config].
const (
	// DefaultTimeout bounds one request.
	DefaultTimeout = 30 * time.Second
	// DefaultInFlight is how many requests are under way at once.
	DefaultInFlight = 8
	// DefaultMaxOCSP, DefaultMaxCRL and DefaultMaxCertificate bound the octets of an answer.
	DefaultMaxOCSP        = 64 << 10
	DefaultMaxCRL         = 64 << 20
	DefaultMaxCertificate = 64 << 10
	// DefaultMaxMemory bounds the octets of values that are kept in memory.
	DefaultMaxMemory = 128 << 20
	// DefaultNegative is how long a failure is remembered, so that a batch does not ask a dead server for each item.
	DefaultNegative = 30 * time.Second
)

// DefaultRest is how long a server that does not answer is not asked.
const DefaultRest = 30 * time.Second

// maxURLs bounds how many URLs of one kind are taken from a certificate.
const maxURLs = 4

// shortLife is how long a value is kept that does not say how long it holds.
const shortLife = time.Minute

// Config says how a [Client] fetches values. The zero value works.
type Config struct {
	// Methods are tried in this order until one gives the state; nil means OCSP, then CRLs.
	Methods []Method
	// Known are values that are at hand, which are looked at before anything is fetched, and certificates that chains
	// may be completed with.
	Known *Values
	// Responders are OCSP responders that are asked beside those that a certificate names.
	Responders []string
	// TrustedResponders is as in [CheckOptions].
	TrustedResponders []*x509.Certificate
	// Roots are whom the caller trusts. [Client.Chain] prefers chains that end at one of them.
	Roots *trust.Roots
	// NoNonce leaves the nonce out of OCSP requests, so that a cache in between may answer.
	NoNonce bool
	// RequireNonce refuses OCSP responses that do not repeat the nonce. Many responders cannot.
	RequireNonce bool

	// CacheDir is where values are kept until the next one is due; empty means in memory only. It is made if need be.
	CacheDir string
	// MaxMemory bounds the octets of values in memory; 0 means [DefaultMaxMemory].
	MaxMemory int
	// Negative is how long a failure is remembered; 0 means [DefaultNegative], less than 0 not at all.
	Negative time.Duration

	// MaxOCSP, MaxCRL and MaxCertificate bound the octets of an answer; 0 means the default.
	MaxOCSP, MaxCRL, MaxCertificate int
	// Timeout bounds one request, from dialing to the last octet; 0 means [DefaultTimeout].
	Timeout time.Duration
	// InFlight bounds how many requests are under way at once; 0 means [DefaultInFlight].
	InFlight int
	// Rest is how long a server is not asked that is out of order: of which a request had no answer within its time-out, or three in
	// a row could not be made. Then one request is made, and others follow when that was answered. 0 means [DefaultRest]; less than
	// 0 asks always. After a time-out, a server is left alone four times as long as that at least.
	Rest time.Duration
	// AllowPrivate lets requests go to private, loopback and link-local addresses: for authorities of one's own.
	AllowPrivate bool

	// Skew and MaxAge are as in [CheckOptions].
	Skew   time.Duration
	MaxAge time.Duration
	// AllowExpired is as in [CheckOptions].
	AllowExpired bool
	// Algorithms is as in [CheckOptions].
	Algorithms *trust.Algorithms
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time

	// Connect says how servers are reached: without anything, by a client for HTTP of its own that uses no proxy. Of what a client or a
	// proxy dials, only addresses that a URL spells out are checked. User, Password, Header and Certificates are refused here, since
	// certificates of strangers say who is asked: see Servers.
	Connect connect.Options
	// Events is told when a server rests and when it has answered again. See [sign.InOrder] for how it is called; nil means nobody is told.
	Events func(sign.Event)
	// Servers says how single ones are reached, and as whom, by scheme and host ("https://ocsp.example", "http://crl.example:8080"): what
	// it sets takes the place of what Connect does, and is sent to no other server.
	Servers map[string]connect.Options
}

// Client fetches, checks and keeps revocation values. It is safe for concurrent use, and a batch shares one.
type Client struct {
	o     Config
	http  *http.Client
	own   map[string]*ownServer // of Config.Servers
	slots chan struct{}
	cache *cache
	known *parsed
	kept  readings

	tell    func(sign.Event)
	mu      sync.Mutex
	servers map[string]*breaker.Breaker // by scheme and host
}

// NewClient makes a client. The error is that CacheDir cannot be made, or of class [sign.ErrInput] for options that cannot be.
func NewClient(o Config) (*Client, error) {
	if o.Methods == nil {
		o.Methods = []Method{OCSP, CRLs}
	}
	for p, d := range map[*int]int{&o.MaxOCSP: DefaultMaxOCSP, &o.MaxCRL: DefaultMaxCRL, &o.MaxCertificate: DefaultMaxCertificate,
		&o.MaxMemory: DefaultMaxMemory, &o.InFlight: DefaultInFlight} {
		if *p <= 0 {
			*p = d
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Rest == 0 {
		o.Rest = DefaultRest
	}
	if o.Negative == 0 {
		o.Negative = DefaultNegative
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Known == nil {
		o.Known = &Values{}
	}
	if o.CacheDir != "" {
		if err := os.MkdirAll(o.CacheDir, 0o700); err != nil {
			return nil, &sign.Error{Op: "revocation: client", Place: o.CacheDir, Class: sign.ErrInput, Err: err, Hint: "the folder for kept values cannot be made"}
		}
	}
	c := &Client{o: o, slots: make(chan struct{}, o.InFlight), known: o.Known.parse(), tell: sign.InOrder(o.Events), servers: map[string]*breaker.Breaker{}}
	c.cache = &cache{dir: o.CacheDir, max: o.MaxMemory, negative: o.Negative, now: o.Clock, entries: map[string]*entry{}, calls: map[string]*call{}}
	if err := c.connect(); err != nil {
		return nil, err
	}
	return c, nil
}

// Status finds the state of a certificate at a time: a value has to be in force then, or be newer; the zero time means
// now. A revoked certificate is no error. When no source gives the state, the cause of the error are [sign.Errors] that say what is
// wrong with each; when there is no source it is of [CheckSource].
func (c *Client) Status(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (s *Status, err error) {
	defer sign.Recover(&err)
	q, err := askedOf(cert, issuer, &c.kept)
	if err != nil {
		return nil, err
	}
	return c.status(ctx, q, &CheckOptions{At: at}, nil)
}

// StatusRaw is [Client.Status] for certificates in DER, also such as crypto/x509 refuses; see [Checker.CheckRaw].
func (c *Client) StatusRaw(ctx context.Context, cert, issuer []byte, at time.Time) (s *Status, err error) {
	defer sign.Recover(&err)
	q, err := askedRaw(cert, issuer, &c.kept)
	if err != nil {
		return nil, err
	}
	return c.status(ctx, q, &CheckOptions{At: at}, nil)
}

// options completes what a caller asks with what is configured.
func (c *Client) options(o CheckOptions) *CheckOptions {
	o.Now = c.o.Clock()
	if o.At.IsZero() {
		o.At = o.Now
	}
	if o.Skew == 0 {
		o.Skew = c.o.Skew
	}
	if o.MaxAge == 0 {
		o.MaxAge = c.o.MaxAge
	}
	o.AllowExpired = o.AllowExpired || c.o.AllowExpired
	if o.Algorithms == nil {
		o.Algorithms = c.o.Algorithms
	}
	o.find = append(o.find, c.known.certificates)
	o.TrustedResponders = append(o.TrustedResponders, c.o.TrustedResponders...)
	return &o
}

// schemes are those of the caller.
func (c *Client) schemes() []sign.Scheme {
	if c.o.Algorithms == nil {
		return nil
	}
	return c.o.Algorithms.Schemes
}

func (c *Client) status(ctx context.Context, q *asked, wanted *CheckOptions, known *parsed) (*Status, error) {
	o := c.options(*wanted)
	var schemes []sign.Scheme
	if o.Algorithms != nil {
		schemes = o.Algorithms.Schemes
	}
	if err := issued(q.cert, q.issuer, schemes...); err != nil {
		return nil, err
	}
	if known != nil {
		o.find = append(o.find, known.certificates)
	}
	for _, values := range []*parsed{known, c.known} {
		if values == nil {
			continue
		}
		if s, err := values.check(q, o, nil); err == nil {
			return s, nil
		}
	}
	var all sign.Errors
	for _, m := range c.o.Methods {
		ask := c.byOCSP
		if m == CRLs {
			ask = c.byCRLs
		}
		s, errs := ask(ctx, q, o)
		if s != nil {
			return s, nil
		}
		if all = append(all, errs...); ctx.Err() != nil {
			if len(all) == 0 {
				all = append(all, because(CheckTransport, "not asked", ctx.Err()))
			}
			break
		}
	}
	if len(all) == 0 {
		return nil, failed(CheckSource, "%s does not say where its state can be asked for", q.cert.Subject)
	}
	return nil, several(inVain{}, q.cert.Subject.String(), all)
}

// byOCSP asks the responders that the certificate names, and those of the configuration.
func (c *Client) byOCSP(ctx context.Context, q *asked, o *CheckOptions) (*Status, []error) {
	var addresses []string
	for _, a := range q.cert.AuthorityInfoAccess {
		if a.Method == oidOCSPAccess && a.Location.Kind == pki.URI {
			addresses = append(addresses, string(a.Location.Value))
		}
	}
	addresses = slices.Concat(addresses, c.o.Responders)
	var errs []error
	for _, address := range addresses[:min(len(addresses), maxURLs)] {
		s, err := c.askOCSP(ctx, c.ocspItem(address, q), q, o)
		if err == nil {
			s.Place = placeOf(address)
			return s, nil
		}
		if errs = append(errs, at(placeOf(address), err)); ctx.Err() != nil {
			break
		}
	}
	return nil, errs
}

// askOCSP gets a response and looks into it. One that was kept and is too old for this caller is fetched again.
func (c *Client) askOCSP(ctx context.Context, it item, q *asked, o *CheckOptions) (*Status, error) {
	for again := false; ; again = true {
		v, cached, err := c.cache.get(ctx, it, again)
		if err != nil {
			return nil, err
		}
		r := v.(*Response)
		s, err := r.answer(q, newRun(o, nil, len(r.Basic)))
		if again || !cached || !errors.Is(err, CheckTime) {
			return s, err
		}
	}
}

// keyOf is the key of a value: it holds the issuer, so that a certificate that names the URLs of another issuer cannot
// spoil what is kept for that.
func keyOf(kind, address string, issuer *pki.Certificate, more []byte) string {
	sum := sha256.Sum256(slices.Concat(issuer.Subject.Raw, issuer.SPKI, more))
	return kind + "\x00" + address + "\x00" + string(sum[:])
}

func (c *Client) ocspItem(address string, asked *asked) item {
	id, _ := asked.certID() // its error comes again in fetch
	return item{
		kind: "ocsp", key: keyOf("ocsp", address, asked.issuer, id), limit: c.o.MaxOCSP,
		fetch: func(ctx context.Context) ([]byte, error) {
			q, err := newRequest(asked, !c.o.NoNonce)
			if err != nil {
				return nil, err
			}
			der, err := c.fetchOCSP(ctx, address, q)
			if err != nil {
				return nil, err
			}
			r, err := ParseResponse(der)
			if err != nil {
				return nil, err
			}
			return der, q.nonceProblem(r, c.o.RequireNonce)
		},
		read: func(raw []byte, _ time.Time) (any, time.Time, error) {
			r, err := ParseResponse(raw)
			if err != nil {
				return nil, time.Time{}, err
			}
			s, err := r.answer(asked, newRun(c.options(CheckOptions{AllowExpired: true}), nil, len(raw)))
			if err != nil {
				return nil, time.Time{}, err
			}
			return r, c.until(s.NextUpdate), nil
		},
	}
}

// until says how long a value is kept.
func (c *Client) until(next time.Time) time.Time {
	if next.IsZero() {
		return c.o.Clock().Add(shortLife)
	}
	return next
}

// issued checks that the issuer, who is an authority, made the certificate.
func issued(cert, issuer *pki.Certificate, schemes ...sign.Scheme) error {
	if !cert.Issuer.Equal(issuer.Subject) {
		return failed(CheckChain, "%s is not the issuer of %s", issuer.Subject, cert.Subject)
	}
	// Whoever has a certificate of an authority could make others with it, that are of its name and key.
	if err := issuer.CheckUse(pki.CertificateIssuer, nil); err != nil {
		return because(CheckChain, issuer.Subject.String()+" is not the issuer of "+cert.Subject.String(), err)
	}
	if err := algorithm.CertificateSignedBy(cert.Raw, issuer.SPKI, schemes...); err != nil {
		return because(CheckChain, cert.Subject.String()+" is not signed by "+issuer.Subject.String(), err)
	}
	return nil
}
