// A PKCS #11 module in front of a real one, that says of its tokens what a test wants to see:
//
//	BEND_MODULE  the real module
//	BEND_FLAGS   flags to add to those of each token
//	BEND_PIN     what is entered at the keypad: C_Login without a PIN takes it
//	BEND_DELAY   microseconds that each signature takes longer
//	BEND_REFUSE  mechanism that C_Sign refuses, though it is listed and C_SignInit takes it
//	BEND_REFUSE_TOO  another one
//	BEND_HANG    microseconds that C_Initialize takes until it fails
//
//	gcc -shared -fPIC -o bend.so bend.c -ldl
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long U;
typedef struct { unsigned char version[2]; void *f[68]; } List;
enum { INITIALIZE = 0, TOKEN_INFO = 6, LOGIN = 18, SIGN_INIT = 42, SIGN = 43, FLAGS_AT = 96 };

static List *real, mine;

static unsigned long number(const char *name) {
	const char *value = getenv(name);
	return value ? strtoul(value, NULL, 0) : 0;
}

static U token_info(U slot, char *info) {
	U rv = ((U(*)(U, void *))real->f[TOKEN_INFO])(slot, info);
	if (rv == 0) *(U *)(info + FLAGS_AT) |= number("BEND_FLAGS");
	return rv;
}

static U login(U session, U user, char *pin, U length) {
	if (pin == NULL) {
		pin = getenv("BEND_PIN");
		if (pin == NULL) return 0x50; // CKR_FUNCTION_CANCELED
		length = strlen(pin);
	}
	return ((U(*)(U, U, char *, U))real->f[LOGIN])(session, user, pin, length);
}

static U initialize(void *args) {
	if (number("BEND_HANG")) {
		usleep(number("BEND_HANG"));
		return 0x30; // CKR_DEVICE_ERROR
	}
	return ((U(*)(void *))real->f[INITIALIZE])(args);
}

static _Thread_local U mechanism;

static U sign_init(U session, U *m, U key) {
	mechanism = *m;
	return ((U(*)(U, U *, U))real->f[SIGN_INIT])(session, m, key);
}

static U sign(U session, void *data, U n, void *signature, U *length) {
	usleep(number("BEND_DELAY"));
	if (mechanism && (number("BEND_REFUSE") == mechanism || number("BEND_REFUSE_TOO") == mechanism)) return 0x70; // CKR_MECHANISM_INVALID
	return ((U(*)(U, void *, U, void *, U *))real->f[SIGN])(session, data, n, signature, length);
}

U C_GetFunctionList(List **list) {
	if (real == NULL) {
		void *module = dlopen(getenv("BEND_MODULE"), RTLD_NOW | RTLD_LOCAL);
		if (module == NULL) return 5;
		U (*get)(List **) = (U(*)(List **))dlsym(module, "C_GetFunctionList");
		if (get == NULL || get(&real) != 0) return 5;
		mine = *real;
		mine.f[INITIALIZE] = initialize;
		mine.f[TOKEN_INFO] = token_info;
		mine.f[LOGIN] = login;
		mine.f[SIGN_INIT] = sign_init;
		mine.f[SIGN] = sign;
	}
	*list = &mine;
	return 0;
}
