package trust

import (
	"crypto/x509"
	"fmt"

	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

// wrong is the error of what a caller gave.
func wrong(op, format string, args ...any) error {
	return &sign.Error{Op: "trust: " + op, Class: sign.ErrInput, Err: fmt.Errorf(format, args...)}
}

// ParseCertificate reads a certificate in DER, also one that crypto/x509 refuses, such as one with a negative serial number:
// its fields are those that could be read then. A signer may be made with it (sign.New), it may stand in a chain, be given to
// verify with, and asked about. crypto/x509 itself does not verify such a one.
func ParseCertificate(der []byte) (*x509.Certificate, error) {
	c, err := pki.ParseCertificate(der)
	if err != nil {
		return nil, &sign.Error{Op: "trust: certificate", Class: sign.ErrInput, Err: err}
	}
	return c.Lenient(), nil
}
