package revocation

import (
	"log/slog"
	"time"
)

// LogValue has the certificate by its subject and serial number, its state and since when, and where that is from.
func (s *Status) LogValue() slog.Value {
	if s == nil {
		return slog.StringValue("none")
	}
	var attrs []slog.Attr
	if c := s.Certificate; c != nil {
		attrs = append(attrs, slog.String("subject", c.Subject.String()))
		if c.SerialNumber != nil {
			attrs = append(attrs, slog.String("serial", c.SerialNumber.Text(16)))
		}
	}
	attrs = append(attrs, slog.String("state", s.State.String()))
	if s.State == Revoked {
		attrs = append(attrs, slog.String("revoked", s.RevokedAt.UTC().Format(time.RFC3339)), slog.String("reason", s.Reason.String()))
	}
	attrs = append(attrs, slog.String("method", string(s.Method)), slog.String("thisUpdate", s.ThisUpdate.UTC().Format(time.RFC3339)))
	if !s.NextUpdate.IsZero() {
		attrs = append(attrs, slog.String("nextUpdate", s.NextUpdate.UTC().Format(time.RFC3339)))
	}
	if s.Place != "" {
		attrs = append(attrs, slog.String("place", s.Place))
	}
	return slog.GroupValue(attrs...)
}
