package streebog_test

import (
	"encoding/hex"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost/streebog"
)

// TestEngine compares with the GOST engine of OpenSSL, for messages of many lengths.
func TestEngine(t *testing.T) {
	folder := t.TempDir()
	config := filepath.Join(folder, "openssl.cnf")
	require.NoError(t, os.WriteFile(config, []byte("openssl_conf = conf\n[conf]\nengines = list\n[list]\ngost = gost\n[gost]\nengine_id = gost\ndefault_algorithms = ALL\n"), 0o600))
	digest := func(algorithm string, files ...string) ([]byte, error) {
		c := exec.Command("openssl", append([]string{"dgst", "-" + algorithm, "-r"}, files...)...)
		c.Env = append(os.Environ(), "OPENSSL_CONF="+config)
		return c.Output()
	}
	probe := filepath.Join(folder, "probe")
	require.NoError(t, os.WriteFile(probe, nil, 0o600))
	if _, err := digest("md_gost12_256", probe); err != nil {
		t.Skip("SKIPPED: there is no OpenSSL with the engine gost (scripts/tools.sh installs it)")
	}
	random := rand.New(rand.NewPCG(5, 6))
	var files []string
	messages := map[string][]byte{}
	add := func(n int, fill func(i int) byte) {
		b := make([]byte, n)
		for i := range b {
			b[i] = fill(i)
		}
		name := filepath.Join(folder, hex.EncodeToString([]byte{byte(len(files) >> 8), byte(len(files))}))
		require.NoError(t, os.WriteFile(name, b, 0o600))
		files = append(files, name)
		messages[name] = b
	}
	for n := range 260 {
		add(n, func(int) byte { return byte(random.Uint32()) })
	}
	for _, n := range []int{63, 64, 65, 128, 4095, 4096, 65537} {
		add(n, func(int) byte { return 0xff }) // carries in the sum of the blocks
		add(n, func(int) byte { return 0 })
		add(n, func(i int) byte { return byte(i) })
	}
	for _, algorithm := range []string{"md_gost12_256", "md_gost12_512"} {
		out, err := digest(algorithm, files...)
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		require.Len(t, lines, len(files))
		for i, line := range lines {
			var sum []byte
			if algorithm == "md_gost12_256" {
				s := streebog.Sum256(messages[files[i]])
				sum = s[:]
			} else {
				s := streebog.Sum512(messages[files[i]])
				sum = s[:]
			}
			require.Equal(t, hex.EncodeToString(sum), strings.Fields(line)[0], "%s of %d octets", algorithm, len(messages[files[i]]))
		}
	}
}

// FuzzWrites splits a message into pieces; the digest is the same, and a state that is taken out goes on.
func FuzzWrites(f *testing.F) {
	f.Add([]byte("message"), uint64(1))
	f.Add(make([]byte, 200), uint64(0x4041))
	f.Fuzz(func(t *testing.T, message []byte, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		h := streebog.New512()
		for rest := message; len(rest) != 0; {
			n := 1 + random.IntN(min(len(rest), 130))
			_, _ = h.Write(rest[:n])
			rest = rest[n:]
			if random.IntN(4) == 0 {
				state, err := h.(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary()
				require.NoError(t, err)
				h = streebog.New512()
				require.NoError(t, h.(interface{ UnmarshalBinary([]byte) error }).UnmarshalBinary(state))
			}
		}
		want := streebog.Sum512(message)
		require.Equal(t, want[:], h.Sum(nil))
	})
}

// FuzzState takes any octets for a state: it is refused, or comes out as it went in.
func FuzzState(f *testing.F) {
	state, err := streebog.New256().(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary()
	require.NoError(f, err)
	f.Add(state)
	f.Fuzz(func(t *testing.T, state []byte) {
		h := streebog.New256()
		if h.(interface{ UnmarshalBinary([]byte) error }).UnmarshalBinary(state) != nil {
			return
		}
		_, _ = h.Write(make([]byte, 100))
		require.Len(t, h.Sum(nil), 32)
	})
}
