package cades_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

func pemOf(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

// texts are spellings of one message in which it is met.
func texts(der []byte) map[string][]byte {
	armored := string(pemOf("PKCS7", der))
	var wide []byte
	for _, u := range utf16.Encode([]rune(armored)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	base := base64.StdEncoding.EncodeToString(der)
	return map[string][]byte{
		"PEM": pemOf("CMS", der), "PEM of gpgsm": pemOf("SIGNED MESSAGE", der), "PEM of certutil": pemOf("CERTIFICATE", der),
		"PEM in Windows": []byte("\ufeff" + strings.ReplaceAll(armored, "\n", "\r\n")), "UTF-16": append([]byte("\xff\xfe"), wide...),
		"base64": []byte(base), "base64 of URLs": []byte(base64.RawURLEncoding.EncodeToString(der)),
		"base64 twice": []byte(base64.StdEncoding.EncodeToString([]byte(base))), "hexadecimal": []byte(hex.EncodeToString(der)),
		"a blank line first": append([]byte("\r\n"), der...),
	}
}

// TestTextForms: Parse, Open and ReadStream read a message in every spelling, and hand out its octets.
func TestTextForms(t *testing.T) {
	pki := testpki.New(t)
	der, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", []byte("content")), &cades.Options{Attached: true})
	require.NoError(t, err)
	for name, text := range texts(der) {
		m, err := cades.Parse(text)
		require.NoError(t, err, name)
		require.Equal(t, der, m.Bytes(), name)
		m, err = cades.Open(bytes.NewReader(text), int64(len(text)), nil)
		require.NoError(t, err, name)
		require.Equal(t, der, m.Bytes(), name)
		s, err := cades.ReadStream(t.Context(), iotest.OneByteReader(bytes.NewReader(text)), nil)
		require.NoError(t, err, name)
		require.Equal(t, der, s.Bytes(), name)
		require.NoError(t, s.Close())
	}
}

// TestOneSignatureOfSeveral: a certificate before a signature is passed over; of two signatures none is chosen, since only one of
// them would be verified.
func TestOneSignatureOfSeveral(t *testing.T) {
	pki := testpki.New(t)
	signer := p256(t, pki)
	var all [2][]byte
	for i := range all {
		var err error
		all[i], err = cades.Sign(t.Context(), signer, sign.Bytes("", []byte(strings.Repeat("x", i))), &cades.Options{Attached: true})
		require.NoError(t, err)
	}
	certificate := pemOf("CERTIFICATE", pki.Root.Certificate().Raw)
	m, err := cades.Parse(append(certificate, pemOf("CMS", all[1])...))
	require.NoError(t, err)
	require.Equal(t, all[1], m.Bytes())
	_, err = cades.Parse(append(pemOf("CMS", all[0]), pemOf("CMS", all[1])...))
	require.ErrorIs(t, err, sign.ErrInput)
	require.ErrorContains(t, err, "more than one signature")
	_, err = cades.Parse(append(pemOf("CMS", all[0]), pemOf("PKCS7", all[0])...))
	require.NoError(t, err, "the same twice")
}

// TestLargeText: what is too large for memory goes from one file into another, and its content is the one that was signed.
func TestLargeText(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 6<<20/16)
	der, err := cades.Sign(t.Context(), p256(t, testpki.New(t)), sign.Bytes("", content), &cades.Options{Attached: true})
	require.NoError(t, err)
	base := base64.StdEncoding.EncodeToString(der)
	dir := t.TempDir()
	small := &cades.OpenOptions{Held: 1 << 20, Dir: dir}
	for name, text := range map[string]string{"PEM": string(pemOf("CMS", der)), "base64": base, "binary": string(der)} {
		s, err := cades.ReadStream(t.Context(), strings.NewReader(text), small)
		require.NoError(t, err, name)
		require.Nil(t, s.Bytes(), "%s: its content is in memory", name)
		var got, whole bytes.Buffer
		require.NoError(t, s.WriteContent(&got))
		require.True(t, bytes.Equal(content, got.Bytes()), name)
		_, err = s.WriteTo(&whole)
		require.NoError(t, err)
		require.True(t, bytes.Equal(der, whole.Bytes()), name)
		require.NoError(t, s.Close())
	}
	_, err = cades.Open(strings.NewReader(base), int64(len(base)), small)
	require.ErrorIs(t, err, sign.ErrInput)
	require.ErrorContains(t, err, "ReadStream")
	for name, text := range map[string]string{
		"unpadded": strings.TrimRight(base, "=") + "-", "cut": base[:len(base)-1], "two blocks": string(pemOf("A", der)) + string(pemOf("B", der)),
	} {
		_, err = cades.ReadStream(t.Context(), strings.NewReader(text), small)
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
	broken := errors.New("broken")
	_, err = cades.ReadStream(t.Context(), io.MultiReader(strings.NewReader(base), iotest.ErrReader(broken)), small)
	require.ErrorIs(t, err, broken)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
