package sdkclient

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// T is what of *testing.T a case needs, so that it can be shown to fail.
type T interface {
	require.TestingT
	Helper()
	Skip(args ...any)
}

// World is the server that is tested, and what lies around it.
type World struct {
	Base   string    // its address
	Tokens [2]string // of two callers
	App    string    // ddauth_api_client_id; empty means Authorization: Bearer
	// Thumbprint is that of the certificate of the first caller; empty skips what needs it.
	Thumbprint string
	// Code waits for the message of an operation, and returns the code in it. Task is the TaskId of CloudSign.
	Code func(task string) string
	// Attempts is how many wrong codes lock an operation.
	Attempts int
	// Expire has codes expire, those of all operations; nil skips what needs it.
	Expire func()
	// Approve and Decline are what a person does on the phone; nil skips what needs it.
	Approve, Decline func(task string)
	// Box is that of receipts of the first caller, with at least one that is pending; empty skips what needs it. Receipts are how
	// many are pending, and Signed is how many times any was signed, at any time.
	Box      string
	Receipts int
	Signed   func() int
	// Idle is how long an idle connection has to stay open; 0 skips it.
	Idle time.Duration
	// Check verifies a container of a content.
	Check func(container, content []byte) error
}

// Case is one of the battery.
type Case struct {
	Name string
	Run  func(t T, w *World, f Flavor)
}

// Battery runs all cases as all programs.
func Battery(t *testing.T, w World) {
	t.Helper()
	for _, f := range []Flavor{Java, CSharp, JSON} {
		t.Run(f.String(), func(t *testing.T) {
			for _, c := range Cases() {
				t.Run(c.Name, func(t *testing.T) { c.Run(t, &w, f) })
			}
		})
	}
}

// Cases are all cases.
func Cases() []Case {
	var all []Case
	for _, list := range [][]named{flowCases(), codeCases(), taskCases(), cutCases(), shelfCases(), dssCases(), receiptCases()} {
		for _, n := range list {
			all = append(all, Case{n.name, func(t T, w *World, f Flavor) {
				r := &run{T: t, w: w, f: f}
				r.c = r.client(0)
				defer r.end()
				n.run(r)
			}})
		}
	}
	return all
}

type named struct {
	name string
	run  func(r *run)
}

// run is one case.
type run struct {
	T
	w       *World
	f       Flavor
	c       *Client // of the first caller
	clients []*Client
}

func (r *run) client(caller int) *Client {
	c := &Client{Base: r.w.Base, Flavor: r.f, Token: r.w.Tokens[caller], App: r.w.App}
	r.clients = append(r.clients, c)
	return c
}

func (r *run) end() {
	for _, c := range r.clients {
		c.Close()
	}
}

// fine checks an answer that every SDK has to take.
func (r *run) fine(reply *Reply, err error) {
	r.Helper()
	require.NoError(r, err)
	require.Empty(r, reply.Problems(), "status %d, body %.200q", reply.Status, reply.Body)
}

// ok checks an answer of 200.
func (r *run) ok(m *Message, reply *Reply, err error) *Message {
	r.Helper()
	r.fine(reply, err)
	require.Equal(r, http.StatusOK, reply.Status, "body %.300q", reply.Body)
	return m
}

// status checks an answer of one of these, which is an error for people.
func (r *run) status(reply *Reply, err error, want ...int) {
	r.Helper()
	r.fine(reply, err)
	require.Contains(r, want, reply.Status, "body %.300q", reply.Body)
}

// code checks a 409 of this code.
func (r *run) code(reply *Reply, err error, code string) {
	r.Helper()
	r.status(reply, err, http.StatusConflict)
	require.Equal(r, code, reply.Code(), "body %.300q", reply.Body)
}

const (
	badCode     = "CloudCrypt.BadConfirmationCode"
	expiredCode = "CloudCrypt.ExpiredRequest"
)

func files(contents ...string) []File {
	var list []File
	for i, c := range contents {
		list = append(list, File{Name: fmt.Sprintf("file %d.txt", i), Content: []byte(c)})
	}
	return list
}

// begin begins an operation and returns its task.
func (r *run) begin(list []File) string {
	r.Helper()
	m, reply, err := r.c.CloudSign(list, "")
	task := r.ok(m, reply, err).TaskID
	require.Regexp(r, `^[0-9A-Za-z-]+$`, task, "C++ and C# do not escape it")
	return task
}

// token waits for the token of an operation.
func (r *run) token(task string) string {
	r.Helper()
	m, reply, err := r.c.Wait(func() (*Message, *Reply, error) {
		m, reply, err := r.c.CloudSignResult(task)
		if err == nil {
			r.fine(reply, err)
		}
		return m, reply, err
	})
	token := r.ok(m, reply, err).Token
	require.Regexp(r, `^[0-9A-Za-z-]+$`, token, "C++ does not escape it")
	return token
}

// awaiting begins an operation and waits until it can be confirmed.
func (r *run) awaiting(list []File) (task, token string) {
	r.Helper()
	task = r.begin(list)
	return task, r.token(task)
}

// signatures waits for the signatures of a confirmed operation.
func (r *run) signatures(task string) []Signature {
	r.Helper()
	m, reply, err := r.c.Wait(func() (*Message, *Reply, error) {
		m, reply, err := r.c.CloudSignConfirmResult(task)
		if err == nil {
			r.fine(reply, err)
		}
		return m, reply, err
	})
	return r.ok(m, reply, err).Signatures
}

// confirm confirms with the right code and returns the second task.
func (r *run) confirm(task, token, how string) string {
	r.Helper()
	m, reply, err := r.c.CloudSignConfirm(token, r.w.Code(task), how)
	return r.ok(m, reply, err).TaskID
}

// signed checks signatures, one of each content in their order.
func (r *run) signed(got []Signature, contents ...string) {
	r.Helper()
	require.Len(r, got, len(contents))
	for i, s := range got {
		require.NoError(r, r.w.Check(s.Content, []byte(contents[i])), "signature %d", i)
	}
}

// flow takes contents from begin to end.
func (r *run) flow(contents ...string) []Signature {
	r.Helper()
	task, token := r.awaiting(files(contents...))
	got := r.signatures(r.confirm(task, token, ""))
	r.signed(got, contents...)
	return got
}

// wrong makes another code of a code; different ones for different n below 9.
func wrong(code string, n int) string {
	b := []byte(code)
	last := len(b) - 1
	b[last] = '0' + (b[last]-'0'+1+byte(n))%10
	return string(b)
}

// same checks that two answers tell the same, but for the id of the request.
func (r *run) same(a, b *Reply) {
	r.Helper()
	plain := func(p *Reply) string {
		h := p.Header.Clone()
		for _, name := range []string{"Date", "X-Kontur-Trace-Id", "X-Request-Id"} {
			h.Del(name)
		}
		trace := p.Header.Get("X-Kontur-Trace-Id")
		return fmt.Sprint(p.Status, h, strings.ReplaceAll(string(p.Body), trace, "trace"))
	}
	require.Equal(r, plain(a), plain(b))
}

func equalSignatures(a, b []Signature) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i].Content, b[i].Content) || a[i].Shelf != b[i].Shelf {
			return false
		}
	}
	return true
}
