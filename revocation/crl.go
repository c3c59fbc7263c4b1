package revocation

import (
	"bytes"
	"encoding/pem"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
)

// CRL is a certificate revocation list (RFC 5280 section 5.1) as it was received. Its entries are views of these bytes and
// are looked through when a certificate is asked for, so that a list of a million takes little more memory than its file.
// It is safe for concurrent use.
type CRL struct {
	Raw        []byte
	Issuer     []byte // Name in DER
	ThisUpdate time.Time
	NextUpdate time.Time // zero when absent

	signed     cms.Signed
	revoked    cms.Value // SEQUENCE OF; zero when the list is empty
	extensions []extension

	scanned func() error // whether the entries can be read, found out once

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
	c := &CRL{Raw: v.Raw(), verified: make(map[string]error)}
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

// scan reads every entry once. One critical extension that is not known makes the whole list useless (RFC 5280 section
// 5.3).
func (c *CRL) scan() error {
	return c.entries(func(_ []byte, fields cms.Reader) (stop bool, err error) {
		if _, err := fields.Next(); err != nil { // revocationDate
			return true, err
		}
		if fields.Empty() {
			return false, nil
		}
		v, err := fields.Want(cms.TagSequence, "crlEntryExtensions")
		if err != nil {
			return true, err
		}
		all, err := readExtensions(v)
		if err != nil {
			return true, err
		}
		if _, ok := find(all, oidEntryIssuer); ok {
			return true, failed(CheckIndirect, "the CRL has entries of other issuers")
		}
		if id, ok := unknownCritical(all, oidReason, oidInvalidityDate); ok {
			return true, failed(CheckExtensions, "an entry of the CRL has an unknown critical extension %s", id)
		}
		return false, nil
	})
}

// entries calls f with the serial number of each entry and what follows it, until f says stop.
func (c *CRL) entries(f func(serial []byte, rest cms.Reader) (stop bool, err error)) error {
	if c.revoked.IsZero() {
		return nil
	}
	wrap := func(err error) error {
		if _, ok := err.(*Error); ok || err == nil {
			return err
		}
		return &Error{Check: CheckEncoding, What: "an entry of the CRL cannot be read", Err: err}
	}
	for r := c.revoked.Reader(); !r.Empty(); {
		entry, err := r.Want(cms.TagSequence, "an entry of the CRL")
		if err != nil {
			return wrap(err)
		}
		fields := entry.Reader()
		serial, err := fields.Want(cms.TagInteger, "userCertificate")
		if err != nil {
			return wrap(err)
		}
		if stop, err := f(serial.Body(), fields); stop || err != nil {
			return wrap(err)
		}
	}
	return nil
}

// Lookup finds the entry of a serial number, given as the contents octets of its INTEGER. ok is false when there is none.
func (c *CRL) Lookup(serial []byte) (found Entry, ok bool, err error) {
	err = c.entries(func(other []byte, fields cms.Reader) (bool, error) {
		if !bytes.Equal(other, serial) {
			return false, nil
		}
		found, ok = Entry{Serial: serial}, true
		date, err := fields.Next()
		if err != nil {
			return true, err
		}
		if found.RevokedAt, err = date.Time(); err != nil || fields.Empty() {
			return true, err
		}
		v, err := fields.Want(cms.TagSequence, "crlEntryExtensions")
		if err != nil {
			return true, err
		}
		all, err := readExtensions(v)
		if err != nil {
			return true, err
		}
		if e, ok := find(all, oidReason); ok {
			if reason, err := cms.ReadValue(e.value); err == nil && reason.Tag() == cms.TagEnumerated && len(reason.Body()) == 1 {
				found.Reason = Reason(reason.Body()[0])
			}
		}
		return true, nil
	})
	if err != nil {
		return Entry{}, false, err
	}
	return found, ok, nil
}

// verifiedBy checks the signature of the list with a public key, once for each key.
func (c *CRL) verifiedBy(spki []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err, ok := c.verified[string(spki)]
	if !ok {
		err = c.signed.VerifiedBy(spki)
		c.verified[string(spki)] = err
	}
	return err
}
