package trust

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Where systems keep their roots; the first file that is there counts, and the first folder that is there if there is no file.
var (
	systemFiles = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/pki/tls/cacert.pem",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem", "/usr/local/etc/ssl/cert.pem"}
	systemFolders = []string{"/etc/ssl/certs", "/etc/pki/tls/certs", "/system/etc/security/cacerts"}
)

// System returns the roots of the system, for its TLS: those of SSL_CERT_FILE and SSL_CERT_DIR where these are set, else of the
// places where distributions keep them. Windows and macOS do not give theirs away.
func System() (*Roots, error) {
	files, folders := systemFiles, systemFolders
	if f := os.Getenv("SSL_CERT_FILE"); f != "" {
		files, folders = []string{f}, nil
	}
	if d := os.Getenv("SSL_CERT_DIR"); d != "" {
		folders = filepath.SplitList(d)
		if os.Getenv("SSL_CERT_FILE") == "" {
			files = nil
		}
	}
	r := &Roots{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		r.addPEM(data)
		break
	}
	if r.Len() == 0 || os.Getenv("SSL_CERT_DIR") != "" {
		for _, d := range folders {
			entries, err := os.ReadDir(d)
			if err != nil {
				continue
			}
			for _, e := range entries {
				if data, err := os.ReadFile(filepath.Join(d, e.Name())); err == nil && !e.IsDir() {
					r.addPEM(data)
				}
			}
			if r.Len() != 0 && os.Getenv("SSL_CERT_DIR") == "" {
				break
			}
		}
	}
	if r.Len() == 0 {
		return nil, wrong("system", "no roots of the system were found in %s", strings.Join(append(files[:len(files):len(files)], folders...), ", "))
	}
	return r, nil
}

// addPEM adds the certificates among blocks of PEM. One that cannot be read does not take the others away (RFC 5280 section
// 6.1.1 (d)).
func (r *Roots) addPEM(data []byte) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return
		}
		if block.Type == "CERTIFICATE" || block.Type == "X509 CERTIFICATE" || block.Type == "TRUSTED CERTIFICATE" {
			_ = r.AddDER(block.Bytes)
		}
	}
}

// Parse reads roots: certificates in PEM, or one in DER. What cannot be read is left out, with an error each; the roots are
// empty when there is none at all.
func Parse(data []byte) (*Roots, []error) {
	r := &Roots{}
	if !bytes.Contains(data, []byte("-----BEGIN")) {
		if err := r.AddDER(data); err != nil {
			return r, []error{err}
		}
		return r, nil
	}
	var problems []error
	n := 0
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if !strings.HasSuffix(block.Type, "CERTIFICATE") {
			continue
		}
		n++
		if err := r.AddDER(block.Bytes); err != nil {
			problems = append(problems, fmt.Errorf("certificate %d: %w", n, err))
		}
	}
	if n == 0 {
		problems = append(problems, wrong("parse", "there is no certificate in PEM"))
	}
	return r, problems
}
