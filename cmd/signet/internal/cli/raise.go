package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/sign"
)

// raiseFlags are those of commands that take signatures and give them back with something more.
type raiseFlags struct {
	levelFlags
	level string
	out   string
	jobs  int // 0 is one
	armor bool
	json  bool
	said  string // of a file that is done, before its name and place; empty says its level
}

func (f *raiseFlags) register(cmd *cobra.Command, level, purpose string) {
	flags := cmd.Flags()
	flags.StringVar(&f.level, "level", level, purpose)
	f.levelFlags.register(cmd)
	flags.StringVarP(&f.out, "out", "o", "", "put the results into `DIR` instead of in the place of the signatures")
	flags.BoolVar(&f.armor, "armor", false, "write PEM (text) instead of binary")
	flags.BoolVar(&f.json, "json", false, "print one object for each signature file")
	flags.SortFlags = false
}

func (a *app) extendCommand() *cobra.Command {
	var f raiseFlags
	var content string
	var trust trustFlags
	cmd := &cobra.Command{
		Use:   "extend --level LEVEL --tsa URL [flags] SIGNATURE ...",
		Short: "Raise signatures to a higher level",
		Long: `Raise each SIGNATURE to a level that stays verifiable for longer: t (a time-stamp), lt (and what proves the
certificates), lta (and a time-stamp over all that; again and again over the years), or the older forms c, xlong1 and a.

The result takes the place of the file, or goes into --out; every byte of the signature is in it, where it was. The
content of a detached signature X.p7s is the file X beside it, unless --content says otherwise; lta and a need it.

Of an ASiC container every signature is raised, and its files stay as they are.

A signature that does not verify, or that was revoked or expired before anything proves that it is older, is refused. The
time-stamps that are on it prove that only when their authority is trusted: give --trust.`,
		Example: `  signet extend --level lta --tsa demo README.md.p7s
  signet extend --level lt --tsa https://tsa.example/tsr --out archive contract.pdf.p7m invoices`,
		Args: atLeast(1, "give the signatures to raise"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.raiseAll(cmd.Context(), &f, args, content, func(level cades.Level) (raiser, error) {
				if level <= cades.LevelBES {
					return nil, usage("--level %s: choose one of t, lt, lta, c, xlong1, a", f.level)
				}
				t, err := a.trusted(&trust)
				if err != nil {
					return nil, err
				}
				return a.extender(cmd.Context(), &f, level, t)
			})
		},
	}
	f.register(cmd, "t", "the `LEVEL`: t, lt, lta, c, xlong1 or a")
	cmd.Flags().StringVar(&content, "content", "", "the `FILE` that was signed, or the folder below which the files are")
	cmd.Flags().IntVar(&f.jobs, "jobs", defaultRenewals, "raise `N` at once")
	trust.register(cmd)
	return cmd
}

// raiser gives back a signature with something more.
type raiser func(ctx context.Context, m *cades.Message, content sign.Content) (*cades.Message, error)

func (a *app) extender(ctx context.Context, f *raiseFlags, level cades.Level, t *trusted) (raiser, error) {
	hash, err := f.hash()
	if err != nil {
		return nil, err
	}
	f.known = t.known
	stamper, source, err := a.sources(ctx, &f.levelFlags, level)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, m *cades.Message, content sign.Content) (*cades.Message, error) {
		return m.Extended(ctx, level, &cades.ExtendOptions{
			Timestamper: stamper, Revocation: source, Content: content, Certificates: t.known, Roots: t.roots, TimestampRoots: t.timestamps, Clock: a.Now, Hash: hash, Schemes: schemes.All(), TimestampEvidence: f.evidence,
		})
	}, nil
}

func (a *app) countersignCommand() *cobra.Command {
	var f raiseFlags
	var key keyFlags
	var scheme string
	cmd := &cobra.Command{
		Use:   "countersign --key KEY [flags] SIGNATURE ...",
		Short: "Counter-sign signatures",
		Long: `Put a counter-signature on every signature in each SIGNATURE: it says that the counter-signer has seen it. The content is
not needed. The result takes the place of the file, or goes into --out; every byte of the signature is in it.`,
		Example: `  signet countersign --key demo contract.pdf.p7s
  signet countersign --key notary.p12 --level t --tsa https://tsa.example/tsr --out seen contract.pdf.p7s`,
		Args: atLeast(1, "give the signatures to counter-sign"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var keys *keyring
			defer func() {
				if keys != nil { // forgets the PIN, too
					_ = keys.Close()
				}
			}()
			return a.raiseAll(cmd.Context(), &f, args, "", func(level cades.Level) (raiser, error) {
				if level != cades.LevelBES && level != cades.LevelT {
					return nil, usage("--level %s: a counter-signature takes bes or t; extend raises it with the signature that it is on", f.level)
				}
				raise, opened, err := a.counterSigner(cmd.Context(), &f, &key, scheme, level)
				keys = opened
				return raise, err
			})
		},
	}
	key.register(cmd, a.env, true)
	cmd.Flags().StringVar(&scheme, "scheme", "", "signature scheme `NAME` instead of the best one of the key (see signet keys)")
	f.said = "counter-signed" // the level is that of the signature below, which stays
	f.register(cmd, "bes", "how much the counter-signature carries, `LEVEL`: bes or t")
	return cmd
}

func (a *app) counterSigner(ctx context.Context, f *raiseFlags, key *keyFlags, name string, level cades.Level) (raiser, *keyring, error) {
	var scheme *sign.Scheme
	if name != "" {
		s, err := schemeByName(name)
		if err != nil {
			return nil, nil, err
		}
		scheme = &s
	}
	hash, err := f.hash()
	if err != nil {
		return nil, nil, err
	}
	stamper, source, err := a.sources(ctx, &f.levelFlags, level)
	if err != nil {
		return nil, nil, err
	}
	keys, err := a.openKey(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	signer, err := keys.open(ctx, scheme)
	if err != nil {
		return nil, keys, err
	}
	options := &cades.Options{Level: level, Timestamper: stamper, Revocation: source, TimestampHash: hash, TimestampEvidence: f.evidence, Clock: a.Now}
	return func(ctx context.Context, m *cades.Message, _ sign.Content) (*cades.Message, error) {
		n := len(m.Signatures())
		if n == 0 {
			return nil, errors.New("there is no signature in it")
		}
		for i := range n {
			ber, err := m.Signatures()[i].CounterSign(ctx, signer, options)
			if err != nil {
				return nil, err
			}
			if m, err = cades.Parse(ber); err != nil {
				return nil, err
			}
		}
		return m, nil
	}, keys, nil
}

// raised is what --json prints for each file.
type raised struct {
	Signature string `json:"signature"`
	OK        bool   `json:"ok"`
	Output    string `json:"output,omitempty"`
	Level     string `json:"level,omitempty"`
	Error     string `json:"error,omitempty"`
}

func (a *app) raiseAll(ctx context.Context, f *raiseFlags, args []string, content string, open func(cades.Level) (raiser, error)) error {
	level, err := cades.ParseLevel(f.level)
	if err != nil {
		return usage("--level %s: there is no such level", f.level)
	}
	if f.jobs < 0 {
		return usage("--jobs %d: give a number from 1", f.jobs)
	}
	if err := f.check(level); err != nil {
		return err
	}
	files, err := a.findSignatures(args, content, isSignature)
	if err != nil {
		return err
	}
	if err := f.outputs(files); err != nil {
		return err
	}
	raise, err := open(level)
	if err != nil {
		return err
	}
	failed := 0
	for file, one := range a.inOrder(ctx, f, files, raise) {
		if ctx.Err() != nil {
			return &failure{ExitFailed, errors.New("interrupted")}
		}
		if sign.IsKeyError(one.err) {
			return keyFailure(one.err)
		}
		r := raised{Signature: file.path, OK: one.err == nil, Output: one.output, Level: one.level}
		if !r.OK {
			failed++
			r.Output, r.Error = "", sentence(one.err)
			a.screen.say("signet: %s: %s", file.path, r.Error)
		} else if !f.json {
			if f.said != "" {
				a.note("%s %s: made %s", f.said, file.path, r.Output)
			} else {
				a.note("%s is %s now: %s", file.path, r.Level, r.Output)
			}
		}
		if f.json {
			if err := a.printJSON(r); err != nil {
				return err
			}
		}
	}
	if failed != 0 {
		return &failure{code: ExitFailed}
	}
	return nil
}

// raisedFile is what became of one file.
type raisedFile struct {
	output, level string
	err           error
}

// inOrder raises files, f.jobs at once, and gives the results in the order of the files. When the loop ends early, it waits for
// those that are at work, and begins no others.
func (a *app) inOrder(ctx context.Context, f *raiseFlags, files []signatureFile, raise raiser) iter.Seq2[signatureFile, raisedFile] {
	return func(yield func(signatureFile, raisedFile) bool) {
		ctx, stop := context.WithCancel(ctx)
		results := make([]chan raisedFile, len(files))
		for i := range results {
			results[i] = make(chan raisedFile, 1)
		}
		var next atomic.Int64
		var workers sync.WaitGroup
		defer workers.Wait()
		defer stop()
		for range min(f.atOnce(files), len(files)) {
			workers.Go(func() {
				for i := int(next.Add(1)) - 1; i < len(files); i = int(next.Add(1)) - 1 {
					var one raisedFile
					if one.err = ctx.Err(); one.err == nil {
						one.output, one.level, one.err = a.raiseFile(ctx, f, files[i], raise)
					}
					results[i] <- one
				}
			})
		}
		for i, file := range files {
			if !yield(file, <-results[i]) {
				return
			}
		}
	}
}

// atOnce is how many files are raised at once. One that is named twice is raised twice, one time after the other.
func (f *raiseFlags) atOnce(files []signatureFile) int {
	seen := map[string]bool{}
	for _, file := range files {
		if seen[foldCase(file.path)] {
			return 1
		}
		seen[foldCase(file.path)] = true
	}
	return max(f.jobs, 1)
}

// outputs makes the folder of the results, and refuses two files that would go to one place.
func (f *raiseFlags) outputs(files []signatureFile) error {
	if f.out == "" {
		for _, file := range files {
			if file.path == stdinName {
				return usage("a signature from standard input has no place to go to; give --out DIR")
			}
		}
		return nil
	}
	seen := map[string]string{}
	for _, file := range files {
		name := f.place(file)
		if other, ok := seen[name]; ok {
			return usage("%s and %s would both become %s", other, file.path, name)
		}
		seen[name] = file.path
	}
	if err := os.MkdirAll(f.out, 0o777); err != nil {
		return usage("--out %s cannot be made: %w", f.out, plainCause(err))
	}
	return nil
}

func (f *raiseFlags) place(file signatureFile) string {
	switch {
	case f.out == "":
		return file.path
	case file.path == stdinName:
		return filepath.Join(f.out, "stdin"+detachedSuffix)
	}
	return filepath.Join(f.out, filepath.Base(file.path))
}

func (a *app) raiseFile(ctx context.Context, f *raiseFlags, file signatureFile, raise raiser) (output, level string, err error) {
	if file.err != nil {
		return "", "", cause(file.err)
	}
	c, err := a.openContainer(file.path)
	if err != nil {
		return "", "", err
	}
	if c != nil {
		defer func() { _ = c.Close() }()
		return a.raiseContainer(ctx, f, c, file, raise)
	}
	in, err := a.readSignature(file.path)
	if err != nil {
		return "", "", cause(err)
	}
	defer func() { _ = in.Close() }()
	if in.Content != nil && f.out == "" { // the signature would take the place of the mail, and of its content
		return "", "", errors.New("this is a mail with its signature, which has no room for more; give --out DIR for the signature alone")
	}
	m, err := messageOf(in)
	if err != nil {
		return "", "", syntaxCause(err)
	}
	content := contentFor(m, file)
	if in.Content != nil && !file.explicit {
		content = sign.Bytes(file.path, in.Content)
	}
	if m, err = raise(ctx, m, content); err != nil {
		return "", "", err
	}
	output = f.place(file)
	if err := writeFile(output, true, armored(f.armor, messageWriter(m, in))); err != nil {
		return "", "", fmt.Errorf("write %s: %w", output, plainCause(err))
	}
	return output, m.Signatures()[0].LevelName(), nil
}

// contentFor is the content of a detached signature, when it is there.
func contentFor(m *cades.Message, file signatureFile) sign.Content {
	if !m.Detached() || file.content == "" || !file.explicit && !isFile(file.content) {
		return sign.Content{}
	}
	return sign.File(file.content)
}
