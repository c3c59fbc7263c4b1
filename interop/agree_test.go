package interop_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/damage"
	"github.com/seed-116355fd/signet/internal/testmessages"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// class is what a verdict comes to.
type class string

const (
	passed     class = "TOTAL-PASSED"
	failed     class = "TOTAL-FAILED"
	open       class = "INDETERMINATE"
	unreadable class = "unreadable" // of the whole message
	absent     class = "absent"     // the other side has a signature there
)

// opinion is what one side says of a signature.
type opinion struct {
	class  class
	sub    string
	reason string
}

func (o opinion) String() string { return fmt.Sprintf("%s %s %s", o.class, o.sub, o.reason) }

// court holds the messages, and asks both sides about what was made of them.
type court struct {
	world  *testmessages.World
	dir    string
	spares []damage.Spare
}

func newCourt(t *testing.T) *court {
	t.Helper()
	c := &court{world: testmessages.New(t), dir: t.TempDir()}
	c.spares = c.world.Spares()
	return c
}

func (c *court) write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(c.dir, name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// trust tells DSS whom both sides trust.
func (c *court) trust(t *testing.T, r *runner) {
	t.Helper()
	words := []string{"trust"}
	for i, root := range c.world.Trusted() {
		words = append(words, c.write(t, fmt.Sprintf("root-%d.pem", i), testpki.CertPEM(root)))
	}
	r.must(t, words...)
}

// ours is what this library says of each signature, counter-signatures behind the others.
func (c *court) ours(t *testing.T, m *testmessages.Message, der []byte) []opinion {
	t.Helper()
	parsed, err := cades.Parse(der)
	if err != nil {
		return []opinion{{unreadable, "", err.Error()}}
	}
	var content io.Reader
	if m.Content != nil {
		content = bytes.NewReader(m.Content)
	}
	r, err := parsed.Verify(t.Context(), sign.Reader("", content), &cades.VerifyOptions{
		Roots: c.world.Roots(), TimestampRoots: c.world.TimestampRoots(), Clock: func() time.Time { return m.Time }, NoRevocation: !m.Values,
	})
	require.NoError(t, err)
	var signers, counter []opinion
	var add func(all *[]opinion, s []cades.SignatureReport)
	add = func(all *[]opinion, s []cades.SignatureReport) {
		for _, one := range s {
			*all = append(*all, opinion{class(one.Indication.String()), string(one.SubIndication), one.Reason})
			add(&counter, one.CounterSignatures)
		}
	}
	add(&signers, r.Signatures)
	return append(signers, counter...)
}

// dss is what DSS says, in the same order.
func (c *court) dss(t *testing.T, m *testmessages.Message, der []byte) []opinion {
	t.Helper()
	content := ""
	if m.Content != nil {
		content = c.write(t, "content", m.Content)
	}
	answer, err := dss.ask(t, "judge", c.write(t, "message", der), content, strconv.FormatInt(m.Time.UnixMilli(), 10), strconv.FormatBool(m.Values))
	if err != nil {
		return []opinion{{unreadable, "", err.Error()}}
	}
	n, err := strconv.Atoi(answer["signatures"])
	require.NoError(t, err)
	var all []opinion
	for i := range n {
		p := strconv.Itoa(i) + "."
		all = append(all, opinion{class(strings.ReplaceAll(answer[p+"indication"], "_", "-")), answer[p+"sub"], answer[p+"errors"]})
	}
	return all
}

// disagreement is a signature of a variant of which the two sides say different things.
type disagreement struct {
	message *testmessages.Message
	variant *damage.Variant
	index   int // of the signature
	ours    opinion
	theirs  opinion
}

func (d *disagreement) String() string {
	return fmt.Sprintf("%s: %s, signature %d\n  ours:   %s\n  theirs: %s", d.message.Name, d.variant.Name, d.index, d.ours, d.theirs)
}

// pair puts the opinions beside each other.
func pair(ours, theirs []opinion, f func(i int, ours, theirs opinion)) {
	for i := range max(len(ours), len(theirs)) {
		pick := func(all []opinion) opinion {
			switch {
			case len(all) == 1 && all[0].class == unreadable:
				return all[0]
			case i < len(all):
				return all[i]
			}
			return opinion{class: absent}
		}
		f(i, pick(ours), pick(theirs))
	}
}

// kind is what was done to a variant, for the table.
func kind(v *damage.Variant) string {
	switch op, _, _ := strings.Cut(v.Op, " "); op {
	case "flip", "year", "sign", "filled":
		return "flipped"
	case "tag":
		return "another tag"
	case "shorter", "longer", "empty", "no":
		return "cut or lengthened"
	case "remove":
		return "removed"
	case "double":
		return "doubled"
	case "swap", "move", "copy":
		return "moved"
	case "exchange":
		return "exchanged"
	}
	return "lengths broken"
}

// share is which part of the variants DSS is asked about: it takes up to a tenth of a second for one.
func share(m *testmessages.Message) (shallow, deep uint32) {
	switch {
	case os.Getenv("SIGNET_AGREE") == "all":
		return 1, 40
	case m.Level < cades.LevelLT:
		return 2, 60
	case m.Level < cades.LevelLTA:
		return 10, 250
	case len(m.Signers) == 2:
		return 40, 1500
	case strings.Contains(m.Name, "renewed"):
		return 10, 250
	}
	return 18, 500
}

// TestAgreesWithDSS: on messages of every level with something changed, this library and the reference implementation come to
// the same class of verdict, or a rule says by the standards why not.
func TestAgreesWithDSS(t *testing.T) {
	dss.need(t)
	c := newCourt(t)
	c.trust(t, dss)
	tally := newTally(dssRules())
	var unexplained []string
	for _, m := range c.world.Messages() {
		pair(c.ours(t, &m, m.DER), c.dss(t, &m, m.DER), func(_ int, ours, theirs opinion) {
			require.Equal(t, passed, ours.class, "%s: %s", m.Name, ours)
			require.Equal(t, passed, theirs.class, "%s: %s", m.Name, theirs)
		})
		base, err := damage.New(m.DER, m.Signers...)
		require.NoError(t, err)
		shallow, deep := share(&m)
		for v := range base.All(m.Donors, c.spares) {
			if !v.Sampled(shallow, deep) {
				continue
			}
			tally.variants++
			pair(c.ours(t, &m, v.DER), c.dss(t, &m, v.DER), func(i int, ours, theirs opinion) {
				d := &disagreement{&m, &v, i, ours, theirs}
				if !tally.add(d) {
					unexplained = append(unexplained, d.String())
				}
			})
		}
	}
	t.Logf("%d variants", tally.variants)
	require.Greater(t, tally.variants, 1000)
	if out := os.Getenv("SIGNET_UNEXPLAINED"); out != "" {
		require.NoError(t, os.WriteFile(out, []byte(strings.Join(unexplained, "\n")), 0o600))
	}
	require.Empty(t, unexplained, "%d of them", len(unexplained))
	if os.Getenv("SIGNET_AGREE") == "" {
		tally.table(t, "dss")
	}
}
