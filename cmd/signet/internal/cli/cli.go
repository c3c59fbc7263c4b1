// Package cli is the command line of signet: its commands, their flags, and what they print.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// Exit codes.
const (
	ExitOK     = 0
	ExitFailed = 1 // an item failed, a signature is TOTAL-FAILED, or the program was interrupted
	ExitUsage  = 2 // called wrongly
	ExitKey    = 3 // the key could not be used
	ExitOpen   = 4 // nothing failed, but it is not known whether a signature is valid
)

// World is all that a run knows of its surroundings.
type World struct {
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	LookupEnv      func(string) (string, bool)
	Now            func() time.Time
	Patience       time.Duration // how long a module of a token may take to answer when nobody is asked; 0 means 30 s
}

// Run runs one command and returns its exit code.
func Run(ctx context.Context, w World) int {
	a := &app{World: w, screen: newScreen(w.Stderr, w.LookupEnv)}
	if a.Patience <= 0 {
		a.Patience = 30 * time.Second
	}
	root := a.root()
	root.SetArgs(append([]string{}, w.Args...)) // nil would mean those of the process
	root.SetIn(w.Stdin)
	root.SetOut(w.Stdout)
	root.SetErr(w.Stderr)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	failed, ok := errors.AsType[*failure](err)
	if !ok { // cobra refused the command, a flag or the number of arguments
		failed = &failure{ExitUsage, err}
	}
	if failed.err != nil {
		text := withoutPIN(sentence(failed.err), append([]string{a.env("SIGNET_KEY")}, w.Args...))
		if failed.code == ExitUsage {
			text += " (see " + command.CommandPath() + " --help)"
		}
		a.screen.say("signet: %s", text)
	}
	return failed.code
}

// withoutPIN takes arguments out of a text that repeats them, as texts about flags do, when there is a PIN in them.
func withoutPIN(text string, args []string) string {
	for _, arg := range args {
		lower := strings.ToLower(arg)
		if !strings.Contains(lower, "pin-value") {
			continue
		}
		if at := strings.Index(lower, "pkcs11:"); at >= 0 && len(lower) == len(arg) {
			arg = arg[at:]
		}
		text = strings.ReplaceAll(text, arg, "pkcs11:…")
	}
	return pinValue.ReplaceAllString(text, "$1…") // of an argument that was quoted or cut
}

var pinValue = regexp.MustCompile(`(?i)(pin-value=)[^&"'\s]*`)

type app struct {
	World
	screen *screen

	demoSaid bool // that the demo key is one
}

// failure is an error with the exit code it leads to. Without an error inside, everything was said already.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string {
	if f.err == nil {
		return "failed"
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

func usage(format string, args ...any) error {
	return &failure{ExitUsage, fmt.Errorf(format, args...)}
}

func keyFailure(err error) error {
	if errors.Is(err, context.Canceled) {
		return &failure{ExitFailed, errors.New("interrupted")}
	}
	return &failure{ExitKey, err}
}

// sentence writes an error on one line. What the library tells programmers to set, it tells users of the program how.
func sentence(err error) string {
	text := err.Error()
	if e, ok := err.(*sign.Error); ok && strings.HasPrefix(e.Op, "cades: ") { //nolint:errorlint // what stands around it is said, too
		text = strings.TrimPrefix(text, e.Op+": ")
		for _, class := range []error{sign.ErrInput, sign.ErrTrust, sign.ErrTime, sign.ErrRevocation} { // what follows says more
			text = strings.TrimPrefix(strings.TrimPrefix(text, class.Error()+": "), class.Error()+"; ")
		}
	}
	if _, ok := cades.Reached(err); ok { // what says so hands the container on, and the commands keep none that is less than was asked for
		text += ", but nothing is written"
	}
	return forUsers.Replace(strings.ReplaceAll(strings.TrimSpace(text), "\n", "; "))
}

var forUsers = strings.NewReplacer(
	"(Config.PIN)", "(pin-source=FILE in the URI, --password-file FILE, or "+pinVariable+")",
	"(Config.KeyPIN)", "(x-key-pin-source=FILE in the URI, --key-pin-file FILE, or "+keyPINVariable+")",
	"(Config.Module)", "(module-path= in the URI)",
	"(Config.InitArgs)", "(x-init-args= in the URI)",
	"(Config.Certificates)", "(--cert FILE)",
	"(Config.AllowFinalTry)", "(--final-try)",
	"(Config.Sessions)", "(--sessions)",
	" (Config.Recover)", "",
	"; set AllowPrivate where it is yours", "; --allow-private lets it be asked where it is yours",
)

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "signet",
		Short: "Sign files into CAdES containers, verify them, and look inside",
		Long: `Signet signs files into CAdES containers (PKCS #7 / CMS) with a key in a file, a token or an HSM, verifies
them, and shows what is inside.

Exit codes: 0 all well; 1 an item failed, a signature is TOTAL-FAILED, or interrupted; 2 wrong usage; 3 the key could not be used;
4 it is not known whether a signature is valid.`,
		Example: `  signet sign --key demo README.md                   makes README.md.p7s with a demo key
  signet verify --trust demo README.md.p7s
  signet inspect README.md.p7s`,
		Version:                    version(),
		SilenceErrors:              true,
		SilenceUsage:               true,
		DisableAutoGenTag:          true,
		SuggestionsMinimumDistance: 2,
		Args:                       cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 0 && pkcs11.IsURI(args[0]) {
				return usage("a pkcs11: URI is a key; give it as --key to a command")
			}
			if len(args) != 0 {
				return usage("there is no command %q%s", args[0], suggest(cmd, args[0]))
			}
			cmd.SetOut(a.Stderr)
			_ = cmd.Help()
			return &failure{code: ExitUsage}
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if cmd == root && len(a.Args) != 0 && !strings.HasPrefix(a.Args[0], "-") && !pkcs11.IsURI(a.Args[0]) {
			return usage("there is no command %q%s", a.Args[0], suggest(cmd, a.Args[0])) // whatever flags it has
		}
		// "invalid argument "x" for "--jobs" flag: strconv.ParseInt: …": what package strconv says helps nobody.
		text, _, _ := strings.Cut(err.Error(), ": strconv.")
		return usage("%s%s", text, suggestFlag(cmd, err))
	})
	root.SetVersionTemplate("signet {{.Version}}\n")
	root.AddCommand(withGlobs(a.signCommand(), a.extendCommand(), a.countersignCommand(), a.verifyCommand(), a.inspectCommand(), a.extractCommand(), a.renewCommand(), a.importCertCommand())...)
	root.AddCommand(a.keysCommand(), a.keygenCommand(), a.csrCommand(), a.exportCommand(), a.doctorCommand(), a.serveCommand(), a.serviceTokenCommand(), a.auditCommand(), a.versionCommand())
	complete(root)
	return root
}

func suggest(cmd *cobra.Command, name string) string {
	if names := cmd.SuggestionsFor(name); len(names) != 0 {
		return "; did you mean " + strings.Join(names, " or ") + "?"
	}
	return "; there are sign, extend, countersign, verify, inspect, extract, renew, keys, keygen, csr, import-cert, export, doctor, serve, token, audit and version"
}

// suggestFlag names the flag that was meant.
func suggestFlag(cmd *cobra.Command, err error) string {
	name := ""
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name = e.GetSpecifiedName()
		if group := e.GetSpecifiedShortnames(); group != "" { // -trust for --trust
			name = group
		}
	}
	name, _, _ = strings.Cut(name, "=")
	if len(name) < 3 {
		return ""
	}
	names := &cobra.Command{SuggestionsMinimumDistance: 2} // which knows what is near
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		names.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	if near := names.SuggestionsFor(name); len(near) != 0 {
		return "; did you mean --" + strings.Join(near, " or --") + "?"
	}
	return ""
}

// atLeast refuses a call without arguments with a sentence of its own.
func atLeast(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < n {
			return usage("%s", what)
		}
		for _, arg := range args {
			if pkcs11.IsURI(arg) { // not repeated: there may be a PIN in it
				return usage("a pkcs11: URI is a key; give it as --key")
			}
			if arg == "" {
				return usage("an argument is empty; is a variable of your shell not set?")
			}
		}
		return nil
	}
}

// printf writes to standard output; text of strangers goes through plain.Text before.
func (a *app) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(a.Stdout, format, args...)
	if err != nil {
		return &failure{ExitFailed, fmt.Errorf("standard output: %w", err)}
	}
	return nil
}

// warn says something on standard error that does not change the outcome.
func (a *app) warn(format string, args ...any) { a.screen.say("signet: warning: "+format, args...) }

// note tells the user what is going on.
func (a *app) note(format string, args ...any) { a.screen.say("signet: "+format, args...) }

func (a *app) env(name string) string {
	value, _ := a.LookupEnv(name)
	return value
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func quote(s string) string { return `"` + plain.Text(s) + `"` }
