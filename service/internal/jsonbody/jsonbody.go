// Package jsonbody reads the JSON object of a request field by field as it arrives, by what is declared of it. It is
// stricter than encoding/json where that would take one of two meanings: a field that stands twice, and what follows the
// object, are errors.
package jsonbody

import (
	"errors"
	"io"
	"strings"

	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/scan"
)

// Object says which fields are read.
type Object struct {
	// Fold takes names in any case, and passes over unknown fields, as the existing service does. Without it they are
	// errors that name the nearest one that is known.
	Fold   bool
	Fields []Field
}

// Field is one field, made by the functions of this package. A field that is null is as one that is absent.
type Field struct {
	name string
	read func(s *scan.Scanner, where string) error
}

// Read reads the one object of a request. Its errors are for the caller: a *gate.Error, or what reading r failed with.
func (o Object) Read(r io.Reader) error {
	s := scan.New(r)
	defer s.Close()
	s.BOM()
	err := s.Begin('{')
	if syntax, ok := errors.AsType[*scan.SyntaxError](err); ok && syntax.Offset == 0 {
		return gate.Bad("the request is empty, or no JSON object; send one")
	}
	if err == nil {
		err = o.members(s, "")
	}
	if err == nil {
		err = s.End()
	}
	if syntax, ok := errors.AsType[*scan.SyntaxError](err); ok {
		return &gate.Error{Status: 400, Message: "the request is " + syntax.Error()}
	}
	return err
}

// members reads an object whose { was read. where is its place, with a dot at the end, for errors.
func (o Object) members(s *scan.Scanner, where string) error {
	seen := make([]bool, len(o.Fields))
	for first := true; ; first = false {
		more, err := s.Next(first, '}')
		if err != nil || !more {
			return err
		}
		name, err := s.Name()
		if err != nil {
			return err
		}
		i := o.find(string(name))
		if i < 0 {
			if !o.Fold {
				return o.unknown(where, string(name))
			}
			if err := s.Skip(); err != nil {
				return err
			}
			continue
		}
		// The proxy in front may have looked at the other one.
		if seen[i] {
			return gate.Bad("%s%s stands twice in the request", where, o.Fields[i].name)
		}
		seen[i] = true
		c, err := s.Peek()
		if err != nil {
			return err
		}
		if c == 'n' {
			err = s.Skip() // null
		} else {
			err = o.Fields[i].read(s, where+o.Fields[i].name)
		}
		if err != nil {
			return err
		}
	}
}

func (o Object) find(name string) int {
	for i, f := range o.Fields {
		if f.name == name || o.Fold && sameName(f.name, name) {
			return i
		}
	}
	return -1
}

func (o Object) unknown(where, name string) error {
	var names []string
	for _, f := range o.Fields {
		names = append(names, f.name)
	}
	return Unknown("field", where+Short(name), name, names)
}

// Unknown is the error of a name that is not known: of a field, a parameter, a part.
func Unknown(what, shown, name string, known []string) *gate.Error {
	if near := Nearest(name, known); near != "" {
		return gate.Bad("%s %q is not known; %q is perhaps what was meant", what, shown, near)
	}
	return gate.Bad("%s %q is not known; there are %s", what, shown, strings.Join(known, ", "))
}

// Short is a text of the caller as an error shows it.
func Short(s string) string {
	const most = 40
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// sameName compares without case, in ASCII only: the Kelvin sign is no k.
func sameName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Nearest finds the known name that differs least, by at most a third of its letters, or "".
func Nearest(name string, known []string) string {
	best, least := "", 1<<30
	if len(name) > 64 { // the work is the product of the lengths
		return ""
	}
	name = strings.ToLower(name)
	for _, k := range known {
		if n := distance(name, strings.ToLower(k)); n < least && n <= max(1, (len(k)+1)/3) {
			best, least = k, n
		}
	}
	return best
}

// distance is how many letters are to be changed, put in or left out (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := left
			if a[i] != b[j] {
				cost++
			}
			left = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
