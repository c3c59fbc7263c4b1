package cades

import (
	"context"
	"crypto"
	"fmt"
	"hash"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// raising is what a draft needs of others: time-stamps on the content before it is signed, and what makes levels above BES
// afterwards.
type raising struct {
	to     Level
	before []tsp.Timestamper
	o      ExtendOptions
	hash   hash.Hash // takes the content while it is read; nil when the level does not need it
	digest []byte
	octets hash.Cloner // see extension
}

func newRaising(s *sign.Signer, o *Options) *raising {
	if o.Level <= LevelBES && len(o.ContentTimestampers) == 0 {
		return nil
	}
	hash, schemes := o.TimestampHash, []sign.Scheme(nil)
	if scheme := s.Scheme(); ownHash(*scheme) {
		hash, schemes = o.EffectiveTimestampHash(scheme), []sign.Scheme{*scheme}
	}
	return &raising{to: o.EffectiveLevel(), before: o.ContentTimestampers, o: ExtendOptions{Timestamper: o.Timestamper, Revocation: o.Revocation, Hash: hash, Schemes: schemes, TimestampEvidence: o.TimestampEvidence}}
}

// needsContent reports whether there is a time-stamp over the content.
func (r *raising) needsContent() bool {
	return r != nil && (r.to == LevelLTA || r.to == LevelA || len(r.before) != 0)
}

// contentTimestamps gets the time-stamps on the content.
func (r *raising) contentTimestamps(ctx context.Context) ([][]byte, error) {
	if r == nil {
		return nil, nil
	}
	var tokens [][]byte
	for _, t := range r.before {
		token, err := askTimestamp(ctx, t, r.contentHash(), r.digest)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, token.Raw)
	}
	return tokens, nil
}

// contentHash is the hash of the imprints of archive time-stamps.
func (r *raising) contentHash() sign.Hash {
	if unset(r.o.Hash) {
		return crypto.SHA256
	}
	return r.o.Hash
}

// beside returns the hash of the scheme, which also feeds those of archive time-stamps where they are needed, so that the
// content is read once.
func (r *raising) beside(d *Draft) hash.Hash {
	scheme := d.signer.Scheme()
	h := scheme.NewHash()
	if !r.needsContent() {
		return h
	}
	r.hash = r.contentHash().New()
	all := &severalHashes{h, []hash.Hash{r.hash}}
	if r.to == LevelA && !d.attached {
		octets := r.contentHash().New()
		octets.Write(d.encapContentInfo())
		r.octets, _ = octets.(hash.Cloner)
		all.others = append(all.others, octets)
	}
	return all
}

// encapContentInfo is that of a detached container, as it will stand there or stands there already.
func (d *Draft) encapContentInfo() []byte {
	if d.base != nil {
		return d.base.in.SD.EncapContentInfo.Raw()
	}
	b := cms.NewBuilder(nil)
	encap := b.Open(cms.TagSequence)
	b.OID(d.contentType)
	b.Close(encap)
	return b.Bytes()
}

type severalHashes struct {
	hash.Hash
	others []hash.Hash
}

func (s *severalHashes) Write(p []byte) (int, error) {
	for _, h := range s.others {
		h.Write(p)
	}
	return s.Hash.Write(p)
}

// read is called when the content was read.
func (r *raising) read() {
	if r.needsContent() {
		r.digest = r.hash.Sum(nil)
	}
}

// given takes the digest for archive time-stamps from a content of which only digests are known.
func (r *raising) given(c *sign.Content) error {
	if !r.needsContent() {
		return nil
	}
	if r.to == LevelA {
		return &sign.Error{Op: "cades: prepare", Place: c.Name, Class: sign.ErrInput, Hint: "an archive time-stamp of RFC 5126 is over the content itself, not its digest; give it, or sign at lta"}
	}
	var ok bool
	if r.digest, ok = c.Source().Digest(mustAlgorithm(r.contentHash())); !ok || len(r.digest) != r.contentHash().Size() {
		return &sign.Error{Op: "cades: prepare", Place: c.Name, Class: sign.ErrInput, Hint: fmt.Sprintf("the digest of the content by %s is needed, too, for time-stamps over it", r.contentHash())}
	}
	return nil
}

// Raises reports whether the level is above BES.
func (d *Draft) Raises() bool { return d.raising != nil && d.raising.to > LevelBES }

// made finds the signature of the draft: the one that came last.
func (d *Draft) made(m *Message) path {
	if d.on == nil {
		return path{len(m.signatures) - 1}
	}
	return append(append(path(nil), d.on...), len(m.at(d.on).counter)-1)
}

// Raise takes what [Draft.FinishBase] returned to the level of the options. Beside an error, which says which level was
// reached (see [Reached]), it returns the container at that level.
func (d *Draft) Raise(ctx context.Context, base []byte) (container []byte, err error) {
	defer sign.Recover(&err)
	if !d.Raises() {
		return base, nil
	}
	if d.raising.o.Timestamper == nil { // a draft of another process must not become less than was asked for in silence
		return base, withReached(inputError(sign.ErrInput, "%s needs a Timestamper; a draft that comes from another process gets it by WithSources", d.raising.to), LevelBES)
	}
	m, err := Parse(base)
	if err != nil {
		return nil, err
	}
	o := d.raising.o
	last := d.made(m)
	e := &extension{o: &o, m: m, fresh: true, which: []path{last}, digest: d.raising.digest, octets: d.raising.octets}
	if err = context.Cause(ctx); err == nil { // else nobody is asked
		err = e.check(ctx, d.raising.to)
	}
	if err == nil {
		err = e.run(ctx, d.raising.to)
	}
	ber := e.m.Bytes() // base was in memory, and so is what became of it
	if err != nil {
		reached := e.at(last)
		return ber, &sign.Error{Op: "cades: raise to " + d.raising.to.String(), Err: err, Temporary: true,
			Hint: "the signature is good, and reached " + reached.LevelName(), Reached: reached.Level().String()}
	}
	return ber, nil
}
