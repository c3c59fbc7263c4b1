package validate

import (
	"log/slog"
	"strconv"
)

// maxLogged is how many signatures of a message are in its log value, for strangers may put in any number.
const maxLogged = 8

// LogValue has the verdict, the number of signatures, and the verdict of each of the first ones.
func (r *Report) LogValue() slog.Value {
	if r == nil {
		return slog.StringValue("none")
	}
	attrs := []slog.Attr{slog.String("indication", r.Indication.String()), slog.Bool("valid", r.Valid()), slog.Bool("trusted", r.Trusted()),
		slog.Int("signatures", len(r.Signatures))}
	for i := range r.Signatures[:min(len(r.Signatures), maxLogged)] {
		attrs = append(attrs, slog.Any(strconv.Itoa(i), r.Signatures[i]))
	}
	return slog.GroupValue(attrs...)
}

// LogValue has verdict, cause and reason, level and form, and the signer by name.
func (r SignatureReport) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("indication", r.Indication.String())}
	for _, a := range []struct{ name, value string }{
		{"subIndication", string(r.SubIndication)}, {"cause", string(r.Cause)}, {"reason", r.Reason}, {"level", r.Level}, {"form", r.Form},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.name, a.value))
		}
	}
	if r.Signer != nil {
		attrs = append(attrs, slog.String("signer", r.Signer.Subject))
	}
	return slog.GroupValue(attrs...)
}
