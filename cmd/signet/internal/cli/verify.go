package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/cmd/signet/internal/intake"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/sign"
)

type verifyFlags struct {
	trustFlags
	revocationFlags
	content, at   string
	policy, level string
	bare          bool
	html, lang    string
	verbose, json bool
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [flags] SIGNATURE|DIR|- ...",
		Short: "Verify signatures",
		Long: `Verify each SIGNATURE (binary, PEM, base64, an S/MIME mail or an ASiC container), and each .p7s, .p7m, .sig, .sgn, .cms, .tsr, .tst,
.asics, .asice, .scs and .sce in each DIR.
One line says of each signature who made it, when, the verdict, and why not; -v shows every check. The content of a detached
signature X.p7s is the file X beside it, that of a signed mail is in the mail, unless --content says otherwise.

Without --trust, whether the signer is to be trusted is not looked at: the signature was then made with the key of the
certificate that comes with it, whoever that is. A certificate that names a place to ask whether it was revoked has to be
asked for (--fetch), unless what is inside the signature or given with --crl says so.

An ASiC container is VALID when all its signatures are, and every file in it is covered by one. One with signatures in XML (XAdES) is not
read.

A time-stamp, or the answer of an authority with one in it (.tst, .tsr), is verified over its document.

What has to be true for VALID beside the mathematics is the policy (--policy): default, strict, lenient, or a FILE in JSON.

The exit code is 0 when all signatures are VALID; 1 when one is TOTAL-FAILED, or a file is no signature or cannot be read; and 4 when
one is INDETERMINATE, which is behind its verdict, or nobody was named as trusted.`,
		Example: `  signet verify README.md.p7s
  signet verify --trust root.pem --at 2026-03-01 contract.pdf.p7m
  signet verify --trust demo --content . signed               the tree that "signet sign --out signed" made`,
		Args: atLeast(1, "give the signatures to verify"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.verify(cmd.Context(), &f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.content, "content", "", "the `FILE` that was signed (- is standard input), or the folder below which the files are")
	f.trustFlags.register(cmd)
	f.revocationFlags.register(cmd)
	flags.StringVar(&f.at, "at", "", "the `TIME` of validation, such as 2026-03-01 or 2026-03-01T12:00:00Z, instead of now: what came later is not known then")
	flags.StringVar(&f.policy, "policy", "default", "what is demanded, `POLICY`: default, strict, lenient, or a file in JSON")
	flags.BoolVar(&f.bare, "allow-bare-digestinfo", false, "accept RSA signatures whose DigestInfo lacks a NULL, as some tokens made them; the report names it")
	flags.StringVar(&f.level, "explain-level", "", "say what keeps each signature from the baseline levels up to `LEVEL`: b, t, lt or lta")
	flags.StringVar(&f.html, "html", "", "write a report for people to `FILE`, one page that needs nothing else")
	flags.StringVar(&f.lang, "lang", "", "the language of the page, `LANG`: en or ru, instead of both")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show every check")
	flags.BoolVar(&f.json, "json", false, "print one object for each signature file")
	flags.SortFlags = false
	return cmd
}

func (a *app) verify(ctx context.Context, f *verifyFlags, args []string) error {
	options := &cades.VerifyOptions{Schemes: schemes.All(), Clock: a.Now, AllowBareDigestInfo: f.bare}
	show, err := f.shown()
	if err != nil {
		return err
	}
	if options.Policy, err = readPolicy(f.policy); err != nil {
		return usage("--policy %s: %w", f.policy, cause(err))
	}
	if f.at != "" {
		if options.Time, err = parseTime(f.at); err != nil {
			return usage("--at %s: %w", f.at, err)
		}
	}
	if err := f.checkPage(); err != nil {
		return err
	}
	t, err := a.trusted(&f.trustFlags)
	if err != nil {
		return err
	}
	options.Roots, options.TimestampRoots, options.Certificates = t.roots, t.timestamps, t.known
	if err := f.revocationFlags.into(a, options); err != nil {
		return err
	}
	counting := options.Policy.Algorithms
	counting.Schemes = append(schemes.All(), counting.Schemes...)
	t.algorithms = &counting
	files, err := a.findSignatures(args, f.content, verifiable)
	if err != nil {
		return err
	}
	var all []*verified // for the page
	bad, failed := 0, 0
	for _, file := range files {
		if ctx.Err() != nil {
			return &failure{ExitFailed, errors.New("interrupted")}
		}
		r := a.verifyFile(ctx, file, options, t)
		if ctx.Err() != nil {
			return &failure{ExitFailed, errors.New("interrupted")}
		}
		if !r.OK {
			bad++
		}
		if r.conclusion().Indication == validate.TotalFailed {
			failed++
		}
		if f.json {
			err = r.json(a)
		} else {
			err = r.text(a, show)
		}
		if err != nil {
			return err
		}
		if f.html != "" {
			if r.Report != nil {
				release(r.Report.Signatures)
			}
			all = append(all, r)
		}
	}
	if f.html != "" {
		if err := a.writePage(f, all, options); err != nil {
			return err
		}
	}
	if len(files) > 1 {
		a.note("%s", tally(len(files), bad, failed))
	}
	switch {
	case failed != 0:
		return &failure{code: ExitFailed}
	case bad != 0:
		return &failure{code: ExitOpen}
	}
	return nil
}

// tally is how many files came out how.
func tally(files, bad, failed int) string {
	s := fmt.Sprintf("%s of %s valid", plain.Count(files-bad), plain.Plural(files, "signature file"))
	if failed != 0 {
		s += fmt.Sprintf(", %s failed", plain.Count(failed))
	}
	if open := bad - failed; open != 0 {
		s += fmt.Sprintf(", %s cannot be relied on as they are", plain.Count(open))
	}
	return s
}

// shown is what the flags say about what is printed.
func (f *verifyFlags) shown() (*shown, error) {
	o := &shown{tree: f.verbose}
	if f.level != "" {
		level, ok := map[string]string{"b": "B-B", "t": "B-T", "lt": "B-LT", "lta": "B-LTA"}[strings.TrimPrefix(strings.ToLower(f.level), "b-")]
		if !ok {
			return nil, usage("--explain-level %s: choose one of b, t, lt, lta", f.level)
		}
		o.level = level
	}
	switch {
	case o.tree && f.json, o.level != "" && f.json:
		return nil, usage("--json prints everything; -v and --explain-level are for people")
	case f.lang != "" && f.html == "":
		return nil, usage("--lang is for --html")
	case f.lang != "" && f.lang != "en" && f.lang != "ru":
		return nil, usage("--lang %s: choose en or ru", f.lang)
	}
	return o, nil
}

// readPolicy finds a preset, or reads a file.
func readPolicy(name string) (*validate.Policy, error) {
	if p, ok := validate.PolicyNamed(name); ok {
		return p, nil
	}
	data, err := readSmall(name, 1<<20)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("choose default, strict, lenient, or a file, and there is none of that name")
	}
	if err != nil {
		return nil, err
	}
	p, err := validate.ParsePolicy(data)
	if err != nil {
		if e, ok := errors.AsType[*sign.Error](err); ok && e.Err != nil { // whoever gave the file knows what it is
			return nil, e.Err
		}
		return nil, err
	}
	return p, nil
}

// demoRoots finds the authorities of the demo identities of this user, expired ones included.
func (a *app) demoRoots() ([]string, error) {
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	var files []string
	folders, _ := os.ReadDir(state)
	for _, d := range folders {
		file := filepath.Join(state, d.Name(), demoRootFile)
		if (d.Name() == demoKey || strings.HasPrefix(d.Name(), demoKey+demoExpired)) && isFile(file) {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("there is no demo identity here; signet sign --key demo makes one")
	}
	return files, nil
}

// maxSignatureFile bounds what is read into memory: contents of mails, and of signatures in spellings that nobody expects.
const maxSignatureFile = 4 << 30

// verifyFile checks one file; what goes wrong is in the result.
func (a *app) verifyFile(ctx context.Context, file signatureFile, options *cades.VerifyOptions, t *trusted) *verified {
	r := &verified{Signature: file.path, asked: options.Roots != nil}
	fail := func(err error) *verified {
		r.Error = sentence(cause(err))
		_, r.unread = errors.AsType[*fs.PathError](err)
		return r
	}
	if file.err != nil {
		return fail(file.err)
	}
	if c, err := a.openContainer(file.path); err != nil {
		return fail(err)
	} else if c != nil {
		defer func() { _ = c.Close() }()
		if file.explicit {
			return fail(errors.New("a container holds what is signed; leave --content out"))
		}
		if err := a.verifyContainer(ctx, c, r, options); err != nil {
			return fail(err)
		}
		r.hints(options)
		return r
	}
	in, err := a.readIntake(file.path)
	defer func() { _ = in.Close() }()
	switch {
	case err != nil:
		_ = fail(err)
		if !r.unread {
			r.Hint = a.otherFile(file)
		}
		return r
	case in.Kind == intake.Token, in.Kind == intake.Response:
		if err := a.verifyTimestamp(ctx, r, in, file, t); err != nil {
			return fail(err)
		}
		return r
	case in.Kind != intake.Signature && in.Kind != intake.Unknown:
		return fail(notSigned(in))
	}
	m, err := messageOf(in)
	if err != nil {
		return fail(syntaxCause(err))
	}
	r.Attached = !m.Detached()
	var content sign.Content
	switch r.Mail = in.Content != nil && !file.explicit; {
	case r.Mail:
		content = sign.Bytes(inputName(file.path), in.Content)
	case m.Detached() || file.explicit:
		f, err := a.openContent(file)
		if err != nil { // the rest is checked nevertheless
			r.Error, r.noContent = sentence(err), true
		} else {
			defer func() { _ = f.Close() }()
			content, r.Content = openedContent(file.content, f), file.content
		}
	}
	report, err := m.Verify(ctx, content, options)
	if err != nil {
		_ = fail(fmt.Errorf("the content %s: %w", file.content, cause(err)))
		r.unread = true
		return r
	}
	if r.Mail && in.Received != nil && changed(report) {
		// Who signs binary parts signs what stands there, without the line ends of text (RFC 8551 section 3.1.1).
		again := sign.Bytes(inputName(file.path), in.Received)
		if other, err := m.Verify(ctx, again, options); err == nil && !changed(other) {
			report, content = other, again
		}
	}
	report = withIssuers(ctx, m, content, report, options)
	if in.Part {
		a.note("%s: a part of this mail is signed, and not all of it; signet extract takes that part out", plain.Text(inputName(file.path)))
	}
	r.take(report)
	r.hints(options)
	return r
}

// changed reports whether the content of a signature is not the one that was signed.
func changed(report *cades.Report) bool {
	for i := range report.Signatures {
		if report.Signatures[i].Status(cades.CheckMessageDigest) == cades.Failed {
			return true
		}
	}
	return false
}

// hints says what would help signatures that have not passed.
func (r *verified) hints(options *cades.VerifyOptions) {
	for _, s := range r.Report.Signatures {
		if s.Signer == nil && s.Status(cades.CheckSigner) == cades.Failed {
			r.hint(s.Cause, "give the certificate of the signer with --cert FILE")
		}
	}
	for _, s := range r.Report.Signatures {
		if _, ends, ok := strings.Cut(s.Reason, "; the content fits "); ok {
			r.hint(s.Cause, "the content fits "+ends)
		}
	}
	r.revocationHint(options)
	for _, s := range r.Report.Signatures {
		if r.Hint == "" && s.Cause == validate.CauseUnknownAuthority && strings.HasSuffix(s.Reason, "of whom no certificate is known") {
			way := "give that certificate with --cert FILE, or with --trust FILE when you trust it"
			if options.Revocation == nil {
				way = "let it be asked for with --fetch, or " + way
			}
			r.hint(s.Cause, way)
		}
	}
	for _, s := range r.Report.Signatures {
		if s.Status(cades.CheckSignature) == cades.Failed && strings.Contains(s.Reason, "lacks the NULL") {
			r.hint(s.Cause, "let it count with --allow-bare-digestinfo")
		}
	}
}

// otherFile says where the signature may be when the file that was given is none: people name the document, or exchange the two.
func (a *app) otherFile(file signatureFile) string {
	if file.explicit && file.content != stdinName {
		in, err := a.readIntake(file.content)
		defer func() { _ = in.Close() }()
		if err == nil && in.Kind.Signed() {
			return "what --content names is a signature: exchange the two"
		}
	}
	for _, ext := range []string{detachedSuffix, attachedSuffix, ".sig", ".sgn", ".cms", ".tsr", ".tst"} {
		if file.path != stdinName && isFile(file.path+ext) {
			return "its signature may be " + file.path + ext
		}
	}
	return ""
}

// openedContent is what was opened: read from its beginning as often as it is asked for, but for a pipe.
func openedContent(name string, r io.Reader) sign.Content {
	c := sign.Reader(name, r)
	if again := c.Source().Rewind(); again != nil {
		return sign.Opener(name, again)
	}
	return c
}

func (a *app) openContent(file signatureFile) (io.ReadCloser, error) {
	switch {
	case file.content == "":
		return nil, errors.New("the signature is detached; give the file that was signed with --content FILE")
	case file.content == stdinName:
		return io.NopCloser(a.Stdin), nil
	}
	f, err := os.Open(file.content)
	switch {
	case errors.Is(err, os.ErrNotExist) && !file.explicit:
		return nil, fmt.Errorf("the signature is detached and its content %s is not there; give the file that was signed with --content FILE, or the folder where the tree of the signed files begins with --content DIR", file.content)
	case err != nil:
		return nil, fmt.Errorf("the content %s: %w", file.content, cause(err))
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		_ = f.Close()
		return nil, fmt.Errorf("the content %s is a folder; give the file that was signed with --content FILE", file.content)
	}
	return f, nil
}
