package cli

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

func (a *app) keysCommand() *cobra.Command {
	var f keyFlags
	var asJSON, noLogin bool
	cmd := &cobra.Command{
		Use:   "keys --key KEY [flags]",
		Short: "List the keys that can sign",
		Long: `List what can sign with KEY. The thumbprint is what --cert of signet sign takes.

Of a PKCS #11 module, the slots and tokens that the URI means are listed, and their keys with the URI of each. A PIN is
used when there is one and the URI means one token; without it a token shows public keys and certificates only.`,
		Example: `  signet keys --key seal.p12
  signet keys --key /etc/signet/keys --json
  signet keys --key 'pkcs11:?module-path=/usr/lib/softhsm/libsofthsm2.so'
  signet keys --key 'pkcs11:token=seal?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/pin'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if pkcs11.IsURI(f.key) {
				return a.tokenKeys(cmd.Context(), &f, asJSON, noLogin)
			}
			return a.keys(cmd.Context(), &f, asJSON)
		},
	}
	f.register(cmd, a.env, false)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one object for each key, and for each slot of a module")
	cmd.Flags().BoolVar(&noLogin, "no-login", false, "list what a token shows without its PIN")
	cmd.Flags().SortFlags = false
	return cmd
}

// noArguments refuses arguments of commands that take a key only, or nothing.
func noArguments(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.Flags().Lookup("key") == nil:
		return usage("%s takes no arguments", cmd.Name())
	case pkcs11.IsURI(args[0]): // not repeated: there may be a PIN in it
		return usage("%s takes no arguments; give the URI as --key", cmd.Name())
	}
	return usage("%s takes no arguments; give the key as --key %s", cmd.Name(), args[0])
}

// keyInfo is what is known of a key, or of a public key or certificate of a token.
type keyInfo struct {
	Kind       string     `json:"kind"` // key, public-key or certificate
	Thumbprint string     `json:"thumbprint,omitempty"`
	Subject    string     `json:"subject,omitempty"`
	Issuer     string     `json:"issuer,omitempty"`
	Serial     string     `json:"serial,omitempty"`
	Algorithm  string     `json:"algorithm"`
	NotBefore  *time.Time `json:"not_before,omitempty"`
	NotAfter   *time.Time `json:"not_after,omitempty"`
	Label      string     `json:"label,omitempty"`
	ID         string     `json:"id,omitempty"`
	Schemes    []string   `json:"schemes"`
	Chain      int        `json:"certificates"`
	Slot       *uint      `json:"slot,omitempty"`
	URI        string     `json:"uri,omitempty"`
}

func (a *app) keys(ctx context.Context, f *keyFlags, asJSON bool) error {
	keys, err := a.openKey(ctx, f)
	if err != nil {
		return err
	}
	defer func() { _ = keys.Close() }()
	lister, ok := sign.As[sign.Lister](keys.Provider)
	if !ok {
		return keyFailure(fmt.Errorf("%s cannot list its keys", f.key))
	}
	var all []keyInfo
	failed := false
	for entry, err := range lister.Keys(ctx) {
		if err != nil {
			failed = true
			a.note("%s", sentence(err))
			continue
		}
		all = append(all, infoOf(entry))
	}
	if asJSON {
		for _, k := range all {
			if err := a.printJSON(k); err != nil {
				return err
			}
		}
	} else if err := a.printKeys(all); err != nil {
		return err
	}
	if failed {
		return &failure{code: ExitKey}
	}
	return nil
}

func infoOf(e sign.Entry) keyInfo {
	k := keyInfo{Kind: "key", Label: e.Label, ID: hex.EncodeToString(e.ID), Schemes: []string{}, Chain: len(e.Chain), Algorithm: "unknown"}
	for _, s := range e.Schemes {
		k.Schemes = append(k.Schemes, s.Name)
	}
	if kind := inspect.PublicKey(e.Public); kind != "" {
		k.Algorithm = kind
	}
	if c := e.Certificate(); c != nil {
		k.certificate(c)
	}
	return k
}

func (k *keyInfo) certificate(c *x509.Certificate) {
	k.Thumbprint, k.Subject, k.Issuer = sign.Thumbprint(c), inspect.Name(c.RawSubject), inspect.Name(c.RawIssuer)
	k.Serial = fmt.Sprintf("%X", c.SerialNumber)
	k.NotBefore, k.NotAfter = &c.NotBefore, &c.NotAfter
	k.Algorithm = inspect.KeyKind(c.RawSubjectPublicKeyInfo)
}

// validity says from when to when, and whether that is now.
func (a *app) validity(k *keyInfo) string {
	valid := day(*k.NotBefore) + " to " + day(*k.NotAfter)
	if now := a.Now(); now.After(*k.NotAfter) {
		valid += " (expired)"
	} else if now.Before(*k.NotBefore) {
		valid += " (not yet)"
	}
	return valid
}

func (a *app) printKeys(all []keyInfo) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "THUMBPRINT\tALGORITHM\tVALID\tSUBJECT\tLABEL\tID\tSCHEMES")
	for _, k := range all {
		thumbprint, valid, subject := "(no certificate)", "-", "-"
		if k.Thumbprint != "" {
			thumbprint, subject, valid = k.Thumbprint, k.Subject, a.validity(&k)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", thumbprint, k.Algorithm, valid, subject,
			orDash(plain.Text(k.Label)), orDash(k.ID), orDash(strings.Join(k.Schemes, " ")))
	}
	_ = w.Flush()
	return a.printf("%s", b.String())
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
