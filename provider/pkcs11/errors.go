package pkcs11

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// Code is a return value of a module, CKR_…, for errors.As. Its text is the name in the specification and the number.
//
//	if code, ok := errors.AsType[pkcs11.Code](err); ok && code == 0xA4 { … }
type Code uint

// Error is the name of the specification and the number, which is what vendors' manuals list.
func (c Code) Error() string { return p11.RV(c).Error() }

// coded lets an error of the module be found as a Code.
func coded(err error) error {
	rv, ok := errors.AsType[p11.RV](err)
	if _, is := errors.AsType[Code](err); is || !ok {
		return err
	}
	return &moduleError{err, Code(rv)}
}

// moduleError is an error of the module, with its return value.
type moduleError struct {
	err  error
	code Code
}

func (e *moduleError) Error() string   { return e.err.Error() }
func (e *moduleError) Unwrap() []error { return []error{e.err, e.code} }

// loss says whether an error means that sessions, handles or the token are gone.
type loss int

const (
	notLost loss = iota
	dirty        // only this session is of no use any more
	unclear      // says nothing of it: the token and the session are asked
	maybe        // may mean anything; worth one recovery
	lost         // what was opened has to be opened again
)

func lossOf(err error) loss {
	if errors.Is(err, sign.ErrPIN) {
		return notLost
	}
	if isOther(err) || errors.Is(err, errFoundGone) {
		return lost
	}
	code, ok := errors.AsType[p11.RV](err)
	if !ok {
		return notLost
	}
	switch code {
	case p11.SessionHandleInvalid, p11.SessionClosed, p11.ObjectHandleInvalid, p11.KeyHandleInvalid, p11.NotLoggedIn,
		p11.DeviceError, p11.DeviceRemoved, p11.TokenNotPresent, p11.NotInitialized, p11.SlotIDInvalid:
		return lost
	case p11.GeneralError, p11.HostMemory, p11.FunctionFailed, p11.DeviceMemory:
		return maybe
	case p11.OperationActive, p11.OperationNotInit:
		return dirty
	case p11.TokenNotRecognized: // for some modules, a mechanism that they do not have
		return unclear
	}
	if !code.Known() {
		return unclear
	}
	return notLost
}

// errFoundGone is in the errors of calls whose code said nothing, when the token or the session was gone as it was asked.
var errFoundGone = errors.New("asked then, the token is not there as it was")

// findOut asks the token and the session when the code of a call tells nothing of them. The error becomes one of a loss when
// they are gone; if not, it is the call's own.
func (p *Provider) findOut(s *p11.Session, err error) error {
	if err == nil || s == nil || lossOf(err) != unclear {
		return err
	}
	if gone := p.gone(s); gone != nil {
		return fmt.Errorf("%w; %w: %w", err, errFoundGone, gone)
	}
	return err
}

// gone says in which way the token or the session is not there any more, or is nil.
func (p *Provider) gone(s *p11.Session) error {
	if _, err := s.Info(); err != nil {
		return err
	}
	if _, err := p.checkToken("pkcs11", p.slotNow()); err != nil {
		return err
	}
	return p.stillIn(s)
}

// advice is the class of a return value and what to do about it.
type advice struct {
	class     error
	temporary bool
	hint      string
}

// noTelling is for codes that modules give for anything.
const noTelling = "the module does not say what is wrong; see its log, and check the device, its daemon and what else uses it"

// noStart is for C_Initialize, whatever its code.
const noStart = "the module could not start; check its configuration file, its environment variables and its daemon, and that this user " +
	"may use them; some modules need an init string (Config.InitArgs)"

var advices = map[p11.RV]advice{
	p11.PINIncorrect:      {sign.ErrPIN, false, "give the right PIN; this one is not tried again"},
	p11.PINInvalid:        {sign.ErrPIN, false, "the PIN has characters that the token does not take"},
	p11.PINLenRange:       {sign.ErrPIN, false, "the PIN is too short or too long for the token"},
	p11.PINExpired:        {sign.ErrPIN, false, "the PIN has expired; change it with the vendor's tool"},
	p11.PINTooWeak:        {sign.ErrPIN, false, "the token asks for a better PIN; change it with the vendor's tool"},
	p11.PINLocked:         {sign.ErrPIN, false, "the PIN is locked after too many wrong tries; " + unlock},
	p11.ArgumentsBad:      {sign.ErrUnsupported, false, "the module does not take what this call gave it; its log may say why"},
	p11.CantLock:          {sign.ErrUnsupported, false, "the module cannot be used by several threads"},
	p11.NotLoggedIn:       {sign.ErrUnavailable, false, "the token wants a login; give the PIN (Config.PIN), or see what else in the process logs out"},
	p11.AnotherLoggedIn:   {sign.ErrUnavailable, false, "the security officer is logged in by this process; end that first"},
	p11.SessionSOExists:   {sign.ErrUnavailable, false, "the security officer is logged in by this process; end that first"},
	p11.UserTypeInvalid:   {sign.ErrPIN, false, "the token has no user of this type; initialise its user PIN"},
	p11.PINNotInitialized: {sign.ErrPIN, false, "the token has no user PIN yet; initialise it with the vendor's tool"},

	p11.MechanismInvalid:    {sign.ErrUnsupported, false, "the token does not do this scheme; choose a scheme that the key lists"},
	p11.MechanismParam:      {sign.ErrUnsupported, false, "the token does not do this scheme with these parameters; choose another scheme that the key lists"},
	p11.KeyTypeInconsistent: {sign.ErrUnsupported, false, "the key is of another kind than the scheme"},
	p11.KeyNotPermitted:     {sign.ErrUnsupported, false, "the key may not sign (CKA_SIGN is false)"},
	p11.KeySizeRange:        {sign.ErrUnsupported, false, "the key has a size that the token does not take for this"},
	p11.CurveNotSupported:   {sign.ErrUnsupported, false, "the token does not know the curve"},
	p11.DomainParamsInvalid: {sign.ErrUnsupported, false, "the token does not know the curve"},
	p11.DataLenRange:        {sign.ErrUnsupported, false, "the token does not take a digest of this length with this key"},
	p11.DataInvalid:         {sign.ErrUnsupported, false, "the token does not take this digest with this key"},

	p11.FunctionNotSupported: {sign.ErrUnsupported, false, "the module does not have this function"},

	p11.SessionReadOnly: {sign.ErrUnavailable, false, "the token allows no writing now"},
	p11.WriteProtected:  {sign.ErrUnavailable, false, "the token is write-protected"},

	p11.SessionCount:     {sign.ErrUnavailable, true, "all sessions of the token are in use; open fewer (Config.Sessions) or close other programs"},
	p11.FunctionCanceled: {sign.ErrUnavailable, true, "it was cancelled at the device"},
	p11.FunctionRejected: {sign.ErrUnavailable, true, "it was rejected at the device"},

	p11.TokenNotPresent:    {sign.ErrUnavailable, true, "put the token in, or check the connection to the HSM"},
	p11.TokenNotRecognized: {sign.ErrUnavailable, true, "the reader does not know this token; check the module and the device"},
	p11.DeviceRemoved:      {sign.ErrUnavailable, true, "put the token in again, or check the connection to the HSM"},
	p11.DeviceError:        {sign.ErrUnavailable, true, "check the device, its daemon and the connection to it"},
	p11.GeneralError:       {sign.ErrUnavailable, true, noTelling},
	p11.FunctionFailed:     {sign.ErrUnavailable, true, noTelling},
	p11.HostMemory:         {sign.ErrUnavailable, true, noTelling},
	p11.DeviceMemory:       {sign.ErrUnavailable, true, "the device is out of memory; fewer keys or sessions at once may help"},
}

// wrap gives an error of the module its class, its place and what to do.
func wrap(op, place string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*sign.Error](err); ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := &sign.Error{Op: op, Place: place, Class: sign.ErrUnavailable, Err: coded(err)}
	if errors.Is(err, p11.ErrNoLoader) {
		e.Class = sign.ErrUnsupported
		return e
	}
	if errors.Is(err, p11.ErrBusy) {
		e.Temporary, e.Hint = true, "the key wants its PIN for each signature, and nothing else may reach the token meanwhile; see what hangs"
	}
	if code, ok := errors.AsType[p11.RV](err); ok {
		a, known := advices[code]
		switch {
		case known:
			e.Class, e.Temporary, e.Hint = a.class, a.temporary, a.hint
		case lossOf(err) == unclear:
			e.Hint = "a code of the vendor, whose manual says what it means; the token is there"
		case lossOf(err) != notLost:
			e.Temporary, e.Hint = true, "what was open on the token is lost; see what else uses it"
		}
		if errors.Is(err, p11.ErrInitialize) && code != p11.CantLock {
			e.Hint = noStart
		}
	}
	return e
}

func (p *Provider) errClosed(op string) error {
	return &sign.Error{Op: op, Place: p.place, Class: sign.ErrUnavailable, Hint: "the provider was closed; open it again"}
}

// errGone is what calls get when the token did not come back in time. It is not temporary: a batch stops with it, after
// having waited for as long as Config.Recover says.
func (p *Provider) errGone(cause error) error {
	e := &sign.Error{Op: "pkcs11: recover", Place: p.place, Class: sign.ErrUnavailable, Err: coded(cause),
		Hint: fmt.Sprintf("the token did not come back within %v (Config.Recover); check the device and the connection to it", max(p.config.Recover, 0))}
	if inner, ok := errors.AsType[*sign.Error](cause); ok && inner.Class == sign.ErrUnavailable {
		e.Err = inner.Err
	}
	return e
}
