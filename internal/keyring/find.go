package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

const maxNamed = 5 // candidates and failures that an error names

// Entry is one key with one certificate.
type Entry struct {
	sign.Entry
	Key  sign.Key
	Name string // of the public key, see sign.KeyName
}

// Finder is what is searched, and what errors tell about it.
type Finder struct {
	Op       string
	Place    string // put before the reference, or empty
	Entries  []*Entry
	Failures []error  // keys that could not be read
	Skipped  []string // certificates that could not be read, in words
}

// Find returns the only entry that a reference means. The same key with the same certificate twice is one key. Of several, those
// are not meant whose certificate is not for signing documents: files and tokens often hold one key to sign and one to decrypt.
func (f *Finder) Find(ref sign.Ref) (*Entry, error) {
	var matches []*Entry
	for _, e := range f.Entries {
		if ref.Matches(e.Entry) && !contains(matches, e) {
			matches = append(matches, e)
		}
	}
	if len(matches) > 1 && ref.Certificate != nil {
		matches = exact(matches, ref)
	}
	if len(matches) > 1 {
		matches = signing(matches)
	}
	switch len(matches) {
	case 0:
		return nil, f.notFound(ref)
	case 1:
		return matches[0], nil
	}
	by := "thumbprint"
	if slices.ContainsFunc(matches, func(e *Entry) bool { return e.Certificate() == nil }) {
		by = "label and id" // a key without a certificate has no other name
	}
	hint := "name one of them by its " + by + ": " + names(matches)
	if twins(matches) {
		hint = "no name tells them apart; give one another label or id, or give the certificate of the one that is meant: " + names(matches)
	}
	return nil, &sign.Error{Op: f.Op, Place: f.place(ref), Class: sign.ErrKeyAmbiguous, Hint: hint}
}

// twins reports whether all entries have one label and one id, and at least two of them have no certificate, whose thumbprint
// would tell them apart.
func twins(entries []*Entry) bool {
	bare := 0
	for _, e := range entries {
		if e.Label != entries[0].Label || !bytes.Equal(e.ID, entries[0].ID) {
			return false
		}
		if e.Certificate() == nil {
			bare++
		}
	}
	return bare > 1
}

func (f *Finder) place(ref sign.Ref) string {
	switch {
	case f.Place == "":
		return ref.String()
	case ref.IsZero():
		return f.Place
	}
	return f.Place + ": " + ref.String()
}

// contains reports whether the same key with the same certificate is there already, from another file.
func contains(entries []*Entry, e *Entry) bool {
	for _, other := range entries {
		if other.Name == e.Name && sameCertificate(other.Entry, e.Entry) {
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
func exact(matches []*Entry, ref sign.Ref) []*Entry {
	for _, e := range matches {
		if c := e.Certificate(); c != nil && bytes.Equal(c.Raw, ref.Certificate.Raw) {
			return []*Entry{e}
		}
	}
	return matches
}

// signing leaves out the entries whose certificate says that its key is for something else (RFC 5280 section 4.2.1.3), unless
// none is left then. A key without a certificate may be for anything, and stays.
func signing(matches []*Entry) []*Entry {
	var left []*Entry
	for _, e := range matches {
		if c := e.Certificate(); c != nil {
			if parsed, err := pki.FromX509(c); err == nil && parsed.CheckUse(pki.Signer, nil) != nil {
				continue
			}
		}
		left = append(left, e)
	}
	if len(left) == 0 {
		return matches
	}
	return left
}

func (f *Finder) notFound(ref sign.Ref) error {
	hint := "there are: " + names(f.Entries)
	if len(f.Entries) == 0 {
		hint = "there is no key at all"
	}
	for i, s := range f.Skipped {
		if i == maxNamed {
			break
		}
		hint += "; " + s
	}
	return &sign.Error{Op: f.Op, Place: f.place(ref), Class: sign.ErrKeyNotFound, Err: f.unread(f.Failures), Hint: hint}
}

// unread joins what could not be read into one sentence, which says the place that all have in common once.
func (f *Finder) unread(failures []error) error {
	if len(failures) == 0 {
		return nil
	}
	var texts []string
	for _, err := range failures[:min(len(failures), maxNamed)] {
		text := err.Error()
		if e, ok := errors.AsType[*sign.Error](err); ok && f.Place != "" {
			if own, found := strings.CutPrefix(e.Place, f.Place+": "); found {
				short := *e
				short.Op, short.Place = own, ""
				text = short.Error()
			}
		}
		texts = append(texts, text)
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
func names(entries []*Entry) string {
	var texts []string
	for _, e := range entries[:min(len(entries), maxNamed)] {
		text := fmt.Sprintf("%q", e.Label)
		c := e.Certificate()
		switch {
		case c != nil:
			text += " " + e.Thumbprint() + " (" + c.Subject.String() + ")"
		case len(e.ID) != 0:
			text += fmt.Sprintf(" (id %x, no certificate)", e.ID)
		default:
			text += " (no certificate)"
		}
		texts = append(texts, text)
	}
	if more := len(entries) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}
