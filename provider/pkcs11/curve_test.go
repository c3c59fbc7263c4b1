package pkcs11

import (
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// explicit writes the parameters of a curve in full.
func explicit(t *testing.T, curve elliptic.Curve, bend func(e *ecParameters)) []byte {
	t.Helper()
	c := curve.Params()
	var e ecParameters
	e.Version, e.Order, e.Cofactor = 1, c.N, 1
	e.Field.Type, e.Field.Prime = asn1.ObjectIdentifier{1, 2, 840, 10045, 1, 1}, c.P
	e.Curve.A, e.Curve.B = new(big.Int).Sub(c.P, big.NewInt(3)).Bytes(), c.B.Bytes()
	e.Curve.Seed = asn1.BitString{Bytes: []byte{1}, BitLength: 8}
	e.Base = append(append([]byte{4}, c.Gx.FillBytes(make([]byte, (c.BitSize+7)/8))...), c.Gy.FillBytes(make([]byte, (c.BitSize+7)/8))...)
	bend(&e)
	der, err := asn1.Marshal(e)
	require.NoError(t, err)
	return der
}

func TestCurveInFull(t *testing.T) {
	for _, curve := range curves {
		require.Equal(t, curve, curveOf(explicit(t, curve, func(*ecParameters) {})))
		require.Equal(t, curve, curveOf(explicit(t, curve, func(e *ecParameters) { e.Curve.Seed, e.Cofactor = asn1.BitString{}, 0 })))
		one := big.NewInt(1)
		for name, bend := range map[string]func(e *ecParameters){
			"field":    func(e *ecParameters) { e.Field.Type = asn1.ObjectIdentifier{1, 2, 840, 10045, 1, 2} },
			"prime":    func(e *ecParameters) { e.Field.Prime = new(big.Int).Add(e.Field.Prime, one) },
			"a":        func(e *ecParameters) { e.Curve.A = []byte{3} },
			"b":        func(e *ecParameters) { e.Curve.B = append([]byte{1}, e.Curve.B...) },
			"base":     func(e *ecParameters) { e.Base[len(e.Base)-1] ^= 1 },
			"order":    func(e *ecParameters) { e.Order = new(big.Int).Add(e.Order, one) },
			"cofactor": func(e *ecParameters) { e.Cofactor = 2 },
		} {
			require.Nil(t, curveOf(explicit(t, curve, bend)), name)
		}
	}
	require.Nil(t, curveOf(nil))
	require.Nil(t, curveOf(append(explicit(t, elliptic.P256(), func(*ecParameters) {}), 0)))
}
