package validate_test

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"flag"
	"fmt"
	"math/big"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

var measure = flag.Bool("measure", false, "print what messages that are made to keep a processor busy cost")

// bombSize is how large they are, in octets: a quarter when nobody looks at the time.
var bombSize = 1 << 18

// info is a SignerInfo of any kind.
type info struct {
	sid               []byte
	digest, algorithm []byte
	signed, unsigned  [][]byte
	value             []byte
}

func (i info) der() []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.Int(1)
	b.Raw(i.sid)
	b.Raw(i.digest)
	if i.signed != nil {
		b.Raw(cms.AppendSet(nil, cms.ContextConstructed(0), i.signed))
	}
	b.Raw(i.algorithm)
	b.Value(cms.TagOctetString, i.value)
	if i.unsigned != nil {
		b.Raw(cms.AppendSet(nil, cms.ContextConstructed(1), i.unsigned))
	}
	b.Close(seq)
	return b.Bytes()
}

// parts are those of a SignedData of any kind.
type parts struct {
	digests, certs, crls, signers [][]byte
	content                       []byte
	contentType                   cms.OID // data when empty
}

func (p parts) der() []byte {
	b := cms.NewBuilder(nil)
	outer := b.Open(cms.TagSequence)
	b.OID(cms.OIDSignedData)
	explicit := b.Open(cms.ContextConstructed(0))
	inner := b.Open(cms.TagSequence)
	b.Int(1)
	b.Raw(cms.AppendSet(nil, cms.TagSet, p.digests))
	encap := b.Open(cms.TagSequence)
	b.OID(cmp.Or(p.contentType, cms.OIDData))
	if p.content != nil {
		octets := b.Open(cms.ContextConstructed(0))
		b.Value(cms.TagOctetString, p.content)
		b.Close(octets)
	}
	b.Close(encap)
	if p.certs != nil {
		b.Raw(cms.AppendSet(nil, cms.ContextConstructed(0), p.certs))
	}
	if p.crls != nil {
		b.Raw(cms.AppendSet(nil, cms.ContextConstructed(1), p.crls))
	}
	b.Raw(cms.AppendSet(nil, cms.TagSet, p.signers))
	for _, mark := range []int{inner, explicit, outer} {
		b.Close(mark)
	}
	return b.Bytes()
}

// many repeats octets until a bomb is full; vary changes each.
func many(room int, one func(i int) []byte) (all [][]byte) {
	for i := 0; room > 0 && i < 65_000; i++ { // more are refused
		b := one(i)
		all = append(all, b)
		room -= len(b)
	}
	return all
}

func attr(id cms.OID, values ...[]byte) []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.OID(id)
	b.Raw(cms.AppendSet(nil, cms.TagSet, values))
	b.Close(seq)
	return b.Bytes()
}

func octetString(body []byte) []byte {
	b := cms.NewBuilder(nil)
	b.Value(cms.TagOctetString, body)
	return b.Bytes()
}

func issuerAndSerial(id testpki.Identity) []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.Raw(id.Certificate().RawIssuer)
	b.BigInt(id.Certificate().SerialNumber)
	b.Close(seq)
	return b.Bytes()
}

// bomb is a message that asks for much, and its content.
type bomb struct{ der, content []byte }

// bombs are messages of all kinds that were found to cost more than they are long, and some that never did.
func bombs(w *world) map[string]func() bomb {
	sha256Alg, rsaAlg, ecdsaAlg := algorithmOf(cms.OIDSHA256), algorithmOf(cms.OIDSHA256WithRSA), algorithmOf(cms.OIDECDSAWithSHA256)
	signer := w.pki.Leaf(testpki.P256)
	chain := [][]byte{signer.Chain[0].Raw, signer.Chain[1].Raw}
	text := []byte("content")
	sum := sha256.Sum256(text)
	value, err := signer.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	require.NoError(w, err)
	good := info{sid: issuerAndSerial(signer), digest: sha256Alg, algorithm: ecdsaAlg, value: value}
	whole := func(unsigned ...[]byte) bomb {
		i := good
		i.unsigned = unsigned
		return bomb{parts{[][]byte{sha256Alg}, chain, nil, [][]byte{i.der()}, text, ""}.der(), nil}
	}
	stamp := func(over []byte) []byte {
		digest := sha256.Sum256(over)
		token, err := w.tsa(10).Timestamp(w.Context(), testpki.Must(sign.NewDigest(crypto.SHA256, digest[:])))
		require.NoError(w, err)
		return token.Raw
	}
	return map[string]func() bomb{
		"signers": func() bomb {
			return bomb{parts{[][]byte{sha256Alg}, chain, nil, many(bombSize, func(int) []byte { return good.der() }), text, ""}.der(), nil}
		},
		"the smallest signers": func() bomb {
			small := info{sid: []byte{0x80, 0}, digest: algorithmOf("\x2a"), algorithm: algorithmOf("\x2a"), value: nil}
			return bomb{parts{[][]byte{sha256Alg}, nil, nil, many(min(bombSize, cms.MaxSigners*len(small.der())), func(int) []byte { return small.der() }), text, ""}.der(), nil}
		},
		"signers and hashes": func() bomb {
			return bomb{parts{many(bombSize/2, func(i int) []byte { return algorithmOf(cms.OID(fmt.Appendf([]byte("\x2a"), "%d", i))) }), chain, nil,
				many(bombSize/2, func(int) []byte { return good.der() }), text, ""}.der(), nil}
		},
		"signers without their certificate": func() bomb {
			i := good
			other := w.pki.Leaf(testpki.P256)
			i.sid = issuerAndSerial(other)
			return bomb{parts{[][]byte{sha256Alg}, many(bombSize/2, func(int) []byte { return signer.Chain[0].Raw }), nil, many(bombSize/2, func(int) []byte { return i.der() }), text, ""}.der(), nil}
		},
		"certificates of one serial number": func() bomb {
			certs := many(bombSize/2, func(i int) []byte { return renamed(w, signer.Chain[0].Raw, i) })
			return bomb{parts{[][]byte{sha256Alg}, certs, nil, many(bombSize/2, func(int) []byte { return good.der() }), text, ""}.der(), nil}
		},
		"a name that is long": func() bomb {
			long := w.pki.Leaf(testpki.P256, longName)
			i := good
			i.sid = issuerAndSerial(long)
			return bomb{parts{[][]byte{sha256Alg}, [][]byte{long.Chain[0].Raw}, nil, many(bombSize/2, func(int) []byte { return i.der() }), text, ""}.der(), nil}
		},
		"signed attributes": func() bomb {
			i := good
			i.signed = many(bombSize, func(i int) []byte { return attr("\x2a\x03", []byte{5, 0}) })
			return bomb{parts{[][]byte{sha256Alg}, chain, nil, [][]byte{i.der()}, text, ""}.der(), nil}
		},
		"signed attributes in the wrong order": func() bomb {
			i := good
			i.signed = many(bombSize, func(i int) []byte { return attr("\x2a\x03", octetString(big.NewInt(int64(1<<30-i)).Bytes())) })
			return bomb{parts{[][]byte{sha256Alg}, chain, nil, [][]byte{i.der()}, text, ""}.der(), nil}
		},
		"values of an attribute": func() bomb {
			return whole(attr("\x2a\x03", many(bombSize, func(int) []byte { return []byte{5, 0} })...))
		},
		"malformed attributes": func() bomb {
			return whole(many(bombSize, func(int) []byte { return []byte{0x30, 0} })...)
		},
		"broken time-stamps": func() bomb {
			return whole(attr(cms.OIDSignatureTimeStamp, many(bombSize, func(int) []byte { return []byte{0x30, 0} })...))
		},
		"time-stamps": func() bomb {
			token := stamp(value)
			return whole(attr(cms.OIDSignatureTimeStamp, many(bombSize, func(int) []byte { return token })...))
		},
		"time-stamps and certificates": func() bomb {
			token := stamp(value)
			i := good
			i.unsigned = [][]byte{attr(cms.OIDSignatureTimeStamp, many(bombSize/2, func(int) []byte { return token })...)}
			certs := many(bombSize/2, func(i int) []byte { return renamed(w, signer.Chain[0].Raw, i) })
			return bomb{parts{[][]byte{sha256Alg}, append(certs, chain...), nil, [][]byte{i.der()}, text, ""}.der(), nil}
		},
		"time-stamps over references": func() bomb {
			token := stamp(nil)
			return whole(attr(cms.OIDCertificateRefs, octetString(make([]byte, bombSize/2))), attr(cms.OIDCertCRLTimeStamp, many(bombSize/2, func(int) []byte { return token })...))
		},
		"CAdES-C time-stamps": func() bomb {
			token := stamp(nil)
			return whole(append(many(bombSize/2, func(int) []byte { return attr(cms.OIDCertificateRefs) }),
				attr(cms.OIDCAdESCTimeStamp, many(bombSize/2, func(int) []byte { return token })...))...)
		},
		"archive time-stamps of version 1": func() bomb {
			token := stamp(nil)
			return whole(many(bombSize, func(int) []byte { return attr(cms.OIDArchiveTimeStamp, token) })...)
		},
		"archive time-stamps of version 2": func() bomb {
			token := stamp(nil)
			return whole(append(many(bombSize/2, func(int) []byte { return attr("\x2a\x03") }), many(bombSize/2, func(int) []byte { return attr(cms.OIDArchiveTimeStampV2, token) })...)...)
		},
		"archive time-stamps of version 2, detached": func() bomb {
			token := stamp(nil)
			i := good
			i.unsigned = many(bombSize/2, func(int) []byte { return attr(cms.OIDArchiveTimeStampV2, token) })
			return bomb{parts{[][]byte{sha256Alg}, chain, nil, [][]byte{i.der()}, nil, ""}.der(), make([]byte, bombSize/2)}
		},
		"archive time-stamps of version 3": func() bomb {
			b := whole(attr("\x2a\x03", many(bombSize/2, func(int) []byte { return make([]byte, 20) })...))
			in, err := message.Parse(b.der)
			require.NoError(w, err)
			return bomb{indexed(w, in, bombSize/4), nil}
		},
		"archive time-stamps of version 3 over many signed octets": func() bomb {
			i := good
			i.signed = [][]byte{attr("\x2a\x03", octetString(make([]byte, bombSize/2)))}
			in, err := message.Parse(parts{[][]byte{sha256Alg}, chain, nil, [][]byte{i.der()}, text, ""}.der())
			require.NoError(w, err)
			return bomb{indexed(w, in, bombSize/2), nil}
		},
		"counter-signatures": func() bomb {
			return whole(attr(cms.OIDCounterSignature, many(bombSize, func(int) []byte { return good.der() })...))
		},
		"counter-signatures on a large value": func() bomb {
			i := good
			i.value = make([]byte, bombSize/2)
			i.unsigned = [][]byte{attr(cms.OIDCounterSignature, many(bombSize/2, func(int) []byte { return good.der() })...)}
			return bomb{parts{[][]byte{sha256Alg}, chain, nil, [][]byte{i.der()}, text, ""}.der(), nil}
		},
		"counter-signatures, nested": func() bomb {
			i := good
			for range 9 {
				n := i
				n.value = make([]byte, bombSize/20)
				n.unsigned = [][]byte{attr(cms.OIDCounterSignature, i.der(), i.der())}
				i = n
				if len(i.der()) > bombSize/2 {
					break
				}
			}
			return bomb{parts{[][]byte{sha256Alg}, chain, nil, [][]byte{i.der()}, text, ""}.der(), nil}
		},
		"broken CRLs": func() bomb {
			crls := many(bombSize, func(int) []byte { return []byte{0x30, 0} })
			return bomb{parts{[][]byte{sha256Alg}, chain, crls, [][]byte{good.der()}, text, ""}.der(), nil}
		},
		"CRLs": func() bomb {
			one := testpki.RevocationList(w, w.pki.Authority, nil)
			n := 0
			crls := many(bombSize, func(int) []byte { n++; return flipped(one, len(one)-1-n%8, byte(n/8)) })
			return bomb{parts{[][]byte{sha256Alg}, chain, crls, [][]byte{good.der()}, text, ""}.der(), nil}
		},
		"OCSP responses": func() bomb {
			one := testpki.OCSPResponse(w, signer.Chain[0], w.pki.Authority)
			other := cms.NewBuilder(nil)
			choice := other.Open(cms.ContextConstructed(1))
			other.OID(cms.OIDRIOCSPResponse)
			other.Raw(one)
			other.Close(choice)
			wrapped := other.Bytes()
			n := 0
			values := many(bombSize, func(int) []byte { n++; return flipped(wrapped, len(wrapped)-1-n%8, byte(n/8)) })
			return bomb{parts{[][]byte{sha256Alg}, chain, values, [][]byte{good.der()}, text, ""}.der(), nil}
		},
		"signers with large keys": func() bomb {
			id := largeKey(w)
			i := info{sid: issuerAndSerial(id), digest: sha256Alg, algorithm: rsaAlg, value: make([]byte, 2048)}
			i.value[5] = 1
			return bomb{parts{[][]byte{sha256Alg}, [][]byte{id.Chain[0].Raw}, nil, many(bombSize, func(int) []byte { return i.der() }), text, ""}.der(), nil}
		},
	}
}

// public is the key of somebody, who alone has the private one.
type public struct {
	crypto.Signer
	key crypto.PublicKey
}

func (p public) Public() crypto.PublicKey { return p.key }

// largeKey is a certificate with an RSA key of 16,384 bits.
func largeKey(w *world) testpki.Identity {
	n := new(big.Int).Lsh(big.NewInt(1), 16383)
	return w.pki.LeafOf(public{key: &rsa.PublicKey{N: n.Add(n, big.NewInt(12345)), E: 65537}}, "large")
}

func longName(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("long ", bombSize/12) }

// renamed is a certificate of another issuer, with the same serial number.
func renamed(w *world, der []byte, i int) []byte {
	const name = "Signet test authority"
	require.Contains(w, string(der), name)
	return bytes.Replace(der, []byte(name), fmt.Appendf(nil, "Signet test %09d", i), 1)
}

func flipped(der []byte, at int, mask byte) []byte {
	der = bytes.Clone(der)
	der[at] ^= mask
	return der
}

// indexed adds archive time-stamps of version 3 to the first signature, all the same one.
func indexed(w *world, in *message.Message, room int) []byte {
	token := w.archived(in.Signatures[0], in.Signatures[0].Covered())
	all := many(room, func(int) []byte { return attr(cms.OIDArchiveTimeStampV3, token) })
	si := in.Signatures[0].SI
	edit := cms.Edit{Parent: si.UnsignedSet, At: si.UnsignedSet.End(), Insert: bytes.Join(all, nil)}
	if si.UnsignedSet.IsZero() {
		edit = cms.Edit{Parent: si.Value, At: si.Value.End(), Insert: cms.AppendSet(nil, cms.ContextConstructed(1), all)}
	}
	out, err := cms.Splice(in.SD.ContentInfo, edit)
	require.NoError(w, err)
	return out
}
