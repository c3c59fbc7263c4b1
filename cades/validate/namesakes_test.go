package validate_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// TestNamesakesOfTheSigner has certificates of strangers before that of the signer, with its issuer and serial number. Without signed
// attributes nothing but the value says which it is.
func TestNamesakesOfTheSigner(t *testing.T) {
	w := newWorld(t)
	leaf := w.pki.Leaf(testpki.P256)
	stranger := testpki.New(t)
	issuer := stranger.SubAuthority("x", stranger.Root)
	template := *leaf.Certificate()
	template.ExtraExtensions, template.AuthorityKeyId = nil, nil
	issuer.Chain[0].RawSubject = leaf.Certificate().RawIssuer
	other := stranger.Issue(issuer, testpki.NewKey(t, testpki.P256), &template).Certificate()
	same := stranger.Issue(issuer, leaf.Key, &template).Certificate()
	require.True(t, bytes.Equal(other.RawIssuer, leaf.Certificate().RawIssuer))
	require.Zero(t, other.SerialNumber.Cmp(leaf.Certificate().SerialNumber))
	sum := sha256.Sum256(content)
	value, err := leaf.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	require.NoError(t, err)
	i := info{sid: issuerAndSerial(leaf), digest: algorithmOf(cms.OIDSHA256), algorithm: algorithmOf(cms.OIDECDSAWithSHA256), value: value}
	message := func(certs ...[]byte) []byte {
		return parts{[][]byte{i.digest}, append(certs, leaf.Chain[1].Raw), nil, [][]byte{i.der()}, content, ""}.der()
	}
	own := leaf.Certificate().Raw
	for name, certs := range map[string][][]byte{
		"alone": {own}, "another key": {other.Raw, own}, "the same key": {same.Raw, own}, "both": {other.Raw, same.Raw, own}, "behind": {own, other.Raw, same.Raw},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.now}
			r := w.verify(message(certs...))
			w.want(r, validate.TotalPassed, "", "")
			require.Equal(t, own, r.Signer.DER)
		})
	}
	// What none of them made stays a forgery.
	i.value = append([]byte(nil), value...)
	i.value[len(value)-1] ^= 1
	w.want(w.verify(message(other.Raw, own)), validate.TotalFailed, validate.CryptoFailure, "")
}
