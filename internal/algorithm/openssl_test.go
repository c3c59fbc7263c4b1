package algorithm_test

import (
	"crypto/rand"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/stretchr/testify/require"
)

// TestOpenSSL has OpenSSL 3 make a signature of every kind with a new key, over random octets.
func TestOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("SKIPPED: there is no openssl to compare with; install OpenSSL 3")
	}
	dir := t.TempDir()
	message := make([]byte, 100)
	_, _ = rand.Read(message)
	file := filepath.Join(dir, "message")
	require.NoError(t, os.WriteFile(file, message, 0o600))
	run := func(t *testing.T, args ...string) []byte {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "openssl", args...).Output()
		require.NoError(t, err, "openssl %s", strings.Join(args, " "))
		return out
	}
	const md = "rsa_padding_mode:pss"
	type scheme struct {
		key  []string
		alg  []byte
		hash cms.OID
		sign []string
	}
	schemes := map[string]scheme{}
	for name, id := range map[string]cms.OID{"sha256": cms.OIDSHA256WithRSA, "sha512": cms.OIDSHA512WithRSA, "sha3-256": cms.OIDSHA3_256WithRSA} {
		schemes["rsa "+name] = scheme{[]string{"RSA", "rsa_keygen_bits:2048"}, identifier(id, []byte{5, 0}), "", []string{"dgst", "-" + name}}
	}
	schemes["pss"] = scheme{[]string{"RSA-PSS", "rsa_keygen_bits:1027"}, pss(params(cms.OIDSHA256, cms.OIDSHA1, 7)...), "", []string{"dgst", "-sha256", "-sigopt", md, "-sigopt", "rsa_pss_saltlen:7", "-sigopt", "rsa_mgf1_md:sha1"}}
	schemes["pss without salt"] = scheme{[]string{"RSA", "rsa_keygen_bits:1025"}, pss(params(cms.OIDSHA384, cms.OIDSHA384, 0)...), "", []string{"dgst", "-sha384", "-sigopt", md, "-sigopt", "rsa_pss_saltlen:0"}}
	for _, curve := range []string{"prime192v1", "secp224r1", "prime256v1", "secp384r1", "secp521r1", "secp256k1", "brainpoolP160r1", "brainpoolP160t1", "brainpoolP192r1", "brainpoolP192t1", "brainpoolP224r1", "brainpoolP224t1", "brainpoolP256r1", "brainpoolP256t1", "brainpoolP320r1", "brainpoolP320t1", "brainpoolP384r1", "brainpoolP384t1", "brainpoolP512r1", "brainpoolP512t1"} {
		schemes[curve] = scheme{[]string{"EC", "ec_paramgen_curve:" + curve, "ec_param_enc:explicit", "point-format:compressed"}, identifier(cms.OIDECDSAWithSHA512), "", []string{"dgst", "-sha512"}}
		schemes[curve+" SHA-1"] = scheme{[]string{"EC", "ec_paramgen_curve:" + curve}, identifier(cms.OIDECDSAWithSpecified, identifier(cms.OIDSHA1)), "", []string{"dgst", "-sha1"}}
	}
	schemes["ed25519"] = scheme{[]string{"ED25519"}, identifier(cms.OIDEd25519), cms.OIDSHA512, []string{"pkeyutl", "-rawin"}}
	var r *algorithm.Registry
	for name, s := range schemes {
		t.Run(name, func(t *testing.T) {
			key := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".pem")
			args := []string{"genpkey", "-out", key, "-algorithm", s.key[0]}
			for _, o := range s.key[1:] {
				args = append(args, "-pkeyopt", o)
			}
			run(t, args...)
			args = []string{"pkey", "-in", key, "-pubout"}
			if strings.Contains(strings.Join(s.key, " "), "compressed") {
				args = append(args, "-ec_conv_form", "compressed")
			}
			block, _ := pem.Decode(run(t, args...))
			var signature []byte
			if s.sign[0] == "dgst" {
				signature = run(t, append(append(s.sign, "-sign", key), file)...)
			} else {
				signature = run(t, append(s.sign, "-sign", "-inkey", key, "-in", file)...)
			}
			check := &algorithm.SignatureCheck{Algorithm: parseAlgorithm(t, s.alg), Digest: s.hash, Signature: signature, SPKI: block.Bytes}
			_, err := r.Verify(check, message, nil)
			require.NoError(t, err)
			check.Signature[len(signature)/2] ^= 4
			_, err = r.Verify(check, message, nil)
			require.Equal(t, algorithm.WrongSignature, reason(t, err))
		})
	}
}
