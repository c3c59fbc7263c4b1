package interop_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tally counts what the two sides said.
type tally struct {
	rules    []rule
	variants int
	same     map[string]map[class]int // by kind
	by       map[string][]int         // by kind, beside rules
}

func newTally(rules []rule) *tally {
	return &tally{rules: rules, same: map[string]map[class]int{}, by: map[string][]int{}}
}

// add counts a signature, and reports whether the sides agree, or a rule says why not.
func (y *tally) add(d *disagreement) bool {
	k := kind(d.variant)
	if y.same[k] == nil {
		y.same[k], y.by[k] = map[class]int{}, make([]int, len(y.rules))
	}
	if d.ours.class == d.theirs.class {
		y.same[k][d.ours.class]++
		return true
	}
	for i, r := range y.rules {
		if r.applies(d) {
			y.by[k][i]++
			return true
		}
	}
	return false
}

const agreementFile = "../docs/agreement.md"

// table writes the section of one side into the document, or compares it with what is there.
func (y *tally) table(t *testing.T, side string) {
	t.Helper()
	var b strings.Builder
	kinds := make([]string, 0, len(y.same))
	for k := range y.same {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	classes := []class{passed, failed, open, unreadable}
	fmt.Fprintf(&b, "%d variants.\n\n| what was changed | both %s | explained |\n|---|", y.variants, strings.Join([]string{string(passed), string(failed), string(open), string(unreadable)}, " | both "))
	b.WriteString(strings.Repeat("---:|", len(classes)+1) + "\n")
	totals := make([]int, len(y.rules))
	for _, k := range kinds {
		fmt.Fprintf(&b, "| %s |", k)
		for _, c := range classes {
			fmt.Fprintf(&b, " %d |", y.same[k][c])
		}
		explained := 0
		for i, n := range y.by[k] {
			explained += n
			totals[i] += n
		}
		fmt.Fprintf(&b, " %d |\n", explained)
	}
	b.WriteString("\n| difference | how many | why |\n|---|---:|---|\n")
	for i, r := range y.rules {
		if totals[i] == 0 { // what few variants need
			continue
		}
		fmt.Fprintf(&b, "| %s | %d | %s |\n", r.name, totals[i], oneLine(r.reason))
	}
	begin, end := "<!-- "+side+" -->\n", "<!-- end of "+side+" -->\n"
	page := string(read(t, agreementFile))
	head, rest, ok := strings.Cut(page, begin)
	require.True(t, ok, "%s has no %q", agreementFile, begin)
	old, tail, ok := strings.Cut(rest, end)
	require.True(t, ok, "%s has no %q", agreementFile, end)
	if os.Getenv("SIGNET_UPDATE") != "" {
		require.NoError(t, os.WriteFile(agreementFile, []byte(head+begin+b.String()+end+tail), 0o644))
		return
	}
	require.Equal(t, b.String(), old, "run with SIGNET_UPDATE=1, and look at what changed")
}
