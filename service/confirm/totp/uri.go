package totp

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-116355fd/signet/sign"
)

const (
	maxURI    = 4096
	maxSecret = 1024 // characters in base32
	maxLabel  = 256
)

var (
	errShort  = errors.New("totp: the secret is too short; 80 bits are the least, 160 are usual")
	errSecret = errors.New("totp: the secret is not in base32, which is letters A to Z and digits 2 to 7")
)

// Key is what an authenticator is told.
type Key struct {
	Options
	Secret  sign.Secret
	Issuer  string // who asks for the code: "Example"; without a colon
	Account string // of the person: "anna@example.org"; without a colon
}

// NewSecret makes a secret of 160 bits, as RFC 4226, section 4 recommends.
func NewSecret() []byte {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // crypto/rand ends the program when it has nothing to give
	return b
}

// EncodeSecret is base32 without padding, as authenticators take it.
func EncodeSecret(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// ParseSecret reads base32 as people write it: with blanks, hyphens, lower case, with or without padding. An error does not
// have the secret in it.
func ParseSecret(s string) ([]byte, error) {
	if len(s) > maxSecret {
		return nil, errors.New("totp: the secret is too long; 1024 characters are possible")
	}
	s = strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\t", "", "\r", "", "\n", "").Replace(s))
	s = strings.TrimRight(s, "=")
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s)
	if err != nil {
		return nil, errSecret // and not err, which says where
	}
	if len(b) < minSecret {
		return nil, errShort
	}
	return b, nil
}

func checkLabel(what, s string) error {
	switch {
	case len(s) > maxLabel || !utf8.ValidString(s):
		return fmt.Errorf("totp: the %s is longer than %d octets, or no UTF-8", what, maxLabel)
	case strings.Contains(s, ":"):
		return fmt.Errorf("totp: the %s has a colon, which divides issuer and account in a URI", what)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("totp: the %s has control characters", what)
	}
	return nil
}

// URI is the text of the picture that an authenticator reads: otpauth://totp/Issuer:account?secret=…. It is as secret as the
// key.
func (k *Key) URI() (sign.Secret, error) {
	o := k.withDefaults()
	if err := o.check(); err != nil {
		return sign.Secret{}, err
	}
	if k.Secret.Len() < minSecret {
		return sign.Secret{}, errShort
	}
	issuer, account := strings.Trim(k.Issuer, " "), strings.Trim(k.Account, " ") // as they are read
	if account == "" {
		return sign.Secret{}, errors.New("totp: the account is empty; authenticators show it to the person")
	}
	if err := errors.Join(checkLabel("issuer", issuer), checkLabel("account", account)); err != nil {
		return sign.Secret{}, err
	}
	// PathEscape and QueryEscape by hand: authenticators do not read "+" as a blank.
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	var b strings.Builder
	b.WriteString("otpauth://totp/")
	if issuer != "" {
		b.WriteString(escape(issuer) + ":")
	}
	b.WriteString(escape(account) + "?secret=" + EncodeSecret(k.Secret.Bytes()))
	if issuer != "" {
		b.WriteString("&issuer=" + escape(issuer))
	}
	fmt.Fprintf(&b, "&algorithm=%s&digits=%d&period=%d", o.Algorithm, o.Digits, o.Period/time.Second)
	return sign.NewSecret([]byte(b.String())), nil
}

// ParseURI reads an otpauth URI. Parameters that are not known are ignored, as authenticators do. An error has nothing of
// the URI in it.
func ParseURI(uri string) (*Key, error) {
	if len(uri) > maxURI {
		return nil, errors.New("totp: the URI is too long; 4096 octets are possible")
	}
	u, err := url.Parse(uri)
	if err != nil || !strings.EqualFold(u.Scheme, "otpauth") {
		return nil, errors.New("totp: this is no otpauth URI") // err has the URI in it
	}
	if !strings.EqualFold(u.Host, "totp") {
		return nil, errors.New("totp: the URI is not of a code by time (totp)")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("totp: the parameters of the URI cannot be read")
	}
	k := &Key{Account: strings.Trim(strings.TrimPrefix(u.Path, "/"), " ")} // spaces around names say nothing, wherever they stand
	if issuer, account, found := strings.Cut(k.Account, ":"); found {
		k.Issuer, k.Account = strings.Trim(issuer, " "), strings.Trim(account, " ")
	}
	if issuer := strings.Trim(q.Get("issuer"), " "); issuer != "" {
		if k.Issuer != "" && k.Issuer != issuer {
			return nil, errors.New("totp: the URI names two issuers")
		}
		k.Issuer = issuer
	}
	if k.Account == "" {
		return nil, errors.New("totp: the URI names no account")
	}
	if err := errors.Join(checkLabel("issuer", k.Issuer), checkLabel("account", k.Account)); err != nil {
		return nil, err
	}
	switch a := q.Get("algorithm"); strings.ToUpper(strings.ReplaceAll(a, "-", "")) {
	case "", "SHA1":
	case "SHA256":
		k.Algorithm = SHA256
	case "SHA512":
		k.Algorithm = SHA512
	default:
		return nil, errors.New("totp: the algorithm of the URI is not known; SHA1, SHA256 and SHA512 are")
	}
	number := func(name string, otherwise int) (int, error) {
		s := q.Get(name)
		if s == "" {
			return otherwise, nil
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > int(maxPeriod/time.Second) {
			return 0, fmt.Errorf("totp: the parameter %q of the URI is no number in range", name)
		}
		return n, nil
	}
	if k.Digits, err = number("digits", 6); err != nil {
		return nil, err
	}
	seconds, err := number("period", 30)
	if err != nil {
		return nil, err
	}
	k.Period = time.Duration(seconds) * time.Second
	if err := k.check(); err != nil {
		return nil, err
	}
	secret, err := ParseSecret(q.Get("secret"))
	if err != nil {
		return nil, err
	}
	k.Secret = sign.NewSecret(secret)
	return k, nil
}
