// Package damage makes damaged variants of messages for tests: every field of the tree of values flipped, removed, doubled,
// moved or exchanged for another valid one, with the lengths around it repaired so that the structure stays readable, and some
// whose structure is broken.
//
// It has a reading of DER of its own, and shares none with the code under test but the names of object identifiers. The same
// messages give the same variants under the same names.
package damage

import (
	"bytes"
	"errors"
	"strconv"
)

// node is a value of the tree.
type node struct {
	id      []byte // identifier octets
	body    []byte // of a primitive value
	prefix  []byte // octets before the members of one that is wrapped: the count of unused bits of a BIT STRING
	kids    []*node
	members bool   // has kids: constructed, or a string that holds encoded values
	name    string // among its siblings
	role    Role
	parent  *node
	at      int // among its siblings
	// measured is the size of the contents, see measure
	measured int
	// original is how a certificate is encoded in the message
	original []byte
}

var errSyntax = errors.New("damage: not DER of definite length")

// parse reads one value and what is in it.
func parse(der []byte) (*node, error) {
	n, rest, err := next(der, 0)
	if err == nil && len(rest) != 0 {
		return nil, errSyntax
	}
	return n, err
}

const maxDepth = 64

func next(der []byte, depth int) (n *node, rest []byte, err error) {
	if len(der) < 2 || depth > maxDepth {
		return nil, nil, errSyntax
	}
	id := 1
	if der[0]&0x1f == 0x1f {
		for id < len(der) && der[id]&0x80 != 0 {
			id++
		}
		id++
	}
	if id >= len(der) {
		return nil, nil, errSyntax
	}
	n = &node{id: der[:id:id]}
	length, at := int(der[id]), id+1
	if length >= 0x80 {
		octets := length & 0x7f
		if octets == 0 || octets > 3 || at+octets > len(der) {
			return nil, nil, errSyntax
		}
		length = 0
		for _, b := range der[at : at+octets] {
			length = length<<8 | int(b)
		}
		at += octets
	}
	if length > len(der)-at {
		return nil, nil, errSyntax
	}
	body := der[at : at+length : at+length]
	if n.id[0]&0x20 == 0 {
		n.body = body
		return n, der[at+length:], nil
	}
	return n, der[at+length:], n.fill(body, depth+1)
}

// fill reads the members of a value.
func (n *node) fill(body []byte, depth int) error {
	n.members = true
	for len(body) != 0 {
		kid, rest, err := next(body, depth)
		if err != nil {
			return err
		}
		n.kids, body = append(n.kids, kid), rest
	}
	n.link()
	return nil
}

func (n *node) link() {
	for i, k := range n.kids {
		k.parent, k.at = n, i
	}
}

// unwrap reads the values that a string holds; one that holds none is left as it is.
func (n *node) unwrap(prefix int) {
	if n.members || len(n.body) <= prefix {
		return
	}
	inside := &node{}
	if err := inside.fill(n.body[prefix:], 1); err != nil {
		return
	}
	n.prefix, n.kids, n.members, n.body = n.body[:prefix:prefix], inside.kids, true, nil
	n.link()
}

// size is that of the contents.
func (n *node) size() int {
	if !n.members {
		return len(n.body)
	}
	size := len(n.prefix)
	for _, k := range n.kids {
		inner := k.size()
		size += len(k.id) + len(appendLength(nil, inner)) + inner
	}
	return size
}

// measure sets the sizes of the value and of those in it, for append.
func (n *node) measure() int {
	n.measured = len(n.body)
	if n.members {
		n.measured = len(n.prefix)
		for _, k := range n.kids {
			inner := k.measure()
			n.measured += len(k.id) + lengthOctets(inner) + inner
		}
	}
	return n.measured
}

func lengthOctets(n int) int {
	var b [4]byte
	return len(appendLength(b[:0], n))
}

// append encodes the value that was measured, with lengths as they have to be.
func (n *node) append(dst []byte) []byte {
	dst = appendLength(append(dst, n.id...), n.measured)
	if !n.members {
		return append(dst, n.body...)
	}
	dst = append(dst, n.prefix...)
	for _, k := range n.kids {
		dst = k.append(dst)
	}
	return dst
}

// offset is where the value begins in the whole.
func (n *node) offset() int {
	p := n.parent
	if p == nil {
		return 0
	}
	at := p.offset() + len(p.id) + len(appendLength(nil, p.size())) + len(p.prefix)
	for _, k := range p.kids[:n.at] {
		at += len(k.der())
	}
	return at
}

func (n *node) der() []byte { return n.append(make([]byte, 0, n.measure()+8)) }

func appendLength(dst []byte, n int) []byte {
	switch {
	case n < 0x80:
		return append(dst, byte(n))
	case n < 1<<8:
		return append(dst, 0x81, byte(n))
	case n < 1<<16:
		return append(dst, 0x82, byte(n>>8), byte(n))
	}
	return append(dst, 0x83, byte(n>>16), byte(n>>8), byte(n))
}

func (n *node) tag() byte { return n.id[0] }

// path names the value: the names of those that it is in, from the outermost.
func (n *node) path() string {
	if n.parent == nil {
		return n.label()
	}
	if p := n.parent.path(); p != "" {
		return p + "/" + n.label()
	}
	return n.label()
}

func (n *node) label() string {
	if n.name == "" && n.parent != nil {
		return strconv.Itoa(n.at)
	}
	return n.name
}

// walk calls f with the value and those in it.
func (n *node) walk(f func(*node)) {
	f(n)
	for _, k := range n.kids {
		k.walk(f)
	}
}

// within reports whether a value is this one, or in it.
func (n *node) within(outer *node) bool {
	for ; n != nil; n = n.parent {
		if n == outer {
			return true
		}
	}
	return false
}

func same(a, b *node) bool { return bytes.Equal(a.der(), b.der()) }
