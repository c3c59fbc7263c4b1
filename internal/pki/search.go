package pki

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/seed-116355fd/signet/internal/cms"
)

// The search goes from the target upwards along signatures that hold, and tries a path as soon as it meets an anchor: first
// by the likeliest issuer of each certificate only, then by all, nearest certificates first. Strangers who add certificates to
// a message cannot make paths through signatures that do not hold, and each certificate is met once however they are tied
// together. Only when all those paths fail, other ways through the same certificates are walked from the anchors down, where
// what does not hold ends a whole branch.

// rank is how well the key of a candidate fits what the certificate below says about its issuer.
type rank int

const (
	hashFits rank = iota // the identifier is the hash of the key, which nobody can imitate
	idFits               // the candidate says that it has this identifier
	idUnknown
	idDiffers
)

type search struct {
	ctx    context.Context
	v      *Verifier
	w      *Work
	target *Certificate
	depth  int
	direct bool // the target is an anchor

	nodes    []*node // in the order in which they were met
	byCert   map[*Certificate]*node
	tops     []top
	edges    map[edge]bool
	subtrees map[*Certificate]*subtrees
	usable   map[*Certificate]bool // as an issuer

	offered   []refusedPath // paths that Accept saw
	refused   int
	done      bool   // enough paths were refused
	best      *Error // of paths that reached an anchor
	remaining int    // how many certificates of that path were not walked
}

// edge is a verified signature.
type edge struct{ issuer, subject *node }

// node is a certificate from which verified signatures lead down to the target.
type node struct {
	cert       *Certificate
	level      int
	via        *node   // the certificate below, when it was met first
	below      []*node // all that it issued
	anchored   bool    // anchors were tried
	issued     bool    // by an anchor or a candidate
	selfSigned bool
	failure    *Error // of a candidate whose signature did not hold
}

// top is an anchor that issued a certificate.
type top struct {
	anchor Anchor
	node   *node
}

func newSearch(ctx context.Context, v *Verifier, target *Certificate) *search {
	s := &search{ctx: ctx, v: v, w: v.Work, target: target, depth: v.MaxDepth,
		subtrees: map[*Certificate]*subtrees{}, usable: map[*Certificate]bool{}}
	if s.w == nil {
		s.w = NewWork(len(target.Raw))
	}
	if s.depth <= 0 {
		s.depth = DefaultMaxDepth
	}
	s.depth = min(s.depth, maxDepthLimit)
	return s
}

// spend takes steps of the budget, and looks whether anybody still waits.
func (s *search) spend(steps int) *Error {
	if err := s.ctx.Err(); err != nil {
		return &Error{Reason: OutOfBudget, Certificate: s.target, Text: err.Error(), Err: err}
	}
	if !s.w.SpendSteps(steps) {
		return s.outOfBudget()
	}
	return nil
}

func (s *search) outOfBudget() *Error {
	return fail(OutOfBudget, s.target, "was not judged to the end: the certificates need more work than a message of this size may")
}

func (s *search) run() (*Path, *Error) {
	for _, p := range s.target.Problems {
		if p.Fatal {
			// Not even its signature can be looked at in a way that everybody would.
			return nil, s.failed(malformedAs(s.target, p), 0, []*Certificate{s.target})
		}
	}
	if s.v.Anchors.Contains(s.target) {
		s.direct = true
		path, err := s.walk(Anchor{Certificate: s.target}, []*Certificate{s.target})
		if s.direct = false; err == nil {
			return path, nil
		}
		if s.fatal(err) {
			return nil, err
		}
	}
	s.begin()
	if s.targetDefect() == nil {
		// The likeliest issuer of each first, and no other: what is added to a message does not even have its signatures checked.
		for _, pass := range []pass{{upTo: idDiffers, first: true}, {upTo: hashFits}, {upTo: idUnknown}, {upTo: idDiffers}} {
			if path, err := s.climb(pass); path != nil || s.fatal(err) {
				return path, err
			}
			if pass.first {
				s.begin() // or who was met on a long way would stay far away
			}
		}
		if path, err := s.descend(); path != nil || s.fatal(err) {
			return path, err
		}
	}
	if s.best == nil {
		// What would the path be if times and usages did not matter? Its first fault is what a person wants to hear.
		if path, err := s.climb(pass{upTo: idDiffers, lenient: true}); path != nil || s.fatal(err) {
			return path, err
		}
	}
	if s.best != nil {
		return nil, s.best
	}
	return nil, s.diagnose()
}

// fatal reports whether an error ends the whole search.
func (s *search) fatal(err *Error) bool {
	return err != nil && (err.Reason == OutOfBudget || s.done || s.ctx.Err() != nil)
}

// targetDefect is what would make every path fail.
func (s *search) targetDefect() *Error {
	if err := checkExtensions(s.target, s.v.Critical); err != nil {
		return err
	}
	if err := s.timeDefect(s.target); err != nil {
		return err
	}
	return checkUse(s.target, s.v.Purpose, s.v.Authority)
}

// begin forgets everybody but the target. Signatures that were checked stay known.
func (s *search) begin() {
	s.nodes, s.tops = nil, nil
	s.byCert, s.edges = map[*Certificate]*node{}, map[edge]bool{}
	s.meet(s.target, nil)
}

func (s *search) meet(c *Certificate, below *node) *node {
	n := s.byCert[c]
	if n == nil {
		n = &node{cert: c, via: below}
		if below != nil {
			n.level = below.level + 1
		}
		s.byCert[c] = n
		s.nodes = append(s.nodes, n)
	}
	if e := (edge{n, below}); below != nil && !s.edges[e] {
		s.edges[e] = true
		n.below = append(n.below, below)
	}
	return n
}

// pass is how far one round of the search goes.
type pass struct {
	upTo    rank // issuers whose keys fit as well
	first   bool // one issuer of each certificate
	lenient bool // leave out everything but signatures
}

// climb meets issuers. It returns a path, or an error that ends the search, or neither.
func (s *search) climb(p pass) (*Path, *Error) {
	for i := 0; i < len(s.nodes) && (!p.lenient || s.best == nil); i++ { // grows while it is walked
		n := s.nodes[i]
		if !n.anchored || p.lenient {
			if path, err := s.tryAnchors(n, p.lenient); path != nil || err != nil {
				return path, err
			}
			n.anchored = true
		}
		if n.selfSigned || n.level+1 >= s.depth {
			continue
		}
		if !n.issued && n.cert.SelfIssued() {
			// Its other issuers, if there are any, have its own key, and issued what it issued.
			sig := s.signature(n.cert, n.cert.SPKI)
			if sig.reason == OutOfBudget {
				return nil, s.outOfBudget()
			}
			if n.selfSigned = sig.reason == 0; n.selfSigned {
				continue
			}
		}
		if err := s.tryCandidates(n, p); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (s *search) tryAnchors(n *node, lenient bool) (*Path, *Error) {
	anchors := s.v.Anchors.named(n.cert.Issuer)
	if err := s.spend(1 + len(anchors)); err != nil {
		return nil, err
	}
	if len(anchors) > 1 {
		anchors = slices.Clone(anchors)
		slices.SortStableFunc(anchors, func(a, b Anchor) int { return cmp.Compare(anchorRank(n.cert, a), anchorRank(n.cert, b)) })
	}
	for _, a := range anchors {
		if !lenient && a.Certificate != nil && s.anchorDefect(a.Certificate) != nil {
			continue
		}
		if ok, err := s.issued(n, a.spki()); err != nil {
			return nil, err
		} else if !ok {
			continue
		}
		n.issued = true
		s.tops = append(s.tops, top{a, n})
		var certificates []*Certificate
		for m := n; m != nil; m = m.via {
			certificates = append(certificates, m.cert)
		}
		slices.Reverse(certificates)
		path, err := s.walk(a, certificates)
		if err == nil || s.fatal(err) {
			return path, err
		}
	}
	return nil, nil
}

// issued reports whether a key signed the certificate of a node; the error is that of the budget. Of failures it keeps the
// one that says most: a rule or a missing algorithm is no forgery.
func (s *search) issued(n *node, spki []byte) (bool, *Error) {
	sig := s.signature(n.cert, spki)
	switch {
	case sig.reason == 0:
		return true, nil
	case sig.reason == OutOfBudget:
		return false, s.outOfBudget()
	case n.failure == nil || n.failure.Reason == WrongSignature && sig.reason != WrongSignature:
		n.failure = s.signatureError(n.cert, sig)
	}
	return false, nil
}

// canIssue is asked for each certificate once, since its reason takes longer to write than to find.
func (s *search) canIssue(c *Certificate) bool {
	ok, known := s.usable[c]
	if !known {
		ok = s.issuerDefect(c) == nil
		s.usable[c] = ok
	}
	return ok
}

func anchorRank(c *Certificate, a Anchor) rank {
	if a.Certificate == nil {
		return idUnknown
	}
	return rankOf(c, a.Certificate)
}

func rankOf(c, candidate *Certificate) rank {
	if c.AuthorityKeyID == nil || len(c.AuthorityKeyID.KeyID) == 0 {
		return idUnknown
	}
	id := c.AuthorityKeyID.KeyID
	switch {
	case bytes.Equal(candidate.keyHash(), id):
		return hashFits
	case len(candidate.SubjectKeyID) == 0:
		return idUnknown
	case bytes.Equal(candidate.SubjectKeyID, id):
		return idFits
	}
	return idDiffers
}

// tryCandidates meets the issuers of a certificate that the pass goes to.
func (s *search) tryCandidates(n *node, p pass) *Error {
	candidates, err := s.candidates(n, p.upTo)
	if err != nil {
		return err
	}
	for _, c := range candidates {
		if err := s.spend(1); err != nil {
			return err
		}
		if known := s.byCert[c]; known != nil && s.edges[edge{known, n}] || !p.lenient && !s.canIssue(c) {
			continue
		}
		if ok, err := s.issued(n, c.SPKI); err != nil {
			return err
		} else if !ok {
			continue
		}
		n.issued = true
		if s.meet(c, n); p.first {
			break
		}
	}
	return nil
}

// candidates returns certificates of the name of the issuer, those that fit best first: by identifier, then by the size of
// the signature, then those that are valid, those that are not self-issued, and newer ones (RFC 4158 section 3.5).
func (s *search) candidates(n *node, upTo rank) ([]*Certificate, *Error) {
	type candidate struct {
		c   *Certificate
		key int // smaller is better
	}
	var found []candidate
	for i, pool := range s.v.Pools {
		if pool == nil {
			continue
		}
		named := pool.BySubject(n.cert.Issuer)
		if err := s.spend(len(named)); err != nil {
			return nil, err
		}
		for _, c := range named {
			if c.Equal(n.cert) || c.Equal(s.target) || inEarlier(s.v.Pools[:i], c) {
				continue
			}
			if r := rankOf(n.cert, c); r <= upTo {
				key := int(r)
				for _, worse := range []bool{!signatureFits(n.cert, c), !c.ValidAt(s.v.Time), c.SelfIssued()} {
					if key *= 2; worse {
						key++
					}
				}
				found = append(found, candidate{c, key*len(s.v.Pools) + i})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.key, b.key), b.c.NotBefore.Compare(a.c.NotBefore))
	})
	all := make([]*Certificate, len(found))
	for i, f := range found {
		all[i] = f.c
	}
	return all, nil
}

func inEarlier(pools []*Pool, c *Certificate) bool {
	return slices.ContainsFunc(pools, func(p *Pool) bool { return p != nil && p.has(c) })
}

// signatureFits compares the size of a signature with that of a key: keys of others that are costly to try come last.
func signatureFits(c, issuer *Certificate) bool {
	size, key := len(c.Signature), len(issuer.keyBits)
	if issuer.KeyAlgorithm.ID == cms.OIDECPublicKey {
		return size <= key+8 && size > key-24 // r and s in DER, or side by side, against x and y
	}
	return size < key && key < size+64 // an RSA modulus and its exponent in DER
}

// walk validates the path and offers it to the caller.
func (s *search) walk(a Anchor, certificates []*Certificate) (*Path, *Error) {
	st, err := s.start(a)
	remaining := len(certificates)
	for i := len(certificates) - 1; i >= 0 && err == nil; i-- {
		remaining = i
		st, err = s.step(st, certificates[i], i == 0)
	}
	if err != nil {
		return nil, s.failed(err, remaining+1, certificates)
	}
	return s.offer(st)
}

// failed keeps the error of the path that was walked furthest from its anchor, the first one of several.
func (s *search) failed(err *Error, remaining int, path []*Certificate) *Error {
	if err.Path == nil {
		err.Path = path
	}
	if s.best == nil || remaining < s.remaining {
		s.best, s.remaining = err, remaining
	}
	return err
}

// refusedPath is one that the caller did not take.
type refusedPath struct {
	spki []byte
	path []*Certificate
}

func (p refusedPath) same(other refusedPath) bool {
	return bytes.Equal(p.spki, other.spki) && slices.EqualFunc(p.path, other.path, (*Certificate).Equal)
}

func (s *search) offer(st *state) (*Path, *Error) {
	path := s.result(st)
	if s.v.Accept == nil {
		s.remembering(path)
		return path, nil
	}
	this := refusedPath{st.anchor.spki(), st.path}
	if slices.ContainsFunc(s.offered, this.same) { // no more than maxRefused
		return nil, s.best
	}
	err := s.v.Accept(s.ctx, path)
	if err == nil {
		s.remembering(path)
		return path, nil
	}
	var own *Error
	if errors.As(err, &own) && own.Reason == OutOfBudget {
		return nil, own
	}
	this.path = slices.Clone(this.path)
	s.offered = append(s.offered, this)
	s.failed(fail(Refused, s.target, "has a path that was refused: %s", err).because(err), 0, path.Certificates)
	s.refused++
	s.done = s.refused >= maxRefused
	return nil, s.best
}
