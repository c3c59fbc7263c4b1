package revocation

import (
	"bytes"
	"crypto/x509"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

// maxCertID bounds the octets of the hashes and the serial number of a CertID.
const maxCertID = 128

// maxResponderCertificates bounds the certificates that are read from a response. One is enough for most.
const maxResponderCertificates = 32

// Response is an OCSP response (RFC 6960 section 4.2.1) as it was received. It is not modified and is safe for concurrent
// use. That it could be parsed does not mean that it is good; see [Response.Check].
type Response struct {
	Raw        []byte // the OCSPResponse; nil when only the basic response was there
	Basic      []byte // the BasicOCSPResponse
	ProducedAt time.Time
	Nonce      []byte // nil when absent
	// ResponderName is the Name of the responder in DER, or ResponderKey the SHA-1 of its key: one of them is set.
	ResponderName []byte
	ResponderKey  []byte
	Singles       []Single
	// Certificates are those in the response that crypto/x509 can read, in their order.
	Certificates []*x509.Certificate

	inside     *certificates // all of them
	signed     cms.Signed
	extensions []extension
}

// Single is a SingleResponse: what is said of one certificate.
type Single struct {
	CertID     CertID
	State      State
	RevokedAt  time.Time
	Reason     Reason
	ThisUpdate time.Time
	NextUpdate time.Time // zero when newer information is always available

	extensions []extension
}

// CertID names a certificate (RFC 6960 section 4.1.1).
type CertID struct {
	Hash      string // dotted object identifier
	NameHash  []byte // of the issuer's Name
	KeyHash   []byte // of the contents of the issuer's public key
	Serial    []byte // contents octets of the INTEGER
	algorithm cms.OID
}

// Matches reports whether the certificate of this issuer is meant. A hash that only a scheme of the caller knows matches none.
func (id *CertID) Matches(cert, issuer *x509.Certificate) bool {
	q, err := askedOf(cert, issuer, nil)
	if err != nil {
		return false
	}
	s := q.subject()
	return id.matches(&s, nil)
}

// subject is a certificate as a CertID names it.
type subject struct{ name, issuer, key, serial []byte } // the issuer as the certificate writes it, and as that writes itself

func (q *asked) subject() subject {
	return subject{q.cert.Issuer.Raw, q.issuer.Subject.Raw, keyBits(q.issuer.SPKI), trimmed(q.cert.Serial)}
}

// matches compares the serial number first, since a hostile response names many certificates and hashes take time.
func (id *CertID) matches(s *subject, registry *algorithm.Registry) bool {
	if len(s.serial) == 0 || s.key == nil || !bytes.Equal(trimmed(id.Serial), s.serial) {
		return false
	}
	h, ok := registry.NameHash(id.algorithm)
	return ok && bytes.Equal(id.KeyHash, h.Sum(s.key)) && (bytes.Equal(id.NameHash, h.Sum(s.name)) || bytes.Equal(id.NameHash, h.Sum(s.issuer)))
}

// keyBits returns the contents of subjectPublicKey without the octet that counts unused bits.
func keyBits(spki []byte) []byte {
	v, err := cms.ReadValue(spki)
	if err != nil {
		return nil
	}
	r := v.Reader()
	if _, err := r.Want(cms.TagSequence, "algorithm"); err != nil {
		return nil
	}
	bits, err := r.Want(cms.TagBitString, "subjectPublicKey")
	if err != nil || len(bits.Body()) < 2 {
		return nil
	}
	return bits.Body()[1:]
}

// ParseResponse reads an OCSPResponse, or a bare BasicOCSPResponse as older signatures carry it. A responder that
// refuses to answer (tryLater, unauthorized …) gives a [*sign.Error] of [CheckStatus]; what cannot be read gives one of
// [CheckEncoding].
func ParseResponse(der []byte) (*Response, error) {
	v, err := cms.ReadValue(der)
	if err != nil {
		return nil, because(CheckEncoding, "this is not an OCSP response", err)
	}
	r := &Response{Raw: v.Raw(), inside: &certificates{}}
	if err := r.outer(v); err != nil {
		if e, ok := err.(*sign.Error); ok && e.Class == CheckStatus {
			return nil, e
		}
		return nil, because(CheckEncoding, "this is not an OCSP response", err)
	}
	return r, nil
}

func (r *Response) outer(v cms.Value) error {
	if v.Tag() != cms.TagSequence {
		return failed(CheckEncoding, "it is not a SEQUENCE")
	}
	fields := v.Reader()
	first, err := fields.Next()
	if err != nil {
		return err
	}
	if first.Tag() == cms.TagSequence {
		r.Raw, r.Basic = nil, v.Raw()
		return r.basic(v)
	}
	if first.Tag() != cms.TagEnumerated || len(first.Body()) != 1 {
		return failed(CheckEncoding, "it does not begin with a status")
	}
	if status := first.Body()[0]; status != 0 {
		names := map[byte]string{1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized"}
		name, ok := names[status]
		if !ok {
			name = "an unknown status"
		}
		return failed(CheckStatus, "the responder answered %d (%s)", status, name)
	}
	explicit, err := fields.Want(cms.ContextConstructed(0), "responseBytes")
	if err != nil {
		return err
	}
	inner := explicit.Reader()
	seq, err := inner.Want(cms.TagSequence, "ResponseBytes")
	if err != nil {
		return err
	}
	inner = seq.Reader()
	kind, err := inner.Want(cms.TagOID, "responseType")
	if err != nil {
		return err
	}
	if cms.OID(kind.Body()) != cms.OIDOCSPBasic {
		return failed(CheckEncoding, "the response is of type %s and not basic", cms.OID(kind.Body()))
	}
	octets, err := inner.Want(cms.TagOctetString, "response")
	if err != nil {
		return err
	}
	if r.Basic, err = octets.Octets(); err != nil {
		return err
	}
	basic, err := cms.ReadValue(r.Basic)
	if err != nil {
		return err
	}
	return r.basic(basic)
}

// basic reads BasicOCSPResponse.
func (r *Response) basic(v cms.Value) (err error) {
	if r.signed, err = cms.ParseSigned(v); err != nil {
		return err
	}
	rest := r.signed.Rest
	if explicit, ok, err := rest.Optional(cms.ContextConstructed(0)); err != nil {
		return err
	} else if ok {
		inner := explicit.Reader()
		list, err := inner.Want(cms.TagSequence, "certs")
		if err != nil {
			return err
		}
		inner = list.Reader()
		all, err := inner.All()
		if err != nil {
			return err
		}
		for _, c := range all[:min(len(all), maxResponderCertificates)] {
			r.inside.raw = append(r.inside.raw, c.Raw())
			if cert, err := pki.ParseCertificate(c.Raw()); err == nil {
				r.Certificates = append(r.Certificates, cert.Lenient())
			}
		}
	}
	return r.data(r.signed.TBS.Reader())
}

// data reads ResponseData.
func (r *Response) data(fields cms.Reader) error {
	if _, _, err := fields.Optional(cms.ContextConstructed(0)); err != nil { // version
		return err
	}
	id, err := fields.Next()
	if err != nil {
		return err
	}
	inner := id.Reader()
	switch id.Tag() {
	case cms.ContextConstructed(1):
		name, err := inner.Want(cms.TagSequence, "the name of the responder")
		if err != nil {
			return err
		}
		r.ResponderName = name.Raw()
	case cms.ContextConstructed(2):
		key, err := inner.Want(cms.TagOctetString, "the key hash of the responder")
		if err != nil {
			return err
		}
		if r.ResponderKey, err = key.Octets(); err != nil {
			return err
		}
	default:
		return failed(CheckEncoding, "the responder is not named")
	}
	produced, err := fields.Want(cms.TagGeneralizedTime, "producedAt")
	if err != nil {
		return err
	}
	if r.ProducedAt, err = produced.Time(); err != nil {
		return err
	}
	list, err := fields.Want(cms.TagSequence, "responses")
	if err != nil {
		return err
	}
	inner = list.Reader()
	all, err := inner.All()
	if err != nil {
		return err
	}
	for _, v := range all {
		s, err := readSingle(v)
		if err != nil {
			return err
		}
		r.Singles = append(r.Singles, s)
	}
	explicit, ok, err := fields.Optional(cms.ContextConstructed(1))
	if err != nil || !ok {
		return err
	}
	if r.extensions, err = explicitExtensions(explicit); err != nil {
		return err
	}
	if e, ok := find(r.extensions, oidNonce); ok {
		// RFC 9654 section 2.1 has an OCTET STRING inside; some put the bare octets there.
		r.Nonce = e.value
		if inner, err := cms.ReadValue(e.value); err == nil && inner.Tag() == cms.TagOctetString && len(inner.Raw()) == len(e.value) {
			r.Nonce = inner.Body()
		}
	}
	return nil
}

func readSingle(v cms.Value) (s Single, err error) {
	if v.Tag() != cms.TagSequence {
		return s, failed(CheckEncoding, "a SingleResponse is not a SEQUENCE")
	}
	r := v.Reader()
	id, err := r.Want(cms.TagSequence, "certID")
	if err != nil {
		return s, err
	}
	if s.CertID, err = readCertID(id); err != nil {
		return s, err
	}
	status, err := r.Next()
	if err != nil {
		return s, err
	}
	switch status.Tag() {
	case cms.ContextTag(0), cms.ContextConstructed(0):
		s.State = Good
	case cms.ContextConstructed(1):
		s.State = Revoked
		if err := s.revoked(status.Reader()); err != nil {
			return s, err
		}
	case cms.ContextTag(2), cms.ContextConstructed(2):
	default:
		return s, failed(CheckEncoding, "a certificate has no known status")
	}
	this, err := r.Want(cms.TagGeneralizedTime, "thisUpdate")
	if err != nil {
		return s, err
	}
	if s.ThisUpdate, err = this.Time(); err != nil {
		return s, err
	}
	if next, ok, err := r.Optional(cms.ContextConstructed(0)); err != nil {
		return s, err
	} else if ok {
		inner := next.Reader()
		v, err := inner.Want(cms.TagGeneralizedTime, "nextUpdate")
		if err != nil {
			return s, err
		}
		if s.NextUpdate, err = v.Time(); err != nil {
			return s, err
		}
	}
	if explicit, ok, err := r.Optional(cms.ContextConstructed(1)); err != nil {
		return s, err
	} else if ok {
		if s.extensions, err = explicitExtensions(explicit); err != nil {
			return s, err
		}
	}
	return s, nil
}

// revoked reads RevokedInfo.
func (s *Single) revoked(r cms.Reader) error {
	v, err := r.Want(cms.TagGeneralizedTime, "revocationTime")
	if err != nil {
		return err
	}
	if s.RevokedAt, err = v.Time(); err != nil {
		return err
	}
	explicit, ok, err := r.Optional(cms.ContextConstructed(0))
	if err != nil || !ok {
		return err
	}
	inner := explicit.Reader()
	if v, err = inner.Want(cms.TagEnumerated, "revocationReason"); err != nil {
		return err
	}
	if len(v.Body()) != 1 {
		return failed(CheckEncoding, "the reason of a revocation is malformed")
	}
	s.Reason = Reason(v.Body()[0])
	return nil
}

func readCertID(v cms.Value) (id CertID, err error) {
	r := v.Reader()
	alg, err := r.Want(cms.TagSequence, "hashAlgorithm")
	if err != nil {
		return id, err
	}
	hash, err := cms.ParseAlgorithm(alg)
	if err != nil {
		return id, err
	}
	id.algorithm, id.Hash = hash.ID, hash.ID.String()
	for _, field := range []*[]byte{&id.NameHash, &id.KeyHash} {
		v, err := r.Want(cms.TagOctetString, "a hash of the issuer")
		if err != nil {
			return id, err
		}
		if *field, err = v.Octets(); err != nil {
			return id, err
		}
	}
	serial, err := r.Want(cms.TagInteger, "serialNumber")
	if err != nil {
		return id, err
	}
	id.Serial = serial.Body()
	if len(id.NameHash) > maxCertID || len(id.KeyHash) > maxCertID || len(id.Serial) > maxCertID {
		return id, failed(CheckEncoding, "a CertID is too long")
	}
	return id, nil
}
