package pkcs11

import (
	"context"
	"encoding/hex"
	"fmt"
	"runtime"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/sign"
)

// PINFunc returns the PIN that is asked for. It is called for each login: when the provider is opened, after a token was
// lost, and for each signature of a key with CKA_ALWAYS_AUTHENTICATE. The secret is overwritten after its use, so each
// call returns one of its own: one that consists of zeros is not tried. A prompt is a PINFunc, too. Other logins with the same module
// wait for it, so it must not open a token of that module, or sign with a key that wants a PIN.
type PINFunc func(ctx context.Context, asked PINRequest) (sign.Secret, error)

// ask calls the function, in a goroutine of its own. One that panics, or ends its goroutine, on that of a worker would end the program
// or keep a session for ever. What it panics with may hold the PIN, so it is not repeated.
func (f PINFunc) ask(ctx context.Context, asked PINRequest) (secret sign.Secret, err error) {
	done := make(chan error, 1)
	sign.Go(func() (err error) {
		secret, err = f(ctx, asked)
		return err
	}, func(err error) { done <- err })
	err = <-done
	p, ok := err.(*sign.PanicError)
	if !ok {
		return secret, err
	}
	switch v := p.Value.(type) {
	case runtime.Error:
		return sign.Secret{}, fmt.Errorf("the PIN function panicked: %w", v)
	case error:
		if v == sign.ErrGoexit {
			return sign.Secret{}, fmt.Errorf("the PIN function ended its goroutine: %w", v)
		}
	}
	return sign.Secret{}, fmt.Errorf("the PIN function panicked with a value of type %T", p.Value)
}

// PINRequest says which PIN is asked for.
type PINRequest struct {
	// Token is the label of the token and its module, as errors have them.
	Token string
	// Key is the key whose next signature wants its PIN (CKU_CONTEXT_SPECIFIC of C_Login, PKCS #11 section 5.6), by its CKA_ID
	// and label. Nil means the PIN of the user (CKU_USER), which opens the token.
	Key *sign.Ref
}

// String names what the PIN is of, for a prompt: `token "seal" in /usr/lib/module.so`, and a key before that.
func (r PINRequest) String() string {
	if r.Key == nil {
		return r.Token
	}
	return keyName(r.Key.Label, r.Key.ID) + " on " + r.Token
}

func keyName(label string, id []byte) string {
	return fmt.Sprintf("key %q (id %s)", label, hex.EncodeToString(id))
}

// PIN returns the given secret, which stays in memory as long as the provider; better give a file or a prompt.
func PIN(secret sign.Secret) PINFunc {
	return func(context.Context, PINRequest) (sign.Secret, error) { return keyring.SecretCopy(secret), nil }
}

// PINFile reads the PIN from a file, each time it is asked for. One line end after it is not part of it.
func PINFile(path string) PINFunc {
	return func(context.Context, PINRequest) (sign.Secret, error) { return keyring.SecretFile("PIN", path) }
}

// PINEnv takes the PIN from a variable of the environment.
func PINEnv(name string) PINFunc {
	return func(context.Context, PINRequest) (sign.Secret, error) { return keyring.SecretEnv(name) }
}

// pinFor is who is asked for a PIN.
func (c *Config) pinFor(asked PINRequest) PINFunc {
	if asked.Key != nil && c.KeyPIN != nil {
		return c.KeyPIN
	}
	return c.PIN
}
