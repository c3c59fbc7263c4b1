package interop_test

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testmessages"
	"github.com/seed-116355fd/signet/sign"
)

// TestRateBesideDSS measures, and asserts nothing of time: how many times in a second one thread judges a message, DSS in a warm
// virtual machine and this library in turn; both collect garbage beside it. It takes two minutes, and is made with SIGNET_RATE=1.
func TestRateBesideDSS(t *testing.T) {
	if os.Getenv("SIGNET_RATE") == "" {
		t.Skip("a measurement, made with SIGNET_RATE=1")
	}
	fast := &runner{folder: "dss", optimise: true}
	fast.need(t)
	defer fast.stop()
	c := newCourt(t)
	c.trust(t, fast)
	const rounds, slice = 5, 2 * time.Second
	for _, m := range c.world.Messages() {
		if !slices.Contains([]string{"B", "B detached, RSA", "LTA", "LTA detached, OCSP"}, m.Name) {
			continue
		}
		message, content := c.write(t, "message", m.DER), ""
		if m.Content != nil {
			content = c.write(t, "content", m.Content)
		}
		theirs := func(d time.Duration) float64 {
			answer := fast.must(t, "rate", message, content, strconv.FormatInt(m.Time.UnixMilli(), 10), strconv.FormatBool(m.Values), strconv.FormatInt(d.Milliseconds(), 10))
			n, err := strconv.ParseFloat(answer["count"], 64)
			require.NoError(t, err)
			micros, err := strconv.ParseFloat(answer["micros"], 64)
			require.NoError(t, err)
			return n / micros * 1e6
		}
		theirs(8 * time.Second) // warm
		var dssRates, ourRates, factors []float64
		for range rounds {
			a, b := theirs(slice), c.rate(t, &m, slice)
			dssRates, ourRates, factors = append(dssRates, a), append(ourRates, b), append(factors, b/a)
		}
		t.Logf("%-20s %6d octets: DSS %6.0f/s, this library %6.0f/s, %5.1f times (%.1f to %.1f)", m.Name, len(m.DER), median(dssRates), median(ourRates), median(factors), slices.Min(factors), slices.Max(factors))
	}
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// rate is how many times in a second a message is read and judged.
func (c *court) rate(t *testing.T, m *testmessages.Message, d time.Duration) float64 {
	t.Helper()
	o := &cades.VerifyOptions{Roots: c.world.Roots(), TimestampRoots: c.world.TimestampRoots(), Clock: func() time.Time { return m.Time }, NoRevocation: !m.Values}
	begun := time.Now()
	n := 0
	for ; time.Since(begun) < d; n++ {
		parsed, err := cades.Parse(m.DER)
		require.NoError(t, err)
		var content io.Reader
		if m.Content != nil {
			content = bytes.NewReader(m.Content)
		}
		r, err := parsed.Verify(t.Context(), sign.Reader("", content), o)
		require.NoError(t, err)
		if !r.Trusted() {
			t.Fatal(r.Signatures[0].Reason)
		}
	}
	return float64(n) / time.Since(begun).Seconds()
}
