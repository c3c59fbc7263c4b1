package pkcs11

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// groupKey is a key on several tokens.
type groupKey struct {
	g     *Group
	ref   sign.Ref
	on    []atomic.Pointer[key] // by member; nil where it was not found yet
	mu    sync.Mutex
	first *key // which says what the key is
}

var (
	_ sign.MessageKey = (*groupKey)(nil)
	_ sign.TrustedKey = (*groupKey)(nil)
	_ sign.Schemer    = (*groupKey)(nil)
	_ sign.Queuer     = (*groupKey)(nil)
)

// set notes the key of a member.
func (k *groupKey) set(i int, own *key) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.first == nil {
		k.first = own
	}
	if !bytes.Equal(k.first.spki, own.spki) {
		return &sign.Error{Op: "pkcs11: key", Place: own.at4errors(), Class: sign.ErrKeyMismatch, Hint: "it has the name and not the public key of " + k.first.at4errors()}
	}
	k.on[i].Store(own)
	return nil
}

func (k *groupKey) Public() crypto.PublicKey { return k.first.public }

// Trusted is true, as for the keys of the members.
func (k *groupKey) Trusted() bool { return true }

// ExplainSchemes is that of the member whose schemes are those of the key.
func (k *groupKey) ExplainSchemes() string { return k.first.ExplainSchemes() }

func (k *groupKey) Schemes() []sign.Scheme { return k.first.schemes }

// Queues tells it of the members' keys.
func (k *groupKey) Queues() bool { return k.first.Queues() }

func (k *groupKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext signs with the member that has the most free sessions. When its token is lost, the others are asked at
// once; when all are lost, it waits for the first one as a provider alone does.
func (k *groupKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.sign(ctx, (*key).signContext, digest, opts)
}

// SignMessage is [crypto.MessageSigner].
func (k *groupKey) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignMessageContext(context.Background(), message, opts)
}

// SignMessageContext is SignContext with the message, of which each member makes the digest here or on its token.
func (k *groupKey) SignMessageContext(ctx context.Context, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.sign(ctx, (*key).signMessage, message, opts)
}

// signing is a way in which the key of a member signs a digest or a message.
type signing func(k *key, ctx context.Context, data []byte, opts crypto.SignerOpts, impatient bool) ([]byte, error)

func (k *groupKey) sign(ctx context.Context, how signing, data []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := k.g.usable(ctx, "pkcs11: sign"); err != nil {
		return nil, err
	}
	k.probe()
	var tried uint64 // bits of members; more than 64 are not tried one by one
	var last error
	for {
		i := k.pick(tried)
		if i < 0 {
			break
		}
		if i < 64 {
			tried |= 1 << i
		}
		signature, err := k.signOn(ctx, i, how, data, opts, true)
		if err == nil || !errors.Is(err, sign.ErrUnavailable) || errors.Is(err, errNoPIN) || ctx.Err() != nil || i >= 64 {
			return signature, err // whoever said no to a PIN is not asked for that of the next token
		}
		last = err
		k.g.mark(k.g.members[i], err)
	}
	if err := k.g.usable(ctx, "pkcs11: sign"); err != nil {
		return nil, err
	}
	for i := range k.on {
		if k.on[i].Load() != nil {
			signature, err := k.signOn(ctx, i, how, data, opts, false)
			if err == nil {
				k.g.mark(k.g.members[i], nil)
				return signature, nil
			}
			if !errors.Is(err, sign.ErrUnavailable) || errors.Is(err, errNoPIN) {
				return nil, err
			}
			last = err
		}
	}
	return nil, last
}

// pick chooses the healthy member with the lowest load that has the key and was not tried, or -1.
func (k *groupKey) pick(tried uint64) int {
	best, load := -1, 0.0
	for i, m := range k.g.members {
		if (i < 64 && tried&(1<<i) != 0) || m.failed.Load() || k.on[i].Load() == nil {
			continue
		}
		if l := float64(m.busy.Load()+1) / float64(m.p.Limit()); best < 0 || l < load {
			best, load = i, l
		}
	}
	return best
}

func (k *groupKey) signOn(ctx context.Context, i int, how signing, data []byte, opts crypto.SignerOpts, impatient bool) ([]byte, error) {
	m := k.g.members[i]
	m.busy.Add(1)
	defer m.busy.Add(-1)
	return how(k.on[i].Load(), ctx, data, opts, impatient)
}

// probe asks members that have failed, or on which the key was not found, in the background, now and then.
func (k *groupKey) probe() {
	for i, m := range k.g.members {
		if !m.failed.Load() && k.on[i].Load() != nil {
			continue
		}
		m.mu.Lock()
		due := !m.probing && time.Since(m.probed) >= probePause
		m.probing = m.probing || due
		m.mu.Unlock()
		if !due {
			continue
		}
		k.g.closing.Lock()
		if !k.g.closed.Load() {
			k.g.probes.Go(func() { k.tryMember(i, m) })
		}
		k.g.closing.Unlock()
	}
}

func (k *groupKey) tryMember(i int, m *member) {
	err := m.p.Ping(k.g.ctx)
	if err == nil && k.on[i].Load() == nil {
		var own sign.Key
		if own, err = m.p.Key(k.g.ctx, k.ref); err == nil {
			err = k.set(i, own.(*key))
		}
	}
	if !errors.Is(err, sign.ErrUnavailable) {
		err = nil // it is there, whether it has the key or not
	}
	if k.g.ctx.Err() == nil { // else the group was closed meanwhile
		k.g.mark(m, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.probing, m.probed = false, time.Now()
}
