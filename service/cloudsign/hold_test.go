package cloudsign_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/seed-116355fd/signet/service/cloudsign"
	pb "github.com/seed-116355fd/signet/service/cloudsign/proto"
	"github.com/seed-116355fd/signet/service/confirm"
)

func holding(c *cloudsign.Config) { c.Hold = 0 }

// ask asks in the background.
func (h *house) ask(path string) chan reply {
	answer := make(chan reply, 1)
	go func() { answer <- h.do("GET", path, nil) }()
	return answer
}

func TestHeldUntilTheStateChanges(t *testing.T) {
	h := newHouse(t, holding)
	h.engine.slow = true
	task := h.task(h.do("POST", "/CloudSign", marshal(t, inline("one"))))
	answer := h.ask("/CloudSignResult?taskId=" + task)
	require.Equal(t, task, <-h.engine.waiting)
	h.engine.set(task, func(op *operation) { op.State = confirm.Awaiting }) // not sent yet: nothing to tell
	h.engine.set(task, func(op *operation) { op.Sent = true })
	var m pb.CloudSignResult
	h.read(<-answer, &m)

	second := h.task(h.do("POST", "/CloudSignConfirm?token="+m.GetToken()+"&confirmationCode="+rightCode, nil))
	answer = h.ask("/CloudSignConfirmResult?taskId=" + second)
	require.Equal(t, task, <-h.engine.waiting)
	h.engine.set(task, (*operation).complete)
	var signed pb.CloudSignConfirmResult
	h.read(<-answer, &signed)
	require.Equal(t, "signed:one", string(signed.Signatures[0].Content))
}

func TestHeldUntilTheServerStops(t *testing.T) {
	h := newHouse(t, holding)
	h.engine.slow = true
	task := h.task(h.do("POST", "/CloudSign", marshal(t, inline("one"))))
	answer := h.ask("/CloudSignResult?taskId=" + task)
	<-h.engine.waiting
	close(h.quit)
	require.Equal(t, 204, (<-answer).StatusCode)
	require.Equal(t, 204, h.do("GET", "/CloudSignResult?taskId="+task, nil).StatusCode) // not held any more
	require.Empty(t, h.engine.waiting)
}

func TestHoldsAreBounded(t *testing.T) {
	h := newHouse(t, holding, func(c *cloudsign.Config) { c.Limits.Holds = 1 })
	h.engine.slow = true
	task := h.task(h.do("POST", "/CloudSign", marshal(t, inline("one"))))
	answer := h.ask("/CloudSignResult?taskId=" + task)
	<-h.engine.waiting
	require.Equal(t, 204, h.do("GET", "/CloudSignResult?taskId="+task, nil).StatusCode) // at once, and no error
	require.Empty(t, h.engine.waiting)
	h.engine.set(task, func(op *operation) { op.State, op.Sent = confirm.Awaiting, true })
	require.Equal(t, 200, (<-answer).StatusCode)
	// The place is free again.
	h.engine.set(task, func(op *operation) { op.State = confirm.Signing })
	answer = h.ask("/CloudSignConfirmResult?taskId=" + task)
	<-h.engine.waiting
	h.engine.set(task, (*operation).complete)
	require.Equal(t, 200, (<-answer).StatusCode)
}

// Questions that are held open leave the calls their places.
func TestHoldsTakeNoPlaces(t *testing.T) {
	h := newHouse(t, holding, func(c *cloudsign.Config) { c.Limits.Gate.Requests, c.Limits.Gate.PerCaller = 1, 1 })
	h.engine.slow = true
	task := h.task(h.do("POST", "/CloudSign", marshal(t, inline("one"))))
	var answers []chan reply
	for range 5 {
		answers = append(answers, h.ask("/CloudSignResult?taskId="+task))
		<-h.engine.waiting
	}
	h.task(h.do("POST", "/CloudSign", marshal(t, inline("two"))))
	h.engine.set(task, func(op *operation) { op.State, op.Sent = confirm.Awaiting, true })
	for _, answer := range answers {
		require.Equal(t, 200, (<-answer).StatusCode)
	}
}

func TestHowLongIsHeld(t *testing.T) {
	for _, c := range []struct {
		hold, want time.Duration
		path       string
		status     int
	}{
		{0, 20 * time.Second, "/CloudSignResult?taskId=", 204},
		{time.Second, time.Second, "/CloudSignResult?taskId=", 204},
		{time.Hour, 29 * time.Second, "/CloudSignResult?taskId=", 204},
		{-1, 0, "/CloudSignResult?taskId=", 204},
		{0, 2 * time.Second, "/DssSignResult?boxId=b&taskId=", 200}, // its client has something to show
		{0, 20 * time.Second, "/AutoSignReceiptsResult?x=", 204},
		{-1, time.Second, "/AutoSignReceiptsResult?x=", 204},
	} {
		h := newHouse(t)
		synctest.Test(t, func(t *testing.T) {
			e := newEngine()
			e.slow = true
			op, err := e.Begin(t.Context(), confirm.Request{Owner: "anna"})
			require.NoError(t, err)
			run, err := e.Run(t.Context(), confirm.RunRequest{Owner: "anna", Box: "slow"})
			require.NoError(t, err)
			handler, err := cloudsign.New(cloudsign.Config{Engine: e, Keys: h.keys, Auth: authFunc(callers), Caller: profiles, Hold: c.hold})
			require.NoError(t, err)
			id := op.ID
			if c.path == "/AutoSignReceiptsResult?x=" {
				id = "&taskId=" + run.ID
			}
			r := httptest.NewRequestWithContext(t.Context(), "GET", c.path+id, nil)
			r.Header.Set("Authorization", annaAuth)
			w := httptest.NewRecorder()
			start := time.Now()
			handler.ServeHTTP(w, r)
			require.Equal(t, c.status, w.Code, w.Body)
			require.Equal(t, c.want, time.Since(start), c.path)
		})
	}
}

func TestDss(t *testing.T) {
	h := newHouse(t)
	upload := h.do("POST", "/ShelfUpload?nameOnShelf=__userId__/a&isLastPart=1", []byte("x"))
	require.Equal(t, "[]", string(upload.body))
	request := &pb.DssSignRequest{Files: []*pb.DssSignFile{
		{Content: &pb.ContentV3{NameOnShelf: proto.String("__userId__/a")}},
		{Content: &pb.ContentV3{Content: []byte("two")}, FileName: proto.String("two")},
	}}
	task := h.task(h.do("POST", "/DssSign?boxId=b&certificateThumbprint="+thumbprint(h, 0), marshal(t, request)))
	began := h.engine.began[0]
	require.Equal(t, confirm.Method{Kind: confirm.Elsewhere, Notifier: "sms", Address: "+79001234567", Hint: "+7900***4567"}, began.Method)
	require.Equal(t, "a", began.Items[0].Shelf)
	path := "/DssSignResult?boxId=b&taskId=" + task
	w := h.do("GET", path, nil, "Accept", "application/json")
	require.JSONEq(t, `{"OperationStatus":"InProgress","FileSigningResults":[],"ConfirmType":"Sms","Operator":"OperatorUnknown","PhoneLastNumbers":"4567"}`, string(w.body))
	// No code is passed back, so that there is no token.
	h.refused(h.do("GET", "/CloudSignResult?taskId="+task, nil), 404, "Http.NotFound", "no such task")
	for state, want := range map[confirm.State]pb.DssOperationStatus{
		confirm.Preparing: pb.DssOperationStatus_InProgress, confirm.Signing: pb.DssOperationStatus_InProgress, confirm.Failed: pb.DssOperationStatus_Crashed,
		confirm.Cancelled: pb.DssOperationStatus_CanceledByUser, confirm.Expired: pb.DssOperationStatus_Timeout, 0: pb.DssOperationStatus_Unknown,
	} {
		h.engine.set(task, func(op *operation) { op.State = state })
		var m pb.DssSignResult
		h.read(h.do("GET", path, nil), &m)
		require.Equal(t, want, m.GetOperationStatus())
		for _, f := range m.FileSigningResults {
			require.Equal(t, pb.DssFileSigningStatus_SigningError, f.GetFileSigningStatus())
			require.Empty(t, f.Signature)
		}
	}
	h.engine.set(task, (*operation).complete)
	var m pb.DssSignResult
	h.read(h.do("GET", path, nil), &m)
	require.Equal(t, pb.DssOperationStatus_Completed, m.GetOperationStatus())
	require.Equal(t, "signed:shelf/a", string(m.FileSigningResults[0].Signature))
	require.Equal(t, "signed:two", string(m.FileSigningResults[1].Signature))
	require.Equal(t, pb.DssFileSigningStatus_SigningCompleted, m.FileSigningResults[1].GetFileSigningStatus())
}

func TestDssV2(t *testing.T) {
	h := newHouse(t)
	js := []string{"Content-Type", "application/json", "Authorization", "Bearer boris"}
	good := `{"Files":[{"Content":{"Content":"eA=="}}],"SignDataSource":"CertificateSign","CertificateData":{"Thumbprint":"` + thumbprint(h, 1) + `"}}`
	h.task(h.do("POST", "/v2/dsssign?boxId=b", []byte(good), js...))
	require.Equal(t, "second", h.engine.began[0].Key)
	h.task(h.do("POST", "/V2/DssSign", []byte(`{"SignDataSource":0,"Files":[{"Content":{"Content":""},"FileName":null}],"CertificateData":null}`), "Content-Type", "application/json"))
	for body, part := range map[string]string{
		`{"Files":[{"Content":{"Content":"eA=="}}]}`:                                               "SignDataSource is missing",
		`{"SignDataSource":"GosKeySign","Files":[{"Content":{"Content":"eA=="}}]}`:                 "not supported",
		`{"SignDataSource":0,"GosKeyData":{"Snils":"1"},"Files":[{"Content":{"Content":"eA=="}}]}`: "not supported",
		`{"SignDataSource":0}`:              "no files",
		`{"SignDataSource":0,"Files":[{}]}`: "no content",
		`{"SignDataSource":0,"Files":[{"Content":{"NameOnShelf":"__userId__/gone"}}]}`: "not on the shelf",
		`{"SignDataSource":0,"Files":[{"Content":{"NameOnShelf":"a/b"}}]}`:             "not on the shelf",
		`{"SignDataSource":0,"Files":[{"Content":{"PatchedContentId":"1"}}]}`:          "another service",
		`{"SignDataSource":0,"Files":[{"Content":{"Content":"","NameOnShelf":"a"}}]}`:  "one of them",
	} {
		h.refused(h.do("POST", "/V2/DssSign?boxId=b", []byte(body), js...), 400, "Dss.InvalidRequest", part)
	}
	for _, value := range []string{`"Other"`, `7`, `true`, `{}`} {
		h.refused(h.do("POST", "/V2/DssSign", []byte(`{"SignDataSource":`+value+`}`), js...), 400, "Http.BadRequest", "SignDataSource has to be")
	}
	h.refused(h.do("POST", "/DssSign?certificateThumbprint="+thumbprint(h, 2), marshal(t, &pb.DssSignRequest{Files: []*pb.DssSignFile{{Content: &pb.ContentV3{Content: []byte("x")}}}})), 404, "User.AccessDenied", "")
	require.Len(t, h.engine.began, 2)
}

func TestReceipts(t *testing.T) {
	h := newHouse(t)
	var m pb.AutosignReceiptsResult
	first := h.task(h.do("POST", "/AutoSignReceipts?boxId=b&certificateThumbprint="+thumbprint(h, 0)+"&batchKey", nil))
	require.Equal(t, first, h.task(h.do("POST", "/AutoSignReceipts?boxId=b&thumbprint="+thumbprint(h, 0), nil)))
	require.Len(t, h.engine.ran, 1)
	require.Equal(t, confirm.RunRequest{Owner: "anna", Source: "folder", Box: "b", Key: "seal"}, h.engine.ran[0])
	h.read(h.do("GET", "/AutosignReceiptsResult?taskId="+first, nil), &m)
	require.Equal(t, int64(5), m.GetSignedReceiptsCount())
	second := h.task(h.do("POST", "/AUTOSIGNRECEIPTS?boxId=b&batchKey="+m.GetNextBatchKey(), nil))
	w := h.do("GET", "/AutoSignReceiptsResult?taskId="+second, nil, "Accept", "application/json")
	require.JSONEq(t, `{"SignedReceiptsCount":2,"NextBatchKey":""}`, string(w.body))
	m.Reset()
	h.read(h.do("GET", "/AutoSignReceiptsResult?taskId="+second, nil), &m) // required fields are there, or it fails
	failing := h.task(h.do("POST", "/AutoSignReceipts?boxId=failing", nil))
	h.refused(h.do("GET", "/AutoSignReceiptsResult?taskId="+failing, nil), 500, "Http.InternalServerError", "the box is locked")
	h.refused(h.do("POST", "/AutoSignReceipts", nil), 400, "Http.BadRequest", "boxId is missing")
	h.refused(h.do("POST", "/AutoSignReceipts?boxId=other", nil), 404, "Http.NotFound", "no such box")
	h.refused(h.do("POST", "/AutoSignReceipts?boxId=b", nil, "Authorization", "Bearer boris"), 404, "Http.NotFound", "no such box")
	h.refused(h.do("POST", "/AutoSignReceipts?boxId=b&thumbprint="+thumbprint(h, 1), nil), 403, "User.AccessDenied", "")
}

func TestCertificates(t *testing.T) {
	h := newHouse(t)
	var m pb.CertificateList
	h.read(h.do("GET", "/GetMyCertificates?boxId=b", nil), &m)
	require.Len(t, m.Certificates, 1)
	cert := h.ids[0].Certificate()
	got := m.Certificates[0]
	require.True(t, got.GetIsDefault())
	require.Equal(t, pb.CertificateType_KonturCertificate, got.GetType())
	require.Equal(t, cert.NotBefore.Unix(), (got.GetValidFrom()-621355968000000000)/10_000_000)
	h.read(h.do("GET", "/getmycertificates", nil, "Authorization", "Bearer boris"), &m)
	require.Len(t, m.Certificates, 2)
	require.False(t, m.Certificates[0].GetIsDefault())
	w := h.do("GET", "/GetMyCertificates", nil, "Authorization", "Bearer keyless", "Accept", "application/json")
	require.JSONEq(t, `{"Certificates":[]}`, string(w.body))
	w = h.do("GET", "/GetMyCertificates", nil, "Accept", "application/json")
	require.Contains(t, string(w.body), `"Type":"KonturCertificate","ValidFrom":638396640000000000,`)
	require.Equal(t, http.StatusOK, w.StatusCode)
}
