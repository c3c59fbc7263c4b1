package cli

import (
	"bytes"
	"context"
	"os"
	"sync"

	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

const pinVariable = "SIGNET_PIN" //nolint:gosec // the name of a variable

// givePIN says how a PIN is given.
const givePIN = "give it by pin-source=FILE in the URI, by --password-file FILE, or in " + pinVariable

// pin is where a PIN comes from.
type pin struct {
	from     string // for errors; empty when there is none
	file     bool   // that is a file
	terminal *terminal

	mu   sync.Mutex
	told sign.Secret // what was answered; a run asks once
	has  bool
}

// prompts reports whether a person will be asked.
func (p *pin) prompts() bool { return p.terminal != nil }

// pinOf chooses where the PIN comes from, and puts that into the config: what the URI says, --password-file, the
// environment, or the terminal. Without any of these the config has none.
func (a *app) pinOf(f *keyFlags, config *pkcs11.Config, u pkcs11.URI) (*pin, error) {
	p := &pin{}
	inURI := u.PINSource != "" || u.PINValue.Len() != 0
	switch {
	case inURI && f.passwordFile != "":
		return nil, usage("the URI says where the PIN is, and so does --password-file; leave one out")
	case u.PINSource != "":
		a.checkSecretFile("PIN", u.PINSource)
		p.from, p.file = u.PINSource, true
		return p, nil
	case inURI:
		if f.given() {
			a.warn("everybody on this machine can see the PIN in the list of processes; give pin-source=FILE in the URI instead of pin-value")
		}
		p.from = "the URI"
		return p, nil
	case f.passwordFile != "":
		a.checkSecretFile("PIN", f.passwordFile)
		p.from, p.file, config.PIN = f.passwordFile, true, pkcs11.PINFile(f.passwordFile)
		return p, nil
	}
	for _, name := range []string{pinVariable, passwordVariable} {
		if value, ok := a.LookupEnv(name); ok {
			p.from = name
			config.PIN = func(context.Context, string) (sign.Secret, error) { return sign.NewSecret([]byte(value)), nil }
			return p, nil
		}
	}
	if t, ok := a.terminal(); ok {
		p.terminal, config.PIN = t, p.ask
	}
	return p, nil
}

// ask asks a person, once in a run: the provider never tries a PIN again that was refused.
func (p *pin) ask(ctx context.Context, what string) (sign.Secret, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.has {
		secret, err := p.terminal.ask(ctx, "PIN", what)
		if err != nil {
			return sign.Secret{}, err
		}
		p.told, p.has = secret, true
	}
	return sign.NewSecret(bytes.Clone(p.told.Bytes())), nil
}

// forget wipes what was answered.
func (p *pin) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told.Wipe()
	p.told, p.has = sign.Secret{}, false
}

// padded reports whether a file with a PIN has more than one line end around it: spaces, an empty line, or the mark that
// some editors begin files with. All that is tried as a part of the PIN, since it could be one.
func padded(ctx context.Context, file string) bool {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return false
	}
	secret, err := pkcs11.PINFile(file)(ctx, "")
	defer secret.Wipe()
	b := secret.Bytes()
	return err == nil && (len(bytes.TrimSpace(b)) != len(b) || bytes.HasPrefix(b, []byte("\ufeff")))
}
