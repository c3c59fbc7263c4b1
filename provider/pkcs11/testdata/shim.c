// A PKCS #11 module between a test and a real module that makes faults at will. What it does stands in a file beside it,
// its own path + ".ctl", which the test maps into memory too, so that both sides see changes at once. The test makes the
// file before the module is loaded.
//
//	gcc -O2 -shared -fPIC -o shim.so shim.c -ldl -lpthread
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef unsigned long U;
typedef struct { unsigned char version[2]; void *f[68]; } List;
typedef U (*F)(U, U, U, U, U, U, U, U);

// Numbers of functions are their places in the list: C_Initialize is 0.
enum {
	FINALIZE = 1, SLOT_LIST = 4, SLOT_INFO = 5, TOKEN_INFO = 6, MECHANISMS = 7, MECHANISM = 8, OPEN = 12, CLOSE = 13, CLOSE_ALL = 14, SESSION_INFO = 15, LOGIN = 18, LOGOUT = 19, ATTRIBUTES = 24, FIND_INIT = 26, FIND = 27, FIND_FINAL = 28,
	DIGEST_INIT = 37, DIGEST = 38, SIGN_INIT = 42, SIGN = 43, N = 68
};
// What is done to the real module before a call.
enum { DO_CLOSE_ALL = 1, DO_LOGOUT = 2, DO_FINALIZE = 3, DO_FORK = 4, DO_RELOGIN = 5 };

typedef struct {
	atomic_long count;     // calls so far
	atomic_long from;      // fail from this call on (the first is 0)
	atomic_long times;     // so many calls; 0 none
	atomic_long rv;        // with this value
	atomic_long hang;      // 1: all calls wait as long as it is 1; 2: the next call makes it 3, and waits as long as it is 3
	atomic_long hanging;   // calls that wait
	atomic_long delay;     // microseconds
	atomic_long action;    // do this once ...
	atomic_long actionAt;  // ... at this call
} Function;

typedef struct {
	char module[512], pin[128], label[128];
	atomic_long delay;       // microseconds, for each call
	atomic_long maxSessions; // 0: no limit
	atomic_long sessions;    // open now
	atomic_long mostSessions;
	atomic_long swapFrom, swapTo, swapTimes; // C_SignInit takes another key, CKR_OK
	atomic_long actions;     // done
	atomic_long noReadOnly;  // C_OpenSession refuses read-only sessions with this value
	atomic_long broken;      // C_SignInit fails with this value until the module is finalised; all else goes well
	atomic_long noState;     // C_GetSessionInfo says of sessions that have not called C_Login that nobody is logged in
	atomic_long staleKey;    // C_SignInit says this of a key that is not valid any more, as if its number were another's
	atomic_long reader;      // 0: all slots are shown; -1: one slot, READER, without a token; else one with the token of slot reader - 1
	atomic_long piv;         // the PIN of C_Login(CKU_CONTEXT_SPECIFIC) counts for the very next call only, whoever makes it
	atomic_long voided;      // such logins that another call came in between of
	atomic_long hidden;      // so many times C_GetSlotList lists nothing
	atomic_long noSerial;    // so many times C_GetTokenInfo tells no serial number
	atomic_long keyPIN;      // when it is set, C_Login(CKU_CONTEXT_SPECIFIC) takes this number only
	atomic_long wrongKeyPIN; // such logins with another PIN
	atomic_long lastKey;     // what C_SignInit was called with last
	atomic_long hashing;     // bits of what becomes of mechanisms, HIDE_RAW and the like
	atomic_long interface;   // what C_GetInterface answers, IN_30 and the like; 0: that there is no such function
	atomic_long cancels;     // calls of C_SessionCancel
	atomic_long remembers;   // C_GetTokenInfo of READER says what it said first, whatever is in it, until the module is finalised
	atomic_long strayed;     // calls of what stands behind the list of C_GetFunctionList
	atomic_long lies;        // bits of what is said of the length of outputs, LIE_SIGN and the like
	atomic_long first, second; // numbers of slots that are exchanged, plus one; sessions stay with their tokens
	atomic_long late;        // C_Login with sessions that were opened before that
	Function f[N];
} Control;

enum {
	LIE_SIGN = 1,  // C_Sign, CKR_OK, says that it wrote 2^64-1 octets
	LIE_LIST = 2,  // C_GetMechanismList that it wrote as many mechanisms
	LIE_VALUE = 4, // C_GetAttributeValue of one attribute that it wrote as many octets, of several that lengths add up to little
	LIE_GROW = 8,  // C_GetMechanismList that there are more each time
};

#define READER 7

enum {
	HIDE_RAW = 1,   // mechanisms that sign a digest are neither listed nor taken
	LATE_RAW = 2,   // they are listed, and refused by C_Sign
	ADD_ECDSA = 4,  // CKM_ECDSA_SHA256 and the like are there, made of C_Digest and C_Sign
	LATE_HASH = 8,  // mechanisms that hash what they sign are refused by C_Sign
	HIDE_HASH = 16, // they are not listed, and taken
	CHECK_LEN = 32, // a mechanism that hashes what it signs is refused when it is given as many octets as a digest has
	BAD_HASH = 64,  // with ADD_ECDSA, another digest is signed than that of the message
};

static atomic_long openedAt[4096]; // ctl->second then, as loggedIn
static atomic_bool loggedIn[4096]; // by the end of the number of the session
static List *real;
// What stands behind the list of 2.40 is called by those who take it for one of 3.0.
static struct { List list; void *behind[24]; } own;
#define mine own.list
static Control *ctl;
static U strayed() { ctl->strayed++; return 0; }
static atomic_ulong lastSlot;
static atomic_long inReader; // as it was seen last
static pthread_mutex_t counts = PTHREAD_MUTEX_INITIALIZER; // guards numbers of sessions while they are compared, and what follows
static char memory[96]; // label, manufacturerID, model and serialNumber of CK_TOKEN_INFO
static int remembered;
static pthread_mutex_t card = PTHREAD_MUTEX_INITIALIZER; // guards what follows
static U armed; // the session whose operation may use the PIN now
static char asked[4096]; // sessions whose operation was given the PIN
// Calls of the real module hold it to read, faults to write: a module that is finalised, or whose sessions are closed,
// under a call that runs may crash, and that is not what is tested.
static pthread_rwlock_t inside = PTHREAD_RWLOCK_INITIALIZER;

static void act(long action, U session) {
	switch (action) {
	case DO_CLOSE_ALL:
		((F)real->f[CLOSE_ALL])(lastSlot, 0, 0, 0, 0, 0, 0, 0);
		ctl->sessions = 0;
		break;
	case DO_LOGOUT:
		((F)real->f[LOGOUT])(session, 0, 0, 0, 0, 0, 0, 0);
		break;
	case DO_RELOGIN: { // and another key is found first, which may get the number of the one that is in use
		U key = 3, found, n; // CKO_PRIVATE_KEY
		struct { U type; void *value; U length; } template[] = {{0, &key, sizeof key}, {3, ctl->label, strlen(ctl->label)}};
		((F)real->f[LOGOUT])(session, 0, 0, 0, 0, 0, 0, 0);
		((F)real->f[LOGIN])(session, 1, (U)ctl->pin, strlen(ctl->pin), 0, 0, 0, 0);
		if (((F)real->f[FIND_INIT])(session, (U)template, 2, 0, 0, 0, 0, 0)) break;
		((F)real->f[FIND])(session, (U)&found, 1, (U)&n, 0, 0, 0, 0);
		((F)real->f[FIND_FINAL])(session, 0, 0, 0, 0, 0, 0, 0);
		break;
	}
	case DO_FINALIZE:
		((F)real->f[FINALIZE])(0, 0, 0, 0, 0, 0, 0, 0);
		ctl->sessions = 0;
		break;
	case DO_FORK: {
		pid_t child = fork();
		if (child == 0) _exit(0);
		waitpid(child, NULL, 0);
		break;
	}
	}
	ctl->actions++;
}

static int onSlot(int i) { return i == TOKEN_INFO || i == MECHANISMS || i == MECHANISM || i == OPEN || i == SLOT_INFO; }

// reader replaces the numbers of slots, and ends the sessions with a token that was taken out.
static U reader(int i, U *a) {
	long now = ctl->reader, before = atomic_exchange(&inReader, now);
	if (before != now && before > 0) {
		pthread_rwlock_wrlock(&inside);
		((F)real->f[CLOSE_ALL])(before - 1, 0, 0, 0, 0, 0, 0, 0);
		ctl->sessions = 0;
		pthread_rwlock_unlock(&inside);
	}
	if (!now && ctl->second && *a + 1 == (U)ctl->first && onSlot(i)) *a = ctl->second - 1;
	else if (!now && ctl->second && *a + 1 == (U)ctl->second && onSlot(i)) *a = ctl->first - 1;
	if (!now) return 0;
	switch (i) {
	case TOKEN_INFO: case MECHANISMS: case MECHANISM: case OPEN: case SLOT_INFO: case CLOSE_ALL:
		if (*a != READER) return 3; // CKR_SLOT_ID_INVALID
		if (now < 0 && i != SLOT_INFO) return 0xe0; // CKR_TOKEN_NOT_PRESENT
		if (now > 0) *a = now - 1;
	}
	return 0;
}

static U listReader(U present, U *list, U *count) {
	U n = ctl->reader > 0 || !present;
	if (list && n) *list = READER;
	*count = n;
	return 0;
}

// contextLogin keeps the rule of PIV cards ("PIN always", SP 800-73-4 part 1 table 4b).
static U contextLogin(int i, U session, U user, U rv) {
	pthread_mutex_lock(&card);
	if (i == LOGIN && user == 2 && !rv) {
		armed = session;
		asked[session % 4096] = 1;
	} else {
		if (armed && armed != session) ctl->voided++;
		if (i == SIGN && asked[session % 4096]) {
			if (armed != session) rv = 0x101; // CKR_USER_NOT_LOGGED_IN
			asked[session % 4096] = 0;
		}
		armed = 0;
	}
	pthread_mutex_unlock(&card);
	if (i == LOGIN) usleep(2000); // a card needs some milliseconds, in which others may come
	return rv;
}

static int isRaw(U m) { return m == 1 || m == 0xd || m == 0x1041; }
static int isHashing(U m) { return (m >= 0x40 && m <= 0x45) || (m >= 0x1044 && m <= 0x1046); }

// What C_SignInit was called with, of each session. A session is used by one thread at a time.
static struct { U mechanism, key; } begun[4096];

// take takes one of a number, which may be taken from by others at the same moment, and says whether there was one.
static int take(atomic_long *n) {
	long left = *n;
	while (left > 0 && !atomic_compare_exchange_weak(n, &left, left - 1));
	return left > 0;
}

// opening counts sessions: before the call of the real module, and after it.
static U opening(int after, U rv) {
	static long calls;
	pthread_mutex_lock(&counts);
	if (!after) {
		rv = ctl->maxSessions && ctl->sessions + calls >= ctl->maxSessions ? 0xb1 : 0; // CKR_SESSION_COUNT
		calls += !rv;
	} else {
		calls--;
		if (!rv && ++ctl->sessions > ctl->mostSessions) ctl->mostSessions = ctl->sessions;
	}
	pthread_mutex_unlock(&counts);
	return rv;
}

// remember has C_GetTokenInfo say what it said first.
static void remember(char *info) {
	pthread_mutex_lock(&counts);
	if (remembered) memcpy(info, memory, sizeof memory);
	else memcpy(memory, info, sizeof memory);
	remembered = 1;
	pthread_mutex_unlock(&counts);
}

static U call(int i, U a, U b, U c, U d, U e, U f, U g, U h);

// mechanisms lists what is there with ctl->hashing.
static U mechanisms(U slot, U *list, U *count) {
	U all[512], n = 512, kept = 0;
	pthread_rwlock_rdlock(&inside);
	U rv = ((F)real->f[MECHANISMS])(slot, (U)all, (U)&n, 0, 0, 0, 0, 0);
	pthread_rwlock_unlock(&inside);
	if (rv) return rv;
	for (U j = 0; j < n; j++)
		if (!(ctl->hashing & HIDE_RAW && isRaw(all[j])) && !(ctl->hashing & HIDE_HASH && isHashing(all[j]))) all[kept++] = all[j];
	if (ctl->hashing & ADD_ECDSA)
		for (U m = 0x1044; m <= 0x1046; m++) all[kept++] = m;
	if (list && *count < kept) rv = 0x150; // CKR_BUFFER_TOO_SMALL
	else if (list) memcpy(list, all, kept * sizeof *all);
	*count = kept;
	return rv;
}

// signInit keeps what C_Sign will need, and answers for mechanisms that the real module has not or must not have.
static int signInit(U session, U *mechanism, U key, U *rv) {
	U m = *mechanism;
	begun[session % 4096].mechanism = m;
	begun[session % 4096].key = key;
	*rv = 0x70; // CKR_MECHANISM_INVALID
	if (ctl->hashing & HIDE_RAW && isRaw(m)) return 1;
	*rv = 0;
	return ctl->hashing & ADD_ECDSA && m >= 0x1044 && m <= 0x1046;
}

// signed answers C_Sign where the real module does not. It leaves its operation, if there is one, as modules do that fail.
static int signedHere(U session, U data, U length, U out, U outLength, U *rv) {
	U m = begun[session % 4096].mechanism;
	*rv = 0x70;
	if (ctl->hashing & LATE_RAW && isRaw(m)) return 1;
	if (ctl->hashing & LATE_HASH && isHashing(m)) return 1;
	*rv = 0x21; // CKR_DATA_LEN_RANGE
	if (ctl->hashing & CHECK_LEN && isHashing(m) && (length == 32 || length == 48 || length == 64)) return 1;
	if (!(ctl->hashing & ADD_ECDSA && m >= 0x1044 && m <= 0x1046)) return 0;
	static const U hashes[] = {0x250, 0x260, 0x270};
	struct { U mechanism; void *parameter; U parameterLength; } digest = {hashes[m - 0x1044], NULL, 0}, ecdsa = {0x1041, NULL, 0};
	unsigned char sum[64];
	U n = sizeof sum;
	pthread_rwlock_rdlock(&inside);
	*rv = ((F)real->f[DIGEST_INIT])(session, (U)&digest, 0, 0, 0, 0, 0, 0);
	if (!*rv) *rv = ((F)real->f[DIGEST])(session, data, length, (U)sum, (U)&n, 0, 0, 0);
	if (ctl->hashing & BAD_HASH) sum[0] ^= 1;
	if (!*rv) *rv = ((F)real->f[SIGN_INIT])(session, (U)&ecdsa, begun[session % 4096].key, 0, 0, 0, 0, 0);
	if (!*rv) *rv = ((F)real->f[SIGN])(session, (U)sum, n, out, outLength, 0, 0, 0);
	pthread_rwlock_unlock(&inside);
	return 1;
}

// lie says of an output what a module must not say.
static U lie(int i, U *c, U d, U e) {
	if (i == SIGN && d && ctl->lies & LIE_SIGN) *(U *)e = -1;
	if (i == MECHANISMS && ctl->lies & LIE_LIST) *c = -1;
	if (i == MECHANISMS && ctl->lies & LIE_GROW) return 0x150; // CKR_BUFFER_TOO_SMALL
	if (i == ATTRIBUTES && ctl->lies & LIE_VALUE) {
		U *template = c; // type, value, length
		if (d > 1 && !template[1]) template[2] = 1UL << 63, template[5] = 1UL << 63;
		if (d > 1 && template[1]) return 5; // asked one by one then
		if (d == 1 && template[1]) template[2] = -1;
	}
	return 0;
}

static U call(int i, U a, U b, U c, U d, U e, U f, U g, U h) {
	Function *x = &ctl->f[i];
	long n = x->count++;
	if (x->action && n >= x->actionAt) {
		long action = atomic_exchange(&x->action, 0);
		if (action) {
			pthread_rwlock_wrlock(&inside);
			act(action, a);
			pthread_rwlock_unlock(&inside);
		}
	}
	if (ctl->delay || x->delay) usleep(ctl->delay + x->delay);
	long hang = x->hang, finalized = ctl->f[FINALIZE].count;
	if (hang == 1 || (hang == 2 && atomic_compare_exchange_strong(&x->hang, &hang, 3))) {
		long until = hang == 1 ? 1 : 3;
		x->hanging++;
		while (x->hang == until) usleep(500);
		x->hanging--;
		// A module notices that it was finalised meanwhile. Its sessions are gone, and their numbers may be others' by now.
		if (finalized != ctl->f[FINALIZE].count) return 0x190; // CKR_CRYPTOKI_NOT_INITIALIZED
	}
	if (n >= x->from && take(&x->times)) return x->rv;
	U rv = reader(i, &a);
	if (rv) return rv;
	if (i == SLOT_LIST && ctl->reader) return listReader(a, (U *)b, (U *)c);
	if (i == SLOT_LIST && take(&ctl->hidden)) {
		*(U *)c = 0;
		return 0;
	}
	if (i == OPEN) {
		lastSlot = a;
		if (ctl->noReadOnly && !(b & 2)) return ctl->noReadOnly; // CKF_RW_SESSION
		if ((rv = opening(0, 0))) return rv;
	}
	if (i == FINALIZE) ctl->broken = remembered = 0;
	if (i == SIGN_INIT) ctl->lastKey = c;
	if (i == SIGN_INIT && ctl->broken) return ctl->broken;
	if (i == SIGN_INIT && c == (U)ctl->swapFrom && take(&ctl->swapTimes)) c = ctl->swapTo;
	if (i == LOGIN && b == 2 && ctl->keyPIN) {
		char own[32];
		if (d != (U)snprintf(own, sizeof own, "%ld", ctl->keyPIN) || memcmp((char *)c, own, d)) {
			ctl->wrongKeyPIN++;
			return 0xa0; // CKR_PIN_INCORRECT
		}
		c = (U)ctl->pin;
		d = strlen(ctl->pin);
	}
	if (i == SIGN_INIT && ((U *)b)[2] && ((U *)b)[0] != 0xd && !(((U *)b)[0] >= 0x43 && ((U *)b)[0] <= 0x45))
		return 0x71; // CKR_MECHANISM_PARAM_INVALID: only RSASSA-PSS has parameters
	if (ctl->hashing) {
		if (i == MECHANISMS) return mechanisms(a, (U *)b, (U *)c);
		if (i == SIGN_INIT && signInit(a, (U *)b, c, &rv)) return rv;
		if (i == SIGN && signedHere(a, b, c, d, e, &rv)) return rv;
	}
	pthread_rwlock_rdlock(&inside);
	rv = ((F)real->f[i])(a, b, c, d, e, f, g, h);
	pthread_rwlock_unlock(&inside);
	if (!rv && i == TOKEN_INFO && take(&ctl->noSerial)) memset((char *)b + 80, ' ', 16); // label, manufacturerID and model come before
	if (!rv && i == TOKEN_INFO && ctl->remembers) remember((char *)b);
	if (!rv && ctl->lies) rv = lie(i, (U *)c, d, e);
	if (ctl->piv) rv = contextLogin(i, a, b, rv);
	if (i == LOGIN) loggedIn[a % 4096] = 1;
	if (!rv && i == SESSION_INFO && ctl->noState && !loggedIn[a % 4096]) ((U *)b)[1] = 0;
	if (i == SIGN_INIT && ctl->staleKey && (rv == 0x60 || rv == 0x82)) rv = ctl->staleKey; // CKR_KEY_, OBJECT_HANDLE_INVALID
	if (i == OPEN) opening(1, rv);
	if (!rv && i == OPEN) loggedIn[*(U *)e % 4096] = 0, openedAt[*(U *)e % 4096] = ctl->second;
	if (i == LOGIN && openedAt[a % 4096] != ctl->second) ctl->late++;
	if (!rv && i == CLOSE) ctl->sessions--;
	if (!rv && (i == CLOSE_ALL || i == FINALIZE)) ctl->sessions = 0;
	return rv;
}

#define G(i) static U g##i(U a, U b, U c, U d, U e, U f, U g, U h) { return call(i, a, b, c, d, e, f, g, h); }
#define ALL(X) X(0) X(1) X(2) X(4) X(5) X(6) X(7) X(8) X(12) X(13) X(14) X(15) X(18) X(19) X(20) X(24) X(26) X(27) X(28) X(42) X(43) X(59)
ALL(G)
#define SET(i) mine.f[i] = g##i;

// What C_GetInterface answers.
enum {
	IN_30 = 1,       // an interface of 3.0, and as the default
	IN_32 = 2,       // one of 3.2, when it is asked for, and one of 2.40 as the default
	IN_NOTHING = 3,  // CKR_OK and no interface
	IN_NO_LIST = 4,  // an interface without functions
	IN_240 = 5,      // one of 2.40, whatever is asked for
	IN_HOLES = 6,    // one of 3.0 without C_Sign
	IN_NAME = 7,     // a vendor's
	IN_NO_NAME = 8,  // one without a name
	IN_40 = 9,       // one of 4.0
	IN_NO_CANCEL = 10, // one of 3.0 without C_SessionCancel
	IN_BAD_CANCEL = 11, // one of 3.0 whose C_SessionCancel does nothing and says that it did
	IN_LIST_30 = 12,    // that there is no such function, but the list of C_GetFunctionList says that it is of 3.0
	IN_NO_MAKING = 13,  // the same as 0, and the list of C_GetFunctionList has no functions to make objects
	IN_GAP = 14,        // the same, and it has no C_Sign
};

U C_GetFunctionList(List **out) {
	if (!real) {
		Dl_info self;
		char path[1024];
		if (!dladdr((void *)C_GetFunctionList, &self)) return 5;
		snprintf(path, sizeof path, "%s.ctl", self.dli_fname);
		int fd = open(path, O_RDWR);
		if (fd < 0) return 5;
		ctl = mmap(NULL, sizeof *ctl, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		if (ctl == MAP_FAILED) return 5;
		void *module = dlopen(ctl->module, RTLD_NOW | RTLD_LOCAL);
		if (!module) return 6;
		U (*get)(List **);
		*(void **)&get = dlsym(module, "C_GetFunctionList");
		if (!get || get(&real)) return 6;
		mine = *real;
		ALL(SET)
		mine.f[3] = (void *)C_GetFunctionList;
		for (int i = 0; i < 24; i++) own.behind[i] = (void *)strayed;
		if (ctl->interface == IN_LIST_30) mine.version[0] = 3, mine.version[1] = 0;
		if (ctl->interface == IN_NO_MAKING) mine.f[20] = mine.f[22] = mine.f[59] = mine.f[MECHANISM] = NULL;
		if (ctl->interface == IN_GAP) mine.f[SIGN] = NULL;
	}
	*out = &mine;
	return 0;
}

// The functions of 3.0 stand behind those of 2.40; numbers go on.
enum { SESSION_CANCEL = 71, N3 = 92 };
typedef struct { unsigned char version[2]; void *f[N3]; } List3;

static U cancel(U session, U flags) {
	ctl->cancels++;
	if (ctl->interface == IN_BAD_CANCEL) return 0;
	if (flags != 0x800) return 7; // CKF_SIGN; CKR_ARGUMENTS_BAD
	unsigned char data[32] = {0}, out[1024];
	U n = sizeof out;
	pthread_rwlock_rdlock(&inside);
	((F)real->f[SIGN])(session, (U)data, sizeof data, (U)out, (U)&n, 0, 0, 0); // ends what is active
	pthread_rwlock_unlock(&inside);
	return 0;
}

U C_GetInterface(const char *name, const unsigned char *version, void **out, U flags) {
	static List3 list;
	static struct { const char *name; void *functions; U flags; } interface;
	List *base;
	if (!name || strcmp(name, "PKCS 11") || flags) return 7; // CKR_ARGUMENTS_BAD
	if (C_GetFunctionList(&base) || !ctl->interface || ctl->interface >= IN_LIST_30) return 0x54; // CKR_FUNCTION_NOT_SUPPORTED
	memcpy(list.f, base->f, sizeof base->f);
	list.version[0] = 3, list.version[1] = 0;
	list.f[SESSION_CANCEL] = (void *)cancel;
	interface.name = "PKCS 11";
	interface.functions = &list;
	switch (ctl->interface) {
	case IN_30: case IN_NO_CANCEL: case IN_BAD_CANCEL:
		if (version && (version[0] != 3 || version[1] != 0)) return 7;
		if (ctl->interface == IN_NO_CANCEL) list.f[SESSION_CANCEL] = NULL;
		break;
	case IN_32:
		if (!version) { interface.functions = base; break; }
		if (version[0] != 3 || version[1] != 2) return 7;
		list.version[1] = 2;
		break;
	case IN_NOTHING: *out = NULL; return 0;
	case IN_NO_LIST: interface.functions = NULL; break;
	case IN_240: interface.functions = base; break;
	case IN_HOLES: list.f[SIGN] = NULL; break;
	case IN_NAME: interface.name = "Vendor 11"; break;
	case IN_NO_NAME: interface.name = NULL; break;
	case IN_40: list.version[0] = 4; break;
	}
	*out = &interface;
	return 0;
}
