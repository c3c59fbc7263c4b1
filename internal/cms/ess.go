package cms

// ESSCertID is the first ESSCertID or ESSCertIDv2 of a signing-certificate attribute (RFC 5035 sections 4 and 5): the
// signer's. Further ones, of certificates of the path, are not needed to bind the signer and are not looked at.
type ESSCertID struct {
	Hash   OID
	Value  []byte
	Issuer []byte // Name in the one directoryName; nil when issuerSerial is absent
	Serial []byte // contents octets
}

// ESSCertIDs reads the signing-certificate attributes of a signer, of which there is one or, from cautious signers, one
// of each kind.
func (si *SignerInfo) ESSCertIDs() (ids []ESSCertID, problems []string) {
	for _, kind := range []OID{OIDSigningCertificateV2, OIDSigningCertificate} {
		value, problem := Single(si.Signed, kind)
		if problem != "" {
			problems = append(problems, kind.Name()+": "+problem)
			continue
		}
		if value.IsZero() {
			continue
		}
		id, problem := ParseESSCertID(value, kind)
		if problem != "" {
			problems = append(problems, kind.Name()+": "+problem)
			continue
		}
		ids = append(ids, id)
	}
	return ids, problems
}

// ParseESSCertID reads the value of a signing-certificate attribute of either kind. problem is empty when it could be
// read.
func ParseESSCertID(value Value, kind OID) (id ESSCertID, problem string) {
	const malformed = "the attribute is malformed"
	id.Hash = OIDSHA256 // ESSCertIDv2: DEFAULT
	if kind == OIDSigningCertificate {
		id.Hash = OIDSHA1
	}
	if value.tag != TagSequence {
		return id, malformed
	}
	r := value.Reader()
	certs, err := r.Want(TagSequence, "certs")
	if err != nil {
		return id, malformed
	}
	r = certs.Reader()
	first, err := r.Want(TagSequence, "ESSCertID")
	if err != nil {
		return id, malformed
	}
	r = first.Reader()
	if kind == OIDSigningCertificateV2 {
		// Many write the DEFAULT, and NULL parameters with it.
		v, ok, err := r.Optional(TagSequence)
		if err != nil {
			return id, malformed
		}
		if ok {
			alg, err := ParseAlgorithm(v)
			if err != nil {
				return id, malformed
			}
			id.Hash = alg.ID
		}
	}
	certHash, err := r.Want(TagOctetString, "certHash")
	if err != nil {
		return id, malformed
	}
	if id.Value, err = certHash.Octets(); err != nil {
		return id, malformed
	}
	if issuerSerial, ok, err := r.Optional(TagSequence); err == nil && ok {
		id.issuerSerial(issuerSerial)
	}
	return id, ""
}

// issuerSerial reads IssuerSerial: GeneralNames with one directoryName [4], then the serial number. Anything else there
// leaves the fields empty, which then match no certificate.
func (id *ESSCertID) issuerSerial(v Value) {
	id.Issuer = []byte{}
	r := v.Reader()
	names, err := r.Want(TagSequence, "issuer")
	if err != nil {
		return
	}
	serial, err := r.Want(TagInteger, "serialNumber")
	if err != nil {
		return
	}
	inner := names.Reader()
	directoryName, err := inner.Want(ContextConstructed(4), "directoryName")
	if err != nil {
		return
	}
	explicit := directoryName.Reader()
	name, err := explicit.Next()
	if err != nil {
		return
	}
	id.Issuer, id.Serial = name.Raw(), serial.Body()
}
