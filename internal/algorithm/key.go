package algorithm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/seed-116355fd/signet/internal/cms"
)

// Bounds of keys. A verification costs the more the larger they are, and the key comes from a stranger.
const (
	MaxRSABits = 16384
	MaxDSABits = 4096
	// MinRSABits and MinDSABits are what no policy can lower: shorter ones have been broken for money or for sport.
	MinRSABits = 1024
	MinDSABits = 1024

	maxExponentBits = 64 // beyond 31 bits in moduli of maxExponentOf bits only
	maxExponentOf   = 4096
	minReadRSABits  = 256 // below there is no room for a signature
)

// Key is a public key.
type Key struct {
	Algorithm cms.Algorithm // of the SubjectPublicKeyInfo
	Kind      Kind          // the mathematics; of RSA: PSS when the key is for nothing else, else PKCS1
	Bits      int           // RSA and DSA: of the modulus; elliptic curves: of the order; GOST: of a coordinate; ML-DSA: of the key
	Curve     cms.OID       // elliptic curves; also when the key had explicit parameters that are those of a named curve
	// Restricted are the parameters that a key under id-RSASSA-PSS is bound to, the salt being the least (RFC 4055
	// section 3.3); nil when it is not.
	Restricted *PSSParameters

	n, e     *big.Int
	rsa      *rsa.PublicKey // nil when crypto/rsa does not take it
	nist     *ecdsa.PublicKey
	point    *affine // of the other curves
	edwards  ed25519.PublicKey
	discrete *dsaKey
}

var errTrailing = errors.New("something follows that does not belong there")

// Name says what key it is: "RSA of 2048 bits", "P-256".
func (k *Key) Name() string {
	switch {
	case k.Kind == ECDSA:
		return k.Curve.Name()
	case k.Kind == GOST2012 || k.Kind == GOST2001:
		return k.Kind.String() + " on " + k.Curve.Name()
	case k.Kind == DSA:
		return fmt.Sprintf("DSA of %d bits", k.Bits)
	case k.n != nil:
		return fmt.Sprintf("RSA of %d bits", k.Bits)
	}
	return k.Algorithm.ID.Name()
}

// Strength is the work of finding the private key, in bits (NIST SP 800-57 part 1 table 2).
func (k *Key) Strength() int {
	if k.Kind == ECDSA || k.Kind == Ed25519 || k.Kind == GOST2012 || k.Kind == GOST2001 {
		return k.Bits / 2
	}
	if set, ok := mldsaOf(k.Algorithm.ID); ok {
		return set.strength
	}
	for _, step := range [][2]int{{15360, 256}, {7680, 192}, {3072, 128}, {2048, 112}, {1024, 80}} {
		if k.Bits >= step[0] {
			return step[1]
		}
	}
	return 0
}

// ParseKey reads a SubjectPublicKeyInfo. The error is an [*Error] of [Unsupported] or [Malformed]. Keys that are too short
// are read.
func ParseKey(spki []byte) (*Key, error) { return parseKey(spki, true) }

// parseKey leaves the point of an elliptic curve out when it is not needed: to find out whether it is one, or which one when
// it is compressed, takes long.
func parseKey(spki []byte, point bool) (*Key, error) {
	v, err := cms.ReadValue(spki)
	if err != nil || v.Tag() != cms.TagSequence || v.Next() != len(spki) {
		return nil, malformed("", "the public key is malformed")
	}
	fields := v.Reader()
	first, err := fields.Want(cms.TagSequence, "the algorithm of a public key")
	if err != nil {
		return nil, malformed("", "the public key is malformed")
	}
	k := &Key{}
	if k.Algorithm, err = cms.ParseAlgorithm(first); err != nil {
		return nil, malformed("", "the public key is malformed")
	}
	bits, err := fields.Want(cms.TagBitString, "the public key")
	if err != nil || bits.Tag() != cms.TagBitString || !fields.Empty() || len(bits.Body()) < 2 || bits.Body()[0] != 0 {
		return nil, malformed(k.Algorithm.ID.Name(), "the public key is malformed")
	}
	octets := bits.Body()[1:]
	switch k.Algorithm.ID {
	case cms.OIDRSAEncryption:
		k.Kind = PKCS1
		err = k.parseRSA(octets)
	case cms.OIDRSASSAPSS:
		k.Kind = PSS
		if !k.Algorithm.NoParameters() {
			p, err := parsePSS(k.Algorithm)
			if err != nil {
				return nil, err
			}
			k.Restricted = &p
		}
		err = k.parseRSA(octets)
	case cms.OIDECPublicKey:
		k.Kind = ECDSA
		err = k.parseEC(octets, point)
	case cms.OIDEd25519:
		k.Kind, k.Bits = Ed25519, 256
		if len(octets) != ed25519.PublicKeySize {
			return nil, malformed("Ed25519", "the Ed25519 key has %d octets instead of 32", len(octets))
		}
		k.edwards = ed25519.PublicKey(octets)
	case cms.OIDDSA:
		k.Kind = DSA
		err = k.parseDSA(octets)
	case cms.OIDMLDSA44, cms.OIDMLDSA65, cms.OIDMLDSA87:
		err = k.parseMLDSA(octets)
	case cms.OIDGOST256, cms.OIDGOST512, cms.OIDGOST2001:
		err = k.parseGOST(octets)
	default:
		return nil, unsupported(k.Algorithm.ID.Name(), "keys of kind %s are not known here", k.Algorithm.ID.Name())
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// parseRSA reads RSAPublicKey (RFC 8017 appendix A.1.1).
func (k *Key) parseRSA(octets []byte) error {
	n, e, err := twoIntegers(octets, MaxRSABits/8)
	switch {
	case errors.Is(err, errTooLong):
		return unsupported("RSA", "the RSA key has more than %d bits, which is more than any in use", MaxRSABits)
	case err != nil:
		return malformed("RSA", "the RSA key is malformed")
	}
	k.n, k.e, k.Bits = n, e, n.BitLen()
	switch {
	case k.Bits > MaxRSABits:
		return unsupported("RSA", "the RSA key has %d bits, which is more than any in use", k.Bits)
	case k.Bits < minReadRSABits || n.Bit(0) == 0:
		return malformed("RSA", "the RSA key is none: its modulus cannot be a product of two primes of any size")
	case e.Bit(0) == 0 || e.Cmp(big.NewInt(1)) <= 0:
		// With exponent 1 every octet string is its own signature.
		return malformed("RSA", "the RSA key is none: its exponent is even or 1")
	case e.BitLen() <= 31:
		if k.Bits >= MinRSABits && e.Int64() <= math.MaxInt32 {
			k.rsa = &rsa.PublicKey{N: n, E: int(e.Int64())}
		}
	case e.BitLen() > maxExponentBits || k.Bits > maxExponentOf:
		return unsupported("RSA", "the RSA key has a public exponent of %d bits, which is more than any in use", e.BitLen())
	}
	return nil
}

// parseEC reads the parameters and the point (RFC 5480 section 2).
func (k *Key) parseEC(point []byte, decode bool) (err error) {
	if k.Curve, err = curveOf(k.Algorithm.Parameters); err != nil {
		return err
	}
	// Names and sentences are made when they are needed: they would cost as much as reading the key.
	bad := func() error {
		return malformed(k.Curve.Name(), "the public key is no point of %s", k.Curve.Name())
	}
	if std := standardCurve(k.Curve); std != nil {
		if k.Bits = std.Params().N.BitLen(); !decode {
			return nil
		}
		if point[0] == 2 || point[0] == 3 {
			x, y := elliptic.UnmarshalCompressed(std, point)
			if x == nil {
				return bad()
			}
			size := (std.Params().BitSize + 7) / 8
			point = make([]byte, 1+2*size)
			point[0] = 4
			x.FillBytes(point[1 : 1+size])
			y.FillBytes(point[1+size:])
		}
		if k.nist, err = ecdsa.ParseUncompressedPublicKey(std, point); err != nil {
			return bad()
		}
		return nil
	}
	c, ok := curveByOID(k.Curve)
	if !ok {
		return unsupported(k.Curve.Name(), "the curve %s is not known here", k.Curve.Name())
	}
	if k.Bits = c.n.BitLen(); !decode {
		return nil
	}
	if k.point = c.decode(point); k.point == nil {
		return bad()
	}
	return nil
}

func standardCurve(id cms.OID) elliptic.Curve {
	switch id {
	case cms.OIDP256:
		return elliptic.P256()
	case cms.OIDP384:
		return elliptic.P384()
	case cms.OIDP521:
		return elliptic.P521()
	case cms.OIDP224:
		return elliptic.P224()
	}
	return nil
}

var errTooLong = errors.New("an integer is too long")

// twoIntegers reads a SEQUENCE of two positive integers, neither longer than so many octets.
func twoIntegers(der []byte, octets int) (a, b *big.Int, err error) {
	v, err := cms.ReadValue(der)
	if err != nil {
		return nil, nil, err
	}
	if v.Tag() != cms.TagSequence || v.Next() != len(der) {
		return nil, nil, errTrailing
	}
	r := v.Reader()
	if a, err = positive(&r, octets); err != nil {
		return nil, nil, err
	}
	if b, err = positive(&r, octets); err != nil {
		return nil, nil, err
	}
	if !r.Empty() {
		return nil, nil, errTrailing
	}
	return a, b, nil
}

// positive reads an INTEGER above 0. One in the shortest form only: others would make many signatures of one.
func positive(r *cms.Reader, octets int) (*big.Int, error) {
	v, err := r.Next()
	if err != nil {
		return nil, err
	}
	return positiveValue(v, octets)
}

func positiveValue(v cms.Value, octets int) (*big.Int, error) {
	body := v.Body()
	switch {
	case v.Tag() != cms.TagInteger || len(body) == 0 || body[0]&0x80 != 0:
		return nil, errors.New("an integer is not positive")
	case len(body) > 1 && body[0] == 0 && body[1]&0x80 == 0:
		return nil, errors.New("an integer is not in its shortest form")
	case len(body) > octets+1:
		return nil, errTooLong
	}
	n := new(big.Int).SetBytes(body)
	if n.Sign() == 0 {
		return nil, errors.New("an integer is 0")
	}
	return n, nil
}

// Cost is about what a verification with a key costs, in units of one with RSA of 2048 bits (some 25 µs), for those who
// keep a budget. It does no arithmetic, and what cannot be read costs nothing since it is refused at once.
func Cost(spki []byte) int {
	id, parameters := keyHead(spki)
	switch id {
	case cms.OIDECPublicKey:
		id, err := curveOf(parameters)
		switch {
		case err != nil:
			return 1
		case id == cms.OIDP256, id == cms.OIDP224:
			return 2
		case id == cms.OIDP384:
			return 25
		case id == cms.OIDP521:
			return 80
		}
		c, known := textOf(id)
		if !known {
			return 1
		}
		bits := len(c.p) * 4 // the curves that are computed by math/big
		return 15 + bits*bits/1500
	case cms.OIDDSA:
		return 10 + len(spki)*len(spki)/16000
	case cms.OIDEd25519:
		return 2
	case cms.OIDGOST256, cms.OIDGOST512, cms.OIDGOST2001:
		return gostCost(parameters)
	}
	if set, ok := mldsaOf(id); ok {
		return set.cost
	}
	if slhdsa(id) {
		return 100
	}
	n := max(1, 2*len(spki)*len(spki)/(300*300)-1) // as measured: 3, 6, 24 and 95 units for 3072, 4096, 8192 and 16,384 bits
	if last := spki[max(0, len(spki)-16):]; id == cms.OIDRSASSAPSS || !bytes.HasSuffix(last, []byte{2, 3, 1, 0, 1}) {
		// An exponent other than 65537 costs up to four times as much, and parameters of RSASSA-PSS have it computed here.
		n *= 4
	}
	return n
}

func keyHead(spki []byte) (id cms.OID, parameters cms.Value) {
	v, err := cms.ReadValue(spki)
	if err != nil {
		return "", parameters
	}
	r := v.Reader()
	first, err := r.Next()
	if err != nil {
		return "", parameters
	}
	a, err := cms.ParseAlgorithm(first)
	if err != nil {
		return "", parameters
	}
	return a.ID, a.Parameters
}
