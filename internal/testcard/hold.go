//go:build linux

package testcard

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Commands of the protocol between libpcsclite and pcscd, in versions 4.4 and 4.5.
const (
	cmdEstablish = 1
	cmdConnect   = 4
	cmdBegin     = 7
	cmdVersion   = 17
	cmdReaders   = 18

	shareExclusive = 1
	shareShared    = 2
	protocolT1     = 2
)

// The structure that a daemon describes a reader with, READER_STATE: its name, three words of which the second is its state,
// and the ATR of its card with what belongs to it. There are sixteen.
const (
	readerSize  = 128 + 3*4 + 36 + 2*4
	readers     = 16
	cardPresent = 4
)

// dial connects in the version of the protocol that the daemon speaks.
func (d *Daemon) dial() (conn net.Conn, err error) {
	for _, minor := range []uint32{4, 5} {
		if conn, err = net.DialTimeout("unix", d.Socket, time.Second); err != nil {
			return nil, err
		}
		if err = conn.SetDeadline(time.Now().Add(10 * time.Second)); err == nil {
			if _, err = ask(conn, cmdVersion, 4, minor, 0); err == nil {
				return conn, nil
			}
		}
		_ = conn.Close()
	}
	return nil, err
}

// Await waits until PC/SC has noticed that a card was put in or taken out; it looks every 400 ms. It does not always notice when
// cards come and go under commands of several programs, since the driver's threads then close each other's connections.
func (d *Daemon) Await(r *Reader) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		present, err := d.present(r)
		if err == nil && present == (r.Card() != nil) {
			return nil
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(d.LogFile())
			return fmt.Errorf("pcscd does not notice what happened to %s: a card is in: %v, it sees one: %v (%w)\n%s", r.Name, r.Card() != nil, present, err,
				text[max(0, len(text)-4000):])
		}
	}
}

// Watch puts a card in again that the daemon has not seen for two seconds, as a person does, until stop is closed. A card that was
// out and in again between two of the daemon's looks may stay unseen for ever: pcscd 1.9.9 has it as gone when it could not
// reset it meanwhile, and looks again only when the driver has told it of a change.
func (d *Daemon) Watch(r *Reader, stop <-chan struct{}) {
	unseen := time.Now()
	for {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
		card := r.Card()
		if present, err := d.present(r); card == nil || present || err != nil {
			unseen = time.Now()
		} else if time.Since(unseen) > 2*time.Second {
			r.Pull()
			time.Sleep(time.Second) // two of its looks
			r.Insert(card)
			unseen = time.Now()
		}
	}
}

func (d *Daemon) present(r *Reader) (bool, error) {
	conn, err := d.dial()
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	if err := send(conn, cmdReaders, nil); err != nil {
		return false, err
	}
	all := make([]byte, readers*readerSize)
	if _, err := io.ReadFull(conn, all); err != nil {
		return false, err
	}
	for ; len(all) > 0; all = all[readerSize:] {
		if name, _, _ := bytes.Cut(all[:128], []byte{0}); string(name) == r.Name {
			return word(all[128:], 1)&cardPresent != 0, nil
		}
	}
	return false, fmt.Errorf("there is no reader %s", r.Name)
}

// Hold is another program that has the card of a reader to itself: in a transaction, or from its connection on. It lets
// go when it is closed.
func (d *Daemon) Hold(r *Reader, exclusive bool) (io.Closer, error) {
	conn, err := d.dial()
	if err != nil {
		return nil, err
	}
	if err := hold(conn, r.Name, exclusive); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func hold(conn net.Conn, reader string, exclusive bool) error {
	context, err := ask(conn, cmdEstablish, 2, 0, 0)
	if err != nil {
		return err
	}
	var name [128]byte
	copy(name[:], reader)
	share := shareShared
	if exclusive {
		share = shareExclusive
	}
	body := binary.NativeEndian.AppendUint32(nil, word(context, 1))
	body = append(body, name[:]...)
	for _, w := range []uint32{uint32(share), protocolT1, 0, 0, 0} {
		body = binary.NativeEndian.AppendUint32(body, w)
	}
	connected, err := exchange(conn, cmdConnect, body)
	if err != nil {
		return err
	}
	if !exclusive {
		_, err = ask(conn, cmdBegin, word(connected, 1+32+2), 0)
	}
	return err
}

func word(b []byte, i int) uint32 { return binary.NativeEndian.Uint32(b[4*i:]) }

func ask(conn net.Conn, command uint32, words ...uint32) ([]byte, error) {
	var body []byte
	for _, w := range words {
		body = binary.NativeEndian.AppendUint32(body, w)
	}
	return exchange(conn, command, body)
}

// exchange sends a structure and gets it back filled; its last word is the return value.
func exchange(conn net.Conn, command uint32, body []byte) ([]byte, error) {
	if err := send(conn, command, body); err != nil {
		return nil, err
	}
	out := bytes.Clone(body)
	if _, err := io.ReadFull(conn, out); err != nil {
		return nil, err
	}
	if rv := binary.NativeEndian.Uint32(out[len(out)-4:]); rv != 0 {
		return nil, fmt.Errorf("pcscd: command %d: %08x", command, rv)
	}
	return out, nil
}

func send(conn net.Conn, command uint32, body []byte) error {
	message := binary.NativeEndian.AppendUint32(nil, uint32(len(body)))
	message = binary.NativeEndian.AppendUint32(message, command)
	_, err := conn.Write(append(message, body...))
	return err
}

// Between runs f when no command of anybody is on its way to a card: nobody has a command fail in its midst, and what f does
// is noticed by who wants to send the next one.
func (d *Daemon) Between(r *Reader, f func() error) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		held, err := d.Hold(r, false)
		if err == nil {
			defer func() { _ = held.Close() }()
			return f()
		}
		if time.Now().After(end) {
			return err
		}
	}
}
