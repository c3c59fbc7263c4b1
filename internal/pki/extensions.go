package pki

import (
	"errors"
	"fmt"
	"math"

	"github.com/seed-116355fd/signet/internal/cms"
)

// maxExtensions bounds the extensions of one certificate. Real ones have some twenty.
const maxExtensions = 256

// listExtensions reads [3] EXPLICIT Extensions without looking into them.
func (c *Certificate) listExtensions(explicit cms.Value) error {
	outer := explicit.Reader()
	list, err := outer.Want(cms.TagSequence, "the extensions")
	if err != nil {
		return err
	}
	if !outer.Empty() {
		c.problem(true, "has octets behind its extensions")
	}
	if c.Version != 3 {
		c.problem(false, "has extensions though its version is %d", c.Version)
	}
	for r, n := list.Reader(), 0; !r.Empty(); n++ {
		if n == maxExtensions {
			c.problem(true, "has more than %d extensions", maxExtensions)
			return nil
		}
		v, err := r.Next()
		if err != nil {
			return err
		}
		e, err := readExtension(v)
		if err != nil {
			c.problem(true, "has an extension that is malformed")
			continue
		}
		if _, twice := c.Extension(e.ID); twice {
			// Two readers of one certificate must not read different things (RFC 5280 section 4.2).
			c.Problems = append(c.Problems, Problem{e.ID, e.Critical, true, "has the extension " + extensionName(e.ID) + " twice"})
			continue
		}
		c.Extensions = append(c.Extensions, e)
	}
	return nil
}

func readExtension(v cms.Value) (e Extension, err error) {
	if v.Tag() != cms.TagSequence {
		return e, errors.New("an extension is no SEQUENCE")
	}
	r := v.Reader()
	id, err := r.Want(cms.TagOID, "the identifier of an extension")
	if err != nil {
		return e, err
	}
	if e.ID, err = id.OID(); err != nil {
		return e, err
	}
	critical, ok, err := r.Optional(cms.TagBoolean)
	if err != nil {
		return e, err
	}
	if ok {
		if e.Critical, err = boolean(critical); err != nil {
			return e, err
		}
	}
	value, err := r.Want(cms.TagOctetString, "the value of an extension")
	if err != nil {
		return e, err
	}
	if e.Value, err = value.Octets(); err != nil {
		return e, err
	}
	if !r.Empty() {
		return e, errors.New("an extension has more than a value")
	}
	return e, nil
}

// boolean takes any octet but 0 for TRUE, as BER has it.
func boolean(v cms.Value) (bool, error) {
	if b := v.Body(); len(b) == 1 {
		return b[0] != 0, nil
	}
	return false, errors.New("a BOOLEAN is malformed")
}

// readExtensions reads those that are known. One that is malformed leaves its field empty, and a [Problem].
func (c *Certificate) readExtensions() {
	for _, e := range c.Extensions {
		read := c.extensionReader(e.ID)
		if read == nil {
			continue
		}
		v, err := cms.ReadValue(e.Value)
		if err == nil && v.Next() != len(e.Value) {
			err = errors.New("octets follow its value")
		}
		if err == nil {
			err = read(v)
		}
		if err != nil {
			c.Problems = append(c.Problems, Problem{e.ID, e.Critical, false,
				"has a malformed extension " + extensionName(e.ID) + " (" + err.Error() + ")"})
		}
	}
}

func (c *Certificate) extensionReader(id cms.OID) func(cms.Value) error {
	switch id {
	case cms.OIDBasicConstraints:
		return c.readBasicConstraints
	case cms.OIDKeyUsage:
		return c.readKeyUsage
	case cms.OIDExtKeyUsage:
		return c.readExtKeyUsage
	case cms.OIDSubjectKeyID:
		return c.readSubjectKeyID
	case cms.OIDAuthorityKeyID:
		return c.readAuthorityKeyID
	case cms.OIDSubjectAltName:
		return func(v cms.Value) (err error) {
			if err = want(v, cms.TagSequence); err == nil {
				c.SubjectAltName, err = parseGeneralNames(v)
			}
			return err
		}
	case oidNameConstraints:
		return func(v cms.Value) (err error) {
			c.NameConstraints, err = parseNameConstraints(v)
			return err
		}
	case cms.OIDCertificatePolicies:
		return c.readPolicies
	case oidPolicyMappings:
		return c.readPolicyMappings
	case oidPolicyConstraints:
		return c.readPolicyConstraints
	case oidInhibitAnyPolicy:
		return func(v cms.Value) error {
			n, err := skipCerts(v, cms.TagInteger)
			if err == nil {
				c.InhibitAnyPolicy = &n
			}
			return err
		}
	case cms.OIDCRLDistributionPoints:
		return func(v cms.Value) (err error) {
			c.CRLDistributionPoints, err = parseDistributionPoints(v)
			return err
		}
	case oidFreshestCRL:
		return func(v cms.Value) (err error) {
			c.FreshestCRL, err = parseDistributionPoints(v)
			return err
		}
	case cms.OIDAuthorityInfoAccess:
		return c.readAuthorityInfoAccess
	case cms.OIDOCSPNoCheck:
		return func(cms.Value) error {
			c.OCSPNoCheck = true
			return nil
		}
	case cms.OIDQCStatements:
		return func(v cms.Value) error {
			c.QCStatements = v.Raw()
			return want(v, cms.TagSequence)
		}
	}
	return nil
}

func want(v cms.Value, tag cms.Tag) error {
	if v.Tag() != tag {
		return fmt.Errorf("it should be %s and is %s", tag, v.Tag())
	}
	return nil
}

// BasicConstraints is RFC 5280 section 4.2.1.9.
type BasicConstraints struct {
	CA      bool
	PathLen int // -1: any
}

func (c *Certificate) readBasicConstraints(v cms.Value) error {
	if err := want(v, cms.TagSequence); err != nil {
		return err
	}
	bc := &BasicConstraints{PathLen: -1}
	r := v.Reader()
	ca, ok, err := r.Optional(cms.TagBoolean)
	if err != nil {
		return err
	}
	if ok {
		if bc.CA, err = boolean(ca); err != nil {
			return err
		}
	}
	if !r.Empty() {
		length, err := r.Next()
		if err != nil {
			return err
		}
		if bc.PathLen, err = skipCerts(length, cms.TagInteger); err != nil {
			return err
		}
	}
	if !r.Empty() {
		return errors.New("it has more than two fields")
	}
	c.BasicConstraints = bc
	return nil
}

// skipCerts reads a number of certificates: not negative, and as good as unbounded from some size on.
func skipCerts(v cms.Value, tag cms.Tag) (int, error) {
	b := v.Body()
	if v.Tag() != tag || len(b) == 0 || b[0]&0x80 != 0 {
		return 0, errors.New("a number of certificates is malformed")
	}
	n := 0
	for _, octet := range b {
		if n = n<<8 | int(octet); n > math.MaxInt16 {
			return math.MaxInt16, nil
		}
	}
	return n, nil
}

// KeyUsage is the set of bits of RFC 5280 section 4.2.1.3.
type KeyUsage uint16

// The usages, by their bit.
const (
	DigitalSignature KeyUsage = 1 << iota
	NonRepudiation
	KeyEncipherment
	DataEncipherment
	KeyAgreement
	KeyCertSign
	CRLSign
	EncipherOnly
	DecipherOnly
)

func (c *Certificate) readKeyUsage(v cms.Value) error {
	bits, err := namedBits(v)
	if err != nil {
		return err
	}
	u := KeyUsage(bits) & (DecipherOnly<<1 - 1) // others have no name
	c.KeyUsage = &u
	return nil
}

// namedBits reads a BIT STRING of names: bit 0 first. Bits beyond the sixteenth have no name anywhere.
func namedBits(v cms.Value) (uint16, error) {
	if v.Tag().Constructed() {
		return 0, errors.New("a BIT STRING is in pieces")
	}
	b := v.Body()
	if len(b) == 0 || b[0] > 7 || len(b) == 1 && b[0] != 0 {
		return 0, errors.New("a BIT STRING is malformed")
	}
	if n := v.Tag(); n.Class() == 0 && n != cms.TagBitString {
		return 0, fmt.Errorf("a BIT STRING is expected, not %s", n)
	}
	var set uint16
	for i, octet := range b[1:] {
		if i == len(b)-2 {
			octet &= 0xff << b[0] // what is unused has no meaning
		}
		for bit := 0; bit < 8 && 8*i+bit < 16; bit++ {
			if octet&(0x80>>bit) != 0 {
				set |= 1 << (8*i + bit)
			}
		}
		if i == 1 {
			break
		}
	}
	return set, nil
}

func (c *Certificate) readExtKeyUsage(v cms.Value) error {
	ids, err := oidList(v)
	if err == nil {
		c.ExtKeyUsage = ids
	}
	return err
}

func oidList(v cms.Value) ([]cms.OID, error) {
	if err := want(v, cms.TagSequence); err != nil {
		return nil, err
	}
	var ids []cms.OID
	for r := v.Reader(); !r.Empty(); {
		member, err := r.Next()
		if err != nil {
			return nil, err
		}
		id, err := member.OID()
		if err != nil {
			return nil, err
		}
		if len(ids) == maxGeneralNames {
			return nil, fmt.Errorf("it has more than %d members", maxGeneralNames)
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, errors.New("it is empty")
	}
	return ids, nil
}

func (c *Certificate) readSubjectKeyID(v cms.Value) error {
	if v.Tag() != cms.TagOctetString {
		return want(v, cms.TagOctetString)
	}
	c.SubjectKeyID = v.Body()
	return nil
}
