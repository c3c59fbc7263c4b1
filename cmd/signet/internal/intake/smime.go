package intake

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"

	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/received"
)

// Limits of mails.
const (
	maxHeader = 256 << 10 // octets of all fields
	maxField  = 16 << 10  // and of one, about
	maxMail   = 8         // entities inside each other
)

// mail is what an S/MIME mail has signed (RFC 8551 section 3.5).
type mail struct {
	signature []byte // decoded
	content   []byte // of multipart/signed, in canonical form; nil when the signature holds it
	received  []byte // the same, octet by octet
	part      bool   // there is more in the mail, which is not signed
}

// readMail finds the signature in a mail, or in an entity of MIME. ok is false when the text is no mail.
func readMail(text []byte) (*mail, bool, error) {
	if bytes.HasPrefix(text, []byte("From ")) { // the line of an mbox
		if _, after, ok := bytes.Cut(text, []byte("\n")); ok {
			text = after
		}
	}
	h, body, ok := splitHeader(text)
	if !ok || h["content-type"] == "" {
		return nil, false, nil
	}
	m, err := find(h, body, 0)
	switch {
	case err != nil:
		return nil, true, err
	case m == nil:
		return nil, true, errors.New("this is a mail, and nothing in it is signed with S/MIME")
	case len(m.signature) == 0:
		return nil, true, errors.New("this is an S/MIME mail whose signature is empty")
	}
	return m, true, nil
}

// find looks through the entities of a mail; nil when none of them is signed.
func find(h map[string]string, body []byte, depth int) (*mail, error) {
	kind, parameters, err := mime.ParseMediaType(h["content-type"])
	if err != nil && kind == "" || depth == maxMail {
		return nil, nil //nolint:nilerr // an entity of a kind that nobody understands is none of interest
	}
	if kind == "application/octet-stream" && namedAsSignature(parameters["name"], h["content-disposition"]) {
		kind = "application/pkcs7-mime"
	}
	switch kind {
	case "application/pkcs7-mime", "application/x-pkcs7-mime", "application/pkcs7-signature", "application/x-pkcs7-signature", "application/timestamp-reply":
		decoded, err := transferred(h["content-transfer-encoding"], body)
		return &mail{signature: decoded}, err
	case "message/rfc822":
		inner, rest, ok := splitHeader(body)
		if !ok {
			return nil, nil
		}
		return find(inner, rest, depth+1)
	case "multipart/signed":
		return detached(parts(body, parameters["boundary"]))
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return nil, nil
	}
	all := parts(body, parameters["boundary"])
	for _, part := range all {
		inner, rest, ok := splitHeader(part)
		if !ok {
			continue
		}
		m, err := find(inner, rest, depth+1)
		if m != nil && len(all) > 1 {
			m.part = true
		}
		if m != nil || err != nil {
			return m, err
		}
	}
	return nil, nil
}

// detached reads a multipart/signed: what is signed, then the signature.
func detached(all [][]byte) (*mail, error) {
	if len(all) < 2 {
		return nil, errors.New("this is an S/MIME mail (multipart/signed) that is cut: the part with the signature is missing")
	}
	h, body, ok := splitHeader(all[1])
	kind, _, err := mime.ParseMediaType(h["content-type"])
	if !ok || err != nil && kind == "" {
		return nil, errors.New("this is a signed mail whose second part is no signature")
	}
	switch kind {
	case "application/pkcs7-signature", "application/x-pkcs7-signature":
	case "application/pgp-signature":
		return nil, errors.New("this is a mail signed with OpenPGP and not with S/MIME; gpg reads it")
	default:
		return nil, errors.New("this is a mail that is signed in a way that is not known here, and not with S/MIME")
	}
	signature, err := transferred(h["content-transfer-encoding"], body)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(message.Lines(bytes.NewReader(all[0]), "\r\n"))
	return &mail{signature, content, all[0], len(all) > 2}, err
}

// namedAsSignature reports whether an attachment of no kind has a name by which RFC 8551 section 3.9 knows what it is: gateways make
// such.
func namedAsSignature(name, disposition string) bool {
	if name == "" {
		if _, parameters, err := mime.ParseMediaType(disposition); err == nil {
			name = parameters["filename"]
		}
	}
	name = strings.ToLower(name)
	return strings.HasSuffix(name, ".p7m") || strings.HasSuffix(name, ".p7s")
}

// transferred undoes a Content-Transfer-Encoding.
func transferred(encoding string, body []byte) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		if der, ok := received.Decode(body); ok {
			return der, nil
		}
		return nil, errors.New("this is an S/MIME mail whose signature cannot be read: its base64 is damaged")
	case "quoted-printable":
		return io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
	}
	return body, nil // 7bit, 8bit, binary
}

// splitHeader takes the fields off an entity and returns those that say what it is, their names in small letters; of fields
// that stand there twice the first counts. ok is false when the text does not begin with a field.
func splitHeader(text []byte) (fields map[string]string, body []byte, ok bool) {
	fields = map[string]string{}
	name := "" // of the field that lines which are indented go on with
	var value []byte
	keep := func() {
		if name != "" {
			fields[name] = string(value)
		}
	}
	for rest := text; len(text)-len(rest) <= maxHeader; {
		line, after, more := bytes.Cut(rest, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		switch {
		case len(line) == 0:
			keep()
			return fields, after, ok
		case line[0] == ' ' || line[0] == '\t':
			if !ok {
				return nil, nil, false
			}
			if name != "" && len(value) < maxField {
				value = append(append(value, ' '), bytes.TrimSpace(line)...)
			}
		default:
			field, first, found := bytes.Cut(line, []byte(":"))
			if !found || !isName(field) {
				return nil, nil, false
			}
			keep()
			ok = true
			if name = strings.ToLower(string(field)); !strings.HasPrefix(name, "content-") || fields[name] != "" {
				name = "" // of no interest
			} else {
				value = append(value[:0], bytes.TrimSpace(first[:min(len(first), maxField)])...)
			}
		}
		if !more {
			keep()
			return fields, nil, ok
		}
		rest = after
	}
	return nil, nil, false
}

// isName reports whether octets are the name of a field (RFC 5322 section 2.2).
func isName(field []byte) bool {
	for _, c := range field {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(field) != 0 && len(field) < 80
}

// parts returns the octets of each part of a multipart entity (RFC 2046 section 5.1.1), without the line end before the
// boundary, which belongs to that.
func parts(body []byte, boundary string) (all [][]byte) {
	if boundary == "" {
		return nil
	}
	mark := []byte("--" + boundary)
	begin := -1
	for at := 0; at < len(body); {
		next := len(body)
		if i := bytes.IndexByte(body[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		if after, ok := bytes.CutPrefix(body[at:next], mark); ok {
			after = bytes.TrimRight(after, " \t\r\n")
			last := bytes.Equal(after, []byte("--"))
			if last || len(after) == 0 {
				if begin >= 0 {
					all = append(all, trimLineEnd(body[begin:at]))
				}
				if last {
					return all
				}
				begin = next
			}
		}
		at = next
	}
	return all
}

func trimLineEnd(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}
