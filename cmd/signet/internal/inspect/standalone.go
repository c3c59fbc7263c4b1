package inspect

import (
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/cms"
)

// alone begins the tree of a file that is one value.
func alone(ber []byte, name string, show func(s scope, root *Node, v cms.Value)) (*Node, error) {
	v, err := cms.ReadValue(ber)
	if err != nil {
		return nil, err
	}
	s := scope{budget: &budget{nodes: maxNodes, text: maxText}}
	root := &Node{Name: name}
	s.place(root, v)
	root.Value = plain.Count(len(v.Raw())) + " octets"
	show(s, root, v)
	if rest := ber[v.Next():]; len(rest) != 0 {
		s.add(root, "after the end", octets(rest))
	}
	return root, nil
}

// Certificate shows a certificate (RFC 5280 section 4.1).
func Certificate(ber []byte) (*Node, error) {
	return alone(ber, "certificate", func(s scope, root *Node, v cms.Value) { s.certificateChoice(root, v, 0) })
}

// Request shows what is asked of an authority of time-stamps (RFC 3161 section 2.4.1).
func Request(ber []byte) (*Node, error) {
	return alone(ber, "request for a time-stamp", func(s scope, root *Node, v cms.Value) {
		integers := []string{"version", "nonce"}
		s.members(root, v, func(_ int, field cms.Value) {
			switch tag := field.Tag(); {
			case tag == cms.TagInteger && len(integers) > 0:
				s.at(root, field, integers[0], integer(field.Body()))
				integers = integers[1:]
			case tag == cms.TagSequence:
				s.accuracyOrImprint(root, field)
			case tag == cms.TagOID:
				n, _ := s.at(root, field, "policy", "")
				if id, err := field.OID(); err == nil {
					n.oid(id)
				}
			case tag == cms.TagBoolean:
				s.at(root, field, "certificates wanted", primitive(field))
			default:
				s.asn1(root, field, "")
			}
		})
	})
}

// Response shows the answer of an authority of time-stamps (RFC 3161 section 2.4.2): a status, and mostly a token.
func Response(ber []byte) (*Node, error) {
	return alone(ber, "answer of a time-stamp authority", func(s scope, root *Node, v cms.Value) {
		s.members(root, v, func(i int, field cms.Value) {
			if i == 0 && field.Tag() == cms.TagSequence {
				s.status(root, field)
				return
			}
			s.token(root, field)
		})
	})
}

// status shows PKIStatusInfo.
func (s scope) status(p *Node, v cms.Value) {
	n, below := s.at(p, v, "status", "")
	below.members(n, v, func(_ int, field cms.Value) {
		switch field.Tag() {
		case cms.TagInteger:
			n.Value = integer(field.Body())
			if code, err := field.Int(); err == nil && code >= 0 && code < len(statuses) {
				n.Value = statuses[code]
			}
		case cms.TagSequence:
			below.members(n, field, func(_ int, t cms.Value) { below.at(n, t, "text", text(t)) })
		case cms.TagBitString:
			below.at(n, field, "failure", failures(field.Body()))
		default:
			below.asn1(n, field, "")
		}
	})
}

var statuses = [...]string{"granted", "granted with modifications", "rejection", "waiting", "revocation warning", "revocation notification"}

// failures names the bits of PKIFailureInfo.
func failures(bits []byte) string {
	names := map[int]string{
		0: "badAlg", 2: "badRequest", 5: "badDataFormat", 14: "timeNotAvailable", 15: "unacceptedPolicy", 16: "unacceptedExtension",
		17: "addInfoNotAvailable", 25: "systemFailure",
	}
	var all []string
	for i := range 8 * (min(len(bits), 5) - 1) {
		if bits[1+i/8]&(0x80>>(i%8)) != 0 {
			name, ok := names[i]
			if !ok {
				name = fmt.Sprintf("bit %d", i)
			}
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}
