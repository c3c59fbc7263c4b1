//go:build unix && !signet_static

package pkcs11_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// Numbers of PKCS #11 3.2.
const (
	attrClass, attrLabel, attrValue, attrKeyType, attrID, attrInfo = 0x00, 0x03, 0x11, 0x100, 0x102, 0x129
	attrSet, attrAllowed, attrSeed                                 = 0x61d, 0x40000600, 0x637
	attrPrivate, attrSensitive, attrExtractable                    = 0x02, 0x103, 0x162
	classPublic, classPrivate                                      = 2, 3
	keyMLDSA, mechMLDSA, mechMLDSAPair                             = 0x4a, 0x1d, 0x1c
	rvKeyType, rvTemplate                                          = 0x63, 0xd1
)

// Numbers of GOST: of PKCS #11 2.40, and those of TC 26 for keys of 512 bits.
const (
	attrCurve, attrDigest, keyGOST, mechGOST, mechGOSTPair = 0x250, 0x251, 0x30, 0x1201, 0x1200
	keyGOST512, mechGOST512, mechGOST512Pair               = 0xd4321003, 0xd4321006, 0xd4321005
)

// ownKey is a key of a kind that the standard library does not have.
type ownKey interface {
	sign.Key
	sign.Schemer
	sign.SPKIKey
}

// mechanismOfKey is the one that signs with a key.
func mechanismOfKey(key ownKey) uint {
	switch {
	case strings.HasPrefix(key.Schemes()[0].Name, "ml-dsa"):
		return mechMLDSA
	case key.Schemes()[0].Name == "gost3410-2012-512":
		return mechGOST512
	}
	return mechGOST
}

// fakeToken is the token of testdata/fake.c: objects as a map of attributes, and keys of packages mldsa and gost.
type fakeToken struct {
	path string

	mu          sync.Mutex
	objects     map[uint]map[uint][]byte
	keys        map[uint]ownKey // by private object
	next        uint
	mechanisms  []uint
	asked       map[uint]int // how often each attribute was asked of a private object
	signed      int          // calls of C_Sign
	spoil       func(signature []byte) []byte
	withoutInfo bool // keys that are made have no CKA_PUBLIC_KEY_INFO
}

func newFake(t testing.TB) *fakeToken {
	t.Helper()
	dir, err := os.MkdirTemp(softHSM.dir, "fake-")
	require.NoError(t, err)
	f := &fakeToken{path: filepath.Join(dir, "fake.so"), objects: map[uint]map[uint][]byte{}, keys: map[uint]ownKey{},
		mechanisms: []uint{mechMLDSAPair, mechMLDSA, mechGOSTPair, mechGOST, mechGOST512Pair, mechGOST512}, asked: map[uint]int{}}
	run(t, find(t, "apt-get install gcc", "gcc", "cc"), "-O2", "-shared", "-fPIC", "-o", f.path, "testdata/fake.c", "-ldl")
	l, err := net.Listen("unix", f.path+".sock")
	require.NoError(t, err)
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { f.answer(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wait.Wait()
	})
	return f
}

// with runs what a test does to the token or reads of it. Every access goes through it: the race detector does not see that a test waits for
// the token through the module.
func (f *fakeToken) with(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

// made is how many signatures the token has made.
func (f *fakeToken) made() (n int) {
	f.with(func() { n = f.signed })
	return n
}

// requireHidden is about the private keys that were made on the token: their values are neither asked for nor given.
func (f *fakeToken) requireHidden(t testing.TB) {
	t.Helper()
	f.with(func() {
		require.Zero(t, f.asked[attrValue], "the value of a private key")
		require.Zero(t, f.asked[attrSeed])
		for h := range f.keys {
			require.Equal(t, []byte{1}, f.objects[h][attrSensitive])
			require.Equal(t, []byte{0}, f.objects[h][attrExtractable])
		}
	})
}

func (f *fakeToken) config() pkcs11.Config {
	return pkcs11.Config{Module: f.path, PIN: pin(goodPIN), Sessions: 3, Schemes: append(mldsa.Schemes(), gost.Schemes()...), Recover: -1}
}

func ulongs(v ...uint) []byte {
	var b []byte
	for _, n := range v {
		b = binary.NativeEndian.AppendUint64(b, uint64(n))
	}
	return b
}

// taken cuts a number off.
func taken(b *[]byte) uint {
	n := binary.NativeEndian.Uint64(*b)
	*b = (*b)[8:]
	return uint(n)
}

func template(b []byte) map[uint][]byte {
	all := map[uint][]byte{}
	for len(b) != 0 {
		attr, size := taken(&b), taken(&b)
		all[attr], b = b[:size], b[size:]
	}
	return all
}

func (f *fakeToken) answer(c net.Conn) {
	defer func() { _ = c.Close() }()
	head := make([]byte, 16)
	if _, err := io.ReadFull(c, head); err != nil {
		return
	}
	function := taken(&head)
	in := make([]byte, taken(&head))
	if _, err := io.ReadFull(c, in); err != nil {
		return
	}
	rv, out := f.do(function, in)
	_, _ = c.Write(append(ulongs(rv, uint(len(out))), out...))
}

func (f *fakeToken) do(function uint, in []byte) (rv uint, out []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch function {
	case 7: // C_GetMechanismList
		return 0, ulongs(f.mechanisms...)
	case 20: // C_CreateObject
		return 0, ulongs(f.add(template(in)))
	case 24: // C_GetAttributeValue
		object := f.objects[taken(&in)]
		for len(in) != 0 {
			attr := taken(&in)
			if bytes.Equal(object[attrClass], ulongs(classPrivate)) {
				f.asked[attr]++
			}
			value, ok := object[attr]
			if !ok {
				out = append(out, ulongs(^uint(0))...)
				continue
			}
			out = append(append(out, ulongs(uint(len(value)))...), value...)
		}
		return 0, out
	case 26: // C_FindObjectsInit
		want := template(in)
		for h := range f.next + 1 {
			object, ok := f.objects[h]
			for attr, value := range want {
				ok = ok && bytes.Equal(object[attr], value)
			}
			if ok {
				out = append(out, ulongs(h)...)
			}
		}
		return 0, out
	case 43: // C_Sign
		key, mechanism, parameter := f.keys[taken(&in)], taken(&in), taken(&in)
		if key == nil || mechanism != mechanismOfKey(key) || parameter != 0 {
			return rvKeyType, nil
		}
		f.signed++
		signature, err := key.Sign(nil, in, key.Schemes()[0].Opts)
		if err != nil {
			return 5, nil
		}
		if f.spoil != nil {
			signature = f.spoil(signature)
		}
		return 0, signature
	case 59: // C_GenerateKeyPair
		mechanism, size := taken(&in), 0
		size = int(taken(&in))
		public, private := template(in[:size]), template(in[size:])
		if mechanism == mechGOSTPair || mechanism == mechGOST512Pair {
			return f.generateGOST(mechanism, public, private)
		}
		i := slices.IndexFunc(mldsa.Sets(), func(s mldsa.Set) bool { return bytes.Equal(public[attrSet], ulongs(setNumber(s))) })
		if mechanism != mechMLDSAPair || i < 0 || private[attrSeed] != nil || private[attrValue] != nil {
			return rvTemplate, nil
		}
		key, err := mldsa.GenerateKey(mldsa.Sets()[i])
		if err != nil {
			return 5, nil
		}
		a, b := f.put(key, public, private)
		return 0, ulongs(a, b)
	}
	return 0x54, nil
}

// setNumber is CKP_ML_DSA_44 and the like.
func setNumber(s mldsa.Set) uint {
	return map[mldsa.Set]uint{mldsa.MLDSA44: 1, mldsa.MLDSA65: 2, mldsa.MLDSA87: 3}[s]
}

func (f *fakeToken) add(object map[uint][]byte) uint {
	f.next++
	own := map[uint][]byte{}
	for attr, value := range object {
		own[attr] = bytes.Clone(value)
	}
	f.objects[f.next] = own
	return f.next
}

// put adds both halves of a key.
func (f *fakeToken) put(key *mldsa.Key, public, private map[uint][]byte) (a, b uint) {
	a, b = f.add(public), f.add(private)
	spki := key.SubjectPublicKeyInfo()
	f.objects[a][attrValue] = spki[22:] // two lengths, the algorithm, the length and unused bits of the BIT STRING
	for _, h := range []uint{a, b} {
		f.objects[h][attrSet] = ulongs(setNumber(key.Set()))
		if !f.withoutInfo {
			f.objects[h][attrInfo] = spki
		}
	}
	f.keys[b] = key
	return a, b
}

// key puts a new key on the token.
func (f *fakeToken) key(t testing.TB, set mldsa.Set, label string) (public, private map[uint][]byte) {
	t.Helper()
	key, err := mldsa.GenerateKey(set)
	require.NoError(t, err)
	f.mu.Lock()
	defer f.mu.Unlock()
	half := func(class uint) map[uint][]byte {
		return map[uint][]byte{attrClass: ulongs(class), attrKeyType: ulongs(keyMLDSA), attrLabel: []byte(label), attrID: []byte(label)}
	}
	a, b := f.put(key, half(classPublic), half(classPrivate))
	return f.objects[a], f.objects[b]
}

// generateGOST makes a key on the curve that both halves name, for the hash that goes with it.
func (f *fakeToken) generateGOST(mechanism uint, public, private map[uint][]byte) (rv uint, out []byte) {
	var curve, digest asn1.ObjectIdentifier
	_, err := asn1.Unmarshal(public[attrCurve], &curve)
	_, errDigest := asn1.Unmarshal(public[attrDigest], &digest)
	if err != nil || errDigest != nil || !bytes.Equal(public[attrCurve], private[attrCurve]) || private[attrValue] != nil {
		return rvTemplate, nil
	}
	key, err := gost.GenerateNamed(curve.String())
	if err != nil || digest.String() != map[uint]string{mechGOSTPair: "1.2.643.7.1.1.2.2", mechGOST512Pair: "1.2.643.7.1.1.2.3"}[mechanism] ||
		mechanismOfKey(key) != map[uint]uint{mechGOSTPair: mechGOST, mechGOST512Pair: mechGOST512}[mechanism] {
		return rvTemplate, nil
	}
	a, b := f.putGOST(key, public, private)
	return 0, ulongs(a, b)
}

// putGOST adds both halves of a key, which say their curve and hash.
func (f *fakeToken) putGOST(key *gost.Key, public, private map[uint][]byte) (a, b uint) {
	a, b = f.add(public), f.add(private)
	f.objects[a][attrValue] = key.Public().(*gost3410.PublicKey).Bytes()
	if !f.withoutInfo {
		f.objects[a][attrInfo], f.objects[b][attrInfo] = key.SubjectPublicKeyInfo(), key.SubjectPublicKeyInfo()
	}
	f.keys[b] = key
	return a, b
}

// gostKey puts a new key on the token.
func (f *fakeToken) gostKey(t testing.TB, curve, digest, label string) (public, private map[uint][]byte, key *gost.Key) {
	t.Helper()
	key, err := gost.GenerateNamed(curve)
	require.NoError(t, err)
	der := func(dotted string) []byte {
		oid, err := x509.ParseOID(dotted)
		require.NoError(t, err)
		body, err := oid.MarshalBinary()
		require.NoError(t, err)
		return append([]byte{6, byte(len(body))}, body...)
	}
	kind := uint(keyGOST)
	if mechanismOfKey(key) == mechGOST512 {
		kind = keyGOST512
	}
	half := func(class uint) map[uint][]byte {
		return map[uint][]byte{attrClass: ulongs(class), attrKeyType: ulongs(kind), attrLabel: []byte(label), attrID: []byte(label), attrCurve: der(curve), attrDigest: der(digest)}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a, b := f.putGOST(key, half(classPublic), half(classPrivate))
	return f.objects[a], f.objects[b], key
}
