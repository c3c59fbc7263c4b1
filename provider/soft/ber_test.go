package soft_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// inBER writes a value with indefinite lengths and octet strings in pieces of a size. inside is to how many of the octet
// strings inside each other the same is done to what they hold, which breaks a MAC.
func inBER(t testing.TB, der []byte, piece, inside int) []byte {
	t.Helper()
	v, err := cms.ReadValue(der)
	require.NoError(t, err)
	implicit := v.Tag() == cms.ContextTag(0) // encryptedContent
	switch {
	case v.Tag().Constructed():
		out := []byte{der[0], 0x80}
		for r := v.Reader(); !r.Empty(); {
			member, err := r.Next()
			require.NoError(t, err)
			out = append(out, inBER(t, member.Raw(), piece, inside)...)
		}
		return append(out, 0, 0)
	case v.Tag() == cms.TagOctetString || implicit:
		body := v.Body()
		if inner, err := cms.ReadValue(body); inside > 0 && !implicit && err == nil && inner.Tag() == cms.TagSequence && len(inner.Raw()) == len(body) {
			body = inBER(t, body, piece, inside-1)
		}
		out := []byte{der[0] | 0x20, 0x80}
		for len(body) != 0 {
			n := min(piece, len(body))
			out = cms.AppendHeader(out, cms.TagOctetString, n)
			out = append(out, body[:n]...)
			body = body[n:]
		}
		return append(out, 0, 0)
	}
	return der
}

// TestPKCS12InBER reads what Bouncy Castle and others write: the same keys come out as of the file in DER.
func TestPKCS12InBER(t *testing.T) {
	var unprotected []byte
	for _, name := range []string{"modern.p12", "legacy.p12", "nomac.p12", "plain.p12", "pbmac1.p12", "java.p12"} {
		der := file(t, name)
		config := soft.Config{Password: password(sesame)}
		want, err := soft.Parse(t.Context(), name, der, config)
		require.NoError(t, err)
		forms := map[string][]byte{"indefinite": inBER(t, der, 100, 0), "many pieces": inBER(t, der, 7, 0)}
		if name == "plain.p12" { // nothing of it is protected, so that what is inside can be written anew
			forms["inside"] = inBER(t, der, 50, 2)
		}
		v, err := cms.ReadValue(der)
		require.NoError(t, err)
		if name == "modern.p12" { // what is encrypted is in pieces as well, and there is no MAC that would notice
			r := v.Reader()
			version, err := r.Next()
			require.NoError(t, err)
			safes, err := r.Next()
			require.NoError(t, err)
			body := append(bytes.Clone(version.Raw()), safes.Raw()...)
			unprotected = inBER(t, append(cms.AppendHeader(nil, cms.TagSequence, len(body)), body...), 50, 1)
		}
		forms["long lengths"] = append([]byte{0x30, 0x85, 0, 0, byte(len(v.Body()) >> 16), byte(len(v.Body()) >> 8), byte(len(v.Body()))}, v.Body()...)
		for form, ber := range forms {
			got, err := soft.Parse(t.Context(), name, ber, config)
			require.NoError(t, err, "%s, %s", name, form)
			require.Equal(t, thumbprints(t, want), thumbprints(t, got))
			// The MAC is over the pieces put together: it still finds what was changed.
			if name == "modern.p12" {
				_, err := soft.Parse(t.Context(), name, ber, soft.Config{Password: password("wrong")})
				require.ErrorIs(t, err, sign.ErrPIN)
				at := bytes.LastIndex(ber, []byte{0x04, 0x64}) // a piece
				if form == "indefinite" {
					require.Positive(t, at)
					bent := bytes.Clone(ber)
					bent[at+20] ^= 1
					_, err = soft.Parse(t.Context(), name, bent, config)
					require.ErrorIs(t, err, sign.ErrPIN)
				}
			}
		}
	}
	got, err := soft.Parse(t.Context(), "unprotected", unprotected, soft.Config{Password: password(sesame)})
	require.NoError(t, err)
	require.Len(t, thumbprints(t, got), 1)
	p, err := soft.Open(t.Context(), "testdata/ber.p12", soft.Config{Password: password("field")})
	require.NoError(t, err)
	require.Len(t, thumbprints(t, p), 1)
}

func thumbprints(t testing.TB, p *soft.Provider) (all []string) {
	t.Helper()
	for e, err := range p.Keys(t.Context()) {
		require.NoError(t, err)
		require.NotEmpty(t, e.Thumbprint())
		all = append(all, e.Thumbprint())
	}
	return all
}

// TestPKCS12InBrokenBER refuses BER that does not come to an end, and pieces that are none.
func TestPKCS12InBrokenBER(t *testing.T) {
	ber := inBER(t, file(t, "modern.p12"), 100, 0)
	wrong := bytes.Clone(ber)
	at := bytes.LastIndex(wrong, []byte{0x04, 0x64})
	require.Positive(t, at)
	wrong[at] = 0x02
	for name, data := range map[string][]byte{"cut": ber[:len(ber)/2], "without its end": ber[:len(ber)-2], "a piece of another kind": wrong, "deep": bytes.Repeat([]byte{0x30, 0x80}, 10_000)} {
		_, err := soft.Parse(t.Context(), name, data, soft.Config{Password: password(sesame)})
		require.Error(t, err, name)
		require.ErrorAs(t, err, new(*sign.Error), name)
	}
}
