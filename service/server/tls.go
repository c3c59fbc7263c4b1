package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// certs is the TLS of the server, which can be replaced while it runs. Nil is none.
type certs struct {
	now   atomic.Pointer[loaded]
	tried [3][]byte // the files that were read last, good or not
}

// loaded is what was made of files.
type loaded struct {
	config *tls.Config
	of     TLS
	files  [3][]byte // certificate, key, client CA
	leaf   *x509.Certificate
}

func newCerts(t TLS) (*certs, error) {
	if t.Certificate == "" {
		return nil, nil
	}
	l, err := t.load()
	if err != nil {
		return nil, err
	}
	c := &certs{}
	c.set(l)
	return c, nil
}

func (c *certs) set(l *loaded) {
	c.tried = l.files
	c.now.Store(l)
}

// config is for an http.Server. Each connection takes what is loaded when it begins.
func (c *certs) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.now.Load().config, nil },
	}
}

// expiry is when the certificate of the server ends.
func (c *certs) expiry() (time.Time, bool) {
	if c == nil {
		return time.Time{}, false
	}
	return c.now.Load().leaf.NotAfter, true
}

func (t *TLS) files() (files [3][]byte, err error) {
	key := t.Key
	if key == "" {
		key = t.Certificate
	}
	for i, path := range []Path{t.Certificate, key, t.ClientCA} {
		if path == "" {
			continue
		}
		if files[i], err = readSmall(string(path), maxCertificates); err != nil {
			return files, fmt.Errorf("tls: %w", err)
		}
	}
	return files, nil
}

func (t *TLS) load() (*loaded, error) {
	files, err := t.files()
	if err != nil {
		return nil, err
	}
	return t.from(files)
}

func (t *TLS) from(files [3][]byte) (*loaded, error) {
	pair, err := tls.X509KeyPair(files[0], files[1])
	if err != nil {
		return nil, fmt.Errorf("tls.certificate %s: %w; give the certificate and its issuers in PEM, and its private key, not encrypted, in PEM by tls.key", t.Certificate, err)
	}
	l := &loaded{of: *t, files: files, leaf: pair.Leaf}
	l.config = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if t.MinVersion == "1.3" {
		l.config.MinVersion = tls.VersionTLS13
	}
	if t.ClientCA == "" {
		return l, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(files[2]) {
		return nil, fmt.Errorf("tls.client-ca %s: there is no certificate in PEM in it", t.ClientCA)
	}
	l.config.ClientCAs = pool
	l.config.ClientAuth = tls.VerifyClientCertIfGiven
	if t.ClientAuth == "require" {
		l.config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return l, nil
}

// refresh reads the files again. What there was stays when what there is cannot be used.
func (c *certs) refresh() (changed bool, err error) {
	was := c.now.Load()
	files, err := was.of.files()
	if err != nil {
		return false, err
	}
	same := func(a, b [3][]byte) bool {
		return bytes.Equal(a[0], b[0]) && bytes.Equal(a[1], b[1]) && bytes.Equal(a[2], b[2])
	}
	if same(files, was.files) {
		c.tried = files
		return false, nil
	}
	if same(files, c.tried) {
		return false, nil // told already
	}
	c.tried = files
	l, err := was.of.from(files)
	if err != nil {
		return false, err
	}
	c.now.Store(l)
	return true, nil
}

// watch looks at the files now and then. Not by notices of the file system: files that are swapped by way of a symbolic
// link, as in Kubernetes, or lie in a network, give none.
func (c *certs) watch(ctx context.Context, every time.Duration, lock func() func(), log *slog.Logger) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		unlock := lock()
		changed, err := c.refresh()
		unlock()
		switch {
		case err != nil && err.Error() != told:
			told = err.Error()
			log.Error("the certificate of the server was changed and cannot be used; the old one stays", "error", told)
		case changed:
			told = ""
			log.Info("the certificate of the server was read again", "expires", c.now.Load().leaf.NotAfter)
		}
	}
}
