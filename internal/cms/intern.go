package cms

// intern returns an object identifier that is in most messages without making another string of it.
func intern(b []byte) (OID, bool) {
	if len(b) == 3 && b[0] == 0x55 && b[2] < 0x80 {
		at := 3 * int(b[2])
		switch b[1] {
		case 0x04:
			return OID(attributeTypes[at : at+3]), true
		case 0x1d:
			return OID(extensions[at : at+3]), true
		}
	}
	switch string(b) { // makes no string
	case string(OIDData):
		return OIDData, true
	case string(OIDSignedData):
		return OIDSignedData, true
	case string(OIDContentType):
		return OIDContentType, true
	case string(OIDMessageDigest):
		return OIDMessageDigest, true
	case string(OIDSigningTime):
		return OIDSigningTime, true
	case string(OIDSigningCertificateV2):
		return OIDSigningCertificateV2, true
	case string(OIDSignatureTimeStamp):
		return OIDSignatureTimeStamp, true
	case string(OIDTSTInfo):
		return OIDTSTInfo, true
	case string(OIDSHA256):
		return OIDSHA256, true
	case string(OIDSHA512):
		return OIDSHA512, true
	case string(OIDSHA1):
		return OIDSHA1, true
	case string(OIDRSAEncryption):
		return OIDRSAEncryption, true
	case string(OIDSHA256WithRSA):
		return OIDSHA256WithRSA, true
	case string(OIDECDSAWithSHA256):
		return OIDECDSAWithSHA256, true
	case string(OIDECPublicKey):
		return OIDECPublicKey, true
	case string(OIDP256):
		return OIDP256, true
	case string(OIDAuthorityInfoAccess):
		return OIDAuthorityInfoAccess, true
	}
	return "", false
}

// attributeTypes and extensions are the identifiers of 2.5.4 and 2.5.29, one after the other.
var attributeTypes, extensions = ofArc("\x55\x04"), ofArc("\x55\x1d")

func ofArc(arc string) string {
	var all []byte
	for i := range 0x80 {
		all = append(append(all, arc...), byte(i))
	}
	return string(all)
}
