package server

import (
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStoreMended: a password that was wrong lets the service start, and the log says when it is mended.
func TestStoreMended(t *testing.T) {
	w := newWorld(t)
	tsa, _ := w.listed()
	w.write("seal.pass", []byte("wrong\n"))
	w.write("signet.yaml", []byte(w.listedConfig(tsa, "seal.p12", "bes", "")))
	c, err := Load(w.path("signet.yaml"))
	require.NoError(t, err)
	r := w.runConfig(c)
	require.Equal(t, http.StatusServiceUnavailable, r.do(http.MethodGet, "/readyz", "", nil).status)
	require.Contains(t, w.log.String(), `"level":"WARN","msg":"store could not be opened"`)
	const mended = `"level":"INFO","msg":"a store that could not be opened can be used now","store":"s"`
	require.NotContains(t, w.log.String(), mended)
	w.write("seal.pass", []byte("x\n"))
	require.Eventually(t, func() bool { _ = r.Reload(t.Context()); return r.keys.Status(t.Context())[0].Err == nil }, waitLong, tick)
	require.Contains(t, w.log.String(), mended)
	r.signs(w, w.token)
}

// TestTornLine: the log says that a torn line was set aside, once.
func TestTornLine(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.run("audit: {path: audit.log}\n").end())
	require.NotContains(t, w.log.String(), "torn")
	f, err := os.OpenFile(w.path("audit.log"), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"seq":3,`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, w.run("audit: {path: audit.log}\n").end())
	require.Contains(t, w.log.String(), `"level":"WARN","msg":"the audit log ended with a torn line`)
	require.Contains(t, w.log.String(), w.path("torn.audit.log."))
	w.log.b.Reset()
	require.NoError(t, w.run("audit: {path: audit.log}\n").end())
	require.NotContains(t, w.log.String(), "torn")

	r := newWorld(t)
	s, err := New(t.Context(), r.load("audit: {path: no/audit.log}\n"), &Options{Output: r.log})
	require.NoError(t, err)
	require.ErrorContains(t, s.Run(t.Context()), "there is no folder "+r.path("no")+" for audit.log; make it")
}
