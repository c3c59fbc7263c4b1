package testsign

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
)

const maxRequest = 64 << 10 // octets

// Endpoint is a server of an authority. It is an http.Handler, to be mounted where a test wants it; its own address is [Endpoint.URL].
type Endpoint struct {
	w      *World
	path   string
	answer func(r *http.Request, body []byte, refused bool) reply
	faults faults
}

// URL is where the endpoint is reached: over the network after [World.Listen], else only by [World.Client].
func (e *Endpoint) URL() string {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	return e.w.url(e.path)
}

// Fail has the requests that follow meet a fault, in the place of the one before. The zero Fault ends it.
func (e *Endpoint) Fail(f Fault) {
	e.faults.set(f)
	e.w.changed()
}

// Requests is how many there were, those that failed among them.
func (e *Endpoint) Requests() int { return e.faults.count() }

// ServeHTTP answers as the authority does. A fault that is an error drops the connection.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, err := e.serve(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", a.media)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// reply is an answer by HTTP.
type reply struct {
	status int
	media  string
	body   []byte
}

func plain(status int) reply {
	return reply{status, "text/plain", []byte(http.StatusText(status) + "\n")}
}

// serve is what handler and transport have in common.
func (e *Endpoint) serve(r *http.Request) (reply, error) {
	fault := e.faults.next()
	if err := fault.wait(r.Context()); err != nil {
		return reply{}, err
	}
	if fault.Err != nil {
		return reply{}, fault.Err
	}
	if fault.Status != 0 {
		return plain(fault.Status), nil
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxRequest)); err != nil {
			return reply{}, err
		}
	}
	return e.answer(r, body, fault.Refused), nil
}

// url is the address of a path. The lock is held.
func (w *World) url(path string) string {
	if w.server != nil {
		return w.server.URL + path
	}
	return inProcess + path
}

// changed makes answers that were given before old.
func (w *World) changed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.epoch++
}

// Listen starts an HTTP server on a port of this machine, for code that is configured by URLs ([Endpoint.URL]), and returns the
// beginning of them. Certificates name it, so it is called before the first is made. It ends with the test. Not in a bubble of
// testing/synctest, where the network does not wait for its clock. A [revocation.Client] asks such an address only with
// AllowPrivate.
func (w *World) Listen() string {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.server == nil {
		if w.own.ca != nil {
			w.t.Fatalf("testsign: call Listen before the first certificate is made: those that there are do not name it")
		}
		w.server = httptest.NewServer(http.HandlerFunc(w.route))
		w.t.Cleanup(w.Close)
	}
	return w.server.URL
}

// Close ends the server of [World.Listen]. A test does it at its end.
func (w *World) Close() {
	w.mu.Lock()
	server := w.server
	w.mu.Unlock()
	if server != nil {
		server.Close()
	}
}

// Client reaches the authorities of this world, in the process, and nothing else: for [connect.Options], as HTTP.
func (w *World) Client() *http.Client { return &http.Client{Transport: transport{w}} }

// route serves everything.
func (w *World) route(rw http.ResponseWriter, r *http.Request) {
	if e := w.endpoint(r.URL.Path); e != nil {
		e.ServeHTTP(rw, r)
		return
	}
	a := w.certificate(r.URL.Path)
	rw.Header().Set("Content-Type", a.media)
	rw.WriteHeader(a.status)
	_, _ = rw.Write(a.body)
}

func (w *World) endpoint(path string) *Endpoint {
	for _, e := range []*Endpoint{w.TSA, w.OCSP, w.CRL} {
		if path == e.path || strings.HasPrefix(path, e.path+"/") {
			return e
		}
	}
	return nil
}

// transport answers requests without a network. It makes no goroutines, so that a bubble of testing/synctest sees its waits.
type transport struct{ w *World }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if !t.w.here(r) {
		return nil, Down()
	}
	a := reply{}
	if e := t.w.endpoint(r.URL.Path); e != nil {
		var err error
		if a, err = e.serve(r); err != nil {
			return nil, err
		}
	} else {
		a = t.w.certificate(r.URL.Path)
	}
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {a.media}}, Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)),
	}, nil
}

// here reports whether a request is for this world.
func (w *World) here(r *http.Request) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	to := r.URL.Scheme + "://" + r.URL.Host
	return to == inProcess || w.server != nil && to == w.server.URL
}
