package sdkclient

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/stretchr/testify/require"
)

func taskCases() []named {
	return []named{
		{"unknown tasks", func(r *run) {
			for _, id := range []string{unknown, "x", "'", "../../CloudSign", strings.Repeat("a", 5000)} {
				_, reply, err := r.c.CloudSignResult(id)
				r.status(reply, err, 400, 404)
				_, reply, err = r.c.CloudSignConfirmResult(id)
				r.status(reply, err, 400, 404)
			}
		}},
		{"no task", func(r *run) {
			_, reply, err := r.c.CloudSignResult("")
			r.status(reply, err, 400)
			_, reply, err = r.c.CloudSignConfirmResult("")
			r.status(reply, err, 400)
		}},
		{"a task of another caller is as one that there never was", func(r *run) {
			task, token := r.awaiting(files("A"))
			second := r.confirm(task, token, "")
			r.signatures(second)
			other := r.client(1)
			_, foreign, err := other.CloudSignResult(task)
			r.status(foreign, err, 404)
			_, none, err := other.CloudSignResult(unknown)
			r.status(none, err, 404)
			r.same(none, foreign)
			_, foreign, err = other.CloudSignConfirmResult(second)
			r.status(foreign, err, 404)
			_, none, err = other.CloudSignConfirmResult(unknown)
			r.status(none, err, 404)
			r.same(none, foreign)
			_, foreign, err = other.DssSignResult("box", task)
			r.status(foreign, err, 404)
		}},
		{"the token of another caller", func(r *run) {
			task, token := r.awaiting(files("A"))
			code, other := r.w.Code(task), r.client(1)
			for range r.w.Attempts + 1 {
				_, foreign, err := other.CloudSignConfirm(token, code, "")
				r.status(foreign, err, 404, 409)
				_, none, err := other.CloudSignConfirm(unknown, code, "")
				r.status(none, err, 404, 409)
				r.same(none, foreign)
			}
			r.signed(r.signatures(r.confirm(task, token, "")), "A")
		}},
		{"not confirmed yet", func(r *run) {
			task, _ := r.awaiting(files("A"))
			_, reply, err := r.c.CloudSignConfirmResult(task)
			r.status(reply, err, 404, 409)
		}},
	}
}

func cutCases() []named {
	return []named{
		{"CloudSign cut within the request", func(r *run) { r.cutStart(InRequest) }},
		{"CloudSign cut before the answer", func(r *run) { r.cutStart(BeforeByte) }},
		{"CloudSign cut within the answer", func(r *run) { r.cutStart(InReply) }},
		{"CloudSignConfirm repeated three times", func(r *run) {
			task, token := r.awaiting(files("A"))
			code := r.w.Code(task)
			r.c.Cut = []Cut{BeforeByte, BeforeByte, BeforeByte}
			m, reply, err := r.c.CloudSignConfirm(token, code, "")
			for err != nil { // by the person, where the SDK does not
				m, reply, err = r.c.CloudSignConfirm(token, code, "")
			}
			second := r.ok(m, reply, err).TaskID
			first := r.signatures(second)
			r.signed(first, "A")
			require.Equal(r, second, r.confirm(task, token, ""))
			require.True(r, equalSignatures(first, r.signatures(second)))
		}},
		{"a wrong code repeated three times counts once", func(r *run) {
			task, token := r.awaiting(files("A"))
			for n := range 2 {
				r.c.Cut = []Cut{BeforeByte, BeforeByte, BeforeByte}
				_, reply, err := r.c.CloudSignConfirm(token, wrong(r.w.Code(task), n), "")
				for err != nil {
					_, reply, err = r.c.CloudSignConfirm(token, wrong(r.w.Code(task), n), "")
				}
				r.code(reply, err, badCode)
			}
			r.signed(r.signatures(r.confirm(task, token, "")), "A")
		}},
		{"CloudSignConfirm cut within the answer", func(r *run) {
			task, token := r.awaiting(files("A"))
			r.c.Cut = []Cut{InReply}
			_, _, err := r.c.CloudSignConfirm(token, r.w.Code(task), "")
			require.ErrorIs(r, err, ErrLost)
			r.signed(r.signatures(r.confirm(task, token, "")), "A")
		}},
		{"CloudSignConfirm cut within the request", func(r *run) {
			task, token := r.awaiting(files("A"))
			r.c.Cut = []Cut{InRequest}
			_, _, _ = r.c.CloudSignConfirm(token, r.w.Code(task), "")
			r.signed(r.signatures(r.confirm(task, token, "")), "A")
		}},
		{"questions cut everywhere", func(r *run) {
			task := r.begin(files("A"))
			for _, cut := range []Cut{InRequest, BeforeByte, InReply, AfterReply} {
				r.c.Cut = []Cut{cut}
				_, _, _ = r.c.CloudSignResult(task)
			}
			second := r.confirm(task, r.token(task), "")
			for _, cut := range []Cut{InRequest, BeforeByte, InReply, AfterReply} {
				r.c.Cut = []Cut{cut}
				_, _, _ = r.c.CloudSignConfirmResult(second)
			}
			r.signed(r.signatures(second), "A")
		}},
		{"a new connection for each call", func(r *run) {
			r.c.Cut = []Cut{AfterReply, AfterReply, AfterReply, AfterReply, AfterReply}
			r.flow("A")
		}},
		{"an upload cut, and repaired", func(r *run) {
			name := "sdk-cut-" + r.f.String()
			r.c.Cut = []Cut{InRequest}
			_, err := r.c.ShelfUpload(name, 0, false, []byte("AAAA"))
			require.ErrorIs(r, err, ErrLost)
			reply, err := r.c.ShelfUpload(name, 1, true, []byte("BB"))
			r.missing(reply, err, 0)
			r.part(r.c.ShelfUpload(name, 0, false, []byte("AAAA")))
			reply, err = r.c.ShelfUpload(name, 1, true, []byte("BB"))
			r.missing(reply, err)
			r.stored(name, "AAAABB")
		}},
	}
}

// cutStart cuts the start of an operation, which no SDK repeats, and begins another one.
func (r *run) cutStart(cut Cut) {
	r.Helper()
	r.c.Cut = []Cut{cut}
	_, _, err := r.c.CloudSign(files("A"), "")
	require.ErrorIs(r, err, ErrLost)
	require.Equal(r, 1, r.c.Sent)
	r.flow("A")
}

// part checks the answer to a part that is not the last one, whose body does not matter.
func (r *run) part(reply *Reply, err error) {
	r.Helper()
	r.status(reply, err, 200)
}

// missing checks the answer to the last part: an array, also when it is empty.
func (r *run) missing(reply *Reply, err error, want ...int) {
	r.Helper()
	r.status(reply, err, 200)
	var got []int
	require.NoError(r, json.Unmarshal(reply.Body, &got), "body %q", reply.Body)
	require.NotNil(r, got, "null is no array to an SDK")
	require.ElementsMatch(r, want, got)
}

// stored downloads what was uploaded, and signs it.
func (r *run) stored(name, content string) {
	r.Helper()
	reply, err := r.c.ShelfDownload(name)
	r.status(reply, err, 200)
	require.Equal(r, content, string(reply.Body))
	task, token := r.awaiting([]File{{Name: "a", Shelf: name}})
	r.signed(r.signatures(r.confirm(task, token, "")), content)
}

func shelfCases() []named {
	return []named{
		{"a file in one part", func(r *run) {
			name := "sdk-one-" + r.f.String()
			reply, err := r.c.ShelfUpload(name, 0, true, []byte("content"))
			r.missing(reply, err)
			r.stored(name, "content")
		}},
		{"parts of half a megabyte", func(r *run) {
			name, part := "sdk-big-"+r.f.String(), bytes.Repeat([]byte("0123456789abcdef"), 512<<10/16)
			r.part(r.c.ShelfUpload(name, 0, false, part))
			r.part(r.c.ShelfUpload(name, 1, false, part))
			reply, err := r.c.ShelfUpload(name, 2, true, []byte("end"))
			r.missing(reply, err)
			r.stored(name, string(part)+string(part)+"end")
		}},
		{"parts out of order, twice, and after completion", func(r *run) {
			name := "sdk-order-" + r.f.String()
			reply, err := r.c.ShelfUpload(name, 2, true, []byte("C"))
			r.missing(reply, err, 0, 1)
			r.part(r.c.ShelfUpload(name, 1, false, []byte("BB")))
			r.part(r.c.ShelfUpload(name, 1, false, []byte("BB")))
			reply, err = r.c.ShelfUpload(name, 2, true, []byte("C"))
			r.missing(reply, err, 0)
			r.part(r.c.ShelfUpload(name, 0, false, []byte("AA")))
			reply, err = r.c.ShelfUpload(name, 2, true, []byte("C"))
			r.missing(reply, err)
			r.part(r.c.ShelfUpload(name, 0, false, []byte("AA")))
			reply, err = r.c.ShelfUpload(name, 2, true, []byte("C"))
			r.missing(reply, err)
			r.stored(name, "AABBC")
		}},
		{"the newer shelf, whole", func(r *run) {
			reply, err := r.c.ShelfUploadV2(".bin", []byte("content"))
			r.status(reply, err, 200)
			r.storedV2(string(reply.Body), "content")
			reply, err = r.c.ShelfUploadV2("", []byte("content"))
			r.status(reply, err, 200)
			r.storedV2(string(reply.Body), "content")
		}},
		{"the newer shelf, in parts", func(r *run) {
			reply, err := r.c.ShelfUploadPartInit(".pdf", false, []byte("AA"))
			r.status(reply, err, 200)
			name := string(reply.Body)
			reply, err = r.c.ShelfUploadPart(name, 2, true, []byte("C"))
			r.missing(reply, err, 1)
			r.part(r.c.ShelfUploadPart(name, 1, false, []byte("BB")))
			reply, err = r.c.ShelfUploadPart(name, 2, true, []byte("C"))
			r.missing(reply, err)
			r.storedV2(name, "AABBC")
		}},
		{"the newer shelf, one part", func(r *run) {
			reply, err := r.c.ShelfUploadPartInit(".pdf", true, []byte("AA"))
			r.status(reply, err, 200)
			r.storedV2(string(reply.Body), "AA")
		}},
		{"what is not on the shelf", func(r *run) {
			reply, err := r.c.ShelfDownload("sdk-none")
			r.status(reply, err, 404)
			reply, err = r.c.ShelfDownloadV2("sdk-none")
			r.status(reply, err, 404)
			m, reply, err := r.c.CloudSign([]File{{Name: "a", Shelf: "sdk-none"}}, "") // as SDKs do with an empty file
			if err == nil && reply.Status == 200 {
				_, reply, err = r.c.Wait(func() (*Message, *Reply, error) { return r.c.CloudSignResult(m.TaskID) })
			}
			r.status(reply, err, 400, 404, 409)
		}},
		{"a file that lacks a part", func(r *run) {
			name := "sdk-lack-" + r.f.String()
			reply, err := r.c.ShelfUpload(name, 1, true, []byte("B"))
			r.missing(reply, err, 0)
			reply, err = r.c.ShelfDownload(name)
			r.status(reply, err, 404)
		}},
		{"the shelf of another caller", func(r *run) {
			name := "sdk-mine-" + r.f.String()
			reply, err := r.c.ShelfUpload(name, 0, true, []byte("mine"))
			r.missing(reply, err)
			foreign, err := r.client(1).ShelfDownload(name)
			r.status(foreign, err, 404)
			none, err := r.client(1).ShelfDownload("sdk-none")
			r.status(none, err, 404)
			r.same(none, foreign)
		}},
		{"names that are paths", func(r *run) {
			for _, name := range []string{"../sdk", "a/../../b", "..", ""} {
				reply, err := r.c.ShelfUpload(name, 0, true, []byte("x"))
				r.status(reply, err, 400, 403, 404)
			}
		}},
	}
}

func (r *run) storedV2(name, content string) {
	r.Helper()
	require.Regexp(r, `^[0-9A-Za-z._-]+$`, name, "it is used verbatim")
	reply, err := r.c.ShelfDownloadV2(name)
	r.status(reply, err, 200)
	require.Equal(r, content, string(reply.Body))
	task, token := r.awaiting([]File{{Name: "a", Shelf: name}})
	r.signed(r.signatures(r.confirm(task, token, "")), content)
}

// Statuses of DssSign.
const (
	inProgress = 1
	completed  = 2
	cancelled  = 3
)

// dssOver asks until the operation is over.
func (r *run) dssOver(task string) *Message {
	r.Helper()
	for range 2000 {
		m, reply, err := r.c.DssSignResult("box", task)
		if r.ok(m, reply, err); m.Status != inProgress {
			return m
		}
	}
	require.Fail(r, "the operation is under way for too long")
	return nil
}

func dssCases() []named {
	approved := func(r *run, begin func(list []File) (*Message, *Reply, error)) {
		if r.w.Approve == nil {
			r.Skip("World.Approve is not set")
		}
		m, reply, err := begin(files("A", "B"))
		task := r.ok(m, reply, err).TaskID
		m, reply, err = r.c.DssSignResult("box", task)
		require.Equal(r, inProgress, r.ok(m, reply, err).Status)
		r.w.Approve(task)
		m = r.dssOver(task)
		require.Equal(r, completed, m.Status)
		require.Len(r, m.Files, 2)
		for i, content := range []string{"A", "B"} {
			require.Equal(r, 1, m.Files[i].Status)
			require.NoError(r, r.w.Check(m.Files[i].Signature, []byte(content)))
		}
	}
	return []named{
		{"DssSign approved", func(r *run) {
			approved(r, func(list []File) (*Message, *Reply, error) { return r.c.DssSign("box", list, "") })
		}},
		{"V2/DssSign approved", func(r *run) {
			approved(r, func(list []File) (*Message, *Reply, error) { return r.c.DssSignV2("box", list, r.w.Thumbprint) })
		}},
		{"DssSign declined", func(r *run) {
			if r.w.Decline == nil {
				r.Skip("World.Decline is not set")
			}
			m, reply, err := r.c.DssSign("box", files("A"), "")
			task := r.ok(m, reply, err).TaskID
			r.w.Decline(task)
			require.Equal(r, cancelled, r.dssOver(task).Status)
		}},
		{"DssSign of nothing", func(r *run) {
			_, reply, err := r.c.DssSign("box", nil, "")
			r.status(reply, err, 400)
		}},
		{"DssSign of what is not on the shelf", func(r *run) {
			_, reply, err := r.c.DssSign("box", []File{{Name: "a", Shelf: "__userId__/sdk-none"}}, "")
			r.status(reply, err, 400)
			require.Equal(r, "Dss.InvalidRequest", reply.Code())
		}},
		{"DssSign from the shelf, with the prefix", func(r *run) {
			name := "sdk-dss-" + r.f.String()
			reply, err := r.c.ShelfUpload(name, 0, true, []byte("content"))
			r.missing(reply, err)
			m, reply, err := r.c.DssSign("box", []File{{Name: "a", Shelf: "__userId__/" + name}}, "")
			r.ok(m, reply, err)
		}},
		{"an unknown task of DssSign", func(r *run) {
			_, reply, err := r.c.DssSignResult("box", unknown)
			r.status(reply, err, 404)
		}},
	}
}

func receiptCases() []named {
	return []named{
		{"receipts of a box, and no one twice", func(r *run) {
			if r.w.Box == "" {
				r.Skip("World.Box is not set")
			}
			total, key := int64(0), ""
			for range r.w.Receipts + 2 {
				r.c.Cut = []Cut{BeforeByte, BeforeByte, BeforeByte}
				m, reply, err := r.c.AutoSignReceipts(r.w.Box, "", key)
				for err != nil {
					m, reply, err = r.c.AutoSignReceipts(r.w.Box, "", key)
				}
				task := r.ok(m, reply, err).TaskID
				m, reply, err = r.c.Wait(func() (*Message, *Reply, error) { return r.c.AutosignReceiptsResult(task) })
				require.True(r, r.ok(m, reply, err).HasNextKey, "Java fails without")
				total += m.Count
				if key = m.NextKey; key == "" {
					break
				}
			}
			require.Empty(r, key, "an empty key ends the loop")
			require.LessOrEqual(r, total, int64(r.w.Receipts))
			require.Equal(r, r.w.Receipts, r.w.Signed())
		}},
		{"receipts of a box of nobody", func(r *run) {
			_, reply, err := r.c.AutoSignReceipts(unknown, "", "")
			r.status(reply, err, 403, 404)
		}},
		{"receipts without a box", func(r *run) {
			_, reply, err := r.c.AutoSignReceipts("", "", "")
			r.status(reply, err, 400)
		}},
		{"an unknown task of receipts", func(r *run) {
			_, reply, err := r.c.AutosignReceiptsResult(unknown)
			r.status(reply, err, 404)
		}},
	}
}
