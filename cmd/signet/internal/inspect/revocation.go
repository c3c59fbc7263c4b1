package inspect

import (
	"fmt"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/cms"
)

// revocationChoice shows a member of SignedData.crls (RFC 5652 section 10.2.1, RFC 5940).
func (s scope) revocationChoice(p *Node, v cms.Value, i int) {
	if v.Tag() == cms.TagSequence {
		s.crl(p, v, fmt.Sprintf("CRL %d", i+1))
		return
	}
	r := v.Reader()
	first, err := r.Next()
	if err == nil {
		if id, err := first.OID(); err == nil && !r.Empty() {
			if value, err := r.Next(); err == nil {
				switch id {
				case cms.OIDRIOCSPResponse:
					s.ocspResponse(p, value, fmt.Sprintf("OCSP response %d", i+1))
					return
				case cms.OIDOCSPBasic:
					s.basicOCSP(p, value, fmt.Sprintf("OCSP response %d", i+1))
					return
				}
			}
		}
	}
	s.asn1(p, v, "revocation value of another kind")
}

// revocationValues shows the attribute RevocationValues (RFC 5126 section 6.3.4).
func (s scope) revocationValues(p *Node, v cms.Value) {
	s.members(p, v, func(_ int, field cms.Value) {
		show := map[cms.Tag]func(*Node, cms.Value, string){
			cms.ContextConstructed(0): s.crl, cms.ContextConstructed(1): s.basicOCSP,
		}[field.Tag()]
		if show == nil {
			s.asn1(p, field, "")
			return
		}
		s.members(p, field, func(_ int, list cms.Value) {
			s.members(p, list, func(i int, one cms.Value) {
				name := "CRL"
				if field.Tag() == cms.ContextConstructed(1) {
					name = "OCSP response"
				}
				show(p, one, fmt.Sprintf("%s %d", name, i+1))
			})
		})
	})
}

// crl shows a CertificateList (RFC 5280 section 5.1): its times and how many it revokes.
func (s scope) crl(p *Node, v cms.Value, name string) {
	n, below := s.at(p, v, name, "")
	r := v.Reader()
	tbs, err := r.Want(cms.TagSequence, "tbsCertList")
	if err != nil {
		below.failed(n, v, err)
		return
	}
	sequences, times := 0, 0
	var last cms.Value // before the extensions
	below.members(n, tbs, func(_ int, field cms.Value) {
		if field.Tag() == cms.ContextConstructed(0) && isTime(last) {
			below.add(n, "revoked certificates", "none")
		}
		last = field
		switch {
		case isTime(field):
			below.at(n, field, []string{"thisUpdate", "nextUpdate", "time"}[min(times, 2)], moment(field))
			times++
		case field.Tag() == cms.ContextConstructed(0):
			below.extensions(n, field)
		case field.Tag() == cms.TagSequence:
			sequences++
			switch {
			case sequences == 1:
				below.algorithmIn(n, field, "signatureAlgorithm")
			case sequences == 2:
				n.Value = "of " + nameOf(field)
			default:
				below.at(n, field, "revoked certificates", count(field))
			}
		}
	})
}

// count says how many members there are.
func count(v cms.Value) string {
	n := 0
	for r := v.Reader(); !r.Empty(); n++ {
		if _, err := r.Next(); err != nil {
			return plain.Count(n) + ", then " + reason(err)
		}
	}
	return plain.Count(n)
}

// ocspResponse shows an OCSPResponse (RFC 6960 section 4.2.1).
func (s scope) ocspResponse(p *Node, v cms.Value, name string) {
	r := v.Reader()
	if first := v.Reader(); !first.Empty() { // some put the BasicOCSPResponse in its place
		if inner, err := first.Next(); err == nil && inner.Tag() == cms.TagSequence {
			s.basicOCSP(p, v, name)
			return
		}
	}
	status, err := r.Want(cms.TagEnumerated, "the status of the response")
	if err != nil {
		s.failed(p, v, err)
		return
	}
	if explicit, ok, err := r.Optional(cms.ContextConstructed(0)); err == nil && ok {
		er := explicit.Reader()
		if seq, err := er.Want(cms.TagSequence, "ResponseBytes"); err == nil {
			fields := seq.Reader()
			id, err1 := fields.Next()
			value, err2 := fields.Want(cms.TagOctetString, "the response")
			if oid, err := id.OID(); err1 == nil && err2 == nil && err == nil && oid == cms.OIDOCSPBasic {
				b, inner, err := s.inOctets(value)
				if err == nil {
					var basic cms.Value
					if basic, err = cms.ReadValue(b); err == nil {
						inner.basicOCSP(p, basic, name)
						return
					}
				}
				s.failed(p, v, err)
				return
			}
		}
	}
	s.at(p, v, name, "without an answer, status "+integer(status.Body()))
}

// basicOCSP shows a BasicOCSPResponse.
func (s scope) basicOCSP(p *Node, v cms.Value, name string) {
	n, below := s.at(p, v, name, "")
	r := v.Reader()
	data, err := r.Want(cms.TagSequence, "ResponseData")
	if err != nil {
		below.failed(n, v, err)
		return
	}
	produced := false
	below.members(n, data, func(_ int, field cms.Value) {
		switch field.Tag() {
		case cms.ContextConstructed(1), cms.ContextConstructed(2):
			if produced {
				below.extensions(n, field)
				return
			}
			n.Value = "of " + responder(field)
			below.at(n, field, "responder", responder(field))
		case cms.TagGeneralizedTime:
			produced = true
			below.at(n, field, "producedAt", moment(field))
		case cms.TagSequence:
			below.members(n, field, func(_ int, one cms.Value) { below.singleResponse(n, one) })
		}
	})
	for !r.Empty() {
		field, err := r.Next()
		if err != nil {
			return
		}
		switch field.Tag() {
		case cms.TagSequence:
			below.algorithmIn(n, field, "signatureAlgorithm")
		case cms.ContextConstructed(0):
			if inner := field.Reader(); !inner.Empty() {
				if list, err := inner.Next(); err == nil {
					below.members(n, list, func(i int, c cms.Value) { below.certificateChoice(n, c, i) })
				}
			}
		}
	}
}

// responder shows a ResponderID.
func responder(v cms.Value) string {
	r := v.Reader()
	inner, err := r.Next()
	switch {
	case err != nil:
		return reason(err)
	case v.Tag() == cms.ContextConstructed(1):
		return nameOf(inner)
	}
	return "with key hash " + octets(inner.Body())
}

func (s scope) singleResponse(p *Node, v cms.Value) {
	n, below := s.at(p, v, "certificate status", "")
	below.members(n, v, func(i int, field cms.Value) {
		switch {
		case i == 0:
			if last, ok := lastMember(field); ok && last.Tag() == cms.TagInteger {
				below.at(n, field, "serial", serial(last.Body()))
			}
		case i == 1:
			n.Value = map[int]string{0: "good", 1: "revoked", 2: "unknown"}[field.Tag().Number()]
			if inner := field.Reader(); field.Tag() == cms.ContextConstructed(1) && !inner.Empty() {
				if t, err := inner.Next(); err == nil && isTime(t) {
					n.Value += " since " + moment(t)
				}
			}
		case isTime(field):
			below.at(n, field, "thisUpdate", moment(field))
		case field.Tag() == cms.ContextConstructed(0):
			if inner := field.Reader(); !inner.Empty() {
				if t, err := inner.Next(); err == nil {
					below.at(n, field, "nextUpdate", moment(t))
				}
			}
		case field.Tag() == cms.ContextConstructed(1):
			below.extensions(n, field)
		}
	})
}

func lastMember(v cms.Value) (last cms.Value, ok bool) {
	for r := v.Reader(); !r.Empty(); {
		next, err := r.Next()
		if err != nil {
			return last, false
		}
		last, ok = next, true
	}
	return last, ok
}
