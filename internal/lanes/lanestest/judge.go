package lanestest

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Many is the name of an environment variable with the number of signatures that tests give to other libraries; scripts/judges.sh sets it.
const Many = "SIGNET_JUDGED"

// HowMany is that number, or one for a processor with lanes, or one for others, where each takes a while.
func HowMany(t testing.TB, processor, others int) int {
	t.Helper()
	if s := os.Getenv(Many); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			t.Fatalf("%s is %q, and no number of signatures", Many, s)
		}
		return n
	}
	if Processor() {
		return processor
	}
	return others
}

// Judge is OpenSSL's library, in one process for many signatures.
type Judge struct{ program string }

// OpenSSL compiles the judge, or skips the test.
func OpenSSL(t testing.TB) *Judge {
	t.Helper()
	source, err := filepath.Abs("../lanestest/testdata/judge.c")
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("SKIPPED: there is no C compiler (cc) to compile OpenSSL's judge with")
	}
	program := filepath.Join(t.TempDir(), "judge")
	if out, err := exec.Command(compiler, "-O1", "-o", program, source, "-lcrypto").CombinedOutput(); err != nil {
		if header, err := exec.Command(compiler, "-E", "-include", "openssl/evp.h", "-x", "c", "/dev/null").CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: there are no headers of OpenSSL (libssl-dev): %s", header[:min(len(header), 200)])
		}
		t.Fatalf("%s", out)
	}
	return &Judge{program}
}

// Verify says which signatures OpenSSL accepts by a public key, over digests of SHA-256.
func (j *Judge) Verify(t testing.TB, public any, digests, signatures [][]byte) []bool {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	var in bytes.Buffer
	for i := range digests {
		in.Write(digests[i])
		in.Write(signatures[i])
	}
	cmd := exec.Command(j.program, file)
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil || len(out) != len(digests) {
		t.Fatalf("the judge said %d times what it thinks of %d signatures: %v", len(out), len(digests), err)
	}
	good := make([]bool, len(out))
	for i := range out {
		good[i] = out[i] == '1'
	}
	return good
}
