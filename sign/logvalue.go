package sign

import (
	"encoding/hex"
	"log/slog"
	"time"
)

// LogValue is the reference in words, without its certificate.
func (r Ref) LogValue() slog.Value { return slog.StringValue(r.String()) }

// LogValue has the names of the key and of its certificate, and what it can do.
func (e Entry) LogValue() slog.Value {
	var attrs []slog.Attr
	if len(e.ID) != 0 {
		attrs = append(attrs, slog.String("id", hex.EncodeToString(e.ID)))
	}
	if e.Label != "" {
		attrs = append(attrs, slog.String("label", e.Label))
	}
	if c := e.Certificate(); c != nil {
		attrs = append(attrs, slog.String("subject", c.Subject.String()), slog.String("thumbprint", Thumbprint(c)))
	}
	schemes := make([]string, len(e.Schemes))
	for i, s := range e.Schemes {
		schemes[i] = s.Name
	}
	return slog.GroupValue(append(attrs, slog.Any("schemes", schemes))...)
}

// LogValue has the name of the certificate, its thumbprint and the scheme.
func (s *Signer) LogValue() slog.Value {
	if s == nil || len(s.chain) == 0 {
		return slog.StringValue("none")
	}
	c := s.Certificate()
	return slog.GroupValue(slog.String("subject", c.Subject.String()), slog.String("thumbprint", Thumbprint(c)), slog.String("scheme", s.scheme.Name))
}

// LogValue is the name of the scheme.
func (s Scheme) LogValue() slog.Value { return slog.StringValue(s.Name) }

// LogValue has what is set: kind, place, to, error, took, count. When is the time of the record, about.
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("kind", string(e.Kind))}
	if e.Place != "" {
		attrs = append(attrs, slog.String("place", e.Place))
	}
	if e.To != "" {
		attrs = append(attrs, slog.String("to", e.To))
	}
	if e.Took != 0 {
		attrs = append(attrs, slog.Duration("took", e.Took))
	}
	if e.Count != 0 {
		attrs = append(attrs, slog.Int("count", e.Count))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}

// LogValue has place, resting and failures, and what is set of until and the last error.
func (s AuthorityState) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("place", s.Place), slog.Bool("resting", s.Resting), slog.Int("failures", s.Failures)}
	if !s.Until.IsZero() {
		attrs = append(attrs, slog.String("until", s.Until.UTC().Format(time.RFC3339)))
	}
	if s.Err != nil {
		attrs = append(attrs, slog.String("error", s.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}
