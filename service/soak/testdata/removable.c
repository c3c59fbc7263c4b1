// A PKCS #11 module in front of a real one, whose token can be pulled out and put in again. Its own path + ".real" is the real
// module, and its own path + ".ctl" a file that both sides map into memory. While the token is out, every call says so, and
// the sessions of before are gone when it is back.
//
//	gcc -O2 -shared -fPIC -o removable.so removable.c -ldl -lpthread
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

typedef unsigned long U;
typedef struct { unsigned char version[2]; void *f[68]; } List;
typedef U (*F)(U, U, U, U, U, U, U, U);

// Numbers of functions are their places in the list: C_Initialize is 0.
enum { INITIALIZE, FINALIZE, SLOT_LIST = 4, INIT_TOKEN = 9, OPEN = 12, CLOSE, CLOSE_ALL, LOGIN = 18, SIGN = 43 };

typedef struct {
	atomic_long out;      // 1: the token is not there
	atomic_long sessions; // open now
	atomic_long refused;  // calls while it was not there
	atomic_long logins;
	atomic_long signatures;
} Control;

static List *real, mine;
static Control *ctl;
static atomic_ulong slot;
static atomic_long noticed;
// Calls of the real module hold it to read, the end of the sessions to write: a module whose sessions are closed under a
// call that runs may crash, and that is not what is tested.
static pthread_rwlock_t inside = PTHREAD_RWLOCK_INITIALIZER;

static void notice(void) {
	if (atomic_exchange(&noticed, 1)) return;
	pthread_rwlock_wrlock(&inside);
	((F)real->f[CLOSE_ALL])(slot, 0, 0, 0, 0, 0, 0, 0);
	ctl->sessions = 0;
	pthread_rwlock_unlock(&inside);
}

static U call(int i, U a, U b, U c, U d, U e, U f, U g, U h) {
	if (i > SLOT_LIST && ctl->out) {
		notice();
		ctl->refused++;
		return i <= INIT_TOKEN || i == OPEN || i == CLOSE_ALL ? 0xE0 : 0x32; // CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_REMOVED
	}
	if (i > SLOT_LIST) noticed = 0;
	pthread_rwlock_rdlock(&inside);
	if (i == OPEN) slot = a;
	U rv = ((F)real->f[i])(a, b, c, d, e, f, g, h);
	if (!rv && i == OPEN) ctl->sessions++;
	if (!rv && i == CLOSE) ctl->sessions--;
	if (!rv && (i == CLOSE_ALL || i == FINALIZE)) ctl->sessions = 0;
	if (!rv && i == SIGN) ctl->signatures++;
	if (i == LOGIN) ctl->logins++;
	pthread_rwlock_unlock(&inside);
	return rv;
}

#define G(i) static U g##i(U a, U b, U c, U d, U e, U f, U g, U h) { return call(i, a, b, c, d, e, f, g, h); }
#define ALL(X) X(0) X(1) X(2) X(4) X(5) X(6) X(7) X(8) X(12) X(13) X(14) X(15) X(18) X(19) X(20) X(24) X(26) X(27) X(28) X(42) X(43) X(59)
ALL(G)
#define SET(i) mine.f[i] = g##i;

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
		snprintf(path, sizeof path, "%s.real", self.dli_fname);
		void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		if (!module) return 6;
		U (*get)(List **);
		*(void **)&get = dlsym(module, "C_GetFunctionList");
		if (!get || get(&real)) return 6;
		mine = *real;
		ALL(SET)
		mine.f[3] = (void *)C_GetFunctionList;
	}
	*out = &mine;
	return 0;
}
