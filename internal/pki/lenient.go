package pki

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"

	"github.com/seed-116355fd/signet/internal/cms"
)

// Lenient returns the certificate as crypto/x509 reads it, or, when that refuses it, with the fields that could be read: so
// that it goes wherever certificates go. Its octets are what counts there, and who judges it reads those. It has an unhandled
// critical extension then, so that crypto/x509, which does not see all of it, does not verify it either.
func (c *Certificate) Lenient() *x509.Certificate {
	if x, err := c.X509(); err == nil {
		return x
	}
	x := &x509.Certificate{
		Raw: c.Raw, RawTBSCertificate: c.RawTBS, RawSubjectPublicKeyInfo: c.SPKI, RawSubject: c.Subject.Raw, RawIssuer: c.Issuer.Raw,
		Signature: c.Signature, SignatureAlgorithm: signatureAlgorithmOf(c.SignatureAlgorithm.ID),
		Version: c.Version, SerialNumber: serialNumber(c.Serial), Issuer: c.Issuer.pkix(), Subject: c.Subject.pkix(),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, SubjectKeyId: c.SubjectKeyID,
		UnhandledCriticalExtensions: []asn1.ObjectIdentifier{{0, 0}},
	}
	if key, err := x509.ParsePKIXPublicKey(c.SPKI); err == nil {
		x.PublicKey, x.PublicKeyAlgorithm = key, publicKeyAlgorithmOf(c.KeyAlgorithm.ID)
	}
	if c.KeyUsage != nil { // the bits are the same
		x.KeyUsage = x509.KeyUsage(*c.KeyUsage)
	} else if _, there := c.Extension(cms.OIDKeyUsage); there { // what cannot be read allows nothing
		x.KeyUsage = x509.KeyUsageEncipherOnly
	}
	if bc := c.BasicConstraints; bc != nil {
		x.BasicConstraintsValid, x.IsCA, x.MaxPathLen, x.MaxPathLenZero = true, bc.CA, bc.PathLen, bc.PathLen == 0
	}
	if c.AuthorityKeyID != nil {
		x.AuthorityKeyId = c.AuthorityKeyID.KeyID
	}
	for _, use := range c.ExtKeyUsage {
		if known, ok := extKeyUsageOf(use); ok {
			x.ExtKeyUsage = append(x.ExtKeyUsage, known)
		} else if id, ok := use.ASN1(); ok {
			x.UnknownExtKeyUsage = append(x.UnknownExtKeyUsage, id)
		}
	}
	for _, e := range c.Extensions {
		if id, ok := e.ID.ASN1(); ok {
			x.Extensions = append(x.Extensions, pkix.Extension{Id: id, Critical: e.Critical, Value: e.Value})
			if e.Critical {
				x.UnhandledCriticalExtensions = append(x.UnhandledCriticalExtensions, id)
			}
		}
	}
	c.places(x)
	return x
}

// places takes the addresses of others.
func (c *Certificate) places(x *x509.Certificate) {
	for _, a := range c.AuthorityInfoAccess {
		switch address := string(a.Location.Value); {
		case a.Location.Kind != URI:
		case a.Method == "\x2b\x06\x01\x05\x05\x07\x30\x01": // id-ad-ocsp
			x.OCSPServer = append(x.OCSPServer, address)
		case a.Method == "\x2b\x06\x01\x05\x05\x07\x30\x02": // id-ad-caIssuers
			x.IssuingCertificateURL = append(x.IssuingCertificateURL, address)
		}
	}
	for _, p := range c.CRLDistributionPoints {
		for _, name := range p.FullName {
			if name.Kind == URI {
				x.CRLDistributionPoints = append(x.CRLDistributionPoints, string(name.Value))
			}
		}
	}
}

// serialNumber is an INTEGER by its contents octets.
func serialNumber(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) != 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

// pkix is the name for people, of what is text.
func (n Name) pkix() (name pkix.Name) {
	var all pkix.RDNSequence
	for _, rdn := range n.RDNs() {
		var set pkix.RelativeDistinguishedNameSET
		for _, a := range rdn {
			id, known := a.Type.ASN1()
			text, ok := decodeString(a.Value)
			if known && ok {
				set = append(set, pkix.AttributeTypeAndValue{Type: id, Value: text})
			}
		}
		if len(set) != 0 {
			all = append(all, set)
		}
	}
	name.FillFromRDNSequence(&all)
	return name
}

func signatureAlgorithmOf(id cms.OID) x509.SignatureAlgorithm {
	switch id {
	case cms.OIDSHA1WithRSA:
		return x509.SHA1WithRSA
	case cms.OIDSHA256WithRSA:
		return x509.SHA256WithRSA
	case cms.OIDSHA384WithRSA:
		return x509.SHA384WithRSA
	case cms.OIDSHA512WithRSA:
		return x509.SHA512WithRSA
	case cms.OIDECDSAWithSHA1:
		return x509.ECDSAWithSHA1
	case cms.OIDECDSAWithSHA256:
		return x509.ECDSAWithSHA256
	case cms.OIDECDSAWithSHA384:
		return x509.ECDSAWithSHA384
	case cms.OIDECDSAWithSHA512:
		return x509.ECDSAWithSHA512
	case cms.OIDEd25519:
		return x509.PureEd25519
	}
	return x509.UnknownSignatureAlgorithm
}

func publicKeyAlgorithmOf(id cms.OID) x509.PublicKeyAlgorithm {
	switch id {
	case cms.OIDRSAEncryption:
		return x509.RSA
	case cms.OIDECPublicKey:
		return x509.ECDSA
	case cms.OIDEd25519:
		return x509.Ed25519
	}
	return x509.UnknownPublicKeyAlgorithm
}

func extKeyUsageOf(id cms.OID) (x509.ExtKeyUsage, bool) {
	if id == oidAnyExtKeyUsage {
		return x509.ExtKeyUsageAny, true
	}
	kp, ok := bytes.CutPrefix([]byte(id), []byte("\x2b\x06\x01\x05\x05\x07\x03")) // id-kp
	if !ok || len(kp) != 1 {
		return 0, false
	}
	switch kp[0] {
	case 1:
		return x509.ExtKeyUsageServerAuth, true
	case 2:
		return x509.ExtKeyUsageClientAuth, true
	case 3:
		return x509.ExtKeyUsageCodeSigning, true
	case 4:
		return x509.ExtKeyUsageEmailProtection, true
	case 8:
		return x509.ExtKeyUsageTimeStamping, true
	case 9:
		return x509.ExtKeyUsageOCSPSigning, true
	}
	return 0, false
}
