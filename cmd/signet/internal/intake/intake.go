// Package intake finds signatures in what people hand over: binary files, PEM and base64 in the spellings that mail
// gateways, portals and shells leave behind, S/MIME mails. What is something else is named, so that a person is told what
// it is and not at which octet a parser gave up. It reads files of strangers: its time is linear in their size.
package intake

import (
	"bytes"
	"errors"

	"github.com/seed-116355fd/signet/internal/cms"
)

// File is what a file turned out to be.
type File struct {
	DER  []byte // the value, which may be in BER, and what follows it; nil for a signature that stays in its file
	Kind Kind
	Mail bool // it came in an S/MIME mail
	// Content is what a multipart/signed mail has signed: its first part, with lines that end with CRLF (RFC 8551 section
	// 3.1.1). Nil in all other cases.
	Content []byte
	// Received is Content octet by octet, as it stands in the mail; nil when that is the same.
	Received []byte
	// Part says that there is more in the mail than what is signed.
	Part bool

	Octets cms.Octets // those of DER, or of a signature of which the content stays in Source
	Source Source     // nil when all is in memory
	Size   int64      // of the signature in Source
}

// maxRounds bounds the wrappings around each other: the base64 of a PEM file in a mail has three.
const maxRounds = 6

// Errors of Read.
var (
	errEmpty   = errors.New("the file is empty")
	errNothing = errors.New("this is not a signature: neither DER, nor PEM, nor base64 of PKCS #7 / CMS, nor a mail with one (S/MIME)")
	errTooDeep = errors.New("this is not a signature: it is wrapped too often")
)

// Read unwraps a file. The error says what it is when it is not of ASN.1 at all.
func Read(data []byte) (*File, error) {
	f := &File{}
	if err := f.read(data, maxRounds); err != nil {
		return nil, err
	}
	f.Kind, f.Octets = KindOf(f.DER), cms.InMemory(f.DER)
	return f, nil
}

func (f *File) read(data []byte, rounds int) error {
	if len(data) == 0 {
		return errEmpty
	}
	if rounds == 0 {
		return errTooDeep
	}
	if data[0] == sequence {
		f.DER = data
		return nil
	}
	text, err := asText(data)
	if err != nil {
		return err
	}
	if len(text) == 0 {
		return errEmpty
	}
	if text[0] == sequence && !isHex(text) {
		f.DER = text
		return nil
	}
	if err := foreign(text); err != nil {
		return err
	}
	if mail, ok, err := readMail(text); err != nil {
		return err
	} else if ok {
		f.Mail, f.Content, f.Part = true, mail.content, mail.part
		if !bytes.Equal(mail.content, mail.received) {
			f.Received = mail.received
		}
		return f.read(mail.signature, rounds-1)
	}
	if blocks := Blocks(text); len(blocks) != 0 {
		f.DER = best(blocks)
		return nil
	} else if bytes.Contains(text, begin) {
		return errors.New("this is PEM, and no block of it can be read")
	}
	if inner, ok := decode(text); ok {
		return f.read(inner, rounds-1)
	}
	return errNothing
}

// sequence is how all that is looked for begins in DER and BER.
const sequence = 0x30

// best chooses the block of a PEM file that is meant: a signature before all others.
func best(blocks []Block) []byte {
	for _, b := range blocks {
		switch KindOf(b.DER) {
		case Signature, Token, Response:
			return b.DER
		}
	}
	return blocks[0].DER
}

// foreign names files of other kinds, which people take for signatures or have beside them.
func foreign(text []byte) error {
	for _, k := range []struct{ magic, says string }{
		{"%PDF-", "this is a PDF document; signatures inside of PDF are not read here"},
		{"PK\x03\x04", "this is a ZIP archive, such as an ASiC container or an office document; signet verify, inspect, extract, extend and countersign read containers"},
		{"\x1f\x8b", "this is compressed with gzip; unpack it first"},
		{"<", "this is XML or HTML and not CMS; signatures in XML (XAdES) are not read here"},
		{"{", "this is JSON; take the signature out of it first"},
		{"-----BEGIN PGP ", "this is OpenPGP and not CMS; gpg --verify reads it"},
		{"-----BEGIN SSH SIGNATURE-----", "this is a signature of OpenSSH and not CMS; ssh-keygen -Y verify reads it"},
	} {
		if bytes.HasPrefix(text, []byte(k.magic)) {
			return errors.New(k.says)
		}
	}
	return nil
}

// Certificates returns the DER of the certificates in a file: those of PEM blocks, those in a PKCS #7 collection (.p7b),
// or the file itself, in all spellings that Read takes. When there are none, what says what the file is instead.
func Certificates(data []byte) (certificates [][]byte, what string) {
	text, err := asText(data)
	if err != nil {
		return nil, err.Error()
	}
	if blocks := Blocks(text); len(data) != 0 && data[0] != sequence && len(blocks) != 0 {
		found := Unknown
		for _, b := range blocks {
			kind := KindOf(b.DER)
			if inside := inside(b.DER, kind, b.isCertificate()); len(inside) != 0 {
				certificates = append(certificates, inside...)
			} else if found == Unknown {
				found = kind
			}
		}
		return certificates, found.Name()
	}
	f, err := Read(data)
	if err != nil {
		return nil, "it is neither PEM nor DER"
	}
	for rest := f.DER; len(rest) != 0; {
		kind := KindOf(rest)
		found := inside(rest, kind, false)
		if len(found) == 0 {
			break
		}
		certificates = append(certificates, found...)
		if v, err := cms.ReadValue(rest); err == nil {
			rest = rest[v.Next():]
		} else {
			break
		}
	}
	return certificates, f.Kind.Name()
}

// inside returns the certificates that a value is or holds. claimed says that its label called it a certificate: then it
// is handed on even when it is broken, so that it can be named.
func inside(der []byte, kind Kind, claimed bool) [][]byte {
	switch {
	case kind == Signature:
		sd, err := cms.ParseSignedData(der)
		if err != nil {
			return nil
		}
		var all [][]byte
		for _, c := range sd.Certificates {
			if c.Tag() == cms.TagSequence { // the others are attribute certificates and the like
				all = append(all, c.Raw())
			}
		}
		return all
	case kind == Certificate:
		if v, err := cms.ReadValue(der); err == nil {
			return [][]byte{v.Raw()} // without the uses that OpenSSL puts behind a TRUSTED CERTIFICATE
		}
	case claimed:
		return [][]byte{der}
	}
	return nil
}
