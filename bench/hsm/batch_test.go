package hsm_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// TestBatch compares a batch of detached CAdES-BES containers over 1 KiB with bare loops of as many sessions, which make
// signatures only:
//
//	go test -v -run Batch -timeout 1h ./hsm -measure
func TestBatch(t *testing.T) {
	if !*measure {
		t.Skip("SKIPPED: set -measure")
	}
	module := makeToken(t)
	contents := make([]batch.Content, 2000)
	for i := range contents {
		contents[i] = sign.Bytes(strconv.Itoa(i), make([]byte, 1024))
	}
	for _, m := range []front{{"SoftHSM2", 0, false}, {"network", *delay, true}} {
		few := 300 // contents that take some 200 ms
		if m.wait > 0 {
			few = 100
		}
		next := instances(t, module, m)
		raw, path := bareLoops(t, next(), make([]byte, 32)), next()
		for _, a := range algorithms {
			if m.elsewhere && a.name == "rsa-2048" {
				continue // for other data each time, it would do the arithmetic here
			}
			for _, text := range strings.Split(*sessions, ",") {
				n, err := strconv.Atoi(text)
				check(t, err)
				t.Run(fmt.Sprintf("%s/%s/%d", m.name, a.name, n), func(t *testing.T) {
					signer := signerOn(t, path, a.name, n)
					bare := raw(t, a, n)
					var ratios []float64
					for range *repeats {
						var loops, batches float64
						for range *turns {
							loops += rate(t, bare)
							start := time.Now()
							results, err := batch.Sign(t.Context(), signer, &cades.Options{}, contents[:few*min(n, 4)], nil)
							check(t, err)
							batches += float64(len(results)) / time.Since(start).Seconds()
						}
						ratios = append(ratios, batches/loops)
					}
					slices.Sort(ratios)
					t.Logf("%.3f of raw [%.3f..%.3f]", ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
				})
			}
		}
	}
}

// signerOn opens the token with n sessions, and makes a certificate of the key for it.
func signerOn(t *testing.T, path, name string, n int) *sign.Signer {
	config := pkcs11.Config{Module: path, TokenLabel: label, PIN: pkcs11.PIN(sign.NewSecret([]byte(pin))), Sessions: n, SkipCheck: true}
	for {
		p, err := pkcs11.Open(t.Context(), config)
		check(t, err)
		t.Cleanup(func() { check(t, p.Close()) })
		if config.Certificates != nil {
			signer, err := sign.Open(t.Context(), p, sign.Ref{Label: name})
			check(t, err)
			return signer
		}
		key, err := p.Key(t.Context(), sign.Ref{Label: name})
		check(t, err)
		config.Certificates = testpki.New(t).LeafOf(key, name).Chain
	}
}
