package shelf

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	private      = "__userId__/" // the namespace of the caller, as SDKs write it; facts on the API, 1.9
	maxName      = 512           // octets
	maxExtension = 32            // octets
)

// Bare takes the prefix "__userId__/" off a name, in any case: with it and without, a name is the same item of an owner.
func Bare(name string) string {
	if len(name) >= len(private) && strings.EqualFold(name[:len(private)], private) {
		return name[len(private):]
	}
	return name
}

// hidden reports whether a rune is shown as nothing, or turns the text around it: a name could look like another one.
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == '\ufeff'
}

// checked returns the bare name, or ErrName. Names are digested for the bucket; the check is for those who show them, and put
// them into headers and file names.
func checked(name string) (string, error) {
	bare := Bare(name)
	switch {
	case bare == "":
		return "", fmt.Errorf("shelf: the name is empty: %w", ErrName)
	case len(bare) > maxName:
		return "", fmt.Errorf("shelf: the name is longer than %d octets: %w", maxName, ErrName)
	case !utf8.ValidString(bare):
		return "", fmt.Errorf("shelf: the name is no UTF-8: %w", ErrName)
	case bare == "." || bare == ".." || strings.ContainsAny(bare, `/\`) || strings.ContainsFunc(bare, hidden):
		return "", fmt.Errorf("shelf: slashes, control characters and marks of direction cannot be in a name: %w", ErrName)
	}
	return bare, nil
}

// checkExtension takes "" and ".pdf".
func checkExtension(e string) error {
	if e == "" {
		return nil
	}
	if len(e) > maxExtension || e[0] != '.' || !utf8.ValidString(e) ||
		strings.ContainsFunc(e[1:], func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
		}) {
		return fmt.Errorf("shelf: an extension begins with a dot and has letters, digits, dots, dashes and underscores, %d octets at most: %w", maxExtension, ErrName)
	}
	return nil
}

// random is a part of a name that nobody can guess, or meet by chance.
func random(octets int) string {
	b := make([]byte, octets)
	_, _ = rand.Read(b) // crypto/rand ends the program when it has nothing to give
	return hex.EncodeToString(b)
}
