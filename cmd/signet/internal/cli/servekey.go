package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/service/server"
	"github.com/seed-116355fd/signet/sign"
)

func plainText(s string) string { return plain.Text(s) }

// serveKey serves one key with nothing configured.
func (a *app) serveKey(ctx context.Context, f *serveFlags) error {
	if err := f.keyFlags.check(); err != nil {
		return err
	}
	config := &server.Config{}
	for _, address := range f.listen {
		config.Listen.Addresses = append(config.Listen.Addresses, server.Address(address))
	}
	config.Listen.Plain = true // said by --listen
	if a.screen.terminal != nil {
		config.Log.Format = "text"
	}
	one, err := a.oneKey(ctx, f)
	if err != nil {
		return err
	}
	defer one.close()
	signer, err := one.opened.open(ctx, nil)
	if err != nil {
		return err
	}
	options, err := a.demoOptions(ctx, f, config)
	if err != nil {
		return &failure{ExitFailed, err}
	}
	file, err := a.tokenFile(f)
	if err != nil {
		return &failure{ExitFailed, err}
	}
	tokens, err := auth.OpenTokens(file, nil)
	if err != nil {
		return &failure{ExitFailed, err}
	}
	if err := a.stages(f, config); err != nil {
		return &failure{ExitFailed, err}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	q := &quick{app: a, stop: stop, name: one.name, file: file, tokens: tokens, thumbprint: sign.Thumbprint(signer.Certificate())}
	s, err := server.New(ctx, config, &server.Options{
		Keys: []keys.Key{{Name: one.name, Store: &keys.Store{Name: one.name, Open: one.provider, Files: one.files}, Ref: one.opened.ref, Options: options}},
		Auth: tokens, Output: a.Stderr, Started: q.started, MetricsHere: f.key == demoKey && loopback(config), TestSignature: f.sign,
	})
	if err != nil {
		return a.faulty(err)
	}
	if f.try {
		return a.checkServer(ctx, s)
	}
	if !loopback(config) {
		a.warn("others reach this address, and everybody on the way can read their tokens; a configuration with tls mends that (see docs/service.md)")
	}
	return errors.Join(a.run(ctx, s), q.err)
}

// demoOptions give the demo key the demo authority of time-stamps and its revocation values, so that every level can be
// tried, and let the service trust the demo root. Other keys make BES, and chains are not checked.
func (a *app) demoOptions(ctx context.Context, f *serveFlags, config *server.Config) (o cades.Options, err error) {
	if f.key != demoKey {
		return o, nil
	}
	state, err := a.stateDir()
	if err != nil {
		return o, err
	}
	config.Verify.Roots = []server.Path{server.Path(filepath.Join(state, demoKey, demoRootFile))}
	o.Timestamper, o.Revocation, err = a.sources(ctx, &levelFlags{tsa: []string{demoKey}}, cades.LevelLTA)
	return o, err
}

// loopback reports whether only this machine reaches all addresses.
func loopback(c *server.Config) bool {
	for _, a := range c.Listen.Addresses {
		if !a.Loopback() {
			return false
		}
	}
	return true
}

// oneKey is the key of a service that has only one. It is opened once at the start, so that what is wrong with it is said
// as by any other command, and again when it is reloaded; a password that somebody typed is asked for once.
type oneKey struct {
	name  string
	files []string // a change of one is a reason to open it anew

	mu     sync.Mutex
	opened *keyring // until it was taken by the service
	taken  bool
	again  func(context.Context) (*keyring, error)
	forget func()
}

func (a *app) oneKey(ctx context.Context, f *serveFlags) (*oneKey, error) {
	one := &oneKey{name: "key", forget: func() {}}
	ref, certificates, err := parseRef(f.cert)
	if err != nil {
		return nil, err
	}
	switch {
	case f.key == demoKey:
		one.name = demoKey
		one.again = func(ctx context.Context) (*keyring, error) {
			p, err := a.openDemo(ctx)
			if err != nil {
				return nil, keyFailure(err)
			}
			return &keyring{Provider: p, ref: ref}, nil
		}
	case pkcs11.IsURI(f.key):
		t, err := a.tokenURI(&f.keyFlags)
		if err != nil {
			return nil, err
		}
		if ref, err = merged(t.uri.Ref(), ref); err != nil {
			return nil, err
		}
		t.config.Certificates = certificates
		one.forget = func() { t.pin.forget() }
		one.again = func(ctx context.Context) (*keyring, error) {
			p, err := a.login(ctx, t)
			if err != nil {
				return nil, keyFailure(err)
			}
			return &keyring{Provider: p, ref: ref, token: t}, nil
		}
	default:
		one.files = []string{f.key}
		password := a.password(f.passwordFile)
		if f.passwordFile == "" && !a.hasEnvPassword() { // somebody types it
			password, one.forget = remembered(password)
		}
		one.again = func(ctx context.Context) (*keyring, error) {
			p, err := soft.Open(ctx, f.key, soft.Config{Parsers: schemes.Parsers(), Encryption: schemes.Encryption(), Password: password, Certificates: certificates})
			if err != nil {
				return nil, keyFailure(a.explain(err, &f.keyFlags, password != nil))
			}
			return &keyring{Provider: p, ref: ref}, nil
		}
	}
	if one.opened, err = one.again(ctx); err != nil {
		return nil, err
	}
	return one, nil
}

// provider gives the key to the service: what was opened at the start first, then anew.
func (o *oneKey) provider(ctx context.Context) (sign.Provider, error) {
	o.mu.Lock()
	first := !o.taken
	o.taken = true
	o.mu.Unlock()
	if first {
		return o.opened.Provider, nil
	}
	k, err := o.again(ctx)
	if err != nil {
		return nil, err
	}
	return k.Provider, nil
}

// close closes what the service did not take.
func (o *oneKey) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.taken {
		_ = o.opened.Provider.Close()
		o.taken = true
	}
	o.forget()
}

// remembered asks for a password once, and keeps it until forget.
func remembered(ask soft.PasswordFunc) (password soft.PasswordFunc, forget func()) {
	if ask == nil {
		return nil, func() {}
	}
	var mu sync.Mutex
	told := map[string][]byte{}
	forget = func() {
		mu.Lock()
		defer mu.Unlock()
		for _, b := range told {
			clear(b)
		}
		clear(told)
	}
	return func(ctx context.Context, what string) (sign.Secret, error) {
		mu.Lock()
		defer mu.Unlock()
		if b, ok := told[what]; ok {
			return sign.NewSecret(bytes.Clone(b)), nil
		}
		secret, err := ask(ctx, what)
		if err == nil {
			told[what] = bytes.Clone(secret.Bytes())
		}
		return secret, err
	}, forget
}

// tokenFile is where the hashes of tokens for this key are: one for another key must not be good for it.
func (a *app) tokenFile(f *serveFlags) (string, error) {
	state, err := a.stateDir()
	if err != nil {
		return "", errors.New("the token of the service has no place: neither HOME nor XDG_STATE_HOME is set; set one, or serve a configuration with --config")
	}
	name := demoKey
	if f.key != demoKey {
		key := f.key
		if !pkcs11.IsURI(key) {
			if key, err = filepath.Abs(key); err != nil {
				return "", err
			}
		} else if u, err := pkcs11.ParseURI(key); err == nil {
			key = u.String() // without the PIN
		}
		name = fmt.Sprintf("%x", sha256.Sum256([]byte(key)))[:16]
	}
	file := filepath.Join(state, "serve", name+".tokens")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", fmt.Errorf("the token of the service has no place: %w", err)
	}
	opened, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("the token of the service has no place: %w", err)
	}
	return file, opened.Close()
}

// quick is what a service with nothing configured says when it has started.
type quick struct {
	*app
	name, file, thumbprint string
	tokens                 *auth.Tokens
	stop                   func() // ends the service, of which nobody knows a token
	err                    error
}

// started says where the service is, and ends it when it cannot.
func (q *quick) started(addresses []net.Addr) {
	if q.err = q.introduce(addresses); q.err != nil {
		q.stop()
	}
}

// introduce makes the first token, when the service listens: one that cannot start has not shown any.
func (q *quick) introduce(addresses []net.Addr) error {
	all, err := auth.ListTokens(q.file)
	if err != nil {
		return &failure{ExitFailed, err}
	}
	base := curl(addresses[0])
	q.note("serving the key %q at %s", q.name, strings.TrimPrefix(base, "--unix-socket "))
	another := fmt.Sprintf("signet token new --file %s --name NAME --keys %s", shellWord(q.file), q.name)
	if len(all) != 0 {
		q.note("the token was printed at the first start; make another one with: %s", another)
		return nil
	}
	text, token, err := auth.AddToken(q.file, auth.Token{Name: "first", Keys: []string{q.name}, Endpoints: []string{"*", "operations"}, Created: q.Now()})
	if err == nil {
		err = q.tokens.Reload()
	}
	if err != nil {
		return &failure{ExitFailed, fmt.Errorf("the token could not be made: %w", err)}
	}
	defer text.Wipe()
	// Straight to standard output: it is printed this once, and only its hash is kept.
	err = q.printf(`The token, which is not shown again:

  %[1]s

Try it:

  curl -s %[2]s/v2/sign -H 'Authorization: Bearer %[1]s' -H 'Content-Type: application/json' -d '{"Thumbprint":"%[3]s","Contents":["aGVsbG8="]}'

`, text.Bytes(), base, q.thumbprint)
	if err != nil { // nobody has seen it: the next start makes another
		_, gone := auth.RevokeToken(q.file, token.ID)
		return errors.Join(err, gone)
	}
	return nil
}

// shellWord quotes a word for a shell when it needs that.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:=@,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
