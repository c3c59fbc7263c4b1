package pades

import (
	"context"
	"crypto/x509"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// Collect gathers what proves the certificates of signers and of authorities of time-stamps, for the /DSS dictionary of a document
// (EN 319 142-1 section 5.4.2): certificates go into /Certs, CRLs into /CRLs and OCSP responses into /OCSPs, each a stream of its own. The messages are
// what stands in the /Contents of signatures and document time-stamps; time-stamps inside of them count. With them a document at B-T is at
// B-LT, and with a document time-stamp over the revision that has them at B-LTA. Certificates that were revoked are no error; see
// [revocation.Collection.Revoked].
func Collect(ctx context.Context, source revocation.Source, messages ...[]byte) (collection *revocation.Collection, err error) {
	defer sign.Recover(&err) // a source may be of the caller's own making
	if source == nil {
		return nil, badInput("there is nobody to ask for certificates and revocation values; give a revocation.Client")
	}
	var leaves, candidates []*x509.Certificate
	for _, der := range messages {
		message, err := cades.Parse(der)
		if err != nil {
			return nil, err
		}
		for _, c := range message.Certificates() {
			if c.X509 != nil {
				candidates = append(candidates, c.X509)
			}
		}
		for _, s := range message.Signatures() {
			leaf := s.SignerCertificate()
			if leaf == nil {
				return nil, badInput("the certificate of a signer is not in its CMS, so nothing can be collected about it")
			}
			leaves = append(leaves, leaf)
			for _, stamp := range s.Timestamps() {
				if stamp.Err != nil {
					continue // it proves nothing, with values or without
				}
				candidates = append(candidates, stamp.Token.Certificates()...)
				if by := stamp.Token.Certificate(candidates...); by != nil {
					leaves = append(leaves, by)
				}
			}
		}
	}
	if len(leaves) == 0 {
		return nil, badInput("there is no signature to collect for")
	}
	var chains [][]*x509.Certificate
	for _, leaf := range leaves {
		chain, err := source.Chain(ctx, leaf, candidates)
		if err != nil {
			return nil, err
		}
		chains = append(chains, chain)
	}
	collection, err = source.Collect(ctx, chains, &revocation.CollectOptions{})
	if err != nil {
		return nil, err
	}
	if collection == nil {
		return nil, &sign.Error{Op: "pades: collect", Class: sign.ErrAuthority, Hint: "the source gave neither values nor an error"}
	}
	return collection, nil
}
