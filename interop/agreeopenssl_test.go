package interop_test

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/damage"
	"github.com/seed-116355fd/signet/internal/testmessages"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// openssl is what OpenSSL says of a message: all its signatures are good, or not.
func (c *court) openssl(t *testing.T, m *testmessages.Message, der []byte) opinion {
	t.Helper()
	args := []string{
		"cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", c.write(t, "message", der), "-CAfile", c.write(t, "root.pem", testpki.CertPEM(c.world.SignerRoot.Certificate())),
		"-no-CApath", "-no-CAstore", "-attime", strconv.FormatInt(m.Time.Unix(), 10), "-out", os.DevNull,
	}
	if m.Content != nil {
		args = append(args, "-content", c.write(t, "content", m.Content))
	}
	out, err := tryOpenSSL(t, args...)
	if err != nil {
		return opinion{failed, "", strings.Join(strings.Fields(string(out)), " ")}
	}
	return opinion{class: passed}
}

// whole is the verdict on a message whose signatures all have to be good, with none about counter-signatures.
func (c *court) whole(t *testing.T, m *testmessages.Message, der []byte) opinion {
	t.Helper()
	all := c.ours(t, m, der)
	parsed, err := cades.Parse(der)
	if err != nil {
		return opinion{failed, "", all[0].reason}
	}
	for _, o := range all[:len(parsed.Signatures())] {
		if o.class != passed {
			return opinion{failed, o.sub, o.reason}
		}
	}
	if len(parsed.Signatures()) == 0 {
		return opinion{failed, "", "there is no signature"}
	}
	return opinion{class: passed}
}

// TestAgreesWithOpenSSL: OpenSSL takes and refuses the same damaged messages of the level that it knows, or a rule says why not.
func TestAgreesWithOpenSSL(t *testing.T) {
	haveOpenSSL(t)
	c := newCourt(t)
	tally := newTally(openSSLRules())
	var unexplained []string
	for _, m := range c.world.Messages() {
		if m.Level >= cades.LevelT {
			continue
		}
		for _, o := range []opinion{c.whole(t, &m, m.DER), c.openssl(t, &m, m.DER)} {
			require.Equal(t, passed, o.class, "%s: %s", m.Name, o)
		}
		base, err := damage.New(m.DER, m.Signers...)
		require.NoError(t, err)
		for v := range base.All(m.Donors, c.spares) {
			if !v.Sampled(4, 60) && os.Getenv("SIGNET_AGREE") != "all" || bytes.Equal(v.DER, m.DER) {
				continue
			}
			tally.variants++
			d := &disagreement{&m, &v, 0, c.whole(t, &m, v.DER), c.openssl(t, &m, v.DER)}
			if !tally.add(d) {
				unexplained = append(unexplained, d.String())
			}
		}
	}
	t.Logf("%d variants", tally.variants)
	require.Greater(t, tally.variants, 500)
	if out := os.Getenv("SIGNET_UNEXPLAINED"); out != "" {
		require.NoError(t, os.WriteFile(out, []byte(strings.Join(unexplained, "\n")), 0o600))
	}
	require.Empty(t, unexplained, "%d of them", len(unexplained))
	if os.Getenv("SIGNET_AGREE") == "" {
		tally.table(t, "openssl")
	}
}

func openSSLRules() []rule {
	refused, taken := between(passed, failed), between(failed, passed)
	return []rule{
		{
			"signer identifier",
			"Who signed is told by the hash of the certificate in the signed attributes (RFC 5035 section 5.4), and the signer identifier is not signed; OpenSSL finds the certificate by it.",
			all(refused, foreign, place(`^signer \d/sid`)),
		},
		{
			"digestAlgorithms",
			"A verifier MAY refuse a digest algorithm that is not listed (RFC 5652 section 5.1).",
			all(refused, foreign, place(`^digestAlgorithms`)),
		},
		{
			"order of signed attributes",
			"They are signed in the order of DER, whatever the order in which they are stored (RFC 5652 section 5.3), and not all signers store them so; OpenSSL takes them as they stand there.",
			all(refused, foreign, place(`^signer \d/signedAttrs/[^/]*$`), change("^swap")),
		},
		{
			"unsigned part that cannot be read",
			"OpenSSL gives up on a whole message when a certificate or an unsigned attribute cannot be read. None of them is signed, and anybody could append one.",
			all(refused, foreign, place(unsignedPart), they("asn1 encoding routines")),
		},
		{
			"unsigned attribute that should be signed",
			"RFC 5652 section 11 and RFC 5035 have it signed. Anybody can append it unsigned as well; the signed one is there as before, and nobody reads the other.",
			all(refused, foreign, either(all(place(`signedAttrs/`), change("^(copy|move)")), place("^signer \\d/unsignedAttrs/counter-signature"))),
		},
		{
			"algorithms that were replaced",
			"CMSAlgorithmProtection has a signed copy of the algorithms, and is to be compared (RFC 6211 section 3); OpenSSL does not look at it.",
			all(taken, we("algorithm-protection")),
		},
		{
			"type of the content",
			"The signed content-type has to be the type of the content (RFC 5652 section 11.1); OpenSSL does not compare them.",
			all(taken, we("^FORMAT_FAILURE content-type")),
		},
	}
}
