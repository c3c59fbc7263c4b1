// A PKCS #11 module that gives back what it was called with, compiled by the header of p11-kit, so that layouts and arguments are
// judged by a compiler of C. It does no cryptography.
//
//	gcc -shared -fPIC -I /usr/include/p11-kit-1 -o echo.so echo.c
//	x86_64-w64-mingw32-gcc -shared -I FOLDER -o echo.dll echo.c
#ifdef _WIN32
#define CRYPTOKI_EXPORTS
#endif
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <string.h>

static char said[4096]; // what came in, as text
static int more;        // objects that C_FindObjects has still to give
static char init[64] = "not called";

static void say(const char *format, CK_ULONG a, CK_ULONG b, CK_ULONG c) {
	size_t n = strlen(said);
	snprintf(said + n, sizeof said - n, format, (unsigned)a, (unsigned)b, (unsigned)c);
}

static void sayOctets(const unsigned char *p, CK_ULONG n) {
	for (CK_ULONG i = 0; i < n; i++) say("%02x", p[i], 0, 0);
	say(";", 0, 0, 0);
}

static void sayTemplate(CK_ATTRIBUTE *t, CK_ULONG n) {
	for (CK_ULONG i = 0; i < n; i++) {
		say("%x=", t[i].type, 0, 0);
		sayOctets(t[i].pValue, t[i].ulValueLen);
	}
}

static void fill(unsigned char *field, size_t n, const char *text) {
	memset(field, ' ', n);
	memcpy(field, text, strlen(text));
}

static CK_RV initialize(void *args) {
	CK_C_INITIALIZE_ARGS *a = args;
	snprintf(init, sizeof init, "%d/%s", a ? (int)a->flags : -1, a && a->pReserved ? (char *)a->pReserved : "none");
	return CKR_OK;
}

static CK_RV finalize(void *reserved) { return reserved ? CKR_ARGUMENTS_BAD : CKR_OK; }

static CK_RV getInfo(CK_INFO *i) {
	i->cryptokiVersion.major = 2, i->cryptokiVersion.minor = 40;
	fill(i->manufacturerID, sizeof i->manufacturerID, "Echo");
	fill(i->libraryDescription, sizeof i->libraryDescription, init);
	i->libraryVersion.major = 7, i->libraryVersion.minor = 9;
	return CKR_OK;
}

static CK_RV numbers(const CK_ULONG *from, CK_ULONG have, CK_ULONG *list, CK_ULONG *n) {
	CK_ULONG room = *n;
	*n = have;
	if (!list) return CKR_OK;
	if (room < have) return CKR_BUFFER_TOO_SMALL;
	memcpy(list, from, have * sizeof *list);
	return CKR_OK;
}

static CK_RV slotList(unsigned char present, CK_ULONG *list, CK_ULONG *n) {
	static const CK_ULONG slots[] = {1, 70000, 0xfffffff0u};
	return numbers(slots, present ? 2 : 3, list, n);
}

static CK_RV mechanismList(CK_ULONG slot, CK_ULONG *list, CK_ULONG *n) {
	static const CK_ULONG all[] = {CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, 0x80000001u};
	return slot == 70000 ? numbers(all, 3, list, n) : CKR_SLOT_ID_INVALID;
}

static CK_RV slotInfo(CK_ULONG slot, CK_SLOT_INFO *i) {
	char text[32];
	snprintf(text, sizeof text, "slot %u", (unsigned)slot);
	fill(i->slotDescription, sizeof i->slotDescription, text);
	fill(i->manufacturerID, sizeof i->manufacturerID, "maker");
	i->flags = 5;
	i->hardwareVersion.major = i->firmwareVersion.minor = 1;
	return CKR_OK;
}

static CK_RV tokenInfo(CK_ULONG slot, CK_TOKEN_INFO *i) {
	memset(i, 0, sizeof *i);
	fill(i->label, sizeof i->label, slot == 70000 ? "label" : "other");
	fill(i->manufacturerID, sizeof i->manufacturerID, "maker");
	fill(i->model, sizeof i->model, "model");
	fill(i->serialNumber, sizeof i->serialNumber, "serial");
	i->flags = 0x40d;
	i->ulMaxSessionCount = 1, i->ulSessionCount = CK_UNAVAILABLE_INFORMATION, i->ulMaxRwSessionCount = 3, i->ulRwSessionCount = 4;
	i->ulMaxPinLen = 12, i->ulMinPinLen = 4;
	i->ulTotalPublicMemory = 5, i->ulFreePublicMemory = 6, i->ulTotalPrivateMemory = 7, i->ulFreePrivateMemory = 8;
	i->hardwareVersion.major = 1, i->hardwareVersion.minor = 2, i->firmwareVersion.major = 3, i->firmwareVersion.minor = 4;
	return CKR_OK;
}

static CK_RV mechanismInfo(CK_ULONG slot, CK_ULONG mechanism, CK_MECHANISM_INFO *i) {
	i->ulMinKeySize = slot, i->ulMaxKeySize = mechanism, i->flags = 0x800;
	return CKR_OK;
}

static CK_RV openSession(CK_ULONG slot, CK_ULONG flags, void *application, CK_NOTIFY notify, CK_ULONG *session) {
	if (application || notify) return CKR_ARGUMENTS_BAD;
	*session = slot * 10 + flags;
	return CKR_OK;
}

#ifdef _WIN32
// A CK_RV has 32 bits; what stands above it in the register is not of it.
static unsigned long long closeSession(CK_ULONG session) { return 0xabcdef0100000000ull | (session ? CKR_OK : CKR_SESSION_HANDLE_INVALID); }
#else
static CK_RV closeSession(CK_ULONG session) { return session ? CKR_OK : CKR_SESSION_HANDLE_INVALID; }
#endif

static CK_RV sessionInfo(CK_ULONG session, CK_SESSION_INFO *i) {
	i->slotID = session / 10, i->state = 3, i->flags = 6, i->ulDeviceError = 77;
	return CKR_OK;
}

static CK_RV login(CK_ULONG session, CK_ULONG user, unsigned char *pin, CK_ULONG n) {
	if (!pin && !n) say("login %u by the path;", user, 0, 0);
	else if (n != 4 || memcmp(pin, "1234", 4)) return CKR_PIN_INCORRECT;
	else say("login %u;", user, 0, 0);
	return CKR_OK;
}

static CK_RV findInit(CK_ULONG session, CK_ATTRIBUTE *t, CK_ULONG n) {
	said[0] = 0;
	more = 100;
	sayTemplate(t, n);
	return CKR_OK;
}

static CK_RV find(CK_ULONG session, CK_ULONG *objects, CK_ULONG max, CK_ULONG *n) {
	for (*n = 0; *n < max && more; more--) objects[(*n)++] = 1000 + more;
	return CKR_OK;
}

static CK_RV findFinal(CK_ULONG session) { return more ? CKR_FUNCTION_FAILED : CKR_OK; }

// The label, what was said last, an empty value; nothing else.
static CK_RV getAttributes(CK_ULONG session, CK_ULONG object, CK_ATTRIBUTE *t, CK_ULONG n) {
	char label[32];
	CK_RV rv = CKR_OK;
	snprintf(label, sizeof label, "object %u", (unsigned)object);
	for (CK_ULONG i = 0; i < n; i++) {
		const char *value = t[i].type == CKA_LABEL ? label : t[i].type == CKA_ID ? said : t[i].type == CKA_VALUE ? "" : NULL;
		if (t[i].type == CKA_APPLICATION) value = t[i].pValue ? "short" : "longer"; // it changes in between
		if (!value) {
			t[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
			if (t[i].type != CKA_SUBJECT) rv = CKR_ATTRIBUTE_TYPE_INVALID; // of that one, only the length tells
			continue;
		}
		if (t[i].pValue && t[i].ulValueLen < strlen(value)) return CKR_BUFFER_TOO_SMALL;
		if (t[i].pValue) memcpy(t[i].pValue, value, strlen(value));
		t[i].ulValueLen = strlen(value);
	}
	return rv;
}

static CK_RV create(CK_ULONG session, CK_ATTRIBUTE *t, CK_ULONG n, CK_ULONG *object) {
	said[0] = 0;
	sayTemplate(t, n);
	*object = 42;
	return CKR_OK;
}

static CK_RV destroy(CK_ULONG session, CK_ULONG object) { return object == 42 ? CKR_OK : CKR_OBJECT_HANDLE_INVALID; }

static CK_RV generate(CK_ULONG session, CK_MECHANISM *m, CK_ATTRIBUTE *pub, CK_ULONG pubs, CK_ATTRIBUTE *priv, CK_ULONG privs, CK_ULONG *p, CK_ULONG *q) {
	said[0] = 0;
	say("%x;", m->mechanism, 0, 0);
	if (m->pParameter || m->ulParameterLen) return CKR_MECHANISM_PARAM_INVALID;
	sayTemplate(pub, pubs);
	say("|", 0, 0, 0);
	sayTemplate(priv, privs);
	*p = 43, *q = 44;
	return CKR_OK;
}

static CK_RV signInit(CK_ULONG session, CK_MECHANISM *m, CK_ULONG key) {
	said[0] = 0;
	say("sign %x with %u;", m->mechanism, key, 0);
	if (m->pParameter) {
		CK_RSA_PKCS_PSS_PARAMS *p = m->pParameter;
		if (m->ulParameterLen != sizeof *p) return CKR_MECHANISM_PARAM_INVALID;
		say("pss %x %u %u;", p->hashAlg, p->mgf, p->sLen);
	} else if (m->ulParameterLen) return CKR_MECHANISM_PARAM_INVALID;
	return key ? CKR_OK : CKR_KEY_HANDLE_INVALID;
}

static CK_RV sign(CK_ULONG session, unsigned char *data, CK_ULONG n, unsigned char *out, CK_ULONG *length) {
	size_t before = strlen(said);
	CK_ULONG room = *length;
	if (!data) return CKR_ARGUMENTS_BAD;
	sayOctets(data, n);
	*length = strlen(said);
	if (!out || room < *length) {
		said[before] = 0;
		return CKR_BUFFER_TOO_SMALL;
	}
	memcpy(out, said, *length);
	return CKR_OK;
}

static CK_FUNCTION_LIST list = {
	.version = {2, 40}, .C_Initialize = initialize, .C_Finalize = finalize, .C_GetInfo = getInfo, .C_GetSlotList = slotList, .C_GetSlotInfo = slotInfo,
	.C_GetTokenInfo = tokenInfo, .C_GetMechanismList = mechanismList, .C_GetMechanismInfo = mechanismInfo, .C_OpenSession = openSession,
	.C_CloseSession = (CK_C_CloseSession)closeSession, .C_GetSessionInfo = sessionInfo, .C_Login = login, .C_CreateObject = create, .C_DestroyObject = destroy,
	.C_GetAttributeValue = getAttributes, .C_FindObjectsInit = findInit, .C_FindObjects = find, .C_FindObjectsFinal = findFinal,
	.C_SignInit = signInit, .C_Sign = sign, .C_GenerateKeyPair = generate,
};

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **l) {
	*l = &list;
	return CKR_OK;
}
