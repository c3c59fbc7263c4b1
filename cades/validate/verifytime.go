package validate

import (
	"bytes"
	"fmt"
	"hash"
	"io"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// stampCheck is a time-stamp on its way through Verify.
type stampCheck struct {
	message.Timestamp
	hash     cms.OID // of the imprint
	newHash  func() hash.Hash
	idx      *message.ParsedIndex
	idxErr   error
	imprints []message.Imprint
	running  []hash.Hash // beside imprints: those that take the octets of the content

	status  Status // of the token by itself
	detail  string
	digests map[string]string // of the attribute, by kind and hash of an index
}

// stamps returns the time-stamps of a signature, always the same ones.
func (v *verifier) stamps(s *message.Signature) []*stampCheck {
	if all, ok := v.checked[s]; ok {
		return all
	}
	var all []*stampCheck
	for _, t := range s.Timestamps() {
		c := &stampCheck{Timestamp: t}
		if t.Token != nil {
			c.hash = oidOf(t.Token.Imprint.Algorithm)
			if newHash, ok := v.hashOf(c.hash); ok {
				c.newHash = newHash
			}
			if t.Kind == message.ArchiveTimestampV3 {
				c.idx, c.idxErr = t.Index()
			}
			c.imprints = s.Imprints(&c.Timestamp, c.idx)
		}
		all = append(all, c)
	}
	if v.checked == nil {
		v.checked = make(map[*message.Signature][]*stampCheck)
	}
	v.checked[s] = all
	return all
}

func (c *stampCheck) needs(use message.ContentUse) bool {
	for i := range c.imprints {
		if c.imprints[i].Content == use {
			return true
		}
	}
	return false
}

// begin returns the hashes that take the content, what comes before it already taken.
func (c *stampCheck) begin() []io.Writer {
	if c.newHash == nil || !c.needs(message.ContentOctets) {
		return nil
	}
	var writers []io.Writer
	c.running = nil
	for i := range c.imprints {
		h := c.newHash()
		for _, b := range c.imprints[i].Head {
			h.Write(b)
		}
		c.running = append(c.running, h)
		writers = append(writers, h)
	}
	return writers
}

// wellMade checks each time-stamp by itself: that it is over what its kind says, and that its token is well made.
func (v *verifier) wellMade(s *message.Signature) {
	for _, c := range v.stamps(s) {
		if c.Token == nil {
			c.status, c.detail = Failed, fmt.Sprintf("it cannot be read: %s", c.Err)
			continue
		}
		sum, status, problem := v.imprint(s, c)
		if problem != "" {
			c.status, c.detail = status, problem
			continue
		}
		others := c.Token.Problems(sign.Digest{Algorithm: c.Token.Imprint.Algorithm, Sum: sum}, &tsp.VerifyOptions{Certificates: v.candidates.X509(), Algorithms: &v.policy.Algorithms})
		if len(others) != 0 {
			c.status, c.detail = Failed, others[0].Error()
			continue
		}
		c.status = Passed
	}
}

// imprint digests what the time-stamp should be over; of several forms, the one that its imprint is.
func (v *verifier) imprint(s *message.Signature, c *stampCheck) (sum []byte, status Status, problem string) {
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
	if c.needs(message.ContentDigest) || c.needs(message.ContentItself) {
		if content, status, problem = v.contentDigest(c.hash); problem != "" {
			return nil, status, problem
		}
	}
	if c.needs(message.ContentOctets) && c.running == nil {
		return nil, Unchecked, "it is over the content, which is detached and was not given"
	}
	for i := range c.imprints {
		h := c.newHash()
		if c.running != nil {
			h = c.running[i]
		}
		sum = c.imprints[i].Sum(h, content)
		if bytes.Equal(sum, c.Token.Imprint.Sum) {
			break
		}
	}
	if c.Kind == message.ArchiveTimestampV3 && bytes.Equal(sum, c.Token.Imprint.Sum) {
		h, _ := cms.HashByOID(c.hash)
		if what := c.idx.Missing(h, s.Covered()); what != "" {
			return nil, Failed, fmt.Sprintf("its ats-hash-index lists %s that is not there", what)
		}
	}
	return sum, Passed, ""
}
