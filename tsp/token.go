package tsp

import (
	"crypto"
	"crypto/x509"
	"hash"
	"math/big"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

// maxInteger bounds serial numbers and nonces. RFC 3161 section 2.4.2 has clients take serial numbers of 160 bits.
const maxInteger = 64

// maxAccuracy bounds what an authority may say of its clock.
const maxAccuracy = 100 * 366 * 24 * time.Hour

// maxHashed bounds the certificates that are digested in search of the one that ESSCertID names.
const maxHashed = 1 << 10

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

	sd       *cms.SignedData
	certs    []*cms.Certificate
	critical cms.OID // an extension that is critical, and thus unknown
}

// ParseToken reads a token in BER, of which DER is a part: a reply, the value of an attribute, a file. It keeps the
// bytes, which the caller does not modify afterwards; what follows the token is left out of Raw. The error is an [*Error]
// of [CheckEncoding] or [CheckContentType].
//
// Tokens of strangers are the normal case: time is linear in the size, nesting and counts are bounded.
func ParseToken(ber []byte) (*Token, error) {
	sd, err := cms.ParseSignedData(ber)
	if err != nil {
		return nil, &Error{Check: CheckEncoding, What: "this is not a time-stamp token", Err: err}
	}
	if sd.ContentType != cms.OIDTSTInfo {
		return nil, failed(CheckContentType, "the content is %s and not a TSTInfo", sd.ContentType.Name())
	}
	if sd.Content.IsZero() || sd.Content.Tag()|cms.ConstructedOctetString != cms.ConstructedOctetString {
		return nil, failed(CheckEncoding, "the token holds no TSTInfo in an OCTET STRING")
	}
	t := &Token{Raw: sd.ContentInfo.Raw(), sd: sd}
	if t.Info, err = sd.Content.Octets(); err == nil {
		err = t.info()
	}
	if err != nil {
		return nil, &Error{Check: CheckEncoding, What: "the TSTInfo is malformed", Err: err}
	}
	for _, v := range sd.Certificates {
		if c, err := cms.ParseCertificate(v.Raw()); err == nil {
			t.certs = append(t.certs, c)
		}
	}
	return t, nil
}

// info reads the TSTInfo.
func (t *Token) info() error {
	v, err := cms.ReadValue(t.Info)
	if err != nil {
		return err
	}
	if v.Tag() != cms.TagSequence || len(v.Raw()) != len(t.Info) {
		return failed(CheckEncoding, "it is not one SEQUENCE")
	}
	r := v.Reader()
	if v, err = r.Want(cms.TagInteger, "version"); err != nil {
		return err
	}
	if t.Version, err = v.Int(); err != nil {
		return err
	}
	if v, err = r.Want(cms.TagOID, "policy"); err != nil {
		return err
	}
	policy, err := v.OID()
	if err != nil {
		return err
	}
	t.Policy = policy.String()
	if t.Imprint, err = readImprint(&r); err != nil {
		return err
	}
	if v, err = r.Want(cms.TagInteger, "serialNumber"); err != nil {
		return err
	}
	if t.SerialNumber, err = integer(v); err != nil {
		return err
	}
	if v, err = r.Want(cms.TagGeneralizedTime, "genTime"); err != nil {
		return err
	}
	if t.GenTime, err = v.Time(); err != nil {
		return err
	}
	return t.optional(&r)
}

// optional reads the fields of a TSTInfo behind genTime.
func (t *Token) optional(r *cms.Reader) error {
	v, ok, err := r.Optional(cms.TagSequence)
	if err != nil {
		return err
	}
	if ok {
		if t.Accuracy, err = readAccuracy(v); err != nil {
			return err
		}
	}
	if v, ok, err = r.Optional(cms.TagBoolean); err != nil {
		return err
	}
	if ok {
		if t.Ordering, err = boolean(v); err != nil {
			return err
		}
	}
	if v, ok, err = r.Optional(cms.TagInteger); err != nil {
		return err
	}
	if ok {
		if t.Nonce, err = integer(v); err != nil {
			return err
		}
	}
	if v, ok, err = r.Optional(cms.ContextConstructed(0)); err != nil {
		return err
	}
	if ok {
		t.TSA = v.Body()
	}
	if v, ok, err = r.Optional(cms.ContextConstructed(1)); err != nil {
		return err
	}
	if ok {
		if err := t.extensions(v.Reader()); err != nil {
			return err
		}
	}
	if !r.Empty() {
		return failed(CheckEncoding, "something unknown follows its fields")
	}
	return nil
}

// extensions looks for critical ones. None is known here: those in use, such as the qcStatements of EN 319 422 section 9,
// are not critical.
func (t *Token) extensions(r cms.Reader) error {
	for !r.Empty() {
		v, err := r.Want(cms.TagSequence, "an extension")
		if err != nil {
			return err
		}
		fields := v.Reader()
		id, err := fields.Want(cms.TagOID, "extnID")
		if err != nil {
			return err
		}
		critical, ok, err := fields.Optional(cms.TagBoolean)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if set, err := boolean(critical); err != nil {
			return err
		} else if set {
			t.critical = cms.OID(id.Body())
		}
	}
	return nil
}

// readImprint reads a MessageImprint.
func readImprint(r *cms.Reader) (d sign.Digest, err error) {
	v, err := r.Want(cms.TagSequence, "messageImprint")
	if err != nil {
		return d, err
	}
	fields := v.Reader()
	alg, err := fields.Want(cms.TagSequence, "hashAlgorithm")
	if err != nil {
		return d, err
	}
	if _, err := cms.ParseAlgorithm(alg); err != nil {
		return d, err
	}
	sum, err := fields.Want(cms.TagOctetString, "hashedMessage")
	if err != nil {
		return d, err
	}
	d.Algorithm = alg.Raw()
	d.Sum, err = sum.Octets()
	return d, err
}

// readAccuracy adds up seconds, millis [0] and micros [1].
func readAccuracy(v cms.Value) (time.Duration, error) {
	var sum time.Duration
	for r := v.Reader(); !r.Empty(); {
		field, err := r.Next()
		if err != nil {
			return 0, err
		}
		unit := map[cms.Tag]time.Duration{cms.TagInteger: time.Second, cms.ContextTag(0): time.Millisecond, cms.ContextTag(1): time.Microsecond}[field.Tag()]
		n := 0
		for _, c := range field.Body() {
			if n = n<<8 | int(c); n > 1<<31 {
				break
			}
		}
		if body := field.Body(); unit == 0 || len(body) == 0 || body[0]&0x80 != 0 || n > 1<<31 {
			return 0, failed(CheckEncoding, "the accuracy is malformed")
		}
		if sum += time.Duration(n) * unit; sum > maxAccuracy {
			return 0, failed(CheckEncoding, "the accuracy is %s", sum)
		}
	}
	return sum, nil
}

// integer reads an INTEGER of bounded size.
func integer(v cms.Value) (*big.Int, error) {
	if len(v.Body()) > maxInteger {
		return nil, failed(CheckEncoding, "an INTEGER has more than %d octets", maxInteger)
	}
	return v.BigInt()
}

func boolean(v cms.Value) (bool, error) {
	if b := v.Body(); v.Tag() == cms.TagBoolean && len(b) == 1 {
		return b[0] != 0, nil
	}
	return false, failed(CheckEncoding, "a BOOLEAN is malformed")
}

// SignedData returns the structure of the token, whose values are views of Raw. It is for packages of this module, which
// put values into a token by splicing.
func (t *Token) SignedData() *cms.SignedData { return t.sd }

// Certificates returns the certificates in the token, in the order in which they stand there; those that crypto/x509
// cannot read are left out.
func (t *Token) Certificates() []*x509.Certificate {
	var all []*x509.Certificate
	for _, c := range t.certs {
		if c.X509 != nil {
			all = append(all, c.X509)
		}
	}
	return all
}

// Certificate returns the certificate of the authority: the one that the token's signed attributes name by its hash,
// among those in the token and more, else the one of the signer identifier. It is nil when it is not there, or crypto/x509
// cannot read it.
func (t *Token) Certificate(more ...*x509.Certificate) *x509.Certificate {
	if len(t.sd.Signers) == 0 {
		return nil
	}
	if c := t.signer(&t.sd.Signers[0], more); c != nil {
		return c.X509
	}
	return nil
}

// signer finds the certificate of a SignerInfo.
func (t *Token) signer(si *cms.SignerInfo, more []*x509.Certificate) *cms.Certificate {
	all := t.certs
	for _, c := range more {
		if parsed, err := cms.ParseCertificate(c.Raw); err == nil {
			all = append(all[:len(all):len(all)], parsed)
		}
	}
	ids, _ := si.ESSCertIDs()
	for i := range ids {
		for _, c := range all[:min(len(all), maxHashed)] {
			if ids[i].Matches(c) {
				return c
			}
		}
	}
	for _, c := range all {
		if pki.Identifies(si.SID, c) {
			return c
		}
	}
	return nil
}

// HashName names the hash of the imprint: "SHA-256", or a dotted object identifier.
func (t *Token) HashName() string { return imprintOID(t.Imprint).Name() }

// Hash returns the hash of the imprint, or 0 when it is not known here.
func (t *Token) Hash() crypto.Hash {
	h, _ := cms.HashByOID(imprintOID(t.Imprint))
	return h.Crypto
}

// NewHash returns a new hash of the imprint, or nil when it is not known here.
func (t *Token) NewHash() hash.Hash {
	if h, ok := cms.HashByOID(imprintOID(t.Imprint)); ok {
		return h.New()
	}
	return nil
}

// imprintOID returns the hash of a digest, or "" when its algorithm is not an AlgorithmIdentifier.
func imprintOID(d sign.Digest) cms.OID {
	v, err := cms.ReadValue(d.Algorithm)
	if err != nil {
		return ""
	}
	a, err := cms.ParseAlgorithm(v)
	if err != nil {
		return ""
	}
	return a.ID
}
