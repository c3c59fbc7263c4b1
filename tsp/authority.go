package tsp

import (
	"context"
	"crypto"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/tst"
	"github.com/seed-116355fd/signet/sign"
)

// maxRequest bounds the octets of a request. One with the longest hash and a policy has about 150.
const maxRequest = 4 << 10

// anyPolicy (RFC 5280 section 4.2.1.4) promises nothing, as befits an authority that does not say what it promises.
const anyPolicy = "2.5.29.32.0"

// AuthorityOptions say what an [Authority] promises. The zero value works.
type AuthorityOptions struct {
	// Policy is the policy that tokens are issued under, dotted; empty means anyPolicy, which promises nothing.
	Policy string
	// Policies are others that may be asked for.
	Policies []string
	// Accuracy is said in the token when it is not 0. One that is not of whole seconds puts milliseconds into the time.
	Accuracy time.Duration
	// Ordering says in the token that any two tokens can be ordered by their times, which then differ by a microsecond
	// at least.
	Ordering bool
	// Name puts the subject of the certificate into the token.
	Name bool
	// Hashes may be used in imprints: those of package crypto, and of the caller (gost.Streebog256). Nil means SHA-256, SHA-384, SHA-512,
	// the SHA-3 of these sizes, and the hash of the signer's scheme.
	Hashes []sign.Hash
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
	// OnError is told why a request could not be answered when the reason is the authority's own: a key that is gone.
	// The client is told systemFailure and no more.
	OnError func(error)
}

// Authority issues time-stamps with a signer: for tests and demonstrations, and for those who run their own. It is an
// http.Handler and a [Timestamper], and is safe for concurrent use.
type Authority struct {
	s      *sign.Signer
	cert   *pki.Certificate
	o      AuthorityOptions
	policy cms.OID
	accept map[cms.OID]bool // policies
	hashes map[cms.OID]int  // octets of a digest

	mu   sync.Mutex
	last time.Time // of the tokens, when they are ordered
}

// NewAuthority binds a signer whose certificate is made for it: its extended key usage is timeStamping alone, and
// critical (RFC 3161 section 2.3). Any other would give tokens that nobody accepts, and is refused.
func NewAuthority(s *sign.Signer, o *AuthorityOptions) (*Authority, error) {
	if s == nil {
		return nil, input("authority", "give the signer of the authority")
	}
	cert, err := pki.FromX509(s.Certificate())
	if err != nil {
		return nil, input("authority", "the certificate cannot be read: %s", err)
	}
	if problem := tst.UsageProblem(cert); problem != "" {
		return nil, input("authority", "%s", problem)
	}
	a := &Authority{s: s, cert: cert, accept: map[cms.OID]bool{}, hashes: map[cms.OID]int{}}
	if o != nil {
		a.o = *o
	}
	if a.o.Policy == "" {
		a.o.Policy = anyPolicy
	}
	if a.o.Accuracy < 0 || a.o.Accuracy > tst.MaxAccuracy {
		return nil, input("authority", "an accuracy of %s is not one", a.o.Accuracy)
	}
	for _, dotted := range append([]string{a.o.Policy}, a.o.Policies...) {
		oid, err := cms.ParseOID(dotted)
		if err != nil {
			return nil, input("authority", "the policy %.40q is not a dotted object identifier", dotted)
		}
		a.accept[oid] = true
		if a.policy == "" {
			a.policy = oid
		}
	}
	hashes := a.o.Hashes
	if hashes == nil {
		hashes = []sign.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA3_256, crypto.SHA3_384, crypto.SHA3_512}
		if scheme := s.Scheme(); ownHash(scheme) {
			a.hashes[tst.HashOf(sign.Digest{Algorithm: scheme.DigestAlg})] = scheme.NewHash().Size()
		}
	}
	for _, h := range hashes {
		id, ok := hashOID(h)
		if !ok {
			return nil, input("authority", "%v is not a hash that imprints are made with", h)
		}
		a.hashes[id] = h.Size()
	}
	return a, nil
}

// ownHash reports whether the hash of a scheme is one that only the scheme knows.
func ownHash(s *sign.Scheme) bool {
	id := tst.HashOf(sign.Digest{Algorithm: s.DigestAlg})
	_, standard := algorithm.StandardHash(id)
	return id != "" && !standard
}

func hashOID(h sign.Hash) (cms.OID, bool) {
	if own, ok := h.(sign.HashAlgorithm); ok {
		id := tst.HashOf(sign.Digest{Algorithm: own.Algorithm()})
		return id, id != ""
	}
	for _, id := range []cms.OID{cms.OIDSHA1, cms.OIDSHA224, cms.OIDSHA256, cms.OIDSHA384, cms.OIDSHA512, cms.OIDSHA512_224,
		cms.OIDSHA512_256, cms.OIDSHA3_224, cms.OIDSHA3_256, cms.OIDSHA3_384, cms.OIDSHA3_512} {
		if known, ok := algorithm.StandardHash(id); ok && known.Crypto == h {
			return id, true
		}
	}
	return "", false
}

// Timestamp issues a token over a digest, as a client would get it that asks for the certificates. A digest that the
// authority does not stamp is a [*sign.Error] of [CheckStatus].
func (a *Authority) Timestamp(ctx context.Context, imprint sign.Digest) (*Token, error) {
	q, err := NewRequest(imprint, "")
	if err != nil {
		return nil, err
	}
	raw, refusal, err := a.issue(ctx, q)
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, failed(CheckStatus, "%s: %s", failureName(refusal.bit), refusal.text)
	}
	return ParseToken(raw)
}

// Respond answers a TimeStampReq with a TimeStampResp. A refusal is a response, too.
func (a *Authority) Respond(ctx context.Context, request []byte) []byte {
	q, err := ParseRequest(request)
	if err != nil {
		return refuse(&refusal{failBadRequest, "the request cannot be read"})
	}
	token, refused, err := a.issue(ctx, q)
	if err != nil {
		if a.o.OnError != nil {
			a.o.OnError(err)
		}
		refused = &refusal{failSystemFailure, "the authority cannot sign now"}
	}
	if refused != nil {
		return refuse(refused)
	}
	b := cms.NewBuilder(make([]byte, 0, len(token)+16))
	resp := b.Open(cms.TagSequence)
	status := b.Open(cms.TagSequence)
	b.Int(statusGranted)
	b.Close(status)
	b.Raw(token)
	b.Close(resp)
	return b.Bytes()
}

// refusal is a PKIFailureInfo and its text.
type refusal struct {
	bit  int
	text string
}

func refuse(r *refusal) []byte {
	b := cms.NewBuilder(nil)
	resp := b.Open(cms.TagSequence)
	status := b.Open(cms.TagSequence)
	b.Int(statusRejection)
	texts := b.Open(cms.TagSequence)
	b.String(cms.TagUTF8String, r.text)
	b.Close(texts)
	body := make([]byte, 2+r.bit/8) // X.690 section 11.2.2: no zero bits at the end
	body[0] = byte(7 - r.bit%8)
	body[1+r.bit/8] = 0x80 >> (r.bit % 8)
	b.Value(cms.TagBitString, body)
	b.Close(status)
	b.Close(resp)
	return b.Bytes()
}

// ServeHTTP answers POST requests (RFC 3161 section 3.4), whatever media type they claim. What is not a request that can
// be granted is refused by a response of its own, with HTTP status 200.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "this is a time-stamping authority (RFC 3161): send a POST with a "+mediaQuery, http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		return // the client is gone
	}
	var response []byte
	if len(body) > maxRequest {
		response = refuse(&refusal{failBadDataFormat, "the request is too long"})
	} else {
		response = a.Respond(r.Context(), body)
	}
	w.Header().Set("Content-Type", mediaReply)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(response)
}

// now is the time of a token.
func (a *Authority) now() time.Time {
	now := time.Now()
	if a.o.Clock != nil {
		now = a.o.Clock()
	}
	now = now.UTC()
	switch {
	case a.o.Ordering:
		a.mu.Lock()
		defer a.mu.Unlock()
		now = now.Truncate(time.Microsecond)
		if !now.After(a.last) {
			now = a.last.Add(time.Microsecond)
		}
		a.last = now
		return now
	case a.o.Accuracy%time.Second != 0:
		return now.Truncate(time.Millisecond)
	}
	return now.Truncate(time.Second)
}
