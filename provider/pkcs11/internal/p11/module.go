package p11

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// drainTime is how long Reset and the last Close wait for calls of others to come back.
const drainTime = 2 * time.Second

// maxLists is how often a list is asked for again that has become longer meanwhile.
const maxLists = 10

// modules is the one place where this library keeps something for the process: C_Initialize and C_Finalize hold for the
// whole process, so everybody who opens the same module must share them. Modules are found by the handle of dlopen or
// LoadLibraryEx, which is the same for all names of a file. Entries stay: a library is never unloaded, since modules with threads of their own
// do not survive it, and what it remembers of refused PINs must hold as long as the process.
var modules = struct {
	sync.Mutex
	byHandle map[handle]*Module
}{byHandle: map[handle]*Module{}}

// Module is a loaded and initialised module, shared by all who opened it.
type Module struct {
	lib    library
	Logins Logins

	gate      atomic.Pointer[gate]
	resetting atomic.Bool
	serial    atomic.Bool // the module cannot lock, so one call at a time

	mu         sync.Mutex // guards what follows, and C_Initialize and C_Finalize
	refs       int
	own        bool // C_Initialize was ours
	reserved   string
	kept       []cstring // what pReserved has been, to which the module may keep the pointer
	generation uint64
	since      time.Time // it was initialised by us
	given      []*gate   // with calls that were given up by a forced reset

	table    sync.Mutex        // guards sessions
	sessions map[uint]*Session // by handle

	one sync.Mutex // held by each call when serial
}

// gate counts the calls that run. Calls that were given up stay with the gate that they entered by, and its lanes with them.
type gate struct {
	active  atomic.Int64
	lanes   lanes
	closing sync.Mutex // held by C_CloseSession
}

// Open loads a module, or takes the one that is loaded, and initialises it when nobody has. The string is what some
// modules want in pReserved of C_Initialize.
func Open(path, reserved string) (*Module, error) {
	handle, err := load(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLoad, err)
	}
	m, err := module(handle)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refs > 0 {
		if reserved != m.reserved {
			return nil, errors.New("the module is open in this process with another init string")
		}
		m.refs++
		return m, nil
	}
	m.reserved = reserved
	if reserved != "" {
		m.kept = append(m.kept, keep(reserved))
	}
	if err := m.initialize(); err != nil {
		return nil, err
	}
	m.refs = 1
	return m, nil
}

func module(h handle) (*Module, error) {
	modules.Lock()
	defer modules.Unlock()
	if m := modules.byHandle[h]; m != nil {
		return m, nil
	}
	m := &Module{sessions: map[uint]*Session{}}
	switch rv := m.lib.resolve(h); {
	case rv == FunctionNotSupported:
		return nil, fmt.Errorf("%w: %w", ErrLoad, ErrNoModule)
	case rv != 0:
		return nil, fmt.Errorf("%w: C_GetFunctionList: %w", ErrLoad, rv)
	case m.lib.empty():
		return nil, fmt.Errorf("%w: C_GetFunctionList gave nothing", ErrLoad)
	case !m.lib.whole():
		return nil, fmt.Errorf("%w: the list of C_GetFunctionList lacks functions that are needed to sign", ErrLoad)
	}
	m.gate.Store(&gate{})
	modules.byHandle[h] = m
	return m, nil
}

// initialize calls C_Initialize. When somebody else in the process has done so already, the module stays theirs.
func (m *Module) initialize() error {
	var reserved cstring
	if m.reserved != "" {
		reserved = m.kept[len(m.kept)-1]
	}
	rv := m.lib.initialize(reserved, true)
	if rv == CantLock {
		rv = m.lib.initialize(reserved, false)
		m.serial.Store(rv == 0)
	}
	switch {
	case rv == 0:
		m.forget() // of an initialisation that somebody else has ended
		m.own = true
		m.generation++
		m.since = time.Now()
	case rv == AlreadyInitialized && m.generation == 0:
		m.generation++
	case rv != AlreadyInitialized:
		return fmt.Errorf("%w: %w", ErrInitialize, rv)
	}
	return nil
}

// Close gives the module back. The last one to do so finalises it, unless the initialisation was somebody else's, or a
// call has not come back: then it stays as it is, and the error says so.
func (m *Module) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refs--; m.refs > 0 || !m.own {
		return nil
	}
	if !m.drain() || !m.returned() {
		m.resetting.Store(false)
		return errors.New("a call of the module has not returned, so it was not finalised")
	}
	defer m.resetting.Store(false)
	m.forget()
	m.lib.finalize()
	m.own = false
	return nil
}

// Reset finalises and initialises the module when it still is in the generation that the caller has seen fail. Sessions
// of all who use it are dead afterwards and say so. With force, it does so even if a call does not return, of which the
// specification does not say what becomes.
func (m *Module) Reset(generation uint64, force bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.generation != generation {
		return nil // somebody else was quicker
	}
	if !m.drain() {
		if !force {
			return errors.New("a call of the module has not returned, so it cannot be initialised again")
		}
		m.resetting.Store(true)
		old := m.gate.Swap(&gate{})
		m.given = append(m.given, old)
		for _, l := range old.lanes.all() {
			l.open() // for calls with sessions that are dead now
		}
	}
	defer m.resetting.Store(false)
	if m.own {
		m.forget()
		m.lib.finalize() // its error says nothing that C_Initialize does not say
		m.own = false
	}
	return m.initialize()
}

// Generation counts the initialisations.
func (m *Module) Generation() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.generation
}

// Idle reports whether nobody of this library has a session.
func (m *Module) Idle() bool {
	m.table.Lock()
	defer m.table.Unlock()
	return len(m.sessions) == 0
}

// Fresh reports whether the module was initialised a moment ago, or is not ours to initialise.
func (m *Module) Fresh(moment time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.own || time.Since(m.since) < moment
}

// Owned reports whether this process's C_Initialize was ours.
func (m *Module) Owned() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.own
}

// Interface is the version of the list of functions that is called: "3.0" by C_GetInterface, or "2.40".
func (m *Module) Interface() string { return version(m.lib.version[0], m.lib.version[1]) }

// Serial reports whether the module takes one call at a time.
func (m *Module) Serial() bool {
	return m.serial.Load()
}

// drain keeps new calls out and waits for those that run: nothing may be called during C_Finalize (section 5.4).
func (m *Module) drain() bool {
	m.resetting.Store(true)
	for end := time.Now().Add(drainTime); m.gate.Load().active.Load() > 0; {
		if time.Now().After(end) {
			m.resetting.Store(false)
			return false
		}
		time.Sleep(100 * time.Microsecond) // there is nothing to wait on: the calls are in C
	}
	return true
}

// returned reports whether calls that were given up have come back after all. There is no need to finalise under one.
func (m *Module) returned() bool {
	for len(m.given) > 0 && m.given[0].active.Load() == 0 {
		m.given = m.given[1:]
	}
	return len(m.given) == 0
}

// forget marks all sessions dead.
func (m *Module) forget() {
	m.table.Lock()
	defer m.table.Unlock()
	for h, s := range m.sessions {
		s.dead.Store(true)
		delete(m.sessions, h)
	}
}

// enter begins a call. It fails while the module is being reset.
func (m *Module) enter() (*gate, error) {
	g := m.gate.Load()
	g.active.Add(1)
	if m.resetting.Load() {
		g.active.Add(-1)
		return nil, NotInitialized
	}
	if m.serial.Load() {
		m.one.Lock()
	}
	return g, nil
}

func (m *Module) leave(g *gate) {
	if m.serial.Load() {
		m.one.Unlock()
	}
	g.active.Add(-1)
}

// onSlot makes one call of C that reaches the token of a slot, when no sequence has it.
func (m *Module) onSlot(slot uint, f func() RV) error {
	l := m.gate.Load().lanes.of(slot)
	l.enter()
	defer l.leave()
	return m.call(f)
}

// onAll makes one call of C that may reach all tokens.
func (m *Module) onAll(f func() RV) error {
	lanes := m.gate.Load().lanes.all()
	enterAll(lanes)
	defer func() {
		for _, l := range lanes {
			l.leave()
		}
	}()
	return m.call(f)
}

// call makes one call of C.
func (m *Module) call(f func() RV) error {
	g, err := m.enter()
	if err != nil {
		return err
	}
	defer m.leave(g)
	if rv := f(); rv != 0 {
		return rv
	}
	return nil
}

// Info calls C_GetInfo.
func (m *Module) Info() (info Info, err error) {
	if err := m.onAll(func() (rv RV) { info, rv = m.lib.info(); return rv }); err != nil {
		return Info{}, fmt.Errorf("C_GetInfo: %w", err)
	}
	return info, nil
}

// Slots calls C_GetSlotList.
func (m *Module) Slots(tokenPresent bool) ([]uint, error) {
	slots, err := m.list(maxSlots, m.onAll, func(list []ulong, n *ulong) RV {
		return m.lib.slotList(tokenPresent, list, n)
	})
	if err != nil {
		return nil, fmt.Errorf("C_GetSlotList: %w", err)
	}
	return slots, nil
}

// Mechanisms calls C_GetMechanismList.
func (m *Module) Mechanisms(slot uint) ([]uint, error) {
	onSlot := func(f func() RV) error { return m.onSlot(slot, f) }
	all, err := m.list(maxMechanisms, onSlot, func(list []ulong, n *ulong) RV {
		return m.lib.mechanismList(slot, list, n)
	})
	if err != nil {
		return nil, fmt.Errorf("C_GetMechanismList: %w", err)
	}
	return all, nil
}

// list asks for the number of elements and then for them, again when there are more by then.
func (m *Module) list(limit int, call func(func() RV) error, f func(list []ulong, n *ulong) RV) ([]uint, error) {
	for tries := 0; ; tries++ {
		var n ulong
		if err := call(func() RV { return f(nil, &n) }); err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, nil
		}
		if n > ulong(limit) {
			return nil, errors.New("the module has too many")
		}
		list := make([]ulong, n)
		err := call(func() RV { return f(list, &n) })
		if err == error(BufferTooSmall) && tries < maxLists {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n > ulong(len(list)) {
			return nil, errors.New("the module says that it wrote more than there was room for")
		}
		out := make([]uint, 0, n)
		for _, v := range list[:n] {
			out = append(out, uint(v))
		}
		return out, nil
	}
}

// Slot calls C_GetSlotInfo.
func (m *Module) Slot(slot uint) (info SlotInfo, err error) {
	if err := m.onSlot(slot, func() (rv RV) { info, rv = m.lib.slotInfo(slot); return rv }); err != nil {
		return SlotInfo{}, fmt.Errorf("C_GetSlotInfo: %w", err)
	}
	return info, nil
}

// Token calls C_GetTokenInfo.
func (m *Module) Token(slot uint) (info TokenInfo, err error) {
	if err := m.onSlot(slot, func() (rv RV) { info, rv = m.lib.tokenInfo(slot); return rv }); err != nil {
		return TokenInfo{}, fmt.Errorf("C_GetTokenInfo: %w", err)
	}
	return info, nil
}

// Mechanism calls C_GetMechanismInfo.
func (m *Module) Mechanism(slot, mechanism uint) (info MechanismInfo, err error) {
	err = m.onSlot(slot, func() (rv RV) { info, rv = m.lib.mechanismInfo(slot, mechanism); return rv })
	if err != nil {
		return MechanismInfo{}, fmt.Errorf("C_GetMechanismInfo: %w", err)
	}
	return info, nil
}

func version(major, minor byte) string { return fmt.Sprintf("%d.%d", major, minor) }
