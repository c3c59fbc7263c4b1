//go:build linux && amd64

package lanestest

import (
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// Steps is the name of an environment variable that scripts/steps.sh sets: a test program then does nothing but calls with different secrets,
// which are compared instruction by instruction: with "all" or "short". With "calibration" one of them does what none may.
const Steps = "SIGNET_STEPS"

// Main runs tests, or calls between marks.
func Main(m *testing.M, calls func(mark func())) {
	if os.Getenv(Steps) == "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread()
	pid, tid := syscall.Getpid(), syscall.Gettid()
	if pid != tid {
		fmt.Println("the first thread runs something else; once more, please")
		os.Exit(3)
	}
	running := false
	calls(func() {
		if running = !running; running {
			runtime.Gosched() // so that the scheduler asks for nothing soon; meanwhile all other threads stand still
		}
		if _, _, err := syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(pid), uintptr(tid), uintptr(syscall.SIGSTOP)); err != 0 {
			panic(err)
		}
	})
}

// Short says that fewer calls are wanted, for the emulator, where one instruction takes a millisecond.
func Short() bool { return os.Getenv(Steps) == "short" }

// Leaky says whether the secret is to be seen, so that the comparison has something to find.
func Leaky() bool { return os.Getenv(Steps) == "calibration" }

// CurveSteps makes signatures with keys and nonces that are small, large, any, and one that is no nonce, between marks. All is in the same
// memory each time. v is nil where there are no lanes; then only what is in Go is run.
func CurveSteps(mark func(), curve *lanes.Curve, order *big.Int, v *lanes.Verifier) {
	numbers := Operands(mathrand.New(mathrand.NewPCG(7, 8)), order, 400)
	less, one := new(big.Int).Sub(order, big.NewInt(1)), big.NewInt(1)
	w := lanes.NewGroups(lanes.Width, curve.One, curve.OneOrder)
	var signer lanes.Signer
	octets := func(x *big.Int) []byte { return new(big.Int).Mod(x, order).FillBytes(make([]byte, 32)) }
	for i, d := range []*big.Int{big.NewInt(12345), one, less, numbers[300], numbers[301]} {
		if Short() && i != 0 && i != 2 && i != 3 {
			continue
		}
		if v != nil {
			signer = *lanes.NewSigner(octets(d), v)
		}
		for _, marked := range []bool{false, true} { // the first call makes the stack large enough
			for l := range lanes.Width {
				k := []*big.Int{one, one, less, numbers[100+8*i+l], numbers[l]}[i]
				if i == 3 && l == 5 {
					k = new(big.Int)
				}
				lanes.Set(w.Group(0)[lanes.GroupNonce:], l, octets(k))
				lanes.Set(w.Group(0)[lanes.GroupDigest:], l, octets(numbers[200+l]))
			}
			if marked {
				mark()
			}
			for l := range lanes.Width {
				runtime.KeepAlive(lanes.InOrder(w.Group(0)[lanes.GroupNonce:], l, &curve.Order))
			}
			if v != nil {
				signer.Compute(w)
			}
			if Leaky() {
				runtime.KeepAlive(Leak(w.Group(0), lanes.GroupNonce))
			}
			if marked {
				mark()
			}
		}
	}
}

// Leak has an address that depends on a word.
func Leak(v []lanes.Vector, i int) bool { return v[v[i][0]%uint64(len(v))][1] == 0 }
