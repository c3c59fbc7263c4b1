package server

import (
	"fmt"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/tsp"
)

// clients are the clients of authorities: keys with the same settings share one, and so its connections and its bounds.
type clients struct {
	stamping map[string]tsp.Timestamper
	revoking map[string]revocation.Source
}

func newClients() *clients {
	return &clients{map[string]tsp.Timestamper{}, map[string]revocation.Source{}}
}

func (c *clients) timestamper(all []Authority) (tsp.Timestamper, error) {
	name := fmt.Sprintf("%+v", all) // secrets say where they are
	if t, ok := c.stamping[name]; ok {
		return t, nil
	}
	config := tsp.Config{}
	for i := range all {
		e, err := all[i].endpoint()
		if err != nil {
			return nil, err
		}
		config.Endpoints = append(config.Endpoints, e)
	}
	t, err := tsp.NewClient(config)
	if err != nil {
		return nil, err
	}
	c.stamping[name] = t
	return t, nil
}

func (a *Authority) endpoint() (tsp.Endpoint, error) {
	e := tsp.Endpoint{URL: a.URL, Policy: a.Policy, Timeout: a.Timeout, Connect: connect.Options{User: a.User}}
	if !a.Password.IsZero() {
		password, err := a.Password.Read()
		if err != nil {
			return e, fmt.Errorf("the password of the authority %s: %w", a.URL, err)
		}
		e.Connect.Password = password
	}
	return e, nil
}

func (c *clients) revocation(r *Revocation) (revocation.Source, error) {
	name := fmt.Sprintf("%+v", *r)
	if s, ok := c.revoking[name]; ok {
		return s, nil
	}
	more, err := certificates(r.Certificates...)
	if err != nil {
		return nil, fmt.Errorf("revocation.certificates: %w", err)
	}
	s, err := revocation.NewClient(revocation.Config{CacheDir: string(r.Cache), AllowPrivate: r.AllowPrivate, Responders: r.Responders, Timeout: r.Timeout,
		Known: &revocation.Values{Certificates: more}})
	if err != nil {
		return nil, fmt.Errorf("revocation.cache: %w", err)
	}
	c.revoking[name] = s
	return s, nil
}
