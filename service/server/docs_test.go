package server

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func page(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	require.NoError(t, err)
	return string(data)
}

// TestGuide reads the configuration of the guide with the real reader, and finds every setting in it.
func TestGuide(t *testing.T) {
	blocks := strings.Split(page(t, "service.md"), "```yaml\n")
	require.Len(t, blocks, 3, "the smallest, and that with all settings")
	example, _, ok := strings.Cut(blocks[2], "\n```")
	require.True(t, ok)
	c, p := parse([]byte(example), "/etc/signet")
	if len(p.All) == 0 {
		c.check(p)
	}
	require.NoError(t, p.err())
	var walk func(of reflect.Type)
	seen := map[reflect.Type]bool{}
	walk = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || seen[of] {
			return
		}
		seen[of] = true
		for i := range of.NumField() {
			if name := of.Field(i).Tag.Get("yaml"); name != "" {
				require.Regexp(t, `(?m)^[ #-]*`+regexp.QuoteMeta(name)+`:`, example, "%s of %s is not in the guide", name, of)
				walk(of.Field(i).Type)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

// TestGuideSmallest runs the smallest configuration of the guide as it stands there.
func TestGuideSmallest(t *testing.T) {
	w := newWorld(t)
	w.listed() // for seal.p12 and seal.pass
	smallest, _, ok := strings.Cut(strings.Split(page(t, "service.md"), "```yaml\n")[1], "\n```")
	require.True(t, ok)
	require.LessOrEqual(t, strings.Count(smallest, "\n")+1, 10)
	require.NotContains(t, w.checked(smallest), "failed ")
	c, err := Load(w.path("signet.yaml"))
	require.NoError(t, err)
	c.Listen.Addresses = []Address{"127.0.0.1:0"}
	w.runConfig(c).signs(w, w.token)
}

// TestGuideDefaults: what the guide says of limits is what they are.
func TestGuideDefaults(t *testing.T) {
	w := newWorld(t)
	s := w.server("")
	defer func() { require.NoError(t, s.Close()) }()
	with := w.server(func() string {
		_, rest, _ := strings.Cut(page(t, "service.md"), "\nlimits:\n")
		limits, _, _ := strings.Cut(rest, "\n\n")
		return "limits:\n" + limits + "\n"
	}())
	defer func() { require.NoError(t, with.Close()) }()
	require.Equal(t, s.state.Load().gate.Limits(), with.state.Load().gate.Limits())
}

// TestGuideMetrics: every metric is in the guide, and nothing else.
func TestGuideMetrics(t *testing.T) {
	w := newWorld(t)
	s := w.server("")
	defer func() { require.NoError(t, s.Close()) }()
	all := map[string]bool{}
	described := make(chan *prometheus.Desc, 200)
	s.metrics.registry.Describe(described)
	close(described)
	for d := range described {
		if m := regexp.MustCompile(`fqName: "(signet_[a-z_]+)"`).FindStringSubmatch(d.String()); m != nil {
			all[m[1]] = true
		}
	}
	require.Greater(t, len(all), 15)
	told := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(signet_[a-z_]+)`").FindAllStringSubmatch(page(t, "service.md"), -1) {
		told[m[1]] = true
	}
	require.Equal(t, all, told)
	for _, class := range classes {
		require.Contains(t, page(t, "service.md"), "`"+class+"`")
	}
}

// TestUnit has systemd look at the unit, and at how much it is exposed.
func TestUnit(t *testing.T) {
	c, p := parse([]byte(page(t, "signet.yaml")), "/etc/signet")
	if len(p.All) == 0 {
		c.check(p)
	}
	require.NoError(t, p.err())
	unit := page(t, "signet.service")
	for name := range strings.SplitSeq(page(t, "signet.yaml"), "\n") {
		if _, file, ok := strings.Cut(name, credentials+"/"); ok {
			require.Contains(t, unit, "LoadCredential="+file+":/etc/signet/"+file+"\n")
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("SKIPPED: systemd-analyze is not here (apt-get install systemd)")
	}
	// The program is not installed where tests run.
	file := filepath.Join(t.TempDir(), "signet.service")
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(unit, "/usr/local/bin/signet ", "/bin/true ", 1)), 0o644))
	out, err := exec.Command(analyze, "verify", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
	out, err = exec.Command(analyze, "security", "--offline=true", "--threshold=20", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
