// Package pkcs11 holds keys in HSMs and tokens that have a PKCS #11 module.
//
//	keys, err := pkcs11.Open(ctx, pkcs11.Config{
//		Module: "/usr/lib/softhsm/libsofthsm2.so", TokenLabel: "seal", PIN: pkcs11.PINFile("pin"),
//	})
//	defer keys.Close()
//	signer, err := sign.Open(ctx, keys, sign.Ref{Label: "seal"})
//
// A token can be named by a URI of RFC 7512 as well, see [OpenURI]. This is the only package of the library that calls
// C. It uses cgo where that is on, and works without it on Linux, macOS and Windows; docs/hsm.md has the platforms. Where a build has no
// way to load a library, everything is there and [Open] fails with [sign.ErrUnsupported].
//
// # Keys and certificates
//
// A key is found by its CKA_ID, its label, its certificate or the thumbprint of that. Its public key is taken from the
// key, from the public key object of the same CKA_ID, or from a certificate. Certificates come from the token and from
// Config.Certificates, and belong to a key when their public key is the key's, whatever their CKA_ID. Schemes are those
// that the token lists mechanisms for: such as sign a digest, or such as hash what they sign, which are given the message
// ([sign.MessageKey]). [MechanismOf] tells which.
//
// Keys of ML-DSA (PKCS #11 3.2) are taken when their schemes are in Config.Schemes. The public key of one is that of CKA_PUBLIC_KEY_INFO,
// or of CKA_PARAMETER_SET and CKA_VALUE of its public key object, and its Public is a [sign.PublicKey].
//
// A key may have several certificates, after a renewal for instance. [Provider.Keys] lists each of them, the one that
// [Provider.Key] takes first.
//
// # Sessions
//
// The provider opens sessions as calls need them, at most Config.Sessions and at most what the token allows, and makes
// callers wait for them in order of arrival, each under its own context. The most recently used session is taken first.
// A call of the module that hangs keeps its session, not its caller.
//
// A key with CKA_ALWAYS_AUTHENTICATE has the token to itself from C_SignInit to C_Sign: on a card, its PIN counts for the
// next command only, whoever sends it. Calls of this process wait meanwhile; other processes are not known of.
//
// # When the token is lost
//
// Sessions that were closed, a logout by another part of the process, a token that was pulled out, a daemon that was
// restarted: the provider notices by the codes of the module, opens what is needed again, asks for the PIN, finds keys
// again and compares their public keys, and repeats the calls that failed. Meanwhile callers wait. When that takes longer
// than Config.Recover, they get [sign.ErrUnavailable], and later calls try once more each.
//
// The token is known by its serial number, label, manufacturer and model from when it was opened. When another one is in its
// place, calls wait for the first as for one that was pulled out, and the other one is not logged in to.
//
// A PIN that was refused is never tried again in the process, neither by this provider nor by another one, and neither is one of which the
// token did not clearly say twice whether it is right, as long as it was never taken: three wrong tries lock many a token. One that was
// refused for the signature of a key may still open the token, and the other way round; see Config.KeyPIN.
//
// # Checks
//
// Every signature is verified with the public key before it is handed out, since a module may sign with another key
// without saying so: handles of objects are used again after a login by somebody else. Config.SkipCheck turns it off.
package pkcs11

import (
	"context"
	"crypto/x509"
	"errors"
	"iter"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/internal/p256verify"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// Defaults of Config.
const (
	DefaultSessions = 8
	DefaultRecover  = 30 * time.Second
)

// Config says which token is opened and how. Module is needed; the token is named by what is set of the next group, which
// must all match exactly one, and by nothing when there is only one.
type Config struct {
	// Module is the path of the module, or a name that the dynamic linker finds.
	Module string

	TokenLabel        string
	TokenSerial       string
	TokenManufacturer string
	TokenModel        string
	Slot              *uint // the slot with this number; such numbers may change when tokens are initialised
	SlotDescription   string
	SlotManufacturer  string

	// PIN is asked at each login. Nil means no login, unless the token has a protected authentication path (a PIN pad).
	PIN PINFunc
	// KeyPIN is asked for each signature of a key with CKA_ALWAYS_AUTHENTICATE, for tokens on which such keys have a PIN of
	// their own, or several. Nil means PIN: on PIV cards it is the same one.
	KeyPIN PINFunc
	// AllowFinalTry lets a login be tried when the token says that one more wrong PIN will lock it.
	AllowFinalTry bool
	// Sessions is how many sessions are opened at most; 0 means DefaultSessions. Twice to four times the cores of an HSM
	// is enough; more wait in the HSM instead of here.
	Sessions int
	// InitArgs is what some modules want in pReserved of C_Initialize, such as NSS: "configdir='sql:/db' …".
	InitArgs string
	// Schemes are signature schemes that the standard library does not have: mldsa.Schemes(). Keys of such kinds are taken when a scheme
	// of theirs is here, which also verifies their signatures. Others are listed as errors that say so.
	Schemes []sign.Scheme
	// Certificates are added to those of the token.
	Certificates []*x509.Certificate
	// Root lets chains end with the self-signed root when it is known.
	Root bool
	// SkipCheck hands out signatures without verifying them. See the text on checks above.
	SkipCheck bool
	// Recover is how long calls wait for a token that was lost; 0 means DefaultRecover, negative one attempt, of Open, too.
	Recover time.Duration
	// KeepHung never initialises the module again while one of its calls does not return. Without it, that is done when the
	// token is lost and the call has not come back for some seconds: PKCS #11 does not say what becomes of such a call, so a
	// module could crash, but without it the token would stay lost until the process is started anew.
	KeepHung bool
	// Events is told when the token is lost, is gone and comes back, when another one is in its place and when no PIN is tried any more;
	// and in a group when signatures go to other members and back. See [sign.InOrder] for how it is called; nil means nobody is told.
	Events func(sign.Event)

	library p11.Info // what a URI says of the module
}

// Provider holds the keys of one token. It is safe for concurrent use.
type Provider struct {
	pool
	config Config
	module *p11.Module
	place  string // for errors: the token and the module
	tell   func(sign.Event)
	outage outage // the last one; guarded by mu
	ctx    context.Context
	cancel context.CancelFunc

	mechanisms map[uint]bool // nil when the token does not say
	token      p11.TokenInfo // as it was when it was opened
	known      bool          // token is set; from then on no other one is taken
	noReadOnly atomic.Bool   // the module has no read-only sessions
	noState    atomic.Bool   // sessions do not tell that the user is logged in

	tables p256verify.Tables // for the check of signatures
}

var (
	_ sign.Provider    = (*Provider)(nil)
	_ sign.Lister      = (*Provider)(nil)
	_ sign.ChainSource = (*Provider)(nil)
	_ sign.Pinger      = (*Provider)(nil)
	_ sign.Limiter     = (*Provider)(nil)
)

// Open loads the module, finds the token and logs in. Errors are [*sign.Error]: [sign.ErrPIN] for a PIN that was or would
// be refused, [sign.ErrKeyNotFound] and [sign.ErrKeyAmbiguous] when the token is not exactly one, with the tokens there
// are, [sign.ErrUnavailable] for the rest. When ctx ends, Open returns even if the module hangs.
//
// When the answers are those of a token that another process is writing to, as SoftHSM2 gives them when several log in at
// once, it tries again for two seconds, unless Config.Recover is shorter; and for a quarter of one when the token is not there.
func Open(ctx context.Context, config Config) (*Provider, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if config.Sessions <= 0 {
		config.Sessions = DefaultSessions
	}
	if config.Recover == 0 {
		config.Recover = DefaultRecover
	}
	return detach(ctx, func() (*Provider, error) { return open(ctx, config) }, func(p *Provider) { _ = p.Close() })
}

// detach runs f so that the caller can leave when ctx ends; what f makes is undone then.
func detach[T any](ctx context.Context, f func() (T, error), undo func(T)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome)
	go func() {
		value, err := f()
		select {
		case done <- outcome{value, err}:
		case <-ctx.Done():
			if err == nil && undo != nil {
				undo(value)
			}
		}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func open(ctx context.Context, config Config) (_ *Provider, err error) {
	m, err := openModule("pkcs11: open", config.Module, config.InitArgs)
	if err != nil {
		return nil, err
	}
	p := &Provider{config: config, module: m, place: config.Module, tell: sign.InOrder(config.Events)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.pool.drained.L = &p.mu
	defer func() {
		if err != nil {
			p.cancel()
			_ = m.Close()
		}
	}()
	if err := config.checkLibrary(m); err != nil {
		return nil, err
	}
	s, err := p.start(ctx)
	if err != nil {
		return nil, err
	}
	if list, err := m.Mechanisms(p.slotNow()); err == nil && len(list) != 0 {
		p.mechanisms = map[uint]bool{}
		for _, mechanism := range list {
			p.mechanisms[mechanism] = true
		}
	}
	p.spare, p.state, p.proved, p.signed, p.generation = s, up, true, true, m.Generation()
	return p, nil
}

// Key finds exactly one key. Of several certificates of it, that is taken which is valid now, is for signing, and was issued
// last, unless the reference names another one by its thumbprint or itself; one that attests where a key was made, as YubiKeys
// make them, only then.
func (p *Provider) Key(ctx context.Context, ref sign.Ref) (sign.Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := ref.Check(); err != nil {
		return nil, err
	}
	var all *catalog
	err := p.do(ctx, "pkcs11: key", func(s *p11.Session, epoch uint64) (err error) {
		if all, err = p.read(s, epoch, ref); err == nil && len(ref.ID) != 0 && len(all.entries) == 0 {
			all, err = p.read(s, epoch, sign.Ref{Certificate: ref.Certificate}) // to tell which there are
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	finder := keyring.Finder{Op: "pkcs11: key", Place: p.place, Entries: all.choice(ref), Failures: all.failures, Skipped: all.skipped}
	e, err := finder.Find(ref)
	if err != nil {
		if why := all.why(ref); why != nil && errors.Is(err, sign.ErrKeyNotFound) {
			return nil, why
		}
		if s, ok := errors.AsType[*sign.Error](err); ok && len(all.entries) == 0 && p.config.PIN == nil && p.token.Flags&p11.TokenLoginRequired != 0 {
			s.Hint = "without a PIN a token does not show its private keys; give it (Config.PIN)"
		}
		return nil, err
	}
	return e.Key, nil
}

// Keys lists the keys that may sign, then what could not be read, as errors.
func (p *Provider) Keys(ctx context.Context) iter.Seq2[sign.Entry, error] {
	return func(yield func(sign.Entry, error) bool) {
		var all *catalog
		err := p.do(ctx, "pkcs11: keys", func(s *p11.Session, epoch uint64) (err error) {
			all, err = p.read(s, epoch, sign.Ref{})
			return err
		})
		if err != nil {
			yield(sign.Entry{}, err)
			return
		}
		for _, e := range all.entries {
			if !yield(e.Entry, nil) {
				return
			}
		}
		for _, err := range all.failures {
			if !yield(sign.Entry{}, err) {
				return
			}
		}
	}
}

// Chain returns the certificate of a key of this provider, then its issuers, without the root unless Config.Root is set.
func (p *Provider) Chain(ctx context.Context, k sign.Key) ([]*x509.Certificate, error) {
	if err := p.usable(ctx, "pkcs11: chain"); err != nil {
		return nil, err
	}
	own, ok := k.(*key)
	if !ok || own.p != p {
		return nil, &sign.Error{Op: "pkcs11: chain", Place: p.place, Class: sign.ErrInput, Hint: "the key is not one of this provider"}
	}
	return append([]*x509.Certificate(nil), own.chain...), nil
}

// Ping asks the token for the state of a session, without a signature. A token that was lost is opened again.
func (p *Provider) Ping(ctx context.Context) error {
	return p.do(ctx, "pkcs11: ping", func(s *p11.Session, _ uint64) error {
		_, err := s.Info()
		return err
	})
}

// Limit is how many signatures at once are useful: the most sessions that are opened.
func (p *Provider) Limit() int { return p.limit }

// Load reports how many sessions are in a call, how many are open, and how many calls wait for one: for metrics.
func (p *Provider) Load() (busy, open, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := p.head; c != nil; c = c.next {
		waiting++
	}
	return p.busy, p.workers, waiting
}

// closeTime is how long Close waits for calls that run.
const closeTime = 5 * time.Second

// Close makes callers that wait fail, lets calls that run end, closes the sessions, and gives the module back, which is
// finalised when nobody else in the process has it open. The user stays logged in as long as another provider of this
// process has a session with the same token.
//
// It waits at most five seconds for calls that run; a call that hangs keeps its session, and the module stays initialised
// until it comes back. It may be called again.
func (p *Provider) Close() error {
	if !p.shut() {
		return nil
	}
	p.cancel()
	if !p.emptied(closeTime) {
		return &sign.Error{Op: "pkcs11: close", Place: p.place, Class: sign.ErrUnavailable,
			Hint: "a call of the module has not returned; its session stays open until it does, and the module stays loaded"}
	}
	if err := p.module.Close(); err != nil {
		return &sign.Error{Op: "pkcs11: close", Place: p.place, Class: sign.ErrUnavailable, Err: coded(err)}
	}
	return nil
}

func (p *Provider) usable(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == shut {
		return p.errClosed(op)
	}
	return nil
}
