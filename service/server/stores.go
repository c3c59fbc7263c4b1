package server

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// keys makes the keys of the configuration. Nothing is opened yet.
func (c *Config) keys(clients *clients, o *opened) ([]keys.Key, error) {
	stores, refs := map[string]*keys.Store{}, map[string]sign.Ref{}
	for i := range c.Stores {
		s := &c.Stores[i]
		store, ref, err := s.store(c.dir(), o)
		if err != nil {
			return nil, fmt.Errorf("store %s: %w", s.Name, err)
		}
		stores[s.Name], refs[s.Name] = store, ref
	}
	roots, err := c.Verify.files()
	if err != nil {
		return nil, err
	}
	o.know("verify.roots", roots)
	all := make([]keys.Key, len(c.Keys))
	for i := range c.Keys {
		k := &c.Keys[i]
		ref, err := k.ref(refs[k.Store])
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", k.Name, err)
		}
		options, err := c.options(k, clients, o)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", k.Name, err)
		}
		all[i] = keys.Key{Name: k.Name, Store: stores[k.Store], Ref: ref, Scheme: k.Scheme, Options: options}
		if k.Gather != nil {
			all[i].Gather = &sign.Gathering{Wait: k.Gather.Wait, Concurrency: k.Gather.Concurrency}
		}
	}
	return all, nil
}

// dir is what relative paths in URIs are relative to.
func (c *Config) dir() string {
	if c.path == "" {
		return ""
	}
	return filepath.Dir(c.path)
}

// ref is what the key says, and what the URI of the store says for the rest.
func (k *Key) ref(of sign.Ref) (sign.Ref, error) {
	ref := sign.Ref{Label: k.Label, Thumbprint: k.Thumbprint}
	if k.ID != "" {
		ref.ID, _ = parseID(k.ID) // was checked
	}
	if k.Certificate != "" {
		all, err := certificates(k.Certificate)
		if err != nil {
			return ref, err
		}
		ref.Certificate = all[0]
	}
	if ref.IsZero() {
		ref = of
	}
	return ref, nil
}

// options are what a key makes. One of level BES has time-stamps and revocation values, too, when there are any: what it
// signed can be raised, and a caller of /v1/sign may want a higher level.
func (c *Config) options(k *Key, clients *clients, at *opened) (cades.Options, error) {
	level, err := parseLevel(k.Level)
	o := cades.Options{Level: level, Attached: k.Attached}
	authorities, from := k.Timestamp, k.Revocation
	if len(authorities) == 0 {
		authorities = c.Sources.Timestamp
	}
	if err != nil || level < cades.LevelBES || level == cades.LevelBES && len(authorities) == 0 {
		return o, err
	}
	if from == nil {
		from = &c.Sources.Revocation
	}
	if o.Timestamper, err = clients.timestamper(authorities); err != nil {
		return o, err
	}
	source, err := clients.revocation(from)
	if err != nil {
		return o, err
	}
	o.Revocation = atHand{source, at}
	return o, o.Check()
}

// store makes a store of keys, and what its URI says of the key.
func (s *Store) store(dir string, o *opened) (*keys.Store, sign.Ref, error) {
	store := &keys.Store{Name: s.Name, Identity: fmt.Sprintf("%+v %d", *s, o.turns(s.Name))} // secrets say where they are
	for _, c := range s.Certificates {
		store.Files = append(store.Files, string(c))
	}
	for _, secret := range []Secret{s.Password, s.PIN, s.KeyPIN} {
		if secret.file != "" {
			store.Files = append(store.Files, secret.file)
		}
	}
	if s.File != "" {
		store.Files = append(store.Files, string(s.File))
		store.Open = func(ctx context.Context) (sign.Provider, error) { return s.openFile(ctx, o) }
		return store, sign.Ref{}, nil
	}
	var ref sign.Ref
	uris := make([]pkcs11.URI, len(s.Token))
	for i, text := range s.Token {
		u, err := pkcs11.ParseURI(text)
		if err != nil {
			return nil, ref, err
		}
		if u.PINSource != "" {
			u.PINSource = absolute(u.PINSource, dir)
			store.Files = append(store.Files, u.PINSource)
		}
		if u.KeyPINSource != "" {
			u.KeyPINSource = absolute(u.KeyPINSource, dir)
			store.Files = append(store.Files, u.KeyPINSource)
		}
		if strings.ContainsRune(u.ModulePath, filepath.Separator) { // else the dynamic linker looks for it
			u.ModulePath = absolute(u.ModulePath, dir)
		}
		if i == 0 {
			ref = u.Ref()
		}
		uris[i] = u
	}
	store.Open = func(ctx context.Context) (sign.Provider, error) { return s.openToken(ctx, uris, o) }
	return store, ref, nil
}

// reachWords says of the file of a client certificate what forOperators says of a store.
func reachWords(err error) error {
	err = forOperators(err)
	if e, ok := errors.AsType[*sign.Error](err); ok {
		e.Hint = strings.NewReplacer("password: file:PATH to the store", "cert-password: file:PATH", "file: of the store", "cert:").Replace(e.Hint)
	}
	return err
}

// forOperators writes what the library tells programmers to set in the words of a configuration file.
func forOperators(err error) error {
	e, ok := errors.AsType[*sign.Error](err)
	if !ok {
		return err
	}
	with := *e
	switch {
	case errors.Is(err, soft.ErrNoPassword):
		with.Hint = "add password: file:PATH to the store"
	case e.Hint != "":
		with.Hint = operatorWords.Replace(e.Hint)
	case errors.Is(err, fs.ErrNotExist):
		with.Hint = "put the file there, or mend file: of the store"
	case errors.Is(err, fs.ErrPermission):
		with.Hint = "let the user of the service read it"
	}
	return &with
}

var operatorWords = strings.NewReplacer(
	"set Config.Password", "add password: file:PATH to the store",
	"(Config.PIN)", "(pin: file:PATH)", "(Config.KeyPIN)", "(key-pin: file:PATH)", "(Config.Module)", "(module-path= in the URI)", "(Config.InitArgs)", "(x-init-args= in the URI)",
	"(Config.Certificates)", "(certificates:)", "(Config.AllowFinalTry)", "(signet doctor --final-try)",
	"(Config.Sessions)", "(sessions:)", "(Config.Recover)", "(recover:)",
)

// maxCertificates bounds the octets of a file with certificates.
const maxCertificates = 16 << 20

// certificates reads all certificates of files, in PEM or DER; there is one in each at least.
func certificates(paths ...Path) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for _, path := range paths {
		data, err := readSmall(string(path), maxCertificates)
		if err != nil {
			return nil, err
		}
		before := len(all)
		if !bytes.Contains(data, []byte("-----BEGIN ")) {
			c, err := trust.ParseCertificate(data)
			if err != nil {
				return nil, fmt.Errorf("%s: there is no certificate in it, neither in PEM nor in DER", path)
			}
			all = append(all, c)
			continue
		}
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "CERTIFICATE" {
				continue
			}
			c, err := trust.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("%s: certificate %d in it: %w", path, len(all)-before+1, err)
			}
			all = append(all, c)
		}
		if len(all) == before {
			return nil, fmt.Errorf("%s: there is no certificate in it", path)
		}
	}
	return all, nil
}

// roots reads what signatures are verified with; nil when there is none.
func (v *Verify) roots() (*trust.Roots, error) {
	if len(v.Roots) == 0 && !v.System {
		return nil, nil
	}
	pool := trust.New()
	if v.System {
		var err error
		if pool, err = trust.System(); err != nil {
			return nil, fmt.Errorf("the roots of this machine cannot be read: %w; give files by verify.roots", err)
		}
	}
	all, err := v.files()
	for _, c := range all {
		if err := pool.AddDER(c.Raw); err != nil {
			return nil, err
		}
	}
	return pool, err
}

// files reads the roots that are in files.
func (v *Verify) files() (roots []*x509.Certificate, err error) {
	for _, path := range v.Roots {
		files := []Path{path}
		if info, err := os.Stat(string(path)); err == nil && info.IsDir() {
			files = nil
			entries, err := os.ReadDir(string(path))
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
					files = append(files, Path(filepath.Join(string(path), e.Name())))
				}
			}
			if len(files) == 0 {
				return nil, fmt.Errorf("verify.roots: there is no file in the folder %s", path)
			}
		}
		all, err := certificates(files...)
		if err != nil {
			return nil, fmt.Errorf("verify.roots: %w", err)
		}
		roots = append(roots, all...)
	}
	return roots, nil
}
