package service_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/bench"
	"github.com/seed-116355fd/signet/bench/service"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/api"
	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/cryptoapi"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

var (
	measure  = flag.Bool("measure", false, "run TestInterleaved, which takes minutes")
	slice    = flag.Duration("slice", 150*time.Millisecond, "how long each implementation runs at a turn; in process it is half of it before and after")
	turns    = flag.Int("turns", 12, "turns; medians and quartiles are printed")
	callers  = flag.String("callers", "1,8", "numbers of connections")
	sizes    = flag.String("sizes", "10000", "octets of a content")
	keyNames = flag.String("keys", "ecdsa-p256,rsa-2048", "kinds of keys")
	impls    = flag.String("impls", "v2,ndjson,naive", "what is measured: v2, ndjson, naive; also audited (v2 with an audit log)")
)

const contentsOfRequest = 100

type world struct {
	signer   *sign.Signer
	contents [][]byte
	requests map[string][]byte
	addr     map[string]string

	thumbprint string
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T, algorithm string, n, size int) *world {
	t.Helper()
	a, err := bench.AlgorithmByName(algorithm)
	check(t, err)
	id, err := a.Identity()
	check(t, err)
	w := &world{signer: id.Signer, addr: map[string]string{}}
	for range n {
		c := make([]byte, size)
		_, _ = rand.Read(c)
		w.contents = append(w.contents, c)
	}
	keysOf, err := soft.New(id.Key, soft.Config{Certificates: id.Signer.Chain()})
	check(t, err)
	set, err := keys.New([]keys.Key{{Name: "seal", Store: &keys.Store{Name: "memory", Open: func(context.Context) (sign.Provider, error) { return keysOf, nil }}}}, nil)
	check(t, err)
	t.Cleanup(func() { _ = set.Close() })
	mount := func(recorder audit.Recorder) string {
		g, err := gate.New(gate.Config{Audit: recorder, Auth: auth.Func(func(r *http.Request) (*auth.Principal, error) {
			return &auth.Principal{Name: "bench", Keys: []string{"*"}, Endpoints: []string{"*"}}, nil
		})})
		check(t, err)
		v2, err := cryptoapi.New(cryptoapi.Config{Keys: set, Gate: g})
		check(t, err)
		v1, err := api.New(api.Config{Keys: set, Gate: g})
		check(t, err)
		mux := http.NewServeMux()
		mux.Handle("/v1/", v1)
		mux.Handle("/", v2)
		return serve(t, mux)
	}
	ours := mount(nil)
	w.addr["v2"], w.addr["ndjson"] = ours, ours
	if strings.Contains(*impls, "audited") {
		log, err := audit.Open(filepath.Join(t.TempDir(), "audit.log"), nil)
		check(t, err)
		t.Cleanup(func() { _ = log.Close() })
		w.addr["audited"] = mount(log)
	}
	w.addr["naive"] = serve(t, service.Naive(id.Certificate, id.Key))
	w.thumbprint = sign.Thumbprint(id.Certificate)
	v2 := service.Request("/v2/sign", "application/json", service.JSON(w.thumbprint, w.contents))
	w.requests = map[string][]byte{"v2": v2, "naive": v2, "audited": v2, "ndjson": service.Request("/v1/sign", "application/x-ndjson", service.Lines(w.contents))}
	return w
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	s := &http.Server{Handler: h}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// TestAnswers verifies every signature of every implementation.
func TestAnswers(t *testing.T) {
	for _, algorithm := range strings.Split(*keyNames, ",") {
		w := newWorld(t, algorithm, 20, 5000)
		for _, impl := range []string{"v2", "ndjson", "naive"} {
			c, err := service.Dial(w.addr[impl])
			check(t, err)
			var out bytes.Buffer
			if err := c.Do(w.requests[impl], &out); err != nil {
				t.Fatal(impl, err, out.String())
			}
			check(t, c.Close())
			d := json.NewDecoder(&out)
			var answers []struct {
				Result    []byte
				Signature []byte `json:"signature"`
			}
			if impl == "ndjson" {
				for range w.contents {
					answers = append(answers, struct {
						Result    []byte
						Signature []byte `json:"signature"`
					}{})
					check(t, d.Decode(&answers[len(answers)-1]))
					answers[len(answers)-1].Result = answers[len(answers)-1].Signature
				}
			} else {
				check(t, d.Decode(&answers))
			}
			if len(answers) != len(w.contents) {
				t.Fatalf("%s: %d answers", impl, len(answers))
			}
			for i, a := range answers {
				m, err := cades.Parse(a.Result)
				check(t, err)
				report, err := m.Verify(t.Context(), sign.Bytes("", w.contents[i]), nil)
				check(t, err)
				if !report.Valid() {
					t.Fatalf("%s: signature %d: %v", impl, i, report.Signatures[0].Err())
				}
			}
		}
	}
}

// rate runs c callers for a while and returns how many contents a second they got through.
func rate(t *testing.T, c int, d time.Duration, call func(caller int) error) float64 {
	t.Helper()
	var done atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for i := range c {
		wg.Go(func() {
			for time.Since(start) < d {
				if err := call(i); err != nil {
					t.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}

// TestInterleaved measures each implementation between two runs of batch.Sign in process.
func TestInterleaved(t *testing.T) {
	if !*measure {
		t.Skip("SKIPPED: takes minutes; run with -measure")
	}
	for _, algorithm := range strings.Split(*keyNames, ",") {
		for _, size := range numbers(t, *sizes) {
			w := newWorld(t, algorithm, contentsOfRequest, size)
			for _, c := range numbers(t, *callers) {
				w.interleave(t, fmt.Sprintf("%s, %d contents of %d octets, %d callers", algorithm, contentsOfRequest, size, c), c)
			}
		}
	}
}

func numbers(t *testing.T, list string) (all []int) {
	for _, text := range strings.Split(list, ",") {
		n, err := strconv.Atoi(text)
		check(t, err)
		all = append(all, n)
	}
	return all
}

func (w *world) interleave(t *testing.T, title string, c int) {
	names := strings.Split(*impls, ",")
	contents := make([]batch.Content, len(w.contents))
	for i, content := range w.contents {
		contents[i] = sign.Bytes("", content)
	}
	inProcess := func(int) error {
		_, err := batch.Sign(context.Background(), w.signer, &cades.Options{}, contents, nil)
		return err
	}
	ratios, rates := map[string][]float64{}, map[string][]float64{}
	for turn := range *turns + 1 {
		mathrand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for _, name := range names {
			clients := make([]*service.Client, c)
			for i := range clients {
				var err error
				clients[i], err = service.Dial(w.addr[name])
				check(t, err)
			}
			before := rate(t, c, *slice/2, inProcess)
			got := rate(t, c, *slice, func(i int) error { return clients[i].Do(w.requests[name], nil) })
			after := rate(t, c, *slice/2, inProcess)
			for _, client := range clients {
				_ = client.Close()
			}
			if turn == 0 { // warms up
				continue
			}
			ratios[name] = append(ratios[name], 2*got/(before+after))
			rates[name] = append(rates[name], got*contentsOfRequest)
			rates["in process"] = append(rates["in process"], (before+after)/2*contentsOfRequest)
		}
	}
	fmt.Fprintf(os.Stdout, "\n%s\n", title)
	fmt.Fprintf(os.Stdout, "  %-10s %36s %10.0f /s\n", "in process", "", quartile(rates["in process"], 2))
	slices.Sort(names)
	for _, name := range names {
		r := ratios[name]
		fmt.Fprintf(os.Stdout, "  %-10s %.2f x in process [%.2f-%.2f] %10.0f /s\n", name, quartile(r, 2), quartile(r, 1), quartile(r, 3), quartile(rates[name], 2))
	}
	if slices.Contains(names, "naive") && slices.Contains(names, "v2") {
		fmt.Fprintf(os.Stdout, "  v2 is %.1f x naive, ndjson %.1f x\n", quartile(rates["v2"], 2)/quartile(rates["naive"], 2), quartile(rates["ndjson"], 2)/quartile(rates["naive"], 2))
	}
}

func quartile(values []float64, q int) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)*q/4]
}
