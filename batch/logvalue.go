package batch

import "log/slog"

// LogValue has index, name, the octets of the container as a number, and the error.
func (r Result) LogValue() slog.Value {
	return slog.GroupValue(withError(r.Err, slog.Int("index", r.Index), slog.String("name", r.Name), slog.Int("octets", len(r.Signature)))...)
}

// LogValue has step, index, name, count, took and the error.
func (o Observation) LogValue() slog.Value {
	return slog.GroupValue(withError(o.Err, slog.String("step", o.Step.String()), slog.Int("index", o.Index), slog.String("name", o.Name),
		slog.Int("count", o.Count), slog.Duration("took", o.Took))...)
}

// LogValue has done, failed and total.
func (p Progress) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("done", p.Done), slog.Int("failed", p.Failed), slog.Int("total", p.Total))
}

// LogValue is the name of the step.
func (s Step) LogValue() slog.Value { return slog.StringValue(s.String()) }

func withError(err error, attrs ...slog.Attr) []slog.Attr {
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	return attrs
}
