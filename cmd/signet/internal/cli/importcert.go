package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

func (a *app) importCertCommand() *cobra.Command {
	var f keyFlags
	cmd := &cobra.Command{
		Use:   "import-cert --key URI [flags] CERTFILE ...",
		Short: "Put the certificate of a key on its token",
		Long: `Put the certificate of a key on the token that URI names, with the label and id of the key, and the certificates of its
issuers as far as they are in the files (PEM or DER). What is there already is left. A certificate of no key of the token
is refused.`,
		Example: `  signet import-cert --key 'pkcs11:token=seal;object=k1?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/pin' seal.crt ca.crt`,
		Args:    atLeast(1, "give the file of the certificate"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.importCert(cmd.Context(), &f, args) },
	}
	f.register(cmd, a.env, false)
	cmd.Flags().SortFlags = false
	return cmd
}

func (a *app) importCert(ctx context.Context, f *keyFlags, files []string) error {
	if err := needToken(f, "import-cert puts certificates on tokens; that of a key file may lie in the same file or folder, or be given with --cert"); err != nil {
		return err
	}
	var all []*x509.Certificate
	for _, file := range files {
		certificates, err := readCertificates(file)
		if err != nil {
			return usage("%s: %w", file, cause(err))
		}
		all = append(all, certificates...)
	}
	t, err := a.tokenURI(f)
	if err != nil {
		return err
	}
	t.config.Certificates = all // a key without a public half is known by its certificate
	p, is, err := a.openToWrite(ctx, t)
	if err != nil {
		return err
	}
	defer t.pin.forget()
	defer func() { _ = p.Close() }()
	leaf, e, before, err := t.ownerOf(ctx, p, is, all)
	if err != nil {
		return err
	}
	chain := issuersOf(leaf, all)
	if err := p.ImportCertificate(ctx, leaf, chain...); err != nil {
		return keyFailure(err)
	}
	for _, c := range all {
		if !contains(append(chain, leaf), c) {
			a.warn("left out %s: it is not an issuer of the certificate", inspect.Name(c.RawSubject))
		}
	}
	a.checkValidity(leaf)
	if before != nil {
		a.warn("key %s has another certificate, too, on the token (%s); of those that are valid, the one issued last is signed with, unless --cert names another, such as %s", quote(e.Label), sign.Thumbprint(before), sign.Thumbprint(leaf))
	}
	a.note("the certificate of %s is on token %s, with %s of its issuers", inspect.Name(leaf.RawSubject), quote(is.Label), plain.Plural(len(chain), "certificate"))
	return a.printf("%s\n", t.keyURI(is, e))
}

// ownerOf finds the certificate that belongs to the key that is meant, that key, and a certificate that it has already.
func (t *token) ownerOf(ctx context.Context, p *pkcs11.Provider, is *pkcs11.Token, all []*x509.Certificate) (leaf *x509.Certificate, owner sign.Entry, before *x509.Certificate, err error) {
	ref := t.uri.Ref()
	var names, unread []string
	var entries []sign.Entry // one for each certificate of a key
	for e, err := range p.Keys(ctx) {
		if err != nil {
			unread = append(unread, sentence(err))
			continue // a key that cannot be read has no certificate that can be told to be of it
		}
		if !ref.Matches(e) {
			continue
		}
		entries = append(entries, e)
		if name := fmt.Sprintf("%s (id %x)", quote(e.Label), e.ID); !slices.Contains(names, name) {
			names = append(names, name)
		}
		for _, c := range all {
			if !sameKey(c, e) || c == leaf {
				continue
			}
			if leaf != nil {
				return nil, e, nil, usage("the files hold certificates of several keys or several certificates of one key: %s and %s; give one", inspect.Name(leaf.RawSubject), inspect.Name(c.RawSubject))
			}
			leaf, owner = c, e
		}
	}
	if leaf != nil {
		for _, e := range entries {
			if c := e.Certificate(); c != nil && sameKey(leaf, e) && !contains(all, c) {
				before = c
			}
		}
		return leaf, owner, before, nil
	}
	which := "no key of token " + quote(is.Label) + " has the public key of"
	if !ref.IsZero() {
		which = "no key that the URI names has the public key of"
	}
	text := fmt.Sprintf("%s the certificate of %s", which, inspect.Name(all[0].RawSubject))
	if len(all) > 1 {
		text = fmt.Sprintf("%s any of the %d certificates", which, len(all))
	}
	switch {
	case len(names) != 0:
		text += "; there are: " + firstOf(names)
	case len(unread) == 0:
		text += "; there is no such key at all; signet keys lists what is there"
	}
	if len(unread) != 0 {
		text += "; not read: " + firstOf(unread)
	}
	return nil, owner, nil, keyFailure(errors.New(text))
}

// sameKey compares the public key of a certificate with a key; of one that crypto/x509 does not read, the bytes.
func sameKey(c *x509.Certificate, e sign.Entry) bool {
	return (sign.Ref{Certificate: c}).Matches(sign.Entry{Public: e.Public})
}

// issuersOf goes from a certificate to its issuers.
func issuersOf(leaf *x509.Certificate, all []*x509.Certificate) []*x509.Certificate {
	var chain []*x509.Certificate
	for c := leaf; ; {
		var next *x509.Certificate
		for _, candidate := range all {
			if candidate.Equal(leaf) || contains(chain, candidate) || !pki.SameName(candidate.RawSubject, c.RawIssuer) {
				continue
			}
			if algorithm.CertificateSignedBy(c.Raw, candidate.RawSubjectPublicKeyInfo, schemes.All()...) == nil {
				next = candidate
				break
			}
		}
		if next == nil {
			return chain
		}
		chain = append(chain, next)
		c = next
	}
}

func contains(all []*x509.Certificate, c *x509.Certificate) bool {
	for _, other := range all {
		if other.Equal(c) {
			return true
		}
	}
	return false
}
