package pki

import (
	"bytes"
	"crypto/sha256"
	"sync"
)

// maxRemembered bounds the certificates that anchors remember: some 200 octets each.
const maxRemembered = 4096

// remembered are certificates whose signature by a key is known to hold. Only those of paths to an anchor get in, so that strangers
// cannot fill it, and nothing else is taken from it but that the mathematics comes out: names, times, usages, rules about algorithms
// and revocation are judged for each message anew.
type remembered struct {
	mu   sync.RWMutex
	keys map[[sha256.Size]byte][]byte // SubjectPublicKeyInfo of who signed, by the hash of the certificate
}

func (r *remembered) holds(c *Certificate, spki []byte) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	by := r.keys[c.hash()]
	return len(by) != 0 && bytes.Equal(by, spki)
}

func (r *remembered) keep(c *Certificate, spki []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		r.keys = map[[sha256.Size]byte][]byte{}
	}
	if len(r.keys) >= maxRemembered {
		for sum := range r.keys { // any
			delete(r.keys, sum)
			break
		}
	}
	r.keys[c.hash()] = bytes.Clone(spki)
}

// remembering keeps the signatures of a path that was accepted. Those that were tolerated with a remark are checked again each time, since
// the remark may depend on the time.
func (s *search) remembering(path *Path) {
	if s.v.Remember == nil || s.v.Anchors == nil {
		return
	}
	for i, c := range path.Certificates {
		_, spki, _ := path.Issuer(i)
		if path.Direct || !s.v.Remember(c.SignatureAlgorithm) || s.v.Anchors.known.holds(c, spki) {
			continue
		}
		if _, v, ok := s.w.known(c, spki); ok && v.err == nil && v.note == "" {
			s.v.Anchors.known.keep(c, spki)
		}
	}
}
