package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"os"
)

// MinKey is how many octets a key has at least.
const MinKey = 32

// chain is where a log has got to.
type chain struct {
	seq  uint64            // of the last line; 0 when there is none
	last [sha256.Size]byte // hash of the last line
	mac  hash.Hash         // nil without a key
}

func newChain(key []byte) (chain, error) {
	if key == nil {
		return chain{}, nil
	}
	if len(key) < MinKey {
		return chain{}, fmt.Errorf("the key of the audit log has less than %d octets; openssl rand -hex 32 makes one", MinKey)
	}
	return chain{mac: hmac.New(sha256.New, key)}, nil
}

// next checks that a line is the one behind those seen before, and takes it on. When nothing was seen before, the line may
// be any.
func (c *chain) next(line []byte) error {
	l, err := parseLinks(line)
	if err != nil {
		return err
	}
	var zero [sha256.Size]byte
	switch {
	case c.seq == 0 && (l.seq == 1) != (l.prev == zero):
		return errors.New("it is numbered as the first of all and has one before it, or the other way round")
	case c.seq != 0 && l.seq != c.seq+1:
		return fmt.Errorf("it has the number %d, and %d was to come: lines were removed, put in or moved", l.seq, c.seq+1)
	case c.seq != 0 && l.prev != c.last:
		return errors.New("it does not go with the line before it: that one was changed, or this one is of another log")
	}
	if err := c.checkMAC(&l); err != nil {
		return err
	}
	c.seq, c.last = l.seq, sha256.Sum256(line)
	return nil
}

func (c *chain) checkMAC(l *links) error {
	if c.mac == nil {
		return nil
	}
	if l.mac == nil {
		return errors.New("it has no mac: it was written without the key")
	}
	c.mac.Reset()
	_, _ = c.mac.Write(l.body)
	if !hmac.Equal(c.mac.Sum(nil), l.mac) {
		return errors.New("its mac is wrong: it was changed or put in by somebody without the key, or the key is another one")
	}
	return nil
}

// KeyFile reads the key of a log from a file. One line end after it is not part of it.
func KeyFile(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key = bytes.TrimSuffix(bytes.TrimSuffix(key, []byte("\n")), []byte("\r"))
	if len(key) < MinKey {
		return nil, fmt.Errorf("the key in %s has less than %d octets; openssl rand -hex 32 makes one", path, MinKey)
	}
	return key, nil
}
