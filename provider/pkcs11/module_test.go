//go:build unix && !signet_static

package pkcs11_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

// given is the token that whoever runs the tests names, of a module that the tests do not know:
//
//	SIGNET_TEST_MODULE     path of the module
//	SIGNET_TEST_TOKEN      label of the token; not needed when there is only one
//	SIGNET_TEST_PIN        its PIN
//	SIGNET_TEST_WRONG_PIN  another one, when the token may be asked to refuse it: some lock after three tries
//	SIGNET_TEST_INIT_ARGS  what the module wants in pReserved
//	SIGNET_TEST_KEY        label of a key that is there, or * for all of them
//
// Without SIGNET_TEST_KEY, keys and certificates are made on it and stay there. With it nothing is, as on a card whose keys were
// made when it was issued; a key without a certificate is given one that the token does not have.
func given(t testing.TB) pkcs11.Config {
	t.Helper()
	module := os.Getenv("SIGNET_TEST_MODULE")
	if module == "" {
		t.Skip("SKIPPED: no module of your own (set SIGNET_TEST_MODULE, see module_test.go)")
	}
	return pkcs11.Config{Module: module, TokenLabel: os.Getenv("SIGNET_TEST_TOKEN"), PIN: pkcs11.PINEnv("SIGNET_TEST_PIN"),
		InitArgs: os.Getenv("SIGNET_TEST_INIT_ARGS"), Sessions: 3}
}

// TestConformanceGiven passes the conformance suite over a token that is named by the environment, with keys of all kinds
// that it makes.
func TestConformanceGiven(t *testing.T) {
	config := given(t)
	p, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	pki := testpki.New(t)
	var keys []providertest.Key
	if os.Getenv("SIGNET_TEST_KEY") == "" {
		keys = conformanceKeys(t, pki, p, classicalKinds()...)
	} else {
		keys = keysThere(t, pki, p, &config)
	}
	require.NoError(t, p.Close())
	suite := providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			p, err := pkcs11.Open(t.Context(), config)
			require.NoError(t, err)
			return p
		},
		Keys:    keys,
		Others:  true,
		Secrets: []string{os.Getenv("SIGNET_TEST_PIN")},
	}
	if wrong := os.Getenv("SIGNET_TEST_WRONG_PIN"); wrong != "" {
		suite.Secrets = append(suite.Secrets, wrong)
		suite.OpenRefused = func(t testing.TB) error {
			config := config
			config.PIN = pin(wrong)
			_, err := pkcs11.Open(t.Context(), config)
			return err
		}
	}
	providertest.Run(t, suite)
}

// keysThere takes the keys that the token has, and adds certificates to the config for those that have none.
func keysThere(t testing.TB, pki *testpki.PKI, p *pkcs11.Provider, config *pkcs11.Config) []providertest.Key {
	t.Helper()
	var keys []providertest.Key
	seen := map[string]bool{}
	for e, err := range p.Keys(t.Context()) {
		if err != nil {
			t.Log(err)
			continue
		}
		if name := os.Getenv("SIGNET_TEST_KEY"); seen[string(e.ID)] || name != "*" && name != e.Label {
			continue
		}
		seen[string(e.ID)] = true
		own := providertest.Key{ID: e.ID, Label: e.Label, Certificate: e.Certificate()}
		if e.Certificate() == nil {
			key, err := p.Key(t.Context(), sign.Ref{ID: e.ID})
			require.NoError(t, err)
			id := pki.LeafOf(key, "Signet test "+e.Label)
			config.Certificates = append(config.Certificates, id.Chain...)
			own.Certificate, own.Chain = id.Certificate(), id.Chain
		}
		keys = append(keys, own)
	}
	require.NotEmpty(t, keys, "no key %s", os.Getenv("SIGNET_TEST_KEY"))
	return keys
}

// conformanceKeys makes keys on a token with this package, of those kinds that the token can make, with certificates.
func conformanceKeys(t testing.TB, pki *testpki.PKI, p *pkcs11.Provider, kinds ...pkcs11.KeyKind) []providertest.Key {
	t.Helper()
	var keys []providertest.Key
	for _, kind := range kinds {
		label := fmt.Sprintf("signet test %s %s", kind, testLabel())
		e, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: kind, Label: label})
		if errors.Is(err, sign.ErrUnsupported) {
			t.Log(err)
			continue
		}
		require.NoError(t, err)
		key, err := p.Key(t.Context(), sign.Ref{ID: e.ID})
		require.NoError(t, err)
		id := pki.LeafOf(key, "Signet test "+string(kind))
		require.NoError(t, p.ImportCertificate(t.Context(), id.Certificate(), id.Chain[1:]...))
		require.NoError(t, p.ImportCertificate(t.Context(), id.Certificate(), id.Chain[1:]...), "again")
		keys = append(keys, providertest.Key{ID: e.ID, Label: label, Certificate: id.Certificate(), Chain: append([]*x509.Certificate(nil), id.Chain...)})
	}
	return keys
}

// testLabel tells the keys of one run from those of another. It has letters only: a number could have the PIN in it, which
// errors must not.
func testLabel() string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r - '0' + 'a'
		}
		return r
	}, fmt.Sprintf("%d-%d", os.Getpid(), nextNumber()))
}

// TestModuleThatDoesNotStart says that the module is there, so that nobody looks for another file.
func TestModuleThatDoesNotStart(t *testing.T) {
	s := softStage(t)
	for _, rv := range []int64{6, 5} { // FUNCTION_FAILED, GENERAL_ERROR
		s.fail(fnInitialize, 0, 2, rv)
		_, err := pkcs11.Open(t.Context(), s.config())
		require.ErrorIs(t, err, sign.ErrUnavailable)
		require.ErrorContains(t, err, "daemon")
		require.NotContains(t, err.Error(), "architecture")
		_, err = pkcs11.Slots(t.Context(), s.path, "")
		require.ErrorContains(t, err, "daemon")
	}
	_, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: "testdata/shim.c"})
	require.ErrorContains(t, err, "architecture")
	_, err = pkcs11.Slots(t.Context(), "testdata/shim.c", "")
	require.ErrorContains(t, err, "architecture")
}

// TestTokenThatCannotBeRead names the slot, and the tokens that could be read, when the one that is meant is not among them.
func TestTokenThatCannotBeRead(t *testing.T) {
	s := softStage(t)
	config := s.config()
	config.TokenLabel = "no such token"
	s.fail(fnTokenInfo, 0, 1, 0x30)
	_, err := pkcs11.Open(t.Context(), config)
	require.ErrorIs(t, err, sign.ErrUnavailable)
	require.ErrorContains(t, err, "slot ")
	require.ErrorContains(t, err, "CKR_DEVICE_ERROR")
	require.ErrorContains(t, err, `no token with label "no such token" among those that could be read: "`)
	_, err = pkcs11.Open(t.Context(), config)
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
}

// TestPINOfAnotherLength says what the token takes, after the try.
func TestPINOfAnotherLength(t *testing.T) {
	s := softStage(t)
	config := s.config()
	config.PIN = pin("12")
	_, err := pkcs11.Open(t.Context(), config)
	require.ErrorIs(t, err, sign.ErrPIN)
	require.ErrorContains(t, err, "PINs have 4 to 255 characters")
	config.PIN = pin(wrongPIN)
	_, err = pkcs11.Open(t.Context(), config)
	require.ErrorIs(t, err, sign.ErrPIN)
	require.NotContains(t, err.Error(), "characters")
}

// classicalKinds are the kinds of keys that the standard library has.
func classicalKinds() []pkcs11.KeyKind {
	return slices.DeleteFunc(pkcs11.KeyKinds(), func(k pkcs11.KeyKind) bool {
		return strings.HasPrefix(string(k), "ml-dsa") || strings.HasPrefix(string(k), "gost")
	})
}
