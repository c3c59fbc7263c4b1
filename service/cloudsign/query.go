package cloudsign

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/jsonbody"
)

// parameters are those of a query, by their names in lower case. One that is empty is as one that is absent: SDKs write
// "certificateThumbprint=" and a bare "confirmationCode".
type parameters map[string]string

// query reads the query of a request: form-decoded (a plus is a space), names in any case, unknown ones passed over.
func query(c *gate.Call) (parameters, error) { return parseQuery(c.Request.URL.RawQuery) }

func parseQuery(raw string) (parameters, error) {
	values, err := url.ParseQuery(raw)
	if err != nil { // not told: there may be a code in it
		return nil, bad("the query of the address cannot be read; %%, &, ; and + in a value have to be escaped")
	}
	q := parameters{}
	for name, all := range values {
		name = strings.ToLower(name)
		for _, value := range all {
			if value == "" {
				continue
			}
			// A proxy in front may have looked at the other one.
			if before, ok := q[name]; ok && before != value {
				return nil, bad("%s stands twice in the address, with two values", jsonbody.Short(name))
			}
			q[name] = value
		}
	}
	return q, nil
}

// get is a parameter, or "" when it was not given; of several names, the first that was.
func (q parameters) get(names ...string) string {
	for _, name := range names {
		if value := q[strings.ToLower(name)]; value != "" {
			return value
		}
	}
	return ""
}

// need is a parameter that there has to be.
func (q parameters) need(name string) (string, error) {
	value := q.get(name)
	if value == "" {
		return "", bad("%s is missing in the address", name)
	}
	return value, nil
}

// flag is a parameter that is true or false: 1, true, True, 0, false, False. Without, it is false.
func (q parameters) flag(name string) (bool, error) {
	switch value := q.get(name); strings.ToLower(value) {
	case "1", "true":
		return true, nil
	case "", "0", "false":
		return false, nil
	default:
		return false, bad("%s has to be true or false, and is %q", name, jsonbody.Short(value))
	}
}

// index is a parameter that numbers a part. Without, it is 0.
func (q parameters) index(name string) (int, error) {
	value := q.get(name)
	if value == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0, bad("%s has to be a number from 0 on, and is %q", name, jsonbody.Short(value))
	}
	return int(n), nil
}

// reference reports whether signatures are returned as names on the shelf. The parameter has two names: the SDKs have one, the
// documentation has the other.
func (q parameters) reference() (bool, error) {
	a, b := q.get("return"), q.get("locationPreference")
	if a != "" && b != "" && !strings.EqualFold(a, b) {
		return false, bad("return and locationPreference say different things")
	}
	switch value := a + b; {
	case value == "", strings.EqualFold(a, "Content"), strings.EqualFold(b, "Content"):
		return false, nil
	case strings.EqualFold(a, "Reference"), strings.EqualFold(b, "Reference"):
		return true, nil
	default:
		return false, bad("return has to be Content or Reference, and is %q", jsonbody.Short(value))
	}
}
