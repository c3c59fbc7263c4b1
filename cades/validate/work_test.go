package validate_test

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestBombs judges them. What they may cost is bounded by counted work (see the next test); here it is seen that memory is, and, with
// -measure, how long each takes.
func TestBombs(t *testing.T) {
	if *measure {
		bombSize = 1 << 20
	}
	w := newWorld(t)
	all := bombs(w)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			b := all[name]()
			require.Less(t, len(b.der), 2*bombSize)
			o := &validate.Options{Roots: w.pki.Roots(), Clock: w.clock}
			var content io.Reader
			if b.content != nil {
				content = bytes.NewReader(b.content)
			}
			var before, after, kept runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := time.Now()
			m, err := cades.Parse(b.der)
			require.NoError(t, err)
			r, err := m.Verify(t.Context(), sign.Reader("", content), o)
			took := time.Since(start)
			require.NoError(t, err)
			runtime.ReadMemStats(&after)
			runtime.GC()
			runtime.ReadMemStats(&kept)
			allocated, held := int(after.TotalAlloc-before.TotalAlloc), int(kept.HeapAlloc)-int(before.HeapAlloc)
			if *measure {
				t.Logf("| %s | %d KiB | %d ms | %d MiB | %d MiB | %s %s |", name, len(b.der)>>10, took.Milliseconds(), allocated>>20, held>>20,
					r.Signatures[0].Indication, r.Signatures[0].SubIndication)
			}
			require.Less(t, held, 16<<20+32*bombSize)
			require.Less(t, allocated, 64<<20+192*bombSize)
			runtime.KeepAlive(m)
			runtime.KeepAlive(r)
		})
	}
}

// counted is a scheme of the caller whose work is counted.
type counted struct{ octets, signatures int }

type countedHash struct {
	hash.Hash
	c *counted
}

func (h countedHash) Write(p []byte) (int, error) {
	h.c.octets += len(p)
	return h.Hash.Write(p)
}

func (h countedHash) Clone() (hash.Cloner, error) {
	inner, err := h.Hash.(hash.Cloner).Clone()
	return countedHash{inner, h.c}, err
}

const (
	ownDigest    cms.OID = "\x2a\x03\x05"
	ownSignature cms.OID = "\x2a\x03\x04"
)

func (c *counted) scheme() sign.Scheme {
	return sign.Scheme{
		Name: "counted", NewHash: func() hash.Hash { return countedHash{sha256.New(), c} }, DigestAlg: algorithmOf(ownDigest), SignatureAlg: algorithmOf(ownSignature),
		Verify: func(_, _, _ []byte) error { c.signatures++; return nil },
	}
}

// TestWorkOfBombs counts how much is hashed, and how many signatures are checked.
func TestWorkOfBombs(t *testing.T) {
	w := newWorld(t)
	signer := w.pki.Leaf(testpki.P384) // each costs 25 units
	one := info{sid: issuerAndSerial(signer), digest: algorithmOf(ownDigest), algorithm: algorithmOf(ownSignature), value: []byte{1}}
	message := func(signers ...[]byte) []byte {
		return parts{[][]byte{one.digest}, [][]byte{signer.Chain[0].Raw}, nil, signers, []byte("content"), ""}.der()
	}
	with := func(unsigned ...[]byte) []byte {
		i := one
		i.unsigned = unsigned
		return message(i.der())
	}
	token := tokenOf(ownDigest)
	tokens := many(bombSize, func(int) []byte { return token })
	large := attr(cms.OIDCertificateRefs, octetString(make([]byte, bombSize)))
	for name, c := range map[string]struct {
		der     []byte
		content bool
	}{
		"signers":            {message(many(bombSize, func(int) []byte { return one.der() })...), false},
		"counter-signatures": {with(attr(cms.OIDCounterSignature, many(bombSize, func(int) []byte { return one.der() })...)), false},
		"values of counter-signatures": {func() []byte {
			i := one
			i.value = make([]byte, bombSize)
			i.unsigned = [][]byte{attr(cms.OIDCounterSignature, many(bombSize, func(int) []byte { return one.der() })...)}
			return message(i.der())
		}(), false},
		"counter-signatures of nobody": {func() []byte {
			i, child := one, one
			i.value, child.sid = make([]byte, bombSize), []byte{0x80, 1, 1}
			i.unsigned = [][]byte{attr(cms.OIDCounterSignature, many(bombSize, func(int) []byte { return child.der() })...)}
			return message(i.der())
		}(), false},
		"version 1":         {with(many(bombSize, func(int) []byte { return attr(cms.OIDArchiveTimeStamp, token) })...), false},
		"version 2":         {with(attr(cms.OIDArchiveTimeStampV2, tokens...), large), false},
		"version 2, spread": {with(append(many(bombSize, func(int) []byte { return attr(cms.OIDArchiveTimeStampV2, token) }), large)...), false},
		"references":        {with(attr(cms.OIDCertCRLTimeStamp, tokens...), large), false},
		"CAdES-C":           {with(attr(cms.OIDCAdESCTimeStamp, tokens...), large), false},
		"the content of detached ones": {func() []byte {
			i := one
			i.unsigned = many(bombSize, func(int) []byte { return attr(cms.OIDArchiveTimeStampV2, token) })
			return parts{[][]byte{one.digest}, nil, nil, [][]byte{i.der()}, nil, ""}.der()
		}(), true},
	} {
		t.Run(name, func(t *testing.T) {
			var done counted
			m, err := cades.Parse(c.der)
			require.NoError(t, err)
			o := &validate.Options{Roots: w.pki.Roots(), Clock: w.clock, Schemes: []sign.Scheme{done.scheme()}}
			size := len(c.der)
			var content io.Reader
			if c.content {
				size += bombSize
				content = bytes.NewReader(make([]byte, bombSize))
			}
			_, err = m.Verify(t.Context(), sign.Reader("", content), o)
			require.NoError(t, err)
			// What anybody can append gets half of it.
			require.LessOrEqual(t, 25*done.signatures, pki.BaseSignatures+size/pki.OctetsPerSignature)
			require.LessOrEqual(t, done.octets, pki.OctetsPerStep*(pki.BaseSteps+size)+2*size)
			if name == "signers" {
				require.Greater(t, 25*done.signatures, pki.BaseSignatures/2, "some were looked at")
			} else if c.content {
				require.Less(t, done.octets, pki.OctetsPerStep*(pki.BaseSteps+size)/2+4*size, "the content is hashed once")
			}
		})
	}
}

// tokenOf is a token with an imprint by this hash, signed by nobody.
func tokenOf(id cms.OID) []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.Int(1)
	b.OID("\x2a\x03")
	imprint := b.Open(cms.TagSequence)
	b.Raw(algorithmOf(id))
	b.Value(cms.TagOctetString, make([]byte, 32))
	b.Close(imprint)
	b.Int(1)
	b.String(cms.TagGeneralizedTime, "20260101000000Z")
	b.Close(seq)
	return parts{nil, nil, nil, nil, b.Bytes(), cms.OIDTSTInfo}.der()
}

// FuzzWork judges octets of any kind, and bounds the memory that they ask for: what costs time beyond the budgets asks for memory.
func FuzzWork(f *testing.F) {
	w := newWorld(f)
	bombSize = 1 << 12
	for _, b := range bombs(w) {
		f.Add(b().der)
	}
	o := &validate.Options{Roots: w.pki.Roots(), Clock: w.clock}
	f.Fuzz(func(t *testing.T, der []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := cades.Parse(der)
		if err == nil {
			_, err = m.Verify(t.Context(), sign.Bytes("", der), o)
			require.NoError(t, err)
		}
		runtime.ReadMemStats(&after)
		require.Less(t, int(after.TotalAlloc-before.TotalAlloc), 64<<20+1024*len(der))
	})
}
