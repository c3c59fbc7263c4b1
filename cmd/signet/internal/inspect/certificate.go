package inspect

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

// certificateChoice shows a member of SignedData.certificates (RFC 5652 section 10.2.2).
func (s scope) certificateChoice(p *Node, v cms.Value, i int) {
	name := fmt.Sprintf("certificate %d", i+1)
	if v.Tag() != cms.TagSequence {
		s.asn1(p, v, name+" of another kind")
		return
	}
	c, err := pki.ParseCertificate(v.Raw())
	if err != nil {
		n, below := s.at(p, v, name, "")
		below.failed(n, v, err)
		return
	}
	n, below := s.at(p, v, name, nameIn(c.Subject.Raw))
	sum1, sum256 := algorithm.SHA1(c.Raw), sha256.Sum256(c.Raw)
	below.add(n, "issuer", nameIn(c.Issuer.Raw))
	below.add(n, "serial", serial(c.Serial))
	below.tbsCertificate(n, v)
	below.add(n, "key", KeyKind(c.SPKI))
	below.add(n, "thumbprint", strings.ToUpper(hex.EncodeToString(sum1[:])))
	below.add(n, "SHA-256", hex.EncodeToString(sum256[:]))
	if _, err := c.X509(); err != nil {
		below.add(n, "unusual", reason(err))
	}
}

// tbsCertificate shows the signature algorithm, validity and extensions.
func (s scope) tbsCertificate(p *Node, v cms.Value) {
	r := v.Reader()
	tbs, err := r.Next()
	if err != nil {
		return
	}
	if alg, err := r.Next(); err == nil {
		s.algorithmIn(p, alg, "signatureAlgorithm")
	}
	s.members(p, tbs, func(_ int, field cms.Value) {
		switch {
		case field.Tag() == cms.ContextConstructed(3):
			s.extensions(p, field)
		case field.Tag() == cms.TagSequence:
			if from, to, ok := validity(field); ok {
				s.at(p, field, "valid", from+" to "+to)
			}
		}
	})
}

// validity reads the only SEQUENCE of two times.
func validity(v cms.Value) (from, to string, ok bool) {
	r := v.Reader()
	a, err := r.Next()
	if err != nil || !isTime(a) {
		return "", "", false
	}
	b, err := r.Next()
	if err != nil || !isTime(b) {
		return "", "", false
	}
	return moment(a), moment(b), true
}

func isTime(v cms.Value) bool {
	return v.Tag() == cms.TagUTCTime || v.Tag() == cms.TagGeneralizedTime
}

// extensions shows Extensions in their explicit tag.
func (s scope) extensions(p *Node, explicit cms.Value) {
	r := explicit.Reader()
	list, err := r.Next()
	if err != nil {
		return
	}
	s.members(p, list, func(_ int, v cms.Value) {
		n, below := s.at(p, v, "extension", "")
		var id cms.OID
		critical := ""
		below.members(n, v, func(_ int, field cms.Value) {
			switch field.Tag() {
			case cms.TagOID:
				if id, err = field.OID(); err == nil {
					n.label(id)
				}
			case cms.TagBoolean:
				critical = "critical, "
			case cms.TagOctetString:
				n.Value = critical + below.extension(n, id, field)
				s.text -= len(n.Value)
			}
		})
		n.Value = strings.TrimSuffix(n.Value, ", ")
	})
}

// extension says what is in an extension in one line where it is known, and in a subtree where it is not.
func (s scope) extension(p *Node, id cms.OID, v cms.Value) string {
	der, inner, err := s.inOctets(v)
	if err != nil {
		return reason(err)
	}
	value, err := cms.ReadValue(der)
	if err != nil {
		return octets(der)
	}
	switch id {
	case cms.OIDSubjectKeyID:
		return octets(value.Body())
	case cms.OIDKeyUsage:
		return keyUsage(value.Body())
	case cms.OIDBasicConstraints:
		return basicConstraints(value)
	case cms.OIDExtKeyUsage:
		return oidList(value)
	case cms.OIDSubjectAltName:
		return generalNames(value)
	case cms.OIDAuthorityKeyID:
		if r := value.Reader(); !r.Empty() {
			if key, err := r.Next(); err == nil && key.Tag() == cms.ContextTag(0) {
				return octets(key.Body())
			}
		}
	case cms.OIDCRLDistributionPoints, cms.OIDAuthorityInfoAccess:
		if all := uris(value, nil, 0); len(all) != 0 {
			return strings.Join(all, ", ")
		}
	}
	if words := russian(id, value); words != "" {
		return words
	}
	if value.Tag().Constructed() {
		inner.members(p, value, func(_ int, member cms.Value) { inner.asn1(p, member, "") })
		return ""
	}
	return primitive(value)
}

// uris collects the URIs (GeneralName [6]) in a value.
func uris(v cms.Value, all []string, depth int) []string {
	for r := v.Reader(); !r.Empty() && len(all) < maxList; {
		member, err := r.Next()
		if err != nil {
			return all
		}
		if member.Tag() == cms.ContextTag(6) {
			all = append(all, plain.Short(string(member.Body()), maxName))
		} else if member.Tag().Constructed() && depth < maxURIDepth {
			all = uris(member, all, depth+1)
		}
	}
	return all
}

const maxURIDepth = 8

func keyUsage(bits []byte) string {
	names := []string{
		"digitalSignature", "contentCommitment", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign",
		"encipherOnly", "decipherOnly",
	}
	var set []string
	for i, name := range names {
		if at := 1 + i/8; at < len(bits) && bits[at]&(0x80>>(i%8)) != 0 {
			set = append(set, name)
		}
	}
	return strings.Join(set, ", ")
}

func basicConstraints(v cms.Value) string {
	text := "not an authority"
	for r := v.Reader(); !r.Empty(); {
		field, err := r.Next()
		if err != nil {
			return reason(err)
		}
		switch field.Tag() {
		case cms.TagBoolean:
			if primitive(field) == "TRUE" {
				text = "authority"
			}
		case cms.TagInteger:
			return text + ", path length " + integer(field.Body())
		}
	}
	return text
}

const maxList = 32 // names in one line

func oidList(v cms.Value) string {
	var names []string
	for r := v.Reader(); !r.Empty() && len(names) < maxList; {
		member, err := r.Next()
		if err != nil {
			return reason(err)
		}
		if id, err := member.OID(); err == nil {
			names = append(names, id.Name())
		}
	}
	return strings.Join(names, ", ")
}

// serial shows the contents octets of a serial number as other programs do.
func serial(b []byte) string {
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	return strings.ToUpper(octets(b))
}
