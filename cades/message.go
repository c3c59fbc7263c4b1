package cades

import (
	"crypto/x509"
	"io"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/received"
	"github.com/seed-116355fd/signet/sign"
)

// Message is a SignedData as it was received: every byte of it is kept, or stays in the file that was opened. It is not
// modified and is safe for concurrent use.
type Message struct {
	in         *message.Message
	signatures []*Signature
}

// Certificate is a certificate of a message. One that crypto/x509 cannot read has no X509 and an Err that says why.
type Certificate struct {
	Raw  []byte
	X509 *x509.Certificate
	Err  error
}

// Parse reads a message in BER, of which DER is a part, or in a text form of that: PEM with any label, base64 in any of its
// spellings (also without padding, in the alphabet of URLs, of PEM or of base64 once more), hexadecimal, all of them also in
// UTF-16 or behind a byte order mark. It keeps the octets, which the caller does not modify afterwards. What is broken inside a
// certificate, an attribute or a revocation value does not keep the rest from being read.
//
// Of several blocks of PEM the signature is read; two different signatures are refused, since only one of them would be
// verified. Mails are taken apart by the caller. The error is a [*sign.Error] of the class [sign.ErrInput], which says what the
// octets are when they are something else that is known: a certificate, an answer of an authority, a PDF.
//
// Parse takes what was made by strangers: its time is linear in the size of the input, and nesting and counts are
// bounded (limits of package internal/cms).
func Parse(octets []byte) (*Message, error) {
	ber, err := received.Unwrap(octets, nil)
	if err != nil {
		return nil, &sign.Error{Op: "cades: parse", Class: sign.ErrInput, Err: err, Hint: hintForText(octets)}
	}
	in, err := message.Parse(ber)
	if err != nil {
		return nil, &sign.Error{Op: "cades: parse", Class: sign.ErrInput, Err: err, Hint: hintFor(ber)}
	}
	return wrap(in), nil
}

// wrap makes a message of what was read.
func wrap(in *message.Message) *Message {
	m := &Message{in: in}
	m.signatures = m.wrap(in.Signatures, nil)
	return m
}

func (m *Message) wrap(in []*message.Signature, parent *Signature) (all []*Signature) {
	for _, one := range in {
		s := &Signature{Index: one.Index, message: m, in: one, parent: parent}
		s.counter = m.wrap(one.Counter, s)
		all = append(all, s)
	}
	return all
}

// Bytes returns the message as it was received, in BER: decoded, when it was a text. It is nil for an attached one that was opened; see [Message.WriteTo].
func (m *Message) Bytes() []byte {
	if !m.in.Octets.InMemory() {
		return nil
	}
	ber, _ := m.in.Octets.Bytes() // they are there
	return ber
}

// Detached reports whether the content is elsewhere. An empty content inside is not detached.
func (m *Message) Detached() bool { return m.in.SD.Content.IsZero() }

// ContentType returns the eContentType as a dotted object identifier.
func (m *Message) ContentType() string { return m.in.SD.ContentType.String() }

// WriteContent writes the content of an attached message, and nothing of a detached one.
func (m *Message) WriteContent(w io.Writer) error { return m.in.WriteContent(w) }

// Certificates returns the certificates of the message in the order in which they stand there.
func (m *Message) Certificates() []Certificate {
	all := make([]Certificate, len(m.in.Certificates))
	for i, c := range m.in.Certificates {
		all[i].Raw = c.Raw
		all[i].X509, all[i].Err = c.X509()
	}
	return all
}

// RevocationValues returns the members of SignedData.crls as they stand there: CRLs, and OCSP responses in the form of
// RFC 5940.
func (m *Message) RevocationValues() [][]byte {
	var all [][]byte
	for _, v := range m.in.SD.Revocations {
		all = append(all, v.Raw())
	}
	return all
}

// Signatures returns the signatures of the message, one for each SignerInfo, in the order in which they stand there.
func (m *Message) Signatures() []*Signature { return m.signatures }

// Signature is one SignerInfo of a message, or one counter-signature.
type Signature struct {
	Index int // in its message, or among the counter-signatures of its signature

	message *Message
	in      *message.Signature
	counter []*Signature
	parent  *Signature // of a counter-signature
}

// CounterSignatures returns the counter-signatures on this signature.
func (s *Signature) CounterSignatures() []*Signature { return s.counter }

// Value returns the octets of the signature value.
func (s *Signature) Value() []byte { return s.in.SI.SignatureRaw }

// DigestAlgorithm names the hash of the content: "SHA-256", or a dotted object identifier.
func (s *Signature) DigestAlgorithm() string { return s.in.SI.Digest.ID.Name() }

// SignatureAlgorithm names the algorithm of the signature: "ecdsa-with-SHA256", or a dotted object identifier.
func (s *Signature) SignatureAlgorithm() string { return s.in.SI.Algorithm.ID.Name() }

// SigningTime returns the time of signing that the signer claims. ok is false when there is none, or more than one.
func (s *Signature) SigningTime() (t time.Time, ok bool) {
	v, _ := cms.Single(s.in.SI.Signed, cms.OIDSigningTime)
	if v.IsZero() {
		return time.Time{}, false
	}
	t, err := v.Time()
	return t, err == nil
}

// SignedAttributes returns the signed attributes in the order in which they stand there. Malformed ones are left out.
func (s *Signature) SignedAttributes() []Attribute { return exported(s.in.SI.Signed) }

// UnsignedAttributes returns the unsigned attributes: time-stamps, references, values, counter-signatures.
func (s *Signature) UnsignedAttributes() []Attribute { return exported(s.in.SI.Unsigned) }

func exported(attributes []cms.Attribute) []Attribute {
	var all []Attribute
	for _, a := range attributes {
		if a.Type == "" {
			continue
		}
		values := make([][]byte, len(a.Values))
		for i, v := range a.Values {
			values[i] = v.Raw()
		}
		all = append(all, Attribute{Type: a.Type.String(), Values: values})
	}
	return all
}

// SignerCertificate returns the certificate of the signer: the one that the ESS attribute names by its hash, among the
// certificates of the message, else the one of the signer identifier. It is nil when the message does not hold it, or
// crypto/x509 cannot read it.
func (s *Signature) SignerCertificate() *x509.Certificate {
	if c, _ := s.in.FindSigner(s.message.in.Candidates, nil); c != nil {
		if x, err := c.X509(); err == nil {
			return x
		}
	}
	return nil
}

// Level returns the level that the attributes of the signature have the form of. It says nothing about their validity. Forms that
// this package does not make are the highest one below them that it does: those between C and X Long Type 1 are C.
func (s *Signature) Level() Level {
	form := s.in.Form()
	for _, l := range Levels() {
		if l.String() == form {
			return l
		}
	}
	if form == "CAdES-EPES" {
		return LevelBES
	}
	return LevelC
}

// LevelName is the name of the form: that of Level, CAdES-EPES for a BES that names a signature policy, or one between C and X Long
// Type 1.
func (s *Signature) LevelName() string { return s.in.Form() }
