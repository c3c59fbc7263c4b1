package jsonbody

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/seed-116355fd/signet/service/gate"
)

// Limits of what is read, or passed over.
const (
	maxDepth = 32 // of objects and lists in each other: each takes a frame of the stack
	maxName  = 64 // octets of a name that can be known
)

// decoder reads the grammar of RFC 8259.
type decoder struct {
	r     *bufio.Reader
	at    int64 // octets read
	depth int
}

func newDecoder(r io.Reader) *decoder { return &decoder{r: bufio.NewReaderSize(r, 32<<10)} }

func (d *decoder) discard(n int) {
	k, _ := d.r.Discard(n)
	d.at += int64(k)
}

func (d *decoder) octet() (byte, error) {
	c, err := d.r.ReadByte()
	if err == nil {
		d.at++
	}
	return c, err
}

// next reads the first octet behind white space.
func (d *decoder) next() (byte, error) {
	for {
		c, err := d.octet()
		if err != nil || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, err
		}
	}
}

// peek looks at the first octet behind white space.
func (d *decoder) peek() (byte, error) {
	c, err := d.next()
	if err == nil {
		d.back()
	}
	return c, err
}

func (d *decoder) back() {
	_ = d.r.UnreadByte()
	d.at--
}

func (d *decoder) bad(c byte, want string) error {
	return gate.Bad("the request is not JSON: at octet %d there is %q, where %s should be", d.at, c, want)
}

// want reads the octet that a value of the field has to begin with.
func (d *decoder) want(c byte, where, kind string) error {
	got, err := d.next()
	if err != nil {
		return err
	}
	if got != c {
		return gate.Bad("%s has to be %s", where, kind)
	}
	return nil
}

func (d *decoder) enter() error {
	if d.depth++; d.depth > maxDepth {
		return gate.Bad("the JSON of the request is nested more than %d levels deep", maxDepth)
	}
	return nil
}

func (d *decoder) leave() { d.depth-- }

// members reads what stands in an object behind {, to its }. Member is called before each name.
func (d *decoder) members(member func() error) error {
	return d.sequence('}', func() error {
		c, err := d.next()
		if err != nil {
			return err
		}
		if c != '"' {
			return d.bad(c, "the name of a field")
		}
		return member()
	})
}

// elements reads what stands in a list behind [, to its ].
func (d *decoder) elements(element func() error) error { return d.sequence(']', element) }

func (d *decoder) sequence(end byte, one func() error) error {
	c, err := d.peek()
	if err != nil {
		return err
	}
	if c == end {
		_, err := d.next()
		return err
	}
	for {
		if err := one(); err != nil {
			return err
		}
		c, err := d.next()
		switch {
		case err != nil:
			return err
		case c == end:
			return nil
		case c != ',':
			return d.bad(c, "a comma or the end")
		}
	}
}

// name reads the rest of a name and the colon. Of a name that is too long to be known its beginning is returned.
func (d *decoder) name() (name string, long bool, err error) {
	var buf bytes.Buffer
	err = d.text(func(p []byte) error {
		if long = long || buf.Len()+len(p) > maxName; !long {
			buf.Write(p)
		} else {
			buf.Write(p[:min(len(p), max(0, maxName-buf.Len()))])
		}
		return nil
	})
	if err != nil {
		return "", false, err
	}
	c, err := d.next()
	if err != nil {
		return "", false, err
	}
	if c != ':' {
		return "", false, d.bad(c, "a colon")
	}
	return buf.String(), long, nil
}

// null reads a value that is null, and nothing of any other.
func (d *decoder) null() (bool, error) {
	c, err := d.peek()
	if err != nil || c != 'n' {
		return false, err
	}
	return true, d.literal("null")
}

func (d *decoder) literal(word string) error {
	for i := range len(word) {
		c, err := d.octet()
		if err != nil {
			return err
		}
		if c != word[i] {
			return d.bad(c, word)
		}
	}
	return nil
}

// text hands the rest of a string out in pieces, behind its first quotation mark and without escapes.
func (d *decoder) text(take func([]byte) error) error {
	for {
		if _, err := d.r.Peek(1); err != nil {
			return err
		}
		p, _ := d.r.Peek(d.r.Buffered())
		n := plain(p)
		if n > 0 {
			if err := take(p[:n]); err != nil {
				return err
			}
			d.discard(n)
			continue
		}
		c, err := d.octet()
		switch {
		case err != nil:
			return err
		case c == '"':
			return nil
		case c != '\\':
			return gate.Bad("the request is not JSON: at octet %d there is %q inside a string, where it has to be written with a backslash", d.at, c)
		}
		var b [utf8.UTFMax]byte
		k, err := d.escape(&b)
		if err != nil {
			return err
		}
		if err := take(b[:k]); err != nil {
			return err
		}
	}
}

// plain counts the octets that stand for themselves.
func plain(p []byte) int {
	for i, c := range p {
		if c < 0x20 || c == '"' || c == '\\' {
			return i
		}
	}
	return len(p)
}

func (d *decoder) escape(b *[utf8.UTFMax]byte) (int, error) {
	c, err := d.octet()
	if err != nil {
		return 0, err
	}
	const from, to = "\"\\/bfnrt", "\"\\/\b\f\n\r\t"
	if i := bytes.IndexByte([]byte(from), c); i >= 0 {
		b[0] = to[i]
		return 1, nil
	}
	if c != 'u' {
		return 0, d.bad(c, "an escape of JSON")
	}
	r, err := d.hex()
	if err != nil {
		return 0, err
	}
	if utf16.IsSurrogate(r) {
		second := rune(utf8.RuneError)
		if p, err := d.r.Peek(2); err == nil && string(p) == `\u` {
			if q, err := d.r.Peek(6); err == nil {
				if v, err := strconv.ParseUint(string(q[2:]), 16, 16); err == nil {
					second = rune(v)
				}
			}
		}
		if r = utf16.DecodeRune(r, second); r != utf8.RuneError {
			d.discard(6)
		}
	}
	return utf8.EncodeRune(b[:], r), nil
}

func (d *decoder) hex() (rune, error) {
	var r rune
	for range 4 {
		c, err := d.octet()
		if err != nil {
			return 0, err
		}
		v, err := strconv.ParseUint(string(rune(c)), 16, 8)
		if err != nil {
			return 0, d.bad(c, "a hexadecimal digit")
		}
		r = r<<4 | rune(v)
	}
	return r, nil
}
