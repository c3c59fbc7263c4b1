// Command gen writes the assembly of the packages under internal/lanes:
//
//	go run -C internal/lanes/gen . p256 > internal/lanes/p256lanes/kernels_amd64.s
//
// It is a module of its own, so that nobody who imports the library gets it.
package main

import (
	"fmt"
	"os"
)

func main() {
	kinds := map[string]func() string{"p256": p256, "gost": gost, "rsa": rsa}
	if len(os.Args) != 2 || kinds[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: gen KIND, where KIND is one of those in main.go")
		os.Exit(2)
	}
	fmt.Print(kinds[os.Args[1]]())
}
