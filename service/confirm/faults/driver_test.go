package faults

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/confirm"
)

// driver starts replicas, plays the telephones of people, and keeps the log.
type driver struct {
	t        *testing.T
	pki      *testpki.PKI
	setup    string
	client   *http.Client
	replicas []*process

	mu     sync.Mutex
	codes  map[string][]string // by address, the latest last
	events map[string]map[string]int
	came   chan struct{} // closed when a code comes

	unknown atomic.Int64 // replies that were lost
	kills   int
}

// process is a replica; its address changes with each start.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	addr atomic.Pointer[string]
}

func newDriver(t *testing.T, database string, replicas int, limits confirm.Limits) *driver {
	d := &driver{t: t, pki: testpki.New(t), codes: map[string][]string{}, events: map[string]map[string]int{}, came: make(chan struct{})}
	d.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	sink := httptest.NewServer(http.HandlerFunc(d.hear))
	t.Cleanup(sink.Close)
	id := d.pki.Leaf(testpki.P256)
	s := setup{Database: database, Driver: sink.URL, Limits: limits}
	var err error
	s.Key, err = x509.MarshalPKCS8PrivateKey(id.Key)
	require.NoError(t, err)
	for _, c := range id.Chain {
		s.Chain = append(s.Chain, c.Raw)
	}
	text, err := json.Marshal(s)
	require.NoError(t, err)
	d.setup = string(text)
	for range replicas {
		p := &process{}
		d.replicas = append(d.replicas, p)
		d.start(p)
	}
	t.Cleanup(func() {
		for _, p := range d.replicas {
			d.kill(p)
		}
	})
	return d
}

// hear takes what replicas tell.
func (d *driver) hear(_ http.ResponseWriter, r *http.Request) {
	var m told
	if json.NewDecoder(r.Body).Decode(&m) != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if m.Address != "" {
		d.codes[m.Address] = append(d.codes[m.Address], m.Code)
		close(d.came)
		d.came = make(chan struct{})
		return
	}
	if d.events[m.ID] == nil {
		d.events[m.ID] = map[string]int{}
	}
	d.events[m.ID][m.Event]++
}

// sent returns the codes that a telephone got, and a channel that is closed when any telephone gets one.
func (d *driver) sent(address string) ([]string, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.codes[address]), d.came
}

// start starts a replica; one that finds no database is started again.
func (d *driver) start(p *process) {
	self, err := os.Executable()
	require.NoError(d.t, err)
	for until := time.Now().Add(time.Minute); ; {
		p.cmd = exec.Command(self)
		p.cmd.Env = append(os.Environ(), asReplica+"="+d.setup)
		p.cmd.Stderr = os.Stderr
		p.in, err = p.cmd.StdinPipe()
		require.NoError(d.t, err)
		out, err := p.cmd.StdoutPipe()
		require.NoError(d.t, err)
		require.NoError(d.t, p.cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		if err == nil {
			addr := strings.TrimSpace(line)
			p.addr.Store(&addr)
			return
		}
		d.kill(p)
		require.True(d.t, time.Now().Before(until), "a replica does not start")
	}
}

// kill ends a replica as a failure of power would.
func (d *driver) kill(p *process) {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.in.Close()
}

// ask asks any replica once. Known is false when it is not known what has happened.
func (d *driver) ask(ctx context.Context, path string, q question) (a answer, known bool) {
	return d.askOne(ctx, d.replicas[rand.IntN(len(d.replicas))], path, q)
}

func (d *driver) askOne(ctx context.Context, p *process, path string, q question) (a answer, known bool) {
	body, err := json.Marshal(q)
	if err != nil {
		return answer{Error: "other", Text: err.Error()}, false
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+*p.addr.Load()+path, bytes.NewReader(body))
	if err != nil {
		return answer{Error: "other", Text: err.Error()}, false
	}
	reply, err := d.client.Do(r)
	if err == nil {
		err = json.NewDecoder(reply.Body).Decode(&a)
		_ = reply.Body.Close()
	}
	if err != nil {
		a = answer{Error: "other", Text: err.Error()}
	}
	if a.Error == "other" {
		d.unknown.Add(1)
	}
	return a, a.Error != "other"
}

// insist asks until it is known what has happened.
func (d *driver) insist(ctx context.Context, path string, q question) answer {
	for {
		a, known := d.ask(ctx, path, q)
		if known || ctx.Err() != nil {
			return a
		}
		select { // the replica may be dead
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}
