package cli

import (
	"bytes"
	"context"
	"os"
	"sync"

	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

const (
	pinVariable    = "SIGNET_PIN"     //nolint:gosec // the name of a variable
	keyPINVariable = "SIGNET_KEY_PIN" //nolint:gosec // the same
)

// givePIN says how a PIN is given.
const givePIN = "give it by pin-source=FILE in the URI, by --password-file FILE, or in " + pinVariable

// pin is where a PIN comes from.
type pin struct {
	from     string // for errors; empty when there is none
	file     bool   // that is a file
	terminal *terminal
	forKeys  bool // it is asked for the PINs of keys, too

	mu   sync.Mutex
	told map[string]sign.Secret // what was answered; a run asks once for each
}

// prompts reports whether a person will be asked.
func (p *pin) prompts() bool { return p.terminal != nil }

// pinOf chooses where the PIN comes from, and puts that into the config: what the URI says, --password-file, the
// environment, or the terminal. Without any of these the config has none.
func (a *app) pinOf(f *keyFlags, config *pkcs11.Config, u pkcs11.URI) (*pin, error) {
	p := &pin{}
	if err := a.keyPINOf(f, config, u); err != nil {
		return nil, err
	}
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
		if value, ok := a.LookupEnv(name); ok && !f.later {
			p.from = name
			config.PIN = func(context.Context, pkcs11.PINRequest) (sign.Secret, error) {
				return sign.NewSecret([]byte(value)), nil
			}
			return p, nil
		}
	}
	if t, ok := a.terminal(); ok {
		p.terminal, config.PIN = t, p.ask
		if config.KeyPIN == nil {
			p.forKeys, config.KeyPIN = true, p.ask
		}
	}
	return p, nil
}

// keyPINOf chooses where the PIN comes from that a key wants for each signature, when it is said.
func (a *app) keyPINOf(f *keyFlags, config *pkcs11.Config, u pkcs11.URI) error {
	inURI := u.KeyPINSource != "" || u.KeyPINValue.Len() != 0
	switch {
	case inURI && f.keyPINFile != "":
		return usage("the URI says where the PIN of the key is, and so does --key-pin-file; leave one out")
	case u.KeyPINSource != "":
		a.checkSecretFile("PIN of the key", u.KeyPINSource)
	case inURI:
		if f.given() {
			a.warn("everybody on this machine can see the PIN of the key in the list of processes; give x-key-pin-source=FILE in the URI instead of x-key-pin-value")
		}
	case f.keyPINFile != "":
		a.checkSecretFile("PIN of the key", f.keyPINFile)
		config.KeyPIN = pkcs11.PINFile(f.keyPINFile)
	default:
		if value, ok := a.LookupEnv(keyPINVariable); ok && !f.later {
			config.KeyPIN = func(context.Context, pkcs11.PINRequest) (sign.Secret, error) {
				return sign.NewSecret([]byte(value)), nil
			}
		}
	}
	return nil
}

// ask asks a person, once in a run for the token and once for each key that has a PIN of its own, perhaps: the provider never
// tries a PIN again that was refused.
func (p *pin) ask(ctx context.Context, asked pkcs11.PINRequest) (sign.Secret, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	told, ok := p.told[asked.String()]
	if !ok {
		of := pkcs11.PINRequest{Token: asked.Token}.String()
		before, asBefore := p.told[of]
		prompt := "PIN of " + asked.String()
		if asked.Key != nil && asBefore {
			prompt += ", or just Enter if it is the same"
		}
		secret, err := p.terminal.ask(ctx, prompt)
		if err != nil {
			return sign.Secret{}, err
		}
		if asked.Key != nil && asBefore && secret.Len() == 0 {
			secret = sign.NewSecret(bytes.Clone(before.Bytes()))
		}
		if p.told == nil {
			p.told = map[string]sign.Secret{}
		}
		p.told[asked.String()], told = secret, secret
	}
	return sign.NewSecret(bytes.Clone(told.Bytes())), nil
}

// forget wipes what was answered.
func (p *pin) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, secret := range p.told {
		secret.Wipe()
	}
	p.told = nil
}

// padded reports whether a file with a PIN has more than one line end around it: spaces, an empty line, or the mark that
// some editors begin files with. All that is tried as a part of the PIN, since it could be one.
func padded(ctx context.Context, file string) bool {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return false
	}
	secret, err := pkcs11.PINFile(file)(ctx, pkcs11.PINRequest{})
	defer secret.Wipe()
	b := secret.Bytes()
	return err == nil && (len(bytes.TrimSpace(b)) != len(b) || bytes.HasPrefix(b, []byte("\ufeff")))
}
