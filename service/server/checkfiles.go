package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

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
		look("PIN of keys of store "+s.Name, s.KeyPIN)
		if s.File != "" && everybodyReads(string(s.File)) && s.Password.IsZero() {
			all = append(all, finding(Warning, "store "+s.Name, "everybody on this machine can read %s, and it has no password; chmod 600 mends that", s.File))
		}
	}
	look("key of the audit log", c.Audit.Key)
	for name, s := range c.Tracing.Headers {
		look("tracing header "+name, s)
	}
	reach := func(what string, r *Reach) {
		look("password of "+what, r.Password)
		look("password of the client certificate for "+what, r.CertPassword)
		look("password of the proxy to "+what, r.ProxyPassword)
		for name, s := range r.Headers {
			look("header "+name+" for "+what, s)
		}
		if r.Cert != "" && everybodyReads(string(r.Cert)) && r.CertPassword.IsZero() {
			all = append(all, finding(Warning, what, "everybody on this machine can read the private key %s; chmod 600 mends that", r.Cert))
		}
	}
	authorities := func(stamps []Authority, values *Revocation) {
		for i := range stamps {
			reach("authority "+stamps[i].URL, &stamps[i].Reach)
		}
		if values != nil {
			look("password of the proxy to revocation values", values.ProxyPassword)
			for i := range values.Servers {
				reach("server "+values.Servers[i].URL, &values.Servers[i].Reach)
			}
		}
	}
	authorities(c.Sources.Timestamp, &c.Sources.Revocation)
	for i := range c.Keys {
		authorities(c.Keys[i].Timestamp, c.Keys[i].Revocation)
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
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, os.ErrNotExist) {
		return []Finding{finding(Fault, "audit", "%s", noFolder(path))}
	}
	trial, err := os.CreateTemp(filepath.Dir(path), ".signet-check-*")
	if err != nil {
		return []Finding{finding(Fault, "audit", "%s cannot be made: %s; let the user of the service write the folder", path, errors.Unwrap(err))}
	}
	_ = trial.Close()
	_ = os.Remove(trial.Name())
	return []Finding{finding(Fine, "audit", "%s will be made", path)}
}
