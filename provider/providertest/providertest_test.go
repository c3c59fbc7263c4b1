package providertest_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"iter"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

const (
	variable = "SIGNET_TEST_FAULT"
	secret   = "hunter2"
)

// TestSuitePasses runs the suite over a provider that is right.
func TestSuitePasses(t *testing.T) { providertest.Run(t, config(t, nil)) }

// TestSuiteFails runs the suite over providers with one fault each, in processes of their own, for the suite must fail.
func TestSuiteFails(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	for name := range faults() {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestFault$")
			cmd.Env = append(os.Environ(), variable+"="+name)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "the suite passed a provider with a fault")
			require.Contains(t, string(out), "--- FAIL: TestFault/"+faults()[name].group, string(out))
			require.NotContains(t, string(out), "\npanic:", "the process ended")
			if strings.HasPrefix(name, "panics") {
				require.Contains(t, string(out), "the provider panicked: the driver is broken")
				require.Contains(t, string(out), "--- FAIL: TestFault/Close", "the groups behind are run")
			}
		})
	}
}

// TestFault is run by TestSuiteFails.
func TestFault(t *testing.T) {
	name := os.Getenv(variable)
	if name == "" {
		t.Skip("is run by TestSuiteFails in a process of its own")
	}
	providertest.Run(t, config(t, faults()[name].change))
}

// config makes a provider of two keys. A fault changes what it does.
func config(t *testing.T, change func(*faulty)) providertest.Config {
	pki := testpki.New(t)
	a, b := pki.Leaf(testpki.P256), pki.Leaf(testpki.Ed25519)
	data := bytes.Join([][]byte{
		testpki.KeyPEM(t, a.Key), testpki.KeyPEM(t, b.Key), testpki.CertPEM(a.Chain...), testpki.CertPEM(b.Chain...),
	}, nil)
	return providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			p, err := soft.Parse(t.Context(), "bundle.pem", data, soft.Config{})
			require.NoError(t, err)
			f := &faulty{Provider: p}
			if change != nil {
				change(f)
			}
			return f
		},
		Keys:        []providertest.Key{{Certificate: a.Certificate(), Chain: a.Chain}, {Certificate: b.Certificate()}},
		Ambiguous:   []sign.Ref{{Label: "bundle.pem"}},
		Secrets:     []string{secret},
		OpenRefused: func(testing.TB) error { return &sign.Error{Op: "test: open", Class: sign.ErrPIN} },
	}
}

type signFunc func(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error)

// faulty passes everything on to a good provider but for what a fault sets.
type faulty struct {
	*soft.Provider
	find  func(ctx context.Context, ref sign.Ref) (sign.Key, error)
	list  func(ctx context.Context) iter.Seq2[sign.Entry, error]
	chain func(chain []*x509.Certificate) []*x509.Certificate
	shut  func() error
	sign  func(good signFunc) signFunc
	hide  bool
}

// hidingKey is a wrapper of nothing.
type hidingKey struct{ *faultyKey }

func (k *hidingKey) Unwrap() sign.Key { return nil }

func (f *faulty) Key(ctx context.Context, ref sign.Ref) (sign.Key, error) {
	find := f.Provider.Key
	if f.find != nil {
		find = f.find
	}
	key, err := find(ctx, ref)
	if err != nil {
		return nil, err
	}
	k := &faultyKey{Key: key, sign: key.SignContext}
	if f.hide {
		return &hidingKey{k}, nil
	}
	if f.sign != nil {
		k.sign = f.sign(key.SignContext)
	}
	return k, nil
}

func (f *faulty) Keys(ctx context.Context) iter.Seq2[sign.Entry, error] {
	if f.list != nil {
		return f.list(ctx)
	}
	return f.Provider.Keys(ctx)
}

func (f *faulty) Chain(ctx context.Context, key sign.Key) ([]*x509.Certificate, error) {
	if h, ok := key.(*hidingKey); ok {
		key = h.faultyKey
	}
	chain, err := f.Provider.Chain(ctx, key.(*faultyKey).Key)
	if f.chain != nil {
		chain = f.chain(chain)
	}
	return chain, err
}

func (f *faulty) Close() error {
	if f.shut != nil {
		return f.shut()
	}
	return f.Provider.Close()
}

type faultyKey struct {
	sign.Key
	sign signFunc
}

func (k *faultyKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.sign(ctx, digest, opts)
}

func (k *faultyKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.sign(context.Background(), digest, opts)
}

type fault struct {
	group  string // of the suite, which must fail
	change func(*faulty)
}

func faults() map[string]fault {
	return map[string]fault{
		"panics-when-asked": {"Lookup", func(f *faulty) {
			f.find = func(context.Context, sign.Ref) (sign.Key, error) { panic("the driver is broken") }
		}},
		"panics-at-work": {"Concurrency", func(f *faulty) {
			f.sign = func(signFunc) signFunc {
				return func(context.Context, []byte, crypto.SignerOpts) ([]byte, error) { panic("the driver is broken") }
			}
		}},
		"no-key-no-error": {"Schemes", func(f *faulty) {
			f.find = func(context.Context, sign.Ref) (sign.Key, error) { return nil, nil }
		}},
		"wraps-nothing": {"Unwrap", func(f *faulty) { f.hide = true }},
		"first-of-many": {"Ambiguous", func(f *faulty) {
			f.find = func(ctx context.Context, ref sign.Ref) (sign.Key, error) {
				key, err := f.Provider.Key(ctx, ref)
				if errors.Is(err, sign.ErrKeyAmbiguous) {
					for e := range f.Provider.Keys(ctx) {
						return f.Provider.Key(ctx, sign.Ref{Thumbprint: e.Thumbprint()})
					}
				}
				return key, err
			}
		}},
		"label-only": {"NotFound", func(f *faulty) {
			f.find = func(ctx context.Context, ref sign.Ref) (sign.Key, error) {
				if ref.Certificate != nil {
					ref = sign.Ref{Certificate: ref.Certificate}
				}
				return f.Provider.Key(ctx, ref)
			}
		}},
		"plain-errors": {"NotFound", func(f *faulty) {
			f.find = func(ctx context.Context, ref sign.Ref) (sign.Key, error) {
				key, err := f.Provider.Key(ctx, ref)
				if errors.Is(err, sign.ErrKeyNotFound) {
					err = sign.ErrKeyNotFound
				}
				return key, err
			}
		}},
		"talkative": {"NotFound", func(f *faulty) {
			f.find = func(ctx context.Context, ref sign.Ref) (sign.Key, error) {
				key, err := f.Provider.Key(ctx, ref)
				if errors.Is(err, sign.ErrKeyNotFound) {
					err = &sign.Error{Op: "test: key", Class: sign.ErrKeyNotFound, Hint: "the PIN was " + secret}
				}
				return key, err
			}
		}},
		"short-list": {"Listing", func(f *faulty) {
			f.list = func(ctx context.Context) iter.Seq2[sign.Entry, error] {
				return func(yield func(sign.Entry, error) bool) {
					for e, err := range f.Provider.Keys(ctx) {
						yield(e, err)
						return
					}
				}
			}
		}},
		"no-issuers": {"Chain", func(f *faulty) {
			f.chain = func(chain []*x509.Certificate) []*x509.Certificate { return chain[:min(len(chain), 1)] }
		}},
		"wrong-signature": {"Schemes", func(f *faulty) {
			f.sign = func(good signFunc) signFunc {
				return func(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
					signature, err := good(ctx, digest, opts)
					if len(signature) != 0 {
						signature[len(signature)-1] ^= 1
					}
					return signature, err
				}
			}
		}},
		"pads-digests": {"Refusals", func(f *faulty) {
			f.sign = func(good signFunc) signFunc {
				return func(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
					if opts != nil && opts.HashFunc() == crypto.SHA256 {
						digest = append(bytes.Clone(digest), make([]byte, 32)...)[:32]
					}
					return good(ctx, digest, opts)
				}
			}
		}},
		"nil-options": {"Refusals", func(f *faulty) {
			f.sign = func(good signFunc) signFunc {
				return func(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
					if opts == nil {
						opts = crypto.SHA256
					}
					return good(ctx, digest, opts)
				}
			}
		}},
		"deaf": {"ContextBefore", func(f *faulty) {
			f.sign = func(good signFunc) signFunc {
				return func(_ context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
					return good(context.Background(), digest, opts)
				}
			}
		}},
		"never-closed": {"Close", func(f *faulty) { f.shut = func() error { return nil } }},
		"closed-once": {"Close", func(f *faulty) {
			closed := false
			f.shut = func() error {
				if closed {
					return errors.New("closed already")
				}
				closed = true
				return f.Provider.Close()
			}
		}},
	}
}

// TestBusy checks the check of a context that ends while waiting.
func TestBusy(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	slow := &gate{Signer: id.Key, open: make(chan struct{})}
	close(slow.open)
	providertest.Run(t, providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			p, err := soft.New(slow, soft.Config{Certificates: id.Chain, Label: "gate", Limit: 1})
			require.NoError(t, err)
			return p
		},
		Keys: []providertest.Key{{Certificate: id.Certificate(), Label: "gate"}},
		Busy: func(testing.TB, sign.Provider) func() {
			slow.open = make(chan struct{})
			return func() { close(slow.open) }
		},
	})
}

// gate is a signer that makes nothing until it is opened.
type gate struct {
	crypto.Signer
	open chan struct{}
}

func (g *gate) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	<-g.open
	return g.Signer.Sign(rand.Reader, digest, opts)
}

// limited is a provider whose keys are behind a quota.
func limited(open func(testing.TB) sign.Provider) func(testing.TB) sign.Provider {
	return func(tb testing.TB) sign.Provider { return sign.LimitedProvider(open(tb), sign.Quota{Concurrency: 4}) }
}

// TestSuitePassesWrappers runs the suite over keys behind a quota, which have to be what they were without.
func TestSuitePassesWrappers(t *testing.T) {
	c := config(t, nil)
	c.Open = limited(c.Open)
	providertest.Run(t, c)
}
