//go:build unix && !signet_static

package pkcs11_test

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// The functions that tests bend, by their place in the function list.
const (
	fnOpenSession  = 12
	fnCloseSession = 13
	fnSessionInfo  = 15
	fnLogin        = 18
	fnFindInit     = 26
	fnSignInit     = 42
	fnSign         = 43
	fnGenerate     = 59
	fnInitialize   = 0
	fnFinalize     = 1
	fnSlotList     = 4
	fnTokenInfo    = 6
)

// What the shim does to the real module before a call.
const (
	doCloseAll = 1
	doLogout   = 2
	doFinalize = 3
	doFork     = 4
	doRelogin  = 5
)

// shim is a module of testdata/shim.c in front of a private copy of a real one.
type shim struct {
	path string
	mem  []byte
}

// function is the part of the control block of one function, as in shim.c.
type function struct {
	count, from, times, rv, hang, hanging, delay, action, actionAt *int64
}

const (
	shimHeader    = 768
	shimGlobals   = 29
	shimPerFn     = 9
	shimFunctions = 68
)

var shimBuild struct {
	sync.Once
	path string
	err  error
}

// newShim compiles the shim once and gives each test a copy, since modules are told apart by their files.
func newShim(t testing.TB, real string) *shim {
	t.Helper()
	return makeShim(t, real, true)
}

// makeShim takes a real module as it is when a copy of it is of no use: it may have parts that it finds by its own place.
func makeShim(t testing.TB, real string, private bool) *shim {
	t.Helper()
	shimBuild.Do(func() {
		shimBuild.path = filepath.Join(softHSM.dir, "shim.so")
		if built := os.Getenv("SIGNET_TEST_SHIM"); built != "" { // where there is no compiler
			shimBuild.path = built
			return
		}
		run(t, find(t, "apt-get install gcc", "gcc", "cc"), "-O2", "-shared", "-fPIC", "-o", shimBuild.path, "testdata/shim.c", "-ldl", "-lpthread")
	})
	// Not in t.TempDir: modules are never unloaded, and one that keeps a copy open is no reason for a test to fail.
	dir, err := os.MkdirTemp(softHSM.dir, "shim-")
	require.NoError(t, err)
	own := real
	if private {
		own = filepath.Join(dir, "real.so")
		copyFile(t, real, own)
	}
	s := &shim{path: filepath.Join(dir, "shim.so")}
	copyFile(t, shimBuild.path, s.path)
	size := shimHeader + 8*(shimGlobals+shimPerFn*shimFunctions)
	control := make([]byte, size)
	copy(control, own)
	require.NoError(t, os.WriteFile(s.path+".ctl", control, 0o600))
	f, err := os.OpenFile(s.path+".ctl", os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	s.mem, err = syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	require.NoError(t, err) // stays mapped: the module is never unloaded either
	return s
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, 0o700))
}

func (s *shim) at(i int) *int64 { return (*int64)(unsafe.Pointer(&s.mem[shimHeader+8*i])) }

func (s *shim) maxSessions() *int64 { return s.at(1) }
func (s *shim) sessions() int64     { return atomic.LoadInt64(s.at(2)) }
func (s *shim) mostSessions() int64 { return atomic.LoadInt64(s.at(3)) }
func (s *shim) count(fn int) int64  { return atomic.LoadInt64(s.fn(fn).count) }

func (s *shim) fn(i int) function {
	b := shimGlobals + shimPerFn*i
	return function{s.at(b), s.at(b + 1), s.at(b + 2), s.at(b + 3), s.at(b + 4), s.at(b + 5), s.at(b + 6), s.at(b + 7), s.at(b + 8)}
}

// fail lets a function fail, after so many more calls that do not, so many times.
func (s *shim) fail(fn int, after, times int64, rv int64) {
	f := s.fn(fn)
	atomic.StoreInt64(f.rv, rv)
	atomic.StoreInt64(f.from, atomic.LoadInt64(f.count)+after)
	atomic.StoreInt64(f.times, times)
}

// exchange exchanges the tokens of two slots. Sessions that are open stay with theirs, by modules that do not look.
func (s *shim) exchange(first, second uint) {
	atomic.StoreInt64(s.at(26), int64(first)+1)
	atomic.StoreInt64(s.at(27), int64(second)+1)
}

// lateLogins counts PINs that were given to sessions of before that.
func (s *shim) lateLogins() int64 { return atomic.LoadInt64(s.at(28)) }

// put puts the token of a slot of the real module into the only reader that is shown then; none takes it out.
func (s *shim) put(slot *uint) {
	value := int64(-1)
	if slot != nil {
		value = int64(*slot) + 1
	}
	atomic.StoreInt64(s.at(12), value)
}

// hideToken lists no slots, so many times.
func (s *shim) hideToken(times int64) { atomic.StoreInt64(s.at(15), times) }

// blankSerial has tokens tell no serial number, so many times.
func (s *shim) blankSerial(times int64) { atomic.StoreInt64(s.at(16), times) }

// keyPIN has keys that want a PIN for each signature take this one only, which is not the user's.
func (s *shim) keyPIN(pin int64) {
	s.user(goodPIN, "")
	atomic.StoreInt64(s.at(17), pin)
}

func (s *shim) lastKey() int64      { return atomic.LoadInt64(s.at(19)) }
func (s *shim) wrongKeyPINs() int64 { return atomic.LoadInt64(s.at(18)) }

// breakDevice has C_SignInit fail until the module is finalised, when all else still goes well.
func (s *shim) breakDevice(rv int64) { atomic.StoreInt64(s.at(9), rv) }

// What becomes of the mechanisms of the real module, bits for shim.hash.
const (
	hideRaw  = 1 << iota // those that sign a digest are neither listed nor taken
	lateRaw              // they are listed, and refused by C_Sign
	addECDSA             // CKM_ECDSA_SHA256 and the like are there
	lateHash             // those that hash what they sign are refused by C_Sign
	hideHash             // they are not listed, and taken
	checkLen             // they are refused what is as long as a digest
	badHash              // what addECDSA adds signs another digest
)

func (s *shim) hash(bits int64) { atomic.StoreInt64(s.at(20), bits) }

// answerInterface is what C_GetInterface answers, a number of shim.c. It is asked once, when the module is loaded.
func (s *shim) answerInterface(number int64) { atomic.StoreInt64(s.at(21), number) }

// remember has C_GetTokenInfo say what it has said first, whatever is in the reader, until the module is finalised.
func (s *shim) remember() { atomic.StoreInt64(s.at(23), 1) }

// What the shim says of the length of outputs, bits for shim.lie.
const (
	lieSign = 1 << iota
	lieList
	lieValue
	lieGrow
)

func (s *shim) lie(bits int64) { atomic.StoreInt64(s.at(25), bits) }

// strayed counts calls of what stands behind the list of C_GetFunctionList.
func (s *shim) strayed() int64 { return atomic.LoadInt64(s.at(24)) }

// cancels counts the calls of C_SessionCancel.
func (s *shim) cancels() int64 { return atomic.LoadInt64(s.at(22)) }

// do has something happen to the real module, before a call of the function, after so many more.
func (s *shim) do(fn int, after, action int64) {
	f := s.fn(fn)
	atomic.StoreInt64(f.actionAt, atomic.LoadInt64(f.count)+after)
	atomic.StoreInt64(f.action, action)
}

// user is who logs in again with doRelogin, and the label of the key that it looks for then.
func (s *shim) user(pin, label string) {
	copy(s.mem[512:640], pin+"\x00")
	copy(s.mem[640:768], label+"\x00")
}

// swap has C_SignInit take another key for a while, as modules do that give handles out again.
func (s *shim) swap(from, to, times int64) {
	atomic.StoreInt64(s.at(4), from)
	atomic.StoreInt64(s.at(5), to)
	atomic.StoreInt64(s.at(6), times)
}
