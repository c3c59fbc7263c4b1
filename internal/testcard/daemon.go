//go:build linux

package testcard

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Daemon is a pcscd of its own, with a socket of its own: clients find it by the variable PCSCLITE_CSOCK_NAME. It is given
// the socket as systemd gives it, so that a daemon of the machine is not in its way.
type Daemon struct {
	// Socket is the value for PCSCLITE_CSOCK_NAME.
	Socket string
	// Readers are the two slots that the driver has.
	Readers [2]*Reader

	dir    string
	cmd    *exec.Cmd
	exited chan struct{}
}

// Missing says what has to be installed for a daemon, or is "".
func Missing() string {
	if pcscd() == "" {
		return "pcscd is not here (apt-get install pcscd)"
	}
	if driver() == "" {
		return "the driver of vpcd is not here (apt-get install vsmartcard-vpcd)"
	}
	return ""
}

func pcscd() string {
	for _, path := range []string{"pcscd", "/usr/sbin/pcscd"} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	return ""
}

func driver() string {
	for _, pattern := range []string{"/usr/lib/pcsc/drivers/serial/libifdvpcd.so", "/usr/lib*/pcsc/drivers/serial/libifdvpcd.so"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// Start starts a daemon whose files are in dir, a short path: that of a socket has 107 octets at most. Name begins the names
// of its readers; ykcs11 takes those that begin with Yubico.
func Start(dir, name string) (*Daemon, error) {
	if missing := Missing(); missing != "" {
		return nil, errors.New(missing)
	}
	port, err := twoPorts()
	if err != nil {
		return nil, err
	}
	d := &Daemon{Socket: filepath.Join(dir, "pcscd.comm"), dir: dir}
	for i := range d.Readers {
		d.Readers[i] = &Reader{Name: fmt.Sprintf("%s 00 0%d", name, i), port: port + i}
	}
	if err := os.MkdirAll(filepath.Join(dir, "conf"), 0o700); err != nil {
		return nil, err
	}
	conf := fmt.Sprintf("FRIENDLYNAME %q\nDEVICENAME /dev/null:0x%X\nLIBPATH %s\nCHANNELID 0x%X\n", name, port, driver(), port)
	if err := os.WriteFile(filepath.Join(dir, "conf", "vpcd"), []byte(conf), 0o600); err != nil {
		return nil, err
	}
	return d, d.Restart()
}

// twoPorts finds two that follow each other and are free.
func twoPorts() (int, error) {
	for range 100 {
		a, err := net.Listen("tcp", ":0")
		if err != nil {
			return 0, err
		}
		port := a.Addr().(*net.TCPAddr).Port
		b, err := net.Listen("tcp", fmt.Sprintf(":%d", port+1))
		_ = a.Close()
		if err == nil {
			_ = b.Close()
			return port, nil
		}
	}
	return 0, errors.New("no two free ports")
}

// Kill ends the daemon with SIGKILL. Nobody listens at its socket then.
func (d *Daemon) Kill() {
	if d.cmd != nil {
		_ = d.cmd.Process.Kill()
		<-d.exited
		d.cmd = nil
	}
}

// Restart starts the daemon anew, and waits until it listens to cards.
func (d *Daemon) Restart() error {
	d.Kill()
	_ = os.Remove(d.Socket)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.Socket, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	defer func() { _ = l.Close() }() // the daemon has it
	f, err := l.File()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	log, err := os.OpenFile(d.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	// -x: it ends when nobody was connected for a minute, as when a test did not come to its end.
	// sd_listen_fds(3): the number of the process that is meant, and one descriptor, which is 3.
	d.cmd = exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"`, "sh", pcscd(), "-f", "-i", "-x", "-c", filepath.Join(d.dir, "conf"))
	if help, _ := exec.Command(pcscd(), "--help").CombinedOutput(); strings.Contains(string(help), "--disable-polkit") {
		d.cmd.Args = append(d.cmd.Args, "--disable-polkit") // from 2.0 on; there may be no polkit to ask
	}
	d.cmd.ExtraFiles = []*os.File{f}
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		d.cmd = nil
		return err
	}
	exited := make(chan struct{})
	d.exited = exited
	cmd := d.cmd
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	end := time.After(10 * time.Second)
	for !listens(d.Readers[1].port) {
		select {
		case <-exited:
			return d.failed()
		case <-end:
			return d.failed()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

func (d *Daemon) failed() error {
	d.Kill()
	text, _ := os.ReadFile(d.LogFile())
	return fmt.Errorf("pcscd does not start: %s", strings.TrimSpace(string(text)))
}

// LogFile is what the daemon writes to.
func (d *Daemon) LogFile() string { return filepath.Join(d.dir, "pcscd.log") }

// listens looks into the tables of the kernel, since a connection would be a card.
func listens(port int) bool {
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(text), fmt.Sprintf(":%04X 00000000", port)) {
			return true
		}
	}
	return false
}

// Close ends the daemon and takes the cards out.
func (d *Daemon) Close() {
	d.Kill()
	for _, r := range d.Readers {
		r.Pull()
	}
}
