package gost3410

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/gostlanes"
)

// groupFrom is the number of digests that a key is asked to sign in groups before its tables are made, which takes as long as it takes to sign
// about as many one by one.
const groupFrom = 64

// group is what a key on CryptoPro-A needs to sign several digests side by side.
type group struct {
	once   sync.Once
	signer *lanes.Signer // nil: there is none
	asked  atomic.Int64
	again  atomic.Uint64 // signatures that were made one by one because the lanes had none
}

// laneBase has the tables of the base point, which all keys share. It is made when a key first needs it.
var laneBase = sync.OnceValue(func() lanes.Table {
	for _, c := range curves() {
		if _, ok := c.fast.(*cryptoProACurve); ok {
			x, y := c.plain(&c.base)
			b, err := gostlanes.NewBase(cryptoProAPoints(&x, &y))
			if err == nil {
				return b
			}
		}
	}
	return nil
})

func (c *Curve) plain(p *point) (x, y words) {
	c.p.leave(&x, &p.x)
	c.p.leave(&y, &p.y)
	return x, y
}

// GroupSize is how many digests [PrivateKey.SignGroup] takes best; 0 when it has no quicker way than one after the other. There is one on
// CryptoPro-A on processors with AVX-512 IFMA, unless the environment variable SIGNET_NO_LANES is set or the program is in FIPS 140 mode.
func (k *PrivateKey) GroupSize() int {
	if k.group == nil {
		return 0
	}
	return lanes.MaxGroup
}

// SignGroup signs digests as [PrivateKey.Sign] does, several side by side where the processor can. Each signature that was made so has been
// verified with the public key.
func (k *PrivateKey) SignGroup(digests [][]byte) ([][]byte, error) {
	size := k.public.curve.size
	for _, d := range digests {
		if len(d) != size {
			return nil, fmt.Errorf("gost3410: a key on %s signs a digest of %d octets and not %d; hash with Streebog of %d bits", k.public.curve.name, size, len(d), 8*size)
		}
	}
	all := make([][]byte, len(digests))
	if s := k.lanes(len(digests)); s != nil {
		var signatures [lanes.MaxGroup][64]byte
		for from := 0; from < len(digests); from += len(signatures) {
			part := digests[from:min(len(digests), from+len(signatures))]
			missing := s.Sign(signatures[:len(part)], part)
			for i := range part {
				if missing>>i&1 == 0 {
					r, s := signatures[i][:size], signatures[i][size:]
					all[from+i] = append(append(make([]byte, 0, 2*size), s...), r...)
				} else {
					k.group.again.Add(1)
				}
			}
		}
	}
	for i, d := range digests {
		if all[i] != nil {
			continue
		}
		var err error
		if all[i], err = k.Sign(nil, d, nil); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// lanes is what signs a group of n digests side by side; nil when one by one is as quick.
func (k *PrivateKey) lanes(n int) *lanes.Signer {
	g := k.group
	if g == nil || n < 2 || g.asked.Add(int64(n)) < groupFrom {
		return nil
	}
	g.once.Do(func() {
		base := laneBase()
		if base == nil {
			return
		}
		x, y := k.public.plain()
		v, err := gostlanes.NewVerifier(base, cryptoProAPoints(&x, &y))
		if err != nil {
			return // a key whose multiples are not for lanes
		}
		d := k.d.appendBig(make([]byte, 0, 32), 32)
		g.signer = lanes.NewSigner(d, v)
		clear(d)
	})
	return g.signer
}

// newGroup is for a key on a curve that has lanes.
func newGroup(c *Curve) *group {
	if _, ok := c.fast.(*cryptoProACurve); !ok || !lanes.Available() {
		return nil
	}
	return new(group)
}

// cryptoProAPoints computes the odd multiples of a point that the lanes want.
func cryptoProAPoints(x, y *words) *lanes.Points {
	t := new(lanes.Points)
	points := make([]cryptoProAJacobian, 0, len(t)*len(t[0]))
	base := cryptoProAJacobian{z: fold256One}
	base.x.set(x)
	base.y.set(y)
	for range t {
		var twice cryptoProAJacobian
		twice.double(&base)
		entry := base
		for range t[0] {
			points = append(points, entry)
			entry.add(&entry, &twice)
		}
		for range 8 {
			base.double(&base)
		}
	}
	all := make([]cryptoProAAffine, len(points))
	affineCryptoProA(all, points)
	for i := range all {
		x, y := all[i].x.get(), all[i].y.get()
		line := &t[i/len(t[0])][i%len(t[0])]
		copy(line[:4], x[:4])
		copy(line[4:], y[:4])
	}
	return t
}
