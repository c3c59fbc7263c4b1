package jsonbody

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/seed-116355fd/signet/service/gate"
)

// String is a field with a text of at most max octets of UTF-8.
func String(name string, dst *string, max int) Field {
	return Field{name, func(d *decoder, where string) error {
		if err := d.want('"', where, "a string"); err != nil {
			return err
		}
		var buf bytes.Buffer
		err := d.text(func(p []byte) error {
			if buf.Len()+len(p) > max {
				return gate.TooLarge("%s is longer than %d octets", where, max)
			}
			buf.Write(p)
			return nil
		})
		if err != nil {
			return err
		}
		if !utf8.Valid(buf.Bytes()) {
			return gate.Bad("%s is not UTF-8", where)
		}
		*dst = buf.String()
		return nil
	}}
}

// Bool is a field that is true or false.
func Bool(name string, dst *bool) Field {
	return Field{name, func(d *decoder, where string) error {
		c, err := d.peek()
		if err != nil {
			return err
		}
		switch c {
		case 't':
			*dst = true
			return d.literal("true")
		case 'f':
			*dst = false
			return d.literal("false")
		}
		return gate.Bad("%s has to be true or false", where)
	}}
}

// Bytes is a field with octets in base64, at most max of them. What is not given stays nil; an empty text makes octets
// that are empty and not nil.
func Bytes(name string, dst *[]byte, max int64) Field {
	return Field{name, func(d *decoder, where string) error {
		out := writer{}
		if err := d.base64(&out, where, max); err != nil {
			return err
		}
		*dst = out
		return nil
	}}
}

// Stream is a field with octets in base64, which go to what open returns as they arrive. Open is not called for a field
// that is not given.
func Stream(name string, open func() io.Writer, max int64) Field {
	return Field{name, func(d *decoder, where string) error { return d.base64(open(), where, max) }}
}

// List is a field with objects, at most max of them; item says what stands in the next one. Done is called behind each.
func List(name string, max int, item func() Object, done func() error) Field {
	return Field{name, func(d *decoder, where string) error {
		if err := d.want('[', where, "a list"); err != nil {
			return err
		}
		if err := d.enter(); err != nil {
			return err
		}
		defer d.leave()
		i := 0
		return d.elements(func() error {
			if i++; i > max {
				return gate.Bad("%s has more than %d elements", where, max)
			}
			at := fmt.Sprintf("%s[%d]", where, i-1)
			if err := d.want('{', at, "an object"); err != nil {
				return err
			}
			if err := d.object(item(), at+"."); err != nil {
				return err
			}
			return done()
		})
	}}
}

func (d *decoder) base64(dst io.Writer, where string, max int64) error {
	if err := d.want('"', where, "a string with base64"); err != nil {
		return err
	}
	s := &base64Sink{dst: dst, where: where, max: max}
	if err := d.text(s.take); err != nil {
		return err
	}
	return s.end()
}
