package verdict_test

import (
	"crypto"
	"crypto/sha256"
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/internal/verdict"
	"github.com/seed-116355fd/signet/sign"
)

func signer(t *testing.T, id testpki.Identity) *sign.Signer {
	t.Helper()
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(t, err)
	s, err := sign.New(key, id.Chain, sign.Schemes(id.Key.Public())[0])
	require.NoError(t, err)
	return s
}

func message(t *testing.T, s *sign.Signer, o *cades.Options) *cades.Message {
	t.Helper()
	p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("x")), o)
	require.NoError(t, err)
	return parse(t, p7s)
}

func parse(t *testing.T, p7s []byte) *cades.Message {
	t.Helper()
	m, err := cades.Parse(p7s)
	require.NoError(t, err)
	return m
}

func of(t *testing.T, q verdict.Request) *verdict.Report {
	t.Helper()
	r, err := verdict.Of(t.Context(), q)
	require.NoError(t, err)
	require.NotEmpty(t, r.Reason)
	for _, s := range r.Signatures {
		require.NotEmpty(t, s.Reason)
		there := 0
		for _, c := range s.Checks {
			if c.Name == verdict.CheckRevocation {
				there++
			}
		}
		require.Equal(t, 1, there, "each says whether revocation was looked at")
	}
	return r
}

func x() sign.Content { return sign.Bytes("", []byte("x")) }

// The worst signature is the message's, wherever it stands.
func TestWorst(t *testing.T) {
	pki := testpki.New(t)
	good, bad := signer(t, pki.Leaf(testpki.P256)), signer(t, testpki.New(t).Leaf(testpki.P256))
	for name, order := range map[string][2]*sign.Signer{"first": {bad, good}, "last": {good, bad}} {
		p7s, err := message(t, order[0], nil).AddSignature(t.Context(), order[1], x(), nil)
		require.NoError(t, err, name)
		m := parse(t, p7s)
		r := of(t, verdict.Request{Message: m, Content: x(), Roots: pki.Roots()})
		require.Equal(t, verdict.Indeterminate, r.Outcome, name)
		require.Contains(t, r.Reason, " of 2: chain")
		outcomes := []verdict.Outcome{}
		for _, s := range r.Signatures {
			outcomes = append(outcomes, s.Outcome)
		}
		require.ElementsMatch(t, []verdict.Outcome{verdict.Passed, verdict.Indeterminate}, outcomes)
		// Failed is worse than not checked.
		r = of(t, verdict.Request{Message: m, Content: sign.Digested("", testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32)))), Roots: pki.Roots()})
		require.Equal(t, verdict.Failed, r.Outcome, name)
	}
}

func TestCounterSignatures(t *testing.T) {
	pki := testpki.New(t)
	m := message(t, signer(t, pki.Leaf(testpki.P256)), nil)
	p7s, err := m.Signatures()[0].CounterSign(t.Context(), signer(t, testpki.New(t).Leaf(testpki.P256)), nil)
	require.NoError(t, err)
	q := verdict.Request{Message: parse(t, p7s), Content: x(), Roots: pki.Roots()}
	r := of(t, q)
	require.Equal(t, verdict.Passed, r.Outcome, "what anybody can append does not sink it")
	require.Equal(t, verdict.Indeterminate, r.Signatures[0].CounterSignatures[0].Outcome)
	require.True(t, strings.HasPrefix(r.Signatures[0].CounterSignatures[0].Reason, "chain"), r.Reason)
	q.SignatureOnly, q.Content = true, x()
	require.Equal(t, verdict.Passed, of(t, q).Outcome)
}

// A time-stamp that could not be checked proves nothing, and has an outcome of its own.
func TestTimestamps(t *testing.T) {
	pki := testpki.New(t)
	source := testlevels.NewSource(t, pki)
	source.ThisUpdate = time.Now().Add(-time.Hour)
	m := message(t, signer(t, pki.Leaf(testpki.P256)), &cades.Options{Level: cades.LevelA, Timestamper: testlevels.Authority(t, pki, nil), Revocation: source})
	r := of(t, verdict.Request{Message: m, Content: x(), Roots: pki.Roots()})
	require.Equal(t, verdict.Passed, r.Outcome, r.Reason)
	sum := sha256.Sum256([]byte("x"))
	r = of(t, verdict.Request{Message: m, Content: sign.Digested("", testpki.Must(sign.NewDigest(crypto.SHA256, sum[:]))), Roots: pki.Roots()})
	require.Equal(t, verdict.Passed, r.Outcome, r.Reason)
	stamps := r.Signatures[0].Timestamps
	statuses := map[string]string{}
	for _, s := range stamps {
		statuses[s.Kind] = s.Status
		require.NotNil(t, s.Time)
	}
	require.Equal(t, verdict.CheckPassed, statuses[cades.SignatureTimestamp.String()])
	require.Equal(t, verdict.CheckUnchecked, statuses[cades.ArchiveTimestampV2.String()])

	// One of a counter-signature as well.
	p7s, err := message(t, signer(t, pki.Leaf(testpki.P256)), nil).Signatures()[0].CounterSign(t.Context(), signer(t, pki.Leaf(testpki.P256)),
		&cades.Options{Level: cades.LevelT, Timestamper: testlevels.Authority(t, pki, nil)})
	require.NoError(t, err)
	r = of(t, verdict.Request{Message: parse(t, p7s), Content: x(), Roots: pki.Roots()})
	require.Equal(t, verdict.Passed, r.Outcome, r.Reason)
	require.Len(t, r.Signatures[0].CounterSignatures[0].Timestamps, 1)
}

// A message that nobody signed is not valid.
func TestNoSignature(t *testing.T) {
	type signedData struct {
		Version    int
		Algorithms asn1.RawValue
		Content    struct{ Type asn1.ObjectIdentifier }
		Signers    asn1.RawValue
	}
	empty := asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSet, IsCompound: true}
	inner := signedData{Version: 1, Algorithms: empty, Signers: empty}
	inner.Content.Type = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	body, err := asn1.Marshal(inner)
	require.NoError(t, err)
	der, err := asn1.Marshal(struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: body}})
	require.NoError(t, err)
	r := of(t, verdict.Request{Message: parse(t, der), Content: x(), SignatureOnly: true})
	require.Equal(t, verdict.Failed, r.Outcome)
	require.Contains(t, r.Reason, "no signature")
}
