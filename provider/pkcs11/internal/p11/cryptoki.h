// The part of PKCS #11 2.40 and 3.0 (OASIS, "Cryptographic Token Interface Base Specification", "PKCS #11 Specification Version
// 3.1" section 5) that signing needs, written for this library. Structures have the natural alignment of the platform, as every module outside Windows expects. Functions
// that are not called stand in the list as pointers without a type, in the order of the specification (section 4.2).
#ifndef SIGNET_CRYPTOKI_H
#define SIGNET_CRYPTOKI_H

typedef unsigned char CK_BYTE;
typedef unsigned long CK_ULONG;
typedef CK_ULONG CK_RV;

typedef struct { CK_BYTE major, minor; } CK_VERSION;

typedef struct {
	CK_VERSION cryptokiVersion;
	CK_BYTE manufacturerID[32];
	CK_ULONG flags;
	CK_BYTE libraryDescription[32];
	CK_VERSION libraryVersion;
} CK_INFO;

typedef struct {
	CK_BYTE slotDescription[64];
	CK_BYTE manufacturerID[32];
	CK_ULONG flags;
	CK_VERSION hardwareVersion, firmwareVersion;
} CK_SLOT_INFO;

typedef struct {
	CK_BYTE label[32];
	CK_BYTE manufacturerID[32];
	CK_BYTE model[16];
	CK_BYTE serialNumber[16];
	CK_ULONG flags;
	CK_ULONG maxSessionCount, sessionCount, maxRwSessionCount, rwSessionCount;
	CK_ULONG maxPinLen, minPinLen;
	CK_ULONG totalPublicMemory, freePublicMemory, totalPrivateMemory, freePrivateMemory;
	CK_VERSION hardwareVersion, firmwareVersion;
	CK_BYTE utcTime[16];
} CK_TOKEN_INFO;

typedef struct { CK_ULONG slotID, state, flags, deviceError; } CK_SESSION_INFO;
typedef struct { CK_ULONG type; void *value; CK_ULONG valueLen; } CK_ATTRIBUTE;
typedef struct { CK_ULONG mechanism; void *parameter; CK_ULONG parameterLen; } CK_MECHANISM;
typedef struct { CK_ULONG minKeySize, maxKeySize, flags; } CK_MECHANISM_INFO;
typedef struct { CK_ULONG hashAlg, mgf, saltLen; } CK_RSA_PKCS_PSS_PARAMS;

typedef struct {
	void *createMutex, *destroyMutex, *lockMutex, *unlockMutex;
	CK_ULONG flags;
	void *reserved;
} CK_C_INITIALIZE_ARGS;

typedef struct {
	CK_VERSION version;
	CK_RV (*C_Initialize)(void *);
	CK_RV (*C_Finalize)(void *);
	CK_RV (*C_GetInfo)(CK_INFO *);
	void *C_GetFunctionList;
	CK_RV (*C_GetSlotList)(CK_BYTE, CK_ULONG *, CK_ULONG *);
	CK_RV (*C_GetSlotInfo)(CK_ULONG, CK_SLOT_INFO *);
	CK_RV (*C_GetTokenInfo)(CK_ULONG, CK_TOKEN_INFO *);
	CK_RV (*C_GetMechanismList)(CK_ULONG, CK_ULONG *, CK_ULONG *);
	CK_RV (*C_GetMechanismInfo)(CK_ULONG, CK_ULONG, CK_MECHANISM_INFO *);
	void *C_InitToken, *C_InitPIN, *C_SetPIN;
	CK_RV (*C_OpenSession)(CK_ULONG, CK_ULONG, void *, void *, CK_ULONG *);
	CK_RV (*C_CloseSession)(CK_ULONG);
	void *C_CloseAllSessions;
	CK_RV (*C_GetSessionInfo)(CK_ULONG, CK_SESSION_INFO *);
	void *C_GetOperationState, *C_SetOperationState;
	CK_RV (*C_Login)(CK_ULONG, CK_ULONG, CK_BYTE *, CK_ULONG);
	void *C_Logout;
	CK_RV (*C_CreateObject)(CK_ULONG, CK_ATTRIBUTE *, CK_ULONG, CK_ULONG *);
	void *C_CopyObject;
	CK_RV (*C_DestroyObject)(CK_ULONG, CK_ULONG);
	void *C_GetObjectSize;
	CK_RV (*C_GetAttributeValue)(CK_ULONG, CK_ULONG, CK_ATTRIBUTE *, CK_ULONG);
	void *C_SetAttributeValue;
	CK_RV (*C_FindObjectsInit)(CK_ULONG, CK_ATTRIBUTE *, CK_ULONG);
	CK_RV (*C_FindObjects)(CK_ULONG, CK_ULONG *, CK_ULONG, CK_ULONG *);
	CK_RV (*C_FindObjectsFinal)(CK_ULONG);
	void *C_EncryptInit, *C_Encrypt, *C_EncryptUpdate, *C_EncryptFinal;
	void *C_DecryptInit, *C_Decrypt, *C_DecryptUpdate, *C_DecryptFinal;
	void *C_DigestInit, *C_Digest, *C_DigestUpdate, *C_DigestKey, *C_DigestFinal;
	CK_RV (*C_SignInit)(CK_ULONG, CK_MECHANISM *, CK_ULONG);
	CK_RV (*C_Sign)(CK_ULONG, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *);
	void *C_SignUpdate, *C_SignFinal, *C_SignRecoverInit, *C_SignRecover;
	void *C_VerifyInit, *C_Verify, *C_VerifyUpdate, *C_VerifyFinal, *C_VerifyRecoverInit, *C_VerifyRecover;
	void *C_DigestEncryptUpdate, *C_DecryptDigestUpdate, *C_SignEncryptUpdate, *C_DecryptVerifyUpdate;
	void *C_GenerateKey;
	CK_RV (*C_GenerateKeyPair)(CK_ULONG, CK_MECHANISM *, CK_ATTRIBUTE *, CK_ULONG, CK_ATTRIBUTE *, CK_ULONG, CK_ULONG *, CK_ULONG *);
	void *C_WrapKey, *C_UnwrapKey, *C_DeriveKey, *C_SeedRandom, *C_GenerateRandom;
	void *C_GetFunctionStatus, *C_CancelFunction, *C_WaitForSlotEvent;
} CK_FUNCTION_LIST;

// The list of 3.0 begins with that of 2.40, but for its version; later ones begin with that of 3.0.
typedef struct {
	CK_FUNCTION_LIST base;
	void *C_GetInterfaceList, *C_GetInterface;
	CK_RV (*C_LoginUser)(CK_ULONG, CK_ULONG, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG);
	CK_RV (*C_SessionCancel)(CK_ULONG, CK_ULONG);
	void *C_MessageEncryptInit, *C_EncryptMessage, *C_EncryptMessageBegin, *C_EncryptMessageNext, *C_MessageEncryptFinal;
	void *C_MessageDecryptInit, *C_DecryptMessage, *C_DecryptMessageBegin, *C_DecryptMessageNext, *C_MessageDecryptFinal;
	void *C_MessageSignInit, *C_SignMessage, *C_SignMessageBegin, *C_SignMessageNext, *C_MessageSignFinal;
	void *C_MessageVerifyInit, *C_VerifyMessage, *C_VerifyMessageBegin, *C_VerifyMessageNext, *C_MessageVerifyFinal;
} CK_FUNCTION_LIST_3_0;

typedef struct { char *name; void *functions; CK_ULONG flags; } CK_INTERFACE;

#define CKR_OK 0x00UL
#define CKR_HOST_MEMORY 0x02UL
#define CKR_FUNCTION_NOT_SUPPORTED 0x54UL
#define CKR_BUFFER_TOO_SMALL 0x150UL

#define CKF_OS_LOCKING_OK 0x02UL
#define CKF_SIGN 0x800UL
#define CKU_CONTEXT_SPECIFIC 2UL
#define CK_UNAVAILABLE (~0UL)

#endif
