package server

import (
	"fmt"
	"io"

	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/sign"
)

// open makes a notifier.
func (n *Notifier) open(output io.Writer) (notify.Notifier, error) {
	switch {
	case n.HTTP != nil:
		return n.HTTP.open()
	case n.SMTP != nil:
		return n.SMTP.open()
	}
	return notify.NewTerminal(output), nil
}

func (g *Gateway) open() (notify.Notifier, error) {
	c := notify.HTTPConfig{Method: g.Method, URL: g.URL, Headers: g.Headers, Body: g.Body, Contains: g.Contains, Timeout: g.Timeout, Plain: g.Plain, Secrets: map[string]sign.Secret{}}
	for name, s := range g.Secrets {
		secret, err := s.Read()
		if err != nil {
			return nil, fmt.Errorf("secrets.%s: %w", name, err)
		}
		c.Secrets[name] = secret
	}
	return notify.NewHTTP(c)
}

func (m *MailHost) open() (notify.Notifier, error) {
	c := notify.SMTPConfig{Address: m.Address, From: m.From, User: m.User, Implicit: m.Implicit, Plain: m.Plain}
	if !m.Password.IsZero() {
		secret, err := m.Password.Read()
		if err != nil {
			return nil, fmt.Errorf("password: %w", err)
		}
		c.Password = secret
	}
	return notify.NewSMTP(c)
}
