package sign

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Signer binds a key, its certificate chain and a scheme. It is safe for concurrent use and cannot be changed.
type Signer struct {
	key      Key        // nil: the signature is made elsewhere
	messages MessageKey // nil: the key is given digests
	chain    []*x509.Certificate
	scheme   Scheme
	public   crypto.PublicKey
	limit    int
	queues   bool
	bulkKey  BulkKey // nil: the key signs one by one
	bulkSize int
	bulkWait time.Duration
	computes bool // the bulk key does, in this process
	trusted  bool
	kept     sync.Map // by key of Kept
	hashes   sync.Pool
	worked   atomic.Bool // the last thing that is known of the key is that it signs
}

// New binds a key to its certificate, chain[0], and refuses a certificate of another key with [ErrKeyMismatch], and a scheme that the key
// or its certificate is not for with [ErrUnsupported]. Schemes come from [Schemes], best first, or [SchemeByName]. The other certificates of
// the chain go into containers with it. Whether the certificate is valid is not looked at here, since that depends on
// the time of signing: cades does before the key is touched.
//
// A nil key makes a signer for signatures that are made elsewhere: drafts can be prepared and finished with it, but
// [Signer.Sign] fails.
func New(key Key, chain []*x509.Certificate, s Scheme) (made *Signer, err error) {
	defer Recover(&err)
	if len(chain) == 0 || chain[0] == nil {
		return nil, &Error{Op: "sign: new signer", Class: ErrInput, Hint: "give the certificate of the key as the first of the chain"}
	}
	for _, c := range chain {
		if c == nil || len(c.Raw) == 0 {
			return nil, &Error{Op: "sign: new signer", Class: ErrInput, Hint: "the chain holds a certificate that was not parsed"}
		}
	}
	leaf := chain[0]
	if s.Verify != nil && s.Opts == nil {
		return nil, &Error{Op: "sign: new signer", Place: leaf.Subject.String(), Class: ErrUnsupported, Hint: fmt.Sprintf("the scheme %.40q only checks signatures (its Opts are nil); take one of those of the key", s.Name)}
	}
	if s.isZero() {
		return nil, &Error{Op: "sign: new signer", Place: leaf.Subject.String(), Class: ErrInput, Hint: "the scheme is not set; take it from Schemes or SchemeByName"}
	}
	if key != nil {
		if err := checkKey(key, leaf); err != nil {
			return nil, err
		}
	}
	signer := &Signer{key: key, chain: append([]*x509.Certificate(nil), chain...), scheme: s}
	signer.public = leaf.PublicKey
	pss, err := pssOnly(leaf.RawSubjectPublicKeyInfo)
	if err != nil {
		return nil, &Error{Op: "sign: new signer", Place: leaf.Subject.String(), Class: ErrInput, Err: err, Hint: "have a new certificate issued"}
	}
	if pss != nil {
		if !pss.allows(&s) {
			return nil, &Error{Op: "sign: new signer", Place: leaf.Subject.String(), Class: ErrUnsupported, Hint: fmt.Sprintf("the certificate allows its key to be used for %s only, and not with %s", pss, s.Name)}
		}
		signer.public = pss.public
	}
	if !s.fits(signer.public) {
		return nil, &Error{Op: "sign: new signer", Place: leaf.Subject.String(), Class: ErrUnsupported, Hint: fmt.Sprintf("the key is %s and cannot sign with %s", kindOf(leaf), s.Name)}
	}
	// What signs, and that it need not be checked, is looked for on the outside only, see As.
	if k, ok := key.(MessageKey); ok && !s.Whole && s.hashIsThatOfOpts() {
		signer.messages = k
	}
	if t, ok := key.(TrustedKey); ok {
		signer.trusted = t.Trusted()
	}
	signer.limit, signer.queues = limitOf(key)
	if k, ok := key.(BulkKey); ok {
		signer.bulkKey, signer.bulkSize = k, max(1, k.BulkSize())
		if c, ok := key.(BulkComputer); ok {
			signer.computes = c.Computes()
		}
	}
	if k, ok := As[BulkWaiter](key); ok {
		signer.bulkWait = k.BulkWait()
	}
	signer.hashes.New = func() any { return s.NewHash() }
	return signer, nil
}

// checkKey compares public keys by their SubjectPublicKeyInfo.
func checkKey(key Key, leaf *x509.Certificate) error {
	var spki []byte
	if k, ok := key.(SPKIKey); ok {
		spki = k.SubjectPublicKeyInfo()
	}
	if len(spki) == 0 {
		var err error
		if spki, err = MarshalPublicKey(key.Public()); err == nil {
			// A wrapper that says its public key is believed before what it wraps.
		} else if k, ok := As[SPKIKey](key); ok {
			spki = k.SubjectPublicKeyInfo()
		} else {
			return &Error{Op: "sign: new signer", Place: leaf.Subject.String(), Class: ErrUnsupported, Err: err, Hint: ownKind(leaf)}
		}
	}
	if sameSPKI(spki, leaf.RawSubjectPublicKeyInfo) {
		return nil
	}
	return &Error{Op: "sign: new signer", Place: leaf.Subject.String(), Class: ErrKeyMismatch, Hint: "give the certificate that was issued for this key (thumbprint of the one given: " + Thumbprint(leaf) + ")"}
}

// ownKind says what a key needs whose public key the standard library cannot encode.
func ownKind(leaf *x509.Certificate) string {
	if _, use := nameOfOwn(leaf.RawSubjectPublicKeyInfo); use != "" {
		return use
	}
	return "a key of a kind of its own says its public key by SubjectPublicKeyInfo"
}

func schemeIsPSS(s *Scheme) bool {
	return sameAlgorithm(s.SignatureAlg, sequence(oidRSASSAPSS))
}

// An Option changes what [Open] does.
type Option func(*openOptions)

type openOptions struct {
	scheme *Scheme
	chain  []*x509.Certificate
}

// WithScheme chooses the scheme instead of the best one that the key can do.
func WithScheme(s Scheme) Option { return func(o *openOptions) { o.scheme = &s } }

// WithChain gives the certificates instead of those that the provider knows, the key's own first.
func WithChain(chain ...*x509.Certificate) Option { return func(o *openOptions) { o.chain = chain } }

// Open finds a key, its chain and its best scheme in one call. The chain is that of [WithChain], else what the provider
// knows ([ChainSource]), else ref.Certificate alone; without any of these it fails with [ErrNoCertificate].
func Open(ctx context.Context, p Provider, ref Ref, options ...Option) (signer *Signer, err error) {
	defer Recover(&err)
	var o openOptions
	for _, option := range options {
		if option != nil {
			option(&o)
		}
	}
	if p == nil {
		return nil, &Error{Op: "sign: open", Place: ref.String(), Class: ErrInput, Hint: "the provider is nil; open one of the provider packages"}
	}
	if err := ref.Check(); err != nil {
		return nil, err
	}
	key, err := p.Key(ctx, ref)
	if err != nil {
		return nil, err
	}
	if key == nil {
		return nil, &Error{Op: "sign: open", Place: ref.String(), Class: ErrKeyNotFound, Hint: fmt.Sprintf("the provider (%T) gave neither a key nor an error", p)}
	}
	chain := o.chain
	if len(chain) == 0 {
		if chain, err = Chain(ctx, p, key); err != nil {
			return nil, err
		}
	}
	if len(chain) == 0 && ref.Certificate != nil {
		chain = []*x509.Certificate{ref.Certificate}
	}
	if len(chain) == 0 {
		return nil, &Error{Op: "sign: open", Place: ref.String(), Class: ErrNoCertificate, Hint: "give one with WithChain, or to the provider"}
	}
	s, err := o.pick(key, chain[0])
	if err != nil {
		return nil, err
	}
	signer, err = New(key, chain, s)
	if err != nil {
		return nil, err
	}
	if l, ok := As[Limiter](p); ok && signer.limit == 0 {
		signer.limit = l.Limit()
	}
	return signer, nil
}

func (o *openOptions) pick(key Key, leaf *x509.Certificate) (Scheme, error) {
	if o.scheme != nil {
		return *o.scheme, nil
	}
	all := Schemes(key.Public())
	if s, ok := As[Schemer](key); ok {
		all = s.Schemes()
	}
	only, err := pssOnly(leaf.RawSubjectPublicKeyInfo)
	if err != nil {
		return Scheme{}, &Error{Op: "sign: open", Place: leaf.Subject.String(), Class: ErrInput, Err: err, Hint: "have a new certificate issued"}
	}
	for _, s := range all {
		if only == nil || only.allows(&s) {
			return s, nil
		}
	}
	if only != nil {
		return Scheme{}, &Error{Op: "sign: open", Place: leaf.Subject.String(), Class: ErrUnsupported, Hint: fmt.Sprintf("the certificate allows its key to be used for %s only, which the key cannot do or is not known here; have a certificate issued without that restriction", only)}
	}
	hint := fmt.Sprintf("no scheme is known for its %s key", kindOf(leaf))
	if _, use := nameOfOwn(leaf.RawSubjectPublicKeyInfo); use != "" {
		hint += "; " + use
	}
	if e, ok := As[SchemeExplainer](key); ok && e.ExplainSchemes() != "" {
		hint = fmt.Sprintf("its %s key can do no scheme here: %s", kindOf(leaf), e.ExplainSchemes())
	}
	return Scheme{}, &Error{Op: "sign: open", Place: leaf.Subject.String(), Class: ErrUnsupported, Hint: hint}
}

// kindOf names the key of a certificate, also one that the standard library does not know.
func kindOf(leaf *x509.Certificate) string {
	if name, _ := nameOfOwn(leaf.RawSubjectPublicKeyInfo); name != "" { // before crypto/x509, which knows it from Go 1.27 on only
		return name
	}
	if leaf.PublicKeyAlgorithm != x509.UnknownPublicKeyAlgorithm {
		return leaf.PublicKeyAlgorithm.String()
	}
	var info spkiFields
	if _, err := asn1.Unmarshal(leaf.RawSubjectPublicKeyInfo, &info); err != nil {
		return "unreadable"
	}
	if isPSS(info.Algorithm.Algorithm) {
		return "RSA"
	}
	return "of kind " + info.Algorithm.Algorithm.String()
}

// Certificate returns the certificate of the key.
func (s *Signer) Certificate() *x509.Certificate { return s.chain[0] }

// Chain returns the certificates, the one of the key first. The caller does not modify the slice.
func (s *Signer) Chain() []*x509.Certificate { return s.chain }

// Kept is for those who write a container format: what depends on the signer alone, such as the encoding of its certificates, is
// made at the first container and kept with the signer. The key is of a type of their own, as that of a [context.Context]; made
// may be called more than once, at the same time, and what it returned first is kept for all.
func (s *Signer) Kept(key any, made func() any) any {
	if v, ok := s.kept.Load(key); ok {
		return v
	}
	v, _ := s.kept.LoadOrStore(key, made())
	return v
}

// Scheme returns the scheme. The caller does not modify it.
func (s *Signer) Scheme() *Scheme { return &s.scheme }

// Key returns the key, or nil when the signature is made elsewhere.
func (s *Signer) Key() Key { return s.key }

// Limit says how many signatures at once are useful; 0 means that it does not matter.
func (s *Signer) Limit() int { return s.limit }

// Queues reports whether calls beyond the limit wait in the key for their turn, see [Queuer].
func (s *Signer) Queues() bool { return s.queues }

// BulkSize says how many messages at once [Signer.SignBulk] takes best; 0 means that the key is no [BulkKey] and signs one by one.
func (s *Signer) BulkSize() int { return s.bulkSize }

// BulkWait is that of a key that is a [BulkWaiter]; 0 means that it does not matter.
func (s *Signer) BulkWait() time.Duration { return s.bulkWait }

// BulkComputes is that of a key that is a [BulkComputer].
func (s *Signer) BulkComputes() bool { return s.computes }

// Sign signs the message: its digest, or the whole of it when the scheme is Whole or the key is a [MessageKey]. The signature
// is verified before it is returned unless the key is a [TrustedKey]. A panic of the key is an error, see [PanicError].
func (s *Signer) Sign(ctx context.Context, message []byte) (signature []byte, err error) {
	if s.key == nil {
		return nil, s.noKey()
	}
	defer s.recovered(&signature, &err)
	signature, err = s.sign(ctx, message)
	s.learn(err)
	return signature, err
}

// Worked reports whether the key has made a signature, and no error of the key came since. Until then a batch asks it for one
// signature alone, so that a PIN that is wrong is tried once.
func (s *Signer) Worked() bool { return s.worked.Load() }

func (s *Signer) learn(err error) {
	switch {
	case err == nil && !s.worked.Load():
		s.worked.Store(true)
	case err != nil && IsKeyError(err):
		s.worked.Store(false)
	}
}

func (s *Signer) sign(ctx context.Context, message []byte) (signature []byte, err error) {
	if s.messages != nil {
		signature, err = s.messages.SignMessageContext(ctx, message, s.scheme.Opts)
		if err != nil {
			return nil, err
		}
		if s.trusted && len(signature) == 0 {
			return nil, s.nothing()
		}
		if !s.trusted {
			if err := s.Verify(message, signature); err != nil {
				return nil, err
			}
		}
		return signature, nil
	}
	digest := s.digest(message)
	signature, err = s.key.SignContext(ctx, digest, s.scheme.Opts)
	if err != nil {
		return nil, err
	}
	if s.trusted && len(signature) == 0 {
		return nil, s.nothing()
	}
	if !s.trusted {
		if err := s.checkDigest(digest, signature); err != nil {
			return nil, err
		}
	}
	return signature, nil
}

// SignBulk signs many messages by as few calls of a [BulkKey] as its size allows; outcome i answers message i.
func (s *Signer) SignBulk(ctx context.Context, messages [][]byte) []Outcome {
	k := s.bulkKey
	if k == nil {
		return s.oneByOne(ctx, messages)
	}
	digests := make([][]byte, len(messages))
	for i, m := range messages {
		digests[i] = s.digest(m)
	}
	if s.bulkSize >= len(digests) {
		return s.bulk(ctx, k, digests)
	}
	outcomes := make([]Outcome, 0, len(digests))
	for part := range slices.Chunk(digests, s.bulkSize) {
		outcomes = append(outcomes, s.bulk(ctx, k, part)...)
	}
	return outcomes
}

// bulk makes one call and checks what comes back.
func (s *Signer) bulk(ctx context.Context, k BulkKey, digests [][]byte) (outcomes []Outcome) {
	defer s.recoveredBulk(&outcomes, len(digests))
	outcomes = k.SignBulk(ctx, digests, s.scheme.Opts)
	if len(outcomes) != len(digests) {
		// Which answer belongs to which message is unknown now, so none of them may be used.
		err := &Error{Op: "sign: bulk", Place: s.Certificate().Subject.String(), Class: ErrUnavailable, Hint: fmt.Sprintf("the key answered %d of %d digests", len(outcomes), len(digests))}
		outcomes = make([]Outcome, len(digests))
		for i := range outcomes {
			outcomes[i].Err = err
		}
		return outcomes
	}
	for i := range outcomes {
		s.learn(outcomes[i].Err)
		if outcomes[i].Err != nil || s.trusted {
			continue
		}
		if err := s.checkDigest(digests[i], outcomes[i].Signature); err != nil {
			outcomes[i] = Outcome{Err: err}
			s.learn(err)
		}
	}
	return outcomes
}

func (s *Signer) oneByOne(ctx context.Context, messages [][]byte) []Outcome {
	outcomes := make([]Outcome, len(messages))
	for i, m := range messages {
		outcomes[i].Signature, outcomes[i].Err = s.Sign(ctx, m)
	}
	return outcomes
}

// Verify checks a signature over a message with the public key of the certificate. An error is of class
// [ErrKeyMismatch]: such a signature was made by another key or over another message.
func (s *Signer) Verify(message, signature []byte) (err error) {
	defer Recover(&err) // a scheme may bring its own code
	return s.checkDigest(s.digest(message), signature)
}

func (s *Signer) checkDigest(digest, signature []byte) error {
	err := s.scheme.check(s.public, s.chain[0].RawSubjectPublicKeyInfo, digest, signature)
	if err != nil {
		return &Error{Op: "sign: check signature", Place: s.Certificate().Subject.String(), Class: ErrKeyMismatch, Err: err, Hint: "the signature was made by another key or over other bytes, and is not used"}
	}
	return nil
}

func (s *Signer) digest(message []byte) []byte {
	if s.scheme.Whole {
		return message
	}
	h := s.hashes.Get().(hash.Hash)
	h.Reset()
	h.Write(message)
	sum := h.Sum(nil)
	s.hashes.Put(h)
	return sum
}

// nothing is the error of a key that answered nothing.
func (s *Signer) nothing() error {
	return &Error{Op: "sign", Place: s.Certificate().Subject.String(), Err: errors.New("the key gave neither a signature nor an error"), Hint: "its code has a fault"}
}

func (s *Signer) noKey() error {
	return &Error{Op: "sign", Place: s.Certificate().Subject.String(), Class: ErrUnavailable, Hint: "this signer has no key; finish the draft with a signature that was made elsewhere"}
}
