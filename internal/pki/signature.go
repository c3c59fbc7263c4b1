package pki

import (
	"errors"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
)

// signature is what came of a signature on a certificate. It has no sentence yet, since most of them are never read.
type signature struct {
	reason Reason // 0: it holds
	note   string
	err    error
}

// signature checks the signature of a certificate with a key, once, and whether the rule for algorithms allows it.
func (s *search) signature(c *Certificate, spki []byte) signature {
	if s.v.Algorithms != nil {
		if err := s.v.Algorithms(UseCertificate, c.SignatureAlgorithm, spki); err != nil {
			if unsupported(err) {
				return signature{reason: UnsupportedAlgorithm, err: err}
			}
			return signature{reason: ForbiddenAlgorithm, err: err}
		}
	}
	if s.v.Remember != nil && s.v.Anchors != nil && s.v.Remember(c.SignatureAlgorithm) && s.v.Anchors.known.holds(c, spki) {
		return s.remarked(c, spki, "")
	}
	key, v, ok := s.w.known(c, spki)
	if !ok {
		switch {
		case len(spki) > maxKeyOctets:
			// A key of a megabyte keeps a processor busy for minutes.
			v.err = &algorithm.Error{Reason: algorithm.Unsupported, What: "the key is larger than any that is in use"}
		case !s.w.SpendSignature(spki):
			v.err = errStopped
		default:
			v = s.check(c, spki)
		}
		if v.err == errStopped {
			return signature{reason: OutOfBudget}
		}
		s.w.remember(key, v)
	}
	switch {
	case v.err == nil:
		return s.remarked(c, spki, v.note)
	case unsupported(v.err):
		return signature{reason: UnsupportedAlgorithm, err: v.err}
	}
	if e, ok := errors.AsType[*algorithm.Error](v.err); ok && (e.Reason == algorithm.KeyTooShort || e.Reason == algorithm.KeyMisused) {
		return signature{reason: ForbiddenAlgorithm, err: v.err}
	}
	return signature{reason: WrongSignature, err: v.err}
}

// remarked is a signature that holds. What the rule has to say of it depends on the time, and is asked anew each time.
func (s *search) remarked(c *Certificate, spki []byte, note string) signature {
	if s.v.Remark != nil {
		if remark := s.v.Remark(c.SignatureAlgorithm, spki); remark != "" && note != "" {
			note += "; " + remark
		} else {
			note += remark
		}
	}
	return signature{note: note}
}

func unsupported(err error) bool {
	e, ok := errors.AsType[*algorithm.Error](err)
	return ok && e.Reason == algorithm.Unsupported
}

func (s *search) signatureError(c *Certificate, sig signature) *Error {
	switch sig.reason {
	case OutOfBudget:
		return s.outOfBudget()
	case ForbiddenAlgorithm:
		return fail(sig.reason, c, "has a signature of a kind that is not accepted: %s", sig.err).because(sig.err)
	case UnsupportedAlgorithm:
		return fail(sig.reason, c, "has a signature that cannot be checked: %s", sig.err).because(sig.err)
	}
	return fail(sig.reason, c, "was not signed with the key of the issuer that is known: %s", sig.err).because(sig.err)
}

var errStopped = errors.New("the budget is used up")

// check does the mathematics: over the octets as they were received, and over those of DER if they were not that, which is
// what the issuer should have signed.
func (s *search) check(c *Certificate, spki []byte) verdict {
	verify := s.v.Signature
	if verify == nil {
		verify = func(check *algorithm.SignatureCheck, message []byte) (string, error) {
			return (*algorithm.Registry)(nil).Verify(check, message, nil)
		}
	}
	check := func(message []byte) (v verdict) {
		v.note, v.err = verify(&algorithm.SignatureCheck{Algorithm: c.SignatureAlgorithm, Signature: c.Signature, SPKI: spki}, message)
		return v
	}
	received := check(c.RawTBS)
	if !errors.Is(received.err, algorithm.ErrWrongSignature) {
		return received
	}
	der, err := c.tbsInDER()
	if err != nil || string(der) == string(c.RawTBS) {
		return received
	}
	if !s.w.SpendSignature(spki) {
		return verdict{err: errStopped}
	}
	v := check(der)
	if v.err != nil {
		return received
	}
	if v.note == "" {
		v.note = "stored in another form than DER, which was signed"
	}
	return v
}

func (c *Certificate) tbsInDER() ([]byte, error) {
	v, err := cms.ReadValue(c.RawTBS)
	if err != nil {
		return nil, err
	}
	return cms.AppendDER(nil, v)
}
