package message

import "github.com/seed-116355fd/signet/internal/cms"

// Form returns the name of the form that the attributes of the signature have: "PKCS7", "CAdES-BES", "CAdES-EPES", "CAdES-T",
// "CAdES-LT", "CAdES-LTA", and the older "CAdES-C", "CAdES-X Type 1", "CAdES-X Type 2", "CAdES-X Long", "CAdES-X Long Type 1", "CAdES-X
// Long Type 2", "CAdES-A" (RFC 5126 section 4). It says nothing about validity.
func (s *Signature) Form() string {
	unsigned := s.SI.Unsigned
	refs := s.Has(unsigned, cms.OIDCertificateRefs) && s.Has(unsigned, cms.OIDRevocationRefs)
	values := s.Has(unsigned, cms.OIDCertificateValues, cms.OIDRevocationValues)
	stamped := s.Has(unsigned, cms.OIDSignatureTimeStamp)
	first, second := s.Has(unsigned, cms.OIDCAdESCTimeStamp), s.Has(unsigned, cms.OIDCertCRLTimeStamp)
	switch {
	case !s.Has(s.SI.Signed, cms.OIDSigningCertificate, cms.OIDSigningCertificateV2):
		return "PKCS7"
	case s.Has(unsigned, cms.OIDArchiveTimeStampV3) && !refs:
		return "CAdES-LTA"
	case s.Has(unsigned, cms.OIDArchiveTimeStampV3, cms.OIDArchiveTimeStampV2, cms.OIDArchiveTimeStamp, cms.OIDLongTermValidation):
		return "CAdES-A"
	case refs && values && first:
		return "CAdES-X Long Type 1"
	case refs && values && second:
		return "CAdES-X Long Type 2"
	case refs && stamped && values:
		return "CAdES-X Long"
	case refs && stamped && first:
		return "CAdES-X Type 1"
	case refs && stamped && second:
		return "CAdES-X Type 2"
	case refs && stamped:
		return "CAdES-C"
	case stamped && len(s.Message.SD.Revocations) != 0:
		return "CAdES-LT"
	case stamped:
		return "CAdES-T"
	case s.Has(s.SI.Signed, cms.OIDSignaturePolicy):
		return "CAdES-EPES"
	}
	return "CAdES-BES"
}

// Has reports whether one of the attributes is of one of the types and has a value: one without is nothing.
func (s *Signature) Has(attributes []cms.Attribute, ids ...cms.OID) bool {
	for _, id := range ids {
		for _, a := range cms.Find(attributes, id) {
			if len(a.Values) != 0 {
				return true
			}
		}
	}
	return false
}
