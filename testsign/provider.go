package testsign

import (
	"context"
	"crypto"
	"crypto/x509"
	"io"
	"iter"
	"slices"
	"sync"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/sign"
)

// Provider holds keys of a world as a token or a service does, counts what is asked of it, and fails when told to.
type Provider struct {
	entries []*keyring.Entry
	faults  faults

	mu     sync.Mutex
	inside int
	counts Counts
}

var (
	_ sign.Provider    = (*Provider)(nil)
	_ sign.Lister      = (*Provider)(nil)
	_ sign.ChainSource = (*Provider)(nil)
	_ sign.Pinger      = (*Provider)(nil)
)

// Counts are what was asked of a [Provider].
type Counts struct {
	Lookups  int // calls of Key
	Signed   int // signatures that were made
	Failed   int // and that were not, by a fault or the end of a context
	MostBusy int // the most calls for a signature at once
	Closed   bool
}

// Provider returns one with the keys of these signers; of none, with that of [World.Signer]. Labels are the common names.
func (w *World) Provider(signers ...*sign.Signer) *Provider {
	w.t.Helper()
	if len(signers) == 0 {
		signers = []*sign.Signer{w.Signer()}
	}
	p := &Provider{}
	for _, s := range signers {
		w.identity(s)
		k := &key{Key: s.Key(), p: p, chain: s.Chain()}
		cert := s.Certificate()
		p.entries = append(p.entries, &keyring.Entry{
			Entry: sign.Entry{ID: cert.SubjectKeyId, Label: cert.Subject.CommonName, Public: cert.PublicKey, Chain: s.Chain(), Schemes: sign.Schemes(cert.PublicKey)},
			Key:   k, Name: sign.KeyName(cert.RawSubjectPublicKeyInfo),
		})
	}
	return p
}

// Fail has the signatures that are asked for from now on meet a fault, in the place of the one before. Of a Fault, Delay, Err, After
// and Times are for keys. The zero Fault ends it.
func (p *Provider) Fail(f Fault) { p.faults.set(f) }

// Counts returns what was asked so far.
func (p *Provider) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// Key finds exactly one key.
func (p *Provider) Key(ctx context.Context, ref sign.Ref) (sign.Key, error) {
	if err := p.usable(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.counts.Lookups++
	p.mu.Unlock()
	if err := ref.Check(); err != nil {
		return nil, err
	}
	found, err := (&keyring.Finder{Op: "testsign: key", Entries: p.entries}).Find(ref)
	if err != nil {
		return nil, err
	}
	return found.Key, nil
}

// Keys lists the keys in the order in which they were given.
func (p *Provider) Keys(ctx context.Context) iter.Seq2[sign.Entry, error] {
	return func(yield func(sign.Entry, error) bool) {
		if err := p.usable(ctx); err != nil {
			yield(sign.Entry{}, err)
			return
		}
		for _, e := range p.entries {
			if !yield(e.Entry, nil) {
				return
			}
		}
	}
}

// Chain returns the certificate of a key of this provider, then its issuers without the root.
func (p *Provider) Chain(ctx context.Context, k sign.Key) ([]*x509.Certificate, error) {
	if err := p.usable(ctx); err != nil {
		return nil, err
	}
	if own, ok := k.(*key); ok && own.p == p {
		return slices.Clone(own.chain), nil
	}
	return nil, &sign.Error{Op: "testsign: chain", Class: sign.ErrKeyNotFound, Hint: "the key is of another provider"}
}

// Ping reports whether the provider is open.
func (p *Provider) Ping(ctx context.Context) error { return p.usable(ctx) }

// Close makes the provider and its keys fail with [sign.ErrUnavailable]. It never fails and may be called again.
func (p *Provider) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Closed = true
	return nil
}

func (p *Provider) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts.Closed {
		return &sign.Error{Op: "testsign", Class: sign.ErrUnavailable, Hint: "the provider is closed"}
	}
	return nil
}

// key is one of a Provider.
type key struct {
	sign.Key
	p     *Provider
	chain []*x509.Certificate
}

func (k *key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext refuses what no key may take before it counts.
func (k *key) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) (signature []byte, err error) {
	if err := k.p.usable(ctx); err != nil {
		return nil, err
	}
	if err := keyring.CheckDigest("testsign: sign", k.Public(), digest, opts); err != nil {
		return nil, err
	}
	k.p.begin()
	defer func() { k.p.end(err) }()
	fault := k.p.faults.next()
	if err := fault.wait(ctx); err != nil {
		return nil, err
	}
	if fault.Err != nil {
		return nil, fault.Err
	}
	return k.Key.SignContext(ctx, digest, opts)
}

func (p *Provider) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside++
	p.counts.MostBusy = max(p.counts.MostBusy, p.inside)
}

func (p *Provider) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside--
	if err != nil {
		p.counts.Failed++
	} else {
		p.counts.Signed++
	}
}
