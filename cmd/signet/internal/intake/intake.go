// Package intake finds signatures in what people hand over: binary files, PEM and base64 in the spellings that mail
// gateways, portals and shells leave behind, S/MIME mails. What is something else is named, so that a person is told what
// it is and not at which octet a parser gave up. It reads files of strangers: its time is linear in their size.
package intake

import (
	"bytes"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/received"
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

// Read unwraps a file. The error says what it is when it is not of ASN.1 at all.
func Read(data []byte) (*File, error) {
	f := &File{}
	der, err := received.Unwrap(data, f.mail)
	if err != nil {
		return nil, err
	}
	f.DER, f.Kind, f.Octets = der, KindOf(der), cms.InMemory(der)
	return f, nil
}

// mail takes the signature out of a mail.
func (f *File) mail(text []byte) ([]byte, bool, error) {
	mail, ok, err := readMail(text)
	if !ok || err != nil {
		return nil, ok, err
	}
	f.Mail, f.Content, f.Part = true, mail.content, mail.part
	if !bytes.Equal(mail.content, mail.received) {
		f.Received = mail.received
	}
	return mail.signature, true, nil
}

// Certificates returns the DER of the certificates in a file: those of PEM blocks, those in a PKCS #7 collection (.p7b),
// or the file itself, in all spellings that Read takes. When there are none, what says what the file is instead.
func Certificates(data []byte) (certificates [][]byte, what string) {
	text, err := received.Text(data)
	if err != nil {
		return nil, err.Error()
	}
	if blocks := received.Blocks(text); len(data) != 0 && data[0] != received.Sequence && len(blocks) != 0 {
		found := Unknown
		for _, b := range blocks {
			kind := KindOf(b.DER)
			if inside := inside(b.DER, kind, b.IsCertificate()); len(inside) != 0 {
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
