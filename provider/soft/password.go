package soft

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/seed-116355fd/signet/sign"
)

const maxPassword = 4096 // octets

// PasswordFunc returns the password of what, the path of a file. The secret is overwritten after its use, so each call
// returns one of its own.
type PasswordFunc func(ctx context.Context, what string) (sign.Secret, error)

// Password returns the given secret, whichever file it is asked for.
func Password(secret sign.Secret) PasswordFunc {
	return func(context.Context, string) (sign.Secret, error) {
		return sign.NewSecret(bytes.Clone(secret.Bytes())), nil
	}
}

// PasswordFile reads the password from a file, each time it is asked for. One line end after it is not part of it.
func PasswordFile(path string) PasswordFunc {
	return func(context.Context, string) (sign.Secret, error) {
		f, err := os.Open(path)
		if err != nil {
			return sign.Secret{}, errors.New("password file " + path + ": " + plain(err).Error())
		}
		defer func() { _ = f.Close() }()
		b := make([]byte, maxPassword+1) // of fixed size, so that no copy of the password stays behind
		n, err := io.ReadFull(f, b)
		switch {
		case err == nil:
			clear(b)
			return sign.Secret{}, errors.New("password file " + path + " is too long for a password")
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		default:
			clear(b)
			return sign.Secret{}, errors.New("password file " + path + ": " + plain(err).Error())
		}
		b, found := bytes.CutSuffix(b[:n], []byte("\r\n"))
		if !found {
			b = bytes.TrimSuffix(b, []byte("\n"))
		}
		return sign.NewSecret(b), nil
	}
}

// PasswordEnv takes the password from a variable of the environment. A variable that is not set is an error, one that is
// empty is the empty password.
func PasswordEnv(name string) PasswordFunc {
	return func(context.Context, string) (sign.Secret, error) {
		value, ok := os.LookupEnv(name)
		if !ok {
			return sign.Secret{}, errors.New("the variable " + name + " is not set")
		}
		return sign.NewSecret([]byte(value)), nil
	}
}

// asker asks for the password of one file at most once.
type asker struct {
	ask    PasswordFunc
	what   string
	asked  bool
	secret sign.Secret
	err    error
}

// errNoPassword says that there is nobody to ask.
var errNoPassword = errors.New("it is encrypted and no password was given")

func (a *asker) get(ctx context.Context) ([]byte, error) {
	if a.ask == nil {
		return nil, errNoPassword
	}
	if !a.asked {
		a.asked = true
		if a.secret, a.err = a.ask(ctx, a.what); a.err == nil && a.secret.Len() > maxPassword {
			a.err = errors.New("the password is too long")
		}
	}
	return a.secret.Bytes(), a.err
}

// wipe is called when the file has been read.
func (a *asker) wipe() { a.secret.Wipe() }

// plain takes the path out of an error of package os, for it stands in the sign.Error already.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
