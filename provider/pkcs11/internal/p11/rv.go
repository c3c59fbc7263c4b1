package p11

import "fmt"

// RV is a CK_RV other than CKR_OK.
type RV uint

// The return values that somebody asks for by name.
const (
	HostMemory           RV = 0x02
	SlotIDInvalid        RV = 0x03
	GeneralError         RV = 0x05
	FunctionFailed       RV = 0x06
	ArgumentsBad         RV = 0x07
	CantLock             RV = 0x0a
	AttributeReadOnly    RV = 0x10
	AttributeSensitive   RV = 0x11
	AttributeTypeInvalid RV = 0x12
	AttributeInvalid     RV = 0x13
	DataInvalid          RV = 0x20
	DataLenRange         RV = 0x21
	DeviceError          RV = 0x30
	DeviceMemory         RV = 0x31
	DeviceRemoved        RV = 0x32
	FunctionCanceled     RV = 0x50
	FunctionNotSupported RV = 0x54
	KeyHandleInvalid     RV = 0x60
	KeySizeRange         RV = 0x62
	KeyTypeInconsistent  RV = 0x63
	KeyNotPermitted      RV = 0x68
	MechanismInvalid     RV = 0x70
	MechanismParam       RV = 0x71
	ObjectHandleInvalid  RV = 0x82
	OperationActive      RV = 0x90
	OperationNotInit     RV = 0x91
	PINIncorrect         RV = 0xa0
	PINInvalid           RV = 0xa1
	PINLenRange          RV = 0xa2
	PINExpired           RV = 0xa3
	PINLocked            RV = 0xa4
	SessionClosed        RV = 0xb0
	SessionCount         RV = 0xb1
	SessionHandleInvalid RV = 0xb3
	SessionReadOnly      RV = 0xb5
	SessionSOExists      RV = 0xb8
	TemplateInconsistent RV = 0xd1
	TokenNotPresent      RV = 0xe0
	TokenNotRecognized   RV = 0xe1
	WriteProtected       RV = 0xe2
	AlreadyLoggedIn      RV = 0x100
	NotLoggedIn          RV = 0x101
	PINNotInitialized    RV = 0x102
	UserTypeInvalid      RV = 0x103
	AnotherLoggedIn      RV = 0x104
	DomainParamsInvalid  RV = 0x130
	CurveNotSupported    RV = 0x140
	BufferTooSmall       RV = 0x150
	NotInitialized       RV = 0x190
	AlreadyInitialized   RV = 0x191
	PINTooWeak           RV = 0x1c3
	FunctionRejected     RV = 0x200
)

// names are the names of the specification without CKR_.
var names = map[RV]string{
	0x01: "CANCEL", 0x02: "HOST_MEMORY", 0x03: "SLOT_ID_INVALID", 0x05: "GENERAL_ERROR", 0x06: "FUNCTION_FAILED",
	0x07: "ARGUMENTS_BAD", 0x08: "NO_EVENT", 0x09: "NEED_TO_CREATE_THREADS", 0x0a: "CANT_LOCK",
	0x10: "ATTRIBUTE_READ_ONLY", 0x11: "ATTRIBUTE_SENSITIVE", 0x12: "ATTRIBUTE_TYPE_INVALID",
	0x13: "ATTRIBUTE_VALUE_INVALID", 0x1b: "ACTION_PROHIBITED", 0x20: "DATA_INVALID", 0x21: "DATA_LEN_RANGE",
	0x30: "DEVICE_ERROR", 0x31: "DEVICE_MEMORY", 0x32: "DEVICE_REMOVED", 0x50: "FUNCTION_CANCELED",
	0x51: "FUNCTION_NOT_PARALLEL", 0x54: "FUNCTION_NOT_SUPPORTED", 0x60: "KEY_HANDLE_INVALID", 0x62: "KEY_SIZE_RANGE",
	0x63: "KEY_TYPE_INCONSISTENT", 0x64: "KEY_NOT_NEEDED", 0x65: "KEY_CHANGED", 0x66: "KEY_NEEDED",
	0x67: "KEY_INDIGESTIBLE", 0x68: "KEY_FUNCTION_NOT_PERMITTED", 0x6a: "KEY_UNEXTRACTABLE", 0x70: "MECHANISM_INVALID",
	0x71: "MECHANISM_PARAM_INVALID", 0x82: "OBJECT_HANDLE_INVALID", 0x90: "OPERATION_ACTIVE",
	0x91: "OPERATION_NOT_INITIALIZED", 0xa0: "PIN_INCORRECT", 0xa1: "PIN_INVALID", 0xa2: "PIN_LEN_RANGE",
	0xa3: "PIN_EXPIRED", 0xa4: "PIN_LOCKED", 0xb0: "SESSION_CLOSED", 0xb1: "SESSION_COUNT",
	0xb3: "SESSION_HANDLE_INVALID", 0xb4: "SESSION_PARALLEL_NOT_SUPPORTED", 0xb5: "SESSION_READ_ONLY",
	0xb6: "SESSION_EXISTS", 0xb7: "SESSION_READ_ONLY_EXISTS", 0xb8: "SESSION_READ_WRITE_SO_EXISTS",
	0xc0: "SIGNATURE_INVALID", 0xc1: "SIGNATURE_LEN_RANGE", 0xd0: "TEMPLATE_INCOMPLETE", 0xd1: "TEMPLATE_INCONSISTENT",
	0xe0: "TOKEN_NOT_PRESENT", 0xe1: "TOKEN_NOT_RECOGNIZED", 0xe2: "TOKEN_WRITE_PROTECTED",
	0x100: "USER_ALREADY_LOGGED_IN", 0x101: "USER_NOT_LOGGED_IN", 0x102: "USER_PIN_NOT_INITIALIZED",
	0x103: "USER_TYPE_INVALID", 0x104: "USER_ANOTHER_ALREADY_LOGGED_IN", 0x105: "USER_TOO_MANY_TYPES",
	0x130: "DOMAIN_PARAMS_INVALID", 0x140: "CURVE_NOT_SUPPORTED", 0x150: "BUFFER_TOO_SMALL", 0x160: "SAVED_STATE_INVALID",
	0x170: "INFORMATION_SENSITIVE", 0x180: "STATE_UNSAVEABLE", 0x190: "CRYPTOKI_NOT_INITIALIZED",
	0x191: "CRYPTOKI_ALREADY_INITIALIZED", 0x1a0: "MUTEX_BAD", 0x1a1: "MUTEX_NOT_LOCKED", 0x1b0: "NEW_PIN_MODE",
	0x1b1: "NEXT_OTP", 0x1c0: "EXCEEDED_MAX_ITERATIONS", 0x1c1: "FIPS_SELF_TEST_FAILED", 0x1c2: "LIBRARY_LOAD_FAILED",
	0x1c3: "PIN_TOO_WEAK", 0x1c4: "PUBLIC_KEY_INVALID", 0x200: "FUNCTION_REJECTED",
}

// Known reports whether the specification has a name for it. Others are vendors' own.
func (rv RV) Known() bool {
	_, ok := names[rv]
	return ok
}

// Error is the name of the specification and the number, which is what vendors' manuals list.
func (rv RV) Error() string {
	if name, ok := names[rv]; ok {
		return fmt.Sprintf("CKR_%s (0x%X)", name, uint(rv))
	}
	if rv >= 0x80000000 {
		return fmt.Sprintf("CKR_VENDOR_DEFINED + 0x%X", uint(rv)-0x80000000)
	}
	return fmt.Sprintf("CKR 0x%X", uint(rv))
}
