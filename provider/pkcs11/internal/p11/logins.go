package p11

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
)

// Logins lets one login at a time go to a module, and remembers PINs that were refused, so that no other part of the
// process tries them again: three tries lock many a token. The zero value is ready.
type Logins struct {
	once    sync.Once
	turn    chan struct{}
	key     [32]byte // random, so that what is remembered tells nothing outside this process
	mu      sync.Mutex
	refused map[[sha256.Size]byte]struct{}
}

func (l *Logins) init() {
	l.once.Do(func() {
		l.turn = make(chan struct{}, 1)
		l.refused = map[[sha256.Size]byte]struct{}{}
		_, _ = rand.Read(l.key[:]) // never fails
	})
}

// Enter waits for the turn to log in.
func (l *Logins) Enter(ctx context.Context) error {
	l.init()
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Leave ends the turn.
func (l *Logins) Leave() { <-l.turn }

// Refuse remembers a PIN of a token.
func (l *Logins) Refuse(token string, pin []byte) {
	l.init()
	name := l.name(token, pin)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused[name] = struct{}{}
}

// Refused reports whether the token has refused this PIN in this process.
func (l *Logins) Refused(token string, pin []byte) bool {
	l.init()
	name := l.name(token, pin)
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.refused[name]
	return ok
}

func (l *Logins) name(token string, pin []byte) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, l.key[:])
	h.Write([]byte(token))
	h.Write([]byte{0})
	h.Write(pin)
	h.Sum(sum[:0])
	return sum
}
