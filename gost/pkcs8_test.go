package gost_test

import (
	"crypto"
	"encoding/asn1"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/sign"
)

type algorithm struct {
	Key        asn1.ObjectIdentifier
	Parameters []asn1.ObjectIdentifier
}

func oid(parts ...int) asn1.ObjectIdentifier {
	return append(asn1.ObjectIdentifier{1, 2, 643}, parts...)
}

// pkcs8 encodes a private key with what stands in its octet string, and anything behind.
func pkcs8(t testing.TB, version int, a algorithm, private []byte, more ...asn1.RawValue) []byte {
	t.Helper()
	der, err := asn1.Marshal(struct {
		Version   int
		Algorithm algorithm
		Private   []byte
	}{version, a, private})
	require.NoError(t, err)
	var whole asn1.RawValue
	_, err = asn1.Unmarshal(der, &whole)
	require.NoError(t, err)
	for _, m := range more {
		b, err := asn1.Marshal(m)
		require.NoError(t, err)
		whole.Bytes = append(whole.Bytes, b...)
	}
	der, err = asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: whole.Bytes})
	require.NoError(t, err)
	return der
}

func signed(t testing.TB, key *gost.Key) {
	t.Helper()
	s := key.Schemes()[0]
	digest := make([]byte, s.NewHash().Size())
	signature, err := key.Sign(nil, digest, s.Opts)
	require.NoError(t, err)
	require.NoError(t, s.Verify(key.SubjectPublicKeyInfo(), digest, signature))
	digest[1] ^= 1 // not the lowest bit: a digest of zero is signed as that of one
	require.Error(t, s.Verify(key.SubjectPublicKeyInfo(), digest, signature))
}

// TestCurves makes a key on every curve, under every identifier, and reads it again.
func TestCurves(t *testing.T) {
	for _, c := range gost3410.Curves() {
		key, err := gost.GenerateKey(c)
		require.NoError(t, err, c.Name())
		der, err := key.MarshalPKCS8()
		require.NoError(t, err)
		again, err := gost.ParsePKCS8(der)
		require.NoError(t, err)
		require.Equal(t, key.SubjectPublicKeyInfo(), again.SubjectPublicKeyInfo())
		public, err := gost.ParsePublicKey(key.SubjectPublicKeyInfo())
		require.NoError(t, err)
		require.True(t, public.Equal(key.Public()), c.Name())
		signed(t, again)
	}
	for _, id := range []string{
		"1.2.643.2.2.35.0", "1.2.643.2.2.35.1", "1.2.643.2.2.35.2", "1.2.643.2.2.35.3", "1.2.643.2.2.36.0", "1.2.643.2.2.36.1", "1.2.643.7.1.2.1.1.1", "1.2.643.7.1.2.1.1.2",
		"1.2.643.7.1.2.1.1.3", "1.2.643.7.1.2.1.1.4", "1.2.643.7.1.2.1.2.0", "1.2.643.7.1.2.1.2.1", "1.2.643.7.1.2.1.2.2", "1.2.643.7.1.2.1.2.3",
	} {
		key, err := gost.GenerateNamed(id)
		require.NoError(t, err, id)
		var info struct {
			Algorithm algorithm
			Public    asn1.BitString
		}
		_, err = asn1.Unmarshal(key.SubjectPublicKeyInfo(), &info)
		require.NoError(t, err)
		require.Equal(t, id, info.Algorithm.Parameters[0].String())
		// RFC 9215 section 4.2: a hash beside the identifiers of CryptoPro, and none beside the others.
		require.Equal(t, info.Algorithm.Parameters[0][3] == 2, len(info.Algorithm.Parameters) == 2, id)
		signed(t, key)
	}
	_, err := gost.GenerateNamed("1.2.643.2.2.36.2")
	require.ErrorIs(t, err, sign.ErrUnsupported)
	_, err = gost.GenerateKey(nil)
	require.ErrorIs(t, err, sign.ErrInput)
}

// TestForms reads a private key in each of the forms that are in use, and refuses what is like them.
func TestForms(t *testing.T) {
	a := algorithm{oid(7, 1, 1, 1, 1), []asn1.ObjectIdentifier{oid(2, 2, 35, 1), oid(7, 1, 1, 2, 2)}}
	d := make([]byte, 32)
	for i := range d {
		d[i] = byte(i + 1)
	}
	key, err := gost.ParsePKCS8(pkcs8(t, 0, a, d))
	require.NoError(t, err)
	signed(t, key)
	der, err := key.MarshalPKCS8()
	require.NoError(t, err)
	require.Equal(t, pkcs8(t, 0, a, d), der)

	big := slices.Clone(d)
	slices.Reverse(big)
	octets, _ := asn1.Marshal(d)
	integer, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagInteger, Bytes: big})
	short := slices.Clone(d)
	short[31], short[30] = 0, 0x7f
	shortKey, err := gost.ParsePKCS8(pkcs8(t, 0, a, short))
	require.NoError(t, err)
	shortBig := slices.Clone(short[:31])
	slices.Reverse(shortBig)
	shortInteger, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagInteger, Bytes: shortBig})
	high := slices.Clone(d)
	high[31] = 0x80
	highKey, err := gost.ParsePKCS8(pkcs8(t, 0, a, high))
	require.NoError(t, err)
	highBig := slices.Clone(high)
	slices.Reverse(highBig)
	highInteger, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagInteger, Bytes: append([]byte{0}, highBig...)})
	bare, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagInteger, Bytes: highBig}) // without the zero, as an old engine of OpenSSL wrote it
	masked := append(slices.Clone(d), high...)
	maskedOctets, _ := asn1.Marshal(masked)
	spki := key.SubjectPublicKeyInfo()
	xy := spki[len(spki)-64:]
	beside := func(unused byte, octets []byte) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, Bytes: append([]byte{unused}, octets...)}
	}
	wrapped, _ := asn1.Marshal(xy)
	third := algorithm{a.Key, append(slices.Clone(a.Parameters), oid(2, 2, 31, 1))}

	for name, c := range map[string]struct {
		der  []byte
		want *gost.Key
		err  error
		says string
	}{
		"an octet string of its own":   {pkcs8(t, 0, a, octets), key, nil, ""},
		"an integer":                   {pkcs8(t, 0, a, integer), key, nil, ""},
		"a short integer":              {pkcs8(t, 0, a, shortInteger), shortKey, nil, ""},
		"an integer with a zero":       {pkcs8(t, 0, a, highInteger), highKey, nil, ""},
		"an integer of all bits":       {pkcs8(t, 0, a, bare), highKey, nil, ""},
		"attributes":                   {pkcs8(t, 0, a, d, asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true}), key, nil, ""},
		"a public key":                 {pkcs8(t, 1, a, d, beside(0, xy)), key, nil, ""},
		"a public key as in RFC 9548":  {pkcs8(t, 1, a, d, beside(1, xy)), key, nil, ""},
		"a public key in an octet str": {pkcs8(t, 1, a, d, beside(0, wrapped)), key, nil, ""},
		"another public key":           {pkcs8(t, 1, a, high, beside(0, xy)), nil, sign.ErrInput, "not its own"},
		"half a public key":            {pkcs8(t, 1, a, d, beside(0, xy[:63])), nil, sign.ErrInput, "not its own"},
		"masked":                       {pkcs8(t, 0, a, masked), nil, sign.ErrInput, "masked"},
		"masked in an octet string":    {pkcs8(t, 0, a, maskedOctets), nil, sign.ErrInput, "masked"},
		"masked twice":                 {pkcs8(t, 0, a, append(masked, d...)), nil, sign.ErrInput, "masked"},
		"zero":                         {pkcs8(t, 0, a, make([]byte, 32)), nil, sign.ErrInput, "malformed"},
		"above the order":              {pkcs8(t, 0, a, slices.Repeat([]byte{255}, 32)), nil, sign.ErrInput, "malformed"},
		"short":                        {pkcs8(t, 0, a, d[:31]), nil, sign.ErrInput, "malformed"},
		"empty":                        {pkcs8(t, 0, a, nil), nil, sign.ErrInput, "malformed"},
		"version 2":                    {pkcs8(t, 2, a, d), nil, sign.ErrInput, "malformed"},
		"more behind":                  {append(pkcs8(t, 0, a, d), 0), nil, sign.ErrInput, "malformed"},
		"a curve of 512 bits":          {pkcs8(t, 0, algorithm{a.Key, []asn1.ObjectIdentifier{oid(7, 1, 2, 1, 2, 1)}}, d), nil, sign.ErrInput, "malformed"},
		"a curve that there is not":    {pkcs8(t, 0, algorithm{a.Key, []asn1.ObjectIdentifier{oid(7, 1, 2, 1, 9, 1)}}, d), nil, sign.ErrUnsupported, "curve"},
		"another algorithm":            {pkcs8(t, 0, algorithm{oid(2, 2, 19), a.Parameters}, d), nil, sign.ErrUnsupported, "not of GOST R 34.10-2012"},
		"no parameters":                {pkcs8(t, 0, algorithm{a.Key, nil}, d), nil, sign.ErrInput, "malformed"},
		"parameters of a cipher, too":  {pkcs8(t, 0, third, d), nil, nil, ""},
		"nothing":                      {nil, nil, sign.ErrInput, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := gost.ParsePKCS8(c.der)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				require.ErrorContains(t, err, c.says)
				signer, err := gost.Parse(c.der)
				require.Error(t, err)
				require.Nil(t, signer)
				return
			}
			require.NoError(t, err)
			if c.want != nil {
				require.Equal(t, c.want.SubjectPublicKeyInfo(), got.SubjectPublicKeyInfo())
			}
			signed(t, got)
		})
	}
}

// TestZeroKey: one that was not made signs nothing, and does not panic.
func TestZeroKey(t *testing.T) {
	for _, key := range []*gost.Key{nil, {}} {
		_, err := key.Sign(nil, make([]byte, 32), gost.Streebog256)
		require.ErrorIs(t, err, sign.ErrInput)
		_, err = key.MarshalPKCS8()
		require.ErrorIs(t, err, sign.ErrInput)
		require.Nil(t, key.Public())
		require.Nil(t, key.SubjectPublicKeyInfo())
		require.Empty(t, key.Schemes())
		require.False(t, key.Trusted())
	}
}

// TestOptions: the options say by which hash a digest was made, and must be the one that goes with the key, as must its length.
func TestOptions(t *testing.T) {
	for _, h := range []gost.Hash{gost.Streebog256, gost.Streebog512} {
		curve, _ := gost3410.CurveByOID(map[gost.Hash]string{gost.Streebog256: "1.2.643.2.2.35.1", gost.Streebog512: "1.2.643.7.1.2.1.2.1"}[h])
		key, err := gost.GenerateKey(curve)
		require.NoError(t, err)
		_, err = key.Sign(nil, make([]byte, h.Size()), h)
		require.NoError(t, err)
		for _, opts := range []crypto.SignerOpts{nil, crypto.SHA256, crypto.SHA512, crypto.Hash(0), gost.Hash(0), gost.Streebog256 + gost.Streebog512 - h} {
			_, err = key.Sign(nil, make([]byte, h.Size()), opts)
			require.ErrorIs(t, err, sign.ErrUnsupported)
		}
		for _, size := range []int{0, 20, h.Size() - 1, h.Size() + 1, 96 - h.Size()} {
			_, err = key.Sign(nil, make([]byte, size), h)
			require.ErrorIs(t, err, sign.ErrInput)
		}
		signature, err := sign.SignMessage(t.Context(), key, []byte("message"), h)
		require.NoError(t, err)
		made := h.New()
		_, _ = made.Write([]byte("message"))
		require.NoError(t, gost.Scheme(h).Verify(key.SubjectPublicKeyInfo(), made.Sum(nil), signature))
		_, err = key.Sign(nil, []byte("message"), h)
		require.ErrorIs(t, err, sign.ErrInput, "nobody takes a message for a digest")
	}
}

// TestEngineKeys: the engine reads what is written here and the other way round, for every name that it has for a curve.
func TestEngineKeys(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct{ algorithm, set, id string }{
		{"gost2012_256", "A", "1.2.643.2.2.35.1"}, {"gost2012_256", "B", "1.2.643.2.2.35.2"}, {"gost2012_256", "C", "1.2.643.2.2.35.3"},
		{"gost2012_256", "XA", "1.2.643.2.2.36.0"}, {"gost2012_256", "XB", "1.2.643.2.2.36.1"}, {"gost2012_256", "TCA", "1.2.643.7.1.2.1.1.1"},
		{"gost2012_256", "TCB", "1.2.643.7.1.2.1.1.2"}, {"gost2012_256", "TCC", "1.2.643.7.1.2.1.1.3"}, {"gost2012_256", "TCD", "1.2.643.7.1.2.1.1.4"},
		{"gost2012_512", "A", "1.2.643.7.1.2.1.2.1"}, {"gost2012_512", "B", "1.2.643.7.1.2.1.2.2"}, {"gost2012_512", "C", "1.2.643.7.1.2.1.2.3"},
	} {
		engine(t, "genpkey", "-algorithm", c.algorithm, "-pkeyopt", "paramset:"+c.set, "-outform", "DER", "-out", path("k.der"))
		engine(t, "pkey", "-in", path("k.der"), "-inform", "DER", "-pubout", "-outform", "DER", "-out", path("p.der"))
		der, err := os.ReadFile(path("k.der"))
		require.NoError(t, err)
		key, err := gost.ParsePKCS8(der)
		require.NoError(t, err, c)
		spki, err := os.ReadFile(path("p.der"))
		require.NoError(t, err)
		require.Equal(t, spki, key.SubjectPublicKeyInfo(), c)
		again, err := key.MarshalPKCS8()
		require.NoError(t, err)
		require.Equal(t, der, again, c)

		own, err := gost.GenerateNamed(c.id)
		require.NoError(t, err)
		der, err = own.MarshalPKCS8()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path("k.der"), der, 0o600))
		engine(t, "pkey", "-in", path("k.der"), "-inform", "DER", "-pubout", "-outform", "DER", "-out", path("p.der"))
		spki, err = os.ReadFile(path("p.der"))
		require.NoError(t, err)
		info, err := gost.ParsePublicKey(spki)
		require.NoError(t, err)
		require.True(t, info.Equal(own.Public()), c)

		s := own.Schemes()[0]
		require.NoError(t, os.WriteFile(path("m"), []byte("message"), 0o600))
		require.NoError(t, os.WriteFile(path("p.der"), own.SubjectPublicKeyInfo(), 0o600))
		h := s.NewHash()
		_, _ = h.Write([]byte("message"))
		signature, err := own.Sign(nil, h.Sum(nil), s.Opts)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path("s"), signature, 0o600))
		digest := map[int]string{32: "-md_gost12_256", 64: "-md_gost12_512"}[h.Size()]
		engine(t, "dgst", digest, "-verify", path("p.der"), "-keyform", "DER", "-signature", path("s"), path("m"))
	}
}
