package pkcs11

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// gostVariant is a curve of GOST R 34.10, with keys of 2012 or of 2001.
type gostVariant struct {
	key    []byte // object identifiers as TLVs: of the kind of key,
	curve  []byte
	same   byte   // what identifiers of the same curve have in common
	digest []byte // of the hash that goes with the key
}

// Object identifiers as TLVs: RFC 9215 sections 2 to 4, and for keys of 2001 RFC 4491.
const (
	gostKey256     = "\x06\x08\x2a\x85\x03\x07\x01\x01\x01\x01"
	gostKey512     = "\x06\x08\x2a\x85\x03\x07\x01\x01\x01\x02"
	gostKey2001    = "\x06\x06\x2a\x85\x03\x02\x02\x13"
	gostDigest256  = "\x06\x08\x2a\x85\x03\x07\x01\x01\x02\x02"
	gostDigest512  = "\x06\x08\x2a\x85\x03\x07\x01\x01\x02\x03"
	gostDigest94   = "\x06\x07\x2a\x85\x03\x02\x02\x1e\x01"
	gostCryptoPro  = "\x06\x07\x2a\x85\x03\x02\x02"         // and two octets
	gostTC26Params = "\x06\x09\x2a\x85\x03\x07\x01\x02\x01" // and two octets
)

// gostFamily is GOST R 34.10 with keys of 256 or of 512 bits. The numbers for those of 512 bits are of TC 26, and no release of PKCS #11
// has them. The public key stands lowest octet first in CKA_VALUE, as in certificates; a signature is s and r, highest octet first, of a
// digest as it is.
func gostFamily(long bool) *family {
	f := &family{
		name: "GOST R 34.10-2012", packaged: "gost.Schemes()", attributes: []uint{p11.AttrGOST3410Params, p11.AttrGOST3411Params},
		keep: func(o *object, values [][]byte) { o.curve, o.digest = values[0], values[1] },
		read: byCurve, disagrees: curveDisagrees, template: (*variant).gostTemplate,
		keyType: p11.KeyGOST, mechanism: p11.MechGOST, pair: p11.MechGOSTKeyPair,
	}
	if long {
		f.keyType, f.mechanism, f.pair = p11.KeyGOST512, p11.MechGOST512, p11.MechGOST512KeyPair
		for i, kind := range []KeyKind{GOST512A, GOST512B, GOST512C} {
			f.addGOST(kind, fmt.Sprintf("tc26-512-%c", 'A'+i), gostTC26Params+"\x02"+string(rune(i+1)), byte('0'+i), gostKey512, gostDigest512)
		}
		return f
	}
	for _, c := range []struct {
		kind  KeyKind
		name  string
		curve string
		same  byte
	}{
		{GOST256CryptoProA, "CryptoPro-A", gostCryptoPro + "\x23\x01", 'A'}, {GOST256CryptoProB, "CryptoPro-B", gostCryptoPro + "\x23\x02", 'B'},
		{GOST256CryptoProC, "CryptoPro-C", gostCryptoPro + "\x23\x03", 'C'}, {GOST256CryptoProXchA, "CryptoPro-XchA", gostCryptoPro + "\x24\x00", 'A'},
		{GOST256CryptoProXchB, "CryptoPro-XchB", gostCryptoPro + "\x24\x01", 'C'}, {GOST256A, "tc26-256-A", gostTC26Params + "\x01\x01", 'E'},
		{GOST256B, "tc26-256-B", gostTC26Params + "\x01\x02", 'A'}, {GOST256C, "tc26-256-C", gostTC26Params + "\x01\x03", 'B'},
		{GOST256D, "tc26-256-D", gostTC26Params + "\x01\x04", 'C'},
	} {
		f.addGOST(c.kind, c.name, c.curve, c.same, gostKey256, gostDigest256)
		if c.curve[:len(gostCryptoPro)] == gostCryptoPro {
			f.addGOST("", c.name, c.curve, c.same, gostKey2001, gostDigest94) // keys of 2001 are none to make
		}
	}
	return f
}

func (f *family) addGOST(kind KeyKind, curve, oid string, same byte, key, digest string) {
	v := &variant{family: f, kind: kind, name: f.name + " on " + curve, public: 2 + 64, size: 64,
		gost: &gostVariant{key: []byte(key), curve: []byte(oid), same: same, digest: []byte(digest)}}
	v.signatures = []asn1.ObjectIdentifier{{1, 2, 643, 7, 1, 1, 1, 1}, {1, 2, 643, 7, 1, 1, 3, 2}}
	switch key {
	case gostKey512:
		v.public, v.size = 3+128, 128
		v.signatures = []asn1.ObjectIdentifier{{1, 2, 643, 7, 1, 1, 1, 2}, {1, 2, 643, 7, 1, 1, 3, 3}}
	case gostKey2001:
		v.name = "GOST R 34.10-2001 on " + curve
		v.signatures = []asn1.ObjectIdentifier{{1, 2, 643, 2, 2, 19}, {1, 2, 643, 2, 2, 3}}
	}
	// RFC 9215 section 4.2: the hash stands beside the identifiers of CryptoPro only.
	parameters := oid
	if key != gostKey512 && oid[:len(gostCryptoPro)] == gostCryptoPro {
		parameters += digest
	}
	v.algorithm = derSequence(key + string(derSequence(parameters)))
	f.variants = append(f.variants, v)
}

// derSequence is one that is short.
func derSequence(content string) []byte { return append([]byte{0x30, byte(len(content))}, content...) }

// hasAlgorithm reports whether an AlgorithmIdentifier is that of a key on this curve, whatever hash and cipher stand beside it.
func (g *gostVariant) hasAlgorithm(algorithm []byte) bool {
	if g == nil {
		return false
	}
	var a struct {
		Key        asn1.RawValue
		Parameters []asn1.RawValue
	}
	rest, err := asn1.Unmarshal(algorithm, &a)
	return err == nil && len(rest) == 0 && bytes.Equal(a.Key.FullBytes, g.key) && len(a.Parameters) != 0 && bytes.Equal(a.Parameters[0].FullBytes, g.curve)
}

// byCurve makes the public key of CKA_GOSTR3410_PARAMS and CKA_VALUE. CKA_GOSTR3411_PARAMS tells keys of 2001 from those of 2012; without
// it a key is one of 2012.
func byCurve(f *family, o *object) (sign.PublicKey, error) {
	if len(o.value) == 0 {
		return nil, errNoPublic
	}
	if len(o.curve) == 0 {
		return nil, errors.New("the token does not tell its curve (CKA_GOSTR3410_PARAMS)")
	}
	for _, v := range f.variants {
		if !bytes.Equal(o.curve, v.gost.curve) || v.gost.isOf2001() != bytes.HasPrefix(o.digest, []byte(gostDigest94[:len(gostDigest94)-1])) {
			continue
		}
		point := o.value
		if octets := inner(point); len(octets) == v.size { // some have it in an OCTET STRING, as certificates do
			point = octets
		}
		if len(point) != v.size {
			return nil, fmt.Errorf("its public key has %d octets instead of %d", len(o.value), v.size)
		}
		der, err := asn1.Marshal(point)
		if err != nil {
			return nil, err
		}
		return v.spki(der), nil
	}
	return nil, fmt.Errorf("its curve (CKA_GOSTR3410_PARAMS %X) is not known here", o.curve)
}

func (g *gostVariant) isOf2001() bool { return string(g.key) == gostKey2001 }

// curveDisagrees compares CKA_GOSTR3410_PARAMS, and the hash as far as it tells keys of 2001.
func curveDisagrees(v *variant, o *object) error {
	old := bytes.HasPrefix(o.digest, []byte(gostDigest94[:len(gostDigest94)-1]))
	if len(o.digest) != 0 && old != v.gost.isOf2001() {
		return fmt.Errorf("its hash (CKA_GOSTR3411_PARAMS %X) does not go with its public key, which is of %s; the object is damaged", o.digest, v.name)
	}
	if len(o.curve) == 0 {
		return nil
	}
	for _, w := range v.variants {
		if bytes.Equal(w.gost.curve, o.curve) {
			if w.gost.same == v.gost.same {
				return nil
			}
			return fmt.Errorf("its curve is that of %s (CKA_GOSTR3410_PARAMS) and its public key is one of %s; the object is damaged", w.name, v.name)
		}
	}
	return fmt.Errorf("its curve (CKA_GOSTR3410_PARAMS %X) is not known here", o.curve)
}

// gostTemplate asks for a key on the curve.
func (v *variant) gostTemplate() []p11.Attribute {
	return []p11.Attribute{p11.Bytes(p11.AttrGOST3410Params, v.gost.curve), p11.Bytes(p11.AttrGOST3411Params, v.gost.digest)}
}
