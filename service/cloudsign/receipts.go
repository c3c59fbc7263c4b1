package cloudsign

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/seed-116355fd/signet/service/cloudsign/proto"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/gate"
)

// autoSignReceipts is POST /AutoSignReceipts?boxId&certificateThumbprint&batchKey, and thumbprint as the documentation has it:
// one page of contents is signed without a person. The same batch key gives the same run, however often it is sent.
func (a *api) autoSignReceipts(c *gate.Call) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	box, err := q.need("boxId")
	if err != nil {
		return err
	}
	p, err := a.profile(c)
	if err != nil {
		return err
	}
	source, err := a.source(c, box)
	if err != nil {
		return err
	}
	key, err := a.key(c, &p, q.get("certificateThumbprint", "thumbprint"), http.StatusForbidden)
	if err != nil {
		return err
	}
	run, err := a.Engine.Run(c.Context(), confirm.RunRequest{Owner: c.Principal.Name, Source: source, Box: box, Key: key, Batch: q.get("batchKey")})
	if err != nil {
		return engineError(err)
	}
	return task(c, run.ID)
}

func (a *api) source(c *gate.Call, box string) (string, error) {
	unknown := refuse(http.StatusNotFound, "", "there is no such box; the operator can set one up")
	if a.Box == nil {
		return "", unknown
	}
	source, err := a.Box(c.Context(), c.Principal.Name, box)
	switch {
	case err == nil:
		return source, nil
	case errors.Is(err, ErrUnknown):
		unknown.Err = err
		return "", unknown
	case c.Context().Err() != nil:
		return "", context.Cause(c.Context())
	}
	e := because(err, http.StatusServiceUnavailable, "", "the box cannot be looked up now; try again in a moment")
	e.RetryAfter = 5 * time.Second
	return "", e
}

// autoSignReceiptsResult is GET /AutoSignReceiptsResult?taskId. NextBatchKey is always there; an empty one says that nothing is
// left.
func (a *api) autoSignReceiptsResult(c *gate.Call) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	id, err := q.need("taskId")
	if err != nil {
		return err
	}
	run, err := a.run(c, id)
	if err != nil {
		return err
	}
	switch {
	case !run.State.Final():
		return running(c)
	case run.State == confirm.Failed:
		return refuse(http.StatusInternalServerError, "", "the run failed: %s", run.Reason)
	case run.State != confirm.Completed && run.State != confirm.Partial:
		return refuse(http.StatusConflict, conflict, "the run was given up; begin it anew")
	}
	c.Contents, c.Failed = run.Signed+run.Failed, run.Failed
	signed := int64(run.Signed)
	return message(c, &proto.AutosignReceiptsResult{SignedReceiptsCount: &signed, NextBatchKey: &run.Next})
}

// run asks for a run, and is held open while it is under way.
func (a *api) run(c *gate.Call, id string) (*confirm.Run, error) {
	ctx, end := a.keep(c, a.Hold)
	defer end()
	if ctx == nil {
		// The engine waits, and there is no room to: a moment is enough to read.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(c.Context(), time.Second)
		defer cancel()
	}
	run, err := a.Engine.GetRun(ctx, c.Principal.Name, id)
	if err != nil && ctx.Err() != nil && c.Context().Err() == nil && !errors.Is(err, confirm.ErrNotFound) {
		return &confirm.Run{ID: id, State: confirm.Signing}, nil
	}
	return run, engineError(err)
}
