package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/auth/oidc"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// Severity says how bad a finding is.
type Severity int

// Severities. The zero value is the worst.
const (
	Fault   Severity = iota // it does not work
	Warning                 // it works, and should be looked at
	Fine
)

// String is the severity in one word.
func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
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
		s.checkListen, s.checkTLS, s.checkKeys, s.checkStamps, s.checkCallers, checkSecrets, checkAudit, checkTracing,
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

func (s *Server) checkKeys(ctx context.Context, c *Config) (all []Finding) {
	used := map[string]bool{}
	for _, k := range s.keys.Status(ctx) {
		used[k.Store] = true
		what := "key " + k.Name
		if k.Err != nil {
			all = append(all, finding(Fault, what, "cannot be used: %s", k.Err))
			continue
		}
		f := finding(Fine, what, "in %s: %s, %s", k.Store, k.Scheme, k.Level)
		if k.Certificate != nil {
			if v := validity(what, k.Certificate); v.Severity != Fine {
				f = v
			} else {
				f.Text += "; " + v.Text
			}
		}
		all = append(all, f)
		if s.options.TestSignature {
			all = append(all, s.testSignature(ctx, k.Name))
		}
	}
	for i := range c.Stores {
		if name := c.Stores[i].Name; !used[name] {
			all = append(all, finding(Warning, "store "+name, "no key of it is used; add one to keys, or remove the store"))
		}
	}
	return all
}

func (s *Server) testSignature(ctx context.Context, name string) Finding {
	what := "key " + name
	lease, err := s.keys.Acquire(ctx, keys.Query{Name: name, Allowed: func(string) bool { return true }})
	if err != nil {
		return finding(Fault, what, "cannot be used: %s", err)
	}
	defer lease.Release()
	start := time.Now()
	signature, err := cades.Sign(ctx, lease.Signer, bytes.NewReader([]byte("signet serve --check --sign")), lease.Options)
	if err != nil {
		return finding(Fault, what, "a signature could not be made: %s", err)
	}
	return finding(Fine, what, "a signature of %d octets was made in %s, and thrown away", len(signature), time.Since(start).Round(time.Microsecond))
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
		if a := asked[name]; !a.Password.IsZero() && strings.HasPrefix(a.URL, "http:") {
			all = append(all, finding(Warning, "authority "+a.URL, "the password goes over the network in the clear; use https:// if the authority has it"))
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
	client, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{e}})
	if err != nil {
		return finding(Fault, what, "%s", err)
	}
	start := time.Now()
	sum := sha256.Sum256(nil)
	if _, err := client.Timestamp(ctx, sign.NewDigest(crypto.SHA256, sum[:])); err != nil {
		return finding(Fault, what, "gave no time-stamp: %s", err)
	}
	return finding(Fine, what, "gave a time-stamp in %s", time.Since(start).Round(time.Millisecond))
}

// checkCallers looks whether anybody could call.
func (s *Server) checkCallers(ctx context.Context, c *Config) (all []Finding) {
	if path := c.Auth.Tokens; path != "" {
		what := "tokens " + string(path)
		tokens, err := auth.ListTokens(string(path))
		valid := 0
		for i := range tokens {
			if !tokens[i].Expired(time.Now()) {
				valid++
			}
		}
		switch {
		case err != nil:
			all = append(all, finding(Fault, what, "%s", err))
		case valid == 0:
			all = append(all, finding(Warning, what, "there are %d tokens in it, and none is valid; make one with signet token new", len(tokens)))
		default:
			all = append(all, finding(Fine, what, "%d of %d tokens are valid", valid, len(tokens)))
		}
	}
	for i := range c.Auth.OIDC {
		o := &c.Auth.OIDC[i]
		what := "issuer " + o.URL
		one, err := oidc.New(o.config(s.log))
		if err == nil {
			limited, cancel := context.WithTimeout(ctx, askTime)
			err = one.Ready(limited)
			cancel()
		}
		if err != nil {
			all = append(all, finding(Fault, what, "%s", err))
			continue
		}
		all = append(all, finding(Fine, what, "its keys were fetched"))
	}
	return all
}

// checkSecrets reads every secret, and looks who else can.
func checkSecrets(_ context.Context, c *Config) (all []Finding) {
	look := func(what string, s Secret) {
		if s.IsZero() {
			return
		}
		secret, err := s.Read()
		secret.Wipe()
		switch {
		case err != nil:
			all = append(all, finding(Fault, what, "%s", err))
		case s.exposed():
			all = append(all, finding(Warning, what, "everybody on this machine can read %s; chmod 600 mends that", s.file))
		}
	}
	for i := range c.Stores {
		s := &c.Stores[i]
		look("password of store "+s.Name, s.Password)
		look("PIN of store "+s.Name, s.PIN)
		if s.File != "" && everybodyReads(string(s.File)) && s.Password.IsZero() {
			all = append(all, finding(Warning, "store "+s.Name, "everybody on this machine can read %s, and it has no password; chmod 600 mends that", s.File))
		}
	}
	look("key of the audit log", c.Audit.Key)
	for name, s := range c.Tracing.Headers {
		look("tracing header "+name, s)
	}
	for _, a := range c.Sources.Timestamp {
		look("password of authority "+a.URL, a.Password)
	}
	key := c.TLS.Key
	if key == "" {
		key = c.TLS.Certificate
	}
	if key != "" && everybodyReads(string(key)) {
		all = append(all, finding(Warning, "tls", "everybody on this machine can read the private key %s; chmod 600 mends that", key))
	}
	return all
}

// checkAudit looks whether the log can be written, without writing it: another process may have it open.
func checkAudit(_ context.Context, c *Config) []Finding {
	path := string(c.Audit.Path)
	if path == "" {
		return []Finding{finding(Warning, "audit", "nobody keeps a record of who signed what; add audit: with path: FILE")}
	}
	if !c.Audit.Key.IsZero() {
		if _, err := c.Audit.key(); err != nil {
			return []Finding{finding(Fault, "audit", "%s", err)}
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	switch {
	case err == nil:
		_ = f.Close()
		return []Finding{finding(Fine, "audit", "%s can be written", path)}
	case !errors.Is(err, os.ErrNotExist):
		return []Finding{finding(Fault, "audit", "%s cannot be written: %s; change its owner or mode", path, err)}
	}
	trial, err := os.CreateTemp(filepath.Dir(path), ".signet-check-*")
	if err != nil {
		return []Finding{finding(Fault, "audit", "%s cannot be made: %s; make the folder, writable by the user of the service", path, err)}
	}
	_ = trial.Close()
	_ = os.Remove(trial.Name())
	return []Finding{finding(Fine, "audit", "%s will be made", path)}
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
