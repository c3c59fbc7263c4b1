package p11

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
)

// MaxUnsure is how often a PIN is tried when the token does not say whether it was refused. Three wrong tries lock many a
// token.
const MaxUnsure = 2

// Logins lets one login at a time go to a module, and remembers what became of PINs, so that no other part of the
// process tries those again that were refused: three tries lock many a token. The zero value is ready.
type Logins struct {
	once sync.Once
	turn chan struct{}
	key  [32]byte // random, so that what is remembered tells nothing outside this process
	mu   sync.Mutex
	pins map[[sha256.Size]byte]fate
}

// fate is what became of a PIN.
type fate struct {
	refused, accepted bool
	unsure            int // tries without an answer since it was accepted
}

func (l *Logins) init() {
	l.once.Do(func() {
		l.turn = make(chan struct{}, 1)
		l.pins = map[[sha256.Size]byte]fate{}
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

// Refuse remembers a PIN that a token has refused.
func (l *Logins) Refuse(token string, pin []byte) {
	l.change(token, pin, func(f *fate) { f.refused = true })
}

// Accept remembers a PIN that a token has taken.
func (l *Logins) Accept(token string, pin []byte) {
	l.change(token, pin, func(f *fate) { f.accepted, f.unsure = true, 0 })
}

// Unsure counts a try that had no answer.
func (l *Logins) Unsure(token string, pin []byte) {
	l.change(token, pin, func(f *fate) { f.unsure++ })
}

// Refused reports whether the token has refused this PIN in this process.
func (l *Logins) Refused(token string, pin []byte) bool { return l.fate(token, pin).refused }

// Accepted reports whether the token has taken this PIN in this process.
func (l *Logins) Accepted(token string, pin []byte) bool { return l.fate(token, pin).accepted }

// Exhausted reports whether the PIN was tried as often as may be without an answer.
func (l *Logins) Exhausted(token string, pin []byte) bool {
	return l.fate(token, pin).unsure >= MaxUnsure
}

func (l *Logins) change(token string, pin []byte, f func(*fate)) {
	l.init()
	name := l.name(token, pin)
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.pins[name]
	f(&own)
	l.pins[name] = own
}

func (l *Logins) fate(token string, pin []byte) fate {
	l.init()
	name := l.name(token, pin)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pins[name]
}

func (l *Logins) name(token string, pin []byte) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, l.key[:])
	h.Write([]byte(token))
	h.Write([]byte{0})
	h.Write(pin)
	h.Sum(sum[:0])
	return sum
}
