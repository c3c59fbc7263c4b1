package cloudsign

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	protobuf "google.golang.org/protobuf/proto"

	"github.com/seed-116355fd/signet/service/cloudsign/proto"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/shelf"
)

// dssSign is POST /DssSign?boxId&certificateThumbprint. The box says nothing here: an operation is its caller's.
func (a *api) dssSign(c *gate.Call) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	var request proto.DssSignRequest
	if err := a.read(c, &request); err != nil {
		return err
	}
	return a.dss(c, request.Files, q.get("certificateThumbprint"))
}

// dssSignV2 is POST /V2/DssSign?boxId: the certificate is named in the message.
func (a *api) dssSignV2(c *gate.Call) error {
	if _, err := query(c); err != nil {
		return err
	}
	var request proto.DssSignRequestV2
	if err := a.read(c, &request); err != nil {
		return err
	}
	switch {
	case request.SignDataSource == nil:
		return refuse(http.StatusBadRequest, dssInvalid, "SignDataSource is missing; send CertificateSign")
	case request.GetSignDataSource() != proto.DssSignDataSource_CertificateSign || request.GosKeyData != nil:
		return refuse(http.StatusBadRequest, dssInvalid, "GosKeySign is not supported here; send CertificateSign")
	}
	return a.dss(c, request.Files, request.GetCertificateData().GetThumbprint())
}

func (a *api) dss(c *gate.Call, sent []*proto.DssSignFile, thumbprint string) error {
	files := make([]file, len(sent))
	for i, f := range sent {
		files[i].name = f.GetFileName()
		if v := f.Content; v != nil {
			files[i].content, files[i].shelf = v.Content, v.GetNameOnShelf()
			files[i].elsewhere = v.PatchedContentId != nil || v.EntityId != nil
		}
	}
	items, err := a.items(files, dssInvalid)
	if err != nil {
		return err
	}
	err = each(c.Context(), len(items), func(ctx context.Context, i int) error {
		if items[i].Shelf == "" {
			return nil
		}
		if a.Shelf == nil {
			return noShelf()
		}
		_, err := a.Shelf.Stat(ctx, c.Principal.Name, items[i].Shelf)
		if errors.Is(err, shelf.ErrNotFound) || errors.Is(err, shelf.ErrName) {
			return because(err, http.StatusBadRequest, dssInvalid, "file %d is not on the shelf; upload it first", i+1)
		}
		return err
	})
	if err != nil {
		return err
	}
	p, err := a.profile(c)
	if err != nil {
		return err
	}
	key, err := a.key(c, &p, thumbprint, http.StatusNotFound)
	if err != nil {
		return err
	}
	return a.begin(c, key, p.approval(), items)
}

// glance is how long a question of DssSign is held open: its client shows the person where to confirm, from the first
// answer.
const glance = 2 * time.Second

// dssSignResult is GET /DssSignResult?boxId&taskId: 200 always, the progress is in the message. It takes tasks of CloudSign as
// well, and has file by file what came of them.
func (a *api) dssSignResult(c *gate.Call) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	taskID, err := q.need("taskId")
	if err != nil {
		return err
	}
	id, _ := operationOf(taskID)
	op, err := a.wait(c, id, glance, confirm.Preparing, confirm.Awaiting, confirm.Signing)
	if err != nil {
		return err
	}
	status := dssStatus(op.State)
	answer := &proto.DssSignResult{OperationStatus: &status, ConfirmType: confirmType(op).Enum(), Operator: proto.DssOperator_OperatorUnknown.Enum()}
	if digits := lastDigits(op.Hint); digits != "" {
		answer.PhoneLastNumbers = &digits
	}
	switch op.State {
	case confirm.Completed, confirm.Partial:
		return a.results(c, id, large(op), false, func(results []confirm.Result) (protobuf.Message, error) {
			for _, r := range results {
				one := &proto.DssFileSigningResult{FileSigningStatus: proto.DssFileSigningStatus_SigningError.Enum()}
				if r.Err == "" && len(r.Signature) > 0 {
					one.FileSigningStatus, one.Signature = proto.DssFileSigningStatus_SigningCompleted.Enum(), r.Signature
				} else {
					c.Failed++
				}
				answer.FileSigningResults = append(answer.FileSigningResults, one)
			}
			return answer, nil
		})
	case confirm.Failed:
		for range op.Items {
			answer.FileSigningResults = append(answer.FileSigningResults, &proto.DssFileSigningResult{FileSigningStatus: proto.DssFileSigningStatus_SigningError.Enum()})
		}
	}
	return message(c, answer)
}

func dssStatus(s confirm.State) proto.DssOperationStatus {
	switch s {
	case confirm.Preparing, confirm.Awaiting, confirm.Signing:
		return proto.DssOperationStatus_InProgress
	case confirm.Completed, confirm.Partial:
		return proto.DssOperationStatus_Completed
	case confirm.Cancelled:
		return proto.DssOperationStatus_CanceledByUser
	case confirm.Expired:
		return proto.DssOperationStatus_Timeout
	case confirm.Failed:
		return proto.DssOperationStatus_Crashed
	}
	return proto.DssOperationStatus_Unknown
}

// confirmType is how the person is asked: by a message where one goes out, else in an application.
func confirmType(op *confirm.Operation) proto.DssConfirmType {
	switch {
	case op.Kind == confirm.Nobody:
		return proto.DssConfirmType_None
	case op.Kind == confirm.TOTP, op.Hint == "":
		return proto.DssConfirmType_MyDss
	}
	return proto.DssConfirmType_Sms
}

// lastDigits are the last four digits of a hint that ends with them, as that of a telephone number does.
func lastDigits(hint string) string {
	const n = 4
	if len(hint) < n || strings.Trim(hint[len(hint)-n:], "0123456789") != "" {
		return ""
	}
	return hint[len(hint)-n:]
}
