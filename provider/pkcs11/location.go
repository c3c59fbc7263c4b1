package pkcs11

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// location is shared by the keys of one object with different certificates.
type location struct {
	finding   sync.Mutex
	at        atomic.Pointer[place]
	suspicion atomic.Int32 // recoveries that this key has asked for since it worked
	asked     time.Time    // when it did so last, guarded by pool.mu
	// Mechanisms that hash what they sign, bits of bitOf, that are taken since the token has refused the one for digests, which
	// it lists.
	hashed atomic.Uint32
}

// mayAsk reports whether the key may ask for a recovery because of a code that may mean anything: twice until it has signed
// again, since it may be the key that is wrong and others are disturbed, and then once in a while, since it may not be.
// Called with pool.mu held.
func (l *location) mayAsk() bool {
	if l.suspicion.Load() >= maxRepeats && time.Since(l.asked) < askAgain {
		return false
	}
	l.suspicion.Add(1)
	l.asked = time.Now()
	return true
}

type place struct {
	handle uint
	epoch  uint64
}

// find looks for the key again unless that has been done in this epoch. Handles of before a recovery may stand for other
// keys.
func (k *key) find(s *p11.Session, epoch uint64) (*place, error) {
	k.finding.Lock()
	defer k.finding.Unlock()
	if at := k.at.Load(); at.epoch == epoch {
		return at, nil
	}
	handle, err := k.locate(s)
	if err != nil {
		return nil, err
	}
	at := &place{handle, epoch}
	k.at.Store(at)
	return at, nil
}

// locate finds the key by its CKA_ID and label, and takes the one with the same public key.
func (k *key) locate(s *p11.Session) (uint, error) {
	template := []p11.Attribute{p11.Ulong(p11.AttrClass, p11.ClassPrivateKey)}
	if len(k.object.id) != 0 {
		template = append(template, p11.Bytes(p11.AttrID, k.object.id))
	}
	if len(k.object.stored) != 0 {
		template = append(template, p11.Bytes(p11.AttrLabel, k.object.stored))
	}
	handles, err := s.Find(template...)
	if err != nil {
		return 0, err
	}
	own := []keyring.Cert{{Cert: &x509.Certificate{PublicKey: k.public, RawSubjectPublicKeyInfo: k.spki}}} // for keys that are known by a trial only
	for _, h := range handles {
		o, err := readKey(s, h)
		if err != nil {
			return 0, err
		}
		public, err := k.p.publicOf(s, o, own)
		if _, ok := errors.AsType[p11.RV](err); ok {
			return 0, err
		}
		if err == nil && bytes.Equal(spkiOf(public), k.spki) {
			return h, nil
		}
	}
	return 0, &sign.Error{Op: "pkcs11: find the key again", Place: k.at4errors(), Class: sign.ErrKeyNotFound,
		Hint: fmt.Sprintf("the token does not hold it any more (%d keys have its name and another public key)", len(handles))}
}

// doubt looks into a refusal that says nothing of a loss: the key is of another kind, may not sign, does not do the
// mechanism. After a logout and login by another part of the process, some modules give the number of our key to another
// one, of which all that may be true. If ours has another number by now, the error becomes one that has it found again.
func (k *key) doubt(s *p11.Session, at *place, err error) error {
	code, ok := errors.AsType[p11.RV](err)
	switch a, loss := advices[code], lossOf(err); {
	case !ok, loss != notLost && loss != unclear, loss == notLost && (a.class == sign.ErrPIN || a.temporary):
		return err
	}
	if code != p11.BufferTooSmall { // the buffer is as large as a signature of our key
		if handle, findErr := k.locate(s); findErr != nil || handle == at.handle {
			return err
		}
	}
	return fmt.Errorf("%w: the number of the key is another one's (%w)", p11.KeyHandleInvalid, err)
}

// distrust makes all keys be found again, unless that has been done since the epoch.
func (p *Provider) distrust(epoch uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == up && p.epoch == epoch {
		p.begin(false, p.config.Recover, p11.KeyHandleInvalid)
	}
}
