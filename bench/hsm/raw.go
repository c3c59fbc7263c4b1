// Package hsm measures provider/pkcs11 against the bare calls of a module and against crypto11 and miekg/pkcs11.
package hsm

/*
#cgo linux LDFLAGS: -ldl
#cgo noescape raw_sign
#cgo nocallback raw_sign
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long U;
typedef struct { unsigned char version[2]; void *f[68]; } List;
typedef struct { U type; void *value; U length; } Attribute;
typedef struct { U mechanism; void *parameter; U length; } Mechanism;
typedef struct { void *m[4]; U flags; void *reserved; } Init;

// Places in the list of functions: C_Initialize is 0.
#define CALL(l, i, type) ((U (*) type)(l)->f[i])

static List *raw_load(const char *path) {
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	List *l = NULL;
	U (*get)(List **);
	if (!library) return NULL;
	*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (!get || get(&l)) return NULL;
	Init init;
	memset(&init, 0, sizeof init);
	init.flags = 2; // CKF_OS_LOCKING_OK
	if (CALL(l, 0, (void *))(&init)) return NULL;
	return l;
}

// raw_slot finds the slot of a token, whose label is padded to 32 octets.
static U raw_slot(List *l, const char *label, U *slot) {
	U slots[256], n = 256;
	U rv = CALL(l, 4, (unsigned char, U *, U *))(1, slots, &n);
	if (rv) return rv;
	for (U i = 0; i < n; i++) {
		unsigned char info[1024];
		if (!CALL(l, 6, (U, void *))(slots[i], info) && !memcmp(info, label, 32)) {
			*slot = slots[i];
			return 0;
		}
	}
	return 0xe0;
}

static U raw_open(List *l, U slot, U *session) { return CALL(l, 12, (U, U, void *, void *, U *))(slot, 4, NULL, NULL, session); }
static U raw_close(List *l, U session) { return CALL(l, 13, (U))(session); }
static U raw_login(List *l, U session, char *pin) { return CALL(l, 18, (U, U, char *, U))(session, 1, pin, strlen(pin)); }

static U raw_find(List *l, U session, char *label, U *object) {
	U class = 3, n = 0;
	Attribute t[2] = {{0, &class, sizeof class}, {3, label, strlen(label)}};
	U rv = CALL(l, 26, (U, Attribute *, U))(session, t, 2);
	if (!rv) rv = CALL(l, 27, (U, U *, U, U *))(session, object, 1, &n);
	CALL(l, 28, (U))(session);
	return rv ? rv : n == 1 ? 0 : 0x82;
}

static U raw_sign(List *l, U session, U mechanism, U object, unsigned char *data, U dataLength, unsigned char *out, U outLength) {
	Mechanism m = {mechanism, NULL, 0};
	U rv = CALL(l, 42, (U, Mechanism *, U))(session, &m, object);
	return rv ? rv : CALL(l, 43, (U, unsigned char *, U, unsigned char *, U *))(session, data, dataLength, out, &outLength);
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Raw is a module called without any library: C_SignInit and C_Sign in one transition into C, no length query, nothing
// checked. It is the floor.
type Raw struct {
	list *C.List
	slot C.U
	main C.U // the session that keeps the login
}

// OpenRaw loads a module and logs in.
func OpenRaw(path, label, pin string) (*Raw, error) {
	cpath, clabel, cpin := C.CString(path), C.CString(fmt.Sprintf("%-32s", label)), C.CString(pin)
	defer func() {
		for _, s := range []*C.char{cpath, clabel, cpin} {
			C.free(unsafe.Pointer(s))
		}
	}()
	r := &Raw{list: C.raw_load(cpath)}
	if r.list == nil {
		return nil, fmt.Errorf("load %s", path)
	}
	if rv := C.raw_slot(r.list, clabel, &r.slot); rv != 0 {
		return nil, fmt.Errorf("slot: CKR 0x%X", uint(rv))
	}
	if rv := C.raw_open(r.list, r.slot, &r.main); rv != 0 {
		return nil, fmt.Errorf("session: CKR 0x%X", uint(rv))
	}
	if rv := C.raw_login(r.list, r.main, cpin); rv != 0 {
		return nil, fmt.Errorf("login: CKR 0x%X", uint(rv))
	}
	return r, nil
}

// Signer returns a function that signs with a session of its own, and one that closes it.
func (r *Raw) Signer(label string, mechanism uint, data []byte, size int) (sign func() error, closeIt func(), err error) {
	clabel := C.CString(label)
	defer C.free(unsafe.Pointer(clabel))
	var session, object C.U
	if rv := C.raw_open(r.list, r.slot, &session); rv != 0 {
		return nil, nil, fmt.Errorf("session: CKR 0x%X", uint(rv))
	}
	if rv := C.raw_find(r.list, session, clabel, &object); rv != 0 {
		return nil, nil, fmt.Errorf("find: CKR 0x%X", uint(rv))
	}
	out := make([]byte, size)
	return func() error {
		rv := C.raw_sign(r.list, session, C.U(mechanism), object, (*C.uchar)(&data[0]), C.U(len(data)), (*C.uchar)(&out[0]), C.U(size))
		if rv != 0 {
			return fmt.Errorf("sign: CKR 0x%X", uint(rv))
		}
		return nil
	}, func() { C.raw_close(r.list, session) }, nil
}
