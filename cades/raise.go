package cades

import (
	"context"
	"crypto"
	"fmt"
	"hash"

	"github.com/seed-116355fd/signet/sign"
)

// raising is what a draft above BES does after its signature.
type raising struct {
	to     Level
	o      ExtendOptions
	hash   hash.Hash // takes the content while it is read; nil when the level does not need it
	digest []byte
}

func newRaising(o *Options) *raising {
	if o.Level <= BES {
		return nil
	}
	return &raising{to: o.Level, o: ExtendOptions{Timestamper: o.Timestamper, Hash: o.TimestampHash}}
}

// needsContent reports whether the level has a time-stamp over the content.
func (r *raising) needsContent() bool { return r != nil && (r.to == LTA || r.to == A) }

// contentHash is the hash of the imprints of archive time-stamps.
func (r *raising) contentHash() crypto.Hash {
	if r.o.Hash == 0 {
		return crypto.SHA256
	}
	return r.o.Hash
}

// beside returns the hash of the scheme, which also feeds the hash of archive time-stamps where that is needed, so that
// the content is read once.
func (r *raising) beside(scheme *sign.Scheme) hash.Hash {
	h := scheme.NewHash()
	if !r.needsContent() {
		return h
	}
	r.hash = r.contentHash().New()
	return &bothHashes{h, r.hash}
}

type bothHashes struct {
	hash.Hash
	other hash.Hash
}

func (b *bothHashes) Write(p []byte) (int, error) {
	b.other.Write(p)
	return b.Hash.Write(p)
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
	var ok bool
	if r.digest, ok = c.Digest(sign.NewDigest(r.contentHash(), nil).Algorithm); !ok || len(r.digest) != r.contentHash().Size() {
		return &sign.Error{Op: "cades: prepare", Place: c.Name, Class: sign.ErrInput, Hint: fmt.Sprintf("level %s needs the digest of the content by %s, too, for its archive time-stamp", r.to, r.contentHash())}
	}
	return nil
}

// Raises reports whether the level is above BES.
func (d *Draft) Raises() bool { return d.raising != nil }

// made finds the signature of the draft: the one that came last.
func (d *Draft) made(m *Message) path {
	if d.on == nil {
		return path{len(m.signatures) - 1}
	}
	return append(append(path(nil), d.on...), len(m.at(d.on).counter)-1)
}

// Raise takes what [Draft.FinishBase] returned to the level of the options. Beside an error, which says which level was
// reached, it returns the container at that level.
func (d *Draft) Raise(ctx context.Context, base []byte) ([]byte, error) {
	if d.raising == nil {
		return base, nil
	}
	m, err := Parse(base)
	if err != nil {
		return nil, err
	}
	o := d.raising.o
	last := d.made(m)
	e := &extension{o: &o, m: m, fresh: true, which: []path{last}, digest: d.raising.digest}
	if err = e.check(ctx, d.raising.to); err == nil {
		err = e.run(ctx, d.raising.to)
	}
	if err != nil {
		reached := e.at(last).LevelName()
		return e.m.ber, &sign.Error{Op: "cades: raise to " + d.raising.to.String(), Err: err, Temporary: true, Hint: "the signature is good, and reached " + reached}
	}
	return e.m.ber, nil
}
