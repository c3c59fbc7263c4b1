package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// clients are the clients of authorities: keys with the same settings share one, and so its connections and its bounds.
type clients struct {
	tell     func(sign.Event)
	stamping map[string]*tsp.Client
	revoking map[string]*revocation.Client
}

func newClients(tell func(sign.Event)) *clients {
	return &clients{tell, map[string]*tsp.Client{}, map[string]*revocation.Client{}}
}

// each tells the state of all authorities, by what they are for. One that several clients ask is there once, with the worst that one of
// them knows.
func (c *clients) each(f func(kind string, s sign.AuthorityState)) {
	if c == nil {
		return
	}
	for kind, all := range map[string][]sign.AuthorityState{"timestamp": states(c.stamping), "revocation": states(c.revoking)} {
		worst := map[string]sign.AuthorityState{}
		for _, s := range all {
			if was, ok := worst[s.Place]; ok {
				s.Resting, s.Failures = s.Resting || was.Resting, max(s.Failures, was.Failures)
			}
			worst[s.Place] = s
		}
		for _, s := range worst {
			f(kind, s)
		}
	}
}

func states[C interface{ Authorities() []sign.AuthorityState }](clients map[string]C) (all []sign.AuthorityState) {
	for _, c := range clients {
		all = append(all, c.Authorities()...)
	}
	return all
}

func (c *clients) timestamper(all []Authority) (tsp.Timestamper, error) {
	name := fmt.Sprintf("%+v", all) // secrets say where they are
	if t, ok := c.stamping[name]; ok {
		return t, nil
	}
	config := tsp.Config{Algorithms: schemes.Algorithms(), Events: c.tell}
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
	o, err := a.options()
	if err != nil {
		err = fmt.Errorf("the authority %s: %w", a.URL, err)
	}
	return tsp.Endpoint{URL: a.URL, Policy: a.Policy, Timeout: a.Timeout, Connect: o}, err
}

// options opens what is named.
func (r *Reach) options() (o connect.Options, err error) {
	if len(r.CA) != 0 {
		all, err := certificates(r.CA...)
		if err != nil {
			return o, fmt.Errorf("ca: %w", err)
		}
		o.Roots = x509.NewCertPool()
		for _, c := range all {
			o.Roots.AddCert(c)
		}
	}
	if r.Cert != "" {
		made, err := r.certificate()
		if err != nil {
			return o, fmt.Errorf("cert: %w", err)
		}
		o.Certificates = []tls.Certificate{made}
	}
	if r.Proxy != "" {
		if o.Proxy, err = url.Parse(r.Proxy); err != nil {
			return o, fmt.Errorf("proxy is no address")
		}
		if r.ProxyUser != "" {
			password, err := r.ProxyPassword.Read()
			if err != nil {
				return o, fmt.Errorf("proxy-password: %w", err)
			}
			o.Proxy.User = url.UserPassword(r.ProxyUser, string(password.Bytes()))
		}
	}
	o.User = r.User
	if !r.Password.IsZero() {
		if o.Password, err = r.Password.Read(); err != nil {
			return o, fmt.Errorf("password: %w", err)
		}
	}
	for name, secret := range r.Headers {
		value, err := secret.Read()
		if err != nil {
			return o, fmt.Errorf("headers.%s: %w", name, err)
		}
		if o.Header == nil {
			o.Header = http.Header{}
		}
		o.Header.Set(name, string(value.Bytes()))
	}
	return o, nil
}

// certificate reads a key and its certificate, for TLS.
func (r *Reach) certificate() (tls.Certificate, error) {
	ctx := context.Background()
	p, err := soft.Open(ctx, string(r.Cert), soft.Config{Password: r.CertPassword.ask()})
	if err == nil {
		var made tls.Certificate
		if made, err = connect.Certificate(ctx, p, sign.Ref{}); err == nil {
			return made, nil
		}
	}
	return tls.Certificate{}, reachWords(err)
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
	common := Reach{CA: r.CA, Proxy: r.Proxy, ProxyUser: r.ProxyUser, ProxyPassword: r.ProxyPassword}
	options, err := common.options()
	if err != nil {
		return nil, fmt.Errorf("revocation.%w", err)
	}
	servers := map[string]connect.Options{}
	for i := range r.Servers {
		if servers[r.Servers[i].URL], err = r.Servers[i].options(); err != nil {
			return nil, fmt.Errorf("revocation.servers: %s: %w", r.Servers[i].URL, err)
		}
	}
	s, err := revocation.NewClient(revocation.Config{Algorithms: schemes.Algorithms(), Events: c.tell, Connect: options, Servers: servers, CacheDir: string(r.Cache), AllowPrivate: r.AllowPrivate, Responders: r.Responders, Timeout: r.Timeout,
		Known: &revocation.Values{Certificates: more}})
	if err != nil {
		return nil, fmt.Errorf("revocation: %w", err)
	}
	c.revoking[name] = s
	return s, nil
}
