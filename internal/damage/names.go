package damage

import (
	"strconv"

	"github.com/seed-116355fd/signet/internal/cms"
)

// Role is what a value is exchanged as.
type Role int

// Roles.
const (
	Plain       Role = iota
	Certificate      // RFC 5280 section 4.1
	CRL              // RFC 5280 section 5.1
	OCSP             // a RevocationInfoChoice, as RFC 5940 has it
	Token            // the ContentInfo of a time-stamp
	Algorithm        // AlgorithmIdentifier
	Time             // UTCTime or GeneralizedTime
	attributeSet
	attribute
)

// The functions below name the fields of what they are given, as far as it has the form that it should. What they do not know is
// named by its place.

func (n *node) field(i int) *node {
	if n == nil || i >= len(n.kids) {
		return nil
	}
	return n.kids[i]
}

// fields names members in turn, and returns them.
func (n *node) fields(names ...string) {
	for i, name := range names {
		if k := n.field(i); k != nil {
			k.name = name
		}
	}
}

func (n *node) as(role Role) {
	if n != nil {
		n.role = role
	}
}

// algorithm marks an AlgorithmIdentifier.
func (n *node) algorithm() {
	if n != nil && n.members {
		n.role = Algorithm
		n.fields("algorithm", "parameters")
	}
}

func (n *node) each(name string, f func(*node)) {
	if n == nil {
		return
	}
	for i, k := range n.kids {
		k.name = name + " " + strconv.Itoa(i)
		f(k)
	}
}

// contentInfo names a ContentInfo with SignedData.
func (n *node) contentInfo() {
	n.fields("contentType", "content")
	if sd := n.field(1).field(0); sd != nil {
		sd.name = "SignedData"
		sd.signedData()
	}
}

func (n *node) signedData() {
	n.fields("version", "digestAlgorithms", "encapContentInfo")
	if d := n.field(1); d != nil {
		d.each("digest", (*node).algorithm)
	}
	token := false
	if e := n.field(2); e != nil {
		e.fields("eContentType", "content")
		if c := e.field(1).field(0); c != nil {
			c.name = "eContent"
			if t := e.field(0); token || t != nil && cms.OID(t.body) == cms.OIDTSTInfo {
				c.unwrap(0)
				c.field(0).tstInfo()
			}
		}
	}
	for _, k := range n.kids[min(3, len(n.kids)):] {
		switch k.tag() {
		case 0xa0:
			k.name = "certificates"
			k.each("certificate", (*node).certificate)
		case 0xa1:
			k.name = "crls"
			k.each("value", (*node).revocation)
		case 0x31:
			k.name = "signerInfos"
			k.each("signer", (*node).signerInfo)
		}
	}
}

func (n *node) tstInfo() {
	if n == nil {
		return
	}
	n.name = "TSTInfo"
	n.fields("version", "policy", "messageImprint", "serialNumber", "genTime")
	n.field(4).as(Time)
	if m := n.field(2); m != nil {
		m.fields("hashAlgorithm", "hashedMessage")
		m.field(0).algorithm()
	}
}

func (n *node) signerInfo() {
	n.fields("version", "sid", "digestAlgorithm")
	if s := n.field(1); s != nil && s.tag() == 0x30 {
		s.fields("issuer", "serialNumber")
	}
	n.field(2).algorithm()
	rest := n.kids[min(3, len(n.kids)):]
	for _, k := range rest {
		switch k.tag() {
		case 0xa0:
			k.name = "signedAttrs"
			k.attributes()
		case 0x30:
			k.name = "signatureAlgorithm"
			k.algorithm()
		case 0x04:
			k.name = "signature"
		case 0xa1:
			k.name = "unsignedAttrs"
			k.attributes()
		}
	}
}

func (n *node) attributes() {
	n.role = attributeSet
	seen := map[string]int{}
	for _, a := range n.kids {
		t := a.field(0)
		if t == nil || !a.members {
			continue
		}
		id := cms.OID(t.body)
		a.name = id.Name()
		if seen[a.name]++; seen[a.name] > 1 {
			a.name += " " + strconv.Itoa(seen[a.name])
		}
		a.role = attribute
		a.fields("type", "values")
		values := a.field(1)
		if values == nil {
			continue
		}
		for _, v := range values.kids {
			v.attributeValue(id)
		}
	}
}

func (n *node) attributeValue(id cms.OID) {
	switch id {
	case cms.OIDSignatureTimeStamp, cms.OIDContentTimeStamp, cms.OIDArchiveTimeStampV3, cms.OIDArchiveTimeStampV2, cms.OIDCAdESCTimeStamp:
		n.role = Token
		n.contentInfo()
	case cms.OIDCounterSignature:
		n.signerInfo()
	case cms.OIDSigningTime:
		n.role = Time
	case cms.OIDSigningCertificateV2:
		n.fields("certs")
		n.field(0).each("ESSCertIDv2", func(id *node) {})
	case cms.OIDAlgorithmProtection:
		n.fields("digestAlgorithm", "signatureAlgorithm")
		n.field(0).algorithm()
	case cms.OIDATSHashIndexV3:
		n.fields("hashIndAlgorithm", "certificatesHashIndex", "crlsHashIndex", "unsignedAttrValuesHashIndex")
		n.field(0).algorithm()
	}
}

func (n *node) certificate() {
	n.role = Certificate
	n.fields("tbs", "signatureAlgorithm", "signature")
	n.field(1).algorithm()
	tbs := n.field(0)
	if tbs == nil || tbs.field(0) == nil || tbs.field(0).tag() != 0xa0 {
		return
	}
	tbs.fields("version", "serialNumber", "signature", "issuer", "validity", "subject", "subjectPublicKeyInfo", "extensions")
	tbs.field(2).algorithm()
	tbs.field(4).validity()
	if k := tbs.field(6); k != nil {
		k.fields("algorithm", "subjectPublicKey")
		k.field(0).algorithm()
	}
	if e := tbs.field(7); e != nil {
		e.field(0).extensions()
	}
}

func (n *node) validity() {
	if n != nil {
		n.fields("notBefore", "notAfter")
		n.field(0).as(Time)
		n.field(1).as(Time)
	}
}

func (n *node) extensions() {
	if n == nil {
		return
	}
	for _, e := range n.kids {
		if id := e.field(0); id != nil {
			e.name = cms.OID(id.body).String()
		}
		if v := e.field(len(e.kids) - 1); v != nil && v.tag() == 0x04 {
			v.unwrap(0)
		}
	}
}

func (n *node) revocation() {
	if n.tag() == 0xa1 {
		n.role = OCSP
		n.fields("otherRevInfoFormat", "OCSPResponse")
		n.field(1).ocsp()
		return
	}
	n.role = CRL
	n.fields("tbs", "signatureAlgorithm", "signature")
	n.field(1).algorithm()
	if tbs := n.field(0); tbs != nil {
		tbs.fields("version", "signature", "issuer", "thisUpdate", "nextUpdate")
		tbs.field(1).algorithm()
		for _, k := range tbs.kids {
			switch k.tag() {
			case 0x17, 0x18:
				k.role = Time
			case 0xa0:
				k.name = "extensions"
				k.field(0).extensions()
			}
		}
	}
}

func (n *node) ocsp() {
	if n == nil {
		return
	}
	n.fields("responseStatus", "responseBytes")
	bytes := n.field(1).field(0)
	if bytes == nil {
		return
	}
	bytes.fields("responseType", "response")
	if r := bytes.field(1); r != nil {
		r.unwrap(0)
		if basic := r.field(0); basic != nil {
			basic.name = "BasicOCSPResponse"
			basic.fields("tbsResponseData", "signatureAlgorithm", "signature", "certs")
			basic.field(1).algorithm()
			if c := basic.field(3); c != nil {
				c.field(0).each("certificate", (*node).certificate)
			}
			basic.field(0).walkTimes()
		}
	}
}

func (n *node) walkTimes() {
	if n == nil {
		return
	}
	n.walk(func(v *node) {
		if v.tag() == 0x18 {
			v.role = Time
		}
	})
}
