// Package message is what a SignedData of strangers is read into, before anybody judges it or adds to it: signatures with
// their counter-signatures, candidates for their signers, time-stamps with what each is over. Package cades wraps it, and
// cades/validate judges it.
package message

import (
	"io"

	"github.com/seed-116355fd/signet/internal/cms"
)

// Message is a SignedData as it was received: every byte of it is kept. It is not modified and is safe for concurrent use.
type Message struct {
	BER        []byte
	SD         *cms.SignedData
	Candidates *Candidates // of SignedData.certificates, those with the structure of a certificate, in their order
	Signatures []*Signature
}

// Parse reads a message in BER, which it keeps. What is broken inside a certificate, an attribute or a revocation value does
// not keep the rest from being read. Its time is linear in the size of the input, and nesting and counts are bounded.
func Parse(ber []byte) (*Message, error) {
	sd, err := cms.ParseSignedData(ber)
	if err != nil {
		return nil, err
	}
	m := &Message{BER: ber, SD: sd}
	var certs []*cms.Certificate
	for _, v := range sd.Certificates {
		if c, err := cms.ParseCertificate(v.Raw()); err == nil {
			certs = append(certs, c)
		}
	}
	m.Candidates = NewCandidates(certs)
	for i := range sd.Signers {
		m.Signatures = append(m.Signatures, m.signature(i, &sd.Signers[i], 0))
	}
	return m, nil
}

// Detached reports whether the content is elsewhere. An empty content inside is not detached.
func (m *Message) Detached() bool { return m.SD.Content.IsZero() }

// WriteContent writes the content of an attached message, and nothing of a detached one.
func (m *Message) WriteContent(w io.Writer) error {
	return m.SD.ContentSegments(func(b []byte) error {
		_, err := w.Write(b)
		return err
	})
}

// Signature is one SignerInfo of a message, or one counter-signature.
type Signature struct {
	Index   int // in its message, or among the counter-signatures of its signature
	Message *Message
	SI      *cms.SignerInfo
	Counter []*Signature
	Parent  *Signature // of a counter-signature
}

// MaxCounterDepth bounds counter-signatures of counter-signatures.
const MaxCounterDepth = 8

// signature gathers a SignerInfo and the counter-signatures on it, to a depth that bounds what a hostile file can ask.
func (m *Message) signature(index int, si *cms.SignerInfo, depth int) *Signature {
	s := &Signature{Index: index, Message: m, SI: si}
	if depth >= MaxCounterDepth {
		return s
	}
	for _, a := range cms.Find(si.Unsigned, cms.OIDCounterSignature) { // RFC 5652 section 11.4: any number of each
		for _, v := range a.Values {
			inner, err := cms.ParseSignerInfo(v)
			if err != nil {
				continue
			}
			child := m.signature(len(s.Counter), &inner, depth+1)
			child.Parent = s
			s.Counter = append(s.Counter, child)
		}
	}
	return s
}

// DigestAlgorithm names the hash of the content: "SHA-256", or a dotted object identifier.
func (s *Signature) DigestAlgorithm() string { return s.SI.Digest.ID.Name() }

// SignatureAlgorithm names the algorithm of the signature: "ecdsa-with-SHA256", or a dotted object identifier.
func (s *Signature) SignatureAlgorithm() string { return s.SI.Algorithm.ID.Name() }
