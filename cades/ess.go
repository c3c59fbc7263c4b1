package cades

import (
	"bytes"

	"github.com/seed-116355fd/signet/internal/cms"
)

// essCertID is the first ESSCertID or ESSCertIDv2 of a signing-certificate attribute (RFC 5035 sections 4 and 5): the
// signer's. Further ones, of certificates of the path, are not needed to bind the signer and are not looked at.
type essCertID struct {
	hash   cms.Hash
	value  []byte
	Issuer []byte // Name in the one directoryName; nil when issuerSerial is absent
	serial []byte // contents octets
}

func (id *essCertID) matches(c *cms.Certificate) bool {
	return bytes.Equal(id.hash.Sum(c.Raw), id.value)
}

func (id *essCertID) sameIssuerSerial(c *cms.Certificate) bool {
	return bytes.Equal(id.Issuer, c.Issuer) && bytes.Equal(id.serial, c.Serial)
}

// essCertIDs reads the signing-certificate attributes, of which there is one or, from cautious signers, one of each kind.
func (s *Signature) essCertIDs() (ids []essCertID, problems []string) {
	for _, kind := range []cms.OID{cms.OIDSigningCertificateV2, cms.OIDSigningCertificate} {
		value, problem := single(s.si.Signed, kind)
		if problem != "" {
			problems = append(problems, kind.Name()+": "+problem)
			continue
		}
		if value.IsZero() {
			continue
		}
		id, problem := parseESSCertID(value, kind)
		if problem != "" {
			problems = append(problems, kind.Name()+": "+problem)
			continue
		}
		ids = append(ids, id)
	}
	return ids, problems
}

func parseESSCertID(value cms.Value, kind cms.OID) (id essCertID, problem string) {
	const malformed = "the attribute is malformed"
	hash := cms.OIDSHA256 // ESSCertIDv2: DEFAULT
	if kind == cms.OIDSigningCertificate {
		hash = cms.OIDSHA1
	}
	if value.Tag() != cms.TagSequence {
		return id, malformed
	}
	r := value.Reader()
	certs, err := r.Want(cms.TagSequence, "certs")
	if err != nil {
		return id, malformed
	}
	r = certs.Reader()
	first, err := r.Want(cms.TagSequence, "ESSCertID")
	if err != nil {
		return id, malformed
	}
	r = first.Reader()
	if kind == cms.OIDSigningCertificateV2 {
		// Many write the DEFAULT, and NULL parameters with it.
		v, ok, err := r.Optional(cms.TagSequence)
		if err != nil {
			return id, malformed
		}
		if ok {
			alg, err := cms.ParseAlgorithm(v)
			if err != nil {
				return id, malformed
			}
			hash = alg.ID
		}
	}
	var ok bool
	if id.hash, ok = cms.HashByOID(hash); !ok {
		return id, "hash " + hash.Name() + " is not supported"
	}
	certHash, err := r.Want(cms.TagOctetString, "certHash")
	if err != nil {
		return id, malformed
	}
	if id.value, err = certHash.Octets(); err != nil {
		return id, malformed
	}
	if issuerSerial, ok, err := r.Optional(cms.TagSequence); err == nil && ok {
		id.issuerSerial(issuerSerial)
	}
	return id, ""
}

// issuerSerial reads IssuerSerial: GeneralNames with one directoryName [4], then the serial number. Anything else there
// leaves the fields empty, which then match no certificate.
func (id *essCertID) issuerSerial(v cms.Value) {
	id.Issuer = []byte{}
	r := v.Reader()
	names, err := r.Want(cms.TagSequence, "issuer")
	if err != nil {
		return
	}
	serial, err := r.Want(cms.TagInteger, "serialNumber")
	if err != nil {
		return
	}
	inner := names.Reader()
	directoryName, err := inner.Want(cms.ContextConstructed(4), "directoryName")
	if err != nil {
		return
	}
	explicit := directoryName.Reader()
	name, err := explicit.Next()
	if err != nil {
		return
	}
	id.Issuer, id.serial = name.Raw(), serial.Body()
}

// findSigner finds the certificate of the signer among candidates: by the ESS hash where there is one, which cannot be
// mistaken, else by the signer identifier. how says by what it was found, or why not.
func (s *Signature) findSigner(among *candidates) (c *cms.Certificate, how string) {
	ids, _ := s.essCertIDs()
	for i := range ids {
		if c := among.hashed(ids[i].hash, ids[i].value); c != nil {
			return c, "its hash in the signed attributes"
		}
	}
	if c := among.identified(s.si.SID); c != nil {
		return c, "the signer identifier"
	}
	if len(among.certs) == 0 {
		return nil, "the message holds no certificates"
	}
	return nil, "no certificate is the signer's"
}
