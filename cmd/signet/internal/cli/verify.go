package cli

import (
	"bytes"
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
)

type verifyFlags struct {
	trustFlags
	revocationFlags
	content, at string
	json        bool
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [flags] SIGNATURE|DIR|- ...",
		Short: "Verify signatures",
		Long: `Verify each SIGNATURE (binary, PEM, base64 or an S/MIME mail), and each .p7s and .p7m in each DIR. The content of a detached
signature X.p7s is the file X beside it, that of a signed mail is in the mail, unless --content says otherwise.

Without --trust, whether the signer is to be trusted is not looked at: the signature was then made with the key of the
certificate that comes with it, whoever that is. A certificate that names a place to ask whether it was revoked has to be
asked for (--fetch), unless what is inside the signature or given with --crl says so.

A time-stamp, or the answer of an authority with one in it (.tst, .tsr), is verified over its document.

The exit code is 0 when all signatures are valid, 1 when one is not, and 4 when it cannot be told of one, for which the last
line says what is missing.`,
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
	flags.StringVar(&f.at, "at", "", "the `TIME` at which certificates have to be valid, such as 2026-03-01 or 2026-03-01T12:00:00Z, instead of now")
	flags.BoolVar(&f.json, "json", false, "print one object for each signature file")
	flags.SortFlags = false
	return cmd
}

func (a *app) verify(ctx context.Context, f *verifyFlags, args []string) error {
	options := &cades.VerifyOptions{Clock: a.Now}
	var err error
	if f.at != "" {
		if options.Time, err = parseTime(f.at); err != nil {
			return usage("--at %s: %w", f.at, err)
		}
	}
	t, err := a.trusted(&f.trustFlags)
	if err != nil {
		return err
	}
	options.Roots, options.TimestampRoots, options.Certificates = t.roots, t.timestamps, t.known
	if err := f.revocationFlags.into(a, options); err != nil {
		return err
	}
	files, err := findSignatures(args, f.content)
	if err != nil {
		return err
	}
	bad, failed := 0, 0
	for i, file := range files {
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
		print := r.text
		if f.json {
			print = r.json
		} else if i > 0 {
			if err := a.printf("\n"); err != nil {
				return err
			}
		}
		if err := print(a); err != nil {
			return err
		}
	}
	if len(files) > 1 {
		a.note("%s of %s valid", plain.Count(len(files)-bad), plain.Plural(len(files), "signature file"))
	}
	switch {
	case failed != 0:
		return &failure{code: ExitFailed}
	case bad != 0:
		return &failure{code: ExitOpen}
	}
	return nil
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
		return r
	}
	if file.err != nil {
		return fail(file.err)
	}
	in, err := a.readIntake(file.path)
	defer func() { _ = in.Close() }()
	switch {
	case err != nil:
		return fail(err)
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
	var content io.Reader
	switch r.Mail = in.Content != nil && !file.explicit; {
	case r.Mail:
		content = bytes.NewReader(in.Content)
	case m.Detached() || file.explicit:
		f, err := a.openContent(file)
		if err != nil { // the rest is checked nevertheless
			r.Error = sentence(err)
		} else {
			defer func() { _ = f.Close() }()
			content, r.Content = f, file.content
		}
	}
	report, err := m.Verify(ctx, content, options)
	if err != nil {
		return fail(fmt.Errorf("the content %s: %w", file.content, cause(err)))
	}
	r.take(report)
	r.nameSigners(in.Octets, options.Certificates)
	for _, s := range report.Signatures {
		if s.Certificate == nil && s.Status(cades.CheckSigner) == cades.Failed {
			r.Hint = "give the certificate of the signer with --cert FILE"
		}
	}
	if r.Content != "" && r.Content != stdinName && contentFailed(report) {
		r.Hint = lineEnds(ctx, m, r.Content, options)
	}
	r.revocationHint(options)
	return r
}

// contentFailed reports whether the content is not the one that a signature is over.
func contentFailed(report *cades.Report) bool {
	for i := range report.Signatures {
		if report.Signatures[i].Status(cades.CheckMessageDigest) == cades.Failed {
			return true
		}
	}
	return false
}

// lineEnds says whether a content that is not the signed one would be it with other line ends. Mail programs, and
// openssl cms without -binary, sign a text with every line end made CRLF (RFC 8551 section 3.1.1), and version control and
// FTP change them afterwards. It stays another content: this is a hint, and no verdict.
func lineEnds(ctx context.Context, m *cades.Message, path string, options *cades.VerifyOptions) string {
	for _, end := range []struct{ octets, name string }{{"\r\n", "CR LF"}, {"\n", "LF"}} {
		f, err := os.Open(path)
		if err != nil {
			return ""
		}
		report, err := m.Verify(ctx, intake.Lines(f, end.octets), options)
		_ = f.Close()
		if err == nil && !contentFailed(report) {
			return "the content fits when every line of it ends with " + end.name + ": it was signed as a text, or its line ends were changed on the way"
		}
	}
	return ""
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

// signatureFile is one file to verify.
type signatureFile struct {
	path     string
	content  string // of a detached signature; empty when nothing says what it is
	explicit bool   // named by --content, rather than guessed
	err      error
}

// findSignatures finds what the arguments name, and the content that belongs to each.
func findSignatures(args []string, content string) ([]signatureFile, error) {
	below := "" // folder of the contents
	if content != "" && content != stdinName {
		info, err := os.Stat(content)
		if err != nil {
			return nil, usage("--content %s: %w", content, cause(err))
		}
		if info.IsDir() {
			below = content
		}
	}
	one := content != "" && below == ""
	var files []signatureFile
	for _, arg := range args {
		if arg == stdinName {
			files = append(files, signatureFile{path: stdinName})
			continue
		}
		path := filepath.Clean(arg)
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			if one {
				return nil, usage("--content %s is one file, but %s is a folder of signatures; give the folder where the signed files are", content, path)
			}
			found, err := signaturesIn(path, below)
			if err != nil {
				return nil, err
			}
			files = append(files, found...)
			continue
		}
		f := signatureFile{path: path, content: contentOf(path)}
		if below != "" && f.content != "" {
			f.content = contentBelow(below, f.content)
		}
		files = append(files, f)
	}
	if !one {
		return files, nil
	}
	if len(files) != 1 {
		return nil, usage("--content %s is one file, but there are %d signatures; verify them one by one, or give a folder", content, len(files))
	}
	if content == stdinName && files[0].path == stdinName {
		return nil, usage("signature and content cannot both come from standard input")
	}
	files[0].content, files[0].explicit = content, true
	return files, nil
}

func signaturesIn(root, below string) ([]signatureFile, error) {
	var files []signatureFile
	_ = fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && (d.IsDir() || !isSignature(d.Name())) {
			return nil
		}
		rel := filepath.FromSlash(path)
		f := signatureFile{path: filepath.Join(root, rel), err: err}
		f.content = contentOf(f.path)
		if below != "" {
			f.content = filepath.Join(below, contentOf(rel))
		}
		files = append(files, f)
		return nil
	})
	if len(files) == 0 {
		return nil, usage("there is no .p7s or .p7m in the folder %s", root)
	}
	return files, nil
}

// contentBelow finds the content of one signature of a tree: signed/docs/a has its content at a, docs/a or signed/docs/a
// below the folder. The longest that exists is it.
func contentBelow(dir, path string) string {
	for rest := path; ; {
		candidate := filepath.Join(dir, rest)
		_, below, more := strings.Cut(rest, string(filepath.Separator))
		if !more || isFile(candidate) {
			return candidate
		}
		rest = below
	}
}

// contentOf is the name of a signature without its ending; empty when it has none of those that signatures have.
func contentOf(path string) string {
	ext := filepath.Ext(path)
	switch ext {
	case detachedSuffix, attachedSuffix, ".sig", ".csig", ".pkcs7", ".p7", ".tst", ".tsr":
		return path[:len(path)-len(ext)]
	}
	return ""
}
