package soft

import (
	"context"
	"errors"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/sign"
)

// PasswordFunc returns the password of what, the path of a file. The secret is overwritten after its use, so each call
// returns one of its own.
type PasswordFunc func(ctx context.Context, what string) (sign.Secret, error)

// Password returns the given secret, whichever file it is asked for.
func Password(secret sign.Secret) PasswordFunc {
	return func(context.Context, string) (sign.Secret, error) { return keyring.SecretCopy(secret), nil }
}

// PasswordFile reads the password from a file, each time it is asked for. One line end after it is not part of it.
func PasswordFile(path string) PasswordFunc {
	return func(context.Context, string) (sign.Secret, error) { return keyring.SecretFile("password", path) }
}

// PasswordEnv takes the password from a variable of the environment. A variable that is not set is an error, one that is
// empty is the empty password.
func PasswordEnv(name string) PasswordFunc {
	return func(context.Context, string) (sign.Secret, error) { return keyring.SecretEnv(name) }
}

// asker asks for the password of one file at most once.
type asker struct {
	ask    PasswordFunc
	what   string
	asked  bool
	secret sign.Secret
	err    error
}

// ErrNoPassword is the cause of an error of class [sign.ErrUnavailable] when a file is encrypted and Config.Password is
// nil, so that there is nobody to ask.
var ErrNoPassword = errors.New("it is encrypted and no password was given")

func (a *asker) get(ctx context.Context) ([]byte, error) {
	if a.ask == nil {
		return nil, ErrNoPassword
	}
	if !a.asked {
		a.asked = true
		if a.secret, a.err = a.ask(ctx, a.what); a.err == nil && a.secret.Len() > keyring.MaxSecret {
			a.err = errors.New("the password is too long")
		}
	}
	return a.secret.Bytes(), a.err
}

// wipe is called when the file has been read.
func (a *asker) wipe() { a.secret.Wipe() }
