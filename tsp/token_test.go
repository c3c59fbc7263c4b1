package tsp_test

import (
	"bytes"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	names "github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

func TestParseToken(t *testing.T) {
	pki := testpki.New(t)
	token, err := authority(t, pki).Timestamp(t.Context(), imprint())
	require.NoError(t, err)
	again, err := tsp.ParseToken(append(bytes.Clone(token.Raw), "\n\n"...))
	require.NoError(t, err)
	require.Equal(t, token.Raw, again.Raw, "what follows is not of the token")
	require.Equal(t, imprint().Sum, again.Imprint.Sum)
	h := again.NewHash()
	h.Write([]byte("signature value"))
	require.Equal(t, imprint().Sum, h.Sum(nil))

	for name, der := range map[string][]byte{"nothing": nil, "garbage": []byte("garbage"), "cut": token.Raw[:len(token.Raw)-1]} {
		_, err := tsp.ParseToken(der)
		require.ErrorIs(t, err, tsp.CheckEncoding, name)
	}
	_, err = tsp.ParseToken(bytes.Replace(token.Raw, []byte("\x09\x10\x01\x04\xa0"), []byte("\x09\x10\x01\x05\xa0"), 1))
	require.ErrorIs(t, err, tsp.CheckContentType)
}

// TestParseResponse reads the file .tsr that somebody else has got.
func TestParseResponse(t *testing.T) {
	pki := testpki.New(t)
	request, err := tsp.NewRequest(imprint(), "")
	require.NoError(t, err)
	response := testpki.TimestampResponse(t, pki.TSA(testpki.P256), request.Raw)
	token, err := tsp.ParseResponse(response)
	require.NoError(t, err)
	require.NoError(t, token.Verify(imprint(), &tsp.VerifyOptions{Roots: pki.Roots()}))

	_, err = tsp.ParseResponse([]byte("\x30\x11\x30\x0f\x02\x01\x02\x30\x05\x0c\x03no!\x03\x03\x04\x05\x20"))
	require.ErrorIs(t, err, tsp.CheckStatus)
	require.ErrorContains(t, err, `"no!"`)
	for name, der := range map[string][]byte{"nothing": nil, "a token": token.Raw, "cut": response[:len(response)-1], "granted, and nothing": []byte("\x30\x05\x30\x03\x02\x01\x00")} {
		_, err := tsp.ParseResponse(der)
		require.ErrorIs(t, err, tsp.CheckEncoding, name)
	}
}

// TestParseBER reads a token whose outer values have indefinite lengths and whose content is in segments.
func TestParseBER(t *testing.T) {
	pki := testpki.New(t)
	token, err := authority(t, pki).Timestamp(t.Context(), imprint())
	require.NoError(t, err)
	sd := structure(t, token)
	eContent := append([]byte("\xa0\x80\x24\x80\x04\x01"), token.Info[0], 0x04, 0x81, byte(len(token.Info)-1))
	eContent = append(append(eContent, token.Info[1:]...), 0, 0, 0, 0)
	body := sd.Value.Body()
	before := body[:sd.EncapContentInfo.Offset()-(sd.Value.Offset()+sd.Value.HeaderLen())]
	encap := append([]byte("\x30\x80\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04"), eContent...)
	ber := append([]byte("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80"), before...)
	ber = append(append(ber, encap...), 0, 0)
	ber = append(ber, body[len(before)+len(sd.EncapContentInfo.Raw()):]...)
	ber = append(ber, 0, 0, 0, 0, 0, 0)
	again, err := tsp.ParseToken(ber)
	require.NoError(t, err)
	require.Equal(t, token.Info, again.Info)
	require.NoError(t, again.Verify(imprint(), &tsp.VerifyOptions{Roots: pki.Roots()}))
}

func TestVerifyToken(t *testing.T) {
	pki := testpki.New(t)
	token, err := authority(t, pki).Timestamp(t.Context(), imprint())
	require.NoError(t, err)
	other := imprint()
	other.Sum = make([]byte, 32)
	year := func() time.Time { return testpki.Now().AddDate(1, 0, 0) }
	for name, c := range map[string]struct {
		imprint sign.Digest
		o       *tsp.VerifyOptions
		check   error
	}{
		"nothing asked":     {imprint(), nil, nil},
		"all asked":         {imprint(), &tsp.VerifyOptions{Policy: "2.5.29.32.0", Nonce: token.Nonce, Roots: pki.Roots(), Tolerance: 1, Clock: testpki.Now}, nil},
		"no imprint":        {sign.Digest{}, nil, tsp.CheckImprint},
		"another imprint":   {other, nil, tsp.CheckImprint},
		"another nonce":     {imprint(), &tsp.VerifyOptions{Nonce: big.NewInt(1)}, tsp.CheckNonce},
		"another policy":    {imprint(), &tsp.VerifyOptions{Policy: "1.2"}, tsp.CheckPolicy},
		"another root":      {imprint(), &tsp.VerifyOptions{Roots: testpki.New(t).Roots()}, tsp.CheckChain},
		"a year later":      {imprint(), &tsp.VerifyOptions{Tolerance: time.Hour, Clock: year}, tsp.CheckTime},
		"any year, allowed": {imprint(), &tsp.VerifyOptions{Clock: year}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, token.Verify(c.imprint, c.o), c.check)
		})
	}
	all := token.Problems(other, &tsp.VerifyOptions{Policy: "1.2", Roots: testpki.New(t).Roots()})
	require.Len(t, all, 3)
	require.Equal(t, []error{tsp.CheckImprint, tsp.CheckPolicy, tsp.CheckChain}, []error{all[0].Class, all[1].Class, all[2].Class})
}

// TestEveryOctet flips each octet of a token: none of them can be changed without a check that fails, but those that no
// signature covers.
func TestEveryOctet(t *testing.T) {
	pki := testpki.New(t)
	token, err := authority(t, pki).Timestamp(t.Context(), imprint())
	require.NoError(t, err)
	sd := structure(t, token)
	open := func(at int) bool { // versions, digestAlgorithms, the certificates of others
		inside := func(start, length int) bool { return start <= at && at < start+length }
		if inside(sd.DigestAlgorithms.Offset(), len(sd.DigestAlgorithms.Raw())) || at < sd.DigestAlgorithms.Offset() {
			return true
		}
		if at < sd.Signers[0].SID.Value.Offset() && at >= sd.SignerInfos.Offset() {
			return true
		}
		return inside(sd.CertificateSet.Offset(), len(sd.CertificateSet.Raw()))
	}
	sid := sd.Signers[0].SID
	for at := range token.Raw {
		if open(at) {
			continue
		}
		for _, mask := range []byte{1, 0x80} {
			bad := bytes.Clone(token.Raw)
			bad[at] ^= mask
			parsed, err := tsp.ParseToken(bad)
			if err == nil {
				err = parsed.Verify(imprint(), &tsp.VerifyOptions{Roots: pki.Roots()})
			}
			if start := sid.Value.Offset() + sid.Value.HeaderLen(); err == nil && at >= start && at < start+len(sid.Issuer) {
				require.True(t, names.SameName(sid.Issuer, bad[start:start+len(sid.Issuer)]), "octet %d", at)
				continue // the type of a string does not count when names are compared (RFC 5280 section 7.1)
			}
			require.Error(t, err, "octet %d", at)
			_, ok := errors.AsType[*sign.Error](err)
			require.True(t, ok, "octet %d: %v", at, err)
		}
	}
}

// BenchmarkTimestamp is what a token costs beside the network: issuing on one side, checking on the other.
func BenchmarkTimestamp(b *testing.B) {
	pki := testpki.New(b)
	a := authority(b, pki)
	token, err := a.Timestamp(b.Context(), imprint())
	require.NoError(b, err)
	b.Run("op=issue", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = a.Timestamp(b.Context(), imprint())
		}
	})
	b.Run("op=verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parsed, err := tsp.ParseToken(token.Raw)
			if err != nil || parsed.Verify(imprint(), nil) != nil {
				b.Fatal(err)
			}
		}
	})
}
