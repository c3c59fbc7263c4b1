package keys

import (
	"context"
	"crypto/sha1" // a thumbprint is a name that people paste, not a protection
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/sign"
)

// openLimit is how long the opening of a store or key may take, nobody's context having a say in it. It is long enough for
// a person to enter a PIN at a device.
const openLimit = 2 * time.Minute

// place is a store that is open, or will be. There may be two of one store: the one that is used, and an older one whose
// leases are not all back.
type place struct {
	set      *Set
	store    *Store
	provider lazy[sign.Provider]

	refs int // generations, leases and openings under way; guarded by Set.mu

	mu      sync.Mutex
	made    fingerprint // of the files that the last attempt was made of
	refused fingerprint // of files with whose PIN or password a successor could not be opened
	before  *place      // which this one shall succeed; nil when that is decided
	pinging *attempt[struct{}]
}

func (s *Set) newPlace(store *Store) *place { return &place{set: s, store: store} }

// open returns the provider. The caller holds the place.
func (p *place) open(ctx context.Context) (sign.Provider, error) {
	return p.provider.get(ctx, p.set.options.Clock, func(a *attempt[sign.Provider]) {
		p.set.background(ctx, p, a.done, func(ctx context.Context) {
			a.run(func() (sign.Provider, error) {
				// Taken before: a file that changes meanwhile is found changed later, not taken for what was opened.
				made := fingerprintOf(p.store.Files)
				p.mu.Lock()
				p.made = made
				p.mu.Unlock()
				opened, err := p.store.Open(ctx)
				if err == nil && opened == nil {
					err = errors.New("Store.Open returned neither a provider nor an error")
				}
				p.succeed(made, errors.Is(err, sign.ErrPIN))
				if err != nil {
					p.set.options.Log.Warn("store could not be opened", "store", p.store.Name, "error", err.Error())
					return nil, err
				}
				p.set.options.Log.Info("store opened", "store", p.store.Name)
				return opened, nil
			}, p.set.failed)
		})
	})
}

// succeed tells the place that this one was to succeed when its PIN or password was refused, so that no later reload tries
// the same files once more, even when the one that did was given up meanwhile.
func (p *place) succeed(made fingerprint, refused bool) {
	p.mu.Lock()
	was := p.before
	p.before = nil
	p.mu.Unlock()
	if was != nil && refused {
		was.mu.Lock()
		was.refused = made
		was.mu.Unlock()
	}
}

// fingerprints returns those of the last opening, and of the files that were refused.
func (p *place) fingerprints() (made, refused fingerprint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made, p.refused
}

// isOpen reports whether there is a provider.
func (p *place) isOpen() bool {
	a := p.provider.peek()
	return a != nil && a.err == nil
}

// close gives the provider back. Nobody holds the place any more, so none is being opened.
func (p *place) close() error {
	a := p.provider.end()
	if a == nil || a.err != nil {
		return nil
	}
	err := a.value.Close()
	if err != nil {
		p.set.options.Log.Warn("store could not be closed", "store", p.store.Name, "error", err.Error())
		return err
	}
	p.set.options.Log.Info("store closed", "store", p.store.Name)
	return nil
}

// ping asks the provider whether it is there. There is one call at a time, for all who ask: a token that hangs holds one
// goroutine, however often somebody asks.
func (p *place) ping(ctx context.Context) error {
	provider, err := p.open(ctx)
	if err != nil {
		return err
	}
	pinger, ok := sign.As[sign.Pinger](provider)
	if !ok {
		return nil
	}
	p.mu.Lock()
	a := p.pinging
	if a == nil || a.over() {
		a = &attempt[struct{}]{done: make(chan struct{})}
		p.pinging = a
		p.set.background(ctx, p, a.done, func(ctx context.Context) {
			a.run(func() (struct{}, error) { return struct{}{}, pinger.Ping(ctx) }, p.set.failed)
		})
	}
	p.mu.Unlock()
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// background calls f in a goroutine that holds the place and does not end with the caller's context, and closes done behind it.
// The place is given back before that: who has seen the end of all that was begun finds no hold of theirs.
func (s *Set) background(ctx context.Context, p *place, done chan struct{}, f func(ctx context.Context)) {
	s.mu.Lock()
	p.refs++
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openLimit)
	stop := context.AfterFunc(s.life, cancel)
	go func() {
		defer close(done)
		defer s.drop(p)
		defer cancel()
		defer stop()
		f(ctx)
	}()
}

// failed says how long an error is remembered.
func (s *Set) failed(err error) (until time.Time, final bool) {
	return s.options.Clock().Add(s.options.Rest), errors.Is(err, sign.ErrPIN)
}

// entry is a key of a generation.
type entry struct {
	Key        // as it is used
	wanted Key // as it is configured; another one when that could not be opened
	place  *place
	signer *lazy[*opened]
}

// opened is a key that can sign.
type opened struct {
	signer *sign.Signer
	sha1   [sha1.Size]byte
	sha256 [sha256.Size]byte
}

func newEntry(k Key, p *place) *entry { return &entry{k, k, p, new(lazy[*opened])} }

// open returns the key. The caller holds the place.
func (e *entry) open(ctx context.Context) (*opened, error) {
	s := e.place.set
	return e.signer.get(ctx, s.options.Clock, func(a *attempt[*opened]) {
		s.background(ctx, e.place, a.done, func(ctx context.Context) {
			a.run(func() (*opened, error) {
				provider, err := e.place.open(ctx)
				if err == nil {
					var signer *sign.Signer
					if signer, err = openSigner(ctx, provider, &e.Key); err == nil {
						c := signer.Certificate()
						return &opened{signer, sha1.Sum(c.Raw), sha256.Sum256(c.Raw)}, nil
					}
				}
				return nil, cannotOpen(e.Name, err)
			}, s.failed)
		})
	})
}

// known returns the key when it is open.
func (e *entry) known() *opened {
	a := e.signer.peek()
	if a == nil || a.err != nil {
		return nil
	}
	return a.value
}

func openSigner(ctx context.Context, provider sign.Provider, k *Key) (*sign.Signer, error) {
	var options []sign.Option
	if k.Gather != nil {
		provider = sign.GatheredProvider(provider, *k.Gather)
	}
	if k.Scheme != "" {
		scheme, err := schemes.ByName(k.Scheme)
		if err != nil {
			return nil, err
		}
		options = append(options, sign.WithScheme(scheme))
	}
	signer, err := sign.Open(ctx, provider, k.Ref, options...)
	want := k.Ref.Certificate
	if err != nil || want == nil || signer.Certificate().Equal(want) {
		return signer, err
	}
	// The store has another certificate of the same key, renewed or older. The configured one is signed with: callers find
	// the key by it.
	chain := []*x509.Certificate{want}
	if rest := signer.Chain()[1:]; len(rest) != 0 && isIssuer(rest[0], want) {
		chain = append(chain, rest...)
	}
	return sign.Open(ctx, provider, k.Ref, append(options, sign.WithChain(chain...))...)
}

// isIssuer reports whether an authority made a certificate, also by an algorithm that crypto/x509 does not have or take.
func isIssuer(issuer, c *x509.Certificate) bool {
	authority, err := pki.FromX509(issuer)
	return err == nil && authority.CheckUse(pki.CertificateIssuer, nil) == nil && pki.SameName(issuer.RawSubject, c.RawIssuer) &&
		algorithm.CertificateSignedBy(c.Raw, issuer.RawSubjectPublicKeyInfo, schemes.All()...) == nil
}

// cannotOpen is the error of a key that is configured and cannot be opened.
func cannotOpen(name string, err error) error {
	e := &sign.Error{Op: "keys: open", Place: name, Err: err}
	if inner, ok := errors.AsType[*sign.Error](err); ok {
		e.Temporary = inner.Temporary
	}
	for _, class := range []error{sign.ErrKeyNotFound, sign.ErrKeyAmbiguous, sign.ErrInput} {
		if errors.Is(err, class) {
			// A fault of the configuration or of the store. Its class would tell the caller that it asked wrongly.
			e.Class, e.Err = sign.ErrUnavailable, errors.New(err.Error())
			e.Hint = "the operator has to look at its store and its reference"
			return e
		}
	}
	for _, class := range []error{sign.ErrPIN, sign.ErrUnavailable, sign.ErrKeyMismatch, sign.ErrUnsupported, sign.ErrNoCertificate} {
		if errors.Is(err, class) {
			return e
		}
	}
	e.Class = sign.ErrUnavailable
	return e
}
