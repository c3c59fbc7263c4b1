package validate

import (
	"bytes"
	"cmp"
	"fmt"
	"hash"
	"slices"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/tst"
	"github.com/seed-116355fd/signet/sign"
)

// stampCheck is a time-stamp on its way through Verify.
type stampCheck struct {
	*message.Timestamp
	signature *message.Signature
	content   message.ContentUse
	hash      cms.OID // of the imprint
	newHash   func() hash.Hash
	idx       *message.ParsedIndex
	idxErr    error

	status Status // of the token by itself
	detail string
	cause  Cause            // of a token that failed
	cert   *pki.Certificate // of its authority; nil when it is not there
	cost   int              // of checking a signature by its key
}

// stamps returns the time-stamps of a signature, always the same ones.
func (v *verifier) stamps(s *message.Signature) []*stampCheck {
	if all, ok := v.checked[s]; ok {
		return all
	}
	var all []*stampCheck
	for _, t := range s.Timestamps() {
		c := &stampCheck{Timestamp: t, signature: s, content: s.ContentOf(t.Kind)}
		if t.Kind == message.ArchiveTimestampV1 || t.Kind == message.ArchiveTimestampV2 {
			c.content = message.ContentOctets // digested once for all of them
		}
		if t.Token != nil {
			c.hash = t.Token.Hash
			if newHash, ok := v.hashOf(c.hash); ok {
				c.newHash = newHash
			}
			if t.Kind == message.ArchiveTimestampV3 {
				c.idx, c.idxErr = t.Index()
			}
		}
		all = append(all, c)
	}
	v.checked[s] = all
	return all
}

// wellMade checks each time-stamp by itself: that it is over what its kind says, and that its token is well made. Those come first that
// are checked fast, and they leave half for the paths of their authorities: with tokens of costly keys, strangers could use up what the
// good one needs.
func (v *verifier) wellMade(signatures ...*message.Signature) {
	var all []*stampCheck
	for _, s := range signatures {
		for _, c := range v.stamps(s) {
			if all = append(all, c); c.Token != nil {
				if c.cert = c.Token.Signer(v.candidates, v.registry()); c.cert != nil {
					c.cost = algorithm.Cost(c.cert.SPKI)
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *stampCheck) int { return cmp.Compare(a.cost, b.cost) })
	work := v.appended.Part(2)
	for _, c := range all {
		if v.wellMadeOne(c, work); c.status == Passed && c.cert != nil {
			v.authorities[c.cert] = true
		}
	}
}

func (v *verifier) wellMadeOne(c *stampCheck, work *pki.Work) {
	if c.Token == nil {
		c.status, c.detail, c.cause = Failed, fmt.Sprintf("it cannot be read: %s", c.Err), CauseMalformed
		return
	}
	// What is looked at for each: the attributes beside it, its own octets, and a report.
	if !work.SpendSteps(stepsPerSignature+4*len(c.signature.SI.Unsigned)) || !work.SpendOctets(len(c.Token.Raw)) {
		c.status, c.detail, c.cause = Unchecked, tooMuchWork, CauseNotChecked
		return
	}
	sum, status, problem := v.imprint(c, work)
	if problem != "" {
		c.status, c.detail, c.cause = status, problem, CauseMalformed
		if status == Unchecked {
			c.cause = CauseNotChecked
			if c.content != message.NoContent && v.inside == nil && v.given == nil && c.newHash != nil {
				c.cause = CauseContentMissing
			}
		}
		return
	}
	others := c.Token.Problems(sign.Digest{Algorithm: c.Token.Imprint.Algorithm, Sum: sum}, &tst.Options{Candidates: v.candidates, Registry: v.registry(), Work: work})
	if len(others) == 0 {
		c.status = Passed
		return
	}
	// What could not be looked at says less than anything that is wrong.
	first := 0
	if at := slices.IndexFunc(others, func(p *tst.Problem) bool { return causeOfToken(p) != CauseNotChecked }); at >= 0 {
		first = at
	}
	c.status, c.detail, c.cause = Failed, others[first].Error(), causeOfToken(others[first])
	if c.cause == CauseNotChecked {
		c.status = Unchecked
	}
}

// imprint digests what the time-stamp should be over; of several forms, the one that its imprint is.
func (v *verifier) imprint(c *stampCheck, work *pki.Work) (sum []byte, status Status, problem string) {
	switch {
	case c.newHash == nil:
		return nil, Unchecked, fmt.Sprintf("hash %s of its imprint is not supported", c.hash.Name())
	case c.idxErr != nil:
		return nil, Failed, c.idxErr.Error()
	case c.Kind == message.ArchiveTimestampV3 && c.idx == nil:
		return nil, Failed, "it has no ats-hash-index"
	case c.Kind == message.ArchiveTimestampV3 && c.idx.Algorithm != c.hash:
		return nil, Failed, fmt.Sprintf("its ats-hash-index is made with %s and its imprint with %s", c.idx.Algorithm.Name(), c.hash.Name())
	}
	var content []byte
	if c.content == message.ContentDigest || c.content == message.ContentItself {
		if content, status, problem = v.contentDigest(c.hash); problem != "" {
			return nil, status, problem
		}
	}
	for _, imprint := range c.signature.Imprints(c.Timestamp, c.idx) {
		h := c.newHash()
		if c.content == message.ContentOctets {
			imprint.Content = c.content
			if h, problem = v.afterContent(c.hash); problem != "" {
				return nil, Unchecked, problem
			}
		}
		if !work.SpendOctets(imprint.Octets()) {
			return nil, Unchecked, tooMuchWork
		}
		sum = imprint.Sum(h, content)
		if bytes.Equal(sum, c.Token.Imprint.Sum) {
			break
		}
	}
	if c.Kind == message.ArchiveTimestampV3 && bytes.Equal(sum, c.Token.Imprint.Sum) {
		if !v.payIndex(c, c.idx, work) {
			return nil, Unchecked, tooMuchWork
		}
		h, _ := v.registry().Hash(c.hash)
		if what := c.idx.Missing(h, c.signature); what != "" {
			return nil, Failed, fmt.Sprintf("its ats-hash-index lists %s that is not there", what)
		}
	}
	return sum, Passed, ""
}

// afterContent is a hash that has taken a detached content and what comes before it.
func (v *verifier) afterContent(id cms.OID) (h hash.Hash, problem string) {
	running, ok := v.running[id]
	if !ok {
		return nil, "it is over the content, which is detached and was not given"
	}
	cloner, ok := running.(hash.Cloner)
	if ok {
		if h, err := cloner.Clone(); err == nil {
			return h, ""
		}
	}
	return nil, fmt.Sprintf("hash %s cannot be taken further from where the content ends", id.Name())
}

// indexedBy is what digests of hash indexes are made by.
type indexedBy struct {
	signature *message.Signature
	kind      bool // by value, as version 3 has them
	hash      cms.OID
}

// payIndex takes the work of comparing an index with the digests of what is there, and of making those once.
func (v *verifier) payIndex(c *stampCheck, x *message.ParsedIndex, work *pki.Work) bool {
	if !work.SpendSteps(x.Entries()) {
		return false
	}
	by := indexedBy{c.signature, x.Kind == cms.OIDATSHashIndexV3, x.Algorithm}
	if v.indexed[by] {
		return true
	}
	v.indexed[by] = true
	values := len(v.m.SD.Certificates) + len(v.m.SD.Revocations)
	for _, a := range c.signature.SI.Unsigned {
		values += len(a.Values)
	}
	return work.SpendSteps(4*values) && work.SpendOctets(len(v.m.SD.CertificateSet.Raw())+len(v.m.SD.RevocationSet.Raw())+len(c.signature.SI.UnsignedSet.Raw()))
}
