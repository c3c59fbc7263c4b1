package server

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/internal/pgtest"
)

// TestReplicas lets two services share a PostgreSQL and a shelf: what one begins, the other confirms; when one has gone, the
// other has the results. A database that goes away makes the services degraded, not dead.
func TestReplicas(t *testing.T) {
	db := pgtest.Start(t)
	w := newWorld(t)
	g := newGateway(t)
	w.write("confirm.secret", []byte(strings.Repeat("s", 32)))
	w.write("sms.key", []byte("sms-key"))
	w.write("db", []byte(db.URL+"\n"))
	section := `
confirm:
  postgres: file:db
  secret: file:confirm.secret
  shelf: shelf
  notifiers:
    - name: sms
      http:
        url: ` + g.URL + `/send
        headers: {Content-Type: application/json, Authorization: 'Bearer {{secret "key"}}'}
        body: '{"phone": {{json .To}}, "text": {{json .Text}}}'
        secrets: {key: file:sms.key}
  people: [{caller: "*", notifier: sms, address: "+79990001234"}]
`
	s, err := New(t.Context(), w.load(section), &Options{Output: w.log})
	require.NoError(t, err)
	require.ErrorContains(t, s.Run(t.Context()), "--migrate")
	require.NoError(t, confirm.Migrate(t.Context(), db.URL))
	first, second := w.run(section), w.run(section)
	ask := func(at *running, method, path, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, at.base+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+w.token)
		r.Header.Set("Accept", "application/json")
		r.Header.Set("Content-Type", "application/json")
		answer, err := at.client.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		data, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, string(data)
	}
	value := func(body string) string { return strings.Split(body, `"`)[3] }
	status, _ := ask(first, "POST", "/ShelfUpload?nameOnShelf=__userId__%2Fb&isLastPart=1&partIndex=0", "content of b")
	require.Equal(t, 200, status)
	status, body := ask(second, "POST", "/CloudSign", `{"Files":[{"FileName":"b","Content":{"NameOnShelf":"b"}}]}`)
	require.Equal(t, 200, status, body)
	task := value(body)
	status, body = ask(first, "GET", "/CloudSignResult?taskId="+task, "")
	require.Equal(t, 200, status, body)
	token := value(body)
	code := g.code()
	for _, at := range []*running{second, first} {
		status, body = ask(at, "POST", "/CloudSignConfirm?token="+token+"&confirmationCode="+code, "")
		require.Equal(t, 200, status, body)
		require.Equal(t, task, value(body))
	}
	status, result := ask(second, "GET", "/CloudSignConfirmResult?taskId="+task, "")
	require.Equal(t, 200, status, result)
	require.NoError(t, second.end())
	status, again := ask(first, "GET", "/CloudSignConfirmResult?taskId="+task, "")
	require.Equal(t, 200, status)
	require.Equal(t, result, again)

	db.Kill()
	require.Eventually(t, func() bool {
		status, body := ask(first, "GET", "/readyz", "")
		return status == 200 && strings.Contains(body, `"degraded"`) && strings.Contains(body, `"database":"failing"`)
	}, 60*time.Second, 100*time.Millisecond)
	status, body = ask(first, "POST", "/CloudSign", `{"Files":[{"FileName":"a","Content":{"Content":"YQ=="}}]}`)
	require.GreaterOrEqual(t, status, 500, body)
	require.NotContains(t, body, "127.0.0.1", "where the database is, is not for callers")
	first.signs(w, w.token)
	db.Run()
	require.Eventually(t, func() bool {
		status, _ := ask(first, "POST", "/CloudSign", `{"Files":[{"FileName":"a","Content":{"Content":"YQ=="}}]}`)
		return status == 200
	}, 60*time.Second, 100*time.Millisecond)
}
