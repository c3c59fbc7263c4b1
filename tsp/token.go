package tsp

import (
	"crypto"
	"crypto/x509"
	"errors"
	"hash"
	"math/big"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/tst"
	"github.com/seed-116355fd/signet/sign"
)

// Token is a TimeStampToken (RFC 3161 section 2.4.2) as it was received: every byte of it is kept. It is not modified and
// is safe for concurrent use. That it could be parsed does not mean that it is good; see [Token.Verify].
type Token struct {
	Raw          []byte // the ContentInfo, as received
	Info         []byte // the TSTInfo, which is what is signed
	Version      int
	Policy       string      // dotted object identifier
	Imprint      sign.Digest // what the time-stamp is over
	SerialNumber *big.Int
	GenTime      time.Time
	Accuracy     time.Duration // 0 when the authority does not say
	Ordering     bool
	Nonce        *big.Int // nil when absent
	TSA          []byte   // GeneralName in DER, or nil when absent

	in *tst.Token
}

// ParseToken reads a token in BER, of which DER is a part: a reply, the value of an attribute, a file. It keeps the
// bytes, which the caller does not modify afterwards; what follows the token is left out of Raw. The error is a [*sign.Error]
// of [CheckEncoding] or [CheckContentType].
//
// Tokens of strangers are the normal case: time is linear in the size, nesting and counts are bounded.
func ParseToken(ber []byte) (*Token, error) {
	in, err := tst.Parse(ber, nil)
	if err != nil {
		return nil, errorOf(err)
	}
	return &Token{
		Raw: in.Raw, Info: in.Info, Version: in.Version, Policy: in.Policy, Imprint: in.Imprint, SerialNumber: in.SerialNumber, GenTime: in.GenTime,
		Accuracy: in.Accuracy, Ordering: in.Ordering, Nonce: in.Nonce, TSA: in.TSA, in: in,
	}, nil
}

// errorOf is a problem of a token as this package reports it.
func errorOf(err error) *sign.Error {
	if p, ok := errors.AsType[*tst.Problem](err); ok {
		return because(Check(p.Check), p.What, p.Err)
	}
	return because(CheckEncoding, "", err)
}

// Certificates returns the certificates in the token, in the order in which they stand there; those that crypto/x509
// cannot read are left out.
func (t *Token) Certificates() []*x509.Certificate {
	var all []*x509.Certificate
	for _, c := range t.in.Certs.Certificates() {
		if x, err := c.X509(); err == nil {
			all = append(all, x)
		}
	}
	return all
}

// Certificate returns the certificate of the authority: the one that the token's signed attributes name by its hash,
// among those in the token and more, else the one of the signer identifier. It is nil when it is not there, or crypto/x509
// cannot read it.
func (t *Token) Certificate(more ...*x509.Certificate) *x509.Certificate {
	if c := t.in.Signer(poolOf(more), nil); c != nil {
		if x, err := c.X509(); err == nil {
			return x
		}
	}
	return nil
}

func poolOf(certificates []*x509.Certificate) *pki.Pool {
	pool := pki.NewPool()
	for _, c := range certificates {
		if p, err := pki.FromX509(c); err == nil {
			pool.Add(p)
		}
	}
	return pool
}

// HashName names the hash of the imprint: "SHA-256", or a dotted object identifier.
func (t *Token) HashName() string { return tst.HashOf(t.Imprint).Name() }

// Hash returns the hash of the imprint, or 0 when it is not known here.
func (t *Token) Hash() crypto.Hash {
	h, _ := algorithm.StandardHash(tst.HashOf(t.Imprint))
	return h.Crypto
}

// NewHash returns a new hash of the imprint, or nil when neither this package nor one of the schemes knows it.
func (t *Token) NewHash(schemes ...sign.Scheme) hash.Hash {
	if h, ok := (&algorithm.Registry{Schemes: schemes}).Hash(tst.HashOf(t.Imprint)); ok {
		return h.New()
	}
	return nil
}

// Weakness says what is wrong with the algorithms of a token that counts all the same, such as SHA-1: who wrote what is
// stamped could have made two with the same imprint. It is empty when there is nothing to say. What does not count, such as
// MD5, is among the [Token.Problems].
func (t *Token) Weakness() string { return t.in.Weakness((*algorithm.Registry)(nil)) }
