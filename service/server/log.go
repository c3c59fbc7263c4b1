package server

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"

	"github.com/seed-116355fd/signet/sign"
)

// newLog makes the log. The level can be changed later.
func newLog(c *Log, level *slog.LevelVar, output io.Writer) *slog.Logger {
	level.Set(c.slogLevel())
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(output, options))
	}
	return slog.New(slog.NewJSONHandler(output, options))
}

func (c *Log) slogLevel() slog.Level {
	var level slog.Level
	if c.Level != "" {
		_ = level.UnmarshalText([]byte(c.Level)) // was checked
	}
	return level
}

// httpLog is what net/http says. Handshakes that fail are what strangers do all day: nobody shall fill a disk with them.
func httpLog(to *slog.Logger) *log.Logger { return log.New(&httpWriter{to}, "", 0) }

type httpWriter struct{ to *slog.Logger }

func (w *httpWriter) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	if bytes.Contains(line, []byte("TLS handshake error")) {
		w.to.Debug(text)
	} else {
		w.to.Warn(text)
	}
	return len(line), nil
}

// told logs and counts what happens to tokens and authorities. The message is the kind.
func (s *Server) told(e sign.Event) {
	s.metrics.events.WithLabelValues(string(e.Kind)).Inc()
	s.log.Log(context.Background(), e.Kind.Level(), string(e.Kind), "event", e)
}
