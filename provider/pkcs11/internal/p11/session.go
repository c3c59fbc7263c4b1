package p11

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Session is a session of a token. Only one goroutine may use it at a time.
type Session struct {
	m    *Module
	lane *lane // of its token
	h    uint
	dead atomic.Bool // the handle is not ours any more

	Slot uint // that it was opened on
	// Writable tells whether the session may change the token.
	Writable bool
}

// OpenSession calls C_OpenSession. A module that gives a number that belonged to another session of ours has lost that
// one, which is marked dead: two users of one session crash some modules.
func (m *Module) OpenSession(slot uint, write bool) (*Session, error) {
	flags := uint(sessionSerial)
	if write {
		flags |= sessionReadWrite
	}
	s := &Session{m: m, Slot: slot, Writable: write}
	l := m.gate.Load().lanes.of(slot)
	l.enter()
	defer l.leave()
	g, err := m.enter()
	if err != nil {
		return nil, fmt.Errorf("C_OpenSession: %w", err)
	}
	defer m.leave(g) // still inside when the session is entered, so that no reset comes in between
	var rv RV
	if s.h, rv = m.lib.openSession(slot, flags); rv != 0 {
		return nil, fmt.Errorf("C_OpenSession: %w", rv)
	}
	s.lane = g.lanes.of(slot)
	m.table.Lock()
	defer m.table.Unlock()
	if old := m.sessions[s.h]; old != nil {
		old.dead.Store(true)
	}
	m.sessions[s.h] = s
	return s, nil
}

// call makes one call of C with the session.
func (s *Session) call(f func() RV) error {
	if s.dead.Load() {
		return SessionHandleInvalid
	}
	s.lane.enter()
	defer s.lane.leave()
	if s.dead.Load() {
		return SessionHandleInvalid
	}
	return s.m.call(f)
}

// Dead reports whether the session is known not to exist any more.
func (s *Session) Dead() bool { return s.dead.Load() }

// Forget drops a session that the module does not know any more, without closing it: its number may be somebody else's.
func (s *Session) Forget() {
	s.m.table.Lock()
	defer s.m.table.Unlock()
	s.dead.Store(true)
	if s.m.sessions[s.h] == s {
		delete(s.m.sessions, s.h)
	}
}

// Close calls C_CloseSession. One session of the module is closed at a time: openCryptoki 3.8 frees memory twice otherwise.
func (s *Session) Close() error {
	closing := &s.m.gate.Load().closing
	for !closing.TryLock() {
		if s.dead.Load() {
			return nil
		}
		time.Sleep(100 * time.Microsecond) // whoever holds it may not come back from C
	}
	defer closing.Unlock()
	if s.dead.Load() {
		return nil
	}
	err := s.call(func() RV { return s.m.lib.closeSession(s.h) })
	s.Forget()
	if err != nil {
		return fmt.Errorf("C_CloseSession: %w", err)
	}
	return nil
}

// Become makes s the session that other is, which is not to be used any more.
func (s *Session) Become(other *Session) {
	s.m.table.Lock()
	defer s.m.table.Unlock()
	if s.m.sessions[other.h] != other {
		return // it is lost again
	}
	other.dead.Store(true)
	s.h, s.lane, s.Slot, s.Writable = other.h, other.lane, other.Slot, other.Writable
	s.m.sessions[s.h] = s
	s.dead.Store(false)
}

// Info calls C_GetSessionInfo.
func (s *Session) Info() (info SessionInfo, err error) {
	if err := s.call(func() (rv RV) { info, rv = s.m.lib.sessionInfo(s.h); return rv }); err != nil {
		return SessionInfo{}, fmt.Errorf("C_GetSessionInfo: %w", err)
	}
	return info, nil
}

// Login calls C_Login for the normal user. A nil PIN means the protected authentication path.
func (s *Session) Login(pin []byte) error {
	if err := s.call(func() RV { return s.m.lib.login(s.h, UserNormal, pin) }); err != nil {
		return fmt.Errorf("C_Login: %w", err)
	}
	return nil
}

// Cancel ends a signature that may have stayed active, by C_SessionCancel, which modules of PKCS #11 3.0 may have.
func (s *Session) Cancel() error {
	if !s.m.lib.of3 {
		return FunctionNotSupported
	}
	if err := s.call(func() RV { return s.m.lib.cancel(s.h) }); err != nil {
		return fmt.Errorf("C_SessionCancel: %w", err)
	}
	return nil
}

// Find returns the handles of all objects that match a template.
func (s *Session) Find(template ...Attribute) ([]uint, error) {
	if len(template) > maxTemplate {
		return nil, errors.New("C_FindObjectsInit: too many attributes")
	}
	err := s.call(func() RV { return s.m.lib.findInit(s.h, template) })
	if err != nil {
		return nil, fmt.Errorf("C_FindObjectsInit: %w", err)
	}
	var found []uint
	for len(found) < maxObjects {
		var batch [findAtOnce]ulong
		var n ulong
		if err = s.call(func() RV { return s.m.lib.find(s.h, batch[:], &n) }); err != nil || n == 0 {
			break
		}
		for _, h := range batch[:min(n, findAtOnce)] {
			found = append(found, uint(h))
		}
	}
	final := s.call(func() RV { return s.m.lib.findFinal(s.h) })
	if err != nil {
		return nil, fmt.Errorf("C_FindObjects: %w", err)
	}
	if final != nil {
		return nil, fmt.Errorf("C_FindObjectsFinal: %w", final)
	}
	return found, nil
}

// Attributes returns attributes of an object; one that the object does not have or does not tell is nil. It takes two
// calls of the module, and one or two for each attribute with those modules that stop at the first that is missing.
func (s *Session) Attributes(object uint, types ...uint) ([][]byte, error) {
	ctypes, lengths := make([]ulong, len(types)), make([]ulong, len(types))
	for i, t := range types {
		ctypes[i] = ulong(t)
	}
	err := s.call(func() RV { return s.m.lib.lengths(s.h, object, ctypes, lengths) })
	if err != nil {
		return s.oneByOne(object, types)
	}
	total := ulong(0)
	for _, n := range lengths {
		if n == ^ulong(0) {
			continue
		}
		if total += n; n > maxAttributes || total > maxAttributes {
			return nil, errors.New("C_GetAttributeValue: the object is too large")
		}
	}
	buffer := make([]byte, total+1)
	err = s.call(func() RV { return s.m.lib.values(s.h, object, ctypes, lengths, buffer) })
	if err != nil {
		return s.oneByOne(object, types)
	}
	values := make([][]byte, len(types))
	for i, n := range lengths {
		if n != ^ulong(0) {
			values[i], buffer = buffer[:n:n], buffer[n:]
		}
	}
	return values, nil
}

func (s *Session) oneByOne(object uint, types []uint) ([][]byte, error) {
	values := make([][]byte, len(types))
	for i, t := range types {
		value, err := s.attribute(object, t)
		rv, isRV := errors.AsType[RV](err)
		switch {
		case err == nil:
			values[i] = value
		case isRV && (rv == AttributeSensitive || rv == AttributeTypeInvalid):
		default:
			return nil, fmt.Errorf("C_GetAttributeValue: %w", err)
		}
	}
	return values, nil
}

func (s *Session) attribute(object, attr uint) ([]byte, error) {
	var n ulong
	get := func(buffer []byte) error {
		return s.call(func() RV { return s.m.lib.attribute(s.h, object, attr, buffer, &n) })
	}
	if err := get(nil); err != nil {
		return nil, err
	}
	if n == ^ulong(0) {
		return nil, AttributeTypeInvalid
	}
	if n > maxAttributes {
		return nil, errors.New("the attribute is too large")
	}
	asked, buffer := n, make([]byte, n+1)
	if err := get(buffer); err != nil {
		return nil, err
	}
	if n > asked { // CK_UNAVAILABLE_INFORMATION, too
		return nil, AttributeTypeInvalid
	}
	return buffer[:n], nil
}

// Create calls C_CreateObject.
func (s *Session) Create(template ...Attribute) (object uint, err error) {
	if len(template) > maxTemplate {
		return 0, errors.New("C_CreateObject: too many attributes")
	}
	if err := s.call(func() (rv RV) { object, rv = s.m.lib.create(s.h, template); return rv }); err != nil {
		return 0, fmt.Errorf("C_CreateObject: %w", err)
	}
	return object, nil
}

// Destroy calls C_DestroyObject.
func (s *Session) Destroy(object uint) error {
	if err := s.call(func() RV { return s.m.lib.destroy(s.h, object) }); err != nil {
		return fmt.Errorf("C_DestroyObject: %w", err)
	}
	return nil
}

// GenerateKeyPair calls C_GenerateKeyPair with a mechanism that has no parameters.
func (s *Session) GenerateKeyPair(mechanism uint, public, private []Attribute) (publicObject, privateObject uint, err error) {
	if len(public) > maxTemplate || len(private) > maxTemplate {
		return 0, 0, errors.New("C_GenerateKeyPair: too many attributes")
	}
	err = s.call(func() (rv RV) {
		publicObject, privateObject, rv = s.m.lib.generateKeyPair(s.h, mechanism, public, private)
		return rv
	})
	if err != nil {
		return 0, 0, fmt.Errorf("C_GenerateKeyPair: %w", err)
	}
	return publicObject, privateObject, nil
}

// Sign makes one signature and returns its octets, in c.Out when they fit. With cgo it enters C once, and once more when the
// module wants a larger buffer. c.Stage says which function gave an error. With c.Authenticate nothing else reaches the
// token meanwhile, of what this process does.
func (s *Session) Sign(c *SignCall) ([]byte, error) {
	if c.Authenticate {
		switch {
		case s.lane.alone(&s.dead):
			defer s.lane.done()
		case !s.dead.Load():
			c.Stage = SignInit
			return nil, ErrBusy
		}
	} else {
		s.lane.enter()
		defer s.lane.leave()
	}
	if s.dead.Load() {
		c.Stage = SignInit
		return nil, c.Stage.failed(SessionHandleInvalid)
	}
	g, err := s.m.enter()
	if err != nil {
		c.Stage = SignInit
		return nil, c.Stage.failed(err)
	}
	defer s.m.leave(g)
	r := s.m.lib.sign(s.h, c)
	out := c.Out
	if r.rv == BufferTooSmall && r.stage == Sign && r.length > uint(len(c.Out)) && r.length <= maxSignature {
		out = make([]byte, r.length)
		r = s.m.lib.signAgain(s.h, c.Data, out)
	}
	c.Stage = r.stage
	if r.rv != 0 {
		return nil, c.Stage.failed(r.rv)
	}
	if r.length > uint(len(out)) {
		return nil, c.Stage.failed(GeneralError) // the module says that it wrote beyond the buffer
	}
	return out[:r.length], nil
}

// signed is what became of a signature.
type signed struct {
	rv     RV
	length uint  // octets written, or needed
	stage  Stage // the function that gave rv
}
