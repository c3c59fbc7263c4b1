package cades_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// TestContentLikeAttributes: a content that was signed without signed attributes, and has their form, is not taken for one. The
// contents here are harmless: attributes that no message has, signed as a content by one who wanted just that.
func TestContentLikeAttributes(t *testing.T) {
	pki := testpki.New(t)
	signer := rawSigner{id: pki.Leaf(testpki.P256)}
	attribute := "30 09 06 02 2a 03 31 03 02 01 05" // 1.2.3: 5
	for name, c := range map[string]struct {
		content []byte
		refused bool
	}{
		"one attribute":                {unhex(t, "31 0b"+attribute), true},
		"two":                          {unhex(t, "31 16"+attribute+attribute), true},
		"an attribute without values":  {unhex(t, "31 08 30 06 06 02 2a 03 31 00"), true},
		"a length longer than needed":  {unhex(t, "31 81 0b"+attribute), true},
		"of eight octets":              {unhex(t, "31 88 00 00 00 00 00 00 00 0b"+attribute), true},
		"an indefinite length":         {unhex(t, "31 80"+attribute+"00 00"), true},
		"longer lengths inside":        {unhex(t, "31 0d 30 81 0a 06 81 02 2a 03 31 03 02 01 05"), true},
		"a large one":                  {append(unhex(t, "31 83 01 00 0b"+attribute), make([]byte, 0x10000)...), true},
		"a set, and something more":    {unhex(t, "31 0b"+attribute+"00"), false},
		"a set that is cut":            {unhex(t, "31 0c"+attribute), false},
		"no set":                       {unhex(t, "30 0b"+attribute), false},
		"no attribute":                 {unhex(t, "31 0b 31"+attribute[2:]), false},
		"an attribute without a type":  {unhex(t, "31 0b 30 09 04 02 2a 03 31 03 02 01 05"), false},
		"one whose values are no set":  {unhex(t, "31 0b 30 09 06 02 2a 03 30 03 02 01 05"), false},
		"an empty type":                {unhex(t, "31 09 30 07 06 00 31 03 02 01 05"), false},
		"an empty set":                 {unhex(t, "31 00"), false},
		"nothing":                      {nil, false},
		"one octet":                    {unhex(t, "31"), false},
		"a length that is cut":         {unhex(t, "31 84 00"), false},
		"a length of too many octets":  {unhex(t, "31 89 00 00 00 00 00 00 00 00 0b"+attribute), false},
		"a length that is out of size": {unhex(t, "31 88 ff ff ff ff ff ff ff ff"+attribute), false},
		"text":                         {[]byte("1\x0bsomething else"), false},
	} {
		t.Run(name, func(t *testing.T) {
			says := func(r *cades.Report, err error) {
				t.Helper()
				require.NoError(t, err)
				require.Equal(t, !c.refused, r.Valid())
				if c.refused {
					require.ErrorContains(t, r.Signatures[0].Err(), "has the form of signed attributes")
				}
			}
			m, _ := parse(t, signer.message(t, c.content))
			says(m.Verify(t.Context(), sign.Content{}, nil))
			bare := signer
			bare.detached = true
			m, _ = parse(t, bare.message(t, c.content))
			says(m.Verify(t.Context(), sign.Bytes("", c.content), nil))
			says(m.Verify(t.Context(), sign.Reader("", iotest.OneByteReader(bytes.NewReader(c.content))), nil))
			// With attributes a content may be anything.
			attached, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", c.content), &cades.Options{Attached: true})
			require.NoError(t, err)
			m, _ = parse(t, attached)
			r, err := m.Verify(t.Context(), sign.Content{}, nil)
			require.NoError(t, err)
			require.True(t, r.Valid())
		})
	}
}

// TestDigestWithoutAttributes: of a digest nobody can say that it is not over signed attributes.
func TestDigestWithoutAttributes(t *testing.T) {
	pki := testpki.New(t)
	content := []byte("content")
	sum := sha256.Sum256(content)
	digest := sign.Digested("", testpki.Must(sign.NewDigest(crypto.SHA256, sum[:])))
	m, _ := parse(t, rawSigner{id: pki.Leaf(testpki.P256), detached: true}.message(t, content))
	r, err := m.Verify(t.Context(), digest, nil)
	require.NoError(t, err)
	require.False(t, r.Valid())
	require.ErrorContains(t, r.Signatures[0].Err(), "the content itself is needed")
	r, err = m.Verify(t.Context(), sign.Bytes("", content), nil)
	require.NoError(t, err)
	require.True(t, r.Valid())
}

// TestContentTypeWithoutAttributes is RFC 5652 section 5.3: signedAttrs has to be there for any content but data.
func TestContentTypeWithoutAttributes(t *testing.T) {
	pki := testpki.New(t)
	signer := rawSigner{id: pki.Leaf(testpki.P256), content: cms.OIDTSTInfo}
	m, _ := parse(t, signer.message(t, []byte("content")))
	r, err := m.Verify(t.Context(), sign.Content{}, nil)
	require.NoError(t, err)
	require.False(t, r.Valid())
	require.Equal(t, cades.Failed, r.Signatures[0].Status(cades.CheckContentType))
	require.ErrorContains(t, r.Signatures[0].Err(), "RFC 5652 section 5.3 demands of any content but data")
}

// TestSignatureUnderAnother: signatures over octets of somebody's choice are no counter-signatures.
func TestSignatureUnderAnother(t *testing.T) {
	pki := testpki.New(t)
	victim := p256(t, pki)
	below, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", []byte("content")), &cades.Options{Attached: true})
	require.NoError(t, err)
	m, sd := parse(t, below)
	// The victim signs an upload, which is a signature value.
	over, err := cades.Sign(t.Context(), victim, sign.Bytes("", m.Signatures()[0].Value()), nil)
	require.NoError(t, err)
	_, taken := parse(t, over)
	m, _ = parse(t, withUnsigned(t, sd, cms.OIDCounterSignature, taken.Signers[0].Value.Raw()))
	r, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Certificates: victim.Chain()})
	require.NoError(t, err)
	require.Len(t, r.Signatures[0].CounterSignatures, 1)
	child := &r.Signatures[0].CounterSignatures[0]
	require.Equal(t, cades.Passed, child.Status(cades.CheckSignature), "the victim did sign these octets")
	require.Equal(t, cades.Failed, child.Status(cades.CheckContentType))
	require.ErrorContains(t, child.Err(), "must not have")
	require.False(t, child.Valid())
}

// withUnsigned adds an unsigned attribute to the first signature.
func withUnsigned(t testing.TB, sd *cms.SignedData, id cms.OID, values ...[]byte) []byte {
	b := cms.NewBuilder(nil)
	unsigned := b.Open(cms.ContextConstructed(1))
	seq := b.Open(cms.TagSequence)
	b.OID(id)
	b.Raw(cms.AppendSet(nil, cms.TagSet, values))
	b.Close(seq)
	b.Close(unsigned)
	si := sd.Signers[0]
	out, err := cms.Splice(sd.ContentInfo, cms.Edit{Parent: si.Value, At: si.Signature.Next(), Insert: b.Bytes()})
	require.NoError(t, err)
	return out
}

// TestEmptyAttributes: what has no value raises nothing.
func TestEmptyAttributes(t *testing.T) {
	pki := testpki.New(t)
	der, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", []byte("content")), &cades.Options{Attached: true})
	require.NoError(t, err)
	_, sd := parse(t, der)
	for _, id := range []cms.OID{cms.OIDArchiveTimeStampV3, cms.OIDArchiveTimeStampV2, cms.OIDArchiveTimeStamp, cms.OIDSignatureTimeStamp, cms.OIDLongTermValidation} {
		m, _ := parse(t, withUnsigned(t, sd, id))
		require.Equal(t, cades.LevelBES, m.Signatures()[0].Level(), id.Name())
	}
}

// TestMalformedAttributes: a signed attribute that cannot be read does not vanish.
func TestMalformedAttributes(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	content := []byte("content")
	sum := sha256.Sum256(content)
	good := [][]byte{attr(cms.OIDContentType, oid(cms.OIDData)), attr(cms.OIDMessageDigest, octets(sum[:])), attr(cms.OIDSigningCertificateV2, ess(t, id.Certificate(), nil, false))}
	for name, more := range map[string]struct{ attribute, says string }{
		"no values":            {"30 04 06 02 2a 03", "is malformed"},
		"no set":               {"30 09 06 02 2a 03 30 03 02 01 05", "is malformed"},
		"no sequence":          {"31 09 06 02 2a 03 31 03 02 01 05", "is malformed"},
		"something behind it":  {"30 0c 06 02 2a 03 31 03 02 01 05 02 01 05", "is malformed"},
		"a type that is cut":   {"30 09 06 02 2a 83 31 03 02 01 05", "is malformed"},
		"an empty set":         {"30 06 06 02 2a 03 31 00", "has no value"},
		"a value that is good": {"30 09 06 02 2a 03 31 03 02 01 05", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := parse(t, rawSigner{id: id, attributes: sortedAttributes(append([][]byte{unhex(t, more.attribute)}, good...))}.message(t, content))
			r, err := m.Verify(t.Context(), sign.Content{}, nil)
			require.NoError(t, err)
			require.Equal(t, cades.Passed, r.Signatures[0].Status(cades.CheckSignature))
			if more.says == "" {
				require.True(t, r.Valid())
				return
			}
			require.False(t, r.Valid())
			require.ErrorContains(t, r.Signatures[0].Err(), more.says)
		})
	}
	m, _ := parse(t, rawSigner{id: id, attributes: [][]byte{}}.message(t, content))
	r, err := m.Verify(t.Context(), sign.Content{}, nil)
	require.NoError(t, err)
	require.ErrorContains(t, r.Signatures[0].Err(), "the set of signed attributes is empty")
}

func sortedAttributes(all [][]byte) [][]byte {
	cms.SortSet(all)
	return all
}

// TestNothingPasses: no zero value says that something was found good.
func TestNothingPasses(t *testing.T) {
	require.False(t, (&cades.Report{}).Valid())
	require.False(t, (&cades.Report{}).Trusted())
	require.False(t, (&cades.Report{Signatures: make([]cades.SignatureReport, 1)}).Valid())
	require.False(t, (&cades.Report{Signatures: make([]cades.SignatureReport, 1)}).Trusted())
	require.NotEqual(t, cades.Passed, cades.Check{}.Status)
	require.Equal(t, "unknown", cades.Check{}.Status.String())
	r := &validate.SignatureReport{Checks: []cades.Check{{Name: cades.CheckSignature, Status: cades.Passed}, {Name: cades.CheckMessageDigest, Status: cades.Passed}}}
	require.True(t, r.Valid())
	r.Checks = append(r.Checks, cades.Check{Name: cades.CheckPolicy})
	require.False(t, r.Valid())
	require.Equal(t, "passed failed", cades.Passed.String()+" "+cades.Failed.String())
}
