package server

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/auth"
)

// gateway is a service for messages to telephones.
type gateway struct {
	*httptest.Server
	mu   sync.Mutex
	told []map[string]string
}

func newGateway(t *testing.T) *gateway {
	g := &gateway{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m map[string]string
		if json.NewDecoder(r.Body).Decode(&m) != nil || r.Header.Get("Authorization") != "Bearer sms-key" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.told = append(g.told, m)
		_, _ = w.Write([]byte(`{"state":"ok"}`))
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) code() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.told) == 0 {
		return ""
	}
	return regexp.MustCompile(`\d{6}`).FindString(g.told[len(g.told)-1]["text"])
}

// TestTwoStages runs the whole flow over a configuration: the code goes through a gateway, the page takes it, the API has the
// signatures, and after a restart they are still there.
func TestTwoStages(t *testing.T) {
	w := newWorld(t)
	g := newGateway(t)
	w.write("confirm.secret", []byte(strings.Repeat("s", 32)))
	w.write("sms.key", []byte("sms-key"))
	section := `
confirm:
  database: operations.db
  secret: file:confirm.secret
  shelf: shelf
  link: https://sign.example/confirm/
  notifiers:
    - name: sms
      http:
        url: ` + g.URL + `/send
        headers: {Content-Type: application/json, Authorization: 'Bearer {{secret "key"}}'}
        body: '{"phone": {{json .To}}, "text": {{json .Text}}}'
        secrets: {key: file:sms.key}
        contains: '"ok"'
  people: [{caller: "*", notifier: sms, address: "+79990001234"}]
`
	s := w.run(section)
	operator := w.token
	ask := func(method, path, body string) (int, string, http.Header) {
		r, err := http.NewRequestWithContext(t.Context(), method, s.base+path, strings.NewReader(body))
		require.NoError(t, err)
		if path == "/operations?show=all" {
			r.SetBasicAuth("any", operator)
		} else {
			r.Header.Set("Authorization", "DiadocAuth ddauth_api_client_id=x,ddauth_token="+w.token)
		}
		r.Header.Set("Accept", "application/json")
		if strings.HasPrefix(body, "{") {
			r.Header.Set("Content-Type", "application/json")
		} else if body != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		data, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, string(data), answer.Header
	}
	status, _, _ := ask("POST", "/ShelfUpload?nameOnShelf=__userId__%2Fb&isLastPart=1&partIndex=0", "content of b")
	require.Equal(t, 200, status)
	status, body, _ := ask("POST", "/CloudSign", `{"Files":[{"FileName":"a","Content":{"Content":"YQ=="}},{"FileName":"b","Content":{"NameOnShelf":"b"}}]}`)
	require.Equal(t, 200, status, body)
	task := strings.Split(body, `"`)[3]
	status, body, _ = ask("GET", "/CloudSignResult?taskId="+task, "")
	require.Equal(t, 200, status, body)
	token := strings.Split(body, `"`)[3]
	require.Equal(t, "+79990001234", g.told[0]["phone"])
	require.Contains(t, g.told[0]["text"], "https://sign.example/confirm/"+token)

	status, body, header := ask("GET", "/confirm/"+token, "")
	require.Equal(t, 200, status)
	require.Contains(t, body, "2")
	require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'")
	status, body, _ = ask("GET", "/confirm/"+token+"/document/1", "")
	require.Equal(t, 200, status)
	require.Equal(t, "content of b", body)
	status, _, _ = ask("POST", "/confirm/"+token, "action=code&code=000000x")
	require.Equal(t, http.StatusUnprocessableEntity, status)
	status, _, _ = ask("POST", "/confirm/"+token, "action=code&code="+g.code())
	require.Equal(t, 200, status)
	require.Eventually(t, func() bool {
		status, body, _ = ask("GET", "/CloudSignConfirmResult?taskId="+task, "")
		return status == 200
	}, 30*time.Second, 10*time.Millisecond)
	require.Equal(t, 2, strings.Count(body, `"Content":"MI`))
	status, page, _ := ask("GET", "/operations?show=all", "")
	require.Equal(t, http.StatusForbidden, status, "a token of everything is not one of the operator")
	require.NotContains(t, page, "a, …")
	text, _, err := auth.AddToken(w.path("tokens"), auth.Token{Name: "olga", Endpoints: []string{"operations"}, Created: time.Now()})
	require.NoError(t, err)
	operator = string(text.Bytes())
	require.Eventually(t, func() bool { // the file is looked at once a second
		status, page, _ = ask("GET", "/operations?show=all", "")
		return status == 200
	}, 30*time.Second, 10*time.Millisecond)
	require.Contains(t, page, "a, …")
	status, health, _ := ask("GET", "/readyz", "")
	require.Equal(t, 200, status)
	require.Contains(t, health, `"database":"ok"`)
	require.NoError(t, s.end())

	s = w.run(section)
	status, again, _ := ask("GET", "/CloudSignConfirmResult?taskId="+task, "")
	require.Equal(t, 200, status)
	require.Equal(t, body, again)
}

// TestTwoStageFaults: what is wrong with the section is said with its place.
func TestTwoStageFaults(t *testing.T) {
	for section, want := range map[string]string{
		"confirm: {secret: 'file:s'}":                                                                                                                                                         "where are operations kept",
		"confirm: {database: d, people: [{caller: x, method: elsewhere}]}":                                                                                                                    "there is no secret",
		"confirm: {database: d, secret: 'file:s'}":                                                                                                                                            "who confirms",
		"confirm: {database: d, secret: 'file:s', people: [{caller: x}]}":                                                                                                                     "how does the code get to the person",
		"confirm: {database: d, secret: 'file:s', people: [{caller: x, notifier: sms}]}":                                                                                                      "there is no notifier",
		"confirm: {database: d, secret: 'file:s', people: [{caller: x, method: totp}]}":                                                                                                       "has a secret",
		"confirm: {database: d, postgres: 'env:X', secret: 'file:s', people: [{caller: x, method: elsewhere}]}":                                                                               "remove one of the two",
		"confirm: {database: d, secret: 'file:s', link: 'https://a.example/', people: [{caller: x, method: elsewhere}]}":                                                                      "ends with /confirm/",
		"confirm: {database: d, secret: 'file:s', notifiers: [{name: n}], people: [{caller: x, method: elsewhere}]}":                                                                          "one of http:, smtp:",
		"confirm: {database: 'postgres://u:geheim@h/x', secret: 'file:s', people: [{caller: x, method: elsewhere}]}":                                                                          "write postgres: env:NAME",
		"confirm: {database: d, secret: 'file:s', people: [{caller: x, method: elsewhere, key: nokey}]}":                                                                                      "there is no key",
		"confirm: {database: d, secret: 'file:s', hold: 30s, people: [{caller: x, method: elsewhere}]}":                                                                                       "29s at most",
		"confirm: {database: d, secret: 'file:s', notifiers: [{name: n, smtp: {address: 'h:25', from: 'a@b.example'}}], people: [{caller: x, notifier: n, address: 'no mail'}]}":              "is no address of mail",
		"confirm: {database: d, secret: 'file:s', notifiers: [{name: n, http: {url: 'https://h.example/{{.To}}'}}], people: [{caller: x, notifier: n}]}":                                      "where does notifier \"n\" send to",
		"confirm: {database: d, secret: 'file:s', people: [{caller: x, method: elsewhere}], boxes: [{name: ../b, folder: f, callers: [x], key: k}]}":                                          "no name of a folder",
		"confirm: {database: d, secret: 'file:s', people: [{caller: x, method: elsewhere}], boxes: [{name: b, folder: f, callers: [x], key: k}, {name: b, folder: g, callers: [x], key: k}]}": "two boxes",
	} {
		_, err := Load(newWorld(t).config(section))
		require.ErrorContains(t, err, want, section)
		require.NotContains(t, err.Error(), "geheim")
	}
}

// TestStartEnds: a service that is told to stop while its database does not answer stops.
func TestStartEnds(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	asked := make(chan struct{})
	go func() {
		c, err := silent.Accept()
		if err != nil {
			return
		}
		close(asked)
		_, _ = io.Copy(io.Discard, c)
	}()
	w := newWorld(t)
	w.write("long", []byte(strings.Repeat("s", 32)))
	w.write("silent", []byte("postgres://nobody@"+silent.Addr().String()+"/x"))
	s := w.server("confirm: {postgres: 'file:silent', secret: 'file:long', people: [{caller: x, method: elsewhere}]}")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	<-asked
	require.Error(t, s.stages.ping(t.Context()), "nobody waits to be told that there is none")
	cancel()
	err = <-ended
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "stopped before the database")
}

// TestTwoStageCheck: --check tries the templates, the secrets and the database.
func TestTwoStageCheck(t *testing.T) {
	w := newWorld(t)
	w.write("short", []byte("short"))
	w.write("short1", []byte("01!"))
	w.write("long", []byte(strings.Repeat("s", 32)))
	w.write("totp", []byte("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"))
	w.write("dsn", []byte("host=127.0.0.1 password=geheim"))
	w.write("mysql", []byte("mysql://u:geheim@h/x"))
	w.write("gone", []byte("postgres://nobody@127.0.0.1:1/x"))
	check := func(section string) string {
		s := w.server(section)
		defer func() { require.NoError(t, s.Close()) }()
		var all []string
		for _, f := range s.Check(t.Context()) {
			if f.What == "confirm" {
				all = append(all, f.Severity.String()+" "+f.Text)
			}
		}
		return strings.Join(all, "\n")
	}
	people := "people: [{caller: x, method: totp, totp: 'file:totp'}]"
	require.Equal(t, "ok operations are kept in "+w.path("d")+", and 0 notifiers can be used", check("confirm: {database: d, secret: 'file:long', "+people+"}"))
	w.write("text", []byte("no database"))
	require.NoFileExists(t, w.path("d"))
	for section, want := range map[string]string{
		"database: d, secret: 'file:short', " + people:                                                                       "failed the secret has 5 octets",
		"database: d, secret: 'file:nothing', " + people:                                                                     "failed secret: there is no file",
		"postgres: 'file:gone', secret: 'file:long', " + people:                                                              "failed the database does not answer: ",
		"database: text, secret: 'file:long', " + people:                                                                     "failed the database " + w.path("text") + ": the file is none of SQLite",
		"database: d, secret: 'file:long', limits: {signers: 20000}, " + people:                                              "10000",
		"database: d, secret: 'file:long', people: [{caller: x, method: totp, totp: 'file:short1'}]":                         "failed the authenticator of x",
		"database: d, secret: 'file:long', notifiers: [{name: n, http: {url: 'https://x.example/{{nothing}}'}}], " + people:  "failed notifiers[0]: ",
		"postgres: 'file:dsn', secret: 'file:long', " + people:                                                               "failed postgres: this is no address of PostgreSQL",
		"postgres: 'file:mysql', secret: 'file:long', " + people:                                                             "failed postgres: this is no address of PostgreSQL",
		"database: d, secret: 'file:long', notifiers: [{name: n, smtp: {address: 'h:abc', from: 'a@b.example'}}], " + people: "host:port",
		"database: d, secret: 'file:long', boxes: [{name: b, folder: nowhere, callers: [x], key: seal}], " + people:          "warning box b has no folder " + w.path("nowhere/b"),
		"database: d, secret: 'file:long', notifiers: [{name: n, terminal: true}], " + people:                                "warning notifier n writes codes",
	} {
		got := check("confirm: {" + section + "}")
		require.Contains(t, got, want, section)
		require.NotContains(t, got, "geheim")
	}
}

func TestMailHint(t *testing.T) {
	for address, want := range map[string]string{"anna@example.org": "a…@example.org", "Яна <яна@example.org>": "я…@example.org", "+79990001234": "", "": ""} {
		require.Equal(t, want, mailHint(address), address)
	}
}

// TestLimitOfFiles: what the engine takes, the API takes, too.
func TestLimitOfFiles(t *testing.T) {
	w := newWorld(t)
	w.write("long", []byte(strings.Repeat("s", 32)))
	s := w.run("confirm: {database: d, secret: 'file:long', limits: {items: 1}, people: [{caller: '*', method: elsewhere}]}")
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.base+"/DssSign", strings.NewReader(`{"Files":[{"Content":{"Content":""}},{"Content":{"Content":""}}]}`))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+w.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "more than 1 files")
}
