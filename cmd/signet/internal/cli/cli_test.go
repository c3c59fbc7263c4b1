package cli_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// world is a folder to run commands in, with a key that signs.
type world struct {
	t     testing.TB
	dir   string
	env   map[string]string
	stdin io.Reader
	now   time.Time
	pki   *testpki.PKI
	id    testpki.Identity

	patience time.Duration
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), env: map[string]string{}, now: time.Now()}
	w.env["XDG_STATE_HOME"] = filepath.Join(w.dir, "state")
	w.pki = testpki.New(t)
	w.id = w.pki.Leaf(testpki.P256)
	w.write("key.pem", keyPEM(t, w.id))
	w.write("root.pem", certPEM(w.pki.Root.Certificate()))
	return w
}

// path turns a name in the folder into a path.
func (w *world) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

func (w *world) write(name, content string) string {
	w.t.Helper()
	path := w.path(name)
	require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(w.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func (w *world) read(name string) string {
	w.t.Helper()
	data, err := os.ReadFile(w.path(name))
	require.NoError(w.t, err)
	return string(data)
}

type outcome struct {
	code           int
	stdout, stderr string
}

// run runs a command; @name in an argument stands for a path in the folder.
func (w *world) run(args ...string) outcome {
	w.t.Helper()
	return w.runContext(context.Background(), args...)
}

func (w *world) runContext(ctx context.Context, args ...string) outcome {
	w.t.Helper()
	var out, err bytes.Buffer
	for i, arg := range args {
		if name, ok := strings.CutPrefix(arg, "@"); ok {
			args[i] = w.dir
			if name != "" {
				args[i] += string(filepath.Separator) + filepath.FromSlash(name) // not cleaned
			}
		}
	}
	stdin := w.stdin
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	code := cli.Run(ctx, cli.World{
		Args: args, Stdin: stdin, Stdout: &out, Stderr: &err,
		LookupEnv: func(name string) (string, bool) { v, ok := w.env[name]; return v, ok },
		Now:       func() time.Time { return w.now },
		Patience:  w.patience,
	})
	return outcome{code, strings.ReplaceAll(out.String(), w.dir+"/", "@"), strings.ReplaceAll(err.String(), w.dir+"/", "@")}
}

// files lists what is below a folder, except keys and state.
func (w *world) files(name string) []string {
	w.t.Helper()
	files := []string{}
	require.NoError(w.t, filepath.WalkDir(w.path(name), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(w.path(name), path)
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	}))
	return files
}

func keyPEM(t testing.TB, id testpki.Identity) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(id.Key)
	require.NoError(t, err)
	out := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	for _, c := range id.Chain {
		out += certPEM(c)
	}
	return out
}

func certPEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// objects reads the lines of --json.
func objects[T any](t testing.TB, text string) []T {
	t.Helper()
	var all []T
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var one T
		if err := d.Decode(&one); err == io.EOF {
			return all
		} else {
			require.NoError(t, err)
		}
		all = append(all, one)
	}
}
