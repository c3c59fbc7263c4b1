package interop_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	code := m.Run()
	bc.stop()
	dss.stop()
	asics.stop()
	os.Exit(code)
}

// missing skips a test whose other side is not there, or fails it where everything is meant to be there.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	why := fmt.Sprintf(format, args...)
	if os.Getenv("SIGNET_INTEROP") == "require" {
		t.Fatal("SIGNET_INTEROP=require, but " + why)
	}
	t.Skip("SKIPPED, not checked against the other side: " + why)
}

// openSSL runs a command of OpenSSL and fails the test when it fails.
func openSSL(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := tryOpenSSL(t, args...)
	require.NoError(t, err, "openssl %s\n%s", strings.Join(args, " "), out)
	return out
}

func tryOpenSSL(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		missing(t, "there is no openssl in PATH")
	}
	return exec.CommandContext(t.Context(), path, args...).CombinedOutput()
}

// haveOpenSSL skips the test unless OpenSSL 3 is there: earlier ones lack -cades in cms -verify.
func haveOpenSSL(t *testing.T) {
	t.Helper()
	out := string(openSSL(t, "version"))
	var major int
	if _, err := fmt.Sscanf(out, "OpenSSL %d.", &major); err != nil || major < 3 {
		missing(t, "openssl is %q, and version 3 is needed", strings.TrimSpace(out))
	}
}

// runner is a Java program of a folder beside this file. It is built and started when first asked, and answers requests
// one by one.
type runner struct {
	folder string
	// optimise is for what runs long enough that the better compiler of the virtual machine is worth its time.
	optimise bool

	once    sync.Once
	problem error
	mu      sync.Mutex
	process *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
}

var (
	bc  = &runner{folder: "bc"}
	dss = &runner{folder: "dss"}

	asics = &runner{folder: "asic"}
)

// need skips the test unless the runner runs.
func (r *runner) need(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a Java program")
	}
	r.once.Do(func() { r.problem = r.start() })
	if r.problem != nil {
		missing(t, "the runner of interop/%s cannot run: %v", r.folder, r.problem)
	}
}

// ask sends a request and returns the answer; an answer that says "error" is err.
func (r *runner) ask(t *testing.T, words ...string) (map[string]string, error) {
	t.Helper()
	r.need(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := io.WriteString(r.stdin, strings.Join(words, "\t")+"\n")
	require.NoError(t, err)
	line, err := r.stdout.ReadString('\n')
	require.NoError(t, err, "the runner of interop/%s has ended", r.folder)
	parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
	answer := map[string]string{}
	for _, part := range parts[1:] {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			name, value = "", part
		}
		answer[name], err = url.QueryUnescape(value)
		require.NoError(t, err)
	}
	if parts[0] != "ok" {
		return nil, fmt.Errorf("interop/%s: %s", r.folder, answer[""])
	}
	return answer, nil
}

// must is ask for a request that has to succeed.
func (r *runner) must(t *testing.T, words ...string) map[string]string {
	t.Helper()
	answer, err := r.ask(t, words...)
	require.NoError(t, err, strings.Join(words, " "))
	return answer
}

func (r *runner) start() error {
	java, err := exec.LookPath("java")
	if err != nil {
		return err
	}
	if err := r.build(); err != nil {
		return err
	}
	target := filepath.Join(r.folder, "target")
	classes := filepath.Join(target, "classes") + string(os.PathListSeparator) + filepath.Join(target, "lib", "*")
	args := []string{"-cp", classes, "signet.interop.Main"}
	if !r.optimise {
		args = append([]string{"-XX:TieredStopAtLevel=1"}, args...)
	}
	r.process = exec.Command(java, args...)
	r.process.Stderr = io.Discard
	if r.stdin, err = r.process.StdinPipe(); err != nil {
		return err
	}
	out, err := r.process.StdoutPipe()
	if err != nil {
		return err
	}
	r.stdout = bufio.NewReader(out)
	return r.process.Start()
}

// build compiles the runner unless what is in its target folder was made from the same sources.
func (r *runner) build() error {
	sum, err := r.sources()
	if err != nil {
		return err
	}
	stamp := filepath.Join(r.folder, "target", "sources.sha256")
	if old, err := os.ReadFile(stamp); err == nil && string(old) == sum {
		return nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return err
	}
	// A registry that is out of reach must not take the time of all the tests.
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "-ntp", "clean", "compile", "dependency:copy-dependencies", "-DoutputDirectory=target/lib", "-DincludeScope=runtime")
	cmd.Dir = r.folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn: %w: %s", err, lastLines(string(out), 6))
	}
	return os.WriteFile(stamp, []byte(sum), 0o600)
}

func (r *runner) sources() (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(r.folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "target":
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n%s\n", path, len(data), data)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// stop lets the program end by itself at the end of its input.
func (r *runner) stop() {
	if r.process == nil || r.problem != nil {
		return
	}
	_ = r.stdin.Close()
	_ = r.process.Wait()
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
