package revocation

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

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
		offset := uint32(r.Offset())
		serial, issuer, err := scanEntry(&r)
		if err != nil {
			if _, ok := err.(*sign.Error); !ok {
				err = because(CheckEncoding, "an entry of the CRL cannot be read", err)
			}
			return err
		}
		if issuer {
			if !c.point.indirect {
				return failed(CheckIndirect, "the CRL has entries of other issuers and does not say that it is an indirect one")
			}
			c.issuers = append(c.issuers, offset)
		}
		c.index = append(c.index, place{c.hash(serial), offset})
	}
	slices.SortFunc(c.index, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.offset, b.offset))
	})
	return nil
}

// hash is seeded at random, so that nobody makes a list whose entries all stand in one place.
func (c *CRL) hash(serial []byte) uint32 { return uint32(maphash.Bytes(c.seed, trimmed(serial))) }

// trimmed is the contents of an INTEGER without octets that DER would not have: some programs write them.
func trimmed(b []byte) []byte {
	for len(b) > 1 && (b[0] == 0 && b[1]&0x80 == 0 || b[0] == 0xff && b[1]&0x80 != 0) {
		b = b[1:]
	}
	return b
}

// number is the same text for serial numbers that are equal.
func number(serial []byte) string { return string(trimmed(serial)) }

// scanEntry checks the extensions of one entry. issuer says that it names its issuer (RFC 5280 section 5.3.3).
func scanEntry(r *cms.Reader) (serial []byte, issuer bool, err error) {
	entry, err := r.Want(cms.TagSequence, "an entry of the CRL")
	if err != nil {
		return nil, false, err
	}
	fields := entry.Reader()
	serialNumber, err := fields.Want(cms.TagInteger, "userCertificate")
	if err != nil {
		return nil, false, err
	}
	if _, err := fields.Next(); err != nil { // revocationDate
		return nil, false, err
	}
	if fields.Empty() {
		return serialNumber.Body(), false, nil
	}
	list, err := fields.Want(cms.TagSequence, "crlEntryExtensions")
	if err != nil {
		return nil, false, err
	}
	for extensions := list.Reader(); !extensions.Empty(); {
		e, err := readExtension(&extensions)
		switch {
		case err != nil:
			return nil, false, err
		case e.id == oidEntryIssuer:
			issuer = true
		case e.critical && e.id != oidReason && e.id != oidInvalidityDate:
			return nil, false, failed(CheckExtensions, "an entry of the CRL has an unknown critical extension %s", e.id)
		}
	}
	return serialNumber.Body(), issuer, nil
}

// Lookup finds the entry of a serial number of the list's own issuer, given as the contents octets of its INTEGER. ok is false when
// there is none. Nothing is checked but that every entry can be read and has no critical extension that is unknown; see
// [CRL.Check].
func (c *CRL) Lookup(serial []byte) (found Entry, ok bool, err error) {
	return c.lookup(serial, c.issuer)
}

// lookup finds the entry of a certificate by its issuer and serial number.
func (c *CRL) lookup(serial []byte, issuer pki.Name) (found Entry, ok bool, err error) {
	if err := c.scanned(); err != nil {
		return Entry{}, false, err
	}
	hash, want := c.hash(serial), number(serial)
	first, _ := slices.BinarySearchFunc(c.index, hash, func(p place, h uint32) int { return cmp.Compare(p.hash, h) })
	for _, p := range c.index[first:] {
		if p.hash != hash {
			break
		}
		v, err := cms.ReadValue(c.Raw[p.offset:])
		if err != nil {
			return Entry{}, false, because(CheckEncoding, "an entry of the CRL cannot be read", err)
		}
		fields := v.Reader()
		serialNumber, err := fields.Next()
		if err != nil || number(serialNumber.Body()) != want {
			continue
		}
		of, err := c.issuedAt(p.offset, issuer)
		if err != nil {
			return Entry{}, false, err
		}
		if !of {
			continue
		}
		found, err := readEntry(serial, fields)
		if err != nil {
			return Entry{}, false, because(CheckEncoding, "the entry of the certificate cannot be read", err)
		}
		return found, true, nil
	}
	return Entry{}, false, nil
}

// issuedAt reports whether an entry is about a certificate of this issuer. An entry that names none is of the issuer that was named
// last before it, and at first of the list's own (RFC 5280 section 5.3.3).
func (c *CRL) issuedAt(offset uint32, issuer pki.Name) (bool, error) {
	i, named := slices.BinarySearch(c.issuers, offset)
	if !named {
		if i == 0 {
			return c.issuer.Equal(issuer), nil
		}
		offset = c.issuers[i-1]
	}
	malformed := failed(CheckEncoding, "an entry of the CRL names its issuer in a way that cannot be read")
	v, err := cms.ReadValue(c.Raw[offset:])
	if err != nil {
		return false, malformed
	}
	fields := v.Reader()
	all, err := fields.All()
	if err != nil || len(all) < 3 {
		return false, malformed
	}
	extensions, err := readExtensions(all[2])
	if err != nil {
		return false, malformed
	}
	e, _ := find(extensions, oidEntryIssuer)
	names, err := cms.ReadValue(e.value)
	if err != nil || names.Tag() != cms.TagSequence {
		return false, malformed
	}
	general, err := pki.ParseGeneralNames(names)
	if err != nil {
		return false, malformed
	}
	return namesDirectory(general, issuer), nil
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
