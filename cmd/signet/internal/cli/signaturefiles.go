package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
)

// signatureFile is one file to verify.
type signatureFile struct {
	path     string
	content  string // of a detached signature; empty when nothing says what it is
	explicit bool   // named by --content, rather than guessed
	err      error
}

// findSignatures finds what the arguments name, and the content that belongs to each.
func (a *app) findSignatures(args []string, content string, wanted func(name string) bool) ([]signatureFile, error) {
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
			found, skipped, err := signaturesIn(path, below, wanted)
			if err != nil {
				return nil, err
			}
			if skipped != 0 {
				a.note("%s in %s left out, which %s not named like a signature", plain.Plural(skipped, "file"), path, map[bool]string{true: "is", false: "are"}[skipped == 1])
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
	if content == stdinName && len(files) != 1 {
		return nil, usage("--content - can be read once, but there are %d signatures; give the content in a file", len(files))
	}
	for i := range files { // each of those who signed it has sent a signature
		if content == stdinName && files[i].path == stdinName {
			return nil, usage("signature and content cannot both come from standard input")
		}
		files[i].content, files[i].explicit = content, true
	}
	return files, nil
}

// verifiable reports whether a file in a folder is verified: a signature, or a time-stamp.
func verifiable(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case detachedSuffix, attachedSuffix, ".sig", ".sgn", ".cms", ".csig", ".pkcs7", ".tsr", ".tst":
		return true
	}
	return isContainerName(name)
}

// signaturesIn finds the signatures in a folder. The files that they are over are no surprise; others that are left out are counted.
func signaturesIn(root, below string, wanted func(name string) bool) (files []signatureFile, skipped int, err error) {
	others := map[string]bool{}
	_ = fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return nil
		}
		rel := filepath.FromSlash(path)
		if err == nil && !wanted(d.Name()) {
			others[filepath.Join(root, rel)] = true
			return nil
		}
		f := signatureFile{path: filepath.Join(root, rel), err: err}
		f.content = contentOf(f.path)
		if below != "" {
			f.content = filepath.Join(below, contentOf(rel))
		}
		files = append(files, f)
		return nil
	})
	if len(files) == 0 {
		return nil, 0, usage("there is no file with the name of a signature in the folder %s (.p7s, .p7m, for verify also .sig, .sgn, .cms, .csig, .pkcs7, .tsr, .tst)", root)
	}
	for _, f := range files {
		delete(others, f.content)
	}
	return files, len(others), nil
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
	switch strings.ToLower(ext) {
	case detachedSuffix, attachedSuffix, ".sig", ".sgn", ".cms", ".csig", ".pkcs7", ".p7", ".tst", ".tsr":
		return path[:len(path)-len(ext)]
	}
	return ""
}
