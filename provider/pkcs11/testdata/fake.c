// A PKCS #11 module whose token is played by the test: objects, signatures and new keys are asked for over a socket that lies beside it,
// its own path + ".sock". So a test shows a token of any kind of keys, and one with any fault.
//
//	gcc -O2 -shared -fPIC -o fake.so fake.c -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef unsigned long U;
typedef unsigned char B;
typedef struct { U type; void *value; U length; } Attribute;
typedef struct { U mechanism; void *parameter; U length; } Mechanism;

enum { ATTRIBUTES = 24, FIND_INIT = 26, SIGN = 43, GENERATE = 59, CREATE = 20, MECHANISMS = 7 };
enum { SESSIONS = 64, ROOM = 1 << 16 };

// Of a session: what was found, and what is to sign. The library uses a session in one thread at a time.
static struct { int open; U found[256], count, next, mechanism, parameter, key; } session[SESSIONS];
static int loggedIn;
static char path[108];

static int all(int fd, void *p, size_t n, int out) {
	for (B *b = p; n;) {
		ssize_t done = out ? write(fd, b, n) : read(fd, b, n);
		if (done <= 0) return 0;
		b += done, n -= done;
	}
	return 1;
}

// ask sends a function and what it was called with, and reads what it answers.
static U ask(U function, const void *in, U n, B *out, U *outLen) {
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	U head[2] = {function, n}, rv = 0x30;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(to.sun_path, path);
	if (fd >= 0 && !connect(fd, (void *)&to, sizeof to) && all(fd, head, sizeof head, 1) && all(fd, (void *)in, n, 1) &&
		all(fd, head, sizeof head, 0) && head[1] <= ROOM && all(fd, out, head[1], 0)) rv = head[0], *outLen = head[1];
	close(fd);
	return rv;
}

static U flat(B *to, U at, U v) { memcpy(to + at, &v, sizeof v); return at + sizeof v; }
static U flatAll(B *to, U at, Attribute *a, U n) {
	for (U i = 0; i < n; i++) {
		at = flat(to, flat(to, at, a[i].type), a[i].length);
		memcpy(to + at, a[i].value, a[i].length);
		at += a[i].length;
	}
	return at;
}

static void pad(void *to, const char *text, size_t n) { memset(to, ' ', n); memcpy(to, text, strlen(text)); }

static U initialize(void *args) { return 0; }
static U finalize(void *args) { memset(session, 0, sizeof session); loggedIn = 0; return 0; }
static U info(B *i) { memset(i, 0, 88); i[0] = 3, i[1] = 2; pad(i + 2, "Signet tests", 32); pad(i + 48, "Fake", 32); return 0; }
static U slots(B present, U *list, U *n) { if (list) list[0] = 1; *n = 1; return 0; }
static U slotInfo(U slot, B *i) { memset(i, 0, 112); pad(i, "Fake", 64); pad(i + 64, "Signet tests", 32); *(U *)(i + 96) = 1; return 0; }
static U tokenInfo(U slot, B *i) {
	memset(i, 0, 208);
	pad(i, "fake", 32), pad(i + 32, "Signet tests", 32), pad(i + 64, "Fake", 16), pad(i + 80, "1", 16);
	*(U *)(i + 96) = 0x40c; // login required, PIN and token initialised
	return 0;
}
static U mechanisms(U slot, U *list, U *n) {
	B out[ROOM];
	U length, rv = ask(MECHANISMS, NULL, 0, out, &length);
	if (rv) return rv;
	if (list) memcpy(list, out, length);
	*n = length / sizeof(U);
	return 0;
}
static U mechanism(U slot, U m, U *i) { i[0] = i[1] = 0, i[2] = 0x800; return 0; }
static U openSession(U slot, U flags, void *a, void *b, U *h) {
	for (U i = 1; i < SESSIONS; i++)
		if (__sync_bool_compare_and_swap(&session[i].open, 0, 1)) { *h = i; return 0; }
	return 0xb1;
}
static U closeSession(U h) { session[h].open = 0; return 0; }
static U sessionInfo(U h, U *i) { i[0] = 1, i[1] = loggedIn ? 3 : 2, i[2] = 6, i[3] = 0; return 0; }
static U login(U h, U user, B *pin, U n) { loggedIn = 1; return 0; }
static U logout(U h) { loggedIn = 0; return 0; }

static U attributes(U h, U object, Attribute *a, U n) {
	B in[ROOM], out[ROOM];
	U at = flat(in, 0, object), length, rv, missing = 0;
	for (U i = 0; i < n; i++) at = flat(in, at, a[i].type);
	if ((rv = ask(ATTRIBUTES, in, at, out, &length))) return rv;
	for (U i = at = 0; i < n; i++) {
		U size;
		memcpy(&size, out + at, sizeof size);
		at += sizeof size;
		if (size == ~0UL) { a[i].length = size, missing = 0x12; continue; }
		if (a[i].value && a[i].length < size) { a[i].length = ~0UL, missing = 0x150; }
		else { if (a[i].value) memcpy(a[i].value, out + at, size); a[i].length = size; }
		at += size;
	}
	return missing;
}
static U findInit(U h, Attribute *a, U n) {
	B in[ROOM], out[ROOM];
	U length, rv = ask(FIND_INIT, in, flatAll(in, 0, a, n), out, &length);
	if (rv) return rv;
	memcpy(session[h].found, out, length);
	session[h].count = length / sizeof(U), session[h].next = 0;
	return 0;
}
static U find(U h, U *objects, U max, U *n) {
	for (*n = 0; *n < max && session[h].next < session[h].count;) objects[(*n)++] = session[h].found[session[h].next++];
	return 0;
}
static U findFinal(U h) { return 0; }
static U create(U h, Attribute *a, U n, U *object) {
	B in[ROOM], out[ROOM];
	U length, rv = ask(CREATE, in, flatAll(in, 0, a, n), out, &length);
	if (!rv) memcpy(object, out, sizeof *object);
	return rv;
}
static U generate(U h, Mechanism *m, Attribute *pub, U pubs, Attribute *priv, U privs, U *a, U *b) {
	B in[ROOM], out[ROOM];
	U start = flat(in, 0, m->mechanism), end = flatAll(in, start + sizeof(U), pub, pubs), length, rv;
	flat(in, start, end - start - sizeof(U));
	if ((rv = ask(GENERATE, in, flatAll(in, end, priv, privs), out, &length))) return rv;
	memcpy(a, out, sizeof *a), memcpy(b, out + sizeof *a, sizeof *b);
	return 0;
}
static U signInit(U h, Mechanism *m, U key) { session[h].mechanism = m->mechanism, session[h].parameter = m->length, session[h].key = key; return 0; }
static U sign(U h, B *data, U n, B *out, U *outLen) {
	B in[ROOM], made[ROOM];
	U length, rv, at = flat(in, flat(in, flat(in, 0, session[h].key), session[h].mechanism), session[h].parameter);
	if (n > ROOM / 2) return 0x21;
	memcpy(in + at, data, n);
	if ((rv = ask(SIGN, in, at + n, made, &length))) return rv;
	rv = *outLen < length ? 0x150 : 0;
	*outLen = length;
	if (!rv) memcpy(out, made, length);
	return rv;
}
static U nothing() { return 0x54; }

static struct { B version[2]; void *f[92]; } list;
static struct { char *name; void *functions; U flags; } interface = {"PKCS 11", &list, 0};

U C_GetFunctionList(void **p) {
	Dl_info self;
	if (!dladdr((void *)C_GetFunctionList, &self)) return 6;
	snprintf(path, sizeof path, "%s.sock", self.dli_fname);
	for (int i = 0; i < 92; i++) list.f[i] = nothing;
	list.version[0] = 3, list.version[1] = 2;
	void *f[][2] = {{(void *)0, initialize}, {(void *)1, finalize}, {(void *)2, info}, {(void *)3, C_GetFunctionList}, {(void *)4, slots}, {(void *)5, slotInfo},
		{(void *)6, tokenInfo}, {(void *)7, mechanisms}, {(void *)8, mechanism}, {(void *)12, openSession}, {(void *)13, closeSession}, {(void *)15, sessionInfo},
		{(void *)18, login}, {(void *)19, logout}, {(void *)20, create}, {(void *)24, attributes}, {(void *)26, findInit}, {(void *)27, find},
		{(void *)28, findFinal}, {(void *)42, signInit}, {(void *)43, sign}, {(void *)59, generate}};
	for (unsigned i = 0; i < sizeof f / sizeof *f; i++) list.f[(U)f[i][0]] = f[i][1];
	*p = &list;
	return 0;
}

// The interface of 3.2, as modules with ML-DSA have it.
U C_GetInterface(B *name, B *version, void **found, U flags) {
	void *f;
	U rv = C_GetFunctionList(&f);
	if (version && (version[0] != 3 || version[1] != 2)) return 7;
	*found = &interface;
	return rv;
}
