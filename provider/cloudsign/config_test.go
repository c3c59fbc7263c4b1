package cloudsign

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/sign"
)

func TestConfig(t *testing.T) {
	f := newFake(t)
	for name, bend := range map[string]func(*Config){
		"no URL": func(c *Config) { c.URL = "" }, "no scheme": func(c *Config) { c.URL = "sign.example.org" }, "ftp": func(c *Config) { c.URL = "ftp://h" },
		"password": func(c *Config) { c.URL = "http://u:p@h" }, "query": func(c *Config) { c.URL = "http://h/?a=b" }, "not a URL": func(c *Config) { c.URL = "http://h\x7f" },
		"no token": func(c *Config) { c.Token = sign.Secret{} }, "no code": func(c *Config) { c.Code = nil }, "client": func(c *Config) { c.ClientID = "a,b" },
		"thumbprint": func(c *Config) { c.Thumbprint = "xyz" }, "other": func(c *Config) { c.Thumbprint = strings.Repeat("A", 40) }, "nil": func(c *Config) { c.Chain[0] = nil },
	} {
		c := f.config()
		c.Chain = slices.Clone(c.Chain)
		bend(&c)
		_, err := New(c)
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
	c := f.config()
	c.TokenFunc = func(context.Context) (sign.Secret, error) { return sign.Secret{}, errors.New("vault sealed") }
	out := f.client(c).Sign(t.Context(), one())
	require.ErrorContains(t, out[0].Err, "vault sealed")
	require.Empty(t, f.requests)
	c.TokenFunc = func(context.Context) (sign.Secret, error) { return sign.NewSecret([]byte(theToken)), nil }
	c.URL += "/"
	require.NoError(t, f.client(c).Sign(t.Context(), one())[0].Err)
	_, err := f.client(c).Begin(t.Context(), nil)
	require.ErrorIs(t, err, sign.ErrInput)
}
