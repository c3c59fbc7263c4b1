package cli

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/internal/certify"
	"github.com/seed-116355fd/signet/internal/pkcs12"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// exportFlags say what goes into a container.
type exportFlags struct {
	keyFlags
	out, label, newPasswordFile string
}

func (a *app) exportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export --key FILE --out FILE [flags]",
		Short: "Put a key and its certificates into a PKCS #12 file",
		Long: `Put a key of a file, its certificate and the issuers that are known into a new PKCS #12 file under a password of its own, for
other programs. The certificates come from the file of the key, from --cert and from --chain. A file that is there is never written over.

A GOST key is under Kuznyechik and Streebog (RFC 9337, RFC 9548), any other under AES-256 and SHA-256, as OpenSSL 3 makes them.

The new password is in --new-password-file or in SIGNET_NEW_PASSWORD, or is asked for. A key on a token never leaves it.`,
		Example: `  signet export --key seal.key --password-file seal.pass --cert seal.crt --chain ca.pem --out seal.p12 --new-password-file p12.pass`,
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.export(cmd.Context(), &f) },
	}
	f.register(cmd, a.env, true)
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "out", "o", "", "the new `FILE`")
	flags.StringVar(&f.newPasswordFile, "new-password-file", "", "the `FILE` with the password of the new file; else SIGNET_NEW_PASSWORD, else it is asked for")
	flags.StringVar(&f.label, "label", "", "what the key is called in the new file (friendlyName), `TEXT`, instead of what it is called now")
	flags.SortFlags = false
	return cmd
}

func (a *app) export(ctx context.Context, f *exportFlags) error {
	switch {
	case f.out == "":
		return usage("where does the key go? Give --out FILE")
	case pkcs11.IsURI(f.key):
		return usage("a key on a token never leaves it; give a key file")
	}
	f.root = true // who imports the file gets all that is known
	keys, err := a.openKey(ctx, &f.keyFlags)
	if err != nil {
		return err
	}
	defer func() { _ = keys.Close() }()
	key, err := keys.bare(ctx)
	if err != nil {
		return err
	}
	source, ok := keys.Provider.(interface {
		MarshalPKCS8(context.Context, sign.Key) ([]byte, error)
	})
	if !ok {
		return keyFailure(fmt.Errorf("%s does not give its keys away", f.key))
	}
	der, err := source.MarshalPKCS8(ctx, key)
	if err != nil {
		return keyFailure(err)
	}
	defer clear(der)
	chain, err := keys.Provider.(sign.ChainSource).Chain(ctx, key)
	if err != nil {
		return keyFailure(err)
	}
	label := f.label
	if label == "" {
		label = keys.label(ctx)
	}
	secret, err := a.newSecret(ctx, f.newPasswordFile, newPasswordVariable, f.out,
		"with what password? Give --new-password-file FILE or set "+newPasswordVariable+" (there is no terminal to ask on)")
	if err != nil {
		return err
	}
	defer secret.Wipe()
	pfx, err := pfxOf(der, key, chain, label, secret)
	if err != nil {
		return keyFailure(err)
	}
	if err := writeSecret(f.out, bytesWriter(pfx)); errors.Is(err, errExists) {
		return usage("--out %s: there is such a file already, and a key is never written over; choose another name", f.out)
	} else if err != nil {
		return &failure{ExitFailed, fmt.Errorf("write %s: %w", f.out, plainCause(err))}
	}
	if len(chain) == 0 {
		a.warn("there is no certificate in it; --cert FILE gives that of the key")
	}
	a.note("key %s is in %s, with %s", quote(label), f.out, plain.Plural(len(chain), "certificate"))
	return a.printf("%s\n", f.out)
}

// label is what the key that is meant is called.
func (k *keyring) label(ctx context.Context) string {
	if lister, ok := sign.As[sign.Lister](k.Provider); ok {
		for e, err := range lister.Keys(ctx) {
			if err == nil && k.ref.Matches(e) {
				return e.Label
			}
		}
	}
	return ""
}

// pfxOf is a PKCS #12 file by the algorithms of the key's own world, which its programs read.
func pfxOf(der []byte, key sign.Key, chain []*x509.Certificate, label string, password sign.Secret) ([]byte, error) {
	own, err := gost.ParsePKCS8(der)
	if err == nil {
		return own.MarshalPKCS12(password, &gost.PKCS12{Certificates: chain, Label: label})
	}
	if !errors.Is(err, sign.ErrUnsupported) {
		return nil, err
	}
	spki, err := certify.PublicKey(key)
	if err != nil {
		return nil, err
	}
	c := pkcs12.Container{SPKI: spki, Label: label}
	if c.Key, err = encrypted(der, password.Bytes(), containerRounds); err != nil {
		return nil, err
	}
	for _, certificate := range chain {
		c.Certificates = append(c.Certificates, certificate.Raw)
	}
	c.Encrypt = func(text []byte) (algorithm, data []byte, err error) {
		return pbes2(text, password.Bytes(), containerRounds)
	}
	c.MAC = func(content []byte) (pkcs12.MAC, error) { return containerMAC(content, password.Bytes()) }
	return c.Marshal()
}

// containerRounds are those of each of the three derivations of a container: .NET reads up to 300,000, and a million in all.
const containerRounds = 250_000

var oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}

// containerMAC is the HMAC of RFC 7292 appendix B. That of RFC 9579 (PBMAC1) is better, and programs read it since 2024 only.
func containerMAC(content, password []byte) (pkcs12.MAC, error) {
	algorithm, err := asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: oidSHA256, Parameters: asn1.NullRawValue})
	if err != nil {
		return pkcs12.MAC{}, err
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	form := pkcs12.BMP(password)
	defer clear(form)
	key := pkcs12.Derive(sha256.New, pkcs12.ForMAC, form, salt, containerRounds, sha256.Size)
	defer clear(key)
	h := hmac.New(sha256.New, key)
	h.Write(content)
	return pkcs12.MAC{Algorithm: algorithm, Sum: h.Sum(nil), Salt: salt, Iterations: containerRounds}, nil
}
