//go:build cgo && unix

package soak

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/internal/softhsmtest"
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

// newRemovable makes a token that holds a key, by programs of others.
func newRemovable(t testing.TB, dir string, id testpki.Identity) *removable {
	t.Helper()
	soft, gcc := softhsmtest.Module(t), softhsmtest.Find(t, "apt-get install gcc", "gcc", "cc")
	require.NoError(t, softhsmtest.Configure(dir))
	r := &removable{label: softhsmtest.Token(t, dir, pin, map[string]testpki.Identity{"seal": id})}
	// Modules are told apart by their files: each token has one, so that it can be lost alone.
	r.module = filepath.Join(dir, r.label+".so")
	out, err := exec.Command(gcc, "-O2", "-shared", "-fPIC", "-o", r.module, filepath.Join("testdata", "removable.c"), "-ldl", "-lpthread").CombinedOutput()
	require.NoError(t, err, "%s", out)
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
