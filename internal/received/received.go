// Package received finds the value of ASN.1 in what people hand over: binary octets, and PEM, base64 and hexadecimal in the
// spellings that mail gateways, portals and shells leave behind; and it tells by their form what such values are, so that a
// person is told what a file is and not at which octet a parser gave up. It reads octets of strangers: its time and memory are
// linear in their size.
package received

import (
	"bytes"
	"errors"
)

// maxRounds bounds the wrappings around each other: the base64 of a PEM file in a mail has three.
const maxRounds = 6

// Errors of Unwrap. Each is a sentence about a file.
var (
	ErrEmpty   = errors.New("the file is empty")
	ErrNothing = errors.New("this is not a signature: neither DER, nor PEM, nor base64 of PKCS #7 / CMS, nor a mail with one (S/MIME)")

	errTooDeep    = errors.New("this is not a signature: it is wrapped too often")
	errUnreadable = errors.New("this is PEM, and no block of it can be read")
)

// Mail finds the signature in a mail. ok is false when the text is no mail.
type Mail func(text []byte) (signature []byte, ok bool, err error)

// Unwrap returns the value that octets are or spell, which may be in BER, and what follows it. Octets that are binary come back
// as they are, without a copy. Of several blocks of PEM a signature or time-stamp is meant before all others, and two different
// ones are refused: whoever verifies one of them would believe that the other was verified, too. A nil mail reads no mails.
// The error says what it is when it is not of ASN.1 at all.
func Unwrap(data []byte, mail Mail) ([]byte, error) {
	for range maxRounds {
		if len(data) == 0 {
			return nil, ErrEmpty
		}
		if data[0] == Sequence {
			return data, nil
		}
		text, err := Text(data)
		switch {
		case err != nil:
			return nil, err
		case len(text) == 0:
			return nil, ErrEmpty
		case text[0] == Sequence && !IsHex(text):
			return text, nil
		}
		if err := Foreign(text); err != nil {
			return nil, err
		}
		if mail != nil {
			signature, ok, err := mail(text)
			if err != nil {
				return nil, err
			}
			if ok {
				data = signature
				continue
			}
		}
		if blocks := Blocks(text); len(blocks) != 0 {
			return meant(blocks)
		} else if bytes.Contains(text, begin) {
			return nil, errUnreadable
		}
		inner, ok := Decode(text)
		if !ok {
			return nil, ErrNothing
		}
		data = inner
	}
	return nil, errTooDeep
}

// Sequence is how all that is looked for begins in DER and BER.
const Sequence = 0x30

// meant chooses the block of a PEM file that is meant.
func meant(blocks []Block) ([]byte, error) {
	var signed []byte
	for _, b := range blocks {
		switch {
		case !KindOf(b.DER).Signed():
		case signed == nil:
			signed = b.DER
		case !bytes.Equal(signed, b.DER):
			return nil, errors.New("there is more than one signature or time-stamp in this PEM file; give each in a file of its own")
		}
	}
	if signed != nil {
		return signed, nil
	}
	return blocks[0].DER, nil
}

// Foreign names files of other kinds, which people take for signatures or have beside them; nil for all others. The text is
// that of [Text], or its beginning.
func Foreign(text []byte) error {
	for _, k := range []struct{ magic, says string }{
		{"%PDF-", "this is a PDF document; signatures inside of PDF (PAdES) are not read here; package pades reads them from their byte ranges"},
		{"PK\x03\x04", "this is a ZIP archive, such as an ASiC container or an office document; signet verify, inspect, extract, extend and countersign read containers (package asic)"},
		{"\x1f\x8b", "this is compressed with gzip; unpack it first"},
		{"\xd0\xcf\x11\xe0", "this is an old document or message of Microsoft Office (or .msg of Outlook); save the mail as .eml, or take the signature (.p7m) out of it first"},
		{"MZ\x90\x00", "this is a program for Windows; the signature in it (Authenticode) is not read here: signtool verify and osslsigncode do"},
		{"-----BEGIN PGP ", "this is OpenPGP and not CMS; gpg --verify reads it"},
		{"-----BEGIN SSH SIGNATURE-----", "this is a signature of OpenSSH and not CMS; ssh-keygen -Y verify reads it"},
		{"-----BEGIN OPENSSH PRIVATE KEY-----", "this is a private key of OpenSSH and not a signature; show it to nobody"},
		{"untrusted comment:", "this is a signature of minisign or signify and not CMS; those verify it"},
	} {
		if bytes.HasPrefix(text, []byte(k.magic)) {
			return errors.New(k.says)
		}
	}
	switch {
	case text[0] == '<':
		return foreignXML(text)
	case text[0] == '{':
		return foreignJSON(text)
	case isJWS(text):
		return errors.New("this is a JSON Web Signature (JWS, or JAdES) and not CMS; libraries for JOSE verify it")
	}
	return nil
}

// maxSearched is how much of a text is looked through to name its kind.
const maxSearched = 1 << 20

func foreignXML(text []byte) error {
	head := text[:min(len(text), maxSearched)]
	switch {
	case bytes.Contains(head, []byte("http://www.w3.org/2000/09/xmldsig#")):
		return errors.New("this is XML with a signature (XML-DSig, XAdES) and not CMS; xmlsec1 or the validators of eSignature DSS verify it")
	case bytes.HasPrefix(bytes.ToLower(head[:min(len(head), 15)]), []byte("<!doctype html")), bytes.HasPrefix(bytes.ToLower(head[:min(len(head), 5)]), []byte("<html")):
		return errors.New("this is a page in HTML and not a signature; a portal answers so when it wants a log-in: download the signature again")
	}
	return errors.New("this is XML and not CMS; if it is the document, give its signature (.p7s, .sig); signatures in XML (XAdES) are not read here")
}

func foreignJSON(text []byte) error {
	head := text[:min(len(text), maxSearched)]
	if bytes.Contains(head, []byte(`"signature`)) && (bytes.Contains(head, []byte(`"protected"`)) || bytes.Contains(head, []byte(`"signatures"`))) {
		return errors.New("this is a JSON Web Signature (JWS, or JAdES) and not CMS; libraries for JOSE verify it")
	}
	return errors.New("this is JSON; take the signature out of it first")
}

// isJWS reports whether a text has the compact form of RFC 7515 section 3.1: a header that begins with {", and dots.
func isJWS(text []byte) bool {
	if !bytes.HasPrefix(text, []byte("ey")) {
		return false
	}
	dots := 0
	for _, c := range bytes.TrimRight(text, " \t\r\n") {
		switch {
		case c == '.':
			dots++
		case !('A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'):
			return false
		}
	}
	return dots == 2 || dots == 4 // 4 for an encrypted one
}
