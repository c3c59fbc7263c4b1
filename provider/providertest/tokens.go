package providertest

import (
	"fmt"
	"sync"

	"github.com/seed-116355fd/signet/sign"
)

// What tokens taught: checks that any holder of keys passes, and that those with sessions, logins and handles have failed.

// manyCallers has many more callers than the provider finds useful at once, each with another key than the one before:
// all are served, and each signature is of the key that was asked. A token may give handles of keys out again.
func (s *suite) manyCallers() {
	callers := 64
	if l, ok := sign.As[sign.Limiter](s.provider); ok {
		callers = min(max(callers, 4*l.Limit()), 256)
	}
	keys := make([]sign.Key, len(s.config.Keys))
	for i, k := range s.config.Keys {
		keys[i] = s.must(k)
	}
	var wait sync.WaitGroup
	for caller := range callers {
		s.background(&wait, nil, func() {
			i := caller % len(keys)
			k := s.config.Keys[i]
			scheme := k.schemes(keys[i])[0]
			message := fmt.Appendf(nil, "message of caller %d", caller)
			signature, err := s.sign(s.Context(), keys[i], scheme, message)
			if s.fine(k.name(), err) {
				s.fine(k.name(), k.verify(scheme, message, signature))
			}
		})
	}
	wait.Wait()
}

// twoProviders opens the same keys twice. When one is closed, the keys of the other go on: what the two share, such as a
// module or a login, is not taken away. Opened once more, everything is there again.
func (s *suite) twoProviders() {
	k := s.config.Keys[0]
	key := s.must(k)
	other := s.config.Open(s.T)
	if other == nil {
		s.Fatal("Open returned nil")
	}
	again, err := other.Key(s.Context(), k.ref())
	if !s.fine("Key of the second provider", err) {
		return
	}
	s.works(k, again)
	s.fine("Close of the second provider", other.Close())
	s.works(k, key)
	s.closed(k, again)
	third := s.config.Open(s.T)
	if third == nil {
		s.Fatal("Open returned nil")
	}
	defer third.Close()
	if again, err = third.Key(s.Context(), k.ref()); s.fine("Key of the third provider", err) {
		s.works(k, again)
	}
	s.works(k, key)
}

// closed checks that a key of a closed provider does not sign.
func (s *suite) closed(k Key, key sign.Key) {
	scheme := k.schemes(key)[0]
	_, err := s.sign(s.Context(), key, scheme, []byte("message"))
	s.gone("a key of the second provider after its Close", err)
}
