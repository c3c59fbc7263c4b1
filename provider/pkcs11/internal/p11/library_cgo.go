//go:build cgo && unix && !signet_nocgo && !signet_static

package p11

/*
#cgo CFLAGS: -O2 -Wall
#cgo linux LDFLAGS: -ldl
#cgo noescape sg_sign
#cgo nocallback sg_sign
#cgo noescape sg_sign_again
#cgo nocallback sg_sign_again
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	"errors"
	"strings"
	"unsafe"
)

// handle is that of dlopen.
type handle unsafe.Pointer

// cstring is a string of C that stays.
type cstring *C.char

// library is the functions of a module. Each method is one transition into C, by glue.c.
type library struct {
	list    *C.CK_FUNCTION_LIST // of 3.x, when the module has them
	version [2]byte             // of the list
	of3     bool                // it is a CK_FUNCTION_LIST_3_0
}

func load(path string) (handle, error) {
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	var text [512]C.char
	if h := C.sg_load(cpath, &text[0], C.int(len(text))); h != nil {
		return handle(h), nil
	}
	return nil, errors.New(strings.TrimPrefix(C.GoString(&text[0]), path+": "))
}

func keep(s string) cstring { return C.CString(s) }

func (l *library) resolve(h handle) RV {
	var rv C.CK_RV
	var version C.CK_VERSION
	var of3 C.int
	l.list = C.sg_functions(unsafe.Pointer(h), &rv, &version, &of3)
	l.version, l.of3 = [2]byte{byte(version.major), byte(version.minor)}, of3 != 0
	return RV(rv)
}

func (l *library) empty() bool { return l.list == nil }
func (l *library) whole() bool { return C.sg_whole(l.list) != 0 }

func (l *library) initialize(reserved cstring, locking bool) RV {
	return RV(C.sg_initialize(l.list, reserved, flag(locking)))
}

func (l *library) finalize() { C.sg_finalize(l.list) }

func (l *library) info() (Info, RV) {
	var i C.CK_INFO
	if rv := C.sg_info(l.list, &i); rv != 0 {
		return Info{}, RV(rv)
	}
	return host.info(octets(&i)), 0
}

func (l *library) slotList(present bool, list []ulong, n *ulong) RV {
	return RV(C.sg_slot_list(l.list, flag(present), ulongs(list), number(n)))
}

func (l *library) mechanismList(slot uint, list []ulong, n *ulong) RV {
	return RV(C.sg_mechanism_list(l.list, C.CK_ULONG(slot), ulongs(list), number(n)))
}

func (l *library) slotInfo(slot uint) (SlotInfo, RV) {
	var i C.CK_SLOT_INFO
	if rv := C.sg_slot_info(l.list, C.CK_ULONG(slot), &i); rv != 0 {
		return SlotInfo{}, RV(rv)
	}
	return host.slotInfo(octets(&i)), 0
}

func (l *library) tokenInfo(slot uint) (TokenInfo, RV) {
	var i C.CK_TOKEN_INFO
	if rv := C.sg_token_info(l.list, C.CK_ULONG(slot), &i); rv != 0 {
		return TokenInfo{}, RV(rv)
	}
	return host.tokenInfo(octets(&i)), 0
}

func (l *library) mechanismInfo(slot, mechanism uint) (MechanismInfo, RV) {
	var i C.CK_MECHANISM_INFO
	if rv := C.sg_mechanism_info(l.list, C.CK_ULONG(slot), C.CK_ULONG(mechanism), &i); rv != 0 {
		return MechanismInfo{}, RV(rv)
	}
	return host.mechanismInfo(octets(&i)), 0
}

func (l *library) openSession(slot, flags uint) (session uint, rv RV) {
	var h C.CK_ULONG
	rv = RV(C.sg_open_session(l.list, C.CK_ULONG(slot), C.CK_ULONG(flags), &h))
	return uint(h), rv
}

func (l *library) closeSession(session uint) RV {
	return RV(C.sg_close_session(l.list, C.CK_ULONG(session)))
}

func (l *library) sessionInfo(session uint) (SessionInfo, RV) {
	var i C.CK_SESSION_INFO
	if rv := C.sg_session_info(l.list, C.CK_ULONG(session), &i); rv != 0 {
		return SessionInfo{}, RV(rv)
	}
	return host.sessionInfo(octets(&i)), 0
}

func (l *library) login(session, user uint, pin []byte) RV {
	return RV(C.sg_login(l.list, C.CK_ULONG(session), C.CK_ULONG(user), bytePtr(pin), C.CK_ULONG(len(pin))))
}

func (l *library) cancel(session uint) RV { return RV(C.sg_cancel(l.list, C.CK_ULONG(session))) }

func (l *library) findInit(session uint, template []Attribute) RV {
	return RV(C.sg_find_init(l.list, C.CK_ULONG(session), bytePtr(flatten(template)), C.CK_ULONG(len(template))))
}

func (l *library) find(session uint, batch []ulong, n *ulong) RV {
	return RV(C.sg_find(l.list, C.CK_ULONG(session), ulongs(batch), C.CK_ULONG(len(batch)), number(n)))
}

func (l *library) findFinal(session uint) RV {
	return RV(C.sg_find_final(l.list, C.CK_ULONG(session)))
}

func (l *library) attribute(session, object, attr uint, buffer []byte, n *ulong) RV {
	return RV(C.sg_attribute(l.list, C.CK_ULONG(session), C.CK_ULONG(object), C.CK_ULONG(attr), bytePtr(buffer), number(n)))
}

func (l *library) lengths(session, object uint, types, lengths []ulong) RV {
	return RV(C.sg_lengths(l.list, C.CK_ULONG(session), C.CK_ULONG(object), ulongs(types), ulongs(lengths), C.CK_ULONG(len(types))))
}

func (l *library) values(session, object uint, types, lengths []ulong, buffer []byte) RV {
	return RV(C.sg_values(l.list, C.CK_ULONG(session), C.CK_ULONG(object), ulongs(types), ulongs(lengths), C.CK_ULONG(len(types)), bytePtr(buffer)))
}

func (l *library) create(session uint, template []Attribute) (object uint, rv RV) {
	var h C.CK_ULONG
	rv = RV(C.sg_create_object(l.list, C.CK_ULONG(session), bytePtr(flatten(template)), C.CK_ULONG(len(template)), &h))
	return uint(h), rv
}

func (l *library) destroy(session, object uint) RV {
	return RV(C.sg_destroy_object(l.list, C.CK_ULONG(session), C.CK_ULONG(object)))
}

func (l *library) generateKeyPair(session, mechanism uint, public, private []Attribute) (publicObject, privateObject uint, rv RV) {
	var pub, priv C.CK_ULONG
	rv = RV(C.sg_generate_key_pair(l.list, C.CK_ULONG(session), C.CK_ULONG(mechanism), bytePtr(flatten(public)), C.CK_ULONG(len(public)),
		bytePtr(flatten(private)), C.CK_ULONG(len(private)), &pub, &priv))
	return uint(pub), uint(priv), rv
}

func (l *library) sign(session uint, c *SignCall) signed {
	auth := C.int(0)
	if c.Authenticate {
		if auth = 1; c.PIN == nil {
			auth = 2
		}
	}
	r := C.sg_sign(l.list, C.CK_ULONG(session), C.CK_ULONG(c.Mechanism), C.CK_ULONG(c.Hash), C.CK_ULONG(c.MGF), C.CK_ULONG(c.Salt),
		C.CK_ULONG(c.Object), dataPtr(c.Data), C.CK_ULONG(len(c.Data)), bytePtr(c.Out), C.CK_ULONG(len(c.Out)),
		auth, bytePtr(c.PIN), C.CK_ULONG(len(c.PIN)))
	return signed{RV(r.rv), uint(r.length), Stage(r.stage)}
}

func (l *library) signAgain(session uint, data, out []byte) signed {
	r := C.sg_sign_again(l.list, C.CK_ULONG(session), dataPtr(data), C.CK_ULONG(len(data)), bytePtr(out), C.CK_ULONG(len(out)))
	return signed{RV(r.rv), uint(r.length), Stage(r.stage)}
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

func ulongs(list []ulong) *C.CK_ULONG {
	return (*C.CK_ULONG)(unsafe.Pointer(unsafe.SliceData(list)))
}

func number(n *ulong) *C.CK_ULONG { return (*C.CK_ULONG)(unsafe.Pointer(n)) }

func flag(is bool) C.int {
	if is {
		return 1
	}
	return 0
}

// octets are those of a structure of C.
func octets[T any](s *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(s)), unsafe.Sizeof(*s)) }

// flatten encodes a template for C, see glue.h.
func flatten(template []Attribute) []byte {
	flat := make([]byte, 0, 64*len(template)+ulongSize)
	var head [2 * ulongSize]byte
	for _, a := range template {
		putUlong(head[:ulongSize], a.Type)
		putUlong(head[ulongSize:], uint(len(a.Value)))
		flat = append(flat, head[:]...)
		flat = append(flat, a.Value...)
		for len(flat)%ulongSize != 0 {
			flat = append(flat, 0)
		}
	}
	return append(flat, 0) // never empty, so that its address can be taken
}
