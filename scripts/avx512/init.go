//go:build linux

// Command avx512 is the first and only process of an emulated machine: it runs the test binary beside it and says how it ended.
// See scripts/avx512.sh.
package main

import (
	"fmt"
	"os"
	"os/exec"
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
	cmd := exec.Command("/test", strings.Split(strings.TrimSuffix(string(args), "\n"), "\n")...)
	steps, err := os.ReadFile("/steps")
	if err == nil {
		cmd = exec.Command("/step", "/test")
	}
	cmd.Stdout, cmd.Stderr, cmd.Dir = os.Stdout, os.Stdout, "/work"
	cmd.Env = []string{"HOME=/tmp", "TMPDIR=/tmp", "GODEBUG=" + os.Getenv("GODEBUG"), "SIGNET_STEPS=" + string(steps), "SIGNET_EMULATED=1"}
	err = cmd.Run()
	fmt.Printf("\nended: %v\n", err)
	time.Sleep(100 * time.Millisecond) // the serial line is slow
	// Without a power supply that can be switched off the machine is made to stop by its first process's end.
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
}
