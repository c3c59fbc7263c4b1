package pages

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/seed-116355fd/signet/service/internal/budget"
)

// What is made for people at once, and the octets of it that browsers have not taken yet. A page of 10,000 documents has 3 MB,
// the archive of their signatures ten, and whoever has the link can ask for them on many connections and read from none.
const (
	makers  = 16
	answers = 256 << 20
	small   = 64 << 10 // is not counted
)

// pace is how long a browser may take for so many octets.
const (
	pace = time.Minute
	step = 64 << 10
)

// paced writes in steps, each with a time of its own: a document of 400 MB takes a telephone more time than the whole of an answer
// may otherwise have.
type paced struct{ http.ResponseWriter }

func (w paced) Write(p []byte) (int, error) {
	control := http.NewResponseController(w.ResponseWriter)
	written := 0
	for {
		part := p[written:min(len(p), written+step)]
		_ = control.SetWriteDeadline(time.Now().Add(pace)) // not everywhere
		n, err := w.ResponseWriter.Write(part)
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// held is an answer that is made in memory.
type held struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (h *held) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

func (h *held) Write(p []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(p)
}

// bounded makes the answer in memory, within bounds that all who ask share, and lets the browser take it in its time.
func (p *pages) bounded(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// Before there is a place: a stranger who sends a form octet by octet would keep one from all others.
		if err := r.ParseForm(); err != nil {
			p.missing(w, r)
			return
		}
		made, err := p.answers.Make(r.Context())
		if err != nil {
			return // the browser has gone
		}
		defer made()
		h := &held{ResponseWriter: w}
		f(h, r)
		made()
		h.WriteHeader(http.StatusOK)
		if h.body.Len() > small {
			release, err := p.answers.Hold(r.PathValue("token"), int64(h.body.Cap()))
			if err != nil {
				p.busy(w, r, err)
				return
			}
			defer release()
		}
		if h.status != http.StatusSeeOther {
			w.Header().Set("Content-Length", strconv.Itoa(h.body.Len()))
		}
		w.WriteHeader(h.status)
		if _, err := (paced{w}).Write(h.body.Bytes()); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// busy asks to come again. What the person has answered has happened all the same, and the page shows it then.
func (p *pages) busy(w http.ResponseWriter, r *http.Request, err error) {
	t, status := textFor(r), http.StatusServiceUnavailable
	if err == budget.ErrOwn {
		status = http.StatusTooManyRequests
	}
	w.Header().Del("Content-Disposition")
	w.Header().Set("Refresh", "5")
	w.Header().Set("Retry-After", "5")
	p.show(w, status, "missing.html", &personPage{text: t, State: t.Limit})
}
