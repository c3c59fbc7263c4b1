package api

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/reason"
	"github.com/seed-116355fd/signet/sign"
)

// certificate is how a certificate is described.
type certificate struct {
	Thumbprint string    `json:"thumbprint"` // SHA-1 of the DER, upper-case hexadecimal
	SHA256     string    `json:"sha256"`     // SHA-256 of the DER, upper-case hexadecimal
	Subject    string    `json:"subject"`    // RFC 4514
	Issuer     string    `json:"issuer"`
	Serial     string    `json:"serial"` // upper-case hexadecimal
	NotBefore  time.Time `json:"notBefore"`
	NotAfter   time.Time `json:"notAfter"`
}

func describe(c *x509.Certificate) *certificate {
	sum := sha256.Sum256(c.Raw)
	d := &certificate{Thumbprint: sign.Thumbprint(c), SHA256: strings.ToUpper(hex.EncodeToString(sum[:])),
		Subject: c.Subject.String(), Issuer: c.Issuer.String(), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC()}
	if c.SerialNumber != nil {
		d.Serial = strings.ToUpper(c.SerialNumber.Text(16))
	}
	return d
}

// key is one key that the caller may use.
type key struct {
	Name        string       `json:"name"`
	State       string       `json:"state"`            // "ready" or "unavailable"
	Reason      string       `json:"reason,omitempty"` // why it is unavailable
	Certificate *certificate `json:"certificate,omitempty"`
	Scheme      string       `json:"scheme,omitempty"` // "ecdsa-sha256"
	Level       string       `json:"level"`            // what is made without being told otherwise
	Attached    bool         `json:"attached"`
}

// keys is GET /v1/keys: the keys that the caller may use, in the order of the configuration, and whether they can be used
// now.
func (h *handler) keys(c *gate.Call) error {
	list := struct {
		Keys []key `json:"keys"`
	}{[]key{}}
	all := h.Keys.List(c.Context(), c.Principal.MayUse)
	if c.Context().Err() != nil {
		return context.Cause(c.Context())
	}
	for _, s := range all {
		k := key{Name: s.Name, State: "ready", Scheme: s.Scheme, Level: s.Level.String(), Attached: s.Attached}
		if s.Certificate != nil {
			k.Certificate = describe(s.Certificate)
		}
		if s.Err != nil {
			c.Log.WarnContext(c.Context(), "key cannot be used", "key", s.Name, "error", s.Err.Error())
			k.State, k.Reason = "unavailable", reason.Of(s.Err)
		}
		list.Keys = append(list.Keys, k)
	}
	return c.JSON(http.StatusOK, list)
}
