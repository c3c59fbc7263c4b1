package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// watchEvery is how often files of TLS are looked at.
	watchEvery = 5 * time.Second
	// unwindTime is how long handlers may take to return after their connections were cut.
	unwindTime = 5 * time.Second
)

// Run listens, and serves until ctx ends. Then /readyz says no, the listeners close, requests that were let in end within
// Shutdown.Grace, what is left is cut, and the audit log is closed last. The error is nil when the service ended because
// ctx did and nothing was cut.
func (s *Server) Run(ctx context.Context) error {
	c := s.config.Load()
	listeners, err := s.listenAll(ctx, c)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	s.trail.say = s.log
	if s.stages != nil {
		if _, err := s.stages.open(ctx); err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
			if ctx.Err() != nil { // whoever ended the start asked the database nothing
				err = fmt.Errorf("stopped before the database of confirm: answered: %w", context.Cause(ctx))
			}
			return errors.Join(err, s.Close())
		}
	}
	if err := s.trail.event(ctx, "start", ""); err != nil {
		for _, l := range listeners {
			_ = l.Close()
		}
		return errors.Join(err, s.Close())
	}
	// The contexts of requests end when they are cut, not when ctx does.
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	main, side := s.httpServer(c, s.Handler(), base), s.httpServer(c, s.operators(), base)
	var serving sync.WaitGroup
	broken := make(chan error, len(listeners)+1)
	serve := func(h *http.Server, l net.Listener, protected bool) {
		serving.Go(func() {
			var err error
			if protected {
				err = h.ServeTLS(l, "", "")
			} else {
				err = h.Serve(l)
			}
			if !errors.Is(err, http.ErrServerClosed) {
				broken <- fmt.Errorf("%s: %w", l.Addr(), err)
			}
		})
	}
	if s.certs != nil {
		main.TLSConfig = s.certs.config()
	}
	var addresses []net.Addr
	for i, l := range listeners {
		if i == len(listeners)-1 && c.Metrics.Listen != "" {
			serve(side, l, false)
			s.log.Info("metrics are served", "address", l.Addr().String())
			continue
		}
		_, isUnix := l.Addr().(*net.UnixAddr)
		serve(main, l, s.certs != nil && !isUnix)
		addresses = append(addresses, l.Addr())
		s.log.Info("listening", "address", l.Addr().String(), "tls", s.certs != nil && !isUnix)
	}
	watching, stop := context.WithCancel(ctx)
	var watchers sync.WaitGroup
	s.watch(watching, &watchers)
	if s.options.Started != nil {
		s.options.Started(addresses)
	}
	select {
	case <-ctx.Done():
	case err = <-broken:
		s.log.Error("an address cannot be served any more; the service stops", "error", err.Error())
	}
	drained := s.drain(context.WithoutCancel(ctx), main, cut)
	stop()
	watchers.Wait()
	ending, ended := context.WithTimeout(context.WithoutCancel(ctx), stageTime)
	stages := s.closeStages(ending) // before the last entry of the log: it makes entries
	ended()
	end := s.trail.event(context.WithoutCancel(ctx), "stop", "")
	_ = side.Close()
	serving.Wait()
	if err := errors.Join(err, drained, stages, end, s.Close()); err != nil {
		s.log.Error("stopped", "error", err.Error())
		return err
	}
	s.log.Info("stopped")
	return nil
}

// listenAll listens on all addresses, or on none.
func (s *Server) listenAll(ctx context.Context, c *Config) ([]net.Listener, error) {
	addresses := c.Listen.Addresses
	if len(addresses) == 0 {
		addresses = []Address{DefaultAddress}
	}
	if c.Metrics.Listen != "" {
		addresses = append(append([]Address{}, addresses...), c.Metrics.Listen)
	}
	var all []net.Listener
	var errs []error
	for _, a := range addresses {
		l, err := a.listen(ctx, c.Listen.SocketMode)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, l)
	}
	if len(errs) == 0 {
		return all, nil
	}
	for _, l := range all {
		_ = l.Close()
	}
	return nil, errors.Join(errs...)
}

// operators is what is served at the address of metrics.
func (s *Server) operators() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics.handler())
	health := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.health.serve(w, r, true) })
	mux.Handle("/healthz", health)
	mux.Handle("/readyz", health)
	return mux
}

// watch looks after files and keys until ctx ends.
func (s *Server) watch(ctx context.Context, all *sync.WaitGroup) {
	all.Go(func() {
		if err := s.keys.Watch(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("changes of key files are not noticed any more; send SIGHUP after one", "error", err.Error())
		}
	})
	all.Go(func() { s.watchMembers(ctx) })
	if s.certs != nil {
		all.Go(func() {
			s.certs.watch(ctx, watchEvery, func() func() { s.reloading.Lock(); return s.reloading.Unlock }, s.log)
		})
	}
	all.Go(func() { // so that the first request need not wait for the keys, and the log says what is wrong with them
		for _, k := range s.health.look(ctx).keys {
			if k.Err != nil {
				s.log.Warn("a key cannot be used", "key", k.Name, "store", k.Store, "error", operatorWords.Replace(k.Err.Error()))
			} else {
				s.log.Info("a key can be used", "key", k.Name, "store", k.Store, "scheme", k.Scheme, "level", k.Level.String(), "validity", k.Validity.String())
			}
		}
	})
}

// drain ends a server: what was let in is finished, within the grace.
func (s *Server) drain(ctx context.Context, main *http.Server, cut func()) error {
	c := s.config.Load()
	s.draining.Store(true)
	if s.stages != nil {
		s.stages.stop()
	}
	grace := orDuration(c.Shutdown.Grace, DefaultGrace)
	s.log.Info("stopping", "requests", s.running.Load(), "grace", grace.String())
	main.SetKeepAlivesEnabled(false)
	if c.Shutdown.Delay > 0 {
		time.Sleep(c.Shutdown.Delay) // load balancers look at /readyz meanwhile
	}
	limit, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	err := main.Shutdown(limit)
	if err == nil {
		return nil
	}
	left := s.running.Load()
	cut()
	_ = main.Close()
	// The audit log is closed after the last entry: handlers see that their connection is gone, and return.
	for end := time.Now().Add(unwindTime); s.running.Load() > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%d requests were cut, since they had not ended %s after the service was told to stop", left, grace)
}
