package cms

// Evidence is what certificate-values and revocation-values among unsigned attributes hold (RFC 5126 sections 6.3.3 and 6.3.4), as it
// stands there. Members that cannot be read are left out.
type Evidence struct {
	Certificates []Value
	CRLs         []Value
	OCSP         []Value // BasicOCSPResponse
}

// ValuesOf reads it.
func ValuesOf(unsigned []Attribute) (e Evidence) {
	for _, a := range unsigned {
		for _, value := range a.Values {
			switch a.Type {
			case OIDCertificateValues:
				r := value.Reader()
				all, _ := r.All()
				e.Certificates = append(e.Certificates, all...)
			case OIDRevocationValues:
				e.revocationValues(value)
			}
		}
	}
	return e
}

func (e *Evidence) revocationValues(value Value) {
	r := value.Reader()
	fields, _ := r.All()
	for _, f := range fields { // crlVals [0], ocspVals [1], EXPLICIT
		inner := f.Reader()
		list, err := inner.Want(TagSequence, "values")
		if err != nil {
			continue
		}
		members := list.Reader()
		all, _ := members.All()
		switch f.Tag() {
		case ContextConstructed(0):
			e.CRLs = append(e.CRLs, all...)
		case ContextConstructed(1):
			e.OCSP = append(e.OCSP, all...)
		}
	}
}
