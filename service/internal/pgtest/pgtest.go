//go:build unix

// Package pgtest starts a PostgreSQL of its own for a test: Debian's package, in a folder that is removed afterwards.
package pgtest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Server is one that runs.
type Server struct {
	URL string // postgres://…

	t       testing.TB
	bin     string
	folder  string
	port    int
	cmd     *exec.Cmd
	output  *bytes.Buffer
	as      *syscall.Credential
	durable bool
}

// Start starts a server, or skips the test, loudly, where there is none. It waits for no disk: what Kill interrupts has gone to the system
// and is there again after Run, and only a machine that stops would lose it.
func Start(t testing.TB) *Server {
	t.Helper()
	return start(t, false)
}

// StartDurable starts a server that waits for the disk, as one does whose speed is measured.
func StartDurable(t testing.TB) *Server {
	t.Helper()
	return start(t, true)
}

func start(t testing.TB, durable bool) *Server {
	t.Helper()
	bin := find()
	if bin == "" {
		t.Skip("SKIPPED: there is no PostgreSQL; install Debian's package postgresql")
	}
	s := &Server{t: t, bin: bin, durable: durable}
	if os.Geteuid() == 0 { // which PostgreSQL refuses to run as
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Skip("SKIPPED: PostgreSQL does not run as root, and there is no user postgres")
		}
		uid, err := strconv.Atoi(u.Uid)
		require.NoError(t, err)
		gid, err := strconv.Atoi(u.Gid)
		require.NoError(t, err)
		s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	var err error
	s.folder, err = os.MkdirTemp("", "signet-pg-*")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(s.folder) })
	if s.as != nil {
		require.NoError(t, os.Chown(s.folder, int(s.as.Uid), int(s.as.Gid)))
	}
	out, err := s.command("initdb", "-D", filepath.Join(s.folder, "data"), "-U", "signet", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput()
	require.NoError(t, err, string(out))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.port = l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	s.URL = fmt.Sprintf("postgres://signet@127.0.0.1:%d/postgres", s.port)
	s.Run()
	t.Cleanup(s.Kill)
	return s
}

// find returns the folder of the programs.
func find() string {
	if _, err := exec.LookPath("initdb"); err == nil {
		if p, err := exec.LookPath("postgres"); err == nil {
			if p, err := filepath.EvalSymlinks(p); err == nil {
				if _, err := os.Stat(filepath.Join(filepath.Dir(p), "initdb")); err == nil {
					return filepath.Dir(p)
				}
			}
		}
	}
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(all) == 0 {
		return ""
	}
	return filepath.Dir(all[len(all)-1])
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true}
	return cmd
}

// Run starts the server, again after Kill or Stop, and waits until it answers.
func (s *Server) Run() {
	s.output = &bytes.Buffer{}
	fsync := map[bool]string{true: "on", false: "off"}[s.durable]
	s.cmd = s.command("postgres", "-D", filepath.Join(s.folder, "data"), "-p", strconv.Itoa(s.port), "-k", s.folder, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300", "-c", "fsync="+fsync)
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	require.NoError(s.t, s.cmd.Start())
	require.Eventually(s.t, func() bool {
		return s.command("pg_isready", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port)).Run() == nil
	}, 60*time.Second, 50*time.Millisecond, "PostgreSQL does not start")
}

// Kill ends the server in the midst of what it does.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop ends the server and its connections in order.
func (s *Server) Stop() { s.end(syscall.SIGINT) }

func (s *Server) end(signal syscall.Signal) {
	if s.cmd == nil {
		return
	}
	if signal == syscall.SIGKILL {
		_ = syscall.Kill(-s.cmd.Process.Pid, signal)
	} else {
		_ = s.cmd.Process.Signal(signal)
	}
	_ = s.cmd.Wait()
	s.cmd = nil
}
