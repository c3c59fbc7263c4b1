// Package message is what a SignedData of strangers is read into, before anybody judges it or adds to it: signatures with
// their counter-signatures, candidates for their signers, time-stamps with what each is over. Package cades wraps it, and
// cades/validate judges it.
package message

import (
	"crypto/x509"
	"io"
	"sync"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

// Message is a SignedData as it was received: every byte of it is kept, or left where it is. It is not modified and is safe for
// concurrent use.
type Message struct {
	Octets       cms.Octets
	SD           *cms.SignedData
	Certificates []*pki.Certificate // SignedData.certificates, those with the structure of one, in their order
	Candidates   *pki.Pool          // the same, each once
	Signatures   []*Signature

	mu      sync.Mutex
	left    int      // how many counter-signatures may still be read
	stamps  int      // how many time-stamps may still be read
	read    pki.Pool // all that were read, also in time-stamps and attributes
	digests digests  // of the members of SignedData, which hash indexes list
}

// Parse reads a message in BER, which it keeps. What is broken inside a certificate, an attribute or a revocation value does
// not keep the rest from being read. Its time is linear in the size of the input, and nesting and counts are bounded.
func Parse(ber []byte) (*Message, error) { return Read(cms.InMemory(ber)) }

// Open is [Parse] for a message of which held octets at most are taken into memory, and the content is left where it is.
func Open(r io.ReaderAt, size, held int64) (*Message, error) {
	octets, err := cms.Open(r, size, held)
	if err != nil {
		return nil, err
	}
	return Read(octets)
}

// Read is [Parse] for octets of which the content may be elsewhere.
func Read(octets cms.Octets) (*Message, error) {
	sd, err := cms.ParseOctets(octets)
	if err != nil {
		return nil, err
	}
	m := &Message{Octets: octets, SD: sd, Candidates: pki.NewPool()}
	for _, v := range sd.Certificates {
		if c, err := m.Certificate(v.Raw()); err == nil {
			m.Certificates = append(m.Certificates, c)
			m.Candidates.Add(c)
		}
	}
	m.left, m.stamps = cms.MaxSigners, MaxTimestamps
	for i := range sd.Signers {
		m.Signatures = append(m.Signatures, m.signature(i, &sd.Signers[i], 0))
	}
	return m, nil
}

// Certificate reads a certificate that stands somewhere in the message. One that stands in many places is read once.
func (m *Message) Certificate(ber []byte) (*pki.Certificate, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read.Read(ber)
}

// With returns candidates and further ones, of crypto/x509 and in DER. Those that cannot be read are left out.
func With(candidates *pki.Pool, more []*x509.Certificate, raw ...[]byte) *pki.Pool {
	if len(more)+len(raw) == 0 {
		return candidates
	}
	all := pki.NewPool(candidates.Certificates()...)
	for _, x := range more {
		if x != nil {
			_, _ = all.Read(x.Raw)
		}
	}
	for _, der := range raw {
		_, _ = all.Read(der)
	}
	return all
}

// Detached reports whether the content is elsewhere. An empty content inside is not detached.
func (m *Message) Detached() bool { return m.SD.Content.IsZero() }

// Size is how many octets the message has, the content in it included.
func (m *Message) Size() int { return m.Octets.Size() }

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
	Unread  int        // further counter-signatures, beyond what is read of a message
	Parent  *Signature // of a counter-signature

	// UnreadStamps is how many time-stamps there are beyond what is read of a message.
	UnreadStamps int

	stampsAllowed int
	stampsOnce    sync.Once
	archivesOnce  sync.Once
	archives      map[int]*Timestamp // the first one of each unsigned attribute that holds such
	stamps        []*Timestamp
	digests       digests // of its unsigned attributes, which hash indexes list
}

// MaxTimestamps bounds the time-stamps that are read of a message. One that is renewed each year for a century has 300.
const MaxTimestamps = 4096

// MaxCounterDepth bounds counter-signatures of counter-signatures.
const MaxCounterDepth = 8

// signature gathers a SignerInfo and the counter-signatures on it, to a depth that bounds what a hostile file can ask.
func (m *Message) signature(index int, si *cms.SignerInfo, depth int) *Signature {
	s := &Signature{Index: index, Message: m, SI: si}
	for _, attributes := range [][]cms.Attribute{si.Signed, si.Unsigned} {
		for _, a := range attributes {
			if _, ok := KindOf(a.Type); ok {
				n := min(len(a.Values), m.stamps)
				m.stamps -= n
				s.stampsAllowed += n
				s.UnreadStamps += len(a.Values) - n
			}
		}
	}
	if depth >= MaxCounterDepth {
		return s
	}
	for _, a := range cms.Find(si.Unsigned, cms.OIDCounterSignature) { // RFC 5652 section 11.4: any number of each
		for _, v := range a.Values {
			if m.left == 0 {
				s.Unread++
				continue
			}
			m.left--
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

// FindSigner finds the certificate of the signer among candidates: by the ESS hash where there is one, which cannot be
// mistaken, else by the signer identifier. how says by what it was found, or why not. The registry knows hashes, and may be nil.
func (s *Signature) FindSigner(among *pki.Pool, registry *algorithm.Registry) (c *pki.Certificate, how string) {
	ids, _ := s.SI.ESSCertIDs()
	for i := range ids {
		h, known := registry.NameHash(ids[i].Hash)
		if !known {
			continue
		}
		if c := among.Hashed(h, ids[i].Value); c != nil {
			return c, "its hash in the signed attributes"
		}
	}
	if c := among.Identified(s.SI.SID); c != nil {
		return c, "the signer identifier"
	}
	if len(among.Certificates()) == 0 {
		return nil, "the message holds no certificates"
	}
	return nil, "no certificate is the signer's"
}

// DigestAlgorithm names the hash of the content: "SHA-256", or a dotted object identifier.
func (s *Signature) DigestAlgorithm() string { return s.SI.Digest.ID.Name() }

// SignatureAlgorithm names the algorithm of the signature: "ecdsa-with-SHA256", or a dotted object identifier.
func (s *Signature) SignatureAlgorithm() string { return s.SI.Algorithm.ID.Name() }
