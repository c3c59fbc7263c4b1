package cloudsign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"iter"
	"sync"
	"time"
	"weak"

	"github.com/seed-116355fd/signet/sign"
)

// Provider has one key: that of the certificate of its configuration. It implements [sign.Provider], [sign.Lister],
// [sign.ChainSource] and [sign.Limiter].
type Provider struct {
	client *Client
	ctx    context.Context // ends when the provider is closed
	close  context.CancelFunc

	mu     sync.Mutex
	drafts map[string]weak.Pointer[draft] // by what they have signed; a draft that nobody holds is forgotten
}

// New returns a provider. Nothing is sent yet.
func New(c Config) (*Provider, error) {
	client, err := NewClient(c)
	if err != nil {
		return nil, err
	}
	p := &Provider{client: client, drafts: map[string]weak.Pointer[draft]{}}
	p.ctx, p.close = context.WithCancel(context.Background())
	return p, nil
}

// Client returns the client of the same configuration.
func (p *Provider) Client() *Client { return p.client }

// Close has operations that are under way given up. What was confirmed can be collected by [Client.Resume].
func (p *Provider) Close() error {
	p.close()
	return nil
}

func (p *Provider) closed(op string) error {
	if p.ctx.Err() == nil {
		return nil
	}
	return &sign.Error{Op: op, Place: p.client.base.Host, Class: sign.ErrUnavailable, Hint: "the provider was closed"}
}

// Limit is 1: a person is asked for one operation at a time.
func (p *Provider) Limit() int { return 1 }

// Key returns the key of the certificate of the configuration or, when that has none, of ref.Certificate.
func (p *Provider) Key(ctx context.Context, ref sign.Ref) (sign.Key, error) {
	const op = "cloudsign: open key"
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := p.closed(op); err != nil {
		return nil, err
	}
	if err := ref.Check(); err != nil {
		return nil, err
	}
	chain := p.client.config.Chain
	if len(chain) == 0 && ref.Certificate != nil {
		if own := sign.Thumbprint(ref.Certificate); p.client.thumbprint == "" || p.client.thumbprint == own {
			chain = []*x509.Certificate{ref.Certificate}
		}
	}
	if len(chain) == 0 {
		return nil, &sign.Error{Op: op, Place: p.client.base.Host, Class: sign.ErrKeyNotFound, Hint: "the service does not hand out certificates; give it in Config.Chain, or in the reference"}
	}
	if !ref.Matches(sign.Entry{Public: chain[0].PublicKey, Chain: chain}) {
		return nil, &sign.Error{Op: op, Place: ref.String(), Class: sign.ErrKeyNotFound, Hint: "the provider has the key of the certificate with thumbprint " + sign.Thumbprint(chain[0])}
	}
	client := p.client
	if len(p.client.config.Chain) == 0 {
		own := *p.client
		own.config.Chain, own.thumbprint = chain, sign.Thumbprint(chain[0])
		client = &own
	}
	return &key{provider: p, client: client, chain: chain}, nil
}

// Keys lists the key of the configuration, if there is one.
func (p *Provider) Keys(ctx context.Context) iter.Seq2[sign.Entry, error] {
	return func(yield func(sign.Entry, error) bool) {
		err := p.closed("cloudsign: list keys")
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			yield(sign.Entry{}, err)
			return
		}
		chain := p.client.config.Chain
		if len(chain) == 0 {
			return
		}
		k := &key{provider: p, client: p.client, chain: chain}
		yield(sign.Entry{Public: k.Public(), Chain: bytesClone(chain), Schemes: k.Schemes()}, nil)
	}
}

func bytesClone(chain []*x509.Certificate) []*x509.Certificate {
	return append([]*x509.Certificate(nil), chain...)
}

// Chain returns the certificates of the key.
func (p *Provider) Chain(ctx context.Context, k sign.Key) ([]*x509.Certificate, error) {
	const op = "cloudsign: chain"
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := p.closed(op); err != nil {
		return nil, err
	}
	own, ok := k.(*key)
	if !ok || own.provider != p {
		return nil, &sign.Error{Op: op, Place: p.client.base.Host, Class: sign.ErrInput, Hint: "the key is of another provider"}
	}
	return bytesClone(own.chain), nil
}

// key is the key of one certificate.
type key struct {
	provider *Provider
	client   *Client
	chain    []*x509.Certificate
}

// Public is the public key of the certificate.
func (k *key) Public() crypto.PublicKey { return k.chain[0].PublicKey }

// SubjectPublicKeyInfo is that of the certificate, whatever kind of key it is.
func (k *key) SubjectPublicKeyInfo() []byte { return k.chain[0].RawSubjectPublicKeyInfo }

// Trusted says that containers are checked here, where the content is known.
func (k *key) Trusted() bool { return true }

// Limit is 1: a person is asked for one operation at a time.
func (k *key) Limit() int { return 1 }

// BulkSize is how many contents are confirmed at once.
func (k *key) BulkSize() int { return k.client.config.BulkSize }

// gather is how long a group of a batch waits for more contents: a second code costs a person more.
const gather = 10 * time.Second

// BulkWait has a batch fill groups: see [sign.BulkWaiter].
func (k *key) BulkWait() time.Duration { return gather }

// SchemeName is the name of the scheme of the keys of this provider.
const SchemeName = "cloudsign"

// Schemes returns the one scheme: the message is a draft of Format, the signature its container.
func (k *key) Schemes() []sign.Scheme {
	all := sign.Schemes(k.Public())
	if len(all) == 0 { // a certificate that says PSS, which the standard library does not read
		pss, err := sign.PSS(crypto.SHA256)
		if err != nil {
			return nil
		}
		all = []sign.Scheme{pss}
	}
	base := all[0]
	base.Name, base.Whole, base.Opts = SchemeName, true, crypto.Hash(0)
	base.Verify = func(_, message, signature []byte) error {
		d := k.provider.draft(message)
		if d == nil {
			return errNotDraft
		}
		_, err := k.client.checked(d.file.Item, signature, k.client.want())
		return err
	}
	return []sign.Scheme{base}
}

var errNotDraft = errors.New("this is no draft of the Format of this provider, or one that is over")

// Sign signs a draft.
func (k *key) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), message, opts)
}

// SignContext signs one draft, in an operation of its own.
func (k *key) SignContext(ctx context.Context, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	outcome := k.SignBulk(ctx, [][]byte{message}, opts)[0]
	return outcome.Signature, outcome.Err
}

// SignBulk signs drafts in one operation.
func (k *key) SignBulk(ctx context.Context, messages [][]byte, opts crypto.SignerOpts) []sign.Outcome {
	const op = "cloudsign: sign"
	outcomes := make([]sign.Outcome, len(messages))
	all := func(err error) []sign.Outcome {
		for i := range outcomes {
			outcomes[i] = sign.Outcome{Err: err}
		}
		return outcomes
	}
	if ctx.Err() != nil {
		return all(context.Cause(ctx))
	}
	if err := k.provider.closed(op); err != nil {
		return all(err)
	}
	if opts == nil || opts.HashFunc() != 0 {
		return all(k.wholeFiles(nil))
	}
	files, seen := make([]*file, len(messages)), make([]*draft, len(messages))
	for i, message := range messages {
		if seen[i] = k.provider.draft(message); seen[i] == nil {
			outcomes[i].Err = k.wholeFiles(errNotDraft)
			continue
		}
		files[i] = seen[i].file
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(k.provider.ctx, func() { cancel(k.provider.closed(op)) })
	defer stop()
	k.client.signFiles(ctx, files, outcomes)
	return outcomes
}

func (k *key) wholeFiles(err error) error {
	return &sign.Error{Op: "cloudsign: sign", Place: k.client.base.Host, Class: sign.ErrUnsupported, Err: err, Hint: "the service signs whole files and no digests; sign with the Format of the provider, without other schemes"}
}

// remember makes what a draft has signed, and finds the draft by it until nobody holds it any more.
func (p *Provider) remember(d *draft) {
	d.message = append([]byte("signet cloudsign draft "), rand.Text()...)
	name := string(d.message)
	p.mu.Lock()
	p.drafts[name] = weak.Make(d)
	p.mu.Unlock()
	addCleanup(d, p, name)
}

func (p *Provider) forget(name string) {
	p.mu.Lock()
	delete(p.drafts, name)
	p.mu.Unlock()
}

// draft finds a draft by its message, or returns nil.
func (p *Provider) draft(message []byte) *draft {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.drafts[string(message)].Value()
	if d == nil || !bytes.Equal(d.message, message) {
		return nil
	}
	return d
}
