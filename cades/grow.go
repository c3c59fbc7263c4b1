package cades

import (
	"bytes"

	"github.com/seed-116355fd/signet/internal/cms"
)

// growth is what raising a message, or adding a signer to it, puts between the octets that are there.
type growth struct {
	digests  [][]byte        // AlgorithmIdentifiers that digestAlgorithms lacks
	certs    [][]byte        // CertificateChoices that certificates lacks
	values   [][]byte        // RevocationInfoChoices that crls lacks
	signers  [][]byte        // further SignerInfos
	signer   *cms.SignerInfo // the one that gets unsigned Attributes
	unsigned [][]byte        // these
	inside   []cms.Edit      // edits within what is there, such as an old time-stamp token
}

// into returns the message with the growth in it. Every octet that was there stays, but for lengths around what is new
// and the version of the SignedData, which follows from what it holds (RFC 5652 section 5.1).
func (g *growth) into(sd *cms.SignedData) ([]byte, error) {
	octets, err := g.octets(sd)
	if err != nil {
		return nil, err
	}
	return octets.Bytes()
}

// octets is into for a message whose content may be elsewhere, where it stays.
func (g *growth) octets(sd *cms.SignedData) (cms.Octets, error) {
	edits := append([]cms.Edit(nil), g.inside...)
	add := func(set cms.Value, parent cms.Value, at, number int, members [][]byte) {
		switch {
		case len(members) == 0:
		case set.IsZero():
			edits = append(edits, cms.Edit{Parent: parent, At: at, Insert: cms.AppendSet(nil, cms.ContextConstructed(number), members)})
		default:
			edits = append(edits, cms.Edit{Parent: set, At: set.End(), Insert: bytes.Join(members, nil)})
		}
	}
	after := sd.EncapContentInfo.Next()
	if len(g.digests) != 0 {
		edits = append(edits, cms.Edit{Parent: sd.DigestAlgorithms, At: sd.DigestAlgorithms.End(), Insert: bytes.Join(g.digests, nil)})
	}
	add(sd.CertificateSet, sd.Value, after, 0, g.certs)
	if !sd.CertificateSet.IsZero() {
		after = sd.CertificateSet.Next()
	}
	add(sd.RevocationSet, sd.Value, after, 1, g.values)
	if len(g.signers) != 0 {
		edits = append(edits, cms.Edit{Parent: sd.SignerInfos, At: sd.SignerInfos.End(), Insert: bytes.Join(g.signers, nil)})
	}
	if si := g.signer; si != nil {
		add(si.UnsignedSet, si.Value, si.Value.End(), 1, g.unsigned)
	}
	if edit, ok := g.version(sd); ok {
		edits = append(edits, edit)
	}
	out, err := cms.SpliceOctets(sd.ContentInfo, edits...)
	if err != nil {
		return cms.Octets{}, err
	}
	return out.Append(sd.Trailing), nil
}

// version raises SignedData.version to 5 when a revocation value of another kind than a CRL comes in.
func (g *growth) version(sd *cms.SignedData) (cms.Edit, bool) {
	other := false
	for _, v := range g.values {
		other = other || v[0] == 0xa1
	}
	if !other || sd.Version >= 5 {
		return cms.Edit{}, false
	}
	r := sd.Value.Reader()
	version, err := r.Next()
	if err != nil {
		return cms.Edit{}, false
	}
	return cms.Edit{Parent: sd.Value, At: version.Offset(), Remove: len(version.Raw()), Insert: []byte{2, 1, 5}}, true
}
