package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
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

// network is of the one family of an IP address: with "tcp", [::]:8443 would take 0.0.0.0:8443, too, and the two could not
// stand beside each other. A name, or no host at all, is what the system makes of it.
func (a Address) network() string {
	host, _, _ := net.SplitHostPort(string(a))
	switch ip, err := netip.ParseAddr(host); {
	case err != nil:
		return "tcp"
	case ip.Unmap().Is4():
		return "tcp4"
	}
	return "tcp6"
}

// takes reports whether who listens on one of the two cannot listen on the other, too.
func (a Address) takes(b Address) bool {
	if a == b {
		return true
	}
	hostA, portA, errA := net.SplitHostPort(string(a))
	hostB, portB, errB := net.SplitHostPort(string(b))
	n, _ := strconv.Atoi(portA)
	m, _ := strconv.Atoi(portB)
	_, socketA := a.unix()
	_, socketB := b.unix()
	if socketA || socketB || errA != nil || errB != nil || n != m || n == 0 { // port 0 is any that is free
		return false
	}
	if hostA == "" || hostB == "" {
		return true
	}
	ipA, errA := netip.ParseAddr(hostA)
	ipB, errB := netip.ParseAddr(hostB)
	if errA != nil || errB != nil {
		return strings.EqualFold(hostA, hostB)
	}
	ipA, ipB = ipA.Unmap(), ipB.Unmap()
	return ipA == ipB || ipA.Is4() == ipB.Is4() && (ipA.IsUnspecified() || ipB.IsUnspecified())
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
