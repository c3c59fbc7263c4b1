package inspect

import (
	"fmt"

	"github.com/seed-116355fd/signet/internal/cms"
)

// revocationRefs shows CompleteRevocationRefs (RFC 5126 section 6.2.2): for each certificate the CRLs and OCSP responses
// that say it is good.
func (s scope) revocationRefs(p *Node, v cms.Value) {
	s.members(p, v, func(i int, ref cms.Value) {
		n, below := s.at(p, ref, fmt.Sprintf("references for certificate %d", i+1), "")
		if len(ref.Body()) == 0 { // nobody is asked about it, such as a root
			n.Value = "none"
		}
		below.members(n, ref, func(_ int, kind cms.Value) {
			show := map[cms.Tag]func(*Node, cms.Value){
				cms.ContextConstructed(0): below.crlRef, cms.ContextConstructed(1): below.ocspRef,
			}[kind.Tag()]
			if show == nil {
				below.asn1(n, kind, "")
				return
			}
			below.members(n, kind, func(_ int, list cms.Value) { // CRLListID, OcspListID
				below.members(n, list, func(_ int, all cms.Value) {
					below.members(n, all, func(_ int, one cms.Value) { show(n, one) })
				})
			})
		})
	})
}

// crlRef shows CrlValidatedID.
func (s scope) crlRef(p *Node, v cms.Value) {
	n, below := s.at(p, v, "CRL", "")
	below.members(n, v, func(i int, field cms.Value) {
		if i == 0 {
			below.otherHash(n, field)
			return
		}
		below.members(n, field, func(_ int, id cms.Value) {
			switch {
			case id.Tag() == cms.TagSequence:
				n.Value = "of " + nameOf(id)
			case isTime(id):
				below.at(n, id, "issued", moment(id))
			case id.Tag() == cms.TagInteger:
				below.at(n, id, "number", integer(id.Body()))
			default:
				below.asn1(n, id, "")
			}
		})
	})
}

// ocspRef shows OcspResponsesID.
func (s scope) ocspRef(p *Node, v cms.Value) {
	n, below := s.at(p, v, "OCSP response", "")
	below.members(n, v, func(i int, field cms.Value) {
		if i > 0 {
			below.otherHash(n, field)
			return
		}
		below.members(n, field, func(_ int, id cms.Value) {
			switch {
			case isTime(id):
				below.at(n, id, "producedAt", moment(id))
			case id.Tag().Constructed():
				n.Value = "of " + responder(id)
			default:
				below.asn1(n, id, "")
			}
		})
	})
}
