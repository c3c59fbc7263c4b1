package interop_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/gost/gost3410"
)

// gcrypt is a program over libgcrypt (libgcrypt20-dev).
type gcrypt struct{ path string }

func newGcrypt(t *testing.T) gcrypt {
	t.Helper()
	g := gcrypt{filepath.Join(t.TempDir(), "gcrypt")}
	if out, err := exec.CommandContext(t.Context(), "gcc", "-o", g.path, filepath.Join("testdata", "gcrypt.c"), "-lgcrypt").CombinedOutput(); err != nil {
		missing(t, "no program over libgcrypt can be built; scripts/tools.sh installs libgcrypt20-dev: %v %.200s", err, out)
	}
	return g
}

// ask returns the lines of the answer.
func (g gcrypt) ask(t *testing.T, stdin []byte, args ...string) ([]string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), g.path, args...) //nolint:gosec // made above
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	return strings.Fields(string(out)), err
}

// TestGOSTGcryptStreebog compares digests of contents around the ends of blocks, and of long ones with carries in their sum.
func TestGOSTGcryptStreebog(t *testing.T) {
	g := newGcrypt(t)
	for _, n := range []int{0, 1, 31, 32, 63, 64, 65, 127, 128, 129, 1000, 4095, 4096, 4097, 70_000} {
		random := make([]byte, n)
		_, _ = rand.Read(random)
		for _, content := range [][]byte{random, bytes.Repeat([]byte{0xff}, n)} {
			for name, hash := range map[string]gost.Hash{"stribog256": gost.Streebog256, "stribog512": gost.Streebog512} {
				h := hash.New()
				h.Write(content)
				out, err := g.ask(t, content, "hash", name)
				require.NoError(t, err)
				require.Equal(t, []string{hex.EncodeToString(h.Sum(nil))}, out, "%s of %d octets: %x", name, n, content[:min(n, 100)])
			}
		}
	}
}

// TestGOSTGcryptSignatures has it check what is signed here, and checks what it signs with the same key, on every curve but tc26-256-A, which
// version 1.10 does not have.
func TestGOSTGcryptSignatures(t *testing.T) {
	g := newGcrypt(t)
	for _, c := range gostCurves() {
		if c.set == "TCA" {
			continue
		}
		t.Run(c.String(), func(t *testing.T) {
			curve, ok := gost3410.CurveByOID(c.oid)
			require.True(t, ok)
			big := func(little []byte) string { // hexadecimal, highest digit first
				b := slices.Clone(little)
				slices.Reverse(b)
				return hex.EncodeToString(b)
			}
			size := curve.Size()
			for range 20 {
				key, err := gost3410.GenerateKey(curve)
				require.NoError(t, err)
				xy := key.PublicKey().Bytes()
				q := "04" + big(xy[:size]) + big(xy[size:])
				digest := make([]byte, size)
				_, _ = rand.Read(digest)
				signature, err := key.Sign(nil, digest, nil)
				require.NoError(t, err)
				s, r := hex.EncodeToString(signature[:size]), hex.EncodeToString(signature[size:])
				out, err := g.ask(t, nil, "verify", c.oid, q, big(digest), r, s)
				require.NoError(t, err, out)
				require.Equal(t, []string{"good"}, out)
				out, err = g.ask(t, nil, "verify", c.oid, q, big(digest), s, r)
				require.Error(t, err, out)

				out, err = g.ask(t, nil, "sign", c.oid, q, big(key.Bytes()), big(digest))
				require.NoError(t, err, out)
				require.Len(t, out, 2)
				var theirs []byte
				for _, number := range []string{out[1], out[0]} {
					octets, err := hex.DecodeString(number)
					require.NoError(t, err)
					octets = bytes.TrimLeft(octets, "\x00")
					theirs = append(append(theirs, make([]byte, size-len(octets))...), octets...)
				}
				require.True(t, key.PublicKey().Verify(digest, theirs))
				theirs[0] ^= 1
				require.False(t, key.PublicKey().Verify(digest, theirs))
			}
		})
	}
}
