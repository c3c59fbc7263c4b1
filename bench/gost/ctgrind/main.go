//go:build ctgrind

// The program ctgrind runs what signing does with private keys and nonces under valgrind, which holds them for undefined and so reports
// every jump and every address that depends on them. scripts/ctgrind.sh builds and runs it.
package main

/*
#include <stdlib.h>
#include <valgrind/memcheck.h>

static void undefined(void *p, size_t n) { VALGRIND_MAKE_MEM_UNDEFINED(p, n); }
static unsigned errors(void) { return VALGRIND_COUNT_ERRORS; }
static int running(void) { return RUNNING_ON_VALGRIND; }
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/seed-116355fd/signet/gost/gost3410"
)

// secret is a number that valgrind holds for undefined, of so many words.
func secret(n int) (k [8]uint64) {
	size := C.size_t(8 * n)
	p := (*[8]uint64)(C.calloc(8, 8))
	defer C.free(unsafe.Pointer(p))
	for i := range n {
		p[i] = 0x1234567890abcdef * uint64(i+3)
	}
	p[n-1] >>= 3 // less than every order
	C.undefined(unsafe.Pointer(p), size)
	return *p
}

var sink uint64

//go:noinline
func jump(k [8]uint64) {
	if k[1]&4 != 0 {
		sink++
	}
}

//go:noinline
func address(k [8]uint64, table *[256]uint64) { sink += table[byte(k[0])] }

func main() {
	if C.running() == 0 {
		fmt.Fprintln(os.Stderr, "ctgrind: run it under valgrind, by scripts/ctgrind.sh")
		os.Exit(2)
	}
	runtime.LockOSThread()
	failed := false
	// found runs something and says how many errors that made.
	found := func(name string, wanted bool, f func()) {
		before := C.errors()
		f()
		n := int(C.errors() - before)
		fmt.Printf("%-44s %d\n", name, n)
		if (n != 0) != wanted {
			failed = true
		}
	}
	found("calibration: a jump by a secret", true, func() { jump(secret(4)) })
	found("calibration: an address by a secret", true, func() { address(secret(4), new([256]uint64)) })
	found("calibration: a jump by what k P gives", true, func() {
		x, _ := gost3410.Secrets{Curve: gost3410.Curves()[0]}.Base(secret(4))
		jump(x)
	})
	for _, c := range gost3410.Curves() {
		n := c.Size() / 8
		s := gost3410.Secrets{Curve: c}
		s.Base([8]uint64{3}) // makes the tables
		found(c.Name()+": k P", false, func() { s.Base(secret(n)) })
		found(c.Name()+": r d + k e", false, func() { s.Response(secret(n), secret(n), secret(n), [8]uint64{5}) })
		found(c.Name()+": x mod q", false, func() { s.Reduce(secret(n)) })
		found(c.Name()+": the nonce", false, func() { s.Nonce(secret(n), make([]byte, c.Size()), [32]byte{1}) })
		found(c.Name()+": octets", false, func() { s.Encode(secret(n)) })
	}
	if failed {
		fmt.Println("FAILED")
		os.Exit(1)
	}
	fmt.Println("no jump and no address depends on a secret")
}
