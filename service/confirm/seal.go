package confirm

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"strings"

	"github.com/google/uuid"

	"github.com/seed-116355fd/signet/service/audit"
)

// seals authenticate what is in the database, with keys that are not there.
type seals struct {
	record []byte // of headers, results and confirmations
	code   []byte // of codes
	token  []byte // of tokens
}

// minSecret is the least length of Config.Secret, in octets.
const minSecret = 32

func newSeals(secret []byte) (*seals, error) {
	if len(secret) < minSecret {
		return nil, fmt.Errorf("confirm: the secret has %d octets; give %d random ones at least, and keep them outside the database", len(secret), minSecret)
	}
	derive := func(label string) []byte { return mac(sha256.New, secret, "signet confirm "+label) }
	return &seals{derive("record"), derive("code"), derive("token")}, nil
}

// mac is an HMAC over parts, each with its length, so that no two lists of parts are the same octets.
func mac(h func() hash.Hash, key []byte, parts ...string) []byte {
	m := hmac.New(h, key)
	var length [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		m.Write(length[:])
		m.Write([]byte(p))
	}
	return m.Sum(nil)
}

// seal puts a MAC in front of what is stored for an operation.
func (s *seals) seal(kind, id string, data []byte) []byte {
	return append(append(make([]byte, 0, sha256.Size+len(data)), s.of(kind, id, data)...), data...)
}

// of is the MAC of something of an operation.
func (s *seals) of(kind, id string, data []byte) []byte {
	m := hmac.New(sha256.New, s.record)
	var length [8]byte
	for _, p := range []string{kind, id} {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		m.Write(length[:])
		m.Write([]byte(p))
	}
	m.Write(data)
	return m.Sum(nil)
}

// errSeal is of a row that was not written by an engine with this secret.
var errSeal = errors.New("confirm: what is stored is not what was stored: the database was changed by somebody else, or the secret is another one; nothing of it is signed")

// open checks a MAC. Whoever can write the database cannot make one, and cannot use that of another operation.
func (s *seals) open(kind, id string, sealed []byte) ([]byte, error) {
	if len(sealed) < sha256.Size {
		return nil, errSeal
	}
	data := sealed[sha256.Size:]
	if !hmac.Equal(sealed[:sha256.Size], s.of(kind, id, data)) {
		return nil, errSeal
	}
	return data, nil
}

// header is what does not change of an operation once it is asked for. It is stored sealed.
type header struct {
	Owner  string       `json:"owner"`
	Key    string       `json:"key"`
	Title  string       `json:"title,omitempty"`
	Method Method       `json:"method"`
	Digest string       `json:"digest,omitempty"` // of all items
	Drafts []byte       `json:"drafts,omitempty"` // SHA-256 of the drafts; empty while they are prepared
	Raises bool         `json:"raises,omitempty"` // the level is above BES
	Thumb  string       `json:"thumbprint,omitempty"`
	Level  string       `json:"level,omitempty"`
	Scheme string       `json:"scheme,omitempty"` // whose hash the digests of items are by
	Items  []headerItem `json:"-"`                // in a form of their own, since there may be thousands and each poll reads them
}

type headerItem struct {
	Name   string
	Size   int64 // -1 when it is not known
	Digest []byte
	Shelf  string
}

// sealHeader encodes a header, JSON with its length before it, then the number of items and for each its size and three
// fields with their lengths before them, and seals it.
func (s *seals) sealHeader(id string, h *header) ([]byte, error) {
	plain, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	size := len(plain) + 2*binary.MaxVarintLen64
	for _, it := range h.Items {
		size += len(it.Name) + len(it.Digest) + len(it.Shelf) + 4*binary.MaxVarintLen32
	}
	data := appendField(make([]byte, 0, size), plain)
	data = binary.AppendUvarint(data, uint64(len(h.Items)))
	for _, it := range h.Items {
		data = binary.AppendVarint(data, it.Size)
		data = appendField(appendField(appendField(data, []byte(it.Name)), it.Digest), []byte(it.Shelf))
	}
	return s.seal("header", id, data), nil
}

func (s *seals) openHeader(id string, sealed []byte) (*header, error) {
	data, err := s.open("header", id, sealed)
	if err != nil {
		return nil, err
	}
	return parseHeader(data)
}

var errHeader = errors.New("confirm: the stored operation cannot be read")

// parseHeader reads what sealHeader wrote. The digests are views of data.
func parseHeader(data []byte) (*header, error) {
	plain, data, ok := takeField(data)
	if !ok {
		return nil, errHeader
	}
	h := &header{}
	if err := json.Unmarshal(plain, h); err != nil {
		return nil, errors.Join(errHeader, err)
	}
	n, data, ok := takeLength(data)
	if !ok || n > uint64(len(data)) { // each has four octets at least
		return nil, errHeader
	}
	h.Items = make([]headerItem, n)
	for i := range h.Items {
		it := &h.Items[i]
		size, read := binary.Varint(data)
		if read <= 0 {
			return nil, errHeader
		}
		it.Size, data = size, data[read:]
		var name, shelf []byte
		for _, field := range []*[]byte{&name, &it.Digest, &shelf} {
			if *field, data, ok = takeField(data); !ok {
				return nil, errHeader
			}
		}
		it.Name, it.Shelf = string(name), string(shelf)
	}
	if len(data) != 0 {
		return nil, errHeader
	}
	return h, nil
}

// confirmation is what proves that an operation was confirmed as it was asked for: nobody without the secret can make it.
func (s *seals) confirmation(id string, sealedHeader []byte) []byte {
	return s.of("confirmed", id, sealedHeader[:sha256.Size])
}

// codeOf is the keyed hash of a code of one operation; serial tells apart the codes that were sent for it. The end of its
// life is in it, so that nobody lengthens it in the database.
func (s *seals) codeOf(id string, serial int, expires int64, code string) []byte {
	return mac(sha256.New, s.code, id, fmt.Sprint(serial), fmt.Sprint(expires), code)
}

// tokenOf is the token of an operation. It is nowhere in the database: with it one confirms what needs no code, and whoever
// can read the database, or a copy of it, must not.
func (s *seals) tokenOf(id string) string {
	var u uuid.UUID
	copy(u[:], mac(sha256.New, s.token, "token", id))
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80 // version 8, made in a way of one's own (RFC 9562 section 5.8)
	return u.String()
}

// tokenKey is what an operation is found by for its token.
func (s *seals) tokenKey(token string) string {
	return hex.EncodeToString(mac(sha256.New, s.token, "key", token))
}

// newCode makes a numeric code.
func newCode(digits int) (string, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%0*d", digits, n), nil
}

// plainCode removes what people put into a code when they type it: spaces and hyphens.
func plainCode(code string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\u00a0' {
			return -1
		}
		return r
	}, code)
}

// commonDigest is over the digests of all items: SHA-256 of each digest with its length before it, in hexadecimal.
func commonDigest(items []headerItem) string {
	h := sha256.New()
	for _, i := range items {
		h.Write([]byte{byte(len(i.Digest))})
		h.Write(i.Digest)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// auditItems are the items for the log.
func (h *header) auditItems(outcome map[int]string) []audit.Item {
	items := make([]audit.Item, len(h.Items))
	for i, it := range h.Items {
		items[i] = audit.Item{Index: i, Name: it.Name, Digest: it.Digest, Err: outcome[i]}
	}
	return items
}
