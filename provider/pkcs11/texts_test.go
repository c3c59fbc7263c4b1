package pkcs11_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/pkcs11"
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
