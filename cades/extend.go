package cades

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

// ExtendOptions says with what a message is raised. What a level does not need may be left out.
type ExtendOptions struct {
	// Timestamper gives time-stamps: a tsp.Client, or a tsp.Authority of one's own.
	Timestamper tsp.Timestamper
	// Revocation gives the chains and revocation values of levels above T: a revocation.Client.
	Revocation revocation.Source
	// Hash is that of the imprints and references: crypto.SHA256, SHA384, SHA512, or one of the caller (gost.Streebog256). Nil is that
	// of the signatures that are raised where Schemes bring it, else SHA-256.
	Hash sign.Hash
	// TimestampEvidence puts what proves the authority of a time-stamp on the signature into the unsigned attributes of the token:
	// references, certificates and revocation values, with the certificates of the token among them and no longer beside. It is how
	// CryptoPro makes T and X Long Type 1, and A of that with an archive-time-stamp-v3, which has its own. It needs Revocation from T on,
	// and stands beside the older forms of RFC 5126 and T only.
	TimestampEvidence bool
	// Signatures are the indices of those that are raised; nil means all.
	Signatures []int
	// Content is that of a detached message, or its digests by Hash and by the hashes of the signers. Archive time-stamps
	// need it; when it is there, signatures are checked against it, too.
	Content sign.Content
	// Roots and TimestampRoots are as in [VerifyOptions]. With them a signature is judged before it is raised, and the
	// time-stamps that it has may prove that it is older than the end of its certificate. Without them nothing that is there
	// proves anything: a signer whose certificate has expired or was revoked by now is refused, whatever is on the signature.
	Roots, TimestampRoots *trust.Roots
	// Schemes are signature schemes that only who asks for them has (mldsa.Schemes()), as in [VerifyOptions]: what is raised is
	// verified first.
	Schemes []sign.Scheme
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
	// Certificates are candidates for signers that the message does not hold.
	Certificates []*x509.Certificate
	// Force raises what does not verify, or expired before it was time-stamped. The result proves no more than what
	// was there.
	Force bool
}

// Extend returns the message raised to a level. Every octet that was there stays in place; what is new stands behind it.
//
// A signature that is at the level already is left as it is, but for LTA and A: each call adds an archive time-stamp, and for
// LTA what the last one needs to be verified later. One of A has to be later than the archive time-stamps that are there, by the clock of
// the authority, and else is refused with a temporary error. A signature that does not verify, or that was revoked or expired without a
// proof that it is older, is refused with an error that says why: of class [sign.ErrTime] or [sign.ErrRevocation], or of that by which
// it does not verify.
//
// When something was added before a step failed, the message with that comes beside the error, and [Reached] says what level all of its
// signatures that were to be raised have. It is nil when there is nothing new.
func (m *Message) Extend(ctx context.Context, to Level, o *ExtendOptions) ([]byte, error) {
	raised, err := m.Extended(ctx, to, o)
	return octets(raised, err)
}

// Extended is [Message.Extend] for messages that were opened: that which it returns has its content where it was, and
// [Message.WriteTo] writes it without holding it.
func (m *Message) Extended(ctx context.Context, to Level, o *ExtendOptions) (raised *Message, err error) {
	defer sign.Recover(&err)
	if o == nil {
		o = &ExtendOptions{}
	}
	e := &extension{o: o, m: m}
	if err := e.check(ctx, to); err != nil {
		return nil, err
	}
	return e.result(m, e.run(ctx, to))
}

// extension is one call of Extend. m becomes the message after each step.
type extension struct {
	o       *ExtendOptions
	m       *Message
	which   []path
	digest  []byte                      // of the content, by the hash of the imprints; nil when it is not needed
	digests []sign.Digest               // of the content
	octets  hash.Cloner                 // has taken encapContentInfo and a content that is not in memory, for archive time-stamps of RFC 5126
	proofs  map[string]*proof           // by path
	fresh   bool                        // the signature was made a moment ago and need not be verified
	judged  map[string]*SignatureReport // what was found of the signatures, by path
	own     map[string]time.Time        // of time-stamps that were made now, by path
}

// run raises every signature that was asked for.
func (e *extension) run(ctx context.Context, to Level) error {
	for _, at := range e.which {
		if err := e.raise(ctx, at, to); err != nil {
			return err
		}
	}
	return nil
}

// path is where a signature is: its index in the message, then those of counter-signatures on the way to it. Unlike the
// signature itself it is still good when the message has grown.
type path []int

func (s *Signature) path() path {
	if s.parent == nil {
		return path{s.Index}
	}
	return append(s.parent.path(), s.Index)
}

func (p path) String() string {
	text := fmt.Sprint(p[0])
	for _, i := range p[1:] {
		text += fmt.Sprintf(", counter-signature %d", i)
	}
	return text
}

// at finds the signature in the message as it is now.
func (e *extension) at(p path) *Signature { return e.m.at(p) }

func (m *Message) at(p path) *Signature {
	s := m.signatures[p[0]]
	for _, i := range p[1:] {
		s = s.counter[i]
	}
	return s
}

func extendError(class error, format string, args ...any) error {
	return &sign.Error{Op: "cades: extend", Class: class, Hint: fmt.Sprintf(format, args...)}
}

// check refuses what cannot be raised, before an authority is asked for anything.
func (e *extension) check(ctx context.Context, to Level) error {
	if to <= LevelBES || !to.known() {
		return extendError(sign.ErrInput, "a message is raised to t, lt, lta, c, xlong1 or a, and not to %s", to)
	}
	if e.algorithm() == nil {
		return extendError(sign.ErrInput, "the hash of imprints is SHA-256, SHA-384, SHA-512, or one that says its algorithm")
	}
	if e.o.Timestamper == nil {
		return extendError(sign.ErrInput, "level %s needs a Timestamper", to)
	}
	if to != LevelT && e.o.Revocation == nil {
		return extendError(sign.ErrInput, "level %s needs a Revocation source", to)
	}
	if e.o.TimestampEvidence && e.o.Revocation == nil {
		return extendError(sign.ErrInput, "evidence in time-stamps needs a Revocation source")
	}
	if e.o.TimestampEvidence && (to == LevelLT || to == LevelLTA) {
		return extendError(sign.ErrInput, "evidence in time-stamps is of the older forms; at level %s it stands in the message", to)
	}
	if len(e.which) == 0 {
		if err := e.choose(); err != nil {
			return err
		}
	}
	for _, s := range e.m.signatures {
		if s.has(cms.OIDEvidenceRecordInternal) || s.has(cms.OIDEvidenceRecordExternal) {
			return extendError(sign.ErrInput, "signature %d has an evidence record, which anything further would break", s.Index)
		}
	}
	for _, p := range e.which {
		if e.at(p).Level() == LevelPKCS7 {
			return extendError(sign.ErrInput, "signature %s is plain PKCS #7: it is not bound to its certificate, and that cannot be added later", p)
		}
		if len(p) > 1 {
			if err := e.at(p).mayChange(false); err != nil {
				return err
			}
		}
		if len(p) > 1 && to != LevelT {
			return extendError(sign.ErrInput, "signature %s is raised with the signature that it is on; by itself it takes a time-stamp (t) only", p)
		}
	}
	if e.fresh { // the draft took the digest when it read the content
		return nil
	}
	if err := e.takeContent(ctx, to); err != nil {
		return err
	}
	return e.verify(ctx)
}

// choose takes the signatures that the options name.
func (e *extension) choose() error {
	indices := e.o.Signatures
	if indices == nil {
		for i := range e.m.signatures {
			indices = append(indices, i)
		}
	}
	if len(indices) == 0 {
		return extendError(sign.ErrInput, "the message has no signature")
	}
	for _, i := range indices {
		if i < 0 || i >= len(e.m.signatures) {
			return extendError(sign.ErrInput, "there is no signature %d; the message has %d, from 0", i, len(e.m.signatures))
		}
		e.which = append(e.which, path{i})
	}
	return nil
}

// takeContent takes the digests of the content, in one pass: by the hash of the imprints, and by those of the signers, so
// that another content than the signed one is noticed.
func (e *extension) takeContent(ctx context.Context, to Level) error {
	needed := to == LevelLTA || to == LevelA
	c := e.o.Content
	if c.IsZero() && e.m.Detached() {
		if needed {
			return extendError(sign.ErrInput, "an archive time-stamp is over the content; give it, or its digest by %s", e.hash())
		}
		return nil
	}
	algorithms := map[cms.OID][]byte{oidOf(e.algorithm()): e.algorithm()}
	for _, s := range e.m.signatures {
		algorithms[s.in.SI.Digest.ID] = s.in.SI.Digest.Raw()
	}
	if e.m.Detached() && c.Source().DigestOnly() { // else what is inside counts, and has to be the same
		for _, algorithm := range algorithms {
			if sum, ok := c.Source().Digest(algorithm); ok {
				e.digests = append(e.digests, sign.Digest{Algorithm: algorithm, Sum: sum})
			}
		}
	} else if err := e.readContent(ctx, algorithms, to); err != nil {
		return err
	}
	for _, d := range e.digests {
		if oidOf(d.Algorithm) == oidOf(e.algorithm()) && len(d.Sum) == e.hash().Size() {
			e.digest = d.Sum
		}
	}
	if e.digest == nil && needed {
		return extendError(sign.ErrInput, "an archive time-stamp needs the digest of the content by %s, too", e.hash())
	}
	return nil
}

func (e *extension) readContent(ctx context.Context, algorithms map[cms.OID][]byte, to Level) error {
	hashes := map[cms.OID]hash.Hash{}
	var writers []io.Writer
	registry := e.registry()
	for id := range algorithms {
		if h, ok := registry.Hash(id); ok {
			hashes[id] = h.New()
			writers = append(writers, hashes[id])
		}
	}
	if to == LevelA && (e.m.Detached() || !e.m.in.Octets.InMemory()) {
		h := e.hash().New()
		if err := e.m.in.WriteContentHead(h); err != nil {
			return extendError(sign.ErrInput, "the content inside cannot be read: %s", err)
		}
		if e.m.Detached() { // else it was within
			writers = append(writers, h)
		}
		e.octets, _ = h.(hash.Cloner)
	}
	all := io.MultiWriter(writers...)
	if e.m.Detached() {
		if _, _, err := digestContent(ctx, all, e.o.Content, false); err != nil {
			return err
		}
	} else if err := e.m.WriteContent(all); err != nil {
		return extendError(sign.ErrInput, "the content inside cannot be read: %s", err)
	}
	for id, h := range hashes {
		e.digests = append(e.digests, sign.Digest{Algorithm: algorithms[id], Sum: h.Sum(nil)})
	}
	return nil
}

// verify checks the signatures, and their content where it is at hand.
func (e *extension) verify(ctx context.Context) error {
	if e.o.Force {
		return nil
	}
	// Whether the signer was revoked is asked when values are collected.
	v := &VerifyOptions{Certificates: e.o.Certificates, Roots: e.o.Roots, TimestampRoots: e.o.TimestampRoots, Clock: e.o.Clock, Schemes: e.o.Schemes, NoRevocation: true}
	content := e.o.Content
	if e.m.Detached() { // it was read
		content = sign.Content{}
		if len(e.digests) != 0 {
			content = sign.Digested(e.o.Content.Name, e.digests...)
		}
	}
	report, err := e.m.Verify(ctx, content, v)
	if err != nil {
		return err
	}
	for _, p := range e.which {
		r := &report.Signatures[p[0]]
		for _, i := range p[1:] {
			r = &r.CounterSignatures[i]
		}
		if e.judged == nil {
			e.judged = make(map[string]*SignatureReport)
		}
		e.judged[p.String()] = r
		for _, c := range r.Checks {
			absent := c.Status == Unchecked && c.Name == CheckSignature
			if c.Status == Failed || absent {
				return extendError(classOf(r), "signature %s does not verify: %s: %s", p, c.Name, c.Detail)
			}
		}
		if err := countersVerify(r.CounterSignatures, p); err != nil {
			return err
		}
	}
	return nil
}

// classOf is the class of a signature that does not verify. What is not known here is of the message: [sign.ErrUnsupported] would be of a
// key, and end the work on others.
func classOf(r *SignatureReport) error {
	if r.Cause == validate.CauseNotChecked {
		return sign.ErrInput
	}
	return cmp.Or(r.Cause.Unwrap(), sign.ErrInput)
}

// countersVerify refuses counter-signatures that do not verify, which the time-stamps of the signature would be over.
func countersVerify(all []SignatureReport, on path) error {
	for i := range all {
		at := append(on[:len(on):len(on)], i)
		if !all[i].Valid() {
			return extendError(classOf(&all[i]), "counter-signature %d on signature %s does not verify: %s", i, on, all[i].Err())
		}
		if err := countersVerify(all[i].CounterSignatures, at); err != nil {
			return err
		}
	}
	return nil
}

// Extend is [Message.Extend] for this signature, or this counter-signature, alone.
func (s *Signature) Extend(ctx context.Context, to Level, o *ExtendOptions) ([]byte, error) {
	if o == nil {
		o = &ExtendOptions{}
	}
	e := &extension{o: o, m: s.message, which: []path{s.path()}}
	if err := e.check(ctx, to); err != nil {
		return nil, err
	}
	raised, err := e.result(s.message, e.run(ctx, to))
	return octets(raised, err)
}

// proof is a time at which the signature is known to have existed: by a time-stamp that was made now, or by one that was there
// and is by an authority below the given roots.
func (e *extension) proof(p path) (at time.Time, ok bool) {
	at, ok = e.own[p.String()]
	if r := e.judged[p.String()]; r != nil && r.Proof != "" && (!ok || r.BestTime.Before(at)) {
		at, ok = r.BestTime, true
	}
	return at, ok
}

// notExpired refuses a signature whose certificate had expired by the time for which there is a proof: nothing shows then that
// the signature is older.
func (e *extension) notExpired(s *Signature) error {
	if e.o.Force {
		return nil
	}
	found, _ := s.in.FindSigner(e.candidates(), e.registry())
	if found == nil {
		return nil
	}
	at, ok := e.proof(s.path())
	what := "the time-stamp of " + at.UTC().Format(time.RFC3339)
	if !ok {
		at, what = e.now(), "now, and nothing below trusted roots proves that the signature is older; give the roots that its time-stamps lead to"
	}
	if at.After(found.NotAfter) {
		return extendError(sign.ErrTime, "the certificate of signature %s expired on %s, before %s", s.path(), found.NotAfter.UTC().Format(time.RFC3339), what)
	}
	return nil
}

func (e *extension) registry() *algorithm.Registry { return &algorithm.Registry{Schemes: e.o.Schemes} }

func (e *extension) now() time.Time {
	if e.o.Clock != nil {
		return e.o.Clock()
	}
	return time.Now()
}

func (e *extension) candidates() *pki.Pool { return message.With(e.m.in.Candidates, e.o.Certificates) }

// timestamp gets a token over the parts.
func (e *extension) timestamp(ctx context.Context, p message.Imprint) (*tsp.Token, error) {
	return e.stamp(ctx, p.Sum(e.hash().New(), e.digest))
}

// stamp gets a token over a digest.
func (e *extension) stamp(ctx context.Context, sum []byte) (*tsp.Token, error) {
	return askTimestamp(ctx, e.o.Timestamper, e.hash(), sum)
}

// grow puts what is new into the message, which is read again.
func (e *extension) grow(g *growth) error {
	octets, err := g.octets(e.m.in.SD)
	if err != nil {
		return err
	}
	in, err := message.Read(octets)
	if err != nil {
		return err
	}
	e.m = wrap(in)
	return nil
}

// attribute encodes an Attribute with one value.
func attribute(id cms.OID, value []byte) []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.OID(id)
	set := b.Open(cms.TagSet)
	b.Raw(value)
	b.Close(set)
	b.Close(seq)
	return b.Bytes()
}
