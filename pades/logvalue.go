package pades

import "log/slog"

// LogValue has the verdict, how many octets stand behind what is signed, and the outcome of the message.
func (r *Report) LogValue() slog.Value {
	if r == nil {
		return slog.StringValue("none")
	}
	return slog.GroupValue(slog.Bool("valid", r.Valid()), slog.Bool("trusted", r.Trusted()), slog.Int64("behind", r.Behind), slog.Any("message", r.Message))
}
