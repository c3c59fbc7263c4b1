package providertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/seed-116355fd/signet/sign"
)

// input is what a key is given for a message.
func input(s sign.Scheme, message []byte) []byte {
	if s.Whole {
		return message
	}
	h := s.NewHash()
	h.Write(message)
	return h.Sum(nil)
}

// verify checks a signature with the standard library. Only for public keys that it does not know, the scheme is asked.
func verify(public crypto.PublicKey, spki []byte, s sign.Scheme, message, signature []byte) error {
	digest := input(s, message)
	switch public := public.(type) {
	case *rsa.PublicKey:
		if opts, ok := s.Opts.(*rsa.PSSOptions); ok {
			// The length of the salt is part of the AlgorithmIdentifier, so it is not guessed here.
			return rsa.VerifyPSS(public, opts.Hash, digest, signature, &rsa.PSSOptions{SaltLength: opts.Hash.Size(), Hash: opts.Hash})
		}
		return rsa.VerifyPKCS1v15(public, s.Opts.HashFunc(), digest, signature)
	case *ecdsa.PublicKey:
		var values struct{ R, S *big.Int }
		if rest, err := asn1.Unmarshal(signature, &values); err != nil || len(rest) != 0 {
			return errors.New("the signature is not the DER of RFC 3279 section 2.2.3")
		}
		if !ecdsa.VerifyASN1(public, digest, signature) {
			return errors.New("ecdsa: verification error")
		}
		return nil
	case ed25519.PublicKey:
		if !ed25519.Verify(public, message, signature) {
			return errors.New("ed25519: verification error")
		}
		return nil
	}
	if s.Verify != nil {
		return s.Verify(spki, digest, signature)
	}
	return fmt.Errorf("no way to verify with a public key of type %T; let the scheme have Verify", public)
}

// verifyKey checks a signature with the public key of the config, never with the one that the provider says.
func (k Key) verify(s sign.Scheme, message, signature []byte) error {
	var spki []byte
	if own := k.spki(); own != nil {
		return verify(nil, own, s, message, signature)
	}
	if k.Certificate != nil {
		spki = k.Certificate.RawSubjectPublicKeyInfo
	}
	return verify(k.public(), spki, s, message, signature)
}
