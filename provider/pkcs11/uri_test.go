package pkcs11_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

func TestParseURI(t *testing.T) {
	u, err := pkcs11.ParseURI("pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;" +
		"serial=07;slot-id=327;object=my-certificate;type=private;id=%69%95%3E%00?module-path=/usr/lib/m.so&pin-source=file:/etc/token_pin&x-vendor=1")
	require.NoError(t, err)
	slot := uint(327)
	require.Equal(t, pkcs11.URI{
		Token: "The Software PKCS#11 Softtoken", Manufacturer: "Snake Oil, Inc.", Model: "1.0", Serial: "07", SlotID: &slot,
		Object: "my-certificate", Type: "private", ID: []byte{0x69, 0x95, 0x3e, 0}, ModulePath: "/usr/lib/m.so", PINSource: "/etc/token_pin",
	}, u)
	again, err := pkcs11.ParseURI(u.String())
	require.NoError(t, err)
	require.Equal(t, u, again)
	require.Equal(t, sign.Ref{ID: u.ID, Label: "my-certificate"}, u.Ref())

	u, err = pkcs11.ParseURI("PKCS11:?pin-value=12%3B34&module-name=softhsm2")
	require.NoError(t, err)
	require.Equal(t, "12;34", string(u.PINValue.Bytes()))
	require.NotContains(t, u.String(), "12")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", u, u, u), "12;34")
	require.True(t, u.Ref().IsZero())

	u, err = pkcs11.ParseURI("pkcs11:token=a?pin-source=/p&x-key-pin-source=file:///k")
	require.NoError(t, err)
	require.Equal(t, pkcs11.URI{Token: "a", PINSource: "/p", KeyPINSource: "/k"}, u)
	require.Equal(t, "pkcs11:token=a?pin-source=/p&x-key-pin-source=/k", u.String())
	config, err := u.Config(pkcs11.Config{})
	require.NoError(t, err)
	require.True(t, config.PIN != nil && config.KeyPIN != nil)
	u, err = pkcs11.ParseURI("pkcs11:token=a?x-key-pin-value=secret-1234")
	require.NoError(t, err)
	require.Equal(t, "pkcs11:token=a", u.String())
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", u, u, u), "secret-1234")
	config, err = u.Config(pkcs11.Config{})
	require.NoError(t, err)
	require.Nil(t, config.PIN)
	told, err := config.KeyPIN(t.Context(), pkcs11.PINRequest{})
	require.NoError(t, err)
	require.Equal(t, "secret-1234", string(told.Bytes()))

	u, err = pkcs11.ParseURI("pkcs11:token=R&D;object=my-token=1,2?module-path=/opt/a;b/m.so")
	require.NoError(t, err)
	require.Equal(t, "R&D my-token=1,2 /opt/a;b/m.so", u.Token+" "+u.Object+" "+u.ModulePath)

	for name, text := range map[string]string{
		"scheme":           "http:token=a",
		"empty":            "",
		"twice":            "pkcs11:token=a;token=b",
		"no value":         "pkcs11:token",
		"unknown":          "pkcs11:tocken=a",
		"unknown query":    "pkcs11:token=a?pin=secret-1234",
		"encoding":         "pkcs11:token=%zz",
		"slot":             "pkcs11:slot-id=0x1",
		"type":             "pkcs11:type=key",
		"query in path":    "pkcs11:pin-value=secret-1234",
		"command":          "pkcs11:?pin-source=|cat%20/etc/passwd",
		"other host":       "pkcs11:?pin-source=file://elsewhere/pin",
		"both PINs":        "pkcs11:?pin-source=a&pin-value=secret-1234",
		"module and path":  "pkcs11:?module-name=../m",
		"empty part":       "pkcs11:token=a;;serial=1",
		"empty PIN":        "pkcs11:?pin-value=",
		"PIN from the net": "pkcs11:?pin-source=https://host/pin",
		"& before the ?":   "pkcs11:token=a&pin-value=secret-1234?module-path=/m.so",
		"; after the ?":    "pkcs11:?module-path=/m.so;pin-value=secret-1234",
		"two ?":            "pkcs11:?module-path=/m.so?pin-value=secret-1234",
		"comma":            "pkcs11:token=a,pin-value=secret-1234",
		"no separator":     "pkcs11:token=a-PIN-VALUE=secret-1234",
		"both key PINs":    "pkcs11:?x-key-pin-source=a&x-key-pin-value=secret-1234",
		"empty key PIN":    "pkcs11:?x-key-pin-value=",
		"key PIN command":  "pkcs11:?x-key-pin-source=|id",
		"key PIN in path":  "pkcs11:x-key-pin-value=secret-1234",
		"key PIN behind ;": "pkcs11:?module-path=/m.so;x-key-pin-value=secret-1234",
		"key PIN slip":     "pkcs11:?pin-source=/p&x-key-pin-sorce=secret-1234",
		"key PIN slip 2":   "pkcs11:?pin-source=/p&x-Key-PIN-source=secret-1234",
		"PIN slip":         "pkcs11:?module-path=/m.so;pin=secret-1234",
		"& and a space":    "pkcs11:token=a& object=b",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pkcs11.ParseURI(text)
			require.ErrorIs(t, err, sign.ErrInput)
			require.NotContains(t, err.Error(), "secret-1234")
		})
	}
}

func FuzzParseURI(f *testing.F) {
	f.Add("pkcs11:token=a;id=%01?module-path=/m.so&pin-source=file:/p")
	f.Add("pkcs11:slot-id=1;object=b?pin-value=1234")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := pkcs11.ParseURI(text)
		if err != nil {
			require.ErrorIs(t, err, sign.ErrInput)
			return
		}
		again, err := pkcs11.ParseURI(u.String())
		require.NoError(t, err)
		require.Equal(t, u.String(), again.String())
	})
}
