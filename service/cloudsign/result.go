package cloudsign

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "github.com/seed-116355fd/signet/service/cloudsign/proto"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/gate"
)

// cloudSignResult is GET /CloudSignResult?taskId: the token, once the code has gone out. It stays readable after that.
func (a *api) cloudSignResult(c *gate.Call) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	id, err := q.need("taskId")
	if err != nil {
		return err
	}
	op, err := a.wait(c, id, a.Hold, confirm.Preparing)
	if err != nil {
		return err
	}
	switch {
	case op.State == confirm.Preparing, op.State == confirm.Awaiting && op.Kind == confirm.Code && !op.Sent:
		return running(c)
	case op.Kind != confirm.Code && op.Kind != confirm.TOTP:
		return noTask(nil) // of DssSign: no code is passed back
	case op.Missing:
		return missing(op)
	case op.State == confirm.Failed && !op.Locked && op.Kind == confirm.Code && !op.Sent:
		return refuse(http.StatusInternalServerError, "", "the operation could not be begun: %s", whyOf(op))
	case op.State == confirm.Failed && op.Locked, op.State == confirm.Cancelled, op.State == confirm.Expired:
		return over(op)
	}
	return message(c, &pb.CloudSignResult{Token: &op.Token})
}

// missing is the error of an operation that named a file which is not on the shelf.
func missing(op *confirm.Operation) error {
	return refuse(http.StatusConflict, conflict, "the operation could not be begun: %s", whyOf(op))
}

// over is the error of an operation that nobody can confirm any more.
func over(op *confirm.Operation) *gate.Error {
	switch {
	case op.Locked:
		return refuse(http.StatusConflict, expired, lockedText)
	case op.State == confirm.Cancelled:
		return refuse(http.StatusConflict, expired, "the operation was cancelled; begin anew with CloudSign")
	}
	return refuse(http.StatusConflict, expired, "nobody confirmed in time; begin anew with CloudSign")
}

// whyOf says why an operation failed. What a gateway or a server for mail has answered is for the operator, whose pages and log
// have it: it names machines that are no affair of a caller.
func whyOf(op *confirm.Operation) string {
	var all []string
	if why, _, others := strings.Cut(op.Reason, ": notify: "); others {
		all = append(all, why+"; try again in a moment, or ask the operator, whose log says why")
	} else if op.Reason != "" {
		all = append(all, op.Reason)
	}
	for _, item := range op.Items {
		if item.Err != "" {
			all = append(all, fmt.Sprintf("%s: %s", item.Name, item.Err))
		}
	}
	const most = 5
	if more := len(all) - most; more > 0 {
		all = append(all[:most], fmt.Sprintf("and %d more", more))
	}
	if len(all) == 0 {
		return "the log of the service says why"
	}
	return strings.Join(all, "; ")
}

// cloudSignConfirmResult is GET /CloudSignConfirmResult?taskId: the signatures, as many as files and in their order.
func (a *api) cloudSignConfirmResult(c *gate.Call) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	taskID, err := q.need("taskId")
	if err != nil {
		return err
	}
	id, reference := operationOf(taskID)
	op, err := a.wait(c, id, a.Hold, confirm.Signing)
	if err != nil {
		return err
	}
	switch op.State {
	case confirm.Signing:
		return running(c)
	case confirm.Preparing, confirm.Awaiting:
		return noTask(nil) // it becomes one when it is confirmed
	case confirm.Cancelled, confirm.Expired:
		return over(op)
	case confirm.Failed:
		if op.Locked {
			return over(op)
		}
		if op.Missing {
			return missing(op)
		}
		return refuse(http.StatusInternalServerError, "", "nothing was signed: %s", whyOf(op))
	case confirm.Partial:
		return refuse(http.StatusConflict, conflict, "some files were not signed: %s. GET /DssSignResult?taskId=%s has the signatures of the others", whyOf(op), id)
	case confirm.Completed:
	default:
		return fmt.Errorf("cloudsign: an operation in state %s", op.State)
	}
	return a.results(c, id, large(op), reference, func(results []confirm.Result) (proto.Message, error) {
		return a.signatures(c, id, reference, results)
	})
}

// signatures are those of all files, or their names on the shelf.
func (a *api) signatures(c *gate.Call, id string, reference bool, results []confirm.Result) (proto.Message, error) {
	answer := &pb.CloudSignConfirmResult{Signatures: make([]*pb.ContentV2, len(results))}
	for i, r := range results {
		if len(r.Signature) == 0 { // an empty signature must not be taken for one
			return nil, fmt.Errorf("cloudsign: file %d of a completed operation has no signature: %s", i+1, r.Err)
		}
		answer.Signatures[i] = &pb.ContentV2{Content: r.Signature}
	}
	if !reference {
		return answer, nil
	}
	err := each(c.Context(), len(results), func(ctx context.Context, i int) error {
		name := fmt.Sprintf("%s-%d.sig", id, i)
		answer.Signatures[i] = &pb.ContentV2{NameOnShelf: &name}
		return a.put(ctx, c.Principal.Name, name, results[i].Signature)
	})
	if err != nil {
		return nil, shelfError(err)
	}
	return answer, nil
}

// put lays a signature on the shelf, unless it lies there.
func (a *api) put(ctx context.Context, owner, name string, signature []byte) error {
	if a.Shelf == nil {
		return noShelf()
	}
	if r, info, err := a.Shelf.Open(ctx, owner, name); err == nil {
		there := false
		if info.Size == int64(len(signature)) {
			data, err := io.ReadAll(io.LimitReader(r, info.Size))
			there = err == nil && bytes.Equal(data, signature)
		}
		if err := r.Close(); err == nil && there {
			return nil
		}
	}
	_, err := a.Shelf.Part(ctx, owner, name, 0, true, bytes.NewReader(signature))
	return err
}
