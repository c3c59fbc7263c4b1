package revocation

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
)

// nonceOctets is the size of a nonce (RFC 9654 section 2.1).
const nonceOctets = 32

// Request is an OCSPRequest for one certificate (RFC 6960 section 4.1.1). [Client] makes its own; this is for those who
// carry requests over another transport.
type Request struct {
	Raw    []byte
	CertID []byte // DER
	Nonce  []byte // nil when there is none
}

// NewRequest makes a request. The hashes are SHA-1, which is all that many responders know; they name, and protect
// nothing.
func NewRequest(cert, issuer *x509.Certificate, nonce bool) (*Request, error) {
	asked, err := askedOf(cert, issuer, nil)
	if err != nil {
		return nil, err
	}
	return newRequest(asked, nonce)
}

func newRequest(asked *asked, nonce bool) (*Request, error) {
	id, err := asked.certID()
	if err != nil {
		return nil, err
	}
	q := &Request{CertID: id}
	b := cms.NewBuilder(make([]byte, 0, 192))
	request := b.Open(cms.TagSequence)
	tbs := b.Open(cms.TagSequence)
	list := b.Open(cms.TagSequence)
	one := b.Open(cms.TagSequence)
	b.Raw(id)
	b.Close(one)
	b.Close(list)
	if nonce {
		q.Nonce = make([]byte, nonceOctets)
		_, _ = rand.Read(q.Nonce) // never fails
		explicit := b.Open(cms.ContextConstructed(2))
		extensions := b.Open(cms.TagSequence)
		extension := b.Open(cms.TagSequence)
		b.OID(oidNonce)
		value := b.Open(cms.TagOctetString)
		b.Value(cms.TagOctetString, q.Nonce)
		b.Close(value)
		b.Close(extension)
		b.Close(extensions)
		b.Close(explicit)
	}
	b.Close(tbs)
	b.Close(request)
	q.Raw = b.Bytes()
	return q, nil
}

func (q *asked) certID() ([]byte, error) {
	serial, key := q.cert.Serial, keyBits(q.issuer.SPKI)
	if len(serial) == 0 || key == nil {
		return nil, failed(CheckChain, "the certificate or its issuer cannot be read")
	}
	h, _ := (*algorithm.Registry)(nil).NameHash(cms.OIDSHA1)
	b := cms.NewBuilder(make([]byte, 0, 96))
	id := b.Open(cms.TagSequence)
	alg := b.Open(cms.TagSequence)
	b.OID(h.ID)
	b.Null()
	b.Close(alg)
	b.Value(cms.TagOctetString, h.Sum(q.cert.Issuer.Raw))
	b.Value(cms.TagOctetString, h.Sum(key))
	b.Value(cms.TagInteger, serial)
	b.Close(id)
	return b.Bytes(), nil
}

// nonceProblem compares the nonces. That there is none is tolerated unless it is required, since responders that prepare
// their answers cannot repeat it (RFC 9654 section 2.1).
func (q *Request) nonceProblem(r *Response, required bool) error {
	switch {
	case q.Nonce == nil:
		return nil
	case r.Nonce == nil && !required:
		return nil
	case r.Nonce == nil:
		return failed(CheckNonce, "the response has no nonce, so that it may be an old one")
	case !bytes.Equal(r.Nonce, q.Nonce):
		return failed(CheckNonce, "the nonce is not the one of the request")
	}
	return nil
}
