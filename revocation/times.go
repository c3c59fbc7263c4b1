package revocation

import (
	"crypto/x509"
	"time"

	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/trust"
)

// Defaults of the times.
const (
	// DefaultSkew is how far the clocks of responders may be from the one here.
	DefaultSkew = 5 * time.Minute
	// DefaultMaxAge is how old a value may be that does not say when the next one comes.
	DefaultMaxAge = 24 * time.Hour
)

// CheckOptions say at which time a value has to hold. The zero value, and nil, mean now.
type CheckOptions struct {
	// At is the time for which the state is wanted: a value that ended before it is stale. A value from later than At
	// is good, since it knows more. Zero means now.
	At time.Time
	// Now is the time here: a value from later is refused. Zero means the real time.
	Now time.Time
	// Since asks for values that were made at this time or later: after the time-stamp on a signature, for one. Zero
	// means that any value will do.
	Since time.Time
	// Skew is how far clocks may be apart; 0 means [DefaultSkew].
	Skew time.Duration
	// MaxAge is how old a value may be at At that does not say when the next one comes; 0 means [DefaultMaxAge].
	MaxAge time.Duration
	// AllowExpired takes "not revoked" also from values that were made after the certificate expired and do not say that
	// they keep expired ones.
	AllowExpired bool
	// Certificates are looked through for OCSP responders, beside those in the response.
	Certificates []*x509.Certificate
	// TrustedResponders may answer for every issuer (RFC 6960 section 4.2.2.2, "local configuration"): OCSP responders by
	// their own certificates, and authorities by those of the responders that they issue. Some large issuers have their
	// responders certified by another authority of theirs, which nothing in a certificate says.
	TrustedResponders []*x509.Certificate
	// Anchor is the DER of the trusted certificate at which the path of the certificate ends. A CRL that was not signed by the key of
	// the certificate's issuer counts only when the path of who signed it ends there, too (RFC 5280 section 6.3.3 (f)). Without
	// it, that path has to end at the issuer.
	Anchor []byte
	// Algorithms says which algorithms count in the signatures of values, and of the certificates of who signed them; nil is the
	// default.
	Algorithms *trust.Algorithms

	find []*certificates // beside Certificates
}

// now, at and skew are what the options say, or the default.
func (o *CheckOptions) now() time.Time {
	if o.Now.IsZero() {
		return time.Now()
	}
	return o.Now
}

func (o *CheckOptions) at() time.Time {
	if o.At.IsZero() {
		return o.now()
	}
	return o.At
}

func (o *CheckOptions) skew() time.Duration {
	if o.Skew == 0 {
		return DefaultSkew
	}
	return o.Skew
}

// known reports whether a value that says "revoked" counts though it is too old for [CheckOptions.times]: what an issuer said it does
// not take back (RFC 5280 section 3.3), so that whoever was revoked is not made good again by an old list. A certificate on hold may
// come back, and what is from the future was not said yet.
func (o *CheckOptions) known(state State, reason Reason, this, next, produced time.Time) bool {
	latest := o.now().Add(o.skew())
	return state == Revoked && reason != CertificateHold && !this.After(latest) && !produced.After(latest) && (next.IsZero() || !next.Before(this))
}

// ended checks that who signed a value had a certificate for as long as the value is used: whoever gets hold of the old key of a
// responder, whose certificate nobody revokes any more, could date a value back and have it hold for ever.
func (o *CheckOptions) ended(signer *pki.Certificate) error {
	if signer.NotAfter.Before(o.at().Add(-o.skew())) {
		return failed(CheckTime, "it was signed by %s, whose certificate ended at %s", signer.Subject, stamp(signer.NotAfter))
	}
	return nil
}

// times checks a value that holds from this to next and was made at the time produced.
func (o *CheckOptions) times(this, next, produced time.Time) error {
	skew, age := o.skew(), o.MaxAge
	if age == 0 {
		age = DefaultMaxAge
	}
	latest, at := o.now().Add(skew), o.at()
	switch {
	case this.After(latest) || produced.After(latest):
		return failed(CheckTime, "it is from the future: made at %s, in force from %s", stamp(produced), stamp(this))
	case !next.IsZero() && next.Before(this):
		return failed(CheckTime, "it ends, at %s, before it begins, at %s", stamp(next), stamp(this))
	case !next.IsZero() && next.Before(at.Add(-skew)):
		return failed(CheckTime, "it is stale: newer information was due at %s", stamp(next))
	case next.IsZero() && this.Before(at.Add(-age)):
		return failed(CheckTime, "it is stale: it is of %s and does not say until when it holds", stamp(this))
	case produced.Before(o.Since):
		return failed(CheckTime, "it was made at %s, before %s, and does not know what happened in between", stamp(produced), stamp(o.Since))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
