package inspect

import (
	"fmt"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
)

// Message shows a container, of which the content may be elsewhere. The error says why the bytes are not a SignedData; the tree is then one of plain ASN.1, or
// nil when they are not that either.
func Message(received cms.Octets) (*Node, error) {
	s := scope{budget: &budget{nodes: maxNodes, text: maxText}}
	root := &Node{Name: "ContentInfo"}
	sd, err := cms.ParseOctets(received)
	if err == nil {
		s.place(root, sd.ContentInfo)
		root.Value = plain.Count(sd.ContentInfo.Len()) + " octets"
		n, below := s.at(root, sd.Value, "signedData", "")
		n.label(cms.OIDSignedData)
		below.signedData(n, sd)
		if len(sd.Trailing) != 0 {
			s.add(root, "after the end", octets(sd.Trailing))
		}
		return root, nil
	}
	if !received.InMemory() {
		return nil, err
	}
	ber, _ := received.Bytes() // they are there
	v, broken := cms.ReadValue(ber)
	if broken != nil {
		return nil, err
	}
	root = &Node{Name: "not a SignedData"}
	s.place(root, v)
	s.asn1(root, v, "")
	return root, err
}

func (s scope) signedData(p *Node, sd *cms.SignedData) {
	s.sd = sd
	s.add(p, "version", fmt.Sprint(sd.Version))
	for _, a := range sd.Digests {
		s.algorithm(p, a, "digestAlgorithm")
	}
	s.content(p, sd)
	if !sd.CertificateSet.IsZero() {
		n, below := s.at(p, sd.CertificateSet, "certificates", fmt.Sprint(len(sd.Certificates)))
		for i, v := range sd.Certificates {
			below.certificateChoice(n, v, i)
		}
	}
	if !sd.RevocationSet.IsZero() {
		n, below := s.at(p, sd.RevocationSet, "revocation values", fmt.Sprint(len(sd.Revocations)))
		for i, v := range sd.Revocations {
			below.revocationChoice(n, v, i)
		}
	}
	for i := range sd.Signers {
		s.signer(p, &sd.Signers[i], fmt.Sprintf("signer %d of %d", i+1, len(sd.Signers)))
	}
	if len(sd.Signers) == 0 {
		s.add(p, "signers", "none")
	}
}

func (s scope) content(p *Node, sd *cms.SignedData) {
	n, below := s.at(p, sd.EncapContentInfo, "content", "")
	n.oid(sd.ContentType)
	kind := n.Value
	if kind != "" {
		kind += ", "
	}
	if sd.Content.IsZero() {
		n.Value = kind + "detached"
		return
	}
	size := sd.Content.Len() - sd.Content.HeaderLen()
	if sd.Content.Tag().Constructed() {
		size = 0
		_ = sd.ContentSegments(func(b []byte) error { size += len(b); return nil })
	}
	n.Value = kind + plain.Count(size) + " octets inside"
	if sd.Content.Tag().Constructed() {
		n.Value += " in segments"
	}
	if sd.ContentType == cms.OIDTSTInfo {
		b, inner, err := below.inOctets(sd.Content)
		if err != nil {
			below.failed(n, sd.Content, err)
			return
		}
		inner.tstInfo(n, b)
	}
}

// algorithm shows an AlgorithmIdentifier.
func (s scope) algorithm(p *Node, a cms.Algorithm, name string) {
	n, below := s.at(p, a.Value, name, "")
	n.oid(a.ID)
	if a.NoParameters() {
		return
	}
	if alg, err := algorithm.ResolveSignature(a); err == nil && alg.Kind == algorithm.PSS {
		below.add(n, "parameters", fmt.Sprintf("hash %s, mask MGF1 with %s, salt of %d octets", alg.Hash.Name(), alg.PSS.MGF1.Name(), alg.PSS.Salt))
		return
	}
	below.asn1(n, a.Parameters, "parameters")
}

// algorithmIn reads an AlgorithmIdentifier and shows it.
func (s scope) algorithmIn(p *Node, v cms.Value, name string) {
	a, err := cms.ParseAlgorithm(v)
	if err != nil {
		s.failed(p, v, err)
		return
	}
	s.algorithm(p, a, name)
}
