//go:build linux

package testcard

import (
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Reader is a slot of vpcd, which a card connects to over TCP: each message is two octets of its length and the rest.
type Reader struct {
	// Name is what PC/SC calls it.
	Name string

	port int
	mu   sync.Mutex
	card *Card
	conn net.Conn
	gone chan struct{} // closed when the card was taken out
	done chan struct{} // closed when its goroutine has ended
}

// Insert puts a card in. It stays in when the daemon is killed and comes back.
func (r *Reader) Insert(c *Card) {
	r.Pull()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.card, r.gone, r.done = c, make(chan struct{}), make(chan struct{})
	go r.hold(c, r.gone, r.done)
}

// Pull takes the card out, in the midst of a command if there is one.
func (r *Reader) Pull() {
	r.mu.Lock()
	done := r.done
	if r.card != nil {
		close(r.gone)
		if r.conn != nil {
			_ = r.conn.Close()
		}
		r.card, r.conn = nil, nil
	}
	r.mu.Unlock()
	if done != nil {
		<-done
	}
}

// Card is the one that is in, or nil.
func (r *Reader) Card() *Card {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.card
}

// hold connects until the card is taken out.
func (r *Reader) hold(c *Card, gone, done chan struct{}) {
	defer close(done)
	for {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)), 200*time.Millisecond)
		r.mu.Lock()
		out := r.gone != gone || r.card == nil
		if !out && err == nil {
			r.conn = conn
		}
		r.mu.Unlock()
		if out {
			if err == nil {
				_ = conn.Close()
			}
			return
		}
		if err == nil {
			serve(conn, c)
		}
		select {
		case <-gone:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// What the driver says of the card's contacts, in messages of one octet.
const (
	powerOff = 0
	powerOn  = 1
	reset    = 2
	getATR   = 4
)

func serve(conn net.Conn, c *Card) {
	defer func() { _ = conn.Close() }()
	for {
		// The driver asks for the ATR every 400 ms. When it does not, it has lost the connection: it has room for one that it has
		// not taken, so that the next may look established here only, and two of its threads may take one each.
		_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
		// The driver writes length and message one by one, and its kernel sends the second when ours has said that it has the
		// first, which it would do after 40 ms.
		quick(conn)
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		message := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, message); err != nil {
			return
		}
		var answer []byte
		if len(message) == 1 {
			switch message[0] {
			case powerOff, powerOn, reset:
				c.power()
				continue
			case getATR:
				answer = c.atr()
			}
		} else {
			answer = c.answer(message)
		}
		out := binary.BigEndian.AppendUint16(nil, uint16(len(answer)))
		if _, err := conn.Write(append(out, answer...)); err != nil {
			return
		}
	}
}

func quick(conn net.Conn) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) })
	}
}
