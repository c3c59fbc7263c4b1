package pades

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// ByteRange is what a signature dictionary says: the beginning and the length of the octets before the hole, and of those behind it.
type ByteRange [4]int64

// MaxRoom bounds the CMS in a hole, in octets: readers of PDF do not take much more, and it is held in memory.
const MaxRoom = 16 << 20

// Section is the part of a file that a signature is over: all up to /Contents, and what stands behind. It is not modified, and may
// be used by several goroutines when its file may.
type Section struct {
	file  io.ReaderAt
	size  int64
	where ByteRange
}

// Open checks a /ByteRange against the file: it begins at the first octet, ends inside of the file, and what it leaves out is the
// hexadecimal string of /Contents with its angle brackets, and nothing else. Errors are of class [sign.ErrInput].
func Open(file io.ReaderAt, size int64, where ByteRange) (*Section, error) {
	refuse := func(format string, args ...any) (*Section, error) {
		return nil, &sign.Error{Op: "pades: open", Place: fmt.Sprintf("/ByteRange %v", where), Class: sign.ErrInput, Hint: fmt.Sprintf(format, args...)}
	}
	before, behind, length := where[1], where[2], where[3]
	switch {
	case file == nil:
		return refuse("the file is nil")
	case where[0] != 0:
		return refuse("it does not begin at the first octet of the file, so what stands before is not signed")
	case before <= 0 || behind <= before || length <= 0:
		return refuse("its two parts are not one behind the other, with a hole between them")
	case behind > size || length > size-behind: // in this order, so that nothing overflows
		return refuse("it ends behind the end of the file, which has %d octets; take the whole file", size)
	case behind-before > 2*MaxRoom+2:
		return refuse("the hole has %d octets, and %d are the most", behind-before, 2*MaxRoom+2)
	}
	s := &Section{file, size, where}
	if err := s.checkHole(); err != nil {
		return nil, err
	}
	return s, nil
}

// contents is what stands before the hole, but for white space.
const contents = "/Contents"

// checkHole demands that what is left out is the string of /Contents, digits only: what else stood there would be unsigned, and some
// readers would see it.
func (s *Section) checkHole() error {
	refuse := func(hint string) error {
		return &sign.Error{Op: "pades: open", Place: fmt.Sprintf("/ByteRange %v", s.where), Class: sign.ErrInput, Hint: hint}
	}
	hole, err := s.read(s.where[1], s.where[2]-s.where[1])
	if err != nil {
		return err
	}
	last := len(hole) - 1
	if last < 1 || hole[0] != '<' || hole[last] != '>' || len(hole)%2 != 0 {
		return refuse("what it leaves out is not one hexadecimal string with its angle brackets")
	}
	for _, c := range hole[1:last] {
		if !isHex(c) {
			return refuse("what it leaves out has more in it than hexadecimal digits, which nobody signed")
		}
	}
	head := min(s.where[1], int64(len(contents)+16))
	key, err := s.read(s.where[1]-head, head)
	if err != nil {
		return err
	}
	if !bytes.HasSuffix(bytes.TrimRight(key, "\x00\t\n\f\r "), []byte(contents)) {
		return refuse("what it leaves out is not the value of /Contents")
	}
	return nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func (s *Section) read(at, n int64) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(s.file, at, n), b); err != nil {
		return nil, &sign.Error{Op: "pades: read", Class: sign.ErrInput, Err: err}
	}
	return b, nil
}

// reader reads the octets that are signed, each time from their beginning.
func (s *Section) reader() io.Reader {
	return io.MultiReader(io.NewSectionReader(s.file, 0, s.where[1]), io.NewSectionReader(s.file, s.where[2], s.where[3]))
}

// Content is what is signed, for a batch: many documents with one key.
func (s *Section) Content(name string) sign.Content {
	return sign.Opener(name, func() (io.ReadCloser, error) { return io.NopCloser(s.reader()), nil })
}

// ByteRange is what Open was given.
func (s *Section) ByteRange() ByteRange { return s.where }

// Behind is how many octets of the file stand behind what is signed: 0 when the signature is over the whole file but the hole. What stands
// there is a later revision of the document, by anybody.
func (s *Section) Behind() int64 { return s.size - s.where[2] - s.where[3] }

// Room is how many octets a CMS may have.
func (s *Section) Room() int { return int(s.where[2]-s.where[1])/2 - 1 }

// CMS reads the hole. It returns the one value of ASN.1 in it, without the zeros that fill it; other octets behind the value are an
// error, as is a hole that is not filled.
func (s *Section) CMS() ([]byte, error) {
	hole, err := s.read(s.where[1], s.where[2]-s.where[1])
	if err != nil {
		return nil, err
	}
	refuse := func(hint string, err error) ([]byte, error) {
		return nil, &sign.Error{Op: "pades: /Contents", Class: sign.ErrInput, Hint: hint, Err: err}
	}
	octets := make([]byte, s.Room())
	if _, err := hex.Decode(octets, hole[1:len(hole)-1]); err != nil {
		return refuse("it was changed while it was read", err)
	}
	if len(bytes.TrimRight(octets, "\x00")) == 0 {
		return refuse("it is empty: the document was made ready for a signature and not signed", nil)
	}
	v, err := cms.ReadValue(octets)
	if err != nil {
		return refuse("it holds no CMS", err)
	}
	if len(bytes.TrimRight(octets[v.Next():], "\x00")) != 0 {
		return refuse("it holds more than one CMS and the zeros that fill it", nil)
	}
	return octets[:v.Next()], nil
}

// Hex is what is written at octet ByteRange[1] of the file: the string of /Contents, as long as the hole. The error of a CMS that
// does not fit is of class [sign.ErrInput] and says how much is missing.
func (s *Section) Hex(message []byte) ([]byte, error) {
	room := s.Room()
	if n := len(message); n > room {
		return nil, &sign.Error{Op: "pades: fill", Class: sign.ErrInput,
			Hint: fmt.Sprintf("the CMS has %d octets, and /Contents has room for %d: %d are missing; write the document with more room, see pades.Estimate", n, room, n-room)}
	}
	b := bytes.Repeat([]byte{'0'}, 2*room+2)
	b[0], b[len(b)-1] = '<', '>'
	hex.Encode(b[1:], message)
	return b, nil
}

// Fill writes the CMS into the hole.
func (s *Section) Fill(file io.WriterAt, message []byte) error {
	b, err := s.Hex(message)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(b, s.where[1])
	return err
}
