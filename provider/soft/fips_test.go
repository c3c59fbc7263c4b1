package soft_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testfips"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// TestFIPS opens every key file of the tests where only what FIPS 140-3 approves may be used: those that old programs protected
// say so and how they become others, and none ends the process.
func TestFIPS(t *testing.T) {
	if !testfips.Only(t) {
		return
	}
	files, err := filepath.Glob("testdata/*")
	require.NoError(t, err)
	opened, forbidden := map[string]bool{}, map[string]string{}
	for _, file := range files {
		for _, password := range []string{"sesame", ""} {
			p, err := soft.Open(t.Context(), file, soft.Config{Password: soft.Password(sign.NewSecret([]byte(password)))})
			if err == nil {
				opened[filepath.Base(file)] = true
				require.NoError(t, p.Close())
				break
			}
			if strings.Contains(err.Error(), "fips140=only") {
				forbidden[filepath.Base(file)] = err.Error()
				require.False(t, errors.Is(err, sign.ErrPIN), "the password is not to blame")
			}
		}
	}
	for _, name := range []string{"java.p12", "pkcs8.der", "pbmac1.p12", "bundle-sec1.pem"} {
		require.True(t, opened[name], name)
	}
	for _, name := range []string{"modern.p12", "mac-sha256.p12", "pbes2-hmacSHA256.pem", "legacy.p12", "mac-sha1.p12", "pbes2-hmacSHA1.pem", "PBE-SHA1-3DES.p12"} {
		require.False(t, opened[name], name)
		require.Contains(t, forbidden[name], "keytool", name)
	}
}
