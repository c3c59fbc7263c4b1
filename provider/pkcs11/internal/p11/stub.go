//go:build !cgo || !unix

package p11

import "time"

// Module is never made in a build without cgo.
type Module struct{ Logins Logins }

// Session is never made in a build without cgo.
type Session struct {
	Slot     uint
	Writable bool
}

// Open returns ErrNoCgo, and with it nobody gets at the other functions.
func Open(_, _ string) (*Module, error) { return nil, ErrNoCgo }

func (*Module) Close() error                               { return ErrNoCgo }
func (*Module) Reset(uint64, bool) error                   { return ErrNoCgo }
func (*Module) Generation() uint64                         { return 0 }
func (*Module) Idle() bool                                 { return true }
func (*Module) Owned() bool                                { return false }
func (*Module) Fresh(time.Duration) bool                   { return false }
func (*Module) Interface() string                          { return "" }
func (*Module) Serial() bool                               { return false }
func (*Module) Info() (Info, error)                        { return Info{}, ErrNoCgo }
func (*Module) Slots(bool) ([]uint, error)                 { return nil, ErrNoCgo }
func (*Module) Mechanisms(uint) ([]uint, error)            { return nil, ErrNoCgo }
func (*Module) Slot(uint) (SlotInfo, error)                { return SlotInfo{}, ErrNoCgo }
func (*Module) Token(uint) (TokenInfo, error)              { return TokenInfo{}, ErrNoCgo }
func (*Module) Mechanism(_, _ uint) (MechanismInfo, error) { return MechanismInfo{}, ErrNoCgo }
func (*Module) OpenSession(uint, bool) (*Session, error)   { return nil, ErrNoCgo }

func (*Session) Dead() bool                                 { return true }
func (*Session) Forget()                                    {}
func (*Session) Become(*Session)                            {}
func (*Session) Close() error                               { return ErrNoCgo }
func (*Session) Cancel() error                              { return ErrNoCgo }
func (*Session) Info() (SessionInfo, error)                 { return SessionInfo{}, ErrNoCgo }
func (*Session) Login([]byte) error                         { return ErrNoCgo }
func (*Session) Find(...Attribute) ([]uint, error)          { return nil, ErrNoCgo }
func (*Session) Attributes(uint, ...uint) ([][]byte, error) { return nil, ErrNoCgo }
func (*Session) Create(...Attribute) (uint, error)          { return 0, ErrNoCgo }
func (*Session) Destroy(uint) error                         { return ErrNoCgo }
func (*Session) Sign(*SignCall) ([]byte, error)             { return nil, ErrNoCgo }

func (*Session) GenerateKeyPair(uint, []Attribute, []Attribute) (publicObject, privateObject uint, err error) {
	return 0, 0, ErrNoCgo
}
