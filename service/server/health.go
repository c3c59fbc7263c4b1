package server

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/service/keys"
)

const (
	// checkEvery is between two looks at keys: strangers who ask for /readyz cannot make the service hammer an HSM.
	checkEvery = time.Second
	// checkTime is how long a look may take.
	checkTime = 5 * time.Second
)

// seen is what was found by one look.
type seen struct {
	keys  []keys.Status
	audit error
	trail string // ok, failing, or off
	// database is that of two-stage signing: ok, failing, or empty when there is none; failed says why.
	database string
	failed   error
	any      bool // one usable key is enough
}

func (s *seen) usable() int {
	n := 0
	for i := range s.keys {
		if s.keys[i].Err == nil {
			n++
		}
	}
	return n
}

func (s *seen) ready() bool {
	n := s.usable()
	return s.audit == nil && n > 0 && (s.any || n == len(s.keys))
}

// health looks at the keys when somebody asks, not more often than it should.
type health struct {
	check    func(context.Context) *seen
	draining *atomic.Bool

	mu      sync.Mutex
	last    *seen
	at      time.Time
	looking chan struct{} // closed when the look that is under way has ended; nil when there is none
}

// look returns what was found lately. When the look under way takes longer than ctx, it is what was found before.
func (h *health) look(ctx context.Context) *seen {
	h.mu.Lock()
	if h.looking == nil && (h.last == nil || time.Since(h.at) >= checkEvery) {
		h.looking = make(chan struct{})
		go h.run(h.looking)
	}
	wait := h.looking
	h.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil {
		return &seen{} // nothing is known, so nothing is ready
	}
	return h.last
}

func (h *health) run(done chan struct{}) {
	// Not the context of who asks: others wait for the same look.
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	found := h.check(ctx)
	h.mu.Lock()
	h.last, h.at, h.looking = found, time.Now(), nil
	h.mu.Unlock()
	close(done)
}

// stale makes the next look a fresh one.
func (h *health) stale() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = time.Time{}
}

// look asks keys and audit log.
func (s *Server) look(ctx context.Context) *seen {
	found := &seen{keys: s.keys.Status(ctx), trail: "off", any: s.config.Load().Ready == "any"}
	if s.trail.config.Path != "" {
		found.trail = "ok"
		if found.audit = s.trail.health(ctx); found.audit != nil {
			found.trail = "failing"
		}
	}
	if s.stages != nil {
		found.database = "ok"
		if found.failed = s.stages.ping(ctx); found.failed != nil {
			found.database = "failing"
		}
	}
	return found
}

// The answers of /healthz and /readyz.
type (
	healthAnswer struct {
		Status string    `json:"status"` // ready, degraded, not ready, stopping
		Keys   *keyCount `json:"keys,omitempty"`
		Audit  string    `json:"audit,omitempty"` // ok, failing, off
		// Database is that of two-stage signing: ok or failing; what needs none goes on without it.
		Database string      `json:"database,omitempty"`
		Detail   []keyAnswer `json:"detail,omitempty"`
	}
	keyCount struct {
		Usable     int `json:"usable"`
		Configured int `json:"configured"`
	}
	keyAnswer struct {
		Name     string `json:"name"`
		Store    string `json:"store"`
		Usable   bool   `json:"usable"`
		Reason   string `json:"reason,omitempty"`
		Scheme   string `json:"scheme,omitempty"`
		Validity string `json:"validity,omitempty"`
		Expires  string `json:"expires,omitempty"`
	}
)

// serve answers /healthz and /readyz. Names of keys and reasons are for those who operate the service.
func (h *health) serve(w http.ResponseWriter, r *http.Request, detail bool) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		answer(w, http.StatusMethodNotAllowed, healthAnswer{Status: "this address takes GET and HEAD only"})
		return
	}
	if h.draining.Load() {
		answer(w, http.StatusServiceUnavailable, healthAnswer{Status: "stopping"})
		return
	}
	if r.URL.Path == "/healthz" {
		answer(w, http.StatusOK, healthAnswer{Status: "ok"})
		return
	}
	found := h.look(r.Context())
	a := healthAnswer{Status: "ready", Audit: found.trail, Database: found.database, Keys: &keyCount{found.usable(), len(found.keys)}}
	status := http.StatusOK
	switch {
	case !found.ready():
		status, a.Status = http.StatusServiceUnavailable, "not ready"
	case found.usable() < len(found.keys) || found.database == "failing":
		a.Status = "degraded"
	}
	if detail {
		for i := range found.keys {
			a.Detail = append(a.Detail, keyDetail(&found.keys[i]))
		}
		if found.audit != nil {
			a.Audit += ": " + found.audit.Error()
		}
		if found.failed != nil {
			a.Database += ": " + found.failed.Error()
		}
	}
	answer(w, status, a)
}

func keyDetail(k *keys.Status) keyAnswer {
	d := keyAnswer{Name: k.Name, Store: k.Store, Usable: k.Err == nil, Scheme: k.Scheme}
	if k.Err != nil {
		d.Reason = operatorWords.Replace(k.Err.Error())
	}
	if k.Certificate != nil {
		d.Validity, d.Expires = k.Validity.String(), k.Certificate.NotAfter.UTC().Format(time.RFC3339)
	}
	return d
}

func answer(w http.ResponseWriter, status int, a healthAnswer) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a) // a client that is gone needs no answer
}
