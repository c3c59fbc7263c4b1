package jsonbody

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/scan"
)

// want refuses a value that does not begin as it should.
func want(s *scan.Scanner, first, where, kind string) error {
	c, err := s.Peek()
	if err != nil {
		return err
	}
	for i := range len(first) {
		if c == first[i] {
			return nil
		}
	}
	return gate.Bad("%s has to be %s", where, kind)
}

// String is a field with a text of at most max octets of UTF-8.
func String(name string, dst *string, max int) Field {
	return Field{name, func(s *scan.Scanner, where string) error {
		if err := want(s, `"`, where, "a string"); err != nil {
			return err
		}
		text, _, err := s.String()
		switch {
		case err != nil:
			return err
		case len(text) > max:
			return TooLong(where, int64(max))
		}
		*dst = text
		return nil
	}}
}

// Bool is a field that is true or false.
func Bool(name string, dst *bool) Field {
	return Field{name, func(s *scan.Scanner, where string) error {
		if err := want(s, "tf", where, "true or false"); err != nil {
			return err
		}
		value, _, err := s.Bool()
		if err == nil {
			*dst = value
		}
		return err
	}}
}

// Bytes is a field with octets in base64, at most max of them. What is not given stays nil; an empty text makes octets
// that are empty and not nil.
func Bytes(name string, dst *[]byte, max int64) Field {
	return Field{name, func(s *scan.Scanner, where string) error {
		out := memory{where: where, max: max, data: []byte{}}
		if err := base64(s, &out, where); err != nil {
			return err
		}
		*dst = out.data
		return nil
	}}
}

// Stream is a field with octets in base64, which go to what open returns as they arrive. Open is not called for a field
// that is not given.
func Stream(name string, open func() io.Writer, max int64) Field {
	return Field{name, func(s *scan.Scanner, where string) error {
		return base64(s, &stream{where: where, max: max, dst: open()}, where)
	}}
}

// base64 reads a string. What the sink says of itself is told as it is.
func base64(s *scan.Scanner, sink scan.Sink, where string) error {
	if err := want(s, `"`, where, "a string with base64"); err != nil {
		return err
	}
	bad, err := s.Base64(sink)
	if err != nil {
		return err
	}
	if bad == nil {
		return nil
	}
	if own, ok := errors.AsType[*failed](bad); ok {
		return own.err
	}
	return gate.Bad("%s: %s", where, bad)
}

// failed is the error of a sink, and not of the base64.
type failed struct{ err error }

func (f *failed) Error() string { return f.err.Error() }

// memory is a sink that keeps what it gets.
type memory struct {
	where string
	max   int64
	data  []byte
}

func (m *memory) Room(n int) ([]byte, error) {
	m.data = slices.Grow(m.data, n)
	return m.data[len(m.data) : len(m.data)+n], nil
}

func (m *memory) Took(n int) error {
	if int64(len(m.data)+n) > m.max {
		return &failed{TooLong(m.where, m.max)}
	}
	m.data = m.data[:len(m.data)+n]
	return nil
}

// stream is a sink that hands on what it gets.
type stream struct {
	where string
	max   int64
	size  int64
	dst   io.Writer
	buf   []byte
}

func (w *stream) Room(n int) ([]byte, error) {
	w.buf = slices.Grow(w.buf[:0], n)[:n]
	return w.buf, nil
}

func (w *stream) Took(n int) error {
	if w.size += int64(n); w.size > w.max {
		return &failed{TooLong(w.where, w.max)}
	}
	if _, err := w.dst.Write(w.buf[:n]); err != nil {
		return &failed{err}
	}
	return nil
}

// TooLong is the error of a field with more octets than are taken.
func TooLong(where string, max int64) *gate.Error {
	if max >= 1<<20 {
		return gate.TooLarge("%s is larger than %d MiB", where, max>>20)
	}
	return gate.TooLarge("%s is larger than %d octets", where, max)
}

// List is a field with objects, at most max of them; item says what stands in the next one. Done is called behind each.
func List(name string, max int, item func() Object, done func() error) Field {
	return Field{name, func(s *scan.Scanner, where string) error {
		if err := want(s, "[", where, "a list"); err != nil {
			return err
		}
		if err := s.Begin('['); err != nil {
			return err
		}
		for i := 0; ; i++ {
			more, err := s.Next(i == 0, ']')
			if err != nil || !more {
				return err
			}
			if i == max {
				return gate.Bad("%s has more than %d elements", where, max)
			}
			at := fmt.Sprintf("%s[%d]", where, i)
			if err := want(s, "{", at, "an object"); err != nil {
				return err
			}
			if err := s.Begin('{'); err != nil {
				return err
			}
			if err := item().members(s, at+"."); err != nil {
				return err
			}
			if err := done(); err != nil {
				return err
			}
		}
	}}
}
