package algorithm

import (
	"sync"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// VerifySigned checks the signature on a certificate, a list or a response with a public key, and asks the policy about it
// at a time, which is when it was provably there. note says what had to be tolerated.
func (r *Registry) VerifySigned(use Use, s *cms.Signed, spki []byte, at time.Time) (note string, err error) {
	j := r.Judge(Question{Use: use, Algorithm: s.Algorithm, SPKI: spki, Time: at})
	if j.Decision == Forbidden && !shortKey(spki) { // of a key that is too short, the value is looked at first
		return "", &Error{Reason: NotAllowed, Algorithm: j.Algorithm, What: j.Sentence}
	}
	note, err = r.Verify(&SignatureCheck{Algorithm: s.Algorithm, Signature: s.Signature, SPKI: spki}, s.TBS.Raw(), nil)
	switch {
	case err != nil:
		return "", err
	case j.Decision != Allowed && j.Decision != Tolerated:
		return "", &Error{Reason: NotAllowed, Algorithm: j.Algorithm, What: j.Sentence}
	case note == "":
		return j.Sentence, nil
	case j.Sentence != "":
		note += "; " + j.Sentence
	}
	return note, nil
}

// CertificateSignedBy checks the signature of a certificate in DER with the public key of its issuer, by [Lenient]: to find
// out who issued what. Names, validity and usage are not looked at, and whoever decides on trust asks the policy himself.
func CertificateSignedBy(der, spki []byte, schemes ...sign.Scheme) error {
	v, err := cms.ReadValue(der)
	if err != nil {
		return err
	}
	s, err := cms.ParseSigned(v)
	if err != nil {
		return err
	}
	_, err = (&Registry{Schemes: schemes, Policy: lenient()}).VerifySigned(UseCertificate, &s, spki, time.Time{})
	return err
}

// lenient is made once; nobody gets hold of it.
var lenient = sync.OnceValue(Lenient)

func shortKey(spki []byte) bool {
	k, err := parseKey(spki, false)
	return err == nil && (k.n != nil && k.Bits < MinRSABits || k.Kind == DSA && k.Bits < MinDSABits)
}
