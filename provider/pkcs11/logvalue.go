package pkcs11

import "log/slog"

// LogValue has the names of the token, and what is wrong with its PIN.
func (t Token) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("label", t.Label), slog.String("serial", t.Serial), slog.String("manufacturer", t.Manufacturer), slog.String("model", t.Model)}
	for _, flag := range []struct {
		name string
		set  bool
	}{{"pinCountLow", t.PINCountLow}, {"pinFinalTry", t.PINFinalTry}, {"pinLocked", t.PINLocked}} {
		if flag.set {
			attrs = append(attrs, slog.Bool(flag.name, true))
		}
	}
	return slog.GroupValue(attrs...)
}

// LogValue has number, description and token.
func (s Slot) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Uint64("id", uint64(s.ID)), slog.String("description", s.Description)}
	if s.Token != nil {
		attrs = append(attrs, slog.Any("token", *s.Token))
	}
	if s.Err != nil {
		attrs = append(attrs, slog.String("error", s.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}

// LogValue has the module, its versions, the slot, and how many mechanisms there are.
func (d Diagnosis) LogValue() slog.Value {
	return slog.GroupValue(slog.String("module", d.Module), slog.String("interface", d.Interface), slog.String("functions", d.Functions),
		slog.String("manufacturer", d.Manufacturer), slog.String("library", d.Library), slog.String("libraryVersion", d.LibraryVersion),
		slog.Bool("shared", d.Shared), slog.Bool("oneAtATime", d.OneAtATime), slog.Any("slot", d.Slot), slog.Bool("loggedIn", d.LoggedIn),
		slog.Int("sessions", d.Sessions), slog.Int("mechanisms", len(d.Mechanisms)))
}

// LogValue is the URI without the PIN.
func (u URI) LogValue() slog.Value { return slog.StringValue(u.String()) }
