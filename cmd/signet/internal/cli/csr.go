package cli

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/internal/certify"
	"github.com/seed-116355fd/signet/sign"
)

type csrFlags struct {
	keyFlags
	subject, out, scheme string
	selfSigned           int // days; 0: a request
}

func (a *app) csrCommand() *cobra.Command {
	var f csrFlags
	cmd := &cobra.Command{
		Use:   "csr --key KEY --subject NAME [flags]",
		Short: "Make a request for a certificate",
		Long: `Make a PKCS #10 request for a certificate, in PEM, signed by the key. The key needs no certificate yet.

NAME is written with the most special part first, as in RFC 4514: 'CN=Seal,O=Example Ltd,C=DE', or the other way round with
slashes, as for OpenSSL: '/C=DE/O=Example Ltd/CN=Seal'. A backslash stands before a comma or slash that is meant as such.

With --self-signed, make a certificate that the key signs itself instead: for tests, and for those who trust this one certificate.`,
		Example: `  signet csr --key 'pkcs11:token=seal;object=k1?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/pin' \
    --subject 'CN=Seal,O=Example Ltd,C=DE' --out seal.csr
  signet csr --key archive.key --subject 'CN=Archive' --self-signed 365 --out archive.crt`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.csr(cmd.Context(), &f) },
	}
	f.register(cmd, a.env, true)
	flags := cmd.Flags()
	flags.StringVar(&f.subject, "subject", "", "whom the certificate is for, `NAME`")
	flags.StringVarP(&f.out, "out", "o", "", "write the request to `FILE` instead of standard output")
	flags.StringVar(&f.scheme, "scheme", "", "signature scheme `NAME` of the request instead of the best one of the key")
	flags.IntVar(&f.selfSigned, "self-signed", 0, "make a certificate that is signed by the key itself and good for so many `DAYS` instead of a request")
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
	if f.selfSigned < 0 || f.selfSigned > maxSelfSigned {
		return usage("--self-signed %d: give 1 to %d days", f.selfSigned, maxSelfSigned)
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
	block := pem.Block{Type: "CERTIFICATE REQUEST"}
	if f.selfSigned == 0 {
		block.Bytes, err = request(ctx, key, subject, scheme)
	} else {
		block.Type = "CERTIFICATE"
		block.Bytes, err = selfSigned(ctx, key, subject, scheme, f.selfSigned)
	}
	if err != nil {
		return keyFailure(err)
	}
	text := pem.EncodeToMemory(&block)
	if f.out == "" {
		return a.printf("%s", text)
	}
	if err := writeFile(f.out, true, bytesWriter(text)); err != nil {
		return &failure{ExitFailed, fmt.Errorf("write %s: %w", f.out, plainCause(err))}
	}
	a.note("made %s", f.out)
	return nil
}

// request makes a PKCS #10 request, whose signature is verified.
func request(ctx context.Context, key sign.Key, subject []byte, chosen *sign.Scheme) ([]byte, error) {
	scheme, err := requestScheme(key, chosen)
	if err != nil {
		return nil, err
	}
	return certify.Request(ctx, &x509.CertificateRequest{RawSubject: subject}, key, scheme)
}

const maxSelfSigned = 36525 // a hundred years

// selfSigned makes a certificate for signing documents, of which the key is its own issuer.
func selfSigned(ctx context.Context, key sign.Key, subject []byte, chosen *sign.Scheme, days int) ([]byte, error) {
	scheme, err := requestScheme(key, chosen)
	if err != nil {
		return nil, err
	}
	spki, err := certify.PublicKey(key)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), RawSubject: subject, NotBefore: now.Add(-time.Minute), NotAfter: now.AddDate(0, 0, days),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
	}
	return certify.Certificate(ctx, template, spki, nil, key, scheme)
}
