package cli

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/seed-116355fd/signet/asic"
	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

type signFlags struct {
	keyFlags
	signers signerFlags
	containerFlags
	levelFlags
	out, asic   string
	jobs        int
	stopOnError bool
	skip, armor bool
	json        bool
}

func (a *app) signCommand() *cobra.Command {
	var f signFlags
	cmd := &cobra.Command{
		Use:   "sign --key KEY [flags] FILE|DIR|- ...",
		Short: "Sign files and folders",
		Long: `Sign each FILE, and each file in each DIR, into a container of its own: NAME.p7s, which leaves the content where it is,
or with --attached NAME.p7m, which holds it. "-" signs standard input, to standard output.

A container lies beside its file, or below --out with the tree kept; one that is there already is replaced. Links to
files are followed, links to folders are not. Signatures (.p7s, .p7m, .asics, .asice) that lie in a folder are not signed again.

A file that cannot be read or written is reported and the rest goes on; the exit code is then 1. An interrupt (Ctrl-C)
leaves no unfinished file behind, and --skip-existing goes on where it was. With --key more than once each key signs; the
flags about a key are for the --key before them.

With --asic e all files go into one container with one signature (ASiC-E, --out FILE.asice), with --asic s each into one of its own
(ASiC-S, NAME.asics).`,
		Example: `  signet sign --key demo README.md                            try it out: makes README.md.p7s
  signet sign --key seal.p12 --out signed README.md docs
  signet sign --key seal.pem --attached --policy-oid 1.2.3.4 --policy-hash sha256:9f86d08… contract.pdf
  signet sign --key seal.p12 --asic e --out offer.asice offer.pdf terms
  signet sign --key 'pkcs11:token=seal;object=k1?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/pin' a.pdf
  signet sign --key anna.p12 --key bert.p12 contract.pdf      both sign
  tar c docs | signet sign --key seal.p12 --password-file seal.pass - > docs.tar.p7s`,
		Args: atLeast(1, "give the files or folders to sign, or - for standard input"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.sign(cmd.Context(), &f, args) },
	}
	f.keyFlags.register(cmd, a.env, true)
	f.signers.register(cmd, &f.keyFlags)
	f.containerFlags.register(cmd)
	f.levelFlags.register(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "out", "o", "", "put the containers below `DIR`, with the tree kept, instead of beside the files")
	flags.StringVar(&f.asic, "asic", "", "make ASiC containers, `KIND`: s for each file one of its own (NAME.asics), e for one with all files (--out FILE.asice)")
	flags.IntVar(&f.jobs, "jobs", 0, "work on `N` files at once; 0 is one for each processor")
	flags.IntVar(&f.sessions, "sessions", 0, "open at most `N` sessions with a token; 0 is "+strconv.Itoa(pkcs11.DefaultSessions)+", see signet doctor")
	flags.BoolVar(&f.skip, "skip-existing", false, "leave out what has its signature already, to go on with a run that was stopped")
	flags.BoolVar(&f.armor, "armor", false, "write PEM (text) instead of binary")
	flags.BoolVar(&f.stopOnError, "stop-on-error", false, "stop at the first file that fails")
	flags.BoolVar(&f.json, "json", false, "print one object for each file, in the order of the input")
	flags.SortFlags = false
	return cmd
}

func (a *app) sign(ctx context.Context, f *signFlags, args []string) error {
	if f.jobs < 0 {
		return usage("--jobs %d: give a number from 1, or 0 for one for each processor", f.jobs)
	}
	if f.sessions < 0 {
		return usage("--sessions %d: give a number from 1, or 0 for %d", f.sessions, pkcs11.DefaultSessions)
	}
	options, scheme, err := f.options()
	if err != nil {
		return err
	}
	options.Clock = a.Now
	if err := f.levelFlags.check(options.Level); err != nil {
		return err
	}
	if f.key == "" {
		return usage("which key? Give --key FILE or a pkcs11: URI, or --key demo to try it out")
	}
	suffix, passes := detachedSuffix, 1
	if options.Attached {
		suffix, passes = attachedSuffix, 2
	}
	kind, contained, err := f.containerKind()
	if err != nil {
		return err
	}
	outDir, bundle := f.out, ""
	switch {
	case contained && kind == asic.E:
		suffix, passes, outDir = extendedSuffix, 2, ""
		if bundle, err = f.bundlePlace(args); err != nil {
			return err
		}
	case contained:
		suffix, passes = simpleSuffix, 3
	}
	in, err := collect(ctx, args, outDir, suffix)
	if err != nil {
		return err
	}
	if contained {
		if err := in.refuseOnce(); err != nil {
			return err
		}
	}
	if err := a.checkStdout(f, in); err != nil {
		return err
	}
	if f.skip {
		jobs := f.jobs
		if jobs == 0 {
			jobs = runtime.GOMAXPROCS(0)
		}
		if err := a.skipExisting(ctx, in, options.Level, jobs); err != nil {
			return err
		}
		if len(in.items) == 0 { // no key is needed
			run := &signing{app: a, flags: f, in: in}
			if err := run.skippedBefore(math.MaxInt); err != nil {
				return err
			}
			a.note("nothing to sign: %s signed already", plain.Plural(len(in.existing), "file"))
			return nil
		}
	}
	options.TimestampEvidence = f.evidence
	f.root = options.Level > cades.LevelT || f.evidence // revocation is asked for up to the root, which may be at hand nowhere else
	signers, closeKeys, err := a.openSigners(ctx, f, scheme)
	if err != nil {
		return err
	}
	defer closeKeys()
	for _, s := range signers {
		f.known = append(f.known, s.Chain()...)
	}
	if options.TimestampHash, err = f.hash(); err != nil {
		return err
	}
	if options.Timestamper, options.Revocation, err = a.sources(ctx, &f.levelFlags, options.Level); err != nil {
		return err
	}
	// Whatever is wrong with the options is wrong for every file, and is said once, before anything is written.
	if err := options.Check(); err != nil {
		return usage("%w", err)
	}
	for _, s := range signers {
		a.checkValidity(s.Certificate())
		for _, warning := range options.Warnings(s) {
			a.warn("%s", warning)
		}
	}
	out, err := newOutputs(in, a.Stdout)
	if err != nil {
		return err
	}
	defer out.close()
	out.armor = f.armor
	a.remarks(in)
	run := &signing{app: a, flags: f, in: in, out: out, progress: startProgress(a.screen, len(in.items), in.octets, passes)}
	switch {
	case bundle != "":
		return run.bundle(ctx, signers[0], options, bundle)
	case contained:
		return run.run(ctx, signers[0], inContainers{&asic.Options{Kind: asic.S, Signature: options}})
	}
	var format sign.Format = options
	if len(signers) > 1 {
		format = &parallel{options, signers[1:]}
	}
	return run.run(ctx, signers[0], format)
}

// checkStdout refuses to mix a container with something else, or to print it on a terminal.
func (a *app) checkStdout(f *signFlags, in *inputs) error {
	stdout := false
	for _, s := range in.sources {
		stdout = stdout || s.path == stdinName && f.out == ""
	}
	if !stdout {
		return nil
	}
	if f.json {
		return usage("the signature of standard input goes to standard output, and so does --json; give --out DIR")
	}
	if file, ok := a.Stdout.(*os.File); ok && !f.armor && term.IsTerminal(int(file.Fd())) {
		return usage("a signature is binary and would go to the terminal; redirect it to a file with >, or give --armor or --out DIR")
	}
	return nil
}

func (a *app) checkValidity(c *x509.Certificate) {
	switch now := a.Now(); {
	case now.After(c.NotAfter):
		a.warn("the certificate of %s expired on %s; verifiers will refuse the signatures", inspect.Name(c.RawSubject), day(c.NotAfter))
	case now.Before(c.NotBefore):
		a.warn("the certificate of %s is valid from %s only; verifiers will refuse the signatures", inspect.Name(c.RawSubject), day(c.NotBefore))
	}
}

const maxSpecial = 5 // files that are named when they are left out

func (a *app) remarks(in *inputs) {
	for i, path := range in.special {
		if i == maxSpecial {
			a.note("left out %d more that are not regular files", len(in.special)-i)
			break
		}
		a.note("left out %s: it is not a regular file", path)
	}
	if in.skipped != 0 {
		a.note("left out %s (.p7s, .p7m) in folders", plain.Plural(in.skipped, "signature"))
	}
	if in.twice != 0 {
		a.note("%s named more than once, signed once", plain.Plural(in.twice, "file"))
	}
}

// signing is one run of a batch.
type signing struct {
	*app
	flags    *signFlags
	in       *inputs
	out      *outputs
	progress *progress

	ok      int
	last    string // output of the last good one
	passed  int    // skipped ones that were reported
	key     error  // what is wrong with the key
	stopped error  // why the run ended early
}

// signed is what --json prints for each item.
type signed struct {
	Index   int    `json:"index"`
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Skipped bool   `json:"skipped,omitempty"` // it was signed before
	Output  string `json:"output,omitempty"`
	Error   string `json:"error,omitempty"`
}

func (r *signing) run(ctx context.Context, signer *sign.Signer, format sign.Format) error {
	for result := range batch.Stream(ctx, signer, format, r.contents(), &batch.Options{
		StopOnError: r.flags.stopOnError,
		Workers:     r.flags.jobs,
		Output:      func(_ context.Context, index int, _ *batch.Content) (batch.Output, error) { return r.out.open(index) },
	}) {
		if !r.take(ctx, result) {
			break
		}
	}
	r.progress.end()
	if r.key == nil && r.stopped == nil && ctx.Err() == nil {
		r.stopped = r.skippedBefore(math.MaxInt)
	}
	return r.end(ctx)
}

// skippedBefore reports what was skipped before an input, in the order of the input.
func (r *signing) skippedBefore(index int) error {
	for ; r.passed < len(r.in.existing) && r.in.existing[r.passed].index < index; r.passed++ {
		if one := r.in.existing[r.passed]; r.flags.json {
			if err := r.printJSON(signed{Index: one.index, Name: one.name, OK: true, Skipped: true, Output: one.output}); err != nil {
				return err
			}
		}
	}
	return nil
}

// contents hands out the items in their order.
func (r *signing) contents() iter.Seq[batch.Content] {
	return func(yield func(batch.Content) bool) {
		for i := range r.in.items {
			if !yield(r.content(i)) {
				return
			}
		}
	}
}

func (r *signing) content(i int) batch.Content {
	name := r.in.name(i)
	it := r.in.items[i]
	if it.err != nil {
		return sign.Opener(name, func() (io.ReadCloser, error) { return nil, cause(it.err) })
	}
	open := func() (io.ReadCloser, error) {
		f, err := os.Open(name)
		if err != nil {
			return nil, cause(err)
		}
		return &counted{f, &r.progress.octets}, nil
	}
	switch source := r.in.sources[it.source]; {
	case source.path == stdinName:
		return sign.Reader(inputName(name), &counted{io.NopCloser(r.Stdin), &r.progress.octets})
	case source.once:
		return sign.Reader(name, &lazy{open: open})
	}
	return sign.Opener(name, open)
}

// inputName is how an input is called in a sentence.
func inputName(name string) string {
	if name == stdinName {
		return "standard input"
	}
	return name
}

// lazy opens a pipe when its turn comes.
type lazy struct {
	open func() (io.ReadCloser, error)
	r    io.ReadCloser
	err  error
}

func (l *lazy) Read(b []byte) (int, error) {
	if l.r == nil && l.err == nil {
		l.r, l.err = l.open()
	}
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.r.Read(b)
	if err != nil {
		l.err = err
		_ = l.r.Close()
	}
	return n, err
}

// take publishes and reports one result, and says whether to go on.
func (r *signing) take(ctx context.Context, result batch.Result) bool {
	if result.Err != nil && ctx.Err() != nil {
		return false
	}
	line := signed{Index: result.Index, Name: r.in.name(result.Index)}
	if r.flags.skip {
		line.Index = r.in.items[result.Index].index
		if err := r.skippedBefore(line.Index); err != nil {
			r.stopped = err
			return false
		}
	}
	err := result.Err
	if err == nil {
		line.Output, err = r.out.publish(result.Index)
	}
	if sign.IsKeyError(err) { // belongs to no item
		r.key = err
		return false
	}
	r.progress.result(err == nil)
	if err == nil {
		r.ok, r.last, line.OK = r.ok+1, line.Output, true
	} else {
		line.Error = itemError(result.Name, err)
		r.screen.say("signet: %s: %s", result.Name, line.Error)
	}
	if r.flags.json {
		if err := r.printJSON(line); err != nil {
			r.stopped = err
			return false
		}
	}
	return err == nil || !r.flags.stopOnError
}

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.Stdout)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return &failure{ExitFailed, errors.New("standard output: " + plainCause(err).Error())}
	}
	return nil
}

// itemError says what happened to an item whose name stands before it.
func itemError(name string, err error) string {
	if e, ok := err.(*sign.Error); ok && e.Place == name && e.Class == nil && e.Err != nil { //nolint:errorlint // the outermost one
		return sentence(e.Err)
	}
	return sentence(err)
}

func (r *signing) end(ctx context.Context) error {
	failed := int(r.progress.failed.Load())
	if len(r.in.items) > 1 || len(r.in.existing) != 0 || failed == 0 && r.key == nil && ctx.Err() == nil && r.last != "" {
		r.note("%s", r.summary())
	}
	switch {
	case r.key != nil:
		return keyFailure(r.key)
	case r.stopped != nil:
		return r.stopped
	case ctx.Err() != nil:
		return &failure{ExitFailed, errors.New("interrupted")}
	case failed != 0 && r.flags.stopOnError:
		return &failure{ExitFailed, errors.New("stopped at the first error")}
	case failed != 0:
		return &failure{code: ExitFailed}
	case r.ok != len(r.in.items):
		return &failure{ExitFailed, errors.New("the batch ended before all files were signed")}
	}
	return nil
}

func (r *signing) summary() string {
	if len(r.in.items) == 1 && r.ok == 1 && len(r.in.existing) == 0 {
		return "signed " + inputName(r.in.name(0)) + ": made " + r.last
	}
	s := r.progress.summary("signed", r.ok)
	if r.flags.out != "" && r.ok > 0 {
		s += ", into " + strings.TrimSuffix(r.flags.out, string(os.PathSeparator))
	}
	if n := len(r.in.existing); n != 0 {
		s += ", " + plain.Count(n) + " skipped that " + map[bool]string{true: "was", false: "were"}[n == 1] + " signed already"
	}
	return s
}
