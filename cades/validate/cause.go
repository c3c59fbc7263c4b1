package validate

import (
	"errors"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/tst"
	"github.com/seed-116355fd/signet/sign"
)

// Cause says in one word why a signature or a time-stamp has not passed, for programs that have to do something about it. It is finer
// than the sub-indication, which is beside it in the words of EN 319 102-1. The zero value is none. It is the class of the error of a
// report: errors.AsType[validate.Cause] finds it there.
type Cause string

// Causes. Those of the first group come with TOTAL-FAILED, those of the others with INDETERMINATE.
const (
	CausePassed Cause = "passed" // it has

	CauseContentChanged Cause = "content-changed" // the content is another one than that which was signed
	CauseForged         Cause = "forged"          // the value was not made with the key of the certificate
	CauseMalformed      Cause = "malformed"       // it breaks the standard

	CauseContentMissing     Cause = "content-missing"     // it is detached, and the content was not given
	CauseCertificateMissing Cause = "certificate-missing" // of the signer, or of the authority of a time-stamp
	CauseNoRoots            Cause = "no-roots"            // nobody is trusted, so that nothing says who the signer is
	CauseUnknownAuthority   Cause = "unknown-authority"   // no path leads to a given root
	CauseRevocationUnknown  Cause = "revocation-unknown"  // whether a certificate was revoked is not known
	CauseNotChecked         Cause = "not-checked"         // an algorithm is not known here, or there was too much work

	CauseExpired            Cause = "expired"
	CauseNotYetValid        Cause = "not-yet-valid"
	CauseRevoked            Cause = "revoked"
	CauseMisusedCertificate Cause = "misused-certificate" // used for what it is not: key usage, names, an authority that is none
	CauseWeakAlgorithm      Cause = "weak-algorithm"      // an algorithm that does not count any more, or a key too short
	CausePolicy             Cause = "policy"              // what the policy of the verifier demands is not there
	CauseFuture             Cause = "future"              // a time-stamp from after the time of validation
)

// Error is the word.
func (c Cause) Error() string { return string(c) }

// Unwrap is the wider class: [sign.ErrInput] for what was not signed or not given, [sign.ErrTrust], [sign.ErrTime], [sign.ErrRevocation], and
// [sign.ErrUnsupported] for what is not known here.
func (c Cause) Unwrap() error {
	switch c {
	case CauseContentChanged, CauseForged, CauseMalformed, CauseContentMissing:
		return sign.ErrInput
	case CauseCertificateMissing, CauseNoRoots, CauseUnknownAuthority, CauseMisusedCertificate, CauseWeakAlgorithm, CausePolicy:
		return sign.ErrTrust
	case CauseExpired, CauseNotYetValid, CauseFuture:
		return sign.ErrTime
	case CauseRevoked, CauseRevocationUnknown:
		return sign.ErrRevocation
	case CauseNotChecked:
		return sign.ErrUnsupported
	}
	return nil
}

// causeOf is that of a sub-indication.
func causeOf(i Indication, sub SubIndication) Cause {
	if i == TotalPassed {
		return CausePassed
	}
	switch sub {
	case FormatFailure:
		return CauseMalformed
	case HashFailure:
		return CauseContentChanged
	case CryptoFailure:
		return CauseForged
	case NoContent:
		return CauseContentMissing
	case NoSigner:
		return CauseCertificateMissing
	case NoChain:
		return CauseUnknownAuthority
	case ChainConstraints:
		return CauseMisusedCertificate
	case OutOfBounds:
		return CauseExpired
	case Revoked:
		return CauseRevoked
	case WeakAlgorithm:
		return CauseWeakAlgorithm
	case TryLater:
		return CauseRevocationUnknown
	case Constraints:
		return CausePolicy
	case timestampFuture:
		return CauseFuture
	}
	return CauseNotChecked
}

// timestampFuture is of a time-stamp from after the time of validation, for which the standard has no word.
const timestampFuture SubIndication = "FUTURE"

// causeOfPath is finer than the sub-indication of why there is no path.
func causeOfPath(err error) (Cause, bool) {
	e, ok := errors.AsType[*pki.Error](err)
	if ok && e.Reason == pki.NotYetValid {
		return CauseNotYetValid, true
	}
	if ok && e.Reason == pki.PolicyNotMet {
		return CausePolicy, true
	}
	return "", false
}

// causeOfToken is what is wrong with a token by itself.
func causeOfToken(p *tst.Problem) Cause {
	switch {
	case isReason(p, algorithm.NotAllowed), isReason(p, algorithm.KeyTooShort):
		return CauseWeakAlgorithm
	case isReason(p, algorithm.Unsupported):
		return CauseNotChecked
	}
	switch p.Check {
	case tst.CheckImprint:
		return CauseContentChanged
	case tst.CheckSignature:
		return CauseForged
	case tst.CheckCertificate:
		return CauseCertificateMissing
	case tst.CheckKeyUsage:
		return CauseMisusedCertificate
	case tst.CheckValidity:
		return CauseExpired
	case tst.CheckWork:
		return CauseNotChecked
	}
	return CauseMalformed
}

// outcomeOf is what follows from the cause of a token by itself. What is wrong for good is told from what does not count, or is not
// known.
func outcomeOf(c Cause) (Indication, SubIndication) {
	switch c {
	case CauseContentChanged:
		return TotalFailed, HashFailure
	case CauseForged:
		return TotalFailed, CryptoFailure
	case CauseCertificateMissing:
		return Indeterminate, NoSigner
	case CauseMisusedCertificate:
		return Indeterminate, ChainConstraints
	case CauseExpired:
		return Indeterminate, OutOfBounds
	case CauseWeakAlgorithm:
		return Indeterminate, WeakAlgorithm
	case CauseContentMissing:
		return Indeterminate, NoContent
	case CauseNotChecked:
		return Indeterminate, NotSupported
	}
	return TotalFailed, FormatFailure
}

// blame keeps a finer cause of a check that has not passed, until it is known whether it decides.
func (r *SignatureReport) blame(check string, c Cause) {
	if r.causes == nil {
		r.causes = map[string]Cause{}
	}
	r.causes[check] = c
}
