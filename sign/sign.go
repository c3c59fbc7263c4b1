// Package sign is the meeting place of keys and containers: what a key is, who holds it, which signature scheme it is
// used with, and what goes wrong with it. It knows no container format and no particular holder of keys.
//
// A program opens a [Provider] (a key file, a token, a service), asks [Open] for a [Signer] and hands that, with a [Content], to a package
// that builds containers, such as cades, or to package batch for many contents at once:
//
//	keys, err := soft.Open(ctx, "seal.p12", soft.Config{Password: soft.PasswordFile("seal.pass")}) // or pkcs11.Open, …
//	defer keys.Close()
//	signer, err := sign.Open(ctx, keys, sign.Ref{Thumbprint: "9F A1 …"})
//
// # Who implements what
//
// A holder of keys implements [Provider] and [Key], and whichever optional interfaces it has something to say for:
// [Lister], [Pinger], [ChainSource] and [Limiter] on the provider, [MessageKey], [BulkKey], [BulkWaiter], [BulkComputer], [Schemer],
// [SchemeExplainer], [Limiter], [Queuer], [TrustedKey] and [SPKIKey] on its keys. They are found by type assertion, and by [As] behind
// wrappers, so that a provider grows without breaking anybody. Package provider/providertest checks an implementation.
//
// A container format implements [Format] and [Draft], and what it has to say for of package sign/formats; it reads a content by its
// [Source].
//
// # Errors
//
// An error is an [*Error] with a class, which errors.Is finds: [ErrPIN], [ErrUnavailable], [ErrKeyNotFound] and so on. Two questions
// about it decide what happens to a batch. Is it temporary ([IsTemporary])? Then it belongs to the content that met it, and the call may
// be made again, by [Limited] for one. Is it one of the key ([IsKeyError])? Then every other content would meet it as well, and the
// batch ends. Nothing is tried again of itself: a PIN that was refused is not given twice.
package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"io"
	"iter"
	"time"
)

// Key is a private key that stays in its provider. Implementations are safe for concurrent use.
//
// Sign and SignContext take the digest of the message, whose length must be that of opts.HashFunc(), or the message
// itself when opts.HashFunc() is 0 (Ed25519, RFC 8032), unless the options are a [HashAlgorithm], which package crypto has no number for:
// then they take a digest by that. They refuse anything else, and nil options, before the key is
// touched. RSA signatures are octets as in RFC 8017, ECDSA signatures the DER SEQUENCE of RFC 3279 section 2.2.3. The
// random source that Sign takes may be ignored.
type Key interface {
	crypto.Signer
	// SignContext is Sign that gives up waiting when ctx ends.
	SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

// MessageKey is an optional interface of keys that can be given the message of a scheme that signs a digest, because what holds
// them makes the digest itself: a token that has CKM_SHA256_RSA_PKCS and not CKM_RSA_PKCS. The options are those that
// SignContext takes with the digest, and the signature is the same. It is a method of its own, so that no key takes a message
// for a digest.
//
// A [Signer] always gives such a key the message. The key decides who makes the digest, and refuses SignContext with an error of
// class [ErrUnsupported] where it cannot sign a digest. SignMessage is that of [crypto.MessageSigner], by which crypto/x509 signs
// requests and certificates. A key that is a [BulkKey] as well signs groups by its digests.
type MessageKey interface {
	Key
	crypto.MessageSigner
	// SignMessageContext is SignMessage that gives up waiting when ctx ends.
	SignMessageContext(ctx context.Context, message []byte, opts crypto.SignerOpts) ([]byte, error)
}

// SignMessage signs a message of any length with a key: as a [MessageKey] does it, else by its digest, or the message itself when
// opts.HashFunc() is 0 and the options are no [HashAlgorithm]. It checks nothing of the signature; a [Signer] does. Options that are nil, or name a hash that the
// program does not have, are an error of class [ErrInput] or [ErrUnsupported].
func SignMessage(ctx context.Context, key Key, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k, ok := key.(MessageKey); ok {
		return k.SignMessageContext(ctx, message, opts)
	}
	if opts == nil {
		return nil, &Error{Op: "sign: message", Class: ErrInput, Hint: "the options say which hash is signed, and must not be nil"}
	}
	own, isOwn := opts.(HashAlgorithm)
	switch h := opts.HashFunc(); {
	case isOwn:
		made := own.New()
		made.Write(message)
		message = made.Sum(nil)
	case h == 0:
	case !h.Available():
		return nil, &Error{Op: "sign: message", Class: ErrUnsupported, Hint: "the hash of the options is not in this program"}
	default:
		made := h.New()
		made.Write(message)
		message = made.Sum(nil)
	}
	return key.SignContext(ctx, message, opts)
}

// BulkKey is an optional interface of keys that sign many digests at once better than one by one: a remote service with
// one authorisation for N hashes, vector code that fills its lanes.
type BulkKey interface {
	Key
	// SignBulk signs every digest; outcome i answers digest i, and there are as many outcomes as digests. A failure of
	// the whole call is reported in each outcome.
	SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []Outcome
	// BulkSize says how many digests at once are best, at least 1; SignBulk is never given more.
	BulkSize() int
}

// BulkWaiter is an optional interface of a [BulkKey] of which each call is dear, as when a person is asked for a code: how
// long a group of a batch that is not full waits for more contents, unless the caller of the batch says so.
type BulkWaiter interface {
	BulkWait() time.Duration
}

// BulkComputer is an optional interface of a [BulkKey] that computes in this process and waits for nobody: each worker of a batch then
// signs what it has prepared itself, as many at once as there are, and hands nothing over. It is looked for on the outside of the key,
// as [BulkKey] is.
type BulkComputer interface {
	Computes() bool
}

// Outcome is the answer to one digest of [BulkKey.SignBulk]: a signature, or why there is none.
type Outcome struct {
	Signature []byte
	Err       error
}

// Provider opens the keys of one token, file or service. Safe for concurrent use.
type Provider interface {
	// Key finds exactly one key, else the error is of class [ErrKeyNotFound] or [ErrKeyAmbiguous]. A zero Ref means
	// the only key there is. Of several that match, the providers of this library leave out those whose certificate is not for
	// signing documents.
	Key(ctx context.Context, ref Ref) (Key, error)
	// Close gives back what the provider holds. Keys that it opened fail with [ErrUnavailable] afterwards.
	io.Closer
}

// Lister is an optional interface of a [Provider] that can say which keys it has. An entry that cannot be read is
// reported as an error and the listing goes on with the next.
type Lister interface {
	Keys(ctx context.Context) iter.Seq2[Entry, error]
}

// Pinger is an optional interface of a [Provider] that can be asked, without making a signature, whether it is there.
type Pinger interface {
	Ping(ctx context.Context) error
}

// ChainSource is an optional interface of a [Provider] that knows the certificates of its keys. Chain returns the
// certificate of the key, then its issuers as far as they are known, or an empty slice when there is no certificate.
type ChainSource interface {
	Chain(ctx context.Context, key Key) ([]*x509.Certificate, error)
}

// Limiter is an optional interface of a [Provider] or [Key]: how many signatures at once are useful. 1 for a smart card,
// the number of sessions for an HSM. 0 means that it does not matter.
type Limiter interface {
	Limit() int
}

// Queuer is an optional interface of a [Key] whose calls beyond its limit wait inside for their turn, each under its
// context. A batch keeps a few more calls under way then, so that no session is idle while a result is on its way back.
type Queuer interface {
	Queues() bool
}

// Schemer is an optional interface of a [Key] that narrows or reorders what can be done with it, best first. Without it
// [Schemes] of the public key hold.
type Schemer interface {
	Schemes() []Scheme
}

// SchemeExplainer is an optional interface of a [Key] that says for people why it does not have all [Schemes] of its public
// key: which mechanism its token lacks, for instance. An empty text means that it has them, or does not know.
type SchemeExplainer interface {
	ExplainSchemes() string
}

// TrustedKey is an optional interface of a [Key] whose signatures need no check by the [Signer], because the standard
// library computes them in this process, or because the provider verifies them itself, or because its owner chose so.
type TrustedKey interface {
	Trusted() bool
}

// SPKIKey is an optional interface of a [Key] whose public key the standard library cannot encode.
type SPKIKey interface {
	// SubjectPublicKeyInfo returns the DER of RFC 5280 section 4.1.2.7.
	SubjectPublicKeyInfo() []byte
}

// PublicKey is a public key that the standard library does not know, as its SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7): what a
// [Key] of such a kind has as its Public, and an [Entry], when its provider has nothing better.
type PublicKey []byte

// SubjectPublicKeyInfo returns the DER.
func (k PublicKey) SubjectPublicKeyInfo() []byte { return k }

// Equal compares the DER, of another kind of public key too when it can be encoded.
func (k PublicKey) Equal(other crypto.PublicKey) bool {
	der, err := MarshalPublicKey(other)
	return err == nil && bytes.Equal(k, der)
}

// MarshalPublicKey returns the SubjectPublicKeyInfo of a public key: what it says itself when it is a [PublicKey] or has that method,
// else what crypto/x509 makes.
func MarshalPublicKey(public crypto.PublicKey) ([]byte, error) {
	if k, ok := public.(interface{ SubjectPublicKeyInfo() []byte }); ok {
		return k.SubjectPublicKeyInfo(), nil
	}
	return x509.MarshalPKIXPublicKey(public)
}

// Entry describes one key of a [Lister].
type Entry struct {
	ID      []byte              // CKA_ID, localKeyId, or empty
	Label   string              // CKA_LABEL, friendlyName, file name, or empty
	Public  crypto.PublicKey    // a [PublicKey] when the standard library does not know the kind of key; nil when nobody does
	Chain   []*x509.Certificate // the certificate first; empty when there is none
	Schemes []Scheme            // best first
}

// Certificate returns the certificate of the key, or nil.
func (e Entry) Certificate() *x509.Certificate {
	if len(e.Chain) == 0 {
		return nil
	}
	return e.Chain[0]
}

// Thumbprint returns the SHA-1 of the certificate in upper-case hexadecimal, or "" when there is no certificate.
func (e Entry) Thumbprint() string {
	if len(e.Chain) == 0 {
		return ""
	}
	return Thumbprint(e.Chain[0])
}
