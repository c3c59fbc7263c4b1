package revocation

import (
	"bytes"
	"cmp"
	"encoding/pem"
	"hash/maphash"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/trust"
)

// CRL is a certificate revocation list (RFC 5280 section 5.1) as it was received. Its entries are views of these bytes,
// indexed when the first certificate is asked for, so that a list of a million takes little more memory than its file. It
// is safe for concurrent use.
type CRL struct {
	Raw        []byte
	Issuer     []byte // Name in DER
	ThisUpdate time.Time
	NextUpdate time.Time // zero when absent

	signed     cms.Signed
	revoked    cms.Value // SEQUENCE OF; zero when the list is empty
	extensions []extension
	issuer     pki.Name
	point      issuingPoint
	pointErr   error  // that the issuing distribution point cannot be read
	number     []byte // of the list; nil when it has none
	delta      bool
	base       []byte // the number of the list that a delta changes; nil when it cannot be read

	seed    maphash.Seed
	scanned func() error // whether the entries can be read, found out once
	index   []place      // of every entry, in the order of the hashes; set by scanned
	issuers []uint32     // where the entries stand that name another issuer than the one before them; set by scanned

	mu       sync.Mutex
	verified map[verifiedKey]error
}

// verifiedKey is who is asked to have signed a list, by SubjectPublicKeyInfo, and what was thought of algorithms: holding on to that
// keeps another one from being at its address later.
type verifiedKey struct {
	spki       string
	algorithms *trust.Algorithms
}

// Entry is a revoked certificate of a CRL.
type Entry struct {
	Serial    []byte // contents octets of the INTEGER
	RevokedAt time.Time
	Reason    Reason
}

// ParseCRL reads a CRL, in DER or as PEM. Entries are not looked at yet.
func ParseCRL(der []byte) (*CRL, error) {
	if bytes.HasPrefix(bytes.TrimLeft(der, "\r\n\t "), []byte("-----BEGIN")) {
		block, _ := pem.Decode(der)
		if block == nil || block.Type != "X509 CRL" {
			return nil, failed(CheckEncoding, "the PEM does not hold a CRL")
		}
		der = block.Bytes
	}
	v, err := cms.ReadValue(der)
	if err != nil {
		return nil, because(CheckEncoding, "this is not a CRL", err)
	}
	c := &CRL{Raw: v.Raw(), verified: make(map[verifiedKey]error), seed: maphash.MakeSeed()}
	if c.signed, err = cms.ParseSigned(v); err == nil {
		err = c.fields(c.signed.TBS.Reader())
	}
	if err != nil {
		return nil, because(CheckEncoding, "this is not a CRL", err)
	}
	c.scanned = sync.OnceValue(c.scan)
	return c, nil
}

// fields reads TBSCertList.
func (c *CRL) fields(r cms.Reader) error {
	if _, _, err := r.Optional(cms.TagInteger); err != nil { // version
		return err
	}
	if _, err := r.Want(cms.TagSequence, "signature"); err != nil {
		return err
	}
	issuer, err := r.Want(cms.TagSequence, "issuer")
	if err != nil {
		return err
	}
	c.Issuer, c.issuer = issuer.Raw(), pki.NewName(issuer.Raw())
	this, err := r.Next()
	if err != nil {
		return err
	}
	if c.ThisUpdate, err = this.Time(); err != nil {
		return err
	}
	for _, tag := range []cms.Tag{cms.TagUTCTime, cms.TagGeneralizedTime} {
		next, ok, err := r.Optional(tag)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if c.NextUpdate, err = next.Time(); err != nil {
			return err
		}
		break
	}
	if c.revoked, _, err = r.Optional(cms.TagSequence); err != nil {
		return err
	}
	c.point.reasons = allReasons
	explicit, ok, err := r.Optional(cms.ContextConstructed(0))
	if err != nil || !ok {
		return err
	}
	if c.extensions, err = explicitExtensions(explicit); err != nil {
		return err
	}
	c.point, c.pointErr = readIssuingPoint(c.extensions, c.issuer)
	if e, ok := find(c.extensions, oidCRLNumber); ok {
		c.number = readNumber(e.value)
	}
	if e, ok := find(c.extensions, oidDelta); ok {
		c.delta, c.base = true, readNumber(e.value)
	}
	return nil
}

// readNumber reads a CRLNumber or a BaseCRLNumber (RFC 5280 section 5.2.3): octets without zeros in front. It is nil when that is
// none, or longer than the standard allows by far.
func readNumber(value []byte) []byte {
	v, err := cms.ReadValue(value)
	if err != nil || v.Tag() != cms.TagInteger || len(v.Body()) == 0 || len(v.Body()) > maxNumber || v.Body()[0]&0x80 != 0 {
		return nil
	}
	return append([]byte{}, bytes.TrimLeft(v.Body(), "\x00")...)
}

// maxNumber bounds the octets of the number of a list. RFC 5280 has 20.
const maxNumber = 64

// compareNumbers compares what readNumber returns.
func compareNumbers(a, b []byte) int { return cmp.Or(cmp.Compare(len(a), len(b)), bytes.Compare(a, b)) }

// verifiedBy checks the signature of the list with a public key, once for each key.
func (c *CRL) verifiedBy(spki []byte, r *run) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := verifiedKey{string(spki), r.o.Algorithms}
	err, ok := c.verified[key]
	if ok {
		return err
	}
	if err := r.spend(spki, len(c.Raw)); err != nil {
		return err
	}
	if len(c.verified) >= maxKeys { // a list is kept for long, and strangers bring keys
		clear(c.verified)
	}
	_, err = r.registry.VerifySigned(algorithm.UseCRL, &c.signed, spki, c.ThisUpdate)
	c.verified[key] = err
	return err
}

// maxKeys bounds the keys for which a list remembers whether it is theirs.
const maxKeys = 64
