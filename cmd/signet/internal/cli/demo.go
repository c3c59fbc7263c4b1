package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

const (
	demoKey  = "demo" // as KEY, and as what is trusted
	demoName = "Signet demo, not for real use"

	demoYears = 3

	demoKeyFile  = "key.pem"
	demoRootFile = "ca.pem"
	demoTSAFile  = "tsa.pem"   // key and certificate of the authority of time-stamps
	demoCRLFile  = "crl.pem"   // of the authority: nothing was revoked
	demoExpired  = ".expired-" // and the time: what the folder of an expired identity is renamed to
)

// stateDir is where programs of this user keep what they made themselves.
func (a *app) stateDir() (string, error) {
	if dir := a.env("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "signet"), nil
	}
	if dir := a.env("LOCALAPPDATA"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "signet"), nil
	}
	home := a.env("HOME")
	switch {
	case home == "":
		return "", errors.New("the demo identity has no place: neither HOME nor XDG_STATE_HOME is set; set one, or give a key file with --key")
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support", "signet"), nil
	}
	return filepath.Join(home, ".local", "state", "signet"), nil
}

// openDemo opens the demo identity of this user, and makes it when there is none or its certificate has expired.
//
// The identity is a folder, which is made under another name and then renamed: of two programs that start at once, one
// finds that the name is taken, and uses what the other one made.
func (a *app) openDemo(ctx context.Context) (sign.Provider, error) {
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(state, demoKey)
	file := filepath.Join(dir, demoKeyFile)
	made := false
	for range 4 {
		if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
			if made, err = a.makeDemo(state, dir); err != nil {
				return nil, fmt.Errorf("make the demo identity: %w", err)
			}
		}
		keys, err := soft.Open(ctx, file, soft.Config{})
		if err != nil {
			return nil, fmt.Errorf("the demo identity cannot be used: %w; remove the folder %s to have a new one made", err, dir)
		}
		if !isFile(filepath.Join(dir, demoCRLFile)) { // made before there were levels
			_ = keys.Close()
			a.note("the demo identity in %s has no authority of time-stamps; a new one takes its place", dir)
			if err := os.Rename(dir, dir+demoExpired+a.Now().UTC().Format("20060102T150405Z")); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("replace the demo identity: %w", err)
			}
			continue
		}
		expired, err := a.demoExpired(ctx, keys)
		if err != nil {
			return nil, fmt.Errorf("the demo identity cannot be used: %w; remove the folder %s to have a new one made", err, dir)
		}
		if expired.IsZero() {
			if !made && !a.demoSaid {
				a.note("using the demo key of %q: its signatures prove nothing", demoName)
			}
			a.demoSaid = true
			return keys, nil
		}
		_ = keys.Close()
		a.note("the demo identity expired on %s; a new one takes its place", day(expired))
		// The new name follows from the old certificate, so a program that comes too late cannot move the new identity.
		if err := os.Rename(dir, dir+demoExpired+expired.UTC().Format("20060102T150405Z")); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("replace the expired demo identity: %w", err)
		}
	}
	return nil, fmt.Errorf("the demo identity in %s cannot be replaced; remove that folder", dir)
}

// demoExpired returns when the certificate expired, or the zero time.
func (a *app) demoExpired(ctx context.Context, keys *soft.Provider) (time.Time, error) {
	for entry, err := range keys.Keys(ctx) {
		if err != nil {
			return time.Time{}, err
		}
		c := entry.Certificate()
		if c == nil {
			return time.Time{}, errors.New("it has no certificate")
		}
		if a.Now().After(c.NotAfter) {
			return c.NotAfter, nil
		}
	}
	return time.Time{}, nil
}

// makeDemo makes the folder, unless another program is faster; made is false then.
func (a *app) makeDemo(state, dir string) (made bool, err error) {
	files, err := newDemo(a.Now())
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return false, err
	}
	temp, err := os.MkdirTemp(state, ".demo-*") // of mode 0700
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(temp) }() // gone already when it was renamed
	for name, data := range files {
		mode := fs.FileMode(0o600)
		if name == demoRootFile || name == demoCRLFile {
			mode = 0o644
		}
		if err := writeSynced(filepath.Join(temp, name), data, mode); err != nil {
			return false, err
		}
	}
	switch err := os.Rename(temp, dir); {
	case err == nil:
		a.note("made a demo key for %q in %s; its signatures prove nothing, and verify with --trust demo", demoName, dir)
		return true, nil
	case errors.Is(err, fs.ErrExist), isFile(filepath.Join(dir, demoKeyFile)):
		if !isFile(filepath.Join(dir, demoKeyFile)) {
			return false, fmt.Errorf("there is a folder %s without a %s; remove it", dir, demoKeyFile)
		}
		return false, nil
	default:
		return false, err
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// newDemo makes an authority, whose key is thrown away, and below it a key for signing and one for time-stamps; and the
// CRL by which the authority revokes neither. The files are returned by their names.
func newDemo(now time.Time) (map[string][]byte, error) {
	ca := &demoCA{now: now}
	var err error
	if ca.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	root := ca.template("Signet demo authority, not for real use")
	root.IsCA, root.BasicConstraintsValid, root.MaxPathLenZero = true, true, true
	root.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, root, root, ca.key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	if ca.cert, err = x509.ParseCertificate(der); err != nil { // has the key identifier that the leaves repeat
		return nil, err
	}
	leaf := ca.template(demoName)
	leaf.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	key, err := ca.issue(leaf)
	if err != nil {
		return nil, err
	}
	stamper := ca.template("Signet demo authority of time-stamps, not for real use")
	stamper.KeyUsage = x509.KeyUsageDigitalSignature
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return nil, err
	}
	// RFC 3161 section 2.3: timeStamping alone, and critical, which package x509 does not make by itself.
	stamper.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}
	tsa, err := ca.issue(stamper)
	if err != nil {
		return nil, err
	}
	crl, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: root.NotBefore, NextUpdate: root.NotAfter}, ca.cert, ca.key)
	if err != nil {
		return nil, err
	}
	rootPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return map[string][]byte{
		demoKeyFile:  append(key, rootPEM...),
		demoTSAFile:  append(tsa, rootPEM...),
		demoRootFile: rootPEM,
		demoCRLFile:  pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: crl}),
	}, nil
}

// demoCA is the authority while its key is there.
type demoCA struct {
	now  time.Time
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func (ca *demoCA) template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    ca.now.Add(-time.Hour), // other clocks differ
		NotAfter:     ca.now.AddDate(demoYears, 0, 0),
	}
}

// issue makes a key and its certificate, in PEM.
func (ca *demoCA) issue(template *x509.Certificate) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	bundle := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	return append(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...), nil
}

func writeSynced(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
