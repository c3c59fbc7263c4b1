package service_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-116355fd/signet/bench/service"
)

// serveVariable makes of the test binary a server in a process of its own, whose memory can be told apart from that of its
// clients.
const serveVariable = "SIGNET_BENCH_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "" {
		os.Exit(m.Run())
	}
	testing.Init()
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "Serve", F: func(t *testing.T) {
		w := newWorld(t, "ecdsa-p256", 1, 1)
		fmt.Println("listening", w.addr[os.Getenv(serveVariable)], w.thumbprint)
		_, _ = io.Copy(io.Discard, os.Stdin) // until the parent has gone
	}}}, nil, nil)
}

// raceDetector is set where the tests run with it.
var raceDetector bool

// program is the test binary, without the race detector.
func program(t *testing.T) string {
	t.Helper()
	if !raceDetector {
		return os.Args[0]
	}
	path := filepath.Join(t.TempDir(), "server.test")
	out, err := exec.Command("go", "test", "-c", "-o", path, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("build the server without the race detector: %v: %s", err, out)
	}
	return path
}

type process struct {
	cmd              *exec.Cmd
	addr, thumbprint string
}

func start(t *testing.T, impl string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(program(t), "-test.run", "Serve")}
	p.cmd.Env = append(os.Environ(), serveVariable+"="+impl)
	in, err := p.cmd.StdinPipe()
	check(t, err)
	out, err := p.cmd.StdoutPipe()
	check(t, err)
	check(t, p.cmd.Start())
	t.Cleanup(func() { _ = in.Close(); _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) == 3 && f[0] == "listening" {
			p.addr, p.thumbprint = f[1], f[2]
			break
		}
	}
	if p.addr == "" {
		t.Fatal("the server does not start")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return p
}

// peak is the most memory that the process ever had, in MiB.
func (p *process) peak(t *testing.T) float64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Skip("SKIPPED: there is no /proc here")
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			var kib float64
			_, err := fmt.Sscan(f[1], &kib)
			check(t, err)
			return kib / 1024
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// TestMemory sends requests of 1,000 contents of 100 KB, and one of a million contents.
func TestMemory(t *testing.T) {
	if !*measure {
		t.Skip("SKIPPED: takes minutes; run with -measure")
	}
	contents := make([][]byte, 1000)
	for i := range contents {
		contents[i] = bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 50_000)
	}
	for _, impl := range strings.Split(*impls, ",") {
		p := start(t, impl)
		fmt.Printf("%-8s %6.0f MiB idle", impl, p.peak(t))
		request := service.Request("/v2/sign", "application/json", service.JSON(p.thumbprint, contents))
		if impl == "ndjson" {
			request = service.Request("/v1/sign", "application/x-ndjson", service.Lines(contents))
		}
		c, err := service.Dial(p.addr)
		check(t, err)
		for i := range 4 {
			check(t, c.Do(request, nil))
			if i == 0 {
				fmt.Printf(" %6.0f one request", p.peak(t))
			}
		}
		check(t, c.Close())
		fmt.Printf(" %6.0f four in turn\n", p.peak(t))
	}
	p := start(t, "ndjson")
	line := fmt.Sprintf("{\"content\":%q}\n", base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 1000)))
	const n = 1_000_000
	body := io.MultiReader(&repeated{line, n * len(line), 0})
	response, err := http.Post("http://"+p.addr+"/v1/sign", "application/x-ndjson", body)
	check(t, err)
	answers, err := io.Copy(io.Discard, response.Body)
	check(t, err)
	fmt.Printf("a million contents of 1 KB: %.0f MiB, for an answer of %d MiB\n", p.peak(t), answers>>20)
}

// repeated is a line many times.
type repeated struct {
	line string
	left int
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.line[r.at:])
	r.at, r.left = (r.at+n)%len(r.line), r.left-n
	return n, nil
}
