package cms

import "crypto/x509"

// Certificate is what of a certificate is needed to find it and to use its key, whether or not crypto/x509 can read it.
type Certificate struct {
	Raw          []byte
	Serial       []byte // contents octets of the INTEGER
	Issuer       []byte // Name, with identifier and length octets
	Subject      []byte
	SPKI         []byte // SubjectPublicKeyInfo
	SubjectKeyID []byte
	X509         *x509.Certificate // nil when crypto/x509 refuses it
	Err          error             // why it refuses it
}

// ParseCertificate reads a certificate (RFC 5280 section 4.1) by its structure only, and with crypto/x509 as far as that
// goes: negative serial numbers, odd policies or unknown keys do not hide a certificate.
func ParseCertificate(der []byte) (*Certificate, error) {
	v, err := ReadValue(der)
	if err != nil {
		return nil, err
	}
	c := &Certificate{Raw: v.Raw()}
	if err := c.fields(v); err != nil {
		return nil, err
	}
	if c.X509, c.Err = x509.ParseCertificate(c.Raw); c.X509 != nil && c.SubjectKeyID == nil {
		c.SubjectKeyID = c.X509.SubjectKeyId
	}
	return c, nil
}

func (c *Certificate) fields(v Value) error {
	if v.tag != TagSequence {
		return syntaxError(v.start, "a certificate is expected, not %s", v.tag)
	}
	r := v.Reader()
	tbs, err := r.Want(TagSequence, "tbsCertificate")
	if err != nil {
		return err
	}
	r = tbs.Reader()
	if _, _, err := r.Optional(ContextConstructed(0)); err != nil { // version
		return err
	}
	serial, err := r.Want(TagInteger, "the serial number of a certificate")
	if err != nil {
		return err
	}
	c.Serial = serial.Body()
	var parts [5][]byte // signature, issuer, validity, subject, subjectPublicKeyInfo
	for i := range parts {
		part, err := r.Want(TagSequence, "a field of a certificate")
		if err != nil {
			return err
		}
		parts[i] = part.Raw()
	}
	c.Issuer, c.Subject, c.SPKI = parts[1], parts[3], parts[4]
	c.SubjectKeyID = subjectKeyID(r)
	return nil
}

// subjectKeyID looks for the extension in what follows the public key, and does not mind anything malformed there.
func subjectKeyID(r Reader) []byte {
	for !r.Empty() {
		v, err := r.Next()
		if err != nil {
			return nil
		}
		if v.tag != ContextConstructed(3) {
			continue
		}
		explicit := v.Reader()
		list, err := explicit.Want(TagSequence, "extensions")
		if err != nil {
			return nil
		}
		for extensions := list.Reader(); !extensions.Empty(); {
			extension, err := extensions.Next()
			if err != nil || extension.tag != TagSequence {
				return nil
			}
			fields := extension.Reader()
			id, err := fields.Want(TagOID, "extnID")
			if err != nil {
				return nil
			}
			if OID(id.Body()) != OIDSubjectKeyID {
				continue
			}
			value, err := fields.Want(TagOctetString, "extnValue")
			if err != nil {
				return nil
			}
			inner, err := ReadValue(value.Body())
			if err != nil || inner.tag != TagOctetString {
				return nil
			}
			return inner.Body()
		}
	}
	return nil
}
