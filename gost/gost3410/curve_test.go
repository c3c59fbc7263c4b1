package gost3410

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestParameters proves what RFC 7091 section 5.2 asks of the parameters, with numbers of math/big.
func TestParameters(t *testing.T) {
	one := big.NewInt(1)
	for i, r := range references(t) {
		s := &sets[i]
		t.Run(r.name, func(t *testing.T) {
			require.True(t, r.p.ProbablyPrime(32))
			require.True(t, r.q.ProbablyPrime(32))
			require.Len(t, s.p, 2*r.size)
			// The point is on the curve, and q times it is infinity.
			right := new(big.Int).Exp(r.x, big.NewInt(3), r.p)
			right.Add(right, new(big.Int).Mul(r.a, r.x)).Add(right, r.b)
			require.Equal(t, r.mod(right), r.mod(new(big.Int).Mul(r.y, r.y)))
			x, _ := r.times(r.q, r.x, r.y)
			require.Nil(t, x)
			// The number of points is the one multiple of q that is near enough to p+1 (Hasse), which is so for the cofactor only.
			m := new(big.Int).Mul(r.q, big.NewInt(int64(r.cofactor)))
			difference := new(big.Int).Sub(m, new(big.Int).Add(r.p, one))
			limit := new(big.Int).Lsh(new(big.Int).Sqrt(r.p), 1)
			require.LessOrEqual(t, difference.CmpAbs(limit.Add(limit, one)), 0)
			require.NotEqual(t, m, r.p)
			// 4 a^3 + 27 b^2 is not 0, and the invariant neither 0 nor 1728: a and b are not 0.
			d := new(big.Int).Exp(r.a, big.NewInt(3), r.p)
			d.Lsh(d, 2).Add(d, new(big.Int).Mul(big.NewInt(27), new(big.Int).Mul(r.b, r.b)))
			require.NotZero(t, r.mod(d).Sign())
			require.NotZero(t, r.mod(r.a).Sign())
			require.NotZero(t, r.mod(r.b).Sign())
			// p^t is not 1 modulo q for t up to 31 or 131.
			power := new(big.Int).Set(one)
			for range map[int]int{32: 31, 64: 131}[r.size] {
				power.Mul(power, r.p).Mod(power, r.q)
				require.NotEqual(t, one, power)
			}
		})
	}
}

// TestEdwards maps the base points of the curves with both forms (RFC 7836 section 5.2), and looks whether the law of addition is
// complete: d is no square.
func TestEdwards(t *testing.T) {
	found := 0
	for i, r := range references(t) {
		s := &sets[i]
		require.Equal(t, r.cofactor == 4, s.edwards != "", r.name)
		if r.cofactor != 4 {
			require.Equal(t, 1, r.cofactor)
			continue
		}
		found++
		d, u, v := hexadecimal(t, s.edwards), hexadecimal(t, s.u), hexadecimal(t, s.v)
		one := big.NewInt(1)
		require.Equal(t, -1, big.Jacobi(d, r.p))
		u2, v2 := r.mod(new(big.Int).Mul(u, u)), r.mod(new(big.Int).Mul(v, v))
		right := new(big.Int).Mul(d, u2)
		require.Equal(t, r.mod(new(big.Int).Add(u2, v2)), r.mod(right.Mul(right, v2).Add(right, one)))
		over := func(top *big.Int, bottom ...*big.Int) *big.Int {
			top = new(big.Int).Set(top)
			for _, b := range bottom {
				top.Mul(top, new(big.Int).ModInverse(r.mod(b), r.p))
			}
			return r.mod(top)
		}
		// s = (e - d) / 4, t = (e + d) / 6
		sn := over(new(big.Int).Sub(one, d), big.NewInt(4))
		tn := over(new(big.Int).Add(one, d), big.NewInt(6))
		k := new(big.Int).Mul(sn, new(big.Int).Add(one, v))
		low := new(big.Int).Sub(one, v)
		require.Equal(t, r.x, r.mod(new(big.Int).Add(tn, over(k, low))))
		require.Equal(t, r.y, over(k, low, u))
		// and back
		xt := new(big.Int).Sub(r.x, tn)
		require.Equal(t, u, over(xt, r.y))
		require.Equal(t, v, over(new(big.Int).Sub(xt, sn), new(big.Int).Add(xt, sn)))
		// a = s^2 - 3 t^2, b = 2 t^3 - t s^2
		s2, t2 := new(big.Int).Mul(sn, sn), new(big.Int).Mul(tn, tn)
		require.Equal(t, r.a, r.mod(new(big.Int).Sub(s2, new(big.Int).Mul(big.NewInt(3), t2))))
		require.Equal(t, r.b, r.mod(new(big.Int).Mul(tn, new(big.Int).Sub(new(big.Int).Lsh(t2, 1), s2))))
	}
	require.Equal(t, 2, found)
}

func TestCurveByOID(t *testing.T) {
	for oid, name := range map[string]string{
		"1.2.643.2.2.35.0": "test-256", "1.2.643.2.2.35.1": "CryptoPro-A", "1.2.643.2.2.35.2": "CryptoPro-B", "1.2.643.2.2.35.3": "CryptoPro-C",
		"1.2.643.2.2.36.0": "CryptoPro-A", "1.2.643.2.2.36.1": "CryptoPro-C",
		"1.2.643.7.1.2.1.1.1": "tc26-256-A", "1.2.643.7.1.2.1.1.2": "CryptoPro-A", "1.2.643.7.1.2.1.1.3": "CryptoPro-B", "1.2.643.7.1.2.1.1.4": "CryptoPro-C",
		"1.2.643.7.1.2.1.2.0": "test-512", "1.2.643.7.1.2.1.2.1": "tc26-512-A", "1.2.643.7.1.2.1.2.2": "tc26-512-B", "1.2.643.7.1.2.1.2.3": "tc26-512-C",
	} {
		c, ok := CurveByOID(oid)
		require.True(t, ok, oid)
		require.Equal(t, name, c.Name())
		require.Contains(t, c.OIDs(), oid)
	}
	_, ok := CurveByOID("1.2.643.2.2.35.4")
	require.False(t, ok)
	require.Len(t, Curves(), 9)
}
