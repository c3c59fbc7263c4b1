// Command signet signs files into CAdES containers with a key in a file, and verifies and shows such containers.
//
//	signet sign --key seal.p12 --out signed README.md docs
//	signet verify --content . signed
//	signet inspect signed/README.md.p7s
//
// It ends with 0 when all went well, 1 when an item failed, a signature is not valid, or it was interrupted, 2 when it
// was called wrongly, and 3 when the key could not be used.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	// A reader of our output that goes away is an error of the write, so that unfinished files are removed.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	return cli.Run(ctx, cli.World{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv, Now: time.Now,
	})
}
