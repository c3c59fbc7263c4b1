package validate_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"io"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/damage"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/testmessages"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestDamaged: whatever is changed in what a signer signed, or in his certificate, the signature is not TOTAL-PASSED any more;
// and nothing that is changed anywhere keeps the judge from coming to an end.
func TestDamaged(t *testing.T) {
	w := testmessages.New(t)
	spares := w.Spares()
	shallow := uint32(4)
	if os.Getenv("SIGNET_WHOLE") != "" { // takes half a minute
		shallow = 1
	}
	all, signed := 0, 0
	for _, m := range w.Messages() {
		o := &validate.Options{Roots: w.Roots(), TimestampRoots: w.TimestampRoots(), Clock: func() time.Time { return m.Time }, NoRevocation: !m.Values}
		base, err := damage.New(m.DER, m.Signers...)
		require.NoError(t, err)
		for v := range base.All(m.Donors, spares) {
			if !v.Sampled(shallow, 120) {
				continue
			}
			all++
			parsed, err := cades.Parse(v.DER)
			if err != nil {
				continue
			}
			var content io.Reader
			if m.Content != nil {
				content = bytes.NewReader(m.Content)
			}
			r, err := parsed.Verify(t.Context(), sign.Reader("", content), o)
			require.NoError(t, err, v.Name)
			if !v.Signed {
				continue
			}
			signed++
			require.False(t, r.Trusted(), "%s: %s", m.Name, v.Name)
			if v.Signer < 0 {
				for _, s := range r.Signatures {
					require.NotEqual(t, validate.TotalPassed, s.Indication, "%s: %s", m.Name, v.Name)
				}
			} else if len(r.Signatures) == len(m.Signers) {
				require.NotEqual(t, validate.TotalPassed, r.Signatures[v.Signer].Indication, "%s: %s", m.Name, v.Name)
			}
		}
	}
	t.Logf("%d variants, %d of them of what is signed", all, signed)
	require.Greater(t, signed, 1000)
}

// TestBesideTheFields: a message is not read that has more than its structures have room for, such as a second content, which
// somebody else might take for the one that was signed.
func TestBesideTheFields(t *testing.T) {
	w := testmessages.New(t)
	m := w.Messages()[1]
	attached := w.Messages()[0]
	for _, at := range []struct {
		path string
		of   testmessages.Message
	}{
		{"content", attached}, {"content/SignedData", attached}, {"encapContentInfo/content", attached}, {"encapContentInfo/content/eContent", attached},
		{"encapContentInfo/eContentType", m}, {"signer 0/signature", m}, {"signerInfos", m},
	} {
		base, err := damage.New(at.of.DER, at.of.Signers...)
		require.NoError(t, err)
		found := false
		for v := range base.Variants() {
			if v.Name == at.path+"/double" {
				found = true
				_, err := cades.Parse(v.DER)
				require.ErrorContains(t, err, "something follows the last field", v.Name)
			}
		}
		require.True(t, found, at.path)
	}
}

// TestContentIsOctets: a content of the type data is an OCTET STRING, and not another value with the same octets.
func TestContentIsOctets(t *testing.T) {
	w := testmessages.New(t)
	m := w.Messages()[0]
	base, err := damage.New(m.DER, m.Signers...)
	require.NoError(t, err)
	for v := range base.Variants() {
		if v.Name != "encapContentInfo/content/eContent/tag" {
			continue
		}
		parsed, err := cades.Parse(v.DER)
		require.NoError(t, err)
		r, err := parsed.Verify(t.Context(), sign.Content{}, &validate.Options{Roots: w.Roots(), Clock: func() time.Time { return m.Time }, NoRevocation: true})
		require.NoError(t, err)
		require.Equal(t, validate.FormatFailure, r.Signatures[0].SubIndication)
		require.Contains(t, r.Signatures[0].Reason, "OCTET STRING")
		return
	}
	t.Fatal("the variant is not there")
}

// TestAnotherCertificate: a certificate by the name of the signer's, and not the one whose hash was signed, tells nothing, whatever
// its key says of the value; with the right one, all is well. What fails without it, such as the content, has failed all the same.
func TestAnotherCertificate(t *testing.T) {
	w := newWorld(t)
	serial := func(c *x509.Certificate) { c.SerialNumber = big.NewInt(4242) }
	s := w.signer(serial)
	der := w.sign(s, &cades.Options{})
	in, err := message.Parse(der)
	require.NoError(t, err)
	var edits []cms.Edit
	for _, c := range in.SD.Certificates {
		if bytes.Equal(c.Raw(), s.Certificate().Raw) {
			edits = append(edits, cms.Edit{Parent: in.SD.CertificateSet, At: c.Offset(), Remove: len(c.Raw())})
		}
	}
	bare, err := cms.Splice(in.SD.ContentInfo, edits...)
	require.NoError(t, err)
	for _, key := range []crypto.Signer{testpki.NewKey(t, testpki.P256), testpki.NewKey(t, testpki.P384)} {
		double := w.pki.LeafOf(key, "double", serial).Certificate()
		given := func(o *validate.Options) { o.Certificates = []*x509.Certificate{double} }
		r := w.verify(bare, given)
		w.want(r, validate.Indeterminate, validate.NoSigner, "names another certificate")
		require.Equal(t, validate.CauseCertificateMissing, r.Cause)
		require.False(t, r.Valid())
		both := func(o *validate.Options) { o.Certificates = []*x509.Certificate{double, s.Certificate()} }
		w.want(w.verify(bare, both), validate.TotalPassed, "", "")
		changed := bytes.Replace(bare, content, bytes.ToUpper(content), 1)
		w.want(w.verify(changed, given), validate.TotalFailed, validate.HashFailure, "")
	}
}
