//go:build cgo && unix

package soak

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
)

const pin = "1234"

// removable is a token that can be pulled out: testdata/removable.c in front of a copy of SoftHSM2 of its own.
type removable struct {
	module string
	label  string
	ctl    []byte
}

func (r *removable) at(i int) *int64 { return (*int64)(unsafe.Pointer(&r.ctl[8*i])) }

func (r *removable) pull()           { atomic.StoreInt64(r.at(0), 1) }
func (r *removable) putBack()        { atomic.StoreInt64(r.at(0), 0) }
func (r *removable) sessions() int64 { return atomic.LoadInt64(r.at(1)) }
func (r *removable) refused() int64  { return atomic.LoadInt64(r.at(2)) }
func (r *removable) logins() int64   { return atomic.LoadInt64(r.at(3)) }
func (r *removable) uri() string     { return "pkcs11:token=" + r.label + "?module-path=" + r.module }

// find returns the first program or file that exists, or skips the test and says what to install.
func find(t testing.TB, hint string, paths ...string) string {
	t.Helper()
	for _, p := range paths {
		if found, err := exec.LookPath(p); err == nil && !strings.Contains(p, "/") {
			return found
		}
		if matches, _ := filepath.Glob(p); len(matches) != 0 {
			return matches[0]
		}
	}
	t.Skipf("SKIPPED: %s is not here (%s)", paths[0], hint)
	return ""
}

// newRemovable makes a token that holds a key, by programs of others.
func newRemovable(t testing.TB, dir string, id testpki.Identity) *removable {
	t.Helper()
	soft := find(t, "apt-get install softhsm2", "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib*/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so")
	util, tool := find(t, "apt-get install softhsm2", "softhsm2-util"), find(t, "apt-get install opensc", "pkcs11-tool")
	gcc := find(t, "apt-get install gcc", "gcc", "cc")
	r := &removable{label: strings.ToLower(rand.Text())}
	conf := filepath.Join(dir, "softhsm2.conf")
	if _, err := os.Stat(conf); err != nil {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "softhsm"), 0o700))
		require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, "directories.tokendir = %s/softhsm\nobjectstore.backend = file\nlog.level = ERROR\n", dir), 0o600))
	}
	command := func(name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s %v: %s", name, args, out)
	}
	command(util, "--init-token", "--free", "--label", r.label, "--so-pin", "87654321", "--pin", pin)
	object := filepath.Join(t.TempDir(), "object.der")
	der, err := x509.MarshalPKCS8PrivateKey(id.Key)
	require.NoError(t, err)
	for kind, data := range map[string][]byte{"privkey": der, "cert": id.Certificate().Raw} {
		require.NoError(t, os.WriteFile(object, data, 0o600))
		command(tool, "--module", soft, "--token-label", r.label, "--login", "--pin", pin, "--write-object", object, "--type", kind, "--id", "01", "--label", "seal")
	}
	// Modules are told apart by their files: each token has one, so that it can be lost alone.
	r.module = filepath.Join(dir, r.label+".so")
	command(gcc, "-O2", "-shared", "-fPIC", "-o", r.module, filepath.Join("testdata", "removable.c"), "-ldl", "-lpthread")
	data, err := os.ReadFile(soft)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(r.module+".real", data, 0o700))
	require.NoError(t, os.WriteFile(r.module+".ctl", make([]byte, 4096), 0o600))
	f, err := os.OpenFile(r.module+".ctl", os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	r.ctl, err = syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	require.NoError(t, err)
	return r
}
