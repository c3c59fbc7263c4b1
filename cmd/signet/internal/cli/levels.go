package cli

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// levelFlags say where levels above BES get their time-stamps and revocation values.
type levelFlags struct {
	tsa       []string
	tsaPolicy string
	tsaHash   string
	cache     string
	private   bool
	evidence  bool // in the time-stamps, of their authorities
	connectFlags

	known []*x509.Certificate // that chains may be completed with, beside those of the demo identity
}

func (f *levelFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.tsa, "tsa", nil, "authority of time-stamps for levels from t on, `URL`, or demo; may be repeated: the next one is asked when one fails")
	flags.StringVar(&f.tsaPolicy, "tsa-policy", "", "ask the authority of time-stamps for this policy, `OID`")
	flags.StringVar(&f.tsaHash, "tsa-hash", "", "the `HASH` of what is time-stamped: sha256, sha384, sha512, streebog256 or streebog512; by default sha256, with a GOST key that of the key")
	flags.BoolVar(&f.evidence, "tsa-evidence", false, "put what proves their authority into the time-stamps, as CryptoPro does; for levels t, c, xlong1 and a")
	flags.StringVar(&f.cache, "cache", "", "keep revocation values in `DIR` until the next ones are due")
	flags.BoolVar(&f.private, "allow-private", false, "fetch revocation values from private addresses, too: for authorities in one's own network")
	f.connectFlags.register(flags)
}

// stamps are the authorities of time-stamps in the network.
func (f *levelFlags) stamps() []string {
	return slices.DeleteFunc(slices.Clone(f.tsa), func(t string) bool { return t == demoKey })
}

// check refuses flags that do not fit the level.
func (f *levelFlags) check(level cades.Level) error {
	switch {
	case level <= cades.LevelBES && len(f.tsa) != 0:
		return usage("--tsa is for levels from t on; add --level t")
	case level > cades.LevelBES && len(f.tsa) == 0:
		return usage("--level %s needs an authority of time-stamps: give --tsa URL, or --tsa demo to try it out", levelName(level))
	case f.evidence && (level <= cades.LevelBES || level == cades.LevelLT || level == cades.LevelLTA):
		return usage("--tsa-evidence is for levels t, c, xlong1 and a, not for %s", levelName(level))
	case f.tsaPolicy != "":
		if _, err := cms.ParseOID(f.tsaPolicy); err != nil {
			return usage("--tsa-policy %s is not an object identifier; write it as 1.2.643.2", f.tsaPolicy)
		}
	}
	if _, err := f.hash(); err != nil {
		return err
	}
	for _, t := range f.tsa {
		if u, err := url.Parse(t); t != demoKey && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			return usage("--tsa %s: give a URL that begins with http:// or https://, or demo", t)
		}
	}
	return f.connectFlags.check(f.stamps())
}

// hash is that of the imprints of time-stamps; nil is the one that goes with the key.
func (f *levelFlags) hash() (sign.Hash, error) {
	switch strings.ReplaceAll(strings.ToLower(f.tsaHash), "-", "") {
	case "":
		return nil, nil
	case "sha256":
		return crypto.SHA256, nil
	case "sha384":
		return crypto.SHA384, nil
	case "sha512":
		return crypto.SHA512, nil
	case "streebog256":
		return gost.Streebog256, nil
	case "streebog512":
		return gost.Streebog512, nil
	}
	return nil, usage("--tsa-hash %s: choose sha256, sha384, sha512, streebog256 or streebog512", f.tsaHash)
}

func levelName(l cades.Level) string {
	short, err := l.MarshalText()
	if err != nil || len(short) == 0 {
		return l.String()
	}
	return string(short)
}

// sources opens what the level takes from others.
func (a *app) sources(ctx context.Context, f *levelFlags, level cades.Level) (tsp.Timestamper, revocation.Source, error) {
	if level <= cades.LevelBES {
		return nil, nil, nil
	}
	var all authorities
	config := tsp.Config{Algorithms: schemes.Algorithms(), Policy: f.tsaPolicy, Clock: a.Now}
	for _, t := range f.stamps() {
		o, err := f.connectFlags.options(ctx, a, t)
		if err != nil {
			return nil, nil, err
		}
		config.Endpoints = append(config.Endpoints, tsp.Endpoint{URL: t, Connect: o})
	}
	proxy, err := proxyURL(f.proxy)
	if err != nil {
		return nil, nil, err
	}
	known := &revocation.Values{}
	if demo, values, err := a.demoAuthority(ctx, f); err != nil {
		return nil, nil, &failure{ExitFailed, err}
	} else if values != nil {
		known = values
		if demo != nil {
			all = append(all, demo)
		}
	}
	known.Certificates = append(known.Certificates, f.known...)
	if len(config.Endpoints) != 0 {
		client, err := tsp.NewClient(config)
		if err != nil {
			return nil, nil, usage("--tsa: %w", err)
		}
		all = append(authorities{client}, all...)
	}
	source, err := revocation.NewClient(revocation.Config{Algorithms: schemes.Algorithms(), Known: known, CacheDir: f.cache, AllowPrivate: f.private, Clock: a.Now, Connect: connect.Options{Proxy: proxy}})
	if err != nil {
		return nil, nil, usage("--cache %s: %w", f.cache, err)
	}
	return all, source, nil
}

// authorities are asked one after the other.
type authorities []tsp.Timestamper

func (all authorities) Timestamp(ctx context.Context, imprint sign.Digest) (*tsp.Token, error) {
	var errs []error
	for _, t := range all {
		token, err := t.Timestamp(ctx, imprint)
		if err == nil {
			return token, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// demoAuthority opens the authority of time-stamps of the demo identity, and the revocation values that go with it. Those
// are wanted for signatures of the demo key, too, whatever stamps them.
func (a *app) demoAuthority(ctx context.Context, f *levelFlags) (tsp.Timestamper, *revocation.Values, error) {
	wanted := false
	for _, t := range f.tsa {
		wanted = wanted || t == demoKey
	}
	state, err := a.stateDir()
	if err != nil {
		if wanted {
			return nil, nil, err
		}
		return nil, nil, nil
	}
	dir := filepath.Join(state, demoKey)
	if wanted {
		keys, err := a.openDemo(ctx)
		if err != nil {
			return nil, nil, err
		}
		_ = keys.Close()
	}
	values, err := demoValues(dir)
	if err != nil {
		if wanted {
			return nil, nil, err
		}
		return nil, nil, nil
	}
	if !wanted {
		return nil, values, nil
	}
	stamping, err := soft.Open(ctx, filepath.Join(dir, demoTSAFile), soft.Config{Root: true})
	if err != nil {
		return nil, nil, err
	}
	signer, err := sign.Open(ctx, stamping, sign.Ref{})
	if err != nil {
		return nil, nil, err
	}
	authority, err := tsp.NewAuthority(signer, &tsp.AuthorityOptions{
		Clock: a.Now, Accuracy: time.Second, Policies: policies(f.tsaPolicy),
		Hashes: []sign.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512, gost.Streebog256, gost.Streebog512},
	})
	return authority, values, err
}

func policies(oid string) []string {
	if oid == "" {
		return nil
	}
	return []string{oid}
}

// demoValues are the authority of the demo identity and what it says of revocation: nothing was revoked.
func demoValues(dir string) (*revocation.Values, error) {
	values := &revocation.Values{}
	for name, take := range map[string]func(*pem.Block) error{
		demoRootFile: func(b *pem.Block) error {
			c, err := x509.ParseCertificate(b.Bytes)
			values.Certificates = append(values.Certificates, c)
			return err
		},
		demoCRLFile: func(b *pem.Block) error {
			values.CRLs = append(values.CRLs, b.Bytes)
			return nil
		},
	} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(data)
		if block == nil {
			return nil, fmt.Errorf("%s of the demo identity is not PEM", name)
		}
		if err := take(block); err != nil {
			return nil, err
		}
	}
	return values, nil
}
