package cli

import (
	"encoding/base64"
	"io"
)

// armor writes PEM as OpenSSL and encoding/pem do (RFC 7468): lines of 64 characters, the label of RFC 7468 section 9.
type armor struct {
	w     io.Writer
	lines *columns
	enc   io.WriteCloser
}

const (
	armorBegin = "-----BEGIN CMS-----\n"
	armorEnd   = "-----END CMS-----\n"
)

func newArmor(w io.Writer) *armor {
	lines := &columns{w: w}
	return &armor{w: w, lines: lines, enc: base64.NewEncoder(base64.StdEncoding, lines)}
}

func (a *armor) Write(p []byte) (int, error) {
	if !a.lines.begun {
		a.lines.begun = true
		if _, err := io.WriteString(a.w, armorBegin); err != nil {
			return 0, err
		}
	}
	return a.enc.Write(p)
}

// Close writes the end. The writer below stays open.
func (a *armor) Close() error {
	if err := a.enc.Close(); err != nil {
		return err
	}
	if a.lines.at != 0 {
		if _, err := io.WriteString(a.w, "\n"); err != nil {
			return err
		}
	}
	_, err := io.WriteString(a.w, armorEnd)
	return err
}

// columns breaks what is written into lines.
type columns struct {
	w     io.Writer
	begun bool
	at    int // characters of the line
	buf   []byte
}

func (c *columns) Write(p []byte) (int, error) {
	const width = 64
	c.buf = c.buf[:0]
	for rest := p; len(rest) != 0; {
		n := min(width-c.at, len(rest))
		c.buf = append(c.buf, rest[:n]...)
		rest = rest[n:]
		if c.at += n; c.at == width {
			c.buf = append(c.buf, '\n')
			c.at = 0
		}
	}
	if _, err := c.w.Write(c.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// armored is a function that writes, in PEM when that is wanted.
func armored(on bool, write func(io.Writer) error) func(io.Writer) error {
	if !on {
		return write
	}
	return func(w io.Writer) error {
		a := newArmor(w)
		if err := write(a); err != nil {
			return err
		}
		return a.Close()
	}
}
