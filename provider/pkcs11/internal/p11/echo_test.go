//go:build !signet_static

package p11

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// echo compiles the module of testdata/echo.c, which gives back what it was called with. SIGNET_TEST_ECHO names one that is compiled,
// for machines without a compiler.
func echo(t testing.TB) string {
	t.Helper()
	if built := os.Getenv("SIGNET_TEST_ECHO"); built != "" {
		return built
	}
	const folder = "/usr/include/p11-kit-1"
	if _, err := os.Stat(folder); err != nil {
		t.Skip("SKIPPED: " + folder + " is not here (apt-get install libp11-kit-dev)")
	}
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("SKIPPED: gcc is not here (apt-get install gcc)")
	}
	dir, err := os.MkdirTemp("", "echo-") // a module is never unloaded
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	module := filepath.Join(dir, "echo.so")
	out, err := exec.Command(gcc, "-O2", "-shared", "-fPIC", "-I", folder, "-o", module, "testdata/echo.c").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return module
}

// TestEcho calls each function, and a module that was compiled by somebody else's header says what has come.
func TestEcho(t *testing.T) {
	path := echo(t)
	m, err := Open(path, "some words")
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	again, err := Open(path, "some words")
	require.NoError(t, err)
	require.Same(t, m, again)
	require.NoError(t, again.Close())
	require.Equal(t, "2.40", m.Interface())

	info, err := m.Info()
	require.NoError(t, err)
	require.Equal(t, Info{"2.40", "Echo", "2/some words", "7.9"}, info)
	slots, err := m.Slots(false)
	require.NoError(t, err)
	require.Equal(t, []uint{1, 70000, 0xfffffff0}, slots)
	slots, err = m.Slots(true)
	require.NoError(t, err)
	require.Equal(t, []uint{1, 70000}, slots)
	slot, err := m.Slot(0xfffffff0)
	require.NoError(t, err)
	require.Equal(t, SlotInfo{"slot 4294967280", "maker", 5}, slot)
	token, err := m.Token(70000)
	require.NoError(t, err)
	require.Equal(t, TokenInfo{Label: "label", Manufacturer: "maker", Model: "model", Serial: "serial", Identity: [4]string{"serial", "label", "maker", "model"},
		Flags: 0x40d, MaxSessions: 1, Sessions: Unavailable, MinPIN: 4, MaxPIN: 12, Hardware: "1.2", Firmware: "3.4"}, token)
	mechanisms, err := m.Mechanisms(70000)
	require.NoError(t, err)
	require.Equal(t, []uint{MechRSA, MechPSS, 0x80000001}, mechanisms)
	_, err = m.Mechanisms(1)
	require.ErrorIs(t, err, SlotIDInvalid)
	mechanism, err := m.Mechanism(70000, MechPSS)
	require.NoError(t, err)
	require.Equal(t, MechanismInfo{70000, MechPSS, 0x800}, mechanism)

	s, err := m.OpenSession(70000, true)
	require.NoError(t, err)
	state, err := s.Info()
	require.NoError(t, err)
	require.Equal(t, SessionInfo{70000, StateReadWriteUser, 6, 77}, state)
	require.NoError(t, s.Login([]byte("1234")))
	require.ErrorIs(t, s.Login([]byte("4321")), PINIncorrect)
	require.NoError(t, s.Login(nil))
	require.ErrorIs(t, s.Cancel(), FunctionNotSupported)

	class := ulongHex(ClassPrivateKey)
	found, err := s.Find(Ulong(AttrClass, ClassPrivateKey), Bytes(AttrLabel, []byte("key")), Bool(AttrSign, true), Bytes(AttrID, nil))
	require.NoError(t, err)
	require.Len(t, found, 100)
	require.EqualValues(t, 1100, found[0])
	require.EqualValues(t, 1001, found[99])
	values, err := s.Attributes(7, AttrLabel, AttrValue, AttrID, AttrSubject)
	require.NoError(t, err)
	require.Equal(t, []string{"object 7", "", "0=" + class + ";3=6b6579;108=01;102=;"}, []string{string(values[0]), string(values[1]), string(values[2])})
	require.NotNil(t, values[1])
	require.Nil(t, values[3])
	values, err = s.Attributes(8, AttrModulus, AttrLabel) // one by one, since the first is not there
	require.NoError(t, err)
	require.Nil(t, values[0])
	require.Equal(t, "object 8", string(values[1]))
	values, err = s.Attributes(9, attrApplication, AttrLabel)
	require.NoError(t, err)
	require.Equal(t, []string{"short", "object 9"}, []string{string(values[0]), string(values[1])}, "its length has changed in between")

	object, err := s.Create(Bytes(AttrLabel, []byte("c")), Ulongs(AttrAllowedMechanisms, MechRSA, 0x80000001))
	require.NoError(t, err)
	require.EqualValues(t, 42, object)
	require.Equal(t, "3=63;40000600="+ulongHex(MechRSA)+ulongHex(0x80000001)+";", said(t, s))
	require.NoError(t, s.Destroy(object))
	require.ErrorIs(t, s.Destroy(41), ObjectHandleInvalid)
	public, private, err := s.GenerateKeyPair(MechECKeyPair, []Attribute{Bytes(AttrECParams, []byte{6, 1})}, []Attribute{Bool(AttrSign, true)})
	require.NoError(t, err)
	require.Equal(t, [2]uint{43, 44}, [2]uint{public, private})
	require.Equal(t, "1040;180=0601;|108=01;", said(t, s))

	for want, c := range map[string]SignCall{
		"sign 1041 with 5;ab;":                                      {Mechanism: MechECDSA, Object: 5, Data: []byte{0xab}},
		"sign d with 70000;pss 250 2 32;ab;":                        {Mechanism: MechPSS, Hash: MechSHA256, MGF: MGFSHA256, Salt: 32, Object: 70000, Data: []byte{0xab}},
		"sign 1 with 5;;":                                           {Mechanism: MechRSA, Object: 5},
		"sign 1 with 5;login 2;ab;":                                 {Mechanism: MechRSA, Object: 5, Data: []byte{0xab}, Authenticate: true, PIN: []byte("1234")},
		"sign 1 with 5;login 2 by the path;ab;":                     {Mechanism: MechRSA, Object: 5, Data: []byte{0xab}, Authenticate: true},
		"sign 1 with 5;" + strings.Repeat("cd", 500) + ";":          {Mechanism: MechRSA, Object: 5, Data: []byte(strings.Repeat("\xcd", 500))},
		"sign 1057 with 4294967280;" + strings.Repeat("0", 6) + ";": {Mechanism: MechEdDSA, Object: 0xfffffff0, Data: make([]byte, 3)},
	} {
		for _, room := range []int{0, len(want) - 1, len(want), len(want) + 10} { // too small: it is asked again
			c.Out = make([]byte, room)
			got, err := s.Sign(&c)
			require.NoError(t, err)
			require.Equal(t, want, string(got))
		}
	}
	_, err = s.Sign(&SignCall{Mechanism: MechRSA})
	require.ErrorIs(t, err, KeyHandleInvalid)
	c := SignCall{Mechanism: MechRSA, Object: 5, Authenticate: true, PIN: []byte("0000")}
	_, err = s.Sign(&c)
	require.ErrorIs(t, err, PINIncorrect)
	require.Equal(t, ContextLogin, c.Stage)
	require.NoError(t, s.Close())
}

func said(t *testing.T, s *Session) string {
	values, err := s.Attributes(1, AttrID)
	require.NoError(t, err)
	return string(values[0])
}

func ulongHex(n uint) string { return fmt.Sprintf("%x", Ulong(0, n).Value) }

// attrApplication is CKA_APPLICATION.
const attrApplication = 0x10

// TestMemoryStays calls from stacks of all sizes, so that some grow on the way to the module, and while the collector runs all the time.
// The module writes to what it was given when that has moved, if it has.
func TestMemoryStays(t *testing.T) {
	m, err := Open(echo(t), "")
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	s, err := m.OpenSession(1, false)
	require.NoError(t, err)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = make([]byte, 1<<20)
			}
		}
	})
	for i := range 2000 {
		done := make(chan struct{})
		go func() { // a new stack, which is small
			defer close(done)
			deep(i%200, func() {
				want := fmt.Sprintf("sign d with %d;pss 250 2 %d;%02x;", i+1, i, byte(i))
				var out [8]byte
				got, err := s.Sign(&SignCall{Mechanism: MechPSS, Hash: MechSHA256, MGF: MGFSHA256, Salt: uint(i), Object: uint(i + 1), Data: []byte{byte(i)}, Out: out[:]})
				if err != nil || string(got) != want {
					t.Errorf("%q, %v; want %q", got, err, want)
				}
			})
		}()
		<-done
		done = make(chan struct{})
		go func() {
			defer close(done)
			deep(i%200, func() {
				h, rv := m.lib.openSession(uint(i), sessionSerial)
				if rv != 0 || h != uint(i)*10+sessionSerial {
					t.Errorf("session %d, %d", h, rv)
				}
				var batch [4]ulong
				var n ulong
				if rv := m.lib.findInit(h, nil); rv != 0 {
					t.Error(rv)
				}
				if rv := m.lib.find(h, batch[:], &n); rv != 0 || n != 4 || batch != [4]ulong{1100, 1099, 1098, 1097} {
					t.Errorf("%d objects, %v, %d", n, batch, rv)
				}
			})
		}()
		<-done
	}
	close(stop)
	wait.Wait()
}

// deep calls a function at the end of a stack that is so deep.
//
//go:noinline
func deep(n int, f func()) (sum byte) {
	var b [40]byte
	if n == 0 {
		f()
	} else {
		b[n%40] = deep(n-1, f)
	}
	for _, x := range b {
		sum += x
	}
	return sum
}

// BenchmarkCall is a call of a function that does next to nothing.
func BenchmarkCall(b *testing.B) {
	m, err := Open(echo(b), "")
	require.NoError(b, err)
	s, err := m.OpenSession(1, false)
	require.NoError(b, err)
	for b.Loop() {
		if err := s.Destroy(42); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSign is two such calls and what is done for a signature around them.
func BenchmarkSign(b *testing.B) {
	m, err := Open(echo(b), "")
	require.NoError(b, err)
	s, err := m.OpenSession(1, false)
	require.NoError(b, err)
	c := SignCall{Mechanism: MechECDSA, Object: 5, Out: make([]byte, 64)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Sign(&c); err != nil {
			b.Fatal(err)
		}
	}
}
