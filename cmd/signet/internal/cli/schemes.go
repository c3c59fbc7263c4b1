package cli

import (
	"errors"

	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/sign"
)

// schemeByName reads --scheme.
func schemeByName(name string) (sign.Scheme, error) {
	scheme, err := schemes.ByName(name)
	if e, ok := errors.AsType[*sign.Error](err); ok {
		return scheme, usage("--scheme %s: there is no such scheme; %s", name, e.Hint)
	}
	return scheme, err
}

// schemesOf are what a key can do, best first.
func schemesOf(key sign.Key) []sign.Scheme {
	if s, ok := sign.As[sign.Schemer](key); ok {
		return s.Schemes()
	}
	return sign.Schemes(key.Public())
}

// requestScheme is what a request is signed with: what was chosen, which is tried also when the key does not list it, or the best.
func requestScheme(key sign.Key, chosen *sign.Scheme) (sign.Scheme, error) {
	all := schemesOf(key)
	if chosen == nil {
		if len(all) != 0 {
			return all[0], nil
		}
		if e, ok := sign.As[sign.SchemeExplainer](key); ok && e.ExplainSchemes() != "" {
			return sign.Scheme{}, errors.New("the key can do no scheme here: " + e.ExplainSchemes())
		}
		return sign.Scheme{}, errors.New("no scheme of the key can sign a request for a certificate; signet keys lists what the key can do")
	}
	for _, s := range append(all[:len(all):len(all)], sign.Schemes(key.Public())...) {
		if s.Name == chosen.Name {
			return s, nil
		}
	}
	return sign.Scheme{}, errors.New("--scheme " + chosen.Name + ": the key cannot sign a request with it; signet keys lists what the key can do")
}
