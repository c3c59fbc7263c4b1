package cipher

// Block encrypts blocks.
type Block interface {
	BlockSize() int
	Encrypt(dst, src []byte)
}

// Kind is one of the ciphers of GOST R 34.12-2015.
type Kind struct {
	New     func(key []byte) Block
	Block   int // octets of a block
	Section int // octets after which the key changes (RFC 9337 section 7.3)
}

// The ciphers.
var (
	KindMagma      = Kind{func(key []byte) Block { return NewMagma(key) }, 8, 8 << 10}
	KindKuznyechik = Kind{func(key []byte) Block { return NewKuznyechik(key) }, 16, 256 << 10}
)

// CTRACPKM encrypts or decrypts in counter mode, in which the key changes after each section (RFC 8645 section 6.2.2). The vector is half
// a block.
func (k Kind) CTRACPKM(key, iv, data []byte) []byte {
	out := make([]byte, len(data))
	c := k.New(key)
	counter, gamma := make([]byte, k.Block), make([]byte, k.Block)
	copy(counter, iv[:k.Block/2])
	for i := 0; i < len(data); i += k.Block {
		if i != 0 && i%k.Section == 0 {
			c = k.next(c)
		}
		c.Encrypt(gamma, counter)
		for j := i; j < min(i+k.Block, len(data)); j++ {
			out[j] = data[j] ^ gamma[j-i]
		}
		for j := k.Block - 1; j >= 0; j-- { // the number of the block is in the lower half
			if counter[j]++; counter[j] != 0 {
				break
			}
		}
	}
	return out
}

// next is the cipher with the next key: the octets 80, 81 and so on, encrypted (RFC 8645 section 6.2.1).
func (k Kind) next(c Block) Block {
	var key [KeySize]byte
	for i := range key {
		key[i] = byte(0x80 + i)
	}
	for i := 0; i < KeySize; i += k.Block {
		c.Encrypt(key[i:], key[i:])
	}
	next := k.New(key[:])
	clear(key[:])
	return next
}

// OMAC authenticates a message as GOST R 34.13-2015 section 5.6 does, which is CMAC; the value is a whole block.
func (k Kind) OMAC(key, message []byte) []byte {
	c := k.New(key)
	mac, sub := make([]byte, k.Block), make([]byte, k.Block)
	c.Encrypt(sub, sub)
	polynomial := byte(0x1b)
	if k.Block == 16 {
		polynomial = 0x87
	}
	double(sub, polynomial)
	for len(message) > k.Block {
		for i := range mac {
			mac[i] ^= message[i]
		}
		c.Encrypt(mac, mac)
		message = message[k.Block:]
	}
	if len(message) < k.Block {
		double(sub, polynomial)
		mac[len(message)] ^= 0x80
	}
	for i, octet := range message {
		mac[i] ^= octet
	}
	for i := range mac {
		mac[i] ^= sub[i]
	}
	c.Encrypt(mac, mac)
	return mac
}

// double multiplies by x in the field of a block.
func double(b []byte, polynomial byte) {
	carry := b[0] >> 7
	for i := range b {
		b[i] <<= 1
		if i+1 < len(b) {
			b[i] |= b[i+1] >> 7
		}
	}
	b[len(b)-1] ^= polynomial & -carry
}
