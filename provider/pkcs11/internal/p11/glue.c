//go:build cgo && unix && !signet_nocgo && !signet_static

#include "glue.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ATTRIBUTES 32

void *sg_load(const char *path, char *error, int errorLen) {
	// RTLD_LOCAL: two modules that bring the same helper library in two versions must not see each other's.
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		const char *text = dlerror();
		snprintf(error, errorLen, "%s", text ? text : "dlopen failed");
	}
	return library;
}

// whole reports whether a list has all functions without which nothing can be signed. A module must have a function for each
// place of the list (section 5.1 of 2.40), and some that make no keys have none there.
static int whole(const CK_FUNCTION_LIST *f) {
	return f->C_Initialize && f->C_Finalize && f->C_GetInfo && f->C_GetSlotList && f->C_GetSlotInfo && f->C_GetTokenInfo &&
		f->C_GetMechanismList && f->C_OpenSession && f->C_CloseSession && f->C_GetSessionInfo && f->C_Login && f->C_GetAttributeValue &&
		f->C_FindObjectsInit && f->C_FindObjects && f->C_FindObjectsFinal && f->C_SignInit && f->C_Sign;
}

// interface3 asks for an interface of 3.x, the newest first. A module may have it only as the one that it prefers, or have the
// symbol and nothing behind it; then the list is that of C_GetFunctionList.
static CK_FUNCTION_LIST *interface3(void *library) {
	static CK_VERSION versions[] = {{3, 2}, {3, 1}, {3, 0}, {0, 0}};
	CK_RV (*get)(CK_BYTE *, CK_VERSION *, CK_INTERFACE **, CK_ULONG);
	*(void **)&get = dlsym(library, "C_GetInterface");
	if (!get) return NULL;
	for (unsigned i = 0; i < sizeof versions / sizeof *versions; i++) {
		CK_INTERFACE *found = NULL;
		CK_VERSION wanted = versions[i];
		if (get((CK_BYTE *)"PKCS 11", wanted.major ? &wanted : NULL, &found, 0) || !found || !found->functions) continue;
		if (!found->name || strcmp(found->name, "PKCS 11")) continue;
		CK_FUNCTION_LIST *f = found->functions;
		if (f->version.major == 3 && whole(f)) return f;
	}
	return NULL;
}

CK_FUNCTION_LIST *sg_functions(void *library, CK_RV *rv, CK_VERSION *version, int *of3) {
	CK_FUNCTION_LIST *f = NULL;
	CK_RV (*get)(CK_FUNCTION_LIST **);
	*(void **)&get = dlsym(library, "C_GetFunctionList");
	*rv = CKR_FUNCTION_NOT_SUPPORTED;
	if (!get) return NULL;
	*rv = CKR_OK;
	f = interface3(library);
	*of3 = f != NULL;
	if (!f) *rv = get(&f);
	if (!*rv && f) *version = f->version;
	return f;
}

int sg_whole(CK_FUNCTION_LIST *f) { return whole(f); }

CK_RV sg_cancel(CK_FUNCTION_LIST *f, CK_ULONG session) {
	CK_FUNCTION_LIST_3_0 *f3 = (CK_FUNCTION_LIST_3_0 *)f;
	if (!f3->C_SessionCancel) return CKR_FUNCTION_NOT_SUPPORTED;
	return f3->C_SessionCancel(session, CKF_SIGN);
}

CK_RV sg_initialize(CK_FUNCTION_LIST *f, const char *reserved, int locking) {
	CK_C_INITIALIZE_ARGS args;
	memset(&args, 0, sizeof args);
	if (locking) args.flags = CKF_OS_LOCKING_OK;
	args.reserved = (void *)reserved;
	return f->C_Initialize(locking || reserved ? &args : NULL);
}

CK_RV sg_finalize(CK_FUNCTION_LIST *f) { return f->C_Finalize(NULL); }
CK_RV sg_info(CK_FUNCTION_LIST *f, CK_INFO *info) { return f->C_GetInfo(info); }

CK_RV sg_slot_list(CK_FUNCTION_LIST *f, int present, CK_ULONG *slots, CK_ULONG *count) {
	return f->C_GetSlotList(present ? 1 : 0, slots, count);
}

CK_RV sg_slot_info(CK_FUNCTION_LIST *f, CK_ULONG slot, CK_SLOT_INFO *info) { return f->C_GetSlotInfo(slot, info); }
CK_RV sg_token_info(CK_FUNCTION_LIST *f, CK_ULONG slot, CK_TOKEN_INFO *info) { return f->C_GetTokenInfo(slot, info); }

CK_RV sg_mechanism_list(CK_FUNCTION_LIST *f, CK_ULONG slot, CK_ULONG *list, CK_ULONG *count) {
	return f->C_GetMechanismList(slot, list, count);
}

CK_RV sg_mechanism_info(CK_FUNCTION_LIST *f, CK_ULONG slot, CK_ULONG mechanism, CK_MECHANISM_INFO *info) {
	if (!f->C_GetMechanismInfo) return CKR_FUNCTION_NOT_SUPPORTED;
	return f->C_GetMechanismInfo(slot, mechanism, info);
}

CK_RV sg_open_session(CK_FUNCTION_LIST *f, CK_ULONG slot, CK_ULONG flags, CK_ULONG *session) {
	return f->C_OpenSession(slot, flags, NULL, NULL, session);
}

CK_RV sg_close_session(CK_FUNCTION_LIST *f, CK_ULONG session) { return f->C_CloseSession(session); }
CK_RV sg_session_info(CK_FUNCTION_LIST *f, CK_ULONG session, CK_SESSION_INFO *info) { return f->C_GetSessionInfo(session, info); }

CK_RV sg_login(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG user, CK_BYTE *pin, CK_ULONG pinLen) {
	return f->C_Login(session, user, pin, pinLen);
}

// unpack points at the values of a flat template.
static CK_RV unpack(CK_BYTE *flat, CK_ULONG count, CK_ATTRIBUTE *out) {
	if (count > MAX_ATTRIBUTES) return CKR_HOST_MEMORY;
	for (CK_ULONG i = 0; i < count; i++) {
		CK_ULONG head[2];
		memcpy(head, flat, sizeof head);
		flat += sizeof head;
		out[i].type = head[0];
		out[i].value = flat;
		out[i].valueLen = head[1];
		flat += (head[1] + sizeof(CK_ULONG) - 1) / sizeof(CK_ULONG) * sizeof(CK_ULONG);
	}
	return CKR_OK;
}

CK_RV sg_find_init(CK_FUNCTION_LIST *f, CK_ULONG session, CK_BYTE *flat, CK_ULONG count) {
	CK_ATTRIBUTE template[MAX_ATTRIBUTES];
	CK_RV rv = unpack(flat, count, template);
	return rv ? rv : f->C_FindObjectsInit(session, template, count);
}

CK_RV sg_find(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG *objects, CK_ULONG max, CK_ULONG *count) {
	return f->C_FindObjects(session, objects, max, count);
}

CK_RV sg_find_final(CK_FUNCTION_LIST *f, CK_ULONG session) { return f->C_FindObjectsFinal(session); }

CK_RV sg_create_object(CK_FUNCTION_LIST *f, CK_ULONG session, CK_BYTE *flat, CK_ULONG count, CK_ULONG *object) {
	CK_ATTRIBUTE template[MAX_ATTRIBUTES];
	CK_RV rv = f->C_CreateObject ? unpack(flat, count, template) : CKR_FUNCTION_NOT_SUPPORTED;
	return rv ? rv : f->C_CreateObject(session, template, count, object);
}

CK_RV sg_destroy_object(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG object) {
	return f->C_DestroyObject ? f->C_DestroyObject(session, object) : CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV sg_generate_key_pair(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG mechanism, CK_BYTE *pub, CK_ULONG pubCount,
	CK_BYTE *priv, CK_ULONG privCount, CK_ULONG *pubObject, CK_ULONG *privObject) {
	CK_ATTRIBUTE publics[MAX_ATTRIBUTES], privates[MAX_ATTRIBUTES];
	CK_MECHANISM m = {mechanism, NULL, 0};
	CK_RV rv = f->C_GenerateKeyPair ? unpack(pub, pubCount, publics) : CKR_FUNCTION_NOT_SUPPORTED;
	if (!rv) rv = unpack(priv, privCount, privates);
	return rv ? rv : f->C_GenerateKeyPair(session, &m, publics, pubCount, privates, privCount, pubObject, privObject);
}

CK_RV sg_attribute(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG object, CK_ULONG type, CK_BYTE *buffer, CK_ULONG *length) {
	CK_ATTRIBUTE a = {type, buffer, buffer ? *length : 0};
	CK_RV rv = f->C_GetAttributeValue(session, object, &a, 1);
	*length = a.valueLen;
	return rv;
}

CK_RV sg_lengths(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG object, CK_ULONG *types, CK_ULONG *lengths, CK_ULONG count) {
	CK_ATTRIBUTE a[MAX_ATTRIBUTES];
	if (count > MAX_ATTRIBUTES) return CKR_HOST_MEMORY;
	for (CK_ULONG i = 0; i < count; i++) a[i] = (CK_ATTRIBUTE){types[i], NULL, 0};
	CK_RV rv = f->C_GetAttributeValue(session, object, a, count);
	for (CK_ULONG i = 0; i < count; i++) lengths[i] = a[i].valueLen;
	return rv;
}

CK_RV sg_values(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG object, CK_ULONG *types, CK_ULONG *lengths, CK_ULONG count, CK_BYTE *buffer) {
	CK_ATTRIBUTE a[MAX_ATTRIBUTES];
	CK_ULONG n = 0;
	if (count > MAX_ATTRIBUTES) return CKR_HOST_MEMORY;
	for (CK_ULONG i = 0; i < count; i++) {
		if (lengths[i] == CK_UNAVAILABLE) continue;
		a[n++] = (CK_ATTRIBUTE){types[i], buffer, lengths[i]};
		buffer += lengths[i];
	}
	CK_RV rv = n ? f->C_GetAttributeValue(session, object, a, n) : CKR_OK;
	n = 0;
	for (CK_ULONG i = 0; i < count; i++)
		if (lengths[i] != CK_UNAVAILABLE && a[n++].valueLen != lengths[i]) return CKR_BUFFER_TOO_SMALL; // changed in between
	return rv;
}

sg_signed sg_sign(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG mechanism, CK_ULONG hash, CK_ULONG mgf, CK_ULONG salt,
	CK_ULONG key, CK_BYTE *data, CK_ULONG dataLen, CK_BYTE *out, CK_ULONG outLen, int auth, CK_BYTE *pin, CK_ULONG pinLen) {
	CK_RSA_PKCS_PSS_PARAMS pss = {hash, mgf, salt};
	CK_MECHANISM m = {mechanism, NULL, 0};
	if (hash) { // RSASSA-PSS, of a digest or of what is hashed by the token
		m.parameter = &pss;
		m.parameterLen = sizeof pss;
	}
	sg_signed r = {f->C_SignInit(session, &m, key), 0, 1};
	if (r.rv) return r;
	if (auth) {
		r.stage = 2;
		r.rv = auth == 1 ? f->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, pinLen) : f->C_Login(session, CKU_CONTEXT_SPECIFIC, NULL, 0);
		if (r.rv) return r;
	}
	return sg_sign_again(f, session, data, dataLen, out, outLen);
}

sg_signed sg_sign_again(CK_FUNCTION_LIST *f, CK_ULONG session, CK_BYTE *data, CK_ULONG dataLen, CK_BYTE *out, CK_ULONG outLen) {
	sg_signed r = {CKR_OK, outLen, 3};
	r.rv = f->C_Sign(session, data, dataLen, out, &r.length);
	return r;
}
