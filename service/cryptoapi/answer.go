package cryptoapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	vector "github.com/segmentio/asm/base64"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/intake"
	"github.com/seed-116355fd/signet/service/internal/reason"
	"github.com/seed-116355fd/signet/service/internal/spool"
)

// answer is the array of POST /v2/sign, held back until the request has ended: with ThrowOnErrors a single content makes
// an error of it, and many clients read nothing before they have written all. It is kept in pieces of one size, because
// one slice that grows is copied time and again. What is much is kept in a file without a name.
type answer struct {
	pieces [][]byte
	aside  *spool.Spool // what comes before the pieces
	size   int64
	most   int64 // 0: no bound
	count  int
	failed int
	first  string // why the first that failed did
	at     int    // its index
}

const (
	pieceSize = 64 << 10
	// maxPieces is how many there are before they are put aside.
	maxPieces = 64
)

var pieces = sync.Pool{New: func() any { b := make([]byte, 0, pieceSize); return &b }}

// room returns the last piece, with room for n octets.
func (a *answer) room(n int) *[]byte {
	if last := len(a.pieces) - 1; last >= 0 && cap(a.pieces[last])-len(a.pieces[last]) >= n {
		return &a.pieces[last]
	}
	if n > pieceSize {
		a.pieces = append(a.pieces, make([]byte, 0, n))
	} else {
		a.pieces = append(a.pieces, *pieces.Get().(*[]byte))
	}
	return &a.pieces[len(a.pieces)-1]
}

// add appends a result. Both fields are always there; the one that does not apply is null.
func (a *answer) add(result *batch.Result) (why string, err error) {
	if result.Err != nil {
		why = a.reason(result.Err)
		return why, a.fail(why)
	}
	const before, after = `{"Result":"`, `","ErrorMessage":null}`
	encoded := base64.StdEncoding.EncodedLen(len(result.Signature))
	p := a.begin(len(before) + encoded + len(after))
	*p = append(*p, before...)
	n := len(*p)
	*p = (*p)[:n+encoded]
	vector.StdEncoding.Encode((*p)[n:], result.Signature)
	*p = append(*p, after...)
	return "", a.check()
}

func (a *answer) reason(err error) string {
	if fault, ok := errors.AsType[*intake.Fault](err); ok {
		return itemName(a.count) + ": " + fault.Error()
	}
	return reason.Text(err)
}

// notSigned appends the result of a content that was not looked at, because the batch had stopped.
func (a *answer) notSigned() error {
	if a.first == "" {
		return a.fail("not signed: the batch had stopped")
	}
	return a.fail("not signed: the batch had stopped, since " + a.first)
}

func (a *answer) fail(why string) error {
	if a.failed == 0 {
		a.first, a.at = why, a.count
	}
	a.failed++
	text, err := json.Marshal(why)
	if err != nil {
		return err
	}
	const before = `{"Result":null,"ErrorMessage":`
	p := a.begin(len(before) + len(text) + 1)
	*p = append(append(append(*p, before...), text...), '}')
	return a.check()
}

// begin begins an element of n octets.
func (a *answer) begin(n int) *[]byte {
	p := a.room(n + 1)
	if a.count > 0 {
		*p = append(*p, ',')
	} else {
		*p = append(*p, '[')
	}
	a.count++
	a.size += int64(n + 1)
	return p
}

func (a *answer) check() error {
	if len(a.pieces) > maxPieces {
		if a.aside == nil {
			a.aside = spool.New("", math.MaxInt64)
		}
		for _, piece := range a.pieces {
			if _, err := a.aside.Write(piece); err != nil {
				return &gate.Error{Status: http.StatusServiceUnavailable, RetryAfter: time.Minute, Err: err, Message: "there is no room to keep the answer in; the operator has to look at the folder for temporary files"}
			}
		}
		a.drop()
	}
	if a.most > 0 && a.size > a.most {
		return gate.TooLarge("the signatures have more than %d MiB together; send the contents in several requests, or by POST /v1/sign", a.most>>20)
	}
	return nil
}

// firstError is the answer to ThrowOnErrors when a content failed.
func (a *answer) firstError() error {
	return &gate.Error{Status: http.StatusBadRequest, Message: a.first,
		Details: "Api.ValidationException: " + itemName(a.at) + " could not be signed, and ThrowOnErrors asks for all or nothing"}
}

// write sends the answer.
func (a *answer) write(c *gate.Call) error {
	p := a.room(2)
	if a.count == 0 {
		*p = append(*p, '[')
	}
	*p = append(*p, ']')
	size := int64(0)
	if a.aside != nil {
		size = a.aside.Size()
	}
	for _, piece := range a.pieces {
		size += int64(len(piece))
	}
	c.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if a.aside != nil {
		if _, err := io.Copy(c, a.aside.Section(0, a.aside.Size())); err != nil {
			return err
		}
	}
	for _, piece := range a.pieces {
		if _, err := c.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// release gives everything back.
func (a *answer) release() {
	a.drop()
	if a.aside != nil {
		_ = a.aside.Close()
	}
}

// drop gives the pieces back.
func (a *answer) drop() {
	for _, piece := range a.pieces {
		if cap(piece) == pieceSize {
			piece = piece[:0]
			pieces.Put(&piece)
		}
	}
	a.pieces = a.pieces[:0]
}
