package received

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
)

// Decoder decodes a text of one block of PEM, or of base64, while it is read.
type Decoder struct {
	text    base64Text
	decoded *bufio.Reader
}

// NewDecoder returns nil when the text does not begin as one of these does, or is spelled in a way that is left to [Unwrap].
func NewDecoder(text io.Reader) *Decoder {
	r := bufio.NewReaderSize(text, 64<<10)
	for {
		c, err := r.ReadByte()
		if err != nil {
			return nil // whoever reads it whole says so
		}
		if DropSpace(rune(c)) >= 0 {
			_ = r.UnreadByte()
			break
		}
	}
	d := &Decoder{text: base64Text{r: r}}
	head, _ := r.Peek(len(begin) + maxPEMLabel + len(dashes))
	if bytes.HasPrefix(head, begin) {
		label, _, ok := bytes.Cut(head[len(begin):], dashes)
		if !ok || bytes.ContainsAny(label, "\r\n") {
			return nil
		}
		_, _ = r.Discard(len(begin) + len(label) + len(dashes))
		d.text.pem = true
	}
	d.decoded = bufio.NewReader(base64.NewDecoder(base64.StdEncoding, &d.text))
	if first, err := d.decoded.Peek(1); err != nil || first[0] != Sequence {
		return nil
	}
	return d
}

// Read gives the decoded octets. What is wrong with the spelling is a [base64.CorruptInputError] or [io.ErrUnexpectedEOF].
func (d *Decoder) Read(p []byte) (int, error) { return d.decoded.Read(p) }

// Whole reports, when all was read, whether the text ended as it should, and nothing follows that could be meant instead.
func (d *Decoder) Whole() bool {
	rest, err := io.ReadAll(io.LimitReader(d.text.r, 64<<10))
	if err != nil || len(rest) == 64<<10 {
		return false
	}
	if !d.text.pem {
		return len(rest) == 0
	}
	return d.text.ended && bytes.HasPrefix(rest, end) && !bytes.Contains(rest, begin)
}

// base64Text leaves out white space, and ends where a block of PEM does.
type base64Text struct {
	r     *bufio.Reader
	pem   bool
	ended bool // a block of PEM, at a dash
}

func (t *base64Text) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if t.ended {
			return n, io.EOF
		}
		c, err := t.r.ReadByte()
		if err != nil {
			return n, err
		}
		switch {
		case DropSpace(rune(c)) < 0:
		case t.pem && c == '-':
			_ = t.r.UnreadByte()
			t.ended = true
		default:
			p[n] = c
			n++
		}
	}
	return n, nil
}
