package cli

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// slotInfo is what is known of a slot.
type slotInfo struct {
	Kind         string     `json:"kind"` // slot
	Slot         uint       `json:"slot"`
	Description  string     `json:"description,omitempty"`
	Manufacturer string     `json:"manufacturer,omitempty"`
	Token        *tokenInfo `json:"token,omitempty"`
	Error        string     `json:"error,omitempty"`

	keys []keyInfo
	none string // in words, when there are no keys
}

// tokenInfo is what a token says of itself.
type tokenInfo struct {
	Label          string `json:"label"`
	Serial         string `json:"serial"`
	Manufacturer   string `json:"manufacturer"`
	Model          string `json:"model"`
	Hardware       string `json:"hardware,omitempty"`
	Firmware       string `json:"firmware,omitempty"`
	Initialized    bool   `json:"initialized"`
	LoginRequired  bool   `json:"login_required"`
	ProtectedPath  bool   `json:"protected_path"`
	PINSet         bool   `json:"pin_set"`
	PINCountLow    bool   `json:"pin_count_low"`
	PINFinalTry    bool   `json:"pin_final_try"`
	PINLocked      bool   `json:"pin_locked"`
	WriteProtected bool   `json:"write_protected"`
	Sessions       int    `json:"sessions"`     // open now; -1 when the token does not say
	MaxSessions    int    `json:"max_sessions"` // 0 when there is no limit or the token does not say
	MinPIN         int    `json:"min_pin"`
	MaxPIN         int    `json:"max_pin"`
}

func slotInfoOf(s pkcs11.Slot) *slotInfo {
	info := &slotInfo{Kind: "slot", Slot: s.ID, Description: s.Description, Manufacturer: s.Manufacturer}
	if s.Err != nil {
		info.Error = sentence(s.Err)
	}
	if t := s.Token; t != nil {
		info.Token = &tokenInfo{
			t.Label, t.Serial, t.Manufacturer, t.Model, t.Hardware, t.Firmware, t.Initialized, t.LoginRequired, t.ProtectedPath,
			t.PINInitialized, t.PINCountLow, t.PINFinalTry, t.PINLocked, t.WriteProtected, t.Sessions, t.MaxSessions, t.MinPIN, t.MaxPIN,
		}
	}
	return info
}

// tokenKeys lists the slots and tokens that a URI means, and what is on the tokens.
func (a *app) tokenKeys(ctx context.Context, f *keyFlags, asJSON, noLogin bool) error {
	t, err := a.tokenURI(f)
	if err != nil {
		return err
	}
	defer t.pin.forget()
	defer t.release()
	slots, err := t.slots(ctx)
	if err != nil {
		return keyFailure(err)
	}
	tokens := t.among(slots)
	if noLogin {
		t.withoutPIN()
	} else if len(tokens) > 1 && t.config.PIN != nil {
		if !t.pin.prompts() {
			a.note("no PIN was tried, since the URI means %d tokens; name one by token=LABEL or serial=NUMBER", len(tokens))
		}
		t.withoutPIN()
	}
	failed, found := false, 0
	for _, s := range slots {
		if !t.means(s) {
			continue
		}
		found++
		info := slotInfoOf(s)
		if s.Token != nil && s.Token.Initialized {
			ok, err := a.listToken(ctx, t, s, info)
			if err != nil {
				return err
			}
			failed = failed || !ok
		}
		if asJSON {
			err = a.printSlotJSON(info)
		} else {
			err = a.printSlot(info)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case found == 0:
		return keyFailure(t.nothing(slots))
	case failed:
		return &failure{code: ExitKey}
	}
	return nil
}

// nothing says which tokens there are when the URI means none.
func (t *token) nothing(slots []pkcs11.Slot) error {
	err := t.noneOf(slots)
	if t.byProxy() {
		return fmt.Errorf("%w; %s", err, askedProxy)
	}
	return err
}

func (t *token) noneOf(slots []pkcs11.Slot) error {
	var names []string
	for _, s := range slots {
		if s.Token != nil && s.Token.Initialized {
			names = append(names, fmt.Sprintf("%q (serial %s, slot %d)", s.Token.Label, orDash(s.Token.Serial), s.ID))
		}
	}
	if len(slots) == 0 {
		return fmt.Errorf("%s has no slots; connect the device or reader, or check what the module's configuration says", t.config.Module)
	}
	if len(names) == 0 {
		return fmt.Errorf("%s has no initialised token; put one in or connect the device, or check what the module's configuration says", t.config.Module)
	}
	return fmt.Errorf("%s has no token as in the URI; there are: %s", t.config.Module, firstOf(names))
}

// listToken adds what is on a token. What cannot be read is said, and ok is false then.
func (a *app) listToken(ctx context.Context, t *token, s pkcs11.Slot, info *slotInfo) (ok bool, err error) {
	one := *t
	one.library = nil // the list holds the module until all tokens were read
	one.config.Slot, one.config.TokenSerial, one.config.TokenLabel = &s.ID, s.Token.Serial, s.Token.Label
	p, err := a.login(ctx, &one)
	if err != nil {
		return false, keyFailure(err)
	}
	defer func() { _ = p.Close() }()
	ok = true
	complain := func(err error) {
		ok = ok && errors.Is(err, pkcs11.ErrNotForSigning)
		a.note("%s", sentence(err))
	}
	ref := t.uri.Ref()
	owned := map[string]bool{}
	hidden := false
	for e, err := range p.Keys(ctx) {
		if err != nil {
			complain(err)
			continue
		}
		for _, c := range e.Chain[:min(len(e.Chain), 1)] {
			owned[string(c.Raw)] = true
		}
		owned[spki(e.Public)] = true
		if ref.Matches(e) {
			k := infoOf(e)
			k.Slot, k.URI = &s.ID, t.keyURI(s.Token, e)
			info.keys = append(info.keys, k)
		}
	}
	for o, err := range p.Objects(ctx) {
		if err != nil {
			complain(err)
			continue
		}
		k, public := objectInfo(o, s.ID)
		if c := o.Certificate; c != nil && owned[string(c.Raw)] || public && owned[spki(o.Public)] || !refMeans(ref, o) {
			continue
		}
		hidden = hidden || public
		info.keys = append(info.keys, k)
	}
	switch {
	case len(info.keys) != 0:
	case !ref.IsZero():
		info.none = "no key as in the URI"
	case one.config.PIN == nil && s.Token.LoginRequired && !s.Token.ProtectedPath:
		info.none = "nothing that it shows without its PIN"
	default:
		info.none = "no keys and no certificates; signet keygen makes a key"
	}
	if len(owned) == 0 && one.config.PIN == nil && s.Token.LoginRequired && !s.Token.ProtectedPath {
		text := "token %s shows no private key without its PIN; " + givePIN
		if hidden {
			text = "token %s shows public keys only without its PIN; " + givePIN
		}
		a.note(text, quote(s.Token.Label))
	}
	return ok, nil
}

// refMeans compares an object with the key that a URI names.
func refMeans(ref sign.Ref, o pkcs11.Object) bool {
	return (len(ref.ID) == 0 || bytes.Equal(ref.ID, o.ID)) && (ref.Label == "" || ref.Label == o.Label)
}

func objectInfo(o pkcs11.Object, slot uint) (k keyInfo, public bool) {
	k = keyInfo{Kind: "certificate", Label: o.Label, ID: hex.EncodeToString(o.ID), Schemes: []string{}, Algorithm: "unknown", Slot: &slot}
	if o.Certificate != nil {
		k.certificate(o.Certificate)
		k.Chain = 1
		return k, false
	}
	k.Kind = "public-key"
	if kind := inspect.PublicKey(o.Public); kind != "" {
		k.Algorithm = kind
	}
	return k, true
}

func spki(public any) string {
	der, err := sign.MarshalPublicKey(public)
	if err != nil {
		return "?"
	}
	return string(der)
}

func (a *app) printSlotJSON(info *slotInfo) error {
	err := a.printJSON(info)
	for _, k := range info.keys {
		err = errors.Join(err, a.printJSON(k))
	}
	return err
}

func (a *app) printSlot(info *slotInfo) error {
	var b strings.Builder
	fmt.Fprintf(&b, "slot %d", info.Slot)
	if info.Description != "" && (info.Token == nil || !info.Token.Initialized) && info.Error == "" {
		fmt.Fprintf(&b, " (%s)", plain.Text(info.Description))
	}
	switch t := info.Token; {
	case info.Error != "":
		fmt.Fprintf(&b, ": %s\n", plain.Text(info.Error))
	case t == nil:
		b.WriteString(": no token\n")
	case !t.Initialized:
		b.WriteString(": a token that is not initialised\n")
	default:
		fmt.Fprintf(&b, ": token %s, serial %s, model %s of %s\n", quote(t.Label), orDash(plain.Text(t.Serial)), orDash(plain.Text(t.Model)), orDash(plain.Text(t.Manufacturer)))
		fmt.Fprintf(&b, "  %s\n", strings.Join(t.state(), "; "))
	}
	if info.none != "" {
		fmt.Fprintf(&b, "  %s\n", info.none)
	}
	for i := range info.keys {
		a.writeKey(&b, &info.keys[i])
	}
	return a.printf("%s", b.String())
}

// state says the flags of a token in words.
func (t *tokenInfo) state() []string {
	var parts []string
	add := func(is bool, text string) {
		if is {
			parts = append(parts, text)
		}
	}
	add(t.LoginRequired, "login required")
	add(!t.LoginRequired, "no login required")
	add(t.ProtectedPath, "PIN is entered at the device")
	add(!t.PINSet, "no PIN set yet")
	add(t.PINLocked, "PIN LOCKED")
	add(t.PINFinalTry && !t.PINLocked, "one more wrong PIN will lock it")
	add(t.PINCountLow && !t.PINFinalTry && !t.PINLocked, "a wrong PIN was tried since the last login")
	add(t.WriteProtected, "write-protected")
	if t.Sessions >= 0 {
		sessions := plain.Plural(t.Sessions, "session") + " open"
		if t.MaxSessions > 0 {
			sessions += fmt.Sprintf(" of at most %d", t.MaxSessions)
		}
		parts = append(parts, sessions)
	}
	return parts
}

func (a *app) writeKey(b *strings.Builder, k *keyInfo) {
	kind := strings.ReplaceAll(k.Kind, "-", " ")
	fmt.Fprintf(b, "  %s %s, id %s: %s\n", kind, quote(k.Label), orDash(k.ID), plain.Text(k.Algorithm))
	line := func(name, value string) { fmt.Fprintf(b, "    %-12s %s\n", name, value) }
	if k.URI != "" {
		line("uri", plain.Text(k.URI))
	}
	switch {
	case k.Thumbprint != "":
		line("certificate", k.Thumbprint)
		line("", a.validity(k)+", "+k.Subject)
	case k.Kind == "key":
		line("certificate", "none; signet csr makes a request for one")
	}
	if k.Kind == "key" {
		line("schemes", orDash(strings.Join(k.Schemes, " ")))
	}
}

const maxNamed = 5 // of what is listed in a sentence

func firstOf(names []string) string {
	text := strings.Join(names[:min(len(names), maxNamed)], ", ")
	if more := len(names) - maxNamed; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}
