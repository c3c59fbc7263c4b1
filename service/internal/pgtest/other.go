//go:build !unix

// Package pgtest starts a PostgreSQL of its own for a test, on unix.
package pgtest

import "testing"

// Server is one that runs.
type Server struct {
	URL string // postgres://…
}

// Start skips the test.
func Start(t testing.TB) *Server {
	t.Skip("SKIPPED: PostgreSQL is started on unix only")
	return nil
}

// Run starts the server again.
func (s *Server) Run() {}

// Kill ends the server as a failure of power would.
func (s *Server) Kill() {}

// Stop ends the server and its connections in order.
func (s *Server) Stop() {}

// StartDurable skips the test as well.
func StartDurable(t testing.TB) *Server { return Start(t) }
