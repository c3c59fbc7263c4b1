package cades

import (
	"errors"
	"io"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/received"
	"github.com/seed-116355fd/signet/sign"
)

// OpenOptions says how a message is opened. The zero value, and nil, is good for all but strange ones.
type OpenOptions struct {
	// Held is how many octets are taken into memory at most: certificates, revocation values, signatures, all that is not the
	// content. Zero means 64 MiB.
	Held int64
	// Dir is where [ReadStream] puts what is too large for memory; empty means [os.TempDir].
	Dir string
}

// Open reads a message of size octets as [Parse] does, but leaves the content where it is, so that one of any size takes no
// more memory than its certificates, revocation values and signatures do. A detached message is taken into memory whole.
//
// One that is spelled as text, in PEM or base64, is decoded into memory whole, and refused when it is larger than
// OpenOptions.Held; [ReadStream] decodes such a message of any size.
//
// The content is read when it is needed: once by [Message.Verify], and each time that [Message.WriteContent] or
// [Message.WriteTo] is called, by ReadAt, which may be called by several goroutines at a time. So r has to stay open, and its
// octets have to stay as they are, as long as the message is in use: whoever can change the file between two readings can have
// another content written than the one that was verified. What comes from a pipe is written to a file first.
func Open(r io.ReaderAt, size int64, o *OpenOptions) (*Message, error) {
	if r == nil {
		return nil, noReader("cades: open")
	}
	held := int64(cms.DefaultHeld)
	if o != nil && o.Held > 0 {
		held = o.Held
	}
	if head := headOf(r); len(head) != 0 && head[0] != received.Sequence {
		return openText(r, size, held)
	}
	in, err := message.Open(r, size, held)
	if err != nil {
		return nil, openError(err, r, size)
	}
	return wrap(in), nil
}

func noReader(op string) error {
	return &sign.Error{Op: op, Class: sign.ErrInput, Hint: "the reader is nil"}
}

// openText reads a message that is spelled as text, whose content cannot be read where it stands.
func openText(r io.ReaderAt, size, held int64) (*Message, error) {
	if size > held {
		return nil, &sign.Error{
			Op: "cades: open", Class: sign.ErrInput, Err: errors.New("it is not in DER or BER, and too large for memory"),
			Hint: "decode it into a file, or have ReadStream do that, which reads PEM and base64 of any size",
		}
	}
	text := make([]byte, size)
	if n, err := r.ReadAt(text, 0); err != nil && (int64(n) != size || !errors.Is(err, io.EOF)) {
		return nil, &sign.Error{Op: "cades: open", Err: err}
	}
	m, err := Parse(text)
	if e, ok := errors.AsType[*sign.Error](err); ok {
		e.Op = "cades: open"
	}
	return m, err
}

// openError tells what is no message from what cannot be read or is too large.
func openError(err error, r io.ReaderAt, size int64) error {
	if _, ok := errors.AsType[*cms.SyntaxError](err); ok {
		return &sign.Error{Op: "cades: open", Class: sign.ErrInput, Err: err, Hint: hintIn(r, size)}
	}
	if _, ok := errors.AsType[*cms.TooLargeError](err); ok {
		return &sign.Error{Op: "cades: open", Class: sign.ErrInput, Err: err, Hint: "set OpenOptions.Held when you know where the message comes from"}
	}
	return &sign.Error{Op: "cades: open", Err: err}
}

// WriteTo writes the message as it was received. Of one that was opened, the content is read on the way.
func (m *Message) WriteTo(w io.Writer) (int64, error) { return m.in.Octets.WriteTo(w) }
