//go:build unix && !signet_static

package pkcs11_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// signs makes a signature with the best scheme and lets package sign check it.
func signs(t testing.TB, p sign.Provider, ref sign.Ref, options ...sign.Option) {
	t.Helper()
	signer, err := sign.Open(t.Context(), p, ref, options...)
	require.NoError(t, err)
	signature, err := signer.Sign(t.Context(), []byte("message"))
	require.NoError(t, err)
	require.NoError(t, signer.Verify([]byte("message"), signature))
}

func TestGenerateAndImport(t *testing.T) {
	module, label := newToken(t)
	p := open(t, pkcs11.Config{Module: module, TokenLabel: label})
	pki := testpki.New(t)
	kinds := classicalKinds()
	if testing.Short() {
		kinds = []pkcs11.KeyKind{pkcs11.P256, pkcs11.Ed25519}
	}
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			e, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: kind, Label: string(kind)})
			require.NoError(t, err)
			require.Equal(t, string(kind), e.Label)
			require.Len(t, e.ID, 16)
			key, err := p.Key(t.Context(), sign.Ref{ID: e.ID})
			require.NoError(t, err)
			id := pki.LeafOf(key, "Signet test "+string(kind))
			require.NoError(t, p.ImportCertificate(t.Context(), id.Certificate()))
			signs(t, p, sign.Ref{Thumbprint: sign.Thumbprint(id.Certificate())})

			// A program of somebody else sees what was promised of the key.
			out := tool(t, module, label, "--list-objects", "--type", "privkey", "--label", string(kind))
			require.Contains(t, out, "sensitive")
			require.Contains(t, out, "never extractable")
			require.Contains(t, out, "Usage:      sign")

			_, err = p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: kind, Label: string(kind)})
			require.ErrorIs(t, err, sign.ErrInput)
			require.ErrorContains(t, err, `there is a key with the label "`+string(kind)+`" already; choose another one`)
			_, err = p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: kind, ID: e.ID})
			require.ErrorIs(t, err, sign.ErrInput)
			require.ErrorContains(t, err, fmt.Sprintf("there is a key with the id %x already", e.ID))
		})
	}
	require.ErrorIs(t, p.ImportCertificate(t.Context(), pki.Leaf(testpki.P256).Certificate()), sign.ErrKeyMismatch)
	require.ErrorIs(t, p.ImportCertificate(t.Context(), nil), sign.ErrInput)
	_, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: "dsa"})
	require.ErrorIs(t, err, sign.ErrUnsupported)
}

// TestKeyWithoutPublicHalf signs with a key of which the token has neither the public key nor a certificate.
func TestKeyWithoutPublicHalf(t *testing.T) {
	for _, kind := range []testpki.Kind{testpki.RSA2048, testpki.P256, testpki.P384} {
		t.Run(string(kind), func(t *testing.T) {
			module, label := newToken(t)
			pki := testpki.New(t)
			id, other := pki.Leaf(kind), pki.Leaf(kind)
			file := filepath.Join(t.TempDir(), "key.der")
			der, err := x509.MarshalPKCS8PrivateKey(id.Key)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, der, 0o600))
			tool(t, module, label, "--write-object", file, "--type", "privkey", "--usage-sign", "--id", "01", "--label", "seal")

			with := open(t, pkcs11.Config{Module: module, TokenLabel: label, Certificates: []*x509.Certificate{other.Certificate(), id.Certificate()}})
			signs(t, with, sign.Ref{Label: "seal"})
			signs(t, with, sign.Ref{Thumbprint: sign.Thumbprint(id.Certificate())})

			without := open(t, pkcs11.Config{Module: module, TokenLabel: label})
			signs(t, without, sign.Ref{Certificate: id.Certificate()})
			_, err = without.Key(t.Context(), sign.Ref{Certificate: other.Certificate()})
			require.ErrorIs(t, err, sign.ErrKeyNotFound)
		})
	}
}

func TestAmbiguousAndForeignObjects(t *testing.T) {
	module, label := newToken(t)
	pki := testpki.New(t)
	a, b, ed := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256), "ed"
	importKey(t, module, label, a, "01", "twin")
	importKey(t, module, label, b, "02", "twin")
	generate(t, pki, module, label, testpki.Ed25519, "03", ed)
	tool(t, module, label, "--keypairgen", "--key-type", "EC:secp256k1", "--id", "04", "--label", "bitcoin")
	importCert(t, module, label, pki.Leaf(testpki.P384).Certificate(), "01", "a certificate of another key")
	p := open(t, pkcs11.Config{Module: module, TokenLabel: label})
	_, err := p.Key(t.Context(), sign.Ref{Label: "twin"})
	require.ErrorIs(t, err, sign.ErrKeyAmbiguous)
	require.ErrorContains(t, err, sign.Thumbprint(a.Certificate()))
	require.ErrorContains(t, err, sign.Thumbprint(b.Certificate()))
	signs(t, p, sign.Ref{Label: "twin", ID: []byte{2}})
	signs(t, p, sign.Ref{Label: ed})
	_, err = p.Key(t.Context(), sign.Ref{Label: "nobody"})
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
	require.ErrorContains(t, err, "another public key")

	// A key of a kind that is not supported is an error of its own, and hides nothing.
	names, failures := 0, 0
	for _, err := range p.Keys(t.Context()) {
		if err != nil {
			require.ErrorContains(t, err, "bitcoin")
			failures++
			continue
		}
		names++
	}
	require.Equal(t, 3, names)
	require.Equal(t, 1, failures)
}

// TestAlwaysAuthenticate signs with a key that wants the PIN for each signature.
func TestAlwaysAuthenticate(t *testing.T) {
	module, label := newToken(t)
	tool(t, module, label, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "01", "--label", "careful", "--always-auth")
	s := newShim(t, module)
	var asked atomic.Int64
	var now atomic.Value
	now.Store(goodPIN)
	p := open(t, pkcs11.Config{Module: s.path, TokenLabel: label, PIN: func(context.Context, pkcs11.PINRequest) (sign.Secret, error) {
		asked.Add(1)
		return sign.NewSecret([]byte(now.Load().(string))), nil
	}})
	key, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	require.Equal(t, 1, key.(sign.Limiter).Limit())
	stage := &stage{shim: s, label: label, public: key.Public()}
	before := asked.Load()
	require.Empty(t, stage.many(t.Context(), key, 4, 5))
	require.EqualValues(t, 20, asked.Load()-before)

	now.Store(wrongPIN)
	logins := s.count(fnLogin)
	for range 3 {
		digest := sha256.Sum256(nil)
		_, err = key.SignContext(t.Context(), digest[:], crypto.SHA256)
		require.ErrorIs(t, err, sign.ErrPIN)
	}
	require.EqualValues(t, 1, s.count(fnLogin)-logins, "a refused PIN is tried once")
	now.Store(goodPIN)
	require.Empty(t, stage.many(t.Context(), key, 2, 2))
}

func TestTokens(t *testing.T) {
	module, label := newToken(t)
	slots, err := pkcs11.Slots(t.Context(), module, "")
	require.NoError(t, err)
	var mine *pkcs11.Slot
	for _, s := range slots {
		require.NoError(t, s.Err)
		if s.Token != nil && s.Token.Label == label {
			mine = &s
		}
	}
	require.NotNil(t, mine)
	require.True(t, mine.Token.Initialized && mine.Token.LoginRequired && mine.Token.PINInitialized)

	for name, config := range map[string]pkcs11.Config{
		"serial": {TokenSerial: mine.Token.Serial}, "slot": {Slot: &mine.ID},
		"all": {TokenLabel: label, TokenSerial: mine.Token.Serial, Slot: &mine.ID, TokenModel: mine.Token.Model, TokenManufacturer: mine.Token.Manufacturer, SlotDescription: mine.Description},
	} {
		t.Run(name, func(t *testing.T) {
			config.Module = module
			p := open(t, config)
			require.NoError(t, p.Ping(t.Context()))
			d, err := p.Diagnose(t.Context())
			require.NoError(t, err)
			require.Equal(t, label, d.Slot.Token.Label)
			require.True(t, d.LoggedIn)
			require.NotEmpty(t, d.Mechanisms)
			require.NoError(t, p.Close())
		})
	}
	newToken(t)
	for name, c := range map[string]struct {
		config pkcs11.Config
		class  error
	}{
		"no module":        {pkcs11.Config{}, sign.ErrInput},
		"not a module":     {pkcs11.Config{Module: "/nonexistent.so"}, sign.ErrUnavailable},
		"not PKCS #11":     {pkcs11.Config{Module: "libc.so.6"}, sign.ErrUnavailable},
		"no such token":    {pkcs11.Config{Module: module, TokenLabel: "nobody"}, sign.ErrKeyNotFound},
		"several tokens":   {pkcs11.Config{Module: module}, sign.ErrKeyAmbiguous},
		"PIN file missing": {pkcs11.Config{Module: module, TokenLabel: label, PIN: pkcs11.PINFile("/nonexistent")}, sign.ErrUnavailable},
		"PIN not set":      {pkcs11.Config{Module: module, TokenLabel: label, PIN: pkcs11.PINEnv("SIGNET_NO_SUCH_VARIABLE")}, sign.ErrUnavailable},
		"empty PIN":        {pkcs11.Config{Module: module, TokenLabel: label, PIN: pin("")}, sign.ErrPIN},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pkcs11.Open(t.Context(), c.config)
			require.ErrorIs(t, err, c.class)
			e, ok := errors.AsType[*sign.Error](err)
			require.True(t, ok)
			require.NotEmpty(t, e.Hint)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = pkcs11.Open(ctx, pkcs11.Config{Module: module, TokenLabel: label})
	require.ErrorIs(t, err, context.Canceled)
}

// TestWithoutPIN opens a token whose private keys cannot be seen.
func TestWithoutPIN(t *testing.T) {
	module, label := newToken(t)
	importKey(t, module, label, testpki.New(t).Leaf(testpki.P256), "01", "seal")
	p, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: newShim(t, module).path, TokenLabel: label})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	_, err = p.Key(t.Context(), sign.Ref{Label: "seal"})
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
	require.ErrorContains(t, err, "PIN")
}

func TestGroup(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	module, _ := newToken(t)
	stages := make([]*stage, 3)
	members := make([]*pkcs11.Provider, len(stages))
	for i := range stages {
		_, label := newToken(t)
		importKey(t, module, label, id, "01", "seal")
		stages[i] = &stage{shim: newShim(t, module), label: label, name: "seal", public: id.Key.Public(), id: id}
		config := stages[i].config()
		config.Recover = -1
		p, err := pkcs11.Open(t.Context(), config)
		require.NoError(t, err)
		members[i] = p
	}
	g, err := pkcs11.NewGroup(members...)
	require.NoError(t, err)
	defer func() { require.NoError(t, g.Close()) }()
	require.Equal(t, 12, g.Limit())
	require.NoError(t, g.Ping(t.Context()))
	signs(t, g, sign.Ref{Thumbprint: sign.Thumbprint(id.Certificate())})
	key, err := g.Key(t.Context(), sign.Ref{Label: "seal"})
	require.NoError(t, err)
	listed := 0
	for _, err := range g.Keys(t.Context()) {
		require.NoError(t, err)
		listed++
	}
	require.Equal(t, 1, listed)

	for _, s := range stages { // twelve callers at once need a token that takes a while
		atomic.StoreInt64(s.fn(fnSign).delay, 2000)
	}
	require.Empty(t, stages[0].many(t.Context(), key, 12, 20))
	for i, s := range stages {
		atomic.StoreInt64(s.fn(fnSign).delay, 0)
		require.Greater(t, s.count(fnSign), int64(5), "member %d has its share (%v are healthy)", i, g.Healthy())
	}
	// One fails in the middle: nobody notices, and it gets nothing more until it is back.
	broken := stages[1]
	broken.fail(fnSignInit, 5, 1<<40, 0x32)
	broken.fail(fnOpenSession, 0, 1<<40, 0xe0)
	require.Empty(t, stages[0].many(t.Context(), key, 12, 20))
	require.Equal(t, []bool{true, false, true}, g.Healthy())
	broken.fail(fnSignInit, 0, 0, 0)
	broken.fail(fnOpenSession, 0, 0, 0)
	require.Eventually(t, func() bool {
		_ = stages[0].one(t.Context(), key, "message")
		return g.Healthy()[1]
	}, waitLong, tick)
	signed := broken.count(fnSign)
	require.Empty(t, stages[0].many(t.Context(), key, 12, 20))
	require.Greater(t, broken.count(fnSign), signed+5)

	// When all fail, the error says so, and it goes on when one is back.
	for _, s := range stages {
		s.fail(fnSignInit, 0, 1<<40, 0x32)
		s.fail(fnOpenSession, 0, 1<<40, 0xe0)
	}
	require.ErrorIs(t, stages[0].one(t.Context(), key, "message"), sign.ErrUnavailable)
	stages[2].fail(fnSignInit, 0, 0, 0)
	stages[2].fail(fnOpenSession, 0, 0, 0)
	require.Eventually(t, func() bool { return stages[0].one(t.Context(), key, "message") == nil }, waitLong, tick)
}

// TestGroupOfDifferentKeys refuses tokens that do not hold the same key.
func TestGroupOfDifferentKeys(t *testing.T) {
	var members []*pkcs11.Provider
	var labels []string
	for range 2 { // both first: SoftHSM2 does not see tokens that are made while it is in use
		module, label := newToken(t)
		importKey(t, module, label, testpki.New(t).Leaf(testpki.P256), "01", "seal")
		labels = append(labels, label)
	}
	module := softhsmModule(t)
	for _, label := range labels {
		members = append(members, open(t, pkcs11.Config{Module: module, TokenLabel: label}))
	}
	g, err := pkcs11.NewGroup(members...)
	require.NoError(t, err)
	_, err = g.Key(t.Context(), sign.Ref{Label: "seal"})
	require.ErrorIs(t, err, sign.ErrKeyMismatch)
	require.NoError(t, g.Close())
	_, err = g.Key(t.Context(), sign.Ref{Label: "seal"})
	require.ErrorIs(t, err, sign.ErrUnavailable)
	_, err = pkcs11.NewGroup()
	require.ErrorIs(t, err, sign.ErrInput)
}

// TestOpenSSLVerifies has a program of somebody else verify a raw signature.
func TestOpenSSLVerifies(t *testing.T) {
	openssl := find(t, "apt-get install openssl", "openssl")
	module, label := newToken(t)
	pki := testpki.New(t)
	p := open(t, pkcs11.Config{Module: module, TokenLabel: label})
	for _, kind := range []testpki.Kind{testpki.RSA2048, testpki.P256} {
		id := pki.Leaf(kind)
		importKey(t, module, label, id, "0"+string(rune('1'+len(kind)%5)), string(kind))
		dir := t.TempDir()
		spki, err := x509.MarshalPKIXPublicKey(id.Key.Public())
		require.NoError(t, err)
		key, err := p.Key(t.Context(), sign.Ref{Label: string(kind)})
		require.NoError(t, err)
		digest := sha256.Sum256([]byte("message"))
		signature, err := key.SignContext(t.Context(), digest[:], crypto.SHA256)
		require.NoError(t, err)
		for name, data := range map[string][]byte{"spki": spki, "message": []byte("message"), "signature": signature} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		}
		out, err := exec.Command(openssl, "dgst", "-sha256", "-verify", filepath.Join(dir, "spki"), "-keyform", "DER", "-signature", filepath.Join(dir, "signature"), filepath.Join(dir, "message")).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

// TestPointEncodings reads public keys as the modules of several vendors give them.
func TestPointEncodings(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	raw, err := id.Key.Public().(*ecdsa.PublicKey).Bytes()
	require.NoError(t, err)
	octets, err := asn1.Marshal(raw)
	require.NoError(t, err)
	bits, err := asn1.Marshal(asn1.BitString{Bytes: raw, BitLength: 8 * len(raw)})
	require.NoError(t, err)
	compressed := append([]byte{2 + raw[64]&1}, raw[1:33]...)
	long := pki.Leaf(testpki.P521)
	rawLong, err := long.Key.Public().(*ecdsa.PublicKey).Bytes()
	require.NoError(t, err)
	const p256, p521 = "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", "\x06\x05\x2b\x81\x04\x00\x23"
	for _, c := range []struct {
		name, params string
		id           testpki.Identity
		point        []byte
	}{
		{"octet string", p256, id, octets}, {"raw", p256, id, raw}, {"bit string", p256, id, bits}, {"compressed", p256, id, compressed},
		{"length in one octet", p521, long, append([]byte{4, byte(len(rawLong))}, rawLong...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := c.id
			module, label := newToken(t)
			file := filepath.Join(t.TempDir(), "key.der")
			der, err := x509.MarshalPKCS8PrivateKey(id.Key)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, der, 0o600))
			tool(t, module, label, "--write-object", file, "--type", "privkey", "--usage-sign", "--id", "01", "--label", "seal")
			p := open(t, pkcs11.Config{Module: module, TokenLabel: label})
			m, err := p11.Open(module, "")
			require.NoError(t, err)
			defer func() { _ = m.Close() }()
			slots, err := m.Slots(true)
			require.NoError(t, err)
			for _, slot := range slots {
				if token, err := m.Token(slot); err != nil || token.Label != label {
					continue
				}
				s, err := m.OpenSession(slot, true)
				require.NoError(t, err)
				_, err = s.Create(p11.Ulong(p11.AttrClass, p11.ClassPublicKey), p11.Ulong(p11.AttrKeyType, p11.KeyEC), p11.Bool(p11.AttrToken, true),
					p11.Bytes(p11.AttrID, []byte{1}), p11.Bytes(p11.AttrECParams, []byte(c.params)), p11.Bytes(p11.AttrECPoint, c.point))
				require.NoError(t, err)
				require.NoError(t, s.Close())
			}
			key, err := p.Key(t.Context(), sign.Ref{Label: "seal"})
			require.NoError(t, err)
			require.Equal(t, id.Key.Public(), key.Public())
			signs(t, p, sign.Ref{Label: "seal"}, sign.WithChain(id.Chain...))
		})
	}
}

func TestOpenURI(t *testing.T) {
	module, label := newToken(t)
	importKey(t, module, label, testpki.New(t).Leaf(testpki.P256), "01", "the seal")
	file := filepath.Join(t.TempDir(), "pin")
	require.NoError(t, os.WriteFile(file, []byte(goodPIN+"\n"), 0o600))
	for name, uri := range map[string]string{
		"path":        "pkcs11:token=" + label + ";object=the%20seal?module-path=" + module + "&pin-source=" + file,
		"file":        "pkcs11:token=" + label + ";id=%01;type=private?module-path=" + module + "&pin-source=file:" + file,
		"value":       "pkcs11:token=" + label + "?module-path=" + module + "&pin-value=" + goodPIN,
		"library":     "pkcs11:token=" + label + ";library-manufacturer=SoftHSM?module-path=" + module + "&pin-value=" + goodPIN,
		"module-name": "pkcs11:token=" + label + "?module-name=softhsm2&pin-value=" + goodPIN,
	} {
		t.Run(name, func(t *testing.T) {
			p, ref, err := pkcs11.OpenURI(t.Context(), uri, pkcs11.Config{})
			require.NoError(t, err)
			signs(t, p, ref)
			require.NoError(t, p.Close())
		})
	}
	_, _, err := pkcs11.OpenURI(t.Context(), "pkcs11:token="+label+";library-manufacturer=Other?module-path="+module, pkcs11.Config{})
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
	_, _, err = pkcs11.OpenURI(t.Context(), "pkcs11:?module-name=no-such-module", pkcs11.Config{})
	require.ErrorIs(t, err, sign.ErrUnavailable)
	_, _, err = pkcs11.OpenURI(t.Context(), "pkcs11:type=secret-key?module-path="+module, pkcs11.Config{})
	require.ErrorIs(t, err, sign.ErrInput)
}
