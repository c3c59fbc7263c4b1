//go:build cgo && unix

package p11

// #include "glue.h"
import "C"

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
	h    C.CK_ULONG
	dead atomic.Bool // the handle is not ours any more

	Slot uint // that it was opened on
	// Writable tells whether the session may change the token.
	Writable bool
}

// OpenSession calls C_OpenSession. A module that gives a number that belonged to another session of ours has lost that
// one, which is marked dead: two users of one session crash some modules.
func (m *Module) OpenSession(slot uint, write bool) (*Session, error) {
	flags := C.CK_ULONG(sessionSerial)
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
	if rv := C.sg_open_session(m.functions, C.CK_ULONG(slot), flags, &s.h); rv != 0 {
		return nil, fmt.Errorf("C_OpenSession: %w", RV(rv))
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
func (s *Session) call(f func() C.CK_RV) error {
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
	err := s.call(func() C.CK_RV { return C.sg_close_session(s.m.functions, s.h) })
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
func (s *Session) Info() (SessionInfo, error) {
	var i C.CK_SESSION_INFO
	if err := s.call(func() C.CK_RV { return C.sg_session_info(s.m.functions, s.h, &i) }); err != nil {
		return SessionInfo{}, fmt.Errorf("C_GetSessionInfo: %w", err)
	}
	return SessionInfo{uint(i.slotID), uint(i.state), uint(i.flags), uint(i.deviceError)}, nil
}

// Login calls C_Login for the normal user. A nil PIN means the protected authentication path.
func (s *Session) Login(pin []byte) error {
	err := s.call(func() C.CK_RV {
		return C.sg_login(s.m.functions, s.h, UserNormal, bytePtr(pin), C.CK_ULONG(len(pin)))
	})
	if err != nil {
		return fmt.Errorf("C_Login: %w", err)
	}
	return nil
}

// Cancel ends a signature that may have stayed active, by C_SessionCancel, which modules of PKCS #11 3.0 may have.
func (s *Session) Cancel() error {
	if !s.m.of3 {
		return FunctionNotSupported
	}
	if err := s.call(func() C.CK_RV { return C.sg_cancel(s.m.functions, s.h) }); err != nil {
		return fmt.Errorf("C_SessionCancel: %w", err)
	}
	return nil
}

// Find returns the handles of all objects that match a template.
func (s *Session) Find(template ...Attribute) ([]uint, error) {
	if len(template) > maxTemplate {
		return nil, errors.New("C_FindObjectsInit: too many attributes")
	}
	flat := flatten(template)
	err := s.call(func() C.CK_RV {
		return C.sg_find_init(s.m.functions, s.h, bytePtr(flat), C.CK_ULONG(len(template)))
	})
	if err != nil {
		return nil, fmt.Errorf("C_FindObjectsInit: %w", err)
	}
	var found []uint
	for len(found) < maxObjects {
		var batch [findAtOnce]C.CK_ULONG
		var n C.CK_ULONG
		if err = s.call(func() C.CK_RV { return C.sg_find(s.m.functions, s.h, &batch[0], findAtOnce, &n) }); err != nil || n == 0 {
			break
		}
		for _, h := range batch[:min(n, findAtOnce)] {
			found = append(found, uint(h))
		}
	}
	final := s.call(func() C.CK_RV { return C.sg_find_final(s.m.functions, s.h) })
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
	ctypes, lengths := make([]C.CK_ULONG, len(types)), make([]C.CK_ULONG, len(types))
	for i, t := range types {
		ctypes[i] = C.CK_ULONG(t)
	}
	err := s.call(func() C.CK_RV {
		return C.sg_lengths(s.m.functions, s.h, C.CK_ULONG(object), &ctypes[0], &lengths[0], C.CK_ULONG(len(types)))
	})
	if err != nil {
		return s.oneByOne(object, types)
	}
	total := C.CK_ULONG(0)
	for _, n := range lengths {
		if n == ^C.CK_ULONG(0) {
			continue
		}
		if total += n; n > maxAttributes || total > maxAttributes {
			return nil, errors.New("C_GetAttributeValue: the object is too large")
		}
	}
	buffer := make([]byte, total+1)
	err = s.call(func() C.CK_RV {
		return C.sg_values(s.m.functions, s.h, C.CK_ULONG(object), &ctypes[0], &lengths[0], C.CK_ULONG(len(types)), bytePtr(buffer))
	})
	if err != nil {
		return s.oneByOne(object, types)
	}
	values := make([][]byte, len(types))
	for i, n := range lengths {
		if n != ^C.CK_ULONG(0) {
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
	var n C.CK_ULONG
	get := func(buffer []byte) error {
		return s.call(func() C.CK_RV {
			return C.sg_attribute(s.m.functions, s.h, C.CK_ULONG(object), C.CK_ULONG(attr), bytePtr(buffer), &n)
		})
	}
	if err := get(nil); err != nil {
		return nil, err
	}
	if n == ^C.CK_ULONG(0) {
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
func (s *Session) Create(template ...Attribute) (uint, error) {
	if len(template) > maxTemplate {
		return 0, errors.New("C_CreateObject: too many attributes")
	}
	flat := flatten(template)
	var object C.CK_ULONG
	err := s.call(func() C.CK_RV {
		return C.sg_create_object(s.m.functions, s.h, bytePtr(flat), C.CK_ULONG(len(template)), &object)
	})
	if err != nil {
		return 0, fmt.Errorf("C_CreateObject: %w", err)
	}
	return uint(object), nil
}

// Destroy calls C_DestroyObject.
func (s *Session) Destroy(object uint) error {
	if err := s.call(func() C.CK_RV { return C.sg_destroy_object(s.m.functions, s.h, C.CK_ULONG(object)) }); err != nil {
		return fmt.Errorf("C_DestroyObject: %w", err)
	}
	return nil
}

// GenerateKeyPair calls C_GenerateKeyPair with a mechanism that has no parameters.
func (s *Session) GenerateKeyPair(mechanism uint, public, private []Attribute) (publicObject, privateObject uint, err error) {
	if len(public) > maxTemplate || len(private) > maxTemplate {
		return 0, 0, errors.New("C_GenerateKeyPair: too many attributes")
	}
	pub, priv := flatten(public), flatten(private)
	var pubObject, privObject C.CK_ULONG
	err = s.call(func() C.CK_RV {
		return C.sg_generate_key_pair(s.m.functions, s.h, C.CK_ULONG(mechanism), bytePtr(pub), C.CK_ULONG(len(public)),
			bytePtr(priv), C.CK_ULONG(len(private)), &pubObject, &privObject)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("C_GenerateKeyPair: %w", err)
	}
	return uint(pubObject), uint(privObject), nil
}

// Sign makes one signature and returns its octets, in c.Out when they fit. It enters C once, and once more when the
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
	auth := C.int(0)
	if c.Authenticate {
		if auth = 1; c.PIN == nil {
			auth = 2
		}
	}
	r := C.sg_sign(s.m.functions, s.h, C.CK_ULONG(c.Mechanism), C.CK_ULONG(c.Hash), C.CK_ULONG(c.MGF), C.CK_ULONG(c.Salt),
		C.CK_ULONG(c.Object), dataPtr(c.Data), C.CK_ULONG(len(c.Data)), bytePtr(c.Out), C.CK_ULONG(len(c.Out)),
		auth, bytePtr(c.PIN), C.CK_ULONG(len(c.PIN)))
	out := c.Out
	if RV(r.rv) == BufferTooSmall && Stage(r.stage) == Sign && uint(r.length) > uint(len(c.Out)) && uint(r.length) <= maxSignature {
		out = make([]byte, r.length)
		r = C.sg_sign_again(s.m.functions, s.h, dataPtr(c.Data), C.CK_ULONG(len(c.Data)), bytePtr(out), C.CK_ULONG(len(out)))
	}
	c.Stage = Stage(r.stage)
	if r.rv != 0 {
		return nil, c.Stage.failed(RV(r.rv))
	}
	if r.length > C.CK_ULONG(len(out)) {
		return nil, c.Stage.failed(GeneralError) // the module says that it wrote beyond the buffer
	}
	return out[:r.length], nil
}

// nothing is what the address of an empty message is, which some modules take for a missing one when it is 0.
var nothing C.CK_BYTE

func dataPtr(b []byte) *C.CK_BYTE {
	if len(b) == 0 {
		return &nothing
	}
	return bytePtr(b)
}

func bytePtr(b []byte) *C.CK_BYTE {
	if len(b) == 0 {
		return nil
	}
	return (*C.CK_BYTE)(&b[0])
}
