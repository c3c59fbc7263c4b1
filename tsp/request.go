package tsp

import (
	"crypto/rand"
	"math/big"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/tst"
	"github.com/seed-116355fd/signet/sign"
)

// nonceOctets is the size of a nonce: 64 bits would do (RFC 3161 section 2.4.1), and twice as many cost nothing.
const nonceOctets = 16

// Request is a TimeStampReq (RFC 3161 section 2.4.1). [Client] makes its own; this is for those who carry requests over
// another transport.
type Request struct {
	Raw          []byte
	Imprint      sign.Digest
	Policy       string   // dotted; empty means that the authority chooses
	Nonce        *big.Int // nil when absent
	Certificates bool     // certReq: the certificates are wanted in the token

	extended bool // there are extensions, none of which is known here
}

// NewRequest makes a request with a random nonce that asks for the certificates. The policy is dotted; empty leaves it to the
// authority. An imprint whose digest has not the length of its algorithm, and a policy that is none, are errors of class
// [sign.ErrInput].
func NewRequest(imprint sign.Digest, policy string) (*Request, error) {
	if err := checkImprint(imprint); err != nil {
		return nil, err
	}
	nonce := make([]byte, nonceOctets)
	_, _ = rand.Read(nonce) // never fails
	nonce[0] = nonce[0]&0x7f | 0x40
	q := &Request{Imprint: imprint, Policy: policy, Nonce: new(big.Int).SetBytes(nonce), Certificates: true}
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.Int(1)
	writeImprint(&b, imprint)
	if policy != "" {
		oid, err := cms.ParseOID(policy)
		if err != nil {
			return nil, input("request", "the policy %.40q is not a dotted object identifier", policy)
		}
		b.OID(oid)
	}
	b.Value(cms.TagInteger, nonce)
	b.Value(cms.TagBoolean, []byte{0xff})
	b.Close(seq)
	q.Raw = b.Bytes()
	return q, nil
}

// Token takes the token out of a TimeStampResp to this request, and checks both. Policy and nonce of the options are
// those of the request.
func (q *Request) Token(response []byte, o *VerifyOptions) (*Token, error) {
	t, err := ParseResponse(response)
	if err != nil {
		return nil, err
	}
	var asked VerifyOptions
	if o != nil {
		asked = *o
	}
	asked.Policy, asked.Nonce = q.Policy, q.Nonce
	if err := t.Verify(q.Imprint, &asked); err != nil {
		return nil, err
	}
	return t, nil
}

// checkImprint refuses what no authority could stamp.
func checkImprint(d sign.Digest) error {
	id := tst.HashOf(d)
	if id == "" {
		return input("request", "the imprint has no hash algorithm; make it with sign.NewDigest, or with an AlgorithmIdentifier in DER")
	}
	if h, ok := algorithm.StandardHash(id); ok && h.New().Size() != len(d.Sum) {
		return input("request", "the digest has %d octets, and %s has %d", len(d.Sum), id.Name(), h.New().Size())
	}
	if len(d.Sum) == 0 || len(d.Sum) > tst.MaxInteger {
		return input("request", "a digest of %d octets cannot be stamped", len(d.Sum))
	}
	return nil
}

func writeImprint(b *cms.Builder, d sign.Digest) {
	imprint := b.Open(cms.TagSequence)
	b.Raw(d.Algorithm)
	b.Value(cms.TagOctetString, d.Sum)
	b.Close(imprint)
}

// ParseRequest reads a TimeStampReq. Nothing may follow it. The error is of [CheckEncoding].
func ParseRequest(der []byte) (*Request, error) {
	q := &Request{Raw: der}
	if err := q.read(); err != nil {
		return nil, because(CheckEncoding, "this is not a time-stamp request", err)
	}
	return q, nil
}

func (q *Request) read() error {
	v, err := cms.ReadValue(q.Raw)
	if err != nil {
		return err
	}
	if v.Tag() != cms.TagSequence || len(v.Raw()) != len(q.Raw) {
		return failed(CheckEncoding, "it is not one SEQUENCE")
	}
	r := v.Reader()
	if v, err = r.Want(cms.TagInteger, "version"); err != nil {
		return err
	}
	if n, err := v.Int(); err != nil || n != 1 {
		return failed(CheckVersion, "the version is not 1")
	}
	if q.Imprint, err = tst.ReadImprint(&r); err != nil {
		return err
	}
	v, ok, err := r.Optional(cms.TagOID)
	if err != nil {
		return err
	}
	if ok {
		oid, err := v.OID()
		if err != nil {
			return err
		}
		q.Policy = oid.String()
	}
	if v, ok, err = r.Optional(cms.TagInteger); err != nil {
		return err
	}
	if ok {
		if q.Nonce, err = tst.Integer(v); err != nil {
			return err
		}
	}
	if v, ok, err = r.Optional(cms.TagBoolean); err != nil {
		return err
	}
	if ok {
		if q.Certificates, err = tst.Boolean(v); err != nil {
			return err
		}
	}
	if _, q.extended, err = r.Optional(cms.ContextConstructed(0)); err != nil {
		return err
	}
	if !r.Empty() {
		return failed(CheckEncoding, "something unknown follows its fields")
	}
	return nil
}
