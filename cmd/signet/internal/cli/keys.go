package cli

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/sign"
)

func (a *app) keysCommand() *cobra.Command {
	var f keyFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "keys --key KEY [flags]",
		Short: "List the keys that can sign",
		Long:  "List what can sign with KEY. The thumbprint is what --cert of signet sign takes.",
		Example: `  signet keys --key seal.p12
  signet keys --key /etc/signet/keys --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 {
				return usage("keys takes no arguments; give the key as --key %s", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return a.keys(cmd.Context(), &f, asJSON) },
	}
	f.register(cmd, a.env, false)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one object for each key")
	cmd.Flags().SortFlags = false
	return cmd
}

// keyInfo is what is known of a key.
type keyInfo struct {
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
}

func (a *app) keys(ctx context.Context, f *keyFlags, asJSON bool) error {
	keys, err := a.openKey(ctx, f)
	if err != nil {
		return err
	}
	defer func() { _ = keys.Close() }()
	lister, ok := keys.Provider.(sign.Lister)
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
	k := keyInfo{Label: e.Label, ID: hex.EncodeToString(e.ID), Schemes: []string{}, Chain: len(e.Chain), Algorithm: "unknown"}
	for _, s := range e.Schemes {
		k.Schemes = append(k.Schemes, s.Name)
	}
	if kind := inspect.PublicKey(e.Public); kind != "" {
		k.Algorithm = kind
	}
	if c := e.Certificate(); c != nil {
		k.Thumbprint, k.Subject, k.Issuer = e.Thumbprint(), inspect.Name(c.RawSubject), inspect.Name(c.RawIssuer)
		k.Serial = fmt.Sprintf("%X", c.SerialNumber)
		k.NotBefore, k.NotAfter = &c.NotBefore, &c.NotAfter
		k.Algorithm = inspect.KeyKind(c.RawSubjectPublicKeyInfo)
	}
	return k
}

func (a *app) printKeys(all []keyInfo) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "THUMBPRINT\tALGORITHM\tVALID\tSUBJECT\tLABEL\tID\tSCHEMES")
	for _, k := range all {
		thumbprint, valid, subject := "(no certificate)", "-", "-"
		if k.Thumbprint != "" {
			thumbprint, subject = k.Thumbprint, k.Subject
			valid = day(*k.NotBefore) + " to " + day(*k.NotAfter)
			if now := a.Now(); now.After(*k.NotAfter) {
				valid += " (expired)"
			} else if now.Before(*k.NotBefore) {
				valid += " (not yet)"
			}
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
