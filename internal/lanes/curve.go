package lanes

import "unsafe"

// Curve is one of 256 bits with its kernels, which stand in a package of its own. They take the vectors of a group (v) and those that all
// groups of a call share (c), a window of a table (t), and what says which of its points is meant (n, p).
type Curve struct {
	Order         [4]uint64
	OrderSquare   [4]uint64 // R^2 modulo the order, for R = 2^260
	One, OneOrder [5]uint64 // 1 as the kernels have it modulo p, and R modulo the order
	Use           string    // what the secret of nonces is for
	// LowestFirst is of digests: their first octet is the lowest, and they have 32.
	LowestFirst bool
	// Minus says that the second scalar of a verification is meant with the other sign.
	Minus bool

	Recode, AddLast, Collect, Invert, Finish      func(v, c unsafe.Pointer)
	First, Next, Advance                          func(v, c, t, n unsafe.Pointer)
	InvertRound, Inverted                         func(c unsafe.Pointer)
	CollectPublic, InvertPublic, Scalars, Compare func(v, c unsafe.Pointer)
	InvertRoundPublic, InvertedPublic             func(c unsafe.Pointer)
	NextLines, AdvanceLines                       func(v, c, t, n, p unsafe.Pointer)
	MulOrder                                      func(v, c, t unsafe.Pointer)
}

func (c *Curve) groups(digests [][]byte) *Groups {
	w := NewGroups(len(digests), c.One, c.OneOrder)
	for i, d := range digests {
		if c.LowestFirst {
			SetLittle(w.Group(i / Width)[GroupDigest:], i%Width, d)
		} else {
			w.SetDigest(i, d)
		}
	}
	return w
}

// Verifier verifies signatures by one public key, of which it has a table of 256 KB. It is safe for concurrent use.
type Verifier struct {
	curve *Curve
	base  Table
	lines []Vector
}

// NewVerifier makes one of the table of the base point and the points of the public key.
func NewVerifier(c *Curve, base Table, points *Points) *Verifier {
	return &Verifier{c, base, NewLines(points)}
}

// Verify verifies up to [MaxGroup] signatures, r and s of 32 octets each. It returns a bit for each that is good, and one for each that it
// cannot tell.
func (v *Verifier) Verify(digests [][]byte, signatures [][64]byte) (good, unknown uint64) {
	if !fits(digests, signatures) {
		return 0, 0
	}
	w := v.curve.groups(digests)
	defer w.Done()
	wrong := w.Put(signatures[:len(digests)], &v.curve.Order)
	good, unknown = v.judge(w)
	all := ^uint64(0) >> (MaxGroup - len(digests))
	return good & all &^ wrong, unknown & all &^ wrong
}

// fits says whether there is anything to do.
func fits(digests [][]byte, signatures [][64]byte) bool {
	if len(digests) > MaxGroup || len(signatures) < len(digests) {
		panic("lanes: more digests than a group or its signatures hold")
	}
	return len(digests) != 0
}

// judge verifies all lanes; r and s are from 1 to the order less 1. The digits of both scalars are added in turn, so that one window of each
// table is in use.
func (v *Verifier) judge(w *Groups) (good, unknown uint64) {
	k, c := v.curve, w.Shared()
	for i := range w.N {
		k.CollectPublic(w.At(i), c)
	}
	k.InvertPublic(w.At(w.N-1), c)
	for range rounds {
		k.InvertRoundPublic(c)
	}
	k.InvertedPublic(c)
	for i := w.N - 1; i >= 0; i-- {
		k.Scalars(w.At(i), c)
	}
	for i := range w.N {
		g, group := w.At(i), w.Group(i)
		w.setPublic(i, &k.Order, k.Minus)
		k.First(g, c, v.base.window(0), w.digit(i, 0))
		t, n, p := w.lines(v.lines, 0)
		k.NextLines(g, c, t, n, p)
		for j := 1; j < windows; j++ {
			k.Advance(g, c, v.base.window(j), w.digit(i, j))
			t, n, p := w.lines(v.lines, j)
			k.AdvanceLines(g, c, t, n, p)
		}
		k.AddLast(g, c)
		k.Compare(g, c)
		bad := uint64(Mask(&group[GroupBad]))
		good |= (uint64(Mask(&group[GroupR])) &^ bad) << (i * Width)
		unknown |= bad << (i * Width)
	}
	return good, unknown
}

// Signer signs by one private key; its nonces are those of [Groups.Nonces]. It is safe for concurrent use.
type Signer struct {
	*Verifier
	key    [5]uint64       // d R modulo the order
	secret [32]byte        // of nonces
	Watch  func(w *Groups) // a test's, after the signatures are made and before they are verified
}

// NewSigner makes the signer of a private key, 32 octets with the highest first, whose public key the verifier has.
func NewSigner(d []byte, v *Verifier) *Signer {
	s := &Signer{Verifier: v, secret: nonceSecret(d, v.curve.Use)}
	w := v.curve.groups(nil)
	defer w.Done()
	Set(w.Common, 0, d)
	a, b := w.Common[:5], w.Common[8:13]
	fillDigits(a, digits52([4]uint64{a[0][0], a[1][0], a[2][0], a[3][0]}))
	fillDigits(b, digits52(v.curve.OrderSquare))
	v.curve.MulOrder(unsafe.Pointer(&a[0]), w.Shared(), unsafe.Pointer(&b[0]))
	for i := range s.key {
		s.key[i] = a[i][0]
	}
	return s
}

// Sign signs up to [MaxGroup] digests. It writes r and s, 32 octets each with the highest first, and returns a bit for each digest that has no
// signature: an exceptional nonce, or a computation that went wrong.
func (s *Signer) Sign(signatures [][64]byte, digests [][]byte) (missing uint64) {
	if !fits(digests, signatures) {
		return 0
	}
	signatures = signatures[:len(digests)]
	w := s.curve.groups(digests)
	defer w.Done()
	w.Nonces(&s.secret, &s.curve.Order, digests)
	s.Compute(w)
	if s.Watch != nil {
		s.Watch(w)
	}
	missing = w.Take(signatures)
	good, _ := s.judge(w)
	return drop(signatures, missing|^good)
}

// Compute makes r and s of all lanes, from nonces and digests. Nothing is verified.
func (s *Signer) Compute(w *Groups) {
	k, c := s.curve, w.Shared()
	fillDigits(w.Common[commonKey:], s.key)
	for i := range w.N {
		g := w.At(i)
		k.Recode(g, c)
		k.First(g, c, s.base.window(0), w.digit(i, 0))
		k.Next(g, c, s.base.window(1), w.digit(i, 1))
		for j := 2; j < windows; j++ {
			k.Advance(g, c, s.base.window(j), w.digit(i, j))
		}
		k.AddLast(g, c)
		k.Collect(g, c)
	}
	k.Invert(w.At(w.N-1), c)
	for range rounds {
		k.InvertRound(c)
	}
	k.Inverted(c)
	for i := w.N - 1; i >= 0; i-- {
		k.Finish(w.At(i), c)
	}
}
