package batch_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"expvar"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// meter counts steps and their time, as variables that package expvar serves at /debug/vars, and keeps a line of trace for each. A program
// with a library for metrics or traces does the same with that.
type meter struct {
	steps, failures, nanoseconds expvar.Map // by step

	mu    sync.Mutex
	lines []string
}

type traceID struct{}

// Observe is called from many goroutines. ctx is the one that the batch was given, where a tracer finds the parent of a span, whose times
// are o.Start and o.Start.Add(o.Took).
func (m *meter) Observe(ctx context.Context, o batch.Observation) {
	step := o.Step.String()
	m.steps.Add(step, int64(o.Count))
	m.nanoseconds.Add(step, int64(o.Took))
	if o.Err != nil {
		m.failures.Add(step, int64(o.Count))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = append(m.lines, fmt.Sprintf("trace %v: %s %s failed=%t", ctx.Value(traceID{}), o.Name, step, o.Err != nil))
}

// Metrics and traces of the steps of a batch.
func ExampleObserver() {
	signer := meteredSigner()
	contents := []batch.Content{
		sign.Bytes("invoice-1.xml", []byte("<invoice/>")),
		sign.File("no-such-folder/invoice-2.xml"),
		sign.Bytes("invoice-3.xml", []byte("<invoice/>")),
	}
	var m meter
	ctx := context.WithValue(context.Background(), traceID{}, "4bf92f35")
	results, err := batch.Sign(ctx, signer, &cades.Options{}, contents, &batch.Options{Observer: &m})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(results), "results; steps", m.steps.String(), "failures", m.failures.String())
	slices.Sort(m.lines) // contents are worked on at the same time
	fmt.Println(strings.Join(m.lines, "\n"))
	// Output:
	// 3 results; steps {"finish": 2, "key": 2, "prepare": 3} failures {"prepare": 1}
	// trace 4bf92f35: invoice-1.xml finish failed=false
	// trace 4bf92f35: invoice-1.xml key failed=false
	// trace 4bf92f35: invoice-1.xml prepare failed=false
	// trace 4bf92f35: invoice-3.xml finish failed=false
	// trace 4bf92f35: invoice-3.xml key failed=false
	// trace 4bf92f35: invoice-3.xml prepare failed=false
	// trace 4bf92f35: no-such-folder/invoice-2.xml prepare failed=true
}

// Events of keys and authorities, in a log. The same hook is for pkcs11.Config, tsp.Config and revocation.Config.
func Example_events() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTimes}))
	over := make(chan struct{})
	events := func(e sign.Event) {
		log.Log(context.Background(), e.Kind.Level(), string(e.Kind), "event", e)
		if e.Kind == sign.EventThrottlingOver {
			close(over) // for this example; a program goes on
		}
	}

	// A key of a service that answers "throttled" at first.
	throttled := errors.New("throttled")
	service := &flaky{Key: meteredSigner().Key(), times: 2, err: throttled}
	key := sign.Limited(service, sign.Quota{
		Wait:      time.Millisecond,
		Temporary: func(err error) bool { return errors.Is(err, throttled) },
		Events:    events, Name: "kms eu-west-1",
	})
	if _, err := sign.SignMessage(context.Background(), key, []byte("x"), sign.Ed25519().Opts); err != nil {
		fmt.Println(err)
	}
	<-over
	// Output:
	// level=WARN msg=throttled event.kind=throttled event.place="kms eu-west-1" event.error=throttled
	// level=INFO msg="throttling over" event.kind="throttling over" event.place="kms eu-west-1" event.count=2
}

// flaky is a key of a service that fails at first.
type flaky struct {
	sign.Key
	times int
	err   error
}

func (k *flaky) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.times--; k.times >= 0 {
		return nil, k.err
	}
	return k.Key.SignContext(ctx, digest, opts)
}

// withoutTimes leaves out what is another one each time.
func withoutTimes(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == "took" {
		return slog.Attr{}
	}
	return a
}

// meteredSigner has a key that is thrown away.
func meteredSigner() *sign.Signer {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	name := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Seal"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, name, name, public, private)
	if err != nil {
		panic(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	keys, err := soft.New(private, soft.Config{Certificates: []*x509.Certificate{certificate}})
	if err != nil {
		panic(err)
	}
	signer, err := sign.Open(context.Background(), keys, sign.Ref{})
	if err != nil {
		panic(err)
	}
	return signer
}
