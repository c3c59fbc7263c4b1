package notify

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/seed-116355fd/signet/sign"
)

// failure is an error whose text has no secret, and which hands on no error that could have one.
type failure struct {
	text string
	is   []error
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return f.is }

// fail makes the error of what was attempted. Errors of others are told without the address, which has secrets in its
// parameters, and with the code and the secrets taken out: servers repeat what they were sent.
func fail(what string, err error, unknown bool, m *Message, secrets ...sign.Secret) error {
	f := &failure{text: "notify: " + what}
	if unknown {
		f.is = append(f.is, ErrUnknown)
		f.text += ": " + ErrUnknown.Error()
	}
	if err == nil {
		return f
	}
	for _, class := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, class) {
			f.is = append(f.is, class)
		}
	}
	for u := new(url.Error); errors.As(err, &u); u = new(url.Error) {
		err = u.Err
	}
	text := clean(err.Error(), 300)
	secrets = append(secrets, m.Code)
	for _, s := range secrets {
		text = scrub(text, string(s.Bytes()))
	}
	// A link leads whoever has it to the page.
	text = scrub(text, m.Link)
	f.text += ": " + text
	return f
}

// scrub takes a secret out, in the forms that it has in addresses too.
func scrub(text, secret string) string {
	if secret == "" {
		return text
	}
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
		text = strings.ReplaceAll(text, form, "[redacted]")
	}
	return text
}
