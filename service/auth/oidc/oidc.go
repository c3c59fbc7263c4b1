// Package oidc finds out who calls by access tokens of OpenID Connect: JWTs (RFC 9068) whose signature is of an issuer that
// is trusted, for this service, and in time.
package oidc

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/seed-116355fd/signet/service/auth"
)

// DefaultSkew is how far the clock of an issuer may be off.
const DefaultSkew = time.Minute

// Rule gives rights to those whose token has a claim with a value. The rights of all rules that match add up.
type Rule struct {
	// Claim is the name of a claim, or a path of names with dots between them, as in "realm_access.roles".
	Claim string
	// Value is what the claim has to be, or one of what it has to have when it is a list. It is compared exactly.
	Value     string
	Keys      []string
	Endpoints []string
}

// Config says which access tokens are taken. Issuer and Audience are needed; without rules, callers are known and may do
// nothing.
type Config struct {
	Issuer   string // as in the claim iss: "https://login.example.com/realm"
	Audience string // of this service, one of the claim aud
	Rules    []Rule

	// Algorithms of signatures that are taken, those of RFC 7518 and 8037 with public keys; nil means all of them. Those with
	// a shared secret (HS256), and none, cannot be had.
	Algorithms []string
	// Skew is how far the clock of the issuer may be off; 0 means DefaultSkew, negative none.
	Skew time.Duration
	// NameClaim is the claim that names the principal; empty means sub. Prefix is put in front of it.
	NameClaim, Prefix string
	// AuthorizedParties are the clients that tokens may have been issued to (the claims azp, client_id); nil means any.
	AuthorizedParties []string
	// OnlyAccessTokens takes only tokens that say by their type that they are access tokens (RFC 9068: at+jwt). Without it,
	// those that say nothing are taken, too, since many issuers do not.
	OnlyAccessTokens bool
	// Client fetches the keys; nil means one with time-outs. What it is answered is bounded anyhow.
	Client *http.Client
	// Log is told of keys that were fetched and could not be; nil means nobody.
	Log *slog.Logger
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
}

// Authenticator is an [Authenticator] of access tokens in the form of JWT (RFC 7519, RFC 9068). The issuer is asked for its keys when
// the first token comes, so that one that is down does not keep a service from starting; while they cannot be had, the error
// is neither auth.ErrNone nor auth.ErrRefused.
type Authenticator struct {
	config     Config
	algorithms []jose.SignatureAlgorithm
	keys       *issuerKeys
}

// New makes an authenticator. The issuer is not asked yet.
func New(c Config) (*Authenticator, error) {
	if err := checkURL(c.Issuer); err != nil {
		return nil, fmt.Errorf("auth: the issuer of tokens %.100q %w", c.Issuer, err)
	}
	if c.Audience == "" {
		return nil, errors.New("auth: tokens for any audience would be taken; say which one this service is")
	}
	known := []string{goidc.RS256, goidc.RS384, goidc.RS512, goidc.PS256, goidc.PS384, goidc.PS512, goidc.ES256, goidc.ES384, goidc.ES512, goidc.EdDSA}
	if c.Algorithms == nil {
		c.Algorithms = known
	}
	o := &Authenticator{config: c}
	for _, a := range c.Algorithms {
		if !slices.Contains(known, a) {
			return nil, fmt.Errorf("auth: tokens signed with %.20q cannot be taken; there are %s", a, strings.Join(known, ", "))
		}
		o.algorithms = append(o.algorithms, jose.SignatureAlgorithm(a))
	}
	for i, r := range c.Rules {
		if r.Claim == "" || r.Value == "" {
			return nil, fmt.Errorf("auth: rule %d for tokens names no claim or no value; for all tokens of an issuer, take iss and its name", i+1)
		}
	}
	if o.config.Skew == 0 {
		o.config.Skew = DefaultSkew
	}
	o.config.Skew = max(0, o.config.Skew)
	if o.config.NameClaim == "" {
		o.config.NameClaim = "sub"
	}
	if o.config.Log == nil {
		o.config.Log = slog.New(slog.DiscardHandler)
	}
	if o.config.Clock == nil {
		o.config.Clock = time.Now
	}
	o.keys = newIssuerKeys(&o.config)
	return o, nil
}

// checkURL takes https, and http to this machine, for tests and for proxies beside the service.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return errors.New("is not a URL")
	}
	local := u.Hostname() == "localhost" || strings.HasPrefix(u.Hostname(), "127.") || u.Hostname() == "::1"
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return errors.New("has to begin with https://: whoever sits in between could give out keys of its own")
	}
	return nil
}

// Authenticate knows a caller by its access token. Tokens of other issuers are no credentials of this kind.
func (o *Authenticator) Authenticate(r *http.Request) (*auth.Principal, error) {
	text, err := auth.Bearer(r)
	if err != nil {
		return nil, err
	}
	if strings.Count(text, ".") != 2 {
		return nil, auth.ErrNone
	}
	// Parsing refuses all algorithms but those: HS256 with the public key as its secret, and none, end here.
	token, err := jose.ParseSigned(text, o.algorithms)
	if err != nil || len(token.Signatures) != 1 {
		return nil, fmt.Errorf("%w: it is no JWT that is signed with one of %s", auth.ErrRefused, strings.Join(o.config.Algorithms, ", "))
	}
	header := token.Signatures[0].Protected
	if !o.ours(token) {
		return nil, fmt.Errorf("%w: the token is of another issuer", auth.ErrNone)
	}
	candidates, err := o.keys.find(r.Context(), header.KeyID, header.Algorithm)
	if err != nil {
		return nil, err
	}
	verified, err := o.verify(r.Context(), text, candidates)
	if err != nil && !signedByOne(token, candidates) {
		// Perhaps the issuer has changed its key and not the name of it.
		if renewed := o.keys.again(r.Context(), header.KeyID, header.Algorithm); len(renewed) != 0 {
			verified, err = o.verify(r.Context(), text, renewed)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: its signature, issuer or audience is not right", auth.ErrRefused)
	}
	var claims map[string]any
	if err := verified.Claims(&claims); err != nil {
		return nil, fmt.Errorf("%w: its claims cannot be read", auth.ErrRefused)
	}
	kind, _ := header.ExtraHeaders[jose.HeaderType].(string)
	if err := o.check(r, kind, claims); err != nil {
		return nil, fmt.Errorf("%w: %w", auth.ErrRefused, err)
	}
	return o.principal(claims)
}

func (o *Authenticator) verify(ctx context.Context, text string, candidates []crypto.PublicKey) (*goidc.IDToken, error) {
	return goidc.NewVerifier(o.config.Issuer, &goidc.StaticKeySet{PublicKeys: candidates}, &goidc.Config{
		ClientID: o.config.Audience, SupportedSigningAlgs: o.config.Algorithms, SkipExpiryCheck: true, // it is checked with the skew, see check
	}).Verify(ctx, text)
}

// signedByOne reports whether the signature is of one of the keys, whatever else is wrong.
func signedByOne(token *jose.JSONWebSignature, candidates []crypto.PublicKey) bool {
	return slices.ContainsFunc(candidates, func(key crypto.PublicKey) bool {
		_, err := token.Verify(key)
		return err == nil
	})
}

// ours reads the issuer of a token that was not verified yet.
func (o *Authenticator) ours(token *jose.JSONWebSignature) bool {
	var claims struct {
		Issuer string `json:"iss"`
	}
	return json.Unmarshal(token.UnsafePayloadWithoutVerification(), &claims) == nil && claims.Issuer == o.config.Issuer
}

// check looks at what go-oidc does not, since it is made for tokens that say who has logged in.
func (o *Authenticator) check(r *http.Request, kind string, claims map[string]any) error {
	now := o.config.Clock()
	expires, ok := moment(claims["exp"])
	if !ok {
		return errors.New("it has no expiry")
	}
	if !now.Before(expires.Add(o.config.Skew)) {
		return errors.New("it has expired")
	}
	for _, name := range []string{"nbf", "iat"} {
		if claims[name] == nil {
			continue
		}
		if from, ok := moment(claims[name]); !ok || now.Before(from.Add(-o.config.Skew)) {
			return errors.New("it is not valid yet")
		}
	}
	// A token of the same issuer for another purpose: an ID token says who has logged in, and gives no rights here.
	kind = strings.TrimPrefix(strings.ToLower(kind), "application/")
	inside, _ := claims["typ"].(string)
	switch {
	case kind != "at+jwt" && (o.config.OnlyAccessTokens || kind != "jwt" && kind != ""):
		return errors.New("its type is not that of an access token")
	case inside != "" && !strings.EqualFold(inside, "Bearer") && !strings.EqualFold(inside, "at+jwt") && !strings.EqualFold(inside, "JWT"):
		return errors.New("it is not an access token")
	case claims["events"] != nil || kind != "at+jwt" && inside == "" && (claims["nonce"] != nil || claims["at_hash"] != nil):
		return errors.New("it is not an access token but one that tells of a login")
	}
	if parties := o.config.AuthorizedParties; parties != nil {
		party, _ := claims["azp"].(string)
		if party == "" {
			party, _ = claims["client_id"].(string)
		}
		if !slices.Contains(parties, party) {
			return errors.New("it was issued to another client")
		}
	}
	if claims["cnf"] != nil {
		return bound(r, claims["cnf"])
	}
	return nil
}

// bound checks a token that is bound to a key of its holder, so that who steals it alone cannot use it: to its client
// certificate (RFC 8705 section 3.1). Other bindings cannot be checked here, and what cannot be checked is refused.
func bound(r *http.Request, cnf any) error {
	claim, _ := cnf.(map[string]any)
	want, ok := claim["x5t#S256"].(string)
	if !ok || len(claim) != 1 {
		return errors.New("it is bound to its holder in a way that is not known here")
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return errors.New("it is bound to a client certificate, and none was shown")
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw) // TLS has proven who has the key; who it is says the token
	if want != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return errors.New("it is bound to another client certificate")
	}
	return nil
}

// moment reads a NumericDate.
func moment(v any) (time.Time, bool) {
	seconds, ok := v.(float64)
	if !ok || seconds < 0 || seconds > 1<<38 || math.IsNaN(seconds) {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

func (o *Authenticator) principal(claims map[string]any) (*auth.Principal, error) {
	name, _ := claims[o.config.NameClaim].(string)
	if name == "" {
		return nil, fmt.Errorf("%w: it has no claim %s that names its holder", auth.ErrRefused, o.config.NameClaim)
	}
	p := &auth.Principal{Name: o.config.Prefix + name}
	for i := range o.config.Rules {
		if rule := &o.config.Rules[i]; rule.matches(claims) {
			p.Keys = append(p.Keys, rule.Keys...)
			p.Endpoints = append(p.Endpoints, rule.Endpoints...)
		}
	}
	return p, nil
}

func (r *Rule) matches(claims map[string]any) bool {
	switch value := lookup(claims, r.Claim).(type) {
	case string:
		return value == r.Value
	case []any:
		return slices.ContainsFunc(value, func(v any) bool { s, ok := v.(string); return ok && s == r.Value })
	}
	return false
}

// lookup finds a claim by its whole name first: names may be URLs.
func lookup(claims map[string]any, path string) any {
	if v, ok := claims[path]; ok {
		return v
	}
	for i := range path {
		if path[i] != '.' {
			continue
		}
		if inner, ok := claims[path[:i]].(map[string]any); ok {
			if v := lookup(inner, path[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// Ready reports whether the keys of the issuer are there, and fetches them if they are not.
func (o *Authenticator) Ready(ctx context.Context) error { return o.keys.ready(ctx) }
