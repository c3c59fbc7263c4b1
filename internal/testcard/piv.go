//go:build linux

package testcard

import (
	"bytes"
	"crypto"
	"crypto/des" // the management key of PIV cards is one of triple DES
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"math/big"
	"slices"
)

// aid is the name of the PIV application, SP 800-73-4 part 1 section 2.2, with its version.
var aid = []byte{0xa0, 0, 0, 3, 8, 0, 0, 0x10, 0, 1, 0}

// managementKey is what YubiKeys are delivered with.
var managementKey = bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 3)

// Algorithms of keys, SP 800-78-4 table 6-2.
const (
	algorithm3DES = 0x03
	algorithmRSA  = 0x07 // 2048
	algorithmP256 = 0x11
	algorithmP384 = 0x14
)

// version is that of a YubiKey 5.
var version = []byte{5, 4, 3}

// do makes one command of SP 800-73-4 part 2. Fresh says that the command before gave the PIN. Called with mu held.
func (c *Card) do(cmd command, fresh bool) ([]byte, uint16) {
	if cmd.ins == 0xa4 {
		return c.selectApplication(cmd)
	}
	if !c.selected {
		return nil, swNotFound
	}
	switch cmd.ins {
	case 0x20:
		return nil, c.verify(cmd)
	case 0x24:
		return nil, c.changePIN(cmd)
	case 0xcb:
		return c.getData(cmd)
	case 0xdb:
		return nil, c.putData(cmd)
	case 0x47:
		return c.generate(cmd)
	case 0x87:
		return c.authenticate(cmd, fresh)
	}
	if c.yubikey {
		switch cmd.ins {
		case 0xfd:
			return version, ok
		case 0xf8:
			return binary.BigEndian.AppendUint32(nil, c.serial), ok
		case 0xf7:
			return c.metadata(cmd)
		}
	}
	return nil, swNoInstruction
}

func (c *Card) selectApplication(cmd command) ([]byte, uint16) {
	if cmd.p1 != 4 || len(cmd.data) < 5 || !bytes.HasPrefix(aid, cmd.data) {
		// Another application is not there, and this one stays as it was (ISO 7816-4 section 11.2.2).
		return nil, swNotFound
	}
	c.selected = true
	return tlv(0x61, slices.Concat(tlv(0x4f, aid[5:]), tlv(0x79, tlv(0x4f, aid[:5])), tlv(0x50, []byte(c.name)))), ok
}

// verify checks the PIN, or says how many tries are left.
func (c *Card) verify(cmd command) uint16 {
	if cmd.p2 != 0x80 {
		return swNoReference
	}
	if cmd.p1 == 0xff && len(cmd.data) == 0 {
		c.verified = false
		return ok
	}
	if cmd.p1 != 0 {
		return swWrongParameters
	}
	if len(cmd.data) == 0 {
		switch {
		case c.verified:
			return ok
		case c.left == 0:
			return swBlocked
		}
		return swWrongPIN | uint16(c.left)
	}
	return c.try(cmd.data)
}

func (c *Card) try(padded []byte) uint16 {
	c.counts.PINs++
	if len(padded) != 8 {
		c.counts.Wrong++
		return swWrongData
	}
	if c.left == 0 {
		c.counts.Wrong++
		return swBlocked
	}
	if string(bytes.TrimRight(padded, "\xff")) != c.pin {
		c.counts.Wrong++
		c.left--
		c.verified = false
		c.wrong = slices.Clone(c.log)
		return swWrongPIN | uint16(c.left)
	}
	c.left, c.verified, c.fresh = Tries, true, true
	return ok
}

func (c *Card) changePIN(cmd command) uint16 {
	if cmd.p2 != 0x80 || len(cmd.data) != 16 {
		return swWrongParameters
	}
	if sw := c.try(cmd.data[:8]); sw != ok {
		return sw
	}
	c.pin = string(bytes.TrimRight(cmd.data[8:], "\xff"))
	return ok
}

func (c *Card) getData(cmd command) ([]byte, uint16) {
	all, fits := fields(cmd.data)
	name := all[0x5c]
	if !fits || len(name) == 0 || len(name) > 3 {
		return nil, swWrongData
	}
	tag := uint32(0)
	for _, b := range name {
		tag = tag<<8 | uint32(b)
	}
	if tag == 0x7e { // discovery object: the PIN of the application, and no other one
		return tlv(0x7e, slices.Concat(tlv(0x4f, aid), tlv(0x5f2f, []byte{0x40, 0}))), ok
	}
	if value, is := c.objects[tag]; is {
		return tlv(0x53, value), ok
	}
	return nil, swNotFound
}

func (c *Card) putData(cmd command) uint16 {
	if !c.admin {
		return swNotAllowed
	}
	all, fits := fields(cmd.data)
	if !fits || len(all[0x5c]) != 3 {
		return swWrongData
	}
	name := all[0x5c]
	c.objects[uint32(name[0])<<16|uint32(name[1])<<8|uint32(name[2])] = slices.Clone(all[0x53])
	return ok
}

func (c *Card) generate(cmd command) ([]byte, uint16) {
	if !c.admin {
		return nil, swNotAllowed
	}
	outer, fits := fields(cmd.data)
	control, inner := fields(outer[0xac])
	if !fits || !inner || len(control[0x80]) != 1 {
		return nil, swWrongData
	}
	var key crypto.Signer
	var err error
	switch control[0x80][0] {
	case algorithmRSA:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case algorithmP256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case algorithmP384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		return nil, swWrongData
	}
	if err != nil {
		return nil, swConditions
	}
	c.keys[cmd.p2] = &slotKey{signer: key, always: cmd.p2 == Signature, never: cmd.p2 == CardAuthentication, generated: true}
	return tlv(0x7f49, publicOf(key)), ok
}

func publicOf(key crypto.Signer) []byte {
	if public, is := key.Public().(*rsa.PublicKey); is {
		return slices.Concat(tlv(0x81, public.N.Bytes()), tlv(0x82, big.NewInt(int64(public.E)).Bytes()))
	}
	public, err := key.Public().(*ecdsa.PublicKey).Bytes()
	if err != nil {
		return nil
	}
	return tlv(0x86, public)
}

func algorithmOf(key crypto.Signer) byte {
	public, is := key.Public().(*ecdsa.PublicKey)
	switch {
	case !is:
		return algorithmRSA
	case public.Curve == elliptic.P384():
		return algorithmP384
	}
	return algorithmP256
}

// authenticate is GENERAL AUTHENTICATE: a signature, or the proof of the management key.
func (c *Card) authenticate(cmd command, fresh bool) ([]byte, uint16) {
	outer, fits := fields(cmd.data)
	template, inner := fields(outer[0x7c])
	if !fits || !inner {
		return nil, swWrongData
	}
	if cmd.p2 == 0x9b {
		return c.authenticateAdmin(cmd, template)
	}
	key := c.keys[cmd.p2]
	if key == nil {
		return nil, swNoReference
	}
	if _, is := template[0x82]; !is || cmd.p1 != algorithmOf(key.signer) {
		return nil, swWrongData
	}
	if !key.never && !c.verified || key.always && !fresh {
		c.counts.Refused++
		return nil, swNotAllowed
	}
	out, err := signRaw(key.signer, template[0x81])
	if err != nil {
		return nil, swWrongData
	}
	c.counts.Signatures++
	return tlv(0x7c, tlv(0x82, out)), ok
}

// signRaw does what cards do: of RSA, no more than the exponentiation.
func signRaw(key crypto.Signer, data []byte) ([]byte, error) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		m := new(big.Int).SetBytes(data)
		if len(data) != key.Size() || m.Cmp(key.N) >= 0 {
			return nil, rsa.ErrDecryption
		}
		// By the Chinese remainder theorem, RFC 8017 section 5.1.2.
		p, q := key.Primes[0], key.Primes[1]
		m1, m2 := new(big.Int).Exp(m, key.Precomputed.Dp, p), new(big.Int).Exp(m, key.Precomputed.Dq, q)
		h := new(big.Int).Sub(m1, m2)
		h.Mul(h, key.Precomputed.Qinv).Mod(h, p)
		return h.Mul(h, q).Add(h, m2).FillBytes(make([]byte, key.Size())), nil
	case *ecdsa.PrivateKey:
		return ecdsa.SignASN1(rand.Reader, key, data)
	}
	return nil, x509.ErrUnsupportedAlgorithm
}

// authenticateAdmin takes the management key: the host decrypts a witness and has its own challenge encrypted, or encrypts a
// challenge of the card.
func (c *Card) authenticateAdmin(cmd command, template map[uint32][]byte) ([]byte, uint16) {
	if cmd.p1 != algorithm3DES && cmd.p1 != 0 {
		return nil, swWrongParameters
	}
	block, err := des.NewTripleDESCipher(managementKey)
	if err != nil {
		return nil, swConditions
	}
	out := make([]byte, 8)
	witness, hasWitness := template[0x80]
	challenge, hasChallenge := template[0x81]
	response, hasResponse := template[0x82]
	switch {
	case hasWitness && len(witness) == 0:
		c.witness = []byte(rand.Text()[:8])
		block.Encrypt(out, c.witness)
		return tlv(0x7c, tlv(0x80, out)), ok
	case hasChallenge && len(challenge) == 0:
		c.witness = []byte(rand.Text()[:8])
		return tlv(0x7c, tlv(0x81, c.witness)), ok
	case hasWitness && len(challenge) == 8 && c.witness != nil:
		c.admin = bytes.Equal(witness, c.witness)
		c.witness = nil
		if !c.admin {
			return nil, swNotAllowed
		}
		block.Encrypt(out, challenge)
		return tlv(0x7c, tlv(0x82, out)), ok
	case hasResponse && c.witness != nil:
		block.Encrypt(out, c.witness)
		c.admin = bytes.Equal(response, out)
		c.witness = nil
		if !c.admin {
			return nil, swNotAllowed
		}
		return nil, ok
	}
	return nil, swWrongData
}

// metadata is an instruction of YubiKeys from 5.3 on: what a key is, or how many tries a PIN has.
func (c *Card) metadata(cmd command) ([]byte, uint16) {
	switch cmd.p2 {
	case 0x80:
		return slices.Concat(tlv(0x01, []byte{0xff}), tlv(0x05, []byte{0}), tlv(0x06, []byte{Tries, byte(c.left)})), ok
	case 0x9b:
		return slices.Concat(tlv(0x01, []byte{algorithm3DES}), tlv(0x02, []byte{0, 1}), tlv(0x05, []byte{1})), ok
	}
	key := c.keys[cmd.p2]
	if key == nil {
		return nil, swNoReference
	}
	policy, origin := byte(2), byte(2) // once; imported
	switch {
	case key.always:
		policy = 3
	case key.never:
		policy = 1
	}
	if key.generated {
		origin = 1
	}
	return slices.Concat(tlv(0x01, []byte{algorithmOf(key.signer)}), tlv(0x02, []byte{policy, 1}), tlv(0x03, []byte{origin}),
		tlv(0x04, publicOf(key.signer))), ok
}
