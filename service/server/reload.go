package server

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/seed-116355fd/signet/service/keys"
)

// Reload reads the configuration again and takes up what can be taken up while the service runs: keys, callers, limits,
// certificates, roots, the level of the log. What cannot is said in the log. With an error, everything stays as it was, but
// for keys that could be opened anew when others could not.
func (s *Server) Reload(ctx context.Context) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	err := s.reload(ctx)
	if err != nil {
		s.metrics.reloads.WithLabelValues("failed").Inc()
		s.log.Error("the configuration was not taken up; the service goes on as before", "error", err.Error())
		return err
	}
	s.metrics.reloads.WithLabelValues("ok").Inc()
	s.trail.reopen()
	s.health.stale()
	s.log.Info("the configuration was read again")
	return s.trail.event(ctx, "reload", "")
}

func (s *Server) reload(ctx context.Context) error {
	old := s.config.Load()
	c := old
	if old.path != "" {
		var err error
		if c, err = Load(old.path); err != nil {
			return err
		}
		if err := s.validate(c); err != nil {
			return err
		}
	}
	if (c.TLS.Certificate == "") != (s.certs == nil) {
		return errors.New("tls cannot be turned on or off while the service runs; start it anew for that")
	}
	var files *loaded
	if s.certs != nil {
		var err error
		if files, err = c.TLS.load(); err != nil {
			return err
		}
	}
	all, err := s.allKeys(c)
	if err != nil {
		return err
	}
	trial, err := keys.New(all, nil) // refuses a list that cannot be one, and opens nothing
	if err != nil {
		return err
	}
	if err := trial.Close(); err != nil {
		return err
	}
	next, err := s.newState(c)
	if err != nil {
		return err
	}
	// From here on, only keys can fail: those that could not be opened anew stay what they were, as the log of the keys says.
	if err := s.keys.Reload(ctx, all); err != nil && ctx.Err() != nil {
		return err
	}
	if files != nil {
		s.certs.set(files)
	}
	s.level.Set(c.Log.slogLevel())
	s.state.Store(next)
	s.config.Store(c)
	for _, name := range unchangeable(s.start, c) {
		s.log.Warn(fmt.Sprintf("%s was changed and is not taken up while the service runs; start it anew for that", name))
	}
	return nil
}

// unchangeable are the sections that differ and are fixed by the start.
func unchangeable(start, c *Config) []string {
	var names []string
	for name, pair := range map[string][2]any{
		"listen": {start.Listen, c.Listen}, "metrics": {start.Metrics, c.Metrics}, "tracing": {start.Tracing, c.Tracing},
		"audit": {start.Audit, c.Audit}, "log.format": {start.Log.Format, c.Log.Format},
		"confirm": {start.Confirm.fixed(), c.Confirm.fixed()},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
