package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// missing skips a test whose other side is not there, or fails it where everything is meant to be there.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("SIGNET_INTEROP") == "require" {
		t.Fatal("SIGNET_INTEROP=require, but " + why)
	}
	t.Skip("SKIPPED, not checked against the other side: " + why)
}

// pyHanko asks judge.py, with the Python that scripts/tools.sh made, or one that has pyHanko.
func pyHanko(t *testing.T, paths ...string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	for _, python := range []string{filepath.Join(cache, "signet-tests", "pyhanko", "bin", "python"), "python3"} {
		if exec.Command(python, "-c", "import pyhanko").Run() != nil {
			continue
		}
		cmd := exec.CommandContext(t.Context(), python, append([]string{"judge.py", "demo/root.pem"}, paths...)...)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		require.NoError(t, err, said.String())
		require.True(t, strings.HasSuffix(string(out), "end\n"))
		return string(out)
	}
	missing(t, "there is no Python with pyHanko; scripts/tools.sh makes one")
	return ""
}

func (w *world) pyHanko(t *testing.T, paths []string, want map[string]string) {
	out := pyHanko(t, paths...)
	for name, level := range want {
		stamped := "False"
		if level == "T" {
			stamped = "True"
		}
		require.Contains(t, out, name+".pdf signature /ETSI.CAdES.detached bottom_line=True intact=True trusted=True coverage=ENTIRE_FILE changes=NONE time-stamp="+
			stamped+" signing_time_in_cms=False M=True\n")
	}
	for _, name := range []string{"plain-B-twice", "streams-T-twice"} {
		require.Equal(t, 2, strings.Count(out, name+".pdf signature /ETSI.CAdES.detached bottom_line=True intact=True trusted=True coverage=ENTIRE_REVISION"), out)
		require.Contains(t, out, name+".pdf time-stamp intact=True trusted=True coverage=ENTIRE_FILE\n")
	}
}

// dss builds the program in the folder dss, unless it was built from the same sources, and runs it.
func dss(t *testing.T, paths ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a Java program")
	}
	java, err := exec.LookPath("java")
	if err != nil {
		missing(t, "there is no java in PATH")
	}
	sum := sha256.New()
	for _, name := range []string{"dss/pom.xml", "dss/src/main/java/signet/Main.java"} {
		f, err := os.Open(name)
		require.NoError(t, err)
		_, err = io.Copy(sum, f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	made := hex.EncodeToString(sum.Sum(nil))
	stamp := filepath.Join("dss", "target", "sources.sha256")
	if old, err := os.ReadFile(stamp); err != nil || string(old) != made {
		mvn, err := exec.LookPath("mvn")
		if err != nil {
			missing(t, "there is no mvn in PATH")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "-ntp", "clean", "compile", "dependency:copy-dependencies", "-DoutputDirectory=target/lib", "-DincludeScope=runtime")
		cmd.Dir = "dss"
		if out, err := cmd.CombinedOutput(); err != nil {
			require.NotContains(t, string(out), "COMPILATION ERROR")
			missing(t, "mvn cannot build dss: "+string(out[max(0, len(out)-500):]))
		}
		require.NoError(t, os.WriteFile(stamp, []byte(made), 0o600))
	}
	classes := filepath.Join("dss", "target", "classes") + string(os.PathListSeparator) + filepath.Join("dss", "target", "lib", "*")
	cmd := exec.CommandContext(t.Context(), java, append([]string{"-cp", classes, "signet.Main", "demo/root.pem"}, paths...)...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, said.String())
	require.True(t, strings.HasSuffix(string(out), "end\n"), said.String())
	return string(out)
}

func (w *world) dss(t *testing.T, paths []string, want map[string]string) {
	out := dss(t, paths...)
	// Without revocation values the verdict on the path is open; everything else is not.
	holds := " intact=true chain=true range=true structure=true changed=false INDETERMINATE\n"
	for name, level := range want {
		require.Contains(t, out, name+".pdf signature PAdES-BASELINE-"+level+holds)
		if level == "T" {
			require.Contains(t, out, name+".pdf time-stamp SIGNATURE_TIMESTAMP intact=true\n")
		}
	}
	for _, name := range []string{"plain-B-twice", "streams-T-twice"} { // a document time-stamp is as good as one inside
		require.Equal(t, 2, strings.Count(out, name+".pdf signature PAdES-BASELINE-T"+holds), out)
		require.Contains(t, out, name+".pdf time-stamp DOCUMENT_TIMESTAMP intact=true\n")
	}
}

// pdfsig asks poppler.
func pdfsig(t *testing.T, path string) string {
	t.Helper()
	program, err := exec.LookPath("pdfsig")
	if err != nil {
		missing(t, "there is no pdfsig in PATH (poppler-utils)")
	}
	out, _ := exec.CommandContext(t.Context(), program, "-nocert", path).CombinedOutput()
	return string(out)
}

func (w *world) pdfsig(t *testing.T, paths []string) {
	for _, path := range paths {
		out := pdfsig(t, path)
		require.Contains(t, out, "Signature is Valid.", path)
		require.NotContains(t, out, "Mismatch", path)
		require.Contains(t, out, "Signature Type: ETSI.CAdES.detached", path)
		if !strings.Contains(path, "twice") {
			require.Contains(t, out, "Total document signed", path)
		}
	}
}

// openSSL checks the first signature of each document over its octets.
func (w *world) openSSL(t *testing.T, paths []string) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		missing(t, "there is no openssl in PATH")
	}
	for _, path := range paths {
		document, err := os.ReadFile(path)
		require.NoError(t, err)
		r := ranges(t, document)[0]
		der, err := hex.DecodeString(string(document[r[1]+1 : r[2]-1]))
		require.NoError(t, err)
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "cms"), der, 0o600))
		content := append(document[:r[1]:r[1]], document[r[2]:r[2]+r[3]]...)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "content"), content, 0o600))
		out, err := exec.CommandContext(t.Context(), openssl, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", filepath.Join(dir, "cms"),
			"-content", filepath.Join(dir, "content"), "-CAfile", "demo/root.pem", "-purpose", "any", "-out", filepath.Join(dir, "out")).CombinedOutput()
		require.NoError(t, err, "%s: %s", path, out)
	}
}
