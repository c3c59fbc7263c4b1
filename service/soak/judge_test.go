//go:build cgo && unix

package soak

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// judge knows what the service may answer, and remembers what it has answered.
type judge struct {
	w      *world
	fixed  map[string]*x509.Certificate // by key, that do not change
	roots  *trust.Roots
	sample atomic.Int64

	mu     sync.Mutex
	seals  []testpki.Identity // that the PKCS #12 file had, in order
	oldest int                // the oldest that may still be used
	outs   map[string][]span  // by key, when it could not be used
	handed []uint64           // beginnings of the digests of what was signed and handed out
	counts map[string]int64
	faults []string
}

// span is a time in which a token was out; the end is zero as long as it is.
type span struct{ from, to time.Time }

// grace is how long after its return a token may still be refused to callers: it is tried again once a second.
const grace = 4 * time.Second

func newJudge(w *world, fixed map[string]*x509.Certificate) *judge {
	return &judge{w: w, fixed: fixed, roots: w.pki.Roots(), outs: map[string][]span{}, counts: map[string]int64{}}
}

func (j *judge) count(name string, n int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counts[name] += n
}

// fault is something that must not happen.
func (j *judge) fault(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.counts["FAULTS"]++; len(j.faults) < 30 {
		text := time.Now().Format("15:04:05.000 ") + fmt.Sprintf(format, args...)
		j.faults = append(j.faults, text)
		fmt.Fprintln(os.Stderr, "FAULT", text)
	}
}

func (j *judge) tally() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(j.counts)) {
		fmt.Fprintf(&b, "| %s | %d |\n", name, j.counts[name])
	}
	return b.String()
}

// renewed says that the file is being replaced; settled, that the service uses the new one.
func (j *judge) renewed(id testpki.Identity) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seals = append(j.seals, id)
}

func (j *judge) settled() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.oldest = len(j.seals) - 1
}

func (j *judge) seal() testpki.Identity {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seals[len(j.seals)-1]
}

// out says that a key cannot be used from now on, back that it can again.
func (j *judge) out(key string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.outs[key] = append(j.outs[key], span{from: time.Now()})
}

func (j *judge) back(key string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.outs[key][len(j.outs[key])-1].to = time.Now()
}

// asked is what may be answered to a request for a key, as far as it is known when it begins.
type asked struct {
	j      *judge
	key    string
	at     time.Time
	oldest int
	newest int
}

func (j *judge) ask(key string) *asked {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &asked{j, key, time.Now(), j.oldest, len(j.seals) - 1}
}

// certificates are those that may have signed.
func (a *asked) certificates() []*x509.Certificate {
	if c := a.j.fixed[a.key]; c != nil {
		return []*x509.Certificate{c}
	}
	a.j.mu.Lock()
	defer a.j.mu.Unlock()
	var all []*x509.Certificate
	for _, id := range a.j.seals[a.oldest:] {
		all = append(all, id.Certificate())
	}
	return all
}

// replaced reports whether a certificate may be unknown to the service, since it was being replaced.
func (a *asked) replaced() bool {
	a.j.mu.Lock()
	defer a.j.mu.Unlock()
	return a.j.fixed[a.key] == nil && (a.oldest != a.newest || a.oldest != a.j.oldest || a.newest != len(a.j.seals)-1)
}

// excused reports whether the key could not be used while it was asked for.
func (a *asked) excused() bool {
	a.j.mu.Lock()
	defer a.j.mu.Unlock()
	for _, s := range a.j.outs[a.key] {
		if s.to.IsZero() || a.at.Before(s.to.Add(grace)) && time.Now().After(s.from) {
			return true
		}
	}
	return false
}

// content is something to be signed that nobody else has signed.
type content struct {
	data []byte
	bad  string // instead of it, and no base64 of anything
	name string
	// attached is whether the content goes into the container.
	attached bool
}

// check looks at a signature: that it is one, of this content, by a certificate that was asked for, below the root.
func (a *asked) check(der []byte, c *content, allowed ...*x509.Certificate) bool {
	if err := a.verify(der, c, allowed); err != nil {
		a.j.fault("%s: a signature is wrong: %v", a.key, err)
		return false
	}
	sum := sha256.Sum256(c.data)
	a.j.mu.Lock()
	a.j.handed = append(a.j.handed, binary.BigEndian.Uint64(sum[:]))
	a.j.counts["signatures, each verified"]++
	a.j.mu.Unlock()
	if n := a.j.sample.Add(1); n%2000 == 1 {
		if err := a.j.openssl(der, c); err != nil {
			a.j.fault("%s: %v", a.key, err)
		}
		a.j.count("signatures verified by openssl, too", 1)
	}
	return true
}

func (a *asked) verify(der []byte, c *content, allowed []*x509.Certificate) error {
	m, err := cades.Parse(der)
	if err != nil {
		return err
	}
	if m.Detached() == c.attached {
		return fmt.Errorf("detached is %t", m.Detached())
	}
	var report *cades.Report
	if c.attached {
		var inside bytes.Buffer
		if err := m.WriteContent(&inside); err != nil || !bytes.Equal(inside.Bytes(), c.data) {
			return fmt.Errorf("it holds another content (%w)", err)
		}
		report, err = m.Verify(context.Background(), sign.Content{}, &cades.VerifyOptions{Roots: a.j.roots})
	} else {
		report, err = m.Verify(context.Background(), sign.Bytes("", c.data), &cades.VerifyOptions{Roots: a.j.roots})
	}
	if err != nil {
		return err
	}
	if len(report.Signatures) != 1 {
		return fmt.Errorf("%d have signed", len(report.Signatures))
	}
	if err := report.Signatures[0].Err(); err != nil {
		return err
	}
	if !report.Trusted() {
		return errors.New("it is not trusted")
	}
	if !slices.ContainsFunc(allowed, report.Signatures[0].Certificate().Equal) {
		return fmt.Errorf("it was made with the certificate of %s, and %d others were possible", report.Signatures[0].Certificate().Subject, len(allowed))
	}
	return nil
}

func (j *judge) openssl(der []byte, c *content) error {
	program, err := exec.LookPath("openssl")
	if err != nil {
		return nil
	}
	dir, err := os.MkdirTemp(j.w.dir, "openssl-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	signature, data := filepath.Join(dir, "s"), filepath.Join(dir, "c")
	if err := os.WriteFile(signature, der, 0o600); err != nil {
		return err
	}
	args := []string{"cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", signature, "-CAfile", j.w.path("root.pem"), "-purpose", "any", "-out", filepath.Join(dir, "o")}
	if !c.attached {
		if err := os.WriteFile(data, c.data, 0o600); err != nil {
			return err
		}
		args = append(args, "-content", data)
	}
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("openssl says: %s", out)
	}
	return nil
}
