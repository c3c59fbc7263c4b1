package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

func (a *app) keygenCommand() *cobra.Command {
	var f keyFlags
	var file newKeyFile
	var kind, curve, label, id string
	cmd := &cobra.Command{
		Use:   "keygen {--key URI --label TEXT | --out FILE} --type TYPE [flags]",
		Short: "Make a key pair, on a token or in a file",
		Long: `Make a key pair on the token that URI names, and print the URI of the new key. The private key is sensitive, cannot be
extracted, and is for signing. A label or id that a key of the token has already is refused.

With --out, make it in a new file instead, as PKCS #8 in PEM under a password. A file that is there is never written over.

Keys of type ml-dsa-44, ml-dsa-65 and ml-dsa-87 (FIPS 204) make signatures that no quantum computer forges; a token needs PKCS #11 3.2
for them.

Keys of type gost2012-256 and gost2012-512 are of GOST R 34.10-2012; in a file, they are under Kuznyechik and Streebog (RFC 9337). A key in
a file is none in a certified tool (СКЗИ), which Russian law asks for where a signature is to be a qualified one.

The next steps are signet csr, which makes a request for a certificate, and signet import-cert.`,
		Example: `  signet keygen --key 'pkcs11:token=seal?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/pin' --type rsa:3072 --label k1
  signet keygen --type ml-dsa-65 --out archive.key --password-file archive.pass`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("out") {
				if f.given() || label != "" || id != "" {
					return usage("--out makes a key file, which has neither --key nor --label nor --id")
				}
				return a.keygenFile(cmd.Context(), &file, f.passwordFile, kind, curve)
			}
			if file.plain {
				return usage("--no-password is for --out")
			}
			return a.keygen(cmd.Context(), &f, kind, curve, label, id)
		},
	}
	f.register(cmd, a.env, false)
	flags := cmd.Flags()
	flags.StringVar(&kind, "type", "", "the `TYPE` of key: "+keyTypes)
	flags.StringVar(&curve, "curve", "", "the `CURVE` of a GOST key: "+gostCurveNames)
	flags.StringVar(&label, "label", "", "the label (CKA_LABEL) of the key, `TEXT`; else object= of the URI")
	flags.StringVar(&id, "id", "", "the identifier (CKA_ID) of the key, `HEX`; else id= of the URI, else random")
	flags.StringVarP(&file.out, "out", "o", "", "make the key in a new `FILE` instead of on a token")
	flags.BoolVar(&file.plain, "no-password", false, "with --out, write the key without a password: whoever reads the file can sign")
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "algorithm" { // as other programs call it
			name = "type"
		}
		return pflag.NormalizedName(name)
	})
	flags.SortFlags = false
	return cmd
}

// keygenFile makes a key in a file.
func (a *app) keygenFile(ctx context.Context, file *newKeyFile, passwordFile, kind, curve string) error {
	if file.out == "" {
		return usage("--out is empty; is a variable of your shell not set?")
	}
	if file.plain && passwordFile != "" {
		return usage("--no-password and --password-file do not go together; leave one out")
	}
	what, err := keyType(kind, curve)
	if err != nil {
		return err
	}
	file.passwordFile = passwordFile
	return file.make(ctx, a, what)
}

const (
	keyTypes       = "rsa:2048, rsa:3072, rsa:4096, ec:P-256, ec:P-384, ec:P-521, ed25519, ml-dsa-44, ml-dsa-65, ml-dsa-87, gost2012-256 or gost2012-512"
	gostCurveNames = "cryptopro-a, -b, -c, -xcha, -xchb, tc26-256-a, -b, -c, -d, tc26-512-a, -b or -c"
)

// keyType reads --type and --curve, and takes the other names that these kinds have, too.
func keyType(s, curve string) (pkcs11.KeyKind, error) {
	plain := func(s string) string {
		return strings.NewReplacer(":", "", "-", "", "_", "").Replace(strings.ToLower(s))
	}
	name := plain(s)
	if name == "gost2012256" || name == "gost2012512" {
		return gostType(name[len("gost2012"):], plain(curve), curve)
	}
	if curve != "" {
		return "", usage("--curve is for --type gost2012-256 and gost2012-512")
	}
	name = strings.TrimPrefix(name, "ec")
	switch name {
	case "prime256v1", "secp256r1":
		name = "p256"
	case "secp384r1":
		name = "p384"
	case "secp521r1":
		name = "p521"
	}
	for _, kind := range pkcs11.KeyKinds() {
		if name == strings.ReplaceAll(string(kind), "-", "") {
			return kind, nil
		}
	}
	if s == "" {
		return "", usage("which type of key? Give --type, one of %s", keyTypes)
	}
	return "", usage("--type %s: choose one of %s", s, keyTypes)
}

// gostType finds the kind of key on a curve. OpenSSL's short names of curves are taken, too, and object identifiers.
func gostType(size, curve, text string) (pkcs11.KeyKind, error) {
	switch {
	case curve == "" && size == "256":
		return pkcs11.GOST256CryptoProA, nil
	case curve == "":
		return pkcs11.GOST512A, nil
	case len(curve) == 1 && size == "256":
		curve = "cryptopro" + curve
	case len(curve) == 1:
		curve = "tc26" + curve
	case strings.HasPrefix(curve, "tc") && len(curve) == 3:
		curve = "tc26" + curve[2:]
	case curve == "xa" || curve == "xb":
		curve = "cryptoproxch" + curve[1:]
	case strings.HasPrefix(curve, "tc26"+size):
		curve = "tc26" + curve[len("tc26"+size):]
	}
	for kind, oid := range gostCurves {
		if oid == text && strings.HasPrefix(string(kind), "gost2012-"+size) || strings.ReplaceAll(string(kind), "-", "") == "gost2012"+size+curve {
			return kind, nil
		}
	}
	return "", usage("--curve %s: there is no such curve for keys of %s bits; choose one of %s", text, size, gostCurveNames)
}

func (a *app) keygen(ctx context.Context, f *keyFlags, kind, curve, label, id string) error {
	spec := pkcs11.NewKey{Label: label}
	var err error
	if err := needToken(f, "for a new key file give --out FILE instead of --key"); err != nil {
		return err
	}
	if spec.Kind, err = keyType(kind, curve); err != nil {
		return err
	}
	if id != "" {
		if spec.ID, err = parseID(id); err != nil {
			return usage("--id %s: an id is hexadecimal, as in 01", id)
		}
	}
	t, err := a.tokenURI(f)
	if err != nil {
		return err
	}
	ref, err := merged(t.uri.Ref(), sign.Ref{Label: label, ID: spec.ID})
	if err != nil {
		return usage("--label and --id must be those of the URI, or be left out")
	}
	if spec.Label, spec.ID = ref.Label, ref.ID; spec.Label == "" {
		return usage("what is the key called? Give --label TEXT")
	}
	p, is, err := a.openToWrite(ctx, t)
	if err != nil {
		return err
	}
	defer t.pin.forget()
	defer func() { _ = p.Close() }()
	a.note("making a key of type %s on token %s", spec.Kind, quote(is.Label))
	e, err := p.GenerateKey(ctx, spec)
	if err != nil {
		return keyFailure(err)
	}
	a.note("made key %s, id %s, %s; signet csr makes a request for its certificate", quote(e.Label), hex.EncodeToString(e.ID), inspect.PublicKey(e.Public))
	return a.printf("%s\n", t.keyURI(is, e))
}

// needToken refuses a KEY that is none on a token.
func needToken(f *keyFlags, otherwise string) error {
	if err := f.check(); err != nil {
		return err
	}
	switch {
	case f.key == "":
		return usage("which token? Give --key 'pkcs11:token=LABEL?module-path=/path/to/library.so'")
	case !pkcs11.IsURI(f.key):
		return usage("%s is not a pkcs11: URI; %s", f.key, otherwise)
	}
	return nil
}

// openToWrite opens a token with the login that writing needs.
func (a *app) openToWrite(ctx context.Context, t *token) (*pkcs11.Provider, *pkcs11.Token, error) {
	p, err := a.login(ctx, t)
	if err != nil {
		return nil, nil, keyFailure(err)
	}
	d, err := p.Diagnose(ctx)
	switch {
	case err != nil:
	case d.Slot.Token == nil:
		err = errors.New("the token is gone")
	case d.Slot.Token.LoginRequired && !d.LoggedIn:
		err = fmt.Errorf("token %s must be logged in to, to write on it; the PIN is missing: %s", quote(d.Slot.Token.Label), givePIN)
	case d.Slot.Token.WriteProtected:
		err = fmt.Errorf("token %s is write-protected", quote(d.Slot.Token.Label))
	}
	if err != nil {
		_ = p.Close()
		return nil, nil, keyFailure(err)
	}
	return p, d.Slot.Token, nil
}
