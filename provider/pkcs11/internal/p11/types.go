// Package p11 is the thin layer between package pkcs11 and the C functions of a PKCS #11 module: one method for each
// function that is used, no policy. A signature is one transition into C.
//
// Names and numbers are those of the OASIS specifications PKCS #11 2.40, 3.0 and 3.2.
package p11

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Unavailable is CK_UNAVAILABLE_INFORMATION: the token does not say.
const Unavailable = ^uint(0)

// Flags, classes, users, states.
const (
	TokenWriteProtected      = 0x02
	TokenLoginRequired       = 0x04
	TokenPINInitialized      = 0x08
	TokenProtectedPath       = 0x100
	TokenInitialized         = 0x400
	TokenPINCountLow         = 0x10000
	TokenPINFinalTry         = 0x20000
	TokenPINLocked           = 0x40000
	TokenPINToBeChanged      = 0x80000
	SlotTokenPresent         = 0x01
	MechanismSign            = 0x800
	ClassCertificate         = 1
	ClassPublicKey           = 2
	ClassPrivateKey          = 3
	UserNormal               = 1
	StateReadOnlyUser        = 1
	StateReadWriteUser       = 3
	CertificateX509          = 0
	sessionSerial            = 0x04
	sessionReadWrite         = 0x02
	maxTemplate              = 32 // attributes, as in glue.c
	maxAttributes            = 1 << 20
	findAtOnce               = 64
	maxObjects               = 100_000
	maxSlots                 = 10_000
	maxMechanisms            = 10_000
	maxSignature        uint = 1 << 16
)

// Attributes.
const (
	AttrClass              = 0x00
	AttrToken              = 0x01
	AttrPrivate            = 0x02
	AttrLabel              = 0x03
	AttrValue              = 0x11
	AttrCertificateType    = 0x80
	AttrIssuer             = 0x81
	AttrSerialNumber       = 0x82
	AttrKeyType            = 0x100
	AttrSubject            = 0x101
	AttrID                 = 0x102
	AttrSensitive          = 0x103
	AttrDecrypt            = 0x105
	AttrUnwrap             = 0x107
	AttrSign               = 0x108
	AttrVerify             = 0x10a
	AttrDerive             = 0x10c
	AttrModulus            = 0x120
	AttrModulusBits        = 0x121
	AttrPublicExponent     = 0x122
	AttrPublicKeyInfo      = 0x129
	AttrExtractable        = 0x162
	AttrECParams           = 0x180
	AttrECPoint            = 0x181
	AttrAlwaysAuthenticate = 0x202
	AttrGOST3410Params     = 0x250 // DER of the object identifier of a curve
	AttrGOST3411Params     = 0x251 // that of a hash
	AttrParameterSet       = 0x61d
	AttrAllowedMechanisms  = 0x40000600
)

// Kinds of keys.
const (
	KeyRSA       = 0x00
	KeyEC        = 0x03
	KeyECEdwards = 0x40

	KeyECMontgomery = 0x41
	KeyMLDSA        = 0x4a
	KeyGOST         = 0x30 // of 256 bits, of GOST R 34.10-2001 and -2012 alike
	KeyGOST512      = vendorGOST | 0x003
)

// vendorGOST are the numbers of TC 26 above CKK_VENDOR_DEFINED, which makers of tokens have agreed on.
const vendorGOST = 0xd4321000

// Mechanisms.
const (
	MechRSAKeyPair     = 0x00
	MechRSA            = 0x01
	MechPSS            = 0x0d
	MechSHA256         = 0x250
	MechSHA384         = 0x260
	MechSHA512         = 0x270
	MechSHA256RSA      = 0x40 // and the like: they hash what they sign
	MechSHA384RSA      = 0x41
	MechSHA512RSA      = 0x42
	MechSHA256PSS      = 0x43
	MechSHA384PSS      = 0x44
	MechSHA512PSS      = 0x45
	MechECDSASHA256    = 0x1044
	MechECDSASHA384    = 0x1045
	MechECDSASHA512    = 0x1046
	MechECKeyPair      = 0x1040
	MechECDSA          = 0x1041
	MechEdwardsKeyPair = 0x1055
	MechEdDSA          = 0x1057
	MechMLDSAKeyPair   = 0x1c
	MechMLDSA          = 0x1d
	MechGOSTKeyPair    = 0x1200
	MechGOST           = 0x1201 // over a digest
	MechGOST512KeyPair = vendorGOST | 0x005
	MechGOST512        = vendorGOST | 0x006
	MGFSHA256          = 2
	MGFSHA384          = 3
	MGFSHA512          = 4
)

// Parameter sets of ML-DSA.
const (
	SetMLDSA44 = 1
	SetMLDSA65 = 2
	SetMLDSA87 = 3
)

// ErrNoLoader says that this build has no way to call a module.
var ErrNoLoader = errors.New("this program was built with no way to load a library: leave out the tag signet_static, " +
	"or on a platform where that is no reason build it with CGO_ENABLED=1 and a C compiler")

// ErrInitialize is in the errors of C_Initialize.
var ErrInitialize = errors.New("C_Initialize")

// ErrLoad says that a file is no module, or none that can be loaded.
var ErrLoad = errors.New("the module could not be loaded")

// ErrNoModule says that a library can be loaded and is none of this kind.
var ErrNoModule = errors.New("the library has no C_GetFunctionList, so it is not a PKCS #11 module")

// ErrBusy says that calls of others did not leave the token to a sequence that needs it to itself.
var ErrBusy = errors.New("another call of the token has not returned")

// Info is what a module says of itself.
type Info struct {
	Version        string // of the PKCS #11 interface: "2.40"
	Manufacturer   string
	Library        string
	LibraryVersion string
}

// SlotInfo describes a slot.
type SlotInfo struct {
	Description, Manufacturer string
	Flags                     uint
}

// TokenInfo describes a token. Session counts are Unavailable when the token does not say, and 0 for the maximum means
// that there is none.
type TokenInfo struct {
	Label, Manufacturer, Model, Serial string
	// Identity has the serial number, label, manufacturer and model. The first has all octets that tell one token from another: it should
	// be text, and some have the octets of a number there.
	Identity              [4]string
	Flags                 uint
	MaxSessions, Sessions uint
	MinPIN, MaxPIN        uint
	Hardware, Firmware    string
}

// MechanismInfo says what a mechanism does; sizes are those of keys, in the unit of the mechanism.
type MechanismInfo struct{ MinKey, MaxKey, Flags uint }

// SessionInfo is the state of a session.
type SessionInfo struct{ Slot, State, Flags, DeviceError uint }

// LoggedIn reports whether the user is logged in.
func (i SessionInfo) LoggedIn() bool {
	return i.State == StateReadOnlyUser || i.State == StateReadWriteUser
}

// Attribute is a line of a template.
type Attribute struct {
	Type  uint
	Value []byte
}

// Ulong is an attribute with a number.
func Ulong(attr, value uint) Attribute {
	b := make([]byte, ulongSize)
	putUlong(b, value)
	return Attribute{attr, b}
}

// Bool is an attribute that is true or false.
func Bool(attr uint, value bool) Attribute {
	if value {
		return Attribute{attr, []byte{1}}
	}
	return Attribute{attr, []byte{0}}
}

// Bytes is an attribute with octets.
func Bytes(attr uint, value []byte) Attribute { return Attribute{attr, value} }

// ParseUlong reads a number of a module.
func ParseUlong(b []byte) (uint, bool) {
	switch len(b) {
	case 4:
		return uint(binary.NativeEndian.Uint32(b)), true
	case 8:
		return uint(binary.NativeEndian.Uint64(b)), true
	}
	return 0, false
}

// ParseUlongs reads several numbers of a module, such as a list of mechanisms.
func ParseUlongs(b []byte) []uint {
	if len(b)%ulongSize != 0 {
		return nil
	}
	var out []uint
	for ; len(b) > 0; b = b[ulongSize:] {
		v, _ := ParseUlong(b[:ulongSize])
		out = append(out, v)
	}
	return out
}

// Ulongs is an attribute with several numbers.
func Ulongs(attr uint, values ...uint) Attribute {
	a := Attribute{Type: attr}
	for _, v := range values {
		a.Value = append(a.Value, Ulong(attr, v).Value...)
	}
	return a
}

// text trims the blanks that fill fields of fixed size (section 3.1). Some modules end them with a zero instead, and leave
// behind it what was there before.
func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.ToValidUTF8(strings.TrimRight(s, " "), "?")
}

// telling is what tells one serial number from another. Text ends as in function text, but keeps its octets; a number counts with all
// of them, zeros too.
func telling(b []byte) string {
	whole := strings.TrimRight(string(b), " \x00")
	before, _, _ := strings.Cut(whole, "\x00")
	if before == "" || strings.ContainsFunc(before, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) {
		return whole
	}
	return strings.TrimRight(before, " ")
}

// SignCall is one signature. It may be used again.
type SignCall struct {
	Mechanism    uint
	Hash, MGF    uint // of RSASSA-PSS, else 0
	Salt         uint // octets
	Object       uint // the private key
	Data         []byte
	Out          []byte // of the exact size
	Authenticate bool   // C_Login with CKU_CONTEXT_SPECIFIC in between
	PIN          []byte // nil with Authenticate means the protected authentication path
	Stage        Stage  // the function that failed
}

// Stage is a function within a signature.
type Stage uint

// Stages.
const (
	SignInit Stage = iota + 1
	ContextLogin
	Sign
)

// failed names the function that gave an error.
func (s Stage) failed(err error) error {
	return fmt.Errorf("%s: %w", [...]string{SignInit: "C_SignInit", ContextLogin: "C_Login", Sign: "C_Sign"}[s], err)
}
