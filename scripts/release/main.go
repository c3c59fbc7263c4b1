// Command release makes a release of the modules of this repository.
//
//	go run ./scripts/release prepare [-base v0.1.0] v0.2.0    the commit of a release, and a tag for each module
//	go run ./scripts/release dist [-out dist] v0.2.0          programs, their checksums and their bills of material, from the tags
//	go run ./scripts/release proxy DIR                        the tree as it is, as a GOPROXY of files
//	go run ./scripts/release tidy                             go.mod and go.sum of each module, from the tree as it is
//
// Nothing leaves the machine: prepare prints what to push. CONTRIBUTING.md has the steps of a release.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

const usage = `usage:
  release prepare [-base VERSION] VERSION
  release dist [-out DIR] [-targets linux/amd64,…] VERSION
  release proxy DIR
  release tidy`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	root, err := git(ctx, ".", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	repo := repository{dir: root, out: out}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(out)
	base := flags.String("base", "", "the released `version` to compare the API with; the newest tag before, when empty; none for no comparison")
	dist := flags.String("out", "dist", "the new `folder` for what is made")
	targets := flags.String("targets", strings.Join(platforms, ","), "systems and processors to build for")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	one := func() (string, error) {
		if flags.NArg() != 1 {
			return "", errors.New(usage)
		}
		return flags.Arg(0), nil
	}
	switch args[0] {
	case "prepare":
		version, err := one()
		if err != nil {
			return err
		}
		return repo.prepare(ctx, version, *base)
	case "dist":
		version, err := one()
		if err != nil {
			return err
		}
		folder, err := filepath.Abs(*dist)
		if err != nil {
			return err
		}
		return repo.dist(ctx, version, folder, strings.Split(*targets, ","))
	case "proxy":
		folder, err := one()
		if err != nil {
			return err
		}
		if folder, err = filepath.Abs(folder); err != nil {
			return err
		}
		return repo.proxyOfTree(ctx, folder)
	case "tidy":
		return repo.tidy(ctx)
	}
	return fmt.Errorf("%q is no command\n%s", args[0], usage)
}

// git runs git in a folder and returns the trimmed output.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	return command(ctx, dir, nil, "git", args...)
}

// command runs a program in a folder with further variables in its environment. Its error says what the program said.
func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(stderr.String())
		if said == "" {
			said = strings.TrimSpace(stdout.String())
		}
		return strings.TrimSpace(stdout.String()), fmt.Errorf("%s %s in %s: %w: %s", name, strings.Join(args, " "), dir, err, said)
	}
	return strings.TrimSpace(stdout.String()), nil
}
