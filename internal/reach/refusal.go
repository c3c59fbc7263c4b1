package reach

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"unicode"

	"github.com/seed-116355fd/signet/connect"
)

// drained is how much of the body of a refusal is read, so that the connection can be used again.
const drained = 16 << 10

// maxReason bounds what is repeated of it, in characters.
const maxReason = 160

var title = regexp.MustCompile(`(?is)<title[^>]*>([^<]*)</title>`)

// Reason reads the body of an answer that is a refusal, and returns its first line for an error: the title of a page, and without
// anything that a terminal or a log could take for more than text. It is empty when there is none, or when it repeats what the options
// keep secret.
func Reason(o *connect.Options, answer *http.Response) string {
	body, _ := io.ReadAll(io.LimitReader(answer.Body, drained))
	text := strings.ToValidUTF8(string(body), "")
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "<") {
		match := title.FindStringSubmatch(trimmed)
		if match == nil {
			return ""
		}
		text = match[1]
	}
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = printable(line); line != "" {
			if repeats(o, line) {
				return ""
			}
			return shorten(line)
		}
	}
	return ""
}

func printable(line string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, line))
}

func shorten(line string) string {
	if runes := []rune(line); len(runes) > maxReason {
		return string(runes[:maxReason]) + "…"
	}
	return line
}

func repeats(o *connect.Options, line string) bool {
	if o.Password.Len() != 0 && strings.Contains(line, string(o.Password.Bytes())) {
		return true
	}
	if r := (&http.Request{Header: http.Header{}}); o.User != "" {
		Authorize(o, r)
		if strings.Contains(line, strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")) {
			return true
		}
	}
	for _, values := range o.Header {
		for _, v := range values {
			if v != "" && strings.Contains(line, v) {
				return true
			}
		}
	}
	return false
}
