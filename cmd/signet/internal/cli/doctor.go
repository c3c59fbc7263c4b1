package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

func (a *app) doctorCommand() *cobra.Command {
	var f keyFlags
	var asJSON, noRate bool
	cmd := &cobra.Command{
		Use:   "doctor --key KEY [flags]",
		Short: "Find out what is wrong with a key, and how fast it is",
		Long: `Check what a signature needs, in its order: the module, the token, the login, the mechanisms, the key, its certificate, one
test signature over random bytes, and how many signatures a second 1, 2, 4 and 8 sessions make (half a second each). Of a key
file, what applies. Each line that is not ok says what to do.

It ends with 0 when all is well, 1 when something will hurt (an expired certificate, a missing issuer, a PIN that was tried
wrongly), and 3 when the key cannot be used.`,
		Example: `  signet doctor --key 'pkcs11:token=seal;object=k1?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/pin'
  signet doctor --key seal.p12 --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context(), &f, asJSON, noRate) },
	}
	f.register(cmd, a.env, true)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one object with all checks")
	cmd.Flags().BoolVar(&noRate, "no-rate", false, "make one test signature only, for tokens that want a touch or a PIN for each")
	cmd.Flags().SortFlags = false
	return cmd
}

// The outcomes of a check.
const (
	checkOK      = "ok"
	checkNote    = "note"    // worth knowing
	checkWarning = "warning" // will hurt
	checkFailed  = "failed"  // the key cannot be used
)

// check is one line of the report.
type check struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
}

// diagnosis is the report.
type diagnosis struct {
	Key     string  `json:"key"`
	Verdict string  `json:"verdict"`
	Exit    int     `json:"exit"`
	Checks  []check `json:"checks"`
	Rates   []rate  `json:"rates,omitempty"`

	app    *app
	asJSON bool
}

func (a *app) doctor(ctx context.Context, f *keyFlags, asJSON, noRate bool) error {
	d := &diagnosis{Key: f.key, app: a, asJSON: asJSON}
	f.root = true // so that a chain that is whole is told from one that is not
	var keys *keyring
	var err error
	if pkcs11.IsURI(f.key) {
		keys, err = d.openToken(ctx, f)
	} else {
		keys, err = d.openFile(ctx, f)
	}
	if err != nil {
		return err
	}
	if keys != nil {
		defer func() { _ = keys.Close() }()
		if key := d.key(ctx, keys); key != nil {
			d.signing(ctx, keys, key, noRate)
		}
	}
	if ctx.Err() != nil {
		return keyFailure(ctx.Err())
	}
	return d.end()
}

// add reports a check, at once unless it goes into an object.
func (d *diagnosis) add(status, name, advice, format string, args ...any) {
	c := check{name, status, fmt.Sprintf(format, args...), advice}
	d.Checks = append(d.Checks, c)
	if d.asJSON {
		return
	}
	_ = d.app.printf("%-8s %-12s %s\n", c.Status, c.Name, plain.Text(c.Text)) // a failure shows at the end
	if c.Advice != "" {
		_ = d.app.printf("%-8s %-12s > %s\n", "", "", plain.Text(c.Advice))
	}
}

// fail reports what an error says.
func (d *diagnosis) fail(name string, err error) {
	if failed, ok := errors.AsType[*failure](err); ok && failed.err != nil {
		err = failed.err
	}
	if errors.Is(err, context.Canceled) {
		return // said at the end
	}
	d.add(checkFailed, name, "", "%s", sentence(err))
}

// end gives the verdict.
func (d *diagnosis) end() error {
	count := map[string]int{}
	for _, c := range d.Checks {
		count[c.Status]++
	}
	switch {
	case count[checkFailed] != 0:
		d.Exit, d.Verdict = ExitKey, "the key cannot be used"
	case count[checkWarning] != 0:
		d.Exit, d.Verdict = ExitFailed, "the key works, with "+plain.Plural(count[checkWarning], "warning")
	default:
		d.Verdict = "the key works"
	}
	var err error
	if d.asJSON {
		err = d.app.printJSON(d)
	} else {
		err = d.app.printf("\n%s\n", strings.ToUpper(d.Verdict[:1])+d.Verdict[1:]+".")
	}
	if err != nil || d.Exit == ExitOK {
		return err
	}
	return &failure{code: d.Exit}
}

// openFile opens a key file or folder. A wrong call is an error, a key that cannot be opened a check.
func (d *diagnosis) openFile(ctx context.Context, f *keyFlags) (*keyring, error) {
	keys, err := d.app.openKey(ctx, f)
	if failed, ok := errors.AsType[*failure](err); ok && failed.code == ExitUsage {
		return nil, err
	}
	if err != nil {
		d.fail("file", err)
		return nil, nil
	}
	if f.key == demoKey {
		d.add(checkOK, "file", "", "the demo identity")
		return keys, nil
	}
	d.add(checkOK, "file", "", "%s can be read", f.key)
	d.readable(f.key)
	return keys, nil
}

// openToken checks the module, the token and the login.
func (d *diagnosis) openToken(ctx context.Context, f *keyFlags) (*keyring, error) {
	f.sessions = mostSessions
	t, err := d.app.tokenURI(f)
	if err != nil {
		return nil, err
	}
	d.Key = t.uri.String()
	cert, certificates, err := parseRef(f.cert)
	if err != nil {
		return nil, err
	}
	ref, err := merged(t.uri.Ref(), cert)
	if err != nil {
		return nil, err
	}
	t.config.Certificates = certificates
	defer t.release()
	slots, err := t.slots(ctx)
	if err != nil {
		d.fail("module", err)
		return nil, nil
	}
	found := t.among(slots)
	d.add(checkOK, "module", "", "%s, with %s", t.config.Module, plain.Plural(len(slots), "slot"))
	switch len(found) {
	case 1:
		d.token(slotInfoOf(found[0]))
	case 0:
		d.fail("token", t.nothing(slots))
		return nil, nil
	default:
		d.add(checkFailed, "token", "name one by token=LABEL or serial=NUMBER in the URI", "the URI means %d tokens", len(found))
		return nil, nil
	}
	keys, err := d.app.login(ctx, t)
	if err != nil {
		d.fail("login", err)
		return nil, nil
	}
	d.library(ctx, t, keys)
	return &keyring{Provider: keys, ref: ref, token: t}, nil
}

// token says what the flags of the token mean.
func (d *diagnosis) token(info *slotInfo) {
	t := info.Token
	d.add(checkOK, "token", "", "%s, serial %s, model %s of %s, in slot %d; %s", quote(t.Label), orDash(t.Serial), orDash(t.Model), orDash(t.Manufacturer), info.Slot, strings.Join(t.state(), "; "))
	switch {
	case t.PINLocked:
		d.add(checkFailed, "PIN", "the security officer must unlock it, with the vendor's tool", "it is locked after too many wrong tries")
	case t.PINFinalTry:
		d.add(checkWarning, "PIN", "make sure of the PIN, then log in once with --final-try, which sets the count back", "one more wrong PIN will lock the token")
	case t.PINCountLow:
		d.add(checkWarning, "PIN", "find out who tries a wrong PIN; a login with the right one sets the count back", "a wrong PIN was tried since the last login")
	case !t.PINSet && t.LoginRequired:
		d.add(checkWarning, "PIN", "initialise the user's PIN with the vendor's tool", "the token has no user PIN yet")
	}
	if t.MaxSessions > 0 && t.MaxSessions < pkcs11.DefaultSessions {
		d.add(checkNote, "sessions", "", "the token allows %d at once", t.MaxSessions)
	}
}

// library says what module and token can do.
func (d *diagnosis) library(ctx context.Context, t *token, p *pkcs11.Provider) {
	found, err := p.Diagnose(ctx)
	if err != nil {
		d.fail("login", err)
		return
	}
	switch is := found.Slot.Token; {
	case found.LoggedIn && t.pin.from != "":
		d.add(checkOK, "login", "", "logged in with the PIN from %s", t.pin.from)
	case found.LoggedIn:
		d.add(checkOK, "login", "", "logged in")
	case is != nil && is.LoginRequired:
		d.add(checkWarning, "login", givePIN, "there was no PIN, so the token shows no private keys")
	default:
		d.add(checkOK, "login", "", "the token wants none")
	}
	d.add(checkOK, "library", "", "%s, version %s, by %s, PKCS #11 %s, functions of %s", orDash(found.Library), found.LibraryVersion, orDash(found.Manufacturer), found.Interface, found.Functions)
	if found.OneAtATime {
		d.add(checkNote, "library", "", "the module cannot be used by several threads, so one signature is made at a time")
	}
	var signs []string
	for _, m := range found.Mechanisms {
		if m.Used && m.Sign {
			signs = append(signs, m.Name)
		}
	}
	if len(signs) == 0 {
		d.add(checkFailed, "mechanisms", "", "the token lists none that signs and is known here (CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_ECDSA, those with a hash such as CKM_SHA256_RSA_PKCS, CKM_EDDSA), of %d", len(found.Mechanisms))
		return
	}
	d.add(checkOK, "mechanisms", "", "%s, of %d", strings.Join(signs, " "), len(found.Mechanisms))
}

// readable warns of a key file that everybody can read.
func (d *diagnosis) readable(path string) {
	if everybodyReads(path) {
		d.add(checkWarning, "file", "chmod 600 mends that", "everybody on this machine can read it")
	}
}

var _ sign.Provider = (*keyring)(nil)
