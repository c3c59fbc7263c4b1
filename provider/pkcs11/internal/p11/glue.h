// What Go calls: one function of C for each call of the module, and for a signature one for the whole of it.
#ifndef SIGNET_GLUE_H
#define SIGNET_GLUE_H

#include "cryptoki.h"

void *sg_load(const char *path, char *error, int errorLen);
// The functions of the newest interface of 3.x that the library has, by C_GetInterface, else those of C_GetFunctionList. Version
// is that of the list. Of3 says that it is by C_GetInterface: a list of C_GetFunctionList ends with the functions of 2.40, whatever
// version stands in it (section 5.4.4 of 3.0), as modules write there what their header has.
CK_FUNCTION_LIST *sg_functions(void *library, CK_RV *rv, CK_VERSION *version, int *of3);
// Whether a list has all functions without which nothing can be signed.
int sg_whole(CK_FUNCTION_LIST *f);
// C_SessionCancel for a signature; only with functions by C_GetInterface.
CK_RV sg_cancel(CK_FUNCTION_LIST *f, CK_ULONG session);

CK_RV sg_initialize(CK_FUNCTION_LIST *f, const char *reserved, int locking);
CK_RV sg_finalize(CK_FUNCTION_LIST *f);
CK_RV sg_info(CK_FUNCTION_LIST *f, CK_INFO *info);
CK_RV sg_slot_list(CK_FUNCTION_LIST *f, int present, CK_ULONG *slots, CK_ULONG *count);
CK_RV sg_slot_info(CK_FUNCTION_LIST *f, CK_ULONG slot, CK_SLOT_INFO *info);
CK_RV sg_token_info(CK_FUNCTION_LIST *f, CK_ULONG slot, CK_TOKEN_INFO *info);
CK_RV sg_mechanism_list(CK_FUNCTION_LIST *f, CK_ULONG slot, CK_ULONG *list, CK_ULONG *count);
CK_RV sg_mechanism_info(CK_FUNCTION_LIST *f, CK_ULONG slot, CK_ULONG mechanism, CK_MECHANISM_INFO *info);
CK_RV sg_open_session(CK_FUNCTION_LIST *f, CK_ULONG slot, CK_ULONG flags, CK_ULONG *session);
CK_RV sg_close_session(CK_FUNCTION_LIST *f, CK_ULONG session);
CK_RV sg_session_info(CK_FUNCTION_LIST *f, CK_ULONG session, CK_SESSION_INFO *info);
CK_RV sg_login(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG user, CK_BYTE *pin, CK_ULONG pinLen);

// Templates come flat, so that no pointer into Go stands in memory of Go: for each attribute its type and length as
// CK_ULONG, then the value, padded to a multiple of sizeof(CK_ULONG).
CK_RV sg_find_init(CK_FUNCTION_LIST *f, CK_ULONG session, CK_BYTE *flat, CK_ULONG count);
CK_RV sg_find(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG *objects, CK_ULONG max, CK_ULONG *count);
CK_RV sg_find_final(CK_FUNCTION_LIST *f, CK_ULONG session);
CK_RV sg_create_object(CK_FUNCTION_LIST *f, CK_ULONG session, CK_BYTE *flat, CK_ULONG count, CK_ULONG *object);
CK_RV sg_destroy_object(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG object);
CK_RV sg_generate_key_pair(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG mechanism, CK_BYTE *pub, CK_ULONG pubCount,
	CK_BYTE *priv, CK_ULONG privCount, CK_ULONG *pubObject, CK_ULONG *privObject);

// One attribute: with a null buffer its length, else its value.
CK_RV sg_attribute(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG object, CK_ULONG type, CK_BYTE *buffer, CK_ULONG *length);
// Lengths of several attributes in one call; CK_UNAVAILABLE for those that are not there.
CK_RV sg_lengths(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG object, CK_ULONG *types, CK_ULONG *lengths, CK_ULONG count);
// Values of several attributes in one call, into one buffer after each other; a length of CK_UNAVAILABLE is left out.
CK_RV sg_values(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG object, CK_ULONG *types, CK_ULONG *lengths, CK_ULONG count, CK_BYTE *buffer);

typedef struct {
	CK_RV rv;
	CK_ULONG length; // octets written, or needed
	CK_ULONG stage;  // the function that gave rv: 1 C_SignInit, 2 C_Login, 3 C_Sign
} sg_signed;

// C_SignInit, C_Login when auth is 1 (with the PIN) or 2 (protected authentication path), C_Sign.
sg_signed sg_sign(CK_FUNCTION_LIST *f, CK_ULONG session, CK_ULONG mechanism, CK_ULONG hash, CK_ULONG mgf, CK_ULONG salt,
	CK_ULONG key, CK_BYTE *data, CK_ULONG dataLen, CK_BYTE *out, CK_ULONG outLen, int auth, CK_BYTE *pin, CK_ULONG pinLen);
// C_Sign alone, after CKR_BUFFER_TOO_SMALL.
sg_signed sg_sign_again(CK_FUNCTION_LIST *f, CK_ULONG session, CK_BYTE *data, CK_ULONG dataLen, CK_BYTE *out, CK_ULONG outLen);

#endif
