package cloudsign

import (
	"errors"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/budget"
)

// Answers with the signatures of 10,000 files have 12 MB and more, and a client may take them as slowly as the gate allows.
const (
	makers     = 4       // results of large operations that are read and encoded at once
	largeItems = 64      // files of an operation from which on it is large
	largeOctet = 1 << 20 // octets of its contents, which are in the signatures of some keys
)

func large(op *confirm.Operation) bool {
	size := int64(0)
	for i := range op.Items {
		size += max(op.Items[i].Size, 0)
	}
	return len(op.Items) > largeItems || size > largeOctet
}

// results answers with what f makes of the results of an operation. What is held of them is bounded over all callers: otherwise
// one who polls on many connections, and reads from none of them, would have all memory. The operation itself, of which a large
// one has megabytes, is not held by those who wait here. With aside, f takes its time, and the results are held as long.
func (a *api) results(c *gate.Call, id string, large, aside bool, f func([]confirm.Result) (proto.Message, error)) error {
	made := func() {}
	if large {
		var err error
		if made, err = a.answers.Make(c.Context()); err != nil {
			return err
		}
	}
	defer made()
	results, err := a.Engine.Results(c.Context(), c.Principal.Name, id)
	if err != nil {
		return engineError(err)
	}
	c.Contents = len(results)
	if aside {
		size := int64(0)
		for i := range results {
			size += int64(len(results[i].Signature))
		}
		made()
		release, err := a.hold(c, size)
		if err != nil {
			return err
		}
		defer release()
	}
	m, err := f(results)
	if err != nil {
		return err
	}
	body, err := encode(c, m)
	if err != nil {
		return err
	}
	made()
	release, err := a.hold(c, int64(cap(body)))
	if err != nil {
		return err
	}
	defer release()
	return answer(c, http.StatusOK, body)
}

// hold counts the octets of an answer.
func (a *api) hold(c *gate.Call, octets int64) (release func(), err error) {
	release, err = a.answers.Hold(c.Principal.Name, octets)
	if err == nil {
		return release, nil
	}
	e := because(err, http.StatusServiceUnavailable, "", "%s; read them, and ask again in a moment", err)
	if errors.Is(err, budget.ErrOwn) {
		e.Status = http.StatusTooManyRequests
	}
	e.RetryAfter = time.Second
	return nil, e
}
