package interop_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost"
)

// bouncyCurve is a curve by the names of both sides.
type bouncyCurve struct{ oid, name string }

func bouncyCurves() []bouncyCurve {
	return []bouncyCurve{
		{"1.2.643.2.2.35.1", "GostR3410-2001-CryptoPro-A"}, {"1.2.643.2.2.35.2", "GostR3410-2001-CryptoPro-B"}, {"1.2.643.2.2.35.3", "GostR3410-2001-CryptoPro-C"},
		{"1.2.643.2.2.36.0", "GostR3410-2001-CryptoPro-XchA"}, {"1.2.643.2.2.36.1", "GostR3410-2001-CryptoPro-XchB"},
		{"1.2.643.7.1.2.1.1.1", "Tc26-Gost-3410-12-256-paramSetA"}, {"1.2.643.7.1.2.1.1.2", "Tc26-Gost-3410-12-256-paramSetB"},
		{"1.2.643.7.1.2.1.1.3", "Tc26-Gost-3410-12-256-paramSetC"}, {"1.2.643.7.1.2.1.1.4", "Tc26-Gost-3410-12-256-paramSetD"},
		{"1.2.643.7.1.2.1.2.1", "Tc26-Gost-3410-12-512-paramSetA"}, {"1.2.643.7.1.2.1.2.2", "Tc26-Gost-3410-12-512-paramSetB"},
		{"1.2.643.7.1.2.1.2.3", "Tc26-Gost-3410-12-512-paramSetC"},
	}
}

// TestGOSTBouncyCastleKeys exchanges keys with it, private and public, both ways: what is read there signs for what is read here.
func TestGOSTBouncyCastleKeys(t *testing.T) {
	bc.need(t)
	for _, c := range bouncyCurves() {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			key, err := gost.GenerateNamed(c.oid)
			require.NoError(t, err)
			scheme := key.Schemes()[0]
			h := scheme.NewHash()
			h.Write(w.content)
			digest := h.Sum(nil)
			algorithm := "ECGOST3410-2012-256"
			if len(digest) == 64 {
				algorithm = "ECGOST3410-2012-512"
			}
			signature, err := key.Sign(nil, digest, scheme.Opts)
			require.NoError(t, err)
			private, err := key.MarshalPKCS8()
			require.NoError(t, err)
			w.write("ours.key", private)
			w.write("ours.pub", key.SubjectPublicKeyInfo())
			w.write("ours.sig", signature)
			answer := bc.must(t, "readkey", w.path("ours"), w.path("back"), w.path("content"), algorithm)
			require.Equal(t, "true", answer["good"])

			bc.must(t, "newkey", w.path("theirs"), c.name, w.path("content"), algorithm)
			for _, name := range []string{"back", "theirs"} {
				read1, err := gost.ParsePKCS8(read(t, w.path(name+".key")))
				require.NoError(t, err, name)
				public, err := gost.ParsePublicKey(read(t, w.path(name+".pub")))
				require.NoError(t, err, name)
				mine, err := gost.ParsePublicKey(read1.SubjectPublicKeyInfo())
				require.NoError(t, err)
				require.True(t, bytes.Equal(public.Bytes(), mine.Bytes()), name)
				require.Equal(t, public.Curve(), mine.Curve(), name)
				require.NoError(t, scheme.Verify(read(t, w.path(name+".pub")), digest, read(t, w.path(name+".sig"))), name)
				if name == "back" {
					require.True(t, bytes.Equal(public.Bytes(), key.Public().(interface{ Bytes() []byte }).Bytes()))
				}
			}
			w.write("ours.sig", append(signature[1:], 0))
			answer = bc.must(t, "readkey", w.path("ours"), w.path("back"), w.path("content"), algorithm)
			require.Equal(t, "false", answer["good"])
		})
	}
}
