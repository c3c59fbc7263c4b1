package server

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// Severity says how bad a finding is.
type Severity int

// Severities. The zero value is the worst.
const (
	Fault   Severity = iota // it does not work
	Warning                 // it works, and should be looked at
	Note                    // it works, and is worth knowing
	Fine
)

// String is the severity in one word.
func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Note:
		return "note"
	case Fine:
		return "ok"
	}
	return "failed"
}

// Finding is what Check has to say of one thing.
type Finding struct {
	Severity Severity
	What     string // "key seal", "tls"
	Text     string // what is there, or what is wrong and how to mend it
}

const (
	// askTime is how long one authority or issuer may take to answer.
	askTime = 20 * time.Second
	// soon is how long before its end a certificate is warned of.
	soon = 30 * 24 * time.Hour
)

// Check tries everything that the configuration needs of others: it opens and pings every key, asks every authority for a
// time-stamp and every issuer for its keys, and looks at certificates, files of secrets and the audit log. It does not
// listen, writes nothing but caches, and makes signatures only when Options.TestSignature is set.
func (s *Server) Check(ctx context.Context) []Finding {
	c := s.config.Load()
	checks := []func(context.Context, *Config) []Finding{
		s.checkListen, s.checkTLS, s.checkKeys, s.checkStamps, s.checkCallers, checkSecrets, checkAudit, checkTracing, s.checkConfirm,
	}
	found := make([][]Finding, len(checks))
	var wait sync.WaitGroup
	for i, check := range checks {
		wait.Go(func() { found[i] = check(ctx, c) })
	}
	wait.Wait()
	var all []Finding
	for _, f := range found {
		all = append(all, f...)
	}
	return all
}

func finding(severity Severity, what, format string, args ...any) Finding {
	return Finding{severity, what, operatorWords.Replace(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; "))}
}

func (s *Server) checkListen(_ context.Context, c *Config) (all []Finding) {
	for _, a := range c.Listen.Addresses {
		if !a.Loopback() && c.TLS.Certificate == "" {
			all = append(all, finding(Warning, "listen", "%s has no TLS here (plain: true); see that a proxy in front has it, and that others cannot get past it", a))
		}
	}
	return all
}

func (s *Server) checkTLS(context.Context, *Config) []Finding {
	if s.certs == nil {
		return nil
	}
	leaf := s.certs.now.Load().leaf
	f := validity("tls", leaf)
	if f.Severity == Fine && len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 {
		f = finding(Warning, "tls", "the certificate names no host among its alternative names, so clients refuse it; have it made anew with them")
	}
	return []Finding{f}
}

// validity says what the clock says of a certificate.
func validity(what string, c *x509.Certificate) Finding {
	const day = "2006-01-02"
	now := time.Now()
	switch {
	case now.After(c.NotAfter):
		return finding(Fault, what, "the certificate expired on %s; put a new one in its place", c.NotAfter.UTC().Format(day))
	case now.Before(c.NotBefore):
		return finding(Fault, what, "the certificate is not valid before %s; look at the clock of this machine", c.NotBefore.UTC().Format(time.RFC3339))
	case now.Add(soon).After(c.NotAfter):
		return finding(Warning, what, "the certificate expires on %s; have a new one made", c.NotAfter.UTC().Format(day))
	}
	return finding(Fine, what, "the certificate is valid until %s", c.NotAfter.UTC().Format(day))
}

// checkStamps asks each authority for a time-stamp, over a digest of nothing.
func (s *Server) checkStamps(ctx context.Context, c *Config) []Finding {
	asked := map[string]Authority{}
	var order []string
	add := func(all []Authority) {
		for _, a := range all {
			name := fmt.Sprintf("%+v", a)
			if _, ok := asked[name]; !ok {
				asked[name] = a
				order = append(order, name)
			}
		}
	}
	add(c.Sources.Timestamp)
	for i := range c.Keys {
		add(c.Keys[i].Timestamp)
	}
	all := make([]Finding, len(order))
	var wait sync.WaitGroup
	for i, name := range order {
		a := asked[name]
		wait.Go(func() { all[i] = a.ask(ctx) })
	}
	wait.Wait()
	for _, name := range order {
		if a := asked[name]; (!a.Password.IsZero() || len(a.Headers) != 0) && strings.HasPrefix(a.URL, "http:") {
			all = append(all, finding(Warning, "authority "+a.URL, "the password or header goes over the network in the clear; use https:// if the authority has it"))
		}
	}
	return all
}

func (a *Authority) ask(ctx context.Context) Finding {
	what := "authority " + a.URL
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	e, err := a.endpoint()
	if err != nil {
		return finding(Fault, what, "%s", err)
	}
	client, err := tsp.NewClient(tsp.Config{Algorithms: schemes.Algorithms(), Endpoints: []tsp.Endpoint{e}})
	if err != nil {
		return finding(Fault, what, "%s", err)
	}
	start := time.Now()
	sum := sha256.Sum256(nil)
	imprint, err := sign.NewDigest(crypto.SHA256, sum[:])
	if err != nil {
		return finding(Fault, what, "%s", err)
	}
	if _, err := client.Timestamp(ctx, imprint); err != nil {
		return finding(Fault, what, "gave no time-stamp: %s", err)
	}
	return finding(Fine, what, "gave a time-stamp in %s", time.Since(start).Round(time.Millisecond))
}

// checkTracing looks whether somebody listens where traces go. That nobody does stops no signature.
func checkTracing(ctx context.Context, c *Config) []Finding {
	if c.Tracing.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(c.Tracing.Endpoint)
	if err != nil {
		return nil // was checked
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return []Finding{finding(Warning, "tracing", "nobody takes traces at %s: %s", u.Host, err)}
	}
	_ = conn.Close()
	return []Finding{finding(Fine, "tracing", "somebody listens at %s", u.Host)}
}
