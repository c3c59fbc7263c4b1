package cli

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// keyFlags say which key is used.
type keyFlags struct {
	key, passwordFile, keyPINFile, cert string

	chain []string // files with issuers of the key's certificate

	finalTry bool
	later    bool          // the key of a further signer: variables with a PIN are not for its token
	sessions int           // of a token; 0 is the default
	root     bool          // chains end with the root when it is known
	given    func() bool   // the key was given by its flag, which other users of the machine can see
	empty    func() string // a flag that was given with nothing in it, or ""
}

func (f *keyFlags) register(cmd *cobra.Command, env func(string) string, cert bool) {
	flags := cmd.Flags()
	flags.StringVarP(&f.key, "key", "k", "", "the `KEY`: a file (.p12 .pfx .pem .key), a folder of such files, a pkcs11: URI, or demo; SIGNET_KEY if not given")
	flags.StringVar(&f.passwordFile, "password-file", "", "the `FILE` with the password or PIN of the key; else SIGNET_PASSWORD (or, of a token, SIGNET_PIN), else it is asked for")
	flags.StringVar(&f.keyPINFile, "key-pin-file", "", "the `FILE` with the PIN that a key of a token wants for each signature, where that is not the PIN of the token; else SIGNET_KEY_PIN")
	flags.BoolVar(&f.finalTry, "final-try", false, "try the PIN of a token also when one more wrong one will lock it")
	if cert {
		flags.StringVar(&f.cert, "cert", "", "which key of several, `REF`: a thumbprint (see signet keys), label:TEXT, id:HEX, or the file of its certificate")
		flags.StringArrayVar(&f.chain, "chain", nil, "issuers of the certificate of the key that are not with it, `FILE` in PEM, DER or PKCS #7; may be repeated")
	}
	f.key = env("SIGNET_KEY") // stays unless the flag is given
	f.given = func() bool { return flags.Changed("key") }
	f.empty = func() string {
		for name, value := range map[string]string{"password-file": f.passwordFile, "key-pin-file": f.keyPINFile, "cert": f.cert} {
			if value == "" && flags.Changed(name) {
				return name
			}
		}
		return ""
	}
}

// check refuses what is a slip rather than a key. What looks like a URI is never repeated: there may be a PIN in it.
func (f *keyFlags) check() error {
	if name := f.empty(); name != "" {
		return usage("--%s is empty; is a variable of your shell not set?", name)
	}
	if pkcs11.IsURI(f.key) {
		return nil
	}
	key := strings.ToLower(f.key)
	for _, part := range []string{"pkcs11:", "module-path=", "module-name=", "pin-value=", "pin-source="} {
		if strings.Contains(key, part) {
			return usage("the key looks like a pkcs11: URI and is none; it has to begin with pkcs11: and nothing before it, neither a space nor a quotation mark")
		}
	}
	return nil
}

// keyring is an open file, folder or token with keys, and which of them is meant.
type keyring struct {
	sign.Provider
	ref   sign.Ref
	token *token // nil when the keys are not on one
	file  string // that was named, or ""
}

// Close gives back the keys and forgets the PIN.
func (k *keyring) Close() error {
	err := k.Provider.Close()
	if k.token != nil {
		k.token.pin.forget()
	}
	return err
}

// openKey opens KEY. Failures are of ExitKey, but for references that can mean nothing.
func (a *app) openKey(ctx context.Context, f *keyFlags) (*keyring, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if f.key == "" {
		return nil, usage("which key? Give --key FILE or a pkcs11: URI, or --key demo to try it out")
	}
	ref, certificates, err := parseRef(f.cert)
	if err != nil {
		return nil, err
	}
	for _, path := range f.chain {
		issuers, err := readCertificates(path)
		if err != nil {
			return nil, usage("--chain %s: %w", path, cause(err))
		}
		certificates = append(certificates, issuers...)
	}
	if f.key == demoKey {
		keys, err := a.openDemo(ctx)
		if err != nil {
			return nil, keyFailure(err)
		}
		return &keyring{Provider: keys, ref: ref}, nil
	}
	if pkcs11.IsURI(f.key) {
		return a.openToken(ctx, f, ref, certificates)
	}
	config := soft.Config{Parsers: schemes.Parsers(), Encryption: schemes.Encryption(), Password: a.password(f.passwordFile), Certificates: certificates, Root: f.root}
	keys, err := soft.Open(ctx, f.key, config)
	if err != nil {
		return nil, keyFailure(a.explain(err, f, config.Password != nil))
	}
	return &keyring{Provider: keys, ref: ref, file: f.key}, nil
}

// explain adds what to do to an error of opening a key.
func (a *app) explain(err error, f *keyFlags, canAsk bool) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("there is no key file %s; give one that exists, or --key demo to try it out", f.key)
	case errors.Is(err, soft.ErrNoPassword):
		return withHint(err, "give --password-file FILE or set SIGNET_PASSWORD (there is no terminal to ask on)")
	case !canAsk && errors.Is(err, sign.ErrPIN):
		return fmt.Errorf("%w; give --password-file FILE or set SIGNET_PASSWORD (there is no terminal to ask on)", err)
	case errors.Is(err, sign.ErrPIN) && f.passwordFile != "":
		return fmt.Errorf("%w (password from %s)", err, f.passwordFile)
	case errors.Is(err, sign.ErrPIN) && a.hasEnvPassword():
		return fmt.Errorf("%w (password from SIGNET_PASSWORD)", err)
	}
	return err
}

// withHint replaces what an error of the library tells programmers to do by what users of the program can do.
func withHint(err error, hint string) error {
	if e, ok := errors.AsType[*sign.Error](err); ok {
		with := *e
		with.Hint = hint
		return &with
	}
	return fmt.Errorf("%w; %s", err, hint)
}

// open finds the key that is meant, with its certificates and its scheme.
func (k *keyring) open(ctx context.Context, scheme *sign.Scheme) (*sign.Signer, error) {
	var options []sign.Option
	if scheme != nil {
		options = append(options, sign.WithScheme(*scheme))
	}
	s, err := sign.Open(ctx, k.Provider, k.ref, options...)
	if scheme != nil && errors.Is(err, sign.ErrUnsupported) {
		err = fmt.Errorf("--scheme %s: %w; signet keys lists what the key can do", scheme.Name, err)
	}
	if err != nil {
		return nil, keyFailure(k.explain(ctx, err))
	}
	return s, nil
}

// bare finds the key that is meant, which needs no certificate.
func (k *keyring) bare(ctx context.Context) (sign.Key, error) {
	key, err := k.Key(ctx, k.ref)
	if err != nil {
		return nil, keyFailure(k.explain(ctx, err))
	}
	return key, nil
}

// explain adds what to do to an error of finding a key.
func (k *keyring) explain(ctx context.Context, err error) error {
	if c := k.ref.Certificate; c != nil && errors.Is(err, sign.ErrKeyNotFound) {
		named := k.ref
		named.Certificate = nil
		if _, other := k.Key(ctx, named); other == nil { // it is the certificate that is wrong
			return fmt.Errorf("%w: the certificate of %s, from --cert, is of another key than the one that is named; signet keys lists what is there",
				sign.ErrKeyMismatch, inspect.Name(c.RawSubject))
		}
	}
	if k.token != nil {
		return k.token.explain(err)
	}
	switch {
	case errors.Is(err, sign.ErrKeyAmbiguous):
		return fmt.Errorf("%w; choose with --cert", err)
	case errors.Is(err, sign.ErrNoCertificate) && k.file != "":
		// One that is there and cannot be used to sign is not to be looked for.
		if _, refused := readCertificates(k.file); errors.As(refused, new(*unusable)) {
			return fmt.Errorf("the key cannot be used to sign: %w; ask its authority for another certificate", refused)
		}
		fallthrough
	case errors.Is(err, sign.ErrNoCertificate):
		return errors.New("the key has no certificate in its file; give the file of its certificate with --cert")
	}
	return err
}

// merged adds what --cert says to what the URI of a token says; both must hold.
func merged(ref, cert sign.Ref) (sign.Ref, error) {
	switch {
	case ref.Label != "" && cert.Label != "" && ref.Label != cert.Label:
		return ref, usage("--cert names the label %s and the URI object=%s; leave one out", quote(cert.Label), quote(ref.Label))
	case len(ref.ID) != 0 && len(cert.ID) != 0 && !bytes.Equal(ref.ID, cert.ID):
		return ref, usage("--cert names the id %x and the URI %x; leave one out", cert.ID, ref.ID)
	}
	if cert.Label != "" {
		ref.Label = cert.Label
	}
	if len(cert.ID) != 0 {
		ref.ID = cert.ID
	}
	ref.Certificate, ref.Thumbprint = cert.Certificate, cert.Thumbprint
	return ref, nil
}

// parseRef reads --cert. The certificates of a file are also candidates for the chain.
func parseRef(s string) (sign.Ref, []*x509.Certificate, error) {
	if s == "" {
		return sign.Ref{}, nil, nil
	}
	if label, ok := strings.CutPrefix(s, "label:"); ok {
		if label == "" {
			return sign.Ref{}, nil, usage("--cert label: what is the label? Give label:TEXT, as signet keys prints it")
		}
		return sign.Ref{Label: label}, nil, nil
	}
	if id, ok := strings.CutPrefix(s, "id:"); ok {
		octets, err := parseID(id)
		if err != nil {
			return sign.Ref{}, nil, usage("--cert %s: an id is hexadecimal, as in id:01", s)
		}
		return sign.Ref{ID: octets}, nil, nil
	}
	if _, err := sign.ParseThumbprint(s); err == nil {
		return sign.Ref{Thumbprint: s}, nil, nil
	}
	certificates, err := readCertificates(s)
	switch {
	case errors.Is(err, os.ErrNotExist) && !looksLikeFile(s):
		return sign.Ref{}, nil, usage("--cert %s is neither a thumbprint of 40 or 64 hexadecimal digits, nor label:TEXT, id:HEX or a file that exists", s)
	case err != nil:
		return sign.Ref{}, nil, usage("--cert %s: %w", s, cause(err))
	}
	leaf := certificates[0]
	for _, c := range certificates {
		if !c.IsCA {
			leaf = c
			break
		}
	}
	return sign.Ref{Certificate: leaf}, certificates, nil
}

// parseID reads a CKA_ID or localKeyId in hexadecimal.
func parseID(s string) ([]byte, error) {
	id, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "").Replace(s))
	if err == nil && len(id) == 0 {
		err = errors.New("it is empty")
	}
	return id, err
}

func looksLikeFile(s string) bool {
	switch strings.ToLower(filepath.Ext(s)) {
	case ".pem", ".cer", ".crt", ".der":
		return true
	}
	return strings.ContainsRune(s, filepath.Separator)
}

func (a *app) hasEnvPassword() bool {
	_, ok := a.LookupEnv(passwordVariable)
	return ok
}

const (
	passwordVariable    = "SIGNET_PASSWORD"     //nolint:gosec // the name of a variable
	newPasswordVariable = "SIGNET_NEW_PASSWORD" //nolint:gosec // likewise
)

// password returns where the password of a file comes from: the file, the environment, or the terminal; nil when there is none of
// these, and keys that are not encrypted can still be opened.
func (a *app) password(file string) soft.PasswordFunc { return a.passwordOr(file, passwordVariable) }

// passwordOr is password with another variable.
func (a *app) passwordOr(file, variable string) soft.PasswordFunc {
	if file != "" {
		a.checkSecretFile("password", file)
		return soft.PasswordFile(file)
	}
	if value, ok := a.LookupEnv(variable); ok {
		return func(context.Context, string) (sign.Secret, error) { return sign.NewSecret([]byte(value)), nil }
	}
	if t, ok := a.terminal(); ok {
		return func(ctx context.Context, what string) (sign.Secret, error) { return t.ask(ctx, "Password of "+what) }
	}
	return nil
}

// checkSecretFile warns of a file with a password or a PIN, as kind says, that is no secret.
func (a *app) checkSecretFile(kind, file string) {
	if everybodyReads(file) {
		a.warn("everybody on this machine can read the %s file %s; chmod 600 mends that", kind, file)
	}
}

// everybodyReads reports whether a file has a mode that lets everybody read it.
func everybodyReads(file string) bool {
	info, err := os.Stat(file)
	return runtime.GOOS != "windows" && err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0
}
