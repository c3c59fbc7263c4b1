package gost3410

import "sync"

const (
	// tableAt is the number of verifications by a key after which its table is made. That takes as long as six and saves two thirds of each
	// one to come.
	tableAt = 8
	// maxTables have 7 MB on CryptoPro-A, and 40 MB on the curves of 512 bits and cofactor 4.
	maxTables = 128
	// maxCounted bounds the keys that are counted.
	maxCounted = 1024
)

// Verifiers verify by keys that come again, as those of authorities do: a key that has verified some signatures gets a table, with which
// verification takes a third of the time. Memory is bounded, whatever keys come. The zero value is ready, and safe for concurrent use.
type Verifiers struct {
	mu     sync.RWMutex
	tables map[verifierKey]prepared
	calls  map[verifierKey]int
}

type verifierKey struct {
	curve *Curve
	xy    string
}

// Verify is [PublicKey.Verify]. A nil *Verifiers has no tables.
func (v *Verifiers) Verify(k *PublicKey, digest, signature []byte) bool {
	if v == nil || k.curve.fast == nil {
		return k.Verify(digest, signature)
	}
	id := verifierKey{k.curve, string(k.xy)}
	v.mu.RLock()
	table := v.tables[id]
	v.mu.RUnlock()
	if table == nil {
		table = v.count(id, k)
	}
	return k.verify(digest, signature, table)
}

// count makes the table when it is time. One caller makes it, and the others do not wait.
func (v *Verifiers) count(id verifierKey, k *PublicKey) prepared {
	v.mu.Lock()
	if v.calls == nil {
		v.calls, v.tables = map[verifierKey]int{}, map[verifierKey]prepared{}
	}
	if table := v.tables[id]; table != nil {
		v.mu.Unlock()
		return table
	}
	if _, known := v.calls[id]; !known {
		makeRoom(v.calls, maxCounted)
	}
	v.calls[id]++
	due := v.calls[id] == tableAt
	v.mu.Unlock()
	if !due {
		return nil
	}
	x, y := k.plain()
	table := k.curve.fast.prepare(&x, &y)
	v.mu.Lock()
	defer v.mu.Unlock()
	makeRoom(v.tables, maxTables)
	v.tables[id] = table
	delete(v.calls, id)
	return table
}

// makeRoom takes any entry out of a map that is full.
func makeRoom[V any](m map[verifierKey]V, most int) {
	for id := range m {
		if len(m) < most {
			return
		}
		delete(m, id)
	}
}
