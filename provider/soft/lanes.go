package soft

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"sync"
	"sync/atomic"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/p256lanes"
	"github.com/seed-116355fd/signet/internal/lanes/rsalanes"
	"github.com/seed-116355fd/signet/sign"
)

// several computes signatures side by side. Each that it gives has been verified with the public key.
type several interface {
	// sign puts the signatures of digests that have been checked into outcomes. Those that it leaves empty are made by the standard library.
	sign(outcomes []sign.Outcome, digests [][]byte, opts crypto.SignerOpts)
}

// lanesKey is a standard key on a processor that computes several of its signatures side by side. One alone is made by the standard
// library, as those of all other keys.
type lanesKey struct {
	*standardKey
	shared *sharedLanes
}

// lanesFrom is the number of digests that a key on P-256 is asked to sign in groups before its tables are made, which takes as long as it
// takes to sign about as many one by one.
const lanesFrom = 64

// sharedLanes is what a key has whatever its certificate is.
type sharedLanes struct {
	size  int
	start func() several
	from  int64         // lanesFrom, or 0 where nothing is made
	asked atomic.Int64  // digests of groups
	again atomic.Uint64 // signatures that the standard library made because the lanes had none
}

var (
	_ sign.BulkKey      = (*lanesKey)(nil)
	_ sign.BulkComputer = (*lanesKey)(nil)
)

// inLanes adds lanes to a key, where there are any for it.
func inLanes(k *standardKey) sign.Key {
	if !lanes.Available() {
		return k
	}
	switch signer := k.signer.(type) {
	case *ecdsa.PrivateKey:
		if signer.Curve == elliptic.P256() {
			return newLanesKey(k, lanes.MaxGroup, func() several { return p256Several(signer) })
		}
	case *rsa.PrivateKey:
		if rsalanes.Takes(signer) {
			own := newLanesKey(k, rsalanes.MaxGroup, func() several { return rsaSeveral(signer) })
			own.shared.from = 0 // to begin costs one signature
			return own
		}
	}
	return k
}

func newLanesKey(k *standardKey, size int, start func() several) *lanesKey {
	return &lanesKey{k, &sharedLanes{size: size, from: lanesFrom, start: sync.OnceValue(start)}}
}

// BulkSize is how many at once are quickest.
func (k *lanesKey) BulkSize() int { return k.shared.size }

// Computes is true.
func (*lanesKey) Computes() bool { return true }

// SignBulk signs digests side by side.
func (k *lanesKey) SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []sign.Outcome {
	outcomes := make([]sign.Outcome, len(digests))
	if len(digests) < 2 || k.closed.Load() || ctx.Err() != nil || k.pssOnly && !k.allows(opts) || !k.all(digests, opts) {
		for i := range digests {
			outcomes[i].Signature, outcomes[i].Err = k.SignContext(ctx, digests[i], opts)
		}
		return outcomes
	}
	ready := k.shared.asked.Add(int64(len(digests))) >= k.shared.from
	if ready {
		if s := k.shared.start(); s != nil {
			s.sign(outcomes, digests, opts)
		}
	}
	for i := range outcomes {
		if len(outcomes[i].Signature) == 0 {
			if ready {
				k.shared.again.Add(1)
			}
			outcomes[i].Signature, outcomes[i].Err = k.SignContext(ctx, digests[i], opts)
		}
	}
	return outcomes
}

// all says whether every digest is one that these options are for.
func (k *lanesKey) all(digests [][]byte, opts crypto.SignerOpts) bool {
	for _, d := range digests {
		if keyring.CheckDigest("soft: sign", k.public, d, opts) != nil {
			return false
		}
	}
	return true
}

// p256 signs on P-256.
type p256 struct{ signer *lanes.Signer }

func p256Several(key *ecdsa.PrivateKey) several {
	s, err := p256lanes.NewSigner(key)
	if err != nil {
		return nil
	}
	return &p256{s}
}

func (p *p256) sign(outcomes []sign.Outcome, digests [][]byte, _ crypto.SignerOpts) {
	var signatures [lanes.MaxGroup][64]byte
	for len(digests) != 0 {
		n := min(len(digests), lanes.MaxGroup)
		missing := p.signer.Sign(signatures[:n], digests[:n])
		all := make([]byte, 0, n*maxSignature) // one allocation for those of a group
		for i := range n {
			if missing>>i&1 != 0 {
				continue
			}
			from := len(all)
			all = appendSignature(all, &signatures[i])
			outcomes[i].Signature = all[from:len(all):len(all)]
		}
		outcomes, digests = outcomes[n:], digests[n:]
	}
}

// maxSignature is the length of the longest ECDSA-Sig-Value (RFC 3279 section 2.2.3) on P-256.
const maxSignature = 72

// appendSignature writes r and s, 32 octets each, in DER. Neither is 0.
func appendSignature(b []byte, signature *[64]byte) []byte {
	start := len(b)
	b = append(b, 0x30, 0)
	for _, x := range [2][]byte{signature[:32], signature[32:]} {
		for x[0] == 0 {
			x = x[1:]
		}
		if x[0] >= 0x80 {
			b = append(b, 2, byte(len(x)+1), 0)
		} else {
			b = append(b, 2, byte(len(x)))
		}
		b = append(b, x...)
	}
	b[start+1] = byte(len(b) - start - 2)
	return b
}
