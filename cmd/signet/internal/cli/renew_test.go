package cli_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// archives is a folder of archives, with authorities of time-stamps and of certificates that are asked over HTTP. What the
// certificates of the authorities of time-stamps end on is in their path: /tsa/2031-01-01.
type archives struct {
	*world
	url string

	mu      sync.Mutex
	stamps  int
	onStamp func()
}

func newArchives(t *testing.T) *archives {
	w := &archives{world: newWorld(t)}
	w.now = testpki.Now()
	made := map[string]http.Handler{}
	var lower testpki.Identity
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		list := func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = w.now.Add(-time.Hour), w.now.AddDate(1, 0, 0)
		}
		switch until, isTSA := strings.CutPrefix(r.URL.Path, "/tsa/"); {
		case r.URL.Path == "/root.crl":
			_, _ = out.Write(testpki.RevocationList(t, w.pki.Root, nil, list))
		case r.URL.Path == "/lower.crl":
			_, _ = out.Write(testpki.RevocationList(t, lower, nil, list))
		case isTSA:
			if made[until] == nil {
				date, rsa := strings.CutPrefix(until, "rsa/")
				end, err := time.Parse(time.DateOnly, date)
				if err != nil {
					t.Error(err)
				}
				bend := func(c *x509.Certificate) { c.NotAfter, c.CRLDistributionPoints = end, []string{w.url + "/lower.crl"} }
				clock := func() time.Time { return w.now }
				if made[until] = testlevels.Authority(t, w.pki, clock, bend); rsa {
					made[until] = authorityOf(t, w.pki.TSA(testpki.RSA2048, bend), clock)
				}
			}
			w.stamps++
			if w.onStamp != nil {
				w.onStamp()
			}
			made[until].ServeHTTP(out, r)
		}
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	w.pki.Authority = w.pki.SubAuthority("An authority that names its list", w.pki.Root, func(c *x509.Certificate) { c.CRLDistributionPoints = []string{w.url + "/root.crl"} })
	lower = w.pki.Authority
	w.id = w.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.CRLDistributionPoints = []string{w.url + "/lower.crl"} })
	w.write("key.pem", keyPEM(t, w.id)+w.read("root.pem"))
	return w
}

// authorityOf makes an authority of time-stamps with an RSA key.
func authorityOf(t *testing.T, id testpki.Identity, clock func() time.Time) *tsp.Authority {
	t.Helper()
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(t, err)
	signer, err := sign.New(key, id.Chain, testpki.Must(sign.PKCS1(crypto.SHA256)))
	require.NoError(t, err)
	a, err := tsp.NewAuthority(signer, &tsp.AuthorityOptions{Clock: clock})
	require.NoError(t, err)
	return a
}

// make signs a content into the folder.
func (w *archives) make(name, level, until string, flags ...string) {
	w.t.Helper()
	if _, err := os.Stat(w.path(name)); err != nil {
		w.write(name, "content of "+name)
	}
	args := []string{"sign", "--key", "@key.pem", "--level", level, "@" + name}
	if level != "bes" {
		args = append(args, "--tsa", w.url+"/tsa/"+until, "--allow-private")
	}
	got := w.run(append(args, flags...)...)
	require.Zero(w.t, got.code, got.stderr)
}

type renewedLine struct {
	Signature, Level, Why, Error string
	OK, Archive, Due, Renewed    bool
	Ends                         *time.Time
}

func (w *archives) renew(args ...string) (outcome, map[string]renewedLine) {
	w.t.Helper()
	got := w.run(append([]string{"renew", "--json", "--allow-private", "@archive"}, args...)...)
	lines := map[string]renewedLine{}
	for _, l := range objects[renewedLine](w.t, got.stdout) {
		lines[strings.TrimPrefix(l.Signature, "@archive/")] = l
	}
	return got, lines
}

func (w *archives) contents(names ...string) map[string]string {
	all := map[string]string{}
	for _, name := range names {
		all[name] = w.read("archive/" + name)
	}
	return all
}

// TestRenew finds the archives that come to an end and renews these, once.
func TestRenew(t *testing.T) {
	w := newArchives(t)
	w.make("archive/soon", "lta", "2027-03-01")
	w.make("archive/attached", "lta", "2027-03-01", "--attached")
	w.make("archive/old form", "a", "2027-03-01", "--attached")
	w.make("archive/late", "lta", "2035-01-01")
	w.make("archive/plain", "bes", "")
	w.make("archive/stamped", "t", "2027-03-01")
	all := []string{"soon.p7s", "attached.p7m", "old form.p7m", "late.p7s", "plain.p7s", "stamped.p7s"}
	due := map[string]bool{"soon.p7s": true, "attached.p7m": true, "old form.p7m": true}
	before := w.contents(all...)

	got, lines := w.renew("--before", "2030-01-01", "--dry-run")
	require.Zero(t, got.code, got.stderr)
	require.Len(t, lines, len(all))
	for name, l := range lines {
		require.Equal(t, renewedLine{Signature: l.Signature, Level: l.Level, Why: l.Why, Ends: l.Ends, OK: true, Archive: due[name] || name == "late.p7s", Due: due[name]}, l)
	}
	require.Equal(t, "2027-03-01", lines["soon.p7s"].Ends.Format(time.DateOnly))
	require.Contains(t, lines["soon.p7s"].Why, "the certificate of")
	require.Equal(t, before, w.contents(all...))
	text := w.run("renew", "--dry-run", "--before", "2030-01-01", "@archive")
	require.Contains(t, text.stdout, "@archive/soon.p7s: CAdES-LTA, ends on 2027-03-01: the certificate of")
	require.NotContains(t, text.stdout, "late")
	require.Contains(t, text.stderr, "3 archives to renew, 1 not due, 2 files without an archive time-stamp")
	got, lines = w.renew("--before", "2027-01-01", "--dry-run")
	require.Zero(t, got.code)
	require.False(t, lines["soon.p7s"].Due, "it ends later")

	w.now = w.now.AddDate(0, 3, 0)
	require.NoError(t, os.Chmod(w.path("archive/soon.p7s"), 0o640))
	got, lines = w.renew("--within", "1500", "--tsa", w.url+"/tsa/2036-01-01")
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stderr, "3 archives renewed, 1 not due")
	for name, l := range lines {
		require.Equal(t, due[name], l.Renewed, name)
		if due[name] {
			require.Equal(t, "2036-01-01", l.Ends.Format(time.DateOnly))
			require.NotEqual(t, before[name], w.read("archive/"+name))
		} else {
			require.Equal(t, before[name], w.read("archive/"+name))
		}
	}
	info, err := os.Stat(w.path("archive/soon.p7s"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	for name := range due {
		old, err := cades.Parse([]byte(before[name]))
		require.NoError(t, err)
		s, _ := w.levelOf("archive/" + name)
		require.Len(t, s.Timestamps(), len(old.Signatures()[0].Timestamps())+1)
		got := w.run("verify", "--trust", "@root.pem", "@archive/"+name)
		require.Zero(t, got.code, got.stdout)
	}

	after, stamps := w.contents(all...), w.stamps
	got, _ = w.renew("--within", "1500", "--tsa", w.url+"/tsa/2036-01-01")
	require.Zero(t, got.code)
	require.Contains(t, got.stderr, "0 archives renewed, 4 not due")
	require.Equal(t, after, w.contents(all...), "what was renewed is not renewed again")
	require.Equal(t, stamps, w.stamps, "and no authority is asked")
	for _, file := range w.files("archive") {
		require.NotContains(t, file, ".signet-")
	}
}

// TestRenewGains takes no time-stamp that lasts no longer, however often it is run, and warns of one that lasts too short.
func TestRenewGains(t *testing.T) {
	w := newArchives(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		w.make("archive/"+name, "lta", "2028-01-01")
	}
	before := w.contents("a.p7s", "b.p7s", "c.p7s", "d.p7s")
	stamps := w.stamps
	got, lines := w.renew("--before", "2030-01-01", "--jobs", "1", "--tsa", w.url+"/tsa/2028-01-01")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, lines["a.p7s"].Error, "would not last longer than what is there: it would end on 2028-01-01")
	require.Equal(t, before, w.contents("a.p7s", "b.p7s", "c.p7s", "d.p7s"))
	require.Equal(t, stamps+1, w.stamps, "the authority is not asked for what would be thrown away")

	text := w.run("renew", "--allow-private", "--before", "2030-01-01", "--tsa", w.url+"/tsa/2029-01-01", "@archive")
	require.Zero(t, text.code, text.stderr)
	require.Contains(t, text.stderr, "@archive/a.p7s is renewed: it ends on 2029-01-01 now")
	require.Contains(t, text.stderr, "warning: @archive/a.p7s ends before 2030-01-01 all the same")
	after := w.contents("a.p7s", "b.p7s")
	got, _ = w.renew("--before", "2030-01-01", "--tsa", w.url+"/tsa/2029-01-01")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Equal(t, after, w.contents("a.p7s", "b.p7s"), "it does not grow with each run")
}

// TestRenewFaults leaves what cannot be renewed as it is, and goes on.
func TestRenewFaults(t *testing.T) {
	w := newArchives(t)
	for _, name := range []string{"good", "changed", "alone", "bent"} {
		w.make("archive/"+name, "lta", "2027-03-01")
	}
	w.write("archive/changed", "other content")
	require.NoError(t, os.Remove(w.path("archive/alone")))
	w.write("archive/garbage.p7s", "words")
	w.write("archive/cert.p7m", string(w.id.Chain[0].Raw))
	w.write("archive/.signet-1.tmp", "left by a program that was killed")
	der := w.read("archive/bent.p7s")
	w.write("archive/bent.p7s", strings.Replace(der, string(w.signatureValue("archive/bent.p7s")[:8]), "\x00\x00\x00\x00\x00\x00\x00\x00", 1))
	require.NoError(t, os.Symlink(w.path("archive/good.p7s"), w.path("archive/link.p7s")))
	names := []string{"changed.p7s", "alone.p7s", "bent.p7s", "garbage.p7s", "cert.p7m"}
	before := w.contents(names...)
	got, lines := w.renew("--before", "2030-01-01", "--jobs", "1", "--tsa", w.url+"/tsa/2036-01-01", "@archive/good.p7s")
	require.Equal(t, cli.ExitFailed, got.code)
	for name, says := range map[string]string{
		"changed.p7s": "does not verify", "alone.p7s": "its content @archive/alone is not there", "bent.p7s": "does not verify", "garbage.p7s": "this is not a signature", "cert.p7m": "this is a certificate",
	} {
		require.Contains(t, lines[name].Error, says, name)
		require.False(t, lines[name].OK || lines[name].Renewed)
	}
	require.Equal(t, before, w.contents(names...))
	require.True(t, lines["good.p7s"].Renewed)
	require.NotContains(t, lines, "link.p7s", "a link to it is the same archive")
	info, err := os.Lstat(w.path("archive/link.p7s"))
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeSymlink)

	// The authority cannot be reached: nothing is lost, and another run goes on.
	w.make("archive/two", "lta", "2027-03-01")
	was := w.read("archive/two.p7s")
	got, lines = w.renew("--before", "2030-01-01", "--tsa", "http://127.0.0.1:1/")
	require.Equal(t, cli.ExitFailed, got.code)
	require.NotEmpty(t, lines["two.p7s"].Error)
	require.Equal(t, was, w.read("archive/two.p7s"))

	// Somebody else changes the file while it is renewed.
	w.onStamp = func() { w.write("archive/two.p7s", was+"\n") }
	_, lines = w.renew("--before", "2030-01-01", "--tsa", w.url+"/tsa/2036-01-01")
	require.Contains(t, lines["two.p7s"].Error, "it was changed while it was renewed")
	require.Equal(t, was+"\n", w.read("archive/two.p7s"))
	w.onStamp = nil
}

func (w *archives) signatureValue(name string) []byte {
	s, _ := w.levelOf(name)
	return s.Value()
}

// TestRenewInterrupted stops in the midst and goes on in the next run, without renewing anything twice.
func TestRenewInterrupted(t *testing.T) {
	w := newArchives(t)
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		w.make("archive/"+name, "lta", "2027-03-01")
	}
	ctx, stop := context.WithCancel(t.Context())
	left := 2
	w.onStamp = func() {
		if left--; left == 0 {
			stop()
		}
	}
	args := []string{"renew", "--allow-private", "--before", "2030-01-01", "--jobs", "1", "--tsa", w.url + "/tsa/2036-01-01", "@archive"}
	got := w.runContext(ctx, append([]string(nil), args...)...)
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, "run it again to go on")
	w.onStamp = nil
	got = w.run(append([]string(nil), args...)...)
	require.Zero(t, got.code, got.stderr)
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		s, _ := w.levelOf("archive/" + name + ".p7s")
		require.Len(t, s.Timestamps(), 3, name)
	}
}

// TestRenewForeignStamps does not let a time-stamp that anybody can add keep an archive from being renewed.
func TestRenewForeignStamps(t *testing.T) {
	w := newArchives(t)
	w.make("archive/a", "lta", "2027-03-01")
	w.write("foreign/root.pem", certPEM(testpki.New(t).Root.Certificate()))
	_, lines := w.renew("--before", "2026-12-01", "--dry-run", "--trust", "@root.pem")
	require.False(t, lines["a.p7s"].Due)
	_, lines = w.renew("--before", "2026-12-01", "--dry-run", "--trust", "@foreign")
	require.True(t, lines["a.p7s"].Due, "no time-stamp of an authority that is trusted protects it")
	require.Nil(t, lines["a.p7s"].Ends)
	now := w.now
	w.now = now.AddDate(-1, 0, 0)
	_, lines = w.renew("--before", "2026-12-01", "--dry-run")
	require.True(t, lines["a.p7s"].Due, "nor does one of the future")
}

// TestRenewExpired renews what a signer whose certificate has expired made: his time-stamps prove it when they are trusted.
func TestRenewExpired(t *testing.T) {
	w := newArchives(t)
	id := w.pki.Leaf(testpki.P256, func(c *x509.Certificate) {
		c.CRLDistributionPoints, c.NotAfter = []string{w.url + "/lower.crl"}, w.now.AddDate(0, 2, 0)
	})
	w.write("key.pem", keyPEM(t, id)+w.read("root.pem"))
	w.make("archive/a", "lta", "2028-01-01")
	w.now = w.now.AddDate(0, 6, 0)
	before := w.read("archive/a.p7s")
	flags := []string{"--before", "2030-01-01", "--tsa", w.url + "/tsa/2035-01-01"}
	got, lines := w.renew(flags...)
	require.Equal(t, cli.ExitFailed, got.code, "nobody says who made the time-stamps")
	require.NotEmpty(t, lines["a.p7s"].Error)
	w.write("foreign.pem", certPEM(testpki.New(t).Root.Certificate()))
	got, _ = w.renew(append(flags, "--trust", "@foreign.pem")...)
	require.Equal(t, cli.ExitFailed, got.code)
	require.Equal(t, before, w.read("archive/a.p7s"))
	got, lines = w.renew(append(flags, "--trust", "@root.pem")...)
	require.Zero(t, got.code, got.stderr+lines["a.p7s"].Error)
	require.True(t, lines["a.p7s"].Renewed)
	got = w.run("verify", "--trust", "@root.pem", "@archive/a.p7s")
	require.Zero(t, got.code, got.stdout)
	got = w.run("extend", "--level", "lta", "--tsa", w.url+"/tsa/2035-01-01", "--allow-private", "@archive/a.p7s")
	require.Equal(t, cli.ExitFailed, got.code)
	got = w.run("extend", "--level", "lta", "--tsa", w.url+"/tsa/2035-01-01", "--allow-private", "--trust", "@root.pem", "@archive/a.p7s")
	require.Zero(t, got.code, got.stderr)
}

// TestRenewAlgorithms renews what is made with algorithms that come to an end before the certificate does.
func TestRenewAlgorithms(t *testing.T) {
	w := newArchives(t)
	w.make("archive/rsa", "lta", "rsa/2035-01-01")
	w.make("archive/ec", "lta", "2035-01-01")
	_, lines := w.renew("--before", "2031-01-01", "--dry-run")
	require.True(t, lines["rsa.p7s"].Due)
	require.Contains(t, lines["rsa.p7s"].Why, "RSA")
	require.Contains(t, lines["rsa.p7s"].Why, "is no longer good")
	require.True(t, lines["rsa.p7s"].Ends.Before(time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)))
	require.False(t, lines["ec.p7s"].Due)
	got, lines := w.renew("--before", "2031-01-01", "--tsa", w.url+"/tsa/rsa/2036-01-01")
	require.Equal(t, cli.ExitFailed, got.code, "a longer certificate does not help")
	require.Contains(t, lines["rsa.p7s"].Error, "would not last longer")
	got, lines = w.renew("--before", "2031-01-01", "--tsa", w.url+"/tsa/2034-01-01")
	require.Zero(t, got.code, got.stderr)
	require.True(t, lines["rsa.p7s"].Renewed)
}

func TestRenewUsage(t *testing.T) {
	w := newWorld(t)
	w.write("archive/a.p7s", "x")
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "give the folders"},
		{[]string{"@archive"}, "--before TIME, or --within DAYS"},
		{[]string{"--before", "2030-01-01", "--within", "3", "@archive"}, "give one of"},
		{[]string{"--before", "soon", "@archive"}, "2026-03-01"},
		{[]string{"--within", "-1", "@archive"}, "from 0"},
		{[]string{"--within", "30", "@archive"}, "--tsa"},
		{[]string{"--within", "30", "--tsa", "demo", "--jobs", "0", "@archive"}, "--jobs 0"},
		{[]string{"--within", "30", "--dry-run", "@nothing.d/"}, ""},
		{[]string{"--within", "30", "--dry-run", "-"}, "standard input"},
		{[]string{"--within", "30", "--dry-run", "--trust", "@archive/a.p7s", "@archive"}, "no certificate"},
	} {
		got := w.run(append([]string{"renew"}, c.args...)...)
		if c.says == "" {
			require.Equal(t, cli.ExitFailed, got.code)
			require.Contains(t, got.stderr, "no such file")
			continue
		}
		require.Equal(t, cli.ExitUsage, got.code, c.args)
		require.Contains(t, got.stderr, c.says)
	}
}
