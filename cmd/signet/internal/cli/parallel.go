package cli

import (
	"context"
	"crypto"
	"hash"
	"io"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/sign/formats"
)

// parallel is a format whose containers have a signature of each of several signers, on the same content. The batch signs with the
// first of them; the others are added when it has, and then all signatures are raised.
type parallel struct {
	options *cades.Options
	more    []*sign.Signer
}

// Prepare reads a detached content once, so that all sign the same whatever becomes of the file. That of an attached container is
// the one in it.
func (p *parallel) Prepare(ctx context.Context, s *sign.Signer, c sign.Content) (sign.Draft, error) {
	d := &parallelDraft{all: p, options: *p.options, content: c}
	d.options.Level = min(d.options.Level, cades.LevelBES)
	if !d.options.Attached {
		var err error
		if d.digested, err = p.digests(ctx, s, c); err != nil {
			return nil, err
		}
		c = d.digested
	}
	first, err := d.options.Prepare(ctx, s, c)
	if err != nil {
		return nil, err
	}
	d.first = first.(*cades.Draft) //nolint:forcetypeassert // that is what it makes
	return d, nil
}

// digests reads a content once for the hashes of all signers, and for time-stamps over it.
func (p *parallel) digests(ctx context.Context, s *sign.Signer, c sign.Content) (sign.Content, error) {
	first, err := sign.DigestAlgorithm(crypto.SHA256)
	if err != nil {
		return c, err
	}
	algorithms := [][]byte{first}
	hashes := []hash.Hash{crypto.SHA256.New()}
	writers := []io.Writer{hashes[0]}
	known := map[string]bool{string(algorithms[0]): true}
	for _, one := range append([]*sign.Signer{s}, p.more...) {
		scheme := one.Scheme()
		if known[string(scheme.DigestAlg)] {
			continue
		}
		known[string(scheme.DigestAlg)] = true
		h := scheme.NewHash()
		algorithms, hashes, writers = append(algorithms, scheme.DigestAlg), append(hashes, h), append(writers, h)
	}
	if _, err := message.CopyContent(ctx, io.MultiWriter(writers...), c.Source()); err != nil {
		return c, &sign.Error{Op: "read", Place: c.Name, Err: err}
	}
	digests := make([]sign.Digest, len(hashes))
	for i, h := range hashes {
		digests[i] = sign.Digest{Algorithm: algorithms[i], Sum: h.Sum(nil)}
	}
	return sign.Digested(c.Name, digests...), nil
}

type parallelDraft struct {
	all      *parallel
	options  cades.Options // up to BES
	content  sign.Content
	digested sign.Content // of a detached one
	first    *cades.Draft
}

var (
	_ formats.TrustingDraft  = (*parallelDraft)(nil)
	_ formats.StreamingDraft = (*parallelDraft)(nil)
	_ formats.RaisingDraft   = (*parallelDraft)(nil)
)

func (d *parallelDraft) ToBeSigned() []byte { return d.first.ToBeSigned() }

func (d *parallelDraft) Finish(ctx context.Context, signature []byte) ([]byte, error) {
	base, err := d.first.Finish(ctx, signature)
	if err != nil {
		return nil, err
	}
	if base, err = d.add(ctx, base); err != nil {
		return nil, err
	}
	return d.Raise(ctx, base)
}

func (d *parallelDraft) FinishTrusted(ctx context.Context, signature []byte) ([]byte, error) {
	base, err := d.FinishBase(ctx, signature)
	if err != nil {
		return nil, err
	}
	return d.Raise(ctx, base)
}

func (d *parallelDraft) Raises() bool { return d.all.options.Level > cades.LevelBES }

func (d *parallelDraft) FinishBase(ctx context.Context, signature []byte) ([]byte, error) {
	base, err := d.first.FinishTrusted(ctx, signature)
	if err != nil {
		return nil, err
	}
	return d.add(ctx, base)
}

// add has the other signers sign a container in memory.
func (d *parallelDraft) add(ctx context.Context, base []byte) ([]byte, error) {
	for _, s := range d.all.more {
		m, err := cades.Parse(base)
		if err != nil {
			return nil, err
		}
		next, signature, err := d.further(ctx, m, s)
		if err != nil {
			return nil, err
		}
		if base, err = next.FinishTrusted(ctx, signature); err != nil {
			return nil, err
		}
	}
	return base, nil
}

func (d *parallelDraft) further(ctx context.Context, m *cades.Message, s *sign.Signer) (*cades.Draft, []byte, error) {
	var c sign.Content
	if !d.options.Attached {
		c = d.digested
	}
	next, err := m.PrepareSignature(ctx, s, c, &d.options)
	if err != nil {
		return nil, nil, err
	}
	signature, err := s.Sign(ctx, next.ToBeSigned())
	return next, signature, err
}

// FinishTo writes an attached container whose content may be large: each signer reads what the one before has written.
func (d *parallelDraft) FinishTo(ctx context.Context, dst io.Writer, signature []byte) error {
	if !d.options.Attached || d.Raises() {
		ber, err := d.FinishTrusted(ctx, signature)
		if err != nil {
			return err
		}
		_, err = dst.Write(ber)
		return err
	}
	draft := d.first
	var before *cades.Stream
	defer func() {
		if before != nil {
			_ = before.Close()
		}
	}()
	for _, s := range d.all.more {
		m, err := written(ctx, draft, signature)
		if err != nil {
			return err
		}
		if before != nil {
			_ = before.Close()
		}
		before = m
		if draft, signature, err = d.further(ctx, m.Message, s); err != nil {
			return err
		}
	}
	return draft.FinishTo(ctx, dst, signature)
}

// written is the container of a draft, in memory or in a temporary file.
func written(ctx context.Context, d *cades.Draft, signature []byte) (*cades.Stream, error) {
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(d.FinishTo(ctx, w, signature)) }()
	m, err := cades.ReadStream(ctx, r, nil)
	_ = r.CloseWithError(err)
	return m, err
}

// Raise takes all signatures to the level that was asked for.
func (d *parallelDraft) Raise(ctx context.Context, base []byte) ([]byte, error) {
	if !d.Raises() {
		return base, nil
	}
	m, err := cades.Parse(base)
	if err != nil {
		return nil, err
	}
	o := d.all.options
	extend := &cades.ExtendOptions{Timestamper: o.Timestamper, Revocation: o.Revocation, Hash: o.TimestampHash, Schemes: schemes.All(), Clock: o.Clock, TimestampEvidence: o.TimestampEvidence}
	switch {
	case d.options.Attached:
	case o.Level == cades.LevelA: // its archive time-stamp is over the content itself
		extend.Content = d.content
	default:
		extend.Content = d.digested
	}
	raised, err := m.Extend(ctx, o.Level, extend)
	if raised == nil { // nothing was added
		raised = base
	}
	return raised, err
}
