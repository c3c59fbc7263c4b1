package pkcs11

import (
	"context"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/sign"
)

// PINFunc returns the PIN of what, a token. It is called for each login: when the provider is opened, after a token was
// lost, and for each signature of a key with CKA_ALWAYS_AUTHENTICATE. The secret is overwritten after its use, so each
// call returns one of its own. A prompt is a PINFunc, too.
type PINFunc func(ctx context.Context, what string) (sign.Secret, error)

// PIN returns the given secret, which stays in memory as long as the provider; better give a file or a prompt.
func PIN(secret sign.Secret) PINFunc {
	return func(context.Context, string) (sign.Secret, error) { return keyring.SecretCopy(secret), nil }
}

// PINFile reads the PIN from a file, each time it is asked for. One line end after it is not part of it.
func PINFile(path string) PINFunc {
	return func(context.Context, string) (sign.Secret, error) { return keyring.SecretFile("PIN", path) }
}

// PINEnv takes the PIN from a variable of the environment.
func PINEnv(name string) PINFunc {
	return func(context.Context, string) (sign.Secret, error) { return keyring.SecretEnv(name) }
}
