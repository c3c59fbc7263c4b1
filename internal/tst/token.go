// Package tst reads TimeStampTokens (RFC 3161 section 2.4.2) and checks them. Package tsp wraps it for those who ask for
// time-stamps, and what judges messages uses it as it is.
package tst

import (
	"math/big"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

// MaxInteger bounds serial numbers and nonces, in octets. RFC 3161 section 2.4.2 has clients take serial numbers of 160 bits.
const MaxInteger = 64

// MaxAccuracy bounds what an authority may say of its clock.
const MaxAccuracy = 100 * 366 * 24 * time.Hour

// Token is a TimeStampToken as it was received. It is not modified and is safe for concurrent use.
type Token struct {
	Raw          []byte // the ContentInfo, as received
	Info         []byte // the TSTInfo, which is what is signed
	Version      int
	Policy       string      // dotted object identifier
	Imprint      sign.Digest // what the time-stamp is over
	Hash         cms.OID     // of the imprint
	SerialNumber *big.Int
	GenTime      time.Time
	Accuracy     time.Duration // 0 when the authority does not say
	Ordering     bool
	Nonce        *big.Int // nil when absent
	TSA          []byte   // GeneralName in DER, or nil when absent
	Critical     cms.OID  // an extension that is critical, and thus unknown

	SD    *cms.SignedData // its values are views of Raw
	Certs *pki.Pool       // those inside, also in certificate-values among the unsigned attributes
}

// Parse reads a token in BER. What follows it is left out of Raw. read reads a certificate, and nil is [pki.ParseCertificate].
// The error is a [*Problem].
func Parse(ber []byte, read func(ber []byte) (*pki.Certificate, error)) (*Token, error) {
	sd, err := cms.ParseSignedData(ber)
	if err != nil {
		return nil, &Problem{Check: CheckEncoding, What: "this is not a time-stamp token", Err: err}
	}
	if sd.ContentType != cms.OIDTSTInfo {
		return nil, problem(CheckContentType, "the content is %s and not a TSTInfo", sd.ContentType.Name())
	}
	if sd.Content.IsZero() || sd.Content.Tag()|cms.ConstructedOctetString != cms.ConstructedOctetString {
		return nil, problem(CheckEncoding, "the token holds no TSTInfo in an OCTET STRING")
	}
	t := &Token{Raw: sd.ContentInfo.Raw(), SD: sd, Certs: pki.NewPool()}
	if t.Info, err = sd.Content.Octets(); err == nil {
		err = t.info()
	}
	if err != nil {
		return nil, &Problem{Check: CheckEncoding, What: "the TSTInfo is malformed", Err: err}
	}
	if read == nil {
		read = pki.ParseCertificate
	}
	for _, v := range sd.Certificates {
		if c, err := read(v.Raw()); err == nil {
			t.Certs.Add(c)
		}
	}
	// CryptoPro has what proves the authority in the unsigned attributes of the token, and its field of certificates empty then.
	for i := range sd.Signers {
		for _, c := range cms.ValuesOf(sd.Signers[i].Unsigned).Certificates {
			if c, err := read(c.Raw()); err == nil {
				t.Certs.Add(c)
			}
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
		return problem(CheckEncoding, "it is not one SEQUENCE")
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
	if t.Imprint, err = ReadImprint(&r); err != nil {
		return err
	}
	t.Hash = HashOf(t.Imprint)
	if v, err = r.Want(cms.TagInteger, "serialNumber"); err != nil {
		return err
	}
	if t.SerialNumber, err = Integer(v); err != nil {
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
		if t.Ordering, err = Boolean(v); err != nil {
			return err
		}
	}
	if v, ok, err = r.Optional(cms.TagInteger); err != nil {
		return err
	}
	if ok {
		if t.Nonce, err = Integer(v); err != nil {
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
		return problem(CheckEncoding, "something unknown follows its fields")
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
		if set, err := Boolean(critical); err != nil {
			return err
		} else if set {
			t.Critical = cms.OID(id.Body())
		}
	}
	return nil
}

// ReadImprint reads a MessageImprint.
func ReadImprint(r *cms.Reader) (d sign.Digest, err error) {
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
		n := int64(0)
		for _, c := range field.Body() {
			if n = n<<8 | int64(c); n > 1<<31 {
				break
			}
		}
		if body := field.Body(); unit == 0 || len(body) == 0 || body[0]&0x80 != 0 || n > 1<<31 {
			return 0, problem(CheckEncoding, "the accuracy is malformed")
		}
		if sum += time.Duration(n) * unit; sum > MaxAccuracy {
			return 0, problem(CheckEncoding, "the accuracy is %s", sum)
		}
	}
	return sum, nil
}

// Integer reads an INTEGER of bounded size.
func Integer(v cms.Value) (*big.Int, error) {
	if len(v.Body()) > MaxInteger {
		return nil, problem(CheckEncoding, "an INTEGER has more than %d octets", MaxInteger)
	}
	return v.BigInt()
}

// Boolean reads a BOOLEAN.
func Boolean(v cms.Value) (bool, error) {
	if b := v.Body(); v.Tag() == cms.TagBoolean && len(b) == 1 {
		return b[0] != 0, nil
	}
	return false, problem(CheckEncoding, "a BOOLEAN is malformed")
}

// Signer finds the certificate of the authority: the one that the signed attributes name by its hash, among those in the token and
// further ones, else the one of the signer identifier. It is nil when it is not there. The registry knows hashes, and may be nil.
func (t *Token) Signer(more *pki.Pool, registry *algorithm.Registry) *pki.Certificate {
	if len(t.SD.Signers) == 0 {
		return nil
	}
	si := &t.SD.Signers[0]
	ids, _ := si.ESSCertIDs()
	for i := range ids {
		h, known := registry.NameHash(ids[i].Hash)
		if !known {
			continue
		}
		for _, pool := range []*pki.Pool{t.Certs, more} {
			if c := pool.Hashed(h, ids[i].Value); c != nil {
				return c
			}
		}
	}
	for _, pool := range []*pki.Pool{t.Certs, more} {
		if c := pool.Identified(si.SID); c != nil {
			return c
		}
	}
	return nil
}

// HashOf returns the hash of a digest, or "" when its algorithm is not an AlgorithmIdentifier.
func HashOf(d sign.Digest) cms.OID {
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
