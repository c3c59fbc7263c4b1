package interop_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/slhdsa"
)

// rfc9814 is the digest that section 4 asks for.
func rfc9814(set slhdsa.Set) (name, openSSL string) {
	switch s := set.String(); {
	case strings.Contains(s, "SHA2-128"):
		return "SHA-256", "sha256"
	case strings.Contains(s, "SHA2"):
		return "SHA-512", "sha512"
	case strings.Contains(s, "128"):
		return "SHAKE128", "shake128"
	}
	return "SHAKE256", "shake256"
}

// TestSLHDSAReadByUs reads what OpenSSL and Bouncy Castle sign with every set, with a certificate that signed itself.
func TestSLHDSAReadByUs(t *testing.T) {
	if testing.Short() {
		t.Skip("keys and signatures of the small sets take a while")
	}
	all := moderns(t)
	for i, m := range all {
		for _, set := range slhdsa.Sets() {
			small := strings.HasSuffix(set.String(), "s")
			if small && (i != len(all)-1 || !strings.Contains(set.String(), "128")) {
				continue // each takes seconds; the vectors of package slhdsa have all sets
			}
			q := &quantum{world: newWorld(t)}
			q.write("extensions", []byte("[req]\ndistinguished_name=dn\n[dn]\n[leaf]\nkeyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\n"))
			id := identity{key: q.path("leaf.key"), cert: q.path("leaf.pem"), issuers: q.path("leaf.pem"), chain: q.path("leaf.pem")}
			m.must(t, "genpkey", "-algorithm", set.String(), "-out", id.key)
			m.must(t, "req", "-x509", "-new", "-key", id.key, "-subj", "/CN="+set.String(), "-days", "3650", "-config", q.path("extensions"), "-extensions", "leaf", "-out", id.cert)
			root := certificate(t, id.cert)
			name, digest := rfc9814(set)
			passes := func(t *testing.T, message []byte, detached bool, want string) {
				t.Helper()
				report := q.judge(t, message, detached, root)
				require.True(t, report.Trusted(), "%+v", report.Signatures[0].Checks)
				require.Equal(t, cades.Passed, report.Signatures[0].Status(cades.CheckSignature))
				require.Equal(t, want, report.Signatures[0].Signature.DigestAlgorithm())
			}
			for _, c := range []struct {
				name, digest string
				from         int
				detached     bool
				args         string
			}{
				{"as RFC 9814 asks", name, 3, true, "-md " + digest},
				{"by default", name, 4, false, "-nodetach"},
				{"without attributes", name, 4, true, "-noattr"},
				{"BES, SHA-512", "SHA-512", 3, false, "-cades -nodetach -md sha512"},
			} {
				if small && c.name != "as RFC 9814 asks" {
					continue
				}
				t.Run(m.version+" "+set.String()+" "+c.name, func(t *testing.T) {
					message, err := m.sign(t, q.world, id, strings.Fields(c.args)...)
					if m.major < c.from {
						require.Error(t, err, "it can now; say so in docs/quantum.md")
						return
					}
					require.NoError(t, err)
					passes(t, message, c.detached, c.digest)
					message[len(message)-1] ^= 1 // the signature value is the last field
					report := q.judge(t, message, c.detached, root)
					require.Equal(t, cades.Failed, report.Signatures[0].Status(cades.CheckSignature))
				})
			}
			if small || i != 0 {
				continue
			}
			t.Run("Bouncy Castle "+set.String(), func(t *testing.T) {
				bc.need(t)
				out := q.out()
				bc.must(t, "sign", out, id.key, id.chain, q.path("content"), set.String(), "bes,attached")
				passes(t, read(t, out), false, name)
			})
		}
	}
}
