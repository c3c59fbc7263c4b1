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
//
// What a token is called begins with its serial number and an octet 0. One that has a serial number is the same by whichever module
// it is reached, as by its own and by the proxy of p11-kit; the others are told apart by their module.
type Logins struct {
	once sync.Once
	turn chan struct{}
	own  memory
}

// everywhere is what is known of tokens with serial numbers. It is for the process, as the modules are.
var everywhere memory

// memory is what became of PINs.
type memory struct {
	once sync.Once
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
	l.once.Do(func() { l.turn = make(chan struct{}, 1) })
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

// of is where a token is remembered.
func (l *Logins) of(token string) *memory {
	m := &everywhere
	if token == "" || token[0] == 0 {
		m = &l.own
	}
	m.once.Do(func() {
		m.pins = map[[sha256.Size]byte]fate{}
		_, _ = rand.Read(m.key[:]) // never fails
	})
	return m
}

func (l *Logins) change(token string, pin []byte, f func(*fate)) {
	m := l.of(token)
	name := m.name(token, pin)
	m.mu.Lock()
	defer m.mu.Unlock()
	own := m.pins[name]
	f(&own)
	m.pins[name] = own
}

func (l *Logins) fate(token string, pin []byte) fate {
	m := l.of(token)
	name := m.name(token, pin)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pins[name]
}

func (m *memory) name(token string, pin []byte) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, m.key[:])
	h.Write([]byte(token))
	h.Write([]byte{0})
	h.Write(pin)
	h.Sum(sum[:0])
	return sum
}
