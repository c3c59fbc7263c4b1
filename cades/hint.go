package cades

import (
	"bytes"
	"io"
	"strings"
)

// hintLen is how much of it is looked at.
const hintLen = 256

// hintFor says what to do with octets that are no message. People hand over what they have got, which most
// often is a message in another spelling.
func hintFor(octets []byte) string {
	head := octets[:min(len(octets), hintLen)]
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("-----BEGIN ")):
		return "it is PEM; give the Bytes of the block that pem.Decode finds"
	case isMail(head):
		return "it looks like a mail; give its part of the type application/pkcs7-signature or application/pkcs7-mime, decoded"
	case bytes.HasPrefix(head, []byte("MI")): // a SEQUENCE whose length takes two octets or more
		return "it looks like base64; decode it first"
	case isResponse(head):
		return "it looks like the answer of an authority of time-stamps; tsp.ParseResponse reads it"
	}
	return "it has to be a CMS or PKCS #7 SignedData in DER or BER"
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

// isResponse reports whether a PKIStatusInfo stands where a message has its content type (RFC 3161 section 2.4.2).
func isResponse(head []byte) bool {
	const sequence, integer = 0x30, 0x02
	for range 2 { // a SEQUENCE in a SEQUENCE
		if len(head) < 2 || head[0] != sequence {
			return false
		}
		head = head[min(len(head), 2+longLength(head[1])):]
	}
	return len(head) != 0 && head[0] == integer
}

// longLength is how many octets follow the first one of a length (X.690 section 8.1.3.5).
func longLength(first byte) int {
	if first < 0x80 {
		return 0
	}
	return int(first & 0x7f)
}

// headOf is as much of a message as hintFor looks at.
func headOf(r io.ReaderAt) []byte {
	head := make([]byte, hintLen)
	n, _ := r.ReadAt(head, 0)
	return head[:n]
}
