package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
)

// screen is standard error: lines, and on a terminal one status line below them.
type screen struct {
	w        io.Writer
	terminal *os.File // nil when standard error is not a terminal

	mu     sync.Mutex
	status string
}

func newScreen(w io.Writer, env func(string) (string, bool)) *screen {
	s := &screen{w: w}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if kind, _ := env("TERM"); kind != "dumb" {
			s.terminal = f
		}
	}
	return s
}

const clearLine = "\r\x1b[K"

// say prints a line. Whatever is not printable in it is escaped.
func (s *screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := plain.Text(fmt.Sprintf(format, args...)) + "\n"
	if s.status != "" {
		line = clearLine + line + s.status
	}
	_, _ = io.WriteString(s.w, line)
}

// show replaces the status line of a terminal; an empty one removes it.
func (s *screen) show(status string) {
	if s.terminal == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if status == s.status {
		return
	}
	s.status = status
	_, _ = io.WriteString(s.w, clearLine+status)
}

// width is the number of columns of the terminal.
func (s *screen) width() int {
	if s.terminal != nil {
		if w, _, err := term.GetSize(int(s.terminal.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

// bar draws a part of a whole.
func bar(part float64, width int) string {
	full := min(max(int(part*float64(width)+0.5), 0), width)
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", width-full) + "]"
}
