package inspect

import (
	"fmt"

	"github.com/seed-116355fd/signet/internal/cms"
)

// signingCertificate shows SigningCertificate and SigningCertificateV2 (RFC 5035 sections 3 and 5).
func (s scope) signingCertificate(p *Node, v cms.Value) {
	lists := v.Reader()
	certs, err := lists.Want(cms.TagSequence, "the list of certificates")
	if err != nil {
		s.failed(p, v, err)
		return
	}
	s.members(p, certs, func(i int, id cms.Value) {
		n, below := s.at(p, id, fmt.Sprintf("certificate %d", i+1), "")
		below.essCertID(n, id)
	})
	if !lists.Empty() {
		if policies, err := lists.Next(); err == nil {
			s.asn1(p, policies, "policies")
		}
	}
}

func (s scope) essCertID(p *Node, id cms.Value) {
	s.members(p, id, func(_ int, field cms.Value) {
		switch {
		case field.Tag() == cms.TagOctetString:
			s.at(p, field, "hash", octets(field.Body()))
		case field.Tag() != cms.TagSequence:
			s.asn1(p, field, "")
		default:
			if _, err := cms.ParseAlgorithm(field); err == nil {
				s.algorithmIn(p, field, "hashAlgorithm")
				return
			}
			s.issuerSerial(p, field)
		}
	})
}

// issuerSerial shows IssuerSerial: GeneralNames and a serial number.
func (s scope) issuerSerial(p *Node, v cms.Value) {
	r := v.Reader()
	names, err := r.Want(cms.TagSequence, "the issuer")
	if err == nil {
		var number cms.Value
		if number, err = r.Want(cms.TagInteger, "the serial number"); err == nil {
			s.at(p, v, "issuerSerial", "serial "+serial(number.Body())+" of "+generalNames(names))
			return
		}
	}
	s.failed(p, v, err)
}

// certificateRef shows OtherCertID (RFC 5126 section 6.2.1).
func (s scope) certificateRef(p *Node, v cms.Value, name string) {
	n, below := s.at(p, v, name, "")
	below.members(n, v, func(i int, field cms.Value) {
		switch {
		case i == 0:
			below.otherHash(n, field)
		case field.Tag() == cms.TagSequence:
			below.issuerSerial(n, field)
		default:
			below.asn1(n, field, "")
		}
	})
}

// otherHash shows OtherHash: a SHA-1, or an algorithm and a value.
func (s scope) otherHash(p *Node, v cms.Value) {
	if v.Tag() == cms.TagOctetString {
		s.at(p, v, "hash", octets(v.Body())+" (SHA-1)")
		return
	}
	r := v.Reader()
	alg, err := r.Next()
	if err == nil {
		var sum cms.Value
		if sum, err = r.Want(cms.TagOctetString, "the hash"); err == nil {
			s.algorithmIn(p, alg, "hashAlgorithm")
			s.at(p, sum, "hash", octets(sum.Body()))
			return
		}
	}
	s.failed(p, v, err)
}

// policy shows SignaturePolicy (EN 319 122-1 section 5.2.9).
func (s scope) policy(p *Node, v cms.Value) {
	if v.Tag() == cms.TagNull {
		s.set(p, "implied")
		return
	}
	s.members(p, v, func(i int, field cms.Value) {
		id, err := field.OID()
		switch {
		case i == 0 && err == nil:
			n, _ := s.at(p, field, "policy", "")
			n.oid(id)
		case i == 1 && field.Tag() == cms.TagSequence:
			s.otherHash(p, field)
		case i == 2 && field.Tag() == cms.TagSequence:
			if r := field.Reader(); !r.Empty() { // some write one qualifier without the list around it
				if first, err := r.Next(); err == nil && first.Tag() == cms.TagOID {
					s.qualifier(p, field)
					return
				}
			}
			s.members(p, field, func(_ int, qualifier cms.Value) { s.qualifier(p, qualifier) })
		default:
			s.asn1(p, field, "")
		}
	})
}

func (s scope) qualifier(p *Node, v cms.Value) {
	r := v.Reader()
	first, err := r.Next()
	if err != nil {
		s.failed(p, v, err)
		return
	}
	id, err := first.OID()
	if err != nil || r.Empty() {
		s.asn1(p, v, "qualifier")
		return
	}
	value, err := r.Next()
	if err != nil {
		s.failed(p, v, err)
		return
	}
	if t, ok := stringOf(value); ok {
		n, _ := s.at(p, v, id.Name(), `"`+t+`"`)
		n.label(id)
		return
	}
	n, below := s.at(p, v, id.Name(), "")
	n.label(id)
	below.asn1(n, value, "")
}

// commitment shows CommitmentTypeIndication (EN 319 122-1 section 5.2.3).
func (s scope) commitment(p *Node, v cms.Value) {
	s.members(p, v, func(_ int, field cms.Value) {
		if id, err := field.OID(); err == nil {
			n, _ := s.at(p, field, "commitment", "")
			n.oid(id)
			return
		}
		s.asn1(p, field, "qualifiers")
	})
}

// location shows SignerLocation (EN 319 122-1 section 5.2.5).
func (s scope) location(p *Node, v cms.Value) {
	names := []string{"country", "locality", "postal address"}
	s.members(p, v, func(_ int, field cms.Value) {
		number := field.Tag().Number()
		if field.Tag().Class() != 2 || number >= len(names) {
			s.asn1(p, field, "")
			return
		}
		inner := field
		if r := field.Reader(); field.Tag().Constructed() && number < 2 { // DirectoryString is a CHOICE, so the tag is explicit
			if one, err := r.Next(); err == nil {
				inner = one
			}
		}
		if number < 2 {
			s.at(p, field, names[number], text(inner))
			return
		}
		n, below := s.at(p, field, names[number], "")
		lines := field
		if r := field.Reader(); !r.Empty() { // the tag is explicit in RFC 5126, but not everywhere
			if list, err := r.Next(); err == nil && list.Tag() == cms.TagSequence {
				lines = list
			}
		}
		below.members(n, lines, func(_ int, line cms.Value) { below.at(n, line, "line", text(line)) })
	})
}

// signerAttributes shows SignerAttribute and SignerAttributeV2 (EN 319 122-1 section 5.2.6).
func (s scope) signerAttributes(p *Node, v cms.Value) {
	s.members(p, v, func(_ int, field cms.Value) {
		name := "certified"
		switch field.Tag() {
		case cms.ContextConstructed(0):
			name = "claimed"
		case cms.ContextConstructed(2):
			name = "signed assertions"
		}
		n, below := s.at(p, field, name, "")
		below.members(n, field, func(_ int, inner cms.Value) {
			if name != "claimed" || inner.Tag() != cms.TagSequence {
				below.asn1(n, inner, "")
				return
			}
			if r := inner.Reader(); !r.Empty() {
				if first, err := r.Next(); err == nil && first.Tag() == cms.TagSequence { // explicit tag: one list
					below.members(n, inner, func(_ int, a cms.Value) { below.claimed(n, a) })
					return
				}
			}
			below.claimed(n, inner)
		})
	})
}

// claimed shows one Attribute.
func (s scope) claimed(p *Node, v cms.Value) {
	r := v.Reader()
	first, err := r.Next()
	if err != nil {
		s.failed(p, v, err)
		return
	}
	id, err := first.OID()
	if err != nil {
		s.asn1(p, v, "")
		return
	}
	n, below := s.at(p, v, id.Name(), "")
	n.label(id)
	for !r.Empty() {
		value, err := r.Next()
		if err != nil {
			below.failed(n, cms.Value{}, err)
			return
		}
		below.asn1(n, value, "values")
	}
}

// contentHints shows ContentHints (RFC 2634 section 2.9).
func (s scope) contentHints(p *Node, v cms.Value) {
	s.members(p, v, func(_ int, field cms.Value) {
		if id, err := field.OID(); err == nil {
			n, _ := s.at(p, field, "contentType", "")
			n.oid(id)
			return
		}
		s.at(p, field, "description", text(field))
	})
}

// algorithmProtection shows CMSAlgorithmProtection (RFC 6211 section 2), whose fields have IMPLICIT tags.
func (s scope) algorithmProtection(p *Node, v cms.Value) {
	s.members(p, v, func(_ int, field cms.Value) {
		name := map[cms.Tag]string{
			cms.TagSequence: "digestAlgorithm", cms.ContextConstructed(1): "signatureAlgorithm", cms.ContextConstructed(2): "macAlgorithm",
		}[field.Tag()]
		r := field.Reader()
		if first, err := r.Next(); err == nil && name != "" && field.Tag().Constructed() {
			if id, err := first.OID(); err == nil {
				n, below := s.at(p, field, name, "")
				n.oid(id)
				for !r.Empty() {
					parameters, err := r.Next()
					if err != nil {
						return
					}
					if parameters.Tag() != cms.TagNull {
						below.asn1(n, parameters, "parameters")
					}
				}
				return
			}
		}
		s.asn1(p, field, "")
	})
}
