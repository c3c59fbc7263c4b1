package asic

import (
	"log/slog"
	"strconv"
)

// maxLogged is how many signatures of a container are in its log value.
const maxLogged = 8

// LogValue has the kind, the verdict, how many files are not covered, and the outcome of each of the first signatures.
func (r *Report) LogValue() slog.Value {
	if r == nil {
		return slog.StringValue("none")
	}
	attrs := []slog.Attr{slog.String("kind", r.Kind.String()), slog.Bool("valid", r.Valid()), slog.Bool("trusted", r.Trusted()),
		slog.Int("signatures", len(r.Signatures)), slog.Int("unsigned", len(r.Unsigned))}
	for i := range r.Signatures[:min(len(r.Signatures), maxLogged)] {
		attrs = append(attrs, slog.Any(strconv.Itoa(i), r.Signatures[i]))
	}
	return slog.GroupValue(attrs...)
}

// LogValue has the name, how many files are covered, those that are not what was signed as a number, and the outcome of the message.
func (r SignatureReport) LogValue() slog.Value {
	changed := 0
	for _, f := range r.Files {
		if f.Err != nil {
			changed++
		}
	}
	attrs := []slog.Attr{slog.String("name", r.Name), slog.Bool("valid", r.Valid()), slog.Int("files", len(r.Files)), slog.Int("failed", changed)}
	if r.Message != nil {
		attrs = append(attrs, slog.Any("message", r.Message))
	}
	if r.Unread != nil {
		attrs = append(attrs, slog.String("error", r.Unread.Error()))
	}
	return slog.GroupValue(attrs...)
}
