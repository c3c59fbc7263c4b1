package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// A line is a JSON object in a form of its own, so that what the chain is made of stands at fixed places:
//
//	{"seq":7,"prev":"64 digits","time":"…","event":"sign",…,"items":[{"i":0,"name":"a","digest":"…"}],"mac":"64 digits"}
//
// Prev is the SHA-256 of the line before, without its line feed, 64 zeros for the first of all. Mac is there when the log has
// a key: the HMAC-SHA-256 of all octets of the line before ,"mac":
const (
	seqPart  = `{"seq":`
	prevPart = `,"prev":"`
	timePart = `","time":"`
	macPart  = `,"mac":"`
	endPart  = `"}`

	hexSum  = 2 * sha256.Size
	macSize = len(macPart) + hexSum + len(endPart)
)

// Bounds of a line.
const (
	// MaxLine is how many octets a line has at most, without its line feed.
	MaxLine = 4 << 20
	// itemsPerLine is how many items stand in a line; a record of more is several lines.
	itemsPerLine = 500

	maxName   = 512  // octets of the name of an item, and of its error, before they are escaped
	maxDetail = 1024 // of other texts
	maxDigest = 128  // octets
)

// appendLines writes a record as lines, each with its line feed. The chain is taken on.
func (c *chain) appendLines(b []byte, r *Record, now time.Time) []byte {
	items := r.Items
	for {
		part := items[:min(len(items), itemsPerLine)]
		items = items[len(part):]
		b = c.appendLine(b, r, part, now)
		if len(items) == 0 {
			return b
		}
	}
}

func (c *chain) appendLine(b []byte, r *Record, items []Item, now time.Time) []byte {
	start := len(b)
	b = append(b, seqPart...)
	b = strconv.AppendUint(b, c.seq+1, 10)
	b = append(b, prevPart...)
	b = hex.AppendEncode(b, c.last[:])
	b = append(b, timePart...)
	if !r.Time.IsZero() {
		now = r.Time
	}
	b = now.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	b = append(b, '"')
	for _, f := range [...]struct{ name, value string }{
		{`,"event":`, r.Event}, {`,"request":`, r.RequestID}, {`,"principal":`, r.Principal}, {`,"remote":`, r.Remote},
		{`,"endpoint":`, r.Endpoint}, {`,"key":`, r.Key}, {`,"thumbprint":`, r.Thumbprint}, {`,"level":`, r.Level},
		{`,"hash":`, r.Hash}, {`,"detail":`, r.Detail},
	} {
		if f.value != "" {
			b = append(b, f.name...)
			b = appendString(b, f.value, maxDetail)
		}
	}
	if r.Attached {
		b = append(b, `,"attached":true`...)
	}
	if len(items) != 0 {
		b = append(b, `,"items":[`...)
		for i := range items {
			if i != 0 {
				b = append(b, ',')
			}
			b = items[i].append(b)
		}
		b = append(b, ']')
	}
	if c.mac != nil {
		b = c.appendMAC(b, b[start:])
	} else {
		b = append(b, '}')
	}
	c.last = sha256.Sum256(b[start:])
	c.seq++
	return append(b, '\n')
}

func (c *chain) appendMAC(b, of []byte) []byte {
	var sum [sha256.Size]byte
	c.mac.Reset()
	_, _ = c.mac.Write(of)
	b = append(b, macPart...)
	b = hex.AppendEncode(b, c.mac.Sum(sum[:0]))
	return append(b, endPart...)
}

func (it *Item) append(b []byte) []byte {
	b = append(b, `{"i":`...)
	b = strconv.AppendInt(b, int64(it.Index), 10)
	if it.Name != "" {
		b = append(b, `,"name":`...)
		b = appendString(b, it.Name, maxName)
	}
	if len(it.Digest) != 0 {
		b = append(b, `,"digest":"`...)
		b = hex.AppendEncode(b, it.Digest[:min(len(it.Digest), maxDigest)])
		b = append(b, '"')
	}
	if it.Err != "" {
		b = append(b, `,"error":`...)
		b = appendString(b, it.Err, maxName)
	}
	return append(b, '}')
}

// appendString writes a string of JSON. It may be of a stranger: what cannot be seen is escaped, so that it can neither
// begin a line nor do something to the screen of who reads the file; octets that are no UTF-8 become U+FFFD; what is longer
// than limit octets is cut, and an ellipsis says so.
func appendString(b []byte, s string, limit int) []byte {
	cut := len(s) > limit
	if cut {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	b = append(b, '"')
	begin := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != 0x7F {
				i++
				continue
			}
			b = append(b, s[begin:i]...)
			if c == '"' || c == '\\' {
				b = append(b, '\\', c)
			} else {
				b = appendUnit(b, rune(c))
			}
			i++
			begin = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if (r != utf8.RuneError || size != 1) && unicode.IsPrint(r) {
			i += size
			continue
		}
		b = append(b, s[begin:i]...)
		if r < 0x10000 {
			b = appendUnit(b, r)
		} else { // a surrogate pair
			r -= 0x10000
			b = appendUnit(appendUnit(b, 0xD800+r>>10), 0xDC00+r&0x3FF)
		}
		i += size
		begin = i
	}
	b = append(b, s[begin:]...)
	if cut {
		b = append(b, "…"...)
	}
	return append(b, '"')
}

func appendUnit(b []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// links are what a line says of its place in the chain.
type links struct {
	seq  uint64
	prev [sha256.Size]byte
	mac  []byte // nil when there is none
	body []byte // what the mac is over
}

// parseLinks reads a line, without its line feed.
func parseLinks(line []byte) (links, error) {
	var l links
	rest, ok := bytes.CutPrefix(line, []byte(seqPart))
	digits, rest, found := bytes.Cut(rest, []byte(prevPart))
	seq, err := strconv.ParseUint(string(digits[:min(len(digits), 21)]), 10, 64)
	if !ok || !found || err != nil || seq == 0 || len(rest) < hexSum+len(timePart) ||
		!bytes.HasPrefix(rest[hexSum:], []byte(timePart)) {
		return l, errors.New("it is not a line of this log")
	}
	l.seq = seq
	if !decodeSum(l.prev[:], rest[:hexSum]) {
		return l, errors.New("its prev is not 64 hexadecimal digits in lower case")
	}
	if !json.Valid(line) {
		return l, errors.New("it is not valid JSON")
	}
	if at := len(line) - macSize; at > 0 && bytes.HasPrefix(line[at:], []byte(macPart)) {
		l.mac = make([]byte, sha256.Size)
		if !decodeSum(l.mac, line[at+len(macPart):][:hexSum]) {
			return l, errors.New("its mac is not 64 hexadecimal digits in lower case")
		}
		l.body = line[:at]
	}
	return l, nil
}

// decodeSum reads the digits of a hash or a mac as they are written: in lower case. The mac is not over its own digits, and the
// last line has none behind it whose prev would show a change, so that somebody without the key could make a second log that
// verifies, with another hash of its last record.
func decodeSum(sum, digits []byte) bool {
	n, err := hex.Decode(sum, digits)
	return err == nil && n == len(sum) && !bytes.ContainsAny(digits, "ABCDEF")
}
