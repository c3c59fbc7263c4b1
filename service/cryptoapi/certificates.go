package cryptoapi

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/jsonbody"
	"github.com/seed-116355fd/signet/service/internal/reason"
)

// installed is one certificate that the caller may know of.
type installed struct {
	cert   *x509.Certificate
	hasKey bool
}

// certificates is GET /v2/certificates?HasPrivateKey&IncludeRawData&ThrowOnParsingErrors: the certificates of the keys that
// the caller may use, and unless HasPrivateKey is true those of their issuers, each once. IncludeRawData puts the octets
// in, which are left out otherwise. A key that cannot be opened now has no certificate to show: it is passed over, or
// with ThrowOnParsingErrors the request is refused.
func (h *handler) certificates(c *gate.Call) error {
	q, err := query(c.Request)
	if err != nil {
		return err
	}
	hasKey, err1 := q.flag("HasPrivateKey")
	raw, err2 := q.flag("IncludeRawData")
	throw, err3 := q.flag("ThrowOnParsingErrors")
	if err := cmp.Or(err1, err2, err3); err != nil {
		return err
	}
	all, err := h.installed(c.Context(), c, throw)
	if err != nil {
		return err
	}
	list := []certificate{} // [] and not null when there is none
	for _, i := range all {
		if hasKey && !i.hasKey {
			continue
		}
		d := describe(i.cert, i.hasKey)
		if !raw {
			d.RawData, d.PublicKeyRawData = nil, nil
		}
		list = append(list, d)
	}
	return c.JSON(http.StatusOK, list)
}

// installed lists the certificates of the keys that the caller may use, in the order of the configuration, then those of
// their issuers. Of other keys it says nothing, not even that they cannot be opened.
func (h *handler) installed(ctx context.Context, c *gate.Call, throw bool) ([]installed, error) {
	var own, issuers []installed
	seen := map[string]bool{}
	status := h.Keys.List(ctx, c.Principal.MayUse)
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	for _, s := range status {
		if s.Err != nil && (throw || s.Certificate == nil) {
			c.Log.WarnContext(ctx, "key cannot be used", "key", s.Name, "error", s.Err.Error())
		}
		if s.Err != nil && throw {
			return nil, &gate.Error{Status: http.StatusBadRequest, Err: s.Err,
				Message: fmt.Sprintf("key %q cannot be opened now: %s; ask the operator, or leave ThrowOnParsingErrors out to see the others", s.Name, reason.Of(s.Err))}
		}
		if s.Certificate != nil && !seen[string(s.Certificate.Raw)] {
			seen[string(s.Certificate.Raw)] = true
			own = append(own, installed{s.Certificate, true})
		}
	}
	for _, s := range status {
		for _, cert := range s.Chain {
			if !seen[string(cert.Raw)] {
				seen[string(cert.Raw)] = true
				issuers = append(issuers, installed{cert, false})
			}
		}
	}
	return append(own, issuers...), nil
}

// parameters are those of a query, by their names in lower case.
type parameters map[string]string

// query reads the parameters of a request, names in any case. Unknown ones are passed over.
func query(r *http.Request) (parameters, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, gate.Bad("the query of the address cannot be read; letters beyond ASCII, %%, & and + have to be escaped")
	}
	q := parameters{}
	for name, all := range values {
		lower := lower([]byte(name))
		if _, twice := q[lower]; (twice || len(all) > 1) && known[lower] {
			return nil, gate.Bad("%s stands twice in the address", jsonbody.Short(name))
		}
		q[lower] = all[0]
	}
	return q, nil
}

var known = map[string]bool{"hasprivatekey": true, "includerawdata": true, "throwonparsingerrors": true}

// flag is a parameter that is true or false, as .NET and others write it. Empty is as absent.
func (q parameters) flag(name string) (bool, error) {
	switch value := q[strings.ToLower(name)]; strings.ToLower(value) {
	case "true", "1":
		return true, nil
	case "", "false", "0":
		return false, nil
	default:
		return false, gate.Bad("%s has to be true or false, and is %q", name, jsonbody.Short(value))
	}
}
