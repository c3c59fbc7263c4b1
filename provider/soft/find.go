package soft

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/sign"
)

const maxNamed = 5 // candidates and failures that an error names

// find returns the only entry that a reference means.
func (p *Provider) find(ref sign.Ref) (*entry, error) {
	var matches []*entry
	for _, e := range p.entries {
		if ref.Matches(e.Entry) && !contains(matches, e) {
			matches = append(matches, e)
		}
	}
	if len(matches) > 1 && ref.Certificate != nil {
		matches = exact(matches, ref)
	}
	switch len(matches) {
	case 0:
		return nil, p.notFound(ref)
	case 1:
		return matches[0], nil
	}
	return nil, &sign.Error{
		Op: "soft: key", Place: ref.String(), Class: sign.ErrKeyAmbiguous,
		Hint: "name one of them by its thumbprint: " + names(matches),
	}
}

// contains reports whether the same key with the same certificate is there already, from another file.
func contains(entries []*entry, e *entry) bool {
	for _, other := range entries {
		if other.name == e.name && sameCertificate(other.Entry, e.Entry) {
			return true
		}
	}
	return false
}

func sameCertificate(a, b sign.Entry) bool {
	x, y := a.Certificate(), b.Certificate()
	if x == nil || y == nil {
		return x == y
	}
	return bytes.Equal(x.Raw, y.Raw)
}

// exact prefers the certificate that was given over a renewed one of the same key.
func exact(matches []*entry, ref sign.Ref) []*entry {
	for _, e := range matches {
		if c := e.Certificate(); c != nil && bytes.Equal(c.Raw, ref.Certificate.Raw) {
			return []*entry{e}
		}
	}
	return matches
}

func (p *Provider) notFound(ref sign.Ref) error {
	hint := "there are: " + names(p.entries)
	for i, s := range p.skipped {
		if i == maxNamed {
			break
		}
		hint += "; " + s
	}
	return &sign.Error{Op: "soft: key", Place: ref.String(), Class: sign.ErrKeyNotFound, Err: unread(p.failures), Hint: hint}
}

// unread joins what could not be read into one sentence.
func unread(failures []error) error {
	if len(failures) == 0 {
		return nil
	}
	var texts []string
	for _, err := range failures[:min(len(failures), maxNamed)] {
		texts = append(texts, err.Error())
	}
	if more := len(failures) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return &unreadError{"some keys could not be read: " + strings.Join(texts, "; "), errors.Join(failures...)}
}

type unreadError struct {
	text string
	err  error
}

func (e *unreadError) Error() string { return e.text }
func (e *unreadError) Unwrap() error { return e.err }

// names lists entries for people.
func names(entries []*entry) string {
	var texts []string
	for _, e := range entries[:min(len(entries), maxNamed)] {
		text := fmt.Sprintf("%q", e.Label)
		if c := e.Certificate(); c != nil {
			text += " " + e.Thumbprint() + " (" + c.Subject.String() + ")"
		} else {
			text += " (no certificate)"
		}
		texts = append(texts, text)
	}
	if more := len(entries) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}
