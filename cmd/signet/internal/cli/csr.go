package cli

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/sign"
)

type csrFlags struct {
	keyFlags
	subject, out, scheme string
}

func (a *app) csrCommand() *cobra.Command {
	var f csrFlags
	cmd := &cobra.Command{
		Use:   "csr --key KEY --subject NAME [flags]",
		Short: "Make a request for a certificate",
		Long: `Make a PKCS #10 request for a certificate, in PEM, signed by the key. The key needs no certificate yet.

NAME is written with the most special part first, as in RFC 4514: 'CN=Seal,O=Example Ltd,C=DE', or the other way round with
slashes, as for OpenSSL: '/C=DE/O=Example Ltd/CN=Seal'. A backslash stands before a comma or slash that is meant as such.`,
		Example: `  signet csr --key 'pkcs11:token=seal;object=k1?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/pin' \
    --subject 'CN=Seal,O=Example Ltd,C=DE' --out seal.csr`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.csr(cmd.Context(), &f) },
	}
	f.register(cmd, a.env, true)
	flags := cmd.Flags()
	flags.StringVar(&f.subject, "subject", "", "whom the certificate is for, `NAME`")
	flags.StringVarP(&f.out, "out", "o", "", "write the request to `FILE` instead of standard output")
	flags.StringVar(&f.scheme, "scheme", "", "signature scheme `NAME` of the request instead of the best one of the key")
	flags.SortFlags = false
	return cmd
}

func (a *app) csr(ctx context.Context, f *csrFlags) error {
	if f.subject == "" {
		return usage("whom is the certificate for? Give --subject 'CN=…,O=…'")
	}
	subject, err := parseSubject(f.subject)
	if err != nil {
		return usage("--subject %s: %w", f.subject, err)
	}
	var scheme *sign.Scheme
	if f.scheme != "" {
		s, err := schemeByName(f.scheme)
		if err != nil {
			return err
		}
		scheme = &s
	}
	keys, err := a.openKey(ctx, &f.keyFlags)
	if err != nil {
		return err
	}
	defer func() { _ = keys.Close() }()
	key, err := keys.bare(ctx)
	if err != nil {
		return err
	}
	der, err := request(ctx, key, subject, scheme)
	if err != nil {
		return keyFailure(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	if f.out == "" {
		return a.printf("%s", text)
	}
	if err := writeFile(f.out, true, bytesWriter(text)); err != nil {
		return &failure{ExitFailed, fmt.Errorf("write %s: %w", f.out, plainCause(err))}
	}
	a.note("made %s", f.out)
	return nil
}

// request makes a PKCS #10 request. crypto/x509 verifies the signature.
func request(ctx context.Context, key sign.Key, subject []byte, scheme *sign.Scheme) ([]byte, error) {
	algorithm, err := requestAlgorithm(key, scheme)
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{RawSubject: subject, SignatureAlgorithm: algorithm}
	return x509.CreateCertificateRequest(rand.Reader, template, contextSigner{ctx, key})
}

// contextSigner is a key whose calls end with a context.
type contextSigner struct {
	ctx context.Context //nolint:containedctx // x509 has none to pass on
	key sign.Key
}

func (s contextSigner) Public() crypto.PublicKey { return s.key.Public() }

func (s contextSigner) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.key.SignContext(s.ctx, digest, opts)
}

// SignMessage is for keys that are given the message, and is what crypto/x509 calls for all.
func (s contextSigner) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return sign.SignMessage(s.ctx, s.key, message, opts)
}

// requestAlgorithm is the first scheme that the key can do and requests can be signed with.
func requestAlgorithm(key sign.Key, chosen *sign.Scheme) (x509.SignatureAlgorithm, error) {
	all := sign.Schemes(key.Public())
	if s, ok := sign.As[sign.Schemer](key); ok && chosen == nil { // what is chosen is tried
		all = s.Schemes()
	}
	for _, s := range all {
		if chosen != nil && s.Name != chosen.Name {
			continue
		}
		if algorithm := x509Algorithm(key.Public(), s.Opts); algorithm != 0 {
			return algorithm, nil
		}
	}
	if chosen != nil {
		return 0, fmt.Errorf("--scheme %s: the key cannot sign a request with it; signet keys lists what the key can do", chosen.Name)
	}
	if e, ok := sign.As[sign.SchemeExplainer](key); ok && len(all) == 0 && e.ExplainSchemes() != "" {
		return 0, fmt.Errorf("the key can do no scheme here: %s", e.ExplainSchemes())
	}
	return 0, errors.New("no scheme of the key can sign a request for a certificate; signet keys lists what the key can do")
}

func x509Algorithm(public crypto.PublicKey, opts crypto.SignerOpts) x509.SignatureAlgorithm {
	hash := opts.HashFunc()
	if _, ok := public.(*rsa.PublicKey); ok {
		if _, pss := opts.(*rsa.PSSOptions); pss {
			return map[crypto.Hash]x509.SignatureAlgorithm{crypto.SHA256: x509.SHA256WithRSAPSS, crypto.SHA384: x509.SHA384WithRSAPSS, crypto.SHA512: x509.SHA512WithRSAPSS}[hash]
		}
		return map[crypto.Hash]x509.SignatureAlgorithm{crypto.SHA256: x509.SHA256WithRSA, crypto.SHA384: x509.SHA384WithRSA, crypto.SHA512: x509.SHA512WithRSA}[hash]
	}
	return map[crypto.Hash]x509.SignatureAlgorithm{
		0: x509.PureEd25519, crypto.SHA256: x509.ECDSAWithSHA256, crypto.SHA384: x509.ECDSAWithSHA384, crypto.SHA512: x509.ECDSAWithSHA512,
	}[hash]
}
