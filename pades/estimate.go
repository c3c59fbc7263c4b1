package pades

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
)

// around is what an unsigned attribute has around its value, and what lengths of more octets take in the values around it.
const around = 64

// Estimate says how many octets to reserve for a CMS: the string of /Contents has two digits for each, and its brackets. Without a
// time-stamp it is never too small, and too large by the two octets or so that an ECDSA signature may be shorter. Each time-stamp counts with
// TimestampRoom, since its size is known only when it is there. Nobody is asked, and the key is not used. Signed
// attributes count, also such as hold values (Options.Signature.Attributes).
func Estimate(signer *sign.Signer, o *Options) (int, error) {
	own, err := o.options()
	if err != nil {
		return 0, err
	}
	if signer == nil {
		return 0, badInput("the signer is nil; make one with sign.Open or sign.New")
	}
	stamp := DefaultTimestampRoom
	if o != nil && o.TimestampRoom > 0 {
		stamp = o.TimestampRoom
	}
	stamps := len(own.ContentTimestampers)
	if own.Level == cades.LevelT {
		stamps++
	}
	own.Level, own.Timestamper, own.ContentTimestampers = cades.LevelBES, nil, nil
	scheme := signer.Scheme()
	digest := sign.Digest{Algorithm: scheme.DigestAlg, Sum: make([]byte, scheme.NewHash().Size())}
	ctx := context.Background()
	draft, err := cades.Prepare(ctx, signer, sign.Digested("", digest), own)
	if err != nil {
		return 0, err
	}
	message, err := draft.FinishTrusted(ctx, make([]byte, signatureLen(signer)))
	if err != nil {
		return 0, err
	}
	return len(message) + stamps*(stamp+around), nil
}

// signatureLen is the longest signature value of a key.
func signatureLen(signer *sign.Signer) int {
	c := signer.Certificate()
	switch pub := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return pub.Size()
	case *ecdsa.PublicKey: // SEQUENCE of two INTEGERs, each with an octet for its sign
		n := (pub.Curve.Params().N.BitLen() + 7) / 8
		return 3 + 2*(2+1+n)
	case ed25519.PublicKey:
		return ed25519.SignatureSize
	}
	// Of another scheme: GOST has as much as its key, ML-DSA not twice as much.
	return 2*len(c.RawSubjectPublicKeyInfo) + around
}
