package cades

import (
	"bytes"
	"io"
	"strings"

	"github.com/seed-116355fd/signet/internal/received"
)

// hintLen is how much of a file is looked at.
const hintLen = 256

// hintFor says what to do with octets that are no message: people hand over what they have got.
func hintFor(ber []byte) string {
	switch kind := received.KindOf(ber); {
	case kind == received.Response:
		return "it looks like the answer of an authority of time-stamps; tsp.ParseResponse reads it"
	case kind != received.Unknown && !kind.Signed():
		return "it is " + kind.Name()
	}
	return "it has to be a CMS or PKCS #7 SignedData in DER or BER, or in PEM or base64"
}

// maxHinted is how large a file is looked at whole, to say what it is.
const maxHinted = 64 << 10

// hintIn is hintFor for what is in a file.
func hintIn(r io.ReaderAt, size int64) string {
	if size > maxHinted {
		return hintFor(headOf(r))
	}
	ber := make([]byte, max(size, 0))
	n, _ := r.ReadAt(ber, 0)
	return hintFor(ber[:n])
}

// hintForText is for what is no ASN.1, and not the text of any.
func hintForText(text []byte) string {
	if clean, err := received.Text(text[:min(len(text), hintLen)&^1]); err == nil && isMail(clean) {
		return "it looks like a mail; give its part of the type application/pkcs7-signature or application/pkcs7-mime, decoded"
	}
	return "it has to be a CMS or PKCS #7 SignedData in DER or BER, or in PEM or base64"
}

// isMail reports whether the first line is a field that mails begin with.
func isMail(head []byte) bool {
	name, _, ok := bytes.Cut(head, []byte(":"))
	if !ok {
		return false
	}
	switch strings.ToLower(string(name)) {
	case "content-type", "mime-version", "received", "from", "to", "subject", "date", "message-id", "return-path", "delivered-to":
		return true
	}
	return false
}

// headOf is as much of a message as the hints look at.
func headOf(r io.ReaderAt) []byte {
	head := make([]byte, hintLen)
	n, _ := r.ReadAt(head, 0)
	return head[:n]
}
