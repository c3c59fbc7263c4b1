//go:build linux && !signet_static

package pkcs11_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGivenCard runs the tests for a module that is given over cards whose keys were made before, which make none for the
// user and may have no flags for wrong PINs. The card counts these.
func TestGivenCard(t *testing.T) {
	if os.Getenv("SIGNET_TEST_MODULE") != "" {
		t.Skip("SKIPPED: in a run over another module")
	}
	onCards(t, func(t *testing.T, s *cardStack) {
		card := s.newCard(7, cardPIN)
		s.insert(t, card)
		tests := []string{"TestConformanceGiven", "TestFaults", "TestWrongPIN", "TestTwoProvidersOnOneModule", "TestMoreCallersThanSessions",
			"TestTokenThatDoesNotComeBack"}
		cmd := exec.Command(os.Args[0], "-test.v", "-test.timeout=2m", "-test.run=^("+strings.Join(tests, "|")+")$")
		cmd.Env = append(os.Environ(), "SIGNET_TEST_MODULE="+s.module, "SIGNET_TEST_KEY=*", "SIGNET_TEST_PIN="+cardPIN, "SIGNET_TEST_WRONG_PIN="+wrongCardPIN)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		for _, name := range tests {
			require.Contains(t, string(out), "--- PASS: "+name+" ")
		}
		require.NotContains(t, string(out), "SKIPPED")
		require.Positive(t, card.Counts().Signatures)
		require.Equal(t, 1, card.Counts().Wrong, "several tests give the same wrong PIN, each by a module of its own")
	})
}
