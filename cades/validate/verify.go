package validate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// Message is cades.Message.Verify, for that package: nobody else has such a message. It checks every signature, and reports each check by name. The content of a detached message is read
// once, or its digests stand for it; the zero Content is for an attached message. The error is for what kept the checks from being
// made, such as a content that cannot be read.
func Message(ctx context.Context, m *message.Message, content sign.Content, o *Options) (report *Report, err error) {
	defer sign.Recover(&err) // of a content, a clock or a scheme that the caller brings; there is no report then
	if o == nil {
		o = &Options{}
	}
	if err := o.Policy.Err(); err != nil {
		return nil, &sign.Error{Op: "cades: verify", Class: sign.ErrInput, Err: err}
	}
	v := newVerifier(m, o)
	if err := v.digestContent(ctx, content); err != nil {
		return nil, err
	}
	// The values of all signatures come first: what anybody can append to one does not take from the others.
	all := make([]*judgement, len(m.Signatures))
	for i, s := range m.Signatures {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		all[i] = v.begin(s, v.work.Share(len(all)-i))
	}
	v.appended = v.work.Part(2)
	v.wellMade(m.Signatures...)
	judged := &Report{Version: ReportVersion, Time: v.now().UTC(), Policy: v.rules.Name, Detached: m.Detached(), ContentType: m.SD.ContentType.String(), Signatures: []SignatureReport{}}
	for i, j := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		j.work = v.work.Share(len(all) - i)
		judged.Signatures = append(judged.Signatures, v.finish(ctx, j))
	}
	for i, j := range all { // what is left is theirs
		v.counterSignatures(ctx, &judged.Signatures[i], j)
	}
	judged.Indication = worst(judged.Signatures)
	return judged, nil
}

// verifier is one run of Verify.
type verifier struct {
	reread      func() (io.ReadCloser, error) // reads the content of a detached message once more; nil when that cannot be
	lines       map[cms.OID][2][]byte         // digests of the content with other line ends
	size        int                           // octets of the message without its content, and of what was given
	m           *message.Message
	o           *Options
	rules       *Policy             // of the options, or the default
	known       *algorithm.Registry // what the policy thinks of algorithms, with the schemes of the caller
	candidates  *pki.Pool
	listed      map[cms.OID]bool      // hashes that SignedData.digestAlgorithms names
	pools       []*pki.Pool           // certificates that were given, and those of the message; nil when no path was asked for
	work        *pki.Work             // what judging the message may cost
	appended    *pki.Work             // the part of it for time-stamps and counter-signatures
	looking     *pki.Work             // what it may cost to look for values of levels; nil until asked for
	brought     *revocation.Checker   // values that were given
	values      *revocation.Checker   // those, and those of the message
	own         *revocation.Checker   // those of the message; nil until asked for
	inside      map[cms.OID][]byte    // digests of the content of the message
	given       map[cms.OID][]byte    // digests of the content that the caller gave
	running     map[cms.OID]hash.Hash // have taken what comes before a detached content in archive time-stamps, and it
	insideForm  *attributesForm       // of the content of the message; nil when no signature asks
	givenForm   *attributesForm
	checked     map[*message.Signature][]*stampCheck
	authorities map[*pki.Certificate]bool // of good tokens, for which no path was looked for yet
	indexed     map[indexedBy]bool        // digests for hash indexes that were paid
	paths       map[pathOf]*pathFound
	named       map[*pki.Certificate]*CertificateReport
	proved      map[heldFor][]Finding // what the message lacks to prove certificates
}

func newVerifier(m *message.Message, o *Options) *verifier {
	size := m.Size()
	if !m.Detached() { // a content is digested, whatever its size, and asks for nothing
		size -= m.SD.Content.Len()
	}
	for _, c := range o.Certificates {
		if c != nil {
			size += len(c.Raw)
		}
	}
	for _, der := range o.RawCertificates {
		size += len(der)
	}
	v := &verifier{
		m: m, o: o, rules: o.policy(), candidates: message.With(m.Candidates, o.Certificates, o.RawCertificates...), listed: map[cms.OID]bool{}, size: size, work: pki.NewWork(size),
		checked: map[*message.Signature][]*stampCheck{}, authorities: map[*pki.Certificate]bool{}, indexed: map[indexedBy]bool{}, paths: map[pathOf]*pathFound{}, named: map[*pki.Certificate]*CertificateReport{}, proved: map[heldFor][]Finding{},
	}
	v.known = v.rules.Algorithms.Registry().(*algorithm.Registry).Caching().Checking(o.Roots.Index().(*pki.Anchors).Checkers())
	for _, a := range m.SD.Digests {
		v.listed[a.ID] = true
	}
	return v
}

// hashOf finds the hash of an AlgorithmIdentifier here or among the schemes of the caller.
func (v *verifier) hashOf(id cms.OID) (newHash func() hash.Hash, ok bool) {
	h, ok := v.registry().Hash(id)
	return h.New, ok
}

// digestContent takes every digest that the signers and their time-stamps need, in one pass.
func (v *verifier) digestContent(ctx context.Context, content sign.Content) error {
	v.reread = content.Source().Rewind()
	digests, err := v.digestsOf(content)
	if err != nil {
		return err
	}
	hashes := map[cms.OID]hash.Hash{}
	var writers []io.Writer
	want := func(id cms.OID) {
		if newHash, ok := v.hashOf(id); ok && hashes[id] == nil {
			hashes[id] = newHash()
			writers = append(writers, hashes[id])
		}
	}
	bare := false
	for _, s := range v.m.Signatures {
		want(v.digestOf(s))
		if s.SI.SignedAttrs.IsZero() { // then the signature is over the content itself
			bare = true
			if v.overContent(s) {
				want(v.anyHash(v.digestOf(s)))
			}
			if id := v.registry().HashOf(s.SI.Algorithm); id != "" {
				want(id)
			}
		}
		for _, c := range v.stamps(s) {
			if c.content == message.ContentDigest || c.content == message.ContentItself {
				want(c.hash)
			}
		}
	}
	take := func() map[cms.OID][]byte {
		sums := map[cms.OID][]byte{}
		for id, h := range hashes {
			sums[id] = h.Sum(nil)
			h.Reset()
		}
		return sums
	}
	if !v.m.Detached() {
		for id := range digests { // also those that no signature asks for: what is inside has to be the same
			want(id)
		}
		all := writers
		if bare {
			v.insideForm = &attributesForm{}
			all = append(writers[:len(writers):len(writers)], v.insideForm)
		}
		if err := v.m.WriteContent(&passing{ctx, io.MultiWriter(all...)}); err != nil {
			return insideError(err)
		}
		v.inside = take()
		if running := v.startRunning(); len(running) != 0 {
			if err := v.m.WriteContentHead(&passing{ctx, io.MultiWriter(running...)}); err != nil {
				return insideError(err)
			}
		}
	}
	switch from := content.Source(); {
	case content.IsZero():
	case from.DigestOnly():
		v.given = digests // contentDigest compares them
	default:
		if v.m.Detached() {
			for _, h := range v.startRunning() {
				_, _ = h.Write(v.m.ContentHead())
				writers = append(writers, h)
			}
		}
		if bare {
			v.givenForm = &attributesForm{keep: v.overWhole()}
			writers = append(writers, v.givenForm)
		}
		if _, err := message.CopyContent(ctx, io.MultiWriter(writers...), from); err != nil {
			return readError(content.Name, err)
		}
		v.given = take()
	}
	return nil
}

// digestsOf are those of a content of which only digests are known, by their hash; nil of any other content.
func (v *verifier) digestsOf(content sign.Content) (map[cms.OID][]byte, error) {
	if !content.Source().DigestOnly() {
		return nil, nil
	}
	all := map[cms.OID][]byte{}
	for _, d := range content.Source().Digests() {
		id := oidOf(d.Algorithm)
		if id == "" {
			return nil, digestError(content.Name, "the algorithm of a digest of the content cannot be read")
		}
		if newHash, ok := v.hashOf(id); ok && len(d.Sum) != newHash().Size() {
			return nil, digestError(content.Name, "a digest of the content by %s has %d octets instead of %d", id.Name(), len(d.Sum), newHash().Size())
		}
		if other, ok := all[id]; ok && !bytes.Equal(other, d.Sum) {
			return nil, digestError(content.Name, "two digests of the content by %s are different", id.Name())
		}
		all[id] = d.Sum
	}
	return all, nil
}

func digestError(name, format string, args ...any) error {
	return &sign.Error{Op: "cades: verify", Place: name, Class: sign.ErrInput, Err: fmt.Errorf(format, args...)}
}

// startRunning makes the hashes for time-stamps over octets of which the content is a part.
func (v *verifier) startRunning() (all []io.Writer) {
	v.running = map[cms.OID]hash.Hash{}
	for _, s := range v.m.Signatures {
		for _, c := range v.stamps(s) {
			if c.content == message.ContentOctets && c.newHash != nil && v.running[c.hash] == nil {
				h := c.newHash()
				v.running[c.hash] = h
				all = append(all, h)
			}
		}
	}
	return all
}

// passing ends the reading of a large content with the context.
type passing struct {
	ctx context.Context
	to  io.Writer
}

func (p *passing) Write(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.to.Write(b)
}

// insideError tells a content that is malformed from one that cannot be read.
func insideError(err error) error {
	if _, ok := errors.AsType[*cms.SyntaxError](err); ok {
		return &sign.Error{Op: "cades: verify", Class: sign.ErrInput, Err: err}
	}
	return readError("", err)
}

// contentDigest returns the digest of the content by a hash. problem is not empty when there is none, or when the content
// given is not the one inside.
func (v *verifier) contentDigest(id cms.OID) (sum []byte, status Status, problem string) {
	inside, given := v.inside[id], v.given[id]
	switch compared, differs := v.compared(); {
	case v.inside == nil && v.given == nil:
		return nil, Unchecked, "the signature is detached and no content was given"
	case inside == nil && given == nil:
		return nil, Unchecked, fmt.Sprintf("no digest of the content by %s is known", id.Name())
	case differs:
		return nil, Failed, "the content given is not the one inside the message"
	case v.inside != nil && v.given != nil && !compared:
		return nil, Unchecked, fmt.Sprintf("nothing says that the content inside is the one given: no digest of that by %s was given", id.Name())
	case inside != nil:
		return inside, Passed, ""
	}
	return given, Passed, ""
}

// compared reports whether the content inside was compared with the one given, by any hash, and whether they differ.
func (v *verifier) compared() (compared, differs bool) {
	for id, sum := range v.given {
		if inside := v.inside[id]; inside != nil && sum != nil {
			compared = true
			differs = differs || !bytes.Equal(inside, sum)
		}
	}
	return compared, differs
}

// judgement is a signature on its way.
type judgement struct {
	s    *message.Signature
	r    SignatureReport
	cert *pki.Certificate
	work *pki.Work // what it is paid from
	over bool      // nothing is left
}

// stepsPerSignature is what the report of a signature costs, in steps of [pki.Work]. A SignerInfo has 40 octets at least, and what is
// said of it some thousands.
const stepsPerSignature = 256

const tooMuchWork = "the message asks for more work than its size allows"

// begin checks one SignerInfo, and its value.
func (v *verifier) begin(s *message.Signature, work *pki.Work) *judgement {
	j := &judgement{s: s, r: SignatureReport{Index: s.Index, DigestAlgorithm: s.DigestAlgorithm(), SignatureAlgorithm: s.SignatureAlgorithm()}, work: work}
	if j.over = !work.SpendSteps(stepsPerSignature) || !work.SpendOctets(len(s.SI.Value.Raw())); j.over {
		return j
	}
	r := &j.r
	if s.Parent == nil {
		v.structure(r, s)
	}
	v.attributes(r, s)
	v.withoutAttributes(r, s)
	j.cert = v.signer(j)
	if j.cert != nil {
		r.Signer = v.certificateReport(j.cert)
	}
	v.contentType(r, s)
	v.messageDigest(j)
	v.algorithms(j)
	v.algorithmProtection(r, s)
	v.signingTime(r, s)
	v.policy(r, s)
	v.value(j)
	return j
}

// counterSignatures judges those on a signature.
func (v *verifier) counterSignatures(ctx context.Context, r *SignatureReport, on *judgement) {
	if on.over {
		return
	}
	for i, s := range on.s.Counter {
		child := v.begin(s, v.appended.Share(len(on.s.Counter)-i))
		v.wellMade(s)
		report := v.finish(ctx, child)
		v.counterSignatures(ctx, &report, child)
		r.CounterSignatures = append(r.CounterSignatures, report)
	}
}

// finish looks at time-stamps and certificates, and concludes.
func (v *verifier) finish(ctx context.Context, j *judgement) SignatureReport {
	r := &j.r
	if j.over {
		r.add(CheckSignature, Unchecked, "%s", tooMuchWork)
		r.Form, r.Level, r.Levels, r.Cause, r.BestTime = j.s.Form(), "none", []LevelReport{}, CauseNotChecked, v.now().UTC()
		r.SubIndication, r.Reason = NotSupported, CheckSignature+": "+tooMuchWork
		return *r
	}
	v.proofs(ctx, r, j.s)
	v.chain(ctx, j)
	v.late(j)
	v.unsigned(r, j.s)
	v.levels(r, j.s, j.cert)
	v.constraints(r, j.s)
	r.conclude()
	return *r
}

// now is the time of validation.
func (v *verifier) now() time.Time {
	at := v.o.Time
	if at.IsZero() && v.o.Clock != nil {
		at = v.o.Clock()
	}
	if at.IsZero() {
		at = time.Now()
	}
	return at
}

func certificateName(c *pki.Certificate) string {
	if c.Subject.IsEmpty() || c.Subject.Malformed() {
		return "certificate with serial number " + c.SerialText()
	}
	return c.Subject.String()
}

// oidOf reads the object identifier of an encoded AlgorithmIdentifier.
func oidOf(algorithm []byte) cms.OID {
	v, err := cms.ReadValue(algorithm)
	if err != nil {
		return ""
	}
	a, err := cms.ParseAlgorithm(v)
	if err != nil {
		return ""
	}
	return a.ID
}

func readError(name string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*sign.Error](err); ok {
		return err
	}
	return &sign.Error{Op: "cades: read", Place: name, Err: err}
}
