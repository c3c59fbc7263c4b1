// Package soft holds keys in files: PEM bundles, PKCS#8 (also encrypted), PKCS#1, SEC 1, PKCS#12, a folder of such files,
// and keys behind any [crypto.Signer], such as those of the libraries of cloud key services.
//
//	keys, err := soft.Open(ctx, "seal.p12", soft.Config{Password: soft.PasswordFile("seal.pass")})
//	defer keys.Close()
//	signer, err := sign.Open(ctx, keys, sign.Ref{Thumbprint: "9F A1 …"})
//
// # Files
//
// What a file is, is seen from its content, never from its name, and the order of what it holds does not matter. A key
// finds its certificate by its public key, in the same file, in another file of the folder, or in Config.Certificates;
// a chain goes from there by issuer and signature. A self-signed root is left out of chains, since every verifier must
// have it anyway.
//
// A certificate or key that cannot be read does not hide the others: it is reported by [Provider.Keys], and by the error
// of a lookup that finds nothing. Opening fails when there is no key at all.
//
// # Passwords
//
// The password is asked for when an encrypted file is met, once for each file, and never again when it is wrong.
//
// # Keys of services
//
// [New] takes any [crypto.Signer]: a key in AWS KMS, Google Cloud KMS, Azure Key Vault, HashiCorp Vault or the like, by a type of
// some thirty lines over its library, as the examples of that function show. Such a type says of its errors which of them are over in a
// moment, and has a method SignContext, so that a request ends with its context.
package soft

import (
	"context"
	"crypto"
	"crypto/x509"
	"hash"
	"iter"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/sign"
)

// Limits on what is read.
const (
	maxFileSize     = 16 << 20 // octets of one file
	maxFiles        = 10_000   // files of a folder
	maxKeys         = 1_000    // keys of one file
	maxCertificates = 1_000    // certificates of one file
	maxKeySize      = 16 << 10 // octets of one private key; RSA with 16384 bits has 9.3 KiB
	maxCertSize     = 64 << 10 // octets of one certificate
)

// DefaultMaxIterations is the most iterations of a password derivation, as Config.MaxIterations has it.
const DefaultMaxIterations = 10_000_000

// Config says how keys are opened. The zero value opens what is not encrypted.
type Config struct {
	// Password is asked when a file is encrypted. Nil opens PKCS#12 files whose password is empty, and no others.
	Password PasswordFunc
	// Certificates are added to those that the files hold.
	Certificates []*x509.Certificate
	// Root lets chains end with the self-signed root when it is known.
	Root bool
	// MaxIterations refuses files that ask for more iterations of a password derivation; 0 means DefaultMaxIterations.
	MaxIterations int
	// Label names the key of New. Keys in files have their friendlyName, or the name of the file.
	Label string
	// Limit is how many signatures at once a foreign crypto.Signer makes; 0 means DefaultLimit.
	Limit int
	// Parsers read private keys of kinds that this package does not know, in the order given: mldsa.Parse. They are asked first.
	Parsers []Parser
	// Encryption decrypts files with algorithms that this package does not know: gost.Encryption{}. They are asked when it knows none.
	Encryption []Encryption
}

// Parser reads a private key in PKCS#8 (RFC 5958), DER, of a kind of its own. What it returns is a [sign.Key] that is also a
// [sign.Schemer] and a [sign.SPKIKey], and signs in this process; it is used as it is, and what it says by [sign.TrustedKey] counts. The
// error for keys of other kinds is of class [sign.ErrUnsupported], so that the next one is asked.
type Parser func(pkcs8 []byte) (crypto.Signer, error)

// Encryption has algorithms of its own for files under a password. Object identifiers are in dotted form.
type Encryption interface {
	// PRF is the hash of an HMAC in PBKDF2 (RFC 8018 appendix B.1) and in PBMAC1 (RFC 9579), or nil.
	PRF(oid string) func() hash.Hash
	// Cipher is an encryption scheme of PBES2 (RFC 8018 appendix B.2) with its parameters, a TLV or nothing: how many octets of key it
	// needs, and what decrypts with it. An error of decrypt means that the password is wrong, or the file damaged. When the scheme is not
	// known, decrypt is nil and there is no error.
	Cipher(oid string, parameters []byte) (keySize int, decrypt func(key, data []byte) ([]byte, error), err error)
	// MAC is the hash of the HMAC of a PKCS#12 file that names a digest (RFC 7292 section 4), or nil, and how its key is derived from the
	// password: by keySize octets of PBKDF2 with the same hash, of which the last ones from position skip on are the key.
	MAC(oid string) (newHash func() hash.Hash, keySize, skip int)
}

// Provider holds keys in memory. It is safe for concurrent use.
type Provider struct {
	entries  []*keyring.Entry
	failures []error  // keys and files of keys that could not be read
	skipped  []string // certificates that could not be read, in words
	limit    int
	closed   *atomic.Bool
}

var (
	_ sign.Provider    = (*Provider)(nil)
	_ sign.Lister      = (*Provider)(nil)
	_ sign.ChainSource = (*Provider)(nil)
	_ sign.Pinger      = (*Provider)(nil)
	_ sign.Limiter     = (*Provider)(nil)
)

// Open reads a file or a folder. Errors are [*sign.Error]: [sign.ErrPIN] for a wrong password, [sign.ErrKeyNotFound] when
// there is no key, [sign.ErrUnsupported] for a kind of file or encryption that is not read, with the command that converts
// it, [sign.ErrUnavailable] for a file that cannot be read, or whose password cannot be had, with [ErrNoPassword] inside
// when none was given. The context is for Config.Password.
func Open(ctx context.Context, path string, config Config) (*Provider, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &sign.Error{Op: "soft: open", Place: path, Class: sign.ErrUnavailable, Err: keyring.Plain(err)}
	}
	l := &loader{config: config}
	if info.IsDir() {
		err = l.folder(ctx, path)
	} else {
		err = l.file(ctx, path)
	}
	if err != nil {
		return nil, err
	}
	return l.provider(path)
}

// Parse reads the content of a file that is in memory; name stands in labels and errors for the name of the file. The
// data must not be modified as long as the provider is used.
func Parse(ctx context.Context, name string, data []byte, config Config) (*Provider, error) {
	l := &loader{config: config}
	if err := l.read(ctx, name, data); err != nil {
		return nil, err
	}
	return l.provider(name)
}

// loader gathers what the files hold.
type loader struct {
	config   Config
	keys     []foundKey
	certs    []keyring.Cert
	failures []error
	skipped  []string
}

type foundKey struct {
	key    sign.Key // of a parser of the caller; else nil
	signer crypto.Signer
	label  string // friendlyName, or empty
	file   string // the name of the file
	id     []byte
	pss    []sign.Scheme // of a key that is for RSASSA-PSS only, else nil
}

func (l *loader) file(ctx context.Context, path string) error {
	data, err := readFile(path)
	if err != nil {
		return err
	}
	return l.read(ctx, path, data)
}

// folder reads every file that looks like one of ours. One that fails is remembered and does not hide the others.
func (l *loader) folder(ctx context.Context, path string) error {
	names, err := os.ReadDir(path)
	if err != nil {
		return &sign.Error{Op: "soft: open", Place: path, Class: sign.ErrUnavailable, Err: keyring.Plain(err)}
	}
	if len(names) > maxFiles {
		return &sign.Error{Op: "soft: open", Place: path, Class: sign.ErrInput, Hint: "the folder has too many files; give one that holds keys only"}
	}
	for _, name := range names {
		file := filepath.Join(path, name.Name())
		// Secrets that are mounted into containers are symbolic links, so the target counts.
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxFileSize {
			continue
		}
		data, err := readFile(file)
		if err != nil {
			l.failures = append(l.failures, err)
			continue
		}
		if !looksLikeOurs(data) {
			continue
		}
		if err := l.read(ctx, file, data); err != nil {
			if ctx.Err() != nil {
				return err
			}
			l.failures = append(l.failures, err)
		}
	}
	return nil
}

// provider matches keys with certificates.
func (l *loader) provider(place string) (*Provider, error) {
	if len(l.keys) == 0 {
		return nil, l.noKey(place)
	}
	for _, c := range l.config.Certificates {
		if c != nil {
			l.certs = append(l.certs, keyring.Cert{Cert: c})
		}
	}
	p := &Provider{failures: l.failures, skipped: l.skipped, closed: new(atomic.Bool)}
	pool := keyring.NewPool(l.certs, l.config.Root)
	for _, k := range l.keys {
		key := k.key
		if own, ok := key.(gated); ok {
			key = own.gate(p.closed)
		} else {
			key = newStandardKey(k.signer, k.pss, p.closed)
		}
		if err := p.add(key, k, pool); err != nil {
			p.failures = append(p.failures, err)
		}
	}
	if len(p.entries) == 0 {
		return nil, p.failures[0]
	}
	return p, nil
}

// noKey says why no key was found. The reason of a file that failed is better than that there is none.
func (l *loader) noKey(place string) error {
	if len(l.failures) != 0 {
		return l.failures[0]
	}
	e := &sign.Error{Op: "soft: open", Place: place, Class: sign.ErrKeyNotFound, Hint: "give a file with a private key: PEM, PKCS#8, or PKCS#12"}
	if len(l.certs) != 0 {
		e.Hint = "there are only certificates; " + e.Hint
	}
	if len(l.skipped) != 0 {
		e.Hint += "; " + l.skipped[0]
	}
	return e
}

// add makes an entry of a key for each of its certificates, or one without.
func (p *Provider) add(key sign.Key, found foundKey, pool *keyring.Pool) error {
	spki, err := spkiOf(key)
	if err != nil {
		return &sign.Error{Op: "soft: open", Place: found.file, Class: sign.ErrUnsupported, Err: err}
	}
	base := keyring.Entry{Name: sign.KeyName(spki)}
	base.Public, base.Schemes, base.ID = key.Public(), schemesOf(key), found.id
	if _, err := sign.MarshalPublicKey(base.Public); err != nil {
		base.Public = sign.PublicKey(spki)
	}
	leaves := pool.ByKey(base.Name)
	if len(leaves) == 0 {
		leaves = []keyring.Cert{{}}
	}
	for _, leaf := range leaves {
		e := base
		for _, label := range []string{found.label, leaf.Label, filepath.Base(found.file)} {
			if label != "" {
				e.Label = label
				break
			}
		}
		if len(e.ID) == 0 {
			e.ID = leaf.ID
		}
		if leaf.Cert != nil {
			e.Chain = pool.Chain(leaf.Cert)
		}
		e.Key = withChain(key, e.Chain)
		p.entries = append(p.entries, &e)
	}
	return nil
}

// Key finds exactly one key. The same key with the same certificate in two files is one key; a key with two certificates
// must be named by one of them.
func (p *Provider) Key(ctx context.Context, ref sign.Ref) (sign.Key, error) {
	if err := p.usable(ctx, "soft: key"); err != nil {
		return nil, err
	}
	if err := ref.Check(); err != nil {
		return nil, err
	}
	finder := keyring.Finder{Op: "soft: key", Entries: p.entries, Failures: p.failures, Skipped: p.skipped}
	e, err := finder.Find(ref)
	if err != nil {
		return nil, err
	}
	return e.Key, nil
}

// Keys lists the keys in the order of the files, then what could not be read, as errors.
func (p *Provider) Keys(ctx context.Context) iter.Seq2[sign.Entry, error] {
	return func(yield func(sign.Entry, error) bool) {
		if err := p.usable(ctx, "soft: keys"); err != nil {
			yield(sign.Entry{}, err)
			return
		}
		for _, e := range p.entries {
			if !yield(e.Entry, nil) {
				return
			}
		}
		for _, err := range p.failures {
			if !yield(sign.Entry{}, err) {
				return
			}
		}
	}
}

// Chain returns the certificate of a key of this provider, then its issuers, without the root unless Config.Root is set.
func (p *Provider) Chain(ctx context.Context, key sign.Key) ([]*x509.Certificate, error) {
	if err := p.usable(ctx, "soft: chain"); err != nil {
		return nil, err
	}
	for _, e := range p.entries {
		if e.Key == key {
			return append([]*x509.Certificate(nil), e.Chain...), nil
		}
	}
	return nil, &sign.Error{Op: "soft: chain", Class: sign.ErrInput, Hint: "the key is not one of this provider"}
}

// Ping reports whether the provider is open.
func (p *Provider) Ping(ctx context.Context) error { return p.usable(ctx, "soft: ping") }

// Limit returns 0 for keys in memory, and how many calls at once are made of a foreign crypto.Signer.
func (p *Provider) Limit() int { return p.limit }

// Close makes the provider and its keys fail with [sign.ErrUnavailable]. It never fails and may be called again.
func (p *Provider) Close() error {
	p.closed.Store(true)
	return nil
}

func (p *Provider) usable(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.closed.Load() {
		return errClosed(op)
	}
	return nil
}

func errClosed(op string) error {
	return &sign.Error{Op: op, Class: sign.ErrUnavailable, Hint: "the provider was closed; open it again"}
}
