package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// Error is what a caller is told when a request cannot be answered.
type Error struct {
	Status     int
	Message    string        // one sentence: what, where, what to do
	Details    string        // the kind of error, and its cause where the caller may know it
	RetryAfter time.Duration // for 429 and 503
	Err        error         // the cause, for the log; not told to the caller
}

// Error is the message and the cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// told is an error that the answer itself tells.
type told struct{ error }

func (t told) Unwrap() error { return t.error }

// Told marks an error that the caller has been told already, in an answer that is whole: it is for the log alone.
func Told(err error) error { return told{err} }

// Message is what a caller is told of an error.
func Message(err error) string {
	if t, ok := errors.AsType[told](err); ok {
		return t.Error()
	}
	return toError(err).Message
}

// Bad is an error of status 400: wrong parameters, or an operation that is not possible with them.
func Bad(format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// TooLarge is an error of status 413.
func TooLarge(format string, args ...any) *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf(format, args...)}
}

// KeyError is what a caller is told when a key could not be had: the same for one that is not there and one that the caller
// may not use. Why a key cannot be used now is for the operator, in the log.
func KeyError(err error) *Error {
	e := &Error{Status: http.StatusBadRequest, Err: err}
	switch {
	case errors.Is(err, sign.ErrKeyNotFound):
		e.Message = "there is no such key; GET /v2/certificates lists those that you may use"
	case errors.Is(err, sign.ErrKeyAmbiguous):
		e.Message = "more than one key is meant; name one by its thumbprint"
	case errors.Is(err, sign.ErrInput):
		e.Message = "the thumbprint is none; it is the SHA-1 of the certificate, 40 hexadecimal digits"
	case errors.Is(err, context.Canceled):
		return toError(err)
	default:
		e.Status, e.RetryAfter = http.StatusServiceUnavailable, 5*time.Second
		e.Message = "the key cannot be used now; try again in a moment, or ask the operator, whose log says why under this request id"
	}
	return e
}

// object is the form of errors of the existing service, which ours use as well.
type object struct {
	RequestID string `json:"RequestId"`
	Path      string
	Method    string
	Message   string
	Details   string
}

// toError gives any error a status. What it does not know is an internal error, of which the caller learns the request id
// only: the text is for the log.
func toError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &Error{Status: 499, Message: "the request was given up", Err: err}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return &Error{Status: http.StatusRequestTimeout, Message: "the request did not arrive in time; send it faster, or in smaller ones", Err: err}
	}
	return &Error{Status: http.StatusInternalServerError, Message: "the service failed; its log says why under this request id", Err: err}
}

func kindOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "Api.ValidationException"
	case http.StatusUnauthorized:
		return "Api.AuthenticationException"
	case http.StatusForbidden:
		return "Api.AuthorizationException"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return "Api.RoutingException"
	case http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusRequestTimeout:
		return "Api.RequestException"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "Api.UnavailableException"
	}
	return "Api.InternalException"
}

// Refuse answers a request that belongs to no endpoint. Nobody is asked who sends it, and its body is not read.
func (g *Gate) Refuse(w http.ResponseWriter, r *http.Request, status int, message string) {
	c := g.newCall(w, r, "none", 0)
	err := &Error{Status: status, Message: message}
	_ = c.fail(err)
	c.log(0, err)
	c.leave()
}
