package p256verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"math/big"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// slowGroup verifies by crypto/ecdsa, when it is let.
type slowGroup struct {
	public *ecdsa.PublicKey
	sizes  []int
	let    chan struct{}
	deny   uint64 // bits that it does not know
	panics bool
}

func (g *slowGroup) Verify(digests [][]byte, signatures [][64]byte) (good, unknown uint64) {
	g.sizes = append(g.sizes, len(digests))
	if g.let != nil {
		<-g.let
	}
	if g.panics {
		panic("a fault")
	}
	for i, s := range signatures {
		r, s := new(big.Int).SetBytes(s[:32]), new(big.Int).SetBytes(s[32:])
		if ecdsa.Verify(g.public, digests[i], r, s) {
			good |= 1 << i
		}
	}
	return good &^ g.deny, g.deny
}

type signed struct{ digest, signature []byte }

// signatures makes some, of which each seventh is wrong.
func signatures(t *testing.T, n int) (key *ecdsa.PrivateKey, all []signed) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for i := range n {
		digest := make([]byte, 32)
		_, _ = rand.Read(digest)
		s, err := ecdsa.SignASN1(rand.Reader, key, digest)
		require.NoError(t, err)
		if i%7 == 6 {
			digest[0] ^= 1
		}
		all = append(all, signed{digest, s})
	}
	return key, all
}

// Busy lets nobody verify until it is freed, as one who verifies does.
func (t *Together) Busy() (free func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = true
	return t.next
}

// Waiting is how many wait.
func (t *Together) Waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// verifyAll verifies all at the same time, while somebody else does, and returns the answers.
func verifyAll(v *Together, all []signed) []bool {
	answers := make([]bool, len(all))
	var done sync.WaitGroup
	free := v.Busy()
	for i, s := range all {
		done.Go(func() { answers[i] = v.Verify(s.digest, s.signature) })
		synctest.Wait() // so that they are in order
	}
	free()
	done.Wait()
	return answers
}

func wanted(n int) []bool {
	all := make([]bool, n)
	for i := range all {
		all[i] = i%7 != 6
	}
	return all
}

// TestTogether: what comes while somebody verifies is verified as one group, as soon as it is known that this pays.
func TestTogether(t *testing.T) {
	key, all := signatures(t, maxGroup+6)
	synctest.Test(t, func(t *testing.T) {
		g := &slowGroup{public: &key.PublicKey}
		made := 0
		v := NewTogether(ready(t, &key.PublicKey), func(public *ecdsa.PublicKey) Group {
			require.True(t, key.PublicKey.Equal(public))
			made++
			return g
		})
		require.Equal(t, wanted(20), verifyAll(v, all[:20]))
		require.Empty(t, g.sizes, "too few so far")
		require.Equal(t, wanted(groupFrom-20), verifyAll(v, all[:groupFrom-20]))
		require.Equal(t, []int{groupFrom - 20}, g.sizes)
		require.Equal(t, wanted(len(all)), verifyAll(v, all), "for some there is no room")
		require.Equal(t, []int{groupFrom - 20, maxGroup}, g.sizes)
		require.Equal(t, 1, made)
		require.True(t, v.Verify(all[0].digest, all[0].signature))
		require.Equal(t, []bool{true}, verifyAll(v, all[:1]))
		require.Len(t, g.sizes, 2, "one that waits alone is no group")
		require.False(t, v.running)

		g.deny = 1 | 4 // the first is that of whoever verifies
		require.Equal(t, wanted(20), verifyAll(v, all[:20]))
		require.Len(t, g.sizes, 3)

		v.stop()
		require.Equal(t, wanted(20), verifyAll(v, all[:20]))
		require.Len(t, g.sizes, 3, "its memory was given to others")
	})
}

// TestTogetherTakesTurns: those that come while a group is verified are the next one, which another verifies.
func TestTogetherTakesTurns(t *testing.T) {
	key, all := signatures(t, 12)
	synctest.Test(t, func(t *testing.T) {
		g := &slowGroup{public: &key.PublicKey, let: make(chan struct{})}
		v := NewTogether(ready(t, &key.PublicKey), func(*ecdsa.PublicKey) Group { return g })
		v.met = groupFrom
		answers := make([]chan bool, len(all))
		verify := func(i int) {
			answers[i] = make(chan bool, 1)
			go func() { answers[i] <- v.Verify(all[i].digest, all[i].signature) }()
			synctest.Wait()
		}
		free := v.Busy()
		for i := range 5 {
			verify(i)
		}
		free()
		synctest.Wait()
		require.Equal(t, []int{5}, g.sizes)
		for i := 5; i < len(all); i++ {
			verify(i)
		}
		g.let <- struct{}{}
		synctest.Wait()
		for i := range 5 {
			require.Len(t, answers[i], 1, "they do not wait for the next group")
		}
		require.Equal(t, []int{5, 7}, g.sizes)
		g.let <- struct{}{}
		for i, a := range answers {
			require.Equal(t, i%7 != 6, <-a)
		}
	})
}

// TestTogetherPanics: one whose group panics leaves the others their answers.
func TestTogetherPanics(t *testing.T) {
	key, all := signatures(t, 5)
	synctest.Test(t, func(t *testing.T) {
		g := &slowGroup{public: &key.PublicKey, panics: true}
		v := NewTogether(ready(t, &key.PublicKey), func(*ecdsa.PublicKey) Group { return g })
		v.met = groupFrom
		free, good := v.Busy(), make(chan bool, len(all))
		for i, s := range all {
			go func() {
				defer func() { require.Equal(t, i == 0, recover() != nil) }()
				good <- v.Verify(s.digest, s.signature)
			}()
			synctest.Wait()
		}
		free()
		for range len(all) - 1 {
			require.True(t, <-good)
		}
		synctest.Wait()
		require.False(t, v.running)
	})
}

// TestTogetherWithout: keys that there is no Group of, and encodings that are for crypto/ecdsa, do not wait.
func TestTogetherWithout(t *testing.T) {
	key, all := signatures(t, 7)
	none := NewTogether(New(&key.PublicKey, nil), nil)
	none.Busy()
	require.True(t, none.Verify(all[0].digest, all[0].signature))

	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	s, err := ecdsa.SignASN1(rand.Reader, other, all[0].digest)
	require.NoError(t, err)
	never := func(*ecdsa.PublicKey) Group { panic("not for this one") }
	v := NewTogether(New(&other.PublicKey, nil), never)
	v.Busy()
	require.True(t, v.Verify(all[0].digest, s))

	v = NewTogether(New(&key.PublicKey, nil), never)
	v.Busy()
	require.False(t, v.Verify(all[0].digest, append(all[0].signature[:len(all[0].signature):len(all[0].signature)], 0)))

	synctest.Test(t, func(t *testing.T) {
		asked := 0
		v := NewTogether(ready(t, &key.PublicKey), func(*ecdsa.PublicKey) Group { asked++; return nil })
		v.met = groupFrom
		require.Equal(t, wanted(7), verifyAll(v, all))
		require.Equal(t, 1, asked)
	})
}

// TestTogetherConcurrent is for the race detector.
func TestTogetherConcurrent(t *testing.T) {
	key, all := signatures(t, 7)
	v := NewTogether(ready(t, &key.PublicKey), func(*ecdsa.PublicKey) Group { return &concurrentGroup{public: &key.PublicKey} })
	v.met = groupFrom
	var done sync.WaitGroup
	for range 16 {
		done.Go(func() {
			for range 10 {
				for i, s := range all {
					if v.Verify(s.digest, s.signature) != (i%7 != 6) {
						t.Error("wrong")
					}
				}
			}
		})
	}
	done.Wait()
	require.False(t, v.running)
	require.Empty(t, v.waiting)
}

type concurrentGroup struct{ public *ecdsa.PublicKey }

func (g *concurrentGroup) Verify(digests [][]byte, signatures [][64]byte) (good, unknown uint64) {
	return (&slowGroup{public: g.public}).Verify(digests, signatures)
}

// TestTogetherDropped: the table of a key is dropped while a group is made of it, which then goes with it.
func TestTogetherDropped(t *testing.T) {
	key, all := signatures(t, groupFrom)
	synctest.Test(t, func(t *testing.T) {
		g := &slowGroup{public: &key.PublicKey}
		verifier := ready(t, &key.PublicKey)
		v := NewTogether(verifier, func(*ecdsa.PublicKey) Group {
			verifier.stop()
			return g
		})
		require.Equal(t, wanted(groupFrom), verifyAll(v, all))
		require.Equal(t, []int{groupFrom}, g.sizes)
		require.Nil(t, verifier.group.Load(), "nobody would drop it")
	})
}
