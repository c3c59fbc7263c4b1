package soft_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

const (
	sesame = "sesame"
	utf8   = "пароль€𝄞"
)

func password(s string) soft.PasswordFunc { return soft.Password(sign.NewSecret([]byte(s))) }

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

func certificate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(file(t, name))
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return c
}

func entries(t testing.TB, p *soft.Provider) (all []sign.Entry, failures []error) {
	t.Helper()
	for e, err := range p.Keys(t.Context()) {
		if err != nil {
			failures = append(failures, err)
			continue
		}
		all = append(all, e)
	}
	return all, failures
}

func subjects(chain []*x509.Certificate) string {
	var names []string
	for _, c := range chain {
		names = append(names, strings.TrimPrefix(c.Subject.CommonName, "Vector "))
	}
	return strings.Join(names, " < ")
}

// TestVectors opens every file that OpenSSL and keytool made, and signs with each of its keys.
func TestVectors(t *testing.T) {
	const full = "p256 < authority"
	for name, want := range map[string]struct {
		password string
		chains   []string
		label    string
	}{
		"bundle-sec1.pem":  {chains: []string{full}, label: "bundle-sec1.pem"},
		"bundle-pkcs1.pem": {chains: []string{"rsa < authority"}},
		"bundle-two.pem":   {chains: []string{full, "ed25519 < authority"}},
		"key-only.pem":     {chains: []string{""}, label: "key-only.pem"},
		"pss.pem":          {chains: []string{"pss"}},
		"pkcs8.der":        {chains: []string{""}},
		"pkcs1.der":        {chains: []string{""}},
		"sec1.der":         {chains: []string{""}},

		"pbes2-aes-128-cbc.pem": {password: sesame, chains: []string{""}},
		"pbes2-aes-192-cbc.pem": {password: sesame, chains: []string{""}},
		"pbes2-aes-256-cbc.pem": {password: sesame, chains: []string{""}},
		"pbes2-des3.pem":        {password: sesame, chains: []string{""}},
		"pbes2-hmacSHA1.pem":    {password: sesame, chains: []string{""}},
		"pbes2-hmacSHA224.pem":  {password: sesame, chains: []string{""}},
		"pbes2-hmacSHA256.pem":  {password: sesame, chains: []string{""}},
		"pbes2-hmacSHA384.pem":  {password: sesame, chains: []string{""}},
		"pbes2-hmacSHA512.pem":  {password: sesame, chains: []string{""}},
		"pbes2.der":             {password: sesame, chains: []string{""}},
		"pbe-sha1-3des.pem":     {password: sesame, chains: []string{""}},

		"modern.p12":           {password: sesame, chains: []string{full}, label: "the seal"},
		"legacy.p12":           {password: sesame, chains: []string{full}, label: "the seal"},
		"descert.p12":          {password: sesame, chains: []string{full}, label: "the seal"},
		"nomac.p12":            {password: sesame, chains: []string{full}, label: "the seal"},
		"nocertpbe.p12":        {password: sesame, chains: []string{full}, label: "the seal"},
		"plain.p12":            {chains: []string{full}, label: "the seal"},
		"empty.p12":            {chains: []string{full}, label: "the seal"},
		"empty-legacy.p12":     {chains: []string{full}, label: "the seal"},
		"mac-sha1.p12":         {password: sesame, chains: []string{full}},
		"mac-sha224.p12":       {password: sesame, chains: []string{full}},
		"mac-sha256.p12":       {password: sesame, chains: []string{full}},
		"mac-sha384.p12":       {password: sesame, chains: []string{full}},
		"mac-sha512.p12":       {password: sesame, chains: []string{full}},
		"PBE-SHA1-RC4-128.p12": {password: sesame, chains: []string{full}},
		"PBE-SHA1-RC4-40.p12":  {password: sesame, chains: []string{full}},
		"PBE-SHA1-3DES.p12":    {password: sesame, chains: []string{full}},
		"PBE-SHA1-2DES.p12":    {password: sesame, chains: []string{full}},
		"PBE-SHA1-RC2-128.p12": {password: sesame, chains: []string{full}},
		"PBE-SHA1-RC2-40.p12":  {password: sesame, chains: []string{full}},
		"AES-128-CBC.p12":      {password: sesame, chains: []string{full}},
		"AES-192-CBC.p12":      {password: sesame, chains: []string{full}},
		"utf8.p12":             {password: utf8, chains: []string{full}},
		"utf8-modern.p12":      {password: utf8, chains: []string{full}},
		"ed25519.p12":          {password: sesame, chains: []string{"ed25519 < authority"}, label: "ed25519.p12"},
		"rsa.p12":              {password: sesame, chains: []string{"rsa < authority"}, label: "rsa.p12"},
		"pbmac1.p12":           {password: sesame, chains: []string{"PBMAC1"}},
		"java.p12":             {password: sesame, chains: []string{"Java first", "Java second"}, label: "first"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			config := soft.Config{Password: func(_ context.Context, what string) (sign.Secret, error) {
				asked++
				require.Equal(t, filepath.Join("testdata", name), what)
				return sign.NewSecret([]byte(want.password)), nil
			}}
			if name == "pss.pem" {
				config.Certificates = []*x509.Certificate{certificate(t, "root.crt")} // not the issuer
			}
			if want.password == "" {
				config.Password = nil
			}
			p, err := soft.Open(t.Context(), filepath.Join("testdata", name), config)
			require.NoError(t, err)
			all, failures := entries(t, p)
			require.Empty(t, failures)
			require.Len(t, all, len(want.chains))
			for i, e := range all {
				require.Equal(t, want.chains[i], subjects(e.Chain))
				require.NotEmpty(t, e.Schemes)
				signWith(t, p, e)
			}
			if want.label != "" {
				require.Equal(t, want.label, all[0].Label)
			}
			if want.password != "" {
				require.Equal(t, 1, asked)
				wrongPassword(t, name)
			}
		})
	}
}

// signWith signs through sign.Open with each scheme, which checks nothing for a trusted key, and so verifies itself.
func signWith(t *testing.T, p *soft.Provider, e sign.Entry) {
	t.Helper()
	ref := sign.Ref{ID: e.ID, Thumbprint: e.Thumbprint()}
	key, err := p.Key(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, e.Public, key.Public())
	for _, s := range e.Schemes {
		if len(e.Chain) == 0 {
			digest := make([]byte, s.NewHash().Size())
			_, err := key.SignContext(t.Context(), digest, s.Opts)
			require.NoError(t, err, s.Name)
			continue
		}
		signer, err := sign.Open(t.Context(), p, ref, sign.WithScheme(s))
		require.NoError(t, err, s.Name)
		signature, err := signer.Sign(t.Context(), []byte("message"))
		require.NoError(t, err, s.Name)
		require.NoError(t, signer.Verify([]byte("message"), signature), s.Name)
	}
}

func wrongPassword(t *testing.T, name string) {
	t.Helper()
	asked := 0
	p, err := soft.Open(t.Context(), filepath.Join("testdata", name), soft.Config{Password: func(context.Context, string) (sign.Secret, error) {
		asked++
		return sign.NewSecret([]byte("hunter2 is wrong")), nil
	}})
	require.Nil(t, p)
	require.ErrorIs(t, err, sign.ErrPIN)
	require.Equal(t, 1, asked, "a password is asked for once")
	require.NotContains(t, err.Error(), "hunter2")
	require.Contains(t, err.Error(), name)

	_, err = soft.Open(t.Context(), filepath.Join("testdata", name), soft.Config{})
	require.ErrorIs(t, err, sign.ErrUnavailable)
	require.ErrorContains(t, err, "no password was given")
}

func TestID(t *testing.T) {
	p, err := soft.Open(t.Context(), "testdata/modern.p12", soft.Config{Password: password(sesame)})
	require.NoError(t, err)
	all, _ := entries(t, p)
	require.Len(t, all[0].ID, 20, "OpenSSL takes the SHA-1 of the certificate as localKeyId")
	_, err = p.Key(t.Context(), sign.Ref{ID: all[0].ID, Label: "the seal"})
	require.NoError(t, err)
}

func TestEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := soft.Open(t.Context(), path, soft.Config{})
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.ErrorContains(t, err, "the file is empty")
}

func TestRefused(t *testing.T) {
	for name, want := range map[string]struct {
		class error
		text  string
	}{
		"refuse-pbes1.pem":      {sign.ErrUnsupported, "PBES1 (1.2.840.113549.1.5.3); convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -provider default -provider legacy"},
		"refuse-scrypt.pem":     {sign.ErrUnsupported, "scrypt; convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc"},
		"refuse-rfc1423.pem":    {sign.ErrUnsupported, "RFC 1423 (DEK-Info); convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc"},
		"refuse-iterations.pem": {sign.ErrInput, "10000001 iterations, the limit is 10000000"},
		"refuse-iterations.p12": {sign.ErrInput, "10000001 iterations, the limit is 10000000"},
		"refuse-x25519.pem":     {sign.ErrUnsupported, "cannot sign"},
		"refuse-nokeys.p12":     {sign.ErrKeyNotFound, "only certificates"},
		"root.crt":              {sign.ErrKeyNotFound, "only certificates"},
		"p256.cer":              {sign.ErrKeyNotFound, "only certificates"},
		"make.sh":               {sign.ErrUnsupported, "neither PEM nor"},
		"none.pem":              {sign.ErrUnavailable, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := soft.Open(t.Context(), filepath.Join("testdata", name), soft.Config{Password: password(sesame)})
			require.Nil(t, p)
			require.ErrorIs(t, err, want.class)
			require.ErrorContains(t, err, want.text)
			require.ErrorContains(t, err, name)
			_, ok := errors.AsType[*sign.Error](err)
			require.True(t, ok)
		})
	}
}

func TestDamaged(t *testing.T) {
	good := string(file(t, "key-only.pem"))
	for name, data := range map[string]string{
		"empty":       "",
		"cut":         good[:len(good)/2],
		"base64":      strings.Replace(good, "M", "*", 1),
		"ber p12":     "\x30\x80\x02\x01\x03\x30\x80",
		"openssh":     "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
		"dsa":         "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n",
		"garbage key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"other":       "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"long key":    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: make([]byte, 1<<17)})),
		"large":       strings.Repeat("x", 17<<20),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := soft.Parse(t.Context(), "memory", []byte(data), soft.Config{})
			require.Nil(t, p)
			_, ok := errors.AsType[*sign.Error](err)
			require.True(t, ok, err)
			t.Log(err)
		})
	}
	p, err := soft.Parse(t.Context(), "memory", []byte("\xef\xbb\xbf"+strings.ReplaceAll(good, "\n", "\r\n")), soft.Config{})
	require.NoError(t, err, "a file that an editor of Windows saved")
	require.NoError(t, p.Close())
}

// TestUnreadableNeighbours: what cannot be read does not hide what can.
func TestUnreadableNeighbours(t *testing.T) {
	data := bytes.Join([][]byte{
		file(t, "refuse-x25519.pem"),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no certificate")}),
		file(t, "bundle-sec1.pem"),
	}, nil)
	p, err := soft.Parse(t.Context(), "mixed.pem", data, soft.Config{})
	require.NoError(t, err)
	all, failures := entries(t, p)
	require.Len(t, all, 1)
	require.Len(t, failures, 1)
	require.ErrorIs(t, failures[0], sign.ErrUnsupported)
	_, err = p.Key(t.Context(), sign.Ref{})
	require.NoError(t, err)
	_, err = p.Key(t.Context(), sign.Ref{Label: "other"})
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
	require.ErrorContains(t, err, "certificate 1 of mixed.pem could not be read")
	require.ErrorContains(t, err, "cannot sign")
}

func copyTo(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), file(t, name), 0o600))
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	copyTo(t, dir, "pkcs8.der", "p256.cer", "ca.crt", "pkcs1.der", "rsa.cer", "make.sh")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README"), []byte("not a key\n"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	require.NoError(t, os.Symlink("pkcs8.der", filepath.Join(dir, "again.der")))

	p, err := soft.Open(t.Context(), dir, soft.Config{})
	require.NoError(t, err)
	all, failures := entries(t, p)
	require.Empty(t, failures)
	require.Len(t, all, 3)
	require.Equal(t, "p256 < authority", subjects(all[0].Chain))

	_, err = p.Key(t.Context(), sign.Ref{Thumbprint: all[0].Thumbprint()})
	require.NoError(t, err, "the same key in two files is one key")
	_, err = p.Key(t.Context(), sign.Ref{Label: "pkcs8.der"})
	require.NoError(t, err)
	_, err = p.Key(t.Context(), sign.Ref{})
	require.ErrorIs(t, err, sign.ErrKeyAmbiguous)
	require.ErrorContains(t, err, all[0].Thumbprint())
	require.ErrorContains(t, err, "CN=Vector rsa")

	copyTo(t, dir, "refuse-rfc1423.pem")
	p, err = soft.Open(t.Context(), dir, soft.Config{})
	require.NoError(t, err)
	_, failures = entries(t, p)
	require.Len(t, failures, 1)
	require.ErrorContains(t, failures[0], "refuse-rfc1423.pem")

	_, err = soft.Open(t.Context(), t.TempDir(), soft.Config{})
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
}

// TestNoPassword opens encrypted files with nobody to ask.
func TestNoPassword(t *testing.T) {
	for _, name := range []string{"modern.p12", "pbes2.der", "pbes2-aes-256-cbc.pem"} {
		_, err := soft.Open(t.Context(), filepath.Join("testdata", name), soft.Config{})
		require.ErrorIs(t, err, soft.ErrNoPassword, name)
		require.ErrorIs(t, err, sign.ErrUnavailable, name)
		require.NotErrorIs(t, err, sign.ErrPIN, name)
		_, err = soft.Open(t.Context(), filepath.Join("testdata", name), soft.Config{Password: password("wrong")})
		require.ErrorIs(t, err, sign.ErrPIN, name)
		require.NotErrorIs(t, err, soft.ErrNoPassword, name)
	}
}

func TestFolderWrongPassword(t *testing.T) {
	dir := t.TempDir()
	copyTo(t, dir, "modern.p12")
	_, err := soft.Open(t.Context(), dir, soft.Config{Password: password("wrong")})
	require.ErrorIs(t, err, sign.ErrPIN)
	copyTo(t, dir, "pkcs1.der")
	p, err := soft.Open(t.Context(), dir, soft.Config{Password: password("wrong")})
	require.NoError(t, err)
	_, err = p.Key(t.Context(), sign.Ref{Label: "the seal"})
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
	require.ErrorIs(t, err, sign.ErrPIN, "the reason is there, too")
	require.ErrorContains(t, err, "modern.p12")
}

func TestPasswordSources(t *testing.T) {
	dir := t.TempDir()
	for content, ok := range map[string]bool{
		"sesame": true, "sesame\n": true, "sesame\r\n": true, "sesame\n\n": false, " sesame": false, "": false,
		strings.Repeat("s", 5000): false,
	} {
		path := filepath.Join(dir, "pass")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := soft.Open(t.Context(), "testdata/pbes2.der", soft.Config{Password: soft.PasswordFile(path)})
		require.Equal(t, ok, err == nil, "%q: %v", content, err)
	}
	_, err := soft.Open(t.Context(), "testdata/pbes2.der", soft.Config{Password: soft.PasswordFile(filepath.Join(dir, "none"))})
	require.ErrorIs(t, err, sign.ErrUnavailable)
	require.ErrorContains(t, err, "none: no such file")

	_, err = soft.Open(t.Context(), "testdata/pbes2.der", soft.Config{Password: soft.PasswordEnv("SIGNET_TEST_PASSWORD")})
	require.ErrorIs(t, err, sign.ErrUnavailable)
	require.ErrorContains(t, err, "SIGNET_TEST_PASSWORD is not set")
	t.Setenv("SIGNET_TEST_PASSWORD", sesame)
	_, err = soft.Open(t.Context(), "testdata/pbes2.der", soft.Config{Password: soft.PasswordEnv("SIGNET_TEST_PASSWORD")})
	require.NoError(t, err)

	p, err := soft.Open(t.Context(), "testdata/pkcs8.der", soft.Config{Password: func(context.Context, string) (sign.Secret, error) {
		t.Error("asked for a file that is not encrypted")
		return sign.Secret{}, nil
	}})
	require.NoError(t, err)
	require.NoError(t, p.Close())

	secret := sign.NewSecret([]byte(sesame))
	given := sign.NewSecret([]byte(sesame))
	_, err = soft.Open(t.Context(), "testdata/pbes2.der", soft.Config{Password: func(context.Context, string) (sign.Secret, error) { return given, nil }})
	require.NoError(t, err)
	require.Equal(t, make([]byte, len(sesame)), given.Bytes(), "overwritten after use")
	_, err = soft.Open(t.Context(), "testdata/pbes2.der", soft.Config{Password: soft.Password(secret)})
	require.NoError(t, err)
	require.Equal(t, []byte(sesame), secret.Bytes(), "the caller's own is left alone")
}

func TestPasswordCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := soft.Open(ctx, "testdata/modern.p12", soft.Config{Password: func(ctx context.Context, _ string) (sign.Secret, error) {
		cancel()
		return sign.Secret{}, ctx.Err()
	}})
	require.ErrorIs(t, err, context.Canceled)
}

func TestPSSOnly(t *testing.T) {
	p, err := soft.Open(t.Context(), "testdata/pss.pem", soft.Config{})
	require.NoError(t, err)
	signer, err := sign.Open(t.Context(), p, sign.Ref{})
	require.NoError(t, err)
	require.Equal(t, "rsa-pss-sha256", signer.Scheme().Name)
	_, err = signer.Key().SignContext(t.Context(), make([]byte, 32), crypto.SHA256)
	require.ErrorIs(t, err, sign.ErrUnsupported)
}

func TestRoot(t *testing.T) {
	p, err := soft.Open(t.Context(), "testdata/bundle-sec1.pem", soft.Config{Root: true})
	require.NoError(t, err)
	all, _ := entries(t, p)
	require.Equal(t, "p256 < authority < root", subjects(all[0].Chain))
	_, ok := all[0].Public.(*ecdsa.PublicKey)
	require.True(t, ok)
}

func TestMaxIterations(t *testing.T) {
	_, err := soft.Open(t.Context(), "testdata/modern.p12", soft.Config{Password: password(sesame), MaxIterations: 2047})
	require.ErrorIs(t, err, sign.ErrInput)
	require.ErrorContains(t, err, "2048 iterations")
}
