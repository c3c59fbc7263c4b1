//go:build unix && !signet_static

package pkcs11_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// The answers of C_GetInterface, as in testdata/shim.c.
const (
	none = iota
	of30
	of32
	nothing
	noList
	of240
	holes
	otherName
	noName
	of40
	noCancel
	badCancel
	listOf30
	noMaking
	gap
)

// TestInterfaces has modules answer C_GetInterface well and oddly. Signatures come out in all cases.
func TestInterfaces(t *testing.T) {
	for name, c := range map[string]struct {
		answer int64
		want   string
	}{
		"no such function": {none, "2.40"}, "3.0": {of30, "3.0"}, "3.2 and 2.40 as the default": {of32, "3.2"}, "nothing": {nothing, "2.40"},
		"no list": {noList, "2.40"}, "2.40": {of240, "2.40"}, "holes": {holes, "2.40"}, "another name": {otherName, "2.40"}, "no name": {noName, "2.40"},
		"4.0": {of40, "2.40"},
	} {
		t.Run(name, func(t *testing.T) {
			s := softStage(t)
			s.answerInterface(c.answer)
			p, key := s.open(t)
			found, err := p.Diagnose(t.Context())
			require.NoError(t, err)
			require.Equal(t, c.want, found.Functions)
			require.Empty(t, s.many(t.Context(), key, 8, 5))
			s.do(fnSignInit, 3, doFinalize)
			require.Empty(t, s.many(t.Context(), key, 8, 5))
		})
	}
}

// TestInterfacesOfModules takes the modules of this machine as they are.
func TestInterfacesOfModules(t *testing.T) {
	module, label := newToken(t)
	found, err := open(t, pkcs11.Config{Module: module, TokenLabel: label}).Diagnose(t.Context())
	require.NoError(t, err)
	require.Equal(t, "2.40", found.Functions)
	p, err := pkcs11.Open(t.Context(), newNSS(t))
	require.NoError(t, err)
	found, err = p.Diagnose(t.Context())
	require.NoError(t, err)
	require.NoError(t, p.Close())
	require.Equal(t, "3.0", found.Functions)
}

// TestSessionCancel: after a signature that failed, the session goes on where the module can end what is active in it.
func TestSessionCancel(t *testing.T) {
	for name, c := range map[string]struct {
		answer, cancels, sessions int64
	}{
		"by C_SessionCancel": {of30, 3, 0}, "of 2.40": {none, 0, 3}, "none there": {noCancel, 0, 3}, "which does nothing": {badCancel, 3, 6},
	} {
		t.Run(name, func(t *testing.T) {
			s := softStage(t)
			importKey(t, softhsmModule(t), s.label, testpki.New(t).Leaf(testpki.RSA2048), "02", "rsa")
			s.answerInterface(c.answer)
			p, _ := s.open(t, func(c *pkcs11.Config) { c.Sessions = 1 })
			key, err := p.Key(t.Context(), sign.Ref{Label: "rsa"})
			require.NoError(t, err)
			opened := s.count(fnOpenSession)
			for range 3 {
				s.hash(lateRaw | lateHash)
				_, err := key.SignContext(t.Context(), make([]byte, 32), pssSHA256)
				require.ErrorIs(t, err, sign.ErrUnsupported)
				s.hash(0)
				_, err = key.SignContext(t.Context(), make([]byte, 32), pssSHA256)
				require.NoError(t, err)
			}
			require.Equal(t, c.cancels, s.cancels())
			if c.answer == badCancel { // found out by the next C_SignInit
				require.Positive(t, s.count(fnOpenSession)-opened)
				return
			}
			require.Equal(t, c.sessions, s.count(fnOpenSession)-opened)
			require.EqualValues(t, 1, s.count(fnLogin), "and the login stays")
		})
	}
}
