package cloudsign

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/shelf"
	"github.com/seed-116355fd/signet/sign"
)

// Headers of answers.
const (
	codeHeader  = "X-Diadoc-ErrorCode"
	traceHeader = "X-Kontur-Trace-Id"
)

// Codes of errors. Those of the existing service, as far as they are known; others are "Http." and the reason phrase without
// spaces.
const (
	badCode       = "CloudCrypt.BadConfirmationCode"
	expired       = "CloudCrypt.ExpiredRequest"
	conflict      = "Http.Conflict"
	accessDenied  = "User.AccessDenied"
	noCertificate = "CloudCertificateNotFound"
	dssInvalid    = "Dss.InvalidRequest"
	quota         = "Shelf.QuotaExceeded" // ours
)

// fail writes an error in the form of the existing service: text with the code in it, since the Java SDK shows the body of
// calls and the header of questions, and nothing else.
func fail(c *gate.Call, e *gate.Error) {
	code, message := e.Details, e.Message
	if code == "" {
		code = "Http." + strings.ReplaceAll(http.StatusText(e.Status), " ", "")
	}
	h := c.Header()
	switch e.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Basic realm="diadoc", DiadocAuth`)
		message = "who calls? Send Authorization: DiadocAuth ddauth_api_client_id=…,ddauth_token=… or Authorization: Bearer … with a token that is valid here"
	case http.StatusRequestEntityTooLarge:
		message = "the request is too large; upload contents to the shelf in smaller parts, and name them by NameOnShelf"
	}
	body := message + ". ErrorCode: (" + code + ")\n"
	h.Set(codeHeader, code)
	h.Set(traceHeader, c.ID)
	_ = text(c, e.Status, body) // the client may be gone, or close without reading
}

// text answers with a text.
func text(c *gate.Call, status int, body string) error {
	c.Header().Set("Content-Type", "text/plain; charset=utf-8")
	return answer(c, status, []byte(body))
}

// answer sends a body whole. The length is always told: the C# SDK reads nothing without.
func answer(c *gate.Call, status int, body []byte) error {
	c.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.WriteHeader(status)
	_, err := c.Write(body)
	return err
}

// refuse is an error with a code; an empty one is made of the status.
func refuse(status int, code, format string, args ...any) *gate.Error {
	return &gate.Error{Status: status, Details: code, Message: fmt.Sprintf(format, args...)}
}

// because is refuse with the cause for the log.
func because(cause error, status int, code, format string, args ...any) *gate.Error {
	e := refuse(status, code, format, args...)
	e.Err = cause
	return e
}

func bad(format string, args ...any) *gate.Error {
	return refuse(http.StatusBadRequest, "", format, args...)
}

// noTask is the one answer of all tasks that are not there or another owner's.
func noTask(cause error) *gate.Error {
	return because(cause, http.StatusNotFound, "", "there is no such task")
}

// engineError says what an error of the engine is to a client.
func engineError(err error) error {
	if err == nil {
		return nil
	}
	e := &gate.Error{Err: err}
	switch {
	case errors.Is(err, confirm.ErrNotFound):
		return noTask(err)
	case errors.Is(err, confirm.ErrLocked):
		e.Status, e.Details, e.Message = http.StatusConflict, expired, lockedText
	case errors.Is(err, confirm.ErrCode):
		e.Status, e.Details, e.Message = http.StatusConflict, badCode, "the code is wrong; read it again and send what was received"
	case errors.Is(err, confirm.ErrExpired):
		e.Status, e.Details, e.Message = http.StatusConflict, expired, "the code has expired; begin anew with CloudSign"
	case errors.Is(err, confirm.ErrState):
		e.Status, e.Details, e.Message = http.StatusConflict, expired, "the operation cannot be confirmed now: "+err.Error()
	case errors.Is(err, confirm.ErrShelf):
		e.Status, e.Details, e.Message = http.StatusConflict, conflict, err.Error()+"; upload it first"
	case errors.Is(err, confirm.ErrInput):
		e.Status, e.Message = http.StatusBadRequest, err.Error()
	case errors.Is(err, confirm.ErrLimit):
		e.Status, e.RetryAfter, e.Message = http.StatusTooManyRequests, 5*time.Second, err.Error()
	case errors.Is(err, confirm.ErrGone):
		e.Status, e.Message = http.StatusGone, err.Error()
	case errors.Is(err, sign.ErrKeyNotFound), errors.Is(err, sign.ErrUnavailable), errors.Is(err, sign.ErrPIN):
		return keyError(err)
	default:
		return err
	}
	return e
}

const lockedText = "too many wrong codes; the operation is over, begin anew with CloudSign"

// keyError is that of a key that there is and that cannot be used now. Why is for the operator, in the log.
func keyError(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	e := because(err, http.StatusServiceUnavailable, "", "the key cannot be used now; try again in a moment, or ask the operator, whose log says why under this trace id")
	e.RetryAfter = 5 * time.Second
	return e
}

// shelfError says what an error of the shelf is to a client. An upload that is refused as 403 is not sent again, any other
// status has SDKs send it three times.
func shelfError(err error) error {
	if own, ok := errors.AsType[*gate.Error](err); ok {
		return own // of the body
	}
	switch {
	case errors.Is(err, shelf.ErrNotFound):
		return because(err, http.StatusNotFound, "", "this is not on the shelf: it was never uploaded, is not complete, or has expired")
	case errors.Is(err, shelf.ErrPart):
		return because(err, http.StatusBadRequest, "", "partIndex is too large: an upload has up to %d parts, numbered from 0; send larger ones", shelf.MaxParts)
	case errors.Is(err, shelf.ErrName):
		return because(err, http.StatusBadRequest, "", "this is no name for the shelf; one has up to 512 octets of UTF-8, without slashes and control characters")
	case errors.Is(err, shelf.ErrQuota):
		return because(err, http.StatusForbidden, quota, "your shelf has no room for this; what is on it expires by itself")
	}
	return err
}
