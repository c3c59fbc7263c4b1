// Package testfips runs a test in a process in which only what FIPS 140-3 approves may be used (GODEBUG=fips140=only), where the
// rest panics.
package testfips

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Only reports whether this process is such a one. If not, it runs the test in another one that is.
func Only(t *testing.T) bool {
	t.Helper()
	if fips140.Enforced() {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), "GODEBUG="+strings.Trim(os.Getenv("GODEBUG")+",fips140=only", ","))
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("with GODEBUG=fips140=only: %v\n%s", err, out)
	}
	return false
}
