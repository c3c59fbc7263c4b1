package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/slhdsa"
	"github.com/seed-116355fd/signet/trust"
)

// What the library has in packages of their own, which this program gives wherever keys are opened and signatures are checked.

// ownSchemes are the schemes that the standard library does not have.
func ownSchemes() []sign.Scheme {
	return slices.Concat(mldsa.Schemes(), gost.Schemes(), slhdsa.Schemes())
}

// parsers read private keys of such kinds.
func parsers() []soft.Parser { return []soft.Parser{mldsa.Parse, gost.Parse} }

// encryption reads files under passwords with such algorithms.
func encryption() []soft.Encryption { return []soft.Encryption{gost.Encryption{}} }

// algorithms are those that count, when nothing else was asked for.
func algorithms() *trust.Algorithms { return &trust.Algorithms{Schemes: ownSchemes()} }

// schemeByName reads --scheme.
func schemeByName(name string) (sign.Scheme, error) {
	var own []string
	for _, s := range ownSchemes() {
		if s.Opts == nil { // it only checks
			continue
		}
		if strings.EqualFold(s.Name, name) {
			return s, nil
		}
		own = append(own, s.Name)
	}
	scheme, err := sign.SchemeByName(name)
	if err != nil {
		e := err.(*sign.Error) //nolint:errorlint,forcetypeassert // made there
		return scheme, usage("--scheme %s: there is no such scheme; %s, %s", name, e.Hint, strings.Join(own, ", "))
	}
	return scheme, nil
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
