package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seed-116355fd/signet/sign"
)

// A token is written "signet_", ten letters and digits that name it, "_", 43 that are the secret, and six that are the
// CRC-32 of all before them: scanners for secrets find it by the expression signet_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}, and one
// that was mistyped or cut is told apart from one that was revoked.
const (
	tokenPrefix   = "signet_"
	tokenID       = 10
	tokenSecret   = 43 // of 62 characters each: 256 bit
	tokenChecksum = 6
	tokenLength   = len(tokenPrefix) + tokenID + 1 + tokenSecret + tokenChecksum

	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// Limits of a file of tokens.
const (
	MaxTokenFile = 16 << 20 // octets
	MaxTokenLine = 64 << 10
)

// Token is a bearer token as it is stored: without its secret.
type Token struct {
	ID        string    // ten letters and digits, which are part of the token; no secret
	Name      string    // of the principal; several tokens may have the same, while one replaces the other
	Hash      [32]byte  // SHA-256 of the token
	Keys      []string  // as in Principal
	Endpoints []string  // as in Principal
	Created   time.Time // in whole seconds
	Expires   time.Time // in whole seconds; zero means never
}

// Expired reports whether the token must not be taken any more.
func (t *Token) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// NewToken makes a token after a description of which ID and Hash are not looked at. The text is to be shown to one person,
// once; it cannot be had again.
//
// What is stored is the plain SHA-256 of the token. The slow hashes that passwords need are of no use here: the secret has
// 256 random bits, so nobody finds it from the hash by trying, however quick a try is; and each request has to be checked.
func NewToken(t Token) (text sign.Secret, stored Token, err error) {
	t.ID = random62(tokenID)
	t.Created, t.Expires = t.Created.UTC().Truncate(time.Second), t.Expires.UTC().Truncate(time.Second)
	b := []byte(tokenPrefix + t.ID + "_" + random62(tokenSecret))
	b = append(b, checksum(b)...)
	t.Hash = sha256.Sum256(b)
	if err := t.check(); err != nil {
		return sign.Secret{}, Token{}, fmt.Errorf("auth: new token: %w", err)
	}
	return sign.NewSecret(b), t, nil
}

func random62(n int) string {
	text := make([]byte, 0, n)
	var random [64]byte
	for len(text) < n {
		_, _ = rand.Read(random[:]) // never fails
		for _, b := range random {
			if b < 4*62 && len(text) < n { // the rest would make some characters likelier than others
				text = append(text, base62[b%62])
			}
		}
	}
	return string(text)
}

func checksum(b []byte) []byte {
	sum := crc32.ChecksumIEEE(b)
	text := make([]byte, tokenChecksum)
	for i := range slices.Backward(text) {
		text[i] = base62[sum%62]
		sum /= 62
	}
	return text
}

// parseToken returns the name in a token. ErrNone is of a text that is no token of this kind. Errors never repeat it.
func parseToken(text string) (id string, err error) {
	if !strings.HasPrefix(text, tokenPrefix) {
		return "", ErrNone
	}
	sum := len(text) - tokenChecksum
	if len(text) != tokenLength || text[len(tokenPrefix)+tokenID] != '_' || text[sum:] != string(checksum([]byte(text[:sum]))) {
		return "", fmt.Errorf("%w: the token was mistyped or cut", ErrRefused)
	}
	return text[len(tokenPrefix):][:tokenID], nil
}

// line is a token in the file.
type line struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Keys      []string   `json:"keys"`
	Endpoints []string   `json:"endpoints"`
	Created   time.Time  `json:"created"`
	Expires   *time.Time `json:"expires,omitempty"`
	SHA256    string     `json:"sha256"`
}

// appendLine writes a token as a line of the file.
func (t *Token) appendLine(b []byte) []byte {
	l := line{ID: t.ID, Name: t.Name, Keys: t.Keys, Endpoints: t.Endpoints, Created: t.Created, SHA256: hex.EncodeToString(t.Hash[:])}
	if !t.Expires.IsZero() {
		l.Expires = &t.Expires
	}
	if l.Keys == nil {
		l.Keys = []string{}
	}
	if l.Endpoints == nil {
		l.Endpoints = []string{}
	}
	data, _ := json.Marshal(l) // cannot fail: strings and years that check has seen
	return append(append(b, data...), '\n')
}

// parseTokens reads a file: one JSON object a line; empty lines and lines that begin with # are for people.
func parseTokens(data []byte) ([]Token, error) {
	if len(data) > MaxTokenFile {
		return nil, fmt.Errorf("it is larger than %d MB; is it a file of tokens?", MaxTokenFile>>20)
	}
	var all []Token
	ids := make(map[string]int)
	number := 0
	for text := range bytes.Lines(data) {
		number++
		text = bytes.TrimSpace(text)
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		t, err := parseLine(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if first := ids[t.ID]; first != 0 {
			return nil, fmt.Errorf("lines %d and %d have the same id %s; remove one of them", first, number, t.ID)
		}
		ids[t.ID] = number
		all = append(all, t)
	}
	return all, nil
}

func parseLine(text []byte) (Token, error) {
	if len(text) > MaxTokenLine {
		return Token{}, fmt.Errorf("it is longer than %d octets", MaxTokenLine)
	}
	if err := distinct(text); err != nil {
		return Token{}, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var l line
	if err := d.Decode(&l); err != nil {
		return Token{}, fmt.Errorf("it is not an entry as signet token new writes it: %w", plainJSON(err))
	}
	t := Token{ID: l.ID, Name: l.Name, Keys: l.Keys, Endpoints: l.Endpoints, Created: l.Created}
	if l.Expires != nil {
		if t.Expires = *l.Expires; t.Expires.IsZero() {
			return Token{}, errors.New("expires is not a moment; leave it out for a token that does not expire")
		}
	}
	sum, err := hex.DecodeString(l.SHA256)
	if err != nil || len(sum) != len(t.Hash) {
		return Token{}, errors.New("sha256 has to be 64 hexadecimal digits")
	}
	copy(t.Hash[:], sum)
	return t, t.check()
}

// distinct refuses what is not one JSON object with distinct names, in the spelling that is documented: encoding/json would
// take the last of two without a word, and "Keys" for "keys".
func distinct(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return errors.New("it is not a JSON object")
	}
	seen := make(map[string]bool)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fmt.Errorf("it is not a JSON object: %w", plainJSON(err))
		}
		key, _ := name.(string)
		if seen[key] {
			return fmt.Errorf("%.40q stands there twice", key)
		}
		if key != strings.ToLower(key) {
			return fmt.Errorf("%.40q is not known; names are in lower case", key)
		}
		seen[key] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("the value of %.40q: %w", key, plainJSON(err))
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("it is not a JSON object: %w", plainJSON(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is something behind the JSON object")
	}
	return nil
}

// plainJSON cuts what could repeat a long value.
func plainJSON(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s is of the wrong type", e.Field)
	}
	if _, ok := errors.AsType[*time.ParseError](err); ok {
		return errors.New("a time is written as 2006-01-02T15:04:05Z")
	}
	text := err.Error()
	return fmt.Errorf("%.200s", text)
}

func (t *Token) check() error {
	switch {
	case len(t.ID) != tokenID || strings.Trim(t.ID, base62) != "":
		return fmt.Errorf("the id has to be %d letters and digits", tokenID)
	case t.Name == "":
		return errors.New("the token has no name; give it one, for the logs")
	case len(t.Name) > 200 || !printable(t.Name):
		return errors.New("the name has characters that cannot be seen, or is longer than 200 octets; give it another")
	case t.Created.Year() > 9999 || t.Expires.Year() > 9999:
		return errors.New("a time is after the year 9999; leave out the expiry of a token that does not expire")
	case t.Hash == [32]byte{}:
		return errors.New("sha256 is not set")
	}
	for _, name := range slices.Concat(t.Keys, t.Endpoints) {
		if name == "" || !printable(name) {
			return fmt.Errorf("%.40q is not the name of a key or endpoint", name)
		}
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
