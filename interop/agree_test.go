package interop_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/damage"
	"github.com/seed-116355fd/signet/internal/testmessages"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// opinion is what one side says of a signature.
type opinion struct {
	class  string // passed, failed, open; unreadable for a message, absent for a signature that is not found
	sub    string
	reason string
}

// judged are the opinions on the signatures of a message, counter-signatures behind the others.
type judged []opinion

// bench holds the messages and asks both sides about what was made of them.
type bench struct {
	world *testmessages.World
	dir   string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{testmessages.New(t), t.TempDir()}
	words := []string{"trust"}
	for i, c := range b.world.Trusted() {
		words = append(words, b.write(t, fmt.Sprintf("root-%d.pem", i), testpki.CertPEM(c)))
	}
	dss.must(t, words...)
	return b
}

func (b *bench) write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(b.dir, name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// ours is what this library says.
func (b *bench) ours(t *testing.T, m *testmessages.Message, der []byte) judged {
	t.Helper()
	parsed, err := cades.Parse(der)
	if err != nil {
		return judged{{"unreadable", "", err.Error()}}
	}
	var content io.Reader
	if m.Content != nil {
		content = bytes.NewReader(m.Content)
	}
	r, err := parsed.Verify(t.Context(), content, &cades.VerifyOptions{Roots: b.world.Roots(), TimestampRoots: b.world.TimestampRoots(), Clock: func() time.Time { return m.Time }, NoRevocation: !m.Values})
	require.NoError(t, err)
	var signers, counter judged
	var add func(all *judged, s []cades.SignatureReport)
	add = func(all *judged, s []cades.SignatureReport) {
		for _, one := range s {
			*all = append(*all, opinion{map[string]string{"TOTAL-PASSED": "passed", "TOTAL-FAILED": "failed", "INDETERMINATE": "open"}[one.Indication.String()], string(one.SubIndication), one.Reason})
			add(&counter, one.CounterSignatures)
		}
	}
	add(&signers, r.Signatures)
	return append(signers, counter...)
}

// theirs is what DSS says.
func (b *bench) theirs(t *testing.T, m *testmessages.Message, der []byte) judged {
	t.Helper()
	content := ""
	if m.Content != nil {
		content = b.write(t, "content", m.Content)
	}
	answer, err := dss.ask(t, "judge", b.write(t, "message", der), content, strconv.FormatInt(m.Time.UnixMilli(), 10), strconv.FormatBool(m.Values))
	if err != nil {
		return judged{{"unreadable", "", err.Error()}}
	}
	n, err := strconv.Atoi(answer["signatures"])
	require.NoError(t, err)
	var all judged
	for i := range n {
		p := strconv.Itoa(i) + "."
		class := map[string]string{"TOTAL_PASSED": "passed", "TOTAL_FAILED": "failed", "INDETERMINATE": "open"}[answer[p+"indication"]]
		if class == "" {
			class = answer[p+"indication"]
		}
		all = append(all, opinion{class, answer[p+"sub"], answer[p+"errors"]})
	}
	return all
}

func TestAgreesWithDSS(t *testing.T) {
	dss.need(t)
	b := newBench(t)
	spares := b.world.Spares()
	out, err := os.Create("/tmp/agree.tsv")
	require.NoError(t, err)
	defer out.Close()
	total := 0
	for _, m := range b.world.Messages() {
		begun := time.Now()
		fmt.Fprintln(out, m.Name, "undamaged", b.ours(t, &m, m.DER), b.theirs(t, &m, m.DER))
		base, err := damage.New(m.DER, m.Signers...)
		require.NoError(t, err)
		n := 0
		if os.Getenv("SIGNET_BASES") != "" {
			continue
		}
		for v := range base.All(m.Donors, spares) {
			if v.Deep {
				continue
			}
			n++
			o, th := b.ours(t, &m, v.DER), b.theirs(t, &m, v.DER)
			for i := range max(len(o), len(th)) {
				var x, y opinion
				if i < len(o) {
					x = o[i]
				}
				if i < len(th) {
					y = th[i]
				}
				mark := "same"
				if x.class != y.class {
					mark = "DIFF"
				}
				fmt.Fprintf(out, "%s\t%s/%s\t%s\t%s\t%s\t%d\t%s %s\t%s %s\n", mark, x.class, y.class, m.Name, v.Path, v.Op, i, x.sub, x.reason, y.sub, y.reason)
			}
		}
		total += n
		t.Log(m.Name, n, time.Since(begun))
	}
	t.Log(total)
}
