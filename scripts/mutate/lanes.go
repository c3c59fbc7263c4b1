package main

// What gathers calls and signatures, and what is computed in lanes.
const (
	gathered = "./sign -run=Gathered"
	together = "./internal/p256verify -run=Together"
	p256Lane = "./internal/lanes/p256lanes"
	rsaLane  = "./internal/lanes/rsalanes"
)

var laneChanges = []change{
	{"answers of a group are those of others", "sign/gathered.go", "w.outcome = outcomes[i]", "w.outcome = outcomes[len(of)-1-i]", gathered},
	{"too few answers are handed out", "sign/gathered.go", "case len(outcomes) != len(of):", "case len(outcomes) == 0 && len(of) != 0:", gathered},
	{"other options are in the same group", "sign/gathered.go", "if w.alike == alike {", "if true {", gathered},
	{"another salt is in the same group", "sign/gathered.go", "return &pss, pss\n", "return &pss, pss.Hash\n", gathered},
	{"options stay with a caller who has left", "sign/gathered.go", "return &pss, pss\n", "return p, pss\n", gathered},
	{"a whole group waits behind other options", "sign/gathered.go", "if k.whole == 0 {", "if true {", gathered},
	{"a group is larger than the key takes", "sign/gathered.go", "min(k.size, k.alike[alike])", "min(2*k.size, k.alike[alike])", gathered},
	{"a digest stays with a caller who has left", "sign/gathered.go", "digest: slices.Clone(d)", "digest: d", gathered},
	{"digests of another length spoil a group", "sign/gathered.go", "len(digest) == h.Size()", "len(digest) >= 0", gathered},
	{"who leaves still waits for a group", "sign/gathered.go", "func(other *waiter) bool { return other == w })", "func(other *waiter) bool { return false && other == w })", gathered},
	{"a group ends with the first who leaves", "sign/gathered.go", "w.group.left == len(w.group.of) {", "w.group.left == 1 {", gathered},
	{"a group never ends", "sign/gathered.go", "w.group.left == len(w.group.of) {", "w.group.left < 0 {", gathered},
	{"a panic leaves others without a key", "sign/gathered.go", "			close(w.done)\n		}\n		k.ended()", "			close(w.done)\n		}\n		if err == nil {\n			k.ended()\n		}", gathered + " -timeout=60s"},
	{"signatures are trusted that were not", "sign/gathered.go", "return ok && t.Trusted()", "return !ok || t.Trusted()", gathered},
	{"a signature that no group knows is good", "internal/p256verify/together.go", "a.wake <- alone\n", "a.wake <- good\n", together},
	{"the answer of another is taken", "internal/p256verify/together.go", "accepted>>(i+1)&1", "accepted>>i&1", together},
	{"who verifies takes its own for good", "internal/p256verify/together.go", "return accepted&1 == 1", "return accepted != 0", together},
	{"an encoding of another kind waits", "internal/p256verify/together.go", "if !ok || len(t.waiting) == maxGroup {", "if _ = ok; len(t.waiting) == maxGroup {", together + " -timeout=60s"},
	{"more wait than there are lanes", "internal/p256verify/together.go", "len(t.waiting) == maxGroup {", "len(t.waiting) == 2*maxGroup {", together},
	{"a turn is lost", "internal/p256verify/together.go", "	t.waiting[0].wake <- yours\n", "	t.running = false\n", together + " -timeout=60s"},
	{"a table of groups outlives the table", "internal/p256verify/together.go", "if t.table.Load() == nil { // a key", "if t.met < 0 { // a key", together},
	{"a table of groups that comes too late stays", "internal/p256verify/together.go", "t.group.Store(nil)\n", "_ = g\n", together},
	{"signatures leave without being verified", "internal/lanes/curve.go", "return drop(signatures, missing|^good)", "return drop(signatures, missing&^good)", p256Lane + " -run=Fault"},
	{"a lane that does not know says no", "internal/lanes/curve.go", "unknown |= bad << (i * Width)", "unknown |= bad & 0 << (i * Width)", p256Lane + " -run=VerifyExceptional"},
	{"r and s out of range are good", "internal/lanes/curve.go", "good & all &^ wrong", "good&all | wrong", p256Lane + " -run=Verify"},
	{"the second group has the bits of the first", "internal/lanes/curve.go", "&^ bad) << (i * Width)", "&^ bad) << (0 * Width)", p256Lane + " -run=Verify"},
	{"RSA signatures leave without their check", "internal/lanes/rsalanes/verify_amd64.go", "different[l] |= x[i][l] ^ message[i][l]", "different[l] |= (x[i][l] ^ message[i][l]) & 0", rsaLane + " -run=Fault"},
	{"nonces do not depend on the digests", "internal/lanes/nonces.go", "		h.Write(d)\n", "		h.Write(d[:0])\n", "./internal/lanes -run=Nonces"},
	{"nonces do not depend on the secret", "internal/lanes/nonces.go", "hmac.New(sha256.New, secret[:])", "hmac.New(sha256.New, secret[:0])", "./internal/lanes -run=Nonce"},
	{"nonces have no randomness", "internal/lanes/nonces.go", "	h.Write(seed[:])\n", "	h.Write(seed[:0])\n", "./internal/lanes -run=Nonce"},
	{"a nonce may be the order or more", "internal/lanes/groups.go", "return borrow == 1 && any != 0", "return any != 0 && borrow < 2", "./internal/lanes"},
	{"a nonce may be 0", "internal/lanes/groups.go", "return borrow == 1 && any != 0", "return borrow == 1 && any < 1<<63", "./internal/lanes"},
	{"a missing signature is not cleared", "internal/lanes/groups.go", "signatures[i] = [64]byte{}", "_ = signatures[i]", "./internal/lanes"},
}
