package cli

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// signerFlags are the keys of several signers. Each --key, and each further --cert of one key, begins the next signer; the flags
// about a key that follow are for that one.
type signerFlags struct {
	all  []*keyFlags // at least one
	keys bool        // --key was given
	none string      // a flag that was given with nothing in it
}

// register takes over the flags that keyFlags.register has made for the first signer.
func (s *signerFlags) register(cmd *cobra.Command, first *keyFlags) {
	s.all = []*keyFlags{first}
	first.empty = func() string { return s.none }
	flags := cmd.Flags()
	take := func(name string, set func(value string) error) {
		f := flags.Lookup(name)
		f.Value = &followed{f.Value, func(value string) error {
			if value == "" && name != "key" {
				s.none = name
			}
			return set(value)
		}}
	}
	take("key", func(value string) error {
		if s.keys {
			s.next(keyFlags{})
		}
		s.keys, s.last().key = true, value
		return nil
	})
	take("cert", func(value string) error {
		if s.last().cert != "" {
			s.next(keyFlags{key: s.last().key, passwordFile: s.last().passwordFile, keyPINFile: s.last().keyPINFile})
		}
		s.last().cert = value
		return nil
	})
	take("password-file", func(value string) error { s.last().passwordFile = value; return nil })
	take("key-pin-file", func(value string) error { s.last().keyPINFile = value; return nil })
	take("chain", func(value string) error { s.last().chain = append(s.last().chain, value); return nil })
}

func (s *signerFlags) last() *keyFlags { return s.all[len(s.all)-1] }

func (s *signerFlags) next(f keyFlags) {
	f.given, f.empty = s.all[0].given, s.all[0].empty
	s.all = append(s.all, &f)
}

// followed is the value of a flag whose meaning depends on those before it.
type followed struct {
	pflag.Value
	set func(string) error
}

func (f *followed) Set(value string) error { return f.set(value) }

// maxSigners bounds the signatures of one container that are made in a run.
const maxSigners = 32

// openSigners opens the keys of all signers, one after the other: when a PIN is wrong, no other one is given.
func (a *app) openSigners(ctx context.Context, f *signFlags, scheme *sign.Scheme) (signers []*sign.Signer, done func(), err error) {
	var opened []*keyring
	closeAll := func() {
		for _, k := range opened {
			_ = k.Close()
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	if len(f.signers.all) > maxSigners {
		return nil, nil, usage("there are %d signers; give at most %d in a run", len(f.signers.all), maxSigners)
	}
	first := f.signers.all[0]
	for i, one := range f.signers.all {
		one.finalTry, one.sessions, one.root = first.finalTry, first.sessions, first.root
		keys, err := a.sharedKey(f.signers.all[:i], opened, one)
		if err != nil {
			return nil, nil, err
		}
		if keys == nil {
			one.later = i > 0
			if keys, err = a.openKey(ctx, one); err != nil {
				return nil, nil, err
			}
			opened = append(opened, keys)
		} else {
			opened = append(opened, &keyring{Provider: borrowed{keys.Provider}, ref: keys.ref, file: keys.file}) // keeps the two lists alike
		}
		s, err := keys.open(ctx, scheme)
		if err != nil {
			return nil, nil, err
		}
		for _, other := range signers {
			if bytes.Equal(other.Certificate().Raw, s.Certificate().Raw) {
				return nil, nil, usage("two of the keys are the same: %s; each signer signs once", sign.Thumbprint(s.Certificate()))
			}
		}
		signers = append(signers, s)
	}
	return signers, closeAll, nil
}

// borrowed is a provider that is closed by somebody else.
type borrowed struct{ sign.Provider }

func (b borrowed) Close() error          { return nil }
func (b borrowed) Unwrap() sign.Provider { return b.Provider }

// sharedKey finds a key in a file or on a token that is open already, so that its password or PIN is given once; nil when it has to
// be opened.
func (a *app) sharedKey(before []*keyFlags, opened []*keyring, f *keyFlags) (*keyring, error) {
	for i, other := range before {
		if f.passwordFile != "" && f.passwordFile != other.passwordFile || f.keyPINFile != "" && f.keyPINFile != other.keyPINFile || len(f.chain) != 0 {
			continue
		}
		ref, certificates, err := parseRef(f.cert)
		if err != nil {
			return nil, err
		}
		shared := *opened[i]
		switch {
		case len(certificates) != 0: // the provider is told of them when it is opened
		case pkcs11.IsURI(f.key) && pkcs11.IsURI(other.key):
			u, same := sameToken(f.key, other.key)
			if !same {
				continue
			}
			if shared.ref, err = merged(u.Ref(), ref); err != nil {
				return nil, err
			}
			return &shared, nil
		case f.key == other.key && !pkcs11.IsURI(f.key):
			shared.ref = ref
			return &shared, nil
		}
	}
	return nil, nil
}

// sameToken reports whether two URIs name one token, and give its PIN in one way. What the first says about the key is returned.
func sameToken(a, b string) (pkcs11.URI, bool) {
	u, err := pkcs11.ParseURI(a)
	if err != nil {
		return u, false
	}
	v, err := pkcs11.ParseURI(b)
	if err != nil || u.PINValue.Len() != 0 || u.KeyPINValue.Len() != 0 || u.PINSource != v.PINSource && u.PINSource != "" ||
		u.KeyPINSource != v.KeyPINSource && u.KeyPINSource != "" || u.InitArgs != v.InitArgs {
		return u, false
	}
	bare := func(u pkcs11.URI) string {
		u.Object, u.ID, u.Type = "", nil, ""
		u.PINSource, u.KeyPINSource = "", ""
		return u.String()
	}
	return u, bare(u) == bare(v)
}
