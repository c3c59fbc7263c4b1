// Package pkcs12 writes containers of PKCS #12 (RFC 7292) with one key, whichever algorithms protect them, and has what reading and writing
// share.
package pkcs12

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Container is a key with its certificates.
type Container struct {
	Key          []byte // an EncryptedPrivateKeyInfo (RFC 5958 section 3)
	SPKI         []byte // of the key
	Certificates [][]byte
	Label        string // the friendlyName, or empty

	// Encrypt encrypts the certificates and returns the AlgorithmIdentifier, in DER. Nil leaves them readable.
	Encrypt func(plain []byte) (algorithm, data []byte, err error)
	// MAC is over the whole.
	MAC func(content []byte) (MAC, error)
}

// MAC is MacData (RFC 7292 section 4); the algorithm is an AlgorithmIdentifier in DER.
type MAC struct {
	Algorithm, Sum, Salt []byte
	Iterations           int
}

// The object identifiers of RFC 7292 sections 4 and 5, and of RFC 2985 section 5.5.
var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidKeyBag        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidX509          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
	oidFriendlyName  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 20}
	oidLocalKeyID    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 21}
)

var context0 = casn1.Tag(0).ContextSpecific().Constructed()

// Marshal encodes the container. The first certificate is marked as that of the key.
func (c *Container) Marshal() ([]byte, error) {
	sum := sha256.Sum256(c.SPKI)
	id := sum[:20] // any octets do; key and certificate have the same
	var bags cryptobyte.Builder
	bags.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for i, der := range c.Certificates {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidCertBag)
				b.AddASN1(context0, func(b *cryptobyte.Builder) {
					b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(oidX509)
						b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(der) })
					})
				})
				if i == 0 {
					c.addAttributes(b, id)
				}
			})
		}
	})
	certificates, err := bags.Bytes()
	if err != nil {
		return nil, err
	}
	keys := cryptobyte.NewBuilder(nil)
	keys.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidKeyBag)
			b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddBytes(c.Key) })
			c.addAttributes(b, id)
		})
	})
	keyBags, err := keys.Bytes()
	if err != nil {
		return nil, err
	}
	var safe cryptobyte.Builder
	safe.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		switch {
		case len(c.Certificates) == 0:
		case c.Encrypt == nil:
			addData(b, certificates)
		default:
			algorithm, data, err := c.Encrypt(certificates)
			if err != nil {
				b.SetError(err)
				return
			}
			addEncrypted(b, algorithm, data)
		}
		addData(b, keyBags)
	})
	content, err := safe.Bytes()
	if err != nil {
		return nil, err
	}
	mac, err := c.MAC(content)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(3)
		addData(b, content)
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) { // MacData
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(mac.Algorithm)
				b.AddASN1OctetString(mac.Sum)
			})
			b.AddASN1OctetString(mac.Salt)
			b.AddASN1Int64(int64(mac.Iterations))
		})
	})
	return b.Bytes()
}

// addData adds a ContentInfo of type data.
func addData(b *cryptobyte.Builder, content []byte) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidData)
		b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(content) })
	})
}

// addEncrypted adds a ContentInfo of type encryptedData (RFC 5652 section 8).
func addEncrypted(b *cryptobyte.Builder, algorithm, data []byte) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidEncryptedData)
		b.AddASN1(context0, func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(0)
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidData)
					b.AddBytes(algorithm)
					b.AddASN1(casn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(data) })
				})
			})
		})
	})
}

// addAttributes adds friendlyName and localKeyId, in the order of DER.
func (c *Container) addAttributes(b *cryptobyte.Builder, id []byte) {
	attribute := func(oid asn1.ObjectIdentifier, value func(b *cryptobyte.Builder)) []byte {
		var b cryptobyte.Builder
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid)
			b.AddASN1(casn1.SET, value)
		})
		return b.BytesOrPanic() // short values cannot fail
	}
	all := [][]byte{attribute(oidLocalKeyID, func(b *cryptobyte.Builder) { b.AddASN1OctetString(id) })}
	if c.Label != "" {
		all = append(all, attribute(oidFriendlyName, func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.Tag(30), func(b *cryptobyte.Builder) { // BMPString
				for _, unit := range utf16.Encode([]rune(c.Label)) {
					b.AddUint16(unit)
				}
			})
		}))
		if bytes.Compare(all[1], all[0]) < 0 {
			all[0], all[1] = all[1], all[0]
		}
	}
	b.AddASN1(casn1.SET, func(b *cryptobyte.Builder) {
		for _, a := range all {
			b.AddBytes(a)
		}
	})
}
