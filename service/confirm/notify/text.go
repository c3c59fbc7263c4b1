package notify

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is told.
const (
	maxTitle  = 40 // characters
	maxDigest = 8  // of the digest, in a short message
	maxLink   = 500
	maxMarks  = 2 // combining characters in a row
)

const russian = "ru"

// Text is the message in one line, short enough for a telephone: the code, the title of the operation, the number of files,
// the beginning of their digest, until when, and the link.
//
// The code comes first, and the title is cut and in quotation marks: a title, which is anybody's, can neither begin a line of
// its own nor stand where the code does.
func (m *Message) Text() string {
	var b strings.Builder
	ru := m.Language == russian
	say := func(format, inRussian string, a ...any) {
		if ru {
			format = inRussian
		}
		fmt.Fprintf(&b, format, a...)
	}
	if m.Code.Len() > 0 {
		say("Code %s to sign", "Код %s, подпись", clean(string(m.Code.Bytes()), 20))
	} else {
		say("Please confirm, to sign", "Подтвердите подпись")
	}
	if title := m.title(); title != "" {
		say(" \"%s\",", " «%s»,", title)
	} else {
		b.WriteByte(':')
	}
	b.WriteString(" " + m.files())
	if d := m.digest(maxDigest); d != "" {
		say(", digest %s", ", отпечаток %s", d)
	}
	if !m.Expires.IsZero() {
		say(", until %s", ", до %s", m.Expires.Format("15:04 MST"))
	}
	b.WriteByte('.')
	if link := m.link(); link != "" {
		b.WriteString(" " + link)
	}
	return b.String()
}

// title is fit to be shown in quotation marks.
func (m *Message) title() string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("\"«»“”„‟‹›＂", r) {
			return '\''
		}
		return r
	}, clean(m.Title, maxTitle))
}

// digest is its beginning, or nothing when it is no digest.
func (m *Message) digest(n int) string {
	if strings.Trim(m.Digest, "0123456789abcdefABCDEF") != "" {
		return ""
	}
	return strings.ToLower(m.Digest[:min(n, len(m.Digest))])
}

// link is that of the message, or nothing when it is none to be shown.
func (m *Message) link() string {
	if len(m.Link) > maxLink || strings.ContainsFunc(m.Link, func(r rune) bool { return r <= ' ' || r >= 0x7f }) ||
		!strings.HasPrefix(m.Link, "https://") && !strings.HasPrefix(m.Link, "http://") {
		return ""
	}
	return m.Link
}

// files is the number of files in words that agree with it.
func (m *Message) files() string {
	n := max(m.Files, 0)
	if m.Language != russian {
		if n == 1 {
			return "1 file"
		}
		return fmt.Sprintf("%d files", n)
	}
	word := "файлов"
	switch {
	case n%100 >= 11 && n%100 <= 14:
	case n%10 == 1:
		word = "файл"
	case n%10 >= 2 && n%10 <= 4:
		word = "файла"
	}
	return fmt.Sprintf("%d %s", n, word)
}

// clean makes one line of a text of anybody: control characters, marks of direction, what is not seen and line ends are taken
// out or become blanks, and it is cut to a number of characters.
func clean(s string, most int) string {
	if len(s) > 16*most { // what is behind would be cut in any case
		s = s[:16*most]
	}
	var b strings.Builder
	n, marks := 0, 0
	blank := false
	for _, r := range s {
		switch {
		case r == utf8.RuneError, unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Variation_Selector):
			continue
		case unicode.IsSpace(r), unicode.IsControl(r), unicode.In(r, unicode.Zl, unicode.Zp), invisible(r):
			blank = n > 0
			continue
		case unicode.Is(unicode.M, r):
			if marks++; marks > maxMarks || n == 0 {
				continue
			}
			b.WriteRune(r) // with the character before it
			continue
		case n >= most-3 && tooLong(s, most):
			return strings.TrimSpace(b.String()) + "..."
		}
		if blank {
			b.WriteByte(' ')
			n++
			blank = false
		}
		b.WriteRune(r)
		n++
		marks = 0
	}
	return b.String()
}

// invisible reports letters and signs that are shown as a blank.
func invisible(r rune) bool {
	switch r {
	case 0x115f, 0x1160, 0x3164, 0xffa0, 0x2800, 0x17b4, 0x17b5:
		return true
	}
	return false
}

func tooLong(s string, most int) bool { return utf8.RuneCountInString(s) > most }
