//go:build linux

// Command avx512 is the first process of an emulated machine: it runs the test binaries in /tests, each in its folder, and says how
// they ended.
// See scripts/avx512.sh.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	for _, m := range [][2]string{{"proc", "/proc"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		_ = os.MkdirAll(m[1], 0o755)
		if err := syscall.Mount(m[0], m[1], m[0], 0, ""); err != nil {
			fmt.Println(m[1], err)
		}
	}
	args, _ := os.ReadFile("/args")
	steps, _ := os.ReadFile("/steps")
	folders, err := filepath.Glob("/tests/*")
	for _, folder := range folders {
		start := time.Now()
		cmd := exec.Command("./test", strings.Split(strings.TrimSuffix(string(args), "\n"), "\n")...)
		if len(steps) != 0 { // the calls that scripts/steps.sh compares
			cmd = exec.Command("/step", "./test")
		}
		cmd.Stdout, cmd.Stderr, cmd.Dir = os.Stdout, os.Stdout, folder
		cmd.Env = []string{"HOME=/tmp", "TMPDIR=/tmp", "GODEBUG=" + os.Getenv("GODEBUG"), "SIGNET_STEPS=" + string(steps), "SIGNET_EMULATED=1"}
		one, word := cmd.Run(), "ok"
		if one != nil {
			err, word = errors.Join(err, one), "FAIL"
		}
		fmt.Printf("%s\t%s\t%.0fs\n", word, strings.ReplaceAll(filepath.Base(folder), ":", "/"), time.Since(start).Seconds())
	}
	fmt.Printf("\nended: %v\n", err)
	time.Sleep(100 * time.Millisecond) // the serial line is slow
	// Without a power supply that can be switched off the machine is made to stop by its first process's end.
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
}
