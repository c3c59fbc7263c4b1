package p256verify

import (
	"sync"
	"weak"
)

// maxTables is the number of tables that verifiers share, 16 MB.
const maxTables = 128

// Tables limits the memory of verifiers that belong together: a token may have ten thousand keys. They have 128 tables of 128 KB
// at most, beside each the one of its [Group] if there is such, and a new one takes the place of the oldest. The zero value is ready to use.
type Tables struct {
	mu     sync.Mutex
	owners []weak.Pointer[Verifier]
	oldest int
}

func (s *Tables) add(v *Verifier) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.owners) < maxTables {
		s.owners = append(s.owners, weak.Make(v))
		return
	}
	if old := s.owners[s.oldest].Value(); old != nil {
		old.stop()
	}
	s.owners[s.oldest] = weak.Make(v)
	s.oldest = (s.oldest + 1) % maxTables
}
