package p11

import (
	"encoding/binary"
	"unsafe"
)

// layout is how structures of PKCS #11 lie in memory. On Windows a CK_ULONG has 4 octets and structures are packed; everywhere else
// it is an unsigned long, and alignment is natural (PKCS #11 2.40, section 2.1 of the usage guide).
type layout struct {
	ulong, pointer int  // octets
	packed         bool // to one octet
}

// A shape is the fields of a structure in their order: a number of octets, or one of these.
type shape []int

const (
	fieldVersion = -1 // CK_VERSION, two octets
	fieldUlong   = -2
	fieldPointer = -3
)

// Structures, as in cryptoki.h.
var (
	shapeInfo      = shape{fieldVersion, 32, fieldUlong, 32, fieldVersion}
	shapeSlotInfo  = shape{64, 32, fieldUlong, fieldVersion, fieldVersion}
	shapeTokenInfo = shape{32, 32, 16, 16, fieldUlong, fieldUlong, fieldUlong, fieldUlong, fieldUlong, fieldUlong, fieldUlong,
		fieldUlong, fieldUlong, fieldUlong, fieldUlong, fieldVersion, fieldVersion, 16}
	shapeSessionInfo   = shape{fieldUlong, fieldUlong, fieldUlong, fieldUlong}
	shapeMechanismInfo = shape{fieldUlong, fieldUlong, fieldUlong}
	shapeAttribute     = shape{fieldUlong, fieldPointer, fieldUlong}
	shapeMechanism     = shape{fieldUlong, fieldPointer, fieldUlong}
	shapePSS           = shape{fieldUlong, fieldUlong, fieldUlong}
	shapeInitArgs      = shape{fieldPointer, fieldPointer, fieldPointer, fieldPointer, fieldUlong, fieldPointer}
	// The version and the first of the functions; all others follow it without a gap.
	shapeFunctions = shape{fieldVersion, fieldPointer}
)

// Places of functions in the lists of 2.40 and, the last one, of 3.0 (section 4.2).
const (
	fnInitialize        = 0
	fnFinalize          = 1
	fnGetInfo           = 2
	fnGetSlotList       = 4
	fnGetSlotInfo       = 5
	fnGetTokenInfo      = 6
	fnGetMechanismList  = 7
	fnGetMechanismInfo  = 8
	fnOpenSession       = 12
	fnCloseSession      = 13
	fnGetSessionInfo    = 15
	fnLogin             = 18
	fnCreateObject      = 20
	fnDestroyObject     = 22
	fnGetAttributeValue = 24
	fnFindObjectsInit   = 26
	fnFindObjects       = 27
	fnFindObjectsFinal  = 28
	fnSignInit          = 42
	fnSign              = 43
	fnGenerateKeyPair   = 59
	functions240        = 68
	fnSessionCancel     = 71
)

// field is the size and alignment of a field.
func (l layout) field(kind int) (size, align int) {
	switch kind {
	case fieldUlong:
		size, align = l.ulong, l.ulong
	case fieldPointer:
		size, align = l.pointer, l.pointer
	case fieldVersion:
		size, align = 2, 1
	default:
		size, align = kind, 1
	}
	if l.packed {
		align = 1
	}
	return size, align
}

// offset is where field i of a structure begins.
func (l layout) offset(s shape, i int) int {
	at := 0
	for n, kind := range s[:i+1] {
		size, align := l.field(kind)
		at = up(at, align)
		if n < i {
			at += size
		}
	}
	return at
}

// size is that of a structure, with what fills it up at its end so that another one may follow.
func (l layout) size(s shape) int {
	at, most := 0, 1
	for _, kind := range s {
		size, align := l.field(kind)
		at, most = up(at, align)+size, max(most, align)
	}
	return up(at, most)
}

// function is where the pointer to a function stands in a list.
func (l layout) function(i int) int { return l.offset(shapeFunctions, 1) + i*l.pointer }

func up(n, align int) int { return (n + align - 1) / align * align }

// number reads a CK_ULONG or pointer. CK_UNAVAILABLE_INFORMATION is Unavailable in each size.
func (l layout) number(b []byte, s shape, i int) uint {
	at := l.offset(s, i)
	size, _ := l.field(s[i])
	n, _ := ParseUlong(b[at : at+size])
	if s[i] == fieldUlong && size == 4 && uint32(n) == ^uint32(0) {
		return Unavailable
	}
	return n
}

// put writes a CK_ULONG or pointer.
func (l layout) put(b []byte, s shape, i int, value uint) {
	at := l.offset(s, i)
	size, _ := l.field(s[i])
	putUlong(b[at:at+size], value)
}

// octets are those of a field.
func (l layout) octets(b []byte, s shape, i int) []byte {
	at := l.offset(s, i)
	size, _ := l.field(s[i])
	return b[at : at+size : at+size]
}

func (l layout) text(b []byte, s shape, i int) string { return text(l.octets(b, s, i)) }

func (l layout) version(b []byte, s shape, i int) string {
	v := l.octets(b, s, i)
	return version(v[0], v[1])
}

func (l layout) info(b []byte) Info {
	s := shapeInfo
	return Info{l.version(b, s, 0), l.text(b, s, 1), l.text(b, s, 3), l.version(b, s, 4)}
}

func (l layout) slotInfo(b []byte) SlotInfo {
	s := shapeSlotInfo
	return SlotInfo{l.text(b, s, 0), l.text(b, s, 1), l.number(b, s, 2)}
}

func (l layout) tokenInfo(b []byte) TokenInfo {
	s := shapeTokenInfo
	label, manufacturer, model := l.text(b, s, 0), l.text(b, s, 1), l.text(b, s, 2)
	return TokenInfo{
		Label: label, Manufacturer: manufacturer, Model: model, Serial: l.text(b, s, 3),
		Identity: [4]string{telling(l.octets(b, s, 3)), label, manufacturer, model},
		Flags:    l.number(b, s, 4), MaxSessions: l.number(b, s, 5), Sessions: l.number(b, s, 6),
		MaxPIN: l.number(b, s, 9), MinPIN: l.number(b, s, 10),
		Hardware: l.version(b, s, 15), Firmware: l.version(b, s, 16),
	}
}

func (l layout) mechanismInfo(b []byte) MechanismInfo {
	s := shapeMechanismInfo
	return MechanismInfo{l.number(b, s, 0), l.number(b, s, 1), l.number(b, s, 2)}
}

func (l layout) sessionInfo(b []byte) SessionInfo {
	s := shapeSessionInfo
	return SessionInfo{l.number(b, s, 0), l.number(b, s, 1), l.number(b, s, 2), l.number(b, s, 3)}
}

// template writes CK_ATTRIBUTEs that point to their values behind them, in memory of the given address.
func (l layout) template(b []byte, address uint, list []Attribute) {
	each := l.size(shapeAttribute)
	at := up(each*len(list), alignment)
	for i, a := range list {
		one := b[i*each:]
		l.put(one, shapeAttribute, 0, a.Type)
		l.put(one, shapeAttribute, 1, address+uint(at))
		l.put(one, shapeAttribute, 2, uint(len(a.Value)))
		at = up(at+copy(b[at:], a.Value), alignment)
	}
}

// templateSize is how much memory a template needs.
func (l layout) templateSize(list []Attribute) int {
	at := up(l.size(shapeAttribute)*len(list), alignment)
	for _, a := range list {
		at = up(at+len(a.Value), alignment)
	}
	return at
}

// alignment is that of values which a module may read as numbers.
const alignment = 8

func putUlong(b []byte, value uint) {
	if len(b) == 4 {
		binary.NativeEndian.PutUint32(b, uint32(value))
		return
	}
	binary.NativeEndian.PutUint64(b, uint64(value))
}

const ulongSize = int(unsafe.Sizeof(ulong(0)))

// host is the layout of this program's target.
var host = layout{ulong: ulongSize, pointer: int(unsafe.Sizeof(uintptr(0))), packed: packed}
