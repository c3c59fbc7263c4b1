// Package revocation finds out whether certificates are revoked: it fetches OCSP responses (RFC 6960) and CRLs (RFC 5280),
// checks them, keeps them, and completes chains with the certificates that issuers publish.
//
//	client, err := revocation.NewClient(revocation.Config{CacheDir: dir})
//	chain, err := client.Chain(ctx, leaf, candidates)
//	status, err := client.Status(ctx, leaf, chain[1], time.Now())
//
// [Client.Collect] gathers the values of many chains, each value once, with the certificates of OCSP responders: what a
// long-term signature carries. [Values.Check] does without the network, from values that are at hand.
//
// # What is checked
//
// A response speaks of a certificate only when issuer name, issuer key and serial number are the certificate's. It is
// signed by the issuer itself, or by a certificate that the issuer made for this (id-kp-OCSPSigning), or by a responder that
// the caller trusts; any other certificate of the same authority is refused. Both are within their times.
//
// CRLs are used as RFC 5280 section 6.3 has it: a CRL is of the issuer, or of the one that a distribution point of the certificate
// names (an indirect one); its scope covers the certificate; a delta is combined with the list that it changes; lists of some
// reasons count together when they cover all; and who signed is the issuer, or has a path to the same anchor. Unknown critical
// extensions are refused by name.
//
// Every check has a name of type [Check], by which an error can be asked what was wrong.
//
// # Addresses of strangers
//
// The URLs come from certificates, which anybody can make. Only http and https are used, sizes, times and numbers are
// bounded, and by default no connection is made to private, loopback or link-local addresses, whatever name leads there.
package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"time"
)

// State is what is known about a certificate.
type State int

// The states. A certificate that is on hold is Revoked with the reason CertificateHold.
const (
	Unknown State = iota // nothing is known, which is never good
	Good                 // not revoked at the time that was asked for
	Revoked              // and since when, and why
)

// String names the state.
func (s State) String() string {
	switch s {
	case Good:
		return "good"
	case Revoked:
		return "revoked"
	}
	return "unknown"
}

// Reason is a CRLReason (RFC 5280 section 5.3.1), by its number there. [Reason.String] names all of them.
type Reason int

// Reasons that change what a revocation means: a certificate on hold may come back, and the key of a superseded one was
// not lost.
const (
	Unspecified     Reason = 0
	KeyCompromise   Reason = 1
	CACompromise    Reason = 2
	Superseded      Reason = 4
	CertificateHold Reason = 6
)

// String names the reason as RFC 5280 does.
func (r Reason) String() string {
	names := []string{"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation",
		"certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aACompromise"}
	if r >= 0 && int(r) < len(names) && names[r] != "" {
		return names[r]
	}
	return fmt.Sprintf("reason %d", int(r))
}

// Method is a way to learn the state of a certificate.
type Method string

// The methods.
const (
	OCSP Method = "OCSP"
	CRLs Method = "CRL"
)

// Status is the state of one certificate and the value that says so.
type Status struct {
	// Certificate and Issuer have the fields that could be read when crypto/x509 refuses them; RawCertificate and RawIssuer are
	// their DER.
	Certificate, Issuer       *x509.Certificate
	RawCertificate, RawIssuer []byte

	State     State
	RevokedAt time.Time // when State is Revoked
	Reason    Reason

	Method     Method
	Response   *Response // the OCSP response, or nil
	CRL        *CRL      // or nil
	More       []*CRL    // that had to be combined with CRL: its delta, and lists of other reasons with theirs
	ThisUpdate time.Time
	NextUpdate time.Time // zero when the value does not say
	Place      string    // the URL that the value came from, or empty when it was at hand

	// Responder signed the value: the issuer, or the certificate of an OCSP responder or of an issuer of CRLs. RawResponder is
	// its DER.
	Responder    *x509.Certificate
	RawResponder []byte
	// ResponderIssuer made the certificate of the responder: the issuer, or an authority of
	// CheckOptions.TrustedResponders. It is nil when Responder is the issuer itself or trusted by name, and for CRLs.
	ResponderIssuer *x509.Certificate
	// NoCheck says that the state of the responder need not be asked for: its issuer vouches for it
	// (id-pkix-ocsp-nocheck, RFC 6960 section 4.2.2.2.1), or ResponderIssuer is nil. The issuer of a CRL was looked into already.
	NoCheck bool
}

// Delegated reports whether another than the issuer signed the value.
func (s *Status) Delegated() bool {
	if s.RawResponder != nil {
		return !bytes.Equal(s.RawResponder, s.RawIssuer)
	}
	return !s.Responder.Equal(s.Issuer)
}

// Values are certificates and revocation values in DER: what is at hand, or what a signature carries.
type Values struct {
	Certificates []*x509.Certificate
	OCSP         [][]byte // OCSPResponse, or BasicOCSPResponse as older signatures carry
	CRLs         [][]byte // CertificateList
	// RawCertificates are others in DER, such as crypto/x509 refuses: issuers of CRLs and responders are looked for among them, too.
	RawCertificates [][]byte
}

// Source is what package cades asks for chains and values when it makes or raises a signature (Options.Revocation,
// ExtendOptions.Revocation). [Client] is one, and what VerifyOptions.Revocation asks for, too. Implementations are safe for
// concurrent use.
type Source interface {
	// Chain returns the certificates from leaf to a self-signed one; see [Client.Chain].
	Chain(ctx context.Context, leaf *x509.Certificate, candidates []*x509.Certificate) ([]*x509.Certificate, error)
	// Collect gathers the values of chains; see [Client.Collect].
	Collect(ctx context.Context, chains [][]*x509.Certificate, o *CollectOptions) (*Collection, error)
}

var _ Source = (*Client)(nil)
