package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/intake"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

type renewFlags struct {
	levelFlags
	trustFlags
	before, content string
	within          int
	jobs            int
	dryRun, json    bool
}

func (a *app) renewCommand() *cobra.Command {
	var f renewFlags
	cmd := &cobra.Command{
		Use:   "renew --before TIME|--within DAYS --tsa URL [flags] DIR|SIGNATURE ...",
		Short: "Renew the archive time-stamps that come to an end",
		Long: `Find the archives (levels lta and a) among the .p7s and .p7m in each DIR whose newest archive time-stamp comes to an end
before a time: the certificate of its authority, or the algorithms it is made with. Each of them gets a new one, as
"signet extend" makes it, and is replaced at once and whole.

Give --trust: without it nothing proves that a signature whose certificate has expired is older than that, and it is not
renewed; and any archive time-stamp counts that is well made.

It is safe to run again, also after an interrupt: what was renewed is not renewed again. A new time-stamp that would not
last longer than the old one is not taken.`,
		Example: `  signet renew --within 90 --trust roots --tsa https://tsa.example/tsr archive
  signet renew --before 2031-01-01 --dry-run archive`,
		Args: atLeast(1, "give the folders with the archives"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.renewAll(cmd.Context(), &f, args, cmd.Flags().Changed("within"))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.before, "before", "", "renew what ends before this `TIME`, such as 2031-01-01")
	flags.IntVar(&f.within, "within", 0, "renew what ends within so many `DAYS` from now")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only list what would be renewed")
	f.levelFlags.register(cmd)
	flags.StringVar(&f.content, "content", "", "the `FILE` that was signed, or the folder below which the files are")
	f.trustFlags.register(cmd)
	flags.IntVar(&f.jobs, "jobs", defaultRenewals, "renew `N` at once")
	flags.BoolVar(&f.json, "json", false, "print one object for each signature file")
	flags.SortFlags = false
	return cmd
}

// defaultRenewals is how many are under way at once: each holds its file in memory, and an authority asked by many more
// at once would refuse.
const defaultRenewals = 4

// limit is the time before which archives end that are to be renewed.
func (f *renewFlags) limit(now time.Time, withinGiven bool) (time.Time, error) {
	switch {
	case f.before == "" && !withinGiven:
		return time.Time{}, usage("which ones? Give --before TIME, or --within DAYS from now")
	case f.before != "" && withinGiven:
		return time.Time{}, usage("give one of --before and --within")
	case f.within < 0 || f.within > 100*366:
		return time.Time{}, usage("--within %d: give a number of days from 0 to 36600", f.within)
	case f.jobs < 1:
		return time.Time{}, usage("--jobs %d: give a number from 1", f.jobs)
	case withinGiven:
		return now.AddDate(0, 0, f.within), nil
	}
	t, err := parseTime(f.before)
	if err != nil {
		return t, usage("--before %s: %w", f.before, err)
	}
	return t, nil
}

// renewed is the outcome for one file, and what --json prints of it.
type renewed struct {
	Signature string     `json:"signature"`
	OK        bool       `json:"ok"`
	Archive   bool       `json:"archive"`
	Due       bool       `json:"due"`
	Renewed   bool       `json:"renewed"`
	Level     string     `json:"level,omitempty"`
	Ends      *time.Time `json:"ends,omitempty"` // of what is in the file now
	Why       string     `json:"why,omitempty"`  // what ends then
	Error     string     `json:"error,omitempty"`
}

func (a *app) renewAll(ctx context.Context, f *renewFlags, args []string, withinGiven bool) error {
	r := &renewal{app: a, flags: f}
	var err error
	if r.before, err = f.limit(a.Now(), withinGiven); err != nil {
		return err
	}
	if !f.dryRun || len(f.tsa) != 0 {
		if err := f.check(cades.LevelA); err != nil { // of both levels the one that takes every flag
			return err
		}
	}
	if r.trust, err = a.trusted(&f.trustFlags); err != nil {
		return err
	}
	f.known = r.trust.known
	files, err := a.findSignatures(args, f.content, isSignature)
	if err != nil {
		return err
	}
	for _, file := range files {
		if file.path == stdinName {
			return usage("an archive from standard input has no place to go to; signet extend --out DIR takes it")
		}
	}
	if r.hash, err = f.hash(); err != nil {
		return err
	}
	if !f.dryRun {
		stamper, source, err := a.sources(ctx, &f.levelFlags, cades.LevelLTA)
		if err != nil {
			return err
		}
		r.stamper, r.source = stamper, source
	}
	return r.run(ctx, distinctFiles(files))
}

// distinctFiles leaves out other names of the same file, links for one, so that two workers never renew one archive.
func distinctFiles(files []signatureFile) (kept []signatureFile) {
	seen := make(map[string]bool, len(files))
	for _, file := range files {
		path, err := filepath.EvalSymlinks(file.path)
		if absolute, errAbs := filepath.Abs(path); err == nil && errAbs == nil {
			if path = foldCase(absolute); seen[path] {
				continue
			}
			seen[path] = true
		}
		kept = append(kept, file)
	}
	return kept
}

// renewal is one run over many files.
type renewal struct {
	*app
	flags   *renewFlags
	before  time.Time
	trust   *trusted
	stamper tsp.Timestamper
	source  revocation.Source
	hash    sign.Hash // of the imprints

	mu   sync.Mutex
	best time.Time // the latest end of a new time-stamp so far

	renewed, due, fresh, other, failed int
}

// run works on several files at once and reports them in their order.
func (r *renewal) run(ctx context.Context, files []signatureFile) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type done struct {
		index  int
		result *renewed
	}
	todo, results := make(chan int), make(chan done)
	go func() {
		defer close(todo)
		for i := range files {
			select {
			case todo <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	var workers sync.WaitGroup
	for range min(r.flags.jobs, len(files)) {
		workers.Go(func() {
			for i := range todo {
				results <- done{i, r.file(ctx, files[i])}
			}
		})
	}
	go func() { workers.Wait(); close(results) }()
	waiting, next := map[int]*renewed{}, 0
	var fatal error
	for d := range results {
		for waiting[d.index] = d.result; waiting[next] != nil; next++ {
			if err := r.report(waiting[next]); err != nil && fatal == nil {
				fatal = err
				stop()
			}
			delete(waiting, next)
		}
	}
	if fatal != nil {
		return fatal
	}
	return r.end(ctx, len(files)-next)
}

// report says what happened to one file.
func (r *renewal) report(one *renewed) error {
	switch {
	case one.Error != "":
		r.failed++
	case !one.Archive:
		r.other++
	case one.Renewed:
		r.renewed++
	case one.Due:
		r.due++
	default:
		r.fresh++
	}
	if r.flags.json {
		return r.printJSON(one)
	}
	switch {
	case one.Error != "":
		r.screen.say("signet: %s: %s", plain.Text(one.Signature), one.Error)
	case one.Renewed:
		r.note("%s is renewed: it ends on %s now", plain.Text(one.Signature), day(*one.Ends))
		if one.Ends.Before(r.before) {
			r.warn("%s ends before %s all the same: %s", plain.Text(one.Signature), day(r.before), one.Why)
		}
	case one.Due:
		return r.printf("%s: %s, %s\n", plain.Text(one.Signature), one.Level, one.ending())
	}
	return nil
}

func (r *renewed) ending() string {
	if r.Ends == nil {
		return r.Why
	}
	return "ends on " + day(*r.Ends) + ": " + r.Why
}

// end sums up. Files that nobody looked at any more are said.
func (r *renewal) end(ctx context.Context, left int) error {
	what := plain.Plural(r.renewed, "archive") + " renewed"
	if r.flags.dryRun {
		what = plain.Plural(r.due, "archive") + " to renew"
	}
	what += ", " + plain.Count(r.fresh) + " not due"
	if r.other != 0 {
		what += ", " + plain.Plural(r.other, "file") + " without an archive time-stamp"
	}
	if r.failed != 0 {
		what += ", " + plain.Count(r.failed) + " failed"
	}
	r.note("%s", what)
	switch {
	case ctx.Err() != nil:
		return &failure{ExitFailed, fmt.Errorf("interrupted, with %s left; run it again to go on", plain.Plural(left, "file"))}
	case r.failed != 0:
		return &failure{code: ExitFailed}
	}
	return nil
}

// file looks at one file, and renews it when it is time.
func (r *renewal) file(ctx context.Context, file signatureFile) *renewed {
	one := &renewed{Signature: file.path}
	if err := r.try(ctx, file, one); err != nil {
		one.Error = sentence(cause(err))
	}
	one.OK = one.Error == ""
	return one
}

func (r *renewal) try(ctx context.Context, file signatureFile, one *renewed) error {
	if err := ctx.Err(); err != nil {
		return errors.New("interrupted")
	}
	if file.err != nil {
		return file.err
	}
	path, err := filepath.EvalSymlinks(file.path) // the file is replaced, and not a link to it
	if err != nil {
		return err
	}
	was, err := os.Stat(path)
	if err != nil {
		return err
	}
	in, err := r.readIntake(path)
	defer func() { _ = in.Close() }()
	switch {
	case err != nil:
		return err
	case in.Kind == intake.Token || in.Kind == intake.Response:
		return nil
	case in.Kind != intake.Signature && in.Kind != intake.Unknown:
		return notSigned(in)
	}
	m, err := messageOf(in)
	if err != nil {
		return syntaxCause(err)
	}
	state := r.look(m)
	state.fill(one)
	if one.Due = one.Archive && state.ends.Before(r.before); !one.Due || r.flags.dryRun {
		return nil
	}
	if in.Content != nil {
		return errors.New("this is a mail with its signature, which has no room for more; take the signature out with signet extend --out DIR")
	}
	content := contentFor(m, file)
	if content.IsZero() && m.Detached() {
		return fmt.Errorf("the signature is detached and its content %s is not there; give the folder where the signed files are with --content DIR", file.content)
	}
	m, after, err := r.extend(ctx, m, content, state)
	if err != nil {
		return err
	}
	// Whoever changed it in the meantime, another run for one, is not overwritten.
	if now, err := os.Stat(path); err != nil || !os.SameFile(was, now) || was.ModTime() != now.ModTime() || was.Size() != now.Size() {
		return errors.New("it was changed while it was renewed, and is left as it is; run the command again")
	}
	if err := writeFile(path, true, messageWriter(m, in)); err != nil {
		return fmt.Errorf("write %s: %w", path, plainCause(err))
	}
	after.fill(one)
	one.Renewed = true
	return nil
}

// extend renews the signatures of a message that are due. The result has to last longer than what was there.
func (r *renewal) extend(ctx context.Context, m *cades.Message, content sign.Content, state *archive) (*cades.Message, *archive, error) {
	if best := r.sofar(); !best.IsZero() && !best.After(state.ends) { // without a time-stamp that would be thrown away
		return nil, nil, shorter(best)
	}
	for _, level := range []cades.Level{cades.LevelLTA, cades.LevelA} {
		if len(state.due[level]) == 0 {
			continue
		}
		raised, err := m.Extended(ctx, level, &cades.ExtendOptions{
			Timestamper: r.stamper, Revocation: r.source, Signatures: state.due[level], Content: content, Certificates: r.trust.known,
			Roots: r.trust.roots, TimestampRoots: r.trust.timestamps, Clock: r.Now, Hash: r.hash, Schemes: schemes.All(), TimestampEvidence: r.flags.evidence && level == cades.LevelA,
		})
		if err != nil {
			if ctx.Err() != nil {
				err = errors.New("interrupted")
			}
			return nil, nil, err
		}
		m = raised
	}
	after := r.look(m)
	r.mu.Lock()
	if after.ends.After(r.best) {
		r.best = after.ends
	}
	r.mu.Unlock()
	if !after.ends.After(state.ends) {
		return nil, nil, shorter(after.ends)
	}
	return m, after, nil
}

func (r *renewal) sofar() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.best
}

func shorter(end time.Time) error {
	return fmt.Errorf("a new time-stamp would not last longer than what is there: it would end on %s; ask an authority whose certificate lasts longer (--tsa)", day(end))
}
