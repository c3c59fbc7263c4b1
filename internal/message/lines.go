package message

import "io"

// Lines reads a text with every line end made the given one, "\r\n" or "\n", as mail programs do before they sign. A CR
// alone is no line end.
func Lines(r io.Reader, end string) io.Reader {
	return &lines{from: r, end: end, in: make([]byte, 32<<10)}
}

type lines struct {
	from    io.Reader
	end     string
	in, out []byte // out is what was not given away yet
	cr      bool   // a CR was seen, and not what follows it
	err     error
}

func (l *lines) Read(p []byte) (int, error) {
	for len(l.out) == 0 {
		if l.err != nil {
			return 0, l.err
		}
		n, err := l.from.Read(l.in)
		l.err = err
		l.out = l.convert(l.out[:0], l.in[:n])
		if l.err != nil && l.cr {
			l.out, l.cr = append(l.out, '\r'), false
		}
	}
	n := copy(p, l.out)
	l.out = l.out[n:]
	return n, nil
}

func (l *lines) convert(out, in []byte) []byte {
	for _, c := range in {
		if c == '\n' {
			out, l.cr = append(out, l.end...), false
			continue
		}
		if l.cr {
			out = append(out, '\r')
		}
		if l.cr = c == '\r'; !l.cr {
			out = append(out, c)
		}
	}
	return out
}
