package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/auth/oidc"
)

// endpointNames are those that rights are about; see [auth.Principal].
var endpointNames = []string{"sign", "certificates", "metadata", "validate", "extend", "verify", "keys", "cloudsign", "shelf", "receipts", "operations"}

func (k checker) auth() {
	a := &k.Auth
	if a.Tokens == "" && len(a.OIDC) == 0 && len(a.Certificates) == 0 {
		k.wrong("auth", "who may call? Add tokens: FILE (signet token new makes the first), oidc: or certificates:")
	}
	for i := range a.OIDC {
		o, path := &a.OIDC[i], fmt.Sprintf("auth.oidc[%d]", i)
		k.url(path+".url", o.URL)
		if o.Audience == "" {
			k.wrong(path, "there is no audience; tokens that were made for other services would be taken; add audience: with the name that tokens for this one have in aud")
		}
		if len(o.Rules) == 0 {
			k.wrong(path, "there is no rule, so nobody could call; add rules: with claim:, value:, keys: and endpoints:")
		}
		for j := range o.Rules {
			r, at := &o.Rules[j], fmt.Sprintf("%s.rules[%d]", path, j)
			if r.Claim == "" || r.Value == "" {
				k.wrong(at, "the rule names no claim with a value, so every token would fit; add claim: and value:")
			}
			k.rights(at, r.Keys, r.Endpoints)
		}
	}
	if len(a.Certificates) != 0 && k.TLS.ClientCA == "" {
		k.wrong("auth.certificates", "client certificates come with TLS; add tls with client-ca: FILE")
	}
	for i := range a.Certificates {
		r, path := &a.Certificates[i], fmt.Sprintf("auth.certificates[%d]", i)
		if r.SHA256 == "" && r.CommonName == "" && r.DNS == "" && r.URI == "" {
			k.wrong(path, "the rule would let every certificate in; name one by sha256, common-name, dns or uri")
		}
		k.rights(path, r.Keys, r.Endpoints)
	}
}

// rights checks what a rule allows: a name that is mistyped would allow nothing, and nobody would know why.
func (k checker) rights(path string, keys, endpoints []string) {
	var names []string
	for i := range k.Keys {
		names = append(names, k.Keys[i].Name)
	}
	for _, group := range []struct {
		what, field string
		is, known   []string
	}{{"key", "keys", keys, names}, {"endpoint", "endpoints", endpoints, endpointNames}} {
		if len(group.is) == 0 {
			k.wrong(path, "the rule has no %s; add %s: with names, or \"*\" for all", group.field, group.field)
		}
		for i, name := range group.is {
			if name != "*" && !slices.Contains(group.known, name) {
				k.wrong(fmt.Sprintf("%s.%s[%d]", path, group.field, i), "there is no %s %s%s", group.what, shown(name), nearest(name, group.known))
			}
		}
	}
}

// authenticator makes what finds out who calls.
func (s *Server) authenticator(c *Config) (auth.Authenticator, error) {
	var all []auth.Authenticator
	if s.options.Auth != nil {
		all = append(all, s.options.Auth)
	}
	a := &c.Auth
	var certificates auth.Authenticator
	// A client certificate first: a connection has it in any case, and a token in the request may be for somebody else.
	if len(a.Certificates) != 0 {
		rules := make([]auth.CertificateRule, len(a.Certificates))
		for i, r := range a.Certificates {
			rules[i] = auth.CertificateRule{SHA256: r.SHA256, CommonName: r.CommonName, DNS: r.DNS, URI: r.URI, Name: r.Name, Keys: r.Keys, Endpoints: r.Endpoints}
		}
		one, err := auth.Certificates(rules, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
		certificates = one
	}
	if a.Tokens != "" {
		one, err := auth.OpenTokens(string(a.Tokens), &auth.TokensOptions{Log: s.log})
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("auth.tokens: there is no file %s; make it with the first token: signet token new --help says how", a.Tokens)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	for i := range a.OIDC {
		one, err := oidc.New(a.OIDC[i].config(s.log))
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return known(auth.Any(all...), certificates), nil
}

// known lets callers who show nothing but a client certificate that no rule names know that, and the log which one it is.
// With a token beside it, it is the token that counts.
func known(callers, certificates auth.Authenticator) auth.Authenticator {
	if certificates == nil {
		return callers
	}
	return auth.Func(func(r *http.Request) (*auth.Principal, error) {
		p, err := callers.Authenticate(r)
		if !errors.Is(err, auth.ErrNone) {
			return p, err
		}
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			return nil, err
		}
		_, why := certificates.Authenticate(r)
		if why == nil { // the others were asked, too, and this is no time to change one's mind
			return nil, err
		}
		return nil, fmt.Errorf("%w: the client certificate is not known here (%s)", auth.ErrRefused, strings.TrimPrefix(why.Error(), auth.ErrNone.Error()+": "))
	})
}

func (o *Issuer) config(log *slog.Logger) oidc.Config {
	c := oidc.Config{
		Issuer: o.URL, Audience: o.Audience, NameClaim: o.Name, Prefix: o.Prefix, Algorithms: o.Algorithms,
		AuthorizedParties: o.Clients, Skew: o.Skew, OnlyAccessTokens: o.AccessOnly, Log: log,
	}
	for _, r := range o.Rules {
		c.Rules = append(c.Rules, oidc.Rule{Claim: r.Claim, Value: r.Value, Keys: r.Keys, Endpoints: r.Endpoints})
	}
	return c
}
