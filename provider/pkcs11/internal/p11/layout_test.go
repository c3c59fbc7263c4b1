package p11

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// target is a platform and what has a C compiler of this machine lay structures out as there.
type target struct {
	name   string
	layout layout
	flags  []string
}

var targets = []target{
	{"64 bits", layout{8, 8, false}, []string{"-m64"}},
	{"32 bits", layout{4, 4, false}, []string{"-m32"}},
	{"Windows, 64 bits", layout{4, 8, true}, []string{"-m64", "-DULONG32", "-DCRYPTOKI_FORCE_WIN32", "-D__declspec(x)="}},
	{"Windows, 32 bits", layout{4, 4, true}, []string{"-m32", "-DCRYPTOKI_FORCE_WIN32", "-D__declspec(x)="}},
}

// TestLayoutByCompiler has a C compiler judge all offsets and sizes, with the header of p11-kit, which is not ours.
func TestLayoutByCompiler(t *testing.T) {
	const folder = "/usr/include/p11-kit-1"
	if _, err := os.Stat(folder + "/p11-kit/pkcs11.h"); err != nil {
		t.Skip("SKIPPED: " + folder + "/p11-kit/pkcs11.h is not here (apt-get install libp11-kit-dev)")
	}
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("SKIPPED: gcc is not here (apt-get install gcc)")
	}
	for _, c := range targets {
		t.Run(c.name, func(t *testing.T) {
			if strings.Contains(strings.Join(c.flags, " "), "-m32") && exec.Command(gcc, "-m32", "-fsyntax-only", "-x", "c", os.DevNull).Run() != nil {
				t.Skip("SKIPPED: gcc of this machine does not know -m32")
			}
			check := func(more int) (string, error) {
				source := filepath.Join(t.TempDir(), "layout.c")
				require.NoError(t, os.WriteFile(source, []byte(assertions(c.layout, more)), 0o600))
				out, err := exec.Command(gcc, append(c.flags, "-fsyntax-only", "-I", folder, source)...).CombinedOutput()
				return string(out), err
			}
			out, err := check(0)
			require.NoError(t, err, out)
			_, err = check(1)
			require.Error(t, err, "the compiler judges")
		})
	}
}

// assertions is a program of C that can be compiled when a layout is right; more is added to one offset.
func assertions(l layout, more int) string {
	var b strings.Builder
	b.WriteString("#include <stddef.h>\n#ifdef ULONG32\n#define long\n#endif\n#include <p11-kit/pkcs11.h>\n")
	for _, s := range []struct {
		name, fields string
		shape        shape
	}{
		{"CK_INFO", "cryptokiVersion manufacturerID flags libraryDescription libraryVersion", shapeInfo},
		{"CK_SLOT_INFO", "slotDescription manufacturerID flags hardwareVersion firmwareVersion", shapeSlotInfo},
		{"CK_TOKEN_INFO", "label manufacturerID model serialNumber flags ulMaxSessionCount ulSessionCount ulMaxRwSessionCount ulRwSessionCount " +
			"ulMaxPinLen ulMinPinLen ulTotalPublicMemory ulFreePublicMemory ulTotalPrivateMemory ulFreePrivateMemory hardwareVersion firmwareVersion utcTime", shapeTokenInfo},
		{"CK_SESSION_INFO", "slotID state flags ulDeviceError", shapeSessionInfo},
		{"CK_MECHANISM_INFO", "ulMinKeySize ulMaxKeySize flags", shapeMechanismInfo},
		{"CK_ATTRIBUTE", "type pValue ulValueLen", shapeAttribute},
		{"CK_MECHANISM", "mechanism pParameter ulParameterLen", shapeMechanism},
		{"CK_RSA_PKCS_PSS_PARAMS", "hashAlg mgf sLen", shapePSS},
		{"CK_C_INITIALIZE_ARGS", "CreateMutex DestroyMutex LockMutex UnlockMutex flags pReserved", shapeInitArgs},
	} {
		fields := strings.Fields(s.fields)
		if len(fields) != len(s.shape) {
			b.WriteString("#error fields of " + s.name + "\n")
		}
		for i, f := range fields {
			fmt.Fprintf(&b, "_Static_assert(__builtin_offsetof(%s, %s) == %d, \"\");\n", s.name, f, l.offset(s.shape, i)+more)
			more = 0
		}
		fmt.Fprintf(&b, "_Static_assert(sizeof(%s) == %d, \"\");\n", s.name, l.size(s.shape))
	}
	for name, fn := range map[string]int{
		"C_Initialize": fnInitialize, "C_Finalize": fnFinalize, "C_GetInfo": fnGetInfo, "C_GetSlotList": fnGetSlotList, "C_GetSlotInfo": fnGetSlotInfo,
		"C_GetTokenInfo": fnGetTokenInfo, "C_GetMechanismList": fnGetMechanismList, "C_GetMechanismInfo": fnGetMechanismInfo, "C_OpenSession": fnOpenSession,
		"C_CloseSession": fnCloseSession, "C_GetSessionInfo": fnGetSessionInfo, "C_Login": fnLogin, "C_CreateObject": fnCreateObject,
		"C_DestroyObject": fnDestroyObject, "C_GetAttributeValue": fnGetAttributeValue, "C_FindObjectsInit": fnFindObjectsInit,
		"C_FindObjects": fnFindObjects, "C_FindObjectsFinal": fnFindObjectsFinal, "C_SignInit": fnSignInit, "C_Sign": fnSign,
		"C_GenerateKeyPair": fnGenerateKeyPair,
	} {
		fmt.Fprintf(&b, "_Static_assert(__builtin_offsetof(CK_FUNCTION_LIST, %s) == %d, \"\");\n", name, l.function(fn))
	}
	fmt.Fprintf(&b, "_Static_assert(sizeof(CK_FUNCTION_LIST) == %d, \"\");\n", l.function(functions240))
	return b.String()
}

// TestLayout holds sizes against numbers that are written down, for machines without a compiler.
func TestLayout(t *testing.T) {
	for i, want := range [][6]int{ // CK_INFO, CK_SLOT_INFO, CK_TOKEN_INFO, CK_ATTRIBUTE, CK_C_INITIALIZE_ARGS, the first function
		{88, 112, 208, 24, 48, 8},
		{76, 104, 160, 12, 24, 4},
		{72, 104, 160, 16, 44, 2},
		{72, 104, 160, 12, 24, 2},
	} {
		l := targets[i].layout
		got := [6]int{l.size(shapeInfo), l.size(shapeSlotInfo), l.size(shapeTokenInfo), l.size(shapeAttribute), l.size(shapeInitArgs), l.function(0)}
		require.Equal(t, want, got, targets[i].name)
	}
}

// TestLayoutOfTemplate writes two attributes and finds them where their pointers point.
func TestLayoutOfTemplate(t *testing.T) {
	const address = 0x1000
	list := []Attribute{{AttrLabel, []byte("a label")}, {AttrSign, []byte{1}}, {AttrID, nil}}
	for _, c := range targets {
		b := make([]byte, c.layout.templateSize(list))
		c.layout.template(b, address, list)
		for i, a := range list {
			one := b[i*c.layout.size(shapeAttribute):]
			require.Equal(t, a.Type, c.layout.number(one, shapeAttribute, 0), c.name)
			at, n := c.layout.number(one, shapeAttribute, 1), c.layout.number(one, shapeAttribute, 2)
			require.Zero(t, at%alignment, c.name)
			require.EqualValues(t, len(a.Value), n, c.name)
			require.Equal(t, string(a.Value), string(b[at-address:][:n]), c.name)
		}
	}
}

// TestUnavailable: what the token does not say is one number on all platforms.
func TestUnavailable(t *testing.T) {
	for _, c := range targets {
		b := make([]byte, c.layout.size(shapeTokenInfo))
		for i := range b {
			b[i] = 0xff
		}
		info := c.layout.tokenInfo(b)
		require.Equal(t, Unavailable, info.Sessions, c.name)
		require.Equal(t, Unavailable, info.MaxSessions, c.name)
	}
}
