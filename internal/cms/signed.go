package cms

// Signed is what certificates, CRLs and basic OCSP responses have in common: something signed, the algorithm, and the
// signature in a BIT STRING (RFC 5280 sections 4.1 and 5.1, RFC 6960 section 4.2.1).
type Signed struct {
	TBS       Value
	Algorithm Algorithm
	Signature []byte
	Rest      Reader // what follows: the certificates of an OCSP response
}

// ParseSigned reads the three parts, and leaves the rest to be read.
func ParseSigned(v Value) (s Signed, err error) {
	if v.tag != TagSequence {
		return s, syntaxError(v.start, "something signed is expected, which is a SEQUENCE, not %s", v.tag)
	}
	r := v.Reader()
	if s.TBS, err = r.Want(TagSequence, "what is signed"); err != nil {
		return s, err
	}
	alg, err := r.Want(TagSequence, "signatureAlgorithm")
	if err != nil {
		return s, err
	}
	if s.Algorithm, err = ParseAlgorithm(alg); err != nil {
		return s, err
	}
	signature, err := r.Want(TagBitString, "the signature")
	if err != nil {
		return s, err
	}
	body := signature.Body()
	if signature.tag != TagBitString || len(body) == 0 || body[0] != 0 {
		return s, syntaxError(signature.start, "the signature is not a BIT STRING of whole octets")
	}
	s.Signature, s.Rest = body[1:], r
	return s, nil
}
