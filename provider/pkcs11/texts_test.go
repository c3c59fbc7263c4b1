//go:build unix && !signet_static

package pkcs11_test

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// TestTokensThatErrorsName: tokens that were never initialised have no name, and are no choice.
func TestTokensThatErrorsName(t *testing.T) {
	module, _ := newToken(t)
	newToken(t)
	slots, err := pkcs11.Slots(t.Context(), module, "")
	require.NoError(t, err)
	var blank uint
	for _, s := range slots {
		if s.Token != nil && !s.Token.Initialized {
			blank = s.ID // SoftHSM always has one
		}
	}
	nowhere := uint(1) << 31
	for name, c := range map[string]struct {
		config pkcs11.Config
		class  error
		says   []string
	}{
		"label":          {pkcs11.Config{TokenLabel: "nobody"}, sign.ErrKeyNotFound, []string{`no token with label "nobody"; there are: "`, `" (serial `}},
		"label and slot": {pkcs11.Config{TokenLabel: "nobody", Slot: &nowhere}, sign.ErrKeyNotFound, []string{`no token with label "nobody" in slot 2147483648; there`}},
		"slot":           {pkcs11.Config{Slot: &nowhere}, sign.ErrKeyNotFound, []string{`no token in slot 2147483648; there are: `}},
		"blank":          {pkcs11.Config{Slot: &blank}, sign.ErrKeyNotFound, []string{"the one that is meant is not initialised; others are: "}},
		"several":        {pkcs11.Config{TokenModel: "SoftHSM v2"}, sign.ErrKeyAmbiguous, []string{` tokens with model "SoftHSM v2"; name one`, "by label and serial"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Module = module
			_, err := pkcs11.Open(t.Context(), c.config)
			require.ErrorIs(t, err, c.class)
			require.NotContains(t, err.Error(), "(serial ,")
			for _, text := range c.says {
				require.ErrorContains(t, err, text)
			}
		})
	}
}

// TestPINTexts: what is not tried, and why.
func TestPINTexts(t *testing.T) {
	module, label := newToken(t)
	_, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: module, TokenLabel: label, PIN: pin("")})
	require.ErrorIs(t, err, sign.ErrPIN)
	require.ErrorContains(t, err, "nothing was tried: the PIN is empty")
}

// TestKeysThatCannotSign are named all the same: the error says what is wrong with the key, not what other keys there are.
func TestKeysThatCannotSign(t *testing.T) {
	module, label := newToken(t)
	pki := testpki.New(t)
	generate(t, pki, module, label, testpki.P256, "01", "good")
	tool(t, module, label, "--keypairgen", "--key-type", "EC:secp256k1", "--id", "02", "--label", "bitcoin")
	tool(t, module, label, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "03", "--label", "half")
	tool(t, module, label, "--delete-object", "--type", "pubkey", "--id", "03")
	create(t, module, label,
		p11.Ulong(p11.AttrClass, p11.ClassPrivateKey), p11.Ulong(p11.AttrKeyType, p11.KeyEC), p11.Bool(p11.AttrToken, true), p11.Bool(p11.AttrPrivate, true),
		p11.Bool(p11.AttrSign, false), p11.Bytes(p11.AttrECParams, unhex(t, "06082a8648ce3d030107")), p11.Bytes(p11.AttrValue, bytes.Repeat([]byte{1}, 32)),
		p11.Bytes(p11.AttrID, []byte{4}), p11.Bytes(p11.AttrLabel, []byte("agreement")))
	p := open(t, pkcs11.Config{Module: module, TokenLabel: label})
	for name, c := range map[string]struct {
		ref   sign.Ref
		class error
		says  string
		not   string
	}{
		"curve":      {sign.Ref{Label: "bitcoin"}, sign.ErrUnsupported, `key "bitcoin" (id 02): not supported: its curve secp256k1 is not supported`, "good"},
		"half":       {sign.Ref{ID: []byte{3}}, sign.ErrUnsupported, `its public key is not on the token, and none of the certificates is of it; give its certificate (Config.Certificates)`, "good"},
		"may not":    {sign.Ref{Label: "agreement"}, sign.ErrUnsupported, `key "agreement" (id 04): not supported; it may not sign (CKA_SIGN is false)`, "good"},
		"not there":  {sign.Ref{Label: "nobody"}, sign.ErrKeyNotFound, `some keys could not be read: key "`, "agreement"},
		"other id":   {sign.Ref{Label: "bitcoin", ID: []byte{1}}, sign.ErrKeyNotFound, `there are: "good"`, "agreement"},
		"once":       {sign.Ref{Label: "nobody"}, sign.ErrKeyNotFound, `in ` + module + `: label "nobody": no such key: some`, "pkcs11: keys"},
		"only the 1": {sign.Ref{}, nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Key(t.Context(), c.ref)
			require.ErrorIs(t, err, c.class)
			if err != nil {
				require.ErrorContains(t, err, c.says)
				require.NotContains(t, err.Error(), c.not)
			}
		})
	}

	tool(t, module, label, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "05", "--label", "good")
	_, err := p.Key(t.Context(), sign.Ref{})
	require.ErrorIs(t, err, sign.ErrKeyAmbiguous)
	require.ErrorContains(t, err, `in `+module+`: more than one key matches; name one of them by its label and id: "good"`)
	require.ErrorContains(t, err, `"good" (id 05, no certificate)`)
}

// create makes an object on a token.
func create(t testing.TB, module, label string, template ...p11.Attribute) {
	t.Helper()
	m, err := p11.Open(module, "")
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	slots, err := m.Slots(true)
	require.NoError(t, err)
	for _, slot := range slots {
		if token, err := m.Token(slot); err != nil || token.Label != label {
			continue
		}
		s, err := m.OpenSession(slot, true)
		require.NoError(t, err)
		require.NoError(t, s.Login([]byte(goodPIN)))
		_, err = s.Create(template...)
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
}

// TestFilesThatAreNoModule: what is wrong with the file, and what to give instead.
func TestFilesThatAreNoModule(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("text.so", []byte("not a library\n"), 0o600))
	require.NoError(t, os.WriteFile("elf32.so", append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 4096)...), 0o600))
	require.NoError(t, os.Mkdir("folder.so", 0o700))
	for path, says := range map[string]string{
		"":                  "give the path of the vendor's PKCS #11 library",
		"/nonexistent/m.so": "; there is no such file; give the path",
		"signet-nowhere.so": "is looked for by the dynamic linker; give the whole path",
		"text.so":           "for the file that is here, write ./text.so",
		"./text.so":         "it must be the vendor's PKCS #11 library for this architecture (" + runtime.GOOS + "/" + runtime.GOARCH,
		"./elf32.so":        "it must be the vendor's PKCS #11 library for this architecture (" + runtime.GOOS + "/" + runtime.GOARCH,
		"./folder.so":       "could not be loaded: ",
		"libc.so.6":         "not a PKCS #11 module; give the vendor's PKCS #11 library",
		"/dev/null":         "it must be the vendor's",
	} {
		t.Run(path, func(t *testing.T) {
			_, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: path})
			require.ErrorContains(t, err, says)
			require.True(t, path == "" || strings.Count(err.Error(), path+":") <= 1, err)
			_, err = pkcs11.Slots(t.Context(), path, "")
			require.ErrorContains(t, err, says)
			_, ok := errors.AsType[*sign.Error](err)
			require.True(t, ok)
		})
	}
}
