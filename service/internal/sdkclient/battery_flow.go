package sdkclient

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
)

// unknown is a task that there never was.
const unknown = "3f0f5ad4-93cb-4e6a-9d0c-0d4f7f6b1c11"

func flowCases() []named {
	return []named{
		{"one file", func(r *run) { r.flow("A") }},
		{"files keep their order", func(r *run) { r.flow("A", "B", "C", "D", "E", "F", "G") }},
		{"the same file twice", func(r *run) { r.flow("A", "A") }},
		{"empty content", func(r *run) { r.flow("", "B") }},
		{"large content", func(r *run) { r.flow(strings.Repeat("0123456789", 40_000)) }},
		{"names of any kind", func(r *run) {
			list := []File{{Name: "", Content: []byte("A")}, {Name: "Договор № 1 «проект».pdf", Content: []byte("B")}, {Name: "../../etc/passwd\x00\r\n", Content: []byte("C")}}
			task, token := r.awaiting(list)
			r.signed(r.signatures(r.confirm(task, token, "")), "A", "B", "C")
		}},
		{"thumbprint in any case", func(r *run) {
			if r.w.Thumbprint == "" {
				r.Skip("World.Thumbprint is not set")
			}
			for _, thumbprint := range []string{strings.ToUpper(r.w.Thumbprint), strings.ToLower(r.w.Thumbprint)} {
				m, reply, err := r.c.CloudSign(files("A"), thumbprint)
				task := r.ok(m, reply, err).TaskID
				r.signed(r.signatures(r.confirm(task, r.token(task), "")), "A")
			}
		}},
		{"thumbprint that is empty, as C++ sends", func(r *run) {
			reply, err := r.c.Raw(http.MethodPost, "/CloudSign?certificateThumbprint=", r.c.signRequest(files("A"), false, false, ""))
			r.status(reply, err, 200)
		}},
		{"thumbprint of nobody", func(r *run) {
			_, reply, err := r.c.CloudSign(files("A"), strings.Repeat("AB", 20))
			r.status(reply, err, 403, 404)
		}},
		{"thumbprint of another caller", func(r *run) {
			if r.w.Thumbprint == "" {
				r.Skip("World.Thumbprint is not set")
			}
			_, reply, err := r.client(1).CloudSign(files("A"), r.w.Thumbprint)
			_, none, err2 := r.client(1).CloudSign(files("A"), strings.Repeat("AB", 20))
			require.NoError(r, err2)
			r.status(reply, err, 403, 404)
			require.Equal(r, none.Status, reply.Status)
		}},
		{"routes in any case, unknown parameters", func(r *run) {
			reply, err := r.c.Raw(http.MethodPost, "/cLoUdSiGn?unknown=1&x", r.c.signRequest(files("A"), false, false, ""))
			r.status(reply, err, 200)
			m, err := r.c.parse(asyncResult, reply.Body)
			require.NoError(r, err)
			r.token(m.TaskID)
		}},
		{"return in any case and by its other name", func(r *run) {
			for _, query := range []string{"&return=content", "&RETURN=CONTENT", "&locationPreference=Content", "&return=Content&locationPreference=content", ""} {
				task, token := r.awaiting(files("A"))
				reply, err := r.c.Raw(http.MethodPost, "/CloudSignConfirm?token="+token+"&confirmationCode="+r.w.Code(task)+query, nil)
				r.status(reply, err, 200)
				m, err := r.c.parse(asyncResult, reply.Body)
				require.NoError(r, err)
				r.signed(r.signatures(m.TaskID), "A")
			}
		}},
		{"signatures by reference", func(r *run) {
			contents := []string{"A", "B"}
			task, token := r.awaiting(files(contents...))
			got := r.signatures(r.confirm(task, token, "Reference"))
			require.Len(r, got, 2)
			for i, s := range got {
				require.Empty(r, s.Content)
				reply, err := r.c.ShelfDownload(strings.TrimPrefix(s.Shelf, "__userId__/"))
				r.status(reply, err, 200)
				require.NoError(r, r.w.Check(reply.Body, []byte(contents[i])))
			}
		}},
		{"results read twice", func(r *run) {
			task, token := r.awaiting(files("A", "B"))
			require.Equal(r, token, r.token(task))
			second := r.confirm(task, token, "")
			first := r.signatures(second)
			require.True(r, equalSignatures(first, r.signatures(second)))
			require.Equal(r, token, r.token(task), "also after the confirmation")
		}},
		{"no files", func(r *run) {
			_, reply, err := r.c.CloudSign(nil, "")
			r.status(reply, err, 400)
		}},
		{"a message of no octets", func(r *run) {
			reply, err := r.c.Raw(http.MethodPost, "/CloudSign", nil)
			r.status(reply, err, 400)
		}},
		{"a file without content", func(r *run) {
			_, reply, err := r.c.CloudSign([]File{{Name: "a"}}, "")
			r.status(reply, err, 400)
		}},
		{"a file with two contents", func(r *run) {
			_, reply, err := r.c.CloudSign([]File{{Name: "a", Content: []byte("A"), Shelf: "x"}}, "")
			r.status(reply, err, 400)
		}},
		{"a document of elsewhere", func(r *run) {
			_, reply, err := r.c.CloudSign([]File{{Name: "a", Patched: unknown}}, "")
			r.status(reply, err, 400, 404, 409)
		}},
		{"a message that is none", func(r *run) {
			for _, body := range []string{"\xff\xff\xff", "<html>", `{"Files":[`, "\x0a\xff\xff\xff\xff\x0f"} {
				reply, err := r.c.Raw(http.MethodPost, "/CloudSign", []byte(body))
				r.status(reply, err, 400)
			}
		}},
		{"another verb", func(r *run) {
			for _, call := range [][2]string{{"GET", "/CloudSign"}, {"POST", "/CloudSignResult?taskId=" + unknown}, {"GET", "/CloudSignConfirm?token=a&confirmationCode=1"}, {"DELETE", "/ShelfDownload?nameOnShelf=__userId__/a"}} {
				reply, err := r.c.Raw(call[0], call[1], nil)
				r.status(reply, err, 405)
			}
		}},
		{"a path of nothing", func(r *run) {
			reply, err := r.c.Raw(http.MethodGet, "/V9/CloudSign", nil)
			r.status(reply, err, 404)
		}},
		{"nobody calls", func(r *run) {
			for _, token := range []string{"", "nobody", r.w.Tokens[0] + "x"} {
				c := r.client(0)
				c.Token = token
				_, reply, err := c.CloudSign(files("A"), "")
				r.status(reply, err, 401)
				_, reply, err = c.CloudSignResult(unknown)
				r.status(reply, err, 401)
			}
		}},
		{"both forms of Authorization", func(r *run) {
			for _, app := range []string{"", "app-1"} {
				c := r.client(0)
				c.App = app
				m, reply, err := c.CloudSign(files("A"), "")
				r.ok(m, reply, err)
			}
		}},
		{"Expect is answered", func(r *run) {
			if r.f != CSharp {
				r.Skip("C# alone sends it")
			}
			m, reply, err := r.c.CloudSign(files("A"), "")
			r.ok(m, reply, err)
			require.True(r, reply.Continue)
		}},
		{"one connection serves a flow", func(r *run) {
			task, token := r.awaiting(files("A"))
			conn := r.c.conn
			r.signed(r.signatures(r.confirm(task, token, "")), "A")
			_, reply, err := r.c.CloudSignResult(unknown)
			r.status(reply, err, 404)
			require.Same(r, conn, r.c.conn)
			require.NotNil(r, r.c.conn)
		}},
		{"an idle connection stays open", func(r *run) {
			if r.w.Idle == 0 {
				r.Skip("World.Idle is not set")
			}
			task := r.begin(files("A"))
			conn := r.c.conn
			time.Sleep(r.w.Idle)
			r.token(task)
			require.Same(r, conn, r.c.conn)
		}},
	}
}

func codeCases() []named {
	return []named{
		{"wrong code, then the right one", func(r *run) {
			task, token := r.awaiting(files("A"))
			_, reply, err := r.c.CloudSignConfirm(token, wrong(r.w.Code(task), 0), "")
			r.code(reply, err, badCode)
			r.signed(r.signatures(r.confirm(task, token, "")), "A")
		}},
		{"a wrong code signs nothing", func(r *run) {
			task, token := r.awaiting(files("A"))
			_, reply, err := r.c.CloudSignConfirm(token, wrong(r.w.Code(task), 0), "")
			r.code(reply, err, badCode)
			_, reply, err = r.c.CloudSignConfirmResult(task)
			r.status(reply, err, 404, 409)
		}},
		{"no code", func(r *run) {
			task, token := r.awaiting(files("A"))
			for range r.w.Attempts + 1 { // it is no guess, and does not count as one
				_, reply, err := r.c.CloudSignConfirm(token, "", "")
				r.status(reply, err, 400, 409)
			}
			r.signed(r.signatures(r.confirm(task, token, "")), "A")
		}},
		{"too many wrong codes", func(r *run) {
			task, token := r.awaiting(files("A"))
			for n := range r.w.Attempts {
				_, reply, err := r.c.CloudSignConfirm(token, wrong(r.w.Code(task), n), "")
				r.status(reply, err, 409)
			}
			_, reply, err := r.c.CloudSignConfirm(token, r.w.Code(task), "")
			r.code(reply, err, expiredCode)
			_, reply, err = r.c.CloudSignConfirmResult(task)
			r.status(reply, err, 404, 409)
		}},
		{"one code less than too many", func(r *run) {
			task, token := r.awaiting(files("A"))
			for n := range r.w.Attempts - 1 {
				_, reply, err := r.c.CloudSignConfirm(token, wrong(r.w.Code(task), n), "")
				r.code(reply, err, badCode)
			}
			r.signed(r.signatures(r.confirm(task, token, "")), "A")
		}},
		{"a wrong code after the right one", func(r *run) {
			task, token := r.awaiting(files("A"))
			second := r.confirm(task, token, "")
			_, reply, err := r.c.CloudSignConfirm(token, wrong(r.w.Code(task), 0), "")
			r.status(reply, err, 409)
			r.signed(r.signatures(second), "A")
		}},
		{"the right code again", func(r *run) {
			task, token := r.awaiting(files("A"))
			second := r.confirm(task, token, "")
			first := r.signatures(second)
			require.Equal(r, second, r.confirm(task, token, ""))
			require.True(r, equalSignatures(first, r.signatures(second)), "signed once")
		}},
		{"the right code four times at once", func(r *run) {
			task, token := r.awaiting(files("A"))
			code := r.w.Code(task)
			ids := r.atOnce(func(c *Client) (*Message, *Reply, error) { return c.CloudSignConfirm(token, code, "") }, 200)
			for _, id := range ids {
				require.Equal(r, ids[0], id)
			}
			r.signed(r.signatures(ids[0]), "A")
		}},
		{"a wrong code four times at once, twice", func(r *run) {
			task, token := r.awaiting(files("A"))
			code := r.w.Code(task)
			for n := range 2 {
				r.atOnce(func(c *Client) (*Message, *Reply, error) { return c.CloudSignConfirm(token, wrong(code, n), "") }, 409)
			}
			r.signed(r.signatures(r.confirm(task, token, "")), "A")
		}},
		{"a code of another operation", func(r *run) {
			task, _ := r.awaiting(files("A"))
			_, token := r.awaiting(files("B"))
			_, reply, err := r.c.CloudSignConfirm(token, r.w.Code(task), "")
			if reply != nil && reply.Status == 200 {
				r.Skip("both codes are the same, which one in a million is")
			}
			r.code(reply, err, badCode)
		}},
		{"an expired code", func(r *run) {
			if r.w.Expire == nil {
				r.Skip("World.Expire is not set")
			}
			task, token := r.awaiting(files("A"))
			r.w.Expire()
			_, reply, err := r.c.CloudSignConfirm(token, r.w.Code(task), "")
			r.code(reply, err, expiredCode)
			_, reply, err = r.c.CloudSignConfirmResult(task)
			r.status(reply, err, 404, 409)
		}},
		{"an unknown token", func(r *run) {
			_, reply, err := r.c.CloudSignConfirm(unknown, "123456", "")
			r.status(reply, err, 404, 409)
		}},
		{"no token", func(r *run) {
			_, reply, err := r.c.CloudSignConfirm("", "123456", "")
			r.status(reply, err, 400)
		}},
		{"return that is neither", func(r *run) {
			_, token := r.awaiting(files("A"))
			_, reply, err := r.c.CloudSignConfirm(token, "123456", "Elsewhere")
			r.status(reply, err, 400)
		}},
	}
}

// atOnce makes a call on four connections at once, as repeats do that overtake each other.
func (r *run) atOnce(call func(c *Client) (*Message, *Reply, error), status int) []string {
	r.Helper()
	const n = repeats + 1
	replies, messages, errs := make([]*Reply, n), make([]*Message, n), make([]error, n)
	clients := make([]*Client, n)
	for i := range clients {
		clients[i] = r.client(0)
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { messages[i], replies[i], errs[i] = call(clients[i]) })
	}
	wg.Wait()
	ids := make([]string, n)
	for i := range n {
		r.status(replies[i], errs[i], status)
		ids[i] = messages[i].TaskID
	}
	return ids
}
