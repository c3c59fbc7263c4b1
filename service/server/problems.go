package server

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one fault of a configuration.
type Problem struct {
	Line int    // in the file; 0 when it is not known, or about what is not there
	Path string // of the value: "keys[0].store"; empty for the file as a whole
	Text string // what is wrong and what to do
}

// Problems are all faults of a configuration. They are an error when there is one at least.
type Problems struct {
	File string // empty when the configuration was not read from a file
	All  []Problem
}

// Error has one line for each fault: "FILE:LINE: PATH: what is wrong".
func (p *Problems) Error() string {
	lines := make([]string, len(p.All))
	for i, one := range p.All {
		var b strings.Builder
		switch {
		case p.File != "" && one.Line > 0:
			fmt.Fprintf(&b, "%s:%d: ", p.File, one.Line)
		case p.File != "":
			b.WriteString(p.File + ": ")
		}
		if one.Path != "" {
			b.WriteString(one.Path + ": ")
		}
		b.WriteString(one.Text)
		lines[i] = b.String()
	}
	return strings.Join(lines, "\n")
}

func (p *Problems) add(line int, path, format string, args ...any) {
	p.All = append(p.All, Problem{line, path, fmt.Sprintf(format, args...)})
}

// err sorts the faults by line, and is nil when there is none.
func (p *Problems) err() error {
	if len(p.All) == 0 {
		return nil
	}
	slices.SortStableFunc(p.All, func(a, b Problem) int { return a.Line - b.Line })
	return p
}

// nearest returns the name that was probably meant, as "; did you mean …?", or what there is when none is near.
func nearest(name string, names []string) string {
	best, least := "", 3
	for _, n := range names {
		d := distance(strings.ToLower(name), strings.ToLower(n))
		if strings.HasPrefix(n, name) && len(name) > 2 || strings.HasPrefix(name, n) && len(n) > 2 {
			d = min(d, 2)
		}
		if d < least && d < max(len(n), 2) {
			best, least = n, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("; did you mean %s?", best)
	case len(names) == 0:
		return ""
	}
	return "; there are " + listed(names)
}

func listed(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// distance is that of Levenshtein, with a swap of neighbours as one step; of long texts, it is just long.
func distance(a, b string) int {
	const most = 64
	if len(a) > most || len(b) > most {
		return most
	}
	var rows [3][most + 1]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		now, last, before := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
	}
	return rows[len(a)%3][len(b)]
}
