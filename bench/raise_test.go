package bench_test

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

var raiseItems = flag.Int("raise", 1000, "contents of a batch with time-stamps")

// BenchmarkRaise signs a batch at levels with time-stamps of an authority that needs 20 ms for an answer, with 16 requests
// under way at once. The metric is how much longer that takes than the authority needs at least.
func BenchmarkRaise(b *testing.B) {
	const answer, inFlight = 20 * time.Millisecond, 16
	pki := testpki.New(b)
	authority := testlevels.Authority(b, pki, nil)
	var answering atomic.Int64 // what the answers took, timers being late and the token signed
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		time.Sleep(answer)
		authority.ServeHTTP(w, r)
		answering.Add(int64(time.Since(start)))
	}))
	defer server.Close()
	id := pki.Leaf(testpki.P256)
	key, err := soft.NewKey(id.Key, 0)
	if err != nil {
		b.Fatal(err)
	}
	signer, err := sign.New(key, id.Chain, sign.Schemes(id.Key.Public())[0])
	if err != nil {
		b.Fatal(err)
	}
	contents := make([]batch.Content, *raiseItems)
	for i := range contents {
		contents[i] = sign.Bytes("", make([]byte, 1024))
	}
	for _, level := range []cades.Level{cades.LevelT, cades.LevelLT, cades.LevelLTA} {
		b.Run("level="+level.String(), func(b *testing.B) {
			client, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: server.URL}}, InFlight: inFlight})
			if err != nil {
				b.Fatal(err)
			}
			o := &cades.Options{Level: level, Timestamper: client, Revocation: testlevels.NewSource(b, pki)}
			var took time.Duration
			answering.Store(0)
			for b.Loop() {
				start := time.Now()
				results, err := batch.Sign(context.Background(), signer, o, contents, nil)
				if err != nil {
					b.Fatal(err)
				}
				took += time.Since(start)
				for _, r := range results {
					if r.Err != nil {
						b.Fatal(r.Err)
					}
				}
			}
			b.ReportMetric(float64(took)/(float64(answering.Load())/inFlight), "x-of-authority")
		})
	}
}
