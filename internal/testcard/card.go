//go:build linux

package testcard

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Status words of ISO 7816-4.
const (
	ok                = 0x9000
	swMore            = 0x6100 // the low octet says how many octets wait
	swWrongPIN        = 0x63c0 // the low digit says how many tries are left
	swNotAllowed      = 0x6982
	swBlocked         = 0x6983
	swConditions      = 0x6985
	swWrongData       = 0x6a80
	swNotFound        = 0x6a82
	swWrongParameters = 0x6a86
	swNoReference     = 0x6a88
	swNoInstruction   = 0x6d00
	swWrongLength     = 0x6700
)

// Tries is how many wrong PINs in a row block a card.
const Tries = 3

// Card is a PIV card. Its methods may be called at any time.
type Card struct {
	mu      sync.Mutex
	name    string
	serial  uint32
	pin     string
	left    int // tries
	keys    map[byte]*slotKey
	objects map[uint32][]byte // by tag
	counts  Counts
	delay   time.Duration
	yubikey bool

	// Until the power goes.
	selected bool
	verified bool
	fresh    bool // the PIN was given by the command before
	admin    bool
	witness  []byte
	chain    []byte // the data of a command so far, which comes in parts
	rest     []byte // of a response
	log      []string
	wrong    []string // the log when a PIN was wrong
}

// Counts is what a card has seen.
type Counts struct {
	Commands   int // all
	PINs       int // VERIFY with a PIN
	Wrong      int // of these, refused
	Signatures int
	Refused    int // signatures that the PIN was missing for
	PowerOns   int
}

// slotKey is a key of the card.
type slotKey struct {
	signer    crypto.Signer
	always    bool // wants the PIN just before each signature
	never     bool // wants none
	generated bool
}

// Slots of keys, SP 800-73-4 part 1 table 4b, with the tags of their certificates.
const (
	Authentication     = 0x9a
	Signature          = 0x9c // PIN always
	KeyManagement      = 0x9d
	CardAuthentication = 0x9e // no PIN
)

var certificateTags = map[byte]uint32{Authentication: 0x5fc105, Signature: 0x5fc10a, KeyManagement: 0x5fc10b, CardAuthentication: 0x5fc101}

// New makes a card without keys. Cards with different numbers have different serial numbers.
func New(name string, number uint32, pin string) *Card {
	c := &Card{name: name, serial: number, pin: pin, left: Tries, keys: map[byte]*slotKey{}, objects: map[uint32][]byte{}}
	guid := fmt.Appendf(nil, "signet test %04d", number%10000)
	// FASC-N of a card without a federal agency (SP 800-73-4 part 1 section 3.1.2): all nines for the agency.
	fascn := []byte{0xd4, 0xe7, 0x39, 0xda, 0x73, 0x9c, 0xed, 0x39, 0xce, 0x73, 0x9d, 0x83, 0x68, 0x58, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0xc8, 0x42, 0x10, 0xc3, 0xeb}
	c.objects[0x5fc102] = slices.Concat(tlv(0x30, fascn), tlv(0x34, guid), tlv(0x35, []byte("20491231")), tlv(0x3e, nil), tlv(0xfe, nil))
	return c
}

// YubiKey lets the card answer the instructions that YubiKeys have.
func (c *Card) YubiKey() *Card {
	c.yubikey = true
	return c
}

// Put puts a key into a slot, P-256, P-384 or RSA-2048, with a certificate unless it is nil.
func (c *Card) Put(slot byte, key crypto.Signer, certificate *x509.Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys[slot] = &slotKey{signer: key, always: slot == Signature, never: slot == CardAuthentication, generated: true}
	if certificate != nil {
		c.objects[certificateTags[slot]] = slices.Concat(tlv(0x70, certificate.Raw), tlv(0x71, []byte{0}), tlv(0xfe, nil))
	}
}

// Counts is what the card has seen so far.
func (c *Card) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}

// SetPIN changes the PIN, as the owner does elsewhere.
func (c *Card) SetPIN(pin string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pin, c.left, c.verified = pin, Tries, false
}

// SetDelay has each command take a while.
func (c *Card) SetDelay(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delay = d
}

// Log is what the last commands were and what they were answered with, without the data.
func (c *Card) Log() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.log)
}

// atr says: T=1, historical bytes in a compact TLV with card capabilities: chaining and extended lengths, SELECT by name.
func (c *Card) atr() []byte {
	atr := []byte{0x3b, 0x87, 0x80, 0x01, 0x80, 0x73, 0x80, 0x00, 0xc0, 0x53, 0x47}
	check := byte(0)
	for _, b := range atr[1:] {
		check ^= b
	}
	return append(atr, check)
}

// power forgets what holds until then.
func (c *Card) power() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.PowerOns++
	c.selected, c.verified, c.fresh, c.admin = false, false, false, false
	c.witness, c.chain, c.rest = nil, nil, nil
}

// command is an APDU of ISO 7816-4 section 5.1.
type command struct {
	class, ins, p1, p2 byte
	data               []byte
	want               int // octets of the response at most
}

func parseCommand(raw []byte) (command, bool) {
	if len(raw) < 4 {
		return command{}, false
	}
	c := command{class: raw[0], ins: raw[1], p1: raw[2], p2: raw[3]}
	rest := raw[4:]
	extended := len(rest) >= 3 && rest[0] == 0
	switch {
	case len(rest) == 0:
		return c, true
	case len(rest) == 1:
		c.want = (int(rest[0])+255)%256 + 1
		return c, true
	case extended && len(rest) == 3:
		c.want = (int(rest[1])<<8+int(rest[2])+65535)%65536 + 1
		return c, true
	}
	n, head := int(rest[0]), 1
	if extended {
		n, head = int(rest[1])<<8+int(rest[2]), 3
	}
	if len(rest) < head+n {
		return command{}, false
	}
	c.data = rest[head : head+n]
	switch le := rest[head+n:]; {
	case len(le) == 1:
		c.want = (int(le[0])+255)%256 + 1
	case len(le) == 2:
		c.want = (int(le[0])<<8+int(le[1])+65535)%65536 + 1
	}
	return c, true
}

// answer does one command, with chaining of commands (class 10) and of responses (61xx).
func (c *Card) answer(raw []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.delay > 0 {
		delay := c.delay
		c.mu.Unlock()
		time.Sleep(delay)
		c.mu.Lock()
	}
	c.counts.Commands++
	cmd, fits := parseCommand(raw)
	if !fits {
		return status(nil, swWrongLength)
	}
	if cmd.class&0x10 != 0 {
		c.chain = append(c.chain, cmd.data...)
		return status(nil, ok)
	}
	cmd.data = append(c.chain, cmd.data...)
	c.chain = nil
	var out []byte
	sw := uint16(ok)
	if cmd.ins == 0xc0 {
		out = c.rest
	} else {
		fresh := c.fresh
		c.fresh = false
		out, sw = c.do(cmd, fresh)
		c.note(cmd, out, sw)
	}
	c.rest = nil
	if limit := max(cmd.want, 256); len(out) > limit {
		out, c.rest = out[:limit], out[limit:]
		sw = swMore | uint16(min(len(c.rest), 255))
		if len(c.rest) >= 256 {
			sw = swMore
		}
	}
	return status(out, sw)
}

// Wrong is what the commands before the last wrong PIN were.
func (c *Card) Wrong() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrong
}

func (c *Card) note(cmd command, out []byte, sw uint16) {
	if len(c.log) == 200 {
		c.log = c.log[1:]
	}
	what := ""
	if cmd.ins == 0xcb || cmd.ins == 0xa4 {
		what = fmt.Sprintf(" %x", cmd.data)
	}
	c.log = append(c.log, fmt.Sprintf("%02x %02x %02x %02x (%d octets%s): %d octets, %04x", cmd.class, cmd.ins, cmd.p1, cmd.p2, len(cmd.data), what, len(out), sw))
}

func status(out []byte, sw uint16) []byte { return append(slices.Clone(out), byte(sw>>8), byte(sw)) }

// tlv encodes a data object of BER.
func tlv(tag uint32, value []byte) []byte {
	var out []byte
	for shift := 24; shift >= 0; shift -= 8 {
		if b := byte(tag >> shift); b != 0 || len(out) > 0 {
			out = append(out, b)
		}
	}
	switch n := len(value); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	default:
		out = append(out, 0x82, byte(n>>8), byte(n))
	}
	return append(out, value...)
}

// fields reads data objects, by tag.
func fields(b []byte) (map[uint32][]byte, bool) {
	all := map[uint32][]byte{}
	for len(b) > 0 {
		tag := uint32(b[0])
		b = b[1:]
		for first := true; tag&0x1f == 0x1f || !first; first = false {
			if len(b) == 0 {
				return nil, false
			}
			next := b[0]
			tag, b = tag<<8|uint32(next), b[1:]
			if next&0x80 == 0 {
				break
			}
		}
		if len(b) == 0 {
			return nil, false
		}
		n := int(b[0])
		b = b[1:]
		if n >= 0x80 {
			octets := n & 0x7f
			if octets > 2 || len(b) < octets {
				return nil, false
			}
			n = 0
			for _, x := range b[:octets] {
				n = n<<8 | int(x)
			}
			b = b[octets:]
		}
		if len(b) < n {
			return nil, false
		}
		all[tag] = b[:n]
		b = b[n:]
	}
	return all, true
}
