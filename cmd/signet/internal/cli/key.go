package cli

import (
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

	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// keyFlags say which key is used.
type keyFlags struct {
	key, passwordFile, cert string
}

func (f *keyFlags) register(cmd *cobra.Command, env func(string) string, cert bool) {
	flags := cmd.Flags()
	flags.StringVarP(&f.key, "key", "k", "", "the `KEY`: a file (.p12 .pfx .pem .key), a folder of such files, or demo; SIGNET_KEY if not given")
	flags.StringVar(&f.passwordFile, "password-file", "", "the `FILE` with the password of the key; else SIGNET_PASSWORD, else it is asked for")
	if cert {
		flags.StringVar(&f.cert, "cert", "", "which key of several, `REF`: a thumbprint (see signet keys), label:TEXT, id:HEX, or the file of its certificate")
	}
	f.key = env("SIGNET_KEY") // stays unless the flag is given
}

// keyring is an open key or folder of keys, and which of them is meant.
type keyring struct {
	sign.Provider
	ref  sign.Ref
	demo bool
}

// openKey opens KEY. Failures are of ExitKey, but for references that can mean nothing.
func (a *app) openKey(ctx context.Context, f *keyFlags) (*keyring, error) {
	if f.key == "" {
		return nil, usage("which key? Give --key FILE, or --key demo to try it out")
	}
	ref, certificates, err := parseRef(f.cert)
	if err != nil {
		return nil, err
	}
	if f.key == demoKey {
		keys, err := a.openDemo(ctx)
		if err != nil {
			return nil, keyFailure(err)
		}
		return &keyring{keys, ref, true}, nil
	}
	config := soft.Config{Password: a.password(f.passwordFile), Certificates: certificates}
	keys, err := soft.OpenContext(ctx, f.key, config)
	if err != nil {
		return nil, keyFailure(a.explain(err, f, config.Password != nil))
	}
	return &keyring{keys, ref, false}, nil
}

// explain adds what to do to an error of opening a key.
func (a *app) explain(err error, f *keyFlags, canAsk bool) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("there is no key file %s; give one that exists, or --key demo to try it out", f.key)
	case !canAsk && (errors.Is(err, sign.ErrPIN) || strings.Contains(err.Error(), "no password was given")):
		return fmt.Errorf("%w; give --password-file FILE or set SIGNET_PASSWORD (there is no terminal to ask on)", err)
	case errors.Is(err, sign.ErrPIN) && f.passwordFile != "":
		return fmt.Errorf("%w (password from %s)", err, f.passwordFile)
	case errors.Is(err, sign.ErrPIN) && a.hasEnvPassword():
		return fmt.Errorf("%w (password from SIGNET_PASSWORD)", err)
	}
	return err
}

// open finds the key that is meant, with its certificates and its scheme.
func (k *keyring) open(ctx context.Context, scheme *sign.Scheme) (*sign.Signer, error) {
	var options []sign.Option
	if scheme != nil {
		options = append(options, sign.WithScheme(*scheme))
	}
	s, err := sign.Open(ctx, k.Provider, k.ref, options...)
	switch {
	case errors.Is(err, sign.ErrKeyAmbiguous):
		err = fmt.Errorf("%w; choose with --cert", err)
	case scheme != nil && errors.Is(err, sign.ErrUnsupported):
		err = fmt.Errorf("--scheme %s: %w; signet keys lists what the key can do", scheme.Name, err)
	case err != nil && strings.Contains(err.Error(), "WithChain"):
		err = errors.New("the key has no certificate in its file; give the file of its certificate with --cert")
	}
	if err != nil {
		return nil, keyFailure(err)
	}
	return s, nil
}

// parseRef reads --cert. The certificates of a file are also candidates for the chain.
func parseRef(s string) (sign.Ref, []*x509.Certificate, error) {
	if s == "" {
		return sign.Ref{}, nil, nil
	}
	if label, ok := strings.CutPrefix(s, "label:"); ok {
		return sign.Ref{Label: label}, nil, nil
	}
	if id, ok := strings.CutPrefix(s, "id:"); ok {
		octets, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "").Replace(id))
		if err != nil || len(octets) == 0 {
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
		return sign.Ref{}, nil, usage("--cert %s is neither a thumbprint of 40 hexadecimal digits, nor label:TEXT, id:HEX or a file that exists", s)
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

func looksLikeFile(s string) bool {
	switch strings.ToLower(filepath.Ext(s)) {
	case ".pem", ".cer", ".crt", ".der":
		return true
	}
	return strings.ContainsRune(s, filepath.Separator)
}

const maxCertificateFile = 16 << 20

// readCertificates reads all certificates of a file, in PEM or DER; there is at least one.
func readCertificates(path string) ([]*x509.Certificate, error) {
	data, err := readSmall(path, maxCertificateFile)
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for _, der := range certificatesOf(data) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate %d in it: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no certificate in it, neither in PEM nor in DER")
	}
	return all, nil
}

func (a *app) hasEnvPassword() bool {
	_, ok := a.LookupEnv(passwordVariable)
	return ok
}

const passwordVariable = "SIGNET_PASSWORD" //nolint:gosec // the name of a variable

// password returns where a password comes from: the file, the environment, or the terminal; nil when there is none of
// these, and keys that are not encrypted can still be opened.
func (a *app) password(file string) soft.PasswordFunc {
	if file != "" {
		a.checkPasswordFile(file)
		return soft.PasswordFile(file)
	}
	if value, ok := a.LookupEnv(passwordVariable); ok {
		return func(context.Context, string) (sign.Secret, error) { return sign.NewSecret([]byte(value)), nil }
	}
	if t, ok := a.terminal(); ok {
		return t.ask
	}
	return nil
}

func (a *app) checkPasswordFile(file string) {
	if runtime.GOOS == "windows" {
		return
	}
	if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 {
		a.warn("everybody on this machine can read the password file %s; chmod 600 mends that", file)
	}
}
