package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/intake"
	"github.com/seed-116355fd/signet/trust"
)

// systemTrust stands for the certificates that the system trusts.
const systemTrust = "system"

// trustFlags say whom a verifier trusts, and which certificates it knows besides.
type trustFlags struct {
	trust, timestampTrust, cert []string
}

func (f *trustFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.trust, "trust", nil, "trusted certificates: a `FILE` in PEM, DER or PKCS #7 (.p7b), a folder of such files, system, or demo; may be repeated")
	flags.StringArrayVar(&f.timestampTrust, "timestamp-trust", nil, "the same for authorities of time-stamps, `FILE`, instead of --trust")
	flags.StringArrayVar(&f.cert, "cert", nil, "certificates of signers and issuers that are not inside, `FILE`, in the forms of --trust; they are not trusted for that; may be repeated")
}

// trusted is what these flags mean.
type trusted struct {
	roots      *trust.Roots        // nil when nobody was named
	timestamps *trust.Roots        // of authorities of time-stamps: the same, unless others were named
	known      []*x509.Certificate // candidates for signers and issuers
	algorithms *trust.Algorithms   // which count, also in time-stamps that are files of their own; nil is the default
}

// trusted reads the flags. One certificate that cannot be used is a warning, and does not take the others away.
func (a *app) trusted(f *trustFlags) (*trusted, error) {
	t := &trusted{}
	var err error
	if t.known, err = a.known(f.cert); err != nil {
		return nil, err
	}
	var direct []*x509.Certificate
	if t.roots, direct, err = a.roots("--trust", f.trust); err != nil {
		return nil, err
	}
	// Who trusts a certificate knows it, too: it may be that of the signer, or of an issuer.
	t.known = append(t.known, direct...)
	if t.timestamps, direct, err = a.roots("--timestamp-trust", f.timestampTrust); err != nil {
		return nil, err
	}
	t.known = append(t.known, direct...)
	if t.timestamps == nil {
		t.timestamps = t.roots
	}
	return t, nil
}

// roots reads trusted certificates; nil when none were asked for. Those from files are also returned.
func (a *app) roots(flag string, paths []string) (*trust.Roots, []*x509.Certificate, error) {
	if len(paths) == 0 {
		return nil, nil, nil
	}
	pool := trust.New()
	var direct []*x509.Certificate
	for _, path := range paths {
		if path == systemTrust {
			system, err := trust.System()
			if err == nil && system.Len() == 0 {
				err = errors.New("this system gives no trusted certificates away; name a file of them")
			}
			if err != nil {
				return nil, nil, usage("%s system: %w", flag, err)
			}
			for _, der := range system.Certificates() {
				_ = pool.AddDER(der) // was added once before
			}
			continue
		}
		certificates, err := a.given(flag, path, pool.AddDER)
		if err != nil {
			return nil, nil, err
		}
		for _, der := range certificates {
			if c, err := trust.ParseCertificate(der); err == nil {
				direct = append(direct, c)
			}
		}
	}
	return pool, direct, nil
}

// known reads --cert: certificates that help to find signers and paths, and are not trusted for that.
func (a *app) known(paths []string) (all []*x509.Certificate, err error) {
	for _, path := range paths {
		_, err := a.given("--cert", path, func(der []byte) error {
			c, err := trust.ParseCertificate(der)
			if err == nil {
				all = append(all, c)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// given reads the certificates of a file, or of a folder of files, and returns those that were taken. It warns of the
// others by file and number, and fails when there are only such.
func (a *app) given(flag, path string, take func(der []byte) error) (taken [][]byte, err error) {
	files, folder, err := a.certificateFiles(flag, path)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, file := range files {
		data, err := readSmall(file, maxCertificateFile)
		if err != nil {
			if !folder {
				return nil, usage("%s %s: %w", flag, file, cause(err))
			}
			left = append(left, fmt.Sprintf("%s: %s", file, cause(err)))
			continue
		}
		certificates, what := intake.Certificates(data)
		if flag != "--cert" && what == intake.Signature.Name() && signs(data) {
			a.warn("%s %s is a signature, and every certificate in it is trusted now, that of its signer included: whoever made the file can have put any there", flag, file)
		}
		if len(certificates) == 0 {
			left = append(left, file+": "+noCertificate(what))
		}
		for i, der := range certificates {
			if err := take(der); err != nil {
				left = append(left, fmt.Sprintf("%s: certificate %d in it cannot be read: %s", file, i+1, sentence(err)))
				continue
			}
			taken = append(taken, der)
		}
	}
	if len(taken) == 0 {
		return nil, usage("%s %s", flag, strings.Join(left[:min(len(left), maxSpecial)], "; "))
	}
	for i, l := range left {
		if i == maxSpecial {
			a.warn("%s %s: %d more are left out", flag, path, len(left)-i)
			break
		}
		a.warn("%s %s; it is left out", flag, l)
	}
	return taken, nil
}

// signs reports whether a file is a signature rather than a collection of certificates, which has the same form.
func signs(data []byte) bool {
	in, err := intake.Read(data)
	if err != nil {
		return false
	}
	m, err := cades.Parse(in.DER)
	return err == nil && len(m.Signatures()) != 0
}

// noCertificate says that there is no certificate in a file, and what is there instead.
func noCertificate(what string) string {
	const none = "there is no certificate in it"
	switch {
	case what == intake.PKCS12.Name():
		return none + " that can be read without a password: it is " + what + "; openssl pkcs12 -nokeys takes the certificates out"
	case strings.HasPrefix(what, "a"):
		return none + ": it is " + what
	}
	return none + ", neither in PEM nor in DER nor in PKCS #7"
}

// certificateFiles are the files that a path means.
func (a *app) certificateFiles(flag, path string) (files []string, folder bool, err error) {
	if path == "" {
		return nil, false, usage("%s is empty; is a variable of your shell not set?", flag)
	}
	info, err := os.Stat(path)
	switch {
	case path == demoKey:
		if files, err = a.demoRoots(); err != nil {
			return nil, false, usage("%s demo: %w", flag, err)
		}
		return files, false, nil
	case err != nil || !info.IsDir():
		return []string{path}, false, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, true, usage("%s %s: %w", flag, path, cause(err))
	}
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".pem", ".crt", ".cer", ".der", ".p7b", ".p7c":
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, true, usage("%s %s: there is no .pem, .crt, .cer, .der or .p7b file in that folder", flag, path)
	}
	return files, true, nil
}

const maxCertificateFile = 16 << 20

// readCertificates reads all certificates of a file, each of which has to be readable; there is at least one.
func readCertificates(path string) ([]*x509.Certificate, error) {
	data, err := readSmall(path, maxCertificateFile)
	if err != nil {
		return nil, err
	}
	found, what := intake.Certificates(data)
	if len(found) == 0 {
		return nil, errors.New(noCertificate(what))
	}
	all := make([]*x509.Certificate, 0, len(found))
	for _, der := range found {
		c, err := trust.ParseCertificate(der)
		if err != nil {
			return nil, &unusable{len(all) + 1, err}
		}
		all = append(all, c)
	}
	return all, nil
}

// unusable says why a certificate cannot be used with a key.
type unusable struct {
	number int
	err    error
}

func (e *unusable) Error() string {
	return fmt.Sprintf("certificate %d in it cannot be read: %s", e.number, strings.TrimPrefix(e.err.Error(), "x509: "))
}
func (e *unusable) Unwrap() error { return e.err }
