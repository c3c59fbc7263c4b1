package inspect

import (
	"fmt"

	"github.com/seed-116355fd/signet/internal/cms"
)

// signer shows a SignerInfo.
func (s scope) signer(p *Node, si *cms.SignerInfo, name string) {
	n, below := s.at(p, si.Value, name, "")
	below.add(n, "version", fmt.Sprint(si.Version))
	below.signerID(n, si.SID)
	below.algorithm(n, si.Digest, "digestAlgorithm")
	below.attributes(n, si.SignedAttrs, si.Signed, "signed attributes")
	below.algorithm(n, si.Algorithm, "signatureAlgorithm")
	below.at(n, si.Signature, "signature", octets(si.SignatureRaw))
	below.owner = &owner{sd: s.sd, si: si, in: s.owner}
	below.attributes(n, si.UnsignedSet, si.Unsigned, "unsigned attributes")
}

func (s scope) signerID(p *Node, sid cms.SignerID) {
	switch {
	case len(sid.Issuer) != 0:
		s.at(p, sid.Value, "certificate", "serial "+serial(sid.Serial)+" of "+nameIn(sid.Issuer))
	case len(sid.SubjectKeyID) != 0:
		s.at(p, sid.Value, "certificate", "with subject key identifier "+octets(sid.SubjectKeyID))
	default:
		s.asn1(p, sid.Value, "certificate")
	}
}

func (s scope) attributes(p *Node, set cms.Value, all []cms.Attribute, name string) {
	if set.IsZero() {
		return
	}
	n, below := s.at(p, set, name, fmt.Sprint(len(all)))
	for _, a := range all {
		if below.full(n) {
			return
		}
		below.attribute(n, a)
	}
}

func (s scope) attribute(p *Node, a cms.Attribute) {
	if a.Type == "" {
		s.asn1(p, a.Value, "malformed attribute")
		return
	}
	n, below := s.at(p, a.Value, a.Type.Name(), "")
	n.label(a.Type)
	if len(a.Values) == 0 {
		n.Value = "no value"
	}
	for i, v := range a.Values {
		at, in := n, below
		if len(a.Values) > 1 {
			at, in = below.at(n, v, fmt.Sprintf("value %d of %d", i+1, len(a.Values)), "")
		}
		in.attributeValue(at, a.Type, v)
	}
}

// attributeValue shows a value by the rules of its attribute, and by its tags where it does not follow them.
func (s scope) attributeValue(p *Node, id cms.OID, v cms.Value) {
	switch id {
	case cms.OIDContentType:
		if oid, err := v.OID(); err == nil {
			s.set(p, oid.Name())
			return
		}
	case cms.OIDMessageDigest, cms.OIDContentIdentifier:
		if b, err := v.Octets(); err == nil && v.Tag()&^cms.ContextConstructed(0) == cms.TagOctetString {
			s.set(p, octets(b))
			return
		}
	case cms.OIDSigningTime:
		if _, err := v.Time(); err == nil {
			s.set(p, moment(v))
			return
		}
	case cms.OIDMimeType:
		if t, ok := stringOf(v); ok {
			s.set(p, `"`+t+`"`)
			return
		}
	case cms.OIDSigningCertificate, cms.OIDSigningCertificateV2:
		s.signingCertificate(p, v)
		return
	case cms.OIDSignaturePolicy:
		s.policy(p, v)
		return
	case cms.OIDCommitmentType:
		s.commitment(p, v)
		return
	case cms.OIDSignerLocation:
		s.location(p, v)
		return
	case cms.OIDSignerAttributes, cms.OIDSignerAttributesV2:
		s.signerAttributes(p, v)
		return
	case cms.OIDContentHints:
		s.contentHints(p, v)
		return
	case cms.OIDAlgorithmProtection:
		s.algorithmProtection(p, v)
		return
	case cms.OIDCounterSignature:
		si, err := cms.ParseSignerInfo(v)
		if err == nil {
			s.signer(p, &si, "counter-signer")
			return
		}
	case cms.OIDCertificateRefs:
		s.members(p, v, func(i int, ref cms.Value) {
			s.certificateRef(p, ref, fmt.Sprintf("reference %d", i+1))
		})
		return
	case cms.OIDRevocationRefs:
		s.revocationRefs(p, v)
		return
	case cms.OIDCertificateValues:
		s.members(p, v, func(i int, c cms.Value) { s.certificateChoice(p, c, i) })
		return
	case cms.OIDRevocationValues:
		s.revocationValues(p, v)
		return
	case cms.OIDATSHashIndex, cms.OIDATSHashIndexV2, cms.OIDATSHashIndexV3:
		s.hashIndex(p, id, v)
		return
	case cms.OIDContentTimeStamp, cms.OIDSignatureTimeStamp, cms.OIDCAdESCTimeStamp, cms.OIDCertCRLTimeStamp,
		cms.OIDArchiveTimeStamp, cms.OIDArchiveTimeStampV2, cms.OIDArchiveTimeStampV3:
		s.token(p, v)
		return
	}
	s.asn1(p, v, "")
}

// set gives the only value of an attribute to its node.
func (s scope) set(p *Node, value string) {
	if p.Value != "" {
		s.add(p, "value", value)
		return
	}
	p.Value = value
	s.text -= len(value)
}
