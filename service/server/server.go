// Package server is a signing service that is ready to run: the handlers of packages cryptoapi and api, wired to a
// configuration, with TLS, metrics, traces, health, an audit log and an orderly end.
//
//	config, err := server.Load("signet.yaml")
//	s, err := server.New(ctx, config, nil)
//	err = s.Run(ctx) // until ctx ends
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/service/api"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/service/cryptoapi"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/service/openapi"
)

// Options are what a program gives to a server beside its configuration. Nil, and the zero value, works.
type Options struct {
	// Keys are served beside those of the configuration.
	Keys []keys.Key
	// Auth is asked before the ways of the configuration.
	Auth auth.Authenticator
	// Output is where the log goes; nil means standard error.
	Output io.Writer
	// Started is called by Run when all addresses are listened on, with them.
	Started func([]net.Addr)
	// MetricsHere serves metrics at /metrics of the service itself, to everybody who reaches it: for a service of one
	// user on a machine of one user.
	MetricsHere bool
	// Notifiers are those of two-stage signing beside those of the configuration.
	Notifiers map[string]notify.Notifier
	// Migrate brings the tables of a PostgreSQL of two-stage signing up to date at the start.
	Migrate bool
	// TestSignature lets Check make a signature with each key.
	TestSignature bool
}

// Server is a signing service. It is made by New.
type Server struct {
	options Options
	log     *slog.Logger
	level   *slog.LevelVar
	keys    *keys.Set
	opened  *opened
	trail   *trail
	metrics *metrics
	tracing *tracing
	certs   *certs
	health  *health
	stages  *twoStage // nil when there is no two-stage signing

	reloading sync.Mutex // one at a time; guards certs
	config    atomic.Pointer[Config]
	start     *Config // that of New: what is fixed by the start is still as it says
	state     atomic.Pointer[state]
	clients   atomic.Pointer[clients] // of authorities, for metrics

	running  atomic.Int64 // requests in handlers
	draining atomic.Bool
}

// state is what a reload replaces as one. Requests go on with the one they began with.
type state struct {
	gate   *gate.Gate
	api    http.Handler
	crypto http.Handler
	cloud  http.Handler // nil when there is no two-stage signing, and so is pages
	pages  http.Handler
}

// New makes a server. No key is opened and no address listened on yet. The error is a *Problems when the configuration is
// at fault.
func New(ctx context.Context, c *Config, o *Options) (*Server, error) {
	s := &Server{level: new(slog.LevelVar), metrics: newMetrics(), opened: newOpened()}
	s.config.Store(c)
	s.start = c
	if o != nil {
		s.options = *o
	}
	if s.options.Output == nil {
		s.options.Output = os.Stderr
	}
	if err := s.validate(c); err != nil {
		return nil, err
	}
	s.log = newLog(&c.Log, s.level, s.options.Output)
	s.opened.log, s.opened.tell = s.log, s.told
	s.options.Keys = s.opened.keep(s.options.Keys)
	s.health = &health{check: s.look, draining: &s.draining}
	s.trail = &trail{config: c.Audit, failures: s.metrics.auditFail}
	var err error
	if s.certs, err = newCerts(c.TLS); err != nil {
		return nil, err
	}
	if s.tracing, err = newTracing(ctx, &c.Tracing, s.log); err != nil {
		return nil, err
	}
	all, err := s.allKeys(c)
	if err != nil {
		return nil, errors.Join(err, s.tracing.close(ctx))
	}
	if s.keys, err = keys.New(all, &keys.Options{Log: s.log}); err != nil {
		return nil, errors.Join(err, s.tracing.close(ctx))
	}
	if s.stages, err = newTwoStage(ctx, s, c); err != nil {
		return nil, errors.Join(err, s.keys.Close(), s.tracing.close(ctx))
	}
	next, err := s.newState(c)
	if err != nil {
		return nil, errors.Join(err, s.closeStages(ctx), s.keys.Close(), s.tracing.close(ctx))
	}
	s.state.Store(next)
	s.metrics.registry.MustRegister(gauges{s})
	return s, nil
}

// validate finds the faults of a configuration that was not read from a file, too.
func (s *Server) validate(c *Config) error {
	problems := &Problems{File: c.path}
	c.check(problems)
	given := *problems
	given.All = nil
	for _, p := range problems.All { // what the program gives, the configuration need not
		if len(s.options.Keys) != 0 && (p.Path == "keys" || p.Path == "stores") || s.options.Auth != nil && p.Path == "auth" {
			continue
		}
		given.All = append(given.All, p)
	}
	return given.err()
}

// allKeys are those of the program and those of the configuration.
func (s *Server) allKeys(c *Config) ([]keys.Key, error) {
	clients := newClients(s.told)
	all, err := c.keys(clients, s.opened)
	if err != nil {
		return nil, err
	}
	s.clients.Store(clients)
	return append(slices.Clone(s.options.Keys), s.opened.keep(all)...), nil
}

// newState makes what stands before the keys.
func (s *Server) newState(c *Config) (*state, error) {
	callers, err := s.authenticator(c)
	if err != nil {
		return nil, err
	}
	roots, err := c.Verify.roots()
	if err != nil {
		return nil, err
	}
	next := &state{}
	config := gate.Config{Auth: callers, Limits: c.Limits.gate(), Log: s.log, Observer: observer{s.metrics, s.tracing}}
	if s.trail.config.Path != "" { // not that of c: the log is fixed by the start
		config.Audit = s.trail
	}
	if next.gate, err = gate.New(config); err != nil {
		return nil, err
	}
	if next.api, err = api.New(api.Config{Keys: s.keys, Gate: next.gate, Roots: roots}); err != nil {
		return nil, err
	}
	if next.crypto, err = cryptoapi.New(cryptoapi.Config{Keys: s.keys, Gate: next.gate, Roots: roots}); err != nil {
		return nil, err
	}
	if s.stages != nil {
		if next.cloud, next.pages, err = s.stages.handlers(c, callers); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// closeStages ends two-stage signing, if there is any.
func (s *Server) closeStages(ctx context.Context) error {
	if s.stages == nil {
		return nil
	}
	return s.stages.close(ctx)
}

// Handler is the service for a server of one's own. [Server.Run] serves it at the addresses of the configuration; without
// Run, [Server.Close] is to be called at the end.
func (s *Server) Handler() http.Handler {
	metrics, description, page := s.metrics.handler(), openapi.Handler(), openapi.Page()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.running.Add(1)
		defer s.running.Add(-1)
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		defer func() { // also when the connection is cut by a panic
			s.metrics.request(r.URL.Path, rec.status, time.Since(start))
		}()
		path := r.URL.Path
		if path == "/healthz" || path == "/readyz" || path == "/metrics" || path == "/openapi.json" || path == "/docs" || path == "/docs/" {
			s.hurry(w, r)
		}
		switch {
		case path == "/healthz" || path == "/readyz":
			s.health.serve(rec, r, false)
		case path == "/metrics" && s.options.MetricsHere:
			metrics.ServeHTTP(rec, r)
		case path == "/openapi.json":
			description.ServeHTTP(rec, r)
		case path == "/docs" || path == "/docs/":
			page.ServeHTTP(rec, r)
		case len(path) > 4 && strings.EqualFold(path[:4], "/v1/"):
			s.state.Load().api.ServeHTTP(rec, r)
		case s.stages != nil && isPage(path):
			s.hurry(w, r)
			s.state.Load().pages.ServeHTTP(rec, r)
		case s.stages != nil && isCloudSign(path):
			s.state.Load().cloud.ServeHTTP(rec, r)
		default:
			s.state.Load().crypto.ServeHTTP(rec, r)
		}
	})
}

// hurry bounds how long strangers may take for what needs no caller; behind it, the gate has bounds of its own.
func (s *Server) hurry(w http.ResponseWriter, r *http.Request) {
	control, idle := http.NewResponseController(w), orDuration(s.config.Load().Limits.Idle, gate.DefaultIdle)
	if r.ProtoMajor == 1 && r.Body != http.NoBody { // which net/http reads, since nobody else does
		_ = control.SetReadDeadline(time.Now().Add(idle))
	}
	_ = control.SetWriteDeadline(time.Now().Add(checkTime + 2*idle))
}

// stageTime is how long jobs of two-stage signing may take to end when a server does; what has not ended then is taken up by
// the next start, or by another service of the database.
const stageTime = 10 * time.Second

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status < 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status < 200 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Close gives everything back. Run does so when it ends.
func (s *Server) Close() error {
	ending, end := context.WithTimeout(context.Background(), stageTime)
	defer end()
	err := errors.Join(s.closeStages(ending), s.keys.Close())
	if audit := s.trail.close(); audit != nil {
		err = errors.Join(err, fmt.Errorf("the audit log: %w", audit))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, s.tracing.close(ctx))
}
