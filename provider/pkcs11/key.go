package pkcs11

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/internal/p256verify"
	"github.com/seed-116355fd/signet/internal/rsaverify"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// key is a private key on the token. Where it is on the token is known for one epoch of the provider at a time.
type key struct {
	p      *Provider
	public crypto.PublicKey
	size   int // octets of a signature as the token makes it
	// Those that sign digests: one, or two for RSA; none when the token has only such as hash what they sign.
	mechanisms []uint
	*location
	// What verifies signatures by the public key: one of them, or none.
	ecdsa   *p256verify.Together
	rsa     *rsaverify.Verifier
	spki    []byte
	chain   []*x509.Certificate
	schemes []sign.Scheme
	own     []sign.Scheme // of the caller, for a key of a kind that the standard library does not have
	object  object        // as it was found first; its handle is not used
}

var (
	_ sign.MessageKey = (*key)(nil)
	_ sign.TrustedKey = (*key)(nil)
	_ sign.Schemer    = (*key)(nil)
	_ sign.Limiter    = (*key)(nil)
	_ sign.Queuer     = (*key)(nil)

	_ sign.SchemeExplainer = (*key)(nil)
)

func newKey(p *Provider, o *object, public crypto.PublicKey, epoch uint64) *key {
	k := &key{p: p, public: public, size: sizeOf(public), spki: spkiOf(public), object: *o, location: &location{}}
	k.at.Store(&place{o.handle, epoch})
	switch public := public.(type) {
	case *rsa.PublicKey:
		k.rsa = rsaverify.New(public)
	case *ecdsa.PublicKey:
		k.ecdsa = together(p256verify.New(public, &p.tables))
	}
	if v := variantOf(k.spki); v != nil {
		k.own = v.schemes(p.config.Schemes)
	}
	for _, s := range k.possible() {
		m := mechanismOf(public, s.Opts)
		if k.lacks(m) == "" {
			if !slices.Contains(k.mechanisms, m) {
				k.mechanisms = append(k.mechanisms, m)
			}
		} else if !k.hashes(hashingOf(public, s.Opts), s.Opts) {
			continue
		}
		k.schemes = append(k.schemes, s)
	}
	return k
}

func (k *key) clone() *key {
	own := *k
	return &own
}

func mechanismOf(public crypto.PublicKey, opts crypto.SignerOpts) uint {
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		return p11.MechECDSA
	case ed25519.PublicKey:
		return p11.MechEdDSA
	case sign.PublicKey:
		if v := variantOf(public); v != nil {
			return v.mechanism
		}
	}
	if _, ok := opts.(*rsa.PSSOptions); ok {
		return p11.MechPSS
	}
	return p11.MechRSA
}

func (k *key) Public() crypto.PublicKey { return k.public }

// SubjectPublicKeyInfo returns the DER of the public key.
func (k *key) SubjectPublicKeyInfo() []byte { return k.spki }

// Trusted is true: signatures are verified here, or the owner of the key chose that they are not.
func (k *key) Trusted() bool { return true }

// Schemes are those that the token lists mechanisms for, for digests or for messages.
func (k *key) Schemes() []sign.Scheme { return k.schemes }

// Limit is 1 for a key that wants the PIN for each signature, else 0: the provider's holds.
func (k *key) Limit() int {
	if k.object.alwaysAuthorised {
		return 1
	}
	return 0
}

// Queues is true, but for a key that wants the PIN for each signature.
func (k *key) Queues() bool { return !k.object.alwaysAuthorised }

func (k *key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

func (k *key) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.signContext(ctx, digest, opts, false)
}

// signContext signs; an impatient caller is answered when the token is lost, instead of waiting for its recovery.
func (k *key) signContext(ctx context.Context, digest []byte, opts crypto.SignerOpts, impatient bool) ([]byte, error) {
	mechanism, err := k.check(ctx, digest, opts)
	if err != nil {
		return nil, err
	}
	return k.signed(ctx, mechanism, digest, digest, opts, impatient)
}

// signed signs data, which is the digest or what the token makes the digest of, and verifies the signature with the digest.
func (k *key) signed(ctx context.Context, mechanism uint, data, digest []byte, opts crypto.SignerOpts, impatient bool) ([]byte, error) {
	for repeats := 0; ; repeats++ {
		epoch := k.at.Load().epoch
		signature, err := k.once(ctx, mechanism, data, opts, impatient)
		if err != nil {
			return nil, err
		}
		if k.p.config.SkipCheck {
			return signature, nil
		}
		if err = k.verify(digest, opts, signature); err == nil {
			return signature, nil
		}
		if repeats == maxRepeats {
			return nil, &sign.Error{Op: "pkcs11: sign", Place: k.at4errors(), Class: sign.ErrKeyMismatch, Err: err,
				Hint: "the token signed with another key or is defective; the signature is not used"}
		}
		// The handle may stand for another key by now. It is found again, and the call made once more.
		k.p.distrust(epoch)
	}
}

// once signs without a check of the signature.
func (k *key) once(ctx context.Context, mechanism uint, data []byte, opts crypto.SignerOpts, impatient bool) ([]byte, error) {
	w := k.p.claimFor(ctx)
	var c *call
	if w != nil {
		c = w.own
	} else {
		c = k.p.take()
	}
	c.op, c.key, c.impatient = "pkcs11: sign", k, impatient
	k.prepare(c, mechanism, data, opts)
	var err error
	if w == nil {
		c, err = k.p.submit(ctx, "pkcs11: sign", c)
	} else {
		var signature []byte
		if signature, c = w.inlined(); c == nil {
			return signature, nil
		}
		c, err = k.p.wait(ctx, c)
	}
	if c == nil {
		return nil, err
	}
	signature, err := c.signature, c.err
	k.p.give(c)
	if err != nil {
		return nil, k.explain(wrap("pkcs11: sign", k.at4errors(), err), mechanism, opts)
	}
	return signature, nil
}

func (k *key) at4errors() string { return k.p.place + ": " + k.object.name() }

// check refuses what the token would refuse, and chooses the mechanism.
func (k *key) check(ctx context.Context, digest []byte, opts crypto.SignerOpts) (mechanism uint, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := keyring.CheckDigest("pkcs11: sign", k.public, digest, opts); err != nil {
		return 0, err
	}
	if len(k.own) != 0 {
		if err := k.checkOwn(digest, opts); err != nil {
			return 0, err
		}
	}
	m := mechanismOf(k.public, opts)
	if !slices.Contains(k.mechanisms, m) {
		return 0, &sign.Error{Op: "pkcs11: sign", Place: k.at4errors(), Class: sign.ErrUnsupported,
			Hint: k.lacks(m) + "; " + k.instead(m, opts)}
	}
	return m, nil
}

// explain says of a mechanism that was refused which one it is, and what else there is. Some tokens list mechanisms that they
// do not have, and say so only when they have to sign.
func (k *key) explain(err error, mechanism uint, opts crypto.SignerOpts) error {
	e, ok := errors.AsType[*sign.Error](err)
	code, _ := errors.AsType[p11.RV](err)
	if !ok || !refusesMechanism(err) || code == p11.KeyNotPermitted {
		return err
	}
	own := *e // others may have the same
	own.Class, own.Temporary = sign.ErrUnsupported, false
	own.Hint = "the token refuses " + mechanismName(mechanism)
	if k.p.mechanisms[mechanism] {
		own.Hint += ", which it lists"
	}
	own.Hint += "; " + k.instead(mechanism, opts)
	return &own
}

// instead says what there is besides a mechanism: the message in the place of its digest, schemes that need another one.
func (k *key) instead(mechanism uint, opts crypto.SignerOpts) string {
	message := ""
	if own := hashingOf(k.public, opts); own != 0 && own != mechanism && k.lacks(own) == "" {
		message = "give the key the message (sign.SignMessage), not its digest, which the token makes by " + mechanismName(own)
	}
	var names []string
	for _, s := range k.schemes {
		if mechanismOf(k.public, s.Opts) != mechanismOf(k.public, opts) {
			names = append(names, s.Name)
		}
	}
	schemes := "choose another scheme of the key: " + strings.Join(names, ", ")
	switch {
	case message != "" && len(names) != 0:
		return message + ", or " + schemes
	case message != "":
		return message
	case len(names) != 0:
		return schemes
	}
	return "the key has no other scheme here"
}

// The DigestInfo of RFC 8017 section 9.2 up to the digest. Its parameters are NULL, as they must be.
var digestInfo = map[crypto.Hash][]byte{
	crypto.SHA256: []byte("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"),
	crypto.SHA384: []byte("\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30"),
	crypto.SHA512: []byte("\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"),
}

// pssParameters are the mechanism of a hash and that of its MGF1.
var pssParameters = map[crypto.Hash][2]uint{
	crypto.SHA256: {p11.MechSHA256, p11.MGFSHA256},
	crypto.SHA384: {p11.MechSHA384, p11.MGFSHA384},
	crypto.SHA512: {p11.MechSHA512, p11.MGFSHA512},
}

// prepare fills a call but for the handle of the key. The data are copied, since the caller may leave and use them again.
func (k *key) prepare(c *call, mechanism uint, data []byte, opts crypto.SignerOpts) {
	c.buffer = c.buffer[:0]
	c.Mechanism = mechanism
	c.Hash, c.MGF, c.Salt = 0, 0, 0
	c.Authenticate = k.object.alwaysAuthorised
	switch mechanism {
	case p11.MechPSS, p11.MechSHA256PSS, p11.MechSHA384PSS, p11.MechSHA512PSS:
		h := opts.HashFunc()
		parameters := pssParameters[h]
		c.Hash, c.MGF, c.Salt = parameters[0], parameters[1], uint(h.Size())
	case p11.MechRSA:
		c.buffer = append(c.buffer, digestInfo[opts.HashFunc()]...)
	case p11.MechECDSA:
		// Some tokens refuse a digest longer than the order of the curve; its leftmost bits are what counts (FIPS 186-5
		// section 6.4.1). All hashes and curves here have whole octets of it, but P-521, which is longer than any hash.
		data = data[:min(len(data), k.size/2)]
	}
	if k.isECDSA() {
		// The raw signature is encoded once more, so its buffer can be used again.
		if cap(c.raw) < k.size {
			c.raw = make([]byte, k.size)
		}
		c.Out = c.raw[:k.size]
	}
	c.buffer = append(c.buffer, data...)
	c.Data = c.buffer
	if c.Out == nil {
		c.Out = make([]byte, k.size)
	}
}

// sizeOf returns the octets of a signature as tokens make it.
func sizeOf(public crypto.PublicKey) int {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return public.Size()
	case *ecdsa.PublicKey:
		return 2 * ((public.Curve.Params().BitSize + 7) / 8)
	case sign.PublicKey:
		if v := variantOf(public); v != nil {
			return v.size
		}
	}
	return ed25519.SignatureSize
}

// sign makes the signature of a call with the session of the worker.
func (w *worker) sign(c *call) error {
	k := c.key
	at := k.at.Load()
	if at.epoch != w.epoch {
		var err error
		if at, err = k.find(w.s, w.epoch); err != nil {
			return err
		}
	}
	c.Object = at.handle
	if err := w.p.signOn(w.s, k, c); err != nil {
		return k.doubt(w.s, at, err)
	}
	signature, err := k.finish(c)
	if err != nil {
		return err
	}
	c.signature = signature
	if k.suspicion.Load() != 0 {
		k.suspicion.Store(0)
	}
	return nil
}

// signOn calls the module, and for a key that wants it, with the PIN: one at a time, since each login is for the
// operation of its session, and asks a person perhaps.
func (p *Provider) signOn(s *p11.Session, k *key, c *call) error {
	if !c.Authenticate {
		var err error
		c.result, err = s.Sign(&c.SignCall)
		return err
	}
	logins := &p.module.Logins
	if err := logins.Enter(p.ctx); err != nil {
		return err
	}
	defer logins.Leave()
	token, err := p.checkToken("pkcs11: sign", s.Slot)
	if err != nil {
		return err
	}
	if err := p.mayTry(token.Flags); err != nil {
		return err
	}
	asked := PINRequest{Token: p.place, Key: &sign.Ref{ID: bytes.Clone(k.object.id), Label: string(k.object.label)}}
	return p.withPIN(p.ctx, s, token, asked, func(pin []byte) (step, error) {
		c.PIN = pin
		var err error
		c.result, err = s.Sign(&c.SignCall)
		c.PIN = nil
		switch {
		case err != nil && c.Stage < p11.ContextLogin:
			return notGiven, err
		case err != nil && c.Stage > p11.ContextLogin:
			return beyond, err
		}
		return given, err
	})
}

// finish makes of what the module wrote the signature as containers have it. A length that cannot be means another key.
func (k *key) finish(c *call) ([]byte, error) {
	if len(c.result) != k.size {
		return nil, wrongLength(len(c.result), k.size)
	}
	if k.isECDSA() {
		return derOf(c.result[:k.size/2], c.result[k.size/2:]), nil
	}
	return c.result, nil
}

func wrongLength(is, want int) error {
	// KEY_HANDLE_INVALID is what the module should have said.
	return fmt.Errorf("the signature has %d octets instead of %d, so another key made it: %w", is, want, p11.KeyHandleInvalid)
}

// derOf encodes ECDSA-Sig-Value (RFC 3279 section 2.2.3) in one allocation.
func derOf(r, s []byte) []byte {
	r, s = unsigned(r), unsigned(s)
	inner := 4 + int(r[0]>>7) + len(r) + int(s[0]>>7) + len(s) // at most 138, for P-521
	out := make([]byte, 0, 3+inner)
	out = append(out, 0x30)
	if inner >= 0x80 {
		out = append(out, 0x81)
	}
	out = append(out, byte(inner))
	for _, v := range [2][]byte{r, s} {
		out = append(out, 0x02, v[0]>>7+byte(len(v)))
		if v[0] >= 0x80 {
			out = append(out, 0)
		}
		out = append(out, v...)
	}
	return out
}

// unsigned cuts off leading zeros, but for the last octet.
func unsigned(v []byte) []byte {
	for len(v) > 1 && v[0] == 0 {
		v = v[1:]
	}
	return v
}

// verify checks a signature with the public key.
func (k *key) verify(digest []byte, opts crypto.SignerOpts, signature []byte) error {
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		if o, ok := opts.(*rsa.PSSOptions); ok {
			return rsa.VerifyPSS(public, o.Hash, digest, signature, &rsa.PSSOptions{SaltLength: len(digest), Hash: o.Hash})
		}
		return k.rsa.Verify(opts.HashFunc(), digest, signature)
	case *ecdsa.PublicKey:
		if k.ecdsa.Verify(digest, signature) {
			return nil
		}
	case ed25519.PublicKey:
		if ed25519.Verify(public, digest, signature) {
			return nil
		}
	case sign.PublicKey:
		return k.verifyOwn(digest, opts, signature)
	}
	return errors.New("the signature does not verify with the public key")
}
