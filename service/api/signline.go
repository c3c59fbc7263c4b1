package api

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/service/internal/scan"
	"github.com/seed-116355fd/signet/sign"
)

// line is one line of POST /v1/sign.
type line struct {
	stream  *signStream
	options *cades.Options

	name              string
	digest, algorithm string
	seen              [6]bool
}

// The members of a line, by their places in line.seen.
const (
	lineContent = iota
	lineDigest
	lineAlgorithm
	lineName
	lineLevel
	lineAttached
)

var lineMembers = []string{"content", "digest", "algorithm", "name", "level", "attached"}

// read reads the line. What is wrong with it alone is bad, a text that is not JSON included: the next line begins anew.
func (l *line) read() (bad, err error) {
	bad, err = l.object()
	if syntax, ok := errors.AsType[*scan.SyntaxError](err); ok {
		return fmt.Errorf("%w; one JSON object a line (with curl: --data-binary)", syntax), nil
	}
	return bad, err
}

func (l *line) object() (bad, err error) {
	s := l.stream.scan
	l.stream.in.Begin(l.options)
	if err := s.Begin('{'); err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		more, err := s.Next(first, '}')
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		name, err := s.Name()
		if err != nil {
			return nil, err
		}
		fault, err := l.member(name)
		if err != nil {
			return nil, err
		}
		if bad == nil {
			bad = fault
		}
	}
	if err := s.EndLine(); err != nil {
		return nil, err
	}
	if bad == nil {
		bad = l.check()
	}
	return bad, nil
}

// member reads one member.
func (l *line) member(name []byte) (bad, err error) {
	which := -1
	for i, known := range lineMembers {
		if string(name) == known {
			which = i
		}
	}
	s := l.stream.scan
	if which < 0 {
		return fmt.Errorf("there is no member %.40q; there are %s", name, strings.Join(lineMembers, ", ")), s.Skip()
	}
	if l.seen[which] {
		return fmt.Errorf("%s is there twice", lineMembers[which]), s.Skip()
	}
	l.seen[which] = true
	switch which {
	case lineContent:
		if bad, err = s.Base64(l.stream.in); bad != nil {
			bad = fmt.Errorf("content: %w", bad)
		}
		return bad, err
	case lineDigest:
		l.digest, _, err = s.String()
	case lineAlgorithm:
		l.algorithm, _, err = s.String()
	case lineName:
		l.name, _, err = s.String()
	case lineLevel:
		var text string
		var ok bool
		if text, ok, err = s.String(); err == nil && ok {
			level, fault := cades.ParseLevel(text)
			if fault != nil {
				return fault, nil
			}
			return l.vary(variant{level, l.options.Attached}), nil
		}
	case lineAttached:
		var attached, ok bool
		if attached, ok, err = s.Bool(); err == nil && ok {
			return l.vary(variant{l.options.Level, attached}), nil
		}
	}
	return nil, err
}

// vary changes what is made of this line.
func (l *line) vary(v variant) error {
	o, err := l.stream.options(v)
	if err != nil {
		return err
	}
	l.options = o
	if !l.seen[lineContent] {
		l.stream.in.Begin(o)
		return nil
	}
	return l.stream.in.Change(o)
}

func (l *line) check() error {
	switch {
	case l.seen[lineContent] && l.seen[lineDigest]:
		return errors.New("there are a content and a digest; give one of them")
	case !l.seen[lineContent] && !l.seen[lineDigest]:
		return errors.New("there is neither a content nor a digest")
	case l.seen[lineDigest] != l.seen[lineAlgorithm]:
		return errors.New(`digest and algorithm go together: {"digest":"…","algorithm":"SHA-256"}`)
	}
	return nil
}

// content is what the batch gets of the line.
func (l *line) content(ctx context.Context, bad error) (sign.Content, error) {
	if bad == nil && l.seen[lineDigest] {
		var digest sign.Digest
		if digest, bad = parseDigest(l.algorithm, l.digest); bad == nil {
			return l.stream.in.Digest(ctx, sign.Digested(l.name, digest))
		}
	}
	return l.stream.in.Content(ctx, l.name, bad)
}
