package server

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Address is where connections come in: "HOST:PORT", or "unix:PATH" for a socket.
type Address string

const unixPrefix = "unix:"

func (a *Address) parse(text, dir string) error {
	if path, ok := strings.CutPrefix(text, unixPrefix); ok && path != "" {
		text = unixPrefix + absolute(path, dir)
	}
	*a = Address(text)
	return a.check()
}

func (a Address) check() error {
	if path, ok := a.unix(); ok {
		switch {
		case path == "":
			return errors.New("unix: needs the path of a socket behind it: unix:/run/signet/signet.sock")
		case path[0] == '@': // in the abstract name space there are no modes: whoever is first has the name
			return fmt.Errorf("%s is a name that everybody on this machine can take; give the path of a socket in a folder", shown(path))
		case len(path) > 100:
			return errors.New("the path of a unix socket has 100 octets at most; choose a shorter one")
		}
		return nil
	}
	host, port, err := net.SplitHostPort(string(a))
	if err != nil {
		return fmt.Errorf("%s is no address; write HOST:PORT, as in 127.0.0.1:8080, [::1]:8080 or :8443, or unix:PATH", shown(string(a)))
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%s is no port; write a number from 1 to 65535", shown(port))
	}
	if strings.ContainsAny(host, " /") {
		return fmt.Errorf("%s is no host; write a name or an IP address without http://", shown(host))
	}
	return nil
}

// unix returns the path of a unix socket.
func (a Address) unix() (path string, ok bool) { return strings.CutPrefix(string(a), unixPrefix) }

// Loopback reports whether only this machine can reach the address.
func (a Address) Loopback() bool {
	if _, ok := a.unix(); ok {
		return true
	}
	host, _, err := net.SplitHostPort(string(a))
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
