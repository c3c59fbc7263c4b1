package soft

import (
	"crypto"
	"crypto/hmac"
	"encoding/asn1"
	"errors"
	"fmt"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pkcs12"
	"github.com/seed-116355fd/signet/sign"
)

const (
	maxBagDepth = 4 // safeContentsBags inside each other
	maxBags     = 4_000
	maxLabel    = 256 // characters of a friendlyName
	minMACKey   = 20  // octets of the key of PBMAC1; a short one lets a file pass with any password (RFC 9579 section 9)

	convertPKCS12 = "openssl pkcs12 -in OLD -nodes | openssl pkcs12 -export -out NEW"
)

var errDamaged = errors.New("the PKCS#12 structure is damaged")

// pkcs12 takes a PFX (RFC 7292 section 4).
func (r *reader) pkcs12(data []byte) error {
	if r.password.ask == nil {
		// Files without encryption, and with the empty password, open without asking.
		r.password.ask = Password(sign.Secret{})
		r.implied = true
	}
	der, err := inDER(data)
	if err == nil {
		err = (&pfx{reader: r}).read(der)
	}
	if err != nil {
		return r.error(err)
	}
	return nil
}

// inDER turns BER, in which Bouncy Castle and others write (RFC 7292 section 4), into DER. What is in an octet string stays
// as it is: the MAC is over it, and it may be in BER again.
func inDER(ber []byte) (cryptobyte.String, error) {
	v, err := cms.ReadValue(ber)
	if err != nil {
		return nil, errDamaged
	}
	der, err := cms.AppendDER(make([]byte, 0, len(ber)), v)
	if err != nil {
		return nil, errDamaged
	}
	return der, nil
}

// pfx reads one PFX.
type pfx struct {
	*reader
	bags int
}

func (p *pfx) read(data []byte) error {
	s, inner := cryptobyte.String(data), cryptobyte.String(nil)
	var version int
	if !s.ReadASN1(&inner, casn1.SEQUENCE) || !inner.ReadASN1Integer(&version) {
		return errDamaged
	}
	oid, content, ok := readContentInfo(&inner)
	if !ok {
		return errDamaged
	}
	if oid != oidData {
		return &convertError{"it is not protected by a password but by " + oid, convertPKCS12}
	}
	var safes cryptobyte.String
	if !content.ReadASN1(&safes, casn1.OCTET_STRING) {
		return errDamaged
	}
	if !inner.Empty() {
		if err := p.mac(inner, safes); err != nil {
			return err
		}
	}
	safes, err := inDER(safes)
	if err != nil {
		return err
	}
	var list cryptobyte.String
	if !safes.ReadASN1(&list, casn1.SEQUENCE) {
		return errDamaged
	}
	for !list.Empty() {
		oid, content, ok := readContentInfo(&list)
		if !ok {
			return errDamaged
		}
		if err := p.safe(oid, content); err != nil {
			return err
		}
	}
	return nil
}

const (
	oidData          = "1.2.840.113549.1.7.1"
	oidEncryptedData = "1.2.840.113549.1.7.6"
)

func readContentInfo(s *cryptobyte.String) (oid string, content cryptobyte.String, ok bool) {
	var inner cryptobyte.String
	var id asn1.ObjectIdentifier
	ok = s.ReadASN1(&inner, casn1.SEQUENCE) && inner.ReadASN1ObjectIdentifier(&id) &&
		inner.ReadASN1(&content, casn1.Tag(0).ContextSpecific().Constructed())
	return id.String(), content, ok
}

// safe takes one of the contents of the AuthenticatedSafe.
func (p *pfx) safe(oid string, content cryptobyte.String) error {
	switch oid {
	case oidData:
		var bags cryptobyte.String
		if !content.ReadASN1(&bags, casn1.OCTET_STRING) {
			return errDamaged
		}
		return p.safeContents(bags)
	case oidEncryptedData: // RFC 5652 section 8
		var outer, info, data cryptobyte.String
		var version int
		if !content.ReadASN1(&outer, casn1.SEQUENCE) || !outer.ReadASN1Integer(&version) ||
			!outer.ReadASN1(&info, casn1.SEQUENCE) || !info.SkipASN1(casn1.OBJECT_IDENTIFIER) {
			return errDamaged
		}
		alg, ok := readAlgorithm(&info)
		if !ok {
			return errDamaged
		}
		if !readPieces(&info, &data) {
			return errDamaged
		}
		plain, err := p.decrypt(alg, data)
		if err != nil {
			return err
		}
		return p.safeContents(plain)
	}
	return &convertError{"a part of it is not protected by a password but by " + oid, convertPKCS12}
}

// readPieces reads an IMPLICIT [0] octet string, which may be in pieces, each of them in DER.
func readPieces(s, out *cryptobyte.String) bool {
	var pieces, piece cryptobyte.String
	if s.PeekASN1Tag(casn1.Tag(0).ContextSpecific()) {
		return s.ReadASN1(out, casn1.Tag(0).ContextSpecific())
	}
	if !s.ReadASN1(&pieces, casn1.Tag(0).ContextSpecific().Constructed()) {
		return false
	}
	all := make(cryptobyte.String, 0, len(pieces))
	for !pieces.Empty() {
		if !pieces.ReadASN1(&piece, casn1.OCTET_STRING) {
			return false
		}
		all = append(all, piece...)
	}
	*out = all
	return true
}

// safeContents takes SafeContents that stood in an octet string, or was encrypted.
func (p *pfx) safeContents(ber []byte) error {
	s, err := inDER(ber)
	if err != nil {
		return err
	}
	return p.contents(s, 0)
}

// contents takes SafeContents (RFC 7292 section 4.2).
func (p *pfx) contents(s cryptobyte.String, depth int) error {
	var list cryptobyte.String
	if !s.ReadASN1(&list, casn1.SEQUENCE) {
		return errDamaged
	}
	for !list.Empty() {
		var bag, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !list.ReadASN1(&bag, casn1.SEQUENCE) || !bag.ReadASN1ObjectIdentifier(&oid) ||
			!bag.ReadASN1(&value, casn1.Tag(0).ContextSpecific().Constructed()) {
			return errDamaged
		}
		if p.bags++; p.bags > maxBags {
			return fmt.Errorf("it has more than %d bags", maxBags)
		}
		label, id := attributes(bag)
		if err := p.bag(oid.String(), value, label, id, depth); err != nil {
			return err
		}
	}
	return nil
}

// bag takes one SafeBag. Certificate revocation lists, secrets and unknown bags are left alone.
func (p *pfx) bag(oid string, value cryptobyte.String, label string, id []byte, depth int) error {
	var err error
	switch oid {
	case "1.2.840.113549.1.12.10.1.1":
		err = p.key(value, label, id)
	case "1.2.840.113549.1.12.10.1.2":
		err = p.encryptedKey(value, label, id)
	case "1.2.840.113549.1.12.10.1.3":
		var inner, wrapped, der cryptobyte.String
		var kind asn1.ObjectIdentifier
		if !value.ReadASN1(&inner, casn1.SEQUENCE) || !inner.ReadASN1ObjectIdentifier(&kind) ||
			!inner.ReadASN1(&wrapped, casn1.Tag(0).ContextSpecific().Constructed()) {
			return errDamaged
		}
		if kind.String() != "1.2.840.113549.1.9.22.1" { // x509Certificate
			return nil
		}
		if !wrapped.ReadASN1(&der, casn1.OCTET_STRING) {
			return errDamaged
		}
		return p.certificate(der, label, id)
	case "1.2.840.113549.1.12.10.1.6":
		if depth == maxBagDepth {
			return fmt.Errorf("its bags are more than %d deep", maxBagDepth)
		}
		return p.contents(value, depth+1)
	}
	if err != nil && (p.keyCount > maxKeys || p.ctx.Err() != nil) {
		return err
	}
	if err != nil {
		p.failures = append(p.failures, err)
	}
	return nil
}

// attributes returns friendlyName and localKeyId (RFC 2985 section 5.5), or nothing when there are none.
func attributes(s cryptobyte.String) (label string, id []byte) {
	var set cryptobyte.String
	if !s.ReadASN1(&set, casn1.SET) {
		return "", nil
	}
	for !set.Empty() {
		var attribute, values, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !set.ReadASN1(&attribute, casn1.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&oid) || !attribute.ReadASN1(&values, casn1.SET) {
			return label, id
		}
		switch oid.String() {
		case "1.2.840.113549.1.9.20":
			if values.ReadASN1(&value, casn1.Tag(30)) { // BMPString
				label = fromBMP(value)
			}
		case "1.2.840.113549.1.9.21":
			if values.ReadASN1(&value, casn1.OCTET_STRING) {
				id = value
			}
		}
	}
	return label, id
}

// mac checks the MacData (RFC 7292 section 4, RFC 9579), and with it the password.
func (p *pfx) mac(s cryptobyte.String, message []byte) error {
	var data, info, sum, salt cryptobyte.String
	if !s.ReadASN1(&data, casn1.SEQUENCE) || !data.ReadASN1(&info, casn1.SEQUENCE) {
		return errDamaged
	}
	alg, ok := readAlgorithm(&info)
	if !ok || !info.ReadASN1(&sum, casn1.OCTET_STRING) || !data.ReadASN1(&salt, casn1.OCTET_STRING) {
		return errDamaged
	}
	iterations := 1
	if !data.Empty() && !data.ReadASN1Integer(&iterations) {
		return errDamaged
	}
	if alg.oid == "1.2.840.113549.1.5.14" {
		return p.pbmac1(alg.params, sum, message)
	}
	hash := digestHash(alg.oid)
	if hash == 0 {
		return p.ownMAC(alg.oid, sum, salt, iterations, message)
	}
	if err := inFIPS(hash, nil); err != nil {
		return err
	}
	forms, err := p.forms()
	if err != nil {
		return err
	}
	for _, form := range forms {
		if err := p.spend(iterations, 1); err != nil {
			return err
		}
		key := pkcs12.Derive(newHash(hash), pkcs12.ForMAC, form, salt, iterations, hash.Size())
		h := hmac.New(newHash(hash), key)
		h.Write(message)
		clear(key)
		if hmac.Equal(h.Sum(nil), sum) {
			p.form = [][]byte{form}
			return nil
		}
	}
	return errPassword
}

func (p *pfx) pbmac1(params cryptobyte.String, sum, message []byte) error {
	var inner cryptobyte.String
	ok := params.ReadASN1(&inner, casn1.SEQUENCE)
	kdf, okKDF := readAlgorithm(&inner)
	mac, okMAC := readAlgorithm(&inner)
	switch {
	case !ok || !okKDF || !okMAC:
		return errDamaged
	case kdf.oid != "1.2.840.113549.1.5.12":
		return &convertError{"its MAC is PBMAC1 of " + kdf.oid + " and " + mac.oid, convertPKCS12}
	}
	_, newHash, err := p.prf(mac.oid)
	if errors.Is(err, errUnsupported) {
		return &convertError{"its MAC is PBMAC1 of " + kdf.oid + " and " + mac.oid, convertPKCS12}
	}
	if err != nil {
		return err
	}
	key, err := p.pbkdf2(kdf.params, 0, false)
	if err != nil {
		return err
	}
	defer clear(key)
	h := hmac.New(newHash, key)
	h.Write(message)
	if !hmac.Equal(h.Sum(nil), sum) {
		return errPassword
	}
	return nil
}

func digestHash(oid string) crypto.Hash {
	switch oid {
	case "1.3.14.3.2.26":
		return crypto.SHA1
	case "2.16.840.1.101.3.4.2.4":
		return crypto.SHA224
	case "2.16.840.1.101.3.4.2.1":
		return crypto.SHA256
	case "2.16.840.1.101.3.4.2.2":
		return crypto.SHA384
	case "2.16.840.1.101.3.4.2.3":
		return crypto.SHA512
	}
	return 0
}

func fromBMP(b []byte) string {
	units := make([]uint16, 0, min(len(b)/2, maxLabel))
	for ; len(b) >= 2 && len(units) < maxLabel; b = b[2:] {
		units = append(units, uint16(b[0])<<8|uint16(b[1]))
	}
	return string(utf16.Decode(units))
}
