package oidc_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/auth/oidc"
)

// issuer is an OpenID provider of a test.
type issuer struct {
	*httptest.Server
	mu        sync.Mutex
	keys      []jose.JSONWebKey
	fetches   int // of the keys
	discovers int
	down      bool
	answer    func(w http.ResponseWriter, r *http.Request) bool // true when it has answered
}

func newIssuer(t testing.TB, keys ...jose.JSONWebKey) *issuer {
	t.Helper()
	i := &issuer{keys: keys}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/keys") {
		i.fetches++
	} else {
		i.discovers++
	}
	switch {
	case i.down:
		http.Error(w, "down", http.StatusBadGateway)
	case i.answer != nil && i.answer(w, r):
	case r.URL.Path == "/.well-known/openid-configuration":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"}})
	case r.URL.Path == "/keys":
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: i.keys})
	default:
		http.NotFound(w, r)
	}
}

func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *issuer) count() (fetches, discovers int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches, i.discovers
}

func publicKey(key crypto.Signer, id string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: id, Use: "sig"}
}

func signed(t testing.TB, key any, algorithm jose.SignatureAlgorithm, id string, header map[jose.HeaderKey]any, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	o := &jose.SignerOptions{ExtraHeaders: header}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: id}}, o)
	require.NoError(t, err)
	jws, err := s.Sign(payload)
	require.NoError(t, err)
	text, err := jws.CompactSerialize()
	require.NoError(t, err)
	return text
}

// raw makes a token whose parts are what they are.
func raw(header, payload string, signature []byte) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(payload)) + "." + e.EncodeToString(signature)
}

type oidcTest struct {
	t      testing.TB
	issuer *issuer
	clock  *clock
	rsa    *rsa.PrivateKey
	auth   *oidc.Authenticator
}

func newOIDC(t testing.TB, bend ...func(*oidc.Config)) *oidcTest {
	t.Helper()
	key := testpki.NewKey(t, testpki.RSA2048).(*rsa.PrivateKey)
	o := &oidcTest{t: t, clock: newClock(), rsa: key, issuer: newIssuer(t, publicKey(key, "k1"))}
	c := oidc.Config{Issuer: o.issuer.URL, Audience: "signet", Clock: o.clock.Now, Rules: []oidc.Rule{
		{Claim: "groups", Value: "billing", Keys: []string{"seal"}, Endpoints: []string{"sign"}},
		{Claim: "realm_access.roles", Value: "verify", Endpoints: []string{"verify"}},
		{Claim: "https://example.org/role", Value: "admin", Keys: []string{"*"}, Endpoints: []string{"*"}},
	}}
	for _, f := range bend {
		f(&c)
	}
	var err error
	o.auth, err = oidc.New(c)
	require.NoError(t, err)
	return o
}

func (o *oidcTest) claims(bend ...func(map[string]any)) map[string]any {
	now := o.clock.Now().Unix()
	c := map[string]any{"iss": o.issuer.URL, "aud": []string{"other", "signet"}, "sub": "alice", "iat": now, "exp": now + 300, "groups": []string{"staff", "billing"}}
	for _, f := range bend {
		f(c)
	}
	return c
}

func (o *oidcTest) token(bend ...func(map[string]any)) string {
	o.t.Helper()
	return signed(o.t, o.rsa, jose.RS256, "k1", nil, o.claims(bend...))
}

func (o *oidcTest) ask(token string) (*auth.Principal, error) {
	return o.auth.Authenticate(request("Bearer " + token))
}

func set(name string, value any) func(map[string]any) {
	return func(c map[string]any) {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
}

func TestOIDC(t *testing.T) {
	o := newOIDC(t)
	p, err := o.ask(o.token())
	require.NoError(t, err)
	require.Equal(t, &auth.Principal{Name: "alice", Keys: []string{"seal"}, Endpoints: []string{"sign"}}, p)
	p, err = o.ask(o.token(set("realm_access", map[string]any{"roles": []any{1, "verify"}})))
	require.NoError(t, err)
	require.Equal(t, []string{"sign", "verify"}, p.Endpoints, "rules add up")
	p, err = o.ask(o.token(set("groups", nil), set("https://example.org/role", "admin")))
	require.NoError(t, err)
	require.Equal(t, []string{"*"}, p.Keys, "a name with dots")
	p, err = o.ask(o.token(set("groups", []string{"bill", "BILLING", "billing "})))
	require.NoError(t, err)
	require.Equal(t, &auth.Principal{Name: "alice"}, p, "known, and may nothing")
	p, err = o.ask(o.token(set("aud", "signet"), set("groups", "billing")))
	require.NoError(t, err)
	require.Equal(t, []string{"seal"}, p.Keys)
	fetches, discovers := o.issuer.count()
	require.Equal(t, []int{1, 1}, []int{fetches, discovers}, "keys are fetched once")
}

func TestOIDCRefuses(t *testing.T) {
	o := newOIDC(t)
	now := o.clock.Now().Unix()
	stranger := testpki.NewKey(t, testpki.RSA2048).(*rsa.PrivateKey)
	for stranger.Equal(o.rsa) {
		var err error
		stranger, err = rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
	}
	der, err := x509.MarshalPKIXPublicKey(o.rsa.Public())
	require.NoError(t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	payload, err := json.Marshal(o.claims())
	require.NoError(t, err)
	parts := strings.Split(o.token(), ".")
	nest := `{"iss":"` + o.issuer.URL + `","a":` + strings.Repeat("[", 5000)
	for name, token := range map[string]string{
		"another audience":        o.token(set("aud", "other")),
		"no audience":             o.token(set("aud", nil)),
		"expired":                 o.token(set("exp", now-61)),
		"no expiry":               o.token(set("exp", nil)),
		"expiry as text":          o.token(set("exp", "never")),
		"expiry far away":         o.token(set("exp", 1e300)),
		"not yet":                 o.token(set("nbf", now+61)),
		"made in the future":      o.token(set("iat", now+61)),
		"no subject":              o.token(set("sub", nil)),
		"subject is a number":     o.token(set("sub", 5)),
		"ID token":                o.token(set("typ", "ID")),
		"ID token by its nonce":   o.token(set("nonce", "n")),
		"ID token by its at_hash": o.token(set("at_hash", "n")),
		"refresh token":           o.token(set("typ", "Refresh")),
		"logout token":            o.token(set("events", map[string]any{})),
		"bound in another way":    o.token(set("cnf", map[string]any{"jkt": "x"})),
		"bound, no certificate":   o.token(set("cnf", map[string]any{"x5t#S256": "x"})),
		"bound to nothing":        o.token(set("cnf", true)),
		"type of a proof":         signed(t, o.rsa, jose.RS256, "k1", map[jose.HeaderKey]any{"typ": "dpop+jwt"}, o.claims()),
		"another's signature":     signed(t, stranger, jose.RS256, "k1", nil, o.claims()),
		"HS256 with the public key as its secret": signed(t, public, jose.HS256, "k1", nil, o.claims()),
		"HS256 with the DER of it":                signed(t, der, jose.HS256, "k1", nil, o.claims()),
		"none":                                    raw(`{"alg":"none","kid":"k1"}`, string(payload), nil),
		"None":                                    raw(`{"alg":"None","kid":"k1"}`, string(payload), nil),
		"no algorithm":                            raw(`{"kid":"k1"}`, string(payload), nil),
		"no signature":                            parts[0] + "." + parts[1] + ".",
		"payload changed":                         parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(payload), "alice", "admin", 1))) + "." + parts[2],
		"an algorithm that is not of the kind of key": raw(`{"alg":"ES256","kid":"k1"}`, string(payload), make([]byte, 64)),
		"with the key in it":                          withKey(t, stranger, o.claims()),
		"a critical extension":                        raw(`{"alg":"RS256","kid":"k1","crit":["x"],"x":1}`, string(payload), make([]byte, 256)),
		"not JSON":                                    raw(`{"alg":"RS256"}`, "x", make([]byte, 256)),
		"nested":                                      raw(`{"alg":"RS256"}`, nest, make([]byte, 256)),
		"two dots":                                    "..",
		"large":                                       raw(`{"alg":"RS256","kid":"k1"}`, strings.Repeat("a", auth.MaxToken), nil),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := o.ask(token)
			require.Error(t, err)
			require.Nil(t, p)
			if name != "not JSON" && name != "nested" { // whose issuer is not known: nobody's
				require.ErrorIs(t, err, auth.ErrRefused)
			}
			require.NotContains(t, err.Error(), "alice")
			require.Less(t, len(err.Error()), 300)
		})
	}
	for name, token := range map[string]string{"another issuer": o.token(set("iss", "https://evil.example")), "no issuer": o.token(set("iss", nil)), "no JWT": "abc", "ours": "signet_0123456789_x"} {
		_, err := o.ask(token)
		require.ErrorIs(t, err, auth.ErrNone, name)
	}
	_, err = o.auth.Authenticate(request("Bearer "+o.token(), "Bearer "+o.token()))
	require.ErrorIs(t, err, auth.ErrRefused)
	_, err = o.auth.Authenticate(request("Basic " + o.token()))
	require.ErrorIs(t, err, auth.ErrNone)
	// What was wrong is what was wrong.
	for name, token := range map[string]string{
		"the skew": o.token(set("exp", now-59), set("nbf", now+59), set("iat", now+59)), "fractions": o.token(set("exp", float64(now)+0.5)),
		"access token": signed(t, o.rsa, jose.RS256, "k1", map[jose.HeaderKey]any{"typ": "at+jwt"}, o.claims()), "JWT": signed(t, o.rsa, jose.RS256, "k1", map[jose.HeaderKey]any{"typ": "JWT"}, o.claims()),
		"by its long name": signed(t, o.rsa, jose.RS256, "k1", map[jose.HeaderKey]any{"typ": "application/AT+JWT"}, o.claims()), "Bearer with a nonce": o.token(set("typ", "Bearer"), set("nonce", "n")),
	} {
		_, err := o.ask(token)
		require.NoError(t, err, name)
	}
}

// withKey is a token that brings the key that it is signed with.
func withKey(t testing.TB, key *rsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, &jose.SignerOptions{EmbedJWK: true})
	require.NoError(t, err)
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	jws, err := s.Sign(payload)
	require.NoError(t, err)
	text, err := jws.CompactSerialize()
	require.NoError(t, err)
	return text
}

func TestOIDCOptions(t *testing.T) {
	o := newOIDC(t, func(c *oidc.Config) {
		c.OnlyAccessTokens, c.AuthorizedParties, c.NameClaim, c.Prefix, c.Skew, c.Algorithms = true, []string{"app"}, "client_id", "oidc:", -1, []string{"RS256"}
	})
	at := map[jose.HeaderKey]any{"typ": "at+jwt"}
	p, err := o.ask(signed(t, o.rsa, jose.RS256, "k1", at, o.claims(set("client_id", "app"))))
	require.NoError(t, err)
	require.Equal(t, "oidc:app", p.Name)
	for name, token := range map[string]string{
		"type":         signed(t, o.rsa, jose.RS256, "k1", nil, o.claims(set("client_id", "app"))),
		"party":        signed(t, o.rsa, jose.RS256, "k1", at, o.claims(set("client_id", "another"))),
		"azp first":    signed(t, o.rsa, jose.RS256, "k1", at, o.claims(set("client_id", "app"), set("azp", "another"))),
		"no party":     signed(t, o.rsa, jose.RS256, "k1", at, o.claims()),
		"no skew":      signed(t, o.rsa, jose.RS256, "k1", at, o.claims(set("client_id", "app"), set("exp", o.clock.Now().Unix()))),
		"of algorithm": signed(t, o.rsa, jose.PS256, "k1", at, o.claims(set("client_id", "app"))),
	} {
		_, err := o.ask(token)
		require.ErrorIs(t, err, auth.ErrRefused, name)
	}
	for says, c := range map[string]oidc.Config{
		"https://":             {Issuer: "http://login.example.com", Audience: "x"},
		"is not a URL":         {Issuer: "login", Audience: "x"},
		"any audience":         {Issuer: "https://login.example.com"},
		`"HS256" cannot be`:    {Issuer: "https://login.example.com", Audience: "x", Algorithms: []string{"HS256"}},
		`"none" cannot be`:     {Issuer: "https://login.example.com", Audience: "x", Algorithms: []string{"none"}},
		"names no claim or no": {Issuer: "https://login.example.com", Audience: "x", Rules: []oidc.Rule{{Keys: []string{"*"}}}},
	} {
		_, err := oidc.New(c)
		require.ErrorContains(t, err, says)
	}
}

// TestOIDCBound: a token that is bound to a client certificate is worth nothing to who has stolen it.
func TestOIDCBound(t *testing.T) {
	pki := testpki.New(t)
	mine, other := pki.Leaf(testpki.P256).Certificate(), pki.Leaf(testpki.P256).Certificate()
	o := newOIDC(t)
	sum := sha256.Sum256(mine.Raw)
	r := request("Bearer " + o.token(set("cnf", map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])})))
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{mine}}
	_, err := o.auth.Authenticate(r)
	require.NoError(t, err)
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{other}}
	_, err = o.auth.Authenticate(r)
	require.ErrorIs(t, err, auth.ErrRefused)
	r = request("Bearer " + o.token(set("cnf", map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:]), "jkt": "x"})))
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{mine}}
	_, err = o.auth.Authenticate(r)
	require.ErrorIs(t, err, auth.ErrRefused, "a second binding that is not checked here")
}

func FuzzOIDC(f *testing.F) {
	o := newOIDC(f)
	valid := o.token()
	f.Add(valid)
	f.Add(raw(`{"alg":"none"}`, `{}`, nil))
	f.Add(raw(`{"alg":"RS256","kid":"k1","b64":false,"crit":["b64"]}`, `{"iss":"`+o.issuer.URL+`"}`, make([]byte, 256)))
	f.Fuzz(func(t *testing.T, token string) {
		p, err := o.ask(token)
		if err == nil {
			require.Equal(t, "alice", p.Name)
			require.Equal(t, strings.Split(valid, ".")[1], strings.Split(token, ".")[1])
		}
	})
}
