package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

const maxNamed = 5 // tokens that an error names

func quote(s string) string { return fmt.Sprintf("%q", s) }

// findSlot finds the slot whose token the config means, exactly one.
func (p *Provider) findSlot() (uint, p11.TokenInfo, error) {
	slots, err := p.module.Slots(true)
	if err != nil {
		return 0, p11.TokenInfo{}, wrap("pkcs11: open", p.place, err)
	}
	var (
		found, others []string
		slot          uint
		token         p11.TokenInfo
		named         = map[[2]string]bool{}
		twins         bool // two that are found have the same label and serial
		failed        error
		stranger      error // of a token that the config means as well, and that is not the one that was opened
		blank         bool  // a token that is meant was never initialised, and has neither name nor keys
	)
	for _, id := range slots {
		t, err := p.module.Token(id)
		if err != nil {
			// Of another token, if the one that is meant is there. What says most of it is kept.
			if err = fmt.Errorf("slot %d: %w", id, err); failed == nil || !p.unsure(failed) {
				failed = err
			}
			continue
		}
		meant := p.config.means(id, t) && p.config.meansSlot(p.module, id)
		if t.Flags&p11.TokenInitialized == 0 {
			blank = blank || meant
			continue
		}
		name := tokenName(t.Label, t.Serial, id)
		switch {
		case !meant:
			others = append(others, name)
			continue
		case !p.isOurs(t):
			stranger = p.errStranger("pkcs11: open", t, id)
			continue
		}
		found = append(found, name)
		twins = twins || named[[2]string{t.Label, t.Serial}]
		named[[2]string{t.Label, t.Serial}] = true
		slot, token = id, t
	}
	switch {
	case len(found) == 1 && failed != nil && p.unsure(failed):
		err := wrap("pkcs11: open", p.config.Module, failed)
		if e, ok := errors.AsType[*sign.Error](err); ok {
			e.Hint = "no token is named, so this one may be meant as well as " + found[0] + ", which was not given the PIN; name the token by its label or serial"
		}
		return 0, token, err
	case len(found) == 1:
		return slot, token, nil
	case len(found) > 1:
		by := "label and serial"
		if twins {
			by = "its slot, since some have the same label and serial"
		}
		return 0, token, &sign.Error{Op: "pkcs11: open", Place: p.config.Module, Class: sign.ErrKeyAmbiguous,
			Err:  fmt.Errorf("%d tokens %s", len(found), p.config.wanted()),
			Hint: "name one token by " + by + ": " + firstOf(found)}
	case stranger != nil:
		return 0, token, stranger
	case failed != nil:
		err := wrap("pkcs11: open", p.place, failed)
		if e, ok := errors.AsType[*sign.Error](err); ok && len(others) != 0 {
			e.Hint = strings.TrimPrefix(e.Hint+"; there is no token "+p.config.wanted()+" among those that could be read: "+firstOf(others), "; ")
		}
		return 0, token, err
	}
	e := &sign.Error{Op: "pkcs11: open", Place: p.config.Module, Class: sign.ErrKeyNotFound, Err: errors.New("no token " + p.config.wanted())}
	switch {
	case len(others) == 0:
		e.Hint = "there is no initialised token; put one in or connect the device, initialise it, or check what the module's configuration says"
	case blank:
		e.Hint = "the one that is meant is not initialised; others are: " + firstOf(others)
	default:
		e.Hint = "there are: " + firstOf(others)
	}
	return 0, token, e
}

// unsure reports whether a token that could not be read may be the one that is meant, where the only one that could be read would
// be given the PIN: when nothing but that it is the only one tells which it is. A slot that has none, or one that the module does not
// know, has not the one that is meant.
func (p *Provider) unsure(failed error) bool {
	code, _ := errors.AsType[p11.RV](failed)
	c := &p.config
	return !p.known && c.PIN != nil && c.TokenLabel == "" && c.TokenSerial == "" && c.Slot == nil &&
		code != p11.TokenNotPresent && code != p11.TokenNotRecognized && code != p11.SlotIDInvalid
}

// tokenName is for errors. Some tokens have no serial number.
func tokenName(label, serial string, slot uint) string {
	if serial == "" {
		return fmt.Sprintf("%q (slot %d)", label, slot)
	}
	if quoted := quote(serial); len(quoted) != len(serial)+2 { // it is not text, and errors go to terminals and logs
		serial = quoted
	}
	return fmt.Sprintf("%q (serial %s, slot %d)", label, serial, slot)
}

// identity is what a token is known by once it was opened.
func identity(t p11.TokenInfo) [4]string { return t.Identity }

// isOurs reports whether a token is the one that was opened; before that any is. The config may name none, or one by its
// label only, and whoever puts another card into the reader must not be given the PIN of the first: it would use up one of
// his tries, and his card, or a device that is made to look for PINs, would learn it.
func (p *Provider) isOurs(t p11.TokenInfo) bool {
	return !p.known || identity(t) == identity(p.token)
}

// otherError says that the token was changed for another one. The first is waited for.
type otherError struct {
	token p11.TokenInfo
	slot  uint
}

func (e *otherError) Error() string {
	return "another token is there: " + tokenName(e.token.Label, e.token.Serial, e.slot)
}

func isOther(err error) bool {
	_, ok := errors.AsType[*otherError](err)
	return ok
}

func (p *Provider) errStranger(op string, token p11.TokenInfo, slot uint) error {
	return &sign.Error{Op: op, Place: p.place, Class: sign.ErrUnavailable, Temporary: true, Err: &otherError{token, slot},
		Hint: "it was not given the PIN; put in the one that was opened, " + tokenName(p.token.Label, p.token.Serial, p.slotNow())}
}

// checkToken reads the token of a slot and fails unless it is the one that was opened. Asked after a session was opened, it
// holds as long as the session does, which ends when the token is removed (section 5.6 of the specification).
func (p *Provider) checkToken(op string, slot uint) (p11.TokenInfo, error) {
	token, err := p.module.Token(slot)
	if err == nil && !p.isOurs(token) {
		err = p.errStranger(op, token, slot)
	}
	return token, err
}

func firstOf(names []string) string {
	text := strings.Join(names[:min(len(names), maxNamed)], ", ")
	if more := len(names) - maxNamed; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

// means compares a token with what the config says of it.
func (c *Config) means(slot uint, t p11.TokenInfo) bool {
	return (c.Slot == nil || *c.Slot == slot) &&
		(c.TokenLabel == "" || c.TokenLabel == t.Label) &&
		(c.TokenSerial == "" || c.TokenSerial == t.Serial) &&
		(c.TokenManufacturer == "" || c.TokenManufacturer == t.Manufacturer) &&
		(c.TokenModel == "" || c.TokenModel == t.Model)
}

// meansSlot compares what few configs name: the slot itself.
func (c *Config) meansSlot(m *p11.Module, id uint) bool {
	if c.SlotDescription == "" && c.SlotManufacturer == "" {
		return true
	}
	slot, err := m.Slot(id)
	return err == nil && (c.SlotDescription == "" || c.SlotDescription == slot.Description) &&
		(c.SlotManufacturer == "" || c.SlotManufacturer == slot.Manufacturer)
}

// wanted says what the config names.
func (c *Config) wanted() string {
	var parts []string
	for _, f := range []struct{ name, value string }{
		{"label", c.TokenLabel}, {"serial", c.TokenSerial}, {"manufacturer", c.TokenManufacturer}, {"model", c.TokenModel},
		{"slot description", c.SlotDescription}, {"slot manufacturer", c.SlotManufacturer},
	} {
		if f.value != "" {
			parts = append(parts, f.name+" "+quote(f.value))
		}
	}
	text := "with " + strings.Join(parts, ", ")
	switch {
	case c.Slot != nil && len(parts) == 0:
		return fmt.Sprintf("in slot %d", *c.Slot)
	case c.Slot != nil:
		return fmt.Sprintf("%s in slot %d", text, *c.Slot)
	case len(parts) == 0:
		return "in its slots"
	}
	return text
}

// Slot is a slot of a module and the token in it.
type Slot struct {
	ID           uint
	Description  string
	Manufacturer string
	Token        *Token // nil when there is none
	Err          error  // why the token could not be read
}

// Token is what a token says of itself.
type Token struct {
	Label, Serial, Manufacturer, Model string
	Hardware, Firmware                 string

	Initialized    bool // it has been set up
	LoginRequired  bool
	ProtectedPath  bool // the PIN is entered at the device
	PINInitialized bool
	PINCountLow    bool // there was a wrong try since the last login
	PINFinalTry    bool // one more wrong PIN locks it
	PINLocked      bool
	WriteProtected bool
	MaxSessions    int // 0 when there is no limit or the token does not say
	Sessions       int // open now; -1 when the token does not say
	MinPIN, MaxPIN int // octets
}

func tokenOf(t p11.TokenInfo) *Token {
	has := func(flag uint) bool { return t.Flags&flag != 0 }
	out := &Token{
		Label: t.Label, Serial: t.Serial, Manufacturer: t.Manufacturer, Model: t.Model, Hardware: t.Hardware, Firmware: t.Firmware,
		Initialized: has(p11.TokenInitialized), LoginRequired: has(p11.TokenLoginRequired), ProtectedPath: has(p11.TokenProtectedPath),
		PINInitialized: has(p11.TokenPINInitialized), PINCountLow: has(p11.TokenPINCountLow), PINFinalTry: has(p11.TokenPINFinalTry),
		PINLocked: has(p11.TokenPINLocked), WriteProtected: has(p11.TokenWriteProtected),
		MinPIN: int(t.MinPIN), MaxPIN: int(t.MaxPIN), Sessions: -1,
	}
	if t.MaxSessions <= maxCount {
		out.MaxSessions = int(t.MaxSessions)
	}
	if t.Sessions <= maxCount {
		out.Sessions = int(t.Sessions)
	}
	return out
}

// maxCount is the most that a token can mean in earnest. Beyond are CK_UNAVAILABLE_INFORMATION and what modules make of it.
const maxCount = 1 << 30

// Slots lists the slots of a module, those without a token too. Nothing is logged in.
func Slots(ctx context.Context, module, initArgs string) ([]Slot, error) {
	l, err := Load(ctx, module, initArgs)
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	return l.Slots(ctx)
}

// Library is a module that is loaded and initialised. As long as it is open, the module is not finalised when providers are
// closed: whoever lists the slots first and opens a token then starts a module once, which some take no second time.
type Library struct {
	module *p11.Module
	path   string
	closed sync.Once
}

// Load loads a module and initialises it.
func Load(ctx context.Context, module, initArgs string) (*Library, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return detach(ctx, func() (*Library, error) {
		m, err := openModule("pkcs11: slots", module, initArgs)
		if err != nil {
			return nil, err
		}
		return &Library{module: m, path: module}, nil
	}, func(l *Library) { _ = l.Close() })
}

// Slots lists the slots of the module as function Slots does.
func (l *Library) Slots(ctx context.Context) ([]Slot, error) {
	return detach(ctx, func() ([]Slot, error) {
		begun := time.Now()
		for delay := firstDelay; ; delay *= 2 {
			slots, unsure, err := l.slots()
			if err != nil || !unsure || time.Since(begun)+delay > lookTime {
				return slots, err
			}
			select { // another process may be writing to a token
			case <-time.After(delay):
			case <-ctx.Done():
				return slots, nil
			}
		}
	}, nil)
}

// slots lists the slots once. Unsure is whether a token answered as one does that another process is writing to.
func (l *Library) slots() (slots []Slot, unsure bool, err error) {
	ids, err := l.module.Slots(false)
	if err != nil {
		return nil, false, wrap("pkcs11: slots", l.path, err)
	}
	slots = make([]Slot, 0, len(ids))
	for _, id := range ids {
		slot := slotOf(l.module, l.path, id)
		code, _ := errors.AsType[p11.RV](slot.Err)
		unsure = unsure || code == p11.GeneralError
		slots = append(slots, slot)
	}
	return slots, unsure, nil
}

// Close gives the module back. It may be called again.
func (l *Library) Close() (err error) {
	l.closed.Do(func() {
		if closeErr := l.module.Close(); closeErr != nil {
			err = &sign.Error{Op: "pkcs11: close", Place: l.path, Class: sign.ErrUnavailable, Err: coded(closeErr)}
		}
	})
	return err
}

func slotOf(m *p11.Module, module string, id uint) Slot {
	slot := Slot{ID: id}
	place := fmt.Sprintf("slot %d of %s", id, module)
	info, err := m.Slot(id)
	if err != nil {
		slot.Err = wrap("pkcs11: slots", place, err)
		return slot
	}
	slot.Description, slot.Manufacturer = info.Description, info.Manufacturer
	if info.Flags&p11.SlotTokenPresent == 0 {
		return slot
	}
	token, err := m.Token(id)
	if err != nil {
		slot.Err = wrap("pkcs11: slots", place, err)
		return slot
	}
	slot.Token = tokenOf(token)
	return slot
}
