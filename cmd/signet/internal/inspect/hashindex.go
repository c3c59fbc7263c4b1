package inspect

import (
	"fmt"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
)

// owner is a signature, for what stands in its unsigned attributes.
type owner struct {
	sd *cms.SignedData
	si *cms.SignerInfo
	in *owner // the signature that this one is a counter-signature or a time-stamp of, or nil
}

// hashIndex shows an ats-hash-index (EN 319 122-1 section 5.5.2), and what each digest in it is of. The attribute stands in
// the token of an archive time-stamp; what it lists stands in the message around that.
func (s scope) hashIndex(p *Node, kind cms.OID, v cms.Value) {
	by := cms.OIDSHA256 // the default of the versions before the third
	lists := []string{"certificates", "revocation values", "unsigned attributes"}
	shown := 0
	s.members(p, v, func(i int, field cms.Value) {
		if i == 0 {
			if a, err := cms.ParseAlgorithm(field); err == nil {
				by = a.ID
				s.algorithm(p, a, "hashAlgorithm")
				return
			}
		}
		if shown == len(lists) || field.Tag() != cms.TagSequence {
			s.asn1(p, field, "")
			return
		}
		list := shown
		shown++
		n, below := s.at(p, field, lists[list], count(field))
		below.members(n, field, func(_ int, digest cms.Value) {
			if digest.Tag() != cms.TagOctetString {
				below.asn1(n, digest, "")
				return
			}
			below.at(n, digest, "hash", octets(digest.Body())+s.indexed(kind, by, list, digest.Body()))
		})
	})
}

// indexed says what a digest is of, or that there is no such thing.
func (s scope) indexed(kind, by cms.OID, list int, digest []byte) string {
	h, known := algorithm.StandardHash(by)
	if !known || s.owner == nil || s.owner.in == nil {
		return ""
	}
	of := s.owner.in
	var parts map[string]string
	switch list {
	case 0:
		parts = s.digestsOf(digested{of.sd, nil, by, 0}, func(add func(string, ...[]byte)) {
			for i, v := range of.sd.Certificates {
				add(fmt.Sprintf("certificate %d", i+1), v.Raw())
			}
		}, h)
	case 1:
		parts = s.digestsOf(digested{of.sd, nil, by, 1}, func(add func(string, ...[]byte)) {
			for i, v := range of.sd.Revocations {
				name := "CRL"
				if v.Tag() != cms.TagSequence {
					name = "OCSP response"
				}
				add(fmt.Sprintf("%s %d", name, i+1), v.Raw())
			}
		}, h)
	default:
		form := 2
		if kind == cms.OIDATSHashIndexV3 {
			form = 3
		}
		parts = s.digestsOf(digested{of.sd, of.si, by, form}, func(add func(string, ...[]byte)) {
			for _, a := range of.si.Unsigned {
				switch {
				case a.Type == "":
				case kind != cms.OIDATSHashIndexV3: // whole attributes
					add(a.Type.Name(), a.Value.Raw())
				default:
					for _, v := range a.Values {
						add(a.Type.Name(), a.TypeValue().Raw(), v.Raw())
					}
				}
			}
		}, h)
	}
	if name, ok := parts[string(digest)]; ok {
		return " of " + name
	}
	return " of nothing that is there"
}

// digested are the parts of a message that were digested by an algorithm.
type digested struct {
	sd        *cms.SignedData
	si        *cms.SignerInfo
	algorithm cms.OID
	form      int
}

// digestsOf returns the names of the parts by their digests, which are made once however many indexes there are.
func (s scope) digestsOf(key digested, each func(add func(name string, parts ...[]byte)), h algorithm.Hash) map[string]string {
	if parts, ok := s.digests[key]; ok {
		return parts
	}
	parts := make(map[string]string)
	each(func(name string, octets ...[]byte) {
		w := h.New()
		for _, b := range octets {
			w.Write(b)
		}
		parts[string(w.Sum(nil))] = name
	})
	if s.digests == nil {
		s.digests = make(map[digested]map[string]string)
	}
	s.digests[key] = parts
	return parts
}
