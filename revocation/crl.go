package revocation

import (
	"bytes"
	"cmp"
	"encoding/pem"
	"hash/maphash"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
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

	seed    maphash.Seed
	scanned func() error // whether the entries can be read, found out once
	index   []place      // of every entry, in the order of the hashes; set by scanned

	mu       sync.Mutex
	verified map[string]error // by SubjectPublicKeyInfo
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
		return nil, &Error{Check: CheckEncoding, What: "this is not a CRL", Err: err}
	}
	c := &CRL{Raw: v.Raw(), verified: make(map[string]error), seed: maphash.MakeSeed()}
	if c.signed, err = cms.ParseSigned(v); err == nil {
		err = c.fields(c.signed.TBS.Reader())
	}
	if err != nil {
		return nil, &Error{Check: CheckEncoding, What: "this is not a CRL", Err: err}
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
	c.Issuer = issuer.Raw()
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
	explicit, ok, err := r.Optional(cms.ContextConstructed(0))
	if err != nil || !ok {
		return err
	}
	c.extensions, err = explicitExtensions(explicit)
	return err
}

// place is where an entry stands, found by a hash of its serial number.
type place struct {
	hash   uint32
	offset uint32
}

// scan reads every entry once, and remembers where it stands. One critical extension that is not known makes the whole
// list useless (RFC 5280 section 5.3).
func (c *CRL) scan() error {
	if c.revoked.IsZero() {
		return nil
	}
	if uint64(len(c.Raw)) > math.MaxUint32 {
		return failed(CheckSize, "the CRL has more than 4 GiB")
	}
	for r := c.revoked.Reader(); !r.Empty(); {
		offset := r.Offset()
		serial, err := scanEntry(&r)
		if err != nil {
			if _, ok := err.(*Error); !ok {
				err = &Error{Check: CheckEncoding, What: "an entry of the CRL cannot be read", Err: err}
			}
			return err
		}
		c.index = append(c.index, place{c.hash(serial), uint32(offset)})
	}
	slices.SortFunc(c.index, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.offset, b.offset))
	})
	return nil
}

// hash is seeded at random, so that nobody makes a list whose entries all stand in one place.
func (c *CRL) hash(serial []byte) uint32 { return uint32(maphash.Bytes(c.seed, serial)) }

// scanEntry checks the extensions of one entry.
func scanEntry(r *cms.Reader) (serial []byte, err error) {
	entry, err := r.Want(cms.TagSequence, "an entry of the CRL")
	if err != nil {
		return nil, err
	}
	fields := entry.Reader()
	number, err := fields.Want(cms.TagInteger, "userCertificate")
	if err != nil {
		return nil, err
	}
	if _, err := fields.Next(); err != nil { // revocationDate
		return nil, err
	}
	if fields.Empty() {
		return number.Body(), nil
	}
	list, err := fields.Want(cms.TagSequence, "crlEntryExtensions")
	if err != nil {
		return nil, err
	}
	for extensions := list.Reader(); !extensions.Empty(); {
		e, err := readExtension(&extensions)
		switch {
		case err != nil:
			return nil, err
		case e.id == oidEntryIssuer:
			return nil, failed(CheckIndirect, "the CRL has entries of other issuers")
		case e.critical && e.id != oidReason && e.id != oidInvalidityDate:
			return nil, failed(CheckExtensions, "an entry of the CRL has an unknown critical extension %s", e.id)
		}
	}
	return number.Body(), nil
}

// Lookup finds the entry of a serial number, given as the contents octets of its INTEGER. ok is false when there is none.
// Nothing is checked but that every entry can be read and has no critical extension that is unknown; see [CRL.Check].
func (c *CRL) Lookup(serial []byte) (found Entry, ok bool, err error) {
	if err := c.scanned(); err != nil {
		return Entry{}, false, err
	}
	hash := c.hash(serial)
	first, _ := slices.BinarySearchFunc(c.index, hash, func(p place, h uint32) int { return cmp.Compare(p.hash, h) })
	for _, p := range c.index[first:] {
		if p.hash != hash {
			break
		}
		v, err := cms.ReadValue(c.Raw[p.offset:])
		if err != nil {
			return Entry{}, false, &Error{Check: CheckEncoding, What: "an entry of the CRL cannot be read", Err: err}
		}
		fields := v.Reader()
		number, err := fields.Next()
		if err != nil || !bytes.Equal(number.Body(), serial) {
			continue
		}
		found, err := readEntry(serial, fields)
		if err != nil {
			return Entry{}, false, &Error{Check: CheckEncoding, What: "the entry of the certificate cannot be read", Err: err}
		}
		return found, true, nil
	}
	return Entry{}, false, nil
}

// readEntry reads what follows the serial number.
func readEntry(serial []byte, fields cms.Reader) (found Entry, err error) {
	found.Serial = serial
	date, err := fields.Next()
	if err != nil {
		return found, err
	}
	if found.RevokedAt, err = date.Time(); err != nil || fields.Empty() {
		return found, err
	}
	v, err := fields.Want(cms.TagSequence, "crlEntryExtensions")
	if err != nil {
		return found, err
	}
	all, err := readExtensions(v)
	if err != nil {
		return found, err
	}
	if e, ok := find(all, oidReason); ok {
		if reason, err := cms.ReadValue(e.value); err == nil && reason.Tag() == cms.TagEnumerated && len(reason.Body()) == 1 {
			found.Reason = Reason(reason.Body()[0])
		}
	}
	return found, nil
}

// verifiedBy checks the signature of the list with a public key, once for each key.
func (c *CRL) verifiedBy(spki []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err, ok := c.verified[string(spki)]
	if !ok {
		_, err = (*algorithm.Registry)(nil).VerifySigned(algorithm.UseCRL, &c.signed, spki, c.ThisUpdate)
		c.verified[string(spki)] = err
	}
	return err
}
