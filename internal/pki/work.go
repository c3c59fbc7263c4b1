package pki

import (
	"crypto/sha256"
	"sync"

	"github.com/seed-116355fd/signet/internal/algorithm"
)

// What the paths of a message may cost at least, and more for each octet of it, so that judging stays linear in its size.
const (
	// BaseSignatures is in units of one verification with RSA of 2048 bits, some 25 µs.
	BaseSignatures     = 4000
	OctetsPerSignature = 128
	BaseSteps          = 200_000 // comparisons of names, candidates, nodes of policies: some 100 ns each
	StepsPerOctet      = 1
	maxKeyOctets       = 4096 // of a SubjectPublicKeyInfo: RSA of 16,384 bits has 2,082
)

// Work is what all paths of one message share: what may still be spent, and what is known about signatures already, so that
// each is checked once for each key. It is safe for concurrent use. Verifiers that share it check signatures alike
// ([Verifier.Signature]).
type Work struct {
	whole      *Work // of which this is a part; nil when it is the whole
	mu         sync.Mutex
	signatures int
	steps      int
	spent      [2]int
	keys       map[string]int
	checked    map[checkedKey]verdict
}

type checkedKey struct {
	subject [sha256.Size]byte // hash of the certificate
	key     int
}

// verdict is what came of checking a signature.
type verdict struct {
	note string
	err  error
}

// NewWork returns what a message of this size in octets may cost.
func NewWork(size int) *Work {
	return NewWorkOf(BaseSignatures+size/OctetsPerSignature, BaseSteps+size*StepsPerOctet)
}

// NewWorkOf returns a budget of so many units of verification and so many steps.
func NewWorkOf(signatures, steps int) *Work { return &Work{signatures: signatures, steps: steps} }

// Part returns a budget of one nth of what is left now, which is paid from the whole: for what anybody can append, so that it does
// not use up what others need.
func (w *Work) Part(nth int) *Work {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &Work{whole: w, signatures: w.signatures / nth, steps: w.steps / nth}
}

// Share is Part for one of n that are alike, of which anybody can append some: it may check what a common signature needs, even when
// that is more than an nth, as long as there is as much.
func (w *Work) Share(n int) *Work {
	p := w.Part(n)
	w.mu.Lock()
	defer w.mu.Unlock()
	p.signatures = max(p.signatures, min(w.signatures, shareSignatures))
	return p
}

// shareSignatures is more than the 6 units of RSA with 4096 bits, and the 12 of ML-DSA-87.
const shareSignatures = 16

// Spent returns the units of verification and the steps that were spent.
func (w *Work) Spent() (signatures, steps int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.spent[0], w.spent[1]
}

// SpendSignature takes what one verification with this key costs, and reports whether there was as much. It is for
// signatures that are not of paths: those on messages, responses, lists.
func (w *Work) SpendSignature(spki []byte) bool { return w.spend(0, algorithm.Cost(spki)) }

// SpendSteps takes a number of steps, and reports whether there were as many.
func (w *Work) SpendSteps(n int) bool { return w.spend(1, n) }

// SpendOctets takes what digesting so many octets costs, and reports whether there was as much.
func (w *Work) SpendOctets(n int) bool { return w.spend(1, n/OctetsPerStep) }

// OctetsPerStep is how much is hashed in the time of a step.
const OctetsPerStep = 64

func (w *Work) spend(kind, n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := &w.signatures
	if kind == 1 {
		left = &w.steps
	}
	if *left < n || w.whole != nil && !w.whole.spend(kind, n) {
		// Nothing is left for smaller things either, or a message would go on in small pieces.
		*left = 0
		return false
	}
	*left -= n
	w.spent[kind] += n
	return true
}

// known returns what is known about a signature, and the number under which to remember it.
func (w *Work) known(subject *Certificate, spki []byte) (k checkedKey, v verdict, ok bool) {
	if w.whole != nil {
		return w.whole.known(subject, spki)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keys == nil {
		w.keys, w.checked = map[string]int{}, map[checkedKey]verdict{}
	}
	n, seen := w.keys[string(spki)]
	if !seen {
		n = len(w.keys)
		w.keys[string(spki)] = n
	}
	k = checkedKey{subject.hash(), n}
	v, ok = w.checked[k]
	return k, v, ok
}

func (w *Work) remember(k checkedKey, v verdict) {
	if w.whole != nil {
		w.whole.remember(k, v)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checked[k] = v
}
