//go:build windows || (!signet_static && (!cgo || signet_nocgo) && ((darwin && !ios) || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))))

package p11

import (
	"runtime"
	"sync"
	"unsafe"
)

// handle is that of dlopen or LoadLibraryEx.
type handle uintptr

// library is the functions of a module, which are called without cgo. What they are given lies on the heap of Go, which does not
// move: function call sees to that, and that it is kept until it returns. Where there are addresses in what they are given, what
// these are of is pinned.
type library struct {
	functions [functions240]uintptr
	cancels   uintptr // C_SessionCancel
	version   [2]byte // of the list
	of3       bool    // it is a CK_FUNCTION_LIST_3_0
	found     bool
	frames    sync.Pool // of *frame
}

// cstring is a string of C that stays.
type cstring *kept

type kept struct {
	octets []byte
	pinner runtime.Pinner
}

func keep(s string) cstring {
	k := &kept{octets: append([]byte(s), 0)}
	k.pinner.Pin(&k.octets[0])
	return k
}

// do calls a function of the module.
//
//go:uintptrescapes
func (l *library) do(function int, args ...uintptr) RV {
	fn := l.functions[function]
	if fn == 0 {
		return FunctionNotSupported
	}
	return RV(ulong(call(fn, args...))) // what is above a CK_RV in the register is not of it
}

// resolve finds the functions of the newest interface of 3.x that the library has, by C_GetInterface, else those of
// C_GetFunctionList. The latter end with the functions of 2.40, whatever version stands in the list (section 5.4.4 of 3.0).
func (l *library) resolve(h handle) RV {
	get := symbol(h, "C_GetFunctionList")
	if get == 0 {
		return FunctionNotSupported
	}
	if l.interface3(symbol(h, "C_GetInterface")) {
		return 0
	}
	out := new(unsafe.Pointer)
	if rv := RV(ulong(call(get, uintptr(unsafe.Pointer(out))))); rv != 0 {
		return rv
	}
	if *out != nil {
		l.take(*out, false)
	}
	return 0
}

// interface3 asks for an interface of 3.x, the newest first. A module may have it only as the one that it prefers, or have the symbol
// and nothing behind it.
func (l *library) interface3(get uintptr) bool {
	if get == 0 {
		return false
	}
	name := append([]byte(interfaceName), 0)
	for _, wanted := range [][]byte{{3, 2}, {3, 1}, {3, 0}, nil} {
		out := new(unsafe.Pointer)
		rv := call(get, uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(unsafe.SliceData(wanted))), uintptr(unsafe.Pointer(out)), 0)
		if ulong(rv) != 0 || *out == nil {
			continue
		}
		called := pointerAt(*out, host.offset(shapeInterface, 0))
		functions := pointerAt(*out, host.offset(shapeInterface, 1))
		if called == nil || functions == nil || !same(called, interfaceName) {
			continue
		}
		if l.take(functions, true); l.version[0] == 3 && l.whole() {
			return true
		}
	}
	l.found, l.of3, l.cancels = false, false, 0
	return false
}

const interfaceName = "PKCS 11"

// shapeInterface is CK_INTERFACE.
var shapeInterface = shape{fieldPointer, fieldPointer, fieldUlong}

// take reads a list of functions.
func (l *library) take(list unsafe.Pointer, of3 bool) {
	l.found, l.of3 = true, of3
	l.version = *(*[2]byte)(list)
	for i := range l.functions {
		l.functions[i] = uintptr(pointerAt(list, host.function(i)))
	}
	if of3 && l.version[0] == 3 {
		l.cancels = uintptr(pointerAt(list, host.function(fnSessionCancel)))
	}
}

// pointerAt reads a pointer in memory of the module, which may be packed.
func pointerAt(base unsafe.Pointer, offset int) (p unsafe.Pointer) {
	from := unsafe.Slice((*byte)(unsafe.Add(base, offset)), unsafe.Sizeof(p))
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&p)), unsafe.Sizeof(p)), from)
	return p
}

// same reports whether a string of C is this one.
func same(p unsafe.Pointer, s string) bool {
	for i := range len(s) {
		if *(*byte)(unsafe.Add(p, i)) != s[i] {
			return false
		}
	}
	return *(*byte)(unsafe.Add(p, len(s))) == 0
}

// needed are the functions without which nothing can be signed. A module must have a function for each place of the list (section
// 5.1 of 2.40), and some that make no keys have none there.
var needed = []int{fnInitialize, fnFinalize, fnGetInfo, fnGetSlotList, fnGetSlotInfo, fnGetTokenInfo, fnGetMechanismList, fnOpenSession,
	fnCloseSession, fnGetSessionInfo, fnLogin, fnGetAttributeValue, fnFindObjectsInit, fnFindObjects, fnFindObjectsFinal, fnSignInit, fnSign}

func (l *library) empty() bool { return !l.found }

func (l *library) whole() bool {
	for _, fn := range needed {
		if l.functions[fn] == 0 {
			return false
		}
	}
	return true
}

func (l *library) initialize(reserved cstring, locking bool) RV {
	if reserved == nil && !locking {
		return l.do(fnInitialize, 0)
	}
	args := room(host.size(shapeInitArgs))
	if locking {
		const osLockingOK = 0x02
		host.put(args, shapeInitArgs, 4, osLockingOK)
	}
	if reserved != nil {
		host.put(args, shapeInitArgs, 5, uint(uintptr(unsafe.Pointer(&reserved.octets[0])))) // pinned by keep
	}
	return l.do(fnInitialize, uintptr(unsafe.Pointer(&args[0])))
}

func (l *library) finalize() { l.do(fnFinalize, 0) }

func (l *library) info() (Info, RV) {
	b := room(host.size(shapeInfo))
	if rv := l.do(fnGetInfo, uintptr(unsafe.Pointer(&b[0]))); rv != 0 {
		return Info{}, rv
	}
	return host.info(b), 0
}

func (l *library) slotList(present bool, list []ulong, n *ulong) RV {
	is := uintptr(0)
	if present {
		is = 1
	}
	return l.do(fnGetSlotList, is, uintptr(unsafe.Pointer(unsafe.SliceData(list))), uintptr(unsafe.Pointer(n)))
}

func (l *library) mechanismList(slot uint, list []ulong, n *ulong) RV {
	return l.do(fnGetMechanismList, uintptr(slot), uintptr(unsafe.Pointer(unsafe.SliceData(list))), uintptr(unsafe.Pointer(n)))
}

func (l *library) slotInfo(slot uint) (SlotInfo, RV) {
	b := room(host.size(shapeSlotInfo))
	if rv := l.do(fnGetSlotInfo, uintptr(slot), uintptr(unsafe.Pointer(&b[0]))); rv != 0 {
		return SlotInfo{}, rv
	}
	return host.slotInfo(b), 0
}

func (l *library) tokenInfo(slot uint) (TokenInfo, RV) {
	b := room(host.size(shapeTokenInfo))
	if rv := l.do(fnGetTokenInfo, uintptr(slot), uintptr(unsafe.Pointer(&b[0]))); rv != 0 {
		return TokenInfo{}, rv
	}
	return host.tokenInfo(b), 0
}

func (l *library) mechanismInfo(slot, mechanism uint) (MechanismInfo, RV) {
	b := room(host.size(shapeMechanismInfo))
	if rv := l.do(fnGetMechanismInfo, uintptr(slot), uintptr(mechanism), uintptr(unsafe.Pointer(&b[0]))); rv != 0 {
		return MechanismInfo{}, rv
	}
	return host.mechanismInfo(b), 0
}

func (l *library) openSession(slot, flags uint) (session uint, rv RV) {
	h := new(ulong)
	rv = l.do(fnOpenSession, uintptr(slot), uintptr(flags), 0, 0, uintptr(unsafe.Pointer(h)))
	return uint(*h), rv
}

func (l *library) closeSession(session uint) RV { return l.do(fnCloseSession, uintptr(session)) }

func (l *library) sessionInfo(session uint) (SessionInfo, RV) {
	b := room(host.size(shapeSessionInfo))
	if rv := l.do(fnGetSessionInfo, uintptr(session), uintptr(unsafe.Pointer(&b[0]))); rv != 0 {
		return SessionInfo{}, rv
	}
	return host.sessionInfo(b), 0
}

func (l *library) login(session, user uint, pin []byte) RV {
	return l.do(fnLogin, uintptr(session), uintptr(user), uintptr(unsafe.Pointer(address(pin))), uintptr(len(pin)))
}

func (l *library) cancel(session uint) RV {
	const sign = 0x800 // CKF_SIGN
	if l.cancels == 0 {
		return FunctionNotSupported
	}
	return RV(ulong(call(l.cancels, uintptr(session), sign)))
}

// template is CK_ATTRIBUTEs that point into the same memory, which must be let go after the call.
func template(list []Attribute) (b []byte, pinner *runtime.Pinner) {
	b, pinner = room(host.templateSize(list)), &runtime.Pinner{}
	pinner.Pin(&b[0])
	host.template(b, uint(uintptr(unsafe.Pointer(&b[0]))), list)
	return b, pinner
}

func (l *library) findInit(session uint, list []Attribute) RV {
	b, pinned := template(list)
	defer pinned.Unpin()
	return l.do(fnFindObjectsInit, uintptr(session), uintptr(unsafe.Pointer(&b[0])), uintptr(len(list)))
}

func (l *library) find(session uint, batch []ulong, n *ulong) RV {
	return l.do(fnFindObjects, uintptr(session), uintptr(unsafe.Pointer(unsafe.SliceData(batch))), uintptr(len(batch)), uintptr(unsafe.Pointer(n)))
}

func (l *library) findFinal(session uint) RV { return l.do(fnFindObjectsFinal, uintptr(session)) }

func (l *library) create(session uint, list []Attribute) (object uint, rv RV) {
	b, pinned := template(list)
	defer pinned.Unpin()
	h := new(ulong)
	rv = l.do(fnCreateObject, uintptr(session), uintptr(unsafe.Pointer(&b[0])), uintptr(len(list)), uintptr(unsafe.Pointer(h)))
	return uint(*h), rv
}

func (l *library) destroy(session, object uint) RV {
	return l.do(fnDestroyObject, uintptr(session), uintptr(object))
}

func (l *library) generateKeyPair(session, mechanism uint, public, private []Attribute) (publicObject, privateObject uint, rv RV) {
	m := room(host.size(shapeMechanism))
	host.put(m, shapeMechanism, 0, mechanism)
	pub, pinned := template(public)
	defer pinned.Unpin()
	priv, also := template(private)
	defer also.Unpin()
	out := new([2]ulong)
	rv = l.do(fnGenerateKeyPair, uintptr(session), uintptr(unsafe.Pointer(&m[0])), uintptr(unsafe.Pointer(&pub[0])), uintptr(len(public)),
		uintptr(unsafe.Pointer(&priv[0])), uintptr(len(private)), uintptr(unsafe.Pointer(&out[0])), uintptr(unsafe.Pointer(&out[1])))
	return uint(out[0]), uint(out[1]), rv
}

// attribute asks for one attribute: without a buffer for its length, else for its value.
func (l *library) attribute(session, object, attr uint, buffer []byte, n *ulong) RV {
	types, lengths := [1]ulong{ulong(attr)}, [1]ulong{}
	if len(buffer) != 0 {
		lengths[0] = *n
	}
	rv := l.attributes(session, object, types[:], lengths[:], buffer)
	*n = lengths[0]
	return rv
}

// attributes makes one call of C_GetAttributeValue. The values go into the buffer after each other, and the lengths become those that
// the module says.
func (l *library) attributes(session, object uint, types, lengths []ulong, buffer []byte) RV {
	each := host.size(shapeAttribute)
	b := room(each * len(types))
	var pinner runtime.Pinner
	defer pinner.Unpin()
	at := uintptr(unsafe.Pointer(address(buffer)))
	if at != 0 {
		pinner.Pin(&buffer[0])
	}
	for i, t := range types {
		one := b[i*each:]
		host.put(one, shapeAttribute, 0, uint(t))
		if at != 0 {
			host.put(one, shapeAttribute, 1, uint(at))
			host.put(one, shapeAttribute, 2, uint(lengths[i]))
			at += uintptr(lengths[i])
		}
	}
	rv := l.do(fnGetAttributeValue, uintptr(session), uintptr(object), uintptr(unsafe.Pointer(&b[0])), uintptr(len(types)))
	for i := range types {
		lengths[i] = ulong(host.number(b[i*each:], shapeAttribute, 2))
	}
	return rv
}

func (l *library) lengths(session, object uint, types, lengths []ulong) RV {
	if len(types) > maxTemplate {
		return HostMemory
	}
	return l.attributes(session, object, types, lengths, nil)
}

// values asks for those attributes whose length is known, into one buffer after each other.
func (l *library) values(session, object uint, types, lengths []ulong, buffer []byte) RV {
	var there, asked []ulong
	for i, n := range lengths {
		if n != ^ulong(0) {
			there, asked = append(there, types[i]), append(asked, n)
		}
	}
	if len(there) == 0 {
		return 0
	}
	given := append([]ulong(nil), asked...)
	rv := l.attributes(session, object, there, given, buffer)
	for i, n := range given {
		if n != asked[i] {
			return BufferTooSmall // changed in between
		}
	}
	return rv
}

// frame is what a signature needs beside its data: the mechanism, its parameter and the length of the output. Calls take one each, as
// one that does not come back may write to it at any time.
type frame struct {
	mechanism, parameter [3]uint64 // as large as they are on any target
	length               ulong
	nothing              byte // its address is that of an empty message, which some modules take for a missing one when it is 0
}

func (l *library) sign(session uint, c *SignCall) signed {
	f, ok := l.frames.Get().(*frame)
	if !ok {
		f = &frame{}
	}
	defer l.frames.Put(f)
	m := unsafe.Slice((*byte)(unsafe.Pointer(&f.mechanism)), unsafe.Sizeof(f.mechanism))
	host.put(m, shapeMechanism, 0, c.Mechanism)
	host.put(m, shapeMechanism, 1, 0)
	host.put(m, shapeMechanism, 2, 0)
	if c.Hash != 0 { // RSASSA-PSS, of a digest or of what is hashed by the token
		var pinner runtime.Pinner
		pinner.Pin(f)
		defer pinner.Unpin()
		p := unsafe.Slice((*byte)(unsafe.Pointer(&f.parameter)), unsafe.Sizeof(f.parameter))
		host.put(p, shapePSS, 0, c.Hash)
		host.put(p, shapePSS, 1, c.MGF)
		host.put(p, shapePSS, 2, c.Salt)
		host.put(m, shapeMechanism, 1, uint(uintptr(unsafe.Pointer(&f.parameter))))
		host.put(m, shapeMechanism, 2, uint(host.size(shapePSS)))
	}
	if rv := l.do(fnSignInit, uintptr(session), uintptr(unsafe.Pointer(&f.mechanism)), uintptr(c.Object)); rv != 0 {
		return signed{rv, 0, SignInit}
	}
	if c.Authenticate {
		const contextSpecific = 2
		if rv := l.login(session, contextSpecific, c.PIN); rv != 0 {
			return signed{rv, 0, ContextLogin}
		}
	}
	return l.finish(session, f, c.Data, c.Out)
}

func (l *library) signAgain(session uint, data, out []byte) signed {
	return l.finish(session, &frame{}, data, out)
}

func (l *library) finish(session uint, f *frame, data, out []byte) signed {
	from := &f.nothing
	if len(data) != 0 {
		from = &data[0]
	}
	f.length = ulong(len(out))
	rv := l.do(fnSign, uintptr(session), uintptr(unsafe.Pointer(from)), uintptr(len(data)), uintptr(unsafe.Pointer(address(out))),
		uintptr(unsafe.Pointer(&f.length)))
	return signed{rv, uint(f.length), Sign}
}

// room is zeroed memory that is aligned for every structure.
func room(size int) []byte {
	words := make([]uint64, max(1, (size+7)/8))
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)
}

// address is where octets begin, nil for none.
func address(b []byte) *byte {
	if len(b) == 0 {
		return nil
	}
	return &b[0]
}
