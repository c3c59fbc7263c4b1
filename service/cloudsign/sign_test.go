package cloudsign_test

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/seed-116355fd/signet/service/cloudsign"
	pb "github.com/seed-116355fd/signet/service/cloudsign/proto"
	"github.com/seed-116355fd/signet/service/confirm"
)

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	require.NoError(t, err)
	return data
}

// read reads a protobuf answer.
func (h *house) read(w reply, m proto.Message) {
	h.Helper()
	require.Equal(h, http.StatusOK, w.StatusCode, string(w.body))
	require.NoError(h, proto.Unmarshal(w.body, m))
}

func (h *house) task(w reply) string {
	h.Helper()
	var m pb.AsyncMethodResult
	h.read(w, &m)
	require.Regexp(h, `^[A-Za-z0-9-]+$`, m.GetTaskId())
	return m.GetTaskId()
}

func inline(contents ...string) *pb.CloudSignRequest {
	m := &pb.CloudSignRequest{}
	for i, c := range contents {
		m.Files = append(m.Files, &pb.CloudSignFile{Content: &pb.ContentV2{Content: []byte(c)}, FileName: proto.String(fmt.Sprintf("f%d.txt", i))})
	}
	return m
}

// begin begins an operation and returns its task and token.
func (h *house) begin(contents ...string) (task, token string) {
	h.Helper()
	task = h.task(h.do("POST", "/CloudSign", marshal(h, inline(contents...))))
	var m pb.CloudSignResult
	h.read(h.do("GET", "/CloudSignResult?taskId="+task, nil), &m)
	return task, m.GetToken()
}

func TestFlow(t *testing.T) {
	h := newHouse(t)
	_, token := h.begin("one", "two", "")
	request := h.engine.began[0]
	require.Equal(t, "anna", request.Owner)
	require.Equal(t, "seal", request.Key)
	require.Equal(t, "f0.txt, …", request.Title)
	require.Equal(t, confirm.Code, request.Method.Kind)
	confirmed := "/CloudSignConfirm?token=" + token + "&confirmationCode=" + rightCode
	second := h.task(h.do("POST", confirmed, nil))
	for range 3 { // a client's HTTP layer repeats it
		require.Equal(t, second, h.task(h.do("POST", confirmed, nil)))
	}
	var first []byte
	for range 2 { // results are read twice
		w := h.do("GET", "/CloudSignConfirmResult?taskId="+second, nil)
		var m pb.CloudSignConfirmResult
		h.read(w, &m)
		require.Len(t, m.Signatures, 3)
		for i, content := range []string{"one", "two", ""} {
			require.Equal(t, "signed:"+content, string(m.Signatures[i].Content))
			require.Nil(t, m.Signatures[i].NameOnShelf)
		}
		if first != nil {
			require.Equal(t, first, w.body)
		}
		first = w.body
	}
}

func TestFlowJSON(t *testing.T) {
	h := newHouse(t)
	js := []string{"Content-Type", "Application/JSON;charset=utf-8; x=y", "Accept", "application/json"}
	var m struct{ TaskId, Token string }
	w := h.do("POST", "/CloudSign", []byte("\ufeff"+`{"Files":[{"FileName":"a.docx","Content":{"NameOnShelf":"__userId__/a.docx","Content":null}},{"Content":{"Content":"b25l"}}]}`), js...)
	require.Equal(t, "application/json; charset=utf-8", w.Header.Get("Content-Type"))
	require.NoError(t, json.Unmarshal(w.body, &m))
	require.Equal(t, "a.docx", h.engine.began[0].Items[0].Shelf)
	require.Equal(t, "-", h.engine.began[0].Items[1].Name)
	w = h.do("GET", "/CloudSignResult?taskId="+m.TaskId, nil, js...)
	require.NoError(t, json.Unmarshal(w.body, &m))
	w = h.do("POST", "/CloudSignConfirm?token="+m.Token+"&confirmationCode="+rightCode+"&return=content", nil, js...)
	require.NoError(t, json.Unmarshal(w.body, &m))
	w = h.do("GET", "/CloudSignConfirmResult?taskId="+m.TaskId, nil, js...)
	require.JSONEq(t, `{"Signatures":[{"Content":"c2lnbmVkOnNoZWxmL2EuZG9jeA=="},{"Content":"c2lnbmVkOm9uZQ=="}]}`, string(w.body))
}

func TestReference(t *testing.T) {
	h := newHouse(t)
	task, token := h.begin("one", "two")
	path := "/CloudSignConfirm?token=" + token + "&confirmationCode=" + rightCode
	content := h.task(h.do("POST", path+"&return=Content", nil))
	require.Equal(t, task, content)
	reference := h.task(h.do("POST", path+"&return=Reference", nil))
	require.NotEqual(t, content, reference)
	for _, parameter := range []string{"RETURN=reference", "locationPreference=Reference", "locationpreference=REFERENCE&return=", "return=Reference&locationPreference=reference"} {
		require.Equal(t, reference, h.task(h.do("POST", path+"&"+parameter, nil)), parameter)
	}
	for range 2 {
		var m pb.CloudSignConfirmResult
		h.read(h.do("GET", "/CloudSignConfirmResult?taskId="+reference, nil), &m)
		require.Len(t, m.Signatures, 2)
		for i, s := range m.Signatures {
			require.Nil(t, s.Content)
			require.NotContains(t, s.GetNameOnShelf(), "/")
			w := h.do("GET", "/ShelfDownload?nameOnShelf=__userId__%2F"+s.GetNameOnShelf(), nil)
			require.Equal(t, "signed:"+[]string{"one", "two"}[i], string(w.body))
		}
		// What lies there is put right, whoever put something else in its place.
		_, err := h.store.Part(t.Context(), "anna", m.Signatures[0].GetNameOnShelf(), 0, true, strings.NewReader("other:one"))
		require.NoError(t, err)
	}
	var m pb.CloudSignConfirmResult
	h.read(h.do("GET", "/CloudSignConfirmResult?taskId="+content, nil), &m)
	require.Equal(t, "signed:one", string(m.Signatures[0].Content))

	h.refused(h.do("POST", path+"&return=Other", nil), 400, "Http.BadRequest", "Content or Reference")
	h.refused(h.do("POST", path+"&return=Content&locationPreference=Reference", nil), 400, "Http.BadRequest", "different")
	h.store.err = fmt.Errorf("disk")
	h.refused(h.do("GET", "/CloudSignConfirmResult?taskId="+reference, nil), 500, "Http.InternalServerError", "")
}

func TestCodes(t *testing.T) {
	h := newHouse(t)
	_, token := h.begin("one")
	wrong := func(code string) reply {
		return h.do("POST", "/CloudSignConfirm?token="+token+"&confirmationCode="+code+"&return=Content", nil)
	}
	for range 4 { // repeated at once, it counts once
		h.refused(wrong("000000"), 409, "CloudCrypt.BadConfirmationCode", "4 attempts are left")
	}
	for _, bare := range []string{"&confirmationCode&return=Content", "&confirmationCode=", ""} { // C# writes a bare key; it is no attempt
		h.refused(h.do("POST", "/CloudSignConfirm?token="+token+bare, nil), 400, "Http.BadRequest", "confirmationCode is missing")
	}
	h.refused(wrong("1"), 409, "CloudCrypt.BadConfirmationCode", "3 attempts are left")
	h.refused(wrong("2"), 409, "CloudCrypt.BadConfirmationCode", "2 attempts are left")
	h.refused(wrong("3"), 409, "CloudCrypt.BadConfirmationCode", "1 attempt is left")
	h.refused(wrong("4"), 409, "CloudCrypt.ExpiredRequest", "too many wrong codes")
	h.refused(wrong(rightCode), 409, "CloudCrypt.ExpiredRequest", "too many wrong codes")
	h.refused(h.do("GET", "/CloudSignResult?taskId="+h.engine.one(), nil), 409, "CloudCrypt.ExpiredRequest", "too many wrong codes")
	h.refused(h.do("GET", "/CloudSignConfirmResult?taskId="+h.engine.one(), nil), 409, "CloudCrypt.ExpiredRequest", "too many wrong codes")
	require.NotContains(t, string(wrong("424242").body), "424242")

	// Nothing is left to be tried where it is confirmed.
	h = newHouse(t)
	_, token = h.begin("one")
	h.task(wrong(rightCode))
	h.refused(wrong("1"), 409, "CloudCrypt.BadConfirmationCode", "not the code with which")
	require.NotContains(t, string(wrong("1").body), "left")
}

// one is the ID of the only operation.
func (e *engine) one() string {
	for id := range e.ops {
		return id
	}
	return ""
}

func TestStates(t *testing.T) {
	h := newHouse(t)
	task, token := h.begin("one", "two")
	set := func(s confirm.State, reason string, sent bool) {
		h.engine.set(task, func(op *operation) { op.State, op.Reason, op.Sent = s, reason, sent })
	}
	first, second := "/CloudSignResult?taskId="+task, "/CloudSignConfirmResult?taskId="+task
	status := func(path string) int { return h.do("GET", path, nil).StatusCode }
	set(confirm.Preparing, "", false)
	require.Equal(t, 204, status(first))
	h.refused(h.do("GET", second, nil), 404, "Http.NotFound", "no such task")
	set(confirm.Awaiting, "", false)
	require.Equal(t, 204, status(first))
	set(confirm.Awaiting, "", true)
	require.Equal(t, 200, status(first))
	h.refused(h.do("GET", second, nil), 404, "Http.NotFound", "no such task")
	set(confirm.Signing, "", true)
	require.Equal(t, 200, status(first))
	require.Equal(t, 204, status(second))
	set(confirm.Failed, "no gateway", false)
	h.refused(h.do("GET", first, nil), 500, "Http.InternalServerError", "no gateway")
	set(confirm.Failed, "the message could not be sent to 1234: notify: ask the gateway: dial tcp 10.1.2.3:80: refused", false)
	require.NotContains(t, string(h.do("GET", first, nil).body), "10.1.2.3")
	h.refused(h.do("GET", first, nil), 500, "Http.InternalServerError", "could not be sent to 1234; try again")
	set(confirm.Failed, "the token was pulled out", true)
	require.Equal(t, 200, status(first))
	h.refused(h.do("GET", second, nil), 500, "Http.InternalServerError", "the token was pulled out")
	for _, s := range []confirm.State{confirm.Cancelled, confirm.Expired} {
		set(s, "", true)
		h.refused(h.do("GET", first, nil), 409, "CloudCrypt.ExpiredRequest", "")
		h.refused(h.do("GET", second, nil), 409, "CloudCrypt.ExpiredRequest", "")
		h.refused(h.do("POST", "/CloudSignConfirm?confirmationCode=1&token="+token, nil), 409, map[confirm.State]string{confirm.Cancelled: "CloudCrypt.BadConfirmationCode", confirm.Expired: "CloudCrypt.ExpiredRequest"}[s], "")
	}
	set(confirm.Cancelled, "", true)
	h.refused(h.do("POST", "/CloudSignConfirm?confirmationCode="+rightCode+"&token="+token, nil), 409, "CloudCrypt.ExpiredRequest", "cannot be confirmed")
	h.engine.cancelled = true
	h.refused(h.do("POST", "/CloudSignConfirm?confirmationCode="+rightCode+"&token="+token, nil), 409, "CloudCrypt.ExpiredRequest", "was cancelled")
	set(confirm.Completed, "", true)
	h.refused(h.do("GET", second, nil), 410, "Http.Gone", "wiped")

	// Some files only: there is an error, and file by file what there is.
	h.engine.set(task, func(op *operation) {
		op.complete()
		op.State = confirm.Partial
		op.results[0] = confirm.Result{Name: "f0.txt", Err: "broken"}
		op.Items[0].Err = "broken"
	})
	h.refused(h.do("GET", second, nil), 409, "Http.Conflict", "f0.txt: broken")
	var m pb.DssSignResult
	h.read(h.do("GET", "/DssSignResult?taskId="+task, nil), &m)
	require.Equal(t, pb.DssFileSigningStatus_SigningError, m.FileSigningResults[0].GetFileSigningStatus())
	require.Equal(t, "signed:two", string(m.FileSigningResults[1].Signature))

	// An empty signature is never handed out as one.
	h.engine.set(task, func(op *operation) { op.State = confirm.Completed })
	h.refused(h.do("GET", second, nil), 500, "Http.InternalServerError", "")
}

func TestTasksOfOthers(t *testing.T) {
	h := newHouse(t)
	task, token := h.begin("one")
	boris := []string{"Authorization", "Bearer boris"}
	for _, path := range []string{"/CloudSignResult?taskId=", "/CloudSignConfirmResult?taskId=", "/DssSignResult?boxId=b&taskId=", "/AutoSignReceiptsResult?taskId="} {
		var answers []string
		for _, id := range []string{task, "ffffffff-0000-4000-8000-000000000000", "x", "ffffffff-0000-c000-8000-000000000000", strings.Repeat("a", 5000)} {
			w := h.do("GET", path+id, nil, boris...)
			h.refused(w, 404, "Http.NotFound", "no such task")
			answers = append(answers, string(w.body))
		}
		for _, answer := range answers {
			require.Equal(t, answers[0], answer)
		}
		h.refused(h.do("GET", path, nil), 400, "Http.BadRequest", "taskId is missing")
	}
	for _, tok := range []string{token, "ffffffff-1111-4111-8111-111111111111"} {
		h.refused(h.do("POST", "/CloudSignConfirm?confirmationCode="+rightCode+"&token="+tok, nil, boris...), 404, "Http.NotFound", "no such task")
	}
}

func TestRequests(t *testing.T) {
	h := newHouse(t, func(c *cloudsign.Config) { c.Limits.Files = 3 })
	one := func(c *pb.ContentV2) []byte {
		return marshal(t, &pb.CloudSignRequest{Files: []*pb.CloudSignFile{{Content: c}}})
	}
	for _, c := range []struct {
		name string
		body []byte
		part string
	}{
		{"empty message", nil, "no files"},
		{"no content", marshal(t, &pb.CloudSignRequest{Files: []*pb.CloudSignFile{{}}}), "file 1 has no content"},
		{"empty content message", one(&pb.ContentV2{}), "file 1 has no content"},
		{"empty shelf name", one(&pb.ContentV2{NameOnShelf: proto.String("")}), "file 1 has no content"},
		{"no shelf name", one(&pb.ContentV2{NameOnShelf: proto.String("__userId__/")}), "file 1 has no content"},
		{"both", one(&pb.ContentV2{Content: []byte{}, NameOnShelf: proto.String("a")}), "one of them"},
		{"patched", one(&pb.ContentV2{PatchedContentId: proto.String("")}), "PatchedContentId"},
		{"document", one(&pb.ContentV2{DocumentId: &pb.DocumentIdEx{MessageId: proto.String("1"), EntityId: proto.String("2"), BoxId: proto.String("3")}}), "DocumentId"},
		{"document without its fields", []byte{0x0a, 0x04, 0x0a, 0x02, 0x22, 0x00}, "DocumentId"},
		{"long name", marshal(t, &pb.CloudSignRequest{Files: []*pb.CloudSignFile{{FileName: proto.String(strings.Repeat("x", 2000)), Content: &pb.ContentV2{Content: []byte("x")}}}}), "octets"},
		{"many", marshal(t, inline("1", "2", "3", "4")), "more than 3 files"},
		{"cut", []byte{0x0a, 0x05, 0x0a}, "no protobuf"},
		{"cut within", []byte{0x0a, 0x01, 0x0a}, "no protobuf"},
		{"JSON without its type", []byte(`{"Files":[]}`), "Content-Type"},
	} {
		h.refused(h.do("POST", "/CloudSign", c.body), 400, "Http.BadRequest", c.part)
	}
	require.Empty(t, h.engine.began)
	for body, part := range map[string]string{
		``:                              "no files",
		`{}`:                            "no files",
		`{"Files":[]}`:                  "no files",
		`{"Files":null}`:                "no files",
		`[]`:                            "no JSON object",
		`null`:                          "no JSON object",
		`{"Files":{}}`:                  "has to be a list",
		`{"Files":[1]}`:                 "has to be an object",
		`{"Files":[null]}`:              "has to be an object",
		`{"Files":[{"Content_v2":{}}]}`: `"Files[0].Content_v2" is not known; there are Content, FileName`,
		`{"Files":[{"Content":{"Content":"!"}}]}`:  "base64",
		`{"Files":[{},{"Content":{"Content":1}}]}`: "file 2 (Files[1].Content.Content) has to be a string of base64",
		`{"Files":[{"FileName":1}]}`:               "file 1 (Files[0].FileName) has to be a string",
		`{"Files":[{},{},{},{}]}`:                  "more than 3 files",
		`{"Files":[],"files":[]}`:                  "twice",
		`{"Files":[]} {}`:                          "behind",
		`{"Files":[`:                               "too early",
		`{"Files":[}`:                              "broken",
		`{"Files":[{"Content":{"DocumentId":{"MessageId":"1"}}}]}`: "DocumentId",
	} {
		h.refused(h.do("POST", "/CloudSign", []byte(body), "Content-Type", "application/json"), 400, "Http.BadRequest", part)
	}
	require.Empty(t, h.engine.began)

	// Unknown fields of protobuf are passed over, here number 15 beside the files and within.
	body := append(marshal(t, inline("x")), 0x7a, 0x01, 0x00)
	h.task(h.do("POST", "/CloudSign?unknown=1&certificateThumbprint=", body))
	h.task(h.do("POST", "/CloudSign", []byte("\x0a\x0a\x0a\x06\x0a\x01x\x7a\x01\x00\x12\x00"), "Content-Type", "application/x-www-form-urlencoded"))
	// Names are shown as they are, without what turns them round.
	h.task(h.do("POST", "/CloudSign", marshal(t, &pb.CloudSignRequest{Files: []*pb.CloudSignFile{{FileName: proto.String("a\u202efdp.\nexe\xff"), Content: &pb.ContentV2{Content: []byte("x")}}}})))
	require.Equal(t, "afdp.exe\ufffd", h.engine.began[2].Items[0].Name)
}

func TestMissingOnShelf(t *testing.T) {
	h := newHouse(t)
	task := h.task(h.do("POST", "/CloudSign", marshal(t, &pb.CloudSignRequest{Files: []*pb.CloudSignFile{{Content: &pb.ContentV2{NameOnShelf: proto.String("missing")}}}})))
	h.refused(h.do("GET", "/CloudSignResult?taskId="+task, nil), 409, "Http.Conflict", "not on the shelf")
	h.refused(h.do("GET", "/CloudSignConfirmResult?taskId="+task, nil), 409, "Http.Conflict", "not on the shelf")
	h.engine.failure = fmt.Errorf("item 1: %w", confirm.ErrShelf)
	h.refused(h.do("POST", "/CloudSign", marshal(t, inline("x"))), 409, "Http.Conflict", "not on the shelf")
}

func TestErrorsOfTheEngine(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{confirm.ErrInput, 400, "Http.BadRequest"},
		{confirm.ErrLimit, 429, "Http.TooManyRequests"},
		{fmt.Errorf("secret cause"), 500, "Http.InternalServerError"},
	} {
		h.engine.failure = c.err
		w := h.do("POST", "/CloudSign", marshal(t, inline("x")))
		h.refused(w, c.status, c.code, "")
		require.NotContains(t, string(w.body), "secret cause")
		h.refused(h.do("GET", "/CloudSignResult?taskId=x", nil), c.status, c.code, "")
		confirmed := h.do("POST", "/CloudSignConfirm?token=x&confirmationCode=1", nil)
		h.refused(confirmed, c.status, c.code, "")
		if c.status == http.StatusTooManyRequests {
			require.Contains(t, string(confirmed.body), "within this hour; go on at ")
			seconds, err := strconv.Atoi(confirmed.Header.Get("Retry-After"))
			require.NoError(t, err)
			require.LessOrEqual(t, seconds, 3600)
			require.Regexp(t, `go on at \d\d:00 UTC`, string(confirmed.body))
		}
		h.refused(h.do("POST", "/AutoSignReceipts?boxId=b", nil), c.status, c.code, "")
	}
}

func thumbprint(h *house, i int) string {
	return fmt.Sprintf("%x", sha1.Sum(h.ids[i].Certificate().Raw))
}

func TestCertificateOfTheRequest(t *testing.T) {
	h := newHouse(t)
	body := marshal(t, inline("x"))
	h.task(h.do("POST", "/CloudSign?certificateThumbprint="+strings.ToUpper(thumbprint(h, 1)), body, "Authorization", "Bearer boris"))
	require.Equal(t, "second", h.engine.began[0].Key)
	h.refused(h.do("POST", "/CloudSign", body, "Authorization", "Bearer boris"), 400, "Http.BadRequest", "more than one certificate")
	foreign := h.do("POST", "/CloudSign?certificateThumbprint="+thumbprint(h, 2), body)
	h.refused(foreign, 403, "User.AccessDenied", "no certificate of this thumbprint")
	unknown := h.do("POST", "/CloudSign?certificateThumbprint="+strings.Repeat("00", 20), body)
	require.Equal(t, foreign.body, unknown.body)
	h.refused(h.do("POST", "/CloudSign?certificateThumbprint=xyz", body), 400, "Http.BadRequest", "no thumbprint")
	h.refused(h.do("POST", "/CloudSign", body, "Authorization", "Bearer keyless"), 403, "CloudCertificateNotFound", "no valid cloud certificate")
	h.refused(h.do("POST", "/CloudSign", body, "Authorization", "Bearer stranger"), 403, "User.AccessDenied", "stranger")
	h.refused(h.do("POST", "/CloudSign", body, "Authorization", "Bearer codeless"), 403, "User.AccessDenied", "cannot confirm by a code")
	require.Len(t, h.engine.began, 1)
}
