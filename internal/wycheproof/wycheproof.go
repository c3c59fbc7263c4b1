// Package wycheproof reads the test vectors of Project Wycheproof (Apache-2.0), which is a Go module without code. Only tests use
// it.
package wycheproof

import (
	"crypto"
	_ "crypto/sha256" // the hashes of the vectors
	_ "crypto/sha3"
	_ "crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const (
	module  = "github.com/C2SP/wycheproof"
	version = "v0.0.0-20250901140545-b51abcfb8daf"
	sum     = "h1:5BKKVVVj676FUWirLcouEEL6GCYR9X0opkMlEUck8FY="
)

// Hex is octets.
type Hex []byte

// UnmarshalText reads hexadecimal digits.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// Test is a message with a signature. Result is "valid", "invalid", or "acceptable" where opinions differ.
type Test struct {
	ID      int `json:"tcId"`
	Comment string
	Flags   []string
	Message Hex `json:"msg"`
	Sig     Hex
	Result  string
}

// Group has the tests of one key, a SubjectPublicKeyInfo.
type Group struct {
	Key  Hex `json:"publicKeyDer"`
	SHA  string
	Rows []Test `json:"tests"`
}

// P256 are the files of ECDSA on P-256 with hashes that Go has, in DER.
func P256() []string {
	return []string{"ecdsa_secp256r1_sha256_test", "ecdsa_secp256r1_sha512_test", "ecdsa_secp256r1_sha3_256_test", "ecdsa_secp256r1_sha3_512_test"}
}

// Digest is that of the message of a test by the hash of the group.
func (g *Group) Digest(t *testing.T, row *Test) []byte {
	t.Helper()
	hash, ok := map[string]crypto.Hash{"SHA-256": crypto.SHA256, "SHA-512": crypto.SHA512, "SHA3-256": crypto.SHA3_256, "SHA3-512": crypto.SHA3_512}[g.SHA]
	if !ok {
		t.Fatalf("hash %s is not known", g.SHA)
	}
	h := hash.New()
	h.Write(row.Message)
	return h.Sum(nil)
}

// Groups reads a file by its name, without testvectors_v1 and .json. Without the module, and a network to fetch it from, the
// test is skipped.
func Groups(t *testing.T, name string) []Group {
	t.Helper()
	groups := GroupsOf[Group](t, name)
	n := 0
	for _, g := range groups.Groups {
		n += len(g.Rows)
	}
	if n == 0 || n != groups.Tests {
		t.Fatalf("%s has %d tests, and says %d", name, n, groups.Tests)
	}
	return groups.Groups
}

// File is one of vectors, with groups of a form of its own.
type File[G any] struct {
	Tests  int `json:"numberOfTests"`
	Groups []G `json:"testGroups"`
}

// GroupsOf is Groups for files whose groups have another form. The caller counts the tests.
func GroupsOf[G any](t *testing.T, name string) File[G] {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", module+"@"+version)
	cmd.Dir = t.TempDir() // outside of this module
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	out, err := cmd.Output()
	var got struct{ Dir, Sum, Error string }
	if json.Unmarshal(out, &got) != nil || err != nil || got.Error != "" {
		t.Skipf("SKIPPED: no vectors of Wycheproof: go mod download %s@%s: %v %s", module, version, err, got.Error)
	}
	if got.Sum != sum {
		t.Fatalf("%s@%s has the sum %s", module, version, got.Sum)
	}
	data, err := os.ReadFile(filepath.Join(got.Dir, "testvectors_v1", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var file File[G]
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file
}
