//go:build unix && !signet_static

package pkcs11_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// TestRawRefusedLate has tokens that list mechanisms for digests and refuse them when they have to sign, as TPMs do.
func TestRawRefusedLate(t *testing.T) {
	module, label := newToken(t)
	limited(t, module, label, "pss only", p11.MechPSS)
	tool(t, module, label, "--keypairgen", "--key-type", "rsa:2048", "--id", "02", "--label", "rsa")
	tool(t, module, label, "--keypairgen", "--key-type", "rsa:2048", "--id", "03", "--label", "each time", "--always-auth")
	start := func(t *testing.T, name string, bits int64) (*shim, *pkcs11.Provider, sign.MessageKey) {
		s := newShim(t, module)
		s.hash(bits)
		p := open(t, pkcs11.Config{Module: s.path, TokenLabel: label, Sessions: 1})
		key, err := p.Key(t.Context(), sign.Ref{Label: name})
		require.NoError(t, err)
		return s, p, key.(sign.MessageKey)
	}
	// made makes a signature over a message, and counts the calls of C_SignInit.
	made := func(t *testing.T, s *shim, key sign.MessageKey) int64 {
		t.Helper()
		before := s.count(fnSignInit)
		message := []byte("the message")
		digest := sha256.Sum256(message)
		signature, err := key.SignMessageContext(t.Context(), message, pssSHA256)
		require.NoError(t, err)
		require.NoError(t, rsa.VerifyPSS(key.Public().(*rsa.PublicKey), crypto.SHA256, digest[:], signature, pssSHA256))
		return s.count(fnSignInit) - before
	}
	refused := func(t *testing.T, s *shim, key sign.MessageKey) (calls int64, err error) {
		t.Helper()
		before := s.count(fnSignInit)
		_, err = key.SignMessageContext(t.Context(), []byte("the message"), pssSHA256)
		require.ErrorIs(t, err, sign.ErrUnsupported)
		require.ErrorContains(t, err, "the token refuses CKM_RSA_PKCS_PSS, which it lists")
		return s.count(fnSignInit) - before, err
	}
	for name, bits := range map[string]int64{"listed": lateRaw, "not listed": lateRaw | hideHash} {
		t.Run(name, func(t *testing.T) {
			s, _, key := start(t, "rsa", bits)
			mechanism, hashes := pkcs11.MechanismOf(key, testpki.Must(sign.PSS(crypto.SHA256)))
			require.Equal(t, "CKM_RSA_PKCS_PSS", mechanism)
			require.False(t, hashes)
			require.EqualValues(t, 2, made(t, s, key))
			require.EqualValues(t, 1, made(t, s, key), "it is known now")
			mechanism, hashes = pkcs11.MechanismOf(key, testpki.Must(sign.PSS(crypto.SHA256)))
			require.Equal(t, "CKM_SHA256_RSA_PKCS_PSS", mechanism)
			require.True(t, hashes)
			_, err := key.SignMessageContext(t.Context(), nil, crypto.SHA256)
			require.NoError(t, err, "another scheme finds out on its own")
			_, err = key.SignContext(t.Context(), make([]byte, 32), pssSHA256)
			require.ErrorIs(t, err, sign.ErrUnsupported, "a digest is a digest")
			require.Equal(t, name == "listed", strings.Contains(err.Error(), "sign.SignMessage"), "%v", err)
			require.Zero(t, s.count(fnLogin)-1, "nothing was lost")
			require.EqualValues(t, 1, s.count(fnInitialize))
		})
	}
	t.Run("both are refused", func(t *testing.T) {
		s, _, key := start(t, "rsa", lateRaw|lateHash)
		for range 2 {
			calls, err := refused(t, s, key)
			require.EqualValues(t, 2, calls)
			require.ErrorContains(t, err, "CKM_SHA256_RSA_PKCS_PSS is refused as well")
		}
		s.hash(0)
		require.EqualValues(t, 1, made(t, s, key), "nothing was remembered")
	})
	t.Run("the key may not", func(t *testing.T) {
		s, _, key := start(t, "pss only", lateRaw)
		calls, _ := refused(t, s, key)
		require.EqualValues(t, 1, calls)
	})
	t.Run("a PIN each time", func(t *testing.T) {
		s, _, key := start(t, "each time", lateRaw|hideHash)
		logins := s.count(fnLogin)
		calls, _ := refused(t, s, key)
		require.EqualValues(t, 1, calls, "no PIN is asked for on suspicion")
		require.EqualValues(t, 1, s.count(fnLogin)-logins)
	})
	t.Run("a PIN each time, and it is listed", func(t *testing.T) {
		s, _, key := start(t, "each time", lateRaw)
		require.EqualValues(t, 2, made(t, s, key))
		require.EqualValues(t, 1, made(t, s, key))
	})
	t.Run("it is something else", func(t *testing.T) {
		s, _, key := start(t, "each time", 0)
		for _, code := range []int64{0x21, 0x63, 0x50, 0xa0} { // DATA_LEN_RANGE, KEY_TYPE_INCONSISTENT, FUNCTION_CANCELED, PIN_INCORRECT
			fn := fnSign
			if code == 0xa0 {
				fn = fnLogin
			}
			begun := s.count(fnSignInit)
			s.fail(fn, 0, 1, code)
			_, err := key.SignMessageContext(t.Context(), []byte("message"), pssSHA256)
			require.Error(t, err)
			require.EqualValues(t, 1, s.count(fnSignInit)-begun, "%v", err)
		}
	})
	t.Run("the token is lost in between", func(t *testing.T) {
		s, _, key := start(t, "rsa", lateRaw)
		s.do(fnSignInit, 1, doCloseAll)
		require.LessOrEqual(t, made(t, s, key), int64(3))
		require.EqualValues(t, 1, made(t, s, key))
	})
}

// TestHashingIsVerified has tokens sign something else than the message.
func TestHashingIsVerified(t *testing.T) {
	s := softStage(t)
	s.hash(hideRaw | addECDSA | badHash)
	_, key := s.open(t)
	for _, scheme := range sign.Schemes(key.Public()) {
		signature, err := sign.SignMessage(t.Context(), key, []byte("message"), scheme.Opts)
		require.ErrorIs(t, err, sign.ErrKeyMismatch)
		require.Nil(t, signature)
	}
	s.hash(hideRaw | addECDSA)
	_, err := sign.SignMessage(t.Context(), key, []byte("message"), crypto.SHA256)
	require.NoError(t, err)
}

// TestKeyKnownByTrial: the certificate of a key without a public key is found by a test signature, which such tokens hash, too.
func TestKeyKnownByTrial(t *testing.T) {
	module, label := newToken(t)
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	importKey(t, module, label, id, "01", "seal")
	s := newShim(t, module)
	s.hash(hideRaw | addECDSA | checkLen)
	p := open(t, pkcs11.Config{Module: s.path, TokenLabel: label, Certificates: []*x509.Certificate{pki.Leaf(testpki.P256).Certificate(), id.Certificate()}})
	for _, object := range []string{"pubkey", "cert"} {
		tool(t, module, label, "--delete-object", "--type", object, "--id", "01")
	}
	tool(t, module, label, "--set-id", "09", "--type", "privkey", "--id", "01")
	key, err := p.Key(t.Context(), sign.Ref{Label: "seal"})
	require.NoError(t, err)
	require.Equal(t, id.Key.Public(), key.Public())
	_, err = sign.SignMessage(t.Context(), key, []byte("message"), crypto.SHA256)
	require.NoError(t, err)
}

// TestTPMSignsPSS has a TPM sign with RSASSA-PSS, which its module does not list and does of messages only.
func TestTPMSignsPSS(t *testing.T) {
	d := newTPM(t)
	tool(t, d.module, d.label, "--keypairgen", "--key-type", "rsa:2048", "--id", "01", "--label", "seal")
	d.stop() // it keeps what it has made, and has no room for more
	d.start(t)
	p := open(t, pkcs11.Config{Module: d.module, TokenLabel: d.label, Sessions: 1})
	key, err := p.Key(t.Context(), sign.Ref{Label: "seal"})
	require.NoError(t, err)
	id := testpki.New(t).LeafOf(key, "Signet test of a TPM")
	var pss int
	for _, scheme := range sign.Schemes(key.Public()) {
		signer, err := sign.New(key, id.Chain, scheme)
		require.NoError(t, err)
		signature, err := signer.Sign(t.Context(), []byte("message"))
		require.NoError(t, err, scheme.Name)
		require.NoError(t, signer.Verify([]byte("message"), signature))
		if strings.HasPrefix(scheme.Name, "rsa-pss") {
			_, err = key.SignContext(t.Context(), make([]byte, scheme.NewHash().Size()), scheme.Opts)
			require.ErrorIs(t, err, sign.ErrUnsupported)
			pss++
		}
	}
	require.Equal(t, 3, pss)
}

// TestRefusedOnce has a mechanism for digests refused once. That the token makes the digests from then on is no rule: when it does not,
// digests are tried again.
func TestRefusedOnce(t *testing.T) {
	s := softStage(t)
	s.hash(addECDSA)
	p, key := s.open(t)
	message := func() error {
		_, err := sign.SignMessage(t.Context(), key, []byte("message"), crypto.SHA256)
		return err
	}
	s.fail(fnSign, 0, 1, 0x70)
	require.NoError(t, message())
	signs := s.count(fnSign)
	require.NoError(t, message())
	require.Equal(t, signs+1, s.count(fnSign), "it is remembered")
	for _, code := range []int64{0x70, 0x21} {
		s.fail(fnSign, 0, 1, code)
		require.NoError(t, message())
		_, hashes := pkcs11.MechanismOf(key, sign.Schemes(key.Public())[0])
		require.False(t, hashes)
		s.fail(fnSign, 0, 1, 0x70)
		require.NoError(t, message())
	}
	s.hash(addECDSA | lateRaw | lateHash) // neither
	signs = s.count(fnSign)
	require.ErrorIs(t, message(), sign.ErrUnsupported)
	require.ErrorIs(t, message(), sign.ErrUnsupported)
	require.LessOrEqual(t, s.count(fnSign)-signs, int64(4))
	require.NoError(t, p.Close())
}
