package cryptoapi

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/received"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/jsonbody"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// Limits of small requests.
const (
	maxRaw     = 1 << 20 // octets of a certificate or a signature file, before base64
	maxText    = 256     // of a thumbprint
	maxSigners = 100     // of a signature file
)

// metadata is POST /certificates/metadata {RawData, Thumbprint}.
//
// RawData is the base64 of a certificate or of a signature file, in DER or PEM. Of a signature file the
// certificate of its first signer is described; Thumbprint chooses another signer. Thumbprint alone describes a
// certificate that GET /v2/certificates lists.
func (h *handler) metadata(c *gate.Call) error {
	var raw []byte
	var thumbprint string
	err := jsonbody.Object{Fold: true, Fields: []jsonbody.Field{
		jsonbody.Bytes("RawData", &raw, maxRaw),
		jsonbody.String("Thumbprint", &thumbprint, maxText),
	}}.Read(&small{r: c.Body(), left: maxRaw * 2})
	if err != nil {
		return err
	}
	if thumbprint != "" {
		if _, err := sign.ParseThumbprint(thumbprint); err != nil {
			return gate.Bad("Thumbprint has to be the SHA-1 of a certificate, 40 hexadecimal digits, or its SHA-256, 64 of them")
		}
	}
	if len(raw) == 0 && thumbprint == "" {
		return gate.Bad("give RawData, a certificate or a signature in base64, or the Thumbprint of a certificate that is installed here")
	}
	if len(raw) == 0 {
		return h.ofInstalled(c, thumbprint)
	}
	certs, signers, err := readRaw(raw)
	if err != nil {
		return err
	}
	cert := certs[0]
	if thumbprint != "" {
		if cert = find(certs, thumbprint); cert == nil {
			return gate.Bad("RawData holds no certificate with this Thumbprint")
		}
	}
	lease, err := h.Keys.Acquire(c.Context(), keys.Query{Certificate: cert.Raw, Allowed: c.Principal.MayUse})
	if err == nil {
		lease.Release()
	}
	d := describe(cert, err == nil)
	if signers {
		for _, s := range certs {
			d.SignerThumbprints = append(d.SignerThumbprints, sign.Thumbprint(s))
		}
	}
	return c.JSON(http.StatusOK, d)
}

func (h *handler) ofInstalled(c *gate.Call, thumbprint string) error {
	all, err := h.installed(c.Context(), c, false)
	if err != nil {
		return err
	}
	for _, i := range all {
		if sameThumbprint(i.cert, thumbprint) {
			return c.JSON(http.StatusOK, describe(i.cert, i.hasKey))
		}
	}
	// The same for a key that the caller may not use: it learns nothing of it.
	return gate.Bad("no certificate that you may use has this Thumbprint; GET /v2/certificates lists them")
}

// readRaw reads a certificate, or the certificates of the signers of a signature file.
func readRaw(raw []byte) (certs []*x509.Certificate, signers bool, err error) {
	if m, err := cades.Parse(raw); err == nil {
		certs, err := signersOf(m)
		return certs, true, err
	}
	if der, err := received.Unwrap(raw, nil); err == nil {
		raw = der
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, false, &gate.Error{Status: http.StatusBadRequest, Err: err,
			Message: fmt.Sprintf("RawData is neither a certificate nor a signature that can be read: %s", shortError(err))}
	}
	return []*x509.Certificate{cert}, false, nil
}

func signersOf(m *cades.Message) ([]*x509.Certificate, error) {
	all := m.Signatures()
	if len(all) == 0 {
		return nil, gate.Bad("RawData is a CMS message without a signature")
	}
	if len(all) > maxSigners {
		return nil, gate.Bad("RawData has more than %d signatures; it is not looked at", maxSigners)
	}
	var certs []*x509.Certificate
	for _, s := range all {
		if cert := s.SignerCertificate(); cert != nil {
			certs = append(certs, cert)
		}
	}
	if len(certs) == 0 {
		return nil, gate.Bad("RawData is a signature that does not hold the certificate of its signer, or one that cannot be read")
	}
	return certs, nil
}

func find(certs []*x509.Certificate, thumbprint string) *x509.Certificate {
	for _, c := range certs {
		if sameThumbprint(c, thumbprint) {
			return c
		}
	}
	return nil
}

func sameThumbprint(c *x509.Certificate, thumbprint string) bool {
	want, err := sign.ParseThumbprint(thumbprint)
	return err == nil && sign.HasThumbprint(c, want)
}

// shortError is the text of an error about what the caller sent.
func shortError(err error) string {
	text := err.Error()
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
