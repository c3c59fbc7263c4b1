package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/service/auth"
)

// endpoints are what a token may be allowed to call.
var endpoints = []string{"sign", "certificates", "metadata", "validate", "extend", "verify", "keys", "cloudsign", "shelf", "receipts", "operations"}

func (a *app) serviceTokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke tokens of the service",
		Long: `Make, list and revoke the tokens that callers of signet serve show. They are kept as hashes in a file, one line for each;
a service that uses the file notices a change within a second.`,
		Example: `  (umask 077; signet token new --file tokens --name billing --keys seal --endpoints sign,certificates > billing.token)
  signet token list --file tokens
  signet token revoke --file tokens billing`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 0 {
				return usage("there is no command token %s; there are new, list and revoke", quote(args[0]))
			}
			cmd.SetOut(a.Stderr)
			_ = cmd.Help()
			return &failure{code: ExitUsage}
		},
	}
	cmd.AddCommand(a.tokenNewCommand(), a.tokenListCommand(), a.tokenRevokeCommand())
	return cmd
}

type tokenFlags struct {
	file, name, expires string
	keys, endpoints     []string
	json                bool
}

func (f *tokenFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "file", "", "the `FILE` of tokens")
	cmd.Flags().SortFlags = false
}

func (f *tokenFlags) check() error {
	if f.file == "" {
		return usage("which file of tokens? Give --file, the one that the configuration of the service names")
	}
	return nil
}

func (a *app) tokenNewCommand() *cobra.Command {
	var f tokenFlags
	cmd := &cobra.Command{
		Use:   "new --file FILE --name NAME --keys KEYS [flags]",
		Short: "Make a token, and print it once",
		Long: `Make a token and add its hash to FILE, which is made when it is not there. The token is printed on standard output, and
cannot be had again.`,
		Example: `  (umask 077; signet token new --file tokens --name billing --keys seal --expires 1y > billing.token)`,
		Args:    noArguments,
		RunE:    func(*cobra.Command, []string) error { return a.tokenNew(&f) },
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", "", "whom it is for, `NAME` in logs and in the audit log")
	flags.StringSliceVar(&f.keys, "keys", nil, "`NAMES` of the keys that it may sign with, with commas between them; '*' means all")
	flags.StringSliceVar(&f.endpoints, "endpoints", []string{"*"}, "`NAMES` of what it may call: "+strings.Join(endpoints, ", ")+"; '*' means all but operations")
	flags.StringVar(&f.expires, "expires", "90d", "how long it may be used: `TIME` in days (90d), weeks, months or years (12w, 6m, 1y), a date, or never")
	return cmd
}

func (a *app) tokenNew(f *tokenFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	if f.name == "" {
		return usage("whom is the token for? Give --name, which logs will say")
	}
	if len(f.keys) == 0 && (len(f.endpoints) == 0 || f.endpoints[0] == "*") {
		return usage("which keys may it sign with? Give --keys, their names in the configuration with commas between them, or '*' for all; without keys, say with --endpoints what it is for")
	}
	for _, e := range f.endpoints {
		if e != "*" && !slices.Contains(endpoints, e) {
			return usage("there is no endpoint %s; there are %s, and '*' for all", quote(e), strings.Join(endpoints, ", "))
		}
	}
	now := a.Now()
	until, err := expiry(f.expires, now)
	if err != nil {
		return err
	}
	text, token, err := auth.AddToken(f.file, auth.Token{Name: f.name, Keys: f.keys, Endpoints: f.endpoints, Created: now, Expires: until})
	if err != nil {
		return &failure{ExitFailed, err}
	}
	defer text.Wipe()
	if err := a.printf("%s\n", text.Bytes()); err != nil {
		if _, gone := auth.RevokeToken(f.file, token.ID); gone == nil { // nobody has it
			a.note("the token was taken out of the file again")
		}
		return err
	}
	a.note("made token %s of %s in %s, %s; it is shown only now", token.ID, quote(token.Name), f.file, untilText(token.Expires))
	return nil
}

// expiry reads when a token ends.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "never" {
		return time.Time{}, nil
	}
	var until time.Time
	if date, err := time.Parse(time.DateOnly, text); err == nil {
		until = date.AddDate(0, 0, 1) // the day itself counts
	} else if n, err := strconv.Atoi(text[:max(0, len(text)-1)]); err == nil && n > 0 && n <= 36500 {
		switch text[len(text)-1] {
		case 'd':
			until = now.AddDate(0, 0, n)
		case 'w':
			until = now.AddDate(0, 0, 7*n)
		case 'm':
			until = now.AddDate(0, n, 0)
		case 'y':
			until = now.AddDate(n, 0, 0)
		}
	}
	switch {
	case until.IsZero() || until.Year() > 9999:
		return until, usage("--expires %s: write 90d, 12w, 6m, 1y, a date as 2030-12-31, or never", quote(text))
	case !until.After(now):
		return until, usage("--expires %s: that is over already", quote(text))
	}
	return until, nil
}

func untilText(t time.Time) string {
	if t.IsZero() {
		return "which does not expire"
	}
	return "good until " + moment(t)
}

func (a *app) tokenListCommand() *cobra.Command {
	var f tokenFlags
	cmd := &cobra.Command{
		Use:     "list --file FILE [flags]",
		Short:   "List the tokens of a file",
		Example: `  signet token list --file tokens`,
		Args:    noArguments,
		RunE:    func(*cobra.Command, []string) error { return a.tokenList(&f) },
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "print one object for each token")
	return cmd
}

// serviceTokenInfo is a token as it is listed.
type serviceTokenInfo struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Keys      []string   `json:"keys"`
	Endpoints []string   `json:"endpoints"`
	Created   time.Time  `json:"created"`
	Expires   *time.Time `json:"expires,omitempty"`
	Expired   bool       `json:"expired"`
}

func (a *app) tokenList(f *tokenFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	all, err := auth.ListTokens(f.file)
	if err != nil {
		return tokenFailure(err)
	}
	now := a.Now()
	if f.json {
		for _, t := range all {
			info := serviceTokenInfo{ID: t.ID, Name: t.Name, Keys: append([]string{}, t.Keys...), Endpoints: append([]string{}, t.Endpoints...), Created: t.Created, Expired: t.Expired(now)}
			if !t.Expires.IsZero() {
				info.Expires = &t.Expires
			}
			if err := a.printJSON(info); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		a.note("there is no token in %s", f.file)
		return nil
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tNAME\tKEYS\tENDPOINTS\tCREATED\tEXPIRES")
	for _, t := range all {
		expires := "never"
		if !t.Expires.IsZero() {
			expires = day(t.Expires)
		}
		if t.Expired(now) {
			expires += " (expired)"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, plain.Text(t.Name), names(t.Keys), names(t.Endpoints), day(t.Created), expires)
	}
	_ = table.Flush()
	return a.printf("%s", b.String())
}

func names(all []string) string {
	if len(all) == 0 {
		return "none"
	}
	return plain.Text(strings.Join(all, ","))
}

// tokenFailure is wrong usage when there is no such file, and else a failure.
func tokenFailure(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, auth.ErrNoToken) {
		return &failure{ExitUsage, err}
	}
	return &failure{ExitFailed, err}
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	var f tokenFlags
	cmd := &cobra.Command{
		Use:   "revoke --file FILE TOKEN",
		Short: "Revoke a token",
		Long: `Take a token out of FILE: TOKEN is its id, or its name when there is one token of this name. A service that uses the file
refuses it within a second.`,
		Example: `  signet token revoke --file tokens billing`,
		Args:    atLeast(1, "which token? Give its id or its name; signet token list shows them"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			for _, one := range args {
				if strings.HasPrefix(one, "signet_") { // not repeated: it is the token itself
					return usage("give the id of the token, its first ten characters behind signet_, or its name, and not the token itself")
				}
				gone, err := auth.RevokeToken(f.file, one)
				if err != nil {
					return tokenFailure(err)
				}
				a.note("revoked token %s of %s", gone.ID, quote(gone.Name))
			}
			return nil
		},
	}
	f.register(cmd)
	return cmd
}
