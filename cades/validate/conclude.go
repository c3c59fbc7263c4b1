package validate

import (
	"context"
	"errors"

	"github.com/seed-116355fd/signet/internal/pki"
)

// subOf is the sub-indication of why there is no path.
func subOf(err error) SubIndication {
	if r, ok := errors.AsType[*revoked](err); ok {
		if r.held() {
			return TryLater
		}
		return Revoked
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return NotSupported
	}
	e, ok := errors.AsType[*pki.Error](err)
	if !ok {
		return NoChain
	}
	switch e.Reason {
	case pki.Expired, pki.NotYetValid:
		return OutOfBounds
	case pki.ForbiddenAlgorithm:
		return WeakAlgorithm
	case pki.NoIssuer, pki.NotTrusted, pki.WrongSignature:
		return NoChain
	case pki.UnsupportedAlgorithm, pki.OutOfBudget:
		return NotSupported
	}
	return ChainConstraints
}

// conclude makes the indication of the checks (EN 319 102-1 sections 5.2 and 5.3): the mathematics and the format first, since
// what fails there is failed whoever the signer is.
func (r *SignatureReport) conclude() {
	decided := r.decide()
	r.Cause = causeOf(r.Indication, r.SubIndication)
	if finer, ok := r.causes[decided]; ok && r.Indication != TotalPassed {
		r.Cause = finer
	}
}

// step is a question about a signature, answered by checks.
type step struct {
	names  []string
	failed Indication
	why    SubIndication
	open   SubIndication // when it was not made; empty when it need not be
}

// steps are asked in this order.
var steps = []step{
	{[]string{CheckStructure, CheckContentType, CheckSigningCertificate, CheckSigningTime, CheckAlgorithmProtection, CheckPolicy}, TotalFailed, FormatFailure, ""},
	{[]string{CheckMessageDigest}, TotalFailed, HashFailure, NoContent},
	{[]string{CheckSigner}, Indeterminate, NoSigner, ""},
	{[]string{CheckSignature}, TotalFailed, CryptoFailure, NotSupported},
	{[]string{CheckAlgorithms}, Indeterminate, WeakAlgorithm, ""},
	{[]string{CheckChain}, Indeterminate, NoChain, NoChain},
	{[]string{CheckRevocation}, Indeterminate, Revoked, ""},
	{[]string{CheckConstraints}, Indeterminate, Constraints, ""},
}

// decide sets the indication, and returns the name of the check that did. What fails for good comes first: a value that was not made
// with the key is none, whether the content is there or not.
func (r *SignatureReport) decide() string {
	sub := r.SubIndication
	r.Indication, r.SubIndication = Indeterminate, ""
	for _, forGood := range []bool{true, false} {
		for _, s := range steps {
			if forGood && s.failed != TotalFailed {
				continue
			}
			for _, name := range s.names {
				if r.answered(name, s, sub, forGood) {
					return name
				}
			}
		}
	}
	if sub == TryLater {
		c, _ := r.worst(CheckRevocation)
		r.SubIndication, r.Reason = sub, CheckRevocation+": "+c.Detail
		return CheckRevocation
	}
	r.Indication = TotalPassed
	return ""
}

// answered reports whether a check decides, and sets the indication if so.
func (r *SignatureReport) answered(name string, s step, sub SubIndication, forGood bool) bool {
	c, there := r.worst(name)
	finer := r.causes[name]
	failed := there && c.Status == Failed
	// The certificate at hand is not the one that the signer named, so that nothing is known of a value by his key
	// (EN 319 102-1 section 5.2.3, RFC 5035 section 5.4).
	another := r.causes[CheckSigningCertificate] == CauseCertificateMissing
	switch {
	case forGood && another && (name == CheckSigningCertificate || name == CheckSignature):
		return false
	case forGood && (!failed || finer == CauseNotChecked || finer == CauseWeakAlgorithm):
		return false
	case failed:
		r.Indication, r.SubIndication = s.failed, s.why
	case s.open != "" && (!there || c.Status == Unchecked):
		r.SubIndication = s.open
	case there && c.Status == Unchecked && finer == CauseNotChecked: // what nobody could check has not passed
		r.SubIndication = NotSupported
	default:
		return false
	}
	r.Reason = name + ": " + c.Detail
	switch {
	case (name == CheckChain || name == CheckRevocation) && sub != "":
		r.SubIndication = sub
	case name == CheckSigningCertificate && another:
		r.Indication, r.SubIndication = Indeterminate, NoSigner
	case finer == CauseNotChecked:
		r.Indication, r.SubIndication = Indeterminate, NotSupported
	case finer == CauseWeakAlgorithm: // with a key too short, anybody can have made it; that he did is not shown
		r.Indication, r.SubIndication = Indeterminate, WeakAlgorithm
	}
	return true
}

// worst is the worst check of a name.
func (r *SignatureReport) worst(name string) (worst Check, there bool) {
	for _, c := range r.Checks {
		if c.Name == name && (!there || c.Status > worst.Status) {
			worst, there = c, true
		}
	}
	return worst, there
}
