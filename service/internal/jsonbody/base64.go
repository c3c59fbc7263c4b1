package jsonbody

import (
	"encoding/base64"
	"errors"
	"io"

	"github.com/seed-116355fd/signet/service/gate"
)

// base64Sink decodes what is put in piece by piece: the standard alphabet with its padding (RFC 4648 section 4), and
// white space anywhere, as Convert.FromBase64String takes it.
type base64Sink struct {
	dst    io.Writer
	where  string
	max    int64
	size   int64
	text   [4096]byte // without white space
	n      int
	before int64 // characters of text that were decoded
	padded bool
	out    [3072]byte
}

func (s *base64Sink) take(p []byte) error {
	for _, c := range p {
		if c == ' ' || c == '\n' || c == '\r' || c == '\t' {
			continue
		}
		s.text[s.n] = c
		if s.n++; s.n == len(s.text) {
			if err := s.decode(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *base64Sink) decode() error {
	text := s.text[:s.n]
	s.n = 0
	if s.padded && len(text) > 0 {
		return gate.Bad("%s is not base64: it goes on behind its padding, at character %d", s.where, s.before)
	}
	n, err := base64.StdEncoding.Decode(s.out[:], text)
	if err != nil {
		return s.broken(text, err)
	}
	s.padded = n < len(text)/4*3
	s.before += int64(len(text))
	if s.size += int64(n); s.size > s.max {
		return TooLong(s.where, s.max)
	}
	_, err = s.dst.Write(s.out[:n])
	return err
}

func (s *base64Sink) broken(text []byte, err error) error {
	at, ok := errors.AsType[base64.CorruptInputError](err)
	i := int(at)
	switch {
	case !ok || i >= len(text):
		return gate.Bad("%s is not base64: it ends in the middle of a group of four characters; is the padding with = there?", s.where)
	case text[i] == '-' || text[i] == '_':
		return gate.Bad("%s is URL-safe base64, with %q at character %d; send the standard one of RFC 4648 section 4, with + and / instead of - and _", s.where, text[i], s.before+int64(i))
	}
	return gate.Bad("%s is not base64: there is %q at character %d", s.where, text[i], s.before+int64(i))
}

func (s *base64Sink) end() error { return s.decode() }

// TooLong is the error of a field with more octets than are taken.
func TooLong(where string, max int64) *gate.Error {
	if max >= 1<<20 {
		return gate.TooLarge("%s is larger than %d MiB", where, max>>20)
	}
	return gate.TooLarge("%s is larger than %d octets", where, max)
}

// Decode decodes a text that is at hand in the same way.
func Decode(where, text string, max int64) ([]byte, error) {
	var out writer
	s := &base64Sink{dst: &out, where: where, max: max}
	if err := s.take([]byte(text)); err != nil {
		return nil, err
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	return out, nil
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
