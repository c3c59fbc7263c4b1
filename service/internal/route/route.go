// Package route finds the handler of a path: in any case and with or without a slash at the end, as the existing service
// and its clients have it, below any prefix that http.StripPrefix took away. What is not there, and methods that are not
// taken, get the error object that all answers share.
package route

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Table is which handlers there are: by path, in lower case and with a slash in front, then by method.
type Table map[string]map[string]http.Handler

// Refuser answers a request that belongs to no endpoint: a *gate.Gate.
type Refuser interface {
	Refuse(w http.ResponseWriter, r *http.Request, status int, message string)
}

// Mux serves a table.
type Mux struct {
	Table
	Refuser
}

// ServeHTTP calls the handler of the path and the method. HEAD is GET without a body; OPTIONS, 404 and 405 are answered
// without asking who calls: they say what the documentation says, and nothing else.
func (t Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	methods, ok := t.Table[clean(r.URL.Path)]
	if !ok {
		t.Refuse(w, r, http.StatusNotFound, "there is nothing at this address; there are "+t.paths())
		return
	}
	if h := methods[r.Method]; h != nil {
		h.ServeHTTP(w, r)
		return
	}
	if h := methods[http.MethodGet]; h != nil && r.Method == http.MethodHead {
		h.ServeHTTP(w, r)
		return
	}
	allow := Allow(methods)
	w.Header().Set("Allow", allow)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	t.Refuse(w, r, http.StatusMethodNotAllowed, "this address takes "+allow+" only")
}

// paths lists what there is.
func (t Table) paths() string { return strings.Join(slices.Sorted(maps.Keys(t)), ", ") }

// Allow lists the methods of a path, as the header of this name does.
func Allow(methods map[string]http.Handler) string {
	allow := []string{http.MethodOptions}
	for m := range methods {
		allow = append(allow, m)
		if m == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	return strings.Join(allow, ", ")
}

// longest is more than any path of a table has.
const longest = 128

// clean is the path as tables have it, or "" when it is none of theirs.
func clean(path string) string {
	if len(path) > longest {
		return ""
	}
	path = strings.TrimSuffix(path, "/")
	if !strings.HasPrefix(path, "/") { // http.StripPrefix("/crypto/", …)
		path = "/" + path
	}
	for i := range len(path) {
		if path[i] >= 0x80 { // the Kelvin sign is no k here
			return ""
		}
	}
	return strings.ToLower(path)
}
