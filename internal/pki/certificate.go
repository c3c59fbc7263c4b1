package pki

import (
	"bytes"
	"crypto/sha1" // key identifiers (RFC 5280 section 4.2.1.2)
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
)

// Certificate is a certificate (RFC 5280 section 4.1) as it was received. It is not modified after it was read and is safe
// for concurrent use; its octets are views of those that were read.
//
// Parsed forms of extensions are nil or zero when the extension is absent, and also when it is malformed; the two are told
// apart by [Certificate.Problem]. [Verifier] does so wherever a path needs the extension.
type Certificate struct {
	Raw    []byte
	RawTBS []byte

	Version            int           // 1, 2 or 3 as people count
	Serial             []byte        // contents octets of the INTEGER; negative and long ones occur
	SignatureAlgorithm cms.Algorithm // beside the signature; TBSAlgorithm has to be the same
	TBSAlgorithm       cms.Algorithm
	Signature          []byte // contents of the BIT STRING
	Issuer, Subject    Name
	NotBefore          time.Time
	NotAfter           time.Time
	SPKI               []byte // SubjectPublicKeyInfo
	KeyAlgorithm       cms.Algorithm

	Extensions []Extension // as they stand, known or not

	BasicConstraints *BasicConstraints
	KeyUsage         *KeyUsage
	ExtKeyUsage      []cms.OID
	SubjectKeyID     []byte
	AuthorityKeyID   *AuthorityKeyID
	SubjectAltName   []GeneralName
	NameConstraints  *NameConstraints
	Policies         []cms.OID
	PolicyMappings   []PolicyMapping
	PolicyConstraint *PolicyConstraints
	InhibitAnyPolicy *int // skipCerts

	CRLDistributionPoints []DistributionPoint
	FreshestCRL           []DistributionPoint
	AuthorityInfoAccess   []AccessDescription
	OCSPNoCheck           bool   // id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2.1)
	QCStatements          []byte // value of the extension (RFC 3739 section 3.2.6)

	// Problems says what is wrong with the certificate, in the order in which it was found.
	Problems []Problem

	bits    cms.Value // the signature's BIT STRING
	keyBits []byte    // contents of the BIT STRING of the SPKI
	x509    sync.Once
	parsed  *x509.Certificate
	refused error
	sums    sync.Once
	sum     [sha256.Size]byte // of Raw
	keySum  [sha1.Size]byte   // of the key's octets
}

// Problem is something that a certificate should not have.
type Problem struct {
	Extension cms.OID // empty: it is about another field
	Critical  bool    // the extension is
	// Fatal says that no path may have the certificate, whatever the path needs of it. Others are fatal where the path needs
	// the field or where the extension is critical.
	Fatal bool
	What  string // continues "the certificate of X …": "has …"
}

// Extension is an extension as it stands there (RFC 5280 section 4.1.2.9).
type Extension struct {
	ID       cms.OID
	Critical bool
	Value    []byte // contents of the OCTET STRING
}

// ParseCertificate reads a certificate in DER, or BER where that occurs. The error says that the octets do not have the
// structure of a certificate; anything else that is wrong with it is a [Problem]. The octets must not be modified afterwards.
func ParseCertificate(ber []byte) (*Certificate, error) {
	v, err := cms.ReadValue(ber)
	if err != nil {
		return nil, fmt.Errorf("pki: this is no certificate: %w", err)
	}
	c := &Certificate{Raw: v.Raw()}
	if v.Tag() != cms.TagSequence {
		return nil, fmt.Errorf("pki: this is no certificate, which begins with a SEQUENCE, not with %s", v.Tag())
	}
	if v.Next() != len(ber) {
		return nil, fmt.Errorf("pki: %d octets follow the certificate", len(ber)-v.Next())
	}
	if err := c.read(v); err != nil {
		return nil, fmt.Errorf("pki: the certificate cannot be read: %w", err)
	}
	c.readExtensions()
	return c, nil
}

// FromX509 reads the certificate that crypto/x509 has read already.
func FromX509(c *x509.Certificate) (*Certificate, error) { return ParseCertificate(c.Raw) }

func (c *Certificate) problem(fatal bool, format string, args ...any) {
	c.Problems = append(c.Problems, Problem{Fatal: fatal, What: fmt.Sprintf(format, args...)})
}

func (c *Certificate) read(v cms.Value) error {
	outer := v.Reader()
	tbs, err := outer.Want(cms.TagSequence, "the TBSCertificate")
	if err != nil {
		return err
	}
	c.RawTBS = tbs.Raw()
	alg, err := outer.Want(cms.TagSequence, "the signature algorithm")
	if err != nil {
		return err
	}
	if c.SignatureAlgorithm, err = cms.ParseAlgorithm(alg); err != nil {
		return err
	}
	if c.bits, err = outer.Want(cms.TagBitString, "the signature value"); err != nil {
		return err
	}
	signature, unused, ok := bitString(c.bits)
	if !ok || unused != 0 {
		c.problem(true, "has a signature value that is malformed")
	}
	c.Signature = signature
	if !outer.Empty() {
		// Nobody signs what follows the signature, so anybody may have put it there.
		c.problem(true, "has octets behind its signature")
	}
	return c.readTBS(tbs)
}

func (c *Certificate) readTBS(tbs cms.Value) error {
	r := tbs.Reader()
	if err := c.readVersion(&r); err != nil {
		return err
	}
	serial, err := r.Want(cms.TagInteger, "the serial number")
	if err != nil {
		return err
	}
	if c.Serial = serial.Body(); len(c.Serial) == 0 {
		c.problem(true, "has an empty serial number")
	} else if c.Serial[0]&0x80 != 0 {
		c.problem(false, "has a negative serial number")
	}
	alg, err := r.Want(cms.TagSequence, "the signature algorithm inside the TBSCertificate")
	if err != nil {
		return err
	}
	if c.TBSAlgorithm, err = cms.ParseAlgorithm(alg); err != nil {
		return err
	}
	if !bytes.Equal(c.TBSAlgorithm.Raw(), c.SignatureAlgorithm.Raw()) && !algorithm.SameAlgorithm(c.TBSAlgorithm, c.SignatureAlgorithm) {
		// The outer one is not signed: who changes it must not choose how the signature is checked.
		c.problem(true, "names %s as its signature algorithm inside and %s outside", c.TBSAlgorithm.ID.Name(), c.SignatureAlgorithm.ID.Name())
	}
	for _, field := range []struct {
		name *Name
		what string
	}{{&c.Issuer, "issuer"}, {&c.Subject, "subject"}} {
		v, err := r.Want(cms.TagSequence, "the name of the "+field.what)
		if err != nil {
			return err
		}
		*field.name = NewName(v.Raw())
		if field.what == "issuer" {
			if err := c.readValidity(&r); err != nil {
				return err
			}
		}
	}
	return c.readKey(&r)
}

func (c *Certificate) readVersion(r *cms.Reader) error {
	c.Version = 1
	v, ok, err := r.Optional(cms.ContextConstructed(0))
	if err != nil || !ok {
		return err
	}
	inner := v.Reader()
	number, err := inner.Want(cms.TagInteger, "the version")
	if err != nil {
		return err
	}
	n, err := number.Int()
	if err != nil || n < 0 || n > 2 || !inner.Empty() {
		c.problem(true, "is of a version that does not exist")
		n = 2
	}
	c.Version = n + 1
	return nil
}

func (c *Certificate) readValidity(r *cms.Reader) error {
	v, err := r.Want(cms.TagSequence, "the validity")
	if err != nil {
		return err
	}
	inner := v.Reader()
	for _, t := range []*time.Time{&c.NotBefore, &c.NotAfter} {
		v, err := inner.Next()
		if err != nil {
			return err
		}
		if *t, err = v.Time(); err != nil {
			c.problem(true, "has a validity that cannot be read")
		}
	}
	if !inner.Empty() {
		c.problem(true, "has a validity of more than two times")
	}
	return nil
}

func (c *Certificate) readKey(r *cms.Reader) error {
	spki, err := r.Want(cms.TagSequence, "the public key")
	if err != nil {
		return err
	}
	c.SPKI = spki.Raw()
	inner := spki.Reader()
	alg, err := inner.Want(cms.TagSequence, "the algorithm of the public key")
	if err != nil {
		return err
	}
	if c.KeyAlgorithm, err = cms.ParseAlgorithm(alg); err != nil {
		return err
	}
	bits, err := inner.Want(cms.TagBitString, "the octets of the public key")
	if err != nil {
		return err
	}
	key, _, ok := bitString(bits)
	if !ok || !inner.Empty() {
		c.problem(true, "has a public key that is malformed")
	}
	c.keyBits = key
	if err := c.readRest(r); err != nil {
		// Who it is and whose key it has is known, so people can be told what is wrong with it.
		c.problem(true, "has fields behind its public key that are malformed (%s)", err)
	}
	return nil
}

// readRest reads issuerUniqueID and subjectUniqueID, which nobody uses, and the extensions.
func (c *Certificate) readRest(r *cms.Reader) error {
	for _, tag := range []int{1, 2} {
		if _, _, err := r.Optional(cms.ContextTag(tag)); err != nil {
			return err
		}
	}
	list, ok, err := r.Optional(cms.ContextConstructed(3))
	if err != nil {
		return err
	}
	if ok {
		if err := c.listExtensions(list); err != nil {
			return err
		}
	}
	if !r.Empty() {
		c.problem(true, "has fields behind its extensions")
	}
	return nil
}

// bitString splits the contents of a BIT STRING.
func bitString(v cms.Value) (octets []byte, unused int, ok bool) {
	b := v.Body()
	if v.Tag() != cms.TagBitString || len(b) == 0 || b[0] > 7 || len(b) == 1 && b[0] != 0 {
		return nil, 0, false
	}
	return b[1:], int(b[0]), true
}

// X509 returns the certificate as crypto/x509 reads it, or why it refuses it. It is read once.
func (c *Certificate) X509() (*x509.Certificate, error) {
	c.x509.Do(func() { c.parsed, c.refused = x509.ParseCertificate(c.Raw) })
	return c.parsed, c.refused
}

// Equal reports whether the two are the same octets.
func (c *Certificate) Equal(other *Certificate) bool {
	return c == other || c != nil && other != nil && bytes.Equal(c.Raw, other.Raw)
}

// SelfIssued reports whether subject and issuer are the same name (RFC 5280 section 6.1).
func (c *Certificate) SelfIssued() bool { return c.Subject.Equal(c.Issuer) }

// HasSerial compares serial numbers as numbers, given as contents octets of an INTEGER: some programs write zeros before
// them that DER does not have.
func (c *Certificate) HasSerial(serial []byte) bool { return serialKey(c.Serial) == serialKey(serial) }

func serialKey(b []byte) string {
	for len(b) > 1 && (b[0] == 0 && b[1]&0x80 == 0 || b[0] == 0xff && b[1]&0x80 != 0) {
		b = b[1:]
	}
	return string(b)
}

// SerialText is the serial number for people, in hexadecimal as authorities print it; a long one is cut.
func (c *Certificate) SerialText() string {
	b := c.Serial
	if len(b) > 64 {
		return fmt.Sprintf("%x…", b[:64])
	}
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n.Text(16)
}

// ValidAt reports whether the time lies within the validity, both ends included.
func (c *Certificate) ValidAt(t time.Time) bool {
	return !t.Before(c.NotBefore) && !t.After(c.NotAfter)
}

// hash returns what tells certificates apart, worked out once.
func (c *Certificate) hash() [sha256.Size]byte {
	c.sums.Do(c.sumUp)
	return c.sum
}

// keyHash is the identifier that most authorities give to a key: the SHA-1 of its octets (RFC 5280 section 4.2.1.2 (1)).
func (c *Certificate) keyHash() []byte {
	c.sums.Do(c.sumUp)
	return c.keySum[:]
}

func (c *Certificate) sumUp() { c.sum, c.keySum = sha256.Sum256(c.Raw), algorithm.SHA1(c.keyBits) }

// who names the certificate in a sentence.
func (c *Certificate) who() string {
	if c.Subject.IsEmpty() {
		return "the certificate with serial number " + c.SerialText() + " of " + c.Issuer.String()
	}
	return "the certificate of " + c.Subject.String()
}

// Problem returns what is wrong with an extension, also when it is there twice; ok is false when nothing is.
func (c *Certificate) Problem(extension cms.OID) (p Problem, ok bool) {
	for _, p := range c.Problems {
		if p.Extension == extension && extension != "" {
			return p, true
		}
	}
	return Problem{}, false
}

// Extension returns the first extension of this kind.
func (c *Certificate) Extension(id cms.OID) (e Extension, ok bool) {
	for _, e := range c.Extensions {
		if e.ID == id {
			return e, true
		}
	}
	return Extension{}, false
}
