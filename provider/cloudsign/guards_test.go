package cloudsign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha1" //nolint:gosec // it has to be refused
	"encoding/asn1"
	"fmt"
	"hash"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// The tests of this file each belong to one guard, and fail when it is taken out.

// requireRefused signs one content, for which the service answers something else.
func (f *fake) requireRefused(c Config, content []byte, container []byte) error {
	f.Helper()
	f.bend = func([][]byte) [][]byte { return [][]byte{container} }
	out := f.client(c).Sign(f.Context(), []sign.Content{sign.Bytes("a", content)})
	require.Error(f, out[0].Err)
	require.Nil(f, out[0].Signature)
	return out[0].Err
}

// TestTwoSigners: of two signatures in a container, a verifier may look at the one that is not of the certificate.
func TestTwoSigners(t *testing.T) {
	f := newFake(t)
	m, err := cades.Parse(f.container([]byte("A")))
	require.NoError(t, err)
	both, err := m.AddSignature(t.Context(), softSigner(t, testpki.New(t).Leaf(testpki.P256)), sign.Bytes("", []byte("A")), &cades.Options{})
	require.NoError(t, err)
	require.ErrorContains(t, f.requireRefused(f.config(), []byte("A"), both), "2 signers")
}

// members changes the members of a value.
func members(t *testing.T, der []byte, bend func([]asn1.RawValue) []asn1.RawValue) []byte {
	t.Helper()
	var v asn1.RawValue
	_, err := asn1.Unmarshal(der, &v)
	require.NoError(t, err)
	var all []asn1.RawValue
	for rest := v.Bytes; len(rest) != 0; {
		var one asn1.RawValue
		rest, err = asn1.Unmarshal(rest, &one)
		require.NoError(t, err)
		all = append(all, one)
	}
	v.FullBytes, v.Bytes = nil, nil
	for _, one := range bend(all) {
		b, err := asn1.Marshal(one)
		require.NoError(t, err)
		v.Bytes = append(v.Bytes, b...)
	}
	out, err := asn1.Marshal(v)
	require.NoError(t, err)
	return out
}

// inside is members of a member; one at -1 is the last.
func inside(t *testing.T, der []byte, bend func([]asn1.RawValue) []asn1.RawValue, path ...int) []byte {
	t.Helper()
	if len(path) == 0 {
		return members(t, der, bend)
	}
	return members(t, der, func(all []asn1.RawValue) []asn1.RawValue {
		i := (path[0] + len(all)) % len(all)
		all[i] = asn1.RawValue{FullBytes: inside(t, all[i].FullBytes, bend, path[1:]...)}
		return all
	})
}

// TestAttributesTakenOut: without signed attributes the signature is over the content itself, which this one is not.
func TestAttributesTakenOut(t *testing.T) {
	f := newFake(t)
	without := inside(t, f.container([]byte("A")), func(all []asn1.RawValue) []asn1.RawValue {
		require.Equal(t, asn1.ClassContextSpecific, all[3].Class)
		return append(all[:3:3], all[4:]...)
	}, 1, 0, -1, 0)
	sd, err := cms.ParseSignedData(without)
	require.NoError(t, err)
	require.True(t, sd.Signers[0].SignedAttrs.IsZero())
	f.requireRefused(f.config(), []byte("A"), without)
}

// TestContentTypeOfAnother: the type of the content stands outside of what is signed; the attribute with it inside.
func TestContentTypeOfAnother(t *testing.T) {
	f := newFake(t)
	other := inside(t, f.container([]byte("A")), func(all []asn1.RawValue) []asn1.RawValue {
		der, err := asn1.Marshal(asn1.ObjectIdentifier{1, 2, 3})
		require.NoError(t, err)
		all[0] = asn1.RawValue{FullBytes: der}
		return all
	}, 1, 0, 2)
	require.ErrorContains(t, f.requireRefused(f.config(), []byte("A"), other), "content-type")
}

// TestSameKeyOfAnotherCertificate: the signature is good under both certificates of a key; it is of the one that it names.
func TestSameKeyOfAnotherCertificate(t *testing.T) {
	f := newFake(t)
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	f.signer, f.chain = softSigner(t, id), pki.LeafOf(id.Key, "another").Chain
	f.level.Level = cades.LevelPKCS7 // whose signed attributes name no certificate
	require.ErrorIs(t, f.requireRefused(f.config(), []byte("A"), f.container([]byte("A"))), errOtherCertificate)
}

// TestBrokenCertificateAttribute: an attribute that names the certificate twice names none.
func TestBrokenCertificateAttribute(t *testing.T) {
	f := newFake(t)
	sd, err := cms.ParseSignedData(f.container([]byte("A")))
	require.NoError(t, err)
	si := &sd.Signers[0]
	cert, err := pki.ParseCertificate(f.chain[0].Raw)
	require.NoError(t, err)
	digest := crypto.SHA256.New()
	digest.Write([]byte("A"))
	require.NoError(t, checkAttributes(sd, si, cert, digest.Sum(nil)))
	si.Signed = append(si.Signed, cms.Find(si.Signed, cms.OIDSigningCertificateV2)...)
	require.Error(t, checkAttributes(sd, si, cert, digest.Sum(nil)))
}

// TestWeakDigest: a digest for which another content can be made proves nothing, also when it is at hand.
func TestWeakDigest(t *testing.T) {
	c := newFake(t).config()
	c.Hashes = map[string]func() hash.Hash{crypto.SHA1.String(): sha1.New}
	client, err := NewClient(c)
	require.NoError(t, err)
	f, err := client.prepare(t.Context(), one()[0])
	require.NoError(t, err)
	require.Len(t, f.Digests[crypto.SHA1.String()], 20)
	si := &cms.SignerInfo{}
	si.Digest.ID = cms.OIDSHA1
	_, err = contentDigest(f.Item, si)
	require.Error(t, err)
}

// TestCertificateOfTheState: an operation that asked for a certificate asks for it when it is resumed, too.
func TestCertificateOfTheState(t *testing.T) {
	f := newFake(t)
	c := f.config()
	o, err := f.client(c).Begin(t.Context(), one())
	require.NoError(t, err)
	foreign, err := cades.Sign(t.Context(), softSigner(t, testpki.New(t).Leaf(testpki.P256)), sign.Bytes("", []byte("A")), &cades.Options{})
	require.NoError(t, err)
	f.bend = func([][]byte) [][]byte { return [][]byte{foreign} }
	c.Chain = nil
	o, err = f.client(c).Resume(o.State())
	require.NoError(t, err)
	out, err := o.Run(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, out[0].Err, errOtherCertificate)
	require.Nil(t, out[0].Signature)
}

// TestNothingIsSent: what cannot be one operation is refused before anything is sent.
func TestNothingIsSent(t *testing.T) {
	f := newFake(t)
	client := f.client(f.config())
	many := make([]sign.Content, maxItems+1)
	for i := range many {
		many[i] = sign.Bytes("", nil)
	}
	_, err := client.Begin(t.Context(), many)
	require.ErrorIs(t, err, sign.ErrInput)
	digest := testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32)))
	draft, err := cades.Prepare(t.Context(), f.signer, one()[0], nil)
	require.NoError(t, err)
	for _, c := range []sign.Content{sign.Digested("a", digest), sign.Prepared("a", draft)} {
		_, err = client.Begin(t.Context(), []sign.Content{c})
		require.ErrorIs(t, err, sign.ErrInput)
	}
	for _, s := range []State{{}, {TaskID: "x"}, {Items: []Item{{Name: "a"}}}} {
		s.Thumbprint = client.thumbprint
		_, err = client.Resume(s)
		require.ErrorIs(t, err, sign.ErrInput)
	}
	require.Empty(t, f.requests)
}

// TestTooLargeOnce: a content that can be read once is held in memory, which is bounded.
func TestTooLargeOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("64 MB")
	}
	_, err := newFake(t).client(newFake(t).config()).Begin(t.Context(), []sign.Content{sign.Reader("a", io.LimitReader(zeros{}, maxOnce+1))})
	require.ErrorIs(t, err, sign.ErrInput)
	require.ErrorContains(t, err, "64 MB")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestEmptyAnswers: nobody is asked for a code of an operation that the service did not name.
func TestEmptyAnswers(t *testing.T) {
	for _, path := range []string{"/CloudSign", "/CloudSignResult"} {
		f := newFake(t)
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == path {
				_, _ = io.WriteString(w, "{}")
			}
			return r.URL.Path == path
		}
		c := f.config()
		c.Code = func(context.Context, Challenge) (sign.Secret, error) {
			t.Error("the person was asked")
			return sign.Secret{}, nil
		}
		out := f.client(c).Sign(t.Context(), one())
		require.ErrorContains(t, out[0].Err, map[string]string{"/CloudSign": "no TaskId", "/CloudSignResult": "no Token"}[path])
	}
}

// TestMissingPartsThatThereAreNot: a list of what is missing that cannot be right is not worked through.
func TestMissingPartsThatThereAreNot(t *testing.T) {
	for list, text := range map[string]string{"[2]": "names one that there is not", "[-1]": "names one that there is not", "[0,0,0]": "more than there are"} {
		f := newFake(t)
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			last := r.URL.Path == "/ShelfUploadPart" && r.URL.Query().Get("isLastPart") == "true"
			if last {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, list)
			}
			return last
		}
		c := f.config()
		c.Inline = -1
		out := f.client(c).Sign(t.Context(), []sign.Content{sign.Bytes("a", make([]byte, partSize+1))})
		require.ErrorContains(t, out[0].Err, text, list)
		require.Equal(t, 1, f.count("/ShelfUploadPart"), list)
	}
}

// TestAttemptsAreKept: an operation that is resumed has the attempts that are left, and not as many again.
func TestAttemptsAreKept(t *testing.T) {
	f := newFake(t)
	c := f.config()
	o, err := f.client(c).Begin(t.Context(), one())
	require.NoError(t, err)
	s := o.State()
	s.Attempts = DefaultAttempts
	c.Code = func(context.Context, Challenge) (sign.Secret, error) {
		t.Error("the person was asked")
		return sign.NewSecret([]byte(rightCode)), nil
	}
	o, err = f.client(c).Resume(s)
	require.NoError(t, err)
	_, err = o.Run(t.Context())
	require.ErrorIs(t, err, sign.ErrPIN)
	require.Empty(t, f.codes)
}

// TestKeysOfAnother: a key of another provider, a digest in place of a draft, and groups of more than the service takes.
func TestKeysOfAnother(t *testing.T) {
	f := newFake(t)
	c := f.config()
	c.BulkSize = 1 << 30
	keys, other := f.provider(c), f.provider(c)
	k, err := keys.Key(t.Context(), sign.Ref{})
	require.NoError(t, err)
	_, err = other.Chain(t.Context(), k)
	require.ErrorIs(t, err, sign.ErrInput)
	require.Equal(t, maxItems, k.(*key).BulkSize())
	signer, err := sign.Open(t.Context(), keys, sign.Ref{})
	require.NoError(t, err)
	d, err := keys.Format().Prepare(t.Context(), signer, one()[0])
	require.NoError(t, err)
	for _, opts := range []crypto.SignerOpts{nil, crypto.SHA256} {
		out := k.(*key).SignBulk(t.Context(), [][]byte{bytes.Clone(d.ToBeSigned())}, opts)
		require.ErrorIs(t, out[0].Err, sign.ErrUnsupported, fmt.Sprint(opts))
	}
	require.Empty(t, f.requests)
}

// TestDigitsOfAPhone: what the service says of the telephone is shown on a terminal.
func TestDigitsOfAPhone(t *testing.T) {
	for s, want := range map[string]string{"4567": "4567", "": "", "\x1b[2J": "", "45 67": "", "123456789": ""} {
		require.Equal(t, want, digitsOnly(s), "%q", s)
	}
}

// TestDraftOfAnotherCertificate: a draft is signed with the certificate that it was prepared for.
func TestDraftOfAnotherCertificate(t *testing.T) {
	f := newFake(t)
	c := f.config()
	c.Chain = nil
	keys := f.provider(c)
	first, err := sign.Open(t.Context(), keys, sign.Ref{Certificate: f.chain[0]})
	require.NoError(t, err)
	second, err := sign.Open(t.Context(), keys, sign.Ref{Certificate: testpki.New(t).Leaf(testpki.P256).Certificate()})
	require.NoError(t, err)
	d, err := keys.Format().Prepare(t.Context(), first, one()[0])
	require.NoError(t, err)
	require.NoError(t, d.(*draft).Fits(first))
	require.ErrorIs(t, d.(*draft).Fits(second), sign.ErrKeyMismatch)
}
