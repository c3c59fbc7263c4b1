package cli_test

import (
	"crypto"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/testsign"
	"github.com/seed-116355fd/signet/tsp"
)

const (
	streebog256DER = "\x06\x08\x2a\x85\x03\x07\x01\x01\x02\x02"
	streebog512DER = "\x06\x08\x2a\x85\x03\x07\x01\x01\x02\x03"
	sha256DER      = "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
)

// gostWorld has authorities of GOST alone, which are asked over HTTP: of certificates, lists, answers and time-stamps.
type gostWorld struct {
	*world
	authorities *testsign.World
	key         []string // what signs
	hash        string   // that of the key, in DER
}

// newGOSTWorld makes a key by the command line, and has it certified.
func newGOSTWorld(t *testing.T, kind, curve string) *gostWorld {
	t.Helper()
	authorityKey := func() crypto.Signer {
		key, err := gost.GenerateNamed(curve)
		require.NoError(t, err)
		return key
	}
	w := &gostWorld{world: newWorld(t), hash: streebog256DER, authorities: testsign.NewOf(t, testsign.Config{AuthorityKey: authorityKey, Schemes: gost.Schemes()})}
	if strings.HasSuffix(kind, "512") {
		w.hash = streebog512DER
	}
	w.authorities.Listen()
	got := w.run("keygen", "--out", "@plain.key", "--no-password", "--type", kind, "--curve", curve)
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	block, _ := pem.Decode([]byte(w.read("plain.key")))
	key, err := gost.ParsePKCS8(block.Bytes)
	require.NoError(t, err)
	signer := w.authorities.Issue(testsign.Certificate{Name: "Seal", Key: key})
	w.write("chain.crt", certPEM(signer.Chain()[0])+certPEM(signer.Chain()[1]))
	w.write("root.crt", string(w.authorities.RootPEM()))
	w.key = []string{"--key", "@plain.key", "--cert", "@chain.crt"}
	w.write("content", "what is signed")
	return w
}

func (w *gostWorld) must(args ...string) outcome {
	w.t.Helper()
	w.now = w.authorities.Now()
	got := w.run(args...)
	require.Equal(w.t, cli.ExitOK, got.code, "%v: %s%s", args, got.stdout, got.stderr)
	return got
}

// authority is how it is asked.
func (w *gostWorld) authority() []string {
	return []string{"--tsa", w.authorities.TSA.URL(), "--allow-private"}
}

// requireLevel verifies a signature, and looks for hashes of others in it.
func (w *gostWorld) requireLevel(name string, level string) {
	w.t.Helper()
	got := w.must("verify", "--json", "--trust", "@root.crt", "--fetch", "--allow-private", "--content", "@content", "@"+name)
	var report struct {
		OK     bool
		Report validate.Report
	}
	require.NoError(w.t, json.Unmarshal([]byte(got.stdout), &report))
	require.True(w.t, report.OK, got.stdout)
	require.Len(w.t, report.Report.Signatures, 1)
	form := strings.NewReplacer("CAdES-", "", " Long Type ", "long").Replace(report.Report.Signatures[0].Form)
	require.Equal(w.t, level, strings.ToLower(form), got.stdout)
	require.NotContains(w.t, w.read(name), sha256DER, "everything is by Streebog")
	require.Contains(w.t, w.read(name), w.hash)
}

// TestGOSTLevels signs at each level at once, and raises to each after the fact. Nothing in the result is by another hash than the key's.
func TestGOSTLevels(t *testing.T) {
	for _, c := range [][2]string{{"gost2012-256", "1.2.643.2.2.35.1"}, {"gost2012-512", "1.2.643.7.1.2.1.2.1"}} {
		t.Run(c[0], func(t *testing.T) {
			w := newGOSTWorld(t, c[0], c[1])
			w.must(append([]string{"sign", "--level", "bes", "--out", "@bes", "@content"}, w.key...)...)
			w.requireLevel("bes/content.p7s", "bes")
			from := "bes"
			for _, level := range []string{"t", "lt", "lta"} {
				w.must(append([]string{"extend", "--level", level, "--trust", "@root.crt", "--content", "@content", "--out", "@" + level, "@" + from + "/content.p7s"}, w.authority()...)...)
				w.requireLevel(level+"/content.p7s", level)
				from = level
			}
			from = "t"
			for _, level := range []string{"c", "xlong1", "a"} {
				w.must(append([]string{"extend", "--level", level, "--trust", "@root.crt", "--content", "@content", "--out", "@" + level, "@" + from + "/content.p7s"}, w.authority()...)...)
				w.requireLevel(level+"/content.p7s", level)
				from = level
			}
			for _, level := range []string{"lta", "a"} {
				args := append(append([]string{"sign", "--level", level, "--out", "@once-" + level, "@content"}, w.key...), w.authority()...)
				w.must(args...)
				w.requireLevel("once-"+level+"/content.p7s", level)
			}
			w.must(append(append([]string{"countersign", "--level", "t", "--out", "@counter", "@t/content.p7s"}, w.key...), w.authority()...)...)
			w.requireLevel("counter/content.p7s", "t")
		})
	}
}

// TestGOSTRenew renews archives whose authority of time-stamps comes to an end, and looks at all hashes again. When that has ended and gives
// no values any more, what was put there still proves it.
func TestGOSTRenew(t *testing.T) {
	for name, evidence := range map[string]bool{"values in the message": false, "values in the time-stamps": true} {
		t.Run(name, func(t *testing.T) { renewGOST(t, evidence) })
	}
}

func renewGOST(t *testing.T, evidence bool) {
	w := newGOSTWorld(t, "gost2012-256", "1.2.643.2.2.35.1")
	for _, level := range []string{"lta", "a"} {
		w.write("archive/"+level+"/content", "what is signed")
		args := append(append([]string{"sign", "--level", level, "@archive/" + level + "/content"}, w.key...), w.authority()...)
		if evidence && level == "a" {
			args = append(args, "--tsa-evidence", "--signer-only", "--no-algorithm-protection")
		}
		w.must(args...)
	}
	w.authorities.Advance(9 * 365 * 24 * time.Hour)
	// Its authority ends before long, and another one asks for time-stamps from then on.
	key, err := gost.GenerateNamed("1.2.643.2.2.35.1")
	require.NoError(t, err)
	authority, err := tsp.NewAuthority(w.authorities.Issue(testsign.Certificate{
		Key: key, NotAfter: w.authorities.Now().AddDate(12, 0, 0), Bend: testpki.Usages(true, testpki.TimeStamping),
	}), &tsp.AuthorityOptions{Clock: w.authorities.Now})
	require.NoError(t, err)
	server := httptest.NewServer(authority)
	defer server.Close()
	renew := func(days string) []renewedLine {
		got := w.must("renew", "--json", "--within", days, "--trust", "@root.crt", "--tsa", server.URL, "--allow-private", "--tsa-evidence="+strconv.FormatBool(evidence), "@archive")
		lines := objects[renewedLine](t, got.stdout)
		require.Len(t, lines, 2)
		return lines
	}
	for _, days := range []string{"300", "400", "400"} {
		for _, l := range renew(days) {
			require.True(t, l.OK && l.Archive)
			require.NotNil(t, l.Ends, "%+v", l)
		}
	}
	for _, l := range renew("2000") { // were GOST R 34.10-2012 not known, these would be due
		require.False(t, l.Due, "%+v", l)
		require.Equal(t, w.authorities.Now().AddDate(12, 0, 0).Year(), l.Ends.Year())
	}
	w.authorities.Advance(3 * 365 * 24 * time.Hour)
	for _, level := range []string{"a", "lta"} {
		w.requireLevel("archive/"+level+"/content.p7s", level)
		m, err := cades.Parse([]byte(w.read("archive/" + level + "/content.p7s")))
		require.NoError(t, err)
		stamps := m.Signatures()[0].Timestamps()
		require.Equal(t, "GOST R 34.11-2012 256", stamps[len(stamps)-1].Token.HashName())
		var archives int
		for _, s := range stamps {
			if s.Kind == cades.ArchiveTimestampV3 || s.Kind == cades.ArchiveTimestampV2 {
				archives++
			}
		}
		require.Equal(t, 2, archives, "renewed once")
	}
}

// TestGOSTTimestampHash takes a hash that is not the key's: it is said, and done.
func TestGOSTTimestampHash(t *testing.T) {
	w := newGOSTWorld(t, "gost2012-256", "1.2.643.2.2.35.1")
	for flag, want := range map[string]string{"": "GOST R 34.11-2012 256", "Streebog-256": "GOST R 34.11-2012 256", "sha512": "SHA-512"} {
		args := append(append([]string{"sign", "--level", "t", "--out", "@out" + flag, "@content"}, w.key...), w.authority()...)
		w.must(append(args, "--tsa-hash="+flag)...)
		m, err := cades.Parse([]byte(w.read("out" + flag + "/content.p7s")))
		require.NoError(t, err)
		stamps := m.Signatures()[0].Timestamps()
		require.Len(t, stamps, 1)
		require.Equal(t, want, stamps[0].Token.HashName(), flag)
	}
	got := w.run("sign", "--key", "@plain.key", "--level", "t", "--tsa", "demo", "--tsa-hash", "streebog", "@content")
	require.Equal(t, cli.ExitUsage, got.code)
	require.Contains(t, got.stderr, "streebog256 or streebog512")
}

// TestTimestampEvidence makes a message of form A as CryptoPro does, at once and by raising it: the judge finds in it what proves each of its
// authorities, also that of the last time-stamp, without asking anybody.
func TestTimestampEvidence(t *testing.T) {
	w := newGOSTWorld(t, "gost2012-256", "1.2.643.2.2.35.1")
	as := []string{"--tsa-evidence", "--signer-only", "--no-algorithm-protection"}
	w.must(append(append([]string{"sign", "--level", "a", "--out", "@without", "@content"}, w.key...), w.authority()...)...)
	w.must(append(append(append([]string{"sign", "--level", "a", "--out", "@with", "@content"}, as...), w.key...), w.authority()...)...)
	w.must(append(append([]string{"sign", "--out", "@raised", "@content"}, as[1:]...), w.key...)...)
	w.must(append([]string{"extend", "--level", "a", "--tsa-evidence", "--trust", "@root.crt", "--cert", "@chain.crt", "--content", "@content", "@raised/content.p7s"}, w.authority()...)...)
	for dir, whole := range map[string]bool{"without": false, "with": true, "raised": true} {
		got := w.run("verify", "--json", "--trust", "@root.crt", "--content", "@content", "@"+dir+"/content.p7s")
		var report struct{ Report validate.Report }
		require.NoError(t, json.Unmarshal([]byte(got.stdout), &report), "%s%s", got.stdout, got.stderr)
		require.Len(t, report.Report.Signatures, 1)
		stamps := report.Report.Signatures[0].Timestamps
		require.Len(t, stamps, 3)
		for _, stamp := range stamps {
			require.Equal(t, validate.TotalPassed, stamp.Indication, "%s: %+v", dir, stamp)
		}
		m, err := cades.Parse([]byte(w.read(dir + "/content.p7s")))
		require.NoError(t, err)
		require.Equal(t, whole, m.Signatures()[0].Timestamps()[2].Kind == cades.ArchiveTimestampV3, dir)
		last, err := cms.ParseSignedData(m.Signatures()[0].Timestamps()[2].Token.Raw)
		require.NoError(t, err)
		require.Equal(t, whole, len(cms.ValuesOf(last.Signers[0].Unsigned).OCSP) == 1, dir)
		require.Equal(t, whole, len(m.Certificates()) == 1, "%s: of the signer alone", dir)
		require.Equal(t, whole, !strings.Contains(w.read(dir+"/content.p7s"), string(cms.OIDAlgorithmProtection)), dir)
	}
	w.must(append([]string{"sign", "--out", "@plain", "@content"}, w.key...)...)
	w.must(append(append([]string{"countersign", "--level", "t", "--tsa-evidence", "--out", "@counter", "@plain/content.p7s"}, w.key...), w.authority()...)...)
	require.Contains(t, w.read("counter/content.p7s"), string(cms.OIDRevocationValues))
	for level, says := range map[string]string{"bes": "--tsa-evidence is for levels t, c, xlong1 and a", "lt": "not for lt", "lta": "not for lta"} {
		args := []string{"sign", "--key", "demo", "--level", level, "--tsa-evidence", "@content"}
		if level != "bes" {
			args = append(args, "--tsa", "demo")
		}
		got := w.run(args...)
		require.Equal(t, cli.ExitUsage, got.code)
		require.Contains(t, got.stderr, says)
	}
}
