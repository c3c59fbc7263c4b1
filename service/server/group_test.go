//go:build cgo && unix

package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/internal/softhsmtest"
	"github.com/seed-116355fd/signet/sign"
)

// removable is a token that can be pulled out: the module of ../soak/testdata/removable.c in front of a copy of SoftHSM2.
type removable struct {
	uri string
	ctl []byte
}

func (r *removable) at(i int) *int64   { return (*int64)(unsafe.Pointer(&r.ctl[8*i])) }
func (r *removable) out(yes int64)     { atomic.StoreInt64(r.at(0), yes) }
func (r *removable) refused() int64    { return atomic.LoadInt64(r.at(2)) }
func (r *removable) signatures() int64 { return atomic.LoadInt64(r.at(4)) }

func (w *world) removable(id testpki.Identity) *removable {
	w.t.Helper()
	label, real := newToken(w.t, id), softhsm(w.t)
	// Not in the folder of the test: modules are never unloaded.
	dir, err := os.MkdirTemp(filepath.Dir(os.Getenv("SOFTHSM2_CONF")), "removable-")
	require.NoError(w.t, err)
	module := filepath.Join(dir, "module.so")
	out, err := exec.Command(softhsmtest.Find(w.t, "apt-get install gcc", "gcc", "cc"), "-O2", "-shared", "-fPIC", "-o", module, "../soak/testdata/removable.c", "-ldl", "-lpthread").CombinedOutput()
	require.NoError(w.t, err, "%s", out)
	data, err := os.ReadFile(real)
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(module+".real", data, 0o700))
	require.NoError(w.t, os.WriteFile(module+".ctl", make([]byte, 4096), 0o600))
	f, err := os.OpenFile(module+".ctl", os.O_RDWR, 0)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, f.Close()) }()
	r := &removable{uri: "pkcs11:token=" + label + "?module-path=" + module}
	r.ctl, err = syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	require.NoError(w.t, err)
	return r
}

// tokens runs a service whose key is on these tokens.
func (w *world) tokens(recover string, all ...*removable) *running {
	w.t.Helper()
	w.write("pin", []byte(secretPIN+"\n"))
	var uris []string
	for _, r := range all {
		uris = append(uris, `"`+r.uri+`"`)
	}
	w.write("signet.yaml", []byte(`
listen: {addresses: "127.0.0.1:0"}
metrics: {listen: "unix:m"}
stores: [{name: hsm, token: [`+strings.Join(uris, ", ")+`], pin: "file:pin", sessions: 3, recover: `+recover+`}]
keys: [{name: seal, store: hsm, label: seal}]
auth: {tokens: tokens}
audit: {path: audit.log}
`))
	c, err := Load(w.path("signet.yaml"))
	require.NoError(w.t, err)
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Log(w.log.String())
		}
	})
	return w.runConfig(c)
}

// crowd are callers that sign and look at every answer until they are told to stop.
type crowd struct {
	r       *running
	w       *world
	all     sync.WaitGroup
	ctx     context.Context
	cancel  context.CancelFunc
	signed  atomic.Int64
	failed  atomic.Int64 // contents and requests
	numbers atomic.Int64
	mu      sync.Mutex
	wrong   []string
	said    map[string]bool // why contents and requests failed
}

func (w *world) crowd(r *running, n int) *crowd {
	c := &crowd{r: r, w: w, said: map[string]bool{}}
	c.ctx, c.cancel = context.WithCancel(w.t.Context())
	for range n {
		c.all.Go(func() {
			for c.ctx.Err() == nil {
				c.once()
			}
		})
	}
	w.t.Cleanup(func() { c.cancel(); c.all.Wait() })
	return c
}

func (c *crowd) complain(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

func (c *crowd) fail(why string) {
	c.failed.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said[why] = true
}

// once signs ten contents that nobody else has.
func (c *crowd) once() {
	contents := make([][]byte, 10)
	body := []byte(`{"Thumbprint":"` + sign.Thumbprint(c.w.id.Certificate()) + `","Contents":[`)
	for i := range contents {
		contents[i] = fmt.Appendf(nil, "content number %d", c.numbers.Add(1))
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, "%q", base64.StdEncoding.EncodeToString(contents[i]))
	}
	a, err := c.r.try(http.MethodPost, "/v2/sign", c.w.token, bytes.NewReader(append(body, "]}"...)))
	if err != nil {
		c.complain("no answer: %v", err)
		return
	}
	var results []struct{ Result, ErrorMessage *string }
	switch {
	case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "":
		c.fail(a.body)
		return
	case a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &results) != nil || len(results) != len(contents):
		c.complain("%d %s", a.status, a.body)
		return
	}
	for i, r := range results {
		if r.ErrorMessage != nil {
			c.fail(*r.ErrorMessage)
			continue
		}
		der, err := base64.StdEncoding.DecodeString(*r.Result)
		if err != nil {
			c.complain("%v", err)
			continue
		}
		m, err := cades.Parse(der)
		if err != nil {
			c.complain("%v", err)
			continue
		}
		report, err := m.Verify(context.Background(), sign.Bytes("", contents[i]), nil)
		if err != nil || !report.Valid() || !report.Signatures[0].Certificate().Equal(c.w.id.Certificate()) {
			c.complain("content %d of %d: %v %+v", i, len(results), err, report)
		}
		c.signed.Add(1)
	}
}

// more waits for so many signatures more.
func (c *crowd) more(n int64) {
	c.w.t.Helper()
	before := c.signed.Load()
	require.Eventually(c.w.t, func() bool { return c.signed.Load() >= before+n }, waitLong, tick, "nothing is signed any more")
}

func (c *crowd) stop() {
	c.w.t.Helper()
	c.cancel()
	c.all.Wait()
	require.Empty(c.w.t, c.wrong)
}

// audited are the digests that the audit log says were signed; none is there twice.
func (w *world) audited() map[string]bool {
	w.t.Helper()
	data, err := os.ReadFile(w.path("audit.log"))
	require.NoError(w.t, err)
	found := map[string]bool{}
	for line := range bytes.Lines(data) {
		var record struct {
			Items []struct{ Digest, Error string }
		}
		require.NoError(w.t, json.Unmarshal(line, &record))
		for _, item := range record.Items {
			if item.Error == "" {
				require.False(w.t, found[item.Digest], "a content was signed twice")
				found[item.Digest] = true
			}
		}
	}
	return found
}

// TestGroupUnderLoad: one of two tokens dies under load, comes back, and then the other one does. No content fails, and none
// gets a wrong or a second signature.
func TestGroupUnderLoad(t *testing.T) {
	w := newWorld(t)
	both := []*removable{w.removable(w.id), w.removable(w.id)}
	r := w.tokens("30s", both...)
	c := w.crowd(r, 6)
	c.more(100)
	for i, one := range both {
		other := both[1-i]
		one.out(1)
		require.Eventually(t, func() bool { return one.refused() > 0 }, waitLong, tick, "it was not asked while it was out")
		before := other.signatures()
		c.more(200)
		require.Greater(t, other.signatures(), before)
		one.out(0)
		before = one.signatures()
		require.Eventually(t, func() bool { return one.signatures() > before+20 }, waitLong, tick, "it gets no share when it is back")
	}
	c.stop()
	require.Zero(t, c.failed.Load(), "%v", c.said)
	require.NoError(t, r.end())
	require.Len(t, w.audited(), int(c.signed.Load()), "each signature is in the audit log once")
}

// TestGroupIsReadyWithOne: a token that is lost, whichever it is, keeps neither /readyz nor a reload from the other one.
func TestGroupIsReadyWithOne(t *testing.T) {
	w := newWorld(t)
	both := []*removable{w.removable(w.id), w.removable(w.id)}
	r := w.tokens("10m", both...) // a test that waits for a token that is out does not end
	r.signs(w, w.token)
	for i, one := range both {
		one.out(1)
		for range 5 { // until both were asked
			r.signs(w, w.token)
		}
		r.health.stale()
		a := r.do("GET", "/readyz", "", nil)
		require.Equal(t, http.StatusOK, a.status, "token %d is out: %s", i, a.body)
		require.NoError(t, r.Reload(t.Context()))
		r.signs(w, w.token)
		one.out(0)
		require.Eventually(t, func() bool {
			r.health.stale()
			r.do("GET", "/readyz", "", nil) // which asks both
			operator := &running{t: t, base: "http://m", client: unixClient(t, w.path("m"))}
			return strings.Count(operator.do("GET", "/metrics", "", nil).body, `signet_store_member_healthy{member="0",store="hsm"} 1`)+
				strings.Count(operator.do("GET", "/metrics", "", nil).body, `signet_store_member_healthy{member="1",store="hsm"} 1`) == 2
		}, waitLong, tick, "a token that is back is healthy without anybody who signs")
	}
}

// TestGroupDies: when both are out, contents or requests fail and say so, /readyz says no, and all goes on when one is back.
func TestGroupDies(t *testing.T) {
	w := newWorld(t)
	both := []*removable{w.removable(w.id), w.removable(w.id)}
	r := w.tokens("100ms", both...)
	c := w.crowd(r, 4)
	c.more(50)
	require.Zero(t, c.failed.Load())
	both[0].out(1)
	both[1].out(1)
	require.Eventually(t, func() bool { return c.failed.Load() > 40 }, waitLong, tick, "they do not fail")
	r.health.stale()
	require.Equal(t, http.StatusServiceUnavailable, r.do("GET", "/readyz", "", nil).status)
	before := [2]int64{both[0].signatures(), both[1].signatures()}
	both[1].out(0)
	require.Eventually(t, func() bool { return both[1].signatures() > before[1]+50 }, waitLong, tick, "it does not go on when one is back")
	require.Eventually(t, func() bool {
		r.health.stale()
		return r.do("GET", "/readyz", "", nil).status == http.StatusOK
	}, waitLong, tick)
	require.Equal(t, before[0], both[0].signatures())
	both[0].out(0)
	require.Eventually(t, func() bool { return both[0].signatures() > before[0]+20 }, waitLong, tick)
	c.stop()
	for why := range c.said {
		require.Regexp(t, "token|cannot be used now|not signed: the batch had stopped", why)
		require.NotContains(t, why, secretPIN)
	}
	require.NoError(t, r.end())
	w.audited()
}

// TestTokenPulled: the only token of a key is pulled under load and put back. Calls wait for it, and none fails.
func TestTokenPulled(t *testing.T) {
	w := newWorld(t)
	one := w.removable(w.id)
	r := w.tokens("30s", one)
	c := w.crowd(r, 4)
	for range 3 {
		c.more(50)
		before := one.refused()
		one.out(1)
		require.Eventually(t, func() bool { return one.refused() > before+2 }, waitLong, tick)
		one.out(0)
		c.more(50)
	}
	c.stop()
	require.Zero(t, c.failed.Load(), "%v", c.said)
	require.NoError(t, r.end())
	require.Zero(t, atomic.LoadInt64(one.at(1)), "sessions are left")
	require.Len(t, w.audited(), int(c.signed.Load()))
}
