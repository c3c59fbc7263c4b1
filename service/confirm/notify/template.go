package notify

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/template"
	"time"
)

// escaping is how a field is written that no function is applied to.
type escaping int

const (
	escapeNone escaping = iota
	escapeQuery
	escapeJSON
	escapeHeader
)

// value is a field of a message in a template. It is a slice so that an empty one is false.
type value []field

type field struct {
	raw string
	as  escaping
}

func newValue(raw string, as escaping) value {
	if raw == "" {
		return nil
	}
	return value{{raw, as}}
}

func (v value) raw() string {
	if len(v) == 0 {
		return ""
	}
	return v[0].raw
}

// String is what a template writes: a title with "&to=" in it stays one parameter, whoever forgot to escape it.
func (v value) String() string {
	if len(v) == 0 {
		return ""
	}
	switch v[0].as {
	case escapeQuery:
		return url.QueryEscape(v[0].raw)
	case escapeJSON:
		return strings.TrimSuffix(strings.TrimPrefix(jsonString(v[0].raw), `"`), `"`)
	case escapeHeader:
		return clean(v[0].raw, 1000)
	}
	return v[0].raw
}

func jsonString(s string) string {
	b, _ := json.Marshal(s) // a string always has a form
	return string(b)
}

// plain is the text behind what a function gets.
func plain(a any) string {
	if v, ok := a.(value); ok {
		return v.raw()
	}
	return fmt.Sprint(a)
}

type fields struct {
	To, Code, Title, Text, Digest, Link value
	Files                               int
	Expires                             time.Time
	Language                            string
}

func (h *HTTP) template(what, text string) (*template.Template, error) {
	query := func(a any) string { return url.QueryEscape(plain(a)) }
	t, err := template.New(what).Option("missingkey=error").Funcs(template.FuncMap{
		"query":  query,
		"form":   query,
		"path":   func(a any) string { return url.PathEscape(plain(a)) },
		"json":   func(a any) string { return jsonString(plain(a)) },
		"base64": func(a any) string { return base64.StdEncoding.EncodeToString([]byte(plain(a))) },
		"raw":    plain,
		"secret": func(name string) (string, error) {
			s, ok := h.c.Secrets[name]
			if !ok {
				return "", fmt.Errorf("there is no secret %q", name)
			}
			return string(s.Bytes()), nil
		},
	}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("notify: the template of the %s cannot be read: %w", what, err)
	}
	return t, nil
}

// limited is a text that grows up to a bound.
type limited struct{ strings.Builder }

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > maxRequest {
		return 0, errors.New("it is too long")
	}
	return l.Builder.Write(b)
}

func (h *HTTP) expand(t *template.Template, m *Message, as escaping) (string, error) {
	language := "en"
	if m.Language == russian {
		language = russian
	}
	f := fields{
		To: newValue(clean(m.To, 200), as), Code: newValue(string(m.Code.Bytes()), as), Title: newValue(m.title(), as), Text: newValue(m.Text(), as),
		Digest: newValue(m.digest(len(m.Digest)), as), Link: newValue(m.link(), as), Files: m.Files, Expires: m.Expires, Language: language,
	}
	var b limited
	if err := t.Execute(&b, f); err != nil {
		return "", fail("fill in the template of the "+t.Name(), err, false, m, h.secrets...)
	}
	return b.String(), nil
}
