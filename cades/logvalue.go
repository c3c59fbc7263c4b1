package cades

import "log/slog"

// LogValue has the verdict, the number of signatures, and the verdict of each of the first ones with its level, signer and cause.
func (r *Report) LogValue() slog.Value {
	if r == nil {
		return slog.StringValue("none")
	}
	return r.outcome.LogValue()
}

// LogValue has verdict, cause and reason, level and form, and the signer by name.
func (r SignatureReport) LogValue() slog.Value {
	return r.SignatureReport.LogValue()
}

// LogValue says what kind of message it is, and how many signatures it has; nothing of its content.
func (m *Message) LogValue() slog.Value {
	if m == nil || m.in == nil {
		return slog.StringValue("none")
	}
	return slog.GroupValue(slog.String("contentType", m.ContentType()), slog.Bool("detached", m.Detached()), slog.Int("signatures", len(m.signatures)))
}

// LogValue has the form of a signature, its algorithms and the name of the signer, as the message says them: nothing of it is checked.
func (s *Signature) LogValue() slog.Value {
	if s == nil || s.in == nil {
		return slog.StringValue("none")
	}
	attrs := []slog.Attr{slog.Int("index", s.Index), slog.String("form", s.LevelName()), slog.String("digest", s.DigestAlgorithm()), slog.String("algorithm", s.SignatureAlgorithm())}
	if c := s.SignerCertificate(); c != nil {
		attrs = append(attrs, slog.String("signer", c.Subject.String()))
	}
	return slog.GroupValue(attrs...)
}
