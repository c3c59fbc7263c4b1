package cades

import (
	"context"
	"crypto/x509"
	"slices"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// Time-stamps that carry what proves their own authority, as CryptoPro makes them: complete-certificate-references,
// complete-revocation-references, certificate-values and revocation-values are unsigned attributes of the token, which the authority did
// not sign. What is made over the token afterwards is over it as it stands, so that it does not change any more. Nothing is over the last
// time-stamp, which has its evidence, too, so that a message of form A proves all of its authorities.

// withEvidence puts the evidence of a time-stamp behind the step that makes it, and of the one over the references before the archive
// time-stamp, which is of version 3 then and has its own.
func (e *extension) withEvidence(steps []func(context.Context, path) error, to Level) []func(context.Context, path) error {
	of := func(kinds ...message.Kind) func(context.Context, path) error {
		return func(ctx context.Context, p path) error { return e.evidence(ctx, p, kinds) }
	}
	all := append([]func(context.Context, path) error{steps[0], of(message.SignatureTimestamp)}, steps[1:]...)
	if to == LevelA {
		all = append(all[:len(all)-2], of(message.CTimestamp), e.lastArchiveValues, e.archiveTimestamp, of(message.ArchiveTimestampV3))
	}
	return all
}

// evidence puts into the tokens of some kinds what proves their authorities, unless it is there, or something is over the token already.
func (e *extension) evidence(ctx context.Context, p path, kinds []message.Kind) error {
	for i := range e.at(p).in.Timestamps() {
		s := e.at(p)
		t := s.in.Timestamps()[i]
		if !slices.Contains(kinds, t.Kind) || t.Token == nil || len(t.Token.SD.Signers) != 1 || covered(s.in.Timestamps(), t) || len(cms.Find(t.Token.SD.Signers[0].Unsigned, cms.OIDCertificateValues)) != 0 {
			continue
		}
		token, err := e.proved(ctx, s, t)
		if err != nil {
			return err
		}
		if err := s.mayChange(false); err != nil {
			return err
		}
		if err := e.grow(&growth{inside: []cms.Edit{{Parent: t.Set, At: t.Value.Offset(), Remove: len(t.Value.Raw()), Insert: token}}}); err != nil {
			return err
		}
	}
	return nil
}

// covered reports whether something may be over a token. Of two archive time-stamps of one time nobody knows which is over the other.
func covered(all []*message.Timestamp, t *message.Timestamp) bool {
	for _, other := range all {
		switch {
		case other == t:
		case other.Kind.Archive():
			if !t.Kind.Archive() || other.Token == nil || !other.Token.GenTime.Before(t.Token.GenTime) {
				return true
			}
		case other.Kind == message.CTimestamp && t.Kind == message.SignatureTimestamp:
			return true
		}
	}
	return false
}

// proved is a token with its evidence.
func (e *extension) proved(ctx context.Context, s *Signature, t *message.Timestamp) ([]byte, error) {
	who := "the authority of the " + t.Kind.String()
	authority := t.Token.Signer(e.candidates(), e.registry())
	if authority == nil {
		return nil, extendError(sign.ErrInput, "the certificate of %s on signature %s is not there", who, s.path())
	}
	chain, err := askChain(ctx, e.o.Revocation, authority.Lenient(), append(readable(e.candidates()), readable(t.Token.Certs)...))
	if err != nil {
		return nil, &sign.Error{Op: "cades: chain of " + who, Place: authority.Subject.String(), Err: err}
	}
	collection, err := askCollection(ctx, e.o.Revocation, [][]*x509.Certificate{chain})
	if err != nil {
		return nil, &sign.Error{Op: "cades: revocation values", Err: err, Temporary: true}
	}
	if revoked := collection.Revoked(); len(revoked) != 0 && !e.o.Force {
		return nil, extendError(sign.ErrRevocation, "%s was revoked on %s (%s), so that the time-stamp proves nothing", revoked[0].Certificate.Subject,
			revoked[0].RevokedAt.UTC().Format(time.RFC3339), revoked[0].Reason)
	}
	p := &proof{chain: chain}
	for _, c := range chain {
		p.statuses = append(p.statuses, collection.Status(c))
	}
	refs, err := e.revocationRefs(p)
	if err != nil {
		return nil, err
	}
	return intoToken(t.Token.SD, e.certificateRefs(p), refs, collection)
}

// intoToken puts evidence into a token, and takes its certificates out, which the evidence has.
func intoToken(sd *cms.SignedData, certificateRefs, revocationRefs []byte, c *revocation.Collection) ([]byte, error) {
	g := &growth{signer: &sd.Signers[0], unsigned: [][]byte{
		attribute(cms.OIDCertificateRefs, certificateRefs), attribute(cms.OIDRevocationRefs, revocationRefs),
		attribute(cms.OIDCertificateValues, certificateValues(c)), attribute(cms.OIDRevocationValues, revocationValues(c)),
	}}
	if set := sd.CertificateSet; !set.IsZero() {
		all := true
		for _, inside := range sd.Certificates {
			found := false
			for _, c := range c.Certificates {
				found = found || string(c.Raw) == string(inside.Raw())
			}
			all = all && found
		}
		if all {
			g.inside = []cms.Edit{{Parent: sd.Value, At: set.Offset(), Remove: len(set.Raw())}}
		}
	}
	return g.into(sd)
}
