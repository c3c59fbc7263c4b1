package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
)

// maxHeader bounds the header of a request.
const maxHeader = 64 << 10

// httpServer makes a server. It has no time-outs for bodies and answers: the gate has those, which follow what comes.
func (s *Server) httpServer(c *Config, h http.Handler, base context.Context) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(c.Listen.H2C)
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: orDuration(c.Listen.Header, DefaultHeader), // that of the handshake, too
		IdleTimeout:       orDuration(c.Listen.Idle, DefaultIdle),
		MaxHeaderBytes:    maxHeader,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{SendPingTimeout: 30 * time.Second},
		ErrorLog:          httpLog(s.log),
		BaseContext:       func(net.Listener) context.Context { return base },
	}
}

func orDuration(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// listen listens on an address.
func (a Address) listen(ctx context.Context, mode string) (net.Listener, error) {
	path, isUnix := a.unix()
	if !isUnix {
		l, err := new(net.ListenConfig).Listen(ctx, a.network(), string(a))
		if err != nil {
			return nil, a.explain(err)
		}
		return l, nil
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, a.explain(err)
	}
	permissions := uint64(0o660)
	if mode != "" {
		permissions, _ = strconv.ParseUint(mode, 8, 32) // was checked
	}
	if err := os.Chmod(path, fs.FileMode(permissions)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// explain says what is wrong with an address, and what to do.
func (a Address) explain(err error) error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is taken by another program; end that one, or listen on another address", a)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("this user may not listen on %s; choose a port above 1023, or give the service the capability CAP_NET_BIND_SERVICE", a)
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.As(err, &dns):
		return fmt.Errorf("%s is no address of this machine; listen on one that it has, or on all with :PORT", a)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("the folder of %s is not there; make it", a)
	}
	return fmt.Errorf("listen on %s: %w", a, err)
}

// removeStale removes the socket of a program that was killed. One that answers is left, and so is what is no socket.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("%s is there and no socket; remove it, or listen on another path", path)
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		_ = c.Close()
		return fmt.Errorf("unix:%s is taken by another program; end that one, or listen on another path", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("unix:%s: %w", path, err)
	}
	return os.Remove(path)
}
