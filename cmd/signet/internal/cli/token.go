package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// token is what is known of the token that a URI names.
type token struct {
	uri     pkcs11.URI
	config  pkcs11.Config
	pin     *pin
	bareURI bool // the URI names no key

	patience time.Duration
	library  *pkcs11.Library // held from when the slots were listed until the token is open, so that the module starts once
}

// tokenURI reads a URI and says where its PIN comes from. Nothing is opened.
func (a *app) tokenURI(f *keyFlags) (*token, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	u, err := pkcs11.ParseURI(f.key)
	if err != nil {
		return nil, usage("%w", err)
	}
	t := &token{uri: u, bareURI: u.Ref().IsZero(), patience: a.Patience}
	if t.config, err = u.Config(pkcs11.Config{Schemes: schemes.All(), AllowFinalTry: f.finalTry, Sessions: f.sessions, Root: f.root}); err != nil {
		if errors.Is(err, sign.ErrInput) {
			return nil, usage("%w", err)
		}
		return nil, keyFailure(err)
	}
	if t.config.Module == "" {
		return nil, usage("the URI does not say which module, and p11-kit, whose proxy would be taken, is not installed; put the path of the vendor's " +
			"PKCS #11 library at its end: ?module-path=/path/to/library.so")
	}
	if t.pin, err = a.pinOf(f, &t.config, u); err != nil {
		return nil, err
	}
	return t, nil
}

// openToken opens the token that KEY names.
func (a *app) openToken(ctx context.Context, f *keyFlags, cert sign.Ref, certificates []*x509.Certificate) (*keyring, error) {
	t, err := a.tokenURI(f)
	if err != nil {
		return nil, err
	}
	ref, err := merged(t.uri.Ref(), cert)
	if err != nil {
		return nil, err
	}
	t.config.Certificates = certificates
	keys, err := a.login(ctx, t)
	if err != nil {
		return nil, keyFailure(err)
	}
	return &keyring{Provider: keys, ref: ref, token: t}, nil
}

// login opens the token, with its PIN if there is one or somebody to ask.
func (a *app) login(ctx context.Context, t *token) (*pkcs11.Provider, error) {
	defer t.release()
	if t.pin.prompts() {
		found, err := t.find(ctx)
		switch {
		case err != nil || len(found) != 1: // what is wrong is said below, without asking for a PIN
			t.withoutPIN()
		case found[0].Token.ProtectedPath:
			t.withoutPIN()
			a.note("enter the PIN at the device of token %s", quote(found[0].Token.Label))
		case !found[0].Token.LoginRequired:
			t.withoutPIN()
		}
	}
	limited, cancel := ctx, context.CancelFunc(func() {})
	if t.config.PIN != nil && !t.pin.prompts() { // else somebody may have to enter it
		limited, cancel = context.WithTimeout(ctx, t.patience)
	}
	defer cancel()
	p, err := pkcs11.Open(limited, t.config)
	if err != nil {
		return nil, t.explainLogin(ctx, t.noAnswer(ctx, err))
	}
	return p, nil
}

// withoutPIN opens what the token shows to everybody, or what its own keypad protects.
func (t *token) withoutPIN() {
	t.config.PIN = nil
	if t.pin.forKeys {
		t.config.KeyPIN = nil
	}
	t.pin = &pin{}
}

// slots lists the slots of the module.
func (t *token) slots(ctx context.Context) ([]pkcs11.Slot, error) {
	limited, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	if t.library == nil {
		library, err := pkcs11.Load(limited, t.config.Module, t.config.InitArgs)
		if err != nil {
			return nil, t.noAnswer(ctx, err)
		}
		t.library = library
	}
	slots, err := t.library.Slots(limited)
	return slots, t.noAnswer(ctx, err)
}

// release gives the module back that was loaded to list the slots.
func (t *token) release() {
	if t.library != nil {
		_ = t.library.Close()
		t.library = nil
	}
}

// noAnswer says it in words when a module hangs.
func (t *token) noAnswer(ctx context.Context, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("%s did not answer within %s; check the device, its daemon and the connection to it, and whether another program holds it",
		t.config.Module, plain.Duration(t.patience))
}

// find lists the slots with an initialised token that the URI means.
func (t *token) find(ctx context.Context) ([]pkcs11.Slot, error) {
	slots, err := t.slots(ctx)
	if err != nil {
		return nil, err
	}
	return t.among(slots), nil
}

// among takes those of the slots that have an initialised token that the URI means.
func (t *token) among(slots []pkcs11.Slot) []pkcs11.Slot {
	var found []pkcs11.Slot
	for _, s := range slots {
		if s.Token != nil && s.Token.Initialized && t.means(s) {
			found = append(found, s)
		}
	}
	return found
}

// means compares a slot with what the URI says of it.
func (t *token) means(s pkcs11.Slot) bool {
	is := s.Token
	if is == nil {
		is = &pkcs11.Token{}
	}
	for _, f := range []struct{ want, is string }{
		{t.uri.Token, is.Label}, {t.uri.Serial, is.Serial}, {t.uri.Manufacturer, is.Manufacturer}, {t.uri.Model, is.Model},
		{t.uri.SlotDescription, s.Description}, {t.uri.SlotManufacturer, s.Manufacturer},
	} {
		if f.want != "" && f.want != f.is {
			return false
		}
	}
	return t.uri.SlotID == nil || *t.uri.SlotID == s.ID
}

// keyURI names a key of the token so that the next command finds it: the token, the key, the module and where the PIN is,
// but never the PIN.
func (t *token) keyURI(is *pkcs11.Token, e sign.Entry) string {
	u := pkcs11.URI{
		ID: e.ID, Object: e.Label, ModulePath: t.uri.ModulePath, ModuleName: t.uri.ModuleName,
		PINSource: t.uri.PINSource, KeyPINSource: t.uri.KeyPINSource, InitArgs: t.uri.InitArgs,
	}
	if is != nil {
		u.Token, u.Serial = is.Label, is.Serial
	}
	return u.String()
}

// byProxy reports whether the URI names no module.
func (t *token) byProxy() bool { return t.uri.ModulePath == "" && t.uri.ModuleName == "" }

const askedProxy = "the URI names no module, so those were asked that are registered with p11-kit; another one is named at its end: ?module-path=/path/to/library.so"

// explainLogin adds what to do to an error of opening a token.
func (t *token) explainLogin(ctx context.Context, err error) error {
	_, refused := errors.AsType[pkcs11.Code](err) // by the token, and not before it was asked
	switch {
	case errors.Is(err, sign.ErrKeyNotFound) && t.byProxy():
		return fmt.Errorf("%w; %s", err, askedProxy)
	case errors.Is(err, sign.ErrKeyAmbiguous) && strings.Contains(err.Error(), "by its slot"): // nothing else tells them apart
		return fmt.Errorf("%w; in the URI that is pkcs11:slot-id=NUMBER", err)
	case errors.Is(err, sign.ErrKeyAmbiguous):
		return fmt.Errorf("%w; in the URI that is pkcs11:token=LABEL;serial=NUMBER", err)
	case errors.Is(err, sign.ErrPIN) && !refused && !t.config.AllowFinalTry && t.lastTry(ctx):
		return withHint(err, "nothing was tried: one more wrong PIN will lock the token; when you are sure of the PIN, add --final-try")
	case errors.Is(err, sign.ErrPIN) && refused && t.pin.file && padded(ctx, t.pin.from):
		return fmt.Errorf("%w (PIN from %s, which has white space or another line around it)", err, t.pin.from)
	case errors.Is(err, sign.ErrPIN) && t.pin.from != "":
		return fmt.Errorf("%w (PIN from %s)", err, t.pin.from)
	}
	return err
}

// lastTry reports whether the token says that one more wrong PIN will lock it.
func (t *token) lastTry(ctx context.Context) bool {
	found, err := t.find(ctx)
	return err == nil && len(found) == 1 && found[0].Token.PINFinalTry && !found[0].Token.PINLocked
}

// explain adds what to do to an error of finding a key on a token.
func (t *token) explain(err error) error {
	switch {
	case errors.Is(err, sign.ErrKeyAmbiguous) && strings.Contains(err.Error(), "by its thumbprint"): // all have certificates
		return fmt.Errorf("%w; give it as --cert, or name another key by object= or id= in the URI", err)
	case errors.Is(err, sign.ErrKeyAmbiguous) && strings.Contains(err.Error(), "another label or id"): // no name tells them apart
		return err
	case errors.Is(err, sign.ErrKeyAmbiguous):
		return fmt.Errorf("%w; that is object= and id= in the URI, as signet keys prints them", err)
	case errors.Is(err, sign.ErrKeyNotFound) && t.config.PIN != nil && hexText(t.uri.ID):
		id, _ := parseID(string(t.uri.ID))
		return fmt.Errorf("%w; the id of a URI is percent-encoded: id=%s is what was meant, perhaps", err, percent(id))
	case errors.Is(err, sign.ErrKeyNotFound) && t.config.PIN != nil:
		return fmt.Errorf("%w; signet keys lists what is there, signet keygen makes a key", err)
	case errors.Is(err, sign.ErrNoCertificate):
		return errors.New("the key has no certificate on the token; give the file of its certificate with --cert, or put it there with signet import-cert")
	}
	return err
}

func percent(id []byte) string {
	var b strings.Builder
	for _, octet := range id {
		fmt.Fprintf(&b, "%%%02X", octet)
	}
	return b.String()
}

// hexText reports whether an identifier consists of the digits of one in hexadecimal.
func hexText(id []byte) bool {
	_, err := parseID(string(id))
	return err == nil && len(id) > 1
}
